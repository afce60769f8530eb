/* Folding of any bytes: what base/fold.h promises of the output, in pieces as well, and the loops over ASCII. */

#include "base/fold-private.h"
#include "base/fold.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	/* The first byte says where the pieces are cut. */
	gsize piece = len > 0 ? data[0] % 17 + 1u : 1;
	const char *text = (const char *)data;
	gsize folded_len;
	g_autofree char *folded = fold_string(text, len, &folded_len);

	g_assert_true(g_utf8_validate_len(folded, folded_len, NULL));
	g_assert_cmpint(folded[folded_len], ==, '\0');
	for (gsize i = 0; i < folded_len; i++) {
		g_assert_true((guint8)folded[i] >= ' ' && folded[i] != 0x7F);
		g_assert_true(folded[i] != ' ' || folded[i + 1] != ' ');
	}

	g_autoptr(GString) pieced = g_string_new(NULL);
	Folder folder;
	folder_init(&folder, pieced);
	for (gsize at = 0; at < len; at += piece)
		folder_feed(&folder, text + at, MIN(piece, len - at));
	folder_finish(&folder);
	g_assert_cmpmem(pieced->str, pieced->len, folded, folded_len);
	g_assert_cmpint(fold_compare(folded, folded_len, pieced->str, pieced->len), ==, 0);

	g_autofree guint8 *expected = g_malloc(len + FOLD_SLACK);
	g_autofree guint8 *got = g_malloc(len + FOLD_SLACK);
	gsize n, other_n;
	gboolean space = FALSE, other_space = FALSE;
	gsize taken = fold_ascii_portable(data, len, expected, &n, &space);
	g_assert_cmpuint(fold_ascii_best()(data, len, got, &other_n, &other_space), ==, taken);
	g_assert_cmpmem(got, other_n, expected, n);
	g_assert_cmpint(space, ==, other_space);
	return 0;
}
