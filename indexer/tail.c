/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/tail.h"

#include "indexer/fuzzy-text.h"
#include "indexer/parallel.h"
#include "indexer/search-cancel.h"

/* Emails of one piece of work, and how many there must be for a second thread to be worth its start. */
#define CHUNK 8
#define PARALLEL_MIN 32

typedef struct {
	MessageText *text; /* owned */
	guint64 bytes;
	guint32 id;
	GList link; /* in TailCache.recent; data is this */
} CachedText;

struct TailCache {
	GMutex lock;         /* guards all below; innermost */
	GHashTable *texts;   /* id to CachedText, a reference (atomic rc box) */
	GQueue recent;       /* the most recently used first */
	guint64 bytes;
};

static void cached_text_clear(gpointer data)
{
	CachedText *cached = data;
	message_text_free(cached->text);
}

static void cached_text_release(gpointer data)
{
	g_atomic_rc_box_release_full(data, cached_text_clear);
}

TailCache *tail_cache_new(void)
{
	TailCache *cache = g_new0(TailCache, 1);
	g_mutex_init(&cache->lock);
	cache->texts = g_hash_table_new_full(NULL, NULL, NULL, cached_text_release);
	return cache;
}

void tail_cache_free(TailCache *cache)
{
	if (cache == NULL)
		return;
	g_hash_table_destroy(cache->texts);
	g_mutex_clear(&cache->lock);
	g_free(cache);
}

/* A reference, or NULL. */
static CachedText *tail_cache_find(TailCache *cache, guint32 id)
{
	g_mutex_lock(&cache->lock);
	CachedText *cached = g_hash_table_lookup(cache->texts, GUINT_TO_POINTER(id));
	if (cached != NULL) {
		g_queue_unlink(&cache->recent, &cached->link);
		g_queue_push_head_link(&cache->recent, &cached->link);
		g_atomic_rc_box_acquire(cached);
	}
	g_mutex_unlock(&cache->lock);
	return cached;
}

/* Takes @text; returns a reference. */
static CachedText *tail_cache_add(TailCache *cache, guint32 id, MessageText *text)
{
	CachedText *cached = g_atomic_rc_box_new0(CachedText);
	cached->text = text;
	cached->id = id;
	cached->link.data = cached;
	cached->bytes = sizeof *cached + sizeof *text;
	for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++)
		cached->bytes += text->section[section]->allocated_len + sizeof(GString);
	if (cached->bytes > TAIL_CACHE_BYTES / 4)
		return cached;
	g_mutex_lock(&cache->lock);
	if (!g_hash_table_contains(cache->texts, GUINT_TO_POINTER(id))) {
		g_hash_table_insert(cache->texts, GUINT_TO_POINTER(id), g_atomic_rc_box_acquire(cached));
		g_queue_push_head_link(&cache->recent, &cached->link);
		cache->bytes += cached->bytes;
		while (cache->bytes > TAIL_CACHE_BYTES) {
			CachedText *oldest = g_queue_pop_tail_link(&cache->recent)->data;
			cache->bytes -= oldest->bytes;
			g_hash_table_remove(cache->texts, GUINT_TO_POINTER(oldest->id));
		}
	}
	g_mutex_unlock(&cache->lock);
	return cached;
}

typedef struct {
	TailCache *cache;
	Account *account;
	const SearchCancel *cancel;
	const guint32 *ids;
	TailFunc func;
	gpointer data;
	gint read;       /* atomic */
	GMutex lock;     /* of error */
	GError *error;
} TailRun;

/* The cached or extracted text of an email, a reference; NULL without error: it is gone. */
static CachedText *tail_text(TailRun *run, guint32 id, GError **error)
{
	CachedText *cached = tail_cache_find(run->cache, id);
	if (cached != NULL)
		return cached;
	g_autoptr(GError) load_error = NULL;
	g_autoptr(GBytes) octets = account_load_email(run->account, id, &load_error);
	if (octets == NULL) {
		if (!g_error_matches(load_error, STORE_ERROR, STORE_ERROR_EXPUNGED))
			g_set_error(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_FAILED, "email %u: %s", id, load_error->message);
		return NULL;
	}
	g_atomic_int_inc(&run->read);
	gsize size;
	const guint8 *data = g_bytes_get_data(octets, &size);
	return tail_cache_add(run->cache, id, message_text_new(data, size));
}

static gboolean visit_some(gsize first, gsize end, gpointer data)
{
	TailRun *run = data;
	GError *error = NULL;
	for (gsize i = first; i < end && error == NULL; i++) {
		if (!search_cancel_check(run->cancel, &error))
			break;
		CachedText *cached = tail_text(run, run->ids[i], &error);
		if (cached == NULL)
			continue;
		TextSpan sections[MESSAGE_TEXT_N_SECTIONS];
		for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++) {
			sections[section].data = cached->text->section[section]->str;
			sections[section].len = cached->text->section[section]->len;
		}
		run->func(i, sections, run->data);
		cached_text_release(cached);
	}
	if (error == NULL)
		return TRUE;
	g_mutex_lock(&run->lock);
	if (run->error == NULL)
		run->error = g_steal_pointer(&error);
	g_mutex_unlock(&run->lock);
	g_clear_error(&error);
	return FALSE;
}

gboolean tail_each(TailCache *cache, Account *account, const guint32 *ids, gsize n, const SearchCancel *cancel, TailFunc func,
	gpointer data, guint32 *read_out, GError **error)
{
	TailRun run = { .cache = cache, .account = account, .cancel = cancel, .ids = ids, .func = func, .data = data };
	g_mutex_init(&run.lock);
	gboolean ok = parallel_run(n, CHUNK, n < PARALLEL_MIN ? 1 : parallel_threads(), visit_some, &run);
	g_mutex_clear(&run.lock);
	if (!ok) {
		g_propagate_error(error, run.error);
		return FALSE;
	}
	*read_out = (guint32)g_atomic_int_get(&run.read);
	return TRUE;
}

typedef struct {
	const TextLeaf *leaf;
	guint8 *matches; /* one for each email */
} TailMatch;

static void match_text(gsize i, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], gpointer data)
{
	TailMatch *match = data;
	const TextLeaf *leaf = match->leaf;
	match->matches[i] = leaf->fuzzy != NULL ?
				    fuzzy_sections_match(leaf, sections) :
				    message_text_match(sections, leaf->scope, leaf->field, leaf->field_len, leaf->needle, leaf->needle_len);
}

gboolean tail_match(TailCache *cache, Account *account, const TextLeaf *leaf, const EmailSet *ids, const SearchCancel *cancel,
	EmailSet *matched, guint32 *read_out, GError **error)
{
	guint32 n;
	g_autofree guint32 *list = email_set_list(ids, &n);
	g_autofree guint8 *matches = g_new0(guint8, n);
	TailMatch match = { leaf, matches };
	if (!tail_each(cache, account, list, n, cancel, match_text, &match, read_out, error))
		return FALSE;
	for (guint32 i = 0; i < n; i++)
		if (matches[i])
			email_set_add(matched, list[i]);
	return TRUE;
}
