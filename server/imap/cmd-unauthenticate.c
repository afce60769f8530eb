/* UNAUTHENTICATE: RFC 8437. What the client has told by ID is kept (section 3 leaves that to us), TLS goes on. */
#include "base/log.h"
#include "server/context.h"
#include "server/imap/capability.h"
#include "server/imap/commands.h"

CommandResult cmd_unauthenticate(ImapCommand *cmd)
{
	Session *session = cmd->session;
	if (!settings_bool(session->server->settings, SETTING_AUTH_UNAUTHENTICATE)) {
		command_bad(cmd, "UNAUTHENTICATE is not offered here"); /* section 8: there must be a way to disable it */
		return COMMAND_DONE;
	}
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	log_info("session.unauthenticated", LOG_STR("user", session->user), LOG_STR("peer", session->peer));
	session_unauthenticate(session);
	g_autoptr(GString) capability = g_string_new(NULL);
	capability_write(session, capability);
	command_ok(cmd, capability->str, "Logged out; log in again");
	return COMMAND_DONE;
}
