/* The sort keys (store/sort-keys.h) of many emails at once, for SORT and THREAD: from where they were kept at indexing time, or from the message for
 * those that the index has not reached. Immutable; any thread may read it. */
#pragma once
#include "indexer/search-index.h"
#include "store/sort-keys.h"
G_BEGIN_DECLS

typedef struct SortKeyTable SortKeyTable;

/* The keys of the @n emails at @email_ids, in that order; an email that is gone has empty ones
 * (or its own, while the index has them). @account is the index's. NULL and @error
 * (SEARCH_INDEX_ERROR): cancelled, or a message could not be read. @cancel may be NULL. */
SortKeyTable *sort_key_table_new(SearchIndex *index, Account *account, const guint32 *email_ids, gsize n,
                                 const SearchCancel *cancel, GError **error);
void sort_key_table_free(SortKeyTable *table);
/* Key @key of the @i-th email; lives as long as the table. Looks for it each time: fetch each once. */
SortKeySpan sort_key_table_get(const SortKeyTable *table, gsize i, SortKey key);
/* All of them. */
void sort_key_table_get_all(const SortKeyTable *table, gsize i, SortKeySpan keys_out[SORT_KEY_N]);
/* Message files that were read for it. */
guint32 sort_key_table_messages_read(const SortKeyTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SortKeyTable, sort_key_table_free)
G_END_DECLS
