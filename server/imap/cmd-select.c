/* SELECT and EXAMINE: RFC 3501 sections 6.3.1 and 6.3.2; CONDSTORE and QRESYNC: RFC 7162 3.1.8 and 3.2.5. */
#include "server/imap/commands.h"
#include "server/imap/select-params.h"

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
	g_string_append_printf(
		out, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Highest mod-sequence\r\n", snapshot_highestmodseq(view));
	/* RFC 8474 4.2 */
	g_autofree char *objectid = mailbox_objectid(session->mailbox);
	g_string_append_printf(out, "* OK [MAILBOXID (%s)] The same after a RENAME\r\n", objectid);
}

/* -- QRESYNC -- */

typedef struct {
	UidSet *changed; /* owned; to be answered with their flags */
	UidCursor cursor;
} SelectState;

static void select_state_free(gpointer data)
{
	SelectState *state = data;
	uidset_free(state->changed);
	g_free(state);
}

/* What the client must forget. The match data only spares it what it knows to be gone already, where the expunges since its modseq are not
 * remembered; where they are, they are told exactly (RFC 7162 5.3). */
static gboolean write_vanished(Session *session, const SelectParams *params, GString *out, GError **error)
{
	g_autoptr(UidSet) vanished = NULL;
	gboolean exact;
	if (!mailbox_vanished(session->mailbox, session->view, params->modseq, &vanished, &exact, error))
		return FALSE;
	guint32 matched = exact ? 0 : select_params_matched_uid(params, session->view);
	g_autoptr(UidSet) above = uidset_new();
	if (matched < G_MAXUINT32)
		uidset_add_range(above, matched + 1, G_MAXUINT32);
	g_autoptr(UidSet) unknown = uidset_intersection(vanished, above);
	g_autoptr(UidSet) told = params->known != NULL ? uidset_intersection(unknown, params->known) : uidset_copy(unknown);
	session_write_vanished_earlier(told, out);
	return TRUE;
}

/* RFC 7162 3.2.5.1. FALSE: nothing is selected. */
static gboolean resynchronize(ImapCommand *cmd, const SelectParams *params, GError **error)
{
	Session *session = cmd->session;
	if (params->uidvalidity != snapshot_uidvalidity(session->view))
		return TRUE; /* the client sees it from the UIDVALIDITY that was told */
	if (!write_vanished(session, params, cmd->out, error)) {
		session_unselect(session);
		return FALSE;
	}
	/* A modseq that was never given is not of this mailbox (mailbox_vanished()): then all is news. */
	guint64 since = params->modseq <= snapshot_highestmodseq(session->view) ? params->modseq : 0;
	SelectState *state = g_new0(SelectState, 1);
	state->changed = snapshot_changed_since(session->view, since);
	cmd->state = state;
	cmd->free_state = select_state_free;
	if (params->known != NULL) {
		UidSet *known = uidset_intersection(state->changed, params->known);
		uidset_free(state->changed);
		state->changed = known;
	}
	return TRUE;
}

/* FALSE: the output is full. */
static gboolean write_changed(ImapCommand *cmd)
{
	SelectState *state = cmd->state;
	guint32 uid, position;
	while (state != NULL && !command_cancelled(cmd)) {
		if (command_output_full(cmd))
			return FALSE;
		if (!uidset_next(state->changed, &state->cursor, &uid))
			break;
		if (snapshot_find_uid(cmd->session->view, uid, &position))
			session_write_fetch(cmd->session, position, TRUE, TRUE, cmd->out);
	}
	return TRUE;
}

/* -- The command -- */

static gboolean is_examine(const ImapCommand *cmd)
{
	return strcmp(cmd->name, "EXAMINE") == 0;
}

static gboolean parse(ImapCommand *cmd, char **name_out, SelectParams *params, GError **error)
{
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, error) || (name = imap_parse_mailbox(&cmd->args, error)) == NULL ||
		!select_params_parse(&cmd->args, params, error) || !imap_parse_end(&cmd->args, error))
		return FALSE;
	if (params->qresync && (cmd->session->enabled & SESSION_QRESYNC) == 0) {
		g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "QRESYNC needs ENABLE QRESYNC before");
		return FALSE;
	}
	*name_out = g_steal_pointer(&name);
	return TRUE;
}

/* FALSE: the command was answered. */
static gboolean start(ImapCommand *cmd)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	g_auto(SelectParams) params = { 0 };
	if (!parse(cmd, &name, &params, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	/* RFC 7162 section 3.2.11; what follows is about the new mailbox. */
	if (session->state == SESSION_SELECTED)
		g_string_append(cmd->out, "* OK [CLOSED] Previous mailbox closed\r\n");
	session_unselect(session);
	if (params.condstore)
		session_enable(session, SESSION_CONDSTORE, cmd->out);
	if (!session_select(session, name, is_examine(cmd), &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	write_state(session, cmd->out);
	if (params.qresync && !resynchronize(cmd, &params, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	return TRUE;
}

CommandResult cmd_select(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	if (!write_changed(cmd))
		return COMMAND_AGAIN;
	command_ok(cmd, is_examine(cmd) ? "READ-ONLY" : "READ-WRITE", "%s completed", cmd->name);
	return COMMAND_DONE;
}
