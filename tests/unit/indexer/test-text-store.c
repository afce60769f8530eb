/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/text-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "indexer/ftindex.h"
#include "indexer/index-file.h"
#include "indexer/text-store-private.h"
#include "tests/unit/indexer/corpus.h"

#define MAX_ID 400u

/* The store, and what should be in it: the text's number by email id (0: none). */
typedef struct {
	char *dir;
	TextWriter *writer;
	TextView *view; /* as a reader has it */
	TextState committed;
	guint32 model[MAX_ID], committed_model[MAX_ID];
} Fixture;

static void fixture_open(Fixture *fixture)
{
	GError *error = NULL;
	fixture->writer = text_writer_open(fixture->dir, &fixture->committed, &error);
	g_assert_no_error(error);
	text_writer_set_packing(fixture->writer, (TextPacking)g_test_rand_int_range(TEXT_PACKING_NONE, TEXT_PACKING_ALL + 1), 10000);
}

static void fixture_init(Fixture *fixture)
{
	memset(fixture, 0, sizeof *fixture);
	fixture->dir = make_folder();
	text_state_init(&fixture->committed);
	fixture_open(fixture);
}

static void fixture_clear(Fixture *fixture)
{
	text_writer_close(fixture->writer);
	text_view_unref(fixture->view);
	text_state_clear(&fixture->committed);
	remove_folder(fixture->dir);
	g_free(fixture->dir);
}

/* A text that depends on its number alone; some streams are empty, some large. */
static char *stream_text(guint32 number, int stream)
{
	if ((number + (guint)stream) % 5 == 0)
		return g_strdup("");
	g_autofree char *filler = g_strnfill((number * 31 + (guint)stream * 7) % 300, 'x');
	return g_strdup_printf("stream %d: text %u end\n%s\n", stream, number, filler);
}

static void add(Fixture *fixture, guint32 id, guint32 number)
{
	GError *error = NULL;
	TextSpan streams[TEXT_N_STREAMS];
	char *texts[TEXT_N_STREAMS];
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
		texts[stream] = stream_text(number, stream);
		streams[stream] = (TextSpan){ texts[stream], strlen(texts[stream]) };
	}
	g_assert_true(text_writer_add(fixture->writer, id, streams, &error));
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		g_free(texts[stream]);
	fixture->model[id] = number;
}

static void commit(Fixture *fixture)
{
	GError *error = NULL;
	TextState state;
	(void)text_writer_sync(fixture->writer, &state, &error);
	g_assert_no_error(error);
	text_state_clear(&fixture->committed);
	fixture->committed = state;
	memcpy(fixture->committed_model, fixture->model, sizeof fixture->model);
	(void)text_writer_committed(fixture->writer, &error);
	g_assert_no_error(error);
}

static void check_view(const TextView *view, const guint32 model[MAX_ID])
{
	g_autoptr(TextScratch) scratch = text_scratch_new();
	guint32 count = 0;
	for (guint32 id = 1; id < MAX_ID; id++) {
		TextSpan streams[TEXT_N_STREAMS];
		g_assert_cmpint(email_set_contains(text_view_present(view), id), ==, model[id] != 0);
		g_assert_cmpint(text_view_get(view, id, scratch, streams), ==, model[id] != 0);
		if (model[id] == 0)
			continue;
		count++;
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
			g_autofree char *expected = stream_text(model[id], stream);
			g_assert_cmpmem(streams[stream].data, streams[stream].len, expected, strlen(expected));
		}
	}
	g_assert_cmpuint(text_view_count(view), ==, count);
	g_autoptr(EmailSet) damaged = email_set_new();
	text_view_check(view, damaged);
	g_assert_true(email_set_is_empty(damaged));
}

/* A reader that goes on from its last view sees what one sees that opens anew. */
static void check(Fixture *fixture)
{
	GError *error = NULL;
	TextView *next = text_view_open(fixture->dir, &fixture->committed, fixture->view, &error);
	g_assert_no_error(error);
	text_view_unref(fixture->view);
	fixture->view = next;
	check_view(fixture->view, fixture->committed_model);
	g_autoptr(TextView) fresh = text_view_open(fixture->dir, &fixture->committed, NULL, &error);
	g_assert_no_error(error);
	check_view(fresh, fixture->committed_model);
}

static void change_at_random(Fixture *fixture, guint32 *number, guint changes)
{
	for (guint i = 0; i < changes; i++) {
		guint32 id = (guint32)g_test_rand_int_range(1, MAX_ID);
		if (g_test_rand_int_range(0, 3) > 0) {
			add(fixture, id, ++*number);
		} else {
			g_assert_cmpint(text_writer_has(fixture->writer, id), ==, fixture->model[id] != 0);
			text_writer_remove(fixture->writer, id);
			fixture->model[id] = 0;
		}
	}
}

static void it_holds_what_was_committed(void)
{
	Fixture fixture;
	guint32 number = 0;
	guint compacted = 0;
	fixture_init(&fixture);
	for (int round = 0; round < 150; round++) {
		GError *error = NULL;
		gboolean done;
		change_at_random(&fixture, &number, (guint)g_test_rand_int_range(0, 30));
		commit(&fixture);
		if (g_test_rand_bit()) {
			(void)text_writer_compact(fixture.writer, &done, &error);
			g_assert_no_error(error);
			compacted += done ? 1 : 0;
			if (done)
				commit(&fixture);
		}
		/* Not every commit is seen by the reader. */
		if (g_test_rand_int_range(0, 3) > 0)
			check(&fixture);
		if (g_test_rand_int_range(0, 10) == 0) {
			text_writer_close(fixture.writer);
			fixture_open(&fixture);
		}
	}
	check(&fixture);
	g_assert_cmpuint(compacted, >, 0);
	fixture_clear(&fixture);
}

/* A writer dies at any point: after some of its changes, with some of them in files. */
static void what_was_not_committed_is_cut_off(void)
{
	Fixture fixture;
	guint32 number = 0;
	fixture_init(&fixture);
	for (int round = 0; round < 60; round++) {
		GError *error = NULL;
		change_at_random(&fixture, &number, 20);
		if (g_test_rand_bit()) {
			commit(&fixture);
			if (g_test_rand_bit()) {
				gboolean done;
				(void)text_writer_compact(fixture.writer, &done, &error);
				g_assert_no_error(error);
			}
		} else {
			TextState lost;
			(void)text_writer_sync(fixture.writer, &lost, &error);
			g_assert_no_error(error);
			text_state_clear(&lost);
		}
		text_writer_close(fixture.writer);
		memcpy(fixture.model, fixture.committed_model, sizeof fixture.model);
		fixture_open(&fixture);
		check(&fixture);
	}
	fixture_clear(&fixture);
}

static void copy_folder(const char *from, const char *to)
{
	g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *source = g_build_filename(from, name, NULL), *target = g_build_filename(to, name, NULL);
		g_autofree char *data = NULL;
		gsize len;
		g_assert_true(g_file_get_contents(source, &data, &len, NULL));
		g_assert_true(g_file_set_contents_full(target, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	}
}

/* Each file cut at each byte: longer than committed is put right, shorter is seen. */
static void a_file_cut_at_any_byte_is_put_right_or_seen(void)
{
	Fixture fixture;
	guint32 number = 0;
	fixture_init(&fixture);
	change_at_random(&fixture, &number, 6);
	commit(&fixture);
	change_at_random(&fixture, &number, 4);
	commit(&fixture);
	TextState state;
	text_state_copy(&state, &fixture.committed);
	/* What follows is not committed. */
	change_at_random(&fixture, &number, 12);
	TextState lost;
	g_assert_true(text_writer_sync(fixture.writer, &lost, NULL));
	text_state_clear(&lost);
	text_writer_close(g_steal_pointer(&fixture.writer));
	g_autoptr(GDir) dir = g_dir_open(fixture.dir, 0, NULL);
	guint right = 0, seen = 0;
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *source = g_build_filename(fixture.dir, name, NULL);
		GStatBuf status;
		g_assert_cmpint(g_stat(source, &status), ==, 0);
		for (off_t len = 0; len <= status.st_size; len += 1 + status.st_size / 80) {
			g_autofree char *copy = make_folder(), *file = g_build_filename(copy, name, NULL);
			g_autoptr(GError) error = NULL;
			copy_folder(fixture.dir, copy);
			g_assert_cmpint(truncate(file, len), ==, 0);
			g_autoptr(TextWriter) writer = text_writer_open(copy, &state, &error);
			if (writer != NULL) {
				g_autoptr(TextView) view = text_view_open(copy, &state, NULL, NULL);
				check_view(view, fixture.committed_model);
				right++;
			} else {
				g_assert_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED);
				g_autoptr(TextView) view = text_view_open(copy, &state, NULL, NULL);
				g_assert_null(view);
				seen++;
			}
			remove_folder(copy);
		}
	}
	g_assert_cmpuint(right, >, 10);
	g_assert_cmpuint(seen, >, 10);
	text_state_clear(&state);
	fixture_clear(&fixture);
}

static void a_flipped_bit_of_the_newest_texts_is_seen_at_the_start(void)
{
	Fixture fixture;
	guint32 number = 0;
	fixture_init(&fixture);
	for (guint32 id = 1; id < 20; id++)
		add(&fixture, id, ++number);
	commit(&fixture);
	text_writer_close(g_steal_pointer(&fixture.writer));
	g_autofree char *body = g_build_filename(fixture.dir, "1.body", NULL);
	int fd = open(body, O_RDWR);
	char octet;
	g_assert_cmpint(pread(fd, &octet, 1, 10), ==, 1);
	octet ^= 1;
	g_assert_cmpint(pwrite(fd, &octet, 1, 10), ==, 1);
	close(fd);
	GError *error = NULL;
	fixture.writer = text_writer_open(fixture.dir, &fixture.committed, &error);
	g_assert_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED);
	g_clear_error(&error);
	g_autoptr(TextView) view = text_view_open(fixture.dir, &fixture.committed, NULL, &error);
	g_assert_no_error(error);
	g_autoptr(EmailSet) damaged = email_set_new();
	text_view_check(view, damaged);
	g_assert_cmpuint(email_set_count(damaged), ==, 1);
	fixture_clear(&fixture);
}

/* Entries that make no sense: no offset is believed. */
static void a_directory_that_makes_no_sense_is_refused(void)
{
	Fixture fixture;
	guint32 number = 0;
	fixture_init(&fixture);
	for (guint32 id = 1; id < 20; id++)
		add(&fixture, id, ++number);
	commit(&fixture);
	text_writer_close(g_steal_pointer(&fixture.writer));
	g_autofree char *path = g_build_filename(fixture.dir, "1.directory", NULL);
	g_autofree char *good = NULL;
	gsize len;
	g_assert_true(g_file_get_contents(path, &good, &len, NULL));
	guint refused = 0;
	for (int round = 0; round < 2000; round++) {
		g_autofree char *bad = g_memdup2(good, len);
		gsize at = (gsize)g_test_rand_int_range(0, (gint32)len);
		bad[at] = (char)(bad[at] ^ (1 << g_test_rand_int_range(0, 8)));
		g_assert_true(g_file_set_contents_full(path, bad, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
		g_autoptr(GError) error = NULL;
		g_autoptr(TextView) view = text_view_open(fixture.dir, &fixture.committed, NULL, &error);
		if (view == NULL) {
			g_assert_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED);
			refused++;
			continue;
		}
		/* What still makes sense is at least within the files. */
		g_autoptr(EmailSet) damaged = email_set_new();
		text_view_check(view, damaged);
	}
	g_assert_cmpuint(refused, >, 100);
	fixture_clear(&fixture);
}

/* -- packed streams -------------------------------------------------------------------------------------------------- */

#define PACKED_TEXTS 1500u

/* @texts again and again, as emails 1 to PACKED_TEXTS, less some. Packed but for the last hundred. *packed_out: how many segments are. */
static TextView *make_view(const char *dir, const GPtrArray *texts, TextPacking packing, guint *packed_out)
{
	GError *error = NULL;
	g_auto(TextBuffers) buffers = { .long_words = NULL };
	g_auto(TextState) state = { NULL };
	gboolean done;
	text_buffers_init(&buffers);
	text_state_init(&state);
	g_autoptr(TextWriter) writer = text_writer_open(dir, &state, &error);
	g_assert_no_error(error);
	text_writer_set_packing(writer, packing, 1);
	for (guint id = 1; id <= PACKED_TEXTS; id++) {
		const MessageText *text = texts->pdata[id % texts->len];
		TextSpan sections[MESSAGE_TEXT_N_SECTIONS], streams[TEXT_N_STREAMS];
		for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++)
			sections[section] = (TextSpan){ text->section[section]->str, text->section[section]->len };
		text_split(sections, &buffers, streams);
		streams[TEXT_STREAM_SORT] = (TextSpan){ "sort\n", 5 };
		g_assert_true(text_writer_add(writer, id, streams, &error));
		if (id == PACKED_TEXTS - 100 || id == PACKED_TEXTS) {
			text_writer_remove(writer, id / 2);
			do {
				text_state_clear(&state);
				g_assert_true(text_writer_sync(writer, &state, &error));
				g_assert_true(text_writer_committed(writer, &error));
				g_assert_true(id == PACKED_TEXTS || text_writer_compact(writer, &done, &error));
			} while (id < PACKED_TEXTS && done);
		}
	}
	*packed_out = 0;
	for (guint i = 0; i < state.segments->len; i++)
		*packed_out += g_array_index(state.segments, TextSegment, i).packed[TEXT_STREAM_TRACE] != 0;
	TextView *view = text_view_open(dir, &state, NULL, &error);
	g_assert_no_error(error);
	return view;
}

static EmailSet *match(const TextView *view, const TextLeaf *leaf, const EmailSet *among)
{
	GError *error = NULL;
	EmailSet *matched = email_set_new();
	(void)text_view_match(view, leaf, text_leaf_streams(leaf), among, NULL, matched, &error);
	g_assert_no_error(error);
	return matched;
}

static gboolean sets_equal(const EmailSet *a, const EmailSet *b)
{
	g_autoptr(EmailSet) more = email_set_copy(a);
	email_set_and_not(more, b);
	return email_set_is_empty(more) && email_set_count(a) == email_set_count(b);
}

static void packed_streams_match_like_open_ones(gconstpointer data)
{
	TextPacking packing = (TextPacking)GPOINTER_TO_INT(data);
	g_autoptr(GPtrArray) messages = corpus_load(700);
	g_autoptr(GPtrArray) texts = corpus_texts(messages);
	g_autofree char *open_dir = make_folder(), *packed_dir = make_folder();
	guint packed;
	g_autoptr(TextView) open = make_view(open_dir, texts, TEXT_PACKING_NONE, &packed);
	g_assert_cmpuint(packed, ==, 0);
	g_autoptr(TextView) view = make_view(packed_dir, texts, packing, &packed);
	g_assert_cmpuint(packed, ==, 1);
	g_assert_true(sets_equal(text_view_present(open), text_view_present(view)));
	guint matches = 0;
	for (int round = 0; round < 1500; round++) {
		RandomLeaf random;
		random_leaf(&random, texts);
		random.leaf.fuzzy = NULL;
		g_autoptr(EmailSet) among = email_set_new();
		guint one_of = (guint[]){ 1, 2, 20, 200 }[round % 4];
		for (guint32 id = 1; id <= PACKED_TEXTS; id++)
			if (g_test_rand_int_range(0, (gint32)one_of) == 0)
				email_set_add(among, id);
		g_autoptr(EmailSet) expected = match(open, &random.leaf, among);
		g_autoptr(EmailSet) got = match(view, &random.leaf, among);
		g_autofree char *described = leaf_describe(&random.leaf);
		g_test_message("%s", described);
		g_assert_true(sets_equal(expected, got));
		matches += email_set_count(got);
		for (guint32 id = 1; id <= PACKED_TEXTS; id += round % 20 == 0 ? 1 : PACKED_TEXTS)
			g_assert_cmpint(email_set_contains(got, id), ==,
				email_set_contains(among, id) && email_set_contains(text_view_present(view), id) &&
					text_matches(texts->pdata[id % texts->len], &random.leaf));
		random_leaf_clear(&random);
	}
	g_assert_cmpuint(matches, >, 1000);
	/* Record by record, in order and not. */
	g_autoptr(TextScratch) scratch = text_scratch_new();
	for (guint i = 1; i <= 2 * PACKED_TEXTS; i++) {
		guint32 id = i <= PACKED_TEXTS ? i : (guint32)g_test_rand_int_range(1, PACKED_TEXTS + 1);
		TextSpan left[TEXT_N_STREAMS], right[TEXT_N_STREAMS];
		gboolean present = text_view_get(open, id, scratch, left);
		g_assert_cmpint(text_view_get(view, id, scratch, right), ==, present);
		for (int stream = 0; present && stream < TEXT_N_STREAMS; stream++)
			g_assert_cmpmem(left[stream].data, left[stream].len, right[stream].data, right[stream].len);
	}
	remove_folder(open_dir);
	remove_folder(packed_dir);
}

/* Bits of packed files flipped, and nothing but the file's own length believed. */
static void damage_of_packed_files_is_seen(gconstpointer data)
{
	TextPacking packing = (TextPacking)GPOINTER_TO_INT(data);
	g_autoptr(GPtrArray) messages = corpus_load(700);
	g_autoptr(GPtrArray) texts = corpus_texts(messages);
	g_autofree char *dir = make_folder();
	guint packed, refused = 0, seen = 0, failed = 0;
	g_autoptr(TextView) good = make_view(dir, texts, packing, &packed);
	g_auto(TextState) state = { NULL };
	text_state_copy(&state, text_view_state(good));
	g_autofree char *path = g_build_filename(dir, "1.trace.packed", NULL);
	g_autofree char *octets = NULL;
	gsize len;
	g_assert_true(g_file_get_contents(path, &octets, &len, NULL));
	TextLeaf leaf = { .scope = TEXT_SCOPE_HEADER, .field = "received", .field_len = 8, .needle = "\x01nowhere", .needle_len = 8 };
	for (int round = 0; round < 200; round++) {
		g_autofree char *bad = g_memdup2(octets, len);
		g_autoptr(GError) error = NULL;
		gsize at = round % 2 == 0 ? (gsize)g_test_rand_int_range(0, (gint32)len) :
					    len - 1 - (gsize)g_test_rand_int_range(0, 100);
		bad[at] = (char)(bad[at] ^ (1 << g_test_rand_int_range(0, 8)));
		g_assert_true(g_file_set_contents_full(path, bad, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
		g_autoptr(TextView) view = text_view_open(dir, &state, NULL, &error);
		if (view == NULL) {
			g_assert_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED);
			refused++;
			continue;
		}
		g_autoptr(EmailSet) damaged = email_set_new();
		g_autoptr(EmailSet) matched = email_set_new();
		text_view_check(view, damaged);
		seen += email_set_is_empty(damaged) ? 0 : 1;
		if (!text_view_match(view, &leaf, text_leaf_streams(&leaf), text_view_present(view), NULL, matched, &error)) {
			g_assert_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED);
			g_assert_false(email_set_is_empty(damaged));
			failed++;
		}
	}
	g_assert_cmpuint(refused, >, 50);
	/* Most flipped bits only change the text, and are seen when records are checked, as where nothing is packed. */
	g_assert_cmpuint(failed, >, 0);
	/* There are a few bits that say nothing. */
	g_assert_cmpuint(refused + seen, >=, 190);
	remove_folder(dir);
}

static void splitting_keeps_every_line_and_the_matcher_s_answer(void)
{
	g_autoptr(GPtrArray) messages = corpus_load(400);
	g_autoptr(GPtrArray) texts = corpus_texts(messages);
	g_auto(TextBuffers) buffers = { .long_words = NULL };
	text_buffers_init(&buffers);
	for (guint i = 0; i < texts->len; i++) {
		const MessageText *text = texts->pdata[i];
		TextSpan sections[MESSAGE_TEXT_N_SECTIONS], streams[TEXT_N_STREAMS];
		gsize before = 0, after = 0;
		for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++) {
			sections[section] = (TextSpan){ text->section[section]->str, text->section[section]->len };
			before += sections[section].len;
		}
		text_split(sections, &buffers, streams);
		for (int stream = 0; stream < TEXT_STREAM_SORT; stream++)
			after += streams[stream].len;
		g_assert_cmpuint(before, ==, after);
		for (int query = 0; query < 10; query++) {
			RandomLeaf random;
			random_leaf(&random, texts);
			random.leaf.fuzzy = NULL;
			g_assert_cmpint(text_streams_match(streams, &random.leaf), ==, text_matches(text, &random.leaf));
			random_leaf_clear(&random);
		}
	}
}

/* Words of TERM_LONG_WORD octets and more, of trace fields and nothing else. */
static void long_words_are_kept_once_more(void)
{
#define WORD "abcdefghijklmnopqrstuvwxyz.0123456789/=" /* 39 */
	static const struct {
		const char *header, *words;
	} cases[] = {
		{ "", "" },
		{ "received: from a by b\n", "" },
		{ "received: " WORD "\n", "" },
		{ "received: a " WORD "+\n", "\n" WORD "+\n" },
		{ "received: " WORD "+ b " WORD "++\nsubject: x\ndkim-signature: a " WORD WORD " \n",
			"\n" WORD "+\n" WORD "++\n" WORD WORD "\n" },
		{ "subject: " WORD "+\nmessage-id: " WORD "+\nreceived " WORD "+\n", "" },
		{ "received: " WORD "\n" WORD "+\n", "" },
	};
#undef WORD
	g_auto(TextBuffers) buffers = { .long_words = NULL };
	text_buffers_init(&buffers);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		TextSpan sections[MESSAGE_TEXT_N_SECTIONS] = { { cases[i].header, strlen(cases[i].header) }, { "", 0 }, { "", 0 } };
		TextSpan streams[TEXT_N_STREAMS];
		text_split(sections, &buffers, streams);
		const TextSpan *words = &streams[TEXT_STREAM_LONG];
		g_assert_cmpmem(words->data, words->len, cases[i].words, strlen(cases[i].words));
	}
}

/* Hits in lines of other fields: each is passed over with its line, or a single long one would take a minute. */
static void hits_in_a_long_line_of_another_field_cost_its_length(void)
{
	enum { LEN = 1000000, EMAILS = 3 };
	GError *error = NULL;
	g_autofree char *dir = make_folder(), *filler = g_strnfill(LEN, 'a');
	g_autofree char *without = g_strdup_printf("subject: %s\nfro: a\nfrom\nsubject: from: a\n", filler);
	g_autofree char *with = g_strdup_printf("subject: %s\nfrom: b\nfrom: xa\n", filler);
	g_auto(TextState) state = { NULL };
	text_state_init(&state);
	g_autoptr(TextWriter) writer = text_writer_open(dir, &state, &error);
	g_assert_no_error(error);
	for (guint32 id = 1; id <= EMAILS; id++) {
		TextSpan streams[TEXT_N_STREAMS] = { [0 ... TEXT_N_STREAMS - 1] = { "", 0 } };
		const char *text = id == 2 ? with : without;
		streams[TEXT_STREAM_ENVELOPE] = (TextSpan){ text, strlen(text) };
		g_assert_true(text_writer_add(writer, id, streams, &error));
	}
	text_state_clear(&state);
	g_assert_true(text_writer_sync(writer, &state, &error));
	g_assert_true(text_writer_committed(writer, &error));
	g_autoptr(TextView) view = text_view_open(dir, &state, NULL, &error);
	g_assert_no_error(error);
	static const struct {
		const char *field, *needle;
		gboolean match;
	} cases[] = {
		{ "from", "a", TRUE }, { "from", "xa", TRUE }, { "from", "b", TRUE }, { "from", "m", FALSE }, { "from", "aa", FALSE },
		{ "from", ": x", FALSE }, { "to", "a", FALSE },
	};
	clock_t start = clock();
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		TextLeaf leaf = { .scope = TEXT_SCOPE_HEADER, .field = cases[i].field, .field_len = strlen(cases[i].field),
			.needle = cases[i].needle, .needle_len = strlen(cases[i].needle) };
		g_autoptr(EmailSet) found = match(view, &leaf, text_view_present(view));
		g_assert_cmpuint(email_set_count(found), ==, cases[i].match ? 1 : 0);
		g_assert_cmpint(email_set_contains(found, 2), ==, cases[i].match);
	}
	/* Milliseconds; from each hit back to the start of its line it was minutes. */
	g_assert_cmpint((clock() - start) / CLOCKS_PER_SEC, <, 5);
	remove_folder(dir);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/text-store/" #name, name)
#define PACKING_TEST(label, packing, name) g_test_add_data_func("/text-store/" #name "/" label, GINT_TO_POINTER(packing), name)
	TEST(it_holds_what_was_committed);
	TEST(what_was_not_committed_is_cut_off);
	TEST(a_file_cut_at_any_byte_is_put_right_or_seen);
	TEST(a_flipped_bit_of_the_newest_texts_is_seen_at_the_start);
	TEST(a_directory_that_makes_no_sense_is_refused);
	PACKING_TEST("headers", TEXT_PACKING_HEADERS, packed_streams_match_like_open_ones);
	PACKING_TEST("all", TEXT_PACKING_ALL, packed_streams_match_like_open_ones);
	PACKING_TEST("headers", TEXT_PACKING_HEADERS, damage_of_packed_files_is_seen);
	PACKING_TEST("all", TEXT_PACKING_ALL, damage_of_packed_files_is_seen);
	TEST(splitting_keeps_every_line_and_the_matcher_s_answer);
	TEST(long_words_are_kept_once_more);
	TEST(hits_in_a_long_line_of_another_field_cost_its_length);
#undef TEST
#undef PACKING_TEST
	return g_test_run();
}
