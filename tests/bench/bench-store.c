/* How long store/ takes with one large mailbox:
 *
 *     bench-store [MESSAGES [FOLDER]]       100000 in a folder below /dev/shm, or below FOLDER
 *
 * On a disk, fsync() is what most of it waits for; in memory, the table shows what is ours. */
#include "store/mailbox.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 500
#define THREADS 8

static gint64 started_us;

static void start(void)
{
	started_us = g_get_monotonic_time();
}

static void report(const char *what, guint n)
{
	gint64 us = g_get_monotonic_time() - started_us;
	printf("%-58s %10.1f ms %10.2f us each\n", what, (double)us / 1000, (double)us / n);
	(void)fflush(stdout);
}

static void check(GError *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "bench-store: %s\n", error->message);
	exit(EXIT_FAILURE);
}

static void append(Mailbox *mailbox, guint first, guint n)
{
	GError *error = NULL;
	g_autofree AppendMessage *messages = g_new0(AppendMessage, n);
	for (guint i = 0; i < n; i++) {
		g_autofree char *text = g_strdup_printf(
			"From: a@example.org\r\nSubject: %u\r\nDate: Wed, 17 Jul 1996 02:44:25 -0700\r\n\r\n"
			"%s%u\r\n",
			first + i,
			"Some text, so that it has about the size of a short mail.\r\n"
			"Some text, so that it has about the size of a short mail.\r\n"
			"Some text, so that it has about the size of a short mail.\r\n",
			first + i);
		messages[i].spool = spool_new(mailbox_account(mailbox), &error);
		check(error);
		(void)spool_write(messages[i].spool, (const guint8 *)text, strlen(text), &error);
		check(error);
	}
	(void)mailbox_append(mailbox, messages, n, NULL, NULL, &error);
	check(error);
}

static gpointer append_thread(gpointer data)
{
	static gint next = 1 << 30;
	for (guint i = 0; i < 100; i++)
		append(data, (guint)g_atomic_int_add(&next, 1), 1);
	return NULL;
}

static void take_snapshot(Mailbox *mailbox)
{
	GError *error = NULL;
	Snapshot *snapshot = mailbox_snapshot(mailbox, &error);
	check(error);
	snapshot_unref(snapshot);
}

static void set_flags(
	Mailbox *mailbox, guint32 first, guint32 last, FlagsOp op, MessageFlags flags, const char *keyword)
{
	GError *error = NULL;
	const char *keywords[] = { keyword, NULL };
	g_autoptr(UidSet) set = uidset_new();
	uidset_add_range(set, first, last);
	(void)mailbox_store_flags(
		mailbox, set, op, flags, keyword != NULL ? keywords : NULL, G_MAXUINT64, NULL, &error);
	check(error);
}

static Account *open_account(const char *root, Store **store_out)
{
	GError *error = NULL;
	*store_out = store_open(&(StoreOptions){ .mail_root = root }, &error);
	check(error);
	if (!store_create_account(*store_out, "joe", &error))
		g_clear_error(&error);
	Account *account = store_get_account(*store_out, "joe", &error);
	check(error);
	return account;
}

static Mailbox *open_mailbox(Account *account, const char *name)
{
	GError *error = NULL;
	Mailbox *mailbox = account_open_mailbox(account, name, &error);
	check(error);
	return mailbox;
}

static void run(const char *root, guint n)
{
	GError *error = NULL;
	Store *store;
	Account *account = open_account(root, &store);
	Mailbox *inbox = open_mailbox(account, "INBOX");

	start();
	for (guint i = 0; i < n; i += BATCH)
		append(inbox, i, MIN(BATCH, n - i));
	report("APPEND, 500 in a command", n);
	start();
	take_snapshot(inbox);
	report("first snapshot", n);
	start();
	for (guint i = 0; i < 1000; i++)
		take_snapshot(inbox);
	report("snapshot, nothing new", 1000);
	start();
	for (guint i = 0; i < 100; i++)
		append(inbox, n + i, 1);
	report("APPEND, one by one, with the new snapshot", 100);
	GThread *threads[THREADS];
	start();
	for (guint i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("append", append_thread, inbox);
	for (guint i = 0; i < THREADS; i++)
		(void)g_thread_join(threads[i]);
	report("APPEND, one by one, 8 threads", 100 * THREADS);
	start();
	for (guint32 i = 0; i < 100; i++)
		set_flags(inbox, 1 + i * (n / 100), 1 + i * (n / 100), FLAGS_ADD, MESSAGE_SEEN, NULL);
	report("STORE of one message, with the new snapshot", 100);
	start();
	for (guint32 i = 0; i < 1000; i++) {
		g_autoptr(GBytes) bytes = mailbox_load(inbox, 1 + i * (n / 1000), &error);
		check(error);
	}
	report("load", 1000);
	MailboxStatus status;
	start();
	(void)mailbox_status(inbox, &status, &error);
	check(error);
	g_free(status.objectid);
	report("STATUS, from the snapshot", n);
	start();
	set_flags(inbox, 1, G_MAXUINT32, FLAGS_ADD, MESSAGE_FLAGGED, NULL);
	report("STORE 1:* +FLAGS \\Flagged", n);
	start();
	set_flags(inbox, 1, G_MAXUINT32, FLAGS_ADD, 0, "keyword");
	report("STORE 1:* +FLAGS keyword", n);
	(void)account_create_mailbox(account, "Copy", NULL, &error);
	check(error);
	g_autoptr(UidSet) all = uidset_new();
	uidset_add_range(all, 1, G_MAXUINT32);
	Mailbox *copy = open_mailbox(account, "Copy");
	start();
	(void)mailbox_copy(inbox, all, copy, FALSE, NULL, NULL, NULL, &error);
	check(error);
	report("COPY 1:*", n);
	start();
	(void)mailbox_status(copy, &status, &error);
	check(error);
	g_free(status.objectid);
	report("STATUS, from the rows", n);
	mailbox_unref(copy);
	mailbox_unref(inbox);
	account_unref(account);
	store_close(store);

	start();
	account = open_account(root, &store);
	inbox = open_mailbox(account, "INBOX");
	report("open the account", 1);
	mailbox_unref(inbox);
	account_unref(account);
	store_close(store);
	g_autofree char *path = g_build_filename(root, "joe", "Maildir", "cur", "1.orphan:2,", NULL);
	(void)g_file_set_contents(path, "orphan\r\n", -1, NULL);
	start();
	account = open_account(root, &store);
	report("open the account, with a scan of cur/", 1);
	inbox = open_mailbox(account, "INBOX");
	set_flags(inbox, 1, G_MAXUINT32, FLAGS_ADD, MESSAGE_DELETED, NULL);
	take_snapshot(inbox);
	start();
	(void)mailbox_expunge(inbox, NULL, NULL, &error);
	check(error);
	report("EXPUNGE of all", n);
	start();
	(void)account_delete_mailbox(account, "Copy", &error);
	check(error);
	report("DELETE of a mailbox with all", n);
	mailbox_unref(inbox);
	account_unref(account);
	store_close(store);
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		remove_tree(inner);
	}
	(void)g_remove(path);
}

int main(int argc, char **argv)
{
	guint64 n = argc > 1 ? g_ascii_strtoull(argv[1], NULL, 10) : 100000;
	g_autofree char *root =
		g_build_filename(argc > 2 ? argv[2] : "/dev/shm", "mailsift-bench-XXXXXX", NULL);
	if (n < 1000 || n > 10000000 || g_mkdtemp(root) == NULL) {
		fprintf(stderr, "usage: bench-store [MESSAGES [FOLDER]], at least 1000\n");
		return EXIT_FAILURE;
	}
	run(root, (guint)n);
	remove_tree(root);
	return EXIT_SUCCESS;
}
