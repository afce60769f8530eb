/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/imap/search-relevancy.h"

#include <math.h>
#include <string.h>

/* Of OR's value, what its best key gives. */
#define OR_BEST 0.8f

/* What a key says of each message that was found. */
typedef struct {
	float *value;  /* 0 to 1, one for each message; NULL: it has no say */
	double rarity; /* of its words, in all */
} Say;

static void say_clear(Say *say)
{
	g_clear_pointer(&say->value, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Say, say_clear)

typedef struct {
	const SearchContext *context;
	guint32 *emails; /* owned: of the messages that were found */
	gsize n;
	guint32 *sample; /* owned; NULL: rarity is not asked for */
	gsize n_sample;
} Relevancy;

static void relevancy_clear(Relevancy *relevancy)
{
	g_free(relevancy->emails);
	g_free(relevancy->sample);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Relevancy, relevancy_clear)

static guint32 email_at(const Snapshot *view, guint32 position)
{
	guint row;
	const SnapshotChunk *chunk = snapshot_row(view, position, &row);
	return chunk->email_id[row];
}

static void take_sample(Relevancy *relevancy)
{
	const Snapshot *view = relevancy->context->view;
	guint32 n = snapshot_count(view);
	relevancy->n_sample = MIN(n, RELEVANCY_SAMPLE);
	relevancy->sample = g_new(guint32, MAX(relevancy->n_sample, 1));
	for (gsize i = 0; i < relevancy->n_sample; i++)
		relevancy->sample[i] = email_at(view, (guint32)((guint64)i * n / relevancy->n_sample));
}

static float *rate(const Relevancy *relevancy, const TextLeaf *leaf, const guint32 *emails, gsize n, GError **error)
{
	const SearchContext *context = relevancy->context;
	guint32 read = 0;
	g_autofree float *ratings = g_new(float, MAX(n * fuzzy_needle_n_ratings(leaf->fuzzy), 1));
	if (!search_index_rate(context->index, leaf, emails, n, context->cancel, ratings, &read, error))
		return NULL;
	context->cost->messages_read += read;
	return g_steal_pointer(&ratings);
}

/* One for each column of the ratings; owned. */
static double *rarities(const Relevancy *relevancy, const TextLeaf *leaf, GError **error)
{
	guint columns = fuzzy_needle_n_ratings(leaf->fuzzy);
	g_autofree double *rarity = g_new(double, columns);
	for (guint w = 0; w < columns; w++)
		rarity[w] = 1;
	if (relevancy->sample == NULL)
		return g_steal_pointer(&rarity);
	g_autofree float *ratings = rate(relevancy, leaf, relevancy->sample, relevancy->n_sample, error);
	if (ratings == NULL)
		return NULL;
	for (guint w = 0; w < columns; w++) {
		gsize with = 0;
		for (gsize i = 0; i < relevancy->n_sample; i++)
			with += ratings[i * columns + w] > 0 ? 1 : 0;
		rarity[w] = log(1 + ((double)(relevancy->n_sample - with) + 0.5) / ((double)with + 0.5));
	}
	return g_steal_pointer(&rarity);
}

static gboolean say_text(const Relevancy *relevancy, const SearchKey *key, Say *say, GError **error)
{
	if (key->fuzzy_needle == NULL || key->needle_len == 0)
		return TRUE;
	TextLeaf leaf = search_key_leaf(key);
	guint columns = fuzzy_needle_n_ratings(key->fuzzy_needle);
	g_autofree double *rarity = rarities(relevancy, &leaf, error);
	g_autofree float *ratings = rarity == NULL ? NULL : rate(relevancy, &leaf, relevancy->emails, relevancy->n, error);
	if (ratings == NULL)
		return FALSE;
	for (guint w = 0; w < columns; w++)
		say->rarity += rarity[w];
	say->value = g_new0(float, MAX(relevancy->n, 1));
	for (gsize i = 0; i < relevancy->n; i++) {
		double sum = 0;
		gboolean all = TRUE;
		for (guint w = 0; w < columns; w++) {
			sum += rarity[w] * ratings[i * columns + w];
			all = all && ratings[i * columns + w] > 0;
		}
		say->value[i] = all ? (float)(sum / say->rarity) : 0;
	}
	return TRUE;
}

static gboolean say_of(const Relevancy *relevancy, const SearchKey *key, Say *say, GError **error);

static gboolean say_children(const Relevancy *relevancy, const SearchKey *key, Say *say, GError **error)
{
	gsize n = relevancy->n;
	g_autofree float *best = g_new0(float, MAX(n, 1));
	for (guint c = 0; c < key->children->len; c++) {
		g_auto(Say) child = { 0 };
		if (!say_of(relevancy, key->children->pdata[c], &child, error))
			return FALSE;
		if (child.value == NULL)
			continue;
		if (say->value == NULL)
			say->value = g_new0(float, MAX(n, 1));
		say->rarity += child.rarity;
		for (gsize i = 0; i < n; i++) {
			say->value[i] += (float)child.rarity * child.value[i];
			best[i] = MAX(best[i], child.value[i]);
		}
	}
	for (gsize i = 0; say->value != NULL && i < n; i++) {
		say->value[i] /= (float)say->rarity;
		if (key->kind == SEARCH_KEY_OR)
			say->value[i] = OR_BEST * best[i] + (1 - OR_BEST) * say->value[i];
	}
	return TRUE;
}

/* @say: zeroed. */
static gboolean say_of(const Relevancy *relevancy, const SearchKey *key, Say *say, GError **error)
{
	switch (key->kind) {
	case SEARCH_KEY_TEXT:
		return say_text(relevancy, key, say, error);
	case SEARCH_KEY_AND:
	case SEARCH_KEY_OR:
		return say_children(relevancy, key, say, error);
	default:
		return TRUE;
	}
}

/* Of the keys that have a say. */
static guint count_words(const SearchKey *key)
{
	guint n = 0;
	if (key->kind == SEARCH_KEY_TEXT)
		return key->fuzzy_needle == NULL ? 0 : fuzzy_needle_n_ratings(key->fuzzy_needle);
	if (key->kind == SEARCH_KEY_AND || key->kind == SEARCH_KEY_OR)
		for (guint i = 0; i < key->children->len; i++)
			n += count_words(key->children->pdata[i]);
	return n;
}

guint8 *search_relevancy(const SearchContext *context, const SearchKey *key, const GArray *positions, GError **error)
{
	g_auto(Relevancy) relevancy = { .context = context, .n = positions->len };
	g_auto(Say) say = { 0 };
	guint8 *scores = g_new0(guint8, MAX(snapshot_count(context->view), 1));
	relevancy.emails = g_new(guint32, MAX(positions->len, 1));
	for (guint i = 0; i < positions->len; i++)
		relevancy.emails[i] = email_at(context->view, g_array_index(positions, guint32, i));
	if (count_words(key) > 1 && positions->len > 0)
		take_sample(&relevancy);
	if (positions->len > 0 && !say_of(&relevancy, key, &say, error)) {
		g_free(scores);
		return NULL;
	}
	for (guint i = 0; i < positions->len; i++) {
		long score = say.value == NULL ? 100 : lrint(100.0 * (double)say.value[i]);
		scores[g_array_index(positions, guint32, i)] = (guint8)CLAMP(score, 1, 100);
	}
	return scores;
}

gboolean search_relevancy_asked(SearchContext *context, const SearchProgram *program, const GArray *positions, guint8 **scores_out,
	GError **error)
{
	if ((program->returns & SEARCH_RETURN_RELEVANCY) == 0)
		return TRUE;
	guint8 *scores = search_relevancy(context, program->key, positions, error);
	if (scores == NULL)
		return FALSE;
	context->relevancy = *scores_out = scores;
	return TRUE;
}
