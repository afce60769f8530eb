/* CHECK: RFC 3501 section 6.4.1. All that was answered is on disk already. */
#include "server/imap/commands.h"

CommandResult cmd_check(ImapCommand *cmd)
{
	if (command_no_args(cmd))
		command_ok(cmd, NULL, "CHECK completed");
	return COMMAND_DONE;
}
