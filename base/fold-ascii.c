/* Folding of ASCII: lower case, and runs of white space and control characters as one space. Most of all
 * mail is ASCII, so this loop is the speed of folding. */

#include "base/fold-private.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

gsize fold_ascii_portable(const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space)
{
	gsize i, n = 0;
	gboolean space = *in_space;

	for (i = 0; i < len && in[i] < 0x80; i++) {
		guint8 c = in[i];
		if (c <= ' ' || c == 0x7F) {
			/* Written always and kept only if it is the first: no branch to mispredict. */
			out[n] = ' ';
			n += !space;
			space = TRUE;
		} else {
			out[n++] = c | ((guint8)(c - 'A') < 26 ? 0x20 : 0);
			space = FALSE;
		}
	}
	*n_out = n;
	*in_space = space;
	return i;
}

#ifdef __x86_64__

/* The two loops below differ in width only. For a block of folded bytes there is a mask of spaces; a byte
 * is dropped if it is a space and the byte before it, or the end of the last block, is one. Blocks without
 * such bytes are stored whole. In others the runs of bytes that stay are copied one by one; what a copy
 * writes too much is overwritten by the next, which FOLD_SLACK leaves room for. */

static inline __m128i fold_16(__m128i bytes, guint32 *spaces_out)
{
	/* Signed comparison is right for ASCII: bytes of 0x80 and more are out of the way before. */
	__m128i space = _mm_or_si128(
		_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ' + 1)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
	__m128i upper = _mm_and_si128(
		_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)), _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
	__m128i lower = _mm_or_si128(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20)));

	*spaces_out = (guint32)_mm_movemask_epi8(space);
	return _mm_or_si128(_mm_andnot_si128(space, lower), _mm_and_si128(space, _mm_set1_epi8(' ')));
}

gsize fold_ascii_sse2(const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space)
{
	gsize i = 0, n = 0;
	guint32 carry = *in_space ? 1 : 0;

	while (len - i >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(in + i));
		guint32 high = (guint32)_mm_movemask_epi8(bytes);
		guint ascii = high == 0 ? 16 : (guint)__builtin_ctz(high);
		if (ascii == 0)
			break;
		guint32 spaces;
		__m128i folded = fold_16(bytes, &spaces);
		guint32 drop = spaces & (spaces << 1 | carry);
		drop &= 0xFFFFu >> (16 - ascii);
		carry = spaces >> (ascii - 1) & 1;
		i += ascii;
		_mm_storeu_si128((__m128i *)(void *)(out + n), folded);
		if (drop == 0) {
			n += ascii;
			if (high != 0)
				break;
			continue;
		}
		guint8 block[32] = { 0 };
		_mm_storeu_si128((__m128i *)(void *)block, folded);
		for (guint32 keep = ~drop & 0xFFFFu >> (16 - ascii); keep != 0;) {
			guint start = (guint)__builtin_ctz(keep);
			guint run = (guint)__builtin_ctz(~(keep >> start));
			__m128i part = _mm_loadu_si128((const __m128i *)(const void *)(block + start));
			_mm_storeu_si128((__m128i *)(void *)(out + n), part);
			n += run;
			keep &= ~(((1u << run) - 1) << start);
		}
		if (high != 0)
			break;
	}
	gsize n_tail;
	gboolean space = carry != 0;
	i += fold_ascii_portable(in + i, len - i, out + n, &n_tail, &space);
	*n_out = n + n_tail;
	*in_space = space;
	return i;
}

__attribute__((target("avx2"))) static inline __m256i fold_32(__m256i bytes, guint32 *spaces_out)
{
	__m256i space = _mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(' ' + 1), bytes),
		_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7F)));
	__m256i upper = _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8('A' - 1)),
		_mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), bytes));
	__m256i lower = _mm256_or_si256(bytes, _mm256_and_si256(upper, _mm256_set1_epi8(0x20)));

	*spaces_out = (guint32)_mm256_movemask_epi8(space);
	return _mm256_blendv_epi8(lower, _mm256_set1_epi8(' '), space);
}

__attribute__((target("avx2"))) gsize fold_ascii_avx2(
	const guint8 *in, gsize len, guint8 *out, gsize *n_out, gboolean *in_space)
{
	gsize i = 0, n = 0;
	guint32 carry = *in_space ? 1 : 0;

	while (len - i >= 32) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(in + i));
		guint32 high = (guint32)_mm256_movemask_epi8(bytes);
		guint ascii = high == 0 ? 32 : (guint)__builtin_ctz(high);
		if (ascii == 0)
			break;
		guint32 spaces;
		__m256i folded = fold_32(bytes, &spaces);
		guint32 drop = spaces & (spaces << 1 | carry);
		drop &= 0xFFFFFFFFu >> (32 - ascii);
		carry = spaces >> (ascii - 1) & 1;
		i += ascii;
		_mm256_storeu_si256((__m256i *)(void *)(out + n), folded);
		if (drop == 0) {
			n += ascii;
			if (high != 0)
				break;
			continue;
		}
		guint8 block[64] = { 0 };
		_mm256_storeu_si256((__m256i *)(void *)block, folded);
		for (guint64 keep = ~drop & 0xFFFFFFFFu >> (32 - ascii); keep != 0;) {
			guint start = (guint)__builtin_ctzll(keep);
			guint run = (guint)__builtin_ctzll(~(keep >> start));
			__m256i part = _mm256_loadu_si256((const __m256i *)(const void *)(block + start));
			_mm256_storeu_si256((__m256i *)(void *)(out + n), part);
			n += run;
			keep &= ~(((G_GUINT64_CONSTANT(1) << run) - 1) << start);
		}
		if (high != 0)
			break;
	}
	gsize n_tail;
	gboolean space = carry != 0;
	i += fold_ascii_sse2(in + i, len - i, out + n, &n_tail, &space);
	*n_out = n + n_tail;
	*in_space = space;
	return i;
}

#endif

FoldAscii fold_ascii_best(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2") ? fold_ascii_avx2 : fold_ascii_sse2;
#else
	return fold_ascii_portable;
#endif
}
