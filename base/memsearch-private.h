#pragma once

/* The loops of mem_find(), for tests to compare. All take a needle of two bytes or more, not longer than
 * the hay. */

#include <glib.h>

G_BEGIN_DECLS

/* So many bytes of a needle are looked at for the rarest two. */
#define PICK_SPAN 256

const char *mem_find_portable(const char *hay, gsize hay_len, const char *needle, gsize needle_len);
#ifdef __x86_64__
const char *mem_find_sse2(const char *hay, gsize hay_len, const char *needle, gsize needle_len);
const char *mem_find_avx2(
	const char *hay, gsize hay_len, const char *needle, gsize needle_len); /* if it can */
#endif

G_END_DECLS
