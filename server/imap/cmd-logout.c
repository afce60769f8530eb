/* LOGOUT: RFC 3501 section 6.1.3. */
#include "server/imap/command-private.h"
#include "server/imap/commands.h"

CommandResult cmd_logout(ImapCommand *cmd)
{
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	command_bye(cmd, NULL, "Logging out");
	command_ok(cmd, NULL, "LOGOUT completed");
	return COMMAND_DONE;
}
