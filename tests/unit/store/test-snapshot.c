#include "store/snapshot-private.h"

#include <string.h>

/* The model: rows in an array, with no chunk in it. */
typedef struct {
	GArray *rows; /* of SnapshotRow */
	guint32 uidnext;
	guint64 modseq;
} Model;

static KeywordTable *no_keywords;

static SnapshotRow make_row(guint32 uid, guint64 modseq)
{
	return (SnapshotRow){
		.uid = uid,
		.email_id = uid * 7,
		.flags = (guint32)g_test_rand_int_range(0, 32),
		.keywords = 0,
		.size = uid + 100,
		.sent_day = (gint32)uid,
		.internal_at = (gint64)uid * 3,
		.saved_at = (gint64)uid * 5,
		.sent_at = -(gint64)uid,
		.modseq = modseq,
		.internal_zone = (gint16)(uid % 100),
	};
}

static SnapshotRow *model_row(const Model *model, guint i)
{
	return &g_array_index(model->rows, SnapshotRow, i);
}

static SnapshotState model_state(const Model *model)
{
	return (SnapshotState){ 1, model->uidnext, model->modseq, no_keywords };
}

static void expect_row(const SnapshotRow *a, const SnapshotRow *b)
{
	g_assert_cmpuint(a->uid, ==, b->uid);
	g_assert_cmpuint(a->email_id, ==, b->email_id);
	g_assert_cmpuint(a->flags, ==, b->flags);
	g_assert_cmpuint(a->size, ==, b->size);
	g_assert_cmpint(a->sent_day, ==, b->sent_day);
	g_assert_cmpint(a->internal_at, ==, b->internal_at);
	g_assert_cmpint(a->saved_at, ==, b->saved_at);
	g_assert_cmpint(a->sent_at, ==, b->sent_at);
	g_assert_cmpuint(a->modseq, ==, b->modseq);
	g_assert_cmpint(a->internal_zone, ==, b->internal_zone);
}

static void expect_same(const Snapshot *snapshot, const Model *model)
{
	g_assert_cmpuint(snapshot_count(snapshot), ==, model->rows->len);
	g_assert_cmpuint(snapshot_highestmodseq(snapshot), ==, model->modseq);
	g_assert_cmpuint(snapshot_uidnext(snapshot), ==, model->uidnext);
	g_assert_cmpuint(snapshot_max_uid(snapshot), ==,
		model->rows->len > 0 ? model_row(model, model->rows->len - 1)->uid : 0);
	guint32 expected_first = 0;
	for (guint i = 0; i < snapshot_n_chunks(snapshot); i++) {
		guint32 first;
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, i, &first);
		g_assert_cmpuint(first, ==, expected_first);
		g_assert_cmpuint(chunk->n, >=, 1);
		g_assert_cmpuint(chunk->n, <=, SNAPSHOT_CHUNK_ROWS);
		expected_first += chunk->n;
	}
	g_assert_cmpuint(expected_first, ==, model->rows->len);
	for (guint i = 0; i < model->rows->len; i++) {
		SnapshotRow row;
		snapshot_get_row(snapshot, i, &row);
		expect_row(&row, model_row(model, i));
	}
}

static void expect_find(const Snapshot *snapshot, const Model *model, guint32 uid)
{
	guint i = 0;
	while (i < model->rows->len && model_row(model, i)->uid < uid)
		i++;
	guint32 position = G_MAXUINT32;
	gboolean there = i < model->rows->len && model_row(model, i)->uid == uid;
	g_assert_true(snapshot_find_uid(snapshot, uid, &position) == there);
	g_assert_cmpuint(position, ==, i);
	if (there)
		g_assert_cmpuint(snapshot_uid_at(snapshot, position), ==, uid);
}

/* One change of the mailbox: some rows altered, some gone, some new. Returns the snapshot after it. */
static Snapshot *change(Model *model, const Snapshot *from, guint max_new, guint percent)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(SnapshotRow));
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint n = model->rows->len, kept = 0;
	gboolean expunges = g_test_rand_bit();
	/* Changes come in runs, as clients make them. */
	guint start = n > 0 ? (guint)g_test_rand_int_range(0, (gint)n) : 0;
	guint length = n > 0 ? (guint)g_test_rand_int_range(0, (gint)n / 2 + 2) : 0;
	model->modseq++;
	for (guint i = 0; i < n; i++) {
		SnapshotRow row = *model_row(model, i);
		gboolean chosen =
			i >= start && i < start + length && (guint)g_test_rand_int_range(0, 100) < percent;
		if (chosen && expunges && g_test_rand_int_range(0, 4) > 0) {
			g_array_append_val(gone, row.uid);
			continue;
		}
		if (chosen) {
			row.flags ^= 1;
			row.modseq = model->modseq;
			g_array_append_val(rows, row);
		}
		*model_row(model, kept++) = row;
	}
	g_array_set_size(model->rows, kept);
	guint added = (guint)g_test_rand_int_range(0, (gint)max_new + 1);
	for (guint i = 0; i < added; i++) {
		model->uidnext += (guint32)g_test_rand_int_range(0, 3) / 2;
		SnapshotRow row = make_row(model->uidnext++, model->modseq);
		g_array_append_val(model->rows, row);
		g_array_append_val(rows, row);
	}
	SnapshotState state = model_state(model);
	return snapshot_update(from, &state, (const SnapshotRow *)(void *)rows->data, rows->len,
		(const guint32 *)(void *)gone->data, gone->len);
}

static Snapshot *empty_snapshot(const Model *model)
{
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	SnapshotState state = model_state(model);
	return snapshot_builder_finish(builder, &state);
}

static void model_init(Model *model)
{
	*model = (Model){ g_array_new(FALSE, FALSE, sizeof(SnapshotRow)), 1, 1 };
}

static void model_clear(Model *model)
{
	g_array_unref(model->rows);
}

static void updates_give_what_the_model_has(void)
{
	for (guint round = 0; round < 30; round++) {
		Model model;
		model_init(&model);
		g_autoptr(Snapshot) snapshot = empty_snapshot(&model);
		guint percent = (guint)g_test_rand_int_range(1, 101);
		for (guint step = 0; step < 30; step++) {
			Snapshot *next = change(&model, snapshot, round % 2 ? 40 : 1500, percent);
			snapshot_unref(snapshot);
			snapshot = next;
			expect_same(snapshot, &model);
			for (guint i = 0; i < 20; i++)
				expect_find(snapshot, &model,
					(guint32)g_test_rand_int_range(0, (gint)model.uidnext + 2));
		}
		model_clear(&model);
	}
}

static Model model_copy(const Model *model)
{
	return (Model){ g_array_copy(model->rows), model->uidnext, model->modseq };
}

static void expect_diff(const Snapshot *from, const Model *old, const Snapshot *to, const Model *new)
{
	g_autoptr(SnapshotDiff) diff = snapshot_diff(from, to);
	guint i = 0, k = 0, n_changed = 0;
	guint64 n_expunged = 0;
	guint32 last = old->rows->len > 0 ? model_row(old, old->rows->len - 1)->uid : 0;
	for (; i < old->rows->len; i++) {
		const SnapshotRow *row = model_row(old, i);
		while (k < new->rows->len && model_row(new, k)->uid < row->uid)
			k++;
		if (k == new->rows->len || model_row(new, k)->uid != row->uid) {
			g_assert_true(uidset_contains(diff->expunged, row->uid));
			n_expunged++;
		} else if (model_row(new, k)->modseq != row->modseq) {
			g_assert_cmpuint(n_changed, <, diff->changed->len);
			g_assert_cmpuint(g_array_index(diff->changed, guint32, n_changed), ==, row->uid);
			n_changed++;
		}
	}
	guint appended = 0;
	for (k = 0; k < new->rows->len; k++)
		appended += model_row(new, k)->uid > last;
	g_assert_cmpuint(uidset_count(diff->expunged), ==, n_expunged);
	g_assert_cmpuint(diff->changed->len, ==, n_changed);
	g_assert_cmpuint(diff->appended, ==, appended);
}

/* The view has the old messages and the new ones, all as they are now where they are still there. */
static void expect_merged(Snapshot *from, const Model *old, Snapshot *to, const Model *new)
{
	g_autoptr(Snapshot) merged = snapshot_merge_keeping_expunged(from, to);
	Model expected;
	model_init(&expected);
	guint i = 0, k = 0;
	while (i < old->rows->len || k < new->rows->len) {
		const SnapshotRow *a = i < old->rows->len ? model_row(old, i) : NULL;
		const SnapshotRow *b = k < new->rows->len ? model_row(new, k) : NULL;
		gboolean take_old = b == NULL || (a != NULL && a->uid < b->uid);
		g_array_append_val(expected.rows, *(take_old ? a : b));
		if (take_old || (a != NULL && a->uid == b->uid))
			i++;
		if (!take_old)
			k++;
	}
	expected.uidnext = new->uidnext;
	expected.modseq = new->modseq;
	expect_same(merged, &expected);
	model_clear(&expected);
	/* What was kept back is told later. */
	g_autoptr(SnapshotDiff) first = snapshot_diff(from, to), later = snapshot_diff(merged, to);
	g_assert_cmpuint(uidset_count(first->expunged), ==, uidset_count(later->expunged));
	g_assert_cmpuint(later->changed->len, ==, 0);
	g_assert_cmpuint(later->appended, ==, 0);
}

static void diffs_and_views_are_what_the_model_says(void)
{
	for (guint round = 0; round < 40; round++) {
		Model model;
		model_init(&model);
		g_autoptr(Snapshot) start = empty_snapshot(&model);
		g_autoptr(Snapshot) from = change(&model, start, 4000, 50);
		Model old = model_copy(&model);
		g_autoptr(Snapshot) to = snapshot_ref(from);
		for (guint step = 0; step < round % 6; step++) {
			Snapshot *next = change(&model, to, 300, 30);
			snapshot_unref(to);
			to = next;
		}
		expect_diff(from, &old, to, &model);
		expect_merged(from, &old, to, &model);
		model_clear(&old);
		model_clear(&model);
	}
}

static Snapshot *snapshot_of(guint32 n)
{
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	for (guint32 uid = 1; uid <= n; uid++) {
		SnapshotRow row = make_row(uid, 1);
		snapshot_builder_add(builder, &row);
	}
	SnapshotState state = { 1, n + 1, 1, no_keywords };
	return snapshot_builder_finish(builder, &state);
}

static void a_change_copies_one_chunk(void)
{
	g_autoptr(Snapshot) from = snapshot_of(20 * SNAPSHOT_CHUNK_ROWS);
	SnapshotRow row = make_row(5 * SNAPSHOT_CHUNK_ROWS + 3, 2);
	guint32 gone = 9 * SNAPSHOT_CHUNK_ROWS + 1;
	SnapshotState state = { 1, snapshot_uidnext(from), 2, no_keywords };
	g_autoptr(Snapshot) to = snapshot_update(from, &state, &row, 1, &gone, 1);
	g_assert_cmpuint(snapshot_n_chunks(to), ==, 20);
	guint shared = 0;
	for (guint i = 0; i < 20; i++)
		shared += snapshot_chunk(from, i, NULL) == snapshot_chunk(to, i, NULL);
	g_assert_cmpuint(shared, ==, 18);
}

static void appending_to_a_full_chunk_copies_none(void)
{
	g_autoptr(Snapshot) from = snapshot_of(2 * SNAPSHOT_CHUNK_ROWS);
	SnapshotRow row = make_row(2 * SNAPSHOT_CHUNK_ROWS + 1, 2);
	SnapshotState state = { 1, row.uid + 1, 2, no_keywords };
	g_autoptr(Snapshot) to = snapshot_update(from, &state, &row, 1, NULL, 0);
	g_assert_cmpuint(snapshot_n_chunks(to), ==, 3);
	for (guint i = 0; i < 2; i++)
		g_assert_true(snapshot_chunk(from, i, NULL) == snapshot_chunk(to, i, NULL));
}

static void expunging_leaves_no_crumbs(void)
{
	/* All but every 20th message, in small steps. */
	g_autoptr(Snapshot) snapshot = snapshot_of(16 * SNAPSHOT_CHUNK_ROWS);
	for (guint32 step = 1; step < 20; step++) {
		g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint32));
		for (guint32 uid = step; uid <= 16 * SNAPSHOT_CHUNK_ROWS; uid += 20)
			g_array_append_val(gone, uid);
		SnapshotState state = { 1, snapshot_uidnext(snapshot), 1 + step, no_keywords };
		Snapshot *next = snapshot_update(
			snapshot, &state, NULL, 0, (const guint32 *)(void *)gone->data, gone->len);
		snapshot_unref(snapshot);
		snapshot = next;
	}
	g_assert_cmpuint(snapshot_count(snapshot), ==, 16 * SNAPSHOT_CHUNK_ROWS / 20);
	g_assert_cmpuint(snapshot_n_chunks(snapshot), <=, 3);
}

static void keywords_are_shared_and_grow(void)
{
	g_autoptr(KeywordTable) table = keyword_table_new();
	keyword_table_add_keyword(table, "a");
	keyword_table_add_keyword(table, "b");
	static const guint32 both[] = { 0, 1 }, missing[] = { 1, 9 };
	keyword_table_add_set(table, both, 2);
	SnapshotState state = { 1, 1, 1, table };
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	g_autoptr(Snapshot) old = snapshot_builder_finish(builder, &state);
	g_autoptr(KeywordTable) grown = keyword_table_copy(table);
	keyword_table_add_keyword(grown, "c");
	keyword_table_add_set(grown, missing, 2);
	state.keywords = grown;
	g_autoptr(Snapshot) new = snapshot_builder_finish(builder, &state);
	gsize n;
	g_assert_cmpuint(snapshot_n_keyword_sets(old), ==, 2);
	g_assert_cmpuint(snapshot_n_keyword_sets(new), ==, 3);
	g_assert_true(snapshot_keywords(old, 0, &n)[0] == NULL && n == 0);
	g_assert_cmpstr(snapshot_keywords(new, 1, &n)[1], ==, "b");
	g_assert_cmpuint(n, ==, 2);
	g_assert_true(snapshot_keywords(new, 1, NULL) == snapshot_keywords(old, 1, NULL));
	g_assert_cmpstr(snapshot_keywords(new, 2, &n)[0], ==, "b");
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpstr(snapshot_all_keywords(new, &n)[2], ==, "c");
	g_assert_cmpuint(n, ==, 3);
	g_assert_null(snapshot_all_keywords(old, &n)[2]);
}

static void a_message_takes_58_bytes(void)
{
	g_autoptr(Snapshot) large = snapshot_of(64 * SNAPSHOT_CHUNK_ROWS);
	guint64 each = snapshot_bytes(large) / snapshot_count(large);
	g_assert_cmpuint(each, ==, 58); /* as store/README says */
	g_autoptr(Snapshot) small = snapshot_of(10);
	g_assert_cmpuint(snapshot_bytes(small), <, 1500);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	no_keywords = keyword_table_new();
	g_test_add_func("/snapshot/updates_give_what_the_model_has", updates_give_what_the_model_has);
	g_test_add_func(
		"/snapshot/diffs_and_views_are_what_the_model_says", diffs_and_views_are_what_the_model_says);
	g_test_add_func("/snapshot/a_change_copies_one_chunk", a_change_copies_one_chunk);
	g_test_add_func(
		"/snapshot/appending_to_a_full_chunk_copies_none", appending_to_a_full_chunk_copies_none);
	g_test_add_func("/snapshot/expunging_leaves_no_crumbs", expunging_leaves_no_crumbs);
	g_test_add_func("/snapshot/keywords_are_shared_and_grow", keywords_are_shared_and_grow);
	g_test_add_func("/snapshot/a_message_takes_58_bytes", a_message_takes_58_bytes);
	int result = g_test_run();
	keyword_table_unref(no_keywords);
	return result;
}
