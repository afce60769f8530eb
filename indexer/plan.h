/* How one string is looked for in an index: by terms, by terms and verification, or by a scan of the text store, whichever is
 * estimated to be the cheapest (DESIGN.md, "A leaf's plan"). The answer is the same. Private to search-index.c and fuzzy-plan.c. */
#pragma once
#include "indexer/index-reader.h"
G_BEGIN_DECLS

/* Adds to @matched the emails of @among, all of which must be in the index, whose text matches. Sets path, terms, candidates and verified of @stats. Errors: FTINDEX_ERROR,
 * or SEARCH_INDEX_ERROR from @cancel; @matched is in no defined state then. */
gboolean plan_match(IndexReader *reader, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
                    EmailSet *matched, LeafStats *stats, GError **error);

/* About how long plan_match() takes, in microseconds, without looking at the index's terms. */
gint64 plan_estimate_us(const IndexView *view, const TextLeaf *leaf, guint32 among_count);

/* The prefixes of the values that the leaf looks at, and whether terms with them are of those values only. */
const char *plan_value_prefixes(const TextLeaf *leaf);
gboolean plan_has_own_prefix(const TextLeaf *leaf);

G_END_DECLS
