#include "server/imap/commands.h"

/* RFC 3501 6.3.6 and 6.3.7. A name need not be that of a mailbox: subscriptions may outlive theirs. */
static CommandResult change(ImapCommand *cmd, gboolean subscribed)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_subscribe(cmd->session->account, name, subscribed, &error))
		command_error(cmd, error);
	else
		command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}

CommandResult cmd_subscribe(ImapCommand *cmd)
{
	return change(cmd, TRUE);
}

CommandResult cmd_unsubscribe(ImapCommand *cmd)
{
	return change(cmd, FALSE);
}
