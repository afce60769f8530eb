/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ratings of emails for a fuzzy key: from the text store, or from the message where the index has not been. */
#include "indexer/fuzzy-text.h"
#include "indexer/index-reader.h"
#include "indexer/parallel.h"
#include "indexer/search-cancel.h"
#include "indexer/text-store-private.h"

/* Emails of one piece of work: neighbours are in one block where texts are packed. */
#define PIECE_EMAILS 64

typedef struct {
	const TextView *view;
	const TextLeaf *leaf;
	const SearchCancel *cancel;
	const guint32 *emails;
	float *ratings;
	guint columns;
	guint8 *rated;    /* one for each email: it has a text in the index (that is not damaged) */
	const gsize *rows; /* of emails that are not in the index */
} RateRun;

static gboolean rate_some(gsize first, gsize end, gpointer data)
{
	RateRun *run = data;
	g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(run->leaf->fuzzy);
	g_autoptr(TextScratch) scratch = text_scratch_new();
	guint wanted = text_leaf_streams(run->leaf);
	for (gsize i = first; i < end; i++) {
		TextSpan streams[TEXT_N_STREAMS];
		guint segment;
		guint32 entry;
		if (!search_cancel_check(run->cancel, NULL))
			return FALSE;
		if (!text_view_find(run->view, run->emails[i], &segment, &entry) ||
			!text_view_record(run->view, segment, entry, wanted, scratch, streams))
			continue;
		run->rated[i] = 1;
		fuzzy_matcher_rate(matcher, run->leaf, streams, run->ratings + i * run->columns);
	}
	return TRUE;
}

static void rate_tail(gsize i, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], gpointer data)
{
	RateRun *run = data;
	fuzzy_sections_rate(run->leaf, sections, run->ratings + run->rows[i] * run->columns);
}

gboolean search_index_rate(SearchIndex *index, const TextLeaf *leaf, const guint32 *emails, gsize n, const SearchCancel *cancel,
	float *ratings, guint32 *read_out, GError **error)
{
	g_autoptr(IndexView) view = search_index_view(index);
	g_autofree guint8 *rated = g_new0(guint8, n);
	RateRun run = { .leaf = leaf, .cancel = cancel, .emails = emails, .ratings = ratings, .rated = rated };
	run.columns = fuzzy_needle_n_ratings(leaf->fuzzy);
	for (gsize i = 0; i < n * run.columns; i++)
		ratings[i] = 0;
	if (view != NULL) {
		run.view = view->text;
		if (!parallel_run(n, PIECE_EMAILS, parallel_threads(), rate_some, &run) && !search_cancel_check(cancel, error))
			return FALSE;
	}
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(gsize));
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (gsize i = 0; i < n; i++)
		if (!rated[i]) {
			g_array_append_val(rows, i);
			g_array_append_val(ids, emails[i]);
		}
	run.rows = (const gsize *)(const void *)rows->data;
	*read_out = 0;
	gboolean ok = ids->len == 0 || search_index_tail_each(index, (const guint32 *)(const void *)ids->data, ids->len, cancel,
					       rate_tail, &run, read_out, error);
	fuzzy_matchers_drop(leaf->fuzzy);
	return ok;
}
