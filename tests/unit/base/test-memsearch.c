#include "base/memsearch.h"

#include "base/memsearch-private.h"

#include <string.h>
#include <sys/mman.h>

static const char *naive(const char *hay, gsize hay_len, const char *needle, gsize needle_len)
{
	for (gsize i = 0; i + needle_len <= hay_len; i++) {
		if (memcmp(hay + i, needle, needle_len) == 0)
			return hay + i;
	}
	return NULL;
}

typedef const char *(*Find)(const char *, gsize, const char *, gsize);

/* A haystack that ends at a page that may not be read, and starts behind one. */
typedef struct {
	char *mapped;
	gsize mapped_len;
	char *start;
	gsize len;
} Guarded;

static Guarded guarded_new(gsize len)
{
	gsize page = 4096, inner = (len + page - 1) / page * page;
	Guarded guarded = { .mapped_len = inner + 2 * page, .len = len };

	guarded.mapped = mmap(NULL, guarded.mapped_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	g_assert_true(guarded.mapped != MAP_FAILED);
	g_assert_cmpint(mprotect(guarded.mapped + page, inner, PROT_READ | PROT_WRITE), ==, 0);
	guarded.start = guarded.mapped + page + inner - len;
	return guarded;
}

static void guarded_clear(Guarded *guarded)
{
	munmap(guarded->mapped, guarded->mapped_len);
}

static void small_cases(void)
{
	static const struct {
		const char *hay, *needle;
		int at; /* -1: not there */
	} cases[] = {
		{ "", "", 0 },
		{ "abc", "", 0 },
		{ "", "a", -1 },
		{ "a", "a", 0 },
		{ "a", "ab", -1 },
		{ "ab", "ab", 0 },
		{ "xab", "ab", 1 },
		{ "aab", "ab", 1 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "aab", 33 },
		{ "mississippi", "issip", 4 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *found = mem_find(
			cases[i].hay, strlen(cases[i].hay), cases[i].needle, strlen(cases[i].needle));
		g_assert_cmpint(found == NULL ? -1 : (int)(found - cases[i].hay), ==, cases[i].at);
	}
	g_assert_null(mem_find(NULL, 0, "a", 1));
	g_assert_null(mem_find(NULL, 0, NULL, 0));
	g_assert_true(mem_find("a\0b\0c", 5, "\0c", 2) != NULL);
	g_assert_cmpuint(mem_count("aaaaa", 5, "aa", 2), ==, 2);
	g_assert_cmpuint(mem_count("a-b-c", 5, "-", 1), ==, 2);
	g_assert_cmpuint(mem_count(NULL, 0, "-", 1), ==, 0);
}

/* Every loop against the plain search, in haystacks of few letters (many candidates) and of many, at the
 * edge of a page. */
static void all_loops_find_what_a_plain_search_finds(void)
{
	static const Find finds[] = {
		mem_find,
		mem_find_portable,
#ifdef __x86_64__
		mem_find_sse2,
#endif
	};
	guint n_found = 0;

	for (guint round = 0; round < 1500; round++) {
		gsize hay_len = (gsize)g_test_rand_int_range(2, round % 10 == 0 ? 6000 : 400);
		gint letters = round % 3 == 0 ? 2 : round % 3 == 1 ? 4 : 256;
		Guarded hay = guarded_new(hay_len);
		for (gsize i = 0; i < hay_len; i++)
			hay.start[i] = (char)('a' + g_test_rand_int_range(0, letters));
		for (guint k = 0; k < 20; k++) {
			gsize longest = MIN(hay_len, k < 15 ? 12u : 400u);
			gsize needle_len = (gsize)g_test_rand_int_range(2, (gint)longest + 1);
			Guarded needle = guarded_new(needle_len);
			gsize from = (gsize)g_test_rand_int_range(0, (gint)(hay_len - needle_len) + 1);
			memcpy(needle.start, hay.start + from, needle_len);
			if (k % 2 == 0)
				needle.start[g_test_rand_int_range(0, (gint)needle_len)] =
					(char)('a' + g_test_rand_int_range(0, letters));
			const char *expected = naive(hay.start, hay_len, needle.start, needle_len);
			n_found += expected != NULL;
			for (gsize f = 0; f < G_N_ELEMENTS(finds); f++)
				g_assert_true(
					finds[f](hay.start, hay_len, needle.start, needle_len) == expected);
			guarded_clear(&needle);
		}
		guarded_clear(&hay);
	}
	g_assert_cmpuint(n_found, >, 10000);
}

/* Haystacks that are all candidates: the two-way search takes over, and the answer is still right. */
static void bad_haystacks_are_linear(void)
{
	gsize hay_len = 8 * 1024 * 1024, needle_len = 64 * 1024;
	g_autofree char *hay = g_malloc(hay_len);
	g_autofree char *needle = g_malloc(needle_len);

	memset(hay, 'a', hay_len);
	memset(needle, 'a', needle_len);
	/* Behind what pick() looks at, so that every start is a candidate that fails late. */
	needle[needle_len / 2] = 'b';
	gint64 started = g_get_monotonic_time();
	g_assert_null(mem_find(hay, hay_len, needle, needle_len));
	memcpy(hay + hay_len - needle_len, needle, needle_len);
	g_assert_true(mem_find(hay, hay_len, needle, needle_len) == hay + hay_len - needle_len);
	/* Quadratic would be 8 Mi times 32 Ki comparisons twice: minutes. */
	g_assert_cmpint(g_get_monotonic_time() - started, <, 20 * G_USEC_PER_SEC);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/memsearch/small_cases", small_cases);
	g_test_add_func("/memsearch/all_loops_find_what_a_plain_search_finds",
		all_loops_find_what_a_plain_search_finds);
	g_test_add_func("/memsearch/bad_haystacks_are_linear", bad_haystacks_are_linear);
	return g_test_run();
}
