/* Configuration files: either errors with their lines, or settings whose description is read back to the same. */

#include "base/settings.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) settings = settings_parse((const char *)data, len, "FILE", NULL, &error);

	g_assert_true((settings == NULL) == (error != NULL));
	if (settings == NULL) {
		g_assert_true(g_str_has_prefix(error->message, "FILE:"));
		return 0;
	}
	g_autoptr(GString) described = g_string_new(NULL);
	settings_describe(settings, data[0] % 2 == 0, described);
	g_autoptr(Settings) again = settings_parse(described->str, described->len, "FILE", NULL, &error);
	g_assert_no_error(error);
	g_autoptr(GString) described_again = g_string_new(NULL);
	settings_describe(again, data[0] % 2 == 0, described_again);
	g_assert_cmpstr(described->str, ==, described_again->str);
	return 0;
}
