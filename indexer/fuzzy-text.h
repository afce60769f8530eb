/* Fuzzy words in terms and in texts (fuzzy.h has the rules). Private to this room. */
#pragma once
#include "indexer/fuzzy.h"
#include "indexer/text-store.h"
G_BEGIN_DECLS

/* What one thread needs to look at texts, some 70 KB, kept by the needle for the next until they are dropped: a search may have thousands of needles. */
typedef struct FuzzyMatcher FuzzyMatcher;
FuzzyMatcher *fuzzy_matcher_take(const FuzzyNeedle *needle);
void fuzzy_matcher_give(FuzzyMatcher *matcher);
void fuzzy_matchers_drop(const FuzzyNeedle *needle);

/* The words of the needle, as bits, for which the token (of TERM_PIECE octets or fewer) has a word that is WHOLE, DIACRITICS, STEM or TYPO. PART is not looked for. */
guint32 fuzzy_matcher_variants(FuzzyMatcher *matcher, const char *token, gsize len);

/* Whether the text matches. @leaf: of the matcher's needle. */
gboolean fuzzy_matcher_match(FuzzyMatcher *matcher, const TextLeaf *leaf, const TextSpan streams[TEXT_N_STREAMS]);

/* The ratings of a text: fuzzy_needle_n_ratings() numbers from 0 (of a word that is not there) to 1. */
void fuzzy_matcher_rate(FuzzyMatcher *matcher, const TextLeaf *leaf, const TextSpan streams[TEXT_N_STREAMS], float *ratings);

/* The same for a text that is not dealt out to streams. */
gboolean fuzzy_sections_match(const TextLeaf *leaf, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS]);
void fuzzy_sections_rate(const TextLeaf *leaf, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], float *ratings);

/* The exact leaf of one word of @leaf's. */
TextLeaf fuzzy_word_leaf(const TextLeaf *leaf, guint word);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FuzzyMatcher, fuzzy_matcher_give)
G_END_DECLS
