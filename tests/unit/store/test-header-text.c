#include "store/header-text.h"

#include <string.h>

static const struct {
	const char *value, *expected;
} values[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ " a\r\n b\n\tc", " a b\tc" },
	{ "caf\xc3\xa9", "café" },
	{ "caf\xe9 \xc3\xa9", "café Ã©" }, /* not all of it is UTF-8 */
	{ "=?utf-8?Q?caf=C3=A9?=", "café" },
	{ "=?UTF-8?b?Y2Fmw6k=?=", "café" },
	{ "=?iso-8859-1*fr?q?caf=E9_noir?=", "café noir" },
	{ "x=?utf-8?q?a?=y", "xay" },
	{ "\"=?utf-8?q?quoted?=\"", "\"quoted\"" },
	{ "(=?utf-8?q?a?=)", "(a)" },
	/* white space between words goes, other white space stays */
	{ "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
	{ "=?utf-8?q?a?=\r\n\t =?utf-8?q?b?= c", "ab c" },
	{ "=?utf-8?q?a?==?iso-8859-1?q?=E9?=", "aé" },
	{ "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b" },
	{ "=?utf-8?q?a?= \r =?utf-8?q?b?=", "a \r b" },
	/* a character cut between two words */
	{ "=?utf-8?q?=C3?= =?UTF-8?q?=A9?=", "é" },
	{ "=?utf-8?b?ww==?= =?utf-8?q?=A9?=", "é" },
	{ "=?utf-8?q?=C3?= =?utf8?q?=A9?=", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "=?utf-8?q?=C3?=\xa9", "\xef\xbf\xbd©" },
	{ "=?iso-2022-jp?b?GyRCRnw=?= =?iso-2022-jp?b?S1wbKEI=?=", "日本" },
	/* not words */
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=?utf-8?q?a", "=?utf-8?q?a" },
	{ "=?utf-8?q?a?", "=?utf-8?q?a?" },
	{ "=?utf-8?q?a?b?=", "=?utf-8?q?a?b?=" },
	{ "=?utf-8?qq?a?=", "=?utf-8?qq?a?=" },
	{ "=?"
	  "?q?a?=",
		"=?"
		"?q?a?=" },
	{ "=?*en?q?a?=", "=?*en?q?a?=" },
	{ "=?utf -8?q?a?=", "=?utf -8?q?a?=" },
	{ "=?", "=?" },
	{ "=?=", "=?=" },
	{ "=?=?utf-8?q?a?=", "=?a" },
	{ "=?utf-8?q?=?utf-8?q?a?=", "=?utf-8?q?a" },
	/* lenient ones */
	{ "=?utf-8?q?"
	  "?=",
		"" },
	{ "=?utf-8?q?a b?=", "a b" },
	{ "=?utf-8?q?a=\r\n b?=", "a= b" },
	{ "=?utf-8*?q?a?=", "a" },
	{ "=?nobody-knows?q?caf=E9?=", "café" },
	{ "=?us-ascii?q?caf=C3=A9?=", "café" },
	{ "=?utf-8?b?YQ?=", "a" },
};

static void values_are_decoded(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
		GString *out = g_string_new(NULL);
		header_text_decode(out, values[i].value, strlen(values[i].value));
		g_test_message("%s", values[i].value);
		g_assert_cmpstr(out->str, ==, values[i].expected);
		g_string_free(out, TRUE);
	}
}

static const struct {
	const char *field, *expected;
} lines[] = {
	{ "Subject: Hello  World\r\n", "subject: hello world\n" },
	{ "SUBJECT:\r\n  Hello\r\n\tWorld \r\n", "subject: hello world\n" },
	{ "X:\n", "x: \n" },
	{ "X: \r\n \r\n", "x: \n" },
	{ "X-Y\t:=?utf-8?q?_=C3=89_?=\n", "x-y: e\xcc\x81\n" },
	{ "X: caf\xe9\n", "x: cafe\xcc\x81\n" },
	{ "X: a\1b\n", "x: a b\n" },
	{ "just junk\n on  two lines \n", "just junk on two lines\n" },
	{ ": no name\n", ": no name\n" },
	{ "\xc2\xa0junk\n", "junk\n" },
	{ "Content-Type: text/plain; name*=utf-8''%C3%89t\n",
		"content-type: text/plain; name*=utf-8''%c3%89t; name=\"e\xcc\x81t\"\n" },
	{ "Content-Disposition: attachment; filename*1=b.txt;\n filename*0=\"A\"; size=3\n",
		"content-disposition: attachment; filename*1=b.txt; filename*0=\"a\"; size=3; "
		"filename=\"ab.txt\"\n" },
	{ "Content-Disposition: filename*=x\n", "content-disposition: filename*=x\n" },
	{ "Content-Disposition: ; filename*=x\n", "content-disposition: ; filename*=x; filename=\"x\"\n" },
	{ "Content-Type: a/b; c=\"*\"\n", "content-type: a/b; c=\"*\"\n" },
	{ "X-Other: a/b; n*=''c\n", "x-other: a/b; n*=''c\n" },
};

static void lines_are_folded(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		const char *text = lines[i].field;
		g_autoptr(GString) out = g_string_new("before\n");
		MimeField field;
		gsize pos = 0;
		g_assert_true(mime_field_next((const guint8 *)text, strlen(text), FALSE, &pos, &field));
		header_text_append_line(out, &field);
		g_assert_cmpstr(out->str + strlen("before\n"), ==, lines[i].expected);
	}
}

static void unfolding_changes_nothing_else(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	static const char value[] = " =?a?q?b?= \r\n\t\xe9\r\r\n x\r";
	header_text_unfold(out, value, sizeof(value) - 1);
	g_assert_cmpstr(out->str, ==, " =?a?q?b?= \t\xe9\r x\r");
}

static void time_is_linear(void)
{
	static const char *const repeated[] = { "=?", "=?a", "=?a?q", "=?a?q?", "=?a?q?b",
		"=?a?q?b?= ", "=?a*", "?=", "=?utf-8?q?=C3?= ", "=", "\n ", "=?*", " " };
	for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
		g_autoptr(GString) value = g_string_new(NULL), out = g_string_new(NULL);
		while (value->len < 2 << 20)
			g_string_append(value, repeated[i]);
		gint64 start = g_get_monotonic_time();
		header_text_decode(out, value->str, value->len);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/header-text/values_are_decoded", values_are_decoded);
	g_test_add_func("/header-text/lines_are_folded", lines_are_folded);
	g_test_add_func("/header-text/unfolding_changes_nothing_else", unfolding_changes_nothing_else);
	g_test_add_func("/header-text/time_is_linear", time_is_linear);
	return g_test_run();
}
