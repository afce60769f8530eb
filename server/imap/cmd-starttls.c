/* STARTTLS: RFC 3501 section 6.2.1. */
#include "server/conn/connection.h"
#include "server/context.h"
#include "server/imap/commands.h"

CommandResult cmd_starttls(ImapCommand *cmd)
{
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	if (cmd->session->tls) {
		command_bad(cmd, "TLS is active already");
	} else if (cmd->session->server->tls == NULL || cmd->session->connection == NULL) {
		command_bad(cmd, "TLS is not configured");
	} else {
		connection_start_tls(cmd->session->connection);
		command_ok(cmd, NULL, "Begin TLS negotiation now");
	}
	return COMMAND_DONE;
}
