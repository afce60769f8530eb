/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sort keys are those of the message, wherever they come from; and the message is read only where the index has not been. */
#include "indexer/sort-key-table.h"

#include <string.h>

#include "indexer/account-indexer.h"
#include "tests/unit/indexer/mail-fixture.h"

#define MEMORY_BYTES (G_GUINT64_CONSTANT(64) * 1024 * 1024)

static AccountIndexer *make_indexer(MailFixture *fixture)
{
	IndexingOptions options = { .memory_bytes = MEMORY_BYTES, .commit_us = G_USEC_PER_SEC / 4 };
	return account_indexer_new(fixture->account, &options);
}

static void catch_up(AccountIndexer *indexer)
{
	GError *error = NULL;
	IndexingStep step;
	gboolean done;
	do {
		(void)account_indexer_step(indexer, &step, &error);
		g_assert_no_error(error);
	} while (step.more);
	do {
		(void)account_indexer_maintain(indexer, &done, &error);
		g_assert_no_error(error);
	} while (done);
}

/* All living emails in an order of chance, some twice. */
static GArray *asked_for(MailFixture *fixture)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(EmailSet) living = mail_fixture_living(fixture);
	for (guint32 id = 0; email_set_next(living, id, &id); id++) {
		guint copies = g_test_rand_int_range(0, 10) == 0 ? 2 : 1;
		for (guint i = 0; i < copies; i++)
			g_array_append_val(ids, id);
	}
	gboolean shuffled = g_test_rand_bit();
	for (guint i = ids->len; shuffled && i > 1; i--) {
		guint j = (guint)g_test_rand_int_range(0, (gint32)i);
		guint32 id = g_array_index(ids, guint32, i - 1);
		g_array_index(ids, guint32, i - 1) = g_array_index(ids, guint32, j);
		g_array_index(ids, guint32, j) = id;
	}
	return ids;
}

/* Compares with the messages; the number of message files that the table was made from. */
static guint32 check(MailFixture *fixture)
{
	GError *error = NULL;
	g_autoptr(GArray) ids = asked_for(fixture);
	const guint32 *of = (const guint32 *)(const void *)ids->data;
	g_autoptr(SortKeyTable) table = sort_key_table_new(fixture->index, fixture->account, of, ids->len, NULL, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < ids->len; i++) {
		g_autoptr(GBytes) octets = account_load_email(fixture->account, of[i], &error);
		g_assert_no_error(error);
		g_autoptr(GString) lines = g_string_new(NULL);
		SortKeySpan expected[SORT_KEY_N], all[SORT_KEY_N];
		gsize size;
		const guint8 *data = g_bytes_get_data(octets, &size);
		sort_keys_append(lines, data, size);
		sort_keys_split(lines->str, lines->len, expected);
		sort_key_table_get_all(table, i, all);
		for (int key = 0; key < SORT_KEY_N; key++) {
			SortKeySpan one = sort_key_table_get(table, i, (SortKey)key);
			g_assert_cmpmem(one.data, one.len, expected[key].data, expected[key].len);
			g_assert_cmpmem(all[key].data, all[key].len, expected[key].data, expected[key].len);
		}
	}
	return sort_key_table_messages_read(table);
}

static guint32 living(MailFixture *fixture)
{
	g_autoptr(EmailSet) ids = mail_fixture_living(fixture);
	return email_set_count(ids);
}

static void keys_are_the_messages_with_the_index_absent_half_and_whole(void)
{
	MailFixture fixture;
	mail_fixture_init(&fixture, 0);
	guint n = fixture.messages->len;
	mail_fixture_append(&fixture, n / 2);
	g_assert_cmpuint(check(&fixture), >=, living(&fixture));
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(indexer);
	g_assert_cmpuint(check(&fixture), ==, 0);
	guint32 before = living(&fixture);
	mail_fixture_append(&fixture, n);
	guint32 read = check(&fixture);
	g_assert_cmpuint(read, >=, living(&fixture) - before);
	g_assert_cmpuint(read, <, living(&fixture));
	catch_up(indexer);
	for (guint round = 0; round < 5; round++) {
		g_assert_cmpuint(check(&fixture), ==, 0);
		mail_fixture_expunge(&fixture, n / 10);
		g_assert_cmpuint(check(&fixture), ==, 0);
		catch_up(indexer);
	}
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_reopen(&fixture);
	g_assert_cmpuint(check(&fixture), ==, 0);
	remove_folder(fixture.index_dir);
	g_assert_cmpuint(check(&fixture), >=, living(&fixture));
	mail_fixture_clear(&fixture);
}

static void keys_are_the_messages_while_the_index_is_rebuilt(void)
{
	MailFixture fixture;
	GError *error = NULL;
	ReindexStep step;
	IndexingStep live;
	mail_fixture_init(&fixture, 400);
	mail_fixture_append(&fixture, 300);
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(indexer);
	(void)account_indexer_start(indexer, NULL, &error);
	g_assert_no_error(error);
	do {
		mail_fixture_append(&fixture, 3);
		mail_fixture_expunge(&fixture, 2);
		(void)account_indexer_step(indexer, &live, &error);
		g_assert_no_error(error);
		(void)account_indexer_reindex(indexer, &step, &error);
		g_assert_no_error(error);
		(void)check(&fixture);
	} while (!step.over);
	catch_up(indexer);
	g_assert_cmpuint(check(&fixture), ==, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_clear(&fixture);
}

/* The table holds on to what it points into. */
static void a_table_outlives_its_index(void)
{
	MailFixture fixture;
	GError *error = NULL;
	mail_fixture_init(&fixture, 50);
	mail_fixture_append_text(&fixture, "Subject: Re: Tea\nMessage-ID: <a@b>\nFrom: Ann <ann@example.org>\n\nx\n");
	g_autoptr(AccountIndexer) indexer = make_indexer(&fixture);
	catch_up(indexer);
	g_autoptr(EmailSet) ids = mail_fixture_living(&fixture);
	guint32 id;
	g_assert_true(email_set_next(ids, 0, &id));
	g_autoptr(SortKeyTable) table = sort_key_table_new(fixture.index, fixture.account, &id, 1, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(sort_key_table_messages_read(table), ==, 0);
	g_clear_pointer(&indexer, account_indexer_free);
	mail_fixture_reopen(&fixture);
	remove_folder(fixture.index_dir);
	SortKeySpan subject = sort_key_table_get(table, 0, SORT_KEY_SUBJECT), reply = sort_key_table_get(table, 0, SORT_KEY_REPLY);
	g_assert_cmpmem(subject.data, subject.len, "TEA", 3);
	g_assert_cmpmem(reply.data, reply.len, "r", 1);
	mail_fixture_clear(&fixture);
}

#define TEST(name) g_test_add_func("/sort-key-table/" #name, name)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	TEST(keys_are_the_messages_with_the_index_absent_half_and_whole);
	TEST(keys_are_the_messages_while_the_index_is_rebuilt);
	TEST(a_table_outlives_its_index);
	return g_test_run();
}
