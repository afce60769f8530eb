#include "server/imap/fetch-envelope.h"

#include "server/imap/parser.h"
#include "tests/unit/server/sample-mail.h"

#include <string.h>

static void addresses_are_read(void)
{
	static const struct {
		const char *value, *expected;
	} cases[] = {
		{ "joe@example.org", "(NIL NIL \"joe\" \"example.org\")" },
		{ " <joe@example.org>", "(NIL NIL \"joe\" \"example.org\")" },
		{ "Joe Q. Public <john.q.public@example.com>",
			"(\"Joe Q. Public\" NIL \"john.q.public\" \"example.com\")" },
		{ "\"Joe \\\"Q\\\" Public\" <j@x>", "(\"Joe \\\"Q\\\" Public\" NIL \"j\" \"x\")" },
		{ "\"Doe, Joe\" <j@x>, k@y", "(\"Doe, Joe\" NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "j@x (Joe Public)", "(\"Joe Public\" NIL \"j\" \"x\")" },
		{ "j@x (a (b) c), k@y", "(\"a (b) c\" NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "Joe (comment) Public <j@x> (more)", "(\"Joe Public\" NIL \"j\" \"x\")" },
		{ "j@x, (k's) k@y", "(NIL NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "\"joe doe\"@x", "(NIL NIL \"joe doe\" \"x\")" },
		{ "\"joe@home\"@x", "(NIL NIL \"joe@home\" \"x\")" },
		{ "joe . doe @ ex . org", "(NIL NIL \"joe.doe\" \"ex.org\")" },
		{ "j@[127.0.0.1]", "(NIL NIL \"j\" \"[127.0.0.1]\")" },
		{ "j@[IPv6:::1]", "(NIL NIL \"j\" \"[IPv6:::1]\")" },
		{ "<@a,@b:j@x>", "(NIL \"@a,@b\" \"j\" \"x\")" },
		{ "J <@a:j@x>", "(\"J\" \"@a\" \"j\" \"x\")" },
		{ "A Group:Ed <e@x>,j@y;",
			"(NIL NIL \"A Group\" NIL)(\"Ed\" NIL \"e\" \"x\")(NIL NIL \"j\" \"y\")"
			"(NIL NIL NIL NIL)" },
		{ "undisclosed-recipients:;", "(NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)" },
		{ "g: a@b; c@d",
			"(NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)(NIL NIL \"c\" \"d\")" },
		{ "g: a@b", "(NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)" },
		{ ":;", "" },
		{ "\"\":;", "(NIL NIL \"\" NIL)(NIL NIL NIL NIL)" },
		{ "=?utf-8?q?J=C3=B6?= <j@x>", "(\"=?utf-8?q?J=C3=B6?=\" NIL \"j\" \"x\")" },
		{ "J\xc3\xb6 <j@x>", "({3}\r\nJ\xc3\xb6 NIL \"j\" \"x\")" },
		{ "Joe\r\n Public\r\n\t<j@x>,\r\n k@y",
			"(\"Joe Public\" NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "\"Joe\r\n Public\" <j@x>", "(\"Joe Public\" NIL \"j\" \"x\")" },
		{ "j@x <j@x>", "(\"j@x\" NIL \"j\" \"x\")" },
		{ "Joe j@x", "(\"Joe\" NIL \"j\" \"x\")" },
		{ "<j@x", "(NIL NIL \"j\" \"x\")" },
		{ "Joe <j@x, k@y", "(\"Joe\" NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "<j@x> <k@y>", "(NIL NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "<j@x> via list, k@y", "(NIL NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "j@x k@y", "(NIL NIL \"j\" \"x\")(NIL NIL \"k\" \"y\")" },
		{ "root", "(NIL NIL \"root\" \"MISSING_DOMAIN\")" },
		{ "Joe Public", "(\"Joe\" NIL \"Public\" \"MISSING_DOMAIN\")" },
		{ "Joe <>", "(\"Joe\" NIL \"MISSING_MAILBOX\" \"MISSING_DOMAIN\")" },
		{ "@x", "(NIL NIL \"MISSING_MAILBOX\" \"x\")" },
		{ "j@", "(NIL NIL \"j\" \"MISSING_DOMAIN\")" },
		{ "<a b@x>", "(NIL NIL \"a b\" \"x\")" },
		{ "", "" },
		{ " ,, ; >", "" },
		{ "(only a comment)", "" },
		{ "(never closed", "" },
		{ "\"never closed", "(NIL NIL \"never closed\" \"MISSING_DOMAIN\")" },
		{ "j@x (never closed", "(\"never closed\" NIL \"j\" \"x\")" },
		{ "[", "(NIL NIL \"[\" \"MISSING_DOMAIN\")" },
		{ "\\", "(NIL NIL \"\\\\\" \"MISSING_DOMAIN\")" },
		{ "a\rb@x", "(\"a\" NIL \"b\" \"x\")" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_autofree char *value = g_memdup2(cases[i].value, MAX(strlen(cases[i].value), 1));
		g_test_message("%s", cases[i].value);
		fetch_write_addresses(out, value, strlen(cases[i].value));
		g_assert_cmpstr(out->str, ==, cases[i].expected);
	}
}

static void envelopes_are_written(void)
{
	static const struct {
		const char *header, *expected;
	} cases[] = {
		{ "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
		  "From: Terry Gray <gray@cac.washington.edu>\r\n"
		  "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
		  "To: imap@cac.washington.edu\r\n"
		  "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
		  "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
		  "MIME-Version: 1.0\r\n\r\n", /* RFC 3501 section 8 */
			"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
			"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
			"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
			"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
			"((NIL NIL \"imap\" \"cac.washington.edu\")) "
			"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" "
			"\"MIT.EDU\")) NIL NIL "
			"\"<B27397-0100000@cac.washington.edu>\")" },
		{ "Subject:\r\nIn-Reply-To: \r\nFrom:\r\nReply-To: r@x\r\nSender: ,\r\n\r\n",
			"(NIL \"\" NIL NIL ((NIL NIL \"r\" \"x\")) NIL NIL NIL \"\" NIL)" },
		{ "subject: one\r\nSUBJECT: two\r\nTo: a@x\r\nTo: b@y\r\n",
			"(NIL \"one\" NIL NIL NIL ((NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"y\")) NIL NIL NIL "
			"NIL)" },
		{ "Subject: a\r\n\tb\r\n  c\r\n\r\n", "(NIL \"a\tb  c\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Subject: a\"b\\c\r\n\r\n", "(NIL \"a\\\"b\\\\c\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Subject: caf\xe9\r\n\r\n", "(NIL {4}\r\ncaf\xe9 NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Subject: a\rb\r\n\r\n", "(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Subject: a\n\nTo: b@c\n", "(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
		{ "Bcc: b@c\r\nIn-Reply-To: <1> <2>\r\n\r\n",
			"(NIL NIL NIL NIL NIL NIL NIL ((NIL NIL \"b\" \"c\")) \"<1> <2>\" NIL)" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		fetch_write_envelope(out, (const guint8 *)cases[i].header, strlen(cases[i].header));
		g_assert_cmpstr(out->str, ==, cases[i].expected);
	}
}

static void nul_octets_do_not_come_out(void)
{
	static const char header[] = "Subject: a\0b\r\nTo: \"x\0y\" <j\0@z>\r\n\r\n";
	g_autoptr(GString) out = g_string_new(NULL);
	fetch_write_envelope(out, (const guint8 *)header, sizeof header - 1);
	g_assert_cmpuint(strlen(out->str), ==, out->len);
	g_assert_nonnull(strstr(out->str,
		"{3}\r\na\x80"
		"b"));
	g_assert_nonnull(strstr(out->str,
		"{3}\r\nx\x80"
		"y"));
}

/* -- Any octets give an envelope -- */

/* A strict reader of what may come out: parentheses, strings, NIL. */
typedef struct {
	const GString *text;
	ImapParser p;
} Reader;

static void read_nstring(Reader *r)
{
	g_autoptr(GError) error = NULL;
	gboolean nil = FALSE;
	g_autofree char *text = imap_parse_nstring(&r->p, &nil, &error);
	if (error != NULL)
		g_error("%s: %s", r->text->str, error->message);
}

static void skip(Reader *r, char c)
{
	if (!imap_skip(&r->p, c))
		g_error("expected '%c' at octet %" G_GSIZE_FORMAT ": %s", c, r->p.pos, r->text->str);
}

static void read_address_list(Reader *r)
{
	if (!imap_peek(&r->p, '(')) {
		read_nstring(r);
		return;
	}
	skip(r, '(');
	do {
		skip(r, '(');
		for (int i = 0; i < 4; i++) {
			read_nstring(r);
			skip(r, i < 3 ? ' ' : ')');
		}
	} while (imap_peek(&r->p, '('));
	skip(r, ')');
}

static void check_envelope(const guint8 *header, gsize size)
{
	g_autoptr(GString) out = g_string_new(NULL);
	fetch_write_envelope(out, header, size);
	Reader r = { out, { .data = out->str, .len = out->len } };
	skip(&r, '(');
	for (int i = 0; i < 10; i++) {
		if (i >= 2 && i <= 7)
			read_address_list(&r);
		else
			read_nstring(&r);
		skip(&r, i < 9 ? ' ' : ')');
	}
	g_assert_true(imap_at_end(&r.p));
}

static void check_sample(const char *name, GBytes *message, gpointer data)
{
	(void)data;
	g_test_message("%s", name);
	gsize size;
	const guint8 *octets = g_bytes_get_data(message, &size);
	check_envelope(octets, size);
}

static void any_octets_have_an_envelope(void)
{
	sample_mail_foreach(check_sample, NULL);
	static const char alphabet[] = "ab <>@,;:()\"\\[].\r\n\t=?\xc3\xa9";
	for (int round = 0; round < 50000; round++) {
		g_autoptr(GString) header = g_string_new("To: ");
		for (int n = g_test_rand_int_range(0, 20); n > 0; n--)
			g_string_append_c(
				header, alphabet[g_test_rand_int_range(0, sizeof alphabet)]); /* NUL too */
		g_autofree guint8 *octets = g_memdup2(header->str, header->len);
		check_envelope(octets, header->len);
	}
}

static void long_fields_take_linear_time(void)
{
	static const char *const pieces[] = { "a", "a ", "(", "\"", "a@b,", "<", ":", "@", "a:b;", ".", " .",
		"[", "()" };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(GString) header = g_string_new("To: ");
		while (header->len < 1000000)
			g_string_append(header, pieces[i]);
		gint64 start = g_get_monotonic_time();
		check_envelope((const guint8 *)header->str, header->len);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fetch-envelope/addresses_are_read", addresses_are_read);
	g_test_add_func("/fetch-envelope/envelopes_are_written", envelopes_are_written);
	g_test_add_func("/fetch-envelope/nul_octets_do_not_come_out", nul_octets_do_not_come_out);
	g_test_add_func("/fetch-envelope/any_octets_have_an_envelope", any_octets_have_an_envelope);
	g_test_add_func("/fetch-envelope/long_fields_take_linear_time", long_fields_take_linear_time);
	return g_test_run();
}
