/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/vocabulary-writer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "indexer/index-file.h"
#include "indexer/terms.h"
#include "tests/unit/indexer/corpus.h"

/* The vocabulary, and a plain set of its terms (prefix first). */
typedef struct {
	char *dir;
	VocabularyWriter *writer;
	VocabularyState committed;
	GHashTable *model, *committed_model;
	VocabularyView *view;
} Fixture;

static GHashTable *copy_set(GHashTable *set)
{
	GHashTable *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	gpointer term;
	g_hash_table_iter_init(&iter, set);
	while (g_hash_table_iter_next(&iter, &term, NULL))
		g_hash_table_add(copy, g_strdup(term));
	return copy;
}

static void fixture_open(Fixture *fixture)
{
	GError *error = NULL;
	gboolean rebuild;
	fixture->writer = vocabulary_writer_open(fixture->dir, &fixture->committed, &rebuild, &error);
	g_assert_no_error(error);
	g_assert_false(rebuild);
}

static void fixture_init(Fixture *fixture)
{
	memset(fixture, 0, sizeof *fixture);
	fixture->dir = make_folder();
	fixture->committed.present = TRUE;
	fixture->model = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	fixture->committed_model = copy_set(fixture->model);
	fixture_open(fixture);
}

static void fixture_clear(Fixture *fixture)
{
	vocabulary_writer_close(fixture->writer);
	vocabulary_view_unref(fixture->view);
	g_hash_table_destroy(fixture->model);
	g_hash_table_destroy(fixture->committed_model);
	remove_folder(fixture->dir);
	g_free(fixture->dir);
}

static char *random_term(void)
{
	static const char prefixes[] = TERM_PREFIXES, letters[] = "aabbcd0\xc3\xa9KB";
	GString *term = g_string_new(NULL);
	g_string_append_c(term, prefixes[g_test_rand_int_range(0, (gint32)strlen(prefixes))]);
	for (int i = g_test_rand_int_range(0, 7); i >= 0; i--)
		g_string_append_c(term, letters[g_test_rand_int_range(0, (gint32)strlen(letters))]);
	return g_string_free(term, FALSE);
}

static void add_random(Fixture *fixture, int n)
{
	g_autoptr(GByteArray) terms = g_byte_array_new();
	for (int i = 0; i < n; i++) {
		char *term = random_term();
		term_append(terms, term[0], term + 1, strlen(term) - 1);
		g_hash_table_add(fixture->model, term);
	}
	vocabulary_writer_add(fixture->writer, (FtTerms){ terms->data, terms->len });
}

static void commit(Fixture *fixture)
{
	GError *error = NULL;
	(void)vocabulary_writer_sync(fixture->writer, &fixture->committed, &error);
	g_assert_no_error(error);
	vocabulary_writer_committed(fixture->writer);
	g_hash_table_destroy(fixture->committed_model);
	fixture->committed_model = copy_set(fixture->model);
}

static gboolean term_matches(const char *term, VocabularyMatch match, const char *token)
{
	switch (match) {
	case VOCABULARY_CONTAINS:
		return strstr(term + 1, token) != NULL;
	case VOCABULARY_PREFIX:
		return g_str_has_prefix(term + 1, token);
	case VOCABULARY_SUFFIX:
		return g_str_has_suffix(term + 1, token);
	}
	return FALSE;
}

static void check_query(const Fixture *fixture, const char *prefixes, VocabularyMatch match, const char *token)
{
	g_autoptr(GByteArray) terms = g_byte_array_new();
	g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint n, expected = 0;
	GHashTableIter iter;
	gpointer term;
	g_assert_true(vocabulary_find(fixture->view, prefixes, match, token, strlen(token), G_MAXUINT, terms, &n));
	for (gsize at = 0; at < terms->len; at += (gsize)terms->data[at] + 1)
		g_hash_table_add(found, g_strndup((const char *)terms->data + at + 1, terms->data[at]));
	g_hash_table_iter_init(&iter, fixture->committed_model);
	while (g_hash_table_iter_next(&iter, &term, NULL)) {
		if (strchr(prefixes, ((const char *)term)[0]) == NULL || !term_matches(term, match, token))
			continue;
		expected++;
		if (!g_hash_table_contains(found, term))
			g_error("%s is missing: prefixes %s, token %s, kind %d", (const char *)term, prefixes, token, match);
	}
	g_assert_cmpuint(g_hash_table_size(found), ==, expected);
	if (expected > 1) {
		g_byte_array_set_size(terms, 0);
		g_assert_false(vocabulary_find(fixture->view, prefixes, match, token, strlen(token), expected - 1, terms, &n));
		g_assert_cmpuint(n, ==, expected - 1);
	}
}

static void check(Fixture *fixture, int queries)
{
	GError *error = NULL;
	VocabularyView *next = vocabulary_view_open(fixture->dir, &fixture->committed, fixture->view, &error);
	g_assert_no_error(error);
	vocabulary_view_unref(fixture->view);
	fixture->view = next;
	for (int i = 0; i < queries; i++) {
		static const char *const prefixes[] = { "B", "S", "NP", "BCFHKST", TERM_PREFIXES };
		g_autofree char *term = random_term();
		check_query(fixture, prefixes[g_test_rand_int_range(0, G_N_ELEMENTS(prefixes))],
			(VocabularyMatch)g_test_rand_int_range(0, VOCABULARY_SUFFIX + 1), term + 1);
		g_assert_cmpint(vocabulary_has(fixture->view, term[0], term + 1, strlen(term + 1)), ==,
			g_hash_table_contains(fixture->committed_model, term));
	}
}

static void it_finds_what_a_plain_set_has(void)
{
	Fixture fixture;
	guint32 merges = 0;
	fixture_init(&fixture);
	for (int round = 0; round < 120; round++) {
		/* Now and then so much that the delta is merged. */
		add_random(&fixture, round % 30 == 29 ? 60000 : g_test_rand_int_range(0, 200));
		guint32 number = fixture.committed.number;
		commit(&fixture);
		merges += fixture.committed.number != number ? 1 : 0;
		check(&fixture, round % 30 == 29 ? 3 : 10);
		if (g_test_rand_int_range(0, 8) == 0) {
			vocabulary_writer_close(fixture.writer);
			fixture_open(&fixture);
		}
	}
	g_assert_cmpuint(merges, >, 0);
	fixture_clear(&fixture);
}

/* The writer dies after it wrote, before the commit. */
static void what_was_not_committed_does_no_harm(void)
{
	Fixture fixture;
	fixture_init(&fixture);
	for (int round = 0; round < 40; round++) {
		VocabularyState lost;
		GError *error = NULL;
		add_random(&fixture, round % 10 == 9 ? 60000 : 50);
		if (g_test_rand_bit()) {
			commit(&fixture);
		} else {
			(void)vocabulary_writer_sync(fixture.writer, &lost, &error);
			g_assert_no_error(error);
		}
		vocabulary_writer_close(fixture.writer);
		g_hash_table_destroy(fixture.model);
		fixture.model = copy_set(fixture.committed_model);
		fixture_open(&fixture);
		check(&fixture, 10);
	}
	fixture_clear(&fixture);
}

/* Cut or changed files are seen by the writer, which then asks for a new build; a reader never reads outside. */
static void damage_is_seen(void)
{
	Fixture fixture;
	fixture_init(&fixture);
	add_random(&fixture, 80000);
	commit(&fixture);
	add_random(&fixture, 2000);
	commit(&fixture);
	vocabulary_writer_close(g_steal_pointer(&fixture.writer));
	g_assert_cmpuint(fixture.committed.base_bytes, >, 0);
	g_assert_cmpuint(fixture.committed.delta_bytes, >, 0);
	static const char *const kinds[] = { "base", "delta" };
	for (int round = 0; round < 60; round++) {
		int kind = round % 2;
		g_autofree char *copy = make_folder();
		for (int k = 0; k < 2; k++) {
			g_autofree char *name = g_strdup_printf("%u.%s", fixture.committed.number, kinds[k]);
			g_autofree char *from = g_build_filename(fixture.dir, name, NULL), *to = g_build_filename(copy, name, NULL);
			g_autofree char *data = NULL;
			gsize len;
			g_assert_true(g_file_get_contents(from, &data, &len, NULL));
			if (k == kind && round % 4 < 2)
				len = (gsize)g_test_rand_int_range(0, (gint32)len);
			else if (k == kind && k == 0)
				data[g_test_rand_int_range(0, (gint32)len)] ^= 4;
			g_assert_true(g_file_set_contents_full(to, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
		}
		gboolean rebuild = FALSE;
		g_autoptr(GError) error = NULL;
		g_autoptr(VocabularyView) view = vocabulary_view_open(copy, &fixture.committed, NULL, NULL);
		if (view != NULL) {
			g_autoptr(GByteArray) terms = g_byte_array_new();
			guint n;
			(void)vocabulary_find(view, TERM_PREFIXES, VOCABULARY_CONTAINS, "ab", 2, 1000, terms, &n);
		}
		g_autoptr(VocabularyWriter) writer = vocabulary_writer_open(copy, &fixture.committed, &rebuild, &error);
		g_assert_no_error(error);
		g_assert_cmpint(rebuild, ==, kind == 0 || round % 4 < 2);
		g_assert_cmpint(vocabulary_writer_present(writer), ==, !rebuild);
		remove_folder(copy);
	}
	fixture_clear(&fixture);
}

static void it_is_built_from_the_database(void)
{
	Fixture fixture;
	GError *error = NULL;
	fixture_init(&fixture);
	g_autofree char *folder = make_folder(), *path = g_build_filename(folder, "xapian", NULL);
	FtIndex *index = ftindex_open_writer(path, &error);
	g_assert_no_error(error);
	for (guint32 id = 1; id < 200; id++) {
		g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		for (int i = 0; i < 30; i++) {
			char *term = random_term();
			g_ptr_array_add(terms, term);
			g_hash_table_add(fixture.model, g_strdup(term));
		}
		for (guint i = 0; i < terms->len; i++) {
			const char *term = terms->pdata[i];
			term_append(bytes, term[0], term + 1, strlen(term + 1));
		}
		g_assert_true(ftindex_add(index, id, (FtTerms){ bytes->data, bytes->len }, &error));
	}
	g_assert_true(ftindex_commit(index, &error));
	(void)vocabulary_writer_build(fixture.writer, index, &fixture.committed, &error);
	g_assert_no_error(error);
	vocabulary_writer_committed(fixture.writer);
	g_hash_table_destroy(fixture.committed_model);
	fixture.committed_model = copy_set(fixture.model);
	check(&fixture, 100);
	add_random(&fixture, 100);
	commit(&fixture);
	check(&fixture, 100);
	ftindex_close(index);
	remove_folder(folder);
	fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/vocabulary/" #name, name)
	TEST(it_finds_what_a_plain_set_has);
	TEST(what_was_not_committed_does_no_harm);
	TEST(damage_is_seen);
	TEST(it_is_built_from_the_database);
#undef TEST
	return g_test_run();
}
