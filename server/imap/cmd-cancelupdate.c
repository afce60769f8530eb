/* CANCELUPDATE: RFC 5267 4.3.5. */
#include "server/imap/commands.h"
#include "server/imap/search-update.h"

/* All tags are read before any is given up: a command that is refused with BAD has done nothing. */
static GPtrArray *tags_parse(ImapParser *p, GError **error)
{
	g_autoptr(GPtrArray) tags = g_ptr_array_new_with_free_func(g_free);
	do {
		char *tag = imap_parse_sp(p, error) ? imap_parse_string(p, error) : NULL;
		if (tag == NULL)
			return NULL;
		g_ptr_array_add(tags, tag);
	} while (!imap_at_end(p));
	return g_steal_pointer(&tags);
}

CommandResult cmd_cancelupdate(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) tags = tags_parse(&cmd->args, &error);
	if (tags == NULL) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	const char *unknown = NULL;
	for (guint i = 0; i < tags->len; i++)
		if (!search_updates_cancel(cmd->session->updates, tags->pdata[i]))
			unknown = tags->pdata[i];
	if (unknown != NULL)
		command_no(cmd, NULL, "CANCELUPDATE: nothing is updated under the tag %.40s", unknown);
	else
		command_ok(cmd, NULL, "CANCELUPDATE completed");
	return COMMAND_DONE;
}
