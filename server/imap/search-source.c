#include "server/imap/search-source.h"

#include <string.h>

#include "base/limits.h"

void search_source_free(SearchSource *source)
{
	if (source == NULL)
		return;
	if (source->names != NULL)
		g_ptr_array_unref(source->names);
	g_free(source);
}

static const struct {
	const char *name;
	gboolean has_names;
} kinds[] = {
	[SEARCH_SOURCE_SELECTED] = { "selected", FALSE },     [SEARCH_SOURCE_INBOXES] = { "inboxes", FALSE },
	[SEARCH_SOURCE_PERSONAL] = { "personal", FALSE },     [SEARCH_SOURCE_SUBSCRIBED] = { "subscribed", FALSE },
	[SEARCH_SOURCE_SUBTREE] = { "subtree", TRUE },        [SEARCH_SOURCE_SUBTREE_ONE] = { "subtree-one", TRUE },
	[SEARCH_SOURCE_MAILBOXES] = { "mailboxes", TRUE },
};

/* one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" */
static gboolean parse_names(ImapParser *p, GPtrArray *names, GError **error)
{
	if (!imap_parse_sp(p, error))
		return FALSE;
	gboolean list = imap_skip(p, '(');
	do {
		char *name = imap_parse_mailbox(p, error);
		if (name == NULL)
			return FALSE;
		g_ptr_array_add(names, name);
		if (names->len > LIMIT_LIST_ITEMS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "more than %d mailboxes named", LIMIT_LIST_ITEMS);
			return FALSE;
		}
	} while (list && imap_skip(p, ' '));
	return !list || imap_parse_char(p, ')', error);
}

static SearchSource *parse_source(ImapParser *p, GError **error)
{
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return NULL;
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (g_ascii_strcasecmp(name, kinds[i].name) != 0)
			continue;
		SearchSource *source = g_new0(SearchSource, 1);
		source->kind = (SearchSourceKind)i;
		if (!kinds[i].has_names)
			return source;
		source->names = g_ptr_array_new_with_free_func(g_free);
		if (parse_names(p, source->names, error))
			return source;
		search_source_free(source);
		return NULL;
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown mailbox specifier %.40s", name);
	return NULL;
}

GPtrArray *search_sources_parse(ImapParser *p, GError **error)
{
	g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func((GDestroyNotify)search_source_free);
	if (p->len - p->pos < 4 || g_ascii_strncasecmp(p->data + p->pos, "IN (", 4) != 0) {
		g_ptr_array_add(sources, g_new0(SearchSource, 1));
		return g_steal_pointer(&sources);
	}
	p->pos += 4;
	do {
		SearchSource *source = parse_source(p, error);
		if (source == NULL)
			return NULL;
		g_ptr_array_add(sources, source);
		if (sources->len > LIMIT_LIST_ITEMS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "more than %d mailbox specifiers", LIMIT_LIST_ITEMS);
			return NULL;
		}
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error) && imap_parse_sp(p, error) ? g_steal_pointer(&sources) : NULL;
}

gboolean search_sources_selected(const GPtrArray *sources, gboolean *only_out)
{
	guint n = 0;
	for (guint i = 0; i < sources->len; i++)
		n += ((const SearchSource *)sources->pdata[i])->kind == SEARCH_SOURCE_SELECTED;
	*only_out = n == sources->len;
	return n > 0;
}

/* -- which mailboxes ------------------------------------------------------------------------------------------ */

static gboolean names_match(const SearchSource *source, const char *name)
{
	for (guint i = 0; i < source->names->len; i++) {
		const char *wanted = source->names->pdata[i];
		gsize len = strlen(wanted);
		if (strncmp(name, wanted, len) != 0)
			continue;
		if (name[len] == '\0')
			return TRUE;
		gboolean below = name[len] == '/' && source->kind != SEARCH_SOURCE_MAILBOXES;
		if (below && (source->kind == SEARCH_SOURCE_SUBTREE || strchr(name + len + 1, '/') == NULL))
			return TRUE;
	}
	return FALSE;
}

static gboolean source_matches(const SearchSource *source, const MailboxInfo *info)
{
	switch (source->kind) {
	case SEARCH_SOURCE_SELECTED:
		return FALSE;
	case SEARCH_SOURCE_INBOXES: /* where new mail comes in */
		return strcmp(info->name, "INBOX") == 0;
	case SEARCH_SOURCE_PERSONAL:
		return TRUE;
	case SEARCH_SOURCE_SUBSCRIBED:
		return (info->flags & MAILBOX_SUBSCRIBED) != 0;
	default:
		return names_match(source, info->name);
	}
}

GPtrArray *search_sources_resolve(const GPtrArray *sources, Account *account, GError **error)
{
	g_autoptr(GPtrArray) mailboxes = account_list_mailboxes(account, FALSE, error);
	if (mailboxes == NULL)
		return NULL;
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	for (guint m = 0; m < mailboxes->len; m++) {
		const MailboxInfo *info = mailboxes->pdata[m];
		if ((info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) != 0)
			continue;
		gboolean wanted = FALSE;
		for (guint s = 0; s < sources->len && !wanted; s++)
			wanted = source_matches(sources->pdata[s], info);
		if (wanted)
			g_ptr_array_add(names, g_strdup(info->name));
	}
	return names;
}
