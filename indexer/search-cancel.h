/* When a search should end. Cheap: ask every millisecond or so. */
#pragma once
#include "indexer/search-index.h"
G_BEGIN_DECLS

/* FALSE and SEARCH_INDEX_ERROR if the search should end. */
gboolean search_cancel_check(const SearchCancel *cancel, GError **error);

G_END_DECLS
