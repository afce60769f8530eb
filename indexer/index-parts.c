/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-parts.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "indexer/index-dir.h"
#include "indexer/index-file.h"

/* While a large build goes on, so many small parts at its end become one: readers have all of them open. */
#define SMALL_PARTS 16
/* ... and then so many middle ones. */
#define SMALL_BYTES (G_GUINT64_CONSTANT(24) * 1024 * 1024)
#define MIDDLE_BYTES (G_GUINT64_CONSTANT(384) * 1024 * 1024)
/* When there is time, a part is merged with the one before it until that is so many times as large: each string is looked for in every part, and
 * each merge copies. */
#define TIMES 3
/* The compact copy of a database is smaller than it; the disk has to have room for as much, and this. */
#define ROOM_BYTES (G_GUINT64_CONSTANT(16) * 1024 * 1024)

struct IndexParts {
	char *dir;           /* of the generation */
	FtIndex *open;       /* the part in the making; NULL: none */
	guint32 number;      /* its */
	GArray *obsolete;    /* guint32: parts that are to be removed after the commit */
};

static gboolean fail_as_index(GError **error, GError *cause)
{
	gboolean space = g_error_matches(cause, INDEX_FILE_ERROR, INDEX_FILE_ERROR_SPACE);
	g_set_error_literal(error, FTINDEX_ERROR, space ? FTINDEX_ERROR_SPACE : FTINDEX_ERROR_FAILED, cause->message);
	g_error_free(cause);
	return FALSE;
}

static gboolean make_folder(const char *path, GError **error)
{
	GError *cause = NULL;
	if (g_mkdir_with_parents(path, 0700) == 0)
		return TRUE;
	(void)index_file_fail(&cause, path, errno);
	return fail_as_index(error, cause);
}

static char *parts_path(const char *generation_dir)
{
	return g_build_filename(generation_dir, "parts", NULL);
}

static const IndexPart *part_at(const IndexMeta *meta, guint index)
{
	return &g_array_index(meta->parts, IndexPart, index);
}

/* -- opening ------------------------------------------------------------------------------------------------------ */

static gboolean is_named(const IndexMeta *meta, const char *name)
{
	guint64 number;
	if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXUINT32, &number, NULL))
		return FALSE;
	for (guint i = 0; i < meta->parts->len; i++)
		if (part_at(meta, i)->number == number)
			return TRUE;
	return FALSE;
}

IndexParts *index_parts_open(const char *generation_dir, const IndexMeta *meta, GError **error)
{
	g_autofree char *path = parts_path(generation_dir);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		if (!is_named(meta, name))
			index_dir_remove_tree(inner);
	}
	for (guint i = 0; i < meta->parts->len; i++) {
		const IndexPart *part = part_at(meta, i);
		g_autofree char *inner = index_part_path(generation_dir, part->number);
		if (index_dir_bytes(inner) != part->bytes) {
			g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "%s: not %" G_GUINT64_FORMAT " bytes", inner, part->bytes);
			return NULL;
		}
	}
	IndexParts *parts = g_new0(IndexParts, 1);
	parts->dir = g_strdup(generation_dir);
	parts->obsolete = g_array_new(FALSE, FALSE, sizeof(guint32));
	return parts;
}

void index_parts_close(IndexParts *parts)
{
	if (parts == NULL)
		return;
	ftindex_close(parts->open);
	g_array_unref(parts->obsolete);
	g_free(parts->dir);
	g_free(parts);
}

/* -- adding ----------------------------------------------------------------------------------------------------------- */

gboolean index_parts_add(IndexParts *parts, IndexMeta *meta, guint32 id, FtTerms terms, GError **error)
{
	if (parts->open == NULL) {
		g_autofree char *folder = parts_path(parts->dir), *path = index_part_path(parts->dir, meta->next_part);
		if (!make_folder(folder, error) || (parts->open = ftindex_open_writer(path, error)) == NULL)
			return FALSE;
		parts->number = meta->next_part++;
	}
	return ftindex_add(parts->open, id, terms, error);
}

/* Makes @part, whose number is set and whose folder is in @generation_dir/parts, durable, and fills in the rest of it. */
static gboolean complete(const char *generation_dir, IndexPart *part, GError **error)
{
	g_autofree char *folder = parts_path(generation_dir), *path = index_part_path(generation_dir, part->number);
	GError *cause = NULL;
	if (!index_dir_sync_files(path, &cause) || !index_dir_sync(folder, &cause) || !index_dir_sync(generation_dir, &cause))
		return fail_as_index(error, cause);
	g_autoptr(FtIndex) index = ftindex_open_reader(path, error);
	if (index == NULL || !ftindex_range(index, &part->first, &part->last, error))
		return FALSE;
	part->bytes = index_dir_bytes(path);
	return TRUE;
}

/* How many of the last parts are at most so large. */
static guint trailing(const IndexMeta *meta, guint64 bytes)
{
	guint n = 0;
	while (n < meta->parts->len && part_at(meta, meta->parts->len - 1 - n)->bytes <= bytes)
		n++;
	return n;
}

/* Without room for it there are more of them for now; so are those whose ranges of ids do not lie apart (an email that was read late is in a part of newer ones),
 * or nothing could be committed any more. */
static gboolean merge_many(IndexParts *parts, IndexMeta *meta, guint64 bytes, GError **error)
{
	GError *cause = NULL;
	guint n = trailing(meta, bytes);
	if (n < SMALL_PARTS || index_parts_merge(parts, meta, meta->parts->len - n, &cause))
		return TRUE;
	gboolean bearable = g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_SPACE) ||
			    g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_FAILED);
	if (bearable)
		g_error_free(cause);
	else
		g_propagate_error(error, cause);
	return bearable;
}

gboolean index_parts_sync(IndexParts *parts, IndexMeta *meta, GError **error)
{
	IndexPart part = { .number = parts->number };
	if (parts->open == NULL)
		return TRUE;
	if (!ftindex_commit(parts->open, error))
		return FALSE;
	ftindex_close(g_steal_pointer(&parts->open));
	if (!complete(parts->dir, &part, error))
		return FALSE;
	g_array_append_val(meta->parts, part);
	return merge_many(parts, meta, SMALL_BYTES, error) &&
	       (trailing(meta, SMALL_BYTES) > 0 || merge_many(parts, meta, MIDDLE_BYTES, error));
}

/* -- merging ------------------------------------------------------------------------------------------------------------ */

gboolean index_parts_due(const IndexMeta *meta, guint *from_out)
{
	if (meta->parts->len < 2)
		return FALSE;
	guint from = meta->parts->len - 1;
	guint64 bytes = part_at(meta, from)->bytes;
	while (from > 0 && part_at(meta, from - 1)->bytes < bytes * TIMES)
		bytes += part_at(meta, --from)->bytes;
	*from_out = from;
	return from < meta->parts->len - 1;
}

/* What is merged has blocks that are half empty: the copy takes less. */
static gboolean has_room(const char *dir, guint64 bytes, GError **error)
{
	guint64 free_bytes = index_dir_free_bytes(dir);
	if (free_bytes >= bytes + ROOM_BYTES)
		return TRUE;
	g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_SPACE,
		"%s: %" G_GUINT64_FORMAT " MB free; merging needs %" G_GUINT64_FORMAT, dir, free_bytes / 1000000,
		(bytes + ROOM_BYTES) / 1000000);
	return FALSE;
}

gboolean index_parts_merge(IndexParts *parts, IndexMeta *meta, guint from, GError **error)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	IndexPart merged = { .number = meta->next_part };
	guint64 bytes = 0;
	for (guint i = from; i < meta->parts->len; i++) {
		g_ptr_array_add(paths, index_part_path(parts->dir, part_at(meta, i)->number));
		bytes += part_at(meta, i)->bytes;
	}
	g_ptr_array_add(paths, NULL);
	g_autofree char *to = index_part_path(parts->dir, merged.number);
	if (!has_room(parts->dir, bytes, error))
		return FALSE;
	if (!ftindex_compact((const char *const *)paths->pdata, to, error) || !complete(parts->dir, &merged, error)) {
		index_dir_remove_tree(to);
		return FALSE;
	}
	meta->next_part++;
	for (guint i = from; i < meta->parts->len; i++)
		g_array_append_val(parts->obsolete, part_at(meta, i)->number);
	g_array_set_size(meta->parts, from);
	g_array_append_val(meta->parts, merged);
	return TRUE;
}

void index_parts_committed(IndexParts *parts)
{
	for (guint i = 0; i < parts->obsolete->len; i++) {
		g_autofree char *path = index_part_path(parts->dir, g_array_index(parts->obsolete, guint32, i));
		index_dir_remove_tree(path); /* what is left, the next writer removes */
	}
	g_array_set_size(parts->obsolete, 0);
}

/* -- a new generation ------------------------------------------------------------------------------------------------------ */

gboolean index_parts_roll(IndexParts *parts, FtIndex *index, const char *generation_dir, IndexMeta *meta, GError **error)
{
	g_autofree char *from = index_xapian_path(parts->dir), *folder = parts_path(generation_dir);
	GError *cause = NULL;
	guint32 first, last;
	if (!make_folder(folder, error) || !ftindex_range(index, &first, &last, error))
		return FALSE;
	for (guint i = 0; i < meta->parts->len; i++) {
		g_autofree char *old = index_part_path(parts->dir, part_at(meta, i)->number);
		g_autofree char *new = index_part_path(generation_dir, part_at(meta, i)->number);
		if (!index_dir_link(old, new, &cause))
			return fail_as_index(error, cause);
	}
	if (last == 0)
		return index_dir_sync(folder, &cause) || fail_as_index(error, cause);
	IndexPart part = { .number = meta->next_part++ };
	g_autofree char *to = index_part_path(generation_dir, part.number);
	if (!has_room(parts->dir, index_dir_bytes(from), error) || !ftindex_compact((const char *const[]){ from, NULL }, to, error) ||
		!complete(generation_dir, &part, error))
		return FALSE;
	g_array_append_val(meta->parts, part);
	return TRUE;
}
