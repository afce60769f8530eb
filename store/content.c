#include "store/content.h"

#include "base/datetime.h"
#include "base/limits.h"
#include "store/maildir.h"
#include "store/mime-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)

/* Below it, reading into memory is cheaper than a mapping and its page faults; and a file that shrinks under a mapping is a SIGBUS. */
#define MAP_FROM_BYTES (256 * 1024)

struct ContentReader {
	EVP_MD_CTX *hash; /* owned */
	guint64 size, file_size;
	gboolean after_cr;
	GString *header; /* owned; up to the empty line, in CRLF form */
	gboolean header_done;
};

ContentReader *content_reader_new(void)
{
	ContentReader *reader = g_new0(ContentReader, 1);
	reader->hash = EVP_MD_CTX_new();
	g_assert(reader->hash != NULL && EVP_DigestInit_ex(reader->hash, EVP_sha256(), NULL) == 1);
	reader->header = g_string_new(NULL);
	return reader;
}

void content_reader_free(ContentReader *reader)
{
	if (reader == NULL)
		return;
	EVP_MD_CTX_free(reader->hash);
	(void)g_string_free(reader->header, TRUE);
	g_free(reader);
}

static void collect_header(ContentReader *reader, const char *data, gsize len)
{
	/* An empty line: LF, then CR LF. Or the first line is empty. */
	gsize start = reader->header->len > 3 ? reader->header->len - 3 : 0;
	gsize room = LIMIT_HEADER_BYTES - reader->header->len;
	(void)g_string_append_len(reader->header, data, (gssize)MIN(len, room));
	const char *header = reader->header->str;
	if ((start == 0 && reader->header->len >= 2 && memcmp(header, "\r\n", 2) == 0) ||
		memmem(header + start, reader->header->len - start, "\n\r\n", 3) != NULL ||
		reader->header->len == LIMIT_HEADER_BYTES)
		reader->header_done = TRUE;
}

/* Octets in CRLF form. */
static void add_plain(ContentReader *reader, const char *data, gsize len)
{
	if (len == 0)
		return;
	g_assert(EVP_DigestUpdate(reader->hash, data, len) == 1);
	reader->size += len;
	if (!reader->header_done)
		collect_header(reader, data, len);
}

void content_reader_add(ContentReader *reader, const guint8 *data, gsize len)
{
	const char *p = (const char *)data, *end = p + len, *run = p;
	if (len == 0)
		return;
	reader->file_size += len;
	gboolean after_cr = reader->after_cr;
	for (const char *lf; (lf = memchr(p, '\n', (gsize)(end - p))) != NULL; p = lf + 1) {
		if (lf > (const char *)data ? lf[-1] == '\r' : after_cr)
			continue;
		add_plain(reader, run, (gsize)(lf - run));
		add_plain(reader, "\r", 1);
		run = lf;
	}
	add_plain(reader, run, (gsize)(end - run));
	reader->after_cr = end[-1] == '\r';
}

static void find_date(ContentReader *reader, ContentInfo *info)
{
	const guint8 *header = (const guint8 *)reader->header->str;
	gsize pos = 0;
	MimeField field;
	for (gboolean first = TRUE; mime_field_next(header, reader->header->len, TRUE, &pos, &field);
		first = FALSE) {
		if (first && field.name_len == 0)
			return; /* no header at all (README, "Header"): what looks like fields further on is body */
		if (field.name_len != 4 || g_ascii_strncasecmp(field.name, "Date", 4) != 0)
			continue;
		Datetime date;
		if (datetime_parse_rfc5322(field.value, field.value_len, &date)) {
			info->has_sent = TRUE;
			info->sent_at = date.unix_seconds;
			info->sent_day = date.day;
		}
		return; /* the first one counts, whether it can be read or not */
	}
}

void content_reader_finish(ContentReader *reader, ContentInfo *info_out)
{
	*info_out = (ContentInfo){ .size = reader->size, .file_size = reader->file_size };
	guint len = 0;
	g_assert(EVP_DigestFinal_ex(reader->hash, info_out->sha256, &len) == 1 && len == CONTENT_HASH_BYTES);
	find_date(reader, info_out);
}

gboolean content_read_file(int fd, const char *path, ContentInfo *info_out, GError **error)
{
	g_autoptr(ContentReader) reader = content_reader_new();
	g_autofree guint8 *buffer = g_malloc(READ_BYTES);
	for (guint64 at = 0;;) {
		gssize got = pread(fd, buffer, READ_BYTES, (off_t)at);
		if (got < 0) {
			int saved = errno;
			if (saved == EINTR)
				continue;
			store_set_errno(error, saved, "%s: cannot read", path);
			return FALSE;
		}
		if (got == 0)
			break;
		content_reader_add(reader, buffer, (gsize)got);
		at += (guint64)got;
	}
	content_reader_finish(reader, info_out);
	return TRUE;
}

typedef struct {
	void *address;
	gsize len;
} Mapping;

static void mapping_free(gpointer data)
{
	Mapping *mapping = data;
	(void)munmap(mapping->address, mapping->len);
	g_free(mapping);
}

static GBytes *map_file(int fd, gsize len)
{
	void *address = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (address == MAP_FAILED)
		return NULL;
	Mapping *mapping = g_new(Mapping, 1);
	mapping->address = address;
	mapping->len = len;
	return g_bytes_new_with_free_func(address, len, mapping_free, mapping);
}

/* Up to @len octets from the start; fewer if the file is shorter. NULL and errno on failure. */
static guint8 *read_octets(int fd, gsize len, gsize *got_out)
{
	guint8 *data = g_malloc(len + 1);
	gsize done = 0;
	while (done < len) {
		gssize got = pread(fd, data + done, len - done, (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int saved = errno;
			g_free(data);
			errno = saved;
			return NULL;
		}
		if (got == 0)
			break;
		done += (gsize)got;
	}
	*got_out = done;
	return data;
}

static GBytes *to_crlf(const guint8 *data, gsize len)
{
	gsize bare = 0;
	for (gsize i = 0; i < len; i++)
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			bare++;
	guint8 *out = g_malloc(len + bare + 1);
	gsize n = 0;
	for (gsize i = 0; i < len; i++) {
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = data[i];
	}
	return g_bytes_new_take(out, n);
}

static GBytes *load(int fd, guint64 size)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return NULL;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return NULL;
	}
	gsize file_size = (gsize)status.st_size, got;
	gboolean is_crlf = file_size == size;
	if (is_crlf && file_size >= MAP_FROM_BYTES) {
		GBytes *mapped = map_file(fd, file_size);
		if (mapped != NULL)
			return mapped;
	}
	guint8 *data = read_octets(fd, file_size, &got);
	if (data == NULL)
		return NULL;
	if (is_crlf && got == file_size)
		return g_bytes_new_take(data, got);
	g_autofree guint8 *owned = data;
	return to_crlf(owned, got);
}

GBytes *content_load(const char *path, guint64 size, int *saved_errno_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		*saved_errno_out = errno;
		return NULL;
	}
	GBytes *bytes = load(fd, size);
	if (bytes == NULL)
		*saved_errno_out = errno;
	(void)close(fd);
	return bytes;
}
