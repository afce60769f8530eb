#include "server/imap/commands.h"

/* RFC 3501 6.4.3, and RFC 4315 2.1 for UID EXPUNGE. The EXPUNGE responses are the caller's news of the
 * mailbox. */
CommandResult cmd_expunge(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *set = NULL;
	g_autoptr(UidSet) uids = NULL;
	gboolean parsed = !cmd->uid ||
		(imap_parse_sp(&cmd->args, &error) &&
			(set = imap_parse_sequence_set(&cmd->args, &error)) != NULL);
	if (!parsed || !imap_parse_end(&cmd->args, &error) ||
		(cmd->uid && (uids = session_resolve_set(cmd->session, set, TRUE, FALSE, &error)) == NULL) ||
		!mailbox_expunge(cmd->session->mailbox, uids, NULL, &error))
		command_error(cmd, error);
	else
		command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
