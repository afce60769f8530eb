/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/email-set.h"

#include <string.h>

#define WORD_BITS 64

struct EmailSet {
	guint64 *words; /* owned; bit b of word w is id w * 64 + b; what lies behind the last word is not in the set */
	gsize n_words;
};

EmailSet *email_set_new(void)
{
	return g_new0(EmailSet, 1);
}

EmailSet *email_set_copy(const EmailSet *set)
{
	EmailSet *copy = g_new0(EmailSet, 1);
	copy->words = g_memdup2(set->words, set->n_words * sizeof *set->words);
	copy->n_words = set->n_words;
	return copy;
}

void email_set_free(EmailSet *set)
{
	if (set == NULL)
		return;
	g_free(set->words);
	g_free(set);
}

/* Grows by half again, so that adding ascending ids costs no copy for each. */
static void email_set_reserve(EmailSet *set, gsize n_words)
{
	if (n_words <= set->n_words)
		return;
	gsize grown = MAX(n_words, set->n_words + set->n_words / 2);
	set->words = g_renew(guint64, set->words, grown);
	memset(set->words + set->n_words, 0, (grown - set->n_words) * sizeof *set->words);
	set->n_words = grown;
}

void email_set_add(EmailSet *set, guint32 id)
{
	gsize word = id / WORD_BITS;
	if (G_UNLIKELY(word >= set->n_words))
		email_set_reserve(set, word + 1);
	set->words[word] |= G_GUINT64_CONSTANT(1) << (id % WORD_BITS);
}

void email_set_add_range(EmailSet *set, guint32 first, guint32 last)
{
	if (first > last)
		return;
	gsize first_word = first / WORD_BITS, last_word = last / WORD_BITS;
	email_set_reserve(set, last_word + 1);
	guint64 from = G_MAXUINT64 << (first % WORD_BITS);
	guint64 upto = G_MAXUINT64 >> (WORD_BITS - 1 - last % WORD_BITS);
	if (first_word == last_word) {
		set->words[first_word] |= from & upto;
		return;
	}
	set->words[first_word] |= from;
	for (gsize w = first_word + 1; w < last_word; w++)
		set->words[w] = G_MAXUINT64;
	set->words[last_word] |= upto;
}

void email_set_add_word(EmailSet *set, guint32 first, guint64 bits)
{
	gsize w = first / WORD_BITS;
	guint shift = first % WORD_BITS;
	guint64 upper = shift == 0 ? 0 : bits >> (WORD_BITS - shift);
	email_set_reserve(set, w + (upper != 0 ? 2 : 1));
	set->words[w] |= bits << shift;
	if (upper != 0)
		set->words[w + 1] |= upper;
}

guint64 email_set_word(const EmailSet *set, guint32 first)
{
	gsize w = first / WORD_BITS;
	guint shift = first % WORD_BITS;
	guint64 bits = w < set->n_words ? set->words[w] >> shift : 0;
	if (shift != 0 && w + 1 < set->n_words)
		bits |= set->words[w + 1] << (WORD_BITS - shift);
	return bits;
}

void email_set_remove(EmailSet *set, guint32 id)
{
	gsize word = id / WORD_BITS;
	if (word < set->n_words)
		set->words[word] &= ~(G_GUINT64_CONSTANT(1) << (id % WORD_BITS));
}

gboolean email_set_contains(const EmailSet *set, guint32 id)
{
	gsize word = id / WORD_BITS;
	return word < set->n_words && (set->words[word] >> (id % WORD_BITS) & 1) != 0;
}

guint32 email_set_count(const EmailSet *set)
{
	guint32 count = 0;
	for (gsize w = 0; w < set->n_words; w++)
		count += (guint32)__builtin_popcountll(set->words[w]);
	return count;
}

gboolean email_set_is_empty(const EmailSet *set)
{
	for (gsize w = 0; w < set->n_words; w++)
		if (set->words[w] != 0)
			return FALSE;
	return TRUE;
}

gboolean email_set_equal(const EmailSet *set, const EmailSet *other)
{
	gsize common = MIN(set->n_words, other->n_words);
	for (gsize w = 0; w < common; w++)
		if (set->words[w] != other->words[w])
			return FALSE;
	const EmailSet *longer = set->n_words > other->n_words ? set : other;
	for (gsize w = common; w < longer->n_words; w++)
		if (longer->words[w] != 0)
			return FALSE;
	return TRUE;
}

void email_set_and(EmailSet *set, const EmailSet *other)
{
	gsize common = MIN(set->n_words, other->n_words);
	for (gsize w = 0; w < common; w++)
		set->words[w] &= other->words[w];
	if (set->n_words > common)
		memset(set->words + common, 0, (set->n_words - common) * sizeof *set->words);
}

void email_set_or(EmailSet *set, const EmailSet *other)
{
	email_set_reserve(set, other->n_words);
	for (gsize w = 0; w < other->n_words; w++)
		set->words[w] |= other->words[w];
}

void email_set_and_not(EmailSet *set, const EmailSet *other)
{
	gsize common = MIN(set->n_words, other->n_words);
	for (gsize w = 0; w < common; w++)
		set->words[w] &= ~other->words[w];
}

gboolean email_set_next(const EmailSet *set, guint32 from, guint32 *id_out)
{
	gsize w = from / WORD_BITS;
	if (w >= set->n_words)
		return FALSE;
	guint64 word = set->words[w] & G_MAXUINT64 << (from % WORD_BITS);
	while (word == 0) {
		if (++w >= set->n_words)
			return FALSE;
		word = set->words[w];
	}
	*id_out = (guint32)(w * WORD_BITS + (gsize)__builtin_ctzll(word));
	return TRUE;
}

guint32 *email_set_list(const EmailSet *set, guint32 *n_out)
{
	guint32 n = email_set_count(set), i = 0;
	guint32 *list = g_new(guint32, MAX(n, 1));
	for (guint32 id = 0; i < n && email_set_next(set, id, &id); id++)
		list[i++] = id;
	*n_out = n;
	return list;
}
