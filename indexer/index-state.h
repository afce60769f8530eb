/* What the metadata of an index's database say: versions, watermarks, what is valid in the files beside it; and where an index is. */
#pragma once
#include "indexer/ftindex.h"
#include "indexer/search-index.h"
#include "indexer/text-store.h"
#include "indexer/vocabulary.h"
G_BEGIN_DECLS

/* History of index formats:
 *   1  the first.
 *   2  parts. */
#define INDEX_FORMAT_VERSION 2

/* INDEXROOT/ACCOUNT/ holds "gen-N" folders, of which the symbolic link "current" names the one in use; in it "xapian" (the database that has the state),
 * "parts/K" (databases that are complete), "text" and "vocabulary". */
char *index_generation_path(const char *index_dir, guint32 generation);
char *index_xapian_path(const char *generation_dir);
char *index_part_path(const char *generation_dir, guint32 part);
char *index_text_path(const char *generation_dir);
char *index_vocabulary_path(const char *generation_dir);
/* FALSE: there is none (no folder, no link, or one that says something else). */
gboolean index_current_generation(const char *index_dir, guint32 *generation_out);

/* Postings of a range of emails, in a database that is never written again. No other part, and none of the emails that are added to "xapian" later, has an id
 * within its range; but for emails that were recorded as failed and read after all. */
typedef struct {
	guint32 number;      /* of the folder; never used again in the generation */
	guint32 first, last; /* ids */
	guint64 bytes;       /* of its files */
} IndexPart;

typedef struct {
	guint32 watermark;  /* emails up to this id are in the index, in failures, or gone */
	guint64 gone_seq;   /* account_feed_gone() is applied up to here */
	guint64 removed;    /* emails whose postings are still there, but that are not any more */
	GArray *parts;      /* of IndexPart, by id */
	guint32 next_part;
	TextState text;
	VocabularyState vocabulary; /* not present: large builds; texts are scanned meanwhile */
} IndexMeta;
void index_meta_init(IndexMeta *meta);
void index_meta_clear(IndexMeta *meta);

/* Text of lines "key value...", with the versions that this program has. */
GString *index_meta_format(const IndexMeta *meta);
/* FTINDEX_ERROR_VERSION: written under other versions (of folding, extraction, terms, files) than this program's. DAMAGED: makes no sense. */
gboolean index_meta_parse(const char *text, gsize len, IndexMeta *meta_out, GError **error);

/* Reads and parses; VERSION too if there is a database of a newer or unknown format. MISSING: a database without any commit of ours. */
gboolean index_meta_load(FtIndex *index, IndexMeta *meta_out, GError **error);
/* Into the transaction of a writer. */
gboolean index_meta_store(FtIndex *index, const IndexMeta *meta, GError **error);

/* Lets @index, the database of the generation, read the parts that @meta names. CHANGED: one is not there (any more). */
gboolean index_meta_open_parts(const IndexMeta *meta, FtIndex *index, const char *generation_dir, GError **error);
/* Bytes of all its databases. */
guint64 index_meta_database_bytes(const IndexMeta *meta, const char *generation_dir);

/* Records and forgets that an email could not be indexed. @unread: its file could not be read, which is not its fault, and is tried again. */
gboolean index_failure_store(FtIndex *index, guint32 id, const char *reason, gint64 failed_at, gboolean unread, GError **error);
gboolean index_failure_forget(FtIndex *index, guint32 id, GError **error);
/* The ids with a record. */
gboolean index_failed_ids(FtIndex *index, EmailSet **ids_out, GError **error);
/* Those of them that are to be tried again. */
gboolean index_unread_ids(FtIndex *index, EmailSet **ids_out, GError **error);
/* Up to @limit of them, by id. IndexFailure, owned. */
gboolean index_failures_load(FtIndex *index, guint limit, GPtrArray **failures_out, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IndexMeta, index_meta_clear)
G_END_DECLS
