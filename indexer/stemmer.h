/* Stems of words, by Xapian's stemmers (Snowball), in plain C: implemented in ftindex.cc, where all of Xapian is. A Stemmer belongs to one
 * thread at a time. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

#ifdef __cplusplus
#define STEMMER_NOEXCEPT noexcept
#else
#define STEMMER_NOEXCEPT
#endif

typedef struct Stemmer Stemmer;
/* @language: a name that Xapian knows ("english"); NULL: it does not know it. */
Stemmer *stemmer_new(const char *language) STEMMER_NOEXCEPT;
void stemmer_free(Stemmer *stemmer) STEMMER_NOEXCEPT;
/* Replaces what is in @out by the stem of @word, which is UTF-8 in lower case, composed (NFC). */
void stemmer_stem(Stemmer *stemmer, const GString *word, GString *out) STEMMER_NOEXCEPT;

#undef STEMMER_NOEXCEPT

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stemmer, stemmer_free)
G_END_DECLS
