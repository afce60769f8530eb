/* mailbox_vanished() against a client that remembers what it has seen. */
#include "tests/unit/store/fixture.h"

static UidSet *uids_of(const Snapshot *view)
{
	UidSet *uids = uidset_new();
	for (guint32 i = 0; i < snapshot_count(view); i++)
		uidset_add(uids, snapshot_uid_at(view, i));
	return uids;
}

/* @set without @other. */
static UidSet *minus(const UidSet *set, const UidSet *other)
{
	UidSet *rest = uidset_new();
	UidCursor cursor = { 0 };
	guint32 uid;
	while (uidset_next(set, &cursor, &uid))
		if (!uidset_contains(other, uid))
			uidset_add(rest, uid);
	return rest;
}

static void assert_sets_equal(const UidSet *a, const UidSet *b)
{
	g_autofree char *x = text_of_set(a);
	g_autofree char *y = text_of_set(b);
	g_assert_cmpstr(x, ==, y);
}

static void expunge_random(Mailbox *mailbox, const Snapshot *view)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) gone = uidset_new();
	for (guint32 i = 0; i < snapshot_count(view); i++)
		if (g_test_rand_int_range(0, 4) == 0)
			uidset_add(gone, snapshot_uid_at(view, i));
	g_assert_true(mailbox_store_flags(mailbox, gone, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(mailbox, gone, NULL, &error));
}

static UidSet *vanished(Mailbox *mailbox, const Snapshot *view, guint64 since, gboolean expect_exact)
{
	g_autoptr(GError) error = NULL;
	UidSet *set = NULL;
	gboolean exact = FALSE;
	g_assert_true(mailbox_vanished(mailbox, view, since, &set, &exact, &error));
	g_assert_no_error(error);
	g_assert_cmpint(exact, ==, expect_exact);
	return set;
}

/* What a client had at a modseq, and has no more, is among the UIDs; and nothing that is there, or was never told, is. */
static void tells_what_has_gone_since_each_state(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GPtrArray) states = g_ptr_array_new_with_free_func((GDestroyNotify)snapshot_unref);
	guint number = 0;
	for (guint round = 0; round < 30; round++) {
		for (gint32 n = g_test_rand_int_range(0, 4); n > 0; n--)
			(void)append_number(f->inbox, ++number);
		g_autoptr(Snapshot) view = get_snapshot(f->inbox);
		expunge_random(f->inbox, view);
		g_ptr_array_add(states, get_snapshot(f->inbox));
	}
	for (guint to = 0; to < states->len; to++) {
		const Snapshot *view = states->pdata[to];
		g_autoptr(UidSet) there = uids_of(view);
		for (guint from = 0; from <= to; from++) {
			const Snapshot *old = states->pdata[from];
			g_autoptr(UidSet) had = uids_of(old);
			g_autoptr(UidSet) told = vanished(f->inbox, view, snapshot_highestmodseq(old), TRUE);
			g_autoptr(UidSet) of_had = uidset_intersection(told, had);
			g_autoptr(UidSet) expected = minus(had, there);
			assert_sets_equal(of_had, expected);
			g_autoptr(UidSet) wrong = uidset_intersection(told, there);
			g_assert_true(uidset_is_empty(wrong));
			/* The others came after @old and went before @view. */
			g_autoptr(UidSet) others = minus(told, had);
			for (guint i = 0; i < uidset_n_ranges(others); i++) {
				g_assert_cmpuint(uidset_range(others, i).first, >=, snapshot_uidnext(old));
				g_assert_cmpuint(uidset_range(others, i).last, <, snapshot_uidnext(view));
			}
		}
	}
}

static void tells_all_that_is_missing_where_it_does_not_remember(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(f->inbox, 1, 20);
	g_autoptr(Snapshot) full = get_snapshot(f->inbox);
	guint64 at = snapshot_highestmodseq(full);
	expunge_random(f->inbox, full);
	g_autoptr(UidSet) last = set_of("20");
	g_assert_true(mailbox_store_flags(f->inbox, last, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(f->inbox, last, NULL, &error));
	g_autoptr(Snapshot) view = get_snapshot(f->inbox);
	g_autoptr(UidSet) all = set_of("1:20");
	g_autoptr(UidSet) there = uids_of(view);
	g_autoptr(UidSet) missing = minus(all, there);
	guint64 now = snapshot_highestmodseq(view);
	g_autoptr(UidSet) exact = vanished(f->inbox, view, at, TRUE);
	assert_sets_equal(exact, missing);
	/* A modseq that this mailbox never gave. */
	g_autoptr(UidSet) foreign = vanished(f->inbox, view, now + 1, FALSE);
	assert_sets_equal(foreign, missing);
	g_autoptr(UidSet) highest = vanished(f->inbox, view, G_MAXINT64, FALSE);
	assert_sets_equal(highest, missing);
	/* Before the horizon. */
	Db *db = account_acquire_db(f->account, &error);
	g_assert_true(db_exec(db, "DELETE FROM expunged; UPDATE mailbox SET expunged_floor=highestmodseq", &error));
	account_release_db(f->account, db);
	g_autoptr(UidSet) forgotten = vanished(f->inbox, view, now - 1, FALSE);
	assert_sets_equal(forgotten, missing);
	g_autoptr(UidSet) nothing = vanished(f->inbox, view, now, TRUE);
	g_assert_true(uidset_is_empty(nothing));
}

static void an_empty_mailbox_has_lost_nothing(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(Snapshot) view = get_snapshot(f->inbox);
	g_autoptr(UidSet) none = vanished(f->inbox, view, 1, TRUE);
	g_autoptr(UidSet) foreign = vanished(f->inbox, view, 1000, FALSE);
	g_assert_true(uidset_is_empty(none) && uidset_is_empty(foreign));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/vanished/tells_what_has_gone_since_each_state", Fixture, NULL, fixture_setup, tells_what_has_gone_since_each_state,
		fixture_teardown);
	g_test_add("/vanished/tells_all_that_is_missing_where_it_does_not_remember", Fixture, NULL, fixture_setup,
		tells_all_that_is_missing_where_it_does_not_remember, fixture_teardown);
	g_test_add("/vanished/an_empty_mailbox_has_lost_nothing", Fixture, NULL, fixture_setup, an_empty_mailbox_has_lost_nothing,
		fixture_teardown);
	return g_test_run();
}
