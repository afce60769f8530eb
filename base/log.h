#pragma once

/* The log: one line for each event, in logfmt, to stderr.
 *
 *     log_info("search.done", LOG_STR("user", user), LOG_MS("ms", took_us), LOG_UINT("hits", hits));
 *
 * writes `<6>event=search.done user=joe ms=12.340 hits=40` where stderr is the journal's (see
 * log_set_style()), and `time=2026-03-01T10:00:00.123Z level=info event=search.done ...` elsewhere.
 *
 * Event names go from general to specific and end in the outcome; no data and no severity in the name.
 * Keys are string literals, listed in base/log-keys (tests/lint/check-log-keys holds us to it). Values are
 * escaped here, whatever they hold: a line is always one line of valid UTF-8 without control characters.
 * Message text and search words are not logged above debug; secrets never. Rooms below main report errors
 * and do not log; whoever decides what to do logs, once.
 *
 * Thread-safe. Each line is one write(2) of at most LIMIT_LOG_LINE_BYTES, so lines of processes do not
 * mix. The log never blocks a caller for longer than that write, and a failing write is not reported
 * anywhere. */

#include <glib.h>

G_BEGIN_DECLS

/* Levels have syslog's numbers, which are those of systemd's <N>. */
typedef enum {
	LOG_LEVEL_ERROR = 3,   /* the site has to act: something promised is not done */
	LOG_LEVEL_WARNING = 4, /* the site should look: done, but not as it should be */
	LOG_LEVEL_NOTICE = 5,  /* rare and normal: started, stopped, index rebuilt */
	LOG_LEVEL_INFO = 6,    /* each session and each slow command */
	LOG_LEVEL_DEBUG = 7,   /* for developers; may hold search words */
} LogLevel;

/* How the lines begin. LOG_STYLE_AUTO: as for the journal if stderr is its stream (JOURNAL_STREAM of
 * systemd.exec(5) names stderr's device and inode), else plain. */
typedef enum { LOG_STYLE_AUTO, LOG_STYLE_JOURNAL, LOG_STYLE_PLAIN } LogStyle;

/* Events above @level (as a number) are not written. LOG_LEVEL_INFO at first. */
void log_set_level(LogLevel level);
LogLevel log_get_level(void);
gboolean log_enabled(LogLevel level);
void log_set_style(LogStyle style);

/* "error", "warning", "notice", "info", "debug"; FALSE for others. */
gboolean log_level_parse(const char *name, LogLevel *level_out);
const char *log_level_name(LogLevel level);

/* Where lines go; 2 (stderr) at first. The caller keeps the descriptor open. For tests. */
void log_set_fd(int fd);

typedef enum {
	LOG_KIND_NONE, /* left out of the line */
	LOG_KIND_STR,
	LOG_KIND_INT,
	LOG_KIND_UINT,
	LOG_KIND_BOOL,
	LOG_KIND_US,
	LOG_KIND_DOUBLE,
} LogKind;

/* One key and value. Made by the macros below; borrows what it points to for the call. */
typedef struct {
	const char *key;
	LogKind kind;
	gsize len; /* of str */
	union {
		const char *str;
		gint64 i;
		guint64 u;
		double d;
	} value;
} LogField;

LogField log_field_str(const char *key, const char *value);
LogField log_field_bytes(const char *key, const char *value, gsize len);
LogField log_field_int(const char *key, LogKind kind, gint64 value);
LogField log_field_uint(const char *key, guint64 value);
LogField log_field_double(const char *key, double value);
LogField log_field_error(const char *key, const GError *error);

/* The pairs. `"" key` refuses what is no literal. */
#define LOG_STR(key, value) log_field_str("" key, (value))                 /* NULL: the pair is left out */
#define LOG_BYTES(key, value, len) log_field_bytes("" key, (value), (len)) /* any bytes */
#define LOG_INT(key, value) log_field_int("" key, LOG_KIND_INT, (value))
#define LOG_UINT(key, value) log_field_uint("" key, (value))
#define LOG_BOOL(key, value) log_field_int("" key, LOG_KIND_BOOL, (value) ? 1 : 0) /* true or false */
#define LOG_MS(key, us) log_field_int("" key, LOG_KIND_US, (us)) /* microseconds, written as milliseconds */
#define LOG_DOUBLE(key, value) log_field_double("" key, (value))
#define LOG_GERROR(key, error) log_field_error("" key, (error)) /* its message; NULL: left out */

/* Writes an event; the macros below spare the counting, and the making of pairs that nobody reads. */
void log_write(LogLevel level, const char *event, const LogField *fields, gsize n_fields);

/* What log_write() writes, without the beginning of the line and its end: `event=... key=value`. For
 * tests, and for those who show events elsewhere. */
void log_format(GString *out, const char *event, const LogField *fields, gsize n_fields);

#define LOG_EVENT_(level_, event_, ...)                                                                      \
	do {                                                                                                 \
		if (log_enabled(level_)) {                                                                   \
			const LogField log_fields_[] = { log_field_str(NULL, NULL) __VA_OPT__(, )            \
					__VA_ARGS__ };                                                       \
			log_write((level_), "" event_, log_fields_ + 1, G_N_ELEMENTS(log_fields_) - 1);      \
		}                                                                                            \
	} while (0)

#define log_error(event, ...) LOG_EVENT_(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) LOG_EVENT_(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_notice(event, ...) LOG_EVENT_(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_info(event, ...) LOG_EVENT_(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_EVENT_(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

G_END_DECLS
