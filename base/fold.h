#pragma once

/* Folding: the one function that decides which texts are equal for SEARCH, SORT and THREAD (DESIGN.md,
 * "Text", rule 4). Mail and search strings go through it; a search string matches where its folded octets
 * occur in the folded text.
 *
 * A code point is folded by itself, in this order:
 *   1. Unicode White_Space and control characters (Cc, NUL too) become U+0020; default-ignorable code
 *      points (soft hyphen, zero-width space, BOM, variation selectors, ...) vanish.
 *   2. i;unicode-casemap, RFC 5051 section 2, steps (2)(a) and (2)(b): the simple titlecase mapping, then the
 *      decomposition of any type (canonical, compatibility, Hangul), recursively. Case is not mapped again
 *      afterwards: RFC 5051 makes of U+FB01, the ligature, a small "fi", and of the two letters "FI". So `fi`
 *      is not in the ligature followed by `ne`; that is what the RFC says, and what is tested.
 *   3. The letters A-Z and a-z change places. This is one-to-one, so what RFC 5051 makes equal is equal, and
 *      nothing else; but the folded form of ASCII text is lower case. The few A-Z in folded text come from
 *      compatibility forms of small letters.
 * No reordering of combining marks: RFC 5051 does not ask for it (section 4, item 2).
 *
 * What the output promises:
 *   - valid UTF-8; ill-formed input becomes U+FFFD, one for each maximal subpart (Unicode 3.9, table 3-8);
 *   - never two spaces in a row, and no control character: callers may keep fields apart with '\n';
 *   - fold(a + b) is fold(a) + fold(b), less one space where the seam has two; so folding what is folded
 *     twice is not needed and not done (it is not idempotent, because of the A-Z of step 3).
 *
 * All functions are pure: any thread, no locale. */

#include <glib.h>

G_BEGIN_DECLS

/* Of the rules above; part of the index's version. fold_version() adds the version of the Unicode tables. */
#define FOLD_VERSION 1

/* "1/15.0.0": FOLD_VERSION and the Unicode version of the tables. Texts folded under another one must be
 * folded anew. */
const char *fold_version(void);

/* Appends the folded form of the @len bytes at @utf8 to @out. The bytes are taken as complete: a code
 * point that is cut off at the end is ill-formed. A leading space is left out if @out ends with one
 * already. */
void fold_append(GString *out, const char *utf8, gsize len);

/* Returns the folded form of the @len bytes at @utf8, with a NUL behind it, which the caller frees; its
 * length goes to @len_out, if that is not NULL. */
char *fold_string(const char *utf8, gsize len, gsize *len_out);

/* Orders two folded texts as i;unicode-casemap does (the octets of the titlecased form): <0, 0, >0 like
 * memcmp(). Plain memcmp() of folded texts agrees about equality, but puts letters behind `[ \ ] ^ _` and
 * the back quote. */
int fold_compare(const char *a, gsize a_len, const char *b, gsize b_len);

/* Folds a text that comes in pieces, which may be cut anywhere, also inside of a code point.
 *
 *     Folder folder;
 *     folder_init(&folder, out);
 *     while (...)
 *             folder_feed(&folder, piece, piece_len);
 *     folder_finish(&folder);
 *
 * The result is that of fold_append() for all pieces at once. The caller may add to @out between two texts
 * (after folder_finish()), not between two pieces. There is nothing to free. */
typedef struct {
	GString *out;      /* the caller's */
	guint8 pending[4]; /* start of a code point whose end has not come */
	guint n_pending;
} Folder;

void folder_init(Folder *folder, GString *out);
void folder_feed(Folder *folder, const char *bytes, gsize len);

/* Ends the text: what is still pending becomes U+FFFD. The folder may be fed another text afterwards. */
void folder_finish(Folder *folder);

G_END_DECLS
