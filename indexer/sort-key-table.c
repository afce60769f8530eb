/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/sort-key-table.h"

#include "indexer/parallel.h"
#include "indexer/search-cancel.h"

/* Messages read by one thread before it asks for more. */
#define READ_CHUNK 16

struct SortKeyTable {
	gsize n;
	SortKeySpan *lines; /* owned: of each email, what sort_keys_append() wrote; into @read */
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
	g_free(table->read);
	g_free(table->lines);
	g_free(table);
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
	(void)index;
	g_autoptr(SortKeyTable) table = g_new0(SortKeyTable, 1);
	table->n = n;
	table->lines = g_new0(SortKeySpan, MAX(n, 1));
	table->read = g_new0(GString *, MAX(n, 1));
	if (!table_read(table, account, email_ids, cancel, error))
		return NULL;
	return g_steal_pointer(&table);
}

SortKeySpan sort_key_table_get(const SortKeyTable *table, gsize i, SortKey key)
{
	SortKeySpan keys[SORT_KEY_N];
	sort_keys_split(table->lines[i].data, table->lines[i].len, keys);
	return keys[key];
}

guint32 sort_key_table_messages_read(const SortKeyTable *table)
{
	return table->messages_read;
}
