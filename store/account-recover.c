/* What opening an account does before anybody uses it: what a crash left behind is put right, what other programs did is noticed. */
#include "store/account-private.h"

#include "store/foreign.h"
#include "store/maildir.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The Maildir rule: what lies in tmp/ for longer belongs to nobody. */
#define TMP_MAX_SECONDS (36 * 60 * 60)

/* -- Openers ----------------------------------------------------------------------------------------------------------- */

/* The rows of processes that died. Of gint64; NULL on failure. *@since_out: when the first of them began. */
static GArray *find_dead_openers(Account *account, gint64 *since_out, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GArray) dead = g_array_new(FALSE, FALSE, sizeof(gint64));
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT id, opened_at FROM opener");
		while (rows != NULL && db_next(rows, &failure)) {
			gint64 id = db_column_int(rows, 0);
			if (account_lock_opener_alive(account->lock, id))
				continue;
			g_array_append_val(dead, id);
			*since_out = MIN(*since_out, db_column_int(rows, 1));
		}
	}
	account_release_db(account, db);
	if (failure == NULL)
		return g_steal_pointer(&dead);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

static gboolean add_opener(Db *db, gpointer data, GError **error)
{
	if (!db_run(db, error, "INSERT INTO opener (opened_at) VALUES (?)", DB_INT(now_seconds())))
		return FALSE;
	*(gint64 *)data = sqlite3_last_insert_rowid(db_handle(db));
	return TRUE;
}

static gboolean delete_openers(Db *db, gpointer data, GError **error)
{
	GArray *dead = data;
	for (guint i = 0; i < dead->len; i++)
		if (!db_run(db, error, "DELETE FROM opener WHERE id=?",
			    DB_INT(g_array_index(dead, gint64, i))))
			return FALSE;
	return TRUE;
}

/* -- Folders ------------------------------------------------------------------------------------------------------------ */

static gboolean forget_moves(Db *db, gpointer data, GError **error)
{
	(void)data;
	return db_run(db, error, "DELETE FROM folder_move");
}

/* Folders go back to where the database has them (mailbox-names.c). Moves are undone in the reverse of the order in which they are made. */
static gboolean undo_folder_moves(Account *account, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	gboolean any = FALSE;
	{
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT source, target FROM folder_move ORDER BY rowid DESC");
		while (rows != NULL && db_next(rows, &failure)) {
			g_autofree char *source = account_path(account, db_column_text(rows, 0), NULL, NULL);
			g_autofree char *target = account_path(account, db_column_text(rows, 1), NULL, NULL);
			any = TRUE;
			if (!maildir_is_directory(source) && maildir_is_directory(target))
				(void)maildir_rename_new(target, source);
		}
	}
	account_release_db(account, db);
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	return !any ||
		(maildir_sync_directory(account->maildir, error) &&
			account_write_always(account, forget_moves, NULL, error));
}

typedef struct {
	GPtrArray *folders; /* of char*: with "" for INBOX */
	char *maildir;
} Found;

static gboolean add_folder(Db *db, const char *maildir, const char *folder, GError **error)
{
	gint64 n;
	g_autofree char *name = maildir_name_of_folder(folder);
	if (name == NULL)
		return TRUE; /* no mailbox can have that name */
	if (!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM mailbox WHERE name=? OR folder=?",
		    DB_TEXT(name), DB_TEXT(folder)))
		return FALSE;
	if (n > 0)
		return TRUE;
	g_autofree char *path = g_build_filename(maildir, folder, NULL);
	g_autoptr(ForeignUids) uids = foreign_read_uids(path);
	return mailbox_insert(db, name, folder, NULL, uids != NULL ? uids->uidvalidity : 0, NULL, error);
}

static gboolean add_folders(Db *db, gpointer data, GError **error)
{
	const Found *found = data;
	for (guint i = 0; i < found->folders->len; i++)
		if (!add_folder(db, found->maildir, found->folders->pdata[i], error))
			return FALSE;
	return TRUE;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those that have no row yet. Of char*, owned; NULL on failure. */
static GPtrArray *find_new_folders(Account *account, GError **error)
{
	g_autoptr(GPtrArray) names = NULL;
	if (!maildir_read_directory(account->maildir, TRUE, &names, error))
		return NULL;
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_insert(names, 0, g_strdup(""));
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < names->len; i++) {
		const char *folder = names->pdata[i];
		gint64 n;
		if (i > 0 && (folder[0] != '.' || folder[1] == '\0'))
			continue;
		g_autofree char *cur = account_path(account, folder, "cur", NULL);
		ok = db_get_int(
			db, error, &n, NULL, "SELECT count(*) FROM mailbox WHERE folder=?", DB_TEXT(folder));
		if (ok && n == 0 && (i == 0 || maildir_is_directory(cur)))
			g_ptr_array_add(folders, g_strdup(folder));
	}
	account_release_db(account, db);
	return ok ? g_steal_pointer(&folders) : NULL;
}

static gboolean find_folders_locked(Account *account, gboolean *any_out, GError **error)
{
	g_autoptr(GPtrArray) folders = find_new_folders(account, error);
	if (folders == NULL)
		return FALSE;
	*any_out = folders->len > 0;
	if (folders->len == 0)
		return TRUE;
	for (guint i = 0; i < folders->len; i++) /* new/ or tmp/ may be missing */
		if (!maildir_make_folder(account->maildir, folders->pdata[i], error))
			return FALSE;
	Found found = { folders, account->maildir };
	return account_write(account, add_folders, &found, error);
}

/* -- Mailboxes ------------------------------------------------------------------------------------------------------------ */

GArray *account_mailbox_ids(Account *account, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT id FROM mailbox ORDER BY id");
		while (rows != NULL && db_next(rows, &failure)) {
			gint64 id = db_column_int(rows, 0);
			g_array_append_val(ids, id);
		}
	}
	account_release_db(account, db);
	if (failure == NULL)
		return g_steal_pointer(&ids);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

/* @crashed_since: 0, or all are scanned, for what a process left that opened the account then. */
static gboolean scan_mailboxes(Account *account, gint64 crashed_since, GError **error)
{
	g_autoptr(GArray) ids = account_mailbox_ids(account, error);
	if (ids == NULL)
		return FALSE;
	for (guint i = 0; i < ids->len; i++) {
		g_autoptr(Mailbox) mailbox =
			account_mailbox_by_id(account, g_array_index(ids, gint64, i), error);
		if (mailbox == NULL)
			return FALSE;
		g_autofree char *folder = mailbox_folder(mailbox);
		g_autofree char *cur = mailbox_path(mailbox, "cur", NULL);
		/* A folder that another program removed is an empty mailbox. */
		if (!maildir_is_directory(cur) && !maildir_make_folder(account->maildir, folder, error))
			return FALSE;
		if ((crashed_since > 0 || mailbox_needs_scan(mailbox)) &&
			!mailbox_scan(mailbox, crashed_since, error))
			return FALSE;
	}
	return TRUE;
}

gboolean account_find_folders(Account *account, GError **error)
{
	if (!account_lock_exclusive(account->lock, error))
		return FALSE;
	gboolean any = FALSE;
	gboolean ok =
		find_folders_locked(account, &any, error) && (!any || scan_mailboxes(account, 0, error));
	account_lock_exclusive_end(account->lock);
	if (ok && any)
		account_note_changes(account);
	return ok;
}

static gboolean add_subscriptions(Db *db, gpointer data, GError **error)
{
	GPtrArray *names = data;
	for (guint i = 0; i < names->len; i++)
		if (!db_run(db, error, "INSERT OR IGNORE INTO subscription VALUES (?)",
			    DB_TEXT(names->pdata[i])))
			return FALSE;
	return TRUE;
}

/* At the first open: those that another server kept, and INBOX. */
static gboolean take_subscriptions(Account *account, GError **error)
{
	static const struct {
		const char *file;
		ForeignKind kind;
	} files[] = { { "subscriptions", FOREIGN_DOVECOT }, { "courierimapsubscribed", FOREIGN_COURIER } };
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		gsize len;
		g_autofree char *text = foreign_read(account->maildir, files[i].file, &len);
		if (text != NULL)
			g_ptr_array_extend_and_steal(
				names, foreign_parse_subscriptions(text, len, files[i].kind));
	}
	g_ptr_array_add(names, g_strdup("INBOX"));
	return account_write(account, add_subscriptions, names, error);
}

/* -- tmp/ ------------------------------------------------------------------------------------------------------------------ */

/* A spool of ours (maildir_unique_name()) whose process is gone. */
static gboolean is_dead_spool(const char *name)
{
	MaildirNameParts parts;
	return maildir_parse_unique_name(name, &parts) && parts.pid > 0 && parts.pid <= G_MAXINT32 &&
		kill((pid_t)parts.pid, 0) != 0 && errno == ESRCH;
}

static void clean_tmp(Account *account)
{
	g_autofree char *tmp = account_path(account, "tmp", NULL, NULL);
	g_autoptr(GPtrArray) names = NULL;
	if (!maildir_read_directory(tmp, FALSE, &names, NULL))
		return;
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = g_build_filename(tmp, name, NULL);
		struct stat status;
		if (lstat(path, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode) && g_str_has_prefix(name, MAILDIR_GONE_PREFIX))
			(void)maildir_remove_tree(path, NULL);
		else if (S_ISREG(status.st_mode) &&
			(is_dead_spool(name) || now_seconds() - status.st_mtim.tv_sec > TMP_MAX_SECONDS))
			(void)unlink(path);
	}
}

/* ---------------------------------------------------------------------------------------------------------------------------- */

/* Whether no other process has the account open. With the exclusive lock it stays so. */
static gboolean is_alone(Account *account)
{
	Db *db = account_acquire_db(account, NULL);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	gboolean alone = TRUE;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT id FROM opener");
		while (rows != NULL && db_next(rows, &failure)) {
			gint64 id = db_column_int(rows, 0);
			alone = alone &&
				(id == account->opener || !account_lock_opener_alive(account->lock, id));
		}
	}
	account_release_db(account, db);
	return alone && failure == NULL;
}

gboolean account_recover(Account *account, GError **error)
{
	gint64 since = G_MAXINT64;
	g_autoptr(GArray) dead = find_dead_openers(account, &since, error);
	if (dead == NULL || !account_write_always(account, add_opener, &account->opener, error) ||
		!account_lock_opener(account->lock, account->opener, error))
		return FALSE;
	gboolean is_new = FALSE, any;
	{
		g_autoptr(GArray) ids = account_mailbox_ids(account, error);
		if (ids == NULL)
			return FALSE;
		is_new = ids->len == 0;
	}
	if (!undo_folder_moves(account, error) || !account_collect_garbage(account, error) ||
		!find_folders_locked(account, &any, error) ||
		(is_new && !take_subscriptions(account, error)) ||
		!scan_mailboxes(account, dead->len > 0 ? since : 0, error))
		return FALSE;
	clean_tmp(account);
	if (is_alone(account))
		account_forget_keywords(account);
	return dead->len == 0 || account_write_always(account, delete_openers, dead, error);
}
