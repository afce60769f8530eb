/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-origin.h"

#include <string.h>

#include "store/feed.h"

#define ORIGIN_KEY "origin"

gboolean index_origin_store(FtIndex *index, const char *origin, GError **error)
{
	return ftindex_set_metadata(index, ORIGIN_KEY, origin, strlen(origin), error);
}

gboolean index_origin_check(FtIndex *index, const IndexMeta *meta, Account *account, gboolean *is_out, GError **error)
{
	GString *origin;
	if (!ftindex_metadata(index, ORIGIN_KEY, &origin, error))
		return FALSE;
	gboolean ok = account_feed_is_origin(account, origin->str, meta->watermark, meta->gone_seq, is_out, error);
	(void)g_string_free(origin, TRUE);
	return ok;
}
