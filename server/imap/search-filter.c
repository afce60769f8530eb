#include "server/imap/search-filter.h"

#include "base/limits.h"
#include "server/context.h"
#include "server/imap/parser-private.h"
#include "server/imap/site-metadata.h"

#include <string.h>

gboolean search_filter_name_ok(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (!imap_is_atom_char(*c) || *c == '/')
			return FALSE;
	return name[0] != '\0' && strlen(name) <= LIMIT_FILTER_NAME;
}

static GBytes *find_unknown(const char *name, gpointer data, GError **error)
{
	(void)name, (void)data, (void)error;
	return g_bytes_new_static("ALL", strlen("ALL"));
}

gboolean search_filter_check(const char *program, gsize len, GError **error)
{
	const SearchFilters filters = { find_unknown, NULL };
	ImapParser p = { .data = program, .len = len, .filters = &filters };
	g_autoptr(SearchKey) key = search_keys_parse(&p, error);
	return key != NULL;
}

GBytes *search_filter_find(const char *name, gpointer data, GError **error)
{
	const Session *session = data;
	g_autofree char *private = g_strconcat(FILTERS_PRIVATE "/", name, NULL);
	g_autofree char *shared = g_strconcat(FILTERS_SHARED "/", name, NULL);
	const char *const names[] = { private, NULL };
	g_autoptr(GPtrArray) found =
		account_get_metadata(session->account, "", names, METADATA_DEPTH_0, error);
	if (found == NULL)
		return NULL;
	const MetadataEntry *own = found->pdata[0];
	GBytes *program = own->value != NULL ? own->value
					     : site_metadata_lookup(session->server->site_metadata, shared);
	return program != NULL ? g_bytes_ref(program) : NULL;
}
