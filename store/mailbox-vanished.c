/* What a client that was away must take out of its cache (RFC 7162 3.2.6). */
#include "store/account-private.h"

/* The modseq up to which expunges are forgotten. */
static gboolean read_floor(Db *db, Mailbox *mailbox, guint64 *floor_out, GError **error)
{
	gint64 floor;
	gboolean found;
	if (!db_get_int(db, error, &floor, &found, "SELECT expunged_floor FROM mailbox WHERE id=?", DB_INT(mailbox->id)))
		return FALSE;
	if (!found)
		return set_no_mailbox(error);
	*floor_out = (guint64)floor;
	return TRUE;
}

/* UIDs with a modseq above @since, ascending. NULL on failure. */
static GArray *read_expunged(Db *db, Mailbox *mailbox, guint64 since, GError **error)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT uid FROM expunged WHERE mailbox=? AND modseq>? ORDER BY uid",
		DB_INT(mailbox->id), DB_INT((gint64)since));
	while (rows != NULL && db_next(rows, &failure)) {
		guint32 uid = (guint32)db_column_int(rows, 0);
		g_array_append_val(uids, uid);
	}
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	return g_steal_pointer(&uids);
}

/* Floor and rows in one transaction: rows are forgotten by another. *@uids_out is NULL when @since is before the floor. */
static gboolean read_since(Mailbox *mailbox, guint64 since, GArray **uids_out, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	GArray *uids = NULL;
	guint64 floor = 0;
	gboolean ok = db_run(db, error, "BEGIN");
	if (ok) {
		ok = read_floor(db, mailbox, &floor, error);
		if (ok && since >= floor)
			ok = (uids = read_expunged(db, mailbox, since, error)) != NULL;
		(void)db_run(db, NULL, "COMMIT"); /* nothing was written */
	}
	account_release_db(mailbox->account, db);
	if (ok)
		*uids_out = uids;
	return ok;
}

/* Those of @expunged that the client may have: they are below @view's UIDNEXT, and not in it. */
static UidSet *vanished_since(const Snapshot *view, const GArray *expunged)
{
	UidSet *vanished = uidset_new();
	for (guint i = 0; i < expunged->len; i++) {
		guint32 uid = g_array_index(expunged, guint32, i), position;
		if (uid < snapshot_uidnext(view) && !snapshot_find_uid(view, uid, &position))
			uidset_add(vanished, uid);
	}
	return vanished;
}

/* All UIDs below @view's UIDNEXT that are not in it. */
static UidSet *missing(const Snapshot *view)
{
	UidSet *gaps = uidset_new();
	guint32 next = 1;
	for (guint i = 0; i < snapshot_n_chunks(view); i++) {
		const SnapshotChunk *chunk = snapshot_chunk(view, i, NULL);
		for (guint row = 0; row < chunk->n; row++) {
			if (chunk->uid[row] > next)
				uidset_add_range(gaps, next, chunk->uid[row] - 1);
			next = chunk->uid[row] + 1;
		}
	}
	if (next < snapshot_uidnext(view))
		uidset_add_range(gaps, next, snapshot_uidnext(view) - 1);
	return gaps;
}

gboolean mailbox_vanished(Mailbox *mailbox, const Snapshot *view, guint64 since, UidSet **vanished_out, gboolean *exact_out, GError **error)
{
	g_autoptr(GArray) expunged = NULL;
	/* A modseq that was never given is none of this mailbox's: nothing is known of its client. */
	gboolean known = since <= snapshot_highestmodseq(view);
	if (known && !read_since(mailbox, since, &expunged, error))
		return FALSE;
	*vanished_out = expunged != NULL ? vanished_since(view, expunged) : missing(view);
	*exact_out = expunged != NULL;
	return TRUE;
}
