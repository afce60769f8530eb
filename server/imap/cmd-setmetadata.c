/* SETMETADATA: RFC 5464 4.3; of filters: RFC 5466 3.2. */
#include "base/limits.h"
#include "server/imap/commands.h"
#include "server/imap/search-filter.h"
#include "server/imap/site-metadata.h"

#include <string.h>

/* entry-values = "(" entry SP value *(SP entry SP value) ")" */
static gboolean parse_entries(ImapParser *p, GPtrArray *entries, GError **error)
{
	if (!imap_parse_char(p, '(', error))
		return FALSE;
	do {
		g_autofree char *name = imap_parse_astring(p, error);
		g_autoptr(GBytes) value = NULL;
		if (name == NULL || !metadata_name_check(name, FALSE, error) || !imap_parse_sp(p, error) ||
			!imap_parse_octets(p, &value, error))
			return FALSE;
		g_ptr_array_add(entries, metadata_entry_new(name, value));
		if (entries->len > LIMIT_LIST_ITEMS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"more than %d entries in one SETMETADATA", LIMIT_LIST_ITEMS);
			return FALSE;
		}
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error) && imap_parse_end(p, error);
}

/* A filter that could never be used is better refused now. Answers if it is one. */
static gboolean check_filter(ImapCommand *cmd, const MetadataEntry *entry)
{
	static const char tree[] = FILTERS_PRIVATE;
	g_autoptr(GError) error = NULL;
	if (!metadata_name_within(entry->name, tree, METADATA_DEPTH_INFINITY) || entry->value == NULL)
		return TRUE;
	gsize len = 0;
	const char *program = g_bytes_get_data(entry->value, &len);
	const char *name = entry->name + strlen(tree);
	if (name[0] != '/' || !search_filter_name_ok(name + 1))
		command_no(cmd, "CANNOT", "%.100s: a filter's name has none of (){%%*\"\\]/ and no space",
			entry->name);
	else if (!search_filter_check(program, len, &error))
		command_no(cmd, "CANNOT", "%.100s: not what SEARCH takes: %s", entry->name, error->message);
	else
		return TRUE;
	return FALSE;
}

/* What of the server itself a client may set: its user's own. Answers if it is not. */
static gboolean check_server_entries(ImapCommand *cmd, const GPtrArray *entries)
{
	for (guint i = 0; i < entries->len; i++) {
		const MetadataEntry *entry = entries->pdata[i];
		if (!metadata_name_within(entry->name, "/private", METADATA_DEPTH_INFINITY)) {
			/* RFC 5464 3.3: "servers MAY restrict ..."; all users see them. */
			command_no(cmd, "NOPERM", "%.100s is set by the administrator", entry->name);
			return FALSE;
		}
		if (!check_filter(cmd, entry))
			return FALSE;
	}
	return TRUE;
}

CommandResult cmd_setmetadata(ImapCommand *cmd)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	g_autofree char *mailbox = NULL;
	g_autoptr(GPtrArray) entries = metadata_entries_new();
	if (!imap_parse_sp(&cmd->args, &error) ||
		(mailbox = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || !parse_entries(&cmd->args, entries, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if (mailbox[0] == '\0' && !check_server_entries(cmd, entries))
		return COMMAND_DONE;
	if (account_set_metadata(session->account, mailbox, entries, session->metadata_author, &error))
		command_ok(cmd, NULL, "SETMETADATA completed");
	else
		command_error(cmd, error);
	return COMMAND_DONE;
}
