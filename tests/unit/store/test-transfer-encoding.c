#include "store/transfer-encoding.h"

#include <string.h>

#define CASE(encoding, octets, text)                                                                         \
	{                                                                                                    \
		encoding, octets, sizeof(octets) - 1, text, sizeof(text) - 1                                 \
	}

static const struct {
	const char *encoding, *octets;
	gsize len;
	const char *expected;
	gsize expected_len;
} cases[] = {
	CASE("", "a=\r\nb", "a=\r\nb"),
	CASE("7bit", "=41", "=41"),
	CASE("x-other", "=41", "=41"),

	CASE("base64", "", ""),
	CASE("base64", "aGVsbG8=", "hello"),
	CASE("base64", "aGVsbG8gdw==\r\n", "hello w"),
	CASE("base64", "aGVs\r\nbG8s\nIHdvcmxk", "hello, world"),
	CASE("base64", "a G*V\0s-_bG8", "hello"),
	CASE("base64", "aGVsbG8", "hello"),               /* no padding */
	CASE("base64", "aGVsbG8=aGVsbG8=", "hellohello"), /* two pieces */
	CASE("base64", "YQ==YWI=YWJj", "aababc"),
	CASE("base64", "Y", ""),
	CASE("base64", "YWJjY", "abc"),
	CASE("base64", "====YQ", "a"),
	CASE("base64", "//+/", "\xff\xff\xbf"),

	CASE("quoted-printable", "", ""),
	CASE("quoted-printable", "caf=C3=a9", "caf\xc3\xa9"),
	CASE("quoted-printable", "so=\r\nft =\nbreak= \t\nend", "soft breakend"),
	CASE("quoted-printable", "trailing \t\r\n \nx ", "trailing\r\n\nx "),
	CASE("quoted-printable", "=20 \n=09", " \n\t"),
	CASE("quoted-printable", "1=2 =G1 =4 =", "1=2 =G1 =4 ="),
	CASE("quoted-printable", "==41=\n=\n", "=A"),
	CASE("quoted-printable", "a\r\r\nb", "a\r\r\nb"),
	CASE("quoted-printable", "a=\r\r\nb", "a=\r\r\nb"),

	CASE("uuencode", "begin 644 x\n#0V%T\n`\nend\nmore\n", "Cat"),
	CASE("x-uuencode", "text\nbegin 644 x\r\n#0V%T\r\n`\r\n end \r\n", "Cat"),
	CASE("x-uue", "begin 644 x\n\n#0V%T\n!00\n\"04(\n", "CatAAB"),
	CASE("uuencode", "begin 644 x\nM0\n", "@\0\0"),
	CASE("uuencode", "no begin\n#0V%T\n", ""),
	CASE("uuencode", "begin \n#0V%T", "Cat"),
};

static void octets_are_decoded(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *out = g_string_new("<");
		transfer_decode(
			out, transfer_encoding_from_name(cases[i].encoding), cases[i].octets, cases[i].len);
		g_test_message("%s: %s", cases[i].encoding, cases[i].octets);
		g_assert_cmpmem(out->str + 1, out->len - 1, cases[i].expected, cases[i].expected_len);
		g_string_free(out, TRUE);
	}
}

static void q_is_for_words(void)
{
	GString *out = g_string_new(NULL);
	static const char word[] = "a_b=5F=_4=C3=A9=";
	transfer_decode_q(out, word, sizeof(word) - 1);
	g_assert_cmpstr(out->str, ==, "a b_= 4é=");
	g_string_free(out, TRUE);
}

static void unknown_encodings_are_told_apart(void)
{
	g_assert_cmpint(transfer_encoding_from_name("binary"), ==, TRANSFER_IDENTITY);
	g_assert_cmpint(transfer_encoding_from_name("x-gzip"), ==, TRANSFER_UNKNOWN);
}

/* decode(encode(x)) == x, the encoding GLib's, with line ends at any place. */
static void base64_undoes_what_glib_encodes(void)
{
	for (int round = 0; round < 1000; round++) {
		guint8 data[200];
		gsize len = (gsize)g_test_rand_int_range(0, sizeof(data) + 1);
		for (gsize i = 0; i < len; i++)
			data[i] = (guint8)g_test_rand_int_range(0, 256);
		g_autofree char *encoded = g_base64_encode(data, len);
		g_autoptr(GString) wrapped = g_string_new(encoded);
		for (int i = g_test_rand_int_range(0, 5); i > 0; i--)
			g_string_insert(wrapped, g_test_rand_int_range(0, (gint32)wrapped->len + 1), "\r\n");
		g_autoptr(GString) out = g_string_new(NULL);
		transfer_decode_base64(out, wrapped->str, wrapped->len);
		g_assert_cmpmem(out->str, out->len, data, len);
	}
}

static void nothing_grows(void)
{
	static const TransferEncoding encodings[] = { TRANSFER_BASE64, TRANSFER_QUOTED_PRINTABLE,
		TRANSFER_UUENCODE };
	static const char octets[] = "=\n\r A4begin \xff~#M";
	for (int round = 0; round < 20000; round++) {
		char data[64] = "begin 1\n";
		gsize len = (gsize)g_test_rand_int_range(8, sizeof(data) + 1);
		for (gsize i = 8; i < len; i++)
			data[i] = octets[g_test_rand_int_range(0, sizeof(octets))];
		/* The exact size lets ASan see what is read behind it. */
		g_autofree char *exact = g_memdup2(data, len);
		g_autoptr(GString) out = g_string_new(NULL);
		transfer_decode(out, encodings[(gsize)round % G_N_ELEMENTS(encodings)], exact, len);
		g_assert_cmpuint(out->len, <=, len);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/transfer-encoding/octets_are_decoded", octets_are_decoded);
	g_test_add_func("/transfer-encoding/q_is_for_words", q_is_for_words);
	g_test_add_func(
		"/transfer-encoding/unknown_encodings_are_told_apart", unknown_encodings_are_told_apart);
	g_test_add_func(
		"/transfer-encoding/base64_undoes_what_glib_encodes", base64_undoes_what_glib_encodes);
	g_test_add_func("/transfer-encoding/nothing_grows", nothing_grows);
	return g_test_run();
}
