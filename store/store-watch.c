/* What the watch of a store does when something happened. */
#include "store/account-private.h"

#include "store/maildir.h"

/* An account that nobody has used for so long closes its connections; it stays open, and watched. */
#define REST_AFTER_US (30 * G_USEC_PER_SEC)

#define ROOT_SETTLED_NS (60 * G_GINT64_CONSTANT(1000000000))

/* An account that is open, with a reference; NULL if it is not. */
static Account *find_open(Store *store, const char *name)
{
	g_mutex_lock(&store->mutex);
	Account *account = g_hash_table_lookup(store->accounts, name);
	if (account != NULL)
		account_ref(account);
	g_mutex_unlock(&store->mutex);
	return account;
}

/* Somebody committed: us, mostly, and then all is known. */
static void database_changed(Account *account)
{
	guint64 generation;
	if (!account_generation(account, &generation, NULL))
		return;
	g_mutex_lock(&account->probe_mutex);
	gboolean seen = account->checked_generation == generation;
	account->checked_generation = generation;
	g_mutex_unlock(&account->probe_mutex);
	if (seen)
		return;
	g_autoptr(GPtrArray) open = account_open_mailboxes(account);
	for (guint i = 0; i < open->len; i++)
		(void)mailbox_refresh(
			open->pdata[i], FALSE, NULL); /* tells the listener; errors show when it is used */
	account_note_changes(account);
}

/* Nobody waits for what the watch does: an error is reported, and it tries again. Not when there is nothing to try any more. */
static gboolean is_over(Account *account, GError *failure)
{
	if (failure == NULL)
		return TRUE;
	gboolean over = g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_MAILBOX) ||
		g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_ACCOUNT) ||
		g_error_matches(failure, STORE_ERROR, STORE_ERROR_READ_ONLY);
	if (!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_MAILBOX) &&
		!g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_ACCOUNT))
		store_report(account, failure);
	return over;
}

static gboolean new_mail(Account *account, gint64 id)
{
	g_autoptr(GError) failure = NULL;
	gboolean again = FALSE;
	g_autoptr(Mailbox) mailbox = account_mailbox_by_id(account, id, &failure);
	if (mailbox != NULL)
		(void)mailbox_try_admit_new(mailbox, &again, &failure);
	return is_over(account, failure) && !(failure == NULL && again);
}

static gboolean new_folders(Account *account)
{
	g_autoptr(GError) failure = NULL;
	(void)account_find_folders(account, &failure);
	return is_over(account, failure);
}

/* FALSE: to be tried again. */
static gboolean carry_out(Account *account, gint64 mailbox, WatchKind kind)
{
	switch (kind) {
	case WATCH_DATABASE:
		database_changed(account);
		return TRUE;
	case WATCH_NEW:
		return new_mail(account, mailbox);
	case WATCH_FOLDERS:
		return new_folders(account);
	}
	g_assert_not_reached();
}

static gboolean on_watch(const char *name, gint64 mailbox, WatchKind kind, gpointer data)
{
	Store *store = data;
	g_autoptr(Account) account = find_open(store, name);
	if (account == NULL)
		return TRUE;
	if (!account_is_current(account)) {
		store_drop_account(store, account);
		return TRUE;
	}
	gboolean done = carry_out(account, mailbox, kind);
	/* Nobody but the store and us: its connections are worth more to others. */
	if (g_atomic_int_get(&account->refs) == 2) {
		account_drop_mailboxes(account);
		account_rest(account);
	}
	return done;
}

/* Opens accounts that another process has made. */
static void find_accounts(Store *store)
{
	gint64 mtime_ns = maildir_mtime_ns(store->mail_root), now_ns = g_get_real_time() * 1000;
	/* The Maildir comes a moment after the folder that changes the root. */
	if (mtime_ns == store->root_mtime_ns && now_ns - mtime_ns > ROOT_SETTLED_NS)
		return;
	store->root_mtime_ns = mtime_ns;
	g_autoptr(GPtrArray) names = store_list_accounts(store, NULL);
	for (guint i = 0; names != NULL && i < names->len; i++) {
		g_mutex_lock(&store->mutex);
		gboolean known = g_hash_table_contains(store->accounts, names->pdata[i]);
		g_mutex_unlock(&store->mutex);
		g_autoptr(Account) account = known ? NULL : store_get_account(store, names->pdata[i], NULL);
		if (account != NULL)
			account_rest(account);
	}
}

static void on_tick(gpointer data)
{
	Store *store = data;
	if (g_atomic_int_get(&store->watches_all))
		find_accounts(store);
	g_autoptr(GPtrArray) resting = g_ptr_array_new();
	gint64 now = g_get_monotonic_time();
	GHashTableIter iter;
	gpointer value;
	g_mutex_lock(&store->mutex);
	g_hash_table_iter_init(&iter, store->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Account *account = value;
		if (g_atomic_int_get(&account->refs) == 1 && now - account->used_at > REST_AFTER_US)
			g_ptr_array_add(resting, account_ref(account));
	}
	g_mutex_unlock(&store->mutex);
	for (guint i = 0; i < resting->len; i++) {
		account_drop_mailboxes(resting->pdata[i]);
		account_rest(resting->pdata[i]);
		account_unref(resting->pdata[i]);
	}
}

gboolean store_watch_start(Store *store, GError **error)
{
	store->watch = watch_new(on_watch, on_tick, store, error);
	return store->watch != NULL;
}

void account_watch(Account *account)
{
	Watch *watch = account->store->watch;
	if (watch == NULL)
		return;
	Db *db = account_acquire_db(account, NULL);
	if (db == NULL)
		return;
	watch_add(watch, account->dir, WATCH_DATABASE, account->name, 0);
	watch_add(watch, account->maildir, WATCH_FOLDERS, account->name, 0);
	g_autoptr(GHashTable) ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	{
		g_autoptr(DbRows) rows = db_select(db, NULL, "SELECT id, folder FROM mailbox");
		while (rows != NULL && db_next(rows, NULL)) {
			gint64 id = db_column_int(rows, 0);
			g_autofree char *path = account_path(account, db_column_text(rows, 1), "new", NULL);
			watch_add(watch, path, WATCH_NEW, account->name, id);
			(void)g_hash_table_add(ids, g_memdup2(&id, sizeof(id)));
		}
	}
	watch_keep_mailboxes(watch, account->name, ids);
	account_release_db(account, db);
}

gboolean store_watch_all(Store *store, GPtrArray **failed_out, GError **error)
{
	g_autoptr(GPtrArray) names = store_list_accounts(store, error);
	if (names == NULL)
		return FALSE;
	g_atomic_int_set(&store->watches_all, TRUE);
	GPtrArray *failed = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < names->len; i++) {
		g_autoptr(GError) failure = NULL;
		const char *name = names->pdata[i];
		g_autoptr(Account) account = store_get_account(store, name, &failure);
		if (account != NULL)
			account_rest(account);
		else
			g_ptr_array_add(failed, g_strdup_printf("%s: %s", name, failure->message));
	}
	if (failed_out != NULL)
		*failed_out = failed;
	else
		g_ptr_array_unref(failed);
	return TRUE;
}
