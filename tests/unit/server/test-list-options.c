#include "base/limits.h"
#include "server/imap/list-options.h"

#include <string.h>

static gboolean parse(const char *text, ListOptions *options, GError **error)
{
	ImapParser p = { .data = text, .len = strlen(text) };
	return list_options_parse(&p, options, error);
}

static void append_bits(GString *out, const char *kind, guint bits, const char *const *names)
{
	for (guint i = 0; names[i] != NULL; i++)
		if ((bits & 1u << i) != 0)
			g_string_append_printf(out, " %s:%s", kind, names[i]);
}

/* What was read, as text. */
static char *describe(const ListOptions *options)
{
	static const char *const select[] = { "subscribed", "remote", "recursivematch", "special-use", NULL };
	static const char *const returns[] = { "subscribed", "children", "special-use", "status", NULL };
	GString *out = g_string_new(options->extended ? "extended" : options->root ? "root" : "basic");
	append_bits(out, "select", options->select, select);
	append_bits(out, "return", options->returns, returns);
	if (options->status != 0)
		g_string_append_printf(out, " status:%x", options->status);
	g_string_append_printf(out, " %u", options->patterns->len);
	return g_string_free(out, FALSE);
}

static void arguments_are_read(void)
{
	static const struct {
		const char *text, *expected; /* NULL: an error */
	} cases[] = {
		{ " \"\" *", "basic 1" },
		{ " \"\" \"\"", "root 0" },
		{ " a/ \"\"", "root 0" },
		{ " \"\" (*)", "extended 1" },
		{ " \"\" (\"\")", "extended 0" },
		{ " () \"\" \"\"", "extended 0" },
		{ " \"\" \"\" RETURN ()", "extended 0" },
		{ " a (\"\" b {1+}\r\nc)", "extended 2" },
		{ " (SUBSCRIBED) \"\" *", "extended select:subscribed return:subscribed 1" },
		{ " (special-use remote) \"\" *", "extended select:remote select:special-use return:special-use 1" },
		{ " (RECURSIVEMATCH SUBSCRIBED RECURSIVEMATCH) \"\" *",
			"extended select:subscribed select:recursivematch return:subscribed 1" },
		{ " \"\" % return (children Subscribed SPECIAL-USE)",
			"extended return:subscribed return:children return:special-use 1" },
		{ " \"\" % RETURN (STATUS (MESSAGES))", "extended return:status status:1 1" },
		{ " \"\" % RETURN (STATUS (HIGHESTMODSEQ) CHILDREN STATUS (MESSAGES))",
			"extended return:children return:status status:201 1" },
		{ "", NULL },
		{ "\"\" *", NULL },
		{ " \"\"", NULL },
		{ " \"\" ", NULL },
		{ " \"\" * ", NULL },
		{ " (RECURSIVEMATCH) \"\" *", NULL },
		{ " (RECURSIVEMATCH REMOTE) \"\" *", NULL },
		{ " (SUBSCRIBED \"\" *", NULL },
		{ " (CHILDREN) \"\" *", NULL },
		{ " \"\" ()", NULL },
		{ " \"\" (a", NULL },
		{ " \"\" (a )", NULL },
		{ " \"\" a b", NULL },
		{ " \"\" * RETURN", NULL },
		{ " \"\" * RETURN (REMOTE)", NULL },
		{ " \"\" * RETURN (STATUS)", NULL },
		{ " \"\" * RETURN (STATUS ())", NULL },
		{ " \"\" * RETURN (CHILDREN) ", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(ListOptions) options = { 0 };
		g_autoptr(GError) error = NULL;
		gboolean ok = parse(cases[i].text, &options, &error);
		g_test_message("%s: %s", cases[i].text, ok ? "read" : error->message);
		g_assert_true(ok == (cases[i].expected != NULL));
		if (!ok) {
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
			g_assert_cmpuint(strlen(error->message), >, 10);
			continue;
		}
		g_autofree char *got = describe(&options);
		g_assert_cmpstr(got, ==, cases[i].expected);
	}
}

static void any_pattern_may_match(void)
{
	g_auto(ListOptions) options = { 0 };
	g_autoptr(GError) error = NULL;
	g_assert_true(parse(" a/ (b c% \"\" *d)", &options, &error));
	static const char *const yes[] = { "a/b", "a/c", "a/cc", "a/d", "a/x/d", NULL };
	static const char *const no[] = { "a", "a/", "b", "a/b/c", "a/c/c", "x/d", NULL };
	for (guint i = 0; yes[i] != NULL; i++)
		g_assert_true(list_options_match(&options, yes[i], strlen(yes[i])));
	for (guint i = 0; no[i] != NULL; i++)
		g_assert_false(list_options_match(&options, no[i], strlen(no[i])));
}

static void patterns_have_limits(void)
{
	static const struct {
		guint n, len;
		gboolean ok;
	} cases[] = {
		{ LIMIT_LIST_ITEMS, 1, TRUE },
		{ LIMIT_LIST_ITEMS + 1, 1, FALSE },
		{ 1, LIMIT_LIST_PATTERN_BYTES, TRUE },
		{ 1, LIMIT_LIST_PATTERN_BYTES + 1, FALSE },
		{ 2, LIMIT_LIST_PATTERN_BYTES / 2, TRUE },
		{ 2, LIMIT_LIST_PATTERN_BYTES / 2 + 1, FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(ListOptions) options = { 0 };
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) text = g_string_new(" \"\" ");
		g_autofree char *pattern = g_strnfill(cases[i].len, 'x');
		for (guint k = 0; k < cases[i].n; k++)
			g_string_append_printf(text, "%c%s", k == 0 ? '(' : ' ', pattern);
		g_string_append_c(text, ')');
		g_assert_true(parse(text->str, &options, &error) == cases[i].ok);
		if (!cases[i].ok)
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/list-options/arguments-are-read", arguments_are_read);
	g_test_add_func("/list-options/any-pattern-may-match", any_pattern_may_match);
	g_test_add_func("/list-options/patterns-have-limits", patterns_have_limits);
	return g_test_run();
}
