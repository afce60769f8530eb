/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The needle, and the matcher: how fuzzy words are found in texts. */
#include "indexer/fuzzy-private.h"

#include <string.h>

/* -- the needle ------------------------------------------------------------------------------------------------------- */

static gboolean has_word(const FuzzyNeedle *needle, const char *word, gsize len)
{
	for (guint i = 0; i < needle->n; i++)
		if (needle->words[i].len == len && memcmp(needle->words[i].text, word, len) == 0)
			return TRUE;
	return FALSE;
}

FuzzyNeedle *fuzzy_needle_new(const char *text, gsize len)
{
	FuzzyNeedle *needle = g_new0(FuzzyNeedle, 1);
	const char *word;
	gsize at = 0, word_len;
	g_mutex_init(&needle->lock);
	while (needle->n < FUZZY_WORDS_MAX && fuzzy_next_word(text, len, &at, &word, &word_len))
		if (!has_word(needle, word, word_len)) {
			needle->words = g_renew(FuzzyWord, needle->words, needle->n + 1);
			fuzzy_word_init(&needle->words[needle->n++], word, word_len);
		}
	return needle;
}

void fuzzy_needle_free(FuzzyNeedle *needle)
{
	if (needle == NULL)
		return;
	for (guint i = 0; i < needle->n; i++)
		fuzzy_word_clear(&needle->words[i]);
	fuzzy_matchers_drop(needle);
	g_free(needle->words);
	g_mutex_clear(&needle->lock);
	g_free(needle);
}

guint fuzzy_needle_n_words(const FuzzyNeedle *needle)
{
	return needle->n;
}

const FuzzyWord *fuzzy_needle_word(const FuzzyNeedle *needle, guint i)
{
	return &needle->words[i];
}

guint fuzzy_needle_n_ratings(const FuzzyNeedle *needle)
{
	return MAX(needle->n, 1);
}

/* -- matchers --------------------------------------------------------------------------------------------------------- */

/* What is idle is no part of what a needle says. */
static FuzzyNeedle *writable(const FuzzyNeedle *needle)
{
	return (FuzzyNeedle *)(guintptr)needle;
}

FuzzyMatcher *fuzzy_matcher_take(const FuzzyNeedle *const_needle)
{
	FuzzyNeedle *needle = writable(const_needle);
	g_mutex_lock(&needle->lock);
	FuzzyMatcher *matcher = needle->idle;
	if (matcher != NULL)
		needle->idle = matcher->next;
	g_mutex_unlock(&needle->lock);
	if (matcher == NULL) {
		matcher = g_new0(FuzzyMatcher, 1);
		matcher->needle = needle;
		matcher->stems = fuzzy_stems_new();
	}
	return matcher;
}

void fuzzy_matcher_give(FuzzyMatcher *matcher)
{
	FuzzyNeedle *needle = matcher->needle;
	g_mutex_lock(&needle->lock);
	matcher->next = needle->idle;
	needle->idle = matcher;
	g_mutex_unlock(&needle->lock);
}

void fuzzy_matchers_drop(const FuzzyNeedle *const_needle)
{
	FuzzyNeedle *needle = writable(const_needle);
	g_mutex_lock(&needle->lock);
	FuzzyMatcher *matcher = g_steal_pointer(&needle->idle);
	g_mutex_unlock(&needle->lock);
	while (matcher != NULL) {
		FuzzyMatcher *next = matcher->next;
		fuzzy_stems_free(matcher->stems);
		g_free(matcher);
		matcher = next;
	}
}

static gboolean is_ascii(const char *text, gsize len)
{
	guchar all = 0;
	for (gsize i = 0; i < len; i++)
		all |= (guchar)text[i];
	return all < 0x80;
}

static guint32 hash_octets(const char *octets, gsize len)
{
	guint32 hash = 2166136261u;
	for (gsize i = 0; i < len; i++)
		hash = (hash ^ (guchar)octets[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* The last answers are kept: texts repeat their words. */
FuzzyGrade fuzzy_matcher_grade(FuzzyMatcher *matcher, guint w, const char *word, gsize len)
{
	if (len > FUZZY_CACHED_OCTETS)
		return fuzzy_word_grade(&matcher->needle->words[w], matcher->stems, word, len);
	FuzzyCached *slot = &matcher->cache[(hash_octets(word, len) + w * 0x9e3779b9u) % FUZZY_CACHED];
	if (slot->len == len && slot->word == w && memcmp(slot->octets, word, len) == 0)
		return (FuzzyGrade)slot->grade;
	FuzzyGrade grade = fuzzy_word_grade(&matcher->needle->words[w], matcher->stems, word, len);
	slot->len = (guint8)len;
	slot->word = (guint8)w;
	slot->grade = (guint8)grade;
	memcpy(slot->octets, word, len);
	return grade;
}

static gboolean is_variant(FuzzyGrade grade)
{
	return grade != FUZZY_PART && grade != FUZZY_NONE;
}

guint32 fuzzy_matcher_variants(FuzzyMatcher *matcher, const char *token, gsize len)
{
	const FuzzyNeedle *needle = matcher->needle;
	guint32 found = 0;
	if (is_ascii(token, len)) {
		guint64 mask = fuzzy_ascii_mask(token, len);
		for (guint w = 0; w < needle->n; w++)
			if (fuzzy_word_may_match_ascii(&needle->words[w], token, len, mask) &&
				is_variant(fuzzy_matcher_grade(matcher, w, token, len)))
				found |= 1u << w;
		return found;
	}
	const char *word;
	gsize at = 0, word_len;
	while (fuzzy_next_word(token, len, &at, &word, &word_len))
		for (guint w = 0; w < needle->n; w++)
			if ((found >> w & 1) == 0 && is_variant(fuzzy_matcher_grade(matcher, w, word, word_len)))
				found |= 1u << w;
	return found;
}
