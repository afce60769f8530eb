/* One thread's handle on an index at one commit: the database with the text store and vocabulary that belong to it. Private to this room. */
#pragma once
#include "indexer/index-state.h"
#include "indexer/tail.h"
G_BEGIN_DECLS

/* What lies beside the database at one commit. Immutable, shared by readers and threads. */
typedef struct {
	gint refs; /* atomic */
	guint32 generation;
	guint64 revision;
	IndexMeta meta;
	TextView *text;
	VocabularyView *vocabulary; /* NULL: missing; searches do without */
} IndexView;
IndexView *index_view_ref(IndexView *view);
void index_view_unref(IndexView *view);

typedef struct {
	FtIndex *index;  /* owned */
	IndexView *view; /* a reference: always of the commit that index sees */
} IndexReader;

/* @newest (may be NULL): a view of the same index, whose mappings are used again. Errors: FTINDEX_ERROR. */
IndexReader *index_reader_open(const char *index_dir, guint32 generation, IndexView *newest, GError **error);
/* To the newest commit. After an error the reader is only good for closing. */
gboolean index_reader_refresh(IndexReader *reader, const char *index_dir, IndexView *newest, GError **error);
void index_reader_close(IndexReader *reader);

/* A reference to the view of the newest commit, for what needs no terms; NULL: there is no index that can be used now. In search-index.c. */
IndexView *search_index_view(SearchIndex *index);
/* tail_each() with the account's texts. In search-index.c. */
gboolean search_index_tail_each(SearchIndex *index, const guint32 *ids, gsize n, const SearchCancel *cancel, TailFunc func,
                                gpointer data, guint32 *read_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexView, index_view_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexReader, index_reader_close)
G_END_DECLS
