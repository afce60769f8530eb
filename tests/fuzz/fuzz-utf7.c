/* Mailbox names: what is decoded is encoded to the same, and the other way round. */

#include "base/utf7.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	const char *text = (const char *)data;
	g_autoptr(GError) error = NULL;
	g_autofree char *utf8 = utf7_decode(text, len, &error);

	g_assert_true((utf8 == NULL) == (error != NULL));
	if (utf8 != NULL) {
		g_autofree char *utf7 = utf7_encode(utf8, strlen(utf8), NULL);
		g_assert_nonnull(utf7);
		g_assert_cmpmem(utf7, strlen(utf7), text, len);
	}
	g_clear_error(&error);
	g_autofree char *encoded = utf7_encode(text, len, &error);
	g_assert_true((encoded == NULL) == (error != NULL));
	if (encoded != NULL) {
		g_autofree char *decoded = utf7_decode(encoded, strlen(encoded), NULL);
		g_assert_nonnull(decoded);
		g_assert_cmpmem(decoded, strlen(decoded), text, len);
	}
	return 0;
}
