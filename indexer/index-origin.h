/* Which database of the account an index was made from. Email ids mean something in one history of one database only: an index that is older than the
 * database beside it (deleted and made anew) or newer (restored from a backup) names other emails by them, and must not be asked. */
#pragma once
#include "indexer/index-state.h"
G_BEGIN_DECLS

/* @origin: of account_feed_origin(). Into the transaction of a writer. */
gboolean index_origin_store(FtIndex *index, const char *origin, GError **error);
/* *is_out: whether @index, at the commit that @meta is of, belongs to the database that @account has now. FALSE: FTINDEX_ERROR or STORE_ERROR. */
gboolean index_origin_check(FtIndex *index, const IndexMeta *meta, Account *account, gboolean *is_out, GError **error);

G_END_DECLS
