/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-reader.h"

#include "indexer/index-file.h"

IndexView *index_view_ref(IndexView *view)
{
	g_atomic_int_inc(&view->refs);
	return view;
}

void index_view_unref(IndexView *view)
{
	if (view == NULL || !g_atomic_int_dec_and_test(&view->refs))
		return;
	text_view_unref(view->text);
	vocabulary_view_unref(view->vocabulary);
	index_meta_clear(&view->meta);
	g_free(view);
}

/* A file that is gone or short means most often that the writer has moved on since the database was opened. */
static gboolean fail_as_changed(GError **error, const GError *cause)
{
	FtIndexError code = FTINDEX_ERROR_FAILED;
	if (g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_CHANGED))
		code = FTINDEX_ERROR_CHANGED;
	else if (g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED))
		code = FTINDEX_ERROR_DAMAGED;
	g_set_error_literal(error, FTINDEX_ERROR, code, cause->message);
	return FALSE;
}

/* The view that belongs to what @index sees now: @newest itself, or one made from it. */
static IndexView *load_view(FtIndex *index, const char *index_dir, guint32 generation, IndexView *newest, GError **error)
{
	guint64 revision = ftindex_revision(index);
	const IndexView *previous = newest != NULL && newest->generation == generation ? newest : NULL;
	if (previous != NULL && previous->revision == revision)
		return index_view_ref(newest);
	g_autoptr(IndexView) view = g_new0(IndexView, 1);
	g_autoptr(GError) cause = NULL;
	view->refs = 1;
	view->generation = generation;
	view->revision = revision;
	if (!index_meta_load(index, &view->meta, error))
		return NULL;
	g_autofree char *dir = index_generation_path(index_dir, generation);
	g_autofree char *text_dir = index_text_path(dir), *vocabulary_dir = index_vocabulary_path(dir);
	/* A view can only be made from an older one. */
	if (previous != NULL && previous->revision > revision)
		previous = NULL;
	view->text = text_view_open(text_dir, &view->meta.text, previous == NULL ? NULL : previous->text, &cause);
	if (view->text == NULL) {
		(void)fail_as_changed(error, cause);
		return NULL;
	}
	if (view->meta.vocabulary.present) {
		view->vocabulary = vocabulary_view_open(vocabulary_dir, &view->meta.vocabulary,
			previous == NULL ? NULL : previous->vocabulary, &cause);
		/* The writer makes a lost one again; until then texts are scanned. */
		if (view->vocabulary == NULL && g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_FAILED)) {
			(void)fail_as_changed(error, cause);
			return NULL;
		}
	}
	return g_steal_pointer(&view);
}

static gboolean open_parts(FtIndex *index, const IndexView *view, const char *index_dir, GError **error)
{
	g_autofree char *dir = index_generation_path(index_dir, view->generation);
	return index_meta_open_parts(&view->meta, index, dir, error);
}

IndexReader *index_reader_open(const char *index_dir, guint32 generation, IndexView *newest, GError **error)
{
	g_autofree char *dir = index_generation_path(index_dir, generation);
	g_autofree char *path = index_xapian_path(dir);
	g_autoptr(FtIndex) index = ftindex_open_reader(path, error);
	if (index == NULL)
		return NULL;
	IndexView *view = load_view(index, index_dir, generation, newest, error);
	if (view == NULL || !open_parts(index, view, index_dir, error)) {
		index_view_unref(view);
		return NULL;
	}
	IndexReader *reader = g_new(IndexReader, 1);
	reader->index = g_steal_pointer(&index);
	reader->view = view;
	return reader;
}

gboolean index_reader_refresh(IndexReader *reader, const char *index_dir, IndexView *newest, GError **error)
{
	gboolean changed;
	if (!ftindex_reopen(reader->index, &changed, error))
		return FALSE;
	if (!changed)
		return TRUE;
	IndexView *view = load_view(reader->index, index_dir, reader->view->generation,
		newest == NULL || newest->revision < reader->view->revision ? reader->view : newest, error);
	if (view == NULL || !open_parts(reader->index, view, index_dir, error)) {
		index_view_unref(view);
		return FALSE;
	}
	index_view_unref(reader->view);
	reader->view = view;
	return TRUE;
}

void index_reader_close(IndexReader *reader)
{
	if (reader == NULL)
		return;
	ftindex_close(reader->index);
	index_view_unref(reader->view);
	g_free(reader);
}
