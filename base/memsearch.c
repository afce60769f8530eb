#include "base/memsearch.h"

#include "base/memsearch-private.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* How rare a byte is: ASCII by its place when sorted from frequent to rare, as counted in 2,000 ordinary messages, folded, headers and
 * encoded parts as they are. Only the order matters, and roughly. Others count as rare, but for lead bytes of UTF-8: they are the same for a
 * whole script, and there the others tell more. A table, since a scan of short texts asks for it once for each of them. */
static const guint8 rarity[256] = {
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	0, 63, 51, 58, 61, 64, 56, 57, 48, 49, 53, 43, 45, 21, 22, 39,
	13, 24, 23, 31, 35, 36, 41, 44, 37, 40, 28, 46, 47, 20, 32, 52,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 55, 65, 54, 68, 33,
	67, 5, 15, 10, 9, 1, 18, 17, 19, 4, 38, 30, 11, 12, 8, 7,
	14, 42, 6, 3, 2, 16, 25, 26, 29, 27, 34, 59, 60, 62, 66, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
	10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
	10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
	10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
	10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
};

/* Picks the two bytes of the needle that are compared first: the rarest one, and the rarest one that
 * differs from it (the last one, if all are the same). @first_out < @second_out. */
static void pick(const guint8 *needle, gsize len, gsize *first_out, gsize *second_out)
{
	gsize span = MIN(len, PICK_SPAN), best = 0, other = G_MAXSIZE;

	for (gsize i = 1; i < span; i++) {
		if (rarity[needle[i]] > rarity[needle[best]])
			best = i;
	}
	for (gsize i = 0; i < span; i++) {
		if (needle[i] != needle[best] &&
			(other == G_MAXSIZE || rarity[needle[i]] > rarity[needle[other]]))
			other = i;
	}
	if (other == G_MAXSIZE)
		other = best == span - 1 ? 0 : span - 1;
	*first_out = MIN(best, other);
	*second_out = MAX(best, other);
}

/* False candidates cost a comparison each. As long as they are few, filtering is faster than anything
 * else; a haystack made of them (`aaaa...` and a needle of `a` with a `b` in the middle) would cost hay
 * times needle. So there is an account: each candidate costs its comparison, each block earns a little;
 * who overdraws is sent to the two-way search. */
typedef struct {
	gint64 credit;
} Account;

#define ACCOUNT_START 4096
#define CANDIDATE_COST 8 /* and a sixteenth of the needle's length */
#define BLOCK_EARNS 16

static inline gboolean charge(Account *account, gsize needle_len)
{
	account->credit -= CANDIDATE_COST + (gint64)(needle_len / 16);
	return account->credit >= 0;
}

const char *mem_find_portable(const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	return memmem(hay, hay_len, needle, needle_len);
}

#ifdef __x86_64__

/* The last few starts, where a whole block would reach behind the hay. At most 15 of them. */
static const char *find_in_rest(
	const char *hay, gsize hay_len, const char *needle, gsize needle_len, gsize picked)
{
	for (gsize i = 0; i + needle_len <= hay_len; i++) {
		if (hay[i + picked] == needle[picked] && memcmp(hay + i, needle, needle_len) == 0)
			return hay + i;
	}
	return NULL;
}

/* Both loops: for each block of starts, compare the two picked bytes at once; where both are right, the
 * whole needle. */

const char *mem_find_sse2(const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	gsize first, second;
	pick((const guint8 *)needle, needle_len, &first, &second);
	const gsize n_starts = hay_len - needle_len + 1;
	const __m128i want_first = _mm_set1_epi8(needle[first]), want_second = _mm_set1_epi8(needle[second]);
	Account account = { ACCOUNT_START };
	gsize i = 0;

	for (; n_starts - i >= 16; i += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(hay + i + first));
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(hay + i + second));
		__m128i both = _mm_and_si128(_mm_cmpeq_epi8(a, want_first), _mm_cmpeq_epi8(b, want_second));
		guint32 mask = (guint32)_mm_movemask_epi8(both);
		account.credit += BLOCK_EARNS / 2;
		for (; mask != 0; mask &= mask - 1) {
			const char *at = hay + i + __builtin_ctz(mask);
			if (memcmp(at, needle, needle_len) == 0)
				return at;
			if (!charge(&account, needle_len))
				return mem_find_portable(
					at + 1, hay_len - (gsize)(at + 1 - hay), needle, needle_len);
		}
	}
	return find_in_rest(hay + i, hay_len - i, needle, needle_len, first);
}

__attribute__((target("avx2"))) const char *mem_find_avx2(
	const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	gsize first, second;
	pick((const guint8 *)needle, needle_len, &first, &second);
	const gsize n_starts = hay_len - needle_len + 1;
	const __m256i want_first = _mm256_set1_epi8(needle[first]),
		      want_second = _mm256_set1_epi8(needle[second]);
	Account account = { ACCOUNT_START };
	gsize i = 0;

	for (; n_starts - i >= 64; i += 64) {
		const char *block = hay + i;
		__m256i a0 = _mm256_loadu_si256((const __m256i *)(const void *)(block + first));
		__m256i a1 = _mm256_loadu_si256((const __m256i *)(const void *)(block + first + 32));
		__m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)(block + second));
		__m256i b1 = _mm256_loadu_si256((const __m256i *)(const void *)(block + second + 32));
		__m256i both0 = _mm256_and_si256(
			_mm256_cmpeq_epi8(a0, want_first), _mm256_cmpeq_epi8(b0, want_second));
		__m256i both1 = _mm256_and_si256(
			_mm256_cmpeq_epi8(a1, want_first), _mm256_cmpeq_epi8(b1, want_second));
		account.credit += BLOCK_EARNS * 2;
		if (G_LIKELY(_mm256_testz_si256(_mm256_or_si256(both0, both1), _mm256_set1_epi8(-1))))
			continue;
		guint64 mask = (guint32)_mm256_movemask_epi8(both0) |
			(guint64)(guint32)_mm256_movemask_epi8(both1) << 32;
		for (; mask != 0; mask &= mask - 1) {
			const char *at = block + __builtin_ctzll(mask);
			if (memcmp(at, needle, needle_len) == 0)
				return at;
			if (!charge(&account, needle_len))
				return mem_find_portable(
					at + 1, hay_len - (gsize)(at + 1 - hay), needle, needle_len);
		}
	}
	return mem_find_sse2(hay + i, hay_len - i, needle, needle_len);
}

#endif

const char *mem_find(const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	if (needle_len == 0)
		return hay;
	if (needle_len > hay_len)
		return NULL;
	if (needle_len == 1)
		return memchr(hay, needle[0], hay_len);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return mem_find_avx2(hay, hay_len, needle, needle_len);
	return mem_find_sse2(hay, hay_len, needle, needle_len);
#else
	return mem_find_portable(hay, hay_len, needle, needle_len);
#endif
}

gsize mem_count(const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	const char *end = hay + hay_len;
	gsize n = 0;

	g_assert(needle_len > 0);
	while (hay != NULL && (hay = mem_find(hay, (gsize)(end - hay), needle, needle_len)) != NULL) {
		hay += needle_len;
		n++;
	}
	return n;
}
