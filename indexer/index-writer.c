/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-writer.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "indexer/index-file.h"
#include "indexer/index-origin.h"
#include "indexer/index-parts.h"
#include "indexer/terms.h"
#include "indexer/text-writer.h"
#include "indexer/vocabulary-writer.h"

/* What is held in memory for a posting until the commit, on average: Xapian moves them to the database before (mailsift-indexer-main.c). */
#define POSTING_BYTES 16
/* The index is worn when so many emails were removed, and one for each so many that are left. */
#define REMOVED_MIN 5000
#define REMOVED_ONE_OF 2
/* A database is loose from this size on. */
#define LOOSE_BYTES (G_GUINT64_CONSTANT(8) * 1024 * 1024)
#define VERY_LOOSE_BYTES (LOOSE_BYTES * 8)

struct IndexWriter {
	char *dir;              /* of the generation */
	FtIndex *index;
	IndexMeta meta;         /* watermarks as they will be; files as they were at the last commit */
	IndexParts *parts;
	TextWriter *text;
	VocabularyWriter *vocabulary;
	EmailSet *failed;       /* with a record */
	gboolean bulk;          /* emails are added to a part */
	gboolean unmerged;      /* merging parts did not work */
	gsize pending_bytes;
	gboolean changed;
	TermList *terms;        /* reused */
	TextBuffers buffers;    /* reused */
};

/* Others decide by one domain. */
static gboolean fail_as_index(GError **error, GError *cause)
{
	FtIndexError code = FTINDEX_ERROR_FAILED;
	if (cause->domain == FTINDEX_ERROR) {
		g_propagate_error(error, cause);
		return FALSE;
	}
	if (g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_SPACE))
		code = FTINDEX_ERROR_SPACE;
	else if (g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED) ||
		 g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_CHANGED))
		code = FTINDEX_ERROR_DAMAGED; /* nobody but us changes what we hold the lock of */
	g_set_error_literal(error, FTINDEX_ERROR, code, cause->message);
	g_error_free(cause);
	return FALSE;
}

static gboolean load_meta(IndexWriter *writer, gboolean bulk, GError **error)
{
	g_autoptr(GError) meta_error = NULL;
	guint64 documents = 0;
	if (index_meta_load(writer->index, &writer->meta, &meta_error))
		return TRUE;
	index_meta_init(&writer->meta);
	if (!g_error_matches(meta_error, FTINDEX_ERROR, FTINDEX_ERROR_MISSING)) {
		g_propagate_error(error, g_steal_pointer(&meta_error));
		return FALSE;
	}
	if (!ftindex_documents(writer->index, &documents, error))
		return FALSE;
	if (documents > 0) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "a database of another program");
		return FALSE;
	}
	writer->meta.vocabulary.present = !bulk;
	writer->changed = TRUE;
	return TRUE;
}

/* Nobody but us removes parts. */
static gboolean open_parts(IndexWriter *writer, GError **error)
{
	GError *cause = NULL;
	if (index_meta_open_parts(&writer->meta, writer->index, writer->dir, &cause))
		return TRUE;
	if (cause->code == FTINDEX_ERROR_CHANGED)
		cause->code = FTINDEX_ERROR_DAMAGED;
	g_propagate_error(error, cause);
	return FALSE;
}

static gboolean open_files(IndexWriter *writer, const char *generation_dir, GError **error)
{
	g_autofree char *text_dir = index_text_path(generation_dir), *vocabulary_dir = index_vocabulary_path(generation_dir);
	GError *cause = NULL;
	gboolean rebuild;
	writer->parts = index_parts_open(generation_dir, &writer->meta, error);
	if (writer->parts == NULL || !open_parts(writer, error))
		return FALSE;
	writer->text = text_writer_open(text_dir, &writer->meta.text, &cause);
	if (writer->text != NULL)
		writer->vocabulary = vocabulary_writer_open(vocabulary_dir, &writer->meta.vocabulary, &rebuild, &cause);
	if (writer->vocabulary == NULL)
		return fail_as_index(error, cause);
	return TRUE;
}

IndexWriter *index_writer_open(const char *generation_dir, gboolean bulk, GError **error)
{
	if (g_mkdir_with_parents(generation_dir, 0700) != 0) {
		GError *cause = NULL;
		(void)index_file_fail(&cause, generation_dir, errno);
		(void)fail_as_index(error, cause);
		return NULL;
	}
	g_autoptr(IndexWriter) writer = g_new0(IndexWriter, 1);
	writer->dir = g_strdup(generation_dir);
	writer->terms = term_list_new();
	text_buffers_init(&writer->buffers);
	g_autofree char *path = index_xapian_path(generation_dir);
	writer->index = ftindex_open_writer(path, error);
	if (writer->index == NULL || !load_meta(writer, bulk, error) || !open_files(writer, generation_dir, error) ||
		!index_failed_ids(writer->index, &writer->failed, error))
		return NULL;
	/* A vocabulary that was lost is made again at once, so that searches need not do without. */
	if (bulk)
		(void)index_writer_begin_bulk(writer);
	else if (!index_writer_settle(writer, error))
		return NULL;
	return g_steal_pointer(&writer);
}

void index_writer_close(IndexWriter *writer)
{
	if (writer == NULL)
		return;
	vocabulary_writer_close(writer->vocabulary);
	text_writer_close(writer->text);
	index_parts_close(writer->parts);
	ftindex_close(writer->index);
	index_meta_clear(&writer->meta);
	email_set_free(writer->failed);
	term_list_free(writer->terms);
	text_buffers_clear(&writer->buffers);
	g_free(writer->dir);
	g_free(writer);
}

gboolean index_writer_is_bulk(const IndexWriter *writer)
{
	return writer->bulk;
}

gboolean index_writer_begin_bulk(IndexWriter *writer)
{
	guint32 first, last;
	/* Parts have ranges of ids of their own: what is added to the database after this must not lie around theirs. */
	if (!ftindex_range(writer->index, &first, &last, NULL) || last != 0)
		return FALSE;
	writer->bulk = TRUE;
	return TRUE;
}

gboolean index_writer_settle(IndexWriter *writer, GError **error)
{
	writer->bulk = FALSE;
	return vocabulary_writer_present(writer->vocabulary) || index_writer_finish(writer, error);
}

guint32 index_writer_watermark(const IndexWriter *writer)
{
	return writer->meta.watermark;
}

guint64 index_writer_gone_seq(const IndexWriter *writer)
{
	return writer->meta.gone_seq;
}

gsize index_writer_pending(const IndexWriter *writer)
{
	return writer->pending_bytes + text_writer_pending(writer->text);
}

gboolean index_writer_has_changes(const IndexWriter *writer)
{
	return writer->changed;
}

void index_writer_set_watermark(IndexWriter *writer, guint32 watermark)
{
	writer->changed |= watermark != writer->meta.watermark;
	writer->meta.watermark = watermark;
}

void index_writer_set_gone_seq(IndexWriter *writer, guint64 gone_seq)
{
	writer->changed |= gone_seq != writer->meta.gone_seq;
	writer->meta.gone_seq = gone_seq;
}

gboolean index_writer_set_origin(IndexWriter *writer, const char *origin, GError **error)
{
	return index_origin_store(writer->index, origin, error);
}

gboolean index_writer_is_of(IndexWriter *writer, Account *account, gboolean *is_out, GError **error)
{
	return index_origin_check(writer->index, &writer->meta, account, is_out, error);
}

static gboolean forget_failure(IndexWriter *writer, guint32 id, GError **error)
{
	if (!email_set_contains(writer->failed, id))
		return TRUE;
	writer->changed = TRUE;
	email_set_remove(writer->failed, id);
	return index_failure_forget(writer->index, id, error);
}

gboolean index_writer_add(IndexWriter *writer, guint32 id, const MessageText *text, const GString *sort_keys, GError **error)
{
	TextSpan sections[MESSAGE_TEXT_N_SECTIONS], streams[TEXT_N_STREAMS];
	for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++) {
		sections[section].data = text->section[section]->str;
		sections[section].len = text->section[section]->len;
	}
	guint n;
	GError *cause = NULL;
	text_split(sections, &writer->buffers, streams);
	streams[TEXT_STREAM_SORT] = (TextSpan){ sort_keys->str, sort_keys->len };
	if (text_writer_has(writer->text, id)) {
		if (text_writer_is(writer->text, id, streams))
			return TRUE;
		g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "email %u: the index has another text", id);
		return FALSE;
	}
	term_list_clear(writer->terms);
	term_list_add_message(writer->terms, sections);
	FtTerms terms = term_list_terms(writer->terms, &n);
	writer->changed = TRUE;
	writer->pending_bytes += terms.len + (gsize)n * POSTING_BYTES;
	if (writer->bulk ? !index_parts_add(writer->parts, &writer->meta, id, terms, error) :
			   !ftindex_add(writer->index, id, terms, error))
		return FALSE;
	if (!text_writer_add(writer->text, id, streams, &cause))
		return fail_as_index(error, cause);
	vocabulary_writer_add(writer->vocabulary, terms);
	return forget_failure(writer, id, error);
}

gboolean index_writer_remove(IndexWriter *writer, guint32 id, GError **error)
{
	if (!forget_failure(writer, id, error))
		return FALSE;
	if (!text_writer_has(writer->text, id))
		return TRUE;
	writer->changed = TRUE;
	writer->meta.removed++;
	text_writer_remove(writer->text, id);
	return TRUE;
}

gboolean index_writer_fail(IndexWriter *writer, guint32 id, const char *reason, gboolean unread, GError **error)
{
	if (unread && email_set_contains(writer->failed, id))
		return TRUE;
	if (!index_writer_remove(writer, id, error))
		return FALSE;
	writer->changed = TRUE;
	email_set_add(writer->failed, id);
	return index_failure_store(writer->index, id, reason, g_get_real_time(), unread, error);
}

gboolean index_writer_unread(IndexWriter *writer, EmailSet **ids_out, GError **error)
{
	return index_unread_ids(writer->index, ids_out, error);
}

gboolean index_writer_keep(IndexWriter *writer, const EmailSet *living, guint *removed_out, GError **error)
{
	g_autoptr(EmailSet) dead = email_set_copy(writer->failed);
	text_writer_ids(writer->text, dead);
	email_set_and_not(dead, living);
	*removed_out = email_set_count(dead);
	for (guint32 id = 0; email_set_next(dead, id, &id); id++)
		if (!index_writer_remove(writer, id, error))
			return FALSE;
	return TRUE;
}

/* After text store, vocabulary and parts are on disk and in writer->meta. */
static gboolean commit_meta(IndexWriter *writer, GError **error)
{
	GError *cause = NULL;
	if (!index_meta_store(writer->index, &writer->meta, error) || !ftindex_commit(writer->index, error))
		return FALSE;
	writer->pending_bytes = 0;
	writer->changed = FALSE;
	vocabulary_writer_committed(writer->vocabulary);
	index_parts_committed(writer->parts);
	if (!text_writer_committed(writer->text, &cause))
		return fail_as_index(error, cause);
	return TRUE;
}

static gboolean sync_text(IndexWriter *writer, GError **error)
{
	GError *cause = NULL;
	TextState text;
	if (!text_writer_sync(writer->text, &text, &cause))
		return fail_as_index(error, cause);
	text_state_clear(&writer->meta.text);
	writer->meta.text = text;
	return TRUE;
}

gboolean index_writer_commit(IndexWriter *writer, GError **error)
{
	GError *cause = NULL;
	if (!sync_text(writer, error))
		return FALSE;
	if (!vocabulary_writer_sync(writer->vocabulary, &writer->meta.vocabulary, &cause))
		return fail_as_index(error, cause);
	return index_parts_sync(writer->parts, &writer->meta, error) && commit_meta(writer, error);
}

/* Those from @from on are made one, which is in the next commit. */
static gboolean merge_parts(IndexWriter *writer, guint from, GError **error)
{
	return index_parts_merge(writer->parts, &writer->meta, from, error) && open_parts(writer, error);
}

static gboolean build_vocabulary(IndexWriter *writer, GError **error)
{
	GError *cause = NULL;
	if (!vocabulary_writer_build(writer->vocabulary, writer->index, &writer->meta.vocabulary, &cause))
		return fail_as_index(error, cause);
	return commit_meta(writer, error);
}

/* What is left undone for want of room is done by index_writer_maintain(). */
static gboolean merge_all(IndexWriter *writer, GError **error)
{
	g_autoptr(GError) cause = NULL;
	if (writer->meta.parts->len > 1 && !merge_parts(writer, 0, &cause)) {
		if (!g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_SPACE) &&
			!g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_FAILED)) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return FALSE;
		}
		/* The vocabulary is made from all of them. */
		return open_parts(writer, error);
	}
	return open_parts(writer, error) && commit_meta(writer, error);
}

gboolean index_writer_finish(IndexWriter *writer, GError **error)
{
	gboolean bulk = writer->bulk;
	if (writer->changed && !index_writer_commit(writer, error))
		return FALSE;
	writer->bulk = FALSE;
	if (bulk && !merge_all(writer, error))
		return FALSE;
	return vocabulary_writer_present(writer->vocabulary) || build_vocabulary(writer, error);
}

gboolean index_writer_maintain(IndexWriter *writer, gboolean *done_out, GError **error)
{
	GError *cause = NULL;
	guint from;
	*done_out = FALSE;
	if (writer->changed)
		return TRUE;
	if (!text_writer_compact(writer->text, done_out, &cause))
		return fail_as_index(error, cause);
	if (*done_out)
		return sync_text(writer, error) && commit_meta(writer, error);
	if (writer->bulk || writer->unmerged || !index_parts_due(&writer->meta, &from))
		return TRUE;
	if (!merge_parts(writer, from, &cause)) {
		/* A full disk, ranges that do not fit: they do as they are. */
		writer->unmerged = TRUE;
		if (cause->code != FTINDEX_ERROR_SPACE && cause->code != FTINDEX_ERROR_FAILED) {
			g_propagate_error(error, cause);
			return FALSE;
		}
		g_error_free(cause);
		return open_parts(writer, error);
	}
	*done_out = TRUE;
	return commit_meta(writer, error);
}

void index_writer_set_packing(IndexWriter *writer, TextPacking packing, guint64 min_bytes)
{
	text_writer_set_packing(writer->text, packing, min_bytes);
}

gboolean index_writer_is_worn(const IndexWriter *writer)
{
	return writer->meta.removed >= REMOVED_MIN && writer->meta.removed >= text_writer_count(writer->text) / REMOVED_ONE_OF;
}

guint32 index_writer_count(const IndexWriter *writer)
{
	return text_writer_count(writer->text);
}

/* Not by metadata alone, which rolling would not move. */
static gboolean has_grown_to(const IndexWriter *writer, guint64 bytes)
{
	g_autofree char *path = index_xapian_path(writer->dir);
	guint32 first, last;
	return index_dir_bytes(path) >= bytes && ftindex_range(writer->index, &first, &last, NULL) && last != 0;
}

gboolean index_writer_is_loose(const IndexWriter *writer, guint64 roll_bytes)
{
	return has_grown_to(writer, roll_bytes != 0 ? roll_bytes : LOOSE_BYTES);
}

gboolean index_writer_is_very_loose(const IndexWriter *writer)
{
	return has_grown_to(writer, VERY_LOOSE_BYTES);
}

/* The database of the new generation: none of the emails, all of the metadata, and @meta. */
static gboolean write_empty(IndexWriter *writer, const char *generation_dir, const IndexMeta *meta, GError **error)
{
	g_autofree char *path = index_xapian_path(generation_dir);
	GError *cause = NULL;
	g_autoptr(FtIndex) index = ftindex_open_writer(path, error);
	if (index == NULL || !ftindex_copy_metadata(writer->index, index, error) || !index_meta_store(index, meta, error) ||
		!ftindex_commit(index, error))
		return FALSE;
	return (index_dir_sync_files(path, &cause) && index_dir_sync(generation_dir, &cause)) || fail_as_index(error, cause);
}

gboolean index_writer_roll(IndexWriter *writer, const char *generation_dir, GError **error)
{
	g_autofree char *from_text = index_text_path(writer->dir), *to_text = index_text_path(generation_dir);
	g_autofree char *from_vocabulary = index_vocabulary_path(writer->dir);
	g_autofree char *to_vocabulary = index_vocabulary_path(generation_dir);
	g_auto(IndexMeta) meta = writer->meta;
	GError *cause = NULL;
	g_assert(!writer->changed && !writer->bulk);
	meta.parts = g_array_copy(meta.parts);
	text_state_copy(&meta.text, &writer->meta.text);
	if (g_mkdir_with_parents(generation_dir, 0700) != 0)
		return index_file_fail(&cause, generation_dir, errno) || fail_as_index(error, cause);
	if (!index_dir_link(from_text, to_text, &cause) || !index_dir_link(from_vocabulary, to_vocabulary, &cause))
		return fail_as_index(error, cause);
	return index_parts_roll(writer->parts, writer->index, generation_dir, &meta, error) &&
	       write_empty(writer, generation_dir, &meta, error);
}
