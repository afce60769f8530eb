#include "store/message-text.h"

#include "base/fold.h"
#include "base/limits.h"

#include <string.h>

/* -- Sections -- */

static const struct {
	const char *message, *header, *parts, *body;
} cases[] = {
	{ "", "", "", "\n" },
	{ "Subject: Hi\n\nBody  Text\r\nmore\n", "subject: hi\n", "", "body text more \n" },
	{ "no header\n", "", "", "no header \n" },
	{ "From x\nA: b\njunk\n\n", "a: b\njunk\n", "", "\n" },
	{ "Content-Type: image/png\n\nx", "content-type: image/png\n", "", "" },
	{ "Content-Type: text/x-anything\n\nx", "content-type: text/x-anything\n", "", "x\n" },
	{ "Content-Type: message/delivery-status\n\nA: b\n", "content-type: message/delivery-status\n", "",
		"a: b \n" },
	{ "Content-Type: text/plain; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: "
	  "quoted-printable\n\n=E9=\nx",
		"content-type: text/plain; charset=\"iso-8859-1\"\ncontent-transfer-encoding: "
		"quoted-printable\n",
		"", "e\xcc\x81x\n" },
	{ "Content-Type: TEXT/HTML\nContent-Transfer-Encoding: base64\n\nPGI+YTwvYj5i",
		"content-type: text/html\ncontent-transfer-encoding: base64\n", "", "ab\n" },
	{ "Content-Type: multipart/alternative; boundary=b\n\npreamble\n--b\nContent-Type: "
	  "text/plain\n\none\n--b\n"
	  "Content-Type: text/html\n\n<p>two\n--b\nContent-Type: image/png; "
	  "name=three.png\n\nfour\n--b--\nepilogue\n",
		"content-type: multipart/alternative; boundary=b\n",
		"content-type: text/plain\ncontent-type: text/html\ncontent-type: image/png; "
		"name=three.png\n",
		"one\n two\n" },
	/* without delimiters it is plain text, in the part's transfer encoding and without its charset */
	{ "Content-Type: multipart/mixed; charset=utf-7\nContent-Transfer-Encoding: "
	  "quoted-printable\n\n=41+AOk-\n",
		"content-type: multipart/mixed; charset=utf-7\ncontent-transfer-encoding: quoted-printable\n",
		"", "a+aok- \n" },
	/* an embedded message: its header is body, its parts' are parts */
	{ "Content-Type: message/rfc822\n\nSubject: In\nContent-Type: multipart/mixed; boundary=b\n\n--b\nX: "
	  "y\n\nz\n--b--",
		"content-type: message/rfc822\n", "x: y\n",
		"subject: in\ncontent-type: multipart/mixed; boundary=b\nz\n" },
	{ "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogSW4KClRleHQ=",
		"content-type: message/rfc822\ncontent-transfer-encoding: base64\n", "",
		"subject: in\ntext\n" },
};

static void sections_follow_the_page(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(MessageText) text =
			message_text_new((const guint8 *)cases[i].message, strlen(cases[i].message));
		g_assert_cmpstr(text->section[MESSAGE_TEXT_HEADER]->str, ==, cases[i].header);
		g_assert_cmpstr(text->section[MESSAGE_TEXT_PARTS]->str, ==, cases[i].parts);
		g_assert_cmpstr(text->section[MESSAGE_TEXT_BODY]->str, ==, cases[i].body);
	}
}

/* Each level is quoted-printable, which hardly grows: without the limit, memory and time would be the depth
 * times the size. */
static void decoded_messages_are_limited(void)
{
	static const char level[] =
		"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n";
	g_autoptr(GString) message = g_string_new(NULL);
	for (guint i = 0; i < LIMIT_MIME_DECODED + 3; i++)
		g_string_append(message, level);
	g_string_append(message, "Subject: innermost\n\nText");
	g_autoptr(MessageText) text = message_text_new((const guint8 *)message->str, message->len);
	const char *body = text->section[MESSAGE_TEXT_BODY]->str;
	const char *last = "content-transfer-encoding: quoted-printable content-type: message/rfc822 ";
	g_assert_nonnull(strstr(body, last)); /* two headers in one line: not divided any more */
	g_assert_nonnull(strstr(body, " subject: innermost text\n"));
}

/* -- Matching -- */

static gboolean match(const MessageText *text, TextScope scope, const char *field, const char *needle)
{
	TextSpan spans[MESSAGE_TEXT_N_SECTIONS];
	gsize len;
	g_autofree char *folded = fold_string(needle, strlen(needle), &len);
	g_autofree char *name = field != NULL ? fold_string(field, strlen(field), NULL) : NULL;
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++) {
		/* Without a NUL behind them: mapped text has none. */
		spans[i].data = g_memdup2(text->section[i]->str, text->section[i]->len);
		spans[i].len = text->section[i]->len;
	}
	gboolean matches =
		message_text_match(spans, scope, name, name != NULL ? strlen(name) : 0, folded, len);
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++)
		g_free((gpointer)(gsize)spans[i].data);
	return matches;
}

static void matching_keeps_to_its_scope(void)
{
	static const char message[] = "Subject: One Two\nX-Empty:\nSubject: Three\nReceived-X: four\n"
				      "Content-Type: multipart/mixed; boundary=b\n\n"
				      "--b\nContent-Description: Five\n\nSix\n--b\n\nSeven\n--b--\n";
	static const struct {
		TextScope scope;
		const char *field, *needle;
		gboolean expected;
	} matches[] = {
		{ TEXT_SCOPE_HEADER, "subject", "one t", TRUE },
		{ TEXT_SCOPE_HEADER, "SUBJECT", "THREE", TRUE },
		{ TEXT_SCOPE_HEADER, "subject", "two three", FALSE },
		{ TEXT_SCOPE_HEADER, "subject", "subject", FALSE },
		{ TEXT_SCOPE_HEADER, "subject", ": one", FALSE },
		{ TEXT_SCOPE_HEADER, "subject", " one", FALSE },
		{ TEXT_SCOPE_HEADER, "subjec", "one", FALSE },
		{ TEXT_SCOPE_HEADER, "received", "four", FALSE },
		{ TEXT_SCOPE_HEADER, "x-empty", "", TRUE },
		{ TEXT_SCOPE_HEADER, "x-empty", " ", FALSE },
		{ TEXT_SCOPE_HEADER, "x-none", "", FALSE },
		{ TEXT_SCOPE_HEADER, "content-description", "five", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "six", TRUE },
		{ TEXT_SCOPE_BODY, NULL, "six seven", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "five", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "one", FALSE },
		{ TEXT_SCOPE_BODY, NULL, "", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "six", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "description: five", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "subject: one", TRUE },
		{ TEXT_SCOPE_TEXT, NULL, "eight", FALSE },
		{ TEXT_SCOPE_TEXT, NULL, "", TRUE },
	};
	g_autoptr(MessageText) text = message_text_new((const guint8 *)message, sizeof(message) - 1);
	for (gsize i = 0; i < G_N_ELEMENTS(matches); i++) {
		g_test_message("%s %s", matches[i].field, matches[i].needle);
		g_assert_true(match(text, matches[i].scope, matches[i].field, matches[i].needle) ==
			matches[i].expected);
	}
	g_autoptr(MessageText) empty = message_text_new(NULL, 0);
	g_assert_true(match(empty, TEXT_SCOPE_BODY, NULL, ""));
	g_assert_true(match(empty, TEXT_SCOPE_TEXT, NULL, ""));
	g_assert_false(match(empty, TEXT_SCOPE_HEADER, "subject", ""));
}

/* -- The corpus -- */

/* The file @name of the corpus: ../shared/corpus beside the source, or where MAILSIFT_SHARED says. */
static char *corpus_path(const char *name)
{
	const char *shared = g_getenv("MAILSIFT_SHARED"), *source = g_getenv("MAILSIFT_SOURCE");
	g_autofree char *beside = g_build_filename(source != NULL ? source : ".", "..", "shared", NULL);
	return g_build_filename(shared != NULL ? shared : beside, "corpus", name, NULL);
}

/* FALSE, and the test is skipped, if the corpus is not there. */
static gboolean has_corpus(void)
{
	g_autofree char *path = corpus_path("");
	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return TRUE;
	g_autofree char *reason = g_strdup_printf("%s is not there (MAILSIFT_SHARED names its folder)", path);
	g_test_skip(reason);
	return FALSE;
}

/* The rows of a key file without its head line, each split at tabs. */
static GPtrArray *read_key(const char *name)
{
	g_autofree char *path = corpus_path(name), *data = NULL;
	g_assert_true(g_file_get_contents(path, &data, NULL, NULL));
	GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	g_auto(GStrv) lines = g_strsplit(data, "\n", -1);
	for (guint i = 1; lines[i] != NULL && *lines[i] != '\0'; i++)
		g_ptr_array_add(rows, g_strsplit(lines[i], "\t", -1));
	return rows;
}

/* @file as the key names it (FOLDER/cur/NAME), @prefix: where it lies here. NULL if the corpus came without
 * it (very large ones are left out). */
static MessageText *read_message(const char *file, const char *prefix)
{
	g_autofree char *name = g_path_get_basename(file);
	g_autofree char *relative = g_strconcat(prefix, name, NULL);
	g_autofree char *path = corpus_path(relative);
	g_autofree char *data = NULL;
	gsize size;
	if (!g_file_get_contents(path, &data, &size, NULL))
		return NULL;
	return message_text_new((const guint8 *)data, size);
}

static gboolean finds(const MessageText *text, const char *where, const char *needle)
{
	if (strcmp(where, "body") == 0)
		return match(text, TEXT_SCOPE_BODY, NULL, needle);
	if (strcmp(where, "subject") == 0 || strcmp(where, "from") == 0 || strcmp(where, "cc") == 0)
		return match(text, TEXT_SCOPE_HEADER, where, needle);
	return match(text, TEXT_SCOPE_TEXT, NULL, needle);
}

static void torture_corpus_is_found(void)
{
	/* The key asks for ASCII letters that stand in JIS X 0208 mode (the escape sequence back is missing):
	 * there they are the second halves of kanji, and no decoder of ISO-2022-JP reads them otherwise. */
	static const char *const not_ours[] = { "087-cs-iso2022-unclosed.eml" };
	if (!has_corpus())
		return;
	g_autoptr(GPtrArray) rows = read_key("torture-key.tsv");
	guint n_checked = 0;
	for (guint i = 0; i < rows->len; i++) {
		char **row = rows->pdata[i]; /* file, feature, needle, where, expect */
		gboolean found = strcmp(row[4], "found") == 0;
		if ((!found && strcmp(row[4], "notfound") != 0) || g_str_has_suffix(row[0], not_ours[0]))
			continue;
		g_autoptr(MessageText) text = read_message(row[0], "torture/torture-constructed.");
		if (text == NULL)
			continue;
		n_checked++;
		if (finds(text, row[3], row[2]) != found) {
			g_test_message(
				"%s (%s): \"%s\" in %s should be %s", row[0], row[1], row[2], row[3], row[4]);
			g_test_fail();
		}
	}
	g_assert_cmpuint(n_checked, >=, 150);
}

/* The header fields that say the same in every charset. */
static char *intl_header(const MessageText *text)
{
	g_auto(GStrv) lines = g_strsplit(text->section[MESSAGE_TEXT_HEADER]->str, "\n", -1);
	GString *header = g_string_new(NULL);
	for (guint i = 0; lines[i] != NULL; i++) {
		if (g_str_has_prefix(lines[i], "from: ") || g_str_has_prefix(lines[i], "to: ") ||
			g_str_has_prefix(lines[i], "subject: "))
			g_string_append_printf(header, "%s\n", lines[i]);
	}
	return g_string_free(header, FALSE);
}

/* The first text of the body: all of it, or the text/plain alternative. */
static char *intl_body(const MessageText *text)
{
	const char *body = text->section[MESSAGE_TEXT_BODY]->str;
	return g_strstrip(g_strndup(body, strcspn(body, "\n")));
}

/* An article of a language says the same in every charset and transfer encoding that lost no character of it.
 */
static void text_is_the_same_in_every_charset(void)
{
	if (!has_corpus())
		return;
	g_autoptr(GPtrArray) rows = read_key("intl-key.tsv");
	g_autoptr(GHashTable) headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GHashTable) bodies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	guint n_compared = 0;
	for (int pass = 0; pass < 2; pass++) { /* first the UTF-8 ones, then all against them */
		for (guint i = 0; i < rows->len; i++) {
			char **row =
				rows->pdata[i]; /* file, lang, article, charset, cte, form, lost-characters */
			g_autofree char *article = g_strconcat(row[1], "-", row[2], NULL);
			gboolean reference = strcmp(row[3], "utf-8") == 0 && strcmp(row[5], "plain") == 0;
			if (pass == 0 && (!reference || g_hash_table_contains(bodies, article)))
				continue;
			if (pass == 1 && !g_hash_table_contains(bodies, article))
				continue;
			g_autoptr(MessageText) text = read_message(row[0], "intl/");
			g_assert_nonnull(text);
			g_autofree char *header = intl_header(text), *body = intl_body(text);
			if (pass == 0) {
				g_assert_cmpuint(strlen(body), >, 20);
				g_hash_table_insert(headers, g_strdup(article), g_steal_pointer(&header));
				g_hash_table_insert(bodies, g_strdup(article), g_steal_pointer(&body));
				continue;
			}
			n_compared++;
			gboolean same_header = strcmp(header, g_hash_table_lookup(headers, article)) == 0;
			gboolean same_body = strcmp(body, g_hash_table_lookup(bodies, article)) == 0;
			if (!same_header || (!same_body && strcmp(row[6], "0") == 0)) {
				g_test_message(
					"%s: %s differs from UTF-8", row[0], same_header ? "body" : "header");
				g_test_fail();
			}
		}
	}
	g_assert_cmpuint(n_compared, >, 300);
}

/* Every file of the corpus has a text, cut in the middle too: for the sanitizers. */
static void every_message_has_a_text(void)
{
	static const char *const folders[] = { "ordinary", "torture", "intl", "attachments" };
	if (!has_corpus())
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = corpus_path(folders[i]);
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		g_assert_nonnull(dir);
		for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
			g_autofree char *file = g_build_filename(path, name, NULL), *data = NULL;
			gsize size;
			g_assert_true(g_file_get_contents(file, &data, &size, NULL));
			g_autofree char *half = g_memdup2(data, size / 2);
			g_autoptr(MessageText) whole = message_text_new((const guint8 *)data, size);
			g_autoptr(MessageText) cut = message_text_new((const guint8 *)half, size / 2);
			for (guint j = 0; j < MESSAGE_TEXT_N_SECTIONS; j++) {
				g_assert_true(g_utf8_validate_len(
					whole->section[j]->str, whole->section[j]->len, NULL));
				g_assert_true(g_utf8_validate_len(
					cut->section[j]->str, cut->section[j]->len, NULL));
			}
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/message-text/sections_follow_the_page", sections_follow_the_page);
	g_test_add_func("/message-text/decoded_messages_are_limited", decoded_messages_are_limited);
	g_test_add_func("/message-text/matching_keeps_to_its_scope", matching_keeps_to_its_scope);
	g_test_add_func("/message-text/torture_corpus_is_found", torture_corpus_is_found);
	g_test_add_func("/message-text/text_is_the_same_in_every_charset", text_is_the_same_in_every_charset);
	g_test_add_func("/message-text/every_message_has_a_text", every_message_has_a_text);
	return g_test_run();
}
