#pragma once

/* The inside of fold.c: the generated tables, and the loops over ASCII, which tests compare. */

#include <glib.h>

G_BEGIN_DECLS

/* fold-tables.c, made by gen-fold-tables.py. Where the folded form of a code point is in the pool:
 *
 *     block = fold_index[code / FOLD_BLOCK]                 (code / FOLD_BLOCK < fold_n_index, else 0)
 *     place = fold_blocks[block * FOLD_BLOCK + code % FOLD_BLOCK]
 *
 * Place 0: the code point stays as it is. Else there is a byte with the length (0: it vanishes), then the
 * bytes. Hangul syllables have place 0 too; they are decomposed by rule. */
#define FOLD_BLOCK 128

/* At least the bytes of the longest folded form of one code point: U+FDFA has 33. */
#define FOLD_LONGEST 48

extern const char fold_tables_version[]; /* fold_version() */
extern const guint fold_n_index;
extern const guint8 fold_index[];
extern const guint16 fold_blocks[];
extern const guint8 fold_pool[];

/* Folds bytes from @in until one that is not ASCII, or @len. Returns how many it took; how many it wrote
 * to @out, which has room for @len + FOLD_SLACK, goes to @n_out. @in_space says whether a space precedes,
 * and then whether the last byte is one. */
#define FOLD_SLACK 64
typedef gsize (*FoldAscii)(const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space);

gsize fold_ascii_portable(const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space);
#ifdef __x86_64__
gsize fold_ascii_sse2(const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space);
gsize fold_ascii_avx2(
	const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space); /* if the CPU can */
#endif

/* The fastest that this machine can run. */
FoldAscii fold_ascii_best(void);

G_END_DECLS
