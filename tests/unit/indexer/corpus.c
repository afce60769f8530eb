/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/indexer/corpus.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "indexer/fuzzy-text.h"

#define MEMORY_FOLDER "/dev/shm"
#define MEMORY_ROOM (G_GUINT64_CONSTANT(1) << 30)

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_files(const char *path, GPtrArray *files)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		char *inner = g_build_filename(path, name, NULL);
		if (g_file_test(inner, G_FILE_TEST_IS_DIR)) {
			list_files(inner, files);
			g_free(inner);
		} else if (g_str_has_suffix(name, ".eml")) {
			g_ptr_array_add(files, inner);
		} else {
			g_free(inner);
		}
	}
}

GPtrArray *corpus_load(guint max)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *shared = g_test_build_filename(G_TEST_DIST, "..", "shared", "corpus", NULL);
	g_autofree char *own = g_test_build_filename(G_TEST_DIST, "tests", "data", "mail", NULL);
	list_files(shared, files);
	if (files->len == 0)
		list_files(own, files);
	g_assert_cmpuint(files->len, >, 100);
	g_ptr_array_sort(files, compare_names);
	GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	guint n = max == 0 ? files->len : MIN(max, files->len);
	for (guint i = 0; i < n; i++) {
		char *data;
		gsize len;
		g_assert_true(g_file_get_contents(files->pdata[(gsize)i * files->len / n], &data, &len, NULL));
		g_ptr_array_add(messages, g_bytes_new_take(data, len));
	}
	/* The sample in tests/data is smaller than what some ask for: the rest are copies under a field of words that no
	 * other message has, so that they are as much work for an index as new mail. */
	for (guint i = n; i < max; i++) {
		gsize len;
		const char *original = g_bytes_get_data(messages->pdata[i - n], &len);
		GString *copy = g_string_new("X-Copy:");
		for (guint word = 0; word < 200; word++)
			g_string_append_printf(copy, " %08x", (i * 200 + word) * 2654435761u);
		g_string_append(copy, "\r\n");
		g_string_append_len(copy, original, (gssize)len);
		g_ptr_array_add(messages, g_string_free_to_bytes(copy));
	}
	return messages;
}

GPtrArray *corpus_texts(const GPtrArray *messages)
{
	GPtrArray *texts = g_ptr_array_new_with_free_func((GDestroyNotify)message_text_free);
	for (guint i = 0; i < messages->len; i++) {
		gsize len;
		const guint8 *data = g_bytes_get_data(messages->pdata[i], &len);
		g_ptr_array_add(texts, message_text_new(data, len));
	}
	return texts;
}

/* -- something to look for ------------------------------------------------------------------------------------------ */

static const GString *random_section(const GPtrArray *texts)
{
	for (;;) {
		const MessageText *text = texts->pdata[g_test_rand_int_range(0, (gint32)texts->len)];
		static const int sections[] = { MESSAGE_TEXT_BODY, MESSAGE_TEXT_BODY, MESSAGE_TEXT_HEADER, MESSAGE_TEXT_HEADER,
			MESSAGE_TEXT_PARTS };
		const GString *section = text->section[sections[g_test_rand_int_range(0, G_N_ELEMENTS(sections))]];
		if (section->len > 0)
			return section;
	}
}

static gboolean is_token_octet(char c)
{
	return g_ascii_isalnum(c) || (guchar)c >= 0x80;
}

/* Of the line at @at: no LF in it. At least one octet if there is one. */
static void cut_line(const GString *section, gsize at, gsize len, GString *out)
{
	while (at < section->len && section->str[at] == '\n')
		at++;
	gsize end = MIN(section->len, at + len);
	const char *lf = memchr(section->str + at, '\n', end - at);
	g_string_append_len(out, section->str + at, lf == NULL ? (gssize)(end - at) : lf - (section->str + at));
}

/* From one token to the end of one that follows, with what is between them. */
static void cut_tokens(const GString *section, gsize at, int tokens, GString *out)
{
	while (at > 0 && is_token_octet(section->str[at - 1]))
		at--;
	while (at < section->len && !is_token_octet(section->str[at]))
		at++;
	gsize end = at;
	for (int i = 0; i < tokens; i++) {
		while (end < section->len && section->str[end] != '\n' && !is_token_octet(section->str[end]))
			end++;
		while (end < section->len && is_token_octet(section->str[end]))
			end++;
	}
	cut_line(section, at, end - at, out);
}

static void random_needle(GString *out, const GPtrArray *texts)
{
	const GString *section = random_section(texts);
	gsize at = (gsize)g_test_rand_int_range(0, (gint32)section->len);
	static const char *const fixed[] = { "the", "->", "a", "e", " ", "subject: ", "subject", "from: a", ": ", ":", "x-", "re: ", "@",
		"content-type: text", "mailer", "ision: 1", "nosuchthing", "of the", "\xe3\x81\xae", "\xe4\xb8\xad", "0", ".", "com>", "<a",
		"-", "2002", "in", "multipart/", "name: ", "x" };
	switch (g_test_rand_int_range(0, 14)) {
	case 0:
		g_string_append(out, fixed[g_test_rand_int_range(0, G_N_ELEMENTS(fixed))]);
		break;
	case 1:
	case 2:
		cut_tokens(section, at, 1, out);
		break;
	case 3:
		cut_tokens(section, at, 2, out);
		break;
	case 4:
		cut_tokens(section, at, g_test_rand_int_range(3, 9), out);
		break;
	case 5:
		cut_line(section, at, 1, out);
		break;
	case 6:
		cut_line(section, at, (gsize)g_test_rand_int_range(200, 1000), out);
		break;
	case 7: /* two that are nowhere near each other */
		cut_tokens(section, at, 1, out);
		g_string_append_c(out, g_test_rand_bit() ? ' ' : '.');
		section = random_section(texts);
		cut_tokens(section, (gsize)g_test_rand_int_range(0, (gint32)section->len), 1, out);
		break;
	case 8: { /* the beginning of a line */
		const char *lf = memrchr(section->str, '\n', at);
		cut_line(section, lf == NULL ? 0 : (gsize)(lf - section->str) + 1, (gsize)g_test_rand_int_range(1, 40), out);
		break;
	}
	case 9: /* one octet is another one */
		cut_line(section, at, (gsize)g_test_rand_int_range(3, 20), out);
		if (out->len > 0)
			out->str[g_test_rand_int_range(0, (gint32)out->len)] = (char)g_test_rand_int_range('a', 'z' + 1);
		break;
	case 10: /* around the border between a name and its value */
	{
		const char *colon = strstr(section->str + at, ": ");
		if (colon != NULL) {
			gsize back = (gsize)g_test_rand_int_range(0, 8), here = (gsize)(colon - section->str);
			cut_line(section, here - MIN(back, here), (gsize)g_test_rand_int_range(1, 20), out);
			break;
		}
	}
		G_GNUC_FALLTHROUGH;
	default:
		cut_line(section, at, (gsize)g_test_rand_int_range(2, 70), out);
		break;
	}
}

static void random_field(GString *out, const GPtrArray *texts)
{
	static const char *const fixed[] = { "subject", "from", "to", "cc", "bcc", "message-id", "references", "content-type", "received",
		"x-mailer", "list-id", "nosuchfield", "date", "", "subject: re" };
	if (g_test_rand_bit()) {
		g_string_append(out, fixed[g_test_rand_int_range(0, G_N_ELEMENTS(fixed))]);
		return;
	}
	const MessageText *text = texts->pdata[g_test_rand_int_range(0, (gint32)texts->len)];
	const GString *header = text->section[MESSAGE_TEXT_HEADER];
	gsize at = header->len == 0 ? 0 : (gsize)g_test_rand_int_range(0, (gint32)header->len);
	const char *lf = memrchr(header->str, '\n', at);
	const char *line = lf == NULL ? header->str : lf + 1, *colon = strstr(line, ": ");
	if (colon != NULL && memchr(line, '\n', (gsize)(colon - line)) == NULL)
		g_string_append_len(out, line, colon - line);
}

void random_leaf(RandomLeaf *random, const GPtrArray *texts)
{
	g_autoptr(GString) needle = g_string_new(NULL);
	g_autoptr(GString) field = g_string_new(NULL);
	if (g_test_rand_int_range(0, 40) > 0)
		random_needle(needle, texts);
	random_field(field, texts);
	TextScope scope = (TextScope)g_test_rand_int_range(TEXT_SCOPE_TEXT, TEXT_SCOPE_HEADER + 1);
	random->leaf = (TextLeaf){ .scope = scope, .needle_len = needle->len };
	random->needle = g_string_free(g_steal_pointer(&needle), FALSE);
	random->leaf.needle = random->needle;
	random->field = NULL;
	random->fuzzy = g_test_rand_int_range(0, 6) > 0 ? NULL : fuzzy_needle_new(random->leaf.needle, random->leaf.needle_len);
	random->leaf.fuzzy = random->fuzzy;
	if (scope == TEXT_SCOPE_HEADER) {
		random->leaf.field_len = field->len;
		random->field = g_string_free(g_steal_pointer(&field), FALSE);
		random->leaf.field = random->field;
	}
}

void random_leaf_clear(RandomLeaf *random)
{
	fuzzy_needle_free(random->fuzzy);
	g_free(random->needle);
	g_free(random->field);
}

gboolean text_matches(const MessageText *text, const TextLeaf *leaf)
{
	TextSpan sections[MESSAGE_TEXT_N_SECTIONS];
	for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++) {
		sections[section].data = text->section[section]->str;
		sections[section].len = text->section[section]->len;
	}
	if (leaf->fuzzy != NULL)
		return fuzzy_sections_match(leaf, sections);
	return message_text_match(sections, leaf->scope, leaf->field, leaf->field_len, leaf->needle, leaf->needle_len);
}

char *leaf_describe(const TextLeaf *leaf)
{
	static const char *const scopes[] = { "TEXT", "BODY", "HEADER" };
	g_autofree char *needle = g_strndup(leaf->needle, leaf->needle_len), *escaped = g_strescape(needle, NULL);
	return g_strdup_printf("%s%s %.*s \"%s\"", leaf->fuzzy != NULL ? "FUZZY " : "", scopes[leaf->scope], (int)leaf->field_len, leaf->field == NULL ? "" : leaf->field,
		escaped);
}

/* -- folders ------------------------------------------------------------------------------------------------------------ */

/* In memory if there is room: these tests sync after every step, and only the machine's crash would tell the difference. */
char *make_folder(void)
{
	GError *error = NULL;
	struct statvfs status;
	if (statvfs(MEMORY_FOLDER, &status) == 0 && (guint64)status.f_bavail * status.f_frsize > MEMORY_ROOM) {
		char *path = g_strdup(MEMORY_FOLDER "/mailsift-test-XXXXXX");
		if (g_mkdtemp(path) != NULL)
			return path;
		g_free(path);
	}
	char *path = g_dir_make_tmp("mailsift-test-XXXXXX", &error);
	g_assert_no_error(error);
	return path;
}

void remove_folder(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		GStatBuf status;
		if (g_lstat(inner, &status) == 0 && S_ISDIR(status.st_mode))
			remove_folder(inner);
		else
			g_assert_cmpint(g_unlink(inner), ==, 0);
	}
	g_assert_cmpint(g_rmdir(path), ==, 0);
}
