#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Mailboxes that nobody uses keep their snapshots for the next SELECT: so many of them in an account. */
#define UNUSED_MAILBOXES 4

gboolean set_no_mailbox(GError **error)
{
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX, "There is no such mailbox");
	return FALSE;
}

/* -- Open mailboxes ------------------------------------------------------------------------------------------------- */

static Mailbox *mailbox_new(Account *account, gint64 id, const char *objectid, const char *folder, gint64 cur_mtime_ns)
{
	Mailbox *mailbox = g_new0(Mailbox, 1);
	mailbox->account = account;
	mailbox->id = id;
	mailbox->objectid = g_strdup(objectid);
	mailbox->folder = g_strdup(folder);
	mailbox->cur_mtime_ns = cur_mtime_ns;
	g_mutex_init(&mailbox->admit_mutex);
	g_mutex_init(&mailbox->refresh_mutex);
	g_mutex_init(&mailbox->mutex);
	g_mutex_init(&mailbox->cur_mutex);
	g_cond_init(&mailbox->synced);
	return mailbox;
}

static void mailbox_free(Mailbox *mailbox)
{
	snapshot_unref(mailbox->snapshot);
	g_mutex_clear(&mailbox->admit_mutex);
	g_mutex_clear(&mailbox->refresh_mutex);
	g_mutex_clear(&mailbox->mutex);
	g_mutex_clear(&mailbox->cur_mutex);
	g_cond_clear(&mailbox->synced);
	g_free(mailbox->objectid);
	g_free(mailbox->folder);
	g_free(mailbox);
}

/* Finds or makes the object of a row. Takes a reference to it, and one to the account for the first user. */
static Mailbox *mailbox_use(Account *account, gint64 id, const char *objectid, const char *folder,
	gint64 cur_mtime_ns, gboolean *is_new_out)
{
	g_mutex_lock(&account->mailboxes_mutex);
	Mailbox *mailbox = g_hash_table_lookup(account->mailboxes, &id);
	if (is_new_out != NULL)
		*is_new_out = mailbox == NULL;
	if (mailbox == NULL) {
		mailbox = mailbox_new(account, id, objectid, folder, cur_mtime_ns);
		(void)g_hash_table_insert(account->mailboxes, &mailbox->id, mailbox);
	} else {
		if (mailbox->refs == 0)
			(void)g_queue_remove(&account->unused, mailbox);
		mailbox_set_folder(mailbox, folder);
	}
	if (mailbox->refs++ == 0)
		account_ref(account);
	g_mutex_unlock(&account->mailboxes_mutex);
	return mailbox;
}

Mailbox *mailbox_ref(Mailbox *mailbox)
{
	g_mutex_lock(&mailbox->account->mailboxes_mutex);
	g_assert(mailbox->refs > 0);
	mailbox->refs++;
	g_mutex_unlock(&mailbox->account->mailboxes_mutex);
	return mailbox;
}

/* Forgets unused mailboxes until @keep are left. Under the mutex. */
static void forget_unused(Account *account, guint keep)
{
	while (g_queue_get_length(&account->unused) > keep) {
		Mailbox *mailbox = g_queue_pop_tail(&account->unused);
		(void)g_hash_table_remove(account->mailboxes, &mailbox->id);
		mailbox_free(mailbox);
	}
}

void mailbox_unref(Mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	Account *account = mailbox->account;
	g_mutex_lock(&account->mailboxes_mutex);
	gboolean last = --mailbox->refs == 0;
	if (last) {
		g_queue_push_head(&account->unused, mailbox);
		forget_unused(account, UNUSED_MAILBOXES);
	}
	g_mutex_unlock(&account->mailboxes_mutex);
	if (last)
		account_unref(account);
}

void account_drop_mailboxes(Account *account)
{
	g_mutex_lock(&account->mailboxes_mutex);
	forget_unused(account, 0);
	g_mutex_unlock(&account->mailboxes_mutex);
}

static void unref_mailbox(gpointer mailbox)
{
	mailbox_unref(mailbox);
}

GPtrArray *account_open_mailboxes(Account *account)
{
	GPtrArray *open = g_ptr_array_new_with_free_func(unref_mailbox);
	GHashTableIter iter;
	gpointer value;
	g_mutex_lock(&account->mailboxes_mutex);
	g_hash_table_iter_init(&iter, account->mailboxes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Mailbox *mailbox = value;
		if (mailbox->refs > 0) {
			mailbox->refs++;
			g_ptr_array_add(open, mailbox);
		}
	}
	g_mutex_unlock(&account->mailboxes_mutex);
	return open;
}

static Mailbox *open_row(Account *account, const char *name, gint64 id, gboolean *is_new_out, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	Mailbox *mailbox = NULL;
	{
		g_autoptr(GError) failure = NULL;
		g_autoptr(DbRows) rows = name != NULL ?
			db_select(db, &failure, "SELECT id, objectid, folder, cur_mtime_ns FROM mailbox WHERE name=?",
				DB_TEXT(name)) :
			db_select(db, &failure, "SELECT id, objectid, folder, cur_mtime_ns FROM mailbox WHERE id=?",
				DB_INT(id));
		if (rows != NULL && db_next(rows, &failure))
			mailbox = mailbox_use(account, db_column_int(rows, 0), db_column_text(rows, 1), db_column_text(rows, 2),
				db_column_int(rows, 3), is_new_out);
		else if (failure != NULL)
			g_propagate_error(error, g_steal_pointer(&failure));
		else
			(void)set_no_mailbox(error);
	}
	account_release_db(account, db);
	return mailbox;
}

Mailbox *account_open_mailbox(Account *account, const char *name, GError **error)
{
	g_autofree char *normal = maildir_normal_name(name, NULL);
	if (normal == NULL) {
		(void)set_no_mailbox(error);
		return NULL;
	}
	gboolean is_new = FALSE;
	g_autoptr(Mailbox) mailbox = open_row(account, normal, 0, &is_new, error);
	if (mailbox == NULL)
		return NULL;
	if (is_new && mailbox_needs_scan(mailbox) && !g_atomic_int_get(&account->read_only)) {
		if (!account_lock_exclusive(account->lock, error))
			return NULL;
		/* Another process may have been about to commit. */
		gboolean ok = mailbox_reread_folder(mailbox, error) &&
			(!mailbox_needs_scan(mailbox) || mailbox_scan(mailbox, 0, error));
		account_lock_exclusive_end(account->lock);
		if (!ok)
			return NULL;
	}
	return g_steal_pointer(&mailbox);
}

/* Under cur_mutex: what the database has is newer when another process of ours changed cur/. */
static void reread_cur_mtime(Mailbox *mailbox)
{
	Db *db = account_acquire_db(mailbox->account, NULL);
	gint64 mtime_ns = 0;
	if (db != NULL)
		(void)db_get_int(db, NULL, &mtime_ns, NULL, "SELECT cur_mtime_ns FROM mailbox WHERE id=?", DB_INT(mailbox->id));
	account_release_db(mailbox->account, db);
	mailbox->cur_mtime_ns = mtime_ns;
}

gboolean mailbox_needs_scan(Mailbox *mailbox)
{
	g_autofree char *path = mailbox_path(mailbox, "cur", NULL);
	g_mutex_lock(&mailbox->cur_mutex);
	gint64 mtime_ns = maildir_mtime_ns(path);
	if (mtime_ns != mailbox->cur_mtime_ns)
		reread_cur_mtime(mailbox);
	gboolean needed = mtime_ns != mailbox->cur_mtime_ns;
	g_mutex_unlock(&mailbox->cur_mutex);
	return needed;
}

Mailbox *account_mailbox_by_id(Account *account, gint64 id, GError **error)
{
	return open_row(account, NULL, id, NULL, error);
}

Account *mailbox_account(const Mailbox *mailbox)
{
	return mailbox->account;
}

gint64 mailbox_id(const Mailbox *mailbox)
{
	return mailbox->id;
}

char *mailbox_objectid(const Mailbox *mailbox)
{
	return g_strdup(mailbox->objectid);
}

gboolean mailbox_is_deleted(const Mailbox *mailbox)
{
	return g_atomic_int_get(&mailbox->deleted) != 0;
}

char *mailbox_folder(Mailbox *mailbox)
{
	g_mutex_lock(&mailbox->mutex);
	char *folder = g_strdup(mailbox->folder);
	g_mutex_unlock(&mailbox->mutex);
	return folder;
}

void mailbox_set_folder(Mailbox *mailbox, const char *folder)
{
	g_mutex_lock(&mailbox->mutex);
	if (strcmp(mailbox->folder, folder) != 0) {
		g_free(mailbox->folder);
		mailbox->folder = g_strdup(folder);
	}
	g_mutex_unlock(&mailbox->mutex);
}

gboolean mailbox_reread_folder(Mailbox *mailbox, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	gboolean found = FALSE;
	{
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT folder FROM mailbox WHERE id=?", DB_INT(mailbox->id));
		if (rows != NULL && db_next(rows, &failure)) {
			mailbox_set_folder(mailbox, db_column_text(rows, 0));
			found = TRUE;
		}
	}
	account_release_db(mailbox->account, db);
	if (found)
		return TRUE;
	if (failure == NULL) {
		g_atomic_int_set(&mailbox->deleted, 1);
		return set_no_mailbox(error);
	}
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

char *mailbox_path(Mailbox *mailbox, const char *part, const char *file)
{
	g_autofree char *folder = mailbox_folder(mailbox);
	return account_path(mailbox->account, folder, part, file);
}

gboolean mailbox_sync_cur(Mailbox *mailbox, GError **error)
{
	g_mutex_lock(&mailbox->mutex);
	/* An fsync that began before our rename does not count; the one that begins next does, for all who wait. */
	guint64 ticket = ++mailbox->sync_wanted;
	while (mailbox->sync_done < ticket && mailbox->syncing)
		g_cond_wait(&mailbox->synced, &mailbox->mutex);
	gboolean ok = TRUE;
	if (mailbox->sync_done < ticket) {
		guint64 covered = mailbox->sync_wanted;
		g_autofree char *path = account_path(mailbox->account, mailbox->folder, "cur", NULL);
		mailbox->syncing = TRUE;
		g_mutex_unlock(&mailbox->mutex);
		ok = maildir_sync_directory(path, error);
		if (!ok)
			account_sync_failed(mailbox->account);
		g_mutex_lock(&mailbox->mutex);
		mailbox->syncing = FALSE;
		if (ok)
			mailbox->sync_done = MAX(mailbox->sync_done, covered);
		g_cond_broadcast(&mailbox->synced);
	}
	g_mutex_unlock(&mailbox->mutex);
	return ok;
}

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
	return db_run(db, error, "UPDATE mailbox SET uidnext=?, highestmodseq=? WHERE id=?", DB_INT(state->uidnext),
		DB_INT(state->highestmodseq), DB_INT(state->id));
}

void mailbox_cur_begin(Mailbox *mailbox)
{
	g_autofree char *path = mailbox_path(mailbox, "cur", NULL);
	g_mutex_lock(&mailbox->cur_mutex);
	gint64 mtime_ns = maildir_mtime_ns(path);
	if (mtime_ns == mailbox->cur_mtime_ns)
		return;
	reread_cur_mtime(mailbox);
	if (mtime_ns != mailbox->cur_mtime_ns)
		mailbox->cur_mtime_ns = 0; /* somebody else was there */
}

void mailbox_cur_end(Mailbox *mailbox)
{
	g_autofree char *path = mailbox_path(mailbox, "cur", NULL);
	if (mailbox->cur_mtime_ns != 0)
		mailbox->cur_mtime_ns = maildir_mtime_ns(path);
	/* For changes that no transaction of their own follows: unlinking. */
	Account *account = mailbox->account;
	g_mutex_lock(&account->unlinked_mutex);
	(void)g_hash_table_replace(account->cur_mtimes, g_memdup2(&mailbox->id, sizeof(gint64)),
		g_memdup2(&mailbox->cur_mtime_ns, sizeof(gint64)));
	g_mutex_unlock(&account->unlinked_mutex);
	g_mutex_unlock(&mailbox->cur_mutex);
}

gint64 mailbox_cur_mtime_ns(Mailbox *mailbox)
{
	g_mutex_lock(&mailbox->cur_mutex);
	gint64 mtime_ns = mailbox->cur_mtime_ns;
	g_mutex_unlock(&mailbox->cur_mutex);
	return mtime_ns;
}

void mailbox_cur_scanned(Mailbox *mailbox, gint64 mtime_ns)
{
	g_mutex_lock(&mailbox->cur_mutex);
	mailbox->cur_mtime_ns = mtime_ns;
	g_mutex_unlock(&mailbox->cur_mutex);
}

gboolean mailbox_cur_write(Db *db, gint64 id, gint64 mtime_ns, GError **error)
{
	return db_run(db, error, "UPDATE mailbox SET cur_mtime_ns=? WHERE id=?", DB_INT(mtime_ns), DB_INT(id));
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

#define ROW_COLUMNS \
	"m.uid, m.email, m.flags, m.keywords, e.size, m.internal_at, m.internal_zone, m.saved_at, m.modseq, " \
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
			if (!is_copy) {
				KeywordTable *copy = keyword_table_copy(table);
				keyword_table_unref(table);
				table = copy;
				is_copy = TRUE;
			}
			keyword_table_add_keyword(table, db_column_text(rows, 0));
		}
	}
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT members FROM keyword_set WHERE mailbox=? AND id>=? ORDER BY id", DB_INT(id),
			DB_INT(keyword_table_n_sets(table)));
		while (rows != NULL && db_next(rows, &failure)) {
			if (!is_copy) {
				KeywordTable *copy = keyword_table_copy(table);
				keyword_table_unref(table);
				table = copy;
				is_copy = TRUE;
			}
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
		"SELECT " ROW_COLUMNS " FROM message m CROSS JOIN email e ON e.id=m.email WHERE m.mailbox=? ORDER BY m.uid",
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

static Snapshot *read_changes(Db *db, gint64 id, const Snapshot *from, const SnapshotState *state, GError **error)
{
	g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(SnapshotRow));
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(GError) failure = NULL;
	gint64 since = (gint64)snapshot_highestmodseq(from);
	{
		/* Left to itself, SQLite walks the primary key, since that has the mailbox's rows together. */
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT " ROW_COLUMNS " FROM message m INDEXED BY message_modseq CROSS JOIN email e ON e.id=m.email"
			" WHERE m.mailbox=? AND m.modseq>?",
			DB_INT(id), DB_INT(since));
		while (rows != NULL && db_next(rows, &failure)) {
			SnapshotRow row;
			read_row(rows, &row);
			g_array_append_val(changed, row);
		}
	}
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT uid FROM expunged WHERE mailbox=? AND modseq>?",
			DB_INT(id), DB_INT(since));
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
		"SELECT uidvalidity, uidnext, highestmodseq, expunged_floor, folder FROM mailbox WHERE id=?", DB_INT(id));
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
	if (from != NULL && row.highestmodseq == snapshot_highestmodseq(from) && row.uidnext == snapshot_uidnext(from) &&
		row.uidvalidity == snapshot_uidvalidity(from))
		return snapshot_ref(from);
	gboolean anew = from == NULL || row.uidvalidity != snapshot_uidvalidity(from) ||
		snapshot_highestmodseq(from) < row.expunged_floor;
	g_autoptr(KeywordTable) keywords =
		read_keywords(db, mailbox->id, from != NULL ? snapshot_keyword_table(from) : NULL, error);
	if (keywords == NULL)
		return NULL;
	SnapshotState state = { row.uidvalidity, row.uidnext, row.highestmodseq, keywords };
	return anew ? read_all(db, mailbox->id, &state, error) : read_changes(db, mailbox->id, from, &state, error);
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
		(void)mailbox_refresh(mailbox, FALSE, NULL); /* else the next one to ask for a snapshot gets the error */
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

/* -- SELECT and STATUS ------------------------------------------------------------------------------------------------ */

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
	if (!db_get_int(db, error, &first, &found, "SELECT recent_uid FROM mailbox WHERE id=?", DB_INT(claim->mailbox->id)))
		return FALSE;
	if (!found)
		return set_no_mailbox(error);
	claim->first_recent = (guint32)first;
	return first >= (gint64)claim->uidnext ||
		db_run(db, error, "UPDATE mailbox SET recent_uid=? WHERE id=?", DB_INT(claim->uidnext),
			DB_INT(claim->mailbox->id));
}

gboolean mailbox_claim_recent(Mailbox *mailbox, const Snapshot *snapshot, gboolean claim, guint32 *first_recent_out,
	GError **error)
{
	Claim data = { mailbox, snapshot_uidnext(snapshot), 0 };
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	gint64 first;
	gboolean found;
	gboolean ok = db_get_int(db, error, &first, &found, "SELECT recent_uid FROM mailbox WHERE id=?", DB_INT(mailbox->id));
	account_release_db(mailbox->account, db);
	if (!ok)
		return FALSE;
	if (!found)
		return set_no_mailbox(error);
	data.first_recent = (guint32)first;
	/* Nothing to claim, or nothing can be written: no transaction. */
	if (claim && data.first_recent < data.uidnext && !g_atomic_int_get(&mailbox->account->read_only) &&
		!account_write(mailbox->account, claim_recent, &data, error))
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
		ok = db_get_int(db, error, &recent, NULL, "SELECT recent_uid FROM mailbox WHERE id=?", DB_INT(mailbox->id)) &&
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
