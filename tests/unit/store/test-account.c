/* Accounts, names of mailboxes, what another program did to the Maildir, what a crash left behind. */
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *list_names(Account *account, gboolean subscribed)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = account_list_mailboxes(account, subscribed, &error);
	g_assert_no_error(error);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < list->len; i++) {
		const MailboxInfo *info = list->pdata[i];
		g_string_append_printf(text, "%s%s", i > 0 ? " " : "", info->name);
		if (info->flags & MAILBOX_NOSELECT)
			g_string_append_c(text, '!');
		if (info->flags & MAILBOX_NONEXISTENT)
			g_string_append_c(text, '?');
		if (info->flags & MAILBOX_HAS_CHILDREN)
			g_string_append_c(text, '+');
		if (subscribed && (info->flags & MAILBOX_SUBSCRIBED))
			g_string_append_c(text, '*');
		if (info->special_use != NULL)
			g_string_append(text, info->special_use);
	}
	return g_string_free(text, FALSE);
}

static void expect_list(Fixture *fixture, const char *expected)
{
	g_autofree char *names = list_names(fixture->account, FALSE);
	g_assert_cmpstr(names, ==, expected);
}

static void expect_flags(Mailbox *mailbox, const char *expected)
{
	g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
	g_autofree char *flags = dump_flags(snapshot);
	g_assert_cmpstr(flags, ==, expected);
}

static void create(Fixture *fixture, const char *name)
{
	g_autoptr(GError) error = NULL;
	account_create_mailbox(fixture->account, name, NULL, &error);
	g_assert_no_error(error);
}

static void rename_mailbox(Fixture *fixture, const char *from, const char *to)
{
	g_autoptr(GError) error = NULL;
	account_rename_mailbox(fixture->account, from, to, &error);
	g_assert_no_error(error);
}

static gboolean has_folder(Fixture *fixture, const char *folder)
{
	g_autofree char *path = account_path(fixture->account, folder, "cur", NULL);
	return maildir_is_directory(path);
}

/* -- Accounts ----------------------------------------------------------------------------------------------------------------- */

static void accounts_come_and_go(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_assert_true(store_create_account(fixture->store, "ann@example.org", &error));
	g_assert_false(store_create_account(fixture->store, "joe", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_EXISTS);
	g_autoptr(GPtrArray) names = store_list_accounts(fixture->store, &error);
	g_assert_cmpuint(names->len, ==, 2);
	g_assert_cmpstr(names->pdata[0], ==, "ann@example.org");
	g_autoptr(Account) ann = store_get_account(fixture->store, "ann@example.org", &error);
	g_assert_cmpstr(account_name(ann), ==, "ann@example.org");
	g_autoptr(Mailbox) inbox = open_mailbox(ann, "inbox");
	(void)append_number(inbox, 1);
	g_assert_true(store_delete_account(fixture->store, "ann@example.org", &error));
	g_assert_false(store_delete_account(fixture->store, "ann@example.org", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	g_assert_null(store_get_account(fixture->store, "ann@example.org", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	g_assert_null(store_get_account(fixture->store, "nobody", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	/* A new one of that name has nothing of the old, and who still has the old one cannot touch the new. */
	g_assert_true(store_create_account(fixture->store, "ann@example.org", &error));
	AppendMessage message = { .spool = spool_new(ann, NULL) };
	g_assert_false(mailbox_append(inbox, &message, 1, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	g_autoptr(Account) new_ann = store_get_account(fixture->store, "ann@example.org", &error);
	g_autoptr(Mailbox) new_inbox = open_mailbox(new_ann, "INBOX");
	expect_flags(new_inbox, "");
	g_assert_cmpuint(count_files(fixture->root), ==, 2);
}

/* By another process: what one process has open is not what is there. */
static void a_deleted_account_is_noticed(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autoptr(Store) other = fixture_second_store(fixture);
	(void)append_number(fixture->inbox, 1);
	g_assert_true(store_delete_account(other, "joe", &error));
	g_assert_null(store_get_account(fixture->store, "joe", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	g_assert_true(store_create_account(other, "joe", &error));
	AppendMessage message = { .spool = spool_new(fixture->account, NULL) };
	g_assert_false(mailbox_append(fixture->inbox, &message, 1, NULL, NULL, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	g_autoptr(Account) again = store_get_account(fixture->store, "joe", &error);
	g_assert_true(again != fixture->account);
	g_autoptr(Mailbox) inbox = open_mailbox(again, "INBOX");
	expect_flags(inbox, "");
	(void)append_number(inbox, 2);
	g_clear_pointer(&inbox, mailbox_unref);
	g_clear_pointer(&again, account_unref);
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1:");
}

static void bad_account_names_are_refused(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const char *const bad[] = { "", ".", "..", ".x", "a/b", "../joe", "a\nb", "a\177", "a\377",
		"a\302\200" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		GError *error = NULL;
		g_assert_false(store_account_name_ok(bad[i]));
		g_assert_false(store_create_account(fixture->store, bad[i], &error));
		expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
		g_assert_null(store_get_account(fixture->store, bad[i], &error));
		expect_error(g_steal_pointer(&error), STORE_ERROR_NO_ACCOUNT);
	}
	g_assert_true(store_account_name_ok("josé m. @ home"));
}

static void idle_accounts_are_closed(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) store =
		store_open(&(StoreOptions){ .mail_root = fixture->root, .max_open_accounts = 2 }, &error);
	for (guint i = 0; i < 6; i++) {
		g_autofree char *name = g_strdup_printf("user%u", i);
		g_assert_true(store_create_account(store, name, &error));
		g_autoptr(Account) account = store_get_account(store, name, &error);
		g_autoptr(Mailbox) inbox = open_mailbox(account, "INBOX");
		(void)append_number(inbox, i);
	}
	g_assert_cmpuint(g_hash_table_size(store->accounts), <=, 2);
	g_autoptr(Account) first = store_get_account(store, "user0", &error);
	g_autoptr(Mailbox) inbox = open_mailbox(first, "INBOX");
	expect_flags(inbox, "1:");
}

static void a_missing_maildir_is_an_error(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *maildir = g_build_filename(fixture->root, "joe", "Maildir", NULL);
	g_autofree char *away = g_build_filename(fixture->root, "away", NULL);
	(void)append_number(fixture->inbox, 1);
	g_clear_pointer(&fixture->inbox, mailbox_unref);
	g_clear_pointer(&fixture->account, account_unref);
	g_clear_pointer(&fixture->store, store_close);
	/* Not mounted: nothing is taken for expunged. */
	g_assert_cmpint(rename(maildir, away), ==, 0);
	g_autoptr(Store) store = store_open(&(StoreOptions){ .mail_root = fixture->root }, &error);
	g_assert_null(store_get_account(store, "joe", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_IO);
	g_assert_cmpint(rename(away, maildir), ==, 0);
	g_autoptr(Account) account = store_get_account(store, "joe", &error);
	g_autoptr(Mailbox) inbox = open_mailbox(account, "INBOX");
	expect_flags(inbox, "1:");
	g_assert_null(store_open(&(StoreOptions){ .mail_root = "/nonexistent/mail" }, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_IO);
}

/* -- Names of mailboxes ---------------------------------------------------------------------------------------------------------- */

static void a_new_account_has_inbox(Fixture *fixture, gconstpointer data)
{
	(void)data;
	expect_list(fixture, "INBOX");
	g_autofree char *subscribed = list_names(fixture->account, TRUE);
	g_assert_cmpstr(subscribed, ==, "INBOX*");
}

static void mailboxes_are_listed_with_their_superiors(Fixture *fixture, gconstpointer data)
{
	(void)data;
	create(fixture, "a/b/c");
	create(fixture, "INBOX/x");
	create(fixture, "b.c");
	create(fixture, "a-b");
	create(fixture, "été/");
	expect_list(fixture, "INBOX+ INBOX/x a!+ a-b a/b!+ a/b/c b.c été");
	create(fixture, "a");
	expect_list(fixture, "INBOX+ INBOX/x a+ a-b a/b!+ a/b/c b.c été");
	g_assert_true(has_folder(fixture, ".a.b.c"));
	g_assert_true(has_folder(fixture, ".b&AC4-c"));
	fixture_reopen(fixture);
	expect_list(fixture, "INBOX+ INBOX/x a+ a-b a/b!+ a/b/c b.c été");
}

static void creating_fails_with_a_reason(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *name, *use;
		StoreError code;
	} cases[] = {
		{ "INBOX", NULL, STORE_ERROR_EXISTS },
		{ "inbox", NULL, STORE_ERROR_EXISTS },
		{ "there", NULL, STORE_ERROR_EXISTS },
		{ "there/", NULL, STORE_ERROR_EXISTS },
		{ "", NULL, STORE_ERROR_BAD_NAME },
		{ "/", NULL, STORE_ERROR_BAD_NAME },
		{ "a//b", NULL, STORE_ERROR_BAD_NAME },
		{ "a\tb", NULL, STORE_ERROR_BAD_NAME },
		{ "x", "\\All", STORE_ERROR_SPECIAL_USE },
		{ "x", "Sent", STORE_ERROR_SPECIAL_USE },
		{ "x", " ", STORE_ERROR_SPECIAL_USE },
		{ "x", "\\Sent ", STORE_ERROR_SPECIAL_USE },
		{ "x", "\\Sent  \\Trash", STORE_ERROR_SPECIAL_USE },
		{ "x", "\\Sent \\All", STORE_ERROR_SPECIAL_USE },
		{ "x", "\\Sent \\Junk", STORE_ERROR_SPECIAL_USE }, /* taken */
		{ "x", "\\Junk", STORE_ERROR_SPECIAL_USE },
	};
	g_assert_true(account_create_mailbox(fixture->account, "spam", "\\Junk", NULL));
	create(fixture, "there");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_assert_false(account_create_mailbox(fixture->account, cases[i].name, cases[i].use, &error));
		expect_error(error, cases[i].code);
	}
	g_assert_false(has_folder(fixture, ".x")); /* it would be found as a mailbox later */
	expect_list(fixture, "INBOX spam\\Junk there");
}

static void well_known_names_have_their_use(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	create(fixture, "Sent");
	create(fixture, "SENT");
	g_assert_true(account_create_mailbox(fixture->account, "Papierkorb", "\\Trash", &error));
	create(fixture, "Trash");
	create(fixture, "x/Drafts");
	g_assert_true(account_create_mailbox(fixture->account, "Archive", "", &error));
	g_assert_true(account_create_mailbox(fixture->account, "Junk", "\\drafts \\ARCHIVE \\Drafts", &error));
	create(fixture, "Drafts");
	expect_list(fixture,
		"INBOX Archive Drafts Junk\\Archive \\Drafts Papierkorb\\Trash SENT Sent\\Sent Trash x!+ x/Drafts");
}

static void deleting_leaves_names_with_inferiors(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	create(fixture, "a");
	create(fixture, "a/b");
	g_assert_true(account_delete_mailbox(fixture->account, "a", &error));
	expect_list(fixture, "INBOX a!+ a/b");
	g_assert_false(has_folder(fixture, ".a"));
	g_assert_false(account_delete_mailbox(fixture->account, "a", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_CANNOT);
	g_assert_null(account_open_mailbox(fixture->account, "a", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_MAILBOX);
	g_assert_true(account_delete_mailbox(fixture->account, "a/b", &error));
	expect_list(fixture, "INBOX");
	g_assert_false(account_delete_mailbox(fixture->account, "a", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_MAILBOX);
	g_assert_false(account_delete_mailbox(fixture->account, "Inbox", &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_CANNOT);
}

static void uidvalidity_and_objectid_are_never_reused(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint32 last = 0;
	for (guint i = 0; i < 5; i++) {
		create(fixture, "again");
		g_autoptr(Mailbox) mailbox = open_mailbox(fixture->account, "again");
		g_autoptr(Snapshot) snapshot = get_snapshot(mailbox);
		g_assert_cmpuint(snapshot_uidvalidity(snapshot), >, last);
		last = snapshot_uidvalidity(snapshot);
		g_assert_true(g_hash_table_add(ids, mailbox_objectid(mailbox)));
		g_assert_true(account_delete_mailbox(fixture->account, "again", &error));
	}
}

static void deleting_frees_the_contents(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	create(fixture, "a");
	g_autoptr(Mailbox) a = open_mailbox(fixture->account, "a");
	append_many(a, 0, 4);
	(void)append_number(fixture->inbox, 2);
	FeedState state;
	g_assert_true(account_delete_mailbox(fixture->account, "a", &error));
	g_assert_true(account_feed_state(fixture->account, &state, &error));
	g_assert_cmpuint(state.emails, ==, 1);
	g_assert_cmpuint(state.max_gone_seq, ==, 3);
	g_autofree char *tmp = account_path(fixture->account, "tmp", NULL, NULL);
	g_assert_cmpuint(count_files(tmp), ==, 0);
}

static void renaming_takes_inferiors_along(Fixture *fixture, gconstpointer data)
{
	(void)data;
	create(fixture, "a");
	create(fixture, "a/b");
	create(fixture, "a/b/c.d");
	create(fixture, "ab");
	g_autoptr(Mailbox) inner = open_mailbox(fixture->account, "a/b/c.d");
	(void)append_number(inner, 1);
	g_autofree char *objectid = mailbox_objectid(inner);
	g_autoptr(Snapshot) before = get_snapshot(inner);
	rename_mailbox(fixture, "a", "z/é");
	expect_list(fixture, "INBOX ab z!+ z/é+ z/é/b+ z/é/b/c.d");
	g_assert_true(has_folder(fixture, ".z.&AOk-.b.c&AC4-d"));
	g_assert_false(has_folder(fixture, ".a.b"));
	/* Who has it open goes on; it is the same mailbox. */
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = mailbox_load(inner, 1, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(append_number(inner, 2), ==, 2);
	g_autoptr(Mailbox) again = open_mailbox(fixture->account, "z/é/b/c.d");
	g_assert_true(again == inner);
	g_autoptr(Snapshot) after = get_snapshot(again);
	g_assert_cmpuint(snapshot_uidvalidity(after), ==, snapshot_uidvalidity(before));
	g_autofree char *same = mailbox_objectid(again);
	g_assert_cmpstr(same, ==, objectid);
	/* A name without a mailbox moves its inferiors, too; a child may take its parent's place. */
	rename_mailbox(fixture, "z", "y");
	expect_list(fixture, "INBOX ab y!+ y/é+ y/é/b+ y/é/b/c.d");
	rename_mailbox(fixture, "y/é", "y");
	expect_list(fixture, "INBOX ab y+ y/b+ y/b/c.d");
	create(fixture, "p/q");
	create(fixture, "p/q/q");
	rename_mailbox(fixture, "p/q", "p");
	expect_list(fixture, "INBOX ab p+ p/q y+ y/b+ y/b/c.d");
	expect_flags(inner, "1: 2:");
}

static void renaming_fails_with_a_reason(Fixture *fixture, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *from, *to;
		StoreError code;
	} cases[] = {
		{ "nothing", "x", STORE_ERROR_NO_MAILBOX },
		{ "a", "a", STORE_ERROR_EXISTS },
		{ "a", "b", STORE_ERROR_EXISTS },
		{ "a", "inbox", STORE_ERROR_EXISTS },
		{ "a", "a/b/c", STORE_ERROR_CANNOT },
		{ "a", "c", STORE_ERROR_EXISTS }, /* c/x is there, and would be a/x */
		{ "a", "x//y", STORE_ERROR_BAD_NAME },
		{ "INBOX", "b", STORE_ERROR_EXISTS },
		{ "INBOX", "x\n", STORE_ERROR_BAD_NAME },
	};
	create(fixture, "a");
	create(fixture, "a/x");
	create(fixture, "b");
	create(fixture, "c/x");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_assert_false(account_rename_mailbox(fixture->account, cases[i].from, cases[i].to, &error));
		expect_error(error, cases[i].code);
	}
	expect_list(fixture, "INBOX a+ a/x b c!+ c/x");
	/* A folder that is there on disk and no mailbox yet is not overwritten; and what was moved before it is moved back. */
	g_autofree char *in_the_way = account_path(fixture->account, ".n.x", NULL, NULL);
	g_assert_cmpint(mkdir(in_the_way, 0700), ==, 0);
	GError *error = NULL;
	g_assert_false(account_rename_mailbox(fixture->account, "a", "n", &error));
	expect_error(error, STORE_ERROR_EXISTS);
	g_assert_true(has_folder(fixture, ".a"));
	g_assert_true(has_folder(fixture, ".a.x"));
	expect_list(fixture, "INBOX a+ a/x b c!+ c/x");
}

static void renaming_inbox_moves_its_messages(Fixture *fixture, gconstpointer data)
{
	(void)data;
	append_many(fixture->inbox, 0, 3);
	create(fixture, "INBOX/child");
	rename_mailbox(fixture, "inbox", "old/mail");
	expect_list(fixture, "INBOX+ INBOX/child old!+ old/mail");
	expect_flags(fixture->inbox, "");
	g_autoptr(Mailbox) old = open_mailbox(fixture->account, "old/mail");
	expect_flags(old, "1: 2: 3:");
	g_assert_cmpuint(append_number(fixture->inbox, 9), ==, 4);
}

static void subscriptions_outlive_mailboxes(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	create(fixture, "a/b");
	g_assert_true(account_subscribe(fixture->account, "a/b", TRUE, &error));
	g_assert_true(account_subscribe(fixture->account, "a/b", TRUE, &error));
	g_assert_true(account_subscribe(fixture->account, "never/there", TRUE, &error));
	g_assert_true(account_subscribe(fixture->account, "inbox", FALSE, &error));
	g_assert_false(account_subscribe(fixture->account, "bad//name", TRUE, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
	g_autofree char *first = list_names(fixture->account, TRUE);
	g_assert_cmpstr(first, ==, "INBOX a!+ a/b* never/there?*");
	g_assert_true(account_delete_mailbox(fixture->account, "a/b", &error));
	g_autofree char *second = list_names(fixture->account, TRUE);
	g_assert_cmpstr(second, ==, "INBOX a/b?* never/there?*");
}

/* -- Other programs ------------------------------------------------------------------------------------------------------------------ */

static void write_text(const char *folder, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_file_set_contents(path, text, -1, &error);
	g_assert_no_error(error);
}

/* A tree as Dovecot leaves it. */
static char *make_dovecot_tree(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	char *maildir = g_build_filename(fixture->root, "ann", "Maildir", NULL);
	g_autofree char *sent = g_build_filename(maildir, ".Sent.2024", NULL);
	g_autofree char *account = g_path_get_dirname(maildir);
	g_assert_cmpint(mkdir(account, 0700), ==, 0);
	g_assert_true(maildir_make_folder(maildir, "", &error));
	g_assert_true(maildir_make_folder(maildir, ".Sent.2024", &error));
	deliver(maildir, "", "cur", "100.a:2,Sab", "Subject: a\n\na\n");
	deliver(maildir, "", "cur", "101.b:2,", "Subject: b\n\nb\n");
	deliver(maildir, "", "cur", "102.c:2,FR", "Subject: c\n\nc\n");
	deliver(maildir, "", "cur", "099.not-in-list:2,", "Subject: d\n\nd\n");
	deliver(maildir, "", "new", "103.new", "Subject: new\n\nnew\n");
	write_text(maildir, "dovecot-uidlist",
		"3 V1275660208 N500 G3085f01b7f11094c501100008c4a11c1\n7 :102.c\n20 W99 S88 :100.a\n30 "
		":101.b:2,S\n40 :lost\n");
	write_text(maildir, "dovecot-keywords", "0 $Forwarded\n1 work\n");
	write_text(maildir, "subscriptions", "V\t2\n\nSent\t2024\nINBOX\n");
	deliver(maildir, ".Sent.2024", "cur", "1.x:2,S", "Subject: sent\n\nx\n");
	write_text(sent, "courierimapuiddb", "1 1111111111 43\n42 1.x\n");
	return maildir;
}

static void a_dovecot_tree_is_taken_over(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *maildir = make_dovecot_tree(fixture);
	g_autoptr(Account) ann = store_get_account(fixture->store, "ann", &error);
	g_assert_no_error(error);
	g_autofree char *list = list_names(ann, TRUE);
	g_assert_cmpstr(list, ==, "INBOX* Sent!+ Sent/2024*");
	g_autoptr(Mailbox) inbox = open_mailbox(ann, "INBOX");
	/* Those of the list, then the one that is not in it, then what is new: the list's UIDNEXT is respected for that. */
	expect_flags(inbox, "7:FR 20:S{$Forwarded work} 30: 31: 500:");
	g_autoptr(Snapshot) snapshot = get_snapshot(inbox);
	g_assert_cmpuint(snapshot_uidvalidity(snapshot), ==, 1275660208);
	g_autoptr(Mailbox) sent = open_mailbox(ann, "Sent/2024");
	expect_flags(sent, "42:S");
	g_autoptr(Snapshot) sent_snapshot = get_snapshot(sent);
	g_assert_cmpuint(snapshot_uidvalidity(sent_snapshot), ==, 1111111111);
	g_assert_cmpuint(snapshot_uidnext(sent_snapshot), ==, 43);
	g_autoptr(GBytes) bytes = mailbox_load(inbox, 20, &error);
	g_assert_cmpuint(g_bytes_get_size(bytes), ==, strlen("Subject: a\r\n\r\na\r\n"));
}

static void close_account(Fixture *fixture)
{
	g_clear_pointer(&fixture->inbox, mailbox_unref);
	g_clear_pointer(&fixture->account, account_unref);
	g_clear_pointer(&fixture->store, store_close);
}

static char *only_file(const char *folder)
{
	g_autoptr(GPtrArray) names = NULL;
	g_assert_true(maildir_read_directory(folder, FALSE, &names, NULL));
	g_assert_cmpuint(names->len, ==, 1);
	return g_strdup(names->pdata[0]);
}

static void changes_of_others_are_found_at_the_next_open(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_autofree char *maildir = g_strdup(fixture->account->maildir);
	(void)append_number(fixture->inbox, 1);
	g_autofree char *first = only_file(cur);
	(void)append_number(fixture->inbox, 2);
	g_autoptr(UidSet) one = set_of("1");
	g_assert_true(mailbox_store_flags(fixture->inbox, one, FLAGS_ADD, MESSAGE_ANSWERED,
		(const char *const[]){ "kept", NULL }, G_MAXUINT64, NULL, NULL));
	close_account(fixture);
	/* mutt reads and flags the first; another one comes directly into cur/. */
	g_autofree char *base = g_strndup(first, maildir_base_len(first));
	g_autofree char *from = g_build_filename(cur, first, NULL);
	g_autofree char *to = g_strdup_printf("%s/%s:2,FS", cur, base);
	g_assert_cmpint(rename(from, to), ==, 0);
	deliver(maildir, "", "cur", "1.mbsync:2,S", "Subject: from mbsync\r\n\r\n");
	g_autoptr(GError) error = NULL;
	g_assert_true(maildir_make_folder(maildir, ".made.by-other", &error));
	deliver(maildir, ".made.by-other", "new", "1.x", "x\r\n");
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1:FRS{kept} 2: 3:S");
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, 1, &error);
	g_assert_no_error(error);
	g_autoptr(Mailbox) made = open_mailbox(fixture->account, "made/by-other");
	expect_flags(made, "1:");
	g_clear_pointer(&made, mailbox_unref);
	/* And deletes it. */
	close_account(fixture);
	g_assert_cmpint(unlink(to), ==, 0);
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "2: 3:S");
	FeedState state;
	g_assert_true(account_feed_state(fixture->account, &state, &error));
	g_assert_cmpuint(state.max_gone_seq, ==, 1);
}

static void a_renamed_file_is_found_while_open(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_number(fixture->inbox, 1);
	g_autofree char *name = only_file(cur);
	g_autofree char *from = g_build_filename(cur, name, NULL), *to = g_strconcat(from, "S", NULL);
	g_assert_cmpint(rename(from, to), ==, 0);
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, 1, &error);
	g_assert_no_error(error);
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_true(mailbox_copy(fixture->inbox, all, fixture->inbox, FALSE, NULL, NULL, NULL, &error));
	expect_flags(fixture->inbox, "1: 2:");
	g_assert_cmpint(unlink(to), ==, 0);
	g_assert_null(mailbox_load(fixture->inbox, 1, &error));
	expect_error(error, STORE_ERROR_EXPUNGED);
}

static void rename_in(const char *cur, const char *from, const char *to)
{
	g_autofree char *old = g_build_filename(cur, from, NULL), *new = g_build_filename(cur, to, NULL);
	g_assert_cmpint(rename(old, new), ==, 0);
}

/* Adds flags to the name of the one file in @cur. */
static void rename_only_file(const char *cur, const char *flags)
{
	g_autofree char *name = only_file(cur);
	g_autofree char *to = g_strconcat(name, flags, NULL);
	rename_in(cur, name, to);
}

static void expunge_all(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) all = set_of("1:*");
	g_assert_true(mailbox_store_flags(
		fixture->inbox, all, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
}

static void what_was_expunged_never_comes_back(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_number(fixture->inbox, 1);
	rename_only_file(cur, "RS");
	expunge_all(fixture);
	g_assert_cmpuint(count_files(cur), ==, 0);
	/* MOVE */
	create(fixture, "target");
	(void)append_number(fixture->inbox, 2);
	rename_only_file(cur, "S");
	{
		g_autoptr(Mailbox) target = open_mailbox(fixture->account, "target");
		g_autoptr(UidSet) all = set_of("1:*");
		g_assert_true(mailbox_copy(fixture->inbox, all, target, TRUE, NULL, NULL, NULL, &error));
		g_assert_no_error(error);
		expect_flags(target, "1:");
	}
	g_assert_cmpuint(count_files(cur), ==, 0);
	/* After a crash between the commit and the unlink(). */
	(void)append_number(fixture->inbox, 3);
	Db *db = account_acquire_db(fixture->account, &error);
	g_assert_true(db_exec(db,
		"INSERT INTO garbage SELECT mailbox, file FROM message WHERE mailbox=1;"
		"DELETE FROM message WHERE mailbox=1",
		&error));
	account_release_db(fixture->account, db);
	rename_only_file(cur, "F");
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "");
	g_assert_cmpuint(count_files(cur), ==, 0);
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "");
}

/* One file copied into new/ twice gives two messages of one base name, if a program renames the first in between. */
static void expunging_takes_no_other_message_of_that_name(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	const char *maildir = fixture->account->maildir;
	deliver(maildir, "", "new", "mail", "Subject: first\r\n\r\n");
	expect_flags(fixture->inbox, "1:");
	rename_in(cur, "mail:2,", "mail:2,S");
	deliver(maildir, "", "new", "mail", "Subject: second\r\n\r\n");
	expect_flags(fixture->inbox, "1: 2:");
	g_autoptr(UidSet) first = set_of("1");
	g_assert_true(mailbox_store_flags(
		fixture->inbox, first, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	rename_in(cur, "mail:2,S", "mail:2,FS");
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
	expect_flags(fixture->inbox, "2:");
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, 2, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_bytes_get_size(bytes), ==, strlen("Subject: second\r\n\r\n"));
}

/* A file may get the name of one that is gone, but in `garbage` still. */
static void a_name_that_was_garbage_may_be_used_again(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	deliver(fixture->account->maildir, "", "new", "mail", "Subject: first\r\n\r\n");
	expect_flags(fixture->inbox, "1:");
	expunge_all(fixture);
	deliver(fixture->account->maildir, "", "new", "mail", "Subject: second\r\n\r\n");
	expect_flags(fixture->inbox, "2:");
	g_assert_true(account_collect_garbage(fixture->account, NULL));
	g_assert_cmpuint(count_files(cur), ==, 1);
	expect_flags(fixture->inbox, "2:");
}

/* mutt moves a file from new/ to cur/ whose base name is that of a message: no octets of another message. */
static void a_file_of_the_same_base_is_not_taken_for_it(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_autoptr(UidSet) all = set_of("1:*");
	(void)append_number(fixture->inbox, 1);
	g_autofree char *name = only_file(cur), *flagged = g_strconcat(name, "F", NULL),
			*other = g_strconcat(name, "S", NULL);
	rename_in(cur, name, flagged);
	deliver(fixture->account->maildir, "", "cur", other, "Subject: another\r\n\r\n");
	g_autoptr(GBytes) bytes = mailbox_load(fixture->inbox, 1, &error);
	g_assert_no_error(error);
	g_autofree char *text = make_message(1);
	g_assert_cmpuint(g_bytes_get_size(bytes), ==, strlen(text));
	g_assert_cmpint(memcmp(g_bytes_get_data(bytes, NULL), text, strlen(text)), ==, 0);
	g_autofree char *path = g_build_filename(cur, flagged, NULL);
	g_assert_cmpint(unlink(path), ==, 0);
	g_assert_null(mailbox_load(fixture->inbox, 1, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_EXPUNGED);
	g_assert_true(mailbox_copy(fixture->inbox, all, fixture->inbox, FALSE, NULL, NULL, NULL, &error));
	expect_flags(fixture->inbox, "1:");
}

static void keywords_of(Fixture *fixture, const char *expected)
{
	g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
	g_autofree char *all = g_strjoinv(" ", (char **)(guintptr)snapshot_all_keywords(snapshot, NULL));
	g_assert_cmpstr(all, ==, expected);
}

static void set_keywords(Fixture *fixture, const char *uids, FlagsOp op, const char *names)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) set = set_of(uids);
	g_auto(GStrv) list = g_strsplit(names, " ", -1);
	mailbox_store_flags(fixture->inbox, set, op, 0, (const char *const *)list, G_MAXUINT64, NULL, &error);
	g_assert_no_error(error);
}

static void unused_keywords_are_forgotten_at_the_next_open(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(fixture->inbox, 0, 5);
	set_keywords(fixture, "1", FLAGS_ADD, "a");
	set_keywords(fixture, "2", FLAGS_ADD, "b c");
	set_keywords(fixture, "3", FLAGS_ADD, "d e a");
	set_keywords(fixture, "4", FLAGS_ADD, "e");
	set_keywords(fixture, "5", FLAGS_ADD, "c f");
	set_keywords(fixture, "2", FLAGS_REMOVE, "b");
	set_keywords(fixture, "3", FLAGS_REMOVE, "d");
	expect_flags(fixture->inbox, "1:{a} 2:{c} 3:{a e} 4:{e} 5:{c f}");
	/* Not while another process may have them in a snapshot. */
	g_autoptr(Store) second = fixture_second_store(fixture);
	g_autoptr(Account) other = store_get_account(second, "joe", &error);
	g_assert_no_error(error);
	fixture_reopen(fixture);
	keywords_of(fixture, "a b c d e f");
	g_clear_pointer(&other, account_unref);
	g_clear_pointer(&second, store_close);
	guint64 modseqs[2];
	for (guint i = 0; i < 2; i++) {
		g_autoptr(Snapshot) snapshot = get_snapshot(fixture->inbox);
		modseqs[i] = snapshot_highestmodseq(snapshot);
		if (i == 0)
			fixture_reopen(fixture);
	}
	g_assert_cmpuint(modseqs[0], ==, modseqs[1]);
	keywords_of(fixture, "a c e f");
	expect_flags(fixture->inbox, "1:{a} 2:{c} 3:{a e} 4:{e} 5:{c f}");
	/* Numbers go on without gaps. */
	set_keywords(fixture, "1", FLAGS_ADD, "g c");
	set_keywords(fixture, "5", FLAGS_REMOVE, "c f");
	expect_flags(fixture->inbox, "1:{a c g} 2:{c} 3:{a e} 4:{e} 5:");
	fixture_reopen(fixture);
	keywords_of(fixture, "a c e g");
	expect_flags(fixture->inbox, "1:{a c g} 2:{c} 3:{a e} 4:{e} 5:");
	set_keywords(fixture, "1:*", FLAGS_REMOVE, "a c e g");
	fixture_reopen(fixture);
	keywords_of(fixture, "");
}

/* PRAGMA data_version is a number of the connection; that of the next one may be the same. */
static void writes_of_others_are_seen_after_a_rest(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) second = fixture_second_store(fixture);
	g_autoptr(Account) other = store_get_account(second, "joe", &error);
	g_assert_no_error(error);
	{
		g_autoptr(Mailbox) inbox = open_mailbox(other, "INBOX");
		account_rest(fixture->account);
		expect_flags(fixture->inbox, "");
		account_rest(fixture->account);
		(void)append_number(inbox, 1);
		expect_flags(fixture->inbox, "1:");
	}
	g_clear_pointer(&other, account_unref);
}

/* -- A write that comes while cur/ is compared with the rows ------------------------------------------------------------------------ */

typedef struct {
	Account *account;
	AccountWork work;
	gint begun; /* atomic */
} Meanwhile;

/* Changes rows, and lets the transaction end when the scan, which cannot have seen that, waits to write. */
static gboolean work_until_somebody_waits(Db *db, gpointer data, GError **error)
{
	Meanwhile *meanwhile = data;
	gboolean ok = meanwhile->work(db, NULL, error);
	g_atomic_int_set(&meanwhile->begun, 1);
	for (guint waiting = 0; waiting == 0; g_usleep(1000)) {
		g_mutex_lock(&meanwhile->account->write_mutex);
		waiting = g_queue_get_length(&meanwhile->account->writes);
		g_mutex_unlock(&meanwhile->account->write_mutex);
	}
	return ok;
}

static gpointer write_meanwhile(gpointer data)
{
	Meanwhile *meanwhile = data;
	g_assert_true(account_write(meanwhile->account, work_until_somebody_waits, meanwhile, NULL));
	return NULL;
}

static void scan_while(Fixture *fixture, AccountWork work)
{
	g_autoptr(GError) error = NULL;
	Meanwhile meanwhile = { fixture->account, work, 0 };
	GThread *thread = g_thread_new("writer", write_meanwhile, &meanwhile);
	while (!g_atomic_int_get(&meanwhile.begun))
		g_usleep(1000);
	g_assert_true(account_lock_exclusive(fixture->account->lock, &error));
	g_assert_true(mailbox_scan(fixture->inbox, 0, &error));
	account_lock_exclusive_end(fixture->account->lock);
	(void)g_thread_join(thread);
	mailbox_changed(fixture->inbox);
}

static gboolean store_answered(Db *db, gpointer data, GError **error)
{
	(void)data;
	G_STATIC_ASSERT(MESSAGE_ANSWERED == 2);
	return db_exec(db,
		"UPDATE message SET flags=flags|2, modseq=modseq+1;"
		"UPDATE mailbox SET highestmodseq=highestmodseq+1",
		error);
}

static void a_store_during_a_scan_is_kept(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_text(fixture->inbox, "Subject: x\r\n\r\n", MESSAGE_FLAGGED, NULL);
	g_autofree char *name = only_file(cur), *base = g_strndup(name, maildir_base_len(name)),
			*other = g_strconcat(base, ":2,S", NULL);
	rename_in(cur, name, other);
	scan_while(fixture, store_answered);
	expect_flags(fixture->inbox, "1:RS");
}

static gboolean expunge_first(Db *db, gpointer data, GError **error)
{
	(void)data;
	MailboxState state;
	ExpungeRow row = { 1, 1, NULL };
	if (!mailbox_state_read(db, 1, &state, error))
		return FALSE;
	(void)mailbox_state_touch(&state);
	return expunge_rows(db, &state, &row, 1, error) && mailbox_state_write(db, &state, error);
}

static void what_is_expunged_twice_goes_once(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_number(fixture->inbox, 1);
	g_autofree char *name = only_file(cur), *path = g_build_filename(cur, name, NULL);
	g_assert_cmpint(unlink(path), ==, 0);
	scan_while(fixture, expunge_first);
	expect_flags(fixture->inbox, "");
	Db *db = account_acquire_db(fixture->account, &error);
	gint64 expunged, rows, gone;
	g_assert_true(db_get_int(db, &error, &expunged, NULL, "SELECT count(*) FROM expunged"));
	g_assert_true(db_get_int(db, &error, &rows, NULL, "SELECT expunged_rows FROM mailbox"));
	g_assert_true(db_get_int(db, &error, &gone, NULL, "SELECT count(*) FROM email_gone"));
	account_release_db(fixture->account, db);
	g_assert_cmpint(expunged, ==, 1);
	g_assert_cmpint(rows, ==, 1);
	g_assert_cmpint(gone, ==, 1);
}

/* The mtime of INBOX's cur/ that the database has. */
static gint64 recorded_mtime_ns(const char *db_path)
{
	g_autoptr(GError) error = NULL;
	Db *db = db_open(db_path, 0, &error);
	g_assert_no_error(error);
	gint64 mtime_ns;
	g_assert_true(
		db_get_int(db, NULL, &mtime_ns, NULL, "SELECT cur_mtime_ns FROM mailbox WHERE name='INBOX'"));
	db_close(db);
	return mtime_ns;
}

/* What we do ourselves leads to no scan at the next open. */
static void own_changes_are_known(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	append_many(fixture->inbox, 0, 5);
	deliver(fixture->account->maildir, "", "new", "1.x", "x\r\n");
	expect_flags(fixture->inbox, "1: 2: 3: 4: 5: 6:");
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	g_autofree char *db_path = g_strdup(fixture->account->db_path);
	g_assert_cmpint(recorded_mtime_ns(db_path), ==, maildir_mtime_ns(cur));
	g_assert_false(mailbox_needs_scan(fixture->inbox));
	g_autoptr(UidSet) set = set_of("2:3");
	g_assert_true(mailbox_store_flags(
		fixture->inbox, set, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error));
	g_assert_true(mailbox_expunge(fixture->inbox, NULL, NULL, &error));
	close_account(fixture);
	g_assert_cmpint(recorded_mtime_ns(db_path), ==, maildir_mtime_ns(cur));
	fixture_reopen(fixture);
	/* In a file that another program adds, it shows. */
	deliver(fixture->account->maildir, "", "cur", "1.y:2,", "y\r\n");
	g_assert_true(mailbox_needs_scan(fixture->inbox));
}

/* -- Crashes -------------------------------------------------------------------------------------------------------------------------- */

static void orphans_are_admitted(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *maildir = g_strdup(fixture->account->maildir);
	(void)append_number(fixture->inbox, 1);
	close_account(fixture);
	deliver(maildir, "", "cur", "1.orphan:2,F", "Subject: orphan\r\n\r\n");
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "1: 2:F");
}

static void tmp_is_cleaned(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autofree char *maildir = g_strdup(fixture->account->maildir);
	g_autofree char *tmp = g_build_filename(maildir, "tmp", NULL);
	g_autofree char *old = g_build_filename(tmp, "old.foreign", NULL);
	g_autofree char *gone = g_build_filename(tmp, MAILDIR_GONE_PREFIX "7", "cur", NULL);
	g_autofree char *unique = maildir_unique_name(MAILDIR_ORIGINAL, 0, 0);
	g_autoptr(GRegex) pid = g_regex_new("P[0-9]+Q", 0, 0, NULL);
	g_autofree char *dead =
		g_regex_replace_literal(pid, unique, -1, 0, "P4194999Q", 0, NULL); /* above pid_max */
	g_autofree char *alive = g_regex_replace_literal(pid, unique, -1, 0, "P1Q", 0, NULL);
	close_account(fixture);
	write_text(tmp, "old.foreign", "x");
	write_text(tmp, "young.foreign", "x");
	write_text(tmp, dead, "x");
	write_text(tmp, alive, "x");
	g_assert_cmpint(g_mkdir_with_parents(gone, 0700), ==, 0);
	const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };
	g_assert_cmpint(utimensat(AT_FDCWD, old, times, 0), ==, 0);
	fixture_reopen(fixture);
	g_autoptr(GPtrArray) names = NULL;
	g_assert_true(maildir_read_directory(tmp, TRUE, &names, NULL));
	g_assert_cmpuint(names->len, ==, 2);
	for (guint i = 0; i < names->len; i++)
		g_assert_true(
			strcmp(names->pdata[i], "young.foreign") == 0 || strcmp(names->pdata[i], alive) == 0);
}

static void garbage_is_collected_at_open(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *cur = account_path(fixture->account, "cur", NULL, NULL);
	(void)append_number(fixture->inbox, 1);
	g_autofree char *name = only_file(cur);
	/* As after a crash between the commit of an EXPUNGE and the unlink(). */
	Db *db = account_acquire_db(fixture->account, &error);
	g_assert_true(db_exec(
		db, "INSERT INTO garbage SELECT mailbox, file FROM message; DELETE FROM message", &error));
	account_release_db(fixture->account, db);
	fixture_reopen(fixture);
	expect_flags(fixture->inbox, "");
	g_assert_cmpuint(count_files(cur), ==, 0);
	fixture_reopen(fixture);
	db = account_acquire_db(fixture->account, &error);
	gint64 n;
	g_assert_true(db_get_int(db, &error, &n, NULL, "SELECT count(*) FROM garbage"));
	g_assert_cmpint(n, ==, 0);
	account_release_db(fixture->account, db);
}

static void a_rename_that_did_not_commit_is_undone(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	create(fixture, "a");
	create(fixture, "a/b");
	g_autofree char *maildir = g_strdup(fixture->account->maildir);
	{
		g_autoptr(Mailbox) mailbox = open_mailbox(fixture->account, "a");
		(void)append_number(mailbox, 1);
	}
	Db *db = account_acquire_db(fixture->account, &error);
	g_assert_true(db_exec(db, "INSERT INTO folder_move VALUES ('.a','.z'), ('.a.b','.z.b')", &error));
	account_release_db(fixture->account, db);
	close_account(fixture);
	g_autofree char *from = g_build_filename(maildir, ".a", NULL),
			*to = g_build_filename(maildir, ".z", NULL);
	g_assert_cmpint(rename(from, to), ==, 0);
	fixture_reopen(fixture);
	expect_list(fixture, "INBOX a+ a/b");
	g_autoptr(Mailbox) mailbox = open_mailbox(fixture->account, "a");
	expect_flags(mailbox, "1:");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/account/" #name, Fixture, NULL, fixture_setup, name, fixture_teardown)
	ADD(accounts_come_and_go);
	ADD(a_deleted_account_is_noticed);
	ADD(bad_account_names_are_refused);
	ADD(idle_accounts_are_closed);
	ADD(a_missing_maildir_is_an_error);
	ADD(a_new_account_has_inbox);
	ADD(mailboxes_are_listed_with_their_superiors);
	ADD(creating_fails_with_a_reason);
	ADD(well_known_names_have_their_use);
	ADD(deleting_leaves_names_with_inferiors);
	ADD(uidvalidity_and_objectid_are_never_reused);
	ADD(deleting_frees_the_contents);
	ADD(renaming_takes_inferiors_along);
	ADD(renaming_fails_with_a_reason);
	ADD(renaming_inbox_moves_its_messages);
	ADD(subscriptions_outlive_mailboxes);
	ADD(a_dovecot_tree_is_taken_over);
	ADD(changes_of_others_are_found_at_the_next_open);
	ADD(a_renamed_file_is_found_while_open);
	ADD(what_was_expunged_never_comes_back);
	ADD(expunging_takes_no_other_message_of_that_name);
	ADD(a_name_that_was_garbage_may_be_used_again);
	ADD(writes_of_others_are_seen_after_a_rest);
	ADD(a_store_during_a_scan_is_kept);
	ADD(what_is_expunged_twice_goes_once);
	ADD(a_file_of_the_same_base_is_not_taken_for_it);
	ADD(unused_keywords_are_forgotten_at_the_next_open);
	ADD(own_changes_are_known);
	ADD(orphans_are_admitted);
	ADD(tmp_is_cleaned);
	ADD(garbage_is_collected_at_open);
	ADD(a_rename_that_did_not_commit_is_undone);
	return g_test_run();
}
