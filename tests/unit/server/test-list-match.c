#include "base/limits.h"
#include "server/imap/list-match.h"

#include <string.h>

static gboolean matches(const char *reference, const char *pattern, const char *name)
{
	g_autoptr(ListPattern) compiled = list_pattern_new(reference, pattern);
	return list_pattern_match(compiled, name, strlen(name));
}

static void patterns_match_as_rfc_3501_says(void)
{
	static const struct {
		const char *reference, *pattern, *name;
		gboolean matches;
	} cases[] = {
		{ "", "*", "a", TRUE },
		{ "", "*", "a/b/c", TRUE },
		{ "", "%", "a", TRUE },
		{ "", "%", "a/b", FALSE },
		{ "", "%/%", "a/b", TRUE },
		{ "", "%/%", "a/b/c", FALSE },
		{ "", "a/%", "a/b", TRUE },
		{ "a/", "%", "a/b", TRUE },
		{ "a", "/%", "a/b", TRUE },
		{ "a", "%", "ab", TRUE },
		{ "", "a*", "a/b", TRUE },
		{ "", "*b", "a/b", TRUE },
		{ "", "%b", "a/b", FALSE },
		{ "", "a%b", "a/b", FALSE },
		{ "", "a%b", "ab", TRUE },
		{ "", "a*b%c", "a/x/bc", TRUE },
		{ "", "a*b%c", "a/xb/c", FALSE },
		{ "", "*%", "a/b", TRUE },
		{ "", "%*", "a/b", TRUE },
		{ "", "%%", "a", TRUE },
		{ "", "%%", "a/b", FALSE },
		{ "", "", "", TRUE },
		{ "", "", "a", FALSE },
		{ "", "a", "a", TRUE },
		{ "", "a", "A", FALSE },
		{ "", "a", "ab", FALSE },
		{ "", "ab", "a", FALSE },
		{ "", "inbox", "INBOX", TRUE },
		{ "", "InB%", "INBOX", TRUE },
		{ "", "inbox/*", "INBOX/a", TRUE },
		{ "", "inbox/A", "INBOX/a", FALSE },
		{ "", "inboxes", "INBOXES", FALSE },
		{ "in", "box", "INBOX", TRUE },
		{ "", "\xc3\xbc%",
			"\xc3\xbc"
			"ber",
			TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("\"%s\" \"%s\" and %s", cases[i].reference, cases[i].pattern, cases[i].name);
		g_assert_cmpint(
			matches(cases[i].reference, cases[i].pattern, cases[i].name), ==, cases[i].matches);
	}
}

/* The plain definition. */
static gboolean naive_match(const char *pattern, const char *name)
{
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern == '*' || *pattern == '%')
		return naive_match(pattern + 1, name) ||
			(*name != '\0' && (*pattern == '*' || *name != '/') &&
				naive_match(pattern, name + 1));
	return *pattern == *name && naive_match(pattern + 1, name + 1);
}

static void random_text(char *text, int max, const char *alphabet)
{
	int len = g_test_rand_int_range(0, max + 1);
	for (int i = 0; i < len; i++)
		text[i] = alphabet[g_test_rand_int_range(0, (gint32)strlen(alphabet))];
	text[len] = '\0';
}

static void matching_agrees_with_the_plain_definition(void)
{
	for (int round = 0; round < 100000; round++) {
		char pattern[11], name[11];
		random_text(pattern, 10, "ab/*%");
		random_text(name, 10, "ab/");
		if (matches("", pattern, name) != naive_match(pattern, name))
			g_error("%s and %s", pattern, name);
	}
}

/* States beyond the first word of bits. */
static void long_patterns_work(void)
{
	for (guint len = 1; len < 300; len++) {
		g_autofree char *name = g_strnfill(len, 'a');
		g_autofree char *pattern = g_strdup_printf("%s%%%s*%s", name, name, name);
		g_autofree char *long_name = g_strdup_printf("%sb%sb/%s", name, name, name);
		g_assert_true(matches("", name, name));
		g_assert_true(matches("", pattern, long_name));
		long_name[len] = '/';
		g_assert_false(matches("", pattern, long_name));
	}
}

static void no_pattern_is_slow(void)
{
	g_autoptr(GString) pattern = g_string_new(NULL);
	for (int i = 0; i < 500; i++)
		g_string_append(pattern, "*a");
	g_string_append_c(pattern, 'b');
	g_autofree char *name = g_strnfill(1000, 'a');
	g_autoptr(ListPattern) compiled = list_pattern_new("", pattern->str);
	gint64 start = g_get_monotonic_time();
	for (int i = 0; i < 1000; i++)
		g_assert_false(list_pattern_match(compiled, name, 1000));
	/* Backtracking would not end before the stars go out; this takes about 30 ms. */
	g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
}

static void longer_than_any_name_matches_nothing(void)
{
	g_autofree char *longest = g_strnfill(LIMIT_MAILBOX_NAME, 'x');
	g_autoptr(GString) wild = g_string_new("*"), wilder = NULL;
	for (guint i = 0; i < LIMIT_MAILBOX_NAME; i++)
		g_string_append(wild, "x*");
	wilder = g_string_new(wild->str);
	g_string_append(wilder, "x");
	g_assert_true(matches("", wild->str, longest));
	g_assert_false(matches("", wilder->str, longest));
	g_assert_false(matches("", wilder->str, "x"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/list-match/patterns_match_as_rfc_3501_says", patterns_match_as_rfc_3501_says);
	g_test_add_func("/list-match/matching_agrees_with_the_plain_definition",
		matching_agrees_with_the_plain_definition);
	g_test_add_func("/list-match/long_patterns_work", long_patterns_work);
	g_test_add_func("/list-match/no_pattern_is_slow", no_pattern_is_slow);
	g_test_add_func("/list-match/longer-than-any-name-matches-nothing", longer_than_any_name_matches_nothing);
	return g_test_run();
}
