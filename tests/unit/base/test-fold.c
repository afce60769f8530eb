#include "base/fold.h"

#include "base/fold-private.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

static char *fold(const char *text)
{
	return fold_string(text, strlen(text), NULL);
}

static gboolean is_in(const char *needle, const char *text)
{
	g_autofree char *folded_needle = fold(needle);
	g_autofree char *folded_text = fold(text);

	return strstr(folded_text, folded_needle) != NULL;
}

static void the_table_of_search_semantics_holds(void)
{
	static const struct {
		const char *needle, *text;
		gboolean found;
	} cases[] = {
		/* SEARCH-SEMANTICS.md 3.10 */
		{ "cafe", "CAFÉ", TRUE },
		{ "café", "CAFE", FALSE },
		{ "cafes", "cafés", FALSE },
		{ "i", "İstanbul", TRUE },
		{ "ı", "I", TRUE },
		{ "strasse", "Straße", FALSE },
		{ "ß", "ẞ", FALSE },
		{ "fi", "ﬁne", FALSE },
		{ "ａ", "A", TRUE },
		{ "A", "ａ", TRUE },
		{ "caf\u00E9", "cafe\u0301", TRUE },
		{ "cafe\u0301", "caf\u00E9", TRUE },
		/* More of the same kind. */
		{ "ΣΊΣΥΦΟΣ", "σίσυφος", TRUE },
		{ "σ", "ς", TRUE },
		{ "привет", "ПРИВЕТ", TRUE },
		{ "ÿ", "Ÿ", TRUE },
		{ "ǆ", "Ǆ", TRUE },
		{ "ǅ", "Ǆ", TRUE },
		{ "K", "\u212A", TRUE },      /* kelvin sign */
		{ "\u00B5", "\u03BC", TRUE }, /* micro sign, mu */
		{ "\uAC01", "\u1100\u1161\u11A8", TRUE },
		{ "\uAC00", "\uAC01", TRUE }, /* NFKD: the syllable without its final is the beginning */
		{ "が", "か\u3099", TRUE },
		{ "①", "1", TRUE },
		{ "x²", "x2", TRUE },
		{ "ﬁ", "ﬁne", TRUE },
		{ "日本", "東京は日本の首都", TRUE },
		{ "日本", "日 本", FALSE },
		{ "mail@example", "Mail@EXAMPLE.com", TRUE },
		{ "", "", TRUE },
		/* What vanishes, and white space. */
		{ "silbentrennung", "Silben\u00ADtrennung", TRUE },
		{ "Silben\u00ADtrennung", "silbentrennung", TRUE },
		{ "ab", "a\u200Bb\u200D\uFEFF", TRUE },
		{ "❤", "❤\uFE0F", TRUE },
		{ "a b", "a \r\n\t b", TRUE },
		{ "a b", "a\u00A0b", TRUE },
		{ "a b", "a\u3000\u2028b", TRUE },
		{ "a b", "a \u200B b", TRUE },
		{ "a  b", "a b", TRUE },
		{ "a b", "ab", FALSE },
		{ " ", "ab", FALSE },
		{ " ", "a\nb", TRUE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (is_in(cases[i].needle, cases[i].text) != cases[i].found)
			g_error("'%s' is %sin '%s'", cases[i].needle, cases[i].found ? "not " : "",
				cases[i].text);
	}
}

static void folded_forms_are_as_the_header_says(void)
{
	static const struct {
		const char *text, *folded;
	} cases[] = {
		{ "Hello, World! 123 [\\]^_`{|}~@", "hello, world! 123 [\\]^_`{|}~@" },
		{ "É", "e\u0301" },
		{ "ﬁ", "FI" },
		{ "Ǆ", "dZ\u030C" },
		{ "  a\t\nb\x7F", " a b " },
		{ "a\xC2\x85\u00A0\u1680\u2003\u2028\u2029\u3000b", "a b" },
		{ "x \u00A8", "x \u0308" }, /* a decomposition that begins with a space */
		{ "\u00AD\u200B\u034F\u180E\U000E0020\uFEFF", "" },
		{ "\u3164\uFFA0", "" },
		{ "e\u0301\u0323", "e\u0301\u0323" }, /* not reordered */
		{ "\uD7A3", "\u1112\u1175\u11C2" },
		{ "\U0010FFFF\uFFFE", "\U0010FFFF\uFFFE" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *folded = fold(cases[i].text);
		g_assert_cmpstr(folded, ==, cases[i].folded);
	}
	gsize len;
	g_autofree char *folded = fold_string("a\0\0b", 4, &len);
	g_assert_cmpmem(folded, len, "a b", 3);
	g_assert_true(g_str_has_prefix(fold_version(), G_STRINGIFY(FOLD_VERSION) "/"));
}

/* -- against ICU
 * ------------------------------------------------------------------------------------------------- */

static gboolean is_space(gunichar code)
{
	return u_isUWhiteSpace((UChar32)code) || u_charType((UChar32)code) == U_CONTROL_CHAR;
}

static gboolean vanishes(gunichar code)
{
	return u_hasBinaryProperty((UChar32)code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

/* "Titlecased canonicalized UTF-8" of RFC 5051 section 2, steps (2) and (3), from ICU's data. */
static void append_rfc5051(GString *out, gunichar code)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
	UChar32 title = u_totitle((UChar32)code);
	UChar decomposed[64];
	gint32 len = unorm2_getDecomposition(nfkc, title, decomposed, G_N_ELEMENTS(decomposed), &status);

	g_assert_true(U_SUCCESS(status));
	if (len < 0) {
		g_string_append_unichar(out, (gunichar)title);
		return;
	}
	for (gint32 i = 0; i < len;) {
		UChar32 part;
		U16_NEXT(decomposed, i, len, part);
		g_string_append_unichar(out, (gunichar)part);
	}
}

/* What fold.h says, from ICU's data. */
static void append_expected(GString *out, gunichar code)
{
	if (is_space(code)) {
		if (out->len == 0 || out->str[out->len - 1] != ' ')
			g_string_append_c(out, ' ');
		return;
	}
	if (vanishes(code))
		return;
	g_autoptr(GString) prepared = g_string_new(NULL);
	append_rfc5051(prepared, code);
	for (const char *p = prepared->str; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar part = g_utf8_get_char(p);
		if (is_space(part))
			part = ' ';
		if (vanishes(part) || (part == ' ' && out->len > 0 && out->str[out->len - 1] == ' '))
			continue;
		if (part < 0x80 && g_ascii_isalpha((char)part))
			part ^= 0x20;
		g_string_append_unichar(out, part);
	}
}

/* The two may know different versions of Unicode; what both know is the same in both (but for code points
 * that are not assigned in one of them). */
static gboolean known(gunichar code)
{
	return u_isdefined((UChar32)code) ||
		strcmp(strchr(fold_version(), '/') + 1, U_UNICODE_VERSION ".0") == 0;
}

static void every_code_point_is_as_icu_has_it(void)
{
	g_autoptr(GString) expected = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GString) folded = g_string_new(NULL);
	guint n = 0;

	for (gunichar code = 1; code < 0x110000; code++) {
		if ((code >= 0xD800 && code < 0xE000) || !known(code))
			continue;
		g_string_truncate(text, 0);
		g_string_append_unichar(text, code);
		g_string_truncate(expected, 0);
		append_expected(expected, code);
		g_string_truncate(folded, 0);
		fold_append(folded, text->str, text->len);
		if (!g_string_equal(folded, expected))
			g_error("U+%04X: '%s' instead of '%s'", code, folded->str, expected->str);
		n++;
	}
	g_assert_cmpuint(n, >, 280000);
}

/* Folding makes two code points equal if and only if RFC 5051 does: the mapping from one form to the other
 * is one-to-one. */
static void what_is_equal_is_what_rfc5051_makes_equal(void)
{
	g_autoptr(GHashTable) ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GHashTable) theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (gunichar code = 1; code < 0x110000; code++) {
		/* What is not assigned stays as it is, as the test above has shown. */
		if (!u_isdefined((UChar32)code) || u_charType((UChar32)code) == U_PRIVATE_USE_CHAR ||
			u_charType((UChar32)code) == U_SURROGATE || is_space(code) || vanishes(code))
			continue;
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GString) prepared = g_string_new(NULL);
		g_string_append_unichar(text, code);
		append_rfc5051(prepared, code);
		g_autofree char *folded = fold_string(text->str, text->len, NULL);
		const char *our = g_hash_table_lookup(ours, prepared->str);
		const char *their = g_hash_table_lookup(theirs, folded);
		if ((our != NULL && strcmp(our, folded) != 0) ||
			(their != NULL && strcmp(their, prepared->str) != 0))
			g_error("U+%04X: RFC 5051 has '%s', we have '%s'", code, prepared->str, folded);
		if (our == NULL)
			g_hash_table_insert(ours, g_strdup(prepared->str), g_strdup(folded));
		if (their == NULL)
			g_hash_table_insert(theirs, g_strdup(folded), g_strdup(prepared->str));
	}
}

static void random_bytes(GString *out, gsize len)
{
	static const char *const pieces[] = { " ", "a", "Z", "\n", "\xC3\xA9", "\xE2\x80\x8B", "\xEA\xB0\x81",
		"\xF0\x9F\x98\x80", "\xED\xA0\x80", "\xC0\x80", "\xE0\x9F", "\xF4\x90", "\xF0\x90\x80",
		"\x80", "\xFF", "\xEF\xB7\xBA", "\xC2\xA8", "plain text here, more than 32 bytes of it" };

	while (out->len < len) {
		if (g_test_rand_bit())
			g_string_append_c(out, (char)g_test_rand_int_range(0, 256));
		else
			g_string_append(out, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
	}
}

/* ICU replaces maximal subparts as Unicode recommends. */
static void ill_formed_bytes_become_replacement_characters(void)
{
	for (guint round = 0; round < 1500; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		random_bytes(text, (gsize)g_test_rand_int_range(1, 60));
		g_autofree UChar *wide = g_new(UChar, text->len + 1);
		UErrorCode status = U_ZERO_ERROR;
		gint32 wide_len;
		u_strFromUTF8WithSub(wide, (gint32)text->len + 1, &wide_len, text->str, (gint32)text->len,
			0xFFFD, NULL, &status);
		g_assert_true(U_SUCCESS(status));
		g_autoptr(GString) expected = g_string_new(NULL);
		for (gint32 i = 0; i < wide_len;) {
			UChar32 code;
			U16_NEXT(wide, i, wide_len, code);
			append_expected(expected, (gunichar)code);
		}
		gsize len;
		g_autofree char *folded = fold_string(text->str, text->len, &len);
		g_assert_cmpmem(folded, len, expected->str, expected->len);
	}
}

static void pieces_give_what_the_whole_gives(void)
{
	for (guint round = 0; round < 1500; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		random_bytes(text, (gsize)g_test_rand_int_range(1, 200));
		g_autoptr(GString) whole = g_string_new("before ");
		fold_append(whole, text->str, text->len);
		g_autoptr(GString) pieced = g_string_new("before ");
		Folder folder;
		folder_init(&folder, pieced);
		for (gsize at = 0; at < text->len;) {
			gsize n = (gsize)g_test_rand_int_range(0, 9);
			n = MIN(n, text->len - at);
			folder_feed(&folder, text->str + at, n);
			at += n;
		}
		folder_finish(&folder);
		g_assert_cmpmem(pieced->str, pieced->len, whole->str, whole->len);
		/* What the output promises. */
		g_assert_true(g_utf8_validate_len(whole->str, whole->len, NULL));
		g_assert_null(strstr(whole->str, "  "));
		for (gsize i = 0; i < whole->len; i++)
			g_assert_true((guint8)whole->str[i] >= ' ' && whole->str[i] != 0x7F);
		g_assert_cmpint(whole->str[whole->len], ==, '\0');
	}
}

static void parts_of_a_text_are_found_in_it(void)
{
	for (guint round = 0; round < 1500; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (guint n = 0; n < 20; n++)
			g_string_append_unichar(text,
				(gunichar)g_test_rand_int_range(1, g_test_rand_bit() ? 0x3000 : 0xD800));
		const char *start = g_utf8_offset_to_pointer(text->str, g_test_rand_int_range(0, 10));
		const char *end = g_utf8_offset_to_pointer(text->str, g_test_rand_int_range(10, 20));
		g_autofree char *needle = fold_string(start, (gsize)(end - start), NULL);
		g_autofree char *folded = fold(text->str);
		g_assert_nonnull(strstr(folded, needle));
	}
}

/* The loops over ASCII, for every length, alignment and place of white space: the same answer, nothing
 * written behind. */
static void loops_over_ascii_agree(void)
{
	static const struct {
		const char *name;
		FoldAscii function;
	} loops[] = {
		{ "best", NULL },
#ifdef __x86_64__
		{ "sse2", fold_ascii_sse2 },
#endif
	};
	enum { LONGEST = 300, GUARD = 0x5A };
	guint8 in[LONGEST + 64], expected[LONGEST + FOLD_SLACK + 1], got[LONGEST + FOLD_SLACK + 1];

	for (guint round = 0; round < 4000; round++) {
		gsize len = (gsize)g_test_rand_int_range(0, LONGEST),
		      offset = (gsize)g_test_rand_int_range(0, 64);
		gint spaces = g_test_rand_int_range(0, 5); /* none to all */
		for (gsize i = 0; i < len; i++)
			in[offset + i] = g_test_rand_int_range(0, 4) < spaces
				? (g_test_rand_bit() ? ' ' : '\n')
				: (guint8)g_test_rand_int_range(0, 128);
		if (len > 0 && g_test_rand_bit())
			in[offset + (gsize)g_test_rand_int_range(0, (gint)len)] |= 0x80;
		gboolean before = g_test_rand_bit();
		gboolean space = before;
		gsize n, taken = fold_ascii_portable(in + offset, len, expected, &n, &space);
		for (gsize k = 0; k < G_N_ELEMENTS(loops); k++) {
			FoldAscii loop = loops[k].function != NULL ? loops[k].function : fold_ascii_best();
			memset(got, GUARD, sizeof got);
			gboolean other_space = before;
			gsize other_n;
			g_assert_cmpuint(loop(in + offset, len, got, &other_n, &other_space), ==, taken);
			g_assert_cmpmem(got, other_n, expected, n);
			g_assert_cmpint(other_space, ==, space);
			g_assert_cmpint(got[len + FOLD_SLACK], ==, GUARD);
		}
	}
}

static void order_is_that_of_the_titlecased_octets(void)
{
	/* In the order of RFC 5051: small letters count as large ones, which are before `_`. */
	static const char *const ordered[] = { "", " ", "1", "A", "ab", "ABC", "b", "Z", "_", "{" };

	/* É is E and an accent; the ligature is small letters, which are behind the line. */
	g_autofree char *accented = fold("É");
	g_autofree char *f = fold("F");
	g_autofree char *ligature = fold("ﬁ");
	g_autofree char *line = fold("_");
	g_assert_cmpint(fold_compare(accented, strlen(accented), f, 1), <, 0);
	g_assert_cmpint(fold_compare(ligature, strlen(ligature), line, 1), >, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(ordered); i++) {
		for (gsize k = 0; k < G_N_ELEMENTS(ordered); k++) {
			g_autofree char *a = fold(ordered[i]);
			g_autofree char *b = fold(ordered[k]);
			int order = fold_compare(a, strlen(a), b, strlen(b));
			g_assert_cmpint(order < 0 ? -1 : order > 0, ==, i < k ? -1 : i > k);
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fold/the_table_of_search_semantics_holds", the_table_of_search_semantics_holds);
	g_test_add_func("/fold/folded_forms_are_as_the_header_says", folded_forms_are_as_the_header_says);
	g_test_add_func("/fold/every_code_point_is_as_icu_has_it", every_code_point_is_as_icu_has_it);
	g_test_add_func(
		"/fold/what_is_equal_is_what_rfc5051_makes_equal", what_is_equal_is_what_rfc5051_makes_equal);
	g_test_add_func("/fold/ill_formed_bytes_become_replacement_characters",
		ill_formed_bytes_become_replacement_characters);
	g_test_add_func("/fold/pieces_give_what_the_whole_gives", pieces_give_what_the_whole_gives);
	g_test_add_func("/fold/parts_of_a_text_are_found_in_it", parts_of_a_text_are_found_in_it);
	g_test_add_func("/fold/loops_over_ascii_agree", loops_over_ascii_agree);
	g_test_add_func(
		"/fold/order_is_that_of_the_titlecased_octets", order_is_that_of_the_titlecased_octets);
	return g_test_run();
}
