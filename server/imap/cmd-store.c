#include "server/imap/command-private.h"
#include "server/imap/commands.h"
#include "server/imap/store-change.h"

/* STORE (RFC 3501 section 6.4.6). The flags are on disk before the first answer is written; the answers show
 * what the flags are then, whoever else has changed them.
 *
 * Messages that another session has expunged are passed over; without .SILENT the command then ends with NO
 * [EXPUNGEISSUED] (RFC 2180 section 4.2.3), but a UID STORE with OK, as UIDs that are not there are no error.
 *
 * With UNCHANGEDSINCE (RFC 7162 section 3.1.3) every message is answered, those that were left alone with the flags that they have. Once
 * CONDSTORE is enabled .SILENT still tells the new MODSEQ (example 14). */

typedef struct {
	FlagsOp op;
	gboolean silent;
	gboolean conditional; /* UNCHANGEDSINCE */
	guint64 unchanged_since;
	MessageFlags flags;
	GPtrArray *keywords; /* of char*, NULL-terminated; owned */
	UidSet *uids;        /* in the view; owned */
	UidSet *modified;    /* those that failed UNCHANGEDSINCE; owned, or NULL */
	UidSet *answered;    /* those that get an answer: none that are expunged; owned */
	UidSet *loud;        /* with .SILENT: those of them that are answered with their flags; owned */
	gboolean expunged;   /* not all were there */
	UidCursor cursor;    /* what is to be answered next */
} StoreState;

static void store_state_free(gpointer data)
{
	StoreState *state = data;
	if (state == NULL)
		return;
	g_clear_pointer(&state->keywords, g_ptr_array_unref);
	uidset_free(state->uids);
	uidset_free(state->modified);
	uidset_free(state->answered);
	uidset_free(state->loud);
	g_free(state);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreState, store_state_free)

/* [SP "(" UNCHANGEDSINCE SP mod-sequence-valzer ")"], and the SP behind. */
static gboolean parse_modifiers(ImapParser *p, StoreState *state, GError **error)
{
	if (!imap_parse_sp(p, error))
		return FALSE;
	if (!imap_skip(p, '('))
		return TRUE;
	do {
		gsize octet = p->base + p->pos + 1;
		g_autofree char *name = imap_parse_atom(p, error);
		if (name == NULL)
			return FALSE;
		if (g_ascii_strcasecmp(name, "UNCHANGEDSINCE") != 0 || state->conditional) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
				"expected UNCHANGEDSINCE, once, at octet %" G_GSIZE_FORMAT, octet);
			return FALSE;
		}
		state->conditional = TRUE;
		if (!imap_parse_sp(p, error) || !imap_parse_modseq(p, TRUE, &state->unchanged_since, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error) && imap_parse_sp(p, error);
}

/* RFC 3501 section 9: store-att-flags, up to the SP. */
static gboolean parse_action(ImapParser *p, StoreState *state, GError **error)
{
	gsize octet = p->base + p->pos + 1;
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	const char *item = name;
	state->op = *item == '+' ? FLAGS_ADD : *item == '-' ? FLAGS_REMOVE : FLAGS_REPLACE;
	if (state->op != FLAGS_REPLACE)
		item++;
	state->silent = g_ascii_strcasecmp(item, "FLAGS.SILENT") == 0;
	if (state->silent || g_ascii_strcasecmp(item, "FLAGS") == 0)
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"expected FLAGS, +FLAGS, -FLAGS, with or without .SILENT, at octet %" G_GSIZE_FORMAT, octet);
	return FALSE;
}

/* flag-list / (flag *(SP flag)) */
static gboolean parse_flags(ImapParser *p, StoreState *state, GError **error)
{
	if (imap_peek(p, '('))
		return imap_parse_flag_list(p, &state->flags, &state->keywords, error);
	state->keywords = g_ptr_array_new_with_free_func(g_free);
	do {
		if (!imap_parse_flag(p, &state->flags, state->keywords, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return TRUE;
}

static StoreState *parse(ImapCommand *cmd, GError **error)
{
	ImapParser *p = &cmd->args;
	g_autoptr(StoreState) state = g_new0(StoreState, 1);
	g_autofree char *set = NULL;
	if (!imap_parse_sp(p, error) || (set = imap_parse_sequence_set(p, error)) == NULL ||
		!parse_modifiers(p, state, error) || !parse_action(p, state, error) || !imap_parse_sp(p, error) ||
		!parse_flags(p, state, error) || !imap_parse_end(p, error))
		return NULL;
	g_ptr_array_add(state->keywords, NULL);
	state->uids = session_resolve_set(cmd->session, set, cmd->uid, FALSE, error);
	return state->uids != NULL ? g_steal_pointer(&state) : NULL;
}

/* One message that is still there: whether it is answered, and how. The flags that a client works out by itself are not told with .SILENT; it is told
 * where another session has changed them (RFC 3501 6.4.6), and where UNCHANGEDSINCE has failed (RFC 7162 3.1.3 recommends it). */
static void decide_answer(
	const Session *session, StoreState *state, const StoreChange *change, guint32 uid, const Snapshot *after, guint32 new_position)
{
	guint32 old_position;
	guint old_row, row;
	gboolean known = snapshot_find_uid(session->view, uid, &old_position);
	gboolean failed = state->modified != NULL && uidset_contains(state->modified, uid);
	if (!state->silent || failed || !known || !store_change_is_expected(change, session->view, old_position, after, new_position)) {
		uidset_add(state->answered, uid);
		uidset_add(state->loud, uid);
	} else if (state->conditional ||
		((session->enabled & SESSION_CONDSTORE) != 0 &&
			snapshot_row(session->view, old_position, &old_row)->modseq[old_row] !=
				snapshot_row(after, new_position, &row)->modseq[row])) {
		uidset_add(state->answered, uid);
	}
}

/* Prepares the session for coming up to date: our own changes are not told there, but answered below. */
static gboolean keep_quiet(ImapCommand *cmd, StoreState *state, const StoreChange *change, GError **error)
{
	Session *session = cmd->session;
	g_autoptr(Snapshot) after = mailbox_snapshot(session->mailbox, error);
	if (after == NULL)
		return FALSE;
	g_autoptr(UidSet) quiet = uidset_new();
	UidCursor cursor = { 0 };
	guint32 uid, position;
	state->answered = uidset_new();
	state->loud = uidset_new();
	while (uidset_next(state->uids, &cursor, &uid)) {
		if (!snapshot_find_uid(after, uid, &position)) {
			state->expunged = TRUE;
			continue;
		}
		uidset_add(quiet, uid);
		decide_answer(session, state, change, uid, after, position);
	}
	uidset_free(session->silent);
	session->silent = g_steal_pointer(&quiet);
	session->silent_modseq = snapshot_highestmodseq(after);
	return TRUE;
}

static gboolean change_flags(ImapCommand *cmd, StoreState *state, const StoreChange *change, GError **error)
{
	Session *session = cmd->session;
	if (!state->conditional)
		return mailbox_store_flags(
			session->mailbox, state->uids, change->op, change->flags, change->keywords, G_MAXUINT64, NULL, error);
	session_enable(session, SESSION_CONDSTORE, cmd->out);
	return store_change_unless_modified(session, change, state->uids, state->unchanged_since, &state->modified, error);
}

/* FALSE: the command was answered. */
static gboolean start(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	StoreState *state = parse(cmd, &error);
	cmd->state = state;
	cmd->free_state = store_state_free;
	if (state == NULL) {
		command_error(cmd, error);
		return FALSE;
	}
	StoreChange change = { state->op, state->flags, (const char *const *)state->keywords->pdata };
	if (!change_flags(cmd, state, &change, &error) || !keep_quiet(cmd, state, &change, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	command_sync(cmd, FALSE, cmd->uid);
	return TRUE;
}

/* FALSE: the output is full. */
static gboolean answer(ImapCommand *cmd, StoreState *state)
{
	guint32 uid, position;
	while (!command_output_full(cmd)) {
		if (!uidset_next(state->answered, &state->cursor, &uid))
			return TRUE;
		if (snapshot_find_uid(cmd->session->view, uid, &position)) /* UID: RFC 3501 6.4.8 */
			session_write_fetch(cmd->session, position, cmd->uid, uidset_contains(state->loud, uid), cmd->out);
	}
	return FALSE;
}

/* "MODIFIED 7,9": message numbers, UIDs of a UID STORE. NULL: all messages met the condition. */
static GString *modified_code(const ImapCommand *cmd, const StoreState *state)
{
	if (state->modified == NULL || uidset_is_empty(state->modified))
		return NULL;
	g_autoptr(UidSet) numbers = uidset_new();
	UidCursor cursor = { 0 };
	guint32 uid, position;
	while (!cmd->uid && uidset_next(state->modified, &cursor, &uid)) {
		if (snapshot_find_uid(cmd->session->view, uid, &position))
			uidset_add(numbers, position + 1);
	}
	GString *code = g_string_new("MODIFIED ");
	uidset_write(cmd->uid ? state->modified : numbers, code);
	return code;
}

CommandResult cmd_store(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	StoreState *state = cmd->state;
	if (!answer(cmd, state))
		return COMMAND_AGAIN;
	g_autoptr(GString) modified = modified_code(cmd, state);
	/* Only one code can be told, and MODIFIED must be (RFC 7162 example 11). */
	if (state->expunged && !state->silent && !cmd->uid)
		command_no(cmd, modified != NULL ? modified->str : "EXPUNGEISSUED", "Some of the messages are expunged");
	else if (modified != NULL)
		command_ok(cmd, modified->str, "Some of the messages have changed, and were left alone");
	else
		command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
