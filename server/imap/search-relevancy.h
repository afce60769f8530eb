/* Relevancy scores (RFC 6203 section 4): 1 to 100 for each message that a search with FUZZY keys has found.
 *
 * A score says how well a message matches, not how well others do: it can be compared between mailboxes and searches, and the whole range is in use, from a typo of a typo in
 * some header field of a long mail to the very words in a short subject. It does not depend on the index. What each text key below a FUZZY says of a message is in
 * indexer/fuzzy.h: a rating, 0 to 1, for each word. Together:
 *
 *   a text key   the mean of its words' ratings, each weighted by its rarity; 0 if the key does not match
 *   AND          the mean of its keys, weighted by the sum of the rarities of their words
 *   OR           four fifths of its best key and one fifth of their mean, so weighted
 *
 * NOT, and keys that are no text keys below a FUZZY, have no say. The score is 100 times that, rounded, at least 1; 100 if no key has a say.
 *
 * The rarity of a word is the idf of BM25, ln(1 + (N - n + 0.5) / (n + 0.5)), where n of N messages have the word in the key's scope, by any
 * grade. Those N are a sample, up to RELEVANCY_SAMPLE messages of the mailbox, evenly spread: the posting lists know the account better, but
 * not what they have not reached, and a score that changes while an index is built would be the worse one. A search for one
 * word asks for no rarity. */
#pragma once
#include "server/imap/search-plan.h"
G_BEGIN_DECLS

#define RELEVANCY_SAMPLE 512

/* The scores of the messages at @positions (guint32), by position in the view; owned by the caller. NULL and @error: SEARCH_INDEX_ERROR. */
guint8 *search_relevancy(const SearchContext *context, const SearchKey *key, const GArray *positions, GError **error);

/* The same into context->relevancy if RETURN (RELEVANCY) asks for it. *scores_out: owned, must live as long as the context. */
gboolean search_relevancy_asked(SearchContext *context, const SearchProgram *program, const GArray *positions, guint8 **scores_out,
                                GError **error);

G_END_DECLS
