/* EXPUNGE. What happens to the files: mailbox-garbage.c. */
#include "store/account-private.h"

/* Rows of `expunged` that are kept for a mailbox: those of the last changes. Clients that have been away for longer are told of
 * all UIDs (RFC 7162 3.2.5.2 allows it), snapshots that are older are read anew. */
#define EXPUNGED_MAX 100000
#define EXPUNGED_KEEP 50000

static void clear_row(gpointer row)
{
	g_free(((ExpungeRow *)row)->file);
}

GArray *expunge_rows_new(void)
{
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(ExpungeRow));
	g_array_set_clear_func(rows, clear_row);
	return rows;
}

/* The content is gone with its last message. */
static gboolean drop_email(Db *db, gint64 email, GError **error)
{
	gint64 n;
	gboolean used;
	if (!db_get_int(db, error, &n, &used, "SELECT 1 FROM message WHERE email=? LIMIT 1", DB_INT(email)))
		return FALSE;
	return used ||
		(db_run(db, error, "DELETE FROM email WHERE id=?", DB_INT(email)) &&
			db_run(db, error, "INSERT INTO email_gone (email) VALUES (?)", DB_INT(email)));
}

static gboolean bound_expunged(Db *db, gint64 mailbox, gsize added, GError **error)
{
	gint64 n, floor;
	if (!db_run(db, error, "UPDATE mailbox SET expunged_rows=expunged_rows+? WHERE id=?", DB_INT(added),
		    DB_INT(mailbox)) ||
		!db_get_int(
			db, error, &n, NULL, "SELECT expunged_rows FROM mailbox WHERE id=?", DB_INT(mailbox)))
		return FALSE;
	if (n <= EXPUNGED_MAX)
		return TRUE;
	return db_get_int(db, error, &floor, NULL,
		       "SELECT modseq FROM expunged WHERE mailbox=? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
		       DB_INT(mailbox), DB_INT(EXPUNGED_KEEP)) &&
		db_run(db, error, "DELETE FROM expunged WHERE mailbox=? AND modseq<=?", DB_INT(mailbox),
			DB_INT(floor)) &&
		db_run(db, error,
			"UPDATE mailbox SET expunged_floor=?2, expunged_rows=(SELECT count(*) FROM expunged "
			"WHERE mailbox=?1)"
			" WHERE id=?1",
			DB_INT(mailbox), DB_INT(floor));
}

gboolean expunge_rows(Db *db, const MailboxState *state, const ExpungeRow *rows, gsize n, GError **error)
{
	DbValue mailbox = DB_INT(state->id);
	gsize gone = 0;
	for (gsize i = 0; i < n; i++) {
		if (!db_run(db, error, "DELETE FROM message WHERE mailbox=? AND uid=?", mailbox,
			    DB_INT(rows[i].uid)))
			return FALSE;
		if (sqlite3_changes(db_handle(db)) == 0) /* an EXPUNGE since the row was read */
			continue;
		gone++;
		if (!db_run(db, error, "INSERT INTO expunged (mailbox, modseq, uid) VALUES (?,?,?)",
				mailbox, DB_INT(state->highestmodseq), DB_INT(rows[i].uid)) ||
			(rows[i].file != NULL &&
				!db_run(db, error,
					"INSERT OR IGNORE INTO garbage (mailbox, file) VALUES (?,?)", mailbox,
					DB_TEXT(rows[i].file))) ||
			!drop_email(db, rows[i].email, error))
			return FALSE;
	}
	return bound_expunged(db, state->id, gone, error);
}

/* -- EXPUNGE ----------------------------------------------------------------------------------------------------------- */

typedef struct {
	Mailbox *mailbox;
	const UidSet *uids; /* NULL: all */
	GArray *rows;       /* of ExpungeRow */
} Expunge;

static gboolean collect_deleted(Db *db, Expunge *expunge, UidRange range, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT uid, email, file FROM message WHERE mailbox=? AND uid BETWEEN ? AND ? AND flags&8 "
		"ORDER BY uid",
		DB_INT(expunge->mailbox->id), DB_INT(range.first), DB_INT(range.last));
	G_STATIC_ASSERT(MESSAGE_DELETED == 8);
	while (rows != NULL && db_next(rows, &failure)) {
		ExpungeRow row = { (guint32)db_column_int(rows, 0), db_column_int(rows, 1),
			g_strdup(db_column_text(rows, 2)) };
		g_array_append_val(expunge->rows, row);
	}
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean expunge_deleted(Db *db, gpointer data, GError **error)
{
	Expunge *expunge = data;
	MailboxState state;
	g_array_set_size(expunge->rows, 0);
	if (!mailbox_state_read(db, expunge->mailbox->id, &state, error))
		return FALSE;
	guint n = expunge->uids != NULL ? uidset_n_ranges(expunge->uids) : 1;
	for (guint i = 0; i < n; i++) {
		UidRange all = { 1, G_MAXUINT32 };
		if (!collect_deleted(
			    db, expunge, expunge->uids != NULL ? uidset_range(expunge->uids, i) : all, error))
			return FALSE;
	}
	if (expunge->rows->len == 0)
		return TRUE;
	(void)mailbox_state_touch(&state);
	return expunge_rows(db, &state, (const ExpungeRow *)(void *)expunge->rows->data, expunge->rows->len,
		       error) &&
		mailbox_state_write(db, &state, error);
}

gboolean mailbox_expunge(Mailbox *mailbox, const UidSet *uids, UidSet **expunged_out, GError **error)
{
	g_autoptr(GArray) rows = expunge_rows_new();
	Expunge expunge = { mailbox, uids, rows };
	if (!account_write(mailbox->account, expunge_deleted, &expunge, error))
		return FALSE;
	if (rows->len > 0) {
		mailbox_unlink(mailbox, rows);
		mailbox_changed(mailbox);
		account_note_changes(mailbox->account);
	}
	if (expunged_out != NULL) {
		*expunged_out = uidset_new();
		for (guint i = 0; i < rows->len; i++)
			uidset_add(*expunged_out, g_array_index(rows, ExpungeRow, i).uid);
	}
	return TRUE;
}
