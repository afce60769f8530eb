#include "server/imap/select-params.h"

#include "store/snapshot-private.h"

#include <string.h>

static gboolean parse(const char *text, SelectParams *params, GError **error)
{
	ImapParser p = { .data = text, .len = strlen(text) };
	return select_params_parse(&p, params, error) && imap_parse_end(&p, error);
}

static void append_set(const char *name, const UidSet *set, GString *out)
{
	if (set == NULL)
		return;
	g_string_append_printf(out, " %s ", name);
	uidset_write(set, out);
}

static void params_are_read(void)
{
	static const struct {
		const char *text, *expected; /* NULL: an error */
	} cases[] = {
		{ "", "-" },
		{ " (CONDSTORE)", "- condstore" },
		{ " (condstore qresync (1 2))", "- condstore 1 2" },
		{ " (QRESYNC (67890007 20050715194045000 41,43:211,214:541))", "- 67890007 20050715194045000 known 41,43:211,214:541" },
		{ " (QRESYNC (4294967295 9223372036854775807 9,1:3,2) CONDSTORE)", "- condstore 4294967295 9223372036854775807 known 1:3,9" },
		{ " (QRESYNC (1 2 1:29997 (5000,7500,9990:9992 15000,22500,29970,29973,29976)))",
			"- 1 2 known 1:29997 seqs 5000,7500,9990:9992 uids 15000,22500,29970,29973,29976" },
		{ " (QRESYNC (1 2 (1 1)))", "- 1 2 seqs 1 uids 1" },
		{ " (QRESYNC (1 2 (1:2,3:4 5:8)))", "- 1 2 seqs 1:4 uids 5:8" },
		{ " (QRESYNC (0 2))", NULL },
		{ " (QRESYNC (4294967296 2))", NULL },
		{ " (QRESYNC (1 0))", NULL },
		{ " (QRESYNC (1 9223372036854775808))", NULL },
		{ " (QRESYNC (1))", NULL },
		{ " (QRESYNC 1 2)", NULL },
		{ " (QRESYNC)", NULL },
		{ " (QRESYNC (1 2 ))", NULL },
		{ " (QRESYNC (1 2 1:*))", NULL },
		{ " (QRESYNC (1 2 $))", NULL },
		{ " (QRESYNC (1 2 0))", NULL },
		{ " (QRESYNC (1 2 1 1))", NULL },
		{ " (QRESYNC (1 2 ()))", NULL },
		{ " (QRESYNC (1 2 (1)))", NULL },
		{ " (QRESYNC (1 2 (1 *)))", NULL },
		{ " (QRESYNC (1 2 (* 1)))", NULL },
		{ " (QRESYNC (1 2 (1 1:2)))", NULL },
		{ " (QRESYNC (1 2 (1:3 1:2)))", NULL },
		{ " (QRESYNC (1 2 (2,1 1:2)))", NULL },
		{ " (QRESYNC (1 2 (2:1 1:2)))", NULL },
		{ " (QRESYNC (1 2 (1:2 4,3)))", NULL },
		{ " (QRESYNC (1 2 (1,1 3:4)))", NULL },
		{ " (QRESYNC (1 2 (1:2,2:3 3:6)))", NULL },
		{ " (QRESYNC (1 2 (1 1) 1))", NULL },
		{ " (QRESYNC (1 2 (1 1)) QRESYNC (1 2))", NULL },
		{ " (QRESYNC (1 2)", NULL },
		{ " (CONDSTORE CONDSTORE)", NULL },
		{ " (CONDSTORE,QRESYNC)", NULL },
		{ " ()", NULL },
		{ " (OTHER)", NULL },
		{ " CONDSTORE", NULL },
		{ " ", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(SelectParams) params = { 0 };
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) out = g_string_new("-");
		gboolean ok = parse(cases[i].text, &params, &error);
		g_test_message("%s: %s", cases[i].text, ok ? "read" : error->message);
		g_assert_true(ok == (cases[i].expected != NULL));
		if (!ok) {
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
			g_assert_cmpuint(strlen(error->message), >, 10);
			continue;
		}
		if (params.condstore)
			g_string_append(out, " condstore");
		if (params.qresync)
			g_string_append_printf(out, " %u %" G_GUINT64_FORMAT, params.uidvalidity, params.modseq);
		append_set("known", params.known, out);
		append_set("seqs", params.match_seqs, out);
		append_set("uids", params.match_uids, out);
		g_assert_cmpstr(out->str, ==, cases[i].expected);
	}
}

static Snapshot *view_of(const guint32 *uids, gsize n)
{
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	g_autoptr(KeywordTable) keywords = keyword_table_new();
	for (gsize i = 0; i < n; i++) {
		SnapshotRow row = { .uid = uids[i], .modseq = 1 };
		snapshot_builder_add(builder, &row);
	}
	SnapshotState state = { 1, n > 0 ? uids[n - 1] + 1 : 1, 1, keywords };
	return snapshot_builder_finish(builder, &state);
}

/* @count ascending numbers from 1 to @max, random. */
static GArray *random_numbers(guint count, guint32 max)
{
	GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (guint32 i = 1; i <= max; i++) {
		if ((guint32)g_test_rand_int_range(0, (gint32)(max - i + 1)) < count - numbers->len)
			g_array_append_val(numbers, i);
	}
	return numbers;
}

/* Against a look at each pair. Numbers are dense, so that there are runs, and shifted, so that there are runs that do not match. */
static void matched_uid_is_that_of_the_last_pair_that_matches(void)
{
	guint hits = 0;
	for (int round = 0; round < 3000; round++) {
		guint n = (guint)g_test_rand_int_range(0, 30), pairs = (guint)g_test_rand_int_range(1, 25);
		g_autoptr(GArray) view_uids = random_numbers(n, n + (guint32)g_test_rand_int_range(0, 12));
		g_autoptr(Snapshot) view = view_of((const guint32 *)(void *)view_uids->data, view_uids->len);
		g_autoptr(GArray) seqs = random_numbers(pairs, pairs + (guint32)g_test_rand_int_range(0, 10));
		g_autoptr(GArray) uids = random_numbers(pairs, pairs + (guint32)g_test_rand_int_range(0, 20));
		g_auto(SelectParams) params = { .match_seqs = uidset_new(), .match_uids = uidset_new() };
		guint32 expected = 0;
		for (guint i = 0; i < pairs; i++) {
			guint32 seq = g_array_index(seqs, guint32, i), uid = g_array_index(uids, guint32, i);
			uidset_add(params.match_seqs, seq);
			uidset_add(params.match_uids, uid);
			if (seq <= view_uids->len && g_array_index(view_uids, guint32, seq - 1) == uid)
				expected = uid;
		}
		g_assert_cmpuint(select_params_matched_uid(&params, view), ==, expected);
		hits += expected != 0;
	}
	g_assert_cmpuint(hits, >, 300);
}

/* "1:4294967295 1:4294967295" costs no more than two ranges. */
static void match_data_may_name_all_numbers(void)
{
	const guint32 uids[] = { 1, 2, 3, 7, 4294967294u };
	g_autoptr(Snapshot) view = view_of(uids, G_N_ELEMENTS(uids));
	static const struct {
		const char *text;
		guint32 matched;
	} cases[] = {
		{ " (QRESYNC (1 1 (1:4294967295 1:4294967295)))", 3 },
		{ " (QRESYNC (1 1 (2:4294967295 1:4294967294)))", 0 },
		{ " (QRESYNC (1 1 (1:5 1,3:5,4294967294)))", 4294967294u },
		{ " (QRESYNC (1 1 (1:4 1,3:5)))", 1 },
		{ " (QRESYNC (1 1 (1,5 1,4294967294)))", 4294967294u },
		{ " (QRESYNC (1 1 (4294967295 4294967295)))", 0 },
		{ " (QRESYNC (1 1))", 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(SelectParams) params = { 0 };
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		g_assert_true(parse(cases[i].text, &params, &error));
		g_assert_no_error(error);
		g_assert_cmpuint(select_params_matched_uid(&params, view), ==, cases[i].matched);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/select-params/params_are_read", params_are_read);
	g_test_add_func("/select-params/matched_uid_is_that_of_the_last_pair_that_matches", matched_uid_is_that_of_the_last_pair_that_matches);
	g_test_add_func("/select-params/match_data_may_name_all_numbers", match_data_may_name_all_numbers);
	return g_test_run();
}
