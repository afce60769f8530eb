#pragma once

/* Substring search in memory, for texts of any length: the scan under every search. About the speed of
 * reading memory (SSE2, AVX2 where the machine has it), and linear in the worst case: a needle that has
 * too many false candidates is handed to the C library's two-way search.
 *
 * Pure functions: any thread. */

#include <glib.h>

G_BEGIN_DECLS

/* Returns where the @needle_len bytes at @needle first occur in the @hay_len bytes at @hay, or NULL. An
 * empty needle is at @hay. Bytes are compared as they are (folding is the caller's); NUL is a byte like
 * others. @hay may be NULL if @hay_len is 0, and the same for @needle. Reads nothing outside of the two
 * ranges. */
const char *mem_find(const char *hay, gsize hay_len, const char *needle, gsize needle_len);

/* How often @needle (not empty) occurs in @hay, occurrences that overlap not counted twice. */
gsize mem_count(const char *hay, gsize hay_len, const char *needle, gsize needle_len);

G_END_DECLS
