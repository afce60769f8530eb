/* Emails that are not in the index: matched from the message itself, by the same extraction and the same matcher. Extracted texts
 * are kept for a while, so that the next string need not parse the same messages again. Private to search-index.c. */
#pragma once
#include "indexer/search-index.h"
G_BEGIN_DECLS

/* Texts of one account, at most TAIL_CACHE_BYTES of them, the least recently used go first. Thread-safe. */
#define TAIL_CACHE_BYTES (G_GUINT64_CONSTANT(64) * 1024 * 1024)
typedef struct TailCache TailCache;
TailCache *tail_cache_new(void);
void tail_cache_free(TailCache *cache);

/* Adds to @matched the emails of @ids whose text matches; one that is gone does not. *read_out: how many files were read. On error @matched is in no
 * defined state. Errors: SEARCH_INDEX_ERROR. */
gboolean tail_match(TailCache *cache, Account *account, const TextLeaf *leaf, const EmailSet *ids, const SearchCancel *cancel,
                    EmailSet *matched, guint32 *read_out, GError **error);

/* Called with the text of email @i of those that were asked for, from several threads at once. */
typedef void (*TailFunc)(gsize i, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], gpointer data);
/* Calls @func for each of the @n emails at @ids that is not gone. *read_out and errors as above. */
gboolean tail_each(TailCache *cache, Account *account, const guint32 *ids, gsize n, const SearchCancel *cancel, TailFunc func,
                   gpointer data, guint32 *read_out, GError **error);

G_END_DECLS
