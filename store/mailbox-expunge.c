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

/* On a full disk: so many messages in a transaction at first, and half as many when that is still too much. What they leave is the space
 * for the next ones. */
#define EXPUNGE_CHUNK 16

typedef struct {
	Mailbox *mailbox;
	const UidSet *uids; /* NULL: all */
	gint64 mask, flags; /* messages whose flags & mask are these */
	gint64 max;         /* of messages at once; -1: no limit */
	GArray *rows;       /* of ExpungeRow */
} Expunge;

static gboolean collect_deleted(Db *db, Expunge *expunge, UidRange range, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT uid, email, file FROM message WHERE mailbox=? AND uid BETWEEN ? AND ? AND flags&?=? "
		"ORDER BY uid LIMIT ?",
		DB_INT(expunge->mailbox->id), DB_INT(range.first), DB_INT(range.last), DB_INT(expunge->mask),
		DB_INT(expunge->flags),
		DB_INT(expunge->max < 0 ? -1 : expunge->max - (gint64)expunge->rows->len));
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

static void tell_expunged(Mailbox *mailbox)
{
	mailbox_changed(mailbox);
	account_note_changes(mailbox->account);
}

static void add_expunged(const Expunge *expunge, UidSet *expunged)
{
	for (guint i = 0; i < expunge->rows->len; i++)
		uidset_add(expunged, g_array_index(expunge->rows, ExpungeRow, i).uid);
}

/* If it fails half-way, some are gone and some are there. */
static gboolean expunge_slowly(Expunge *expunge, UidSet *expunged, GError **error)
{
	g_autoptr(GError) failure = NULL;
	gboolean any = FALSE;
	expunge->max = EXPUNGE_CHUNK;
	do {
		g_clear_error(&failure);
		if (account_write_always(expunge->mailbox->account, expunge_deleted, expunge, &failure)) {
			mailbox_unlink(expunge->mailbox, expunge->rows);
			add_expunged(expunge, expunged);
			any = any || expunge->rows->len > 0;
			/* The files' space is there now. */
			account_reserve_make(expunge->mailbox->account);
		} else {
			expunge->max = g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE)
				? expunge->max / 2
				: 0;
		}
	} while (failure != NULL ? expunge->max > 0 : (gint64)expunge->rows->len == expunge->max);
	if (any)
		tell_expunged(expunge->mailbox);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

gboolean mailbox_expunge(Mailbox *mailbox, const UidSet *uids, UidSet **expunged_out, GError **error)
{
	g_autoptr(GArray) rows = expunge_rows_new();
	g_autoptr(UidSet) expunged = uidset_new();
	g_autoptr(GError) failure = NULL;
	Expunge expunge = { mailbox, uids, MESSAGE_DELETED, MESSAGE_DELETED, -1, rows };
	if (account_write(mailbox->account, expunge_deleted, &expunge, &failure)) {
		add_expunged(&expunge, expunged);
		if (rows->len > 0) {
			mailbox_unlink(mailbox, rows);
			tell_expunged(mailbox);
		}
	} else if (!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE)) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	} else if (!expunge_slowly(&expunge, expunged, error)) {
		return FALSE;
	}
	if (expunged_out != NULL)
		*expunged_out = g_steal_pointer(&expunged);
	return TRUE;
}

gboolean mailbox_empty_slowly(Mailbox *mailbox, GError **error)
{
	g_autoptr(GArray) rows = expunge_rows_new();
	g_autoptr(UidSet) expunged = uidset_new();
	Expunge expunge = { mailbox, NULL, 0, 0, -1, rows };
	return expunge_slowly(&expunge, expunged, error);
}
