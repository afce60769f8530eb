/* NOOP: RFC 3501 section 6.1.2. The news that it is sent for are written by whoever runs it. */
#include "server/imap/commands.h"

CommandResult cmd_noop(ImapCommand *cmd)
{
	if (command_no_args(cmd))
		command_ok(cmd, NULL, "NOOP completed");
	return COMMAND_DONE;
}
