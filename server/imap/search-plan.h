/* Carries out a search on a snapshot. Metadata keys become bitmaps over the columns; text keys go to the account's index with
 * just the messages that all cheaper keys have left; AND, OR and NOT work on bitmaps. Exact by DESIGN.md's promise 1. */
#pragma once
#include "indexer/search-index.h"
#include "server/imap/search-key.h"
#include "store/snapshot.h"
G_BEGIN_DECLS

/* What it took, for metrics, the log and explain. */
typedef struct {
	guint text_leaves;   /* asked of the index; equal strings once */
	LeafPath path;       /* the dearest path taken by any of them */
	guint64 candidates, verified, tail, messages_read;
} SearchCost;

/* What a key is judged by, borrowed. */
typedef struct {
	const Snapshot *view;
	SearchIndex *index;
	const UidSet *recent;                   /* UIDs that are \Recent; NULL: none */
	Account *account;                       /* of the view: EMAILID */
	const UidSet *saved;                    /* $ (RFC 5182); NULL: empty */
	GHashTable *pinned;                     /* SearchKey * of a sequence-set to the UidSet that it means; NULL, or not in it: the set is of @view */
	gint64 now;                             /* Unix seconds: OLDER, YOUNGER */
	const SearchCancel *cancel;             /* may be NULL */
	SearchCost *cost;                       /* added to */
	const guint8 *relevancy;                /* by position, of what was found; NULL: not asked for (search-relevancy.h) */
} SearchContext;

/* What a TEXT key looks for; borrows from @key. */
TextLeaf search_key_leaf(const SearchKey *key);

/* The matching positions (sequence number - 1) in ascending order: guint32, owned by the caller. NULL and @error: SEARCH_INDEX_ERROR. */
GArray *search_run(const SearchContext *context, const SearchKey *key, GError **error);

/* The same for who asks only for the @n_first first and the @n_last last matches, not both 0 (MIN, MAX, windows of PARTIAL: RFC 4731 sections 1 and
 * 5): of the matches between these, any may be missing. The messages at these ends are searched first, and as few more as it takes. */
GArray *search_run_ends(const SearchContext *context, const SearchKey *key, guint64 n_first, guint64 n_last, GError **error);

/* The same of those messages of the view alone that are in @uids: cheap when they are few. */
GArray *search_run_among(const SearchContext *context, const SearchKey *key, const UidSet *uids, GError **error);

/* The UIDs that the sequence-set @key (SEARCH_KEY_SEQUENCE, SEARCH_KEY_UID) means in the view; owned by the caller. Numbers that no message has
 * may be among those of a UID set. NULL and @error (UIDSET_ERROR). */
UidSet *search_set_resolve(const SearchContext *context, const SearchKey *key, GError **error);

G_END_DECLS
