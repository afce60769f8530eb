/* What SELECT claims, and STATUS. */
#include "store/account-private.h"

typedef struct {
	Mailbox *mailbox;
	guint32 uidnext;
	guint32 first_recent;
} Claim;

static gboolean claim_recent(Db *db, gpointer data, GError **error)
{
	Claim *claim = data;
	gint64 first;
	gboolean found;
	if (!db_get_int(db, error, &first, &found, "SELECT recent_uid FROM mailbox WHERE id=?",
		    DB_INT(claim->mailbox->id)))
		return FALSE;
	if (!found)
		return set_no_mailbox(error);
	claim->first_recent = (guint32)first;
	return first >= (gint64)claim->uidnext ||
		db_run(db, error, "UPDATE mailbox SET recent_uid=? WHERE id=?", DB_INT(claim->uidnext),
			DB_INT(claim->mailbox->id));
}

gboolean mailbox_claim_recent(
	Mailbox *mailbox, const Snapshot *snapshot, gboolean claim, guint32 *first_recent_out, GError **error)
{
	Claim data = { mailbox, snapshot_uidnext(snapshot), 0 };
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	gint64 first;
	gboolean found;
	gboolean ok = db_get_int(
		db, error, &first, &found, "SELECT recent_uid FROM mailbox WHERE id=?", DB_INT(mailbox->id));
	account_release_db(mailbox->account, db);
	if (!ok)
		return FALSE;
	if (!found)
		return set_no_mailbox(error);
	data.first_recent = (guint32)first;
	/* Nothing to claim, or nothing can be written: no transaction. */
	if (claim && data.first_recent < data.uidnext && !g_atomic_int_get(&mailbox->account->read_only) &&
		!account_write_always(mailbox->account, claim_recent, &data, error))
		return FALSE;
	*first_recent_out = MIN(data.first_recent, data.uidnext);
	return TRUE;
}

static void count_snapshot(const Snapshot *snapshot, guint32 recent_uid, MailboxStatus *status)
{
	status->messages = snapshot_count(snapshot);
	status->uidnext = snapshot_uidnext(snapshot);
	status->uidvalidity = snapshot_uidvalidity(snapshot);
	status->highestmodseq = snapshot_highestmodseq(snapshot);
	for (guint i = 0; i < snapshot_n_chunks(snapshot); i++) {
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, i, NULL);
		for (guint row = 0; row < chunk->n; row++) {
			status->unseen += (chunk->flags[row] & MESSAGE_SEEN) == 0;
			status->size_bytes += chunk->size[row];
			status->recent += chunk->uid[row] >= recent_uid;
			if (chunk->flags[row] & MESSAGE_DELETED) {
				status->deleted++;
				status->deleted_size_bytes += chunk->size[row];
			}
		}
	}
}

/* Without loading a snapshot: a client asks for the STATUS of all mailboxes, and opens one. */
static gboolean count_rows(Db *db, gint64 id, guint32 recent_uid, MailboxStatus *status, GError **error)
{
	MailboxState state;
	if (!mailbox_state_read(db, id, &state, error))
		return FALSE;
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT count(*), total(m.flags&1=0), total(m.flags&8<>0), sum(min(e.size,4294967295)),"
		" sum(min(e.size,4294967295)*(m.flags&8<>0)), total(m.uid>=?)"
		" FROM message m CROSS JOIN email e ON e.id=m.email WHERE m.mailbox=?",
		DB_INT(recent_uid), DB_INT(id));
	G_STATIC_ASSERT(MESSAGE_SEEN == 1 && MESSAGE_DELETED == 8);
	if (rows == NULL || !db_next(rows, &failure)) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	status->messages = (guint32)db_column_int(rows, 0);
	status->unseen = (guint32)db_column_int(rows, 1);
	status->deleted = (guint32)db_column_int(rows, 2);
	status->size_bytes = (guint64)db_column_int(rows, 3);
	status->deleted_size_bytes = (guint64)db_column_int(rows, 4);
	status->recent = (guint32)db_column_int(rows, 5);
	status->uidnext = state.uidnext;
	status->uidvalidity = state.uidvalidity;
	status->highestmodseq = state.highestmodseq;
	return TRUE;
}

gboolean mailbox_status(Mailbox *mailbox, MailboxStatus *status_out, GError **error)
{
	MailboxStatus status = { 0 };
	if (!mailbox_admit_new(mailbox, error) || !mailbox_refresh(mailbox, FALSE, error))
		return FALSE;
	g_mutex_lock(&mailbox->mutex);
	g_autoptr(Snapshot) snapshot = mailbox->snapshot != NULL ? snapshot_ref(mailbox->snapshot) : NULL;
	g_mutex_unlock(&mailbox->mutex);
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	gint64 recent;
	gboolean ok = db_run(db, error, "BEGIN");
	if (ok) {
		ok = db_get_int(db, error, &recent, NULL, "SELECT recent_uid FROM mailbox WHERE id=?",
			     DB_INT(mailbox->id)) &&
			(snapshot != NULL || count_rows(db, mailbox->id, (guint32)recent, &status, error));
		(void)db_run(db, NULL, "COMMIT");
	}
	account_release_db(mailbox->account, db);
	if (!ok)
		return FALSE;
	if (snapshot != NULL)
		count_snapshot(snapshot, (guint32)recent, &status);
	status.objectid = g_strdup(mailbox->objectid);
	*status_out = status;
	return TRUE;
}
