/* SELECT and EXAMINE: RFC 3501 sections 6.3.1 and 6.3.2. */
#include "server/imap/commands.h"

#include <string.h>

/* The number of the first message without \Seen; 0: all are read. */
static guint32 first_unseen(const Snapshot *view)
{
	for (guint i = 0; i < snapshot_n_chunks(view); i++) {
		guint32 first = 0;
		const SnapshotChunk *chunk = snapshot_chunk(view, i, &first);
		for (guint row = 0; row < chunk->n; row++) {
			if ((chunk->flags[row] & MESSAGE_SEEN) == 0)
				return first + row + 1;
		}
	}
	return 0;
}

static void write_state(const Session *session, GString *out)
{
	const Snapshot *view = session->view;
	session_write_flag_lists(session, out);
	g_string_append_printf(
		out, "* %u EXISTS\r\n* %u RECENT\r\n", snapshot_count(view), session_count_recent(session));
	guint32 unseen = first_unseen(view);
	if (unseen > 0)
		g_string_append_printf(out, "* OK [UNSEEN %u] First unseen message\r\n", unseen);
	g_string_append_printf(out, "* OK [UIDVALIDITY %u] UIDs valid\r\n", snapshot_uidvalidity(view));
	g_string_append_printf(out, "* OK [UIDNEXT %u] Predicted next UID\r\n", snapshot_uidnext(view));
	/* RFC 8474 4.2 */
	g_autofree char *objectid = mailbox_objectid(session->mailbox);
	g_string_append_printf(out, "* OK [MAILBOXID (%s)] The same after a RENAME\r\n", objectid);
}

CommandResult cmd_select(ImapCommand *cmd)
{
	Session *session = cmd->session;
	gboolean examine = strcmp(cmd->name, "EXAMINE") == 0;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	/* RFC 7162 section 3.2.11; what follows is about the new mailbox. */
	if (session->state == SESSION_SELECTED)
		g_string_append(cmd->out, "* OK [CLOSED] Previous mailbox closed\r\n");
	if (!session_select(session, name, examine, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	write_state(session, cmd->out);
	command_ok(cmd, examine ? "READ-ONLY" : "READ-WRITE", "%s completed", cmd->name);
	return COMMAND_DONE;
}
