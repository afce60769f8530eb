/* The reader's side of an account's index: exact answers for one string at a time. One SearchIndex for each account in a process, shared by
 * all threads. An email's content never changes and its id is never reused, so every answer is exact whatever state the index is in:
 * what the index has not reached, has recorded as failed, or does not have at all is matched from the message itself with the same
 * matcher (store/message-text.h). A missing, old, damaged or changing index changes the speed of an answer only. */
#pragma once
#include "indexer/email-set.h"
#include "indexer/fuzzy.h"
#include "store/mailbox.h"
#include "store/message-text.h"
G_BEGIN_DECLS

#define SEARCH_INDEX_ERROR (search_index_error_quark())
typedef enum {
	SEARCH_INDEX_ERROR_CANCELLED, /* @cancel said so */
	SEARCH_INDEX_ERROR_TIME,      /* past the deadline in @cancel: NO [LIMIT] */
	SEARCH_INDEX_ERROR_FAILED,    /* the site's: a message could not be read for another reason than being gone: NO [SERVERBUG], never a wrong answer */
} SearchIndexError;
GQuark search_index_error_quark(void);

typedef struct SearchIndex SearchIndex;
/* Finds or makes the account's. Never fails: without an index on disk all is tail. Returns a reference, which holds one of the account. The texts of unindexed
 * messages are kept for the next search as long as somebody holds a reference (a session does well to), a reader longer. */
SearchIndex *search_index_get(Account *account);
SearchIndex *search_index_ref(SearchIndex *index);
void search_index_unref(SearchIndex *index);

/* What is looked for. Strings are folded (base/fold.h), borrowed for the call. */
typedef struct {
	TextScope scope;
	const char *field;   /* TEXT_SCOPE_HEADER: folded field name */
	gsize field_len;
	const char *needle;  /* may be empty: then every email matches (TEXT, BODY) or those with the field (HEADER) */
	gsize needle_len;
	const FuzzyNeedle *fuzzy; /* of the needle: what is found is what fuzzy.h says; NULL: exact */
} TextLeaf;

/* Where the answer came from, for explain, metrics and tests. */
typedef enum {
	LEAF_PATH_NONE,      /* decided without looking (nothing asked for, empty string) */
	LEAF_PATH_INDEX,     /* terms prove it */
	LEAF_PATH_VERIFIED,  /* candidates from terms, verified in the text store */
	LEAF_PATH_SCAN,      /* text store scanned: cheaper than the terms, or no token */
	LEAF_PATH_TAIL,      /* only unindexed messages */
} LeafPath;
const char *leaf_path_name(LeafPath path); /* "none", "index", "verified", "scan", "tail" */
typedef struct {
	LeafPath path;        /* of the indexed part */
	guint32 terms;        /* terms that contain the token(s) */
	guint32 candidates;   /* emails that the index left */
	guint32 verified;     /* texts that were matched in the text store */
	guint32 tail;         /* emails above the watermark or failed that were asked about */
	guint32 tail_read;    /* message files read for them (others came from the cache of texts) */
	guint32 matched;
	gint64 took_us;
} LeafStats;

/* Asked now and then from the searching thread(s); TRUE stops the search. */
typedef struct {
	gboolean (*cancelled)(gpointer data); /* NULL: never */
	gpointer data;
	gint64 deadline_us;                   /* g_get_monotonic_time() value; 0: none */
} SearchCancel;

/* The ids of @among whose text matches @leaf. *matched_out: a new set, owned by the caller. An email that is gone from the store does not match.
 * @stats_out and @cancel may be NULL. */
gboolean search_index_match(SearchIndex *index, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
                            EmailSet **matched_out, LeafStats *stats_out, GError **error);
/* A guess at the microseconds that search_index_match() would take for @among_count emails: for the order of evaluation. */
gint64 search_index_estimate_us(SearchIndex *index, const TextLeaf *leaf, guint32 among_count);

/* How well each of the @n emails at @emails, in any order, has the words of a fuzzy @leaf (fuzzy.h): row i of @ratings, which has fuzzy_needle_n_ratings() columns, is
 * that of emails[i]; 0 for a word that is not there, or if the email is gone. *read_out: message files read. @cancel may be NULL. */
gboolean search_index_rate(SearchIndex *index, const TextLeaf *leaf, const guint32 *emails, gsize n, const SearchCancel *cancel,
                           float *ratings, guint32 *read_out, GError **error);

/* What an admin sees. */
typedef struct { guint32 email_id; char *reason; gint64 failed_at; } IndexFailure;
typedef struct {
	gboolean present;              /* there is a readable index of the current version */
	guint32 watermark;             /* emails up to this id are in it or in failures */
	guint64 gone_watermark;        /* email_gone up to this seq is applied: account_feed_forget_gone() */
	guint64 documents;
	guint64 bytes_xapian, bytes_text, bytes_vocabulary;
	guint64 failed;                /* number of failures */
	guint32 generation;            /* grows with each rebuild that was swapped in */
} IndexState;
gboolean search_index_state(SearchIndex *index, IndexState *state_out, GError **error);
GPtrArray *search_index_failures(SearchIndex *index, guint limit, GError **error); /* of IndexFailure, owned */
void index_failure_free(IndexFailure *failure);

/* The text as the index sees it: from the text store (lines of the header section in the order of its streams: addresses and subject, others,
 * trace fields), or extracted when not indexed. */
MessageText *search_index_text(SearchIndex *index, guint32 email_id, gboolean *from_index_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchIndex, search_index_unref)
G_END_DECLS
