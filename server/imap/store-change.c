#include "server/imap/store-change.h"

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

gboolean store_change_is_expected(
	const StoreChange *change, const Snapshot *before, guint32 old_position, const Snapshot *after, guint32 new_position)
{
	guint old_row, row;
	const SnapshotChunk *old_chunk = snapshot_row(before, old_position, &old_row);
	const SnapshotChunk *chunk = snapshot_row(after, new_position, &row);
	MessageFlags old_flags = old_chunk->flags[old_row], flags = chunk->flags[row];
	gsize n;
	const char *const *was = snapshot_keywords(before, old_chunk->keywords[old_row], &n);
	const char *const *is = snapshot_keywords(after, chunk->keywords[row], &n);
	switch (change->op) {
	case FLAGS_REPLACE:
		return flags == change->flags && covered(is, change->keywords, NULL) && covered(change->keywords, is, NULL);
	case FLAGS_ADD:
		return flags == (old_flags | change->flags) && covered(is, was, change->keywords) &&
			covered(was, is, NULL) && covered(change->keywords, is, NULL);
	case FLAGS_REMOVE:
		return flags == (old_flags & ~change->flags) && covered(is, was, NULL) &&
			covered(was, is, change->keywords) && disjoint(is, change->keywords);
	}
	return FALSE;
}

/* -- UNCHANGEDSINCE -- */

/* What @change names is the same in both rows. */
static gboolean is_untouched(
	const StoreChange *change, const Snapshot *before, guint32 old_position, const Snapshot *after, guint32 new_position)
{
	guint old_row, row;
	const SnapshotChunk *old_chunk = snapshot_row(before, old_position, &old_row);
	const SnapshotChunk *chunk = snapshot_row(after, new_position, &row);
	if (((old_chunk->flags[old_row] ^ chunk->flags[row]) & (guint32)change->flags) != 0)
		return FALSE;
	gsize n;
	const char *const *was = snapshot_keywords(before, old_chunk->keywords[old_row], &n);
	const char *const *is = snapshot_keywords(after, chunk->keywords[row], &n);
	for (const char *const *keyword = change->keywords; *keyword != NULL; keyword++) {
		if (contains_keyword(was, *keyword) != contains_keyword(is, *keyword))
			return FALSE;
	}
	return TRUE;
}

/* None of what @change names exists at the message; system flags always do. */
static gboolean is_absent(const StoreChange *change, const Snapshot *view, guint32 position)
{
	guint row;
	gsize n;
	const SnapshotChunk *chunk = snapshot_row(view, position, &row);
	return change->flags == 0 && disjoint(change->keywords, snapshot_keywords(view, chunk->keywords[row], &n));
}

/* The message has another modseq in @newest than the client knows, and yet nothing that @change names has changed since. */
static gboolean is_spared(
	const Session *session, const StoreChange *change, guint32 uid, guint64 unchanged_since, const Snapshot *newest)
{
	guint32 position, old_position;
	guint row;
	if (!snapshot_find_uid(newest, uid, &position))
		return FALSE;
	if (unchanged_since == 0)
		return is_absent(change, newest, position);
	/* What the flags were at that modseq is only known if the view has them as of then. */
	if (unchanged_since > snapshot_highestmodseq(session->view) ||
		!snapshot_find_uid(session->view, uid, &old_position) ||
		snapshot_row(session->view, old_position, &row)->modseq[row] > unchanged_since)
		return FALSE;
	return is_untouched(change, session->view, old_position, newest, position);
}

gboolean store_change_unless_modified(Session *session, const StoreChange *change, const UidSet *uids, guint64 unchanged_since,
	UidSet **modified_out, GError **error)
{
	g_autoptr(UidSet) modified = NULL;
	if (!mailbox_store_flags(session->mailbox, uids, change->op, change->flags, change->keywords, unchanged_since, &modified, error))
		return FALSE;
	if (change->op != FLAGS_REPLACE && !uidset_is_empty(modified)) {
		g_autoptr(Snapshot) newest = mailbox_snapshot(session->mailbox, error);
		if (newest == NULL)
			return FALSE;
		g_autoptr(UidSet) spared = uidset_new();
		g_autoptr(UidSet) kept = uidset_new();
		UidCursor cursor = { 0 };
		guint32 uid;
		while (uidset_next(modified, &cursor, &uid))
			uidset_add(is_spared(session, change, uid, unchanged_since, newest) ? spared : kept, uid);
		g_autoptr(UidSet) again = NULL;
		/* On the condition that what was looked at is still so. */
		if (!uidset_is_empty(spared) &&
			!mailbox_store_flags(session->mailbox, spared, change->op, change->flags, change->keywords,
				snapshot_highestmodseq(newest), &again, error))
			return FALSE;
		cursor = (UidCursor){ 0 };
		while (again != NULL && uidset_next(again, &cursor, &uid))
			uidset_add(kept, uid);
		uidset_free(modified);
		modified = g_steal_pointer(&kept);
	}
	*modified_out = g_steal_pointer(&modified);
	return TRUE;
}
