#include "base/log.h"

#include "base/datetime.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The only state of the process in this room, next to the metrics. All are read and written atomically. */
static gint current_level = LOG_LEVEL_INFO;
static gint current_style = LOG_STYLE_AUTO;
static gint current_fd = STDERR_FILENO;

static const struct {
	const char *name;
	LogLevel level;
} levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

/* Ends a line that lost fields to LIMIT_LOG_LINE_BYTES. */
static const char cut_mark[] = " cut=true";

void log_set_level(LogLevel level)
{
	g_atomic_int_set(&current_level, (gint)level);
}

LogLevel log_get_level(void)
{
	return (LogLevel)g_atomic_int_get(&current_level);
}

gboolean log_enabled(LogLevel level)
{
	return (gint)level <= g_atomic_int_get(&current_level);
}

void log_set_style(LogStyle style)
{
	g_atomic_int_set(&current_style, (gint)style);
}

void log_set_fd(int fd)
{
	g_atomic_int_set(&current_fd, fd);
}

gboolean log_level_parse(const char *name, LogLevel *level_out)
{
	for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*level_out = levels[i].level;
			return TRUE;
		}
	}
	return FALSE;
}

const char *log_level_name(LogLevel level)
{
	for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
		if (levels[i].level == level)
			return levels[i].name;
	}
	return "unknown";
}

LogField log_field_bytes(const char *key, const char *value, gsize len)
{
	return (LogField){ .key = key, .kind = LOG_KIND_STR, .len = len, .value.str = value };
}

LogField log_field_str(const char *key, const char *value)
{
	if (value == NULL)
		return (LogField){ .key = key, .kind = LOG_KIND_NONE };
	return log_field_bytes(key, value, strlen(value));
}

LogField log_field_int(const char *key, LogKind kind, gint64 value)
{
	return (LogField){ .key = key, .kind = kind, .value.i = value };
}

LogField log_field_uint(const char *key, guint64 value)
{
	return (LogField){ .key = key, .kind = LOG_KIND_UINT, .value.u = value };
}

LogField log_field_double(const char *key, double value)
{
	return (LogField){ .key = key, .kind = LOG_KIND_DOUBLE, .value.d = value };
}

LogField log_field_error(const char *key, const GError *error)
{
	return log_field_str(key, error != NULL ? error->message : NULL);
}

static gboolean is_bare(const char *value, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		guint8 c = (guint8)value[i];
		if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
			return FALSE;
	}
	return len > 0;
}

/* One code point inside of quotes. Escapes are JSON's, which is what readers of logfmt undo. */
static void append_escaped(GString *out, gunichar code)
{
	if (code == '"' || code == '\\') {
		g_string_append_c(out, '\\');
		g_string_append_c(out, (char)code);
	} else if (code == '\n') {
		g_string_append(out, "\\n");
	} else if (code == '\r') {
		g_string_append(out, "\\r");
	} else if (code == '\t') {
		g_string_append(out, "\\t");
	} else if (g_unichar_isprint(code) && code != 0x2028 && code != 0x2029) {
		g_string_append_unichar(out, code);
	} else if (code < 0x10000) {
		/* Control and format characters (which turn the direction of a terminal's line) and what
		 * is not assigned. */
		g_string_append_printf(out, "\\u%04x", code);
	} else {
		code -= 0x10000;
		g_string_append_printf(out, "\\u%04x\\u%04x", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
	}
}

static void append_value(GString *out, const char *value, gsize len)
{
	gboolean cut = len > LIMIT_LOG_VALUE_BYTES;

	if (cut)
		len = LIMIT_LOG_VALUE_BYTES;
	if (is_bare(value, len)) {
		g_string_append_len(out, value, (gssize)len);
		if (cut)
			g_string_append(out, "...");
		return;
	}
	g_string_append_c(out, '"');
	for (const char *p = value, *end = value + len; p < end;) {
		/* NUL is a character like others here, and for GLib the end. */
		gunichar code = *p == '\0' ? 0 : g_utf8_get_char_validated(p, end - p);
		if (code == (gunichar)-1 || code == (gunichar)-2) {
			if (cut && end - p < 4)
				break; /* the cut went through a code point */
			g_string_append(out, "\\ufffd");
			p++;
			continue;
		}
		append_escaped(out, code);
		p += *p == '\0' ? 1 : g_utf8_skip[(guint8)*p];
	}
	if (cut)
		g_string_append(out, "...");
	g_string_append_c(out, '"');
}

static void append_field(GString *out, const LogField *field)
{
	if (field->kind == LOG_KIND_NONE)
		return;
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, field->key);
	g_string_append_c(out, '=');
	switch (field->kind) {
	case LOG_KIND_STR:
		append_value(out, field->value.str, field->len);
		break;
	case LOG_KIND_INT:
		g_string_append_printf(out, "%" G_GINT64_FORMAT, field->value.i);
		break;
	case LOG_KIND_UINT:
		g_string_append_printf(out, "%" G_GUINT64_FORMAT, field->value.u);
		break;
	case LOG_KIND_BOOL:
		g_string_append(out, field->value.i != 0 ? "true" : "false");
		break;
	case LOG_KIND_US: {
		guint64 us = field->value.i < 0 ? -(guint64)field->value.i : (guint64)field->value.i;
		g_string_append_printf(out, "%s%" G_GUINT64_FORMAT ".%03u", field->value.i < 0 ? "-" : "",
			us / 1000, (guint)(us % 1000));
		break;
	}
	case LOG_KIND_DOUBLE: {
		char number[G_ASCII_DTOSTR_BUF_SIZE];
		g_string_append(out, g_ascii_formatd(number, sizeof number, "%.6g", field->value.d));
		break;
	}
	case LOG_KIND_NONE:
		break;
	}
}

/* Fields as long as there is room for them in a line that ends at @max bytes. */
static void append_fields(GString *out, const char *event, const LogField *fields, gsize n_fields, gsize max)
{
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, "event=");
	append_value(out, event, strlen(event));
	for (gsize i = 0; i < n_fields; i++) {
		gsize before = out->len;
		append_field(out, &fields[i]);
		if (out->len + strlen(cut_mark) > max) {
			g_string_truncate(out, before);
			g_string_append(out, cut_mark);
			return;
		}
	}
}

void log_format(GString *out, const char *event, const LogField *fields, gsize n_fields)
{
	append_fields(out, event, fields, n_fields, out->len + LIMIT_LOG_LINE_BYTES);
}

/* systemd.exec(5): JOURNAL_STREAM is "DEVICE:INODE" of the stream; what was redirected since is not it. */
static gboolean is_journal(int fd)
{
	const char *stream = g_getenv("JOURNAL_STREAM");
	struct stat status;

	if (stream == NULL || fstat(fd, &status) != 0)
		return FALSE;
	char *end;
	guint64 device = g_ascii_strtoull(stream, &end, 10);
	if (*end != ':')
		return FALSE;
	guint64 inode = g_ascii_strtoull(end + 1, &end, 10);
	return *end == '\0' && device == (guint64)status.st_dev && inode == (guint64)status.st_ino;
}

static void append_time(GString *out)
{
	gint64 now_us = g_get_real_time();
	gint64 seconds = now_us / G_USEC_PER_SEC;
	gint32 day = datetime_day_of(seconds, 0);
	gint32 second_of_day = (gint32)(seconds - (gint64)day * 86400);
	int year, month, day_of_month;

	datetime_civil_from_day(day, &year, &month, &day_of_month);
	g_string_append_printf(out, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day_of_month,
		second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60,
		(int)(now_us % G_USEC_PER_SEC / 1000));
}

void log_write(LogLevel level, const char *event, const LogField *fields, gsize n_fields)
{
	int fd = g_atomic_int_get(&current_fd);
	LogStyle style = (LogStyle)g_atomic_int_get(&current_style);
	g_autoptr(GString) line = g_string_sized_new(256);

	if (!log_enabled(level))
		return;
	if (style == LOG_STYLE_JOURNAL || (style == LOG_STYLE_AUTO && is_journal(fd))) {
		g_autoptr(GString) body = g_string_sized_new(256);
		append_fields(body, event, fields, n_fields, LIMIT_LOG_LINE_BYTES - strlen("<7>\n"));
		g_string_append_printf(line, "<%d>", (int)level);
		g_string_append_len(line, body->str, (gssize)body->len);
	} else {
		append_time(line);
		g_string_append_printf(line, " level=%s", log_level_name(level));
		append_fields(line, event, fields, n_fields, LIMIT_LOG_LINE_BYTES - 1);
	}
	g_string_append_c(line, '\n');

	/* Callers may be about to look at errno. */
	int saved_errno = errno;
	const char *rest = line->str;
	gsize len = line->len;
	while (len > 0) {
		ssize_t n = write(fd, rest, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		rest += n;
		len -= (gsize)n;
	}
	errno = saved_errno;
}
