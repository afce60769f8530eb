#include "store/uidset.h"

#include "base/limits.h"

#include <string.h>

static char *written(const UidSet *set)
{
	GString *out = g_string_new(NULL);
	uidset_write(set, out);
	return g_string_free(out, FALSE);
}

static void parse_reads_every_form(void)
{
	static const struct {
		const char *text;
		guint32 max_uid;
		const char *expected;
	} cases[] = {
		{ "1", 10, "1" },
		{ "4294967295", 10, "4294967295" },
		{ "4:2", 10, "2:4" },
		{ "1:3,7", 10, "1:3,7" },
		{ "7,1:3", 10, "1:3,7" },
		{ "1,2,3", 10, "1:3" },
		{ "3,2,1", 10, "1:3" },
		{ "1:5,2:3", 10, "1:5" },
		{ "1:5,5:9,20", 10, "1:9,20" },
		{ "5:*", 3, "3:5" },
		{ "*:5", 3, "3:5" },
		{ "*", 3, "3" },
		{ "*:*", 3, "3" },
		{ "2:*", 9, "2:9" },
		{ "*", 0, "" },
		{ "1:*", 0, "" },
		{ "5,*,7:*", 0, "5" },
		{ "4294967294:4294967295,1", 1, "1,4294967294:4294967295" },
		{ "1:4294967295,3", 1, "1:4294967295" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(UidSet) set =
			uidset_parse(cases[i].text, strlen(cases[i].text), cases[i].max_uid, &error);
		g_assert_no_error(error);
		g_autofree char *text = written(set);
		g_assert_cmpstr(text, ==, cases[i].expected);
	}
}

static void parse_refuses_what_is_no_set(void)
{
	static const char *const cases[] = {
		"",
		"0",
		"01",
		"1,",
		",1",
		"1:",
		":1",
		"1:2:3",
		"1,,2",
		"1 ",
		" 1",
		"a",
		"1a",
		"-1",
		"+1",
		"4294967296",
		"99999999999999999999999",
		"**",
		"$",
		"1.2",
		"0:5",
		"5:0",
		"1\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(UidSet) set = uidset_parse(cases[i], strlen(cases[i]), 100, &error);
		g_assert_error(error, UIDSET_ERROR, UIDSET_ERROR_SYNTAX);
		g_assert_null(set);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(uidset_parse("1\0002", 3, 100, &error));
	g_assert_error(error, UIDSET_ERROR, UIDSET_ERROR_SYNTAX);
}

static void parse_reads_no_further_than_len(void)
{
	g_autoptr(UidSet) set = uidset_parse("1234", 2, 100, NULL);
	g_autofree char *text = written(set);
	g_assert_cmpstr(text, ==, "12");
}

static void parse_has_a_limit_of_items(void)
{
	g_autoptr(GString) text = g_string_new("1");
	for (guint i = 1; i < LIMIT_SET_RANGES; i++)
		g_string_append(text, ",1");
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) set = uidset_parse(text->str, text->len, 1, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(uidset_count(set), ==, 1);
	g_string_append(text, ",1");
	g_assert_null(uidset_parse(text->str, text->len, 1, &error));
	g_assert_error(error, UIDSET_ERROR, UIDSET_ERROR_LIMIT);
}

static void set_holds_the_largest_numbers(void)
{
	g_autoptr(UidSet) set = uidset_new();
	uidset_add(set, G_MAXUINT32);
	uidset_add(set, 1);
	uidset_add(set, G_MAXUINT32 - 1);
	g_assert_true(uidset_contains(set, G_MAXUINT32));
	g_assert_false(uidset_contains(set, G_MAXUINT32 - 2));
	uidset_add_range(set, 2, G_MAXUINT32 - 2);
	g_assert_cmpuint(uidset_n_ranges(set), ==, 1);
	g_assert_cmpuint(uidset_count(set), ==, G_MAXUINT32);
}

static void copy_is_independent(void)
{
	g_autoptr(UidSet) set = uidset_new();
	uidset_add_range(set, 3, 5);
	g_autoptr(UidSet) copy = uidset_copy(set);
	uidset_add(set, 9);
	g_assert_false(uidset_contains(copy, 9));
	g_assert_true(uidset_contains(copy, 4));
	g_assert_false(uidset_is_empty(copy));
}

/* Against a table of booleans: adding, counting, ranges, writing and reading. */
static void set_equals_a_table_of_booleans(void)
{
	enum { SIZE = 120 };
	for (int round = 0; round < 400; round++) {
		gboolean table[SIZE + 2] = { FALSE };
		g_autoptr(UidSet) set = uidset_new();
		int n = g_test_rand_int_range(0, 40);
		for (int i = 0; i < n; i++) {
			guint32 first = (guint32)g_test_rand_int_range(1, SIZE + 1);
			guint32 last = first + (guint32)g_test_rand_int_range(0, 5);
			last = MIN(last, SIZE);
			uidset_add_range(set, first, last);
			for (guint32 uid = first; uid <= last; uid++)
				table[uid] = TRUE;
		}
		guint64 count = 0;
		guint ranges = 0;
		for (guint32 uid = 1; uid <= SIZE; uid++) {
			g_assert_true(uidset_contains(set, uid) == table[uid]);
			count += table[uid];
			ranges += table[uid] && !table[uid - 1];
		}
		g_assert_cmpuint(uidset_count(set), ==, count);
		g_assert_cmpuint(uidset_n_ranges(set), ==, ranges);
		g_assert_true(uidset_is_empty(set) == (count == 0));
		for (guint i = 1; i < ranges; i++)
			g_assert_cmpuint(uidset_range(set, i - 1).last + 1, <, uidset_range(set, i).first);
		if (count == 0)
			continue;
		g_autofree char *text = written(set);
		g_autoptr(UidSet) again = uidset_parse(text, strlen(text), 1, NULL);
		g_autofree char *text_again = written(again);
		g_assert_cmpstr(text_again, ==, text);
	}
}

/* Against two tables of booleans; the walk meets each number once, in order. */
static void intersection_is_what_both_have(void)
{
	enum { SIZE = 80 };
	for (int round = 0; round < 400; round++) {
		gboolean table[2][SIZE + 1] = { { FALSE } };
		g_autoptr(UidSet) a = uidset_new();
		g_autoptr(UidSet) b = uidset_new();
		for (int i = g_test_rand_int_range(0, 40); i > 0; i--) {
			guint32 uid = (guint32)g_test_rand_int_range(1, SIZE + 1);
			gboolean second = g_test_rand_int_range(0, 2) != 0;
			uidset_add(second ? b : a, uid);
			table[second][uid] = TRUE;
		}
		g_autoptr(UidSet) both = uidset_intersection(a, b);
		UidCursor cursor = { 0 };
		guint32 uid;
		for (guint32 expected = 1; expected <= SIZE; expected++) {
			g_assert_true(uidset_contains(both, expected) == (table[0][expected] && table[1][expected]));
			if (!uidset_contains(both, expected))
				continue;
			g_assert_true(uidset_next(both, &cursor, &uid));
			g_assert_cmpuint(uid, ==, expected);
		}
		g_assert_false(uidset_next(both, &cursor, &uid));
	}
}

static void walk_ends_at_the_largest_number(void)
{
	g_autoptr(UidSet) set = uidset_new();
	UidCursor cursor = { 0 };
	guint32 uid = 0;
	uidset_add_range(set, G_MAXUINT32 - 1, G_MAXUINT32);
	g_assert_true(uidset_next(set, &cursor, &uid) && uid == G_MAXUINT32 - 1);
	g_assert_true(uidset_next(set, &cursor, &uid) && uid == G_MAXUINT32);
	g_assert_false(uidset_next(set, &cursor, &uid));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/uidset/parse_reads_every_form", parse_reads_every_form);
	g_test_add_func("/uidset/parse_refuses_what_is_no_set", parse_refuses_what_is_no_set);
	g_test_add_func("/uidset/parse_reads_no_further_than_len", parse_reads_no_further_than_len);
	g_test_add_func("/uidset/parse_has_a_limit_of_items", parse_has_a_limit_of_items);
	g_test_add_func("/uidset/set_holds_the_largest_numbers", set_holds_the_largest_numbers);
	g_test_add_func("/uidset/copy_is_independent", copy_is_independent);
	g_test_add_func("/uidset/set_equals_a_table_of_booleans", set_equals_a_table_of_booleans);
	g_test_add_func("/uidset/intersection_is_what_both_have", intersection_is_what_both_have);
	g_test_add_func("/uidset/walk_ends_at_the_largest_number", walk_ends_at_the_largest_number);
	return g_test_run();
}
