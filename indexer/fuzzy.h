/* What a text key under FUZZY (RFC 6203) finds, and how well: the one place that says so, for the index, for messages that are not in it, and for
 * scores. What it says is independent of the state of the index. Normative, with fuzzy-word.h:
 *
 * A key's string is taken apart into words (of equal ones one, and of them the first FUZZY_WORDS_MAX). A message matches if for each word,
 * in any order and any place of the scope of the key (all fields of the name, all of the body, all of the text), there is a word that is a match by
 * fuzzy-word.h. So what the exact key finds is found too. A string without a word ("->", "") is looked for as by the exact key.
 *
 * Words are looked at in the body, in the values of fields, and in lines that are no fields (or whose name is longer than
 * TERM_NAME_MAX); names of fields have only words that are WHOLE or PART, as TEXT finds them exactly. Tokens of more than TERM_PIECE octets
 * count by their pieces (terms.h), of which each is a text by itself, but the exact string of a word is found across them.
 *
 * The rating of a message for a word, 0 to 1, is a matter of where its best words are. Of each kind of text alone:
 *
 *     rating = low + (high - low) * min(1, 1.5 * often)         of the best grade that is there:
 *                 WHOLE 0.75-1  DIACRITICS 0.65-0.75  STEM 0.50-0.65  PART 0.32-0.50  TYPO_1 0.12-0.32  TYPO_2 0.02-0.12
 *     often  = n / (n + 1.2 * (0.25 + 0.75 * tokens / usual))    n: tokens with words of that grade; tokens: of this kind of text, all; usual: FUZZY_USUAL_*
 *
 * which is the term frequency of BM25 with k1 = 1.2 and b = 0.75, the average length being a constant. So of one kind of text a better grade is always
 * above a worse one. A word that is only in names of fields, or across pieces of a token, is one PART of the kind "all other", or of the key's kind. TEXT takes its kinds together: rating times weight (subject 1, the four address fields 0.8, body 0.6, all other 0.25), the greatest of them,
 * and of what is missing to 1 a tenth of each of the others. All other keys have one kind, of weight 1. If there are two words or more and the string as it
 * stands is not in the text, all ratings of the key are times 0.8. */
#pragma once
#include "indexer/fuzzy-word.h"
#include "store/message-text.h"
G_BEGIN_DECLS

#define FUZZY_WORDS_MAX 32

#define FUZZY_USUAL_SHORT 8 /* words of a subject or an address field */
#define FUZZY_USUAL_LONG 200 /* of a body, of other fields taken together */

/* A string that is looked for. Never changes: any thread may use it. */
typedef struct FuzzyNeedle FuzzyNeedle;
/* @needle: folded. */
FuzzyNeedle *fuzzy_needle_new(const char *needle, gsize len);
void fuzzy_needle_free(FuzzyNeedle *needle);
/* How many words; 0: it is looked for as by the exact key. */
guint fuzzy_needle_n_words(const FuzzyNeedle *needle);
const FuzzyWord *fuzzy_needle_word(const FuzzyNeedle *needle, guint i);
/* Ratings for one message: one for each word, one in all for a string without words. */
guint fuzzy_needle_n_ratings(const FuzzyNeedle *needle);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FuzzyNeedle, fuzzy_needle_free)
G_END_DECLS
