#include "server/imap/command-private.h"
#include "server/imap/commands.h"

/* RFC 7162 3.2.7: with QRESYNC the tagged OK has the modseq after the expunge, which then all news up to there must come before. */
static void answer(ImapCommand *cmd, const UidSet *expunged)
{
	Session *session = cmd->session;
	g_autofree char *code = NULL;
	if ((session->enabled & SESSION_QRESYNC) != 0 && !uidset_is_empty(expunged)) {
		command_sync(cmd, TRUE, cmd->uid);
		code = g_strdup_printf("HIGHESTMODSEQ %" G_GUINT64_FORMAT, session->told_modseq);
		session->modseq_due = FALSE;
	}
	command_ok(cmd, code, "%s completed", cmd->name);
}

/* RFC 3501 6.4.3, and RFC 4315 2.1 for UID EXPUNGE. The EXPUNGE or VANISHED responses are the caller's news of the
 * mailbox. */
CommandResult cmd_expunge(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *set = NULL;
	g_autoptr(UidSet) uids = NULL;
	g_autoptr(UidSet) expunged = NULL;
	gboolean parsed = !cmd->uid ||
		(imap_parse_sp(&cmd->args, &error) &&
			(set = imap_parse_sequence_set(&cmd->args, &error)) != NULL);
	if (!parsed || !imap_parse_end(&cmd->args, &error) ||
		(cmd->uid && (uids = session_resolve_set(cmd->session, set, TRUE, FALSE, &error)) == NULL) ||
		!mailbox_expunge(cmd->session->mailbox, uids, &expunged, &error))
		command_error(cmd, error);
	else
		answer(cmd, expunged);
	return COMMAND_DONE;
}
