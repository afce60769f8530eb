#include "server/imap/commands.h"

CommandResult cmd_rename(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *from = NULL, *to = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (from = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || (to = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_rename_mailbox(cmd->session->account, from, to, &error) ||
		!session_follow_rename(cmd->session, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	command_ok(cmd, NULL, "RENAME completed");
	return COMMAND_DONE;
}
