/* What the metadata of an index's database say: versions, watermarks, what is valid in the files beside it; and where an index is. */
#pragma once
#include "indexer/ftindex.h"
#include "indexer/search-index.h"
#include "indexer/text-store.h"
#include "indexer/vocabulary.h"
G_BEGIN_DECLS

/* History of index formats:
 *   1  the first. */
#define INDEX_FORMAT_VERSION 1

/* INDEXROOT/ACCOUNT/ holds "gen-N" folders, of which the symbolic link "current" names the one in use; in it "xapian", "text" and "vocabulary". */
char *index_generation_path(const char *index_dir, guint32 generation);
char *index_xapian_path(const char *generation_dir);
char *index_text_path(const char *generation_dir);
char *index_vocabulary_path(const char *generation_dir);
/* FALSE: there is none (no folder, no link, or one that says something else). */
gboolean index_current_generation(const char *index_dir, guint32 *generation_out);

typedef struct {
	guint32 watermark;  /* emails up to this id are in the index, in failures, or gone */
	guint64 gone_seq;   /* account_feed_gone() is applied up to here */
	guint64 removed;    /* emails whose postings are still there, but that are not any more */
	guint64 compacted;  /* bytes of the database when it was last compacted; 0: never */
	TextState text;
	VocabularyState vocabulary;
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

/* Records and forgets that an email could not be indexed. */
gboolean index_failure_store(FtIndex *index, guint32 id, const char *reason, gint64 failed_at, GError **error);
gboolean index_failure_forget(FtIndex *index, guint32 id, GError **error);
/* The ids with a record. */
gboolean index_failed_ids(FtIndex *index, EmailSet **ids_out, GError **error);
/* Up to @limit of them, by id. IndexFailure, owned. */
gboolean index_failures_load(FtIndex *index, guint limit, GPtrArray **failures_out, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IndexMeta, index_meta_clear)
G_END_DECLS
