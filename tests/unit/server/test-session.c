/* The session's view: what is told, and which messages a set names. */
#include "server/imap/session.h"

#include "server/imap/parser.h"
#include "tests/unit/server/session-fixture.h"

#include <string.h>

typedef struct {
	SessionFixture base;
	Session *session;
} Fixture;

/* Ten messages in INBOX, selected. */
static void setup(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	session_fixture_init(&f->base, NULL);
	for (guint i = 0; i < 10; i++)
		session_fixture_append(&f->base, i < 3 ? MESSAGE_SEEN : 0);
	f->session = session_fixture_new(&f->base);
	session_fixture_login(&f->base, f->session);
	g_assert_true(session_select(f->session, "INBOX", FALSE, &error));
	g_assert_no_error(error);
}

static void teardown(Fixture *f, gconstpointer data)
{
	(void)data;
	session_free(f->session);
	session_fixture_clear(&f->base);
}

static UidSet *set_of(const char *text)
{
	g_autoptr(GError) error = NULL;
	UidSet *set = uidset_parse(text, strlen(text), 1, &error);
	g_assert_no_error(error);
	return set;
}

static void expunge(Fixture *f, const char *uids)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) set = set_of(uids);
	g_assert_true(mailbox_store_flags(
		f->session->mailbox, set, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(f->session->mailbox, set, NULL, &error));
	g_assert_no_error(error);
}

static char *sync_text(Fixture *f, gboolean allow_expunge, gboolean with_uid)
{
	g_autoptr(GError) error = NULL;
	GString *out = g_string_new(NULL);
	g_assert_true(session_sync(f->session, out, allow_expunge, with_uid, &error));
	g_assert_no_error(error);
	return g_string_free(out, FALSE);
}

static void expunges_come_highest_first(Fixture *f, gconstpointer data)
{
	(void)data;
	expunge(f, "2,4:5,10");
	g_autofree char *held = sync_text(f, FALSE, FALSE);
	g_assert_null(strstr(held, "EXPUNGE"));
	g_assert_cmpuint(snapshot_count(f->session->view), ==, 10);
	g_autofree char *told = sync_text(f, TRUE, FALSE);
	g_assert_cmpstr(told, ==, "* 10 EXPUNGE\r\n* 5 EXPUNGE\r\n* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n");
	g_assert_cmpuint(snapshot_count(f->session->view), ==, 6);
	g_autofree char *again = sync_text(f, TRUE, FALSE);
	g_assert_cmpstr(again, ==, "");
}

static void held_expunges_keep_the_numbers_of_new_mail(Fixture *f, gconstpointer data)
{
	(void)data;
	expunge(f, "1:3");
	session_fixture_append(&f->base, 0);
	g_autofree char *held = sync_text(f, FALSE, FALSE);
	g_assert_nonnull(strstr(held, "* 11 EXISTS\r\n"));
	g_assert_cmpuint(snapshot_uid_at(f->session->view, 10), ==, 11);
	g_autofree char *told = sync_text(f, TRUE, FALSE);
	g_assert_true(g_str_has_prefix(told, "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n"));
	g_assert_cmpuint(snapshot_uid_at(f->session->view, 7), ==, 11);
}

static void flags_are_told_with_uid_where_asked(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) uids = set_of("5");
	static const char *const keywords[] = { "Work", NULL };
	g_assert_true(mailbox_store_flags(
		f->session->mailbox, uids, FLAGS_ADD, MESSAGE_FLAGGED, keywords, G_MAXUINT64, NULL, &error));
	g_autofree char *told = sync_text(f, FALSE, TRUE);
	g_assert_nonnull(strstr(told, "* 5 FETCH (UID 5 FLAGS (\\Flagged \\Recent Work))\r\n"));
	g_assert_nonnull(strstr(told, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)\r\n"));
}

static void silent_changes_are_not_told(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) uids = set_of("5:6");
	g_assert_true(mailbox_store_flags(
		f->session->mailbox, uids, FLAGS_ADD, MESSAGE_FLAGGED, NULL, G_MAXUINT64, NULL, &error));
	g_autoptr(Snapshot) now = mailbox_snapshot(f->session->mailbox, &error);
	f->session->silent = set_of("5");
	f->session->silent_modseq = snapshot_highestmodseq(now);
	g_autofree char *told = sync_text(f, FALSE, FALSE);
	g_assert_cmpstr(told, ==, "* 6 FETCH (FLAGS (\\Flagged \\Recent))\r\n");
	/* Silence is for one command. */
	g_assert_true(mailbox_store_flags(
		f->session->mailbox, uids, FLAGS_REMOVE, MESSAGE_FLAGGED, NULL, G_MAXUINT64, NULL, &error));
	g_autofree char *later = sync_text(f, FALSE, FALSE);
	g_assert_cmpstr(later, ==, "* 5 FETCH (FLAGS (\\Recent))\r\n* 6 FETCH (FLAGS (\\Recent))\r\n");
}

static void recent_messages_belong_to_one_session(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_assert_cmpuint(session_count_recent(f->session), ==, 10);
	Session *other = session_fixture_new(&f->base);
	session_fixture_login(&f->base, other);
	g_assert_true(session_select(other, "INBOX", FALSE, &error));
	g_assert_cmpuint(session_count_recent(other), ==, 0);
	session_fixture_append(&f->base, 0);
	g_autofree char *told = sync_text(f, TRUE, FALSE);
	g_assert_cmpstr(told, ==, "* 11 EXISTS\r\n* 11 RECENT\r\n");
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_true(session_sync(other, out, TRUE, FALSE, &error));
	g_assert_cmpstr(out->str, ==, "* 11 EXISTS\r\n* 0 RECENT\r\n");
	session_free(other);
}

static void deleted_mailbox_is_an_error(Fixture *f, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_assert_true(account_create_mailbox(f->session->account, "gone", NULL, &error));
	g_assert_true(session_select(f->session, "gone", FALSE, &error));
	g_assert_true(account_delete_mailbox(f->session->account, "gone", &error));
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_false(session_sync(f->session, out, TRUE, FALSE, &error));
	g_assert_error(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX);
}

static void sets_name_messages_of_the_view(Fixture *f, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *set;
		gboolean uid, lenient;
		const char *uids; /* NULL: an error */
	} cases[] = {
		{ "1:3", FALSE, FALSE, "1,3:4" },
		{ "3:1", FALSE, FALSE, "1,3:4" },
		{ "*", FALSE, FALSE, "10" },
		{ "8:*", FALSE, FALSE, "9:10" }, /* after 2 was expunged: 9 messages */
		{ "9", FALSE, FALSE, "10" },
		{ "10", FALSE, FALSE, NULL },
		{ "1:10", FALSE, FALSE, NULL },
		{ "10", FALSE, TRUE, "" },
		{ "8:20", FALSE, TRUE, "9:10" },
		{ "1:3", TRUE, FALSE, "1,3" },
		{ "2", TRUE, FALSE, "" },
		{ "*", TRUE, FALSE, "10" },
		{ "100:*", TRUE, FALSE, "10" },
		{ "100:200", TRUE, FALSE, "" },
		{ "9:4294967295", TRUE, FALSE, "9:10" },
		{ "4,1,4,1:2", TRUE, FALSE, "1,4" },
		{ "$", FALSE, FALSE, "5" },
		{ "$", TRUE, FALSE, "5" },
		{ "0", FALSE, FALSE, NULL },
		{ "4294967296", TRUE, FALSE, NULL },
	};
	expunge(f, "2");
	g_autofree char *told = sync_text(f, TRUE, FALSE);
	f->session->saved = set_of("2,5,77");
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(UidSet) set =
			session_resolve_set(f->session, cases[i].set, cases[i].uid, cases[i].lenient, &error);
		g_assert_true((set == NULL) == (cases[i].uids == NULL));
		g_assert_true((set == NULL) == (error != NULL));
		if (set == NULL)
			continue;
		g_autoptr(GString) text = g_string_new(NULL);
		uidset_write(set, text);
		g_assert_cmpstr(text->str, ==, cases[i].uids);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/session/" #name, Fixture, NULL, setup, name, teardown)
	ADD(expunges_come_highest_first);
	ADD(held_expunges_keep_the_numbers_of_new_mail);
	ADD(flags_are_told_with_uid_where_asked);
	ADD(silent_changes_are_not_told);
	ADD(recent_messages_belong_to_one_session);
	ADD(deleted_mailbox_is_an_error);
	ADD(sets_name_messages_of_the_view);
	return g_test_run();
}
