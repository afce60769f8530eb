/* The arguments of LIST: any octets are refused with an error or give what is in bounds, and what they match is found in any name. */
#include "base/limits.h"
#include "server/imap/list-options.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const char *const names[] = { "INBOX", "a", "a/b", "INBOX/a/b", "abc/abc", "" };
	for (gboolean utf8 = FALSE; utf8 <= TRUE; utf8++) {
		g_autoptr(GError) error = NULL;
		g_auto(ListOptions) options = { 0 };
		ImapParser p = { .data = (const char *)data, .len = size, .utf8 = utf8 };
		gboolean ok = list_options_parse(&p, &options, &error);
		g_assert(ok == (error == NULL));
		if (!ok)
			continue;
		g_assert(p.pos == size && options.patterns->len <= LIMIT_LIST_ITEMS);
		g_assert(!options.root || (!options.extended && options.patterns->len == 0));
		g_assert(options.extended || options.root || options.patterns->len == 1);
		g_assert(options.extended || (options.select == 0 && options.returns == 0));
		g_assert(((options.returns & LIST_RETURN_STATUS) != 0) == (options.status != 0));
		for (guint i = 0; i < G_N_ELEMENTS(names); i++)
			(void)list_options_match(&options, names[i], strlen(names[i]));
	}
	return 0;
}
