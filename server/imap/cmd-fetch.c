#include "base/datetime.h"
#include "base/log.h"
#include "server/imap/command-private.h"
#include "server/imap/commands.h"
#include "server/imap/fetch-bodystructure.h"
#include "server/imap/fetch-envelope.h"
#include "server/imap/fetch-modifiers.h"
#include "server/imap/fetch-section.h"

#include <string.h>

/* FETCH (RFC 3501 section 6.4.5) works off one message after the other and stops where the output is full, in
 * the middle of a message too: an answer is its text with gaps, into which the octets of the message are
 * copied as the client reads.
 *
 * A message that another session has expunged, and this one was not told of, is still in the view. Flags,
 * dates and sizes are answered from there; when its octets are asked for it is left out, and the command ends
 * with NO [EXPUNGEISSUED] (RFC 2180 section 4.1.2, RFC 5530), a UID FETCH with OK [EXPUNGEISSUED], as UIDs
 * that are not there are no error. A message that cannot be read is left out too, and the error is answered
 * at the end: the others are not its hostages. */

/* \Seen is set for so many messages at once, just before they are answered: few enough that a client that
 * goes away has not many messages marked that it never got, and enough that the transactions do not count. */
#define SEEN_BATCH 100

/* Octets copied between two looks at the output. */
#define COPY_BYTES (64 * 1024)

#define NEEDS_MESSAGE (FETCH_ENVELOPE | FETCH_BODY | FETCH_BODYSTRUCTURE)

/* The octets of a section, which go before position @at of the answer's text. What had to be put together for
 * it (HEADER.FIELDS) and is large is not kept until its turn, but made again then: a FETCH may name many
 * sections of one huge header. */
typedef struct {
	gsize at;
	const FetchSection *section; /* the request's */
	FetchText text;              /* text.data is NULL where it must be made again */
} Gap;

typedef struct {
	FetchRequest *request; /* owned */
	UidSet *uids;          /* in the view; owned */
	UidCursor cursor;
	FetchStructureFlags structure;

	/* the answer that is being sent */
	GString *text;         /* owned */
	GArray *gaps;          /* of Gap, owned */
	FetchMessage *message; /* what the gaps' octets belong to; owned */
	char *emailid;         /* when it is asked for; owned */
	gsize text_done;
	guint gap;
	gsize gap_done;

	guint32 seen_until; /* UIDs up to here have \Seen, or could not be given it */
	UidSet *seen;       /* those of them that have got it by this command; owned, or NULL */
	gboolean expunged;
	GError *error; /* the first; owned */
} FetchState;

static void gap_clear(gpointer data)
{
	Gap *gap = data;
	fetch_text_clear(&gap->text);
}

static void fetch_state_free(gpointer data)
{
	FetchState *state = data;
	g_string_free(state->text, TRUE);
	g_array_unref(state->gaps);
	fetch_message_free(state->message);
	g_free(state->emailid);
	fetch_request_free(state->request);
	uidset_free(state->uids);
	uidset_free(state->seen);
	g_clear_error(&state->error);
	g_free(state);
}

/* The messages of the window, in order of UID. Takes @uids over. */
static UidSet *window_of(UidSet *uids, const Partial *partial)
{
	if (partial->text == NULL)
		return uids;
	guint first, end, at = 0;
	UidSet *window = uidset_new();
	partial_window(partial, (guint)uidset_count(uids), &first, &end);
	for (guint i = 0; i < uidset_n_ranges(uids) && at < end; i++) {
		UidRange range = uidset_range(uids, i);
		guint n = range.last - range.first + 1, skip = first > at ? MIN(first - at, n) : 0, take = MIN(n, end - at);
		if (skip < take)
			uidset_add_range(window, range.first + skip, range.first + take - 1);
		at += n;
	}
	uidset_free(uids);
	return window;
}

/* Those with a higher modseq than CHANGEDSINCE; RFC 9394 3.3 takes the window first. Takes @uids over. */
static UidSet *changed_of(const Snapshot *view, UidSet *uids, const FetchModifiers *modifiers)
{
	if (!modifiers->changed)
		return uids;
	g_autoptr(UidSet) changed = snapshot_changed_since(view, modifiers->changed_since);
	UidSet *both = uidset_intersection(uids, changed);
	uidset_free(uids);
	return both;
}

/* RFC 7162 3.2.6: of the UIDs that the client names, those that have gone since. "*" is the last UID that the mailbox ever gave, so that
 * "1:*" also has those behind the last message. */
static gboolean write_vanished(ImapCommand *cmd, const char *set, guint64 since, GError **error)
{
	Session *session = cmd->session;
	g_autoptr(UidSet) vanished = NULL;
	gboolean exact;
	g_autoptr(UidSet) named = strcmp(set, "$") == 0
		? (session->saved != NULL ? uidset_copy(session->saved) : uidset_new())
		: uidset_parse(set, strlen(set), snapshot_uidnext(session->view) - 1, error);
	if (named == NULL || !mailbox_vanished(session->mailbox, session->view, since, &vanished, &exact, error))
		return FALSE;
	g_autoptr(UidSet) told = uidset_intersection(named, vanished);
	session_write_vanished_earlier(told, cmd->out);
	return TRUE;
}

/* What RFC 7162 adds to a FETCH before its first answer. */
static gboolean start_condstore(ImapCommand *cmd, const char *set, FetchRequest *request, const FetchModifiers *modifiers, GError **error)
{
	if (modifiers->vanished && (cmd->session->enabled & SESSION_QRESYNC) == 0) {
		g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "VANISHED needs ENABLE QRESYNC before");
		return FALSE;
	}
	if (modifiers->changed)
		request->items |= FETCH_MODSEQ; /* 3.1.4.1 */
	if ((request->items & FETCH_MODSEQ) != 0)
		session_enable(cmd->session, SESSION_CONDSTORE, cmd->out);
	return !modifiers->vanished || write_vanished(cmd, set, modifiers->changed_since, error);
}

/* FALSE: the command was answered. */
static gboolean start(ImapCommand *cmd)
{
	g_auto(FetchModifiers) modifiers = { 0 };
	g_autoptr(GError) error = NULL;
	g_autofree char *set = NULL;
	g_autoptr(FetchRequest) request = NULL;
	g_autoptr(UidSet) uids = NULL;
	if (!imap_parse_sp(&cmd->args, &error) ||
		(set = imap_parse_sequence_set(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || (request = fetch_parse(&cmd->args, &error)) == NULL ||
		!fetch_modifiers_parse(&cmd->args, cmd->uid, &modifiers, &error) || !imap_parse_end(&cmd->args, &error) ||
		(uids = session_resolve_set(cmd->session, set, cmd->uid, FALSE, &error)) == NULL ||
		!start_condstore(cmd, set, request, &modifiers, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	if (cmd->uid)
		request->items |= FETCH_UID; /* RFC 3501 6.4.8 */
	FetchState *state = g_new0(FetchState, 1);
	state->request = g_steal_pointer(&request);
	state->uids = changed_of(cmd->session->view, window_of(g_steal_pointer(&uids), &modifiers.partial), &modifiers);
	state->structure =
		(cmd->session->enabled & (SESSION_UTF8 | SESSION_REV2)) != 0 ? FETCH_STRUCTURE_UTF8 : 0;
	state->text = g_string_new(NULL);
	state->gaps = g_array_new(FALSE, FALSE, sizeof(Gap));
	g_array_set_clear_func(state->gaps, gap_clear);
	cmd->state = state;
	cmd->free_state = fetch_state_free;
	return TRUE;
}

/* -- \Seen -- */

/* Of the next SEEN_BATCH messages, those without \Seen; NULL if there is none. */
static UidSet *find_unseen(const ImapCommand *cmd, FetchState *state, guint32 first)
{
	const Snapshot *view = cmd->session->view;
	UidSet *unseen = NULL;
	UidCursor cursor = state->cursor;
	guint32 uid = first, position;
	guint i = 0;
	state->seen_until = first;
	do {
		guint row;
		if (!snapshot_find_uid(view, uid, &position))
			continue;
		const SnapshotChunk *chunk = snapshot_row(view, position, &row);
		state->seen_until = uid;
		if ((chunk->flags[row] & MESSAGE_SEEN) == 0) {
			if (unseen == NULL)
				unseen = uidset_new();
			uidset_add(unseen, uid);
		}
	} while (++i < SEEN_BATCH && uidset_next(state->uids, &cursor, &uid));
	return unseen;
}

/* The view then has the new flags, and the answers show them. */
static void set_seen(ImapCommand *cmd, FetchState *state, guint32 first)
{
	Session *session = cmd->session;
	g_autoptr(UidSet) unseen = find_unseen(cmd, state, first);
	g_clear_pointer(&state->seen, uidset_free);
	if (unseen == NULL)
		return;
	g_autoptr(GError) error = NULL;
	if (!mailbox_store_flags(
		    session->mailbox, unseen, FLAGS_ADD, MESSAGE_SEEN, NULL, G_MAXUINT64, NULL, &error)) {
		/* Mail can be read on a full disk. */
		log_warning("fetch.seen.failed", LOG_STR("user", session->user),
			LOG_STR("box", session->mailbox_name), LOG_GERROR("error", error));
		return;
	}
	uidset_free(session->silent);
	session->silent = uidset_copy(unseen);
	session->silent_modseq = G_MAXUINT64;
	command_sync(cmd, FALSE, cmd->uid);
	state->seen = g_steal_pointer(&unseen);
}

/* -- The answer for one message -- */

/* Each item begins with a space, but the first. */
static void begin_item(FetchState *state)
{
	if (state->text->str[state->text->len - 1] != '(')
		g_string_append_c(state->text, ' ');
}

static void write_metadata(ImapCommand *cmd, FetchState *state, FetchItems items, guint32 position)
{
	guint row;
	const SnapshotChunk *chunk = snapshot_row(cmd->session->view, position, &row);
	GString *text = state->text;
	if ((items & FETCH_UID) != 0) {
		begin_item(state);
		g_string_append_printf(text, "UID %u", chunk->uid[row]);
	}
	if ((items & FETCH_FLAGS) != 0) {
		begin_item(state);
		session_write_flags(cmd->session, position, text);
	}
	if ((items & FETCH_MODSEQ) != 0) {
		begin_item(state);
		g_string_append_printf(text, "MODSEQ (%" G_GUINT64_FORMAT ")", chunk->modseq[row]);
	}
	if ((items & FETCH_INTERNALDATE) != 0) {
		begin_item(state);
		g_string_append(text, "INTERNALDATE \"");
		datetime_append_imap(text, chunk->internal_at[row], chunk->internal_zone[row]);
		g_string_append_c(text, '"');
	}
	if ((items & FETCH_RFC822_SIZE) != 0) {
		begin_item(state);
		g_string_append_printf(text, "RFC822.SIZE %u", chunk->size[row]);
	}
	if ((items & FETCH_EMAILID) != 0) {
		begin_item(state);
		g_string_append_printf(text, "EMAILID (%s)", state->emailid);
	}
	if ((items & FETCH_THREADID) != 0) { /* RFC 8474 5.3: NIL where they are not computed */
		begin_item(state);
		g_string_append(text, "THREADID NIL");
	}
	if ((items & FETCH_SAVEDATE) != 0) {
		begin_item(state);
		g_string_append(text, "SAVEDATE \"");
		datetime_append_imap(text, chunk->saved_at[row], 0);
		g_string_append_c(text, '"');
	}
}

static void write_structure(FetchState *state, const char *name, FetchStructureFlags flags)
{
	gsize size;
	const guint8 *data = fetch_message_data(state->message, &size);
	begin_item(state);
	g_string_append_printf(state->text, "%s ", name);
	fetch_write_bodystructure(state->text, data, fetch_message_root(state->message), flags);
}

static void write_section(FetchState *state, const FetchSection *section)
{
	begin_item(state);
	g_string_append_printf(state->text, "%s ", section->label);
	Gap gap = { .section = section };
	fetch_section_find(state->message, section, &gap.text);
	if (!gap.text.exists) {
		g_string_append(state->text, "NIL");
		return;
	}
	g_string_append_printf(state->text, "{%" G_GSIZE_FORMAT "}\r\n", gap.text.size);
	gap.at = state->text->len;
	if (gap.text.owned != NULL && gap.text.size > COPY_BYTES) {
		g_clear_pointer(&gap.text.owned, g_free);
		gap.text.data = NULL;
	}
	g_array_append_val(state->gaps, gap);
}

static void write_contents(ImapCommand *cmd, FetchState *state)
{
	FetchItems items = state->request->items;
	if ((items & FETCH_ENVELOPE) != 0) {
		gsize size;
		const guint8 *data = fetch_message_data(state->message, &size);
		begin_item(state);
		g_string_append(state->text, "ENVELOPE ");
		fetch_write_envelope(state->text, data, fetch_message_header_size(state->message));
	}
	if ((items & FETCH_BODY) != 0)
		write_structure(state, "BODY", state->structure);
	if ((items & FETCH_BODYSTRUCTURE) != 0)
		write_structure(state, "BODYSTRUCTURE", state->structure | FETCH_STRUCTURE_EXTENDED);
	for (guint i = 0; i < state->request->sections->len && !command_cancelled(cmd); i++)
		write_section(state, state->request->sections->pdata[i]);
}

/* Takes @error over: a message that is gone is left out, of others the first is told at the end. FALSE. */
static gboolean load_failed(FetchState *state, GError **error)
{
	if (g_error_matches(*error, STORE_ERROR, STORE_ERROR_EXPUNGED))
		state->expunged = TRUE;
	else if (state->error == NULL)
		state->error = g_steal_pointer(error);
	return FALSE;
}

/* FALSE: the message is left out. */
static gboolean load(ImapCommand *cmd, FetchState *state, guint32 uid)
{
	if ((state->request->items & NEEDS_MESSAGE) == 0 && state->request->sections->len == 0)
		return TRUE;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = mailbox_load(cmd->session->mailbox, uid, &error);
	if (bytes != NULL) {
		state->message = fetch_message_new(bytes);
		return TRUE;
	}
	return load_failed(state, &error);
}

/* Finds the message's EMAILID, if that is asked for. FALSE: the message is gone, or the database failed. */
static gboolean load_emailid(ImapCommand *cmd, FetchState *state, guint32 position)
{
	if ((state->request->items & FETCH_EMAILID) == 0)
		return TRUE;
	g_autoptr(GError) error = NULL;
	guint row;
	const SnapshotChunk *chunk = snapshot_row(cmd->session->view, position, &row);
	state->emailid = account_email_objectid(cmd->session->account, chunk->email_id[row], &error);
	return state->emailid != NULL || load_failed(state, &error);
}

static void clear_answer(FetchState *state)
{
	g_clear_pointer(&state->emailid, g_free);
	g_string_truncate(state->text, 0);
	g_array_set_size(state->gaps, 0);
	g_clear_pointer(&state->message, fetch_message_free);
	state->text_done = state->gap_done = 0;
	state->gap = 0;
}

static void begin_answer(ImapCommand *cmd, FetchState *state, guint32 uid)
{
	guint32 position;
	if (state->request->sets_seen && !cmd->session->read_only && uid > state->seen_until)
		set_seen(cmd, state, uid);
	if (!snapshot_find_uid(cmd->session->view, uid, &position))
		return;
	gboolean seen = state->seen != NULL && uidset_contains(state->seen, uid);
	if (!load(cmd, state, uid) || !load_emailid(cmd, state, position)) {
		if (seen)
			session_write_fetch(cmd->session, position, cmd->uid, TRUE, cmd->out); /* its flags have changed all the same */
		return;
	}
	/* RFC 3501 6.4.5: flags that this FETCH has changed belong to its answer; with CONDSTORE UID and MODSEQ too (RFC 7162 3.2.4). */
	FetchItems items = state->request->items;
	if (seen)
		items |= FETCH_FLAGS | ((cmd->session->enabled & SESSION_CONDSTORE) != 0 ? FETCH_UID | FETCH_MODSEQ : 0);
	g_string_append_printf(state->text, "* %u FETCH (", position + 1);
	write_metadata(cmd, state, items, position);
	if (state->message != NULL)
		write_contents(cmd, state);
	g_string_append(state->text, ")\r\n");
}

/* Copies from *@done on. FALSE: the output is full. */
static gboolean copy_out(ImapCommand *cmd, const char *data, gsize size, gsize *done)
{
	while (*done < size) {
		if (command_output_full(cmd))
			return FALSE;
		gsize n = MIN(size - *done, COPY_BYTES);
		imap_write_octets(cmd->out, data + *done, n);
		*done += n;
	}
	return TRUE;
}

/* Moves on what is left of the answer. FALSE: the output is full. */
static gboolean send_answer(ImapCommand *cmd, FetchState *state)
{
	for (; state->gap < state->gaps->len; state->gap++, state->gap_done = 0) {
		Gap *gap = &g_array_index(state->gaps, Gap, state->gap);
		if (!copy_out(cmd, state->text->str, gap->at, &state->text_done))
			return FALSE;
		if (gap->text.data == NULL)
			fetch_section_find(state->message, gap->section, &gap->text);
		if (!copy_out(cmd, gap->text.data, gap->text.size, &state->gap_done))
			return FALSE;
		fetch_text_clear(&gap->text);
	}
	if (!copy_out(cmd, state->text->str, state->text->len, &state->text_done))
		return FALSE;
	clear_answer(state);
	return TRUE;
}

static void finish(ImapCommand *cmd, const FetchState *state)
{
	if (state->error != NULL)
		command_error(cmd, state->error);
	else if (state->expunged && !cmd->uid)
		command_no(cmd, "EXPUNGEISSUED", "Some of the messages are expunged");
	else
		command_ok(cmd, state->expunged ? "EXPUNGEISSUED" : NULL, "%s completed", cmd->name);
}

CommandResult cmd_fetch(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	FetchState *state = cmd->state;
	guint32 uid;
	for (;;) {
		if (command_cancelled(cmd))
			return COMMAND_DONE;
		if (!send_answer(cmd, state) || command_output_full(cmd))
			return COMMAND_AGAIN;
		if (!uidset_next(state->uids, &state->cursor, &uid))
			break;
		begin_answer(cmd, state, uid);
	}
	finish(cmd, state);
	return COMMAND_DONE;
}
