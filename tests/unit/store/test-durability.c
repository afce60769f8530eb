/* A process is killed before each system call that changes the disk, one after the other; the next one must find all that was
 * acknowledged, and of the operation under way either nothing or all. The calls are counted by functions of this program that take the
 * place of libc's, for store/ as well as for SQLite, which is a shared library. */
#include "store/metadata.h"
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- Calls that count -------------------------------------------------------------------------------------------------------- */

static gint calls_left; /* 0: no limit */
static gint calls_made;
static int failing_errno; /* fsync() fails with it */

static void count_call(void)
{
	calls_made++;
	if (calls_left > 0 && --calls_left == 0) {
		(void)kill(getpid(), SIGKILL);
		(void)pause();
	}
}

static int sync_call(long number, int fd)
{
	count_call();
	if (failing_errno != 0) {
		errno = failing_errno;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return sync_call(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_call(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	return sync_call(SYS_syncfs, fd);
}

int rename(const char *from, const char *to)
{
	count_call();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	count_call();
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
	count_call();
	return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
	count_call();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
	count_call();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	count_call();
	return syscall(SYS_pwrite64, fd, data, len, offset);
}

/* -- The script --------------------------------------------------------------------------------------------------------------- */

static void with_set(Mailbox *mailbox, const char *uids, guint flags)
{
	g_autoptr(UidSet) set = set_of(uids);
	g_assert_true(mailbox_store_flags(
		mailbox, set, FLAGS_ADD, (MessageFlags)flags, NULL, G_MAXUINT64, NULL, NULL));
}

static void transfer(Account *account, const char *from, const char *uids, const char *to, gboolean move)
{
	g_autoptr(Mailbox) source = open_mailbox(account, from), target = open_mailbox(account, to);
	g_autoptr(UidSet) set = set_of(uids);
	g_assert_true(mailbox_copy(source, set, target, move, NULL, NULL, NULL, NULL));
}

#define STEPS 22

/* Two entries in one write. */
static void annotate(Account *account, const char *mailbox, const char *value)
{
	g_autoptr(GPtrArray) entries = metadata_entries_new();
	g_autoptr(GBytes) octets = g_bytes_new(value, strlen(value));
	g_ptr_array_add(entries, metadata_entry_new("/private/comment", octets));
	g_ptr_array_add(entries, metadata_entry_new("/shared/comment", octets));
	g_assert_true(account_set_metadata(account, mailbox, entries, 1, NULL));
}

static void run_step(Account *account, Mailbox *inbox, guint step)
{
	switch (step) {
	case 0:
	case 1:
	case 2:
	case 3:
		(void)append_number(inbox, step);
		break;
	case 4:
		with_set(inbox, "2,4", MESSAGE_SEEN);
		break;
	case 5:
		g_assert_true(account_create_mailbox(account, "box/inner", NULL, NULL));
		break;
	case 6:
		annotate(account, "box", "a note");
		break;
	case 7:
		transfer(account, "INBOX", "1:3", "box/inner", FALSE);
		break;
	case 8:
		transfer(account, "INBOX", "2:3", "box/inner", TRUE);
		break;
	case 9:
		with_set(inbox, "1:4", MESSAGE_DELETED);
		break;
	case 10:
		g_assert_true(mailbox_expunge(inbox, NULL, NULL, NULL));
		break;
	case 11:
		g_assert_true(account_create_mailbox(account, "box", NULL, NULL));
		break;
	case 12:
		g_assert_true(account_rename_mailbox(account, "box", "moved", NULL));
		break;
	case 13:
		deliver(account->maildir, "", "new", "100.delivered", "Subject: delivered\r\n\r\nx\r\n");
		snapshot_unref(get_snapshot(inbox));
		break;
	case 14:
		transfer(account, "moved/inner", "4", "moved", TRUE);
		break;
	case 15:
		g_assert_true(account_delete_mailbox(account, "moved/inner", NULL));
		break;
	case 16:
		g_assert_true(account_subscribe(account, "moved", TRUE, NULL));
		break;
	case 17:
		(void)append_number(inbox, 77);
		break;
	case 18:
		transfer(account, "INBOX", "1:*", "INBOX", TRUE);
		break;
	case 19:
		with_set(inbox, "1:*", MESSAGE_FLAGGED);
		break;
	case 20:
		g_assert_true(account_delete_mailbox(account, "moved", NULL));
		break;
	case 21:
		append_many(inbox, 100, 3);
		break;
	}
}

static void dump_annotations(Account *account, const char *mailbox, GString *text)
{
	static const char *const names[] = { "/private", "/shared", NULL };
	g_autoptr(GPtrArray) entries = account_get_metadata(account, mailbox, names, METADATA_DEPTH_INFINITY, NULL);
	for (guint i = 0; i < entries->len; i++) {
		const MetadataEntry *entry = entries->pdata[i];
		if (entry->value != NULL)
			g_string_append_printf(text, " %s=%.*s", entry->name, (int)g_bytes_get_size(entry->value),
				(const char *)g_bytes_get_data(entry->value, NULL));
	}
}

/* All that a client can see, but modseqs. Also checks that each message can be read, and that cur/ has nothing else. */
static char *dump_account(Account *account)
{
	g_autoptr(GPtrArray) list = account_list_mailboxes(account, TRUE, NULL);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < list->len; i++) {
		const MailboxInfo *info = list->pdata[i];
		g_string_append_printf(text, "%s%s", info->name, info->flags & MAILBOX_SUBSCRIBED ? "*" : "");
		if ((info->flags & MAILBOX_NONEXISTENT) == 0)
			dump_annotations(account, info->name, text);
		if (info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) {
			g_string_append(text, "!; ");
			continue;
		}
		g_autoptr(Mailbox) mailbox = open_mailbox(account, info->name);
		g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
		g_autofree char *flags = dump_flags(snapshot);
		g_autofree char *cur = mailbox_path(mailbox, "cur", NULL);
		g_assert_cmpuint(count_files(cur), ==, snapshot_count(snapshot));
		g_string_append_printf(text, " [%s]", flags);
		for (guint32 k = 0; k < snapshot_count(snapshot); k++) {
			g_autoptr(GBytes) bytes = mailbox_load(mailbox, snapshot_uid_at(snapshot, k), NULL);
			g_assert_nonnull(bytes);
			g_autofree char *octets =
				g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
			const char *subject = strstr(octets, "Subject: ");
			g_assert_nonnull(subject);
			g_auto(GStrv) line = g_strsplit(subject, "\r", 2);
			g_string_append_printf(text, " %s", line[0] + strlen("Subject: "));
		}
		g_string_append(text, "; ");
	}
	return g_string_free(text, FALSE);
}

static Account *open_account(const char *root, Store **store_out)
{
	g_autoptr(GError) error = NULL;
	*store_out = store_open(&(StoreOptions){ .mail_root = root }, &error);
	g_assert_no_error(error);
	Account *account = store_get_account(*store_out, "joe", &error);
	g_assert_no_error(error);
	return account;
}

static void make_account(const char *root)
{
	g_autoptr(Store) store = store_open(&(StoreOptions){ .mail_root = root }, NULL);
	g_assert_true(store_create_account(store, "joe", NULL));
}

/* The state after each step, [0] before the first. */
static void make_reference(char *states[STEPS + 1])
{
	g_autofree char *root = make_root();
	make_account(root);
	Store *store;
	Account *account = open_account(root, &store);
	{
		g_autoptr(Mailbox) inbox = open_mailbox(account, "INBOX");
		states[0] = dump_account(account);
		for (guint step = 0; step < STEPS; step++) {
			run_step(account, inbox, step);
			states[step + 1] = dump_account(account);
			g_test_message("%u: %s", step, states[step + 1]);
		}
	}
	account_unref(account);
	store_close(store);
	g_assert_true(maildir_remove_tree(root, NULL));
}

/* In the child: writes one octet for each step that was acknowledged. Opening counts as well. */
G_NORETURN static void run_child(const char *root, gint limit, int pipe_fd)
{
	calls_made = 0;
	calls_left = limit;
	Store *store;
	Account *account = open_account(root, &store);
	Mailbox *inbox = open_mailbox(account, "INBOX");
	for (guint step = 0; step < STEPS; step++) {
		run_step(account, inbox, step);
		if (write(pipe_fd, "x", 1) != 1)
			_exit(3);
	}
	mailbox_unref(inbox);
	account_unref(account);
	store_close(store);
	_exit(0);
}

/* Returns how many steps were acknowledged. *@killed_out: whether it came to the kill. */
static guint run_until(const char *root, gint limit, gboolean *killed_out)
{
	int fds[2], status;
	g_assert_cmpint(pipe(fds), ==, 0);
	pid_t child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		(void)close(fds[0]);
		run_child(root, limit, fds[1]);
	}
	(void)close(fds[1]);
	char octets[STEPS];
	gsize done = 0;
	for (gssize got; (got = read(fds[0], octets, sizeof(octets))) > 0;)
		done += (gsize)got;
	(void)close(fds[0]);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	*killed_out = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	g_assert_true(*killed_out || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return (guint)done;
}

/* What an APPEND of several had in cur/ before it was undone. */
static void remove_undone(const char *tmp)
{
	g_autoptr(GPtrArray) names = NULL;
	g_assert_true(maildir_read_directory(tmp, FALSE, &names, NULL));
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(tmp, names->pdata[i], NULL);
		if (g_str_has_prefix(names->pdata[i], MAILDIR_UNDONE_PREFIX))
			(void)unlink(path);
	}
}

static void nothing_acknowledged_is_lost(void)
{
	char *states[STEPS + 1];
	make_reference(states);
	gboolean killed = TRUE;
	gint limit = 1;
	for (; killed; limit++) {
		g_autofree char *root = make_root();
		make_account(root);
		guint done = run_until(root, limit, &killed);
		Store *store;
		Account *account = open_account(root, &store);
		g_autofree char *state = dump_account(account);
		g_autofree char *tmp = account_path(account, "tmp", NULL, NULL);
		if (strcmp(state, states[done]) != 0 &&
			(done == STEPS || strcmp(state, states[done + 1]) != 0))
			g_error("killed before call %d, in step %u:\n found %s\nbefore %s\n after %s", limit,
				done, state, states[done], done < STEPS ? states[done + 1] : "");
		g_autofree char *delivered =
			g_build_filename(tmp, "100.delivered", NULL); /* not ours: it may still come */
		(void)unlink(delivered);
		remove_undone(tmp);
		g_assert_cmpuint(count_files(tmp), ==, 0);
		account_unref(account);
		store_close(store);
		g_assert_true(maildir_remove_tree(root, NULL));
	}
	g_test_message("%d calls", limit);
	g_assert_cmpint(limit, >, 100);
	for (guint i = 0; i <= STEPS; i++)
		g_free(states[i]);
}

/* The process that puts things right may be killed as well. */
static void recovery_may_be_interrupted(void)
{
	char *states[STEPS + 1];
	make_reference(states);
	for (guint round = 0; round < 60; round++) {
		g_autofree char *root = make_root();
		make_account(root);
		gboolean killed;
		/* A limit somewhere; then some openings that do not come far. */
		guint done = run_until(root, g_test_rand_int_range(20, 400), &killed);
		for (guint again = 0; killed && again < 4; again++) {
			pid_t child = fork();
			if (child == 0) {
				calls_left = g_test_rand_int_range(1, 40);
				Store *store;
				(void)open_account(root, &store);
				_exit(0);
			}
			int status;
			g_assert_cmpint(waitpid(child, &status, 0), ==, child);
		}
		Store *store;
		Account *account = open_account(root, &store);
		g_autofree char *state = dump_account(account);
		if (strcmp(state, states[done]) != 0 &&
			(done == STEPS || strcmp(state, states[done + 1]) != 0))
			g_error("in step %u:\n found %s\nbefore %s\n after %s", done, state, states[done],
				done < STEPS ? states[done + 1] : "");
		account_unref(account);
		store_close(store);
		g_assert_true(maildir_remove_tree(root, NULL));
	}
	for (guint i = 0; i <= STEPS; i++)
		g_free(states[i]);
}

/* -- A disk that fails ----------------------------------------------------------------------------------------------------------- */

static void a_failed_fsync_makes_it_read_only(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_number(fixture->inbox, 1);
	failing_errno = EIO;
	AppendMessage message = { .spool = spool_new(fixture->account, NULL) };
	g_assert_false(mailbox_append(fixture->inbox, &message, 1, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_IO);
	failing_errno = 0;
	/* Not tried again: what the kernel dropped will not be written by a second fsync(). */
	g_assert_null(spool_new(fixture->account, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_READ_ONLY);
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_false(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_SEEN, NULL, G_MAXUINT64, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_READ_ONLY);
	g_assert_false(account_create_mailbox(fixture->account, "x", NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_READ_ONLY);
	/* Reading goes on. */
	deliver(fixture->account->maildir, "", "new", "1.x", "waits\r\n");
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_count(snapshot), ==, 1);
	guint32 recent;
	g_assert_true(mailbox_claim_recent(fixture->inbox, snapshot, TRUE, &recent, &error));
	g_assert_cmpuint(count_files(cur), ==, 1);
	/* A new process tries anew. */
	fixture_reopen(fixture);
	g_autoptr(Snapshot) later = get_snapshot(fixture->inbox);
	g_assert_cmpuint(snapshot_count(later), ==, 2);
}

static void a_failed_commit_makes_it_read_only(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	append_many(fixture->inbox, 0, 2);
	failing_errno = EIO;
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_false(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_SEEN, NULL, G_MAXUINT64, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_DATABASE);
	failing_errno = 0;
	g_assert_false(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_SEEN, NULL, G_MAXUINT64, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_READ_ONLY);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/durability/nothing_acknowledged_is_lost", nothing_acknowledged_is_lost);
	g_test_add_func("/durability/recovery_may_be_interrupted", recovery_may_be_interrupted);
	g_test_add("/durability/a_failed_fsync_makes_it_read_only", Fixture, NULL, fixture_setup,
		a_failed_fsync_makes_it_read_only, fixture_teardown);
	g_test_add("/durability/a_failed_commit_makes_it_read_only", Fixture, NULL, fixture_setup,
		a_failed_commit_makes_it_read_only, fixture_teardown);
	return g_test_run();
}
