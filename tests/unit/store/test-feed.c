#include "store/feed.h"

#include "tests/unit/store/fixture.h"

#include <string.h>

static char *text_of_ids(GArray *ids)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < ids->len; i++)
		g_string_append_printf(text, "%s%u", i > 0 ? " " : "", g_array_index(ids, guint32, i));
	g_array_unref(ids);
	return g_string_free(text, FALSE);
}

static char *added(Account *account, guint32 after, guint limit)
{
	g_autoptr(GError) error = NULL;
	GArray *ids = NULL;
	account_feed_added(account, after, limit, &ids, &error);
	g_assert_no_error(error);
	return text_of_ids(ids);
}

static char *emails(Account *account, const char *mailbox, guint32 after, guint32 upto)
{
	g_autoptr(GError) error = NULL;
	GArray *ids = NULL;
	account_feed_emails(account, mailbox, after, upto, &ids, &error);
	g_assert_no_error(error);
	return text_of_ids(ids);
}

static char *gone(Account *account, guint64 after, guint limit)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) rows = NULL;
	account_feed_gone(account, after, limit, &rows, &error);
	g_assert_no_error(error);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < rows->len; i++) {
		const FeedGone *row = &g_array_index(rows, FeedGone, i);
		g_string_append_printf(
			text, "%s%" G_GUINT64_FORMAT "=%u", i > 0 ? " " : "", row->seq, row->email_id);
	}
	return g_string_free(text, FALSE);
}

#define expect(call, expected)                                                                               \
	do {                                                                                                 \
		g_autofree char *found = call;                                                               \
		g_assert_cmpstr(found, ==, expected);                                                        \
	} while (0)

static void expunge(Mailbox *mailbox, const char *uids)
{
	g_autoptr(UidSet) set = set_of(uids);
	g_assert_true(
		mailbox_store_flags(mailbox, set, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, NULL));
	g_assert_true(mailbox_expunge(mailbox, set, NULL, NULL));
}

static void a_content_is_added_and_gone_once(Fixture *fixture, gconstpointer data)
{
	(void)data;
	Account *account = fixture->account;
	FeedState state;
	g_assert_true(account_feed_state(account, &state, NULL));
	g_assert_cmpuint(state.max_email_id, ==, 0);
	append_many(fixture->inbox, 0, 4);
	(void)append_number(fixture->inbox, 2); /* known */
	g_assert_true(account_create_mailbox(account, "B", NULL, NULL));
	g_autoptr(Mailbox) b = open_mailbox(account, "B");
	g_autoptr(UidSet) first = set_of("1");
	g_assert_true(mailbox_copy(fixture->inbox, first, b, FALSE, NULL, NULL, NULL, NULL));
	(void)append_number(b, 9);
	expect(added(account, 0, 10), "1 2 3 4 5");
	expect(added(account, 0, 2), "1 2");
	expect(added(account, 2, 10), "3 4 5");
	expect(added(account, 5, 10), "");
	expect(emails(account, NULL, 1, 4), "2 3 4");
	expect(emails(account, "INBOX", 0, G_MAXUINT32), "1 2 3 4");
	expect(emails(account, "B", 0, G_MAXUINT32), "1 5");
	expect(emails(account, "B", 1, 5), "5");
	GError *error = NULL;
	GArray *ids;
	g_assert_false(account_feed_emails(account, "none", 0, 9, &ids, &error));
	expect_error(error, STORE_ERROR_NO_MAILBOX);

	expunge(fixture->inbox, "1:3"); /* 1 is in B, and 3 is there twice */
	expect(gone(account, 0, 10), "1=2");
	expunge(fixture->inbox, "5");
	expect(gone(account, 0, 10), "1=2 2=3");
	expect(gone(account, 1, 10), "2=3");
	expect(gone(account, 0, 1), "1=2");
	expect(added(account, 0, 10), "1 4 5");
	/* What comes back is new. */
	(void)append_number(fixture->inbox, 2);
	expect(added(account, 5, 10), "6");
	g_assert_true(account_feed_forget_gone(account, 1, NULL));
	expect(gone(account, 0, 10), "2=3");
	g_assert_true(account_feed_forget_gone(account, G_MAXUINT64, NULL));
	expect(gone(account, 0, 10), "");
	/* Numbers go on after a restart, although no row has the last ones. */
	expunge(fixture->inbox, "1:*");
	g_clear_pointer(&b, mailbox_unref);
	fixture_reopen(fixture);
	account = fixture->account;
	g_assert_true(account_feed_forget_gone(account, G_MAXUINT64, NULL));
	g_assert_true(account_feed_state(account, &state, NULL));
	g_assert_cmpuint(state.max_email_id, ==, 6);
	g_assert_cmpuint(state.max_gone_seq, ==, 4);
	g_assert_cmpuint(state.emails, ==, 2);
	(void)append_number(fixture->inbox, 2);
	expect(added(account, 6, 10), "7");
}

static void contents_have_an_id_of_their_own(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	append_many(fixture->inbox, 0, 2);
	g_autofree char *first = account_email_objectid(fixture->account, 1, &error);
	g_autofree char *second = account_email_objectid(fixture->account, 2, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(first, !=, second);
	g_assert_true(g_regex_match_simple("^M[A-Za-z0-9_-]{32}$", first, 0, 0));
	g_assert_null(account_email_objectid(fixture->account, 3, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_EXPUNGED);
	/* The same content has the same one, wherever and whenever. */
	expunge(fixture->inbox, "1");
	(void)append_number(fixture->inbox, 0);
	g_autofree char *again = account_email_objectid(fixture->account, 3, &error);
	g_assert_cmpstr(again, ==, first);
}

static void expect_origin(Account *account, const char *origin, guint32 watermark, guint64 gone_seq, gboolean expected)
{
	g_autoptr(GError) error = NULL;
	gboolean is = !expected;
	(void)account_feed_is_origin(account, origin, watermark, gone_seq, &is, &error);
	g_assert_no_error(error);
	g_assert_cmpint(is, ==, expected);
}

static char *origin(Account *account, guint32 upto)
{
	g_autoptr(GError) error = NULL;
	char *text = account_feed_origin(account, upto, &error);
	g_assert_no_error(error);
	return text;
}

/* What was made from a database is known by it, and by no other. */
static void an_origin_is_one_history_of_one_database(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *empty = origin(fixture->account, 0);
	expect_origin(fixture->account, empty, 0, 0, TRUE);
	expect_origin(fixture->account, empty, 1, 0, FALSE); /* it has not got so far */
	append_many(fixture->inbox, 1, 3);
	g_autofree char *three = origin(fixture->account, 3);
	g_autofree char *also_three = origin(fixture->account, 100);
	g_autofree char *two = origin(fixture->account, 2);
	g_assert_cmpstr(three, ==, also_three);
	g_assert_cmpstr(three, !=, two);
	expect_origin(fixture->account, empty, 0, 0, TRUE);
	expect_origin(fixture->account, two, 2, 0, TRUE);
	expect_origin(fixture->account, three, 3, 0, TRUE);
	expect_origin(fixture->account, three, 4, 0, FALSE);
	expect_origin(fixture->account, three, 3, 1, FALSE);
	expunge(fixture->inbox, "3");
	expect_origin(fixture->account, three, 3, 1, TRUE);
	expect_origin(fixture->account, "", 0, 0, FALSE);
	expect_origin(fixture->account, "x y z", 0, 0, FALSE);
	fixture_reopen(fixture);
	expect_origin(fixture->account, two, 2, 1, TRUE);
	/* Email 2 of an older database that went on in another way. */
	g_autofree char *other = g_strdup(two);
	other[strlen(other) - 1] = (char)(other[strlen(other) - 1] == '0' ? '1' : '0');
	expect_origin(fixture->account, other, 2, 0, FALSE);
	g_assert_true(store_create_account(fixture->store, "jim", NULL));
	g_autoptr(Account) jim = store_get_account(fixture->store, "jim", NULL);
	g_autoptr(Mailbox) inbox = open_mailbox(jim, "INBOX");
	append_many(inbox, 1, 3);
	expect_origin(jim, two, 2, 0, FALSE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/feed/" #name, Fixture, NULL, fixture_setup, name, fixture_teardown)
	ADD(a_content_is_added_and_gone_once);
	ADD(contents_have_an_id_of_their_own);
	ADD(an_origin_is_one_history_of_one_database);
	return g_test_run();
}
