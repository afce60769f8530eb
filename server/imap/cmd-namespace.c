/* NAMESPACE: RFC 2342. All mailboxes are the user's own. */
#include "server/imap/commands.h"

CommandResult cmd_namespace(ImapCommand *cmd)
{
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	g_string_append(cmd->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	command_ok(cmd, NULL, "NAMESPACE completed");
	return COMMAND_DONE;
}
