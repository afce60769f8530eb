#include "server/imap/radix.h"

static void sorts_and_keeps_the_order_of_equals(void)
{
	static const gsize sizes[] = { 0, 1, 2, 3, 47, 48, 49, 1000, 20000 };
	static const guint64 masks[] = { 0, 1, 0xff, 0xff00, G_MAXUINT64, G_GUINT64_CONSTANT(0xff00000000000003) };
	for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
		for (guint m = 0; m < G_N_ELEMENTS(masks); m++) {
			gsize n = sizes[s];
			g_autofree RadixItem *items = g_new(RadixItem, n + 1), *spare = g_new(RadixItem, n + 1);
			guint64 sum = 0;
			for (gsize i = 0; i < n; i++) {
				items[i].key = ((guint64)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int()) & masks[m];
				items[i].value = i;
				sum += items[i].key;
			}
			g_autofree RadixItem *before = g_memdup2(items, n * sizeof(*items));
			radix_sort(items, spare, n);
			for (gsize i = 0; i < n; i++) {
				sum -= items[i].key;
				g_assert_cmpuint(before[items[i].value].key, ==, items[i].key);
				if (i > 0)
					g_assert_true(items[i - 1].key < items[i].key ||
						(items[i - 1].key == items[i].key && items[i - 1].value < items[i].value));
			}
			g_assert_cmpuint(sum, ==, 0);
		}
	}
}

static void signed_numbers_keep_their_order(void)
{
	static const gint64 numbers[] = { G_MININT64, G_MININT64 + 1, -2, -1, 0, 1, 2, G_MAXINT64 };
	for (guint i = 1; i < G_N_ELEMENTS(numbers); i++)
		g_assert_cmpuint(radix_key(numbers[i - 1]), <, radix_key(numbers[i]));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/radix/sorts_and_keeps_the_order_of_equals", sorts_and_keeps_the_order_of_equals);
	g_test_add_func("/radix/signed_numbers_keep_their_order", signed_numbers_keep_their_order);
	return g_test_run();
}
