/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/indexer/mail-fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void open_all(MailFixture *fixture, gboolean create)
{
	GError *error = NULL;
	StoreOptions options = { .mail_root = fixture->root, .index_root = fixture->index_root };
	fixture->store = store_open(&options, &error);
	g_assert_no_error(error);
	if (create)
		(void)store_create_account(fixture->store, "joe", &error);
	g_assert_no_error(error);
	fixture->account = store_get_account(fixture->store, "joe", &error);
	g_assert_no_error(error);
	fixture->inbox = account_open_mailbox(fixture->account, "INBOX", &error);
	g_assert_no_error(error);
	fixture->index = search_index_get(fixture->account);
	fixture->index_dir = account_index_dir(fixture->account);
}

static void close_all(MailFixture *fixture)
{
	search_index_unref(fixture->index);
	mailbox_unref(fixture->inbox);
	account_unref(fixture->account);
	store_close(fixture->store);
	g_free(fixture->index_dir);
}

void mail_fixture_reopen(MailFixture *fixture)
{
	/* A reader is kept for each path of an index that was searched: another path. */
	close_all(fixture);
	char *other = g_strconcat(fixture->index_root, "/.", NULL);
	g_free(fixture->index_root);
	fixture->index_root = other;
	open_all(fixture, FALSE);
}

void mail_fixture_init(MailFixture *fixture, guint max_messages)
{
	memset(fixture, 0, sizeof *fixture);
	g_autofree char *folder = make_folder();
	fixture->root = g_build_filename(folder, "mail", NULL);
	fixture->index_root = g_build_filename(folder, "index", NULL);
	g_assert_cmpint(g_mkdir(fixture->root, 0700), ==, 0);
	g_assert_cmpint(g_mkdir(fixture->index_root, 0700), ==, 0);
	open_all(fixture, TRUE);
	fixture->messages = corpus_load(max_messages);
	fixture->texts = g_ptr_array_new_with_free_func((GDestroyNotify)message_text_free);
}

void mail_fixture_clear(MailFixture *fixture)
{
	g_autofree char *folder = g_path_get_dirname(fixture->root);
	close_all(fixture);
	remove_folder(folder);
	g_free(fixture->root);
	g_free(fixture->index_root);
	g_ptr_array_unref(fixture->messages);
	g_ptr_array_unref(fixture->texts);
}

static void append_octets(MailFixture *fixture, const guint8 *data, gsize len)
{
	GError *error = NULL;
	AppendMessage message = { .spool = spool_new(fixture->account, &error) };
	g_assert_no_error(error);
	(void)spool_write(message.spool, data, len, &error);
	g_assert_no_error(error);
	guint32 uidvalidity;
	UidSet *uids = NULL;
	(void)mailbox_append(fixture->inbox, &message, 1, &uidvalidity, &uids, &error);
	g_assert_no_error(error);
	uidset_free(uids);
}

void mail_fixture_append(MailFixture *fixture, guint n)
{
	for (; n > 0 && fixture->appended < fixture->messages->len; n--) {
		gsize len;
		const guint8 *data = g_bytes_get_data(fixture->messages->pdata[fixture->appended++], &len);
		append_octets(fixture, data, len);
	}
}

void mail_fixture_append_text(MailFixture *fixture, const char *message)
{
	append_octets(fixture, (const guint8 *)message, strlen(message));
}

void mail_fixture_expunge(MailFixture *fixture, guint n)
{
	GError *error = NULL;
	g_autoptr(Snapshot) snapshot = mailbox_snapshot(fixture->inbox, &error);
	g_assert_no_error(error);
	guint32 count = snapshot_count(snapshot);
	g_autoptr(UidSet) uids = uidset_new();
	for (; n > 0 && count > 0; n--) {
		uidset_add(uids, snapshot_uid_at(snapshot, (guint32)g_test_rand_int_range(0, (gint32)count)));
	}
	(void)mailbox_store_flags(fixture->inbox, uids, FLAGS_ADD, MESSAGE_DELETED, NULL, G_MAXUINT64, NULL, &error);
	g_assert_no_error(error);
	(void)mailbox_expunge(fixture->inbox, uids, NULL, &error);
	g_assert_no_error(error);
}

EmailSet *mail_fixture_living(MailFixture *fixture)
{
	GError *error = NULL;
	g_autoptr(GArray) ids = NULL;
	(void)account_feed_emails(fixture->account, NULL, 0, G_MAXINT32, &ids, &error);
	g_assert_no_error(error);
	EmailSet *living = email_set_new();
	for (guint i = 0; i < ids->len; i++)
		email_set_add(living, g_array_index(ids, guint32, i));
	return living;
}

static const MessageText *text_of(MailFixture *fixture, guint32 id)
{
	GError *error = NULL;
	if (fixture->texts->len <= id)
		g_ptr_array_set_size(fixture->texts, (gint)id + 1);
	if (fixture->texts->pdata[id] == NULL) {
		g_autoptr(GBytes) octets = account_load_email(fixture->account, id, &error);
		g_assert_no_error(error);
		gsize len;
		const guint8 *data = g_bytes_get_data(octets, &len);
		fixture->texts->pdata[id] = message_text_new(data, len);
	}
	return fixture->texts->pdata[id];
}

static guint check_leaf(MailFixture *fixture, const TextLeaf *leaf, const EmailSet *among, LeafStats *stats)
{
	GError *error = NULL;
	g_autoptr(EmailSet) matched = NULL;
	g_autoptr(EmailSet) expected = email_set_new();
	(void)search_index_match(fixture->index, leaf, among, NULL, &matched, stats, &error);
	g_assert_no_error(error);
	for (guint32 id = 0; email_set_next(among, id, &id); id++)
		if (text_matches(text_of(fixture, id), leaf))
			email_set_add(expected, id);
	fixture->paths[stats->path]++;
	fixture->tail_read += stats->tail_read;
	g_assert_cmpuint(stats->matched, ==, email_set_count(matched));
	if (!email_set_equal(matched, expected)) {
		g_autofree char *what = leaf_describe(leaf);
		g_test_message("%s by %s: %u matched, %u expected, of %u (%u tail)", what, leaf_path_name(stats->path),
			email_set_count(matched), email_set_count(expected), email_set_count(among), stats->tail);
		g_test_fail();
	}
	return email_set_count(expected);
}

void mail_fixture_check(MailFixture *fixture, guint queries)
{
	g_autoptr(EmailSet) living = mail_fixture_living(fixture);
	g_autoptr(GPtrArray) texts = g_ptr_array_new();
	for (guint32 id = 0; email_set_next(living, id, &id); id++)
		g_ptr_array_add(texts, (gpointer)(gsize)text_of(fixture, id));
	for (guint i = 0; i < queries && texts->len > 0; i++) {
		RandomLeaf random;
		LeafStats stats;
		random_leaf(&random, texts);
		(void)check_leaf(fixture, &random.leaf, living, &stats);
		random_leaf_clear(&random);
	}
}

guint mail_fixture_find(MailFixture *fixture, const char *needle, LeafStats *stats_out)
{
	g_autoptr(EmailSet) living = mail_fixture_living(fixture);
	TextLeaf leaf = { .scope = TEXT_SCOPE_TEXT, .needle = needle, .needle_len = strlen(needle) };
	return check_leaf(fixture, &leaf, living, stats_out);
}

void mail_fixture_check_complete(MailFixture *fixture, guint failed)
{
	GError *error = NULL;
	IndexState state;
	g_autoptr(EmailSet) living = mail_fixture_living(fixture);
	(void)search_index_state(fixture->index, &state, &error);
	g_assert_no_error(error);
	g_assert_true(state.present);
	g_autoptr(GPtrArray) failures = search_index_failures(fixture->index, 100, &error);
	for (guint i = 0; i < failures->len; i++) {
		const IndexFailure *failure = failures->pdata[i];
		g_test_message("failed: %u: %s", failure->email_id, failure->reason);
	}
	g_assert_cmpuint(failures->len, ==, failed);
	g_assert_cmpuint(state.failed, ==, failed);
	g_assert_cmpuint(state.documents, ==, email_set_count(living) - failed);
	LeafStats stats;
	(void)mail_fixture_find(fixture, "the", &stats);
	g_assert_cmpuint(stats.tail, ==, failed);
}

char *indexer_program_or_skip(void)
{
	g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "mailsift-indexer", NULL);
	if (access(program, X_OK) == 0)
		return g_steal_pointer(&program);
	g_test_skip("mailsift-indexer is not built");
	return NULL;
}

static void no_core(gpointer data)
{
	(void)data;
	const struct rlimit none = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &none);
}

GPid mail_fixture_spawn(MailFixture *fixture, const char *program, const char *const *more)
{
	GError *error = NULL;
	g_autofree char *mail = g_strconcat("--mail-root=", fixture->root, NULL);
	g_autofree char *index = g_strconcat("--index-root=", fixture->index_root, NULL);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_strv_builder_add_many(builder, program, mail, index, "-o", "log.level=error", NULL);
	if (more != NULL)
		g_strv_builder_addv(builder, (const char **)(gsize)more);
	g_auto(GStrv) argv = g_strv_builder_end(builder);
	GPid pid;
	(void)g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, no_core, NULL, &pid, &error);
	g_assert_no_error(error);
	return pid;
}

int wait_for(GPid pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		g_assert_cmpint(errno, ==, EINTR);
	return status;
}
