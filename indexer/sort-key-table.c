/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/sort-key-table.h"

#include "indexer/index-reader.h"
#include "indexer/parallel.h"
#include "indexer/search-cancel.h"

/* Messages read, and emails looked up in the index, by one thread before it asks for more; from how many look-ups on a second thread is worth it. */
#define READ_CHUNK 16
#define LOOK_UP_CHUNK 4096
#define PARALLEL_EMAILS 50000

struct SortKeyTable {
	gsize n;
	IndexView *view;    /* a reference or NULL */
	SortKeySpan *lines; /* owned: of each email, what sort_keys_append() wrote; into the view's mappings or @read; data NULL: not there yet */
	GString **read;     /* owned: of emails whose message was read; NULL for others */
	guint32 messages_read;
};

void sort_key_table_free(SortKeyTable *table)
{
	if (table == NULL)
		return;
	for (gsize i = 0; i < table->n; i++)
		if (table->read[i] != NULL)
			(void)g_string_free(table->read[i], TRUE);
	index_view_unref(table->view);
	g_free(table->read);
	g_free(table->lines);
	g_free(table);
}

/* -- from the index --------------------------------------------------------------------------------------------------- */

typedef struct {
	SortKeyTable *table;
	const guint32 *email_ids;
} LookUp;

static gboolean look_up(gsize first, gsize end, gpointer data)
{
	const LookUp *run = data;
	TextCursor cursor = { 0 };
	for (gsize i = first; i < end; i++) {
		TextSpan lines;
		if (text_view_sort_keys(run->table->view->text, run->email_ids[i], &cursor, &lines))
			run->table->lines[i] = (SortKeySpan){ lines.data, lines.len };
	}
	return TRUE;
}

static void table_look_up(SortKeyTable *table, const guint32 *email_ids)
{
	LookUp run = { table, email_ids };
	(void)parallel_run(table->n, LOOK_UP_CHUNK, table->n >= PARALLEL_EMAILS ? parallel_threads() : 1, look_up, &run);
}

/* -- from the messages ------------------------------------------------------------------------------------------------ */

typedef struct {
	SortKeyTable *table;
	Account *account;
	const guint32 *email_ids;
	const SearchCancel *cancel;
	GMutex lock;
	GError *error; /* the first one; guarded by lock */
} Reading;

static gboolean reading_failed(Reading *reading, GError *error)
{
	g_mutex_lock(&reading->lock);
	if (reading->error == NULL)
		reading->error = error;
	else
		g_error_free(error);
	g_mutex_unlock(&reading->lock);
	return FALSE;
}

static gboolean read_messages(gsize first, gsize end, gpointer data)
{
	Reading *reading = data;
	GError *error = NULL;
	for (gsize i = first; i < end; i++) {
		if (!search_cancel_check(reading->cancel, &error))
			return reading_failed(reading, error);
		if (reading->table->lines[i].data != NULL)
			continue;
		g_autoptr(GBytes) bytes = account_load_email(reading->account, reading->email_ids[i], &error);
		if (bytes == NULL && !g_error_matches(error, STORE_ERROR, STORE_ERROR_EXPUNGED)) {
			GError *failed = g_error_new(SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_FAILED, "%s", error->message);
			g_error_free(error);
			return reading_failed(reading, failed);
		}
		g_clear_error(&error);
		GString *lines = g_string_new(NULL);
		gsize size = 0;
		const guint8 *octets = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
		sort_keys_append(lines, octets, size);
		reading->table->read[i] = lines;
		reading->table->lines[i] = (SortKeySpan){ lines->str, lines->len };
		__atomic_add_fetch(&reading->table->messages_read, 1, __ATOMIC_RELAXED);
	}
	return TRUE;
}

static gboolean is_complete(const SortKeyTable *table)
{
	for (gsize i = 0; i < table->n; i++)
		if (table->lines[i].data == NULL)
			return FALSE;
	return TRUE;
}

/* Fills in what is not there yet. */
static gboolean table_read(SortKeyTable *table, Account *account, const guint32 *email_ids, const SearchCancel *cancel, GError **error)
{
	Reading reading = { .table = table, .account = account, .email_ids = email_ids, .cancel = cancel };
	g_mutex_init(&reading.lock);
	gboolean ok = parallel_run(table->n, READ_CHUNK, parallel_threads(), read_messages, &reading);
	g_mutex_clear(&reading.lock);
	if (!ok)
		g_propagate_error(error, reading.error);
	return ok;
}

SortKeyTable *sort_key_table_new(SearchIndex *index, Account *account, const guint32 *email_ids, gsize n,
                                 const SearchCancel *cancel, GError **error)
{
	g_autoptr(SortKeyTable) table = g_new0(SortKeyTable, 1);
	table->n = n;
	table->lines = g_new0(SortKeySpan, MAX(n, 1));
	table->read = g_new0(GString *, MAX(n, 1));
	if (!search_cancel_check(cancel, error))
		return NULL;
	table->view = search_index_view(index);
	if (table->view != NULL)
		table_look_up(table, email_ids);
	if (!is_complete(table) && !table_read(table, account, email_ids, cancel, error))
		return NULL;
	return g_steal_pointer(&table);
}

SortKeySpan sort_key_table_get(const SortKeyTable *table, gsize i, SortKey key)
{
	return sort_keys_find(table->lines[i].data, table->lines[i].len, key);
}

void sort_key_table_get_all(const SortKeyTable *table, gsize i, SortKeySpan keys_out[SORT_KEY_N])
{
	sort_keys_split(table->lines[i].data, table->lines[i].len, keys_out);
}

guint32 sort_key_table_messages_read(const SortKeyTable *table)
{
	return table->messages_read;
}
