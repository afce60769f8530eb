#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Connections for reading that stay open when nobody uses them. */
#define IDLE_CONNECTIONS 4

/* -- Connections --------------------------------------------------------------------------------------------------- */

Db *account_acquire_db(Account *account, GError **error)
{
	if (g_atomic_int_get(&account->deleted)) { /* a new account of that name may be there by now */
		g_set_error(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT, "%s: the account was deleted",
			account->name);
		return NULL;
	}
	g_mutex_lock(&account->db_mutex);
	Db *db = g_queue_pop_head(&account->idle);
	g_mutex_unlock(&account->db_mutex);
	return db != NULL ? db : db_open(account->db_path, 0, error);
}

void account_release_db(Account *account, Db *db)
{
	if (db == NULL)
		return;
	g_assert(sqlite3_get_autocommit(db_handle(db)));
	g_mutex_lock(&account->db_mutex);
	gboolean keep = g_queue_get_length(&account->idle) < IDLE_CONNECTIONS;
	if (keep)
		g_queue_push_head(&account->idle, db);
	g_mutex_unlock(&account->db_mutex);
	if (!keep)
		db_close(db);
}

void account_rest(Account *account)
{
	g_mutex_lock(&account->db_mutex);
	Db *db;
	while ((db = g_queue_pop_head(&account->idle)) != NULL)
		db_close(db);
	g_mutex_unlock(&account->db_mutex);

	g_mutex_lock(&account->write_mutex);
	if (!account->writing)
		g_clear_pointer(&account->writer, db_close);
	g_mutex_unlock(&account->write_mutex);

	g_mutex_lock(&account->probe_mutex);
	g_clear_pointer(&account->probe, db_close);
	account->data_version = -1; /* what the next connection has may be the same number, and mean something else */
	g_mutex_unlock(&account->probe_mutex);
}

gboolean account_is_current(Account *account)
{
	struct stat status;
	if (g_atomic_int_get(&account->deleted))
		return FALSE;
	if (stat(account->db_path, &status) == 0 && status.st_dev == account->db_device &&
		status.st_ino == account->db_inode)
		return TRUE;
	g_atomic_int_set(&account->deleted, 1);
	return FALSE;
}

gboolean account_generation(Account *account, guint64 *generation_out, GError **error)
{
	gint64 version;
	g_mutex_lock(&account->probe_mutex);
	gboolean ok =
		account->probe != NULL || (account->probe = db_open(account->db_path, 0, error)) != NULL;
	/* The number means something to one connection only; that of a new one is as good as another. */
	ok = ok && db_get_int(account->probe, error, &version, NULL, "PRAGMA data_version");
	if (ok) {
		if (version != account->data_version) {
			account->data_version = version;
			account->generation++;
		}
		*generation_out = account->generation;
	}
	g_mutex_unlock(&account->probe_mutex);
	return ok;
}

void account_sync_failed(Account *account)
{
	g_atomic_int_set(&account->read_only, 1);
}

gboolean account_sync_file(Account *account, int fd, const char *path, GError **error)
{
	g_autoptr(GError) failure = NULL;
	if (maildir_sync_file(fd, path, &failure))
		return TRUE;
	/* A disk that is full (NFS tells so late) has lost what nobody was promised yet. */
	if (!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE))
		account_sync_failed(account);
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

gboolean account_sync_directory(Account *account, const char *path, GError **error)
{
	int fd = maildir_open_directory(path, error);
	if (fd < 0)
		return FALSE;
	gboolean ok = account_sync_file(account, fd, path, error);
	(void)close(fd);
	return ok;
}

char *account_path(const Account *account, const char *folder, const char *part, const char *file)
{
	return g_build_filename(account->maildir, folder, part, file, NULL);
}

void account_note_changes(Account *account)
{
	Db *db = account_acquire_db(account, NULL);
	if (db == NULL)
		return;
	StoreEvents events = 0;
	{
		g_autoptr(DbRows) rows = db_select(db, NULL,
			"SELECT (SELECT list_version FROM account),"
			" (SELECT seq FROM sqlite_sequence WHERE name='email'),"
			" (SELECT seq FROM sqlite_sequence WHERE name='email_gone'),"
			" (SELECT metadata_changed FROM account)");
		if (rows != NULL && db_next(rows, NULL)) {
			gint64 list = db_column_int(rows, 0), email = db_column_int(rows, 1),
			       gone = db_column_int(rows, 2), metadata = db_column_int(rows, 3);
			g_mutex_lock(&account->noted_mutex);
			if (list > account->noted_list_version)
				events |= STORE_EVENT_LIST;
			if (email > account->noted_email || gone > account->noted_gone)
				events |= STORE_EVENT_FEED;
			if (metadata > account->noted_metadata)
				events |= STORE_EVENT_METADATA;
			account->noted_list_version = MAX(list, account->noted_list_version);
			account->noted_email = MAX(email, account->noted_email);
			account->noted_gone = MAX(gone, account->noted_gone);
			account->noted_metadata = MAX(metadata, account->noted_metadata);
			g_mutex_unlock(&account->noted_mutex);
		}
	}
	account_release_db(account, db);
	if (events & STORE_EVENT_LIST)
		account_watch(account);
	if (events != 0)
		store_notify(account, 0, events);
}

/* -- Opening and closing -------------------------------------------------------------------------------------------- */

static Account *account_new(Store *store, const char *name)
{
	Account *account = g_new0(Account, 1);
	account->refs = 1;
	account->store = store;
	account->name = g_strdup(name);
	account->dir = g_build_filename(store->mail_root, name, NULL);
	account->maildir = g_build_filename(account->dir, "Maildir", NULL);
	account->db_path = g_build_filename(account->dir, "mailsift.db", NULL);
	g_mutex_init(&account->db_mutex);
	g_queue_init(&account->idle);
	g_mutex_init(&account->probe_mutex);
	account->data_version = -1;
	g_mutex_init(&account->write_mutex);
	g_cond_init(&account->written);
	g_queue_init(&account->writes);
	g_mutex_init(&account->mailboxes_mutex);
	account->mailboxes = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_queue_init(&account->unused);
	g_mutex_init(&account->unlinked_mutex);
	account->unlinked = unlinked_new();
	account->cur_mtimes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	g_mutex_init(&account->noted_mutex);
	return account;
}

static void account_free(Account *account)
{
	account_drop_mailboxes(account);
	g_assert(g_hash_table_size(account->mailboxes) == 0);
	account_rest(account);
	account_lock_close(account->lock);
	g_hash_table_unref(account->mailboxes);
	g_mutex_clear(&account->db_mutex);
	g_mutex_clear(&account->probe_mutex);
	g_mutex_clear(&account->write_mutex);
	g_cond_clear(&account->written);
	g_mutex_clear(&account->mailboxes_mutex);
	g_mutex_clear(&account->unlinked_mutex);
	g_array_unref(account->unlinked);
	g_hash_table_unref(account->cur_mtimes);
	g_mutex_clear(&account->noted_mutex);
	g_free(account->name);
	g_free(account->dir);
	g_free(account->maildir);
	g_free(account->db_path);
	g_free(account);
}

static gboolean delete_opener(Db *db, gpointer data, GError **error)
{
	return db_run(db, error, "DELETE FROM opener WHERE id=?", DB_INT(*(const gint64 *)data));
}

void account_close(Account *account)
{
	/* Without that row gone, the next to open looks for what a crash may have left, and finds nothing. */
	if (account->lock != NULL)
		account_forget_unlinked(account, 0);
	if (account->opener > 0 && !g_atomic_int_get(&account->deleted))
		(void)account_write_always(account, delete_opener, &account->opener, NULL);
	account_free(account);
}

/* SQLite needs files beside the database, which may be missing: a full disk must not keep anybody from deleting mail. */
static Db *open_database(Account *account, GError **error)
{
	g_autoptr(GError) failure = NULL;
	Db *db = db_open(account->db_path, DB_CREATE, &failure);
	if (db != NULL)
		return db;
	if (g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE)) {
		account_reserve_give_up(account);
		return db_open(account->db_path, DB_CREATE, error);
	}
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

Account *account_open_path(Store *store, const char *name, GError **error)
{
	Account *account = account_new(store, name);
	g_autofree char *lock_path = g_build_filename(account->dir, "mailsift.lock", NULL);
	gboolean is_new = !g_file_test(account->db_path, G_FILE_TEST_EXISTS);
	if (!maildir_is_directory(account->maildir)) {
		if (is_new)
			g_set_error(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT,
				"%s: there is no such account", name);
		else /* not mounted, most likely: not to be taken for a mailbox that somebody emptied */
			g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "%s: the folder is missing",
				account->maildir);
		account_free(account);
		return NULL;
	}
	account->lock = account_lock_open(lock_path, error);
	gboolean ok = account->lock != NULL && account_lock_exclusive(account->lock, error);
	if (ok) {
		Db *db = open_database(account, error);
		ok = db != NULL && (!is_new || maildir_sync_directory(account->dir, error));
		db_close(db);
		struct stat status;
		if (ok && stat(account->db_path, &status) != 0) {
			int saved = errno;
			store_set_errno(error, saved, "%s", account->db_path);
			ok = FALSE;
		} else if (ok) {
			account->db_device = status.st_dev;
			account->db_inode = status.st_ino;
		}
		ok = ok && account_recover(account, error);
		account_lock_exclusive_end(account->lock);
	}
	if (!ok) {
		account_close(account);
		return NULL;
	}
	account_reserve_make(account);
	return account;
}

Account *account_ref(Account *account)
{
	g_atomic_int_inc(&account->refs);
	return account;
}

void account_unref(Account *account)
{
	if (account != NULL && g_atomic_int_dec_and_test(&account->refs))
		account_close(account);
}

const char *account_name(const Account *account)
{
	return account->name;
}

char *account_index_dir(const Account *account)
{
	return g_build_filename(account->store->index_root, account->name, NULL);
}
