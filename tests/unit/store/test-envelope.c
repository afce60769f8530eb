#include "store/envelope.h"

#include "base/limits.h"

#include <string.h>

/* "name|route|mailbox|host" of each address, "name:" and ";" of a group. */
static char *described(const char *value, gsize len)
{
	/* The exact size lets ASan see what is read behind it. */
	g_autofree char *exact = g_memdup2(value, len);
	g_autoptr(GPtrArray) addresses = envelope_addresses(exact, len);
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < addresses->len; i++) {
		const EnvelopeAddress *address = addresses->pdata[i];
		g_string_append(out, i > 0 ? " " : "");
		if (address->kind == ENVELOPE_GROUP_START) {
			g_string_append_printf(out, "%s:", address->name);
		} else if (address->kind == ENVELOPE_GROUP_END) {
			g_string_append_c(out, ';');
		} else {
			g_assert_nonnull(address->mailbox);
			g_assert_nonnull(address->host);
			g_string_append_printf(out, "%s|%s|%s|%s",
				address->name != NULL ? address->name : "-",
				address->route != NULL ? address->route : "-", address->mailbox,
				address->host);
		}
	}
	return g_string_free(out, FALSE);
}

static const struct {
	const char *value, *expected;
} cases[] = {
	{ "joe@example.org", "-|-|joe|example.org" },
	{ " <joe@example.org>\r\n", "-|-|joe|example.org" },
	{ "Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|-|john.q.public|example.com" },
	{ "\"Joe \\\"Q\\\" Public\" <j@x>", "Joe \"Q\" Public|-|j|x" },
	{ "\"Doe, Joe\" <j@x>, k@y", "Doe, Joe|-|j|x -|-|k|y" },
	{ "j@x (Joe Public)", "Joe Public|-|j|x" },
	{ "j@x (a (b\\)) c), k@y", "a (b)) c|-|j|x -|-|k|y" },
	{ "Joe (comment) Public <j@x> (more)", "Joe Public|-|j|x" },
	{ "j@x, (k's) k@y", "-|-|j|x -|-|k|y" },
	{ "\"joe doe\"@x", "-|-|joe doe|x" },
	{ "\"joe@home\"@x", "-|-|joe@home|x" },
	{ "\"\"@x", "-|-||x" },
	{ "joe . doe @ ex . org", "-|-|joe.doe|ex.org" },
	{ "joe (c) . \"doe\"@x", "c|-|joe.doe|x" },
	{ "j@[127.0.0.1]", "-|-|j|[127.0.0.1]" },
	{ "j@[IPv6:::1]", "-|-|j|[IPv6:::1]" },
	{ "J <@a,@b:j@x>", "J|@a,@b|j|x" },
	{ "A Group:Ed <e@x>,j@y;", "A Group: Ed|-|e|x -|-|j|y ;" },
	{ "undisclosed-recipients:;", "undisclosed-recipients: ;" },
	{ "g: a@b; c@d", "g: -|-|a|b ; -|-|c|d" },
	{ "g: a@b", "g: -|-|a|b ;" },
	{ "g: h: a@b;;", "g: -|-|h| -|-|a|b ;" },
	{ "\"\":;", ": ;" },
	{ ":;", "" },
	{ "=?utf-8?q?J=C3=B6?= <j@x>", "=?utf-8?q?J=C3=B6?=|-|j|x" },
	{ "J\xf6 <j@x>", "J\xf6|-|j|x" },
	{ "Joe\r\n Public\r\n\t<j@x>,\r\n k@y", "Joe Public|-|j|x -|-|k|y" },
	{ "\"Joe\r\n Public\" <j@x>", "Joe Public|-|j|x" },
	/* not as it should be */
	{ "j@x <j@x>", "j@x|-|j|x" },
	{ "Joe j@x", "Joe|-|j|x" },
	{ "<j@x", "-|-|j|x" },
	{ "Joe <j@x, k@y", "Joe|-|j|x -|-|k|y" },
	{ "<j@x> <k@y>", "-|-|j|x -|-|k|y" },
	{ "<j@x> via list, k@y", "-|-|j|x -|-|k|y" },
	{ "j@x k@y", "-|-|j|x -|-|k|y" },
	{ "j@x; k@y", "-|-|j|x -|-|k|y" },
	{ "root", "-|-|root|" },
	{ "Joe Public", "Joe|-|Public|" },
	{ "Joe <>", "Joe|-||" },
	{ "J <<j@x>>, k@y", "J|-|j|x -|-|k|y" },
	{ "@x", "-|-||x" },
	{ "j@", "-|-|j|" },
	{ "j@x@y", "-|-|j|x@y" },
	{ "<a b@x>", "-|-|a b|x" },
	{ "", "" },
	{ " ,, ; >", "" },
	{ "\"\"", "" },
	{ "(only a comment)", "" },
	{ "(never closed", "" },
	{ "\"never closed", "-|-|never closed|" },
	{ "j@x (never closed\\", "never closed\\|-|j|x" },
	{ "[", "-|-|[|" },
	{ "\\", "-|-|\\|" },
};

static void addresses_are_read(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = described(cases[i].value, strlen(cases[i].value));
		g_test_message("%u", (guint)i);
		g_assert_cmpstr(text, ==, cases[i].expected);
	}
	g_autofree char *nul = described("a\0b <c\0@d>", 10);
	g_assert_cmpstr(nul, ==, "a\x80" "b|-|c\x80|d");
}

/* Every start of a group has its end, whatever stands there. */
static void groups_are_closed(void)
{
	static const char octets[] = "ab@<>,;:\"\\() .\r\n[]";
	for (int round = 0; round < 20000; round++) {
		char data[24];
		gsize len = (gsize)g_test_rand_int_range(0, sizeof(data));
		for (gsize i = 0; i < len; i++)
			data[i] = octets[g_test_rand_int_range(0, sizeof(octets))];
		g_autoptr(GPtrArray) addresses = envelope_addresses(data, len);
		gboolean open = FALSE;
		for (guint i = 0; i < addresses->len; i++) {
			const EnvelopeAddress *address = addresses->pdata[i];
			g_assert_true(address->kind != ENVELOPE_GROUP_START || !open);
			g_assert_true(address->kind != ENVELOPE_GROUP_END || open);
			open = address->kind == ENVELOPE_GROUP_START ||
				(open && address->kind == ENVELOPE_MAILBOX);
		}
		g_assert_false(open);
	}
}

static void number_and_time_are_limited(void)
{
	static const char *const repeated[] = { "a@b,", "(", ")", "\"", "<", ">", "@", ":", ";", "a ", "a.",
		"\\", "(a)", "a:;", "[", "<@", "a@b ", "\"\"", " " };
	for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
		g_autoptr(GString) value = g_string_new("x");
		while (value->len < 2 << 20)
			g_string_append(value, repeated[i]);
		gint64 start = g_get_monotonic_time();
		g_autoptr(GPtrArray) addresses = envelope_addresses(value->str, value->len);
		g_assert_cmpuint(addresses->len, <=, LIMIT_ADDRESSES + 1);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
	}
}

static void text_is_unfolded_and_trimmed(void)
{
	static const struct {
		const char *value, *expected;
	} texts[] = {
		{ "", "" },
		{ " \r\n ", "" },
		{ " Re: Hello\r\n\tthere\n  you ", "Re: Hello\tthere  you" },
		{ "=?utf-8?q?a?= \xff", "=?utf-8?q?a?= \xff" },
		{ "a\rb\r\r\n c", "a\rb\r c" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		gsize len;
		g_autofree char *text = envelope_text(texts[i].value, strlen(texts[i].value), &len);
		g_assert_cmpstr(text, ==, texts[i].expected);
		g_assert_cmpuint(len, ==, strlen(text));
	}
	gsize len;
	g_autofree char *text = envelope_text(" a\0b ", 5, &len);
	g_assert_cmpmem(text, len, "a\0b", 3);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/envelope/addresses_are_read", addresses_are_read);
	g_test_add_func("/envelope/groups_are_closed", groups_are_closed);
	g_test_add_func("/envelope/number_and_time_are_limited", number_and_time_are_limited);
	g_test_add_func("/envelope/text_is_unfolded_and_trimmed", text_is_unfolded_and_trimmed);
	return g_test_run();
}
