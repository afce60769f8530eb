/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a plain scan of the text store takes, for search.py: plain-scan INDEX-DIR reads lines
 *
 *     header|body|text FIELD NEEDLE        the latter two in hex, folded, "-" for none
 *
 * and answers each with the least time of several scans for it over all emails, in microseconds, the number of matches, the same (time
 * and matches) for the engine itself without IMAP around it, how it went about it, and the least CPU time of the scans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "indexer/index-dir.h"
#include "indexer/index-reader.h"
#include "indexer/plan.h"

#define ROUNDS 5

static void die(const GError *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "plain-scan: %s\n", error->message);
	exit(EXIT_FAILURE);
}

static GString *from_hex(const char *hex)
{
	GString *octets = g_string_new(NULL);
	for (; g_ascii_isxdigit(hex[0]) && g_ascii_isxdigit(hex[1]); hex += 2)
		g_string_append_c(octets, (char)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1])));
	return octets;
}

static gint64 cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void measure(IndexReader *reader, const TextLeaf *leaf)
{
	GError *error = NULL;
	const EmailSet *all = text_view_present(reader->view->text);
	gint64 scan_us = G_MAXINT64, scan_cpu_us = G_MAXINT64, plan_us = G_MAXINT64;
	guint32 scanned = 0, planned = 0;
	LeafStats stats = { .path = LEAF_PATH_NONE };
	for (int round = 0; round < ROUNDS; round++) {
		g_autoptr(EmailSet) by_scan = email_set_new();
		g_autoptr(EmailSet) by_plan = email_set_new();
		gint64 t0 = g_get_monotonic_time(), cpu0 = cpu_us();
		(void)text_view_match(reader->view->text, leaf, text_leaf_streams(leaf), all, NULL, by_scan, &error);
		die(error);
		scan_cpu_us = MIN(scan_cpu_us, cpu_us() - cpu0);
		gint64 t1 = g_get_monotonic_time();
		stats = (LeafStats){ .path = LEAF_PATH_NONE };
		(void)plan_match(reader, leaf, all, NULL, by_plan, &stats, &error);
		die(error);
		plan_us = MIN(plan_us, g_get_monotonic_time() - t1);
		scan_us = MIN(scan_us, t1 - t0);
		scanned = email_set_count(by_scan);
		planned = email_set_count(by_plan);
	}
	printf("%" G_GINT64_FORMAT " %u %" G_GINT64_FORMAT " %u %s %u %u %" G_GINT64_FORMAT "\n", scan_us, scanned, plan_us, planned,
		leaf_path_name(stats.path), stats.terms, stats.candidates, scan_cpu_us);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	GError *error = NULL;
	guint32 generation;
	if (argc != 2 || !index_current_generation(argv[1], &generation)) {
		fputs("usage: plain-scan INDEX-DIR <leaves\n", stderr);
		return 2;
	}
	IndexReader *reader = index_reader_open(argv[1], generation, NULL, &error);
	die(error);
	g_autofree char *line = NULL;
	gsize size = 0;
	while (getline(&line, &size, stdin) > 0) {
		g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", 3);
		if (g_strv_length(words) != 3)
			break;
		g_autoptr(GString) field = from_hex(words[1]);
		g_autoptr(GString) needle = from_hex(words[2]);
		TextScope scope = strcmp(words[0], "header") == 0 ? TEXT_SCOPE_HEADER :
				  strcmp(words[0], "body") == 0   ? TEXT_SCOPE_BODY :
								    TEXT_SCOPE_TEXT;
		TextLeaf leaf = {
			.scope = scope,
			.field = field->str,
			.field_len = field->len,
			.needle = needle->str,
			.needle_len = needle->len,
		};
		measure(reader, &leaf);
	}
	index_reader_close(reader);
	return EXIT_SUCCESS;
}
