/* How a fuzzy key is looked for in an index: the words of the vocabulary that match, and their postings; or, where that is cheaper or there is no vocabulary,
 * the texts. The answer is the same. Private to search-index.c. */
#pragma once
#include "indexer/index-reader.h"
G_BEGIN_DECLS

/* plan_match() for a leaf with a fuzzy needle. */
gboolean fuzzy_plan_match(IndexReader *reader, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
                          EmailSet *matched, LeafStats *stats, GError **error);

G_END_DECLS
