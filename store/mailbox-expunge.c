/* EXPUNGE, and the files of what was expunged or moved. The transaction that takes a row away writes the file's name into `garbage`; the
 * file is unlinked after the commit, and its row in `garbage` goes with a later transaction. So an expunged message
 * never comes back as a file without a row, wherever a crash falls. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Rows of `expunged` that are kept for a mailbox: those of the last changes. Clients that have been away for longer are told of
 * all UIDs (RFC 7162 3.2.5.2 allows it), snapshots that are older are read anew. */
#define EXPUNGED_MAX 100000
#define EXPUNGED_KEEP 50000

/* Names of unlinked files that wait for a transaction, in memory. */
#define UNLINKED_MAX 512

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
	for (gsize i = 0; i < n; i++) {
		if (!db_run(db, error, "DELETE FROM message WHERE mailbox=? AND uid=?", mailbox,
			    DB_INT(rows[i].uid)) ||
			!db_run(db, error, "INSERT INTO expunged (mailbox, modseq, uid) VALUES (?,?,?)",
				mailbox, DB_INT(state->highestmodseq), DB_INT(rows[i].uid)) ||
			(rows[i].file != NULL &&
				!db_run(db, error,
					"INSERT OR IGNORE INTO garbage (mailbox, file) VALUES (?,?)", mailbox,
					DB_TEXT(rows[i].file))) ||
			!drop_email(db, rows[i].email, error))
			return FALSE;
	}
	return bound_expunged(db, state->id, n, error);
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

/* -- Garbage ------------------------------------------------------------------------------------------------------------ */

typedef struct {
	gint64 mailbox;
	char *file; /* owned */
} Unlinked;

static void clear_unlinked(gpointer unlinked)
{
	g_free(((Unlinked *)unlinked)->file);
}

GArray *unlinked_new(void)
{
	GArray *unlinked = g_array_new(FALSE, FALSE, sizeof(Unlinked));
	g_array_set_clear_func(unlinked, clear_unlinked);
	return unlinked;
}

typedef struct {
	GArray *files;      /* of Unlinked */
	GHashTable *mtimes; /* as Account.cur_mtimes */
} Forget;

static gboolean forget_unlinked(Db *db, gpointer data, GError **error)
{
	const Forget *forget = data;
	GHashTableIter iter;
	gpointer id, mtime_ns;
	g_hash_table_iter_init(&iter, forget->mtimes);
	while (g_hash_table_iter_next(&iter, &id, &mtime_ns))
		if (!mailbox_cur_write(db, *(const gint64 *)id, *(const gint64 *)mtime_ns, error))
			return FALSE;
	for (guint i = 0; i < forget->files->len; i++) {
		const Unlinked *unlinked = &g_array_index(forget->files, Unlinked, i);
		if (!db_run(db, error, "DELETE FROM garbage WHERE mailbox=? AND file=?",
			    DB_INT(unlinked->mailbox), DB_TEXT(unlinked->file)))
			return FALSE;
	}
	return TRUE;
}

void account_forget_unlinked(Account *account, guint above)
{
	Forget forget = { NULL, NULL };
	g_mutex_lock(&account->unlinked_mutex);
	if (account->unlinked->len > above) {
		forget.files = account->unlinked;
		account->unlinked = unlinked_new();
		forget.mtimes = g_hash_table_ref(account->cur_mtimes);
		g_hash_table_unref(account->cur_mtimes);
		account->cur_mtimes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	}
	g_mutex_unlock(&account->unlinked_mutex);
	if (forget.files == NULL)
		return;
	/* If it fails, the next to open the account does it. */
	(void)account_write(account, forget_unlinked, &forget, NULL);
	g_array_unref(forget.files);
	g_hash_table_unref(forget.mtimes);
}

/* Unlinks a file in cur/. With the account's lock, so that the folder's name is right. */
static void unlink_one(Account *account, gint64 mailbox, const char *folder, const char *file)
{
	g_autofree char *path = account_path(account, folder, "cur", file);
	if (unlink(path) != 0 && errno != ENOENT)
		return; /* stays in `garbage` */
	Unlinked unlinked = { mailbox, g_strdup(file) };
	g_mutex_lock(&account->unlinked_mutex);
	g_array_append_val(account->unlinked, unlinked);
	g_mutex_unlock(&account->unlinked_mutex);
}

void mailbox_unlink(Mailbox *mailbox, const GArray *rows)
{
	Account *account = mailbox->account;
	/* If the folder cannot be known for certain, the files wait in `garbage`. */
	if (!account_lock_shared(account->lock, NULL))
		return;
	if (mailbox_reread_folder(mailbox, NULL)) {
		g_autofree char *folder = mailbox_folder(mailbox);
		mailbox_cur_begin(mailbox);
		for (guint i = 0; i < rows->len; i++) {
			const char *file = g_array_index(rows, ExpungeRow, i).file;
			if (file != NULL)
				unlink_one(account, mailbox->id, folder, file);
		}
		mailbox_cur_end(mailbox);
	}
	account_lock_shared_end(account->lock);
	account_forget_unlinked(account, UNLINKED_MAX);
}

gboolean account_collect_garbage(Account *account, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT g.mailbox, m.folder, g.file FROM garbage g JOIN mailbox m ON m.id=g.mailbox");
		while (rows != NULL && db_next(rows, &failure))
			unlink_one(account, db_column_int(rows, 0), db_column_text(rows, 1),
				db_column_text(rows, 2));
	}
	account_release_db(account, db);
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	account_forget_unlinked(account, 0);
	return TRUE;
}
