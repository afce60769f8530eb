#include "store/charset.h"

#include <string.h>

static char *decoded(const char *charset, const char *data, gsize len)
{
	GString *out = g_string_new("<");
	charset_append(out, charset, charset != NULL ? strlen(charset) : 0, data, len);
	g_string_append_c(out, '>');
	g_assert_true(charset_is_utf8(out->str, out->len));
	return g_string_free(out, FALSE);
}

#define CASE(charset, octets, text)                                                                          \
	{                                                                                                    \
		charset, octets, sizeof(octets) - 1, text                                                    \
	}

static const struct {
	const char *charset, *octets;
	gsize len;
	const char *expected;
} cases[] = {
	CASE("utf-8", "caf\xc3\xa9", "café"),
	CASE("UTF8", "caf\xc3\xa9", "café"),
	CASE(NULL, "caf\xc3\xa9", "café"),
	CASE(NULL, "caf\xe9 \xc3\xa9", "café Ã©"),
	CASE("us-ascii", "caf\xe9", "café"),
	CASE("ANSI_X3.4-1968", "caf\xc3\xa9", "café"),
	CASE("unknown-8bit", "caf\xe9", "café"),
	CASE("", "caf\xe9", "café"),
	CASE("utf-8//IGNORE", "caf\xe9", "café"),
	CASE("iso-8859-1", "\x80\x93q\x94", "€“q”"),
	CASE("ISO_8859-1:1987", "\xe9", "é"),
	CASE("\"iso-8859-1' ", "\xe9", "é"),
	CASE("latin1", "a\x81z", "a\xef\xbf\xbdz"),
	CASE("iso-8859-9", "\x80\xfe\xf0", "€şğ"),
	CASE("tis-620", "\xa1\x80", "ก€"),
	CASE("iso-8859-15", "\xa4", "€"),
	CASE("windows-1251", "\xef\xf0\xe8", "при"),
	CASE("x-cp1251", "\xef\xf0\xe8", "при"),
	CASE("koi8_r", "\xd0\xd2\xc9", "при"),
	CASE("x-mac-cyrillic", "\xef\xf0\xe8", "при"),
	CASE("gb2312", "\xd6\xd0\x81\x30\x81\x30", "中\xc2\x80"),
	CASE("euc-kr", "\xc7\xd1\x8c\x63", "한똠"),
	CASE("shift_jis", "\x87\x40\x93\xfa", "①日"),
	CASE("big5", "\xa4\xa4", "中"),
	CASE("iso-2022-jp", "\x1b$B$\"\x1b(Ba", "あa"),
	CASE("utf-7", "+AOk-a", "éa"),
	CASE("iso-8859-8-i", "\xf9\xec", "של"),
	CASE("hz-gb-2312", "a~{VPND~}b~~~{VP\nND", "a中文b~中\nND"),
	CASE("hz", "~{V\n~{\xd6\xd0~", "V\n中~"),
	CASE("utf-16", "\xfe\xff\0a\0b", "ab"),
	CASE("utf-16",
		"\xff\xfe"
		"a\0b\0",
		"ab"),
	CASE("utf-16", "\0a\0b", "ab"),
	CASE("utf-16le", "a\0\x3d\xd8\x4d\xdc", "a\xf0\x9f\x91\x8d"),
	CASE("utf-16be", "\xd8\x3d\0a\xdc\x4d\0",
		"\xef\xbf\xbd"
		"a\xef\xbf\xbd\xef\xbf\xbd"),
	CASE("utf-32", "\0\0\0a\0\0\0", "a\xef\xbf\xbd"),
	CASE("utf-32", "\xff\xfe\0\0a\0\0\0\0\0\x11\0", "a\xef\xbf\xbd"),
	CASE("utf-32be", "\0\0\xd8\0\0\1\xf4\x4d", "\xef\xbf\xbd\xf0\x9f\x91\x8d"),
	/* Octets that are none go, what follows stays. */
	CASE("utf-8", "a\xff\xe2\x82z\xf0\x9f\x91", "a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd"),
	CASE("utf-8", "\xc0\xaf\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	CASE("euc-jp",
		"\xa4\xa2\xff"
		"b\xa4",
		"あ\xef\xbf\xbd"
		"b\xef\xbf\xbd"),
	CASE("windows-1253", "a\xd2z", "a\xef\xbf\xbdz"),
	/* A base letter that the converter holds back for a combining one. */
	CASE("windows-1258",
		"a\xec"
		"e",
		"a\xcc\x81"
		"e"),
	CASE("tcvn", "a", "a"),
};

static void octets_become_text(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = decoded(cases[i].charset, cases[i].octets, cases[i].len);
		g_autofree char *nfc = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);
		g_autofree char *wrapped = g_strdup_printf("<%s>", cases[i].expected);
		g_autofree char *expected = g_utf8_normalize(wrapped, -1, G_NORMALIZE_NFC);
		g_test_message("%u: %s", (guint)i, cases[i].charset);
		g_assert_cmpstr(nfc, ==, expected);
	}
}

static void names_are_known_or_not(void)
{
	static const char *const known[] = { "us-ascii", "UTF-8", "koi8-r", "iso-8859-15", "cp1252",
		"HZ-GB-2312", "utf-16" };
	static const char *const unknown[] = { "", "x-unknown", "utf-8/", "/", "a b", "\xc3\xa9", "x-", "*" };
	for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
		g_assert_true(charset_is_known(known[i], strlen(known[i])));
	for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++)
		g_assert_false(charset_is_known(unknown[i], strlen(unknown[i])));
	g_assert_false(charset_is_known("utf-8\0x", 7));
	g_autofree char *longest = g_strnfill(1000, 'a');
	g_assert_false(charset_is_known(longest, 1000));
}

static void transparent_is_what_would_be_copied(void)
{
	g_assert_true(charset_is_transparent(NULL, 0, "\xc3\xa9", 2));
	g_assert_true(charset_is_transparent("utf-8", 5, "", 0));
	g_assert_false(charset_is_transparent("utf-8", 5, "\xe9", 1));
	g_assert_false(charset_is_transparent(NULL, 0, "\xe9", 1));
	g_assert_false(charset_is_transparent("utf-7", 5, "a", 1));
}

/* Whatever octets come in whatever charset: valid UTF-8 comes out, and more converters than are kept do no
 * harm. */
static void any_octets_have_a_text(void)
{
	static const char *const names[] = { "iso-2022-jp", "iso-2022-kr", "iso-2022-cn-ext", "utf-7",
		"gb18030", "big5", "euc-tw", "cp1255", "cp1258", "shift_jisx0213", "euc-jisx0213", "utf-16",
		"utf-32le", "hz", "johab", "ibm930", "tcvn" };
	for (int round = 0; round < 2000; round++) {
		guint8 data[40];
		gsize len = (gsize)g_test_rand_int_range(0, sizeof(data) + 1);
		for (gsize i = 0; i < len; i++)
			data[i] = (guint8)g_test_rand_int_range(0, 256);
		g_autofree char *text =
			decoded(names[(gsize)round % G_N_ELEMENTS(names)], (const char *)data, len);
		g_assert_nonnull(text);
	}
	for (int i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("x%d", i);
		g_autofree char *text = decoded(name, "\xe9", 1);
		g_assert_cmpstr(text, ==, "<é>");
	}
}

/* Well-formedness against GLib's opinion. */
static void utf8_is_checked_as_glib_does(void)
{
	static const guint8 octets[] = { 'a', 0x80, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0x9f, 0xa0, 0xed, 0xef,
		0xf0, 0x8f, 0x90, 0xf4, 0xf5 };
	for (int round = 0; round < 50000; round++) {
		char data[12];
		gsize len = (gsize)g_test_rand_int_range(0, sizeof(data) + 1);
		for (gsize i = 0; i < len; i++)
			data[i] = (char)octets[g_test_rand_int_range(0, sizeof(octets))];
		gboolean valid = g_utf8_validate_len(data, len, NULL);
		g_assert_true(charset_is_utf8(data, len) == valid);
		g_autofree char *expected = g_utf8_make_valid(data, (gssize)len);
		GString *out = g_string_new(NULL);
		charset_append_utf8(out, data, len);
		g_assert_true(charset_is_utf8(out->str, out->len));
		if (valid)
			g_assert_cmpstr(out->str, ==, expected);
		g_string_free(out, TRUE);
	}
}

static gpointer decode_in_thread(gpointer data)
{
	(void)data;
	for (int i = 0; i < 200; i++) {
		g_autofree char *text = decoded("iso-2022-jp", "\x1b$B$\"", 5);
		g_assert_cmpstr(text, ==, "<あ>");
	}
	return NULL;
}

static void threads_have_converters_of_their_own(void)
{
	GThread *threads[4];
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("charset", decode_in_thread, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		(void)g_thread_join(threads[i]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/charset/octets_become_text", octets_become_text);
	g_test_add_func("/charset/names_are_known_or_not", names_are_known_or_not);
	g_test_add_func("/charset/transparent_is_what_would_be_copied", transparent_is_what_would_be_copied);
	g_test_add_func("/charset/any_octets_have_a_text", any_octets_have_a_text);
	g_test_add_func("/charset/utf8_is_checked_as_glib_does", utf8_is_checked_as_glib_does);
	g_test_add_func(
		"/charset/threads_have_converters_of_their_own", threads_have_converters_of_their_own);
	return g_test_run();
}
