#include "base/log.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void values_are_escaped(void)
{
	static const struct {
		const char *value;
		gsize len;
		const char *written;
	} cases[] = {
		{ "joe", 3, "k=joe" },
		{ "joe@example.com", 15, "k=joe@example.com" },
		{ "", 0, "k=\"\"" },
		{ "a b", 3, "k=\"a b\"" },
		{ "a=b", 3, "k=\"a=b\"" },
		{ "say \"hi\\\"", 9, "k=\"say \\\"hi\\\\\\\"\"" },
		{ "a\r\n\tb", 5, "k=\"a\\r\\n\\tb\"" },
		{ "a\0b", 3, "k=\"a\\u0000b\"" },
		{ "\x1B[31m", 5, "k=\"\\u001b[31m\"" },
		{ "\x7F\xC2\x85", 3, "k=\"\\u007f\\u0085\"" },
		{ "na\xC3\xAFve", 6, "k=\"na\xC3\xAFve\"" },
		{ "\xE2\x80\xAE", 3, "k=\"\\u202e\"" }, /* turns the direction of the line */
		{ "\xE2\x80\xA8", 3, "k=\"\\u2028\"" }, /* a line separator */
		{ "\xF3\xA0\x80\xA0", 4, "k=\"\\udb40\\udc20\"" },
		{ "\xFF\xC3x\xE2\x82", 5, "k=\"\\ufffd\\ufffdx\\ufffd\\ufffd\"" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) line = g_string_new(NULL);
		LogField field = log_field_bytes("k", cases[i].value, cases[i].len);
		log_format(line, "a.b", &field, 1);
		g_assert_true(g_str_has_prefix(line->str, "event=a.b "));
		g_assert_cmpstr(line->str + strlen("event=a.b "), ==, cases[i].written);
	}
}

static void fields_of_all_kinds_are_written(void)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "no such file");
	const LogField fields[] = {
		log_field_str("none", NULL),
		log_field_int("int", LOG_KIND_INT, G_MININT64),
		log_field_uint("uint", G_MAXUINT64),
		log_field_int("yes", LOG_KIND_BOOL, 1),
		log_field_int("no", LOG_KIND_BOOL, 0),
		log_field_int("ms", LOG_KIND_US, 12345678),
		log_field_int("early", LOG_KIND_US, -5),
		log_field_double("ratio", 0.25),
		log_field_error("error", error),
		log_field_error("fine", NULL),
	};

	log_format(line, "x", fields, G_N_ELEMENTS(fields));
	g_assert_cmpstr(line->str, ==,
		"event=x int=-9223372036854775808 uint=18446744073709551615 yes=true no=false ms=12345.678 "
		"early=-0.005 ratio=0.25 error=\"no such file\"");
}

/* A log that goes to a temporary file. */
typedef struct {
	int fd;
	char *path;
} Captured;

static Captured capture(void)
{
	Captured captured;
	g_autoptr(GError) error = NULL;

	captured.fd = g_file_open_tmp("test-log-XXXXXX", &captured.path, &error);
	g_assert_no_error(error);
	log_set_fd(captured.fd);
	return captured;
}

/* Ends the capture; the caller frees what was written. */
static char *captured_text(Captured *captured)
{
	char *text;
	g_autoptr(GError) error = NULL;

	log_set_fd(STDERR_FILENO);
	log_set_style(LOG_STYLE_AUTO);
	log_set_level(LOG_LEVEL_INFO);
	g_file_get_contents(captured->path, &text, NULL, &error);
	g_assert_no_error(error);
	close(captured->fd);
	unlink(captured->path);
	g_free(captured->path);
	return text;
}

static void lines_begin_as_their_reader_wants(void)
{
	Captured captured = capture();

	log_set_style(LOG_STYLE_JOURNAL);
	errno = EAGAIN;
	log_info("session.start", LOG_STR("user", "joe"));
	g_assert_cmpint(errno, ==, EAGAIN);
	log_error("disk.full");
	log_debug("not.seen", LOG_STR("user", "joe"));
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("seen", LOG_INT("pid", 1));
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("not.seen");
	log_set_style(LOG_STYLE_PLAIN);
	log_error("plain", LOG_BOOL("error", TRUE));
	g_autofree char *text = captured_text(&captured);
	g_assert_true(g_regex_match_simple(
		"^<6>event=session.start user=joe\n<3>event=disk.full\n"
		"<7>event=seen pid=1\n"
		"time=20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d\\d\\dZ level=error "
		"event=plain error=true\n$",
		text, 0, 0));
}

static void the_journal_is_recognised(void)
{
	Captured captured = capture();
	struct stat status;

	g_assert_cmpint(fstat(captured.fd, &status), ==, 0);
	g_autofree char *stream = g_strdup_printf(
		"%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)status.st_dev, (guint64)status.st_ino);
	g_autofree char *other = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
		(guint64)status.st_dev, (guint64)status.st_ino + 1);
	g_autofree char *before = g_strdup(g_getenv("JOURNAL_STREAM"));
	g_setenv("JOURNAL_STREAM", stream, TRUE);
	log_info("one");
	static const char *const no_streams[] = { "", "1", "1:", ":", "x:y" };
	for (gsize i = 0; i < G_N_ELEMENTS(no_streams); i++) {
		g_setenv("JOURNAL_STREAM", no_streams[i], TRUE);
		log_info("two");
	}
	g_setenv("JOURNAL_STREAM", other, TRUE);
	log_info("two");
	g_unsetenv("JOURNAL_STREAM");
	log_info("two");
	if (before != NULL)
		g_setenv("JOURNAL_STREAM", before, TRUE);
	g_autofree char *text = captured_text(&captured);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_assert_cmpstr(lines[0], ==, "<6>event=one");
	for (guint i = 1; i <= 7; i++)
		g_assert_true(
			g_str_has_prefix(lines[i], "time=") && g_str_has_suffix(lines[i], " event=two"));
}

static void long_values_and_lines_are_cut(void)
{
	g_autofree char *value = g_strnfill(LIMIT_LOG_VALUE_BYTES + 1, 'x');
	Captured captured = capture();

	log_set_style(LOG_STYLE_JOURNAL);
	log_info("long", LOG_STR("user", value), LOG_INT("pid", 7));
	log_info("long", LOG_STR("user", value), LOG_STR("user", value), LOG_STR("user", value),
		LOG_STR("user", value), LOG_INT("pid", 7));
	/* A cut inside of a code point. */
	g_autoptr(GString) wide = g_string_new("x");
	while (wide->len <= LIMIT_LOG_VALUE_BYTES)
		g_string_append(wide, "\xC3\xA9");
	log_info("wide", LOG_BYTES("user", wide->str, wide->len));
	g_autofree char *text = captured_text(&captured);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, 4);
	g_assert_true(g_str_has_suffix(lines[0], "xxx... pid=7"));
	g_assert_cmpuint(strlen(lines[0]), <, LIMIT_LOG_VALUE_BYTES + 60);
	g_assert_true(g_str_has_suffix(lines[1], "xxx... cut=true"));
	g_assert_cmpuint(strlen(lines[1]), <, LIMIT_LOG_LINE_BYTES);
	g_assert_true(g_str_has_suffix(lines[2], "\xC3\xA9...\""));
	g_assert_true(g_utf8_validate(text, -1, NULL));
	g_assert_null(strstr(text, "ufffd"));
}

static gpointer write_many(gpointer data)
{
	for (gint64 i = 0; i < 500; i++)
		log_info("thread", LOG_STR("user", data), LOG_INT("pid", i));
	return NULL;
}

static void lines_of_threads_do_not_mix(void)
{
	char names[][20] = { "aaaaaaaaaa", "bbbbbbbbbbbbbbbbbb", "cc", "dddddddddddddd" };
	GThread *threads[G_N_ELEMENTS(names)];
	Captured captured = capture();

	log_set_style(LOG_STYLE_JOURNAL);
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		threads[i] = g_thread_new("log", write_many, names[i]);
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		g_thread_join(threads[i]);
	g_autofree char *text = captured_text(&captured);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, 500 * G_N_ELEMENTS(names) + 1);
	guint next[G_N_ELEMENTS(names)] = { 0 };
	for (guint i = 0; lines[i][0] != '\0'; i++) {
		gsize k = 0;
		g_autofree char *expected = NULL;
		for (; k < G_N_ELEMENTS(names) && g_strcmp0(lines[i], expected) != 0; k++) {
			g_free(expected);
			expected = g_strdup_printf("<6>event=thread user=%s pid=%u", names[k], next[k]);
		}
		g_assert_cmpstr(lines[i], ==, expected);
		next[k - 1]++;
	}
}

static void levels_have_names(void)
{
	LogLevel level;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		g_assert_true(log_level_parse(log_level_name((LogLevel)i), &level));
		g_assert_cmpint(level, ==, i);
	}
	g_assert_false(log_level_parse("loud", &level));
	g_assert_false(log_level_parse("", &level));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/values_are_escaped", values_are_escaped);
	g_test_add_func("/log/fields_of_all_kinds_are_written", fields_of_all_kinds_are_written);
	g_test_add_func("/log/lines_begin_as_their_reader_wants", lines_begin_as_their_reader_wants);
	g_test_add_func("/log/the_journal_is_recognised", the_journal_is_recognised);
	g_test_add_func("/log/long_values_and_lines_are_cut", long_values_and_lines_are_cut);
	g_test_add_func("/log/lines_of_threads_do_not_mix", lines_of_threads_do_not_mix);
	g_test_add_func("/log/levels_have_names", levels_have_names);
	return g_test_run();
}
