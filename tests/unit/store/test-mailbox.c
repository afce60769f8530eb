#include "tests/unit/store/fixture.h"

#include "base/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_flags(Mailbox *mailbox, const char *expected)
{
	g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
	g_autofree char *flags = dump_flags(snapshot);
	g_assert_cmpstr(flags, ==, expected);
}

static void expect_octets(Mailbox *mailbox, guint32 uid, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = mailbox_load(mailbox, uid, &error);
	g_assert_no_error(error);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), expected, strlen(expected));
}

static void create(Account *account, const char *name)
{
	g_autoptr(GError) error = NULL;
	account_create_mailbox(account, name, NULL, &error);
	g_assert_no_error(error);
}

static guint32 row_modseq(Mailbox *mailbox, guint32 uid)
{
	g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
	guint32 position;
	SnapshotRow row;
	g_assert_true(snapshot_find_uid(snapshot, uid, &position));
	snapshot_get_row(snapshot, position, &row);
	return (guint32)row.modseq;
}

/* -- APPEND and load ------------------------------------------------------------------------------------------------------ */

static void append_gives_what_was_given(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const char *const keywords[] = { "$Forwarded", "work", NULL };
	g_autofree char *text = make_message(7);
	guint32 uid = append_text(fixture->inbox, text, MESSAGE_SEEN | MESSAGE_FLAGGED, keywords);
	g_assert_cmpuint(uid, ==, 1);
	for (guint round = 0; round < 2; round++) {
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
		g_assert_cmpint(ABS(row.saved_at - now_seconds()), <, 60);
		g_assert_cmpint(row.internal_at, ==, row.saved_at);
		expect_octets(fixture->inbox, uid, text);
		fixture_reopen(fixture);
	}
}

static void internal_date_keeps_its_zone(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	Spool *spool = spool_new(fixture->account, &error);
	g_assert_true(spool_write(spool, (const guint8 *)"A: b\r\n\r\nno date\r\n", 17, &error));
	AppendMessage message = {
		.spool = spool, .internal_at = -12345, .internal_zone = -450, .has_date = TRUE
	};
	g_assert_true(mailbox_append(fixture->inbox, &message, 1, NULL, NULL, &error));
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	SnapshotRow row;
	snapshot_get_row(snapshot, 0, &row);
	g_assert_cmpint(row.internal_at, ==, -12345);
	g_assert_cmpint(row.internal_zone, ==, -450);
	g_assert_cmpint(row.sent_at, ==, -12345); /* RFC 5256 2.2: without a Date field */
	g_assert_cmpint(row.sent_day, ==, SENT_DAY_NONE);
}

static void sizes_and_octets_are_in_crlf_form(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *given, *expected;
	} cases[] = {
		{ "A: b\n\nx\n", "A: b\r\n\r\nx\r\n" },
		{ "A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n" },
		{ "A: b\r\n\nx\n\r\n", "A: b\r\n\r\nx\r\n\r\n" },
		{ "\n", "\r\n" },
		{ "", "" },
		{ "\r", "\r" },
		{ "a\rb\r\r\nc", "a\rb\r\r\nc" },
		{ "no line end", "no line end" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint32 uid = append_text(fixture->inbox, cases[i].given, 0, NULL);
		expect_octets(fixture->inbox, uid, cases[i].expected);
		g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
		SnapshotRow row;
		snapshot_get_row(snapshot, snapshot_count(snapshot) - 1, &row);
		g_assert_cmpuint(row.size, ==, strlen(cases[i].expected));
	}
	/* One content, whichever line ends it came with. */
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	SnapshotRow lf, crlf;
	snapshot_get_row(snapshot, 0, &lf);
	snapshot_get_row(snapshot, 1, &crlf);
	g_assert_cmpuint(lf.email_id, ==, crlf.email_id);
}

/* In pieces of every size, so that a CR is the last octet of one and LF the first of the next. */
static void a_spool_may_be_written_in_pieces(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *text = make_message(3);
	gsize len = strlen(text);
	for (gsize piece = 1; piece < 40; piece++) {
		g_autoptr(GError) error = NULL;
		Spool *spool = spool_new(fixture->account, &error);
		for (gsize at = 0; at < len; at += piece)
			g_assert_true(
				spool_write(spool, (const guint8 *)text + at, MIN(piece, len - at), &error));
		g_assert_cmpuint(spool_size(spool), ==, len);
		AppendMessage message = { .spool = spool };
		g_assert_true(mailbox_append(fixture->inbox, &message, 1, NULL, NULL, &error));
	}
	FeedState state;
	g_assert_true(account_feed_state(fixture->account, &state, NULL));
	g_assert_cmpuint(state.emails, ==, 1); /* all the same content */
}

static void large_messages_are_mapped(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new("Subject: large\r\n\r\n");
	while (text->len < 3 * 1024 * 1024)
		g_string_append(text, "Some line of a large message, and some more of it.\r\n");
	guint32 uid = append_text(fixture->inbox, text->str, 0, NULL);
	expect_octets(fixture->inbox, uid, text->str);
	/* The octets stay when the message goes. */
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, uid, &error);
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_true(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text->str, text->len);
}

static void an_abandoned_spool_leaves_nothing(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *tmp = account_path(fixture->account, "tmp", NULL, NULL);
	Spool *spool = spool_new(fixture->account, NULL);
	g_assert_true(spool_write(spool, (const guint8 *)"x", 1, NULL));
	g_assert_cmpuint(count_files(tmp), ==, 1);
	spool_free(spool);
	g_assert_cmpuint(count_files(tmp), ==, 0);
}

static void multiappend_is_all_or_nothing(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_autofree char *tmp = account_path(fixture->account, "tmp", NULL, NULL);
	append_many(fixture->inbox, 0, 5);
	expect_flags(fixture->inbox, "1: 2: 3: 4: 5:");
	g_assert_cmpuint(row_modseq(fixture->inbox, 1), ==, row_modseq(fixture->inbox, 5));
	static const char *const bad[] = { "no atom", NULL };
	AppendMessage messages[2] = { { .spool = spool_new(fixture->account, NULL) },
		{ .spool = spool_new(fixture->account, NULL), .keywords = bad } };
	g_assert_false(mailbox_append(fixture->inbox, messages, 2, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_CANNOT);
	expect_flags(fixture->inbox, "1: 2: 3: 4: 5:");
	g_assert_cmpuint(count_files(cur), ==, 5);
	g_assert_cmpuint(count_files(tmp), ==, 0);
	g_assert_false(mailbox_append(fixture->inbox, NULL, 0, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_CANNOT);
}

static void appending_to_a_deleted_mailbox_fails(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	create(fixture->account, "gone");
	g_autoptr(Mailbox) mailbox = open_mailbox(fixture->account, "gone");
	(void)append_number(mailbox, 1);
	g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
	g_assert_true(account_delete_mailbox(fixture->account, "gone", &error));
	AppendMessage message = { .spool = spool_new(fixture->account, NULL) };
	g_assert_false(mailbox_append(mailbox, &message, 1, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_MAILBOX);
	g_assert_null(mailbox_snapshot(mailbox, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_MAILBOX);
	g_assert_true(mailbox_is_deleted(mailbox));
	g_assert_null(mailbox_load(mailbox, 1, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_EXPUNGED);
	g_assert_cmpuint(snapshot_count(snapshot), ==, 1); /* the old view stays */
}

/* -- STORE ----------------------------------------------------------------------------------------------------------------- */

static void change_flags(Mailbox *mailbox, const char *uids, FlagsOp op, guint flags, const char *keywords)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) set = set_of(uids);
	g_auto(GStrv) names = g_strsplit(keywords, " ", -1);
	mailbox_store_flags(mailbox, set, op, (MessageFlags)flags,
		*keywords != '\0' ? (const char *const *)names : NULL, G_MAXUINT64, NULL, &error);
	g_assert_no_error(error);
}

static void flags_are_replaced_added_and_removed(Fixture *fixture, gconstpointer data)
{
	(void)data;
	append_many(fixture->inbox, 0, 4);
	change_flags(fixture->inbox, "1:3", FLAGS_ADD, MESSAGE_SEEN, "a b");
	expect_flags(fixture->inbox, "1:S{a b} 2:S{a b} 3:S{a b} 4:");
	change_flags(fixture->inbox, "2,4", FLAGS_ADD, MESSAGE_FLAGGED, "B c");
	expect_flags(fixture->inbox, "1:S{a b} 2:FS{a b c} 3:S{a b} 4:F{b c}");
	change_flags(fixture->inbox, "1:*", FLAGS_REMOVE, MESSAGE_SEEN, "b");
	expect_flags(fixture->inbox, "1:{a} 2:F{a c} 3:{a} 4:F{c}");
	change_flags(fixture->inbox, "1:2", FLAGS_REPLACE, MESSAGE_DRAFT, "z");
	expect_flags(fixture->inbox, "1:D{z} 2:D{z} 3:{a} 4:F{c}");
	change_flags(fixture->inbox, "1:2", FLAGS_REPLACE, 0, "");
	expect_flags(fixture->inbox, "1: 2: 3:{a} 4:F{c}");
	change_flags(fixture->inbox, "99,1000:2000", FLAGS_ADD, MESSAGE_SEEN, "nobody");
	expect_flags(fixture->inbox, "1: 2: 3:{a} 4:F{c}");
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1: 2: 3:{a} 4:F{c}");
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_autofree char *all = g_strjoinv(" ", (char **)(guintptr)snapshot_all_keywords(snapshot, NULL));
	g_assert_cmpstr(all, ==, "a c"); /* those that no message has are forgotten at the open */
}

static void what_does_not_change_keeps_its_modseq(Fixture *fixture, gconstpointer data)
{
	(void)data;
	append_many(fixture->inbox, 0, 3);
	change_flags(fixture->inbox, "1", FLAGS_ADD, MESSAGE_SEEN, "k");
	guint32 first = row_modseq(fixture->inbox, 1), second = row_modseq(fixture->inbox, 2);
	g_autoptr(Snapshot) before = get_snapshot(fixture->inbox);
	change_flags(fixture->inbox, "1", FLAGS_ADD, MESSAGE_SEEN, "K");
	change_flags(fixture->inbox, "2", FLAGS_REMOVE, MESSAGE_SEEN, "k");
	change_flags(fixture->inbox, "1", FLAGS_REPLACE, MESSAGE_SEEN, "k");
	g_autoptr(Snapshot) same = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_highestmodseq(same), ==, snapshot_highestmodseq(before));
	change_flags(fixture->inbox, "1:3", FLAGS_ADD, MESSAGE_SEEN, "");
	g_assert_cmpuint(row_modseq(fixture->inbox, 1), ==, first);
	g_assert_cmpuint(row_modseq(fixture->inbox, 2), >, second);
	g_assert_cmpuint(row_modseq(fixture->inbox, 2), ==, row_modseq(fixture->inbox, 3));
}

static void unchanged_since_leaves_newer_ones_alone(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(fixture->inbox, 0, 5);
	guint64 since = row_modseq(fixture->inbox, 5);
	change_flags(fixture->inbox, "2,4", FLAGS_ADD, MESSAGE_FLAGGED, "");
	g_autoptr(UidSet) all = set_of("1:*");
	g_autoptr(UidSet) modified = NULL;
	static const char *const keywords[] = { "k", NULL };
	g_assert_true(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_SEEN, keywords, since, &modified, &error));
	g_autofree char *text = text_of_set(modified);
	g_assert_cmpstr(text, ==, "2,4");
	expect_flags(fixture->inbox, "1:S{k} 2:F 3:S{k} 4:F 5:S{k}");
}

static void keywords_are_atoms(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const char *const bad[] = { "", "a b", "a(", "{", "%", "*", "\"", "\\Seen", "]", "\303\251",
		"\177", "a\tb" };
	g_autoptr(UidSet) all = set_of("1:*");
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		GError *error = NULL;
		const char *keywords[] = { bad[i], NULL };
		g_assert_false(mailbox_store_flags(
			fixture->inbox, all, FLAGS_ADD, 0, keywords, G_MAXUINT64, NULL, &error));
		expect_error(error, STORE_ERROR_CANNOT);
	}
}

static void many_keywords_are_kept(Fixture *fixture, gconstpointer data)
{
	(void)data;
	append_many(fixture->inbox, 0, 2);
	g_autoptr(GString) all = g_string_new("k0");
	for (guint i = 1; i < 300; i++)
		g_string_append_printf(all, " k%u", i);
	change_flags(fixture->inbox, "1", FLAGS_ADD, 0, all->str);
	change_flags(fixture->inbox, "2", FLAGS_ADD, 0, "k299 k7");
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	SnapshotRow row;
	gsize n;
	snapshot_get_row(snapshot, 0, &row);
	(void)snapshot_keywords(snapshot, row.keywords, &n);
	g_assert_cmpuint(n, ==, 300);
	snapshot_get_row(snapshot, 1, &row);
	g_assert_cmpstr(snapshot_keywords(snapshot, row.keywords, &n)[0], ==, "k7");
	g_assert_cmpuint(n, ==, 2);
}

/* -- EXPUNGE, COPY, MOVE --------------------------------------------------------------------------------------------------- */

static void expunge_takes_what_is_deleted(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	append_many(fixture->inbox, 0, 6);
	change_flags(fixture->inbox, "2:5", FLAGS_ADD, MESSAGE_DELETED, "");
	g_autoptr(UidSet) some = set_of("1:3,6,99");
	g_autoptr(UidSet) expunged = NULL;
	g_assert_true(mailbox_expunge(fixture->inbox, some, &expunged, &error));
	g_autofree char *text = text_of_set(expunged);
	g_assert_cmpstr(text, ==, "2:3");
	expect_flags(fixture->inbox, "1: 4:T 5:T 6:");
	g_assert_cmpuint(count_files(cur), ==, 4);
	g_assert_null(mailbox_load(fixture->inbox, 2, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_EXPUNGED);
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
	expect_flags(fixture->inbox, "1: 6:");
	g_autoptr(UidSet) none = NULL;
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, &none, &error));
	g_assert_true(uidset_is_empty(none));
	g_assert_cmpuint(append_number(fixture->inbox, 99), ==, 7); /* a UID is never given twice */
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1: 6: 7:");
	g_assert_cmpuint(count_files(cur), ==, 3);
}

static void copy_keeps_flags_and_dates(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	static const char *const keywords[] = { "x", "y", NULL };
	create(fixture->account, "Other");
	g_autoptr(Mailbox) other = open_mailbox(fixture->account, "Other");
	(void)append_text(other, "B: c\r\n\r\nfirst\r\n", 0, (const char *const[]){ "y", NULL });
	append_many(fixture->inbox, 0, 3);
	g_autofree char *text = make_message(50);
	(void)append_text(fixture->inbox, text, MESSAGE_SEEN, keywords);
	g_autoptr(UidSet) set = set_of("2,4,77");
	g_autoptr(UidSet) source = NULL;
	g_autoptr(UidSet) target = NULL;
	guint32 uidvalidity;
	g_assert_true(
		mailbox_copy(fixture->inbox, set, other, FALSE, &uidvalidity, &source, &target, &error));
	g_autofree char *source_text = text_of_set(source), *target_text = text_of_set(target);
	g_assert_cmpstr(source_text, ==, "2,4");
	g_assert_cmpstr(target_text, ==, "2:3");
	expect_flags(other, "1:{y} 2: 3:S{y x}");
	expect_flags(fixture->inbox, "1: 2: 3: 4:S{x y}");
	expect_octets(other, 3, text);
	g_autoptr(Snapshot) a = get_snapshot(fixture->inbox), b = get_snapshot(other);
	SnapshotRow from, to;
	snapshot_get_row(a, 3, &from);
	snapshot_get_row(b, 2, &to);
	g_assert_cmpuint(from.email_id, ==, to.email_id);
	g_assert_cmpint(from.internal_at, ==, to.internal_at);
	g_assert_cmpuint(uidvalidity, ==, snapshot_uidvalidity(b));
	/* A copy lives on when the original goes. */
	change_flags(fixture->inbox, "4", FLAGS_ADD, MESSAGE_DELETED, "");
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
	expect_octets(other, 3, text);
	g_autoptr(GBytes) bytes = account_load_email(fixture->account, to.email_id, &error);
	g_assert_cmpuint(g_bytes_get_size(bytes), ==, strlen(text));
}

static void move_takes_and_gives(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	create(fixture->account, "Other");
	g_autoptr(Mailbox) other = open_mailbox(fixture->account, "Other");
	append_many(fixture->inbox, 0, 4);
	FeedState before, after;
	g_assert_true(account_feed_state(fixture->account, &before, &error));
	g_autoptr(UidSet) set = set_of("2:3");
	g_autoptr(UidSet) target = NULL;
	g_assert_true(mailbox_copy(fixture->inbox, set, other, TRUE, NULL, NULL, &target, &error));
	g_assert_cmpuint(uidset_count(target), ==, 2);
	expect_flags(fixture->inbox, "1: 4:");
	expect_flags(other, "1: 2:");
	g_assert_cmpuint(count_files(cur), ==, 2);
	g_assert_true(account_feed_state(fixture->account, &after, &error));
	g_assert_cmpuint(after.max_email_id, ==, before.max_email_id); /* nothing to index again */
	g_assert_cmpuint(after.max_gone_seq, ==, before.max_gone_seq);
	/* Within one mailbox: new UIDs. */
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_true(mailbox_copy(other, all, other, TRUE, NULL, NULL, NULL, &error));
	expect_flags(other, "3: 4:");
	g_assert_true(mailbox_copy(other, all, other, FALSE, NULL, NULL, NULL, &error));
	expect_flags(other, "3: 4: 5: 6:");
	g_clear_pointer(&other, mailbox_unref);
	fixture_reopen(fixture);
	g_autoptr(Mailbox) again = open_mailbox(fixture->account, "Other");
	expect_flags(again, "3: 4: 5: 6:");
}

static void copying_nothing_is_no_change(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	create(fixture->account, "Other");
	g_autoptr(Mailbox) other = open_mailbox(fixture->account, "Other");
	g_autoptr(Snapshot) before = get_snapshot(other);
	g_autoptr(UidSet) set = set_of("5");
	g_autoptr(UidSet) target = NULL;
	guint32 uidvalidity = 0;
	g_assert_true(mailbox_copy(fixture->inbox, set, other, TRUE, &uidvalidity, NULL, &target, &error));
	g_assert_true(uidset_is_empty(target));
	g_assert_cmpuint(uidvalidity, ==, snapshot_uidvalidity(before));
	g_autoptr(Snapshot) after = get_snapshot(other);
	g_assert_cmpuint(snapshot_highestmodseq(after), ==, snapshot_highestmodseq(before));
}

/* -- Snapshots, SELECT, STATUS ---------------------------------------------------------------------------------------------- */

static void the_snapshot_is_shared_until_it_changes(Fixture *fixture, gconstpointer data)
{
	(void)data;
	append_many(fixture->inbox, 0, 3);
	g_autoptr(Snapshot) a = get_snapshot(fixture->inbox), b = get_snapshot(fixture->inbox);
	g_assert_true(a == b);
	(void)append_number(fixture->inbox, 9);
	g_autoptr(Snapshot) c = get_snapshot(fixture->inbox);
	g_assert_true(a != c);
	g_assert_cmpuint(snapshot_count(a), ==, 3);
	g_assert_cmpuint(snapshot_count(c), ==, 4);
}

static void recent_is_claimed_once(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	guint32 first;
	append_many(fixture->inbox, 0, 3);
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_assert_true(mailbox_claim_recent(fixture->inbox, snapshot, FALSE, &first, &error));
	g_assert_cmpuint(first, ==, 1); /* EXAMINE leaves them */
	g_assert_true(mailbox_claim_recent(fixture->inbox, snapshot, TRUE, &first, &error));
	g_assert_cmpuint(first, ==, 1);
	g_assert_true(mailbox_claim_recent(fixture->inbox, snapshot, TRUE, &first, &error));
	g_assert_cmpuint(first, ==, 4);
	(void)append_number(fixture->inbox, 9);
	g_assert_true(mailbox_claim_recent(fixture->inbox, snapshot, FALSE, &first, &error));
	g_assert_cmpuint(first, ==, 4);
	fixture_reopen(fixture);
	g_autoptr(Snapshot) newer = get_snapshot(fixture->inbox);
	g_assert_true(mailbox_claim_recent(fixture->inbox, newer, TRUE, &first, &error));
	g_assert_cmpuint(first, ==, 4);
	g_assert_true(mailbox_claim_recent(fixture->inbox, newer, TRUE, &first, &error));
	g_assert_cmpuint(first, ==, 5);
}

static void status_counts(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(fixture->inbox, 0, 5);
	change_flags(fixture->inbox, "1:2", FLAGS_ADD, MESSAGE_SEEN, "");
	change_flags(fixture->inbox, "2:4", FLAGS_ADD, MESSAGE_DELETED, "");
	guint64 size = 0, deleted = 0;
	{
		g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, 0, NULL);
		for (guint i = 0; i < chunk->n; i++) {
			size += chunk->size[i];
			deleted += i >= 1 && i <= 3 ? chunk->size[i] : 0;
		}
	}
	/* From the snapshot, and after a restart from the rows. */
	for (guint round = 0; round < 2; round++) {
		MailboxStatus status;
		g_assert_true(mailbox_status(fixture->inbox, &status, &error));
		g_assert_cmpuint(status.messages, ==, 5);
		g_assert_cmpuint(status.unseen, ==, 3);
		g_assert_cmpuint(status.deleted, ==, 3);
		g_assert_cmpuint(status.recent, ==, 5);
		g_assert_cmpuint(status.uidnext, ==, 6);
		g_assert_cmpuint(status.size_bytes, ==, size);
		g_assert_cmpuint(status.deleted_size_bytes, ==, deleted);
		g_assert_cmpuint(status.highestmodseq, >, 1);
		g_assert_true(g_str_has_prefix(status.objectid, "F"));
		g_free(status.objectid);
		fixture_reopen(fixture);
	}
}

/* A snapshot that is older than what `expunged` remembers is read anew. */
static void very_old_snapshots_catch_up(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(fixture->inbox, 0, 10);
	g_autoptr(Snapshot) old = get_snapshot(fixture->inbox);
	g_autoptr(Store) second = fixture_second_store(fixture);
	g_autoptr(Account) account = store_get_account(second, "joe", &error);
	g_autoptr(Mailbox) inbox = open_mailbox(account, "INBOX");
	change_flags(inbox, "3:8", FLAGS_ADD, MESSAGE_DELETED, "");
	g_assert_true(mailbox_expunge(inbox, NULL, NULL, &error));
	Db *db = account_acquire_db(account, &error);
	g_assert_true(
		db_exec(db, "DELETE FROM expunged; UPDATE mailbox SET expunged_floor=highestmodseq", &error));
	account_release_db(account, db);
	expect_flags(fixture->inbox, "1: 2: 9: 10:");
}

/* -- new/ --------------------------------------------------------------------------------------------------------------------- */

static void delivered_mail_is_admitted(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *maildir = g_strdup(fixture->account->maildir);
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_autofree char *path = account_path(fixture->account, "new", "100.b", NULL);
	g_autofree char *text = make_message(5);
	deliver(maildir, "", "new", "200.c:2,FS", "Subject: flagged\n\nhello\n");
	deliver(maildir, "", "new", "100.b", text);
	const struct timespec times[2] = { { 837596647, 0 }, { 837596647, 0 } };
	g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
	expect_flags(fixture->inbox, "1: 2:FS");
	expect_octets(fixture->inbox, 1, text);
	expect_octets(fixture->inbox, 2, "Subject: flagged\r\n\r\nhello\r\n");
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	SnapshotRow row;
	snapshot_get_row(snapshot, 0, &row);
	g_assert_cmpint(row.internal_at, ==, 837596647);
	g_assert_cmpint(row.internal_zone, ==, 0); /* TZ=UTC in tests */
	g_assert_cmpuint(count_files(cur), ==, 2);
	g_autofree char *named = g_build_filename(cur, "100.b:2,", NULL);
	g_assert_true(g_file_test(named, G_FILE_TEST_EXISTS));
	/* Delivered while nothing was open. */
	deliver(maildir, "", "new", "300.d", "third\r\n");
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1: 2:FS 3:");
	/* A name that is taken already. */
	deliver(maildir, "", "new", "100.b", "other\r\n");
	expect_flags(fixture->inbox, "1: 2:FS 3: 4:");
	expect_octets(fixture->inbox, 1, text);
	expect_octets(fixture->inbox, 4, "other\r\n");
}

static void what_is_no_message_stays(Fixture *fixture, gconstpointer data)
{
	(void)data;
	const char *maildir = fixture->account->maildir;
	g_autofree char *folder = account_path(fixture->account, "new", "folder", NULL);
	g_autofree char *fifo = account_path(fixture->account, "new", "fifo", NULL);
	g_autofree char *link = account_path(fixture->account, "new", "link", NULL);
	g_assert_cmpint(mkdir(folder, 0700), ==, 0);
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_cmpint(symlink("/nowhere", link), ==, 0);
	deliver(maildir, "", "new", ".hidden", "x\r\n");
	expect_flags(fixture->inbox, "");
	deliver(maildir, "", "new", "1.a", "x\r\n");
	expect_flags(fixture->inbox, "1:");
	g_assert_cmpint(unlink(fifo), ==, 0);
}

static void count_report(const char *account, const GError *error, gpointer data)
{
	g_assert_cmpstr(account, ==, "joe");
	g_assert_error(error, STORE_ERROR, STORE_ERROR_IO);
	(*(guint *)data)++;
}

/* A file that cannot be read keeps nobody from the others; it is told once, and tried each time. */
static void an_unreadable_file_waits(Fixture *fixture, gconstpointer data)
{
	(void)data;
	guint reports = 0;
	fixture->store->reporter = count_report;
	fixture->store->reporter_data = &reports;
	g_autofree char *path = account_path(fixture->account, "new", "1.bad", NULL);
	g_assert_cmpint(symlink("/proc/self/mem", path), ==, 0); /* a regular file; reading its start is an I/O error */
	deliver(fixture->account->maildir, "", "new", "2.good", "Subject: good\r\n\r\n");
	expect_flags(fixture->inbox, "1:");
	expect_flags(fixture->inbox, "1:");
	g_assert_cmpuint(reports, ==, 1);
	g_assert_cmpint(fixture->inbox->new_mtime_ns, ==, 0);
	gboolean again;
	g_assert_true(mailbox_try_admit_new(fixture->inbox, &again, NULL));
	g_assert_true(again);
	g_assert_cmpint(unlink(path), ==, 0);
	deliver(fixture->account->maildir, "", "new", "1.bad", "Subject: mended\r\n\r\n");
	expect_flags(fixture->inbox, "1: 2:");
	g_assert_true(mailbox_try_admit_new(fixture->inbox, &again, NULL));
	g_assert_false(again);
	fixture->store->reporter = NULL;
}

/* Lets the process open @n descriptors more. Returns the limit that there was. */
static rlim_t limit_descriptors(guint n)
{
	struct rlimit limit;
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	rlim_t before = limit.rlim_cur;
	int lowest = dup(0);
	g_assert_cmpint(lowest, >=, 0);
	(void)close(lowest);
	limit.rlim_cur = (rlim_t)lowest + n;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	return before;
}

static void restore_descriptors(rlim_t before)
{
	struct rlimit limit;
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = before;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static void without_descriptors_nothing_is_overlooked(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	expect_flags(fixture->inbox, "");
	for (guint i = 0; i < 5; i++) {
		g_autofree char *name = g_strdup_printf("%u.new", i);
		deliver(fixture->account->maildir, "", "new", name, name);
	}
	gboolean again;
	rlim_t before = limit_descriptors(3);
	g_assert_false(mailbox_try_admit_new(fixture->inbox, &again, &error));
	restore_descriptors(before);
	g_assert_error(error, STORE_ERROR, STORE_ERROR_RESOURCES);
	g_assert_true(again);
	g_clear_error(&error);
	expect_flags(fixture->inbox, "1: 2: 3: 4: 5:");
	/* In cur/. */
	for (guint i = 0; i < 5; i++) {
		g_autofree char *name = g_strdup_printf("%u.cur:2,S", i);
		deliver(fixture->account->maildir, "", "cur", name, name);
	}
	g_assert_true(account_lock_exclusive(fixture->account->lock, NULL));
	before = limit_descriptors(3);
	g_assert_false(mailbox_scan(fixture->inbox, 0, &error));
	restore_descriptors(before);
	g_assert_error(error, STORE_ERROR, STORE_ERROR_RESOURCES);
	g_assert_true(mailbox_needs_scan(fixture->inbox));
	g_assert_true(mailbox_scan(fixture->inbox, 0, NULL));
	account_lock_exclusive_end(fixture->account->lock);
	expect_flags(fixture->inbox, "1: 2: 3: 4: 5: 6:S 7:S 8:S 9:S 10:S");
	/* Nothing of this was a disk that failed. */
	(void)append_number(fixture->inbox, 1);
}

/* What cannot be synced because it cannot be opened is an error, but no sign of a disk that loses what it was given. */
static void a_folder_that_cannot_be_opened_is_no_failed_disk(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	rlim_t before = limit_descriptors(0);
	g_assert_false(mailbox_sync_cur(fixture->inbox, &error));
	restore_descriptors(before);
	expect_error(error, STORE_ERROR_RESOURCES);
	(void)append_number(fixture->inbox, 1);
	expect_flags(fixture->inbox, "1:");
}

/* `cp mail Maildir/new/`: not before it is all there. */
static void a_file_that_is_being_written_waits(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *path = account_path(fixture->account, "new", "1.slow", NULL);
	FILE *file = fopen(path, "w");
	g_assert_nonnull(file);
	(void)fputs("Subject: slow\r\n\r\nfirst half", file);
	(void)fflush(file);
	expect_flags(fixture->inbox, "");
	(void)fputs(", second half\r\n", file);
	g_assert_cmpint(fclose(file), ==, 0);
	expect_flags(fixture->inbox, "1:");
	expect_octets(fixture->inbox, 1, "Subject: slow\r\n\r\nfirst half, second half\r\n");
}

static void many_deliveries_are_admitted_in_order(Fixture *fixture, gconstpointer data)
{
	(void)data;
	for (guint i = 0; i < 700; i++) {
		g_autofree char *name = g_strdup_printf("%u.x", 1000 + i);
		g_autofree char *text = make_message(i);
		deliver(fixture->account->maildir, "", "new", name, text);
	}
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_count(snapshot), ==, 700);
	g_autofree char *text = make_message(432);
	expect_octets(fixture->inbox, 433, text);
}

/* -- Two processes ------------------------------------------------------------------------------------------------------------- */

static gpointer take_snapshots(gpointer data)
{
	for (guint i = 0; i < 50; i++)
		snapshot_unref(get_snapshot(data));
	return NULL;
}

static void two_stores_admit_each_message_once(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) second = fixture_second_store(fixture);
	g_autoptr(Account) account = store_get_account(second, "joe", &error);
	g_autoptr(Mailbox) other = open_mailbox(account, "INBOX");
	GThread *threads[4];
	for (guint i = 0; i < 4; i++)
		threads[i] = g_thread_new("reader", take_snapshots, i % 2 ? other : fixture->inbox);
	for (guint i = 0; i < 300; i++) {
		g_autofree char *name = g_strdup_printf("%u.y", 1000 + i);
		g_autofree char *text = make_message(i);
		deliver(fixture->account->maildir, "", "new", name, text);
	}
	for (guint i = 0; i < 4; i++)
		(void)g_thread_join(threads[i]);
	g_autoptr(Snapshot) a = get_snapshot(fixture->inbox), b = get_snapshot(other);
	g_assert_cmpuint(snapshot_count(a), ==, 300);
	g_assert_cmpuint(snapshot_count(b), ==, 300);
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_assert_cmpuint(count_files(cur), ==, 300);
}

/* -- Random operations in two stores against a model ---------------------------------------------------------------------------- */

typedef struct {
	guint32 uid;
	guint flags;
	gboolean marked; /* has the keyword "mark" */
	guint number;    /* of the message */
} Item;

typedef struct {
	GArray *items; /* of Item */
	guint32 uidnext;
} Box;

static char *dump_box(const Box *box)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < box->items->len; i++) {
		const Item *item = &g_array_index(box->items, Item, i);
		g_autofree char *letters = maildir_name_with_flags("", (MessageFlags)item->flags, NULL);
		g_string_append_printf(text, "%s%u:%s%s", i > 0 ? " " : "", item->uid, letters + 3,
			item->marked ? "{mark}" : "");
	}
	return g_string_free(text, FALSE);
}

static UidSet *random_set(const Box *box)
{
	UidSet *set = uidset_new();
	for (guint i = (guint)g_test_rand_int_range(1, 4); i > 0; i--) {
		guint32 first = (guint32)g_test_rand_int_range(1, (gint)box->uidnext + 2);
		uidset_add_range(set, first, first + (guint32)g_test_rand_int_range(0, 6));
	}
	return set;
}

static void random_step(Mailbox *const *mailboxes, Box *boxes, guint *number)
{
	g_autoptr(GError) error = NULL;
	guint at = (guint)g_test_rand_int_range(0, 2), to = (guint)g_test_rand_int_range(0, 2);
	Box *box = &boxes[at], *target = &boxes[to];
	Mailbox *mailbox = mailboxes[at];
	g_autoptr(UidSet) set = random_set(box);
	gint what = g_test_rand_int_range(0, 10);
	if (what < 3) {
		Item item = { box->uidnext, 0, FALSE, *number };
		g_assert_cmpuint(append_number(mailbox, (*number)++), ==, box->uidnext++);
		g_array_append_val(box->items, item);
	} else if (what < 7) {
		FlagsOp op = (FlagsOp)g_test_rand_int_range(0, 3);
		guint flags = (guint)g_test_rand_int_range(0, 32) & (guint)g_test_rand_int_range(0, 32);
		gboolean mark = g_test_rand_bit();
		static const char *const keywords[] = { "mark", NULL };
		mailbox_store_flags(mailbox, set, op, (MessageFlags)flags, mark ? keywords : NULL,
			G_MAXUINT64, NULL, &error);
		g_assert_no_error(error);
		for (guint i = 0; i < box->items->len; i++) {
			Item *item = &g_array_index(box->items, Item, i);
			if (!uidset_contains(set, item->uid))
				continue;
			item->flags = op == FLAGS_REPLACE ? flags
				: op == FLAGS_ADD         ? item->flags | flags
							  : item->flags & ~flags;
			item->marked = op == FLAGS_REPLACE ? mark : mark ? op == FLAGS_ADD : item->marked;
		}
	} else if (what == 7) {
		mailbox_expunge(mailbox, set, NULL, &error);
		g_assert_no_error(error);
		for (guint i = box->items->len; i-- > 0;) {
			const Item *item = &g_array_index(box->items, Item, i);
			if (uidset_contains(set, item->uid) && (item->flags & MESSAGE_DELETED))
				(void)g_array_remove_index(box->items, i);
		}
	} else {
		gboolean move = what == 9;
		mailbox_copy(mailbox, set, mailboxes[to], move, NULL, NULL, NULL, &error);
		g_assert_no_error(error);
		g_autoptr(GArray) copies = g_array_new(FALSE, FALSE, sizeof(Item));
		for (guint i = 0; i < box->items->len; i++) {
			Item item = g_array_index(box->items, Item, i);
			if (!uidset_contains(set, item.uid))
				continue;
			if (move)
				(void)g_array_remove_index(box->items, i--);
			g_array_append_val(copies, item);
		}
		for (guint i = 0; i < copies->len; i++) {
			Item *copy = &g_array_index(copies, Item, i);
			copy->uid = target->uidnext++;
		}
		g_array_append_vals(target->items, copies->data, copies->len);
	}
}

static void two_stores_agree_with_the_model(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	create(fixture->account, "B");
	g_autoptr(Store) second = fixture_second_store(fixture);
	g_autoptr(Account) account = store_get_account(second, "joe", &error);
	g_autoptr(Mailbox) box_b = open_mailbox(fixture->account, "B");
	g_autoptr(Mailbox) other_a = open_mailbox(account, "INBOX");
	g_autoptr(Mailbox) other_b = open_mailbox(account, "B");
	Mailbox *ours[] = { fixture->inbox, box_b }, *theirs[] = { other_a, other_b };
	Box boxes[2] = { { g_array_new(FALSE, FALSE, sizeof(Item)), 1 },
		{ g_array_new(FALSE, FALSE, sizeof(Item)), 1 } };
	guint number = 0;
	for (guint step = 0; step < 400; step++) {
		random_step(g_test_rand_bit() ? ours : theirs, boxes, &number);
		if (step % 3 != 0)
			continue;
		for (guint i = 0; i < 2; i++) {
			g_autofree char *expected = dump_box(&boxes[i]);
			expect_flags(ours[i], expected);
			expect_flags(theirs[i], expected);
		}
	}
	for (guint i = 0; i < 2; i++) {
		g_autofree char *cur = mailbox_path(ours[i], "cur", NULL);
		g_assert_cmpuint(count_files(cur), ==, boxes[i].items->len);
		for (guint k = 0; k < boxes[i].items->len; k++) {
			const Item *item = &g_array_index(boxes[i].items, Item, k);
			g_autofree char *text = make_message(item->number);
			expect_octets(ours[i], item->uid, text);
		}
		g_array_unref(boxes[i].items);
	}
}

/* -- Threads ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
	Mailbox *mailbox;
	guint first;
} Appender;

static gpointer append_thread(gpointer data)
{
	const Appender *appender = data;
	for (guint i = 0; i < 25; i++)
		(void)append_number(appender->mailbox, appender->first + i);
	return NULL;
}

static void concurrent_appends_get_one_uid_each(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GThread *threads[8];
	Appender appenders[8];
	for (guint i = 0; i < 8; i++) {
		appenders[i] = (Appender){ fixture->inbox, 1000 * i };
		threads[i] = g_thread_new("append", append_thread, &appenders[i]);
	}
	for (guint i = 0; i < 8; i++)
		(void)g_thread_join(threads[i]);
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_count(snapshot), ==, 200);
	g_assert_cmpuint(snapshot_uidnext(snapshot), ==, 201);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/mailbox/" #name, Fixture, NULL, fixture_setup, name, fixture_teardown)
	ADD(append_gives_what_was_given);
	ADD(internal_date_keeps_its_zone);
	ADD(sizes_and_octets_are_in_crlf_form);
	ADD(a_spool_may_be_written_in_pieces);
	ADD(large_messages_are_mapped);
	ADD(an_abandoned_spool_leaves_nothing);
	ADD(multiappend_is_all_or_nothing);
	ADD(appending_to_a_deleted_mailbox_fails);
	ADD(flags_are_replaced_added_and_removed);
	ADD(what_does_not_change_keeps_its_modseq);
	ADD(unchanged_since_leaves_newer_ones_alone);
	ADD(keywords_are_atoms);
	ADD(many_keywords_are_kept);
	ADD(expunge_takes_what_is_deleted);
	ADD(copy_keeps_flags_and_dates);
	ADD(move_takes_and_gives);
	ADD(copying_nothing_is_no_change);
	ADD(the_snapshot_is_shared_until_it_changes);
	ADD(recent_is_claimed_once);
	ADD(status_counts);
	ADD(very_old_snapshots_catch_up);
	ADD(delivered_mail_is_admitted);
	ADD(what_is_no_message_stays);
	ADD(an_unreadable_file_waits);
	ADD(without_descriptors_nothing_is_overlooked);
	ADD(a_folder_that_cannot_be_opened_is_no_failed_disk);
	ADD(a_file_that_is_being_written_waits);
	ADD(many_deliveries_are_admitted_in_order);
	ADD(two_stores_admit_each_message_once);
	ADD(two_stores_agree_with_the_model);
	ADD(concurrent_appends_get_one_uid_each);
	return g_test_run();
}
