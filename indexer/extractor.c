/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/extractor.h"

#include <stdlib.h>
#include <string.h>

#include "base/memsearch.h"
#include "store/sort-keys.h"

/* Emails that are noted together; and from how many on a thread is worth it. */
#define NOTE_EMAILS 64
#define THREAD_MIN 16
/* What the thread may be ahead. */
#define AHEAD_EMAILS 64
#define AHEAD_BYTES (16 * 1024 * 1024)

struct Extractor {
	Account *account;
	Attempts *attempts;
	const char *crash_on;
	GArray *ids;      /* owned */
	guint next;       /* the first that was not given out */
	guint noted_upto; /* by whoever reads: up to here, without, they are in the file */
	GThread *thread;  /* NULL: this thread reads */
	GMutex lock;      /* of what follows */
	GCond changed;
	GQueue ready;     /* Extracted *, owned */
	gsize ready_bytes;
	gboolean cancelled;
};

static gsize text_bytes(const Extracted *one)
{
	gsize bytes = sizeof *one;
	for (int section = 0; one->text != NULL && section < MESSAGE_TEXT_N_SECTIONS; section++)
		bytes += one->text->section[section]->len;
	return bytes + (one->sort_keys == NULL ? 0 : one->sort_keys->len);
}

void extracted_clear(Extracted *one)
{
	g_clear_pointer(&one->text, message_text_free);
	if (one->sort_keys != NULL)
		(void)g_string_free(g_steal_pointer(&one->sort_keys), TRUE);
	g_clear_pointer(&one->failed, g_free);
	g_clear_error(&one->error);
}

static void extracted_free(gpointer data)
{
	extracted_clear(data);
	g_free(data);
}

static void read_email(Extractor *extractor, Extracted *one)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) octets = account_load_email(extractor->account, one->id, &error);
	if (octets == NULL) {
		if (g_error_matches(error, STORE_ERROR, STORE_ERROR_IO)) {
			one->failed = g_strdup(error->message);
			one->unread = TRUE;
		} else if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_EXPUNGED)) {
			one->error = g_steal_pointer(&error);
		}
		return;
	}
	gsize size;
	const char *data = g_bytes_get_data(octets, &size);
	if (extractor->crash_on != NULL &&
		mem_find(data, size, extractor->crash_on, strlen(extractor->crash_on)) != NULL)
		abort();
	one->text = message_text_new((const guint8 *)data, size);
	one->sort_keys = g_string_new(NULL);
	sort_keys_append(one->sort_keys, (const guint8 *)data, size);
}

/* Notes what is read next: suspects one by one, others together. */
static void note(Extractor *extractor, guint index)
{
	if (index < extractor->noted_upto)
		return;
	const guint32 *ids = (const guint32 *)(const void *)extractor->ids->data;
	guint end = index + 1;
	if (!attempts_is_suspect(extractor->attempts, ids[index]))
		while (end < MIN(extractor->ids->len, index + NOTE_EMAILS) && !attempts_is_suspect(extractor->attempts, ids[end]))
			end++;
	(void)attempts_note(extractor->attempts, extractor, ids + index, end - index);
	extractor->noted_upto = end;
}

static Extracted *extract(Extractor *extractor, guint index)
{
	Extracted *one = g_new0(Extracted, 1);
	one->id = g_array_index(extractor->ids, guint32, index);
	const char *condemned = attempts_condemned(extractor->attempts, one->id);
	if (condemned != NULL) {
		one->failed = g_strdup(condemned);
		return one;
	}
	note(extractor, index);
	attempts_enter(extractor->attempts, one->id);
	read_email(extractor, one);
	attempts_enter(extractor->attempts, 0);
	if (attempts_is_suspect(extractor->attempts, one->id))
		attempts_clear(extractor->attempts, one->id);
	return one;
}

static gpointer extract_ahead(gpointer data)
{
	Extractor *extractor = data;
	attempts_thread_begin();
	for (guint index = 0; index < extractor->ids->len; index++) {
		g_mutex_lock(&extractor->lock);
		while (!extractor->cancelled &&
			(extractor->ready.length >= AHEAD_EMAILS || extractor->ready_bytes >= AHEAD_BYTES))
			g_cond_wait(&extractor->changed, &extractor->lock);
		gboolean cancelled = extractor->cancelled;
		g_mutex_unlock(&extractor->lock);
		if (cancelled)
			break;
		Extracted *one = extract(extractor, index);
		g_mutex_lock(&extractor->lock);
		g_queue_push_tail(&extractor->ready, one);
		extractor->ready_bytes += text_bytes(one);
		g_cond_broadcast(&extractor->changed);
		g_mutex_unlock(&extractor->lock);
	}
	attempts_thread_end();
	return NULL;
}

Extractor *extractor_new(Account *account, Attempts *attempts, GArray *ids, const char *crash_on)
{
	Extractor *extractor = g_new0(Extractor, 1);
	extractor->account = account;
	extractor->attempts = attempts;
	extractor->ids = ids;
	extractor->crash_on = crash_on;
	g_mutex_init(&extractor->lock);
	g_cond_init(&extractor->changed);
	if (ids->len >= THREAD_MIN && g_get_num_processors() > 1)
		extractor->thread = g_thread_try_new("extract", extract_ahead, extractor, NULL);
	return extractor;
}

void extractor_free(Extractor *extractor)
{
	if (extractor == NULL)
		return;
	g_mutex_lock(&extractor->lock);
	extractor->cancelled = TRUE;
	g_cond_broadcast(&extractor->changed);
	g_mutex_unlock(&extractor->lock);
	if (extractor->thread != NULL)
		(void)g_thread_join(extractor->thread);
	(void)attempts_note(extractor->attempts, extractor, NULL, 0);
	g_queue_clear_full(&extractor->ready, extracted_free);
	g_mutex_clear(&extractor->lock);
	g_cond_clear(&extractor->changed);
	g_array_unref(extractor->ids);
	g_free(extractor);
}

gboolean extractor_next(Extractor *extractor, Extracted *out)
{
	if (extractor->next >= extractor->ids->len)
		return FALSE;
	Extracted *one;
	if (extractor->thread == NULL) {
		one = extract(extractor, extractor->next);
	} else {
		g_mutex_lock(&extractor->lock);
		while ((one = g_queue_pop_head(&extractor->ready)) == NULL)
			g_cond_wait(&extractor->changed, &extractor->lock);
		extractor->ready_bytes -= text_bytes(one);
		g_cond_broadcast(&extractor->changed);
		g_mutex_unlock(&extractor->lock);
	}
	extractor->next++;
	*out = *one;
	g_free(one);
	return TRUE;
}

guint extractor_left(const Extractor *extractor)
{
	return extractor->ids->len - extractor->next;
}
