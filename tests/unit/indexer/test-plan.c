/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever way a string is looked for in the index, the answer is that of the matcher on each text. */
#include "indexer/plan.h"

#include <string.h>

#include "indexer/fuzzy-plan.h"
#include "indexer/index-writer.h"
#include "tests/unit/indexer/corpus.h"

#define QUERIES 1500
/* So small that most of what is there is packed, and some is not. */
#define PACK_BYTES 200000

typedef struct {
	char *dir, *generation;
	GPtrArray *messages, *texts;
	EmailSet *indexed;
	IndexWriter *writer;
	IndexReader *reader;
	guint paths[LEAF_PATH_TAIL + 1];
	TextPacking packing;
} Fixture;

static void fixture_init(Fixture *fixture, guint max)
{
	memset(fixture, 0, sizeof *fixture);
	fixture->packing = (TextPacking)g_test_rand_int_range(TEXT_PACKING_NONE, TEXT_PACKING_ALL + 1);
	fixture->dir = make_folder();
	fixture->generation = index_generation_path(fixture->dir, 1);
	fixture->messages = corpus_load(max);
	fixture->texts = corpus_texts(fixture->messages);
	fixture->indexed = email_set_new();
}

static void fixture_clear(Fixture *fixture)
{
	index_reader_close(fixture->reader);
	index_writer_close(fixture->writer);
	remove_folder(fixture->dir);
	g_free(fixture->dir);
	g_free(fixture->generation);
	g_ptr_array_unref(fixture->messages);
	g_ptr_array_unref(fixture->texts);
	email_set_free(fixture->indexed);
}

static void open_writer(Fixture *fixture)
{
	GError *error = NULL;
	fixture->writer = index_writer_open(fixture->generation, FALSE, &error);
	g_assert_no_error(error);
	index_writer_set_packing(fixture->writer, fixture->packing, PACK_BYTES);
}

/* Text i has id i + 1. */
static void add_text(Fixture *fixture, guint i)
{
	GError *error = NULL;
	/* Sort keys that would match, were they searched. */
	g_autoptr(GString) sort_keys = g_string_new("invoice the company kernel received\n");
	g_assert_true(index_writer_add(fixture->writer, i + 1, fixture->texts->pdata[i], sort_keys, &error));
	g_assert_no_error(error);
	email_set_add(fixture->indexed, i + 1);
}

static void commit(Fixture *fixture)
{
	GError *error = NULL;
	gboolean done;
	(void)index_writer_commit(fixture->writer, &error);
	g_assert_no_error(error);
	do {
		(void)index_writer_maintain(fixture->writer, &done, &error);
		g_assert_no_error(error);
	} while (done);
	if (fixture->reader == NULL)
		fixture->reader = index_reader_open(fixture->dir, 1, NULL, &error);
	else
		(void)index_reader_refresh(fixture->reader, fixture->dir, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(email_set_equal(text_view_present(fixture->reader->view->text), fixture->indexed));
}

static void check_leaf(Fixture *fixture, const TextLeaf *leaf, const EmailSet *among)
{
	g_autoptr(EmailSet) matched = email_set_new();
	g_autoptr(EmailSet) expected = email_set_new();
	LeafStats stats = { 0 };
	GError *error = NULL;
	(void)(leaf->fuzzy != NULL ? fuzzy_plan_match : plan_match)(fixture->reader, leaf, among, NULL, matched, &stats, &error);
	g_assert_no_error(error);
	for (guint32 id = 0; email_set_next(among, id, &id); id++)
		if (text_matches(fixture->texts->pdata[id - 1], leaf))
			email_set_add(expected, id);
	fixture->paths[stats.path]++;
	if (email_set_equal(matched, expected))
		return;
	g_autofree char *what = leaf_describe(leaf);
	g_test_message("%s by %s: %u matched, %u expected", what, leaf_path_name(stats.path), email_set_count(matched),
		email_set_count(expected));
	g_test_fail();
}

static void check_random(Fixture *fixture, guint queries)
{
	for (guint i = 0; i < queries; i++) {
		RandomLeaf random;
		g_autoptr(EmailSet) among = email_set_copy(fixture->indexed);
		/* All, or the most, or few. */
		int one_of = g_test_rand_int_range(0, 3);
		for (guint32 id = 0; one_of > 0 && email_set_next(among, id, &id); id++)
			if ((g_test_rand_int_range(0, 20) == 0) == (one_of == 1))
				email_set_remove(among, id);
		random_leaf(&random, fixture->texts);
		check_leaf(fixture, &random.leaf, among);
		random_leaf_clear(&random);
	}
}

static void every_way_gives_the_matcher_s_answer(gconstpointer packing)
{
	Fixture fixture;
	fixture_init(&fixture, 0);
	fixture.packing = (TextPacking)GPOINTER_TO_INT(packing);
	open_writer(&fixture);
	for (guint i = 0; i < fixture.texts->len; i++)
		add_text(&fixture, i);
	commit(&fixture);
	check_random(&fixture, QUERIES);
	for (int path = 0; path < LEAF_PATH_TAIL; path++) {
		g_test_message("%s: %u", leaf_path_name(path), fixture.paths[path]);
		g_assert_cmpuint(fixture.paths[path], >, 0);
	}
	fixture_clear(&fixture);
}

/* Many small commits: deltas of the vocabulary, segments; adding in any order, replacing and removing. */
static void changes_in_many_commits_are_seen(void)
{
	Fixture fixture;
	fixture_init(&fixture, 400);
	open_writer(&fixture);
	for (guint round = 0; round < 60; round++) {
		guint changes = (guint)g_test_rand_int_range(1, 30);
		for (guint i = 0; i < changes; i++) {
			guint which = (guint)g_test_rand_int_range(0, (gint32)fixture.texts->len);
			if (g_test_rand_int_range(0, 4) > 0) {
				add_text(&fixture, which);
			} else {
				GError *error = NULL;
				(void)index_writer_remove(fixture.writer, which + 1, &error);
				g_assert_no_error(error);
				email_set_remove(fixture.indexed, which + 1);
			}
		}
		commit(&fixture);
		check_random(&fixture, 20);
		if (g_test_rand_int_range(0, 6) == 0) {
			index_writer_close(g_steal_pointer(&fixture.writer));
			open_writer(&fixture);
		}
	}
	fixture_clear(&fixture);
}

/* What is in a bulk build before its end, and what is left when the vocabulary is lost. */
static void without_a_vocabulary_texts_are_scanned(void)
{
	Fixture fixture;
	GError *error = NULL;
	fixture_init(&fixture, 300);
	fixture.writer = index_writer_open(fixture.generation, TRUE, &error);
	g_assert_no_error(error);
	index_writer_set_packing(fixture.writer, fixture.packing, PACK_BYTES);
	for (guint i = 0; i < fixture.texts->len; i++)
		add_text(&fixture, i);
	commit(&fixture);
	g_assert_null(fixture.reader->view->vocabulary);
	check_random(&fixture, 100);
	(void)index_writer_finish(fixture.writer, &error);
	g_assert_no_error(error);
	commit(&fixture);
	g_assert_nonnull(fixture.reader->view->vocabulary);
	check_random(&fixture, 100);
	index_writer_close(g_steal_pointer(&fixture.writer));
	g_autofree char *vocabulary = index_vocabulary_path(fixture.generation);
	remove_folder(vocabulary);
	index_reader_close(g_steal_pointer(&fixture.reader));
	fixture.reader = index_reader_open(fixture.dir, 1, NULL, &error);
	g_assert_no_error(error);
	g_assert_null(fixture.reader->view->vocabulary);
	check_random(&fixture, 50);
	open_writer(&fixture);
	commit(&fixture);
	g_assert_nonnull(fixture.reader->view->vocabulary);
	check_random(&fixture, 50);
	fixture_clear(&fixture);
}

/* Tokens around the lengths at which they are cut into pieces. */
static void long_tokens_are_found_by_any_part(void)
{
	Fixture fixture;
	fixture_init(&fixture, 300);
	g_autoptr(GString) digits = g_string_new(NULL);
	for (int i = 0; digits->len < 400; i++)
		g_string_append_printf(digits, "%dz", i * 7919 % 9973);
	static const gsize lengths[] = { 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 300 };
	for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autofree char *message = g_strdup_printf("Subject: x\n\nbefore %.*s. after\n", (int)lengths[i], digits->str);
		g_ptr_array_add(fixture.texts, message_text_new((const guint8 *)message, strlen(message)));
	}
	open_writer(&fixture);
	for (guint i = 0; i < fixture.texts->len; i++)
		add_text(&fixture, i);
	commit(&fixture);
	for (int i = 0; i < 2000; i++) {
		gsize begin = (gsize)g_test_rand_int_range(0, 300), len = (gsize)g_test_rand_int_range(1, 301 - (gint32)begin);
		g_autofree char *needle = g_strdup_printf("%s%.*s%s", begin == 0 && g_test_rand_bit() ? "before " : "", (int)len,
			digits->str + begin, g_test_rand_bit() ? "." : "");
		TextLeaf leaf = { .scope = g_test_rand_bit() ? TEXT_SCOPE_BODY : TEXT_SCOPE_TEXT, .needle = needle };
		leaf.needle_len = strlen(needle);
		check_leaf(&fixture, &leaf, fixture.indexed);
	}
	fixture_clear(&fixture);
}

/* Words of trace fields around the length at which they have no terms, one beside the other. */
static GString *trace_value(void)
{
	static const char octets[] = "aabcdefghijklm01234..=@-/+";
	GString *value = g_string_new(NULL);
	while (value->len < 1500) {
		gint32 len = g_test_rand_bit() ? g_test_rand_int_range(1, 12) : g_test_rand_int_range(36, 90);
		for (gint32 i = 0; i < len; i++)
			g_string_append_c(value, octets[g_test_rand_int_range(0, sizeof octets - 1)]);
		g_string_append_c(value, ' ');
	}
	g_string_truncate(value, value->len - 1);
	return value;
}

static void long_words_of_trace_fields_are_found(void)
{
	Fixture fixture;
	fixture_init(&fixture, 100);
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
	for (int i = 0; i < 1500; i++) {
		char *value = g_string_free(trace_value(), FALSE);
		g_autofree char *message = g_strdup_printf("DKIM-Signature: %s\nSubject: x\n\nbody\n", value);
		g_ptr_array_add(values, value);
		g_ptr_array_add(fixture.texts, message_text_new((const guint8 *)message, strlen(message)));
	}
	open_writer(&fixture);
	for (guint i = 0; i < fixture.texts->len; i++)
		add_text(&fixture, i);
	commit(&fixture);
	memset(fixture.paths, 0, sizeof fixture.paths);
	for (int i = 0; i < 1500; i++) {
		const char *value = values->pdata[g_test_rand_int_range(0, (gint32)values->len)];
		gint32 begin = g_test_rand_int_range(0, 6) == 0 ? 0 : g_test_rand_int_range(0, 1400), len = g_test_rand_int_range(1, 100);
		gboolean text = g_test_rand_bit();
		g_autofree char *needle = g_strdup_printf("%s%.*s", text && begin == 0 && g_test_rand_bit() ? "signature: " : "",
			(int)len, value + begin);
		TextLeaf leaf = { .scope = TEXT_SCOPE_TEXT, .needle = needle, .needle_len = strlen(needle) };
		if (!text)
			leaf.scope = TEXT_SCOPE_HEADER, leaf.field = "dkim-signature", leaf.field_len = strlen("dkim-signature");
		check_leaf(&fixture, &leaf, fixture.indexed);
	}
	g_assert_cmpuint(fixture.paths[LEAF_PATH_INDEX] + fixture.paths[LEAF_PATH_VERIFIED], >, 200);
	fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/plan/every_way_gives_the_matcher_s_answer/open", GINT_TO_POINTER(TEXT_PACKING_NONE),
		every_way_gives_the_matcher_s_answer);
	g_test_add_data_func("/plan/every_way_gives_the_matcher_s_answer/headers", GINT_TO_POINTER(TEXT_PACKING_HEADERS),
		every_way_gives_the_matcher_s_answer);
	g_test_add_data_func("/plan/every_way_gives_the_matcher_s_answer/all", GINT_TO_POINTER(TEXT_PACKING_ALL),
		every_way_gives_the_matcher_s_answer);
	g_test_add_func("/plan/changes_in_many_commits_are_seen", changes_in_many_commits_are_seen);
	g_test_add_func("/plan/without_a_vocabulary_texts_are_scanned", without_a_vocabulary_texts_are_scanned);
	g_test_add_func("/plan/long_tokens_are_found_by_any_part", long_tokens_are_found_by_any_part);
	g_test_add_func("/plan/long_words_of_trace_fields_are_found", long_words_of_trace_fields_are_found);
	return g_test_run();
}
