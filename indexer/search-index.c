/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/search-index.h"

#include "indexer/tail.h"

/* About what loading, parsing and folding one message costs (11,000 messages of 13 kB a second and core, DESIGN.md). */
#define TAIL_US_EACH 120

G_DEFINE_QUARK(mailsift-search-index-error-quark, search_index_error)

struct SearchIndex {
	gint refs;        /* guarded by registry_lock */
	Account *account; /* a reference */
	TailCache *tail;  /* owned */
};

/* The indexes that somebody in this process has a reference to, by account. The only state at file level: the texts and readers of an account
 * must be one whoever asks, and an Account has no room for what is above it. */
static GMutex registry_lock;
static GHashTable *registry; /* Account (borrowed from the value) to SearchIndex (borrowed) */

SearchIndex *search_index_get(Account *account)
{
	g_mutex_lock(&registry_lock);
	if (registry == NULL)
		registry = g_hash_table_new(NULL, NULL);
	SearchIndex *index = g_hash_table_lookup(registry, account);
	if (index == NULL) {
		index = g_new0(SearchIndex, 1);
		index->account = account_ref(account);
		index->tail = tail_cache_new();
		g_hash_table_insert(registry, account, index);
	}
	index->refs++;
	g_mutex_unlock(&registry_lock);
	return index;
}

SearchIndex *search_index_ref(SearchIndex *index)
{
	g_mutex_lock(&registry_lock);
	index->refs++;
	g_mutex_unlock(&registry_lock);
	return index;
}

void search_index_unref(SearchIndex *index)
{
	if (index == NULL)
		return;
	g_mutex_lock(&registry_lock);
	gboolean last = --index->refs == 0;
	if (last)
		g_hash_table_remove(registry, index->account);
	g_mutex_unlock(&registry_lock);
	if (!last)
		return;
	tail_cache_free(index->tail);
	account_unref(index->account);
	g_free(index);
}

const char *leaf_path_name(LeafPath path)
{
	static const char *const names[] = { "none", "index", "verified", "scan", "tail" };
	return names[path];
}

gboolean search_index_match(SearchIndex *index, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
	EmailSet **matched_out, LeafStats *stats_out, GError **error)
{
	gint64 started_at = g_get_monotonic_time();
	LeafStats stats = { .path = LEAF_PATH_NONE };
	g_autoptr(EmailSet) matched = email_set_new();
	if (!search_cancel_check(cancel, error))
		return FALSE;
	stats.tail = email_set_count(among);
	if (stats.tail > 0) {
		stats.path = LEAF_PATH_TAIL;
		if (!tail_match(index->tail, index->account, leaf, among, cancel, matched, &stats.tail_read, error))
			return FALSE;
	}
	stats.matched = email_set_count(matched);
	stats.took_us = g_get_monotonic_time() - started_at;
	if (stats_out != NULL)
		*stats_out = stats;
	*matched_out = g_steal_pointer(&matched);
	return TRUE;
}

gint64 search_index_estimate_us(SearchIndex *index, const TextLeaf *leaf, guint32 among_count)
{
	(void)index;
	(void)leaf;
	return (gint64)among_count * TAIL_US_EACH;
}

gboolean search_index_state(SearchIndex *index, IndexState *state_out, GError **error)
{
	(void)index;
	(void)error;
	*state_out = (IndexState){ .present = FALSE };
	return TRUE;
}

GPtrArray *search_index_failures(SearchIndex *index, guint limit, GError **error)
{
	(void)index;
	(void)limit;
	(void)error;
	return g_ptr_array_new_with_free_func((GDestroyNotify)index_failure_free);
}

void index_failure_free(IndexFailure *failure)
{
	if (failure == NULL)
		return;
	g_free(failure->reason);
	g_free(failure);
}

MessageText *search_index_text(SearchIndex *index, guint32 email_id, gboolean *from_index_out, GError **error)
{
	g_autoptr(GBytes) octets = account_load_email(index->account, email_id, error);
	if (octets == NULL)
		return NULL;
	gsize size;
	const guint8 *data = g_bytes_get_data(octets, &size);
	*from_index_out = FALSE;
	return message_text_new(data, size);
}
