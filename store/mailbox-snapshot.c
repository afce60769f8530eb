/* Reading snapshots: all rows once, later what has changed since. */
#include "store/account-private.h"

#include <string.h>

/* -- State ----------------------------------------------------------------------------------------------------------- */

gboolean mailbox_state_read(Db *db, gint64 id, MailboxState *state_out, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT uidvalidity, uidnext, highestmodseq FROM mailbox WHERE id=?", DB_INT(id));
	if (rows != NULL && db_next(rows, &failure)) {
		*state_out = (MailboxState){
			.id = id,
			.uidvalidity = (guint32)db_column_int(rows, 0),
			.uidnext = (guint32)db_column_int(rows, 1),
			.highestmodseq = (guint64)db_column_int(rows, 2),
		};
		return TRUE;
	}
	if (failure == NULL)
		return set_no_mailbox(error);
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

gboolean mailbox_state_write(Db *db, const MailboxState *state, GError **error)
{
	return db_run(db, error, "UPDATE mailbox SET uidnext=?, highestmodseq=? WHERE id=?",
		DB_INT(state->uidnext), DB_INT(state->highestmodseq), DB_INT(state->id));
}

/* -- Snapshots ------------------------------------------------------------------------------------------------------- */

static void read_row(DbRows *rows, SnapshotRow *row_out)
{
	gint64 internal_at = db_column_int(rows, 5);
	gboolean has_sent = !db_column_is_null(rows, 9);
	*row_out = (SnapshotRow){
		.uid = (guint32)db_column_int(rows, 0),
		.email_id = (guint32)db_column_int(rows, 1),
		.flags = (guint32)db_column_int(rows, 2),
		.keywords = (guint32)db_column_int(rows, 3),
		.size = (guint32)MIN(db_column_int(rows, 4), G_MAXUINT32),
		.internal_at = internal_at,
		.internal_zone = (gint16)db_column_int(rows, 6),
		.saved_at = db_column_int(rows, 7),
		.modseq = (guint64)db_column_int(rows, 8),
		.sent_at = has_sent ? db_column_int(rows, 9) : internal_at,
		.sent_day = has_sent ? (gint32)db_column_int(rows, 10) : SENT_DAY_NONE,
	};
}

#define ROW_COLUMNS                                                                                          \
	"m.uid, m.email, m.flags, m.keywords, e.size, m.internal_at, m.internal_zone, m.saved_at, "          \
	"m.modseq, "                                                                                         \
	"e.sent_at, e.sent_day"

static guint32 read_members(const char *members, GArray *numbers)
{
	g_array_set_size(numbers, 0);
	for (const char *p = members; *p != '\0';) {
		char *end;
		guint32 number = (guint32)g_ascii_strtoull(p, &end, 10);
		if (end == p)
			break;
		g_array_append_val(numbers, number);
		p = end;
	}
	return numbers->len;
}

/* Others read the table that is known: a copy before the first change. */
static void make_writable(KeywordTable **table, gboolean *is_copy)
{
	if (*is_copy)
		return;
	KeywordTable *copy = keyword_table_copy(*table);
	keyword_table_unref(*table);
	*table = copy;
	*is_copy = TRUE;
}

/* @known, or a copy with what has been added since. A new reference. */
static KeywordTable *read_keywords(Db *db, gint64 id, KeywordTable *known, GError **error)
{
	g_autoptr(KeywordTable) table = known != NULL ? keyword_table_ref(known) : keyword_table_new();
	g_autoptr(GError) failure = NULL;
	gboolean is_copy = known == NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT name FROM keyword WHERE mailbox=? AND id>=? ORDER BY id", DB_INT(id),
			DB_INT(keyword_table_n_keywords(table)));
		while (rows != NULL && db_next(rows, &failure)) {
			make_writable(&table, &is_copy);
			keyword_table_add_keyword(table, db_column_text(rows, 0));
		}
	}
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT members FROM keyword_set WHERE mailbox=? AND id>=? ORDER BY id", DB_INT(id),
			DB_INT(keyword_table_n_sets(table)));
		while (rows != NULL && db_next(rows, &failure)) {
			make_writable(&table, &is_copy);
			guint32 n = read_members(db_column_text(rows, 0), numbers);
			keyword_table_add_set(table, (const guint32 *)(void *)numbers->data, n);
		}
	}
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	return g_steal_pointer(&table);
}

static Snapshot *read_all(Db *db, gint64 id, const SnapshotState *state, GError **error)
{
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT " ROW_COLUMNS
		" FROM message m CROSS JOIN email e ON e.id=m.email WHERE m.mailbox=? ORDER BY m.uid",
		DB_INT(id));
	while (rows != NULL && db_next(rows, &failure)) {
		SnapshotRow row;
		read_row(rows, &row);
		snapshot_builder_add(builder, &row);
	}
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	return snapshot_builder_finish(builder, state);
}

static gint compare_uids(gconstpointer a, gconstpointer b)
{
	guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
	return x < y ? -1 : x > y;
}

static gint compare_rows(gconstpointer a, gconstpointer b)
{
	guint32 x = ((const SnapshotRow *)a)->uid, y = ((const SnapshotRow *)b)->uid;
	return x < y ? -1 : x > y;
}

static Snapshot *read_changes(
	Db *db, gint64 id, const Snapshot *from, const SnapshotState *state, GError **error)
{
	g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(SnapshotRow));
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(GError) failure = NULL;
	gint64 since = (gint64)snapshot_highestmodseq(from);
	{
		/* Left to itself, SQLite walks the primary key, since that has the mailbox's rows together. */
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT " ROW_COLUMNS
			" FROM message m INDEXED BY message_modseq CROSS JOIN email e ON e.id=m.email"
			" WHERE m.mailbox=? AND m.modseq>?",
			DB_INT(id), DB_INT(since));
		while (rows != NULL && db_next(rows, &failure)) {
			SnapshotRow row;
			read_row(rows, &row);
			g_array_append_val(changed, row);
		}
	}
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT uid FROM expunged WHERE mailbox=? AND modseq>?", DB_INT(id), DB_INT(since));
		while (rows != NULL && db_next(rows, &failure)) {
			guint32 uid = (guint32)db_column_int(rows, 0);
			g_array_append_val(gone, uid);
		}
	}
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	g_array_sort(changed, compare_rows);
	g_array_sort(gone, compare_uids);
	return snapshot_update(from, state, (const SnapshotRow *)(void *)changed->data, changed->len,
		(const guint32 *)(void *)gone->data, gone->len);
}

typedef struct {
	guint32 uidvalidity, uidnext;
	guint64 highestmodseq, expunged_floor;
	char *folder; /* owned */
} MailboxRow;

/* FALSE without an error: there is no such row. */
static gboolean read_mailbox_row(Db *db, gint64 id, MailboxRow *row_out, GError **error)
{
	g_autoptr(DbRows) rows = db_select(db, error,
		"SELECT uidvalidity, uidnext, highestmodseq, expunged_floor, folder FROM mailbox WHERE id=?",
		DB_INT(id));
	if (rows == NULL || !db_next(rows, error))
		return FALSE;
	*row_out = (MailboxRow){
		.uidvalidity = (guint32)db_column_int(rows, 0),
		.uidnext = (guint32)db_column_int(rows, 1),
		.highestmodseq = (guint64)db_column_int(rows, 2),
		.expunged_floor = (guint64)db_column_int(rows, 3),
		.folder = g_strdup(db_column_text(rows, 4)),
	};
	return TRUE;
}

/* The newest snapshot; @from (may be NULL) itself when it is that. Inside of a read transaction. */
static Snapshot *read_snapshot(Db *db, Mailbox *mailbox, Snapshot *from, GError **error)
{
	g_autoptr(GError) failure = NULL;
	MailboxRow row;
	if (!read_mailbox_row(db, mailbox->id, &row, &failure)) {
		if (failure != NULL) {
			g_propagate_error(error, g_steal_pointer(&failure));
		} else {
			g_atomic_int_set(&mailbox->deleted, 1);
			(void)set_no_mailbox(error);
		}
		return NULL;
	}
	mailbox_set_folder(mailbox, row.folder);
	g_free(row.folder);
	if (from != NULL && row.highestmodseq == snapshot_highestmodseq(from) &&
		row.uidnext == snapshot_uidnext(from) && row.uidvalidity == snapshot_uidvalidity(from))
		return snapshot_ref(from);
	gboolean anew = from == NULL || row.uidvalidity != snapshot_uidvalidity(from) ||
		snapshot_highestmodseq(from) < row.expunged_floor;
	g_autoptr(KeywordTable) keywords =
		read_keywords(db, mailbox->id, from != NULL ? snapshot_keyword_table(from) : NULL, error);
	if (keywords == NULL)
		return NULL;
	SnapshotState state = { row.uidvalidity, row.uidnext, row.highestmodseq, keywords };
	return anew ? read_all(db, mailbox->id, &state, error)
		    : read_changes(db, mailbox->id, from, &state, error);
}

static Snapshot *read_snapshot_in_transaction(Mailbox *mailbox, Snapshot *from, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return NULL;
	Snapshot *snapshot = NULL;
	if (db_run(db, error, "BEGIN")) {
		snapshot = read_snapshot(db, mailbox, from, error);
		(void)db_run(db, NULL, "COMMIT"); /* nothing was written */
	}
	account_release_db(mailbox->account, db);
	return snapshot;
}

gboolean mailbox_refresh(Mailbox *mailbox, gboolean load, GError **error)
{
	guint64 generation;
	g_mutex_lock(&mailbox->refresh_mutex);
	/* Asked before reading: what is committed meanwhile is read again the next time. */
	gboolean ok = account_generation(mailbox->account, &generation, error);
	g_mutex_lock(&mailbox->mutex);
	g_autoptr(Snapshot) old = mailbox->snapshot != NULL ? snapshot_ref(mailbox->snapshot) : NULL;
	gboolean fresh = old != NULL && mailbox->generation == generation;
	g_mutex_unlock(&mailbox->mutex);
	if (ok && !fresh && (old != NULL || load)) {
		Snapshot *new = read_snapshot_in_transaction(mailbox, old, error);
		guint64 modseq = new != NULL ? snapshot_highestmodseq(new) : 0;
		ok = new != NULL;
		g_mutex_lock(&mailbox->mutex);
		if (ok) {
			snapshot_unref(mailbox->snapshot);
			mailbox->snapshot = new;
			mailbox->generation = generation;
		}
		gboolean tell = (ok && old != NULL && modseq > mailbox->noted_modseq) ||
			(old != NULL && mailbox_is_deleted(mailbox) && mailbox->noted_modseq != G_MAXUINT64);
		if (ok)
			mailbox->noted_modseq = MAX(modseq, mailbox->noted_modseq);
		else if (mailbox_is_deleted(mailbox))
			mailbox->noted_modseq = G_MAXUINT64;
		g_mutex_unlock(&mailbox->mutex);
		if (tell)
			store_notify(mailbox->account, mailbox->id, STORE_EVENT_MAILBOX);
	}
	g_mutex_unlock(&mailbox->refresh_mutex);
	return ok;
}

void mailbox_changed(Mailbox *mailbox)
{
	g_mutex_lock(&mailbox->mutex);
	gboolean loaded = mailbox->snapshot != NULL;
	g_mutex_unlock(&mailbox->mutex);
	if (loaded)
		(void)mailbox_refresh(
			mailbox, FALSE, NULL); /* else the next one to ask for a snapshot gets the error */
	else
		store_notify(mailbox->account, mailbox->id, STORE_EVENT_MAILBOX);
}

Snapshot *mailbox_snapshot(Mailbox *mailbox, GError **error)
{
	if (!mailbox_admit_new(mailbox, error) || !mailbox_refresh(mailbox, TRUE, error))
		return NULL;
	g_mutex_lock(&mailbox->mutex);
	Snapshot *snapshot = snapshot_ref(mailbox->snapshot);
	g_mutex_unlock(&mailbox->mutex);
	return snapshot;
}
