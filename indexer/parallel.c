/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/parallel.h"

/* One search does not take a large machine for itself. */
#define MAX_THREADS 8

typedef struct {
	gsize n, chunk;
	gsize next;    /* atomic: the first item that nobody has begun */
	gint stopped;  /* atomic */
	ParallelFunc func;
	gpointer data;
} Run;

static gpointer run_pieces(gpointer data)
{
	Run *run = data;
	while (g_atomic_int_get(&run->stopped) == 0) {
		gsize first = __atomic_fetch_add(&run->next, run->chunk, __ATOMIC_RELAXED);
		if (first >= run->n)
			break;
		if (!run->func(first, first + MIN(run->chunk, run->n - first), run->data))
			g_atomic_int_set(&run->stopped, 1);
	}
	return NULL;
}

gboolean parallel_run(gsize n, gsize chunk, guint threads, ParallelFunc func, gpointer data)
{
	g_assert(chunk > 0);
	Run run = { .n = n, .chunk = chunk, .func = func, .data = data };
	gsize pieces = n / chunk + (n % chunk != 0 ? 1 : 0);
	threads = (guint)MIN((gsize)MIN(threads, MAX_THREADS), pieces);
	GThread *helpers[MAX_THREADS] = { NULL };
	guint n_helpers = 0;
	while (n_helpers + 1 < threads) {
		GThread *helper = g_thread_try_new("search", run_pieces, &run, NULL);
		if (helper == NULL)
			break;
		helpers[n_helpers++] = helper;
	}
	run_pieces(&run);
	for (guint i = 0; i < n_helpers; i++)
		(void)g_thread_join(helpers[i]);
	return g_atomic_int_get(&run.stopped) == 0;
}

guint parallel_threads(void)
{
	return CLAMP(g_get_num_processors(), 1, MAX_THREADS);
}
