/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which words match (fuzzy-word.h), which texts, and how well (fuzzy.h). */
#include "indexer/fuzzy-text.h"

#include <string.h>

#include "base/fold.h"
#include "tests/unit/indexer/corpus.h"

static FuzzyGrade grade_of(const char *wanted, const char *there)
{
	g_autofree char *w = fold_string(wanted, strlen(wanted), NULL), *t = fold_string(there, strlen(there), NULL);
	FuzzyWord word;
	FuzzyStems *stems = fuzzy_stems_new();
	fuzzy_word_init(&word, w, strlen(w));
	FuzzyGrade grade = fuzzy_word_grade(&word, stems, t, strlen(t));
	/* The quick filter lets through what it must. */
	gboolean ascii = TRUE;
	for (const char *c = t; *c != '\0'; c++)
		ascii = ascii && g_ascii_isalnum(*c);
	if (ascii && grade != FUZZY_NONE && grade != FUZZY_PART)
		g_assert_true(fuzzy_word_may_match_ascii(&word, t, strlen(t), fuzzy_ascii_mask(t, strlen(t))));
	fuzzy_word_clear(&word);
	fuzzy_stems_free(stems);
	return grade;
}

static void words_have_their_grades(void)
{
	static const struct {
		const char *wanted, *there;
		FuzzyGrade grade;
	} cases[] = {
		{ "invoice", "Invoice", FUZZY_WHOLE },
		{ "invoice", "invoices", FUZZY_STEM },
		{ "invoices", "invoice", FUZZY_STEM },
		{ "running", "runs", FUZZY_STEM },
		{ "run", "runs", FUZZY_STEM },
		{ "car", "care", FUZZY_PART },      /* three letters: no French or Italian stem */
		{ "invoice", "reinvoiced", FUZZY_PART },
		{ "wim", "swimming", FUZZY_PART },
		{ "invoice", "invoce", FUZZY_TYPO_1 },
		{ "invoice", "invoicce", FUZZY_TYPO_1 },
		{ "invoice", "ivnoice", FUZZY_TYPO_1 },
		{ "invoice", "inviuce", FUZZY_NONE }, /* two, in seven letters */
		{ "quarterly", "qaurterly", FUZZY_TYPO_1 },
		{ "quarterly", "quatrely", FUZZY_TYPO_2 },
		{ "quarterly", "qatrley", FUZZY_NONE },
		{ "helo", "hello", FUZZY_TYPO_1 },
		{ "helo", "help", FUZZY_TYPO_1 },
		{ "cat", "cut", FUZZY_NONE },
		{ "2023", "2024", FUZZY_NONE },
		{ "file1", "file2", FUZZY_NONE },
		{ "filed", "file2", FUZZY_NONE },
		{ "cafe", "caf\xc3\xa9", FUZZY_DIACRITICS },
		{ "caf\xc3\xa9", "CAFE", FUZZY_DIACRITICS },
		{ "strasse", "Stra\xc3\x9f" "e", FUZZY_DIACRITICS },
		{ "lodz", "\xc5\x81\xc3\xb3" "d\xc5\xba", FUZZY_DIACRITICS },
		{ "smorrebrod", "sm\xc3\xb8rrebr\xc3\xb8" "d", FUZZY_DIACRITICS },
		{ "oeuvre", "\xc5\x93uvre", FUZZY_DIACRITICS },
		{ "reunion", "r\xc3\xa9unions", FUZZY_STEM },
		{ "Haus", "H\xc3\xa4user", FUZZY_STEM },
		{ "\xd0\xb4\xd0\xbe\xd0\xba\xd1\x83\xd0\xbc\xd0\xb5\xd0\xbd\xd1\x82\xd1\x8b", /* dokumenty, dokumentov */
			"\xd0\xb4\xd0\xbe\xd0\xba\xd1\x83\xd0\xbc\xd0\xb5\xd0\xbd\xd1\x82\xd0\xbe\xd0\xb2", FUZZY_STEM },
		{ "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "\xd0\xbf\xd1\x80\xd0\xb5\xd0\xb2\xd0\xb5\xd1\x82", FUZZY_TYPO_1 },
		{ "\xe6\x9d\xb1\xe4\xba\xac", "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd", FUZZY_PART },   /* Tokyo in Tokyo-to */
		{ "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\xe5\xba\x81", "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\xe6\x94\xbf", FUZZY_NONE },
		{ "\xe3\x81\x8c\xe3\x81\x8d", "\xe3\x81\x8b\xe3\x81\x8d", FUZZY_NONE }, /* voiced kana are other kana */
		{ "a", "b", FUZZY_NONE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		FuzzyGrade grade = grade_of(cases[i].wanted, cases[i].there);
		if (grade == cases[i].grade)
			continue;
		g_test_message("%s in %s: %d, not %d", cases[i].wanted, cases[i].there, grade, cases[i].grade);
		g_test_fail();
	}
}

static void long_words_match_only_as_they_are(void)
{
	g_autoptr(GString) word = g_string_new("averyveryveryveryverylongwordindeedthatnobodywrites");
	g_autofree char *with_typo = g_strconcat("x", word->str + 1, NULL), *longer = g_strconcat("aa", word->str, "zz", NULL);
	g_assert_cmpint(grade_of(word->str, word->str), ==, FUZZY_WHOLE);
	g_assert_cmpint(grade_of(word->str, longer), ==, FUZZY_PART);
	g_assert_cmpint(grade_of(word->str, with_typo), ==, FUZZY_NONE);
	while (word->len < 1000)
		g_string_append_c(word, 'a');
	g_assert_cmpint(grade_of(word->str, word->str), ==, FUZZY_WHOLE);
	g_assert_cmpint(grade_of("invoice", word->str), ==, FUZZY_NONE);
}

static void octets_that_are_no_utf8_end_a_word(void)
{
	static const char text[] = "\xff\xc3" "caf\xc3\xa9\x80z\xf0\x9f";
	const char *word;
	gsize at = 0, len;
	g_assert_true(fuzzy_next_word(text, sizeof text - 1, &at, &word, &len));
	g_assert_cmpmem(word, len, "caf\xc3\xa9", 5);
	g_assert_true(fuzzy_next_word(text, sizeof text - 1, &at, &word, &len));
	g_assert_cmpmem(word, len, "z", 1);
	g_assert_false(fuzzy_next_word(text, sizeof text - 1, &at, &word, &len));
}

/* The textbook's, with the whole matrix and no limit. */
static guint plain_distance(const FuzzyPlain *a, const FuzzyPlain *b)
{
	guint d[FUZZY_LETTERS_MAX + 1][FUZZY_LETTERS_MAX + 1];
	for (guint i = 0; i <= a->n; i++)
		for (guint j = 0; j <= b->n; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			guint cost = a->letters[i - 1] == b->letters[j - 1] ? 0 : 1;
			d[i][j] = MIN(MIN(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a->letters[i - 1] == b->letters[j - 2] && a->letters[i - 2] == b->letters[j - 1])
				d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[a->n][b->n];
}

static void distances_are_those_of_the_textbook(void)
{
	for (int round = 0; round < 50000; round++) {
		char words[2][16];
		FuzzyPlain plain[2];
		for (int i = 0; i < 2; i++) {
			int n = g_test_rand_int_range(1, 13);
			for (int c = 0; c < n; c++)
				words[i][c] = (char)g_test_rand_int_range('a', 'd');
			fuzzy_plain_init(&plain[i], words[i], (gsize)n);
		}
		for (guint limit = 0; limit <= 3; limit++)
			g_assert_cmpuint(fuzzy_distance(&plain[0], &plain[1], limit), ==, MIN(plain_distance(&plain[0], &plain[1]), limit + 1));
	}
}

/* -- texts ------------------------------------------------------------------------------------------------------------ */

static TextSpan span(const char *text)
{
	return (TextSpan){ text, strlen(text) };
}

typedef struct {
	TextLeaf leaf;
	FuzzyNeedle *needle;
	char *folded;
} Wanted;

static void wanted_init(Wanted *wanted, TextScope scope, const char *field, const char *needle)
{
	wanted->leaf = (TextLeaf){ .scope = scope, .field = field, .field_len = field == NULL ? 0 : strlen(field) };
	wanted->folded = fold_string(needle, strlen(needle), &wanted->leaf.needle_len);
	wanted->leaf.needle = wanted->folded;
	wanted->leaf.fuzzy = wanted->needle = fuzzy_needle_new(wanted->folded, wanted->leaf.needle_len);
}

static void wanted_clear(Wanted *wanted)
{
	fuzzy_needle_free(wanted->needle);
	g_free(wanted->folded);
}

static gboolean matches(TextScope scope, const char *field, const char *needle, const char *header, const char *body)
{
	Wanted wanted;
	TextSpan sections[MESSAGE_TEXT_N_SECTIONS] = { span(header), span(""), span(body) };
	wanted_init(&wanted, scope, field, needle);
	gboolean does = fuzzy_sections_match(&wanted.leaf, sections);
	wanted_clear(&wanted);
	return does;
}

static void a_text_matches_if_each_word_is_anywhere_in_the_scope(void)
{
	static const char header[] = "from: ann lee <ann@example.org>\nsubject: broken imap servers\nto: bob\nto: carol\n";
	static const char body[] = "the quarterly report is late\nsecond part: invoices\n";
	static const struct {
		TextScope scope;
		const char *field, *needle;
		gboolean does;
	} cases[] = {
		{ TEXT_SCOPE_HEADER, "subject", "server imap", TRUE },
		{ TEXT_SCOPE_HEADER, "subject", "imap report", FALSE },
		{ TEXT_SCOPE_HEADER, "to", "carol bob", TRUE },
		{ TEXT_SCOPE_HEADER, "to", "bob ann", FALSE },
		{ TEXT_SCOPE_HEADER, "x-none", "bob", FALSE },
		{ TEXT_SCOPE_HEADER, "from", "", TRUE },
		{ TEXT_SCOPE_HEADER, "x-none", "", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "invoice, quaterly!", TRUE },
		{ TEXT_SCOPE_BODY, NULL, "imap", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "", TRUE },
		{ TEXT_SCOPE_BODY, NULL, "->", FALSE },
		{ TEXT_SCOPE_BODY, NULL, " is ", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "reports ann imap", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "subject", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "subjekt", FALSE }, /* names of fields: exactly */
		{ TEXT_SCOPE_TEXT, NULL, "<ann@", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, ">", TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		if (matches(cases[i].scope, cases[i].field, cases[i].needle, header, body) != cases[i].does) {
			g_test_message("%s \"%s\": not %d", cases[i].field != NULL ? cases[i].field : "text", cases[i].needle, cases[i].does);
			g_test_fail();
		}
}

static void a_fuzzy_key_finds_what_the_exact_one_finds(void)
{
	g_autoptr(GPtrArray) messages = corpus_load(60);
	g_autoptr(GPtrArray) texts = corpus_texts(messages);
	guint found = 0, more = 0;
	for (int round = 0; round < 600; round++) {
		RandomLeaf random;
		random_leaf(&random, texts);
		g_autoptr(FuzzyNeedle) needle = fuzzy_needle_new(random.leaf.needle, random.leaf.needle_len);
		for (guint i = 0; i < texts->len; i++) {
			const MessageText *text = texts->pdata[i];
			TextSpan sections[MESSAGE_TEXT_N_SECTIONS];
			for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++)
				sections[section] = (TextSpan){ text->section[section]->str, text->section[section]->len };
			random.leaf.fuzzy = NULL;
			gboolean exact = text_matches(text, &random.leaf);
			random.leaf.fuzzy = needle;
			gboolean fuzzy = fuzzy_sections_match(&random.leaf, sections);
			float ratings[FUZZY_WORDS_MAX];
			gboolean rated = TRUE;
			fuzzy_sections_rate(&random.leaf, sections, ratings);
			for (guint w = 0; w < fuzzy_needle_n_ratings(needle); w++) {
				g_assert_cmpfloat(ratings[w], >=, 0);
				g_assert_cmpfloat(ratings[w], <=, 1);
				rated = rated && ratings[w] > 0;
			}
			found += exact ? 1 : 0;
			more += fuzzy && !exact ? 1 : 0;
			/* The ratings say whether it matches. */
			if ((fuzzy || !exact) && rated == fuzzy)
				continue;
			g_autofree char *what = leaf_describe(&random.leaf);
			g_test_message("%s: exact %d, fuzzy %d, rated %d", what, exact, fuzzy, rated);
			g_test_fail();
		}
		random_leaf_clear(&random);
	}
	g_test_message("%u found, %u more by fuzzy keys", found, more);
	g_assert_cmpuint(found, >, 1000);
	/* Fewer of long words in trace fields, which match as they are only (terms.h). */
	g_assert_cmpuint(more, >, 700);
}

/* -- ratings ---------------------------------------------------------------------------------------------------------- */

static float rating(TextScope scope, const char *field, const char *needle, const char *header, const char *body)
{
	Wanted wanted;
	TextSpan sections[MESSAGE_TEXT_N_SECTIONS] = { span(header), span(""), span(body) };
	float ratings[FUZZY_WORDS_MAX], sum = 0;
	wanted_init(&wanted, scope, field, needle);
	fuzzy_sections_rate(&wanted.leaf, sections, ratings);
	for (guint w = 0; w < fuzzy_needle_n_ratings(wanted.needle); w++)
		sum += ratings[w];
	sum /= (float)fuzzy_needle_n_ratings(wanted.needle);
	wanted_clear(&wanted);
	return sum;
}

/* Once in a long text, the better grade is above the worse one many times in a short text. */
static void a_better_grade_of_one_field_is_never_below_a_worse_one(void)
{
	static const char *const bodies[] = { "confident", "confid\xc3\xa9" "nt", "confidently", "nonconfidentx", "confidemt", "comfidemt" };
	g_autoptr(GString) filler = g_string_new(NULL);
	for (int i = 0; i < 5000; i++)
		g_string_append(filler, "word ");
	for (gsize i = 0; i + 1 < G_N_ELEMENTS(bodies); i++) {
		g_autofree char *better = fold_string(bodies[i], strlen(bodies[i]), NULL);
		g_autofree char *worse = fold_string(bodies[i + 1], strlen(bodies[i + 1]), NULL);
		g_autofree char *once = g_strconcat(filler->str, better, " ", filler->str, "\n", NULL);
		g_autoptr(GString) often = g_string_new(NULL);
		for (int n = 0; n < 50; n++)
			g_string_append_printf(often, "%s ", worse);
		float high = rating(TEXT_SCOPE_BODY, NULL, "confident", "", once), low = rating(TEXT_SCOPE_BODY, NULL, "confident", "", often->str);
		g_test_message("%s once %.3f, %s often %.3f", bodies[i], (double)high, bodies[i + 1], (double)low);
		g_assert_cmpfloat(low, >, 0);
		g_assert_cmpfloat(high, >=, low);
	}
}

static void ratings_use_the_whole_range_and_follow_the_fields(void)
{
	float subject = rating(TEXT_SCOPE_TEXT, NULL, "report", "subject: report\nfrom: ann\n", "hello\n");
	float from = rating(TEXT_SCOPE_TEXT, NULL, "report", "subject: x\nfrom: report\n", "hello\n");
	float body = rating(TEXT_SCOPE_TEXT, NULL, "report", "subject: x\nfrom: ann\n", "report\n");
	float other = rating(TEXT_SCOPE_TEXT, NULL, "report", "subject: x\nx-other: report\n", "hello\n");
	float typo = rating(TEXT_SCOPE_TEXT, NULL, "report", "subject: x\nx-other: reprot\n", "hello\n");
	g_test_message("%.3f %.3f %.3f %.3f %.3f", (double)subject, (double)from, (double)body, (double)other, (double)typo);
	g_assert_cmpfloat(subject, >, from);
	g_assert_cmpfloat(from, >, body);
	g_assert_cmpfloat(body, >, other);
	g_assert_cmpfloat(other, >, typo);
	g_assert_cmpfloat(subject, >=, 0.99);
	g_assert_cmpfloat(typo, <, 0.1);
	g_assert_cmpfloat(typo, >, 0);
	/* More often is better, in a shorter text too; the words as they stand are better than scattered ones. */
	g_assert_cmpfloat(rating(TEXT_SCOPE_BODY, NULL, "ab cd", "", "ab cd\n"), >, rating(TEXT_SCOPE_BODY, NULL, "ab cd", "", "cd ab\n"));
	g_autoptr(GString) filler = g_string_new("report ");
	for (int i = 0; i < 300; i++)
		g_string_append(filler, "word ");
	g_autofree char *twice = g_strconcat(filler->str, "report", NULL);
	g_assert_cmpfloat(rating(TEXT_SCOPE_BODY, NULL, "report", "", twice), >, rating(TEXT_SCOPE_BODY, NULL, "report", "", filler->str));
	g_assert_cmpfloat(rating(TEXT_SCOPE_BODY, NULL, "report", "", "report word"), >, rating(TEXT_SCOPE_BODY, NULL, "report", "", filler->str));
}

static void needles_are_words_each_once(void)
{
	static const struct { const char *needle; guint words; } cases[] = {
		{ "", 0 }, { " -> ", 0 }, { "one", 1 }, { "one two one", 2 }, { "don't", 2 }, { "a_b-c", 3 }, { "caf\xc3\xa9", 1 },
		{ "\xe2\x80\x9cquoted\xe2\x80\x9d\xe2\x80\x94word", 2 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *folded = fold_string(cases[i].needle, strlen(cases[i].needle), NULL);
		g_autoptr(FuzzyNeedle) needle = fuzzy_needle_new(folded, strlen(folded));
		g_assert_cmpuint(fuzzy_needle_n_words(needle), ==, cases[i].words);
	}
	g_autoptr(GString) many = g_string_new(NULL);
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(many, "w%d ", i);
	g_autoptr(FuzzyNeedle) needle = fuzzy_needle_new(many->str, many->len);
	g_assert_cmpuint(fuzzy_needle_n_words(needle), ==, FUZZY_WORDS_MAX);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fuzzy/words_have_their_grades", words_have_their_grades);
	g_test_add_func("/fuzzy/long_words_match_only_as_they_are", long_words_match_only_as_they_are);
	g_test_add_func("/fuzzy/octets_that_are_no_utf8_end_a_word", octets_that_are_no_utf8_end_a_word);
	g_test_add_func("/fuzzy/distances_are_those_of_the_textbook", distances_are_those_of_the_textbook);
	g_test_add_func("/fuzzy/needles_are_words_each_once", needles_are_words_each_once);
	g_test_add_func("/fuzzy/a_text_matches_if_each_word_is_anywhere_in_the_scope", a_text_matches_if_each_word_is_anywhere_in_the_scope);
	g_test_add_func("/fuzzy/a_fuzzy_key_finds_what_the_exact_one_finds", a_fuzzy_key_finds_what_the_exact_one_finds);
	g_test_add_func("/fuzzy/a_better_grade_of_one_field_is_never_below_a_worse_one", a_better_grade_of_one_field_is_never_below_a_worse_one);
	g_test_add_func("/fuzzy/ratings_use_the_whole_range_and_follow_the_fields", ratings_use_the_whole_range_and_follow_the_fields);
	return g_test_run();
}
