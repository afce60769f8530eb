#include "server/imap/commands.h"

/* RFC 3501 6.3.4. A client that deletes the mailbox which it has selected is in authenticated state
 * afterwards. */
CommandResult cmd_delete(ImapCommand *cmd)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_delete_mailbox(session->account, name, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if (session->mailbox != NULL && mailbox_is_deleted(session->mailbox))
		session_unselect(session);
	command_ok(cmd, NULL, "DELETE completed");
	return COMMAND_DONE;
}
