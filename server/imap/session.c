#include "server/imap/session.h"

#include "server/context.h"
#include "server/imap/parser.h"
#include "server/imap/search-update.h"

#include <string.h>

Session *session_new(ServerContext *server, Connection *connection)
{
	Session *session = g_new0(Session, 1);
	session->server = server;
	session->connection = connection;
	session->metadata_author = (guint64)g_random_int() << 31 | (g_random_int() >> 1) | 1; /* not 0, below 2^63 */
	return session;
}

void session_free(Session *session)
{
	if (session == NULL)
		return;
	session_unauthenticate(session);
	g_free(session->client_id);
	g_free(session->peer);
	g_free(session);
}

void session_unauthenticate(Session *session)
{
	session_unselect(session);
	g_clear_pointer(&session->index, search_index_unref);
	g_clear_pointer(&session->account, account_unref);
	if (session->counted)
		server_context_leave(session->server, session->user);
	session->counted = FALSE;
	g_clear_pointer(&session->user, g_free);
	session->enabled = 0;
	session->metadata_seen = 0;
	session->state = SESSION_NOT_AUTHENTICATED;
}

void session_unselect(Session *session)
{
	g_clear_pointer(&session->view, snapshot_unref);
	g_clear_pointer(&session->mailbox, mailbox_unref);
	g_clear_pointer(&session->mailbox_name, g_free);
	g_clear_pointer(&session->silent, uidset_free);
	g_clear_pointer(&session->saved, uidset_free);
	g_clear_pointer(&session->recent, uidset_free);
	g_clear_pointer(&session->updates, search_updates_free);
	session->silent_modseq = 0;
	session->told_modseq = 0;
	session->modseq_due = FALSE;
	session->read_only = FALSE;
	if (session->state == SESSION_SELECTED)
		session->state = SESSION_AUTHENTICATED;
}

SearchIndex *session_index(Session *session)
{
	if (session->index == NULL)
		session->index = search_index_get(session->account);
	return session->index;
}

/* What was claimed: from @first on. Others may have claimed what lies between that and what is here already. */
static void add_recent(Session *session, guint32 first, const Snapshot *newest)
{
	if (first < snapshot_uidnext(newest))
		uidset_add_range(session->recent, first, snapshot_uidnext(newest) - 1);
}

gboolean session_select(Session *session, const char *name, gboolean read_only, GError **error)
{
	/* RFC 3501 section 6.3.1: also when the new one cannot be had. */
	session_unselect(session);
	g_autoptr(Mailbox) mailbox = account_open_mailbox(session->account, name, error);
	if (mailbox == NULL)
		return FALSE;
	g_autoptr(Snapshot) view = mailbox_snapshot(mailbox, error);
	if (view == NULL)
		return FALSE;
	guint32 first_recent = 0;
	if (!mailbox_claim_recent(mailbox, view, !read_only, &first_recent, error))
		return FALSE;
	session->recent = uidset_new();
	add_recent(session, first_recent, view);
	session->mailbox = g_steal_pointer(&mailbox);
	session->told_modseq = snapshot_highestmodseq(view);
	session->view = g_steal_pointer(&view);
	session->mailbox_name = g_strdup(name);
	session->read_only = read_only;
	session->state = SESSION_SELECTED;
	return TRUE;
}

gboolean session_follow_rename(Session *session, GError **error)
{
	if (session->mailbox == NULL)
		return TRUE;
	g_autoptr(GError) failure = NULL;
	char *name = mailbox_name(session->mailbox, &failure);
	if (name != NULL) {
		g_free(session->mailbox_name);
		session->mailbox_name = name;
	} else if (!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_MAILBOX)) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	return TRUE;
}

/* --- telling the client --- */

guint32 session_count_recent(const Session *session)
{
	guint32 n = 0;
	for (guint i = 0; i < uidset_n_ranges(session->recent); i++) {
		UidRange range = uidset_range(session->recent, i);
		guint32 first = 0, end = 0;
		(void)snapshot_find_uid(session->view, range.first, &first);
		if (snapshot_find_uid(session->view, range.last, &end))
			end++;
		n += end - first;
	}
	return n;
}

void session_write_flags(const Session *session, guint32 position, GString *out)
{
	static const struct {
		MessageFlags flag;
		const char *name;
	} names[] = {
		{ MESSAGE_ANSWERED, "\\Answered" },
		{ MESSAGE_FLAGGED, "\\Flagged" },
		{ MESSAGE_DELETED, "\\Deleted" },
		{ MESSAGE_SEEN, "\\Seen" },
		{ MESSAGE_DRAFT, "\\Draft" },
	};
	guint row = 0;
	const SnapshotChunk *chunk = snapshot_row(session->view, position, &row);
	g_string_append(out, "FLAGS (");
	gsize start = out->len;
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if ((chunk->flags[row] & names[i].flag) != 0)
			g_string_append_printf(out, "%s%s", out->len > start ? " " : "", names[i].name);
	}
	if (uidset_contains(session->recent, chunk->uid[row]))
		g_string_append_printf(out, "%s\\Recent", out->len > start ? " " : "");
	gsize n = 0;
	const char *const *keywords = snapshot_keywords(session->view, chunk->keywords[row], &n);
	for (gsize i = 0; i < n; i++)
		g_string_append_printf(out, "%s%s", out->len > start ? " " : "", keywords[i]);
	g_string_append_c(out, ')');
}

void session_write_fetch(const Session *session, guint32 position, gboolean with_uid, gboolean with_flags, GString *out)
{
	guint row;
	const SnapshotChunk *chunk = snapshot_row(session->view, position, &row);
	gboolean condstore = (session->enabled & SESSION_CONDSTORE) != 0;
	const char *space = "";
	g_string_append_printf(out, "* %u FETCH (", position + 1);
	if (with_uid || condstore) {
		g_string_append_printf(out, "UID %u", chunk->uid[row]);
		space = " ";
	}
	if (with_flags) {
		g_string_append(out, space);
		session_write_flags(session, position, out);
		space = " ";
	}
	if (condstore)
		g_string_append_printf(out, "%sMODSEQ (%" G_GUINT64_FORMAT ")", space, chunk->modseq[row]);
	g_string_append(out, ")\r\n");
}

static void write_highestmodseq(const Session *session, GString *out)
{
	g_string_append_printf(out, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Told up to here\r\n", session->told_modseq);
}

void session_enable(Session *session, SessionEnabled extensions, GString *out)
{
	gboolean first = (extensions & ~session->enabled & SESSION_CONDSTORE) != 0;
	session->enabled |= extensions;
	if (first && session->state == SESSION_SELECTED)
		write_highestmodseq(session, out);
}

void session_write_due_modseq(Session *session, GString *out)
{
	if (session->modseq_due && session->state == SESSION_SELECTED && (session->enabled & SESSION_QRESYNC) != 0)
		write_highestmodseq(session, out);
	session->modseq_due = FALSE;
}

void session_write_flag_lists(const Session *session, GString *out)
{
	gsize n = 0;
	const char *const *keywords = snapshot_all_keywords(session->view, &n);
	g_autofree char *joined = n > 0 ? g_strjoinv(" ", (char **)(guintptr)keywords) : g_strdup("");
	const char *space = n > 0 ? " " : "";
	g_string_append_printf(
		out, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft%s%s)\r\n", space, joined);
	if (session->read_only)
		g_string_append(out, "* OK [PERMANENTFLAGS ()] Read-only mailbox\r\n");
	else
		g_string_append_printf(out,
			"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft%s%s \\*)] Flags "
			"permitted\r\n",
			space, joined);
}

/* --- coming up to date --- */

/* A line of them is at most some 80 KB, what other lines are too. */
#define VANISHED_RANGES 4000

void session_write_vanished_earlier(const UidSet *uids, GString *out)
{
	for (guint i = 0, n = uidset_n_ranges(uids); i < n;) {
		g_autoptr(UidSet) some = uidset_new();
		for (guint end = MIN(n, i + VANISHED_RANGES); i < end; i++)
			uidset_add_range(some, uidset_range(uids, i).first, uidset_range(uids, i).last);
		g_string_append(out, "* VANISHED (EARLIER) ");
		uidset_write(some, out);
		g_string_append(out, "\r\n");
	}
}

/* Highest first: so each number is right whether or not the client has worked off the ones before. */
static void write_expunges(const Session *session, const UidSet *expunged, GString *out)
{
	const Snapshot *view = session->view;
	if (uidset_is_empty(expunged))
		return;
	if ((session->enabled & SESSION_QRESYNC) != 0) { /* RFC 7162 3.2.10.2 */
		g_string_append(out, "* VANISHED ");
		uidset_write(expunged, out);
		g_string_append(out, "\r\n");
		return;
	}
	for (guint i = uidset_n_ranges(expunged); i > 0; i--) {
		UidRange range = uidset_range(expunged, i - 1);
		guint32 first = 0, last = 0;
		(void)snapshot_find_uid(view, range.first, &first);
		(void)snapshot_find_uid(view, range.last, &last);
		for (guint32 position = last + 1; position > first; position--)
			g_string_append_printf(out, "* %u EXPUNGE\r\n", position);
	}
}

static gboolean is_silent(const Session *session, guint32 uid, guint32 position)
{
	if (session->silent == NULL || !uidset_contains(session->silent, uid))
		return FALSE;
	guint row = 0;
	const SnapshotChunk *chunk = snapshot_row(session->view, position, &row);
	return chunk->modseq[row] <= session->silent_modseq;
}

static void write_changes(const Session *session, const GArray *changed, gboolean with_uid, GString *out)
{
	for (guint i = 0; i < changed->len; i++) {
		guint32 uid = g_array_index(changed, guint32, i), position = 0;
		if (!snapshot_find_uid(session->view, uid, &position) || is_silent(session, uid, position))
			continue;
		session_write_fetch(session, position, with_uid, TRUE, out);
	}
}

/* New messages are \Recent here unless another session was told of them first: RFC 3501 section 2.3.2 wants one session
 * only, and leaves open which one that is when several have the mailbox open. */
static gboolean claim_new(Session *session, const Snapshot *newest, GError **error)
{
	guint32 first = 0;
	if (!mailbox_claim_recent(session->mailbox, newest, !session->read_only, &first, error))
		return FALSE;
	add_recent(session, first, newest);
	return TRUE;
}

static void write_news(Session *session, Snapshot *target, const SnapshotDiff *diff, gboolean allow_expunge,
	gboolean with_uid, GString *out)
{
	gsize old_keywords = 0, keywords = 0;
	guint32 old_max_uid = snapshot_max_uid(session->view);
	if (session->updates != NULL)
		search_updates_expunged(session->updates, session, diff->expunged, out);
	if (allow_expunge)
		write_expunges(session, diff->expunged, out);
	(void)snapshot_all_keywords(session->view, &old_keywords);
	(void)snapshot_all_keywords(target, &keywords);
	snapshot_unref(session->view);
	session->view = snapshot_ref(target);
	if (diff->appended > 0) {
		g_string_append_printf(out, "* %u EXISTS\r\n* %u RECENT\r\n", snapshot_count(target),
			session_count_recent(session));
	}
	if (keywords != old_keywords)
		session_write_flag_lists(session, out);
	write_changes(session, diff->changed, with_uid, out);
	if (session->updates == NULL)
		return;
	SearchNews news = { old_max_uid, diff->changed, diff->expunged };
	search_updates_changed(session->updates, session, &news, out);
}

gboolean session_sync(
	Session *session, GString *out, gboolean allow_expunge, gboolean with_uid, GError **error)
{
	if (mailbox_is_deleted(session->mailbox)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX, "the selected mailbox was deleted");
		return FALSE;
	}
	g_autoptr(Snapshot) newest = mailbox_snapshot(session->mailbox, error);
	if (newest == NULL)
		return FALSE;
	if (snapshot_uidvalidity(newest) != snapshot_uidvalidity(session->view)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX,
			"the selected mailbox has another UIDVALIDITY now");
		return FALSE;
	}
	if (newest != session->view) {
		if (snapshot_uidnext(newest) > snapshot_uidnext(session->view) &&
			!claim_new(session, newest, error))
			return FALSE;
		g_autoptr(SnapshotDiff) diff = snapshot_diff(session->view, newest);
		gboolean expunged = !uidset_is_empty(diff->expunged);
		session->modseq_due |= expunged;
		if (allow_expunge || !expunged) {
			write_news(session, newest, diff, allow_expunge, with_uid, out);
			session->told_modseq = snapshot_highestmodseq(newest);
		} else {
			g_autoptr(Snapshot) merged = snapshot_merge_keeping_expunged(session->view, newest);
			write_news(session, merged, diff, FALSE, with_uid, out);
		}
	} else if (session->updates != NULL) {
		SearchNews news = { .old_max_uid = snapshot_max_uid(session->view) }; /* time passes */
		search_updates_changed(session->updates, session, &news, out);
	}
	g_clear_pointer(&session->silent, uidset_free);
	session->silent_modseq = 0;
	return TRUE;
}

/* --- sets of messages --- */

/* The UIDs at the positions from @first to @last, which are in the view. */
static void add_positions(const Snapshot *view, guint32 first, guint32 last, UidSet *out)
{
	guint row = 0;
	for (guint32 position = first; position <= last;) {
		const SnapshotChunk *chunk = snapshot_row(view, position, &row);
		for (; row < chunk->n && position <= last; row++, position++)
			uidset_add(out, chunk->uid[row]);
	}
}

static gboolean add_range(
	const Snapshot *view, UidRange range, gboolean uid, gboolean lenient, UidSet *out, GError **error)
{
	guint32 n = snapshot_count(view);
	if (uid) {
		guint32 first = 0, end = 0;
		(void)snapshot_find_uid(view, range.first, &first);
		if (snapshot_find_uid(view, range.last, &end))
			end++;
		if (end > first)
			add_positions(view, first, end - 1, out);
		return TRUE;
	}
	if (range.last > n && !lenient) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"there is no message %u: the mailbox has %u", MAX(range.first, n + 1), n);
		return FALSE;
	}
	if (range.first <= n)
		add_positions(view, range.first - 1, MIN(range.last, n) - 1, out);
	return TRUE;
}

UidSet *session_resolve_set(
	const Session *session, const char *set, gboolean uid, gboolean lenient, GError **error)
{
	const Snapshot *view = session->view;
	guint32 max = uid ? snapshot_max_uid(view) : snapshot_count(view);
	g_autoptr(UidSet) numbers = NULL;
	if (strcmp(set, "$") == 0) {
		/* RFC 5182: kept as UIDs, also for commands by number. */
		uid = TRUE;
		numbers = session->saved != NULL ? uidset_copy(session->saved) : uidset_new();
	} else {
		numbers = uidset_parse(set, strlen(set), max, error);
	}
	if (numbers == NULL)
		return NULL;
	g_autoptr(UidSet) out = uidset_new();
	for (guint i = 0; i < uidset_n_ranges(numbers); i++) {
		if (!add_range(view, uidset_range(numbers, i), uid, lenient, out, error))
			return NULL;
	}
	return g_steal_pointer(&out);
}
