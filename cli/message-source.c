#include "cli/message-source.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/datetime.h"
#include "store/maildir.h"
#include "store/mime-tree.h"

/* -- what a message says of itself ----------------------------------------------------------------------- */

/* The date of a Received field stands behind its last semicolon (RFC 5322 3.6.7). */
static gboolean received_date(const MimeField *field, Datetime *out)
{
	const char *semicolon = memrchr(field->value, ';', field->value_len);
	if (semicolon == NULL)
		return FALSE;
	gsize skipped = (gsize)(semicolon + 1 - field->value);
	return datetime_parse_rfc5322(semicolon + 1, field->value_len - skipped, out);
}

/* The newest Received is the first. The dates of @received_out and @date_out are set where the result says
 * so. */
static void message_dates(const SourceMessage *message, Datetime *received_out, gboolean *has_received_out,
	Datetime *date_out, gboolean *has_date_out)
{
	*has_received_out = *has_date_out = FALSE;
	MimeField field;
	for (gsize pos = 0; mime_field_next(message->data, message->len, TRUE, &pos, &field);) {
		if (mime_field_is(&field, "Received") && received_date(&field, received_out)) {
			*has_received_out = TRUE;
			return;
		}
		if (!*has_date_out && mime_field_is(&field, "Date"))
			*has_date_out = datetime_parse_rfc5322(field.value, field.value_len, date_out);
	}
}

/* mbox: Status: R is seen; X-Status: A, F, D, T as c-client and mutt write them. */
static MessageFlags flags_of_status(const guint8 *data, gsize len)
{
	static const struct {
		const char *field;
		char letter;
		MessageFlags flag;
	} table[] = {
		{ "Status", 'R', MESSAGE_SEEN },
		{ "X-Status", 'A', MESSAGE_ANSWERED },
		{ "X-Status", 'F', MESSAGE_FLAGGED },
		{ "X-Status", 'D', MESSAGE_DELETED },
		{ "X-Status", 'T', MESSAGE_DRAFT },
	};
	MessageFlags flags = 0;
	MimeField field;
	for (gsize pos = 0; mime_field_next(data, len, TRUE, &pos, &field);)
		for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
			if (mime_field_is(&field, table[i].field) &&
				memchr(field.value, table[i].letter, field.value_len) != NULL)
				flags |= table[i].flag;
	return flags;
}

/* Sets the date and gives the message on. @arrived: of the mbox's From_ line, or NULL. */
static gboolean give(SourceMessage *message, const Datetime *arrived, gint64 mtime, SourceFunc func,
	gpointer user_data, GError **error)
{
	Datetime received, sent, date = { .unix_seconds = mtime };
	gboolean has_received, has_sent;
	message_dates(message, &received, &has_received, &sent, &has_sent);
	if (has_received)
		date = received;
	else if (arrived != NULL)
		date = *arrived;
	else if (has_sent)
		date = sent;
	message->received_at = date.unix_seconds;
	message->zone = (gint16)date.zone_minutes;
	return func(message, user_data, error);
}

/* -- mbox ------------------------------------------------------------------------------------------------ */

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

/* The date of a From_ line, behind the sender: as asctime(3) writes it, in UTC (RFC 4155 appendix A), or
 * with a zone. */
static gboolean from_line_date(const guint8 *line, const guint8 *end, Datetime *out)
{
	static const char *const weekdays[] = { " Mon ", " Tue ", " Wed ", " Thu ", " Fri ", " Sat ",
		" Sun " };
	const guint8 *date = NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(weekdays); i++) {
		const guint8 *at = memmem(line, (gsize)(end - line), weekdays[i], 5);
		if (at != NULL && (date == NULL || at < date))
			date = at;
	}
	return date != NULL && datetime_parse_rfc5322((const char *)date, (gsize)(end - date), out);
}

/* The lines of one message, ">From " and ">>From " less one ">"; the empty line before the next From_ line
 * is the mbox's. */
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

gboolean source_walk_mbox(const guint8 *data, gsize len, const char *path, gint64 mtime, SourceFunc func,
	gpointer user_data, GError **error)
{
	const guint8 *at = data, *end = data + len;
	while (at < end) {
		const guint8 *body = line_end(at, end), *next = body;
		Datetime arrived;
		gboolean has_arrived = from_line_date(at, body, &arrived);
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
		SourceMessage message = { .data = text->data,
			.len = text->len,
			.path = path,
			.flags = flags_of_status(text->data, text->len) };
		if (!give(&message, has_arrived ? &arrived : NULL, mtime, func, user_data, error))
			return FALSE;
		at = next;
	}
	return TRUE;
}

/* -- files and folders ----------------------------------------------------------------------------------- */

static gboolean walk_file(const char *path, gint64 mtime, SourceFunc func, gpointer user_data, GError **error)
{
	g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);
	if (file == NULL)
		return FALSE;
	const guint8 *data = (const guint8 *)g_mapped_file_get_contents(file);
	gsize len = g_mapped_file_get_length(file);
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *folder_name = g_path_get_basename(folder);
	gboolean maildir = strcmp(folder_name, "cur") == 0 || strcmp(folder_name, "new") == 0;
	if (!maildir && len > 0 && starts_from(data, data + len) && !g_str_has_suffix(path, ".eml"))
		return source_walk_mbox(data, len, path, mtime, func, user_data, error);
	g_autofree char *name = g_path_get_basename(path);
	SourceMessage message = { .data = data, .len = len, .path = path, .flags = maildir_flags_of_file(name, NULL) };
	return give(&message, NULL, mtime, func, user_data, error);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A Maildir's messages are in cur and new; what else is there is its server's. */
static gboolean is_maildir(const char *path)
{
	static const char *const parts[] = { "cur", "new" };
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *part = g_build_filename(path, parts[i], NULL);
		if (!g_file_test(part, G_FILE_TEST_IS_DIR))
			return FALSE;
	}
	return TRUE;
}

static gboolean walk_folder(const char *path, SourceFunc func, gpointer user_data, GError **error)
{
	gboolean maildir = is_maildir(path);
	g_autoptr(GDir) dir = g_dir_open(path, 0, error);
	if (dir == NULL)
		return FALSE;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
		if (*name != '.' && (!maildir || strcmp(name, "cur") == 0 || strcmp(name, "new") == 0))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *below = g_build_filename(path, names->pdata[i], NULL);
		/* A link to a folder may lead back here. */
		if (g_file_test(below, G_FILE_TEST_IS_SYMLINK) && g_file_test(below, G_FILE_TEST_IS_DIR))
			continue;
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
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: %s", path,
			g_strerror(code));
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
