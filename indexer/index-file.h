/* Files of an index beside the Xapian database (text store, vocabulary): mapped for reading, written at an offset and synced. Private to this room. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Files are mapped as they are. */
G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

#define INDEX_FILE_ERROR (index_file_error_quark())
typedef enum {
	INDEX_FILE_ERROR_CHANGED, /* a file is gone: the writer has moved on, or somebody has removed it */
	INDEX_FILE_ERROR_DAMAGED, /* rebuild */
	INDEX_FILE_ERROR_SPACE,   /* the disk is full */
	INDEX_FILE_ERROR_FAILED,
} IndexFileError;
GQuark index_file_error_quark(void);

/* FALSE, with what errno @saved says about @path. */
gboolean index_file_fail(GError **error, const char *path, int saved);

/* The first bytes of a file, mapped, with room behind them for what is appended (never touched before it is there). Immutable, reference counted, any thread. */
typedef struct {
	const char *data;
	gsize len; /* mapped, room included */
} FileMapping;
/* DAMAGED if the file is shorter than @len, CHANGED if it is not there. */
FileMapping *file_mapping_new(const char *path, gsize len, GError **error);
FileMapping *file_mapping_ref(FileMapping *mapping);
void file_mapping_unref(FileMapping *mapping);

/* Writes the bytes at @offset (the file is made if missing) and fdatasyncs. */
gboolean index_file_write(const char *path, guint64 offset, const void *data, gsize len, GError **error);
/* Gives every file in @from a second name in @to (made if missing), and makes that durable. */
gboolean index_dir_link(const char *from, const char *to, GError **error);
/* Makes the content of every file in @dir durable, and the folder. */
gboolean index_dir_sync_files(const char *dir, GError **error);
/* Bytes of all files in @dir. */
guint64 index_dir_bytes(const char *dir);
/* What we may still write to the file system of @dir; G_MAXUINT64: it does not say. */
guint64 index_dir_free_bytes(const char *dir);
/* Makes what was created and renamed in @dir durable. */
gboolean index_dir_sync(const char *dir, GError **error);
/* Cuts the file to @len bytes. DAMAGED if it has fewer (or is missing and @len is not 0). */
gboolean index_file_cut(const char *path, guint64 len, GError **error);
/* Removes the files in @dir whose paths are not among the keys of @known. */
gboolean index_dir_remove_others(const char *dir, GHashTable *known, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileMapping, file_mapping_unref)
G_END_DECLS
