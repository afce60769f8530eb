#include "store/sort-keys.h"

#include <string.h>

#include "base/limits.h"

static void base_subject_follows_rfc_5256(void)
{
	static const struct {
		const char *subject, *base;
		gboolean reply;
	} cases[] = {
		{ "", "", FALSE },
		{ "foo", "foo", FALSE },
		{ "  foo \t bar ", "foo bar", FALSE },
		{ "Re: foo", "foo", TRUE },
		{ "re:foo", "foo", TRUE },
		{ "RE : foo", "foo", TRUE },
		{ "Re[2]: foo", "foo", TRUE },
		{ "Re [ab] : foo", "foo", TRUE }, /* subj-blob takes the WSP behind it */
		{ "Fw: foo", "foo", TRUE },
		{ "FWD: foo", "foo", TRUE },
		{ "fwdx: foo", "fwdx: foo", FALSE },
		{ "foo (fwd)", "foo", TRUE },
		{ "foo (FWD) (fwd) ", "foo", TRUE },
		{ "(fwd)", "", TRUE },
		{ "[list] foo", "foo", FALSE },
		{ "[list] Re: foo", "foo", TRUE },
		{ "Re: [list] Re: foo", "foo", TRUE },
		{ "[a] [b] Re: [c] foo", "foo", TRUE },
		{ "[list]", "[list]", FALSE },
		{ "[a][b]", "[b]", FALSE },
		{ "Re: [list]", "[list]", TRUE },
		{ "[fwd: foo]", "foo", TRUE },
		{ "[Fwd: [fwd: Re: foo (fwd)]]", "foo", TRUE },
		{ "[fwd: foo", "[fwd: foo", FALSE },
		{ "Re:", "", TRUE },
		{ "Re: Re: Re:", "", TRUE },
		{ "AW: foo", "AW: foo", FALSE },
		{ "Re", "Re", FALSE },
		{ "[foo", "[foo", FALSE },
		{ "]", "]", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		gboolean reply = FALSE;
		g_autofree char *base = sort_keys_base_subject(cases[i].subject, strlen(cases[i].subject), &reply);
		g_test_message("'%s'", cases[i].subject);
		g_assert_cmpstr(base, ==, cases[i].base);
		g_assert_cmpint(reply, ==, cases[i].reply);
	}
}

static void check(const char *message, const char *const expected[SORT_KEY_N])
{
	g_autoptr(GString) lines = g_string_new(NULL);
	sort_keys_append(lines, (const guint8 *)message, strlen(message));
	SortKeySpan keys[SORT_KEY_N];
	sort_keys_split(lines->str, lines->len, keys);
	for (int key = 0; key < SORT_KEY_N; key++) {
		SortKeySpan one = sort_keys_find(lines->str, lines->len, (SortKey)key);
		g_assert_cmpmem(one.data, one.len, keys[key].data, keys[key].len);
	}
	for (guint i = 0; i < SORT_KEY_N; i++) {
		g_autofree char *key = g_strndup(keys[i].data, keys[i].len);
		g_assert_cmpstr(key, ==, expected[i]);
	}
	g_assert_true(keys[SORT_KEY_N - 1].data + keys[SORT_KEY_N - 1].len + 1 == lines->str + lines->len);
}

static void keys_are_those_of_the_first_fields(void)
{
	check("Subject: =?utf-8?q?Re:_Caf=C3=A9?=\r\n bar\r\nFrom: \"Joe Q.\" <joe@x>, b@y\r\nTo: friends: a@b, c@d;\r\n"
	      "Cc: <\"odd one\"@z>\r\nMessage-ID: <\"01KF\"@x.com>\r\nReferences: <a@b>\r\n\t<c@d> junk <nosign> <e@f>\r\n"
	      "In-Reply-To: <not@this>\r\nSubject: second\r\n\r\nSubject: body\r\n",
		(const char *const[SORT_KEY_N]){ "CAFE\xcc\x81 BAR", "r", "JOE", "FRIENDS", "ODD ONE", "JOE Q.", "FRIENDS", "01KF@x.com",
			"a@b c@d e@f" });
}

static void keys_fall_back_as_the_rfcs_say(void)
{
	check("From: joe@x.com\r\nTo: root\r\nReferences: none\r\nIn-Reply-To: your message <p@q> of <r@s>\r\nMessage-ID: none\r\n\r\n",
		(const char *const[SORT_KEY_N]){ "", "", "JOE", "ROOT", "", "JOE@X.COM", "ROOT", "", "p@q" });
	check("", (const char *const[SORT_KEY_N]){ "", "", "", "", "", "", "", "", "" });
}

static void space_at_the_ends_orders_nothing(void)
{
	check("Subject: =?utf-8?q?_=C2=ADa_=07?=\nFrom: \" Joe \" <joe@x>\nTo: \" \" <t@x>\n\n",
		(const char *const[SORT_KEY_N]){ "A", "", "JOE", "T", "", "JOE", "T@X", "", "" });
}

/* ENVELOPE has no fields there either. */
static void a_message_without_header_has_no_keys(void)
{
	static const char *const starts[] = { "words\n", "\xef\xbb\xbf", " " };
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		g_autofree char *message = g_strconcat(starts[i], "From: a@b\nSubject: s\nMessage-ID: <a@b>\n\n", NULL);
		check(message, (const char *const[SORT_KEY_N]){ "", "", "", "", "", "", "", "", "" });
	}
}

/* A megabyte of blobs, of "<", of references: time stays in bounds, and so do the lines. */
static void hostile_headers_cost_little(void)
{
	static const char *const pieces[] = { "[a]", "<", "re:", "\"", "<a@b>", "(", "=?utf-8?q?x?=", "[fwd:", "," };
	static const char *const names[] = { "Subject", "From", "References", "Message-ID" };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++)
		for (gsize n = 0; n < G_N_ELEMENTS(names); n++) {
			g_autoptr(GString) message = g_string_new(names[n]);
			g_string_append(message, ": ");
			while (message->len < 1024 * 1024)
				g_string_append(message, pieces[i]);
			g_string_append(message, "\r\n\r\n");
			g_autoptr(GString) lines = g_string_new(NULL);
			gint64 start = g_get_monotonic_time();
			sort_keys_append(lines, (const guint8 *)message->str, message->len);
			g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
			guint n_lines = 0;
			for (gsize c = 0; c < lines->len; c++)
				n_lines += lines->str[c] == '\n';
			g_assert_cmpuint(n_lines, ==, SORT_KEY_N);
		}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sort-keys/base_subject_follows_rfc_5256", base_subject_follows_rfc_5256);
	g_test_add_func("/sort-keys/keys_are_those_of_the_first_fields", keys_are_those_of_the_first_fields);
	g_test_add_func("/sort-keys/keys_fall_back_as_the_rfcs_say", keys_fall_back_as_the_rfcs_say);
	g_test_add_func("/sort-keys/space_at_the_ends_orders_nothing", space_at_the_ends_orders_nothing);
	g_test_add_func("/sort-keys/a_message_without_header_has_no_keys", a_message_without_header_has_no_keys);
	g_test_add_func("/sort-keys/hostile_headers_cost_little", hostile_headers_cost_little);
	return g_test_run();
}
