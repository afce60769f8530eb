#include "base/utf7.h"

#include <string.h>

static void names_are_encoded_and_decoded(void)
{
	static const struct {
		const char *utf8, *utf7;
	} cases[] = {
		{ "", "" },
		{ "INBOX", "INBOX" },
		{ "R&D", "R&-D" },
		{ "&&", "&-&-" },
		{ " ~", " ~" },
		/* RFC 3501 section 5.1.3 */
		{ "~peter/mail/\u53F0\u5317/\u65E5\u672C\u8A9E", "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
		{ "\u53F0\u5317", "&U,BTFw-" },
		{ "Entw\u00FCrfe", "Entw&APw-rfe" },
		{ "Envoy\u00E9s", "Envoy&AOk-s" },
		{ "\u00E9&\u00E8", "&AOk-&-&AOg-" },
		{ "\u00E9-", "&AOk--" },
		{ "\U0001F600", "&2D3eAA-" },
		{ "\u20AC\u20AC\u20AC", "&IKwgrCCs-" },
		{ "a\tb\x7F", "a&AAk-b&AH8-" },
		{ "\uFFFF", "&,,8-" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *utf7 = utf7_encode(cases[i].utf8, strlen(cases[i].utf8), &error);
		g_assert_no_error(error);
		g_assert_cmpstr(utf7, ==, cases[i].utf7);
		g_autofree char *utf8 = utf7_decode(cases[i].utf7, strlen(cases[i].utf7), &error);
		g_assert_no_error(error);
		g_assert_cmpstr(utf8, ==, cases[i].utf8);
	}
}

static void what_is_no_utf7_is_refused(void)
{
	static const struct {
		const char *utf7;
		int code;
	} cases[] = {
		{ "&", UTF7_ERROR_INVALID },
		{ "a&", UTF7_ERROR_INVALID },
		{ "&AOk", UTF7_ERROR_INVALID },
		{ "R&D", UTF7_ERROR_INVALID },
		{ "&AO/-", UTF7_ERROR_INVALID },
		{ "&AO=-", UTF7_ERROR_INVALID },
		{ "&AO k-", UTF7_ERROR_INVALID },
		{ "a\tb", UTF7_ERROR_INVALID },
		{ "a\x7F", UTF7_ERROR_INVALID },
		{ "caf\xC3\xA9", UTF7_ERROR_INVALID },
		{ "&2D0-", UTF7_ERROR_INVALID },       /* half a pair */
		{ "&3gA-", UTF7_ERROR_INVALID },       /* the other half */
		{ "&2D0AQQ-", UTF7_ERROR_INVALID },    /* half a pair, and a letter */
		{ "&2D3YPQ-", UTF7_ERROR_INVALID },    /* twice the first half */
		{ "&AAA-", UTF7_ERROR_INVALID },       /* NUL */
		{ "&AGE-", UTF7_ERROR_NOT_CANONICAL }, /* a */
		{ "&ACY-", UTF7_ERROR_NOT_CANONICAL }, /* & */
		{ "&AOkAYQ-", UTF7_ERROR_NOT_CANONICAL },
		{ "&AOk-&AOg-", UTF7_ERROR_NOT_CANONICAL }, /* needless end of base64 */
		{ "&AOl-", UTF7_ERROR_NOT_CANONICAL },      /* bits left that are not 0 */
		{ "&AOkA-", UTF7_ERROR_NOT_CANONICAL },     /* a digit too many */
		{ "&AOkAA-", UTF7_ERROR_NOT_CANONICAL },
		{ "&A-", UTF7_ERROR_NOT_CANONICAL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].utf7);
		g_assert_null(utf7_decode(cases[i].utf7, strlen(cases[i].utf7), &error));
		g_assert_error(error, UTF7_ERROR, cases[i].code);
	}
	static const struct {
		const char *bytes;
		gsize len;
	} no_utf8[] = { { "\xFF", 1 }, { "a\0b", 3 }, { "\xED\xA0\x80", 3 }, { "\xC3", 1 } };
	for (gsize i = 0; i < G_N_ELEMENTS(no_utf8); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(utf7_encode(no_utf8[i].bytes, no_utf8[i].len, &error));
		g_assert_error(error, UTF7_ERROR, UTF7_ERROR_NOT_UTF8);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(utf7_decode("a\0b", 3, &error));
	g_assert_error(error, UTF7_ERROR, UTF7_ERROR_INVALID);
}

static void decoding_undoes_encoding(void)
{
	for (guint round = 0; round < 20000; round++) {
		g_autoptr(GString) utf8 = g_string_new(NULL);
		for (gint n = g_test_rand_int_range(0, 12); n > 0; n--) {
			static const gunichar ends[] = { 0x7F, 0x7F, 0x100, 0xD800, 0x110000 };
			gunichar code = (gunichar)g_test_rand_int_range(
				1, (gint)ends[g_test_rand_int_range(0, G_N_ELEMENTS(ends))]);
			if (code < 0xD800 || code > 0xDFFF)
				g_string_append_unichar(utf8, code);
		}
		g_autofree char *utf7 = utf7_encode(utf8->str, utf8->len, NULL);
		g_assert_nonnull(utf7);
		g_autofree char *back = utf7_decode(utf7, strlen(utf7), NULL);
		g_assert_cmpstr(back, ==, utf8->str);
	}
}

static void encoding_undoes_decoding(void)
{
	static const char letters[] = "&&&---AAOk2D3eAA,+bc/ ";
	guint n_decoded = 0;

	for (guint round = 0; round < 200000; round++) {
		char utf7[12];
		gsize len = (gsize)g_test_rand_int_range(0, sizeof utf7);
		for (gsize i = 0; i < len; i++)
			utf7[i] = letters[g_test_rand_int_range(0, sizeof letters - 1)];
		g_autofree char *utf8 = utf7_decode(utf7, len, NULL);
		if (utf8 == NULL)
			continue;
		n_decoded++;
		g_autofree char *back = utf7_encode(utf8, strlen(utf8), NULL);
		g_assert_cmpmem(back, strlen(back), utf7, len);
	}
	g_assert_cmpuint(n_decoded, >, 1000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/utf7/names_are_encoded_and_decoded", names_are_encoded_and_decoded);
	g_test_add_func("/utf7/what_is_no_utf7_is_refused", what_is_no_utf7_is_refused);
	g_test_add_func("/utf7/decoding_undoes_encoding", decoding_undoes_encoding);
	g_test_add_func("/utf7/encoding_undoes_decoding", encoding_undoes_decoding);
	return g_test_run();
}
