/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vocabulary on disk (VOCABULARY_VERSION 1)
 * =============================================
 * Two files, whose number is in the index's state:
 *
 *     N.base     VocabularyHeader (vocabulary-private.h, little-endian), then for each letter of TERM_PREFIXES its terms, without the letter, sorted by
 *                octets, as "\nterm\nterm\n" ("\n" if there are none). Never changed once it is there.
 *     N.delta    terms that came since, in the order in which they came, as "\nPterm\nPterm\n" with P the letter. Grows; what is valid is in the state.
 *
 * Terms hold no LF: folded text has no control characters (base/fold.h) besides those that end lines. A term is at most once in base and
 * delta together. When the delta gets large, both are merged to (N + 1).base. Order of writes: data here, fdatasync, then the commit of
 * the database; so a term in a commit is always here. Terms whose last document is gone stay until the next build from the database.
 */
#include "indexer/vocabulary-writer.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "indexer/checksum.h"
#include "indexer/vocabulary-private.h"

/* The delta is merged when it is larger than the base's fourth part, within these bounds: it is searched more slowly, and held in memory by the writer. */
#define DELTA_MIN (256 * 1024)
#define DELTA_MAX (16 * 1024 * 1024)
#define WRITE_BYTES (1024 * 1024)
#define LIST_BYTES (4 * 1024 * 1024)
/* Remembered places in the base, so that a frequent term is found without bisection. A power of two. */
#define HINTS (1u << 17)

struct VocabularyWriter {
	char *dir;
	VocabularyState state;
	VocabularyView *view;   /* the base and the delta on disk; NULL if there is neither */
	GByteArray *delta;      /* all of the delta: what is on disk, then what is not yet */
	guint32 *slots;         /* open hash: offset in delta of a term's letter; 0: free */
	gsize n_slots, n_terms;
	guint64 *hints;         /* by hash: offset in the base's mapping of a term */
	GPtrArray *obsolete;    /* char *: to be unlinked after the commit */
};

static guint64 hash_octets(const char *octets, gsize len)
{
	guint64 hash = 0xcbf29ce484222325u;
	for (gsize i = 0; i < len; i++)
		hash = (hash ^ (guchar)octets[i]) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

/* -- the terms of the delta ------------------------------------------------------------------------------------------ */

static gsize term_len_at(const VocabularyWriter *writer, gsize offset)
{
	const guint8 *lf = memchr(writer->delta->data + offset, '\n', writer->delta->len - offset);
	return (gsize)(lf - (writer->delta->data + offset));
}

static gsize find_slot(const VocabularyWriter *writer, const char *term, gsize len)
{
	gsize slot = hash_octets(term, len) & (writer->n_slots - 1);
	for (; writer->slots[slot] != 0; slot = (slot + 1) & (writer->n_slots - 1)) {
		const guint8 *there = writer->delta->data + writer->slots[slot];
		if (writer->slots[slot] + len < writer->delta->len && there[len] == '\n' && memcmp(there, term, len) == 0)
			break;
	}
	return slot;
}

static void grow_slots(VocabularyWriter *writer)
{
	guint32 *old = writer->slots;
	gsize n_old = writer->n_slots;
	writer->n_slots = n_old == 0 ? 1024 : n_old * 2;
	writer->slots = g_new0(guint32, writer->n_slots);
	for (gsize i = 0; i < n_old; i++) {
		if (old[i] == 0)
			continue;
		const char *term = (const char *)writer->delta->data + old[i];
		writer->slots[find_slot(writer, term, term_len_at(writer, old[i]))] = old[i];
	}
	g_free(old);
}

/* @term with its letter. Nothing if it is there. */
static void delta_add(VocabularyWriter *writer, const char *term, gsize len)
{
	if ((writer->n_terms + 1) * 2 > writer->n_slots)
		grow_slots(writer);
	gsize slot = find_slot(writer, term, len);
	if (writer->slots[slot] != 0)
		return;
	writer->slots[slot] = writer->delta->len;
	g_byte_array_append(writer->delta, (const guint8 *)term, (guint)len);
	g_byte_array_append(writer->delta, (const guint8 *)"\n", 1);
	writer->n_terms++;
}

static void delta_clear(VocabularyWriter *writer)
{
	g_byte_array_unref(writer->delta);
	writer->delta = g_byte_array_new();
	g_byte_array_append(writer->delta, (const guint8 *)"\n", 1);
	g_clear_pointer(&writer->slots, g_free);
	writer->n_slots = writer->n_terms = 0;
	grow_slots(writer);
}

static void delta_load(VocabularyWriter *writer)
{
	const char *data;
	gsize len;
	vocabulary_delta(writer->view, &data, &len);
	for (gsize at = 1; at < len;) {
		const char *lf = memchr(data + at, '\n', len - at);
		delta_add(writer, data + at, (gsize)(lf - (data + at)));
		at = (gsize)(lf - data) + 1;
	}
}

/* -- opening ------------------------------------------------------------------------------------------------------------ */

static gboolean base_is_whole(const VocabularyView *view, const VocabularyState *state)
{
	if (state->base_bytes == 0)
		return TRUE;
	const char *data;
	gsize len;
	vocabulary_base(view, TERM_PREFIXES[0], &data, &len);
	const VocabularyHeader *header = NULL;
	/* The first section follows the header. */
	header = (const VocabularyHeader *)(const void *)(data - sizeof *header);
	return header->section[0].offset == sizeof *header &&
	       checksum_add(0, header + 1, state->base_bytes - sizeof *header) == header->crc;
}

VocabularyWriter *vocabulary_writer_open(const char *dir, const VocabularyState *committed, gboolean *rebuild_out, GError **error)
{
	if (g_mkdir_with_parents(dir, 0700) != 0) {
		(void)index_file_fail(error, dir, errno);
		return NULL;
	}
	g_autoptr(VocabularyWriter) writer = g_new0(VocabularyWriter, 1);
	writer->dir = g_strdup(dir);
	writer->state = *committed;
	writer->obsolete = g_ptr_array_new_with_free_func(g_free);
	writer->delta = g_byte_array_new();
	writer->hints = g_new0(guint64, HINTS);
	delta_clear(writer);
	gboolean whole = committed->present;
	if (whole) {
		g_autofree char *path = vocabulary_delta_path(dir, committed->number);
		g_autoptr(GError) ignored = NULL;
		whole = index_file_cut(path, committed->delta_bytes, &ignored) &&
			(writer->view = vocabulary_view_open(dir, committed, NULL, &ignored)) != NULL &&
			base_is_whole(writer->view, committed);
	}
	if (!whole) {
		g_clear_pointer(&writer->view, vocabulary_view_unref);
		writer->state = (VocabularyState){ .present = FALSE, .number = committed->number };
	} else {
		delta_load(writer);
	}
	g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (whole && committed->base_bytes > 0)
		(void)g_hash_table_add(known, vocabulary_base_path(dir, committed->number));
	if (whole && committed->delta_bytes > 0)
		(void)g_hash_table_add(known, vocabulary_delta_path(dir, committed->number));
	if (!index_dir_remove_others(dir, known, error))
		return NULL;
	*rebuild_out = !whole;
	return g_steal_pointer(&writer);
}

void vocabulary_writer_close(VocabularyWriter *writer)
{
	if (writer == NULL)
		return;
	g_free(writer->dir);
	vocabulary_view_unref(writer->view);
	g_byte_array_unref(writer->delta);
	g_free(writer->slots);
	g_free(writer->hints);
	g_ptr_array_unref(writer->obsolete);
	g_free(writer);
}

gboolean vocabulary_writer_present(const VocabularyWriter *writer)
{
	return writer->state.present;
}

/* -- adding ---------------------------------------------------------------------------------------------------------------- */

static gboolean base_has(VocabularyWriter *writer, const char *term, gsize len)
{
	if (writer->view == NULL || writer->state.base_bytes == 0)
		return FALSE;
	const char *data;
	gsize data_len;
	vocabulary_base(writer->view, term[0], &data, &data_len);
	gsize hint = hash_octets(term, len) & (HINTS - 1);
	guint64 offset = writer->hints[hint];
	if (offset > 0 && offset + len <= data_len && data[offset - 1] == '\n' && data[offset + len - 1] == '\n' &&
		memcmp(data + offset, term + 1, len - 1) == 0)
		return TRUE;
	const char *there = vocabulary_base_find(data, data_len, term + 1, len - 1);
	if (there == NULL)
		return FALSE;
	writer->hints[hint] = (guint64)(there - data);
	return TRUE;
}

void vocabulary_writer_add(VocabularyWriter *writer, FtTerms terms)
{
	if (!writer->state.present)
		return;
	const char *at = (const char *)terms.data, *end = at + terms.len;
	while (at < end) {
		gsize len = (guchar)*at++;
		if (!base_has(writer, at, len))
			delta_add(writer, at, len);
		at += len;
	}
}

/* -- a new base -------------------------------------------------------------------------------------------------------------- */

/* A file in the making: sections in the order of TERM_PREFIXES, the header at last. */
typedef struct {
	char *path; /* owned */
	VocabularyHeader header;
	guint64 offset; /* of buffer in the file */
	GByteArray *buffer;
	guint section;
} BaseFile;

static void base_file_clear(BaseFile *file)
{
	g_free(file->path);
	g_byte_array_unref(file->buffer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BaseFile, base_file_clear)

static gboolean base_file_flush(BaseFile *file, GError **error)
{
	if (file->buffer->len > 0 && !index_file_write(file->path, file->offset, file->buffer->data, file->buffer->len, error))
		return FALSE;
	file->header.crc = checksum_add(file->header.crc, file->buffer->data, file->buffer->len);
	file->offset += file->buffer->len;
	g_byte_array_set_size(file->buffer, 0);
	return TRUE;
}

static gboolean base_file_put(BaseFile *file, const char *data, gsize len, GError **error)
{
	g_byte_array_append(file->buffer, (const guint8 *)data, (guint)len);
	return file->buffer->len < WRITE_BYTES || base_file_flush(file, error);
}

static gboolean base_file_begin_section(BaseFile *file, GError **error)
{
	file->header.section[file->section].offset = file->offset + file->buffer->len;
	return base_file_put(file, "\n", 1, error);
}

static void base_file_end_section(BaseFile *file)
{
	VocabularySection *section = &file->header.section[file->section++];
	section->len = file->offset + file->buffer->len - section->offset;
}

static void base_file_init(BaseFile *file, const VocabularyWriter *writer)
{
	*file = (BaseFile){ .path = vocabulary_base_path(writer->dir, writer->state.number + 1) };
	memcpy(file->header.magic, VOCABULARY_MAGIC, sizeof file->header.magic);
	file->header.sections = VOCABULARY_SECTIONS;
	file->offset = sizeof file->header;
	file->buffer = g_byte_array_new();
}

/* Writes the header; the file takes the place of base and delta. */
static gboolean base_file_finish(BaseFile *file, VocabularyWriter *writer, GError **error)
{
	if (!base_file_flush(file, error) || !index_file_write(file->path, 0, &file->header, sizeof file->header, error) ||
		!index_dir_sync(writer->dir, error))
		return FALSE;
	VocabularyState state = { .present = TRUE, .number = writer->state.number + 1, .base_bytes = file->offset };
	VocabularyView *view = vocabulary_view_open(writer->dir, &state, NULL, error);
	if (view == NULL)
		return FALSE;
	g_ptr_array_add(writer->obsolete, vocabulary_base_path(writer->dir, writer->state.number));
	g_ptr_array_add(writer->obsolete, vocabulary_delta_path(writer->dir, writer->state.number));
	vocabulary_view_unref(writer->view);
	writer->view = view;
	writer->state = state;
	memset(writer->hints, 0, HINTS * sizeof *writer->hints);
	delta_clear(writer);
	return TRUE;
}

static gint compare_delta_terms(gconstpointer a, gconstpointer b, gpointer data)
{
	const char *delta = data, *left = delta + *(const guint32 *)a, *right = delta + *(const guint32 *)b;
	/* Terms end with LF, which is less than all their octets. */
	while (*left == *right && *left != '\n') {
		left++;
		right++;
	}
	return (guchar)*left - (guchar)*right;
}

/* The offsets of the delta's terms, sorted. */
static GArray *sort_delta(const VocabularyWriter *writer)
{
	GArray *offsets = g_array_sized_new(FALSE, FALSE, sizeof(guint32), (guint)writer->n_terms);
	for (gsize i = 0; i < writer->n_slots; i++)
		if (writer->slots[i] != 0)
			g_array_append_val(offsets, writer->slots[i]);
	g_array_sort_with_data(offsets, compare_delta_terms, writer->delta->data);
	return offsets;
}

/* Lines with LF. */
static gboolean line_less(const char *a, gsize a_len, const char *b, gsize b_len)
{
	int order = memcmp(a, b, MIN(a_len, b_len));
	return order < 0 || (order == 0 && a_len < b_len);
}

static gboolean merge_section(BaseFile *file, const VocabularyWriter *writer, char prefix, const GArray *offsets, guint *next, GError **error)
{
	const char *base = "", *end = base;
	gsize len = 0;
	if (writer->view != NULL)
		vocabulary_base(writer->view, prefix, &base, &len);
	end = base + len;
	base += MIN(len, 1);
	if (!base_file_begin_section(file, error))
		return FALSE;
	for (;;) {
		const char *delta = NULL;
		gsize delta_len = 0;
		if (*next < offsets->len) {
			gsize offset = g_array_index(offsets, guint32, *next);
			if ((char)writer->delta->data[offset] == prefix) {
				delta = (const char *)writer->delta->data + offset + 1;
				delta_len = term_len_at(writer, offset);
			}
		}
		/* All of the base that is less than the next term of the delta, in one piece. */
		const char *piece = base;
		while (base < end) {
			const char *lf = memchr(base, '\n', (gsize)(end - base));
			gsize line = (gsize)(lf - base) + 1;
			if (delta != NULL && !line_less(base, line, delta, delta_len))
				break;
			base += line;
			if (base - piece >= WRITE_BYTES)
				break;
		}
		if (base > piece) {
			if (!base_file_put(file, piece, (gsize)(base - piece), error))
				return FALSE;
			continue;
		}
		if (delta == NULL)
			break;
		if (!base_file_put(file, delta, delta_len, error))
			return FALSE;
		(*next)++;
	}
	base_file_end_section(file);
	return TRUE;
}

static gboolean merge(VocabularyWriter *writer, GError **error)
{
	g_auto(BaseFile) file;
	base_file_init(&file, writer);
	g_autoptr(GArray) offsets = sort_delta(writer);
	guint next = 0;
	for (const char *prefix = TERM_PREFIXES; *prefix != '\0'; prefix++)
		if (!merge_section(&file, writer, *prefix, offsets, &next, error))
			return FALSE;
	g_assert(next == offsets->len);
	return base_file_finish(&file, writer, error);
}

gboolean vocabulary_writer_build(VocabularyWriter *writer, FtIndex *index, VocabularyState *state_out, GError **error)
{
	g_auto(BaseFile) file;
	base_file_init(&file, writer);
	g_autoptr(GString) terms = g_string_new(NULL);
	g_autoptr(GString) last = g_string_new(NULL);
	for (const char *prefix = TERM_PREFIXES; *prefix != '\0'; prefix++) {
		gboolean more = TRUE;
		g_string_truncate(last, 0);
		if (!base_file_begin_section(&file, error))
			return FALSE;
		while (more) {
			g_string_truncate(terms, 0);
			if (!ftindex_list_terms(index, *prefix, last->str, last->len, LIST_BYTES, terms, &more, error) ||
				!base_file_put(&file, terms->str, terms->len, error))
				return FALSE;
			if (terms->len > 0) {
				const char *lf = memrchr(terms->str, '\n', terms->len - 1);
				const char *begin = lf == NULL ? terms->str : lf + 1;
				g_string_truncate(last, 0);
				g_string_append_len(last, begin, terms->str + terms->len - 1 - begin);
			}
		}
		base_file_end_section(&file);
	}
	if (!base_file_finish(&file, writer, error))
		return FALSE;
	*state_out = writer->state;
	return TRUE;
}

gboolean vocabulary_writer_sync(VocabularyWriter *writer, VocabularyState *state_out, GError **error)
{
	guint64 on_disk = writer->state.delta_bytes;
	if (writer->state.present && writer->n_terms > 0 && writer->delta->len > on_disk) {
		if (writer->delta->len > CLAMP(writer->state.base_bytes / 4, DELTA_MIN, DELTA_MAX)) {
			if (!merge(writer, error))
				return FALSE;
		} else {
			g_autofree char *path = vocabulary_delta_path(writer->dir, writer->state.number);
			if (!index_file_write(path, on_disk, writer->delta->data + on_disk, writer->delta->len - on_disk, error) ||
				(on_disk == 0 && !index_dir_sync(writer->dir, error)))
				return FALSE;
			writer->state.delta_bytes = writer->delta->len;
		}
	}
	*state_out = writer->state;
	return TRUE;
}

void vocabulary_writer_committed(VocabularyWriter *writer)
{
	for (guint i = 0; i < writer->obsolete->len; i++)
		(void)unlink(writer->obsolete->pdata[i]); /* else the next writer does it */
	g_ptr_array_set_size(writer->obsolete, 0);
}
