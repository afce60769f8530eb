/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large builds: in parts that are merged, searched as they grow, gone on with after a kill. */
#include "indexer/account-indexer.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "indexer/index-dir.h"
#include "indexer/index-parts.h"
#include "indexer/index-reader.h"
#include "indexer/terms.h"
#include "tests/unit/indexer/corpus.h"
#include "tests/unit/indexer/mail-fixture.h"

/* Parts of a few emails. */
#define MEMORY_BYTES (512 * 1024)
#define BULK_EMAILS 50

static AccountIndexer *make_indexer(MailFixture *fixture)
{
	IndexingOptions options = { .memory_bytes = MEMORY_BYTES, .commit_us = G_USEC_PER_SEC / 4, .bulk_emails = BULK_EMAILS };
	return account_indexer_new(fixture->account, &options);
}

/* What the current generation's newest commit says. */
static void read_meta(const MailFixture *fixture, IndexMeta *meta_out)
{
	GError *error = NULL;
	guint32 generation;
	g_assert_true(index_current_generation(fixture->index_dir, &generation));
	g_autofree char *dir = index_generation_path(fixture->index_dir, generation), *path = index_xapian_path(dir);
	g_autoptr(FtIndex) index = ftindex_open_reader(path, &error);
	g_assert_no_error(error);
	(void)index_meta_load(index, meta_out, &error);
	g_assert_no_error(error);
}

static guint count_parts(const MailFixture *fixture, gboolean *vocabulary_out)
{
	g_auto(IndexMeta) meta;
	read_meta(fixture, &meta);
	if (vocabulary_out != NULL)
		*vocabulary_out = meta.vocabulary.present;
	return meta.parts->len;
}

/* To the end of the feed; *most_out: the largest number of parts on the way. */
static void catch_up(MailFixture *fixture, AccountIndexer *indexer, guint queries, guint *most_out)
{
	GError *error = NULL;
	IndexingStep step;
	*most_out = 0;
	do {
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
		*most_out = MAX(*most_out, count_parts(fixture, NULL));
		if (queries > 0)
			mail_fixture_check(fixture, queries);
	} while (step.more);
}

static void a_large_first_indexing_is_searched_as_it_grows_and_ends_in_one_part(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexingStep step;
	gboolean vocabulary;
	guint most;
	mail_fixture_init(&fixture, 900);
	mail_fixture_append(&fixture, 800);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	for (int i = 0; i < 12; i++) {
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
		g_assert_true(step.more);
	}
	g_assert_cmpuint(count_parts(&fixture, &vocabulary), >, 3);
	g_assert_false(vocabulary);
	/* What is committed is not read from the messages. */
	LeafStats stats;
	(void)mail_fixture_find(&fixture, "the", &stats);
	g_assert_cmpuint(stats.tail, <, 800 - 50);
	g_assert_cmpuint(stats.tail, >, 0);
	mail_fixture_expunge(&fixture, 30);
	catch_up(&fixture, indexer, 5, &most);
	/* They were merged on the way. */
	g_assert_cmpuint(most, <=, 17);
	g_assert_cmpuint(count_parts(&fixture, &vocabulary), ==, 1);
	g_assert_true(vocabulary);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 200);
	g_assert_cmpuint(fixture.paths[LEAF_PATH_INDEX], >, 0);
	/* And it goes on in small. */
	mail_fixture_append(&fixture, 20);
	mail_fixture_append_text(&fixture, "Subject: afterwards\r\n\r\nxyzzyplugh\r\n");
	catch_up(&fixture, indexer, 5, &most);
	g_assert_cmpuint(most, ==, 1);
	g_assert_cmpuint(mail_fixture_find(&fixture, "xyzzyplugh", &stats), ==, 1);
	g_assert_cmpint(stats.path, ==, LEAF_PATH_INDEX);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void an_index_that_is_far_behind_catches_up_in_parts_and_is_searched_by_terms(void)
{
	MailFixture fixture;
	gboolean vocabulary;
	guint most;
	mail_fixture_init(&fixture, 600);
	mail_fixture_append(&fixture, 40);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0, &most);
	g_assert_cmpuint(most, ==, 0);
	for (int round = 0; round < 3; round++) {
		/* Opened anew, and open already. */
		if (round == 1)
			account_indexer_rest(indexer);
		mail_fixture_append(&fixture, 150);
		catch_up(&fixture, indexer, 10, &most);
		g_assert_cmpuint(most, >, 2);
		g_assert_cmpuint(count_parts(&fixture, &vocabulary), ==, 1);
		g_assert_true(vocabulary);
		mail_fixture_check_complete(&fixture, 0);
		mail_fixture_append(&fixture, 5);
		catch_up(&fixture, indexer, 10, &most);
		mail_fixture_check_complete(&fixture, 0);
	}
	mail_fixture_check(&fixture, 100);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* Steps of a rebuild. */
static guint64 rebuild(AccountIndexer *indexer, guint steps, gboolean *over_out)
{
	GError *error = NULL;
	ReindexStep step = { .over = FALSE };
	for (guint i = 0; i < steps && !step.over; i++) {
		(void)account_indexer_reindex(indexer, &step, &error);
		g_assert_no_error(error);
	}
	*over_out = step.over;
	return step.done;
}

static void a_rebuild_goes_on_where_it_was_interrupted(void)
{
	MailFixture fixture;
	GError *error = NULL;
	gboolean over, done;
	guint most;
	guint32 before, after;
	mail_fixture_init(&fixture, 500);
	mail_fixture_append(&fixture, 400);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0, &most);
	g_assert_true(index_current_generation(fixture.index_dir, &before));
	(void)account_indexer_start(indexer, NULL, &error);
	g_assert_no_error(error);
	guint64 reached = rebuild(indexer, 10, &over);
	g_assert_false(over);
	g_assert_cmpuint(reached, >, 20);
	g_clear_pointer(&indexer, account_indexer_free);
	/* Mail goes and comes in between. */
	mail_fixture_expunge(&fixture, 40);
	mail_fixture_append(&fixture, 20);
	indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 5, &most);
	g_assert_cmpuint(index_dir_unfinished_build(fixture.index_dir, before), !=, 0);
	(void)account_indexer_start(indexer, NULL, &error);
	g_assert_no_error(error);
	guint64 resumed = rebuild(indexer, 1, &over);
	g_test_message("%u of it before, %u after", (guint)reached, (guint)resumed);
	g_assert_cmpuint(resumed, >, reached / 2);
	mail_fixture_check(&fixture, 10);
	(void)rebuild(indexer, G_MAXUINT, &over);
	g_assert_true(over);
	g_assert_true(index_current_generation(fixture.index_dir, &after));
	g_assert_cmpuint(after, >, before);
	catch_up(&fixture, indexer, 5, &most);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 100);
	/* One that nobody asks for again is removed. */
	(void)account_indexer_start(indexer, NULL, &error);
	(void)rebuild(indexer, 4, &over);
	account_indexer_rest(indexer);
	g_assert_cmpuint(index_dir_unfinished_build(fixture.index_dir, after), !=, 0);
	catch_up(&fixture, indexer, 0, &most);
	do {
		(void)account_indexer_maintain(indexer, &done, &error);
		g_assert_no_error(error);
	} while (done);
	g_assert_cmpuint(index_dir_unfinished_build(fixture.index_dir, after), ==, 0);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* The emails of the mailbox lie below the parts that are being written. */
static void a_mailbox_is_reindexed_when_the_build_is_over(void)
{
	MailFixture fixture;
	GError *error = NULL;
	gboolean over;
	IndexingStep step;
	mail_fixture_init(&fixture, 400);
	mail_fixture_append(&fixture, 300);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	for (int i = 0; i < 6; i++)
		(void)account_indexer_step(indexer, &step, &error);
	g_assert_no_error(error);
	g_assert_true(step.more);
	(void)account_indexer_start(indexer, "INBOX", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(rebuild(indexer, G_MAXUINT, &over), >, 0);
	g_assert_true(over);
	g_assert_cmpuint(count_parts(&fixture, NULL), ==, 1);
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 50);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void a_damaged_part_is_found_and_the_index_built_anew(void)
{
	MailFixture fixture;
	guint32 before, after;
	guint most;
	mail_fixture_init(&fixture, 150);
	mail_fixture_append(&fixture, 120);
	for (int removed = 0; removed < 2; removed++) {
		g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
		g_auto(IndexMeta) meta;
		catch_up(&fixture, indexer, 0, &most);
		g_clear_pointer(&indexer, account_indexer_free);
		g_assert_true(index_current_generation(fixture.index_dir, &before));
		read_meta(&fixture, &meta);
		g_assert_cmpuint(meta.parts->len, ==, 1);
		g_autofree char *dir = index_generation_path(fixture.index_dir, before);
		g_autofree char *part = index_part_path(dir, g_array_index(meta.parts, IndexPart, 0).number);
		g_autofree char *file = g_build_filename(part, "postlist.glass", NULL);
		if (removed)
			index_dir_remove_tree(part);
		else
			g_assert_cmpint(truncate(file, 20000), ==, 0);
		mail_fixture_reopen(&fixture);
		mail_fixture_check(&fixture, 10);
		indexer = make_indexer(&fixture);
		catch_up(&fixture, indexer, 5, &most);
		g_assert_true(index_current_generation(fixture.index_dir, &after));
		g_assert_cmpuint(after, >, before);
		mail_fixture_check_complete(&fixture, 0);
	}
	mail_fixture_clear(&fixture);
}

/* -- what cannot be read ------------------------------------------------------------------------------------------------- */

/* Another file (or nothing, or a folder) in the place of each @every-th message. */
static guint spoil(const MailFixture *fixture, guint every, gboolean mend)
{
	g_autofree char *cur = g_build_filename(fixture->root, "joe", "Maildir", "cur", NULL);
	g_autofree char *aside = g_build_filename(fixture->root, "aside", NULL);
	g_autoptr(GDir) dir = g_dir_open(mend ? aside : cur, 0, NULL);
	guint n = 0, spoilt = 0;
	g_assert_nonnull(dir);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL; n++) {
		g_autofree char *file = g_build_filename(cur, name, NULL), *kept = g_build_filename(aside, name, NULL);
		if (mend) {
			g_assert_cmpint(g_rmdir(file), ==, 0);
			g_assert_cmpint(g_rename(kept, file), ==, 0);
		} else if (n % every == 0) {
			g_assert_cmpint(g_rename(file, kept), ==, 0);
			g_assert_cmpint(g_mkdir(file, 0700), ==, 0);
			spoilt++;
		}
	}
	return spoilt;
}

static void what_could_not_be_read_is_tried_again(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexingStep step;
	IndexState state;
	guint most;
	mail_fixture_init(&fixture, 40);
	mail_fixture_append(&fixture, 40);
	g_autofree char *aside = g_build_filename(fixture.root, "aside", NULL);
	g_assert_cmpint(g_mkdir(aside, 0700), ==, 0);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	guint spoilt = spoil(&fixture, 5, FALSE);
	do {
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
	} while (step.more);
	g_assert_true(search_index_state(fixture.index, &state, &error));
	g_assert_cmpuint(state.failed, ==, spoilt);
	g_assert_cmpint(account_indexer_retry_at(indexer), >, g_get_monotonic_time());
	/* A new process knows it too. */
	g_clear_pointer(&indexer, account_indexer_free);
	indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0, &most);
	g_assert_cmpint(account_indexer_retry_at(indexer), !=, 0);
	(void)spoil(&fixture, 0, TRUE);
	while (account_indexer_retry_at(indexer) != 0) {
		g_usleep((gulong)MAX(account_indexer_retry_at(indexer) - g_get_monotonic_time(), 0));
		catch_up(&fixture, indexer, 0, &most);
	}
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_check(&fixture, 20);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

static void without_descriptors_nothing_is_recorded_as_failed(void)
{
	MailFixture fixture;
	GError *error = NULL;
	IndexingStep step;
	IndexState state;
	guint most, errors = 0;
	struct rlimit before;
	mail_fixture_init(&fixture, 100);
	mail_fixture_append(&fixture, 10);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(&fixture, indexer, 0, &most);
	mail_fixture_append(&fixture, 90);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	/* The lowest free descriptor is the first that cannot be had; the next tries have one more each. */
	int lowest = open("/", O_RDONLY | O_CLOEXEC);
	(void)close(lowest);
	for (rlim_t more = 0; more < 12; more++) {
		const struct rlimit few = { (rlim_t)lowest + more, before.rlim_max };
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
		errors += !account_indexer_step(indexer, &step, &error) ? 1 : 0;
		g_clear_error(&error);
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
		g_assert_true(search_index_state(fixture.index, &state, &error));
		g_assert_cmpuint(state.failed, ==, 0);
	}
	g_assert_cmpuint(errors, >, 0);
	catch_up(&fixture, indexer, 5, &most);
	mail_fixture_check_complete(&fixture, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* -- parts by themselves -------------------------------------------------------------------------------------------------- */

static void parts_are_merged_when_they_are_not_much_smaller_than_those_before(void)
{
	static const struct {
		guint64 mb[6];
		guint n, from; /* from == n: none */
	} cases[] = {
		{ { 0 }, 0, 0 },
		{ { 10 }, 1, 1 },
		{ { 100, 10 }, 2, 2 },
		{ { 20, 10 }, 2, 0 },
		{ { 100, 20, 10 }, 3, 1 },
		{ { 80, 20, 10 }, 3, 0 },
		{ { 1000, 100, 30, 5 }, 4, 4 },
		{ { 1, 1, 1, 1, 1, 1 }, 6, 0 },
		{ { 1, 90, 1, 1 }, 4, 2 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(IndexMeta) meta;
		index_meta_init(&meta);
		for (guint k = 0; k < cases[i].n; k++) {
			IndexPart part = { k + 1, k * 10 + 1, k * 10 + 10, cases[i].mb[k] * 1000000 };
			g_array_append_val(meta.parts, part);
		}
		guint from = cases[i].n;
		gboolean due = index_parts_due(&meta, &from);
		g_assert_cmpuint(due ? from : cases[i].n, ==, cases[i].from);
	}
}

/* An email that could be read at last is in a part of newer ones: these two cannot be merged, and the commits of a build go on. */
static void parts_that_cannot_be_merged_do_not_stop_a_build(void)
{
	GError *error = NULL;
	g_auto(IndexMeta) meta;
	g_autofree char *dir = make_folder();
	g_autoptr(GByteArray) term = g_byte_array_new();
	index_meta_init(&meta);
	term_append(term, TERM_PREFIX_BODY, "word", 4);
	FtTerms terms = { term->data, term->len };
	g_autoptr(IndexParts) parts = index_parts_open(dir, &meta, &error);
	g_assert_no_error(error);
	for (guint32 i = 0; i < 20; i++) {
		guint32 ids[2] = { 2 + 2 * i, 3 + 2 * i };
		if (i == 1)
			ids[0] = 1;
		for (guint k = 0; k < 2; k++)
			g_assert_true(index_parts_add(parts, &meta, ids[k], terms, &error));
		(void)index_parts_sync(parts, &meta, &error);
		g_assert_no_error(error);
		index_parts_committed(parts);
		g_assert_cmpuint(meta.parts->len, ==, i + 1);
	}
	remove_folder(dir);
}

static void the_state_of_parts_is_read_as_it_was_written(void)
{
	g_auto(IndexMeta) meta, read = { .watermark = 0 };
	GError *error = NULL;
	index_meta_init(&meta);
	meta.next_part = 9;
	IndexPart parts[] = { { 3, 1, 4000, 12345678 }, { 8, 4001, G_MAXUINT32, G_GUINT64_CONSTANT(5) << 32 } };
	g_array_append_vals(meta.parts, parts, G_N_ELEMENTS(parts));
	g_autoptr(GString) text = index_meta_format(&meta);
	g_assert_true(index_meta_parse(text->str, text->len, &read, &error));
	g_assert_cmpuint(read.next_part, ==, 9);
	g_assert_cmpuint(read.parts->len, ==, 2);
	g_assert_cmpuint(g_array_index(read.parts, IndexPart, 1).last, ==, G_MAXUINT32);
	g_autoptr(GString) again = index_meta_format(&read);
	g_assert_cmpstr(again->str, ==, text->str);
	static const char *const bad[] = { "part 1 2 3\n", "part 1 2 3 x\n", "parts\n", "part -1 2 3 4\n" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GString) spoilt = index_meta_format(&meta);
		g_auto(IndexMeta) unread = { .watermark = 0 };
		(void)g_string_append(spoilt, bad[i]);
		g_assert_false(index_meta_parse(spoilt->str, spoilt->len, &unread, &error));
		g_assert_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED);
		g_clear_error(&error);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/index-build/" #name, name)
	TEST(parts_are_merged_when_they_are_not_much_smaller_than_those_before);
	TEST(parts_that_cannot_be_merged_do_not_stop_a_build);
	TEST(the_state_of_parts_is_read_as_it_was_written);
	TEST(a_large_first_indexing_is_searched_as_it_grows_and_ends_in_one_part);
	TEST(an_index_that_is_far_behind_catches_up_in_parts_and_is_searched_by_terms);
	TEST(a_rebuild_goes_on_where_it_was_interrupted);
	TEST(a_mailbox_is_reindexed_when_the_build_is_over);
	TEST(a_damaged_part_is_found_and_the_index_built_anew);
	TEST(what_could_not_be_read_is_tried_again);
	TEST(without_descriptors_nothing_is_recorded_as_failed);
#undef TEST
	return g_test_run();
}
