/* Real and nasty mail, and what may be looked for in it: shared by the tests of this room. */
#pragma once
#include "indexer/search-index.h"
G_BEGIN_DECLS

/* @max messages of ../shared/corpus, spread over the whole (0: all); without it those of tests/data/mail, and copies with a
 * field more where they are too few. GBytes. */
GPtrArray *corpus_load(guint max);
/* Their texts: MessageText. */
GPtrArray *corpus_texts(const GPtrArray *messages);

/* Something to look for, exactly or (one of six) by a fuzzy key, made from what is in @texts or not: parts of words, words, phrases, punctuation, single characters, up to 1,000 octets, in
 * every scope. */
typedef struct {
	TextLeaf leaf;
	char *field, *needle; /* owned: what leaf points to */
	FuzzyNeedle *fuzzy;
} RandomLeaf;
void random_leaf(RandomLeaf *random, const GPtrArray *texts);
void random_leaf_clear(RandomLeaf *random);

/* By the one matcher. */
gboolean text_matches(const MessageText *text, const TextLeaf *leaf);

char *leaf_describe(const TextLeaf *leaf);

/* A fresh folder below the temporary one; removed with all that is in it by remove_folder(). */
char *make_folder(void);
void remove_folder(const char *path);

G_END_DECLS
