/* The search program: any octets are refused with an error or give a tree that can be freed. */
#include "server/imap/search-key.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autoptr(GError) error = NULL;
	ImapParser p = { .data = (const char *)data, .len = size };
	g_autoptr(SearchProgram) program = search_program_new();
	gboolean ok = search_program_parse(&p, program, &error);
	g_assert(ok == (error == NULL) && (!ok || program->key != NULL));
	return 0;
}
