/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers are those of the matcher on every message, in every state of the index. */
#include "indexer/search-index.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "indexer/account-indexer.h"
#include "indexer/index-dir.h"
#include "tests/unit/indexer/mail-fixture.h"

#define MEMORY_BYTES (G_GUINT64_CONSTANT(64) * 1024 * 1024)

/* From 0 bytes on: as it is done outside of tests. */
static AccountIndexer *make_packing_indexer(MailFixture *fixture, guint64 pack_bytes)
{
	IndexingOptions options = { .memory_bytes = MEMORY_BYTES, .commit_us = G_USEC_PER_SEC / 4, .pack_bytes = pack_bytes };
	options.packing = g_test_rand_bit() ? TEXT_PACKING_ALL : TEXT_PACKING_HEADERS;
	return account_indexer_new(fixture->account, &options);
}

/* Now and then small segments are packed too. */
static AccountIndexer *make_indexer(MailFixture *fixture)
{
	return make_packing_indexer(fixture, g_test_rand_bit() ? 20000 : 0);
}

/* Until the index is at the feed's end; @queries after every step. */
static void catch_up(MailFixture *fixture, AccountIndexer *indexer, guint queries)
{
	GError *error = NULL;
	IndexingStep step;
	gboolean done;
	do {
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
		mail_fixture_check(fixture, queries);
	} while (step.more);
	do {
		(void)account_indexer_maintain(indexer, &done, &error);
		g_assert_no_error(error);
	} while (done);
}

static void answers_are_exact_with_the_index_absent_half_and_whole(void)
{
	MailFixture fixture;
	mail_fixture_init(&fixture, 500);
	mail_fixture_append(&fixture, 200);
	mail_fixture_check(&fixture, 60);
	g_assert_cmpuint(fixture.paths[LEAF_PATH_TAIL], ==, 60);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 10);
	mail_fixture_check_complete(&fixture, 0);
	/* Half of it is tail. */
	mail_fixture_append(&fixture, 200);
	mail_fixture_check(&fixture, 100);
	g_assert_cmpuint(fixture.paths[LEAF_PATH_SCAN], >, 0);
	catch_up(&fixture, indexer, 10);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 300);
	for (guint round = 0; round < 10; round++) {
		mail_fixture_expunge(&fixture, 15);
		mail_fixture_append(&fixture, 10);
		mail_fixture_check(&fixture, 20);
		catch_up(&fixture, indexer, 5);
		mail_fixture_check_complete(&fixture, 0);
		if (round % 3 == 2)
			account_indexer_rest(indexer);
	}
	mail_fixture_check(&fixture, 200);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void nothing_is_read_from_disk_when_all_is_indexed(void)
{
	MailFixture fixture;
	mail_fixture_init(&fixture, 200);
	mail_fixture_append(&fixture, 200);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0);
	fixture.tail_read = 0;
	mail_fixture_check(&fixture, 300);
	g_assert_cmpuint(fixture.tail_read, ==, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void a_rebuild_is_swapped_in_and_a_cancelled_one_removed(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexState before, after;
	ReindexStep step;
	IndexingStep live;
	mail_fixture_init(&fixture, 400);
	mail_fixture_append(&fixture, 300);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0);
	g_assert_true(search_index_state(fixture.index, &before, &error));
	(void)account_indexer_start(indexer, NULL, &error);
	g_assert_no_error(error);
	(void)account_indexer_reindex(indexer, &step, &error);
	g_assert_no_error(error);
	mail_fixture_check(&fixture, 20);
	account_indexer_cancel(indexer);
	g_assert_true(search_index_state(fixture.index, &after, &error));
	g_assert_cmpuint(after.generation, ==, before.generation);
	(void)account_indexer_start(indexer, NULL, &error);
	g_assert_no_error(error);
	/* Mail comes and goes while it is built. */
	do {
		mail_fixture_append(&fixture, 3);
		mail_fixture_expunge(&fixture, 2);
		(void)account_indexer_step(indexer, &live, &error);
		g_assert_no_error(error);
		(void)account_indexer_reindex(indexer, &step, &error);
		g_assert_no_error(error);
		mail_fixture_check(&fixture, 5);
	} while (!step.over);
	g_assert_cmpuint(step.done, >=, 290);
	g_assert_true(search_index_state(fixture.index, &after, &error));
	g_assert_cmpuint(after.generation, >, before.generation);
	catch_up(&fixture, indexer, 5);
	mail_fixture_check_complete(&fixture, 0);
	g_autofree char *old = index_generation_path(fixture.index_dir, before.generation);
	g_assert_false(g_file_test(old, G_FILE_TEST_EXISTS));
	mail_fixture_check(&fixture, 100);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void one_mailbox_is_indexed_again_in_place(void)
{
	MailFixture fixture;
	GError *error = NULL;
	ReindexStep step;
	mail_fixture_init(&fixture, 200);
	mail_fixture_append(&fixture, 200);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0);
	for (int round = 0; round < 3; round++) {
		(void)account_indexer_start(indexer, "INBOX", &error);
		g_assert_no_error(error);
		do {
			(void)account_indexer_reindex(indexer, &step, &error);
			g_assert_no_error(error);
			mail_fixture_check(&fixture, 3);
		} while (!step.over);
		g_assert_cmpuint(step.done, ==, step.total);
		g_assert_cmpuint(step.total, >, 150);
		catch_up(&fixture, indexer, 0);
		mail_fixture_check_complete(&fixture, 0);
	}
	mail_fixture_check(&fixture, 100);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* What grew by small commits is compacted when there is nothing else to do, under readers; and goes on growing. */
static void a_loose_index_is_compacted(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexState before, after;
	IndexingStep step;
	gboolean done;
	mail_fixture_init(&fixture, 3000);
	g_autoptr(AccountIndexer) indexer = make_packing_indexer(&fixture, G_MAXUINT64);
	do {
		mail_fixture_append(&fixture, 100);
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
	} while (fixture.appended < fixture.messages->len);
	mail_fixture_expunge(&fixture, 50);
	while (step.more || fixture.appended == 0)
		(void)account_indexer_step(indexer, &step, &error);
	(void)account_indexer_step(indexer, &step, &error);
	g_assert_no_error(error);
	g_assert_true(search_index_state(fixture.index, &before, &error));
	mail_fixture_check(&fixture, 30);
	(void)account_indexer_maintain(indexer, &done, &error);
	g_assert_no_error(error);
	g_assert_true(done);
	g_assert_true(search_index_state(fixture.index, &after, &error));
	g_assert_cmpuint(after.generation, >, before.generation);
	g_assert_cmpuint(after.bytes_xapian, <, before.bytes_xapian * 3 / 4);
	g_assert_cmpuint(after.bytes_text, ==, before.bytes_text);
	g_assert_cmpuint(after.documents, ==, before.documents);
	mail_fixture_check(&fixture, 50);
	(void)account_indexer_maintain(indexer, &done, &error);
	g_assert_no_error(error);
	g_assert_false(done);
	mail_fixture_append_text(&fixture, "Subject: afterwards\r\n\r\nxyzzyplugh\r\n");
	mail_fixture_expunge(&fixture, 20);
	catch_up(&fixture, indexer, 0);
	account_indexer_rest(indexer);
	catch_up(&fixture, indexer, 0);
	LeafStats stats;
	g_assert_cmpuint(mail_fixture_find(&fixture, "xyzzyplugh", &stats), ==, 1);
	g_assert_cmpint(stats.path, ==, LEAF_PATH_INDEX);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 50);
	/* The files with second names are packed without harm to readers that have them mapped. */
	g_clear_pointer(&indexer, account_indexer_free);
	indexer = make_packing_indexer(&fixture, 20000);
	mail_fixture_append(&fixture, 1);
	catch_up(&fixture, indexer, 20);
	g_assert_true(search_index_state(fixture.index, &after, &error));
	g_assert_cmpuint(after.bytes_text, <, before.bytes_text * 9 / 10);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 200);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* The first file below @path that a name ends with; owned. */
static char *find_file(const char *path, const char *suffix)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		GStatBuf status;
		if (g_lstat(inner, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode)) {
			char *found = find_file(inner, suffix);
			if (found != NULL)
				return found;
		} else if (g_str_has_suffix(name, suffix)) {
			return g_steal_pointer(&inner);
		}
	}
	return NULL;
}

/* Whatever happens to its files, answers stay exact, and the indexer mends it. */
static void a_damaged_index_gives_exact_answers_and_is_mended(void)
{
	static const struct {
		const char *suffix;
		gboolean removed; /* else cut to half, or to nothing */
		int part;
	} cases[] = {
		{ ".body", FALSE, 2 },
		{ ".body", TRUE, 0 },
		{ ".directory", FALSE, 2 },
		{ ".header", FALSE, 0 },
		{ "iamglass", FALSE, 2 },
		{ "iamglass", FALSE, 0 },
		{ "iamglass", TRUE, 0 },
		{ "postlist.glass", FALSE, 0 },
		{ "postlist.glass", TRUE, 0 },
		{ ".delta", FALSE, 2 },
		{ ".delta", TRUE, 0 },
	};
	MailFixture fixture;
	mail_fixture_init(&fixture, 80);
	mail_fixture_append(&fixture, 60);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
		GStatBuf status;
		catch_up(&fixture, indexer, 0);
		mail_fixture_append(&fixture, 1);
		catch_up(&fixture, indexer, 0);
		account_indexer_rest(indexer);
		g_autofree char *file = find_file(fixture.index_dir, cases[i].suffix);
		g_test_message("%s %s", cases[i].suffix, cases[i].removed ? "removed" : "cut");
		g_assert_nonnull(file);
		g_clear_pointer(&indexer, account_indexer_free);
		mail_fixture_reopen(&fixture);
		g_assert_cmpint(g_stat(file, &status), ==, 0);
		if (cases[i].removed)
			g_assert_cmpint(g_unlink(file), ==, 0);
		else
			g_assert_cmpint(truncate(file, cases[i].part == 0 ? 0 : status.st_size / cases[i].part), ==, 0);
		mail_fixture_check(&fixture, 10);
		indexer = make_indexer(&fixture);
		catch_up(&fixture, indexer, 5);
		mail_fixture_check_complete(&fixture, 0);
		mail_fixture_check(&fixture, 10);
	}
	mail_fixture_clear(&fixture);
}

static void another_version_is_rebuilt(void)
{
	MailFixture fixture;
	GError *error = NULL;
	guint32 generation, rebuilt;
	mail_fixture_init(&fixture, 60);
	mail_fixture_append(&fixture, 60);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0);
	account_indexer_rest(indexer);
	g_assert_true(index_current_generation(fixture.index_dir, &generation));
	g_autofree char *dir = index_generation_path(fixture.index_dir, generation), *path = index_xapian_path(dir);
	FtIndex *index = ftindex_open_writer(path, &error);
	g_assert_no_error(error);
	g_assert_true(ftindex_set_metadata(index, "format", "mailsift 0", 10, &error));
	g_assert_true(ftindex_commit(index, &error));
	ftindex_close(index);
	mail_fixture_check(&fixture, 20);
	catch_up(&fixture, indexer, 5);
	g_assert_true(index_current_generation(fixture.index_dir, &rebuilt));
	g_assert_cmpuint(rebuilt, >, generation);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* -- several threads ---------------------------------------------------------------------------------------------------- */

typedef struct {
	MailFixture *fixture;
	const EmailSet *among;
	const GPtrArray *leaves; /* RandomLeaf */
	GPtrArray *expected;     /* EmailSet, one for each */
	gint stop;               /* atomic */
	gint searches;           /* atomic */
	gint wrong;              /* atomic */
} Crowd;

static gpointer search_on(gpointer data)
{
	Crowd *crowd = data;
	for (guint i = 0; g_atomic_int_get(&crowd->stop) == 0; i++) {
		const RandomLeaf *random = crowd->leaves->pdata[i % crowd->leaves->len];
		const EmailSet *expected = crowd->expected->pdata[i % crowd->leaves->len];
		g_autoptr(EmailSet) matched = NULL;
		g_autoptr(SearchIndex) index = search_index_get(crowd->fixture->account);
		if (!search_index_match(index, &random->leaf, crowd->among, NULL, &matched, NULL, NULL) ||
			!email_set_equal(matched, expected))
			g_atomic_int_inc(&crowd->wrong);
		g_atomic_int_inc(&crowd->searches);
	}
	return NULL;
}

/* Emails that are there before and after, searched while others come, go, are indexed, and the whole is rebuilt and swapped. */
static void threads_search_while_the_index_changes(void)
{
	MailFixture fixture;
	GError *error = NULL;
	mail_fixture_init(&fixture, 400);
	mail_fixture_append(&fixture, 150);
	g_autoptr(EmailSet) among = mail_fixture_living(&fixture);
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func((GDestroyNotify)message_text_free);
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (guint32 id = 0; email_set_next(among, id, &id); id++) {
		g_autoptr(GBytes) octets = account_load_email(fixture.account, id, &error);
		g_assert_no_error(error);
		gsize len;
		const guint8 *data = g_bytes_get_data(octets, &len);
		g_ptr_array_add(texts, message_text_new(data, len));
		g_array_append_val(ids, id);
	}
	g_autoptr(GPtrArray) leaves = g_ptr_array_new();
	g_autoptr(GPtrArray) expected = g_ptr_array_new_with_free_func((GDestroyNotify)email_set_free);
	for (int i = 0; i < 60; i++) {
		RandomLeaf *random = g_new0(RandomLeaf, 1);
		EmailSet *matches = email_set_new();
		random_leaf(random, texts);
		for (guint k = 0; k < texts->len; k++)
			if (text_matches(texts->pdata[k], &random->leaf))
				email_set_add(matches, g_array_index(ids, guint32, k));
		g_ptr_array_add(leaves, random);
		g_ptr_array_add(expected, matches);
	}
	Crowd crowd = { .fixture = &fixture, .among = among, .leaves = leaves, .expected = expected };
	GThread *threads[3];
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("crowd", search_on, &crowd);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	for (int round = 0; round < 40; round++) {
		IndexingStep step;
		ReindexStep reindex = { .over = FALSE };
		mail_fixture_append(&fixture, 3);
		do {
			(void)account_indexer_step(indexer, &step, &error);
			g_assert_no_error(error);
		} while (step.more);
		if (round % 10 != 9)
			continue;
		(void)account_indexer_start(indexer, NULL, &error);
		while (error == NULL && !reindex.over)
			(void)account_indexer_reindex(indexer, &reindex, &error);
		g_assert_no_error(error);
	}
	g_atomic_int_set(&crowd.stop, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		(void)g_thread_join(threads[i]);
	g_test_message("%d searches", crowd.searches);
	g_assert_cmpint(crowd.wrong, ==, 0);
	g_assert_cmpint(crowd.searches, >, 50);
	for (guint i = 0; i < leaves->len; i++) {
		random_leaf_clear(leaves->pdata[i]);
		g_free(leaves->pdata[i]);
	}
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static gboolean always(gpointer data)
{
	(void)data;
	return TRUE;
}

static void a_search_ends_when_it_is_told_to(void)
{
	MailFixture fixture;
	GError *error = NULL;
	EmailSet *matched = NULL;
	mail_fixture_init(&fixture, 50);
	mail_fixture_append(&fixture, 50);
	g_autoptr(EmailSet) living = mail_fixture_living(&fixture);
	TextLeaf leaf = { .scope = TEXT_SCOPE_TEXT, .needle = "x", .needle_len = 1 };
	SearchCancel cancelled = { .cancelled = always }, late = { .deadline_us = 1 };
	g_assert_false(search_index_match(fixture.index, &leaf, living, &cancelled, &matched, NULL, &error));
	g_assert_error(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_CANCELLED);
	g_clear_error(&error);
	g_assert_false(search_index_match(fixture.index, &leaf, living, &late, &matched, NULL, &error));
	g_assert_error(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_TIME);
	g_clear_error(&error);
	mail_fixture_clear(&fixture);
}

static void two_indexers_keep_out_of_each_other_s_way(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexingStep step;
	mail_fixture_init(&fixture, 20);
	mail_fixture_append(&fixture, 10);
	g_autoptr(AccountIndexer) one = make_indexer(&fixture);
	g_autoptr(AccountIndexer) other = make_indexer(&fixture);
	catch_up(&fixture, one, 0);
	g_assert_false(account_indexer_step(other, &step, &error));
	g_assert_error(error, FTINDEX_ERROR, FTINDEX_ERROR_LOCKED);
	g_clear_error(&error);
	account_indexer_rest(one);
	mail_fixture_append(&fixture, 10);
	catch_up(&fixture, other, 0);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&one, account_indexer_free);
	g_clear_pointer(&other, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* -- with the program ------------------------------------------------------------------------------------------------- */

static const char *const once[] = { "--once", NULL };

static void a_killed_indexer_goes_on_where_it_was(void)
{
	/* Small segments are packed, so that it is killed in that too. */
	static const char *const packing[] = { "--pack-bytes=20000", NULL };
	MailFixture fixture;
	g_autofree char *program = indexer_program_or_skip();
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 600);
	mail_fixture_append(&fixture, 30);
	for (int round = 0; round < 40; round++) {
		GPid pid = mail_fixture_spawn(&fixture, program, packing);
		mail_fixture_append(&fixture, (guint)g_test_rand_int_range(0, 12));
		if (round % 2 == 0)
			mail_fixture_expunge(&fixture, (guint)g_test_rand_int_range(0, 5));
		g_usleep((gulong)g_test_rand_int_range(0, 120000));
		if (round % 4 == 0)
			mail_fixture_check(&fixture, 4);
		g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
		(void)wait_for(pid);
		mail_fixture_check(&fixture, 4);
	}
	g_assert_cmpint(wait_for(mail_fixture_spawn(&fixture, program, once)), ==, 0);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 200);
	mail_fixture_clear(&fixture);
}

static void a_message_that_kills_the_indexer_is_passed_over_and_found(void)
{
	MailFixture fixture;
	LeafStats stats;
	g_autofree char *program = indexer_program_or_skip();
	static const char *const deadly[] = { "--once", "--crash-on=Deadly-Nightshade", NULL };
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 100);
	mail_fixture_append(&fixture, 50);
	mail_fixture_append_text(&fixture, "Subject: Deadly-Nightshade\r\n\r\nbelladonna\r\n");
	mail_fixture_append(&fixture, 50);
	int crashes = 0, status;
	while ((status = wait_for(mail_fixture_spawn(&fixture, program, deadly))) != 0) {
		g_assert_true(WIFSIGNALED(status));
		g_assert_cmpint(WTERMSIG(status), ==, SIGABRT);
		g_assert_cmpint(++crashes, <, 5);
		g_assert_cmpuint(mail_fixture_find(&fixture, "belladonna", &stats), ==, 1);
	}
	g_assert_cmpint(crashes, ==, 2);
	mail_fixture_check_complete(&fixture, 1);
	g_assert_cmpuint(mail_fixture_find(&fixture, "belladonna", &stats), ==, 1);
	g_assert_cmpuint(stats.tail, ==, 1);
	/* A program that is mended reads it when it is told to. */
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	GError *error = NULL;
	ReindexStep step;
	(void)account_indexer_start(indexer, "INBOX", &error);
	do
		(void)account_indexer_reindex(indexer, &step, &error);
	while (error == NULL && !step.over);
	g_assert_no_error(error);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void new_mail_is_indexed_without_being_woken(void)
{
	MailFixture fixture;
	LeafStats stats;
	g_autofree char *program = indexer_program_or_skip();
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 100);
	GPid pid = mail_fixture_spawn(&fixture, program, NULL);
	mail_fixture_append(&fixture, 50);
	/* Nobody wakes it: it has to look by itself, every two seconds. */
	gint64 until = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
	do {
		g_usleep(20000);
		(void)mail_fixture_find(&fixture, "the", &stats);
	} while (stats.tail > 0 && g_get_monotonic_time() < until);
	g_assert_cmpuint(stats.tail, ==, 0);
	g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
	g_assert_cmpint(wait_for(pid), ==, 0);
	mail_fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/search-index/" #name, name)
	TEST(answers_are_exact_with_the_index_absent_half_and_whole);
	TEST(nothing_is_read_from_disk_when_all_is_indexed);
	TEST(a_rebuild_is_swapped_in_and_a_cancelled_one_removed);
	TEST(one_mailbox_is_indexed_again_in_place);
	TEST(a_loose_index_is_compacted);
	TEST(a_damaged_index_gives_exact_answers_and_is_mended);
	TEST(another_version_is_rebuilt);
	TEST(a_search_ends_when_it_is_told_to);
	TEST(threads_search_while_the_index_changes);
	TEST(two_indexers_keep_out_of_each_other_s_way);
	TEST(a_killed_indexer_goes_on_where_it_was);
	TEST(a_message_that_kills_the_indexer_is_passed_over_and_found);
	TEST(new_mail_is_indexed_without_being_woken);
#undef TEST
	return g_test_run();
}
