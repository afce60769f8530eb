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

static Mailbox *mailbox_new(
	Account *account, gint64 id, const char *objectid, const char *folder, gint64 cur_mtime_ns)
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
		g_autoptr(DbRows) rows = name != NULL
			? db_select(db, &failure,
				  "SELECT id, objectid, folder, cur_mtime_ns FROM mailbox WHERE name=?",
				  DB_TEXT(name))
			: db_select(db, &failure,
				  "SELECT id, objectid, folder, cur_mtime_ns FROM mailbox WHERE id=?",
				  DB_INT(id));
		if (rows != NULL && db_next(rows, &failure))
			mailbox = mailbox_use(account, db_column_int(rows, 0), db_column_text(rows, 1),
				db_column_text(rows, 2), db_column_int(rows, 3), is_new_out);
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
		(void)db_get_int(db, NULL, &mtime_ns, NULL, "SELECT cur_mtime_ns FROM mailbox WHERE id=?",
			DB_INT(mailbox->id));
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

char *mailbox_name(Mailbox *mailbox, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return NULL;
	char *name = NULL;
	{
		g_autoptr(GError) failure = NULL;
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT name FROM mailbox WHERE id=?", DB_INT(mailbox->id));
		if (rows != NULL && db_next(rows, &failure))
			name = g_strdup(db_column_text(rows, 0));
		else if (failure != NULL)
			g_propagate_error(error, g_steal_pointer(&failure));
		else
			(void)set_no_mailbox(error);
	}
	account_release_db(mailbox->account, db);
	return name;
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
		ok = account_sync_directory(mailbox->account, path, error);
		g_mutex_lock(&mailbox->mutex);
		mailbox->syncing = FALSE;
		if (ok)
			mailbox->sync_done = MAX(mailbox->sync_done, covered);
		g_cond_broadcast(&mailbox->synced);
	}
	g_mutex_unlock(&mailbox->mutex);
	return ok;
}

/* -- cur/ ---------------------------------------------------------------------------------------------------------------- */

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
	return db_run(
		db, error, "UPDATE mailbox SET cur_mtime_ns=? WHERE id=?", DB_INT(mtime_ns), DB_INT(id));
}
