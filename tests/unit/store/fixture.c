#include "tests/unit/store/fixture.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

char *make_root(void)
{
	g_autoptr(GError) error = NULL;
	/* In memory, where fsync() costs nothing, unless TMPDIR says otherwise. */
	if (g_getenv("TMPDIR") == NULL && g_access("/dev/shm", W_OK) == 0) {
		char *shared = g_strdup("/dev/shm/mailsift-test-XXXXXX");
		g_assert_nonnull(g_mkdtemp(shared));
		return shared;
	}
	char *root = g_dir_make_tmp("mailsift-test-XXXXXX", &error);
	g_assert_no_error(error);
	return root;
}

static void open_all(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	StoreOptions options = { .mail_root = fixture->root };
	fixture->store = store_open(&options, &error);
	g_assert_no_error(error);
	fixture->account = store_get_account(fixture->store, "joe", &error);
	g_assert_no_error(error);
	fixture->inbox = open_mailbox(fixture->account, "INBOX");
}

static void close_all(Fixture *fixture)
{
	g_clear_pointer(&fixture->inbox, mailbox_unref);
	g_clear_pointer(&fixture->account, account_unref);
	g_clear_pointer(&fixture->store, store_close);
}

void fixture_setup(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	fixture->root = make_root();
	g_autoptr(Store) store = store_open(&(StoreOptions){ .mail_root = fixture->root }, &error);
	g_assert_no_error(error);
	store_create_account(store, "joe", &error);
	g_assert_no_error(error);
	g_clear_pointer(&store, store_close);
	open_all(fixture);
}

void fixture_teardown(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	close_all(fixture);
	maildir_remove_tree(fixture->root, &error);
	g_assert_no_error(error);
	g_free(fixture->root);
}

void fixture_reopen(Fixture *fixture)
{
	close_all(fixture);
	open_all(fixture);
}

Store *fixture_second_store(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	StoreOptions options = { .mail_root = fixture->root };
	Store *store = store_open(&options, &error);
	g_assert_no_error(error);
	return store;
}

char *make_message(guint number)
{
	return g_strdup_printf(
		"From: Joe <joe@example.org>\r\nTo: Ann <ann@example.org>\r\nSubject: Message %u\r\n"
		"Date: Wed, 17 Jul 1996 02:44:%02u -0700\r\nMessage-ID: <%u@example.org>\r\n\r\n"
		"This is message %u.\r\n",
		number, number % 60, number, number);
}

static Spool *make_spool(Account *account, const char *text)
{
	g_autoptr(GError) error = NULL;
	Spool *spool = spool_new(account, &error);
	g_assert_no_error(error);
	g_assert_true(spool_write(spool, (const guint8 *)text, strlen(text), &error));
	g_assert_no_error(error);
	return spool;
}

guint32 append_text(Mailbox *mailbox, const char *text, MessageFlags flags, const char *const *keywords)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) uids = NULL;
	AppendMessage message = {
		.spool = make_spool(mailbox_account(mailbox), text), .flags = flags, .keywords = keywords
	};
	guint32 uidvalidity;
	mailbox_append(mailbox, &message, 1, &uidvalidity, &uids, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(uidset_count(uids), ==, 1);
	return uidset_range(uids, 0).first;
}

guint32 append_number(Mailbox *mailbox, guint number)
{
	g_autofree char *text = make_message(number);
	return append_text(mailbox, text, 0, NULL);
}

void append_many(Mailbox *mailbox, guint first_number, guint n)
{
	g_autoptr(GError) error = NULL;
	g_autofree AppendMessage *messages = g_new0(AppendMessage, n);
	for (guint i = 0; i < n; i++) {
		g_autofree char *text = make_message(first_number + i);
		messages[i].spool = make_spool(mailbox_account(mailbox), text);
	}
	mailbox_append(mailbox, messages, n, NULL, NULL, &error);
	g_assert_no_error(error);
}

Snapshot *get_snapshot(Mailbox *mailbox)
{
	g_autoptr(GError) error = NULL;
	Snapshot *snapshot = mailbox_snapshot(mailbox, &error);
	g_assert_no_error(error);
	return snapshot;
}

Mailbox *open_mailbox(Account *account, const char *name)
{
	g_autoptr(GError) error = NULL;
	Mailbox *mailbox = account_open_mailbox(account, name, &error);
	g_assert_no_error(error);
	return mailbox;
}

UidSet *set_of(const char *text)
{
	g_autoptr(GError) error = NULL;
	UidSet *set = uidset_parse(text, strlen(text), G_MAXUINT32, &error);
	g_assert_no_error(error);
	return set;
}

char *text_of_set(const UidSet *set)
{
	GString *text = g_string_new(NULL);
	uidset_write(set, text);
	return g_string_free(text, FALSE);
}

char *dump_flags(const Snapshot *snapshot)
{
	GString *text = g_string_new(NULL);
	for (guint32 i = 0; i < snapshot_count(snapshot); i++) {
		SnapshotRow row;
		snapshot_get_row(snapshot, i, &row);
		g_autofree char *letters = maildir_name_with_flags("", row.flags, NULL);
		g_string_append_printf(text, "%s%u:%s", i > 0 ? " " : "", row.uid, letters + 3);
		if (row.keywords != 0) {
			g_autofree char *names = g_strjoinv(
				" ", (char **)(guintptr)snapshot_keywords(snapshot, row.keywords, NULL));
			g_string_append_printf(text, "{%s}", names);
		}
	}
	return g_string_free(text, FALSE);
}

guint count_files(const char *path)
{
	g_autoptr(GPtrArray) names = NULL;
	return maildir_read_directory(path, TRUE, &names, NULL) ? names->len : 0;
}

void deliver(const char *maildir, const char *folder, const char *part, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tmp = g_build_filename(maildir, folder, "tmp", name, NULL);
	g_autofree char *path = g_build_filename(maildir, folder, part, name, NULL);
	g_file_set_contents_full(tmp, text, (gssize)strlen(text), G_FILE_SET_CONTENTS_NONE, 0600, &error);
	g_assert_no_error(error);
	g_assert_cmpint(rename(tmp, path), ==, 0);
}

void expect_error(GError *error, StoreError code)
{
	g_assert_error(error, STORE_ERROR, (gint)code);
	g_error_free(error);
}
