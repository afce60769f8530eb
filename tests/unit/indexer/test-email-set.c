/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation against a table of booleans. */
#include "indexer/email-set.h"

#include <string.h>

#define MODEL_SIZE 700u

typedef struct {
	EmailSet *set;
	gboolean has[MODEL_SIZE];
} Pair;

static void pair_check(const Pair *pair)
{
	guint32 count = 0;
	for (guint32 id = 0; id < MODEL_SIZE; id++) {
		g_assert_cmpint(email_set_contains(pair->set, id), ==, pair->has[id]);
		count += pair->has[id] ? 1 : 0;
	}
	g_assert_cmpuint(email_set_count(pair->set), ==, count);
	g_assert_cmpint(email_set_is_empty(pair->set), ==, count == 0);
	guint32 expected = 0, id;
	for (id = 0; email_set_next(pair->set, id, &id); id++) {
		while (!pair->has[expected])
			expected++;
		g_assert_cmpuint(id, ==, expected);
		expected++;
	}
	for (; expected < MODEL_SIZE; expected++)
		g_assert_false(pair->has[expected]);
}

static void behaves_like_a_table_of_booleans(void)
{
	for (int round = 0; round < 300; round++) {
		Pair pair[2];
		for (int i = 0; i < 2; i++) {
			pair[i].set = email_set_new();
			memset(pair[i].has, 0, sizeof pair[i].has);
		}
		for (int step = 0; step < 40; step++) {
			Pair *a = &pair[g_test_rand_bit()], *b = a == &pair[0] ? &pair[1] : &pair[0];
			guint32 id = (guint32)g_test_rand_int_range(0, MODEL_SIZE);
			guint32 last = (guint32)g_test_rand_int_range(0, MODEL_SIZE);
			switch (g_test_rand_int_range(0, 9)) {
			case 0:
			case 1:
				email_set_add(a->set, id);
				a->has[id] = TRUE;
				break;
			case 2:
				email_set_remove(a->set, id);
				a->has[id] = FALSE;
				break;
			case 3:
				email_set_add_range(a->set, id, last);
				for (guint32 i = id; i <= last; i++)
					a->has[i] = TRUE;
				break;
			case 4:
				email_set_and(a->set, b->set);
				for (guint32 i = 0; i < MODEL_SIZE; i++)
					a->has[i] = a->has[i] && b->has[i];
				break;
			case 5:
				email_set_or(a->set, b->set);
				for (guint32 i = 0; i < MODEL_SIZE; i++)
					a->has[i] = a->has[i] || b->has[i];
				break;
			case 6:
				email_set_and_not(a->set, b->set);
				for (guint32 i = 0; i < MODEL_SIZE; i++)
					a->has[i] = a->has[i] && !b->has[i];
				break;
			case 7: {
				EmailSet *copy = email_set_copy(a->set);
				g_assert_true(email_set_equal(copy, a->set));
				email_set_free(a->set);
				a->set = copy;
				break;
			}
			case 8: {
				guint64 bits = (guint64)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int(), had = 0;
				guint32 first = MIN(id, MODEL_SIZE - 64);
				for (guint bit = 0; bit < 64; bit++)
					had |= (guint64)a->has[first + bit] << bit;
				g_assert_cmphex(email_set_word(a->set, first), ==, had);
				email_set_add_word(a->set, first, bits);
				for (guint bit = 0; bit < 64; bit++)
					a->has[first + bit] |= (gboolean)(bits >> bit & 1);
				break;
			}
			default:
				g_assert_not_reached();
			}
		}
		pair_check(&pair[0]);
		pair_check(&pair[1]);
		g_assert_cmpint(email_set_equal(pair[0].set, pair[1].set), ==,
			memcmp(pair[0].has, pair[1].has, sizeof pair[0].has) == 0);
		email_set_free(pair[0].set);
		email_set_free(pair[1].set);
	}
}

static void ranges_end_where_they_say(void)
{
	static const struct {
		guint32 first, last, count;
	} cases[] = { { 0, 0, 1 }, { 63, 63, 1 }, { 63, 64, 2 }, { 0, 63, 64 }, { 1, 127, 127 }, { 5, 4, 0 }, { 64, 191, 128 } };
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(EmailSet) set = email_set_new();
		email_set_add_range(set, cases[i].first, cases[i].last);
		g_assert_cmpuint(email_set_count(set), ==, cases[i].count);
		g_assert_false(email_set_contains(set, cases[i].last + 1));
		if (cases[i].count > 0) {
			guint32 id;
			g_assert_true(email_set_next(set, 0, &id));
			g_assert_cmpuint(id, ==, cases[i].first);
			g_assert_true(email_set_contains(set, cases[i].last));
		}
	}
}

static void equal_ignores_room_at_the_end(void)
{
	g_autoptr(EmailSet) small = email_set_new();
	g_autoptr(EmailSet) big = email_set_new();
	email_set_add(small, 3);
	email_set_add(big, 3);
	email_set_add(big, 100000);
	g_assert_false(email_set_equal(small, big));
	g_assert_false(email_set_equal(big, small));
	email_set_remove(big, 100000);
	g_assert_true(email_set_equal(small, big));
	g_assert_true(email_set_equal(big, small));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/email-set/behaves_like_a_table_of_booleans", behaves_like_a_table_of_booleans);
	g_test_add_func("/email-set/ranges_end_where_they_say", ranges_end_where_they_say);
	g_test_add_func("/email-set/equal_ignores_room_at_the_end", equal_ignores_room_at_the_end);
	return g_test_run();
}
