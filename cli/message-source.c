#include "cli/message-source.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/datetime.h"
#include "store/mime-tree.h"

/* -- what a message says of itself ---------------------------------------------------------------------------- */

static gboolean name_is(const MimeField *field, const char *name)
{
	return field->name_len == strlen(name) && g_ascii_strncasecmp(field->name, name, field->name_len) == 0;
}

/* The date of a Received field stands behind its last semicolon (RFC 5322 3.6.7). */
static gboolean received_date(const MimeField *field, Datetime *out)
{
	const char *semicolon = memrchr(field->value, ';', field->value_len);
	if (semicolon == NULL)
		return FALSE;
	gsize skipped = (gsize)(semicolon + 1 - field->value);
	return datetime_parse_rfc5322(semicolon + 1, field->value_len - skipped, out);
}

/* The newest Received is the first; Date counts when no Received has a date. */
static gboolean message_date(const guint8 *data, gsize len, Datetime *out)
{
	gboolean found = FALSE;
	MimeField field;
	for (gsize pos = 0; mime_field_next(data, len, TRUE, &pos, &field);) {
		if (name_is(&field, "Received") && received_date(&field, out))
			return TRUE;
		if (!found && name_is(&field, "Date"))
			found = datetime_parse_rfc5322(field.value, field.value_len, out);
	}
	return found;
}

static const struct { char letter; MessageFlags flag; } maildir_flags[] = {
	{ 'S', MESSAGE_SEEN }, { 'R', MESSAGE_ANSWERED }, { 'F', MESSAGE_FLAGGED }, { 'T', MESSAGE_DELETED }, { 'D', MESSAGE_DRAFT },
};

static MessageFlags flags_of_name(const char *name)
{
	MessageFlags flags = 0;
	const char *info = strstr(name, ":2,");
	for (gsize i = 0; info != NULL && i < G_N_ELEMENTS(maildir_flags); i++)
		if (strchr(info + 3, maildir_flags[i].letter) != NULL)
			flags |= maildir_flags[i].flag;
	return flags;
}

/* mbox: Status: R is seen; X-Status: A, F, D, T as c-client and mutt write them. */
static MessageFlags flags_of_status(const guint8 *data, gsize len)
{
	static const struct { const char *field; char letter; MessageFlags flag; } table[] = {
		{ "Status", 'R', MESSAGE_SEEN },        { "X-Status", 'A', MESSAGE_ANSWERED },
		{ "X-Status", 'F', MESSAGE_FLAGGED },   { "X-Status", 'D', MESSAGE_DELETED },
		{ "X-Status", 'T', MESSAGE_DRAFT },
	};
	MessageFlags flags = 0;
	MimeField field;
	for (gsize pos = 0; mime_field_next(data, len, TRUE, &pos, &field);)
		for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
			if (name_is(&field, table[i].field) && memchr(field.value, table[i].letter, field.value_len) != NULL)
				flags |= table[i].flag;
	return flags;
}

static gboolean give(SourceMessage *message, gint64 mtime, SourceFunc func, gpointer user_data, GError **error)
{
	Datetime date = { .unix_seconds = mtime };
	(void)message_date(message->data, message->len, &date);
	message->received_at = date.unix_seconds;
	message->zone = (gint16)date.zone_minutes;
	return func(message, user_data, error);
}

/* -- mbox ----------------------------------------------------------------------------------------------------- */

static const guint8 *line_end(const guint8 *at, const guint8 *end)
{
	const guint8 *lf = memchr(at, '\n', (gsize)(end - at));
	return lf != NULL ? lf + 1 : end;
}

static gboolean starts_from(const guint8 *at, const guint8 *end)
{
	return end - at >= 5 && memcmp(at, "From ", 5) == 0;
}

static gboolean is_blank(const guint8 *at, const guint8 *next)
{
	return next - at == 1 || (next - at == 2 && *at == '\r');
}

/* The lines of one message, ">From " and ">>From " less one ">"; the empty line before the next From_ line is the mbox's. */
static void unquote(const guint8 *at, const guint8 *end, GByteArray *out)
{
	while (at < end) {
		const guint8 *next = line_end(at, end), *text = at;
		while (text < next && *text == '>')
			text++;
		if (text > at && starts_from(text, next))
			at++;
		g_byte_array_append(out, at, (guint)(next - at));
		at = next;
	}
}

gboolean source_walk_mbox(
	const guint8 *data, gsize len, const char *path, gint64 mtime, SourceFunc func, gpointer user_data, GError **error)
{
	const guint8 *at = data, *end = data + len;
	while (at < end) {
		const guint8 *body = line_end(at, end), *next = body;
		gboolean after_blank = FALSE;
		const guint8 *blank = NULL;
		while (next < end && !(after_blank && starts_from(next, end))) {
			const guint8 *following = line_end(next, end);
			after_blank = is_blank(next, following);
			if (after_blank)
				blank = next;
			next = following;
		}
		g_autoptr(GByteArray) text = g_byte_array_new();
		unquote(body, after_blank ? blank : next, text);
		SourceMessage message = { .data = text->data, .len = text->len, .path = path,
			.flags = flags_of_status(text->data, text->len) };
		if (!give(&message, mtime, func, user_data, error))
			return FALSE;
		at = next;
	}
	return TRUE;
}

/* -- files and folders ---------------------------------------------------------------------------------------- */

static gboolean walk_file(const char *path, gint64 mtime, SourceFunc func, gpointer user_data, GError **error)
{
	g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);
	if (file == NULL)
		return FALSE;
	const guint8 *data = (const guint8 *)g_mapped_file_get_contents(file);
	gsize len = g_mapped_file_get_length(file);
	gboolean maildir = strstr(path, "/cur/") != NULL || strstr(path, "/new/") != NULL;
	if (!maildir && len > 0 && starts_from(data, data + len) && !g_str_has_suffix(path, ".eml"))
		return source_walk_mbox(data, len, path, mtime, func, user_data, error);
	g_autofree char *name = g_path_get_basename(path);
	SourceMessage message = { .data = data, .len = len, .path = path, .flags = flags_of_name(name) };
	return give(&message, mtime, func, user_data, error);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static gboolean walk_folder(const char *path, SourceFunc func, gpointer user_data, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, error);
	if (dir == NULL)
		return FALSE;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
		if (*name != '.' && strcmp(name, "tmp") != 0)
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *below = g_build_filename(path, names->pdata[i], NULL);
		if (!source_walk(below, func, user_data, error))
			return FALSE;
	}
	return TRUE;
}

gboolean source_walk(const char *path, SourceFunc func, gpointer data, GError **error)
{
	GStatBuf info;
	if (g_stat(path, &info) != 0) {
		int code = errno;
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: %s", path, g_strerror(code));
		return FALSE;
	}
	if (S_ISDIR(info.st_mode))
		return walk_folder(path, func, data, error);
	if (!S_ISREG(info.st_mode)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: neither a file nor a folder", path);
		return FALSE;
	}
	return walk_file(path, info.st_mtime, func, data, error);
}
