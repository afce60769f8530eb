#include "server/imap/commands.h"

/* RFC 3501 6.3.3. A separator at the end of the name only says that children will follow: the store ignores
 * it. */
CommandResult cmd_create(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_create_mailbox(cmd->session->account, name, NULL, &error))
		command_error(cmd, error);
	else
		command_ok(cmd, NULL, "CREATE completed");
	return COMMAND_DONE;
}
