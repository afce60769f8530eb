/* COPY (RFC 3501 section 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 section 3). Messages that another
 * session has expunged are left out; COPYUID says which ones were taken. */
#include "server/imap/commands.h"

static GString *copyuid(guint32 uidvalidity, const UidSet *source, const UidSet *target)
{
	GString *code = g_string_new(NULL);
	g_string_append_printf(code, "COPYUID %u ", uidvalidity);
	uidset_write(source, code);
	g_string_append_c(code, ' ');
	uidset_write(target, code);
	return code;
}

static gboolean copy(ImapCommand *cmd, gboolean move, GString **code_out, GError **error)
{
	Session *session = cmd->session;
	g_autofree char *set = NULL, *name = NULL;
	g_autoptr(UidSet) uids = NULL;
	if (!imap_parse_sp(&cmd->args, error) || (set = imap_parse_sequence_set(&cmd->args, error)) == NULL ||
		!imap_parse_sp(&cmd->args, error) || (name = imap_parse_mailbox(&cmd->args, error)) == NULL ||
		!imap_parse_end(&cmd->args, error) ||
		(uids = session_resolve_set(session, set, cmd->uid, FALSE, error)) == NULL)
		return FALSE;
	g_autoptr(Mailbox) target = account_open_mailbox(session->account, name, error);
	if (target == NULL)
		return FALSE;
	if (uidset_is_empty(uids))
		return TRUE;
	guint32 uidvalidity;
	g_autoptr(UidSet) source_uids = NULL;
	g_autoptr(UidSet) target_uids = NULL;
	if (!mailbox_copy(
		    session->mailbox, uids, target, move, &uidvalidity, &source_uids, &target_uids, error))
		return FALSE;
	if (!uidset_is_empty(source_uids))
		*code_out = copyuid(uidvalidity, source_uids, target_uids);
	return TRUE;
}

CommandResult cmd_copy(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) code = NULL;
	if (!copy(cmd, FALSE, &code, &error))
		command_error(cmd, error);
	else if (code == NULL)
		command_ok(cmd, NULL, "%s completed: there were no messages to copy", cmd->name);
	else
		command_ok(cmd, code->str, "%s completed", cmd->name);
	return COMMAND_DONE;
}

CommandResult cmd_move(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) code = NULL;
	if (!copy(cmd, TRUE, &code, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if (code == NULL) {
		command_ok(cmd, NULL, "%s completed: there were no messages to move", cmd->name);
		return COMMAND_DONE;
	}
	/* RFC 6851 4.3: COPYUID comes in an untagged OK, before the EXPUNGEs, which the caller sends. */
	g_string_append_printf(cmd->out, "* OK [%s] Moved\r\n", code->str);
	command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
