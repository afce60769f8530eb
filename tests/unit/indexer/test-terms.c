/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/terms.h"

#include <string.h>

/* The terms of a message in the order of FtTerms, separated by spaces. */
static char *terms_of(const char *header, const char *parts, const char *body)
{
	g_autoptr(TermList) list = term_list_new();
	const TextSpan sections[MESSAGE_TEXT_N_SECTIONS] = { { header, strlen(header) }, { parts, strlen(parts) },
		{ body, strlen(body) } };
	guint n, seen = 0;
	term_list_add_message(list, sections);
	FtTerms terms = term_list_terms(list, &n);
	GString *out = g_string_new(NULL);
	for (gsize at = 0; at < terms.len; at += (gsize)terms.data[at] + 1, seen++)
		g_string_append_printf(out, "%s%.*s", at == 0 ? "" : " ", (int)terms.data[at], (const char *)terms.data + at + 1);
	g_assert_cmpuint(seen, ==, n);
	return g_string_free(out, FALSE);
}

#define ALPHABET "abcdefghijklmnopqrstuvwxyz"

static void each_field_has_its_terms(void)
{
	static const struct {
		const char *header, *parts, *body, *terms;
	} cases[] = {
		{ "", "", "", "" },
		{ "", "", "the quick, the-quick\n", "Bquick Bthe" },
		{ "subject: re: new mail\n", "", "", "Nsubject Smail Snew Sre" },
		{ "from: a@b.c\nto: d\ncc: e\nbcc: f\n", "", "", "Ce Fa Fb Fc Kf Nbcc Ncc Nfrom Nto Td" },
		{ "x-mailer: mutt/1.0\n", "", "", "H0 H1 Hmutt Nx-mailer" },
		{ "subject: \n", "", "", "Nsubject" },
		{ "no field at all\n", "", "", "Hall Hat Hfield Hno" },
		{ "received: from a.b\nx-received: c\n", "", "", "Nreceived Nx-received Ra Rb Rc Rfrom" },
		/* 39 octets and 40 */
		{ "arc-seal: a=b " ALPHABET "0123456789123 c\n", "", "", "Narc-seal Ra R" ALPHABET "0123456789123 Rb Rc" },
		{ "arc-seal: a=b " ALPHABET "01234567891234 c\n", "", "", "Narc-seal Ra Rb Rc" },
		{ "references: " ALPHABET "01234567891234\n", "", "", "H" ALPHABET "01234567891234 Nreferences" },
		{ "", "arc-seal: " ALPHABET "01234567891234\n", "", "H" ALPHABET "01234567891234 Parc-seal" },
		{ "two words: value\n", "", "", "Hvalue Ntwo words" },
		{ ": x\n", "", "", "Hx N" },
		{ "", "content-type: text/plain; name=\"a b\"\nsubject: x\n", "", "Ha Hb Hname Hplain Htext Hx Pcontent-type Psubject" },
		{ "", "", "caf\xc3\xa9.x \xe6\x97\xa5\xe6\x9c\xac\n", "Bcaf\xc3\xa9 Bx B\xe6\x97\xa5\xe6\x9c\xac" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *terms = terms_of(cases[i].header, cases[i].parts, cases[i].body);
		g_assert_cmpstr(terms, ==, cases[i].terms);
	}
}

/* The three promises about pieces (terms.h), for every length and place. */
static void pieces_cover_every_window(void)
{
	char token[TERM_PIECE * 3 + 8];
	for (gsize i = 0; i < sizeof token; i++)
		token[i] = (char)('a' + (i * 7 + i / 26) % 26);
	for (gsize len = 1; len <= sizeof token; len++) {
		g_autofree char *body = g_strdup_printf("%.*s\n", (int)len, token);
		g_autofree char *joined = terms_of("", "", body);
		g_auto(GStrv) terms = g_strsplit(joined, " ", -1);
		gsize window = MIN(len, TERM_WINDOW), head = MIN(len, TERM_PIECE);
		for (gsize at = 0; at + window <= len; at++) {
			gboolean found = FALSE;
			for (char **term = terms; *term != NULL && !found; term++)
				found = memmem(*term + 1, strlen(*term + 1), token + at, window) != NULL;
			g_assert_true(found);
		}
		gboolean begins = FALSE, ends = FALSE;
		for (char **term = terms; *term != NULL; term++) {
			gsize term_len = strlen(*term + 1);
			g_assert_cmpuint(term_len, <=, TERM_PIECE);
			begins |= term_len >= head && memcmp(*term + 1, token, head) == 0;
			ends |= term_len >= window && memcmp(*term + 1 + term_len - window, token + len - window, window) == 0;
		}
		g_assert_true(begins && ends);
	}
}

static void long_names_are_cut_and_their_tokens_kept(void)
{
	g_autofree char *name = g_strnfill(TERM_NAME_MAX + 1, 'n');
	g_autofree char *header = g_strconcat("x-", name, ": v\n", NULL);
	g_autofree char *terms = terms_of(header, "", "");
	g_autofree char *cut = g_strndup(header, TERM_NAME_MAX), *term = g_strconcat("Nx-", cut + 2, NULL);
	g_assert_nonnull(strstr(terms, term));
	g_assert_null(strstr(terms, name));
	g_assert_nonnull(strstr(terms, "Hx"));
	g_assert_nonnull(strstr(terms, "Hnnnn"));
}

static void needles_say_where_their_tokens_are_open(void)
{
	static const struct {
		const char *needle, *tokens; /* "<" and ">": open to that side */
	} cases[] = { { "", "" }, { "->", "" }, { "word", "<word>" }, { " word", "word>" }, { "word.", "<word" }, { "\"word\"", "word" },
		{ "the company", "<the company>" }, { "f (ret < 0)", "<f ret 0" }, { "a.b.c", "<a b c>" } };
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GArray) tokens = needle_tokens(cases[i].needle, strlen(cases[i].needle));
		g_autoptr(GString) text = g_string_new(NULL);
		for (guint t = 0; t < tokens->len; t++) {
			const NeedleToken *token = &g_array_index(tokens, NeedleToken, t);
			g_string_append_printf(text, "%s%s%.*s%s", t == 0 ? "" : " ", token->open_left ? "<" : "", (int)token->len,
				token->data, token->open_right ? ">" : "");
		}
		g_assert_cmpstr(text->str, ==, cases[i].tokens);
	}
}

static void a_list_is_used_again(void)
{
	g_autoptr(TermList) list = term_list_new();
	g_autoptr(GString) body = g_string_new(NULL);
	for (int i = 0; i < 60000; i++)
		g_string_append_printf(body, "t%d ", i);
	const TextSpan large[MESSAGE_TEXT_N_SECTIONS] = { { "", 0 }, { "", 0 }, { body->str, body->len } };
	const TextSpan small[MESSAGE_TEXT_N_SECTIONS] = { { "", 0 }, { "", 0 }, { "b a b\n", 6 } };
	for (int round = 0; round < 3; round++) {
		guint n;
		term_list_clear(list);
		term_list_add_message(list, large);
		(void)term_list_terms(list, &n);
		g_assert_cmpuint(n, ==, 60000);
		term_list_clear(list);
		term_list_add_message(list, small);
		FtTerms terms = term_list_terms(list, &n);
		g_assert_cmpuint(n, ==, 2);
		g_assert_cmpmem(terms.data, terms.len, "\2Ba\2Bb", 6);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/terms/" #name, name)
	TEST(each_field_has_its_terms);
	TEST(pieces_cover_every_window);
	TEST(long_names_are_cut_and_their_tokens_kept);
	TEST(needles_say_where_their_tokens_are_open);
	TEST(a_list_is_used_again);
#undef TEST
	return g_test_run();
}
