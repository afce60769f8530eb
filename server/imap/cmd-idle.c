/* IDLE: RFC 2177. The connection calls again when there is news of the mailbox (line NULL) and when the
 * client has sent a line; it sends "* OK Still here" now and then by itself. */
#include "server/imap/command-private.h"
#include "server/imap/commands.h"

#include <string.h>

CommandResult cmd_idle(ImapCommand *cmd)
{
	if (cmd->state == NULL) {
		if (!command_no_args(cmd))
			return COMMAND_DONE;
		cmd->state = GINT_TO_POINTER(TRUE); /* begun */
		command_set_idle(cmd);
		g_string_append(cmd->out, "+ idling\r\n");
	}
	if (cmd->line != NULL) {
		if (cmd->line_len == strlen("DONE") &&
			g_ascii_strncasecmp(cmd->line, "DONE", cmd->line_len) == 0)
			command_ok(cmd, NULL, "IDLE completed");
		else
			command_bad(cmd, "Expected DONE");
		return COMMAND_DONE;
	}
	command_sync(cmd, TRUE, FALSE);
	session_write_due_modseq(cmd->session, cmd->out);
	if (cmd->session->state == SESSION_LOGOUT) {
		command_no(cmd, NULL, "The mailbox is gone");
		return COMMAND_DONE;
	}
	return COMMAND_WAIT;
}
