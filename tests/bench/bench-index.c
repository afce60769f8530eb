/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine without server and store: indexes the *.eml files below a folder (default: tests/data/mail), then asks. Prints what indexing cost, what the
 * index takes on disk by part, and for each string how it was answered, how much CPU time that took (median of several) and how much a scan of the text store takes.
 *
 *     bench-index [FOLDER [MEMORY-MIB]]
 *
 * BENCH_INDEX_DIR: where the index is kept from run to run. BENCH_INDEX_COMPRESS: none, headers or all (the setting index.compress).
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/fold.h"
#include "indexer/fuzzy-plan.h"
#include "indexer/fuzzy-text.h"
#include "indexer/index-reader.h"
#include "indexer/index-writer.h"
#include "indexer/plan.h"
#include "store/sort-keys.h"

#define ROUNDS 5

static void list_files(const char *path, GPtrArray *files)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		char *inner = g_build_filename(path, name, NULL);
		if (g_file_test(inner, G_FILE_TEST_IS_DIR)) {
			list_files(inner, files);
			g_free(inner);
		} else {
			g_ptr_array_add(files, inner);
		}
	}
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	const char *left = *(const char *const *)a, *right = *(const char *const *)b;
	gsize left_len = strlen(left), right_len = strlen(right);
	return left_len != right_len ? (left_len < right_len ? -1 : 1) : strcmp(left, right);
}

static double cpu_seconds(void)
{
	struct rusage usage;
	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
	       (double)usage.ru_stime.tv_usec / 1e6;
}

/* CPU time of all threads: the machine may be busy with other things. On one core (taskset -c 0) no helpers are started. */
static gint64 cpu_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static double peak_mib(void)
{
	struct rusage usage;
	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static double folder_mb(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	double bytes = 0;
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		GStatBuf status;
		if (g_stat(inner, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode)) {
			bytes += folder_mb(inner) * 1e6;
		} else {
			bytes += (double)status.st_size;
			printf("    %10.2f MB  %s\n", (double)status.st_size / 1e6, inner);
		}
	}
	return bytes / 1e6;
}

static double bytes_of(const GPtrArray *files)
{
	double bytes = 0;
	GStatBuf status;
	for (guint i = 0; i < files->len; i++)
		if (g_stat(files->pdata[i], &status) == 0)
			bytes += (double)status.st_size;
	return bytes;
}

static void run(const char *const *argv)
{
	(void)g_spawn_sync(NULL, (char **)(gsize)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

static void move_over(const char *from, const char *to)
{
	run((const char *const[]){ "rm", "-r", to, NULL });
	(void)g_rename(from, to);
}

static void die(GError *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "bench-index: %s\n", error->message);
	exit(EXIT_FAILURE);
}

static guint build(const char *dir, const GPtrArray *files, gsize memory)
{
	GError *error = NULL;
	double mail = 0, extract_s = 0, add_s = 0, commit_s = 0, began = cpu_seconds();
	guint commits = 0;
	IndexWriter *writer = index_writer_open(dir, TRUE, &error);
	die(error);
	for (guint i = 0; i < files->len; i++) {
		g_autofree char *data = NULL;
		gsize len;
		double t0 = cpu_seconds();
		if (!g_file_get_contents(files->pdata[i], &data, &len, NULL))
			continue;
		mail += (double)len;
		g_autoptr(MessageText) text = message_text_new((const guint8 *)data, len);
		g_autoptr(GString) sort_keys = g_string_new(NULL);
		sort_keys_append(sort_keys, (const guint8 *)data, len);
		double t1 = cpu_seconds();
		(void)index_writer_add(writer, i + 1, text, sort_keys, &error);
		die(error);
		double t2 = cpu_seconds();
		extract_s += t1 - t0;
		add_s += t2 - t1;
		if (index_writer_pending(writer) > memory / 3) {
			(void)index_writer_commit(writer, &error);
			die(error);
			commits++;
			commit_s += cpu_seconds() - t2;
		}
	}
	index_writer_set_watermark(writer, files->len);
	double t3 = cpu_seconds();
	(void)index_writer_commit(writer, &error);
	die(error);
	commit_s += cpu_seconds() - t3;
	double t4 = cpu_seconds();
	(void)index_writer_finish(writer, &error);
	die(error);
	double vocabulary_s = cpu_seconds() - t4, all = cpu_seconds() - began;
	g_autofree char *compact = g_strconcat(dir, "-compact", NULL);
	double t5 = cpu_seconds();
	(void)index_writer_roll(writer, compact, &error);
	die(error);
	double compact_s = cpu_seconds() - t5;
	index_writer_close(writer);
	printf("indexing: %u messages, %.1f MB; CPU %.2f s: reading and extraction %.2f, adding %.2f, %u commits %.2f, vocabulary %.2f;\n"
	       "    %.0f messages and %.2f MB a CPU second; peak memory %.0f MiB\n",
		files->len, mail / 1e6, all, extract_s, add_s, commits + 1, commit_s, vocabulary_s, files->len / all, mail / 1e6 / all,
		peak_mib());
	double disk = folder_mb(dir);
	printf("index: %.1f MB, %.2f of the mail\n", disk, disk * 1e6 / mail);
	move_over(compact, dir);
	disk = folder_mb(dir);
	printf("compacted in %.2f s CPU: %.1f MB, %.2f of the mail\n", compact_s, disk, disk * 1e6 / mail);
	return files->len;
}

/* What the indexer does when it has nothing else to do. */
static void maintain(const char *dir, double mail)
{
	GError *error = NULL;
	gboolean done = TRUE;
	const char *compress = g_getenv("BENCH_INDEX_COMPRESS");
	double began = cpu_seconds();
	IndexWriter *writer = index_writer_open(dir, FALSE, &error);
	die(error);
	index_writer_set_packing(writer, text_packing_from_name(compress == NULL ? "headers" : compress), 0);
	while (done) {
		(void)index_writer_maintain(writer, &done, &error);
		die(error);
	}
	index_writer_close(writer);
	double packed = cpu_seconds(), disk = folder_mb(dir);
	printf("packed in %.2f s CPU: %.1f MB, %.3f of the mail\n", packed - began, disk, disk * 1e6 / mail);
}

static gint compare_times(gconstpointer a, gconstpointer b)
{
	gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;
	return left < right ? -1 : left > right;
}

static void ask(IndexReader *reader, TextScope scope, const char *field, const char *string)
{
	GError *error = NULL;
	gsize len;
	g_autofree char *needle = fold_string(string, strlen(string), &len);
	TextLeaf leaf = { scope, field, field == NULL ? 0 : strlen(field), needle, len, NULL };
	const EmailSet *all = text_view_present(reader->view->text);
	gint64 times[ROUNDS], scans[ROUNDS];
	LeafStats stats = { .path = LEAF_PATH_NONE };
	guint32 matched_count = 0;
	for (int round = 0; round < ROUNDS; round++) {
		g_autoptr(EmailSet) matched = email_set_new();
		g_autoptr(EmailSet) scanned = email_set_new();
		stats = (LeafStats){ .path = LEAF_PATH_NONE };
		gint64 t0 = cpu_us();
		(void)plan_match(reader, &leaf, all, NULL, matched, &stats, &error);
		die(error);
		gint64 t1 = cpu_us();
		(void)text_view_match(reader->view->text, &leaf, text_leaf_streams(&leaf), all, NULL, scanned, &error);
		times[round] = t1 - t0;
		scans[round] = cpu_us() - t1;
		matched_count = email_set_count(matched);
		if (!email_set_equal(matched, scanned))
			printf("DIFFERENT: %u by scan\n", email_set_count(scanned));
	}
	qsort(times, ROUNDS, sizeof *times, compare_times);
	qsort(scans, ROUNDS, sizeof *scans, compare_times);
	g_autofree char *what = g_strdup_printf("%s \"%.40s\"", scope == TEXT_SCOPE_TEXT ? "TEXT" : scope == TEXT_SCOPE_BODY ? "BODY" : field,
		string);
	printf("  %-52s %8u hits  %-8s %7u terms %7u cand. %9.3f ms  scan %8.3f ms\n", what, matched_count, leaf_path_name(stats.path),
		stats.terms, stats.candidates, (double)times[ROUNDS / 2] / 1000, (double)scans[ROUNDS / 2] / 1000);
}

/* A fuzzy key, and the ratings of what it finds. */
static void ask_fuzzy(IndexReader *reader, TextScope scope, const char *field, const char *string)
{
	GError *error = NULL;
	gsize len;
	g_autofree char *needle = fold_string(string, strlen(string), &len);
	g_autoptr(FuzzyNeedle) fuzzy = fuzzy_needle_new(needle, len);
	TextLeaf leaf = { scope, field, field == NULL ? 0 : strlen(field), needle, len, fuzzy };
	const EmailSet *all = text_view_present(reader->view->text);
	gint64 times[ROUNDS], ratings[ROUNDS];
	LeafStats stats = { .path = LEAF_PATH_NONE };
	guint32 n = 0;
	for (int round = 0; round < ROUNDS; round++) {
		g_autoptr(EmailSet) matched = email_set_new();
		g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(fuzzy);
		g_autoptr(TextScratch) scratch = text_scratch_new();
		stats = (LeafStats){ .path = LEAF_PATH_NONE };
		gint64 t0 = cpu_us();
		(void)fuzzy_plan_match(reader, &leaf, all, NULL, matched, &stats, &error);
		die(error);
		gint64 t1 = cpu_us();
		for (guint32 id = 0; email_set_next(matched, id, &id); id++) {
			TextSpan streams[TEXT_N_STREAMS];
			float of[FUZZY_WORDS_MAX];
			if (text_view_get(reader->view->text, id, scratch, streams))
				fuzzy_matcher_rate(matcher, &leaf, streams, of);
		}
		times[round] = t1 - t0;
		ratings[round] = cpu_us() - t1;
		n = email_set_count(matched);
	}
	qsort(times, ROUNDS, sizeof *times, compare_times);
	qsort(ratings, ROUNDS, sizeof *ratings, compare_times);
	g_autofree char *what = g_strdup_printf("FUZZY %s \"%.40s\"", scope == TEXT_SCOPE_TEXT ? "TEXT" : scope == TEXT_SCOPE_BODY ? "BODY" : field,
		string);
	printf("  %-52s %8u hits  %-8s %7u terms %7u cand. %9.3f ms  ratings %8.3f ms\n", what, n, leaf_path_name(stats.path), stats.terms,
		stats.candidates, (double)times[ROUNDS / 2] / 1000, (double)ratings[ROUNDS / 2] / 1000);
}

int main(int argc, char **argv)
{
	static const struct {
		TextScope scope;
		const char *field, *string;
	} fuzzy_queries[] = {
		{ TEXT_SCOPE_TEXT, NULL, "compromise" }, { TEXT_SCOPE_TEXT, NULL, "comprimise" }, { TEXT_SCOPE_TEXT, NULL, "kernel" },
		{ TEXT_SCOPE_TEXT, NULL, "invoice" }, { TEXT_SCOPE_TEXT, NULL, "quarterly report" }, { TEXT_SCOPE_TEXT, NULL, "the company" },
		{ TEXT_SCOPE_TEXT, NULL, "xyzzyplugh" }, { TEXT_SCOPE_TEXT, NULL, "base" }, { TEXT_SCOPE_BODY, NULL, "information" },
		{ TEXT_SCOPE_BODY, NULL, "thank you very much for your" }, { TEXT_SCOPE_HEADER, "subject", "pacth" },
		{ TEXT_SCOPE_HEADER, "from", "jon" }, { TEXT_SCOPE_HEADER, "from", "johnson" }, { TEXT_SCOPE_HEADER, "x-mailer", "outlok" },
	};
	static const struct {
		TextScope scope;
		const char *field, *string;
	} queries[] = {
		{ TEXT_SCOPE_BODY, NULL, "compromise" }, { TEXT_SCOPE_BODY, NULL, "kernel" }, { TEXT_SCOPE_BODY, NULL, "nvoic" },
		{ TEXT_SCOPE_BODY, NULL, "the company" }, { TEXT_SCOPE_BODY, NULL, "@gmail.com" }, { TEXT_SCOPE_BODY, NULL, "if (ret < 0)" },
		{ TEXT_SCOPE_BODY, NULL, "of the" }, { TEXT_SCOPE_BODY, NULL, "->" }, { TEXT_SCOPE_BODY, NULL, "2.6.38" },
		{ TEXT_SCOPE_BODY, NULL, "in" }, { TEXT_SCOPE_BODY, NULL, "x" }, { TEXT_SCOPE_BODY, NULL, "xyzzyplugh" },
		{ TEXT_SCOPE_BODY, NULL, "information" }, { TEXT_SCOPE_BODY, NULL, "thank you very much for your" },
		{ TEXT_SCOPE_BODY, NULL, "m0000123" }, { TEXT_SCOPE_BODY, NULL, "er" }, { TEXT_SCOPE_BODY, NULL, "\xe4\xb8\xad" },
		{ TEXT_SCOPE_TEXT, NULL, "compromise" }, { TEXT_SCOPE_TEXT, NULL, "kernel" }, { TEXT_SCOPE_TEXT, NULL, "invoice" },
		{ TEXT_SCOPE_TEXT, NULL, "the company" }, { TEXT_SCOPE_TEXT, NULL, "@gmail.com" }, { TEXT_SCOPE_TEXT, NULL, "->" },
		{ TEXT_SCOPE_TEXT, NULL, "xyzzyplugh" }, { TEXT_SCOPE_TEXT, NULL, "subject: re" }, { TEXT_SCOPE_TEXT, NULL, "x-mailer: mutt" },
		{ TEXT_SCOPE_TEXT, NULL, "e" }, { TEXT_SCOPE_TEXT, NULL, "esmtp id" }, { TEXT_SCOPE_TEXT, NULL, "192.168.1" },
		{ TEXT_SCOPE_HEADER, "subject", "patch" }, { TEXT_SCOPE_HEADER, "subject", "re: " }, { TEXT_SCOPE_HEADER, "subject", "m0000123" },
		{ TEXT_SCOPE_HEADER, "subject", "x" }, { TEXT_SCOPE_HEADER, "from", "john" }, { TEXT_SCOPE_HEADER, "from", "@redhat.com" },
		{ TEXT_SCOPE_HEADER, "to", "linux-kernel@vger.kernel.org" }, { TEXT_SCOPE_HEADER, "message-id", "<20020823" },
		{ TEXT_SCOPE_HEADER, "references", "@lists" }, { TEXT_SCOPE_HEADER, "content-type", "multipart/mixed" },
		{ TEXT_SCOPE_HEADER, "list-id", "foo" }, { TEXT_SCOPE_HEADER, "x-nosuchfield", "foo" }, { TEXT_SCOPE_HEADER, "x-mailer", "" },
	};
	GError *error = NULL;
	g_autofree char *data = g_build_filename(g_getenv("MAILSIFT_SOURCE") != NULL ? g_getenv("MAILSIFT_SOURCE") : ".", "tests", "data",
		"mail", NULL);
	const char *folder = argc > 1 ? argv[1] : data;
	gsize memory = (argc > 2 ? (gsize)g_ascii_strtoull(argv[2], NULL, 10) : 256) * 1024 * 1024;
	(void)g_setenv("XAPIAN_FLUSH_THRESHOLD", "150", FALSE); /* as mailsift-indexer does */
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	list_files(folder, files);
	g_ptr_array_sort(files, compare_names);
	const char *keep = g_getenv("BENCH_INDEX_DIR");
	g_autofree char *root = keep != NULL ? g_strdup(keep) : g_dir_make_tmp("mailsift-bench-XXXXXX", &error);
	die(error);
	g_autofree char *generation = index_generation_path(root, 1);
	if (!g_file_test(generation, G_FILE_TEST_EXISTS))
		(void)build(generation, files, memory);
	maintain(generation, bytes_of(files));
	IndexReader *reader = index_reader_open(root, 1, NULL, &error);
	die(error);
	printf("searches in %u emails, text store %.1f MB:\n", text_view_count(reader->view->text),
		(double)text_view_bytes(reader->view->text) / 1e6);
	for (gsize i = 0; i < G_N_ELEMENTS(queries); i++)
		ask(reader, queries[i].scope, queries[i].field, queries[i].string);
	for (gsize i = 0; i < G_N_ELEMENTS(fuzzy_queries); i++)
		ask_fuzzy(reader, fuzzy_queries[i].scope, fuzzy_queries[i].field, fuzzy_queries[i].string);
	index_reader_close(reader);
	if (keep == NULL)
		run((const char *const[]){ "rm", "-r", root, NULL });
	return EXIT_SUCCESS;
}
