/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/fuzzy-word.h"

#include <string.h>

#include "base/memsearch.h"
#include "indexer/stemmer.h"

/* -- words ---------------------------------------------------------------------------------------------------------- */

static inline gboolean is_ascii_letter(char c)
{
	return g_ascii_isalnum(c);
}

/* Letters, digits, marks. */
static gboolean is_word_char(gunichar c)
{
	return g_unichar_isalnum(c) || g_unichar_ismark(c);
}

/* The code point at @at, and its octets; one octet that is none of a code point is (gunichar)-1. */
static gunichar decode(const char *text, gsize len, gsize *octets_out)
{
	if ((guchar)*text < 0x80) {
		*octets_out = 1;
		return (guchar)*text;
	}
	gunichar c = g_utf8_get_char_validated(text, (gssize)MIN(len, 6));
	*octets_out = c >= (gunichar)-2 ? 1 : (gsize)(g_utf8_next_char(text) - text);
	return c >= (gunichar)-2 ? (gunichar)-1 : c;
}

gboolean fuzzy_next_word(const char *text, gsize len, gsize *at, const char **word_out, gsize *word_len_out)
{
	gsize i = *at, octets = 1;
	while (i < len && !is_ascii_letter(text[i])) {
		if ((guchar)text[i] >= 0x80 && is_word_char(decode(text + i, len - i, &octets)))
			break;
		i += (guchar)text[i] >= 0x80 ? octets : 1;
	}
	gsize begin = i;
	while (i < len) {
		if ((guchar)text[i] < 0x80) {
			if (!is_ascii_letter(text[i]))
				break;
			i++;
			continue;
		}
		if (!is_word_char(decode(text + i, len - i, &octets)))
			break;
		i += octets;
	}
	*at = i;
	*word_out = text + begin;
	*word_len_out = i - begin;
	return i > begin;
}

/* -- the plain form --------------------------------------------------------------------------------------------------- */

static gboolean is_dropped_mark(gunichar c)
{
	int combining = g_unichar_combining_class(c);
	return (combining >= 10 && combining <= 36) || combining >= 200;
}

static gboolean is_dense_letter(gunichar c)
{
	static const struct { gunichar first, last; } ranges[] = {
		{ 0x0e00, 0x0eff }, /* Thai, Lao */
		{ 0x1000, 0x109f }, /* Burmese */
		{ 0x1100, 0x11ff }, /* Hangul Jamo */
		{ 0x1780, 0x17ff }, /* Khmer */
		{ 0x2e80, 0x2fdf }, /* radicals */
		{ 0x3005, 0x3007 },
		{ 0x3040, 0x31ff }, /* kana, Bopomofo, Hangul */
		{ 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xa960, 0xa97f }, { 0xac00, 0xd7ff }, { 0xf900, 0xfaff }, { 0x20000, 0x3fffd },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return TRUE;
	return FALSE;
}

/* What is written for a letter without decomposition; the second one 0 if it is one. In lower case. */
static void plain_letters(gunichar c, gunichar letters[2])
{
	static const struct { gunichar from, to[2]; } table[] = {
		{ 0x00df, { 's', 's' } }, { 0x00e6, { 'a', 'e' } }, { 0x0153, { 'o', 'e' } }, { 0x00f8, { 'o', 0 } },
		{ 0x0142, { 'l', 0 } },   { 0x0111, { 'd', 0 } },   { 0x0131, { 'i', 0 } },
	};
	letters[0] = g_unichar_tolower(c);
	letters[1] = 0;
	if (letters[0] < 0x80)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		if (letters[0] == table[i].from)
			memcpy(letters, table[i].to, sizeof table[i].to);
}

/* FALSE: one too many. */
static gboolean plain_add(FuzzyPlain *plain, gunichar c)
{
	if (plain->n == FUZZY_LETTERS_MAX)
		return FALSE;
	plain->letters[plain->n++] = c;
	plain->mask |= G_GUINT64_CONSTANT(1) << (c & 63);
	return TRUE;
}

static gboolean plain_read(FuzzyPlain *plain, const char *word, gsize len)
{
	for (gsize i = 0, octets; i < len; i += octets) {
		gunichar c = decode(word + i, len - i, &octets), letters[2];
		if (c == (gunichar)-1)
			return FALSE;
		if (c >= 0x80 && is_dropped_mark(c))
			continue;
		plain->has_digit = plain->has_digit || (c < 0x80 ? g_ascii_isdigit((char)c) : g_unichar_isalnum(c) && !g_unichar_isalpha(c));
		plain->is_dense = plain->is_dense || (c >= 0x80 && is_dense_letter(c));
		plain_letters(c, letters);
		if (!plain_add(plain, letters[0]) || (letters[1] != 0 && !plain_add(plain, letters[1])))
			return FALSE;
	}
	return TRUE;
}

void fuzzy_plain_init(FuzzyPlain *plain, const char *word, gsize len)
{
	plain->n = 0;
	plain->mask = 0;
	plain->has_digit = plain->is_dense = FALSE;
	if (len > FUZZY_OCTETS_MAX || !plain_read(plain, word, len))
		plain->n = 0;
}

static gboolean plain_equal(const FuzzyPlain *a, const FuzzyPlain *b)
{
	return a->n == b->n && memcmp(a->letters, b->letters, a->n * sizeof a->letters[0]) == 0;
}

/* -- typos ------------------------------------------------------------------------------------------------------------ */

guint fuzzy_distance(const FuzzyPlain *a, const FuzzyPlain *b, guint limit)
{
	guint rows[3][FUZZY_LETTERS_MAX + 1];
	guint *before = rows[0], *last = rows[1], *row = rows[2];
	if ((a->n > b->n ? a->n - b->n : b->n - a->n) > limit)
		return limit + 1;
	for (guint j = 0; j <= b->n; j++)
		last[j] = j;
	for (guint i = 1; i <= a->n; i++) {
		guint least = row[0] = i;
		for (guint j = 1; j <= b->n; j++) {
			gboolean same = a->letters[i - 1] == b->letters[j - 1];
			guint best = MIN(MIN(last[j], row[j - 1]) + 1, last[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && a->letters[i - 1] == b->letters[j - 2] && a->letters[i - 2] == b->letters[j - 1])
				best = MIN(best, before[j - 2] + 1);
			row[j] = best;
			least = MIN(least, best);
		}
		/* Two rows above the limit: nothing below them is within it (an exchange reaches over one). */
		if (least > limit && i > 1) {
			guint least_before = last[0];
			for (guint j = 1; j <= b->n; j++)
				least_before = MIN(least_before, last[j]);
			if (least_before > limit)
				return limit + 1;
		}
		guint *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return MIN(last[b->n], limit + 1);
}

/* -- stems ------------------------------------------------------------------------------------------------------------ */

/* The first is English. */
static const char *const languages[] = { "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "russian" };

struct FuzzyStems {
	Stemmer *stemmers[G_N_ELEMENTS(languages)]; /* owned */
	GString *a, *b, *a_stem, *b_stem;           /* owned */
};

FuzzyStems *fuzzy_stems_new(void)
{
	FuzzyStems *stems = g_new0(FuzzyStems, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(languages); i++)
		stems->stemmers[i] = stemmer_new(languages[i]);
	stems->a = g_string_new(NULL);
	stems->b = g_string_new(NULL);
	stems->a_stem = g_string_new(NULL);
	stems->b_stem = g_string_new(NULL);
	return stems;
}

void fuzzy_stems_free(FuzzyStems *stems)
{
	if (stems == NULL)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(languages); i++)
		stemmer_free(stems->stemmers[i]);
	g_string_free(stems->a, TRUE);
	g_string_free(stems->b, TRUE);
	g_string_free(stems->a_stem, TRUE);
	g_string_free(stems->b_stem, TRUE);
	g_free(stems);
}

/* As stemmers want it: lower case, composed. */
static void compose(GString *out, const char *word, gsize len)
{
	g_string_truncate(out, 0);
	gboolean ascii = TRUE;
	for (gsize i = 0, octets; i < len; i += octets) {
		gunichar c = decode(word + i, len - i, &octets);
		ascii = ascii && c < 0x80;
		g_string_append_unichar(out, g_unichar_tolower(c)); /* words with a plain form are UTF-8 */
	}
	if (ascii)
		return;
	g_autofree char *composed = g_utf8_normalize(out->str, (gssize)out->len, G_NORMALIZE_NFC);
	if (composed != NULL)
		g_string_assign(out, composed);
}

/* Without diacritics: what a stemmer leaves is folded no more, but its letters are as plain ones are once it is decomposed. */
static gboolean stem_plain_equal(const GString *a, const GString *b)
{
	if (g_string_equal(a, b))
		return TRUE;
	FuzzyPlain a_plain, b_plain;
	g_autofree char *a_apart = g_utf8_normalize(a->str, (gssize)a->len, G_NORMALIZE_NFD);
	g_autofree char *b_apart = g_utf8_normalize(b->str, (gssize)b->len, G_NORMALIZE_NFD);
	if (a_apart == NULL || b_apart == NULL)
		return FALSE;
	fuzzy_plain_init(&a_plain, a_apart, strlen(a_apart));
	fuzzy_plain_init(&b_plain, b_apart, strlen(b_apart));
	return a_plain.n > 0 && plain_equal(&a_plain, &b_plain);
}

gboolean fuzzy_stems_equal(FuzzyStems *stems, const FuzzyPlain *a, const char *a_word, gsize a_len, const FuzzyPlain *b,
	const char *b_word, gsize b_len)
{
	guint shorter = MIN(a->n, b->n), same = shorter < 5 ? 2 : 3;
	if (shorter < 3 || a->has_digit || b->has_digit || memcmp(a->letters, b->letters, same * sizeof a->letters[0]) != 0)
		return FALSE;
	compose(stems->a, a_word, a_len);
	compose(stems->b, b_word, b_len);
	for (gsize i = 0; i < (shorter < 4 ? 1 : G_N_ELEMENTS(languages)); i++) {
		if (stems->stemmers[i] == NULL)
			continue;
		stemmer_stem(stems->stemmers[i], stems->a, stems->a_stem);
		stemmer_stem(stems->stemmers[i], stems->b, stems->b_stem);
		if (stems->a_stem->len > 0 && stem_plain_equal(stems->a_stem, stems->b_stem))
			return TRUE;
	}
	return FALSE;
}

/* -- a word that is looked for ------------------------------------------------------------------------------------------ */

void fuzzy_word_init(FuzzyWord *word, const char *text, gsize len)
{
	word->text = g_strndup(text, len);
	word->len = len;
	fuzzy_plain_init(&word->plain, text, len);
	if (word->plain.is_dense)
		word->plain.n = 0;
	guint n = word->plain.n;
	word->typos = word->plain.has_digit || n <= 3 ? 0 : n <= 7 ? 1 : 2;
}

void fuzzy_word_clear(FuzzyWord *word)
{
	g_clear_pointer(&word->text, g_free);
}

FuzzyGrade fuzzy_word_grade(const FuzzyWord *word, FuzzyStems *stems, const char *text, gsize len)
{
	FuzzyPlain plain;
	if (len == word->len && memcmp(text, word->text, len) == 0)
		return FUZZY_WHOLE;
	plain.n = 0;
	if (word->plain.n > 0)
		fuzzy_plain_init(&plain, text, len);
	if (plain.n > 0 && plain_equal(&plain, &word->plain))
		return FUZZY_DIACRITICS;
	if (plain.n > 0 && fuzzy_stems_equal(stems, &word->plain, word->text, word->len, &plain, text, len))
		return FUZZY_STEM;
	if (mem_find(text, len, word->text, word->len) != NULL)
		return FUZZY_PART;
	gboolean may = plain.n > 0 && !plain.has_digit && word->typos > 0;
	if (may && __builtin_popcountll(plain.mask ^ word->plain.mask) <= 2 * (int)word->typos) {
		guint distance = fuzzy_distance(&word->plain, &plain, word->typos);
		if (distance <= word->typos)
			return distance == 1 ? FUZZY_TYPO_1 : FUZZY_TYPO_2;
	}
	return FUZZY_NONE;
}
