/* The search program: any octets are refused with an error or give a tree that can be freed. What is behind the first NUL is the
 * text of every filter that it names. */
#include "server/imap/search-key.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static GBytes *find_filter(const char *name, gpointer data, GError **error)
{
	(void)name, (void)error;
	GBytes *text = data;
	return text != NULL ? g_bytes_ref(text) : NULL;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autoptr(GError) error = NULL;
	const guint8 *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	gsize len = nul != NULL ? (gsize)(nul - data) : size;
	g_autoptr(GBytes) text = nul != NULL ? g_bytes_new(nul + 1, size - len - 1) : NULL;
	const SearchFilters filters = { find_filter, text };
	ImapParser p = { .data = (const char *)data, .len = len, .filters = &filters };
	g_autoptr(SearchProgram) program = search_program_new();
	gboolean ok = search_program_parse(&p, program, &error);
	g_assert(ok == (error == NULL) && (!ok || program->key != NULL));
	return 0;
}
