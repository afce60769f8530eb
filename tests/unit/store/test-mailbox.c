#include "tests/unit/store/fixture.h"

#include <string.h>

static void append_gives_what_was_given(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	static const char *const keywords[] = { "$Forwarded", "work", NULL };
	g_autofree char *text = make_message(7);
	guint32 uid = append_text(fixture->inbox, text, MESSAGE_SEEN | MESSAGE_FLAGGED, keywords);
	g_assert_cmpuint(uid, ==, 1);
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_count(snapshot), ==, 1);
	g_assert_cmpuint(snapshot_uidnext(snapshot), ==, 2);
	g_autofree char *flags = dump_flags(snapshot);
	g_assert_cmpstr(flags, ==, "1:FS{$Forwarded work}");
	SnapshotRow row;
	snapshot_get_row(snapshot, 0, &row);
	g_assert_cmpuint(row.size, ==, strlen(text));
	g_assert_cmpint(row.sent_at, ==, 837596647);
	g_assert_cmpint(row.sent_day, ==, 9694);
	g_assert_cmpint(row.saved_at, >, 0);
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, uid, &error);
	g_assert_no_error(error);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text, strlen(text));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/mailbox/" #name, Fixture, NULL, fixture_setup, name, fixture_teardown)
	ADD(append_gives_what_was_given);
	return g_test_run();
}
