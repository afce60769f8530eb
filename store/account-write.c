/* Group commit: threads queue their work; the first one that finds nobody writing carries out all that waits, in one transaction, and
 * wakes the others. So the cost of a commit (an fsync) is shared by all who wait at the same time. */
#include "store/account-private.h"

struct AccountWrite {
	AccountWork work;
	gpointer data;
	GError *error; /* owned */
	gboolean ok, done;
	gboolean last_resort; /* the disk was full a moment ago */
};

static void set_deleted(const Account *account, GError **error)
{
	g_set_error(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT, "%s: the account was deleted", account->name);
}

static gboolean check_writable(Account *account, GError **error)
{
	if (g_atomic_int_get(&account->deleted)) {
		set_deleted(account, error);
		return FALSE;
	}
	if (g_atomic_int_get(&account->read_only)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_READ_ONLY,
			"%s: the account is read-only since the disk failed to write", account->name);
		return FALSE;
	}
	return TRUE;
}

/* What was done before in this transaction is lost, too. */
static void fail_all(AccountWrite *const *writes, guint n, const GError *failure)
{
	for (guint i = 0; i < n; i++) {
		if (!writes[i]->ok)
			continue;
		writes[i]->ok = FALSE;
		writes[i]->error = g_error_copy(failure);
	}
}

static gboolean run_one(Db *db, AccountWrite *write, GError **fatal)
{
	if (!db_run(db, fatal, "SAVEPOINT one")) {
		write->ok = TRUE; /* for fail_all() */
		return FALSE;
	}
	write->ok = write->work(db, write->data, &write->error);
	if (write->ok)
		return db_run(db, fatal, "RELEASE one");
	/* SQLite ends the whole transaction by itself when the disk is full or broken. */
	if (sqlite3_get_autocommit(db_handle(db))) {
		g_propagate_error(fatal, g_error_copy(write->error));
		return FALSE;
	}
	return db_run(db, fatal, "ROLLBACK TO one") && db_run(db, fatal, "RELEASE one");
}

static void run_all(Account *account, AccountWrite *const *writes, guint n)
{
	g_autoptr(GError) fatal = NULL;
	guint started = 0;
	/* The file that we have open may be one that another process has deleted. */
	if (!account_is_current(account))
		set_deleted(account, &fatal);
	else if (account->writer == NULL)
		account->writer = db_open(account->db_path, 0, &fatal);
	Db *db = fatal == NULL ? account->writer : NULL;
	/* Then the WAL begins anew, in the space that it has. */
	for (guint i = 0; db != NULL && i < n; i++)
		if (writes[i]->last_resort)
			(void)sqlite3_wal_checkpoint_v2(
				db_handle(db), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	gboolean ok = db != NULL && db_run(db, &fatal, "BEGIN IMMEDIATE");
	while (ok && started < n)
		ok = run_one(db, writes[started++], &fatal);
	ok = ok && db_run(db, &fatal, "COMMIT");
	if (ok)
		return;
	if (db != NULL && !sqlite3_get_autocommit(db_handle(db)))
		(void)sqlite3_exec(db_handle(db), "ROLLBACK", NULL, NULL, NULL);
	for (guint i = started; i < n; i++)
		writes[i]->ok = TRUE; /* for fail_all() */
	fail_all(writes, n, fatal);
	/* What a failed fsync left on disk is not known: nothing may be built on it. */
	if (db != NULL && db_sync_failed(db))
		account_sync_failed(account);
}

static gboolean write_work(
	Account *account, AccountWork work, gpointer data, gboolean last_resort, GError **error)
{
	if (!check_writable(account, error))
		return FALSE;
	AccountWrite write = { .work = work, .data = data, .last_resort = last_resort };
	g_mutex_lock(&account->write_mutex);
	g_queue_push_tail(&account->writes, &write);
	while (!write.done && account->writing)
		g_cond_wait(&account->written, &account->write_mutex);
	if (!write.done) {
		g_autoptr(GPtrArray) batch = g_ptr_array_new();
		AccountWrite *next;
		while ((next = g_queue_pop_head(&account->writes)) != NULL)
			g_ptr_array_add(batch, next);
		account->writing = TRUE;
		g_mutex_unlock(&account->write_mutex);
		run_all(account, (AccountWrite *const *)batch->pdata, batch->len);
		g_mutex_lock(&account->write_mutex);
		for (guint i = 0; i < batch->len; i++)
			((AccountWrite *)batch->pdata[i])->done = TRUE;
		account->writing = FALSE;
		g_cond_broadcast(&account->written);
	}
	g_mutex_unlock(&account->write_mutex);
	if (!write.ok)
		g_propagate_error(error, write.error);
	return write.ok;
}

gboolean account_write(Account *account, AccountWork work, gpointer data, GError **error)
{
	return write_work(account, work, data, FALSE, error);
}

gboolean account_write_always(Account *account, AccountWork work, gpointer data, GError **error)
{
	g_autoptr(GError) failure = NULL;
	if (write_work(account, work, data, FALSE, &failure))
		return TRUE;
	if (!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE)) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	account_reserve_give_up(account);
	gboolean ok = write_work(account, work, data, TRUE, error);
	account_reserve_make(account);
	return ok;
}
