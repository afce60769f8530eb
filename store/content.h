/* A message's octets: read once when it comes in (hash, size, Date field), and loaded in CRLF form. CRLF form means: each LF that has no
 * CR before it gets one; nothing else changes. So a file that is as large as its CRLF form has that form. Private to store/. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

#define CONTENT_HASH_BYTES 32

typedef struct {
	guint8 sha256[CONTENT_HASH_BYTES]; /* of the CRLF form */
	guint64 size;                      /* in CRLF form */
	guint64 file_size;                 /* as given */
	gboolean has_sent;                 /* a Date field with a day in it */
	gint64 sent_at;
	gint32 sent_day;
} ContentInfo;

typedef struct ContentReader ContentReader;
ContentReader *content_reader_new(void);
void content_reader_free(ContentReader *reader);
void content_reader_add(ContentReader *reader, const guint8 *data, gsize len);
/* Once, after the last octet. */
void content_reader_finish(ContentReader *reader, ContentInfo *info_out);

/* Reads all of @fd from its start. @path is for the error: STORE_ERROR_IO. */
gboolean content_read_file(int fd, const char *path, ContentInfo *info_out, GError **error);

/* The file's octets in CRLF form; mapped when that is cheaper and the file has that form. @size: in CRLF form, as recorded; what a
 * file of another size has in it is converted, too. On failure *@saved_errno_out is set; the caller knows what ENOENT means. */
GBytes *content_load(const char *path, guint64 size, int *saved_errno_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContentReader, content_reader_free)

G_END_DECLS
