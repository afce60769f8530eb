#include "tests/unit/server/sample-mail.h"

#include <string.h>

GBytes *crlf_of(const char *text, gsize len)
{
	GByteArray *out = g_byte_array_sized_new((guint)len);
	for (gsize i = 0; i < len; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			g_byte_array_append(out, (const guint8 *)"\r", 1);
		g_byte_array_append(out, (const guint8 *)text + i, 1);
	}
	return g_byte_array_free_to_bytes(out);
}

static guint walk(const char *path, SampleFunc func, gpointer data)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		g_autofree char *text = NULL;
		gsize len;
		if (g_file_test(inner, G_FILE_TEST_IS_DIR)) {
			n += walk(inner, func, data);
		} else if (g_str_has_suffix(name, ".eml") && g_file_get_contents(inner, &text, &len, NULL)) {
			g_autoptr(GBytes) message = crlf_of(text, len);
			func(name, message, data);
			n++;
		}
	}
	return n;
}

void sample_mail_foreach(SampleFunc func, gpointer data)
{
	g_autofree char *ours = g_test_build_filename(G_TEST_DIST, "tests", "data", "mail", NULL);
	g_autofree char *shared =
		g_test_build_filename(G_TEST_DIST, "..", "shared", "corpus", "torture", NULL);
	g_assert_cmpuint(walk(ours, func, data), >, 0);
	guint n = walk(shared, func, data);
	g_test_message("%u messages of ../shared/corpus/torture", n);
}
