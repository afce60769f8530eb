#include "server/imap/command-private.h"
#include "server/imap/commands.h"

/* STORE (RFC 3501 section 6.4.6). The flags are on disk before the first answer is written; the answers show
 * what the flags are then, whoever else has changed them.
 *
 * Messages that another session has expunged are passed over; without .SILENT the command then ends with NO
 * [EXPUNGEISSUED] (RFC 2180 section 4.2.3), but a UID STORE with OK, as UIDs that are not there are no error.
 */

typedef struct {
	FlagsOp op;
	gboolean silent;
	MessageFlags flags;
	GPtrArray *keywords; /* of char*, NULL-terminated; owned */
	UidSet *uids;        /* in the view; owned */
	UidSet *answered;    /* those that get an answer: none with .SILENT, none expunged; owned */
	gboolean expunged;   /* not all were there */
	guint range;         /* what is to be answered next */
	guint32 next;        /* 0: the range's first */
} StoreState;

static void store_state_free(gpointer data)
{
	StoreState *state = data;
	if (state == NULL)
		return;
	g_clear_pointer(&state->keywords, g_ptr_array_unref);
	uidset_free(state->uids);
	uidset_free(state->answered);
	g_free(state);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreState, store_state_free)

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
		!imap_parse_sp(p, error) || !parse_action(p, state, error) || !imap_parse_sp(p, error) ||
		!parse_flags(p, state, error) || !imap_parse_end(p, error))
		return NULL;
	g_ptr_array_add(state->keywords, NULL);
	state->uids = session_resolve_set(cmd->session, set, cmd->uid, FALSE, error);
	return state->uids != NULL ? g_steal_pointer(&state) : NULL;
}

/* -- What .SILENT keeps quiet: the flags that the client can work out by itself -- */

static gboolean contains_keyword(const char *const *keywords, const char *keyword)
{
	for (; *keywords != NULL; keywords++) {
		if (g_ascii_strcasecmp(*keywords, keyword) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Every keyword of @a is in @b or in @c; that may be NULL. */
static gboolean covered(const char *const *a, const char *const *b, const char *const *c)
{
	for (; *a != NULL; a++) {
		if (!contains_keyword(b, *a) && (c == NULL || !contains_keyword(c, *a)))
			return FALSE;
	}
	return TRUE;
}

static gboolean disjoint(const char *const *a, const char *const *b)
{
	for (; *a != NULL; a++) {
		if (contains_keyword(b, *a))
			return FALSE;
	}
	return TRUE;
}

static gboolean is_as_expected(const StoreState *state, const Snapshot *before, guint32 old_position,
	const Snapshot *after, guint32 new_position)
{
	guint old_row, row;
	const SnapshotChunk *old_chunk = snapshot_row(before, old_position, &old_row);
	const SnapshotChunk *chunk = snapshot_row(after, new_position, &row);
	MessageFlags old_flags = old_chunk->flags[old_row], flags = chunk->flags[row];
	gsize n;
	const char *const *was = snapshot_keywords(before, old_chunk->keywords[old_row], &n);
	const char *const *is = snapshot_keywords(after, chunk->keywords[row], &n);
	const char *const *given = (const char *const *)state->keywords->pdata;
	switch (state->op) {
	case FLAGS_REPLACE:
		return flags == state->flags && covered(is, given, NULL) && covered(given, is, NULL);
	case FLAGS_ADD:
		return flags == (old_flags | state->flags) && covered(is, was, given) &&
			covered(was, is, NULL) && covered(given, is, NULL);
	case FLAGS_REMOVE:
		return flags == (old_flags & ~state->flags) && covered(is, was, NULL) &&
			covered(was, is, given) && disjoint(is, given);
	}
	return FALSE;
}

/* Prepares the session for coming up to date: our own changes are not told there. Without .SILENT they are
 * answered below; with it only where the flags are not what the client takes them for, since another session
 * has changed them (RFC 3501 6.4.6). */
static gboolean keep_quiet(ImapCommand *cmd, StoreState *state, GError **error)
{
	Session *session = cmd->session;
	g_autoptr(Snapshot) after = mailbox_snapshot(session->mailbox, error);
	if (after == NULL)
		return FALSE;
	g_autoptr(UidSet) quiet = uidset_new();
	for (guint i = 0; i < uidset_n_ranges(state->uids); i++) {
		UidRange range = uidset_range(state->uids, i);
		for (guint64 uid = range.first; uid <= range.last; uid++) {
			guint32 old_position, new_position;
			if (!snapshot_find_uid(after, (guint32)uid, &new_position)) {
				state->expunged = TRUE;
				continue;
			}
			if (state->silent &&
				(!snapshot_find_uid(session->view, (guint32)uid, &old_position) ||
					!is_as_expected(
						state, session->view, old_position, after, new_position)))
				continue;
			uidset_add(quiet, (guint32)uid);
		}
	}
	state->answered = state->silent ? uidset_new() : uidset_copy(quiet);
	uidset_free(session->silent);
	session->silent = g_steal_pointer(&quiet);
	session->silent_modseq = snapshot_highestmodseq(after);
	return TRUE;
}

/* FALSE: the command was answered. */
static gboolean start(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	StoreState *state = parse(cmd, &error);
	cmd->state = state;
	cmd->free_state = store_state_free;
	if (state == NULL ||
		!mailbox_store_flags(cmd->session->mailbox, state->uids, state->op, state->flags,
			(const char *const *)state->keywords->pdata, G_MAXUINT64, NULL, &error) ||
		!keep_quiet(cmd, state, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	command_sync(cmd, FALSE, cmd->uid);
	return TRUE;
}

static void answer_one(ImapCommand *cmd, guint32 uid, const Snapshot *view)
{
	guint32 position;
	if (!snapshot_find_uid(view, uid, &position))
		return;
	g_string_append_printf(cmd->out, "* %u FETCH (", position + 1);
	if (cmd->uid)
		g_string_append_printf(cmd->out, "UID %u ", uid); /* RFC 3501 6.4.8 */
	session_write_flags(cmd->session, position, cmd->out);
	g_string_append(cmd->out, ")\r\n");
}

/* FALSE: the output is full. */
static gboolean answer(ImapCommand *cmd, StoreState *state)
{
	while (state->range < uidset_n_ranges(state->answered)) {
		if (command_output_full(cmd))
			return FALSE;
		UidRange range = uidset_range(state->answered, state->range);
		guint32 uid = state->next != 0 ? state->next : range.first;
		answer_one(cmd, uid, cmd->session->view);
		state->next = uid + 1;
		if (uid == range.last) {
			state->range++;
			state->next = 0;
		}
	}
	return TRUE;
}

CommandResult cmd_store(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	StoreState *state = cmd->state;
	if (!answer(cmd, state))
		return COMMAND_AGAIN;
	if (state->expunged && !state->silent && !cmd->uid)
		command_no(cmd, "EXPUNGEISSUED", "Some of the messages are expunged");
	else
		command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
