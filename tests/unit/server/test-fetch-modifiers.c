#include "server/imap/fetch-modifiers.h"

#include <string.h>

/* What was read, as text; NULL for an error, which must say what is wrong. */
static char *read_modifiers(const char *text, gboolean uid)
{
	ImapParser p = { .data = text, .len = strlen(text) };
	g_auto(FetchModifiers) modifiers = { 0 };
	g_autoptr(GError) error = NULL;
	if (!fetch_modifiers_parse(&p, uid, &modifiers, &error) || !imap_parse_end(&p, &error)) {
		g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
		g_assert_cmpuint(strlen(error->message), >, 10);
		return NULL;
	}
	GString *out = g_string_new("-");
	if (modifiers.changed)
		g_string_append_printf(out, " changed %" G_GUINT64_FORMAT, modifiers.changed_since);
	if (modifiers.vanished)
		g_string_append(out, " vanished");
	if (modifiers.partial.text != NULL)
		g_string_append_printf(out, " partial %s", modifiers.partial.text);
	return g_string_free(out, FALSE);
}

static void modifiers_are_read(void)
{
	static const struct {
		const char *text, *fetch, *uid_fetch;
	} cases[] = {
		{ "", "-", "-" },
		{ " (CHANGEDSINCE 1)", "- changed 1", "- changed 1" },
		{ " (changedsince 9223372036854775807)", "- changed 9223372036854775807", "- changed 9223372036854775807" },
		{ " (CHANGEDSINCE 12345 VANISHED)", NULL, "- changed 12345 vanished" },
		{ " (Vanished ChangedSince 3)", NULL, "- changed 3 vanished" },
		{ " (PARTIAL 1:5)", NULL, "- partial 1:5" },
		{ " (PARTIAL -1:-30 CHANGEDSINCE 98305)", NULL, "- changed 98305 partial -1:-30" },
		{ " (CHANGEDSINCE 98305 VANISHED PARTIAL -1:-30)", NULL, "- changed 98305 vanished partial -1:-30" },
		{ " (VANISHED)", NULL, NULL },
		{ " (CHANGEDSINCE 0)", NULL, NULL },
		{ " (CHANGEDSINCE)", NULL, NULL },
		{ " (CHANGEDSINCE 1 CHANGEDSINCE 1)", NULL, NULL },
		{ " (CHANGEDSINCE 1 VANISHED VANISHED)", NULL, NULL },
		{ " (PARTIAL 1:2 PARTIAL 1:2)", NULL, NULL },
		{ " (CHANGEDSINCE 9223372036854775808)", NULL, NULL },
		{ " (CHANGEDSINCE 1,VANISHED)", NULL, NULL },
		{ " (OTHER 1)", NULL, NULL },
		{ " ()", NULL, NULL },
		{ " (CHANGEDSINCE 1", NULL, NULL },
		{ " (CHANGEDSINCE 1) ", NULL, NULL },
		{ "(CHANGEDSINCE 1)", NULL, NULL },
		{ " CHANGEDSINCE 1", NULL, NULL },
		{ " ", NULL, NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].text);
		g_autofree char *fetch = read_modifiers(cases[i].text, FALSE);
		g_autofree char *uid_fetch = read_modifiers(cases[i].text, TRUE);
		g_assert_cmpstr(fetch, ==, cases[i].fetch);
		g_assert_cmpstr(uid_fetch, ==, cases[i].uid_fetch);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fetch-modifiers/modifiers_are_read", modifiers_are_read);
	return g_test_run();
}
