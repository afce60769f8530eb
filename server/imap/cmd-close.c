/* CLOSE (RFC 3501 section 6.4.2), which expunges without a word, and UNSELECT (RFC 3691), which does not. */
#include "server/imap/commands.h"

#include <string.h>

CommandResult cmd_close(ImapCommand *cmd)
{
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	Session *session = cmd->session;
	gboolean expunge = strcmp(cmd->name, "CLOSE") == 0 && !session->read_only;
	g_autoptr(GError) error = NULL;
	if (expunge && !mailbox_expunge(session->mailbox, NULL, NULL, &error) &&
		!g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX)) {
		command_error(cmd, error);
		return COMMAND_DONE; /* still selected: the messages are there */
	}
	session_unselect(session);
	command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
