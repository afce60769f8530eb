/* A Xapian database in plain C: boolean postings of terms by email id, and metadata, in atomic commits. The only header behind which Xapian is
 * known; nothing about what terms mean is known here (indexer/terms.h). What is stored is described at the top of ftindex.cc.
 *
 * An index generation has one that is written and read, and parts (index-state.h): databases that are never written again. With ftindex_set_parts()
 * what is asked about terms, postings and documents is answered from all of them; metadata are of the one only.
 *
 * A handle belongs to one thread at a time. A reader sees the commit at which it was opened or reopened; two commits later its calls
 * fail with CHANGED, and the caller reopens and asks again. Results come complete or not at all. */
#pragma once
#include "indexer/email-set.h"
G_BEGIN_DECLS

/* No exception leaves a function of this header (in C there is nothing to say). */
#ifdef __cplusplus
#define FT_NOEXCEPT noexcept
#else
#define FT_NOEXCEPT
#endif

#define FTINDEX_ERROR (ftindex_error_quark())
typedef enum {
	FTINDEX_ERROR_MISSING, /* there is no database (any more) */
	FTINDEX_ERROR_LOCKED,  /* another process writes it */
	FTINDEX_ERROR_CHANGED, /* the writer has moved on: reopen and ask again */
	FTINDEX_ERROR_DAMAGED, /* rebuild it */
	FTINDEX_ERROR_VERSION, /* of another format than this program's: rebuild it */
	FTINDEX_ERROR_SPACE,   /* the disk is full: nothing was committed */
	FTINDEX_ERROR_FAILED,  /* anything else */
} FtIndexError;
GQuark ftindex_error_quark(void) FT_NOEXCEPT;

typedef struct FtIndex FtIndex;

/* Xapian's limit, NUL bytes not counted (each takes two): longer terms are refused. */
#define FTINDEX_TERM_MAX 245

/* Terms, each in turn: one length octet, then that many octets. For one document: each once, best sorted by octets. */
typedef struct {
	const guint8 *data; /* NULL if len is 0 */
	gsize len;
} FtTerms;

FtIndex *ftindex_open_reader(const char *path, GError **error) FT_NOEXCEPT;
/* Opens for writing and takes the lock, made new if there is none (@path's parent must exist). Everything from here is one transaction until ftindex_commit();
 * closing without it changes nothing. */
FtIndex *ftindex_open_writer(const char *path, GError **error) FT_NOEXCEPT;
void ftindex_close(FtIndex *index) FT_NOEXCEPT;

/* To the newest commit. *changed_out (may be NULL): there was a newer one. After an error the handle is only good for closing. */
gboolean ftindex_reopen(FtIndex *index, gboolean *changed_out, GError **error) FT_NOEXCEPT;
/* From now on these databases are read beside it (@paths: NULL-terminated, copied). Those that are so already stay open: a path never gets another content. */
gboolean ftindex_set_parts(FtIndex *index, const char *const *paths, GError **error) FT_NOEXCEPT;
/* Grows with each commit. */
guint64 ftindex_revision(FtIndex *index) FT_NOEXCEPT;

/* Writing. A failed call leaves the handle only good for closing. */
/* An email that is there already stays as it is: what it says never changes. There is no removing (see ftindex.cc). */
gboolean ftindex_add(FtIndex *index, guint32 id, FtTerms terms, GError **error) FT_NOEXCEPT;
gboolean ftindex_set_metadata(FtIndex *index, const char *key, const char *value, gsize len, GError **error) FT_NOEXCEPT; /* len 0: removed */
gboolean ftindex_commit(FtIndex *index, GError **error) FT_NOEXCEPT; /* on disk when it returns; the next transaction begins */

/* Reading; a writer's handle sees its own changes. *value_out: owned, empty if there is none. */
gboolean ftindex_metadata(FtIndex *index, const char *key, GString **value_out, GError **error) FT_NOEXCEPT;
/* The keys with @prefix, sorted; char*, owned. */
gboolean ftindex_metadata_keys(FtIndex *index, const char *prefix, GPtrArray **keys_out, GError **error) FT_NOEXCEPT;
gboolean ftindex_documents(FtIndex *index, guint64 *documents_out, GError **error) FT_NOEXCEPT;
/* Of the database alone: its documents' smallest and largest ids; 0 and 0: it has none. */
gboolean ftindex_range(FtIndex *index, guint32 *first_out, guint32 *last_out, GError **error) FT_NOEXCEPT;
/* In how many documents the term is; 0 if it is not there. */
gboolean ftindex_frequency(FtIndex *index, const char *term, gsize len, guint64 *frequency_out, GError **error) FT_NOEXCEPT;
/* Adds to @ids the ids of the documents that have any of @terms (in any order); terms that are not there are passed over. At most *max_postings are
 * read, and it is reduced by how many were; *all_out: that was enough (else @ids has some of them). */
gboolean ftindex_postings(FtIndex *index, FtTerms terms, guint64 *max_postings, EmailSet *ids, gboolean *all_out, GError **error) FT_NOEXCEPT;
/* Appends terms that begin with @prefix to @out, without it, sorted by octets, each ended by LF: those behind the @after_len octets at @after (a
 * term without prefix; len 0: from the first), until there are none (*more_out FALSE) or @max_bytes have been added. */
gboolean ftindex_list_terms(FtIndex *index, char prefix, const char *after, gsize after_len, gsize max_bytes, GString *out,
                            gboolean *more_out, GError **error) FT_NOEXCEPT;
/* Ids of all documents. */
gboolean ftindex_all_ids(FtIndex *index, EmailSet *ids, GError **error) FT_NOEXCEPT;
/* Writes what the newest commits of the databases at @from (NULL-terminated) have to a new, compact one at @to (which must not exist), with the same ids; the
 * caller syncs it. No two of them may have ids between each other's: FAILED. Metadata are those of any one of them. */
gboolean ftindex_compact(const char *const *from, const char *to, GError **error) FT_NOEXCEPT;
/* Copies all metadata of the newest commit into the transaction of @to. */
gboolean ftindex_copy_metadata(FtIndex *from, FtIndex *to, GError **error) FT_NOEXCEPT;
/* Reads every table of the database at @path with Xapian's own check. TRUE: consistent. */
gboolean ftindex_check(const char *path, GError **error) FT_NOEXCEPT;

#undef FT_NOEXCEPT

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FtIndex, ftindex_close)
G_END_DECLS
