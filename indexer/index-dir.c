/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "indexer/index-file.h"

#define EPOCH_2025_US (G_GINT64_CONSTANT(1735689600) * G_USEC_PER_SEC)
#define TENTH_US (G_USEC_PER_SEC / 10)
#define GENERATION_PREFIX "gen-"
#define BUILD_MARK "building"

static void fail(GError **error, const char *path, int saved)
{
	g_set_error(error, FTINDEX_ERROR,
		saved == ENOSPC || saved == EDQUOT ? FTINDEX_ERROR_SPACE :
		saved == EWOULDBLOCK               ? FTINDEX_ERROR_LOCKED :
						     FTINDEX_ERROR_FAILED,
		"%s: %s", path, saved == EWOULDBLOCK ? "another indexer is at work" : g_strerror(saved));
}

int index_dir_lock(const char *index_dir, GError **error)
{
	g_autofree char *path = g_build_filename(index_dir, "lock", NULL);
	if (g_mkdir_with_parents(index_dir, 0700) != 0) {
		fail(error, index_dir, errno);
		return -1;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		fail(error, path, errno);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		fail(error, path, errno);
		(void)close(fd);
		return -1;
	}
	return fd;
}

guint32 index_dir_new_generation(guint32 current)
{
	gint64 tenths = (g_get_real_time() - EPOCH_2025_US) / TENTH_US;
	return (guint32)CLAMP(tenths, (gint64)current + 1, G_MAXUINT32);
}

static char *mark_path(const char *index_dir, guint32 generation)
{
	g_autofree char *path = index_generation_path(index_dir, generation);
	return g_build_filename(path, BUILD_MARK, NULL);
}

gboolean index_dir_swap(const char *index_dir, guint32 generation, GError **error)
{
	g_autofree char *link = g_build_filename(index_dir, "current", NULL);
	g_autofree char *temporary = g_build_filename(index_dir, "current.new", NULL);
	g_autofree char *target = g_strdup_printf(GENERATION_PREFIX "%u", generation);
	g_autoptr(GError) cause = NULL;
	(void)g_unlink(temporary);
	if (symlink(target, temporary) != 0 || g_rename(temporary, link) != 0) {
		fail(error, link, errno);
		return FALSE;
	}
	if (!index_dir_sync(index_dir, &cause)) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_FAILED, cause->message);
		return FALSE;
	}
	g_autofree char *mark = mark_path(index_dir, generation);
	(void)g_unlink(mark);
	return TRUE;
}

/* A generation has folders of one level, and nothing that is a link. */
void index_dir_remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		GStatBuf status;
		if (g_lstat(inner, &status) == 0 && S_ISDIR(status.st_mode))
			index_dir_remove_tree(inner);
		else
			(void)g_unlink(inner);
	}
	(void)g_rmdir(path);
}

void index_dir_remove_generation(const char *index_dir, guint32 generation)
{
	g_autofree char *path = index_generation_path(index_dir, generation);
	index_dir_remove_tree(path);
}

/* Calls @each for every generation that is there. */
static void for_each_generation(const char *index_dir, void (*each)(const char *index_dir, guint32 generation, gpointer data), gpointer data)
{
	g_autoptr(GDir) dir = g_dir_open(index_dir, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		guint64 generation;
		if (g_str_has_prefix(name, GENERATION_PREFIX) &&
			g_ascii_string_to_unsigned(name + strlen(GENERATION_PREFIX), 10, 1, G_MAXUINT32, &generation, NULL))
			each(index_dir, (guint32)generation, data);
	}
}

static void remove_other(const char *index_dir, guint32 generation, gpointer data)
{
	const guint32 *keep = data;
	if (generation != keep[0] && generation != keep[1])
		index_dir_remove_generation(index_dir, generation);
}

void index_dir_clean(const char *index_dir, guint32 keep, guint32 keep_too)
{
	guint32 both[] = { keep, keep_too };
	for_each_generation(index_dir, remove_other, both);
}

gboolean index_dir_mark_build(const char *index_dir, guint32 generation, GError **error)
{
	g_autofree char *path = index_generation_path(index_dir, generation), *mark = mark_path(index_dir, generation);
	int fd = -1;
	if (g_mkdir_with_parents(path, 0700) != 0 || (fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0) {
		fail(error, mark, errno);
		return FALSE;
	}
	(void)close(fd);
	return TRUE;
}

static void note_build(const char *index_dir, guint32 generation, gpointer data)
{
	guint32 *newest = data;
	g_autofree char *mark = mark_path(index_dir, generation);
	if (generation > *newest && g_file_test(mark, G_FILE_TEST_EXISTS))
		*newest = generation;
}

guint32 index_dir_unfinished_build(const char *index_dir, guint32 current)
{
	guint32 newest = current;
	for_each_generation(index_dir, note_build, &newest);
	return newest == current ? 0 : newest;
}
