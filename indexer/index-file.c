/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The next commits need no new mapping. */
#define MAP_ROOM (16 * 1024 * 1024)

G_DEFINE_QUARK(mailsift-index-file-error-quark, index_file_error)

gboolean index_file_fail(GError **error, const char *path, int saved)
{
	IndexFileError code = saved == ENOSPC || saved == EDQUOT ? INDEX_FILE_ERROR_SPACE :
			      saved == ENOENT                   ? INDEX_FILE_ERROR_CHANGED :
								  INDEX_FILE_ERROR_FAILED;
	g_set_error(error, INDEX_FILE_ERROR, code, "%s: %s", path, g_strerror(saved));
	return FALSE;
}

static void mapping_clear(gpointer data)
{
	FileMapping *mapping = data;
	(void)munmap((void *)(gsize)mapping->data, mapping->len);
}

FileMapping *file_mapping_ref(FileMapping *mapping)
{
	return g_atomic_rc_box_acquire(mapping);
}

void file_mapping_unref(FileMapping *mapping)
{
	if (mapping != NULL)
		g_atomic_rc_box_release_full(mapping, mapping_clear);
}

FileMapping *file_mapping_new(const char *path, gsize len, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)index_file_fail(error, path, errno);
		return NULL;
	}
	struct stat status;
	if (fstat(fd, &status) != 0 || (guint64)status.st_size < len) {
		g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "%s: shorter than %" G_GSIZE_FORMAT " bytes", path,
			len);
		(void)close(fd);
		return NULL;
	}
	gsize mapped = len + MAP_ROOM;
	void *data = mmap(NULL, mapped, PROT_READ, MAP_SHARED, fd, 0);
	int saved = errno;
	(void)close(fd);
	if (data == MAP_FAILED) {
		(void)index_file_fail(error, path, saved);
		return NULL;
	}
	FileMapping *mapping = g_atomic_rc_box_new0(FileMapping);
	mapping->data = data;
	mapping->len = mapped;
	return mapping;
}

gboolean index_file_write(const char *path, guint64 offset, const void *data, gsize len, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return index_file_fail(error, path, errno);
	const guint8 *at = data;
	while (len > 0) {
		gssize written = pwrite(fd, at, len, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			int saved = written == 0 ? EIO : errno;
			(void)close(fd);
			return index_file_fail(error, path, saved);
		}
		at += written;
		offset += (guint64)written;
		len -= (gsize)written;
	}
	if (fdatasync(fd) != 0) {
		int saved = errno;
		(void)close(fd);
		return index_file_fail(error, path, saved);
	}
	if (close(fd) != 0)
		return index_file_fail(error, path, errno);
	return TRUE;
}

gboolean index_dir_sync(const char *dir, GError **error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return index_file_fail(error, dir, errno);
	int result = fsync(fd), saved = errno;
	(void)close(fd);
	return result == 0 || index_file_fail(error, dir, saved);
}

gboolean index_file_cut(const char *path, guint64 len, GError **error)
{
	struct stat status;
	if (stat(path, &status) != 0) {
		int saved = errno;
		if (saved != ENOENT)
			return index_file_fail(error, path, saved);
		if (len == 0)
			return TRUE;
		status.st_size = 0;
	}
	if ((guint64)status.st_size < len) {
		g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED,
			"%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes are there", path, (guint64)status.st_size, len);
		return FALSE;
	}
	if ((guint64)status.st_size > len && truncate(path, (off_t)len) != 0)
		return index_file_fail(error, path, errno);
	return TRUE;
}

gboolean index_dir_remove_others(const char *dir, GHashTable *known, GError **error)
{
	g_autoptr(GError) dir_error = NULL;
	g_autoptr(GDir) handle = g_dir_open(dir, 0, &dir_error);
	if (handle == NULL) {
		g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_FAILED, "%s", dir_error->message);
		return FALSE;
	}
	for (const char *name; (name = g_dir_read_name(handle)) != NULL;) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		if (!g_hash_table_contains(known, path) && unlink(path) != 0 && errno != ENOENT)
			return index_file_fail(error, path, errno);
	}
	return TRUE;
}

/* Calls @each for every file, until it is FALSE. */
static gboolean for_each_file(
	const char *dir, gboolean (*each)(const char *path, const char *name, gpointer data, GError **error), gpointer data, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) handle = g_dir_open(dir, 0, &cause);
	if (handle == NULL) {
		g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_FAILED, "%s", cause->message);
		return FALSE;
	}
	for (const char *name; (name = g_dir_read_name(handle)) != NULL;) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		if (!each(path, name, data, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean link_one(const char *path, const char *name, gpointer to, GError **error)
{
	g_autofree char *target = g_build_filename(to, name, NULL);
	return link(path, target) == 0 || index_file_fail(error, target, errno);
}

gboolean index_dir_link(const char *from, const char *to, GError **error)
{
	if (g_mkdir_with_parents(to, 0700) != 0)
		return index_file_fail(error, to, errno);
	return for_each_file(from, link_one, (gpointer)(gsize)to, error) && index_dir_sync(to, error);
}

static gboolean sync_one(const char *path, const char *name, gpointer data, GError **error)
{
	(void)name;
	(void)data;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return index_file_fail(error, path, errno);
	int result = fdatasync(fd), saved = errno;
	(void)close(fd);
	return result == 0 || index_file_fail(error, path, saved);
}

gboolean index_dir_sync_files(const char *dir, GError **error)
{
	return for_each_file(dir, sync_one, NULL, error) && index_dir_sync(dir, error);
}

static gboolean add_size(const char *path, const char *name, gpointer bytes, GError **error)
{
	struct stat status;
	(void)name;
	(void)error;
	if (stat(path, &status) == 0)
		*(guint64 *)bytes += (guint64)status.st_size;
	return TRUE;
}

guint64 index_dir_bytes(const char *dir)
{
	guint64 bytes = 0;
	(void)for_each_file(dir, add_size, &bytes, NULL);
	return bytes;
}

guint64 index_dir_free_bytes(const char *dir)
{
	struct statvfs status;
	return statvfs(dir, &status) != 0 ? G_MAXUINT64 : (guint64)status.f_bavail * status.f_frsize;
}
