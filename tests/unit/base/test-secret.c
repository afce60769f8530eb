#include "base/secret.h"

#include <string.h>

static void equal_means_the_same_bytes(void)
{
	static const struct {
		const char *a, *b;
		gboolean equal;
	} cases[] = {
		{ "", "", TRUE },
		{ "a", "", FALSE },
		{ "", "a", FALSE },
		{ "a", "a", TRUE },
		{ "ab", "ac", FALSE },
		{ "abab", "ab", FALSE },
		{ "ab", "abab", FALSE },
		{ "secret", "secret", TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(secret_equal(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b)),
			==, cases[i].equal);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/secret/equal_means_the_same_bytes", equal_means_the_same_bytes);
	return g_test_run();
}
