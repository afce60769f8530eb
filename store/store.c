#include "store/account-private.h"

#include "base/limits.h"
#include "store/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_OPEN_ACCOUNTS 256

/* An error that lasts is told so often, and so many are remembered. */
#define REPORT_AGAIN_US (10 * 60 * G_USEC_PER_SEC)
#define REPORTED_MAX 1000

GQuark store_error_quark(void)
{
	return g_quark_from_static_string("mailsift-store-error");
}

gboolean store_account_name_ok(const char *name)
{
	gsize len = strlen(name);
	if (len == 0 || len > LIMIT_USER_NAME || *name == '.' || strchr(name, '/') != NULL ||
		!g_utf8_validate(name, (gssize)len, NULL))
		return FALSE;
	for (const char *p = name; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return FALSE;
	}
	return TRUE;
}

static gboolean check_account_name(const char *name, GError **error)
{
	if (store_account_name_ok(name))
		return TRUE;
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_BAD_NAME,
		"An account name is 1 to 255 octets of UTF-8 without \"/\" and control characters, and does "
		"not begin with \".\"");
	return FALSE;
}

void store_notify(Account *account, gint64 mailbox, StoreEvents events)
{
	Store *store = account->store;
	if (store->listener != NULL)
		store->listener(account->name, mailbox, events, store->listener_data);
}

void store_report(Account *account, const GError *error)
{
	Store *store = account->store;
	if (store->reporter == NULL)
		return;
	gint64 now = g_get_monotonic_time();
	g_autofree char *text = g_strdup_printf("%s: %s", account->name, error->message);
	g_mutex_lock(&store->reported_mutex);
	const gint64 *last = g_hash_table_lookup(store->reported, text);
	gboolean told = last != NULL && now - *last < REPORT_AGAIN_US;
	if (!told) {
		if (g_hash_table_size(store->reported) >= REPORTED_MAX)
			g_hash_table_remove_all(store->reported);
		(void)g_hash_table_replace(
			store->reported, g_steal_pointer(&text), g_memdup2(&now, sizeof(now)));
	}
	g_mutex_unlock(&store->reported_mutex);
	if (!told)
		store->reporter(account->name, error, store->reporter_data);
}

/* -- The store ------------------------------------------------------------------------------------------------------ */

Store *store_open(const StoreOptions *options, GError **error)
{
	if (!maildir_is_directory(options->mail_root)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "%s: there is no such folder",
			options->mail_root);
		return NULL;
	}
	Store *store = g_new0(Store, 1);
	store->mail_root = g_strdup(options->mail_root);
	store->index_root = g_strdup(options->index_root != NULL ? options->index_root : options->mail_root);
	store->max_open_accounts =
		options->max_open_accounts > 0 ? options->max_open_accounts : MAX_OPEN_ACCOUNTS;
	g_mutex_init(&store->mutex);
	g_cond_init(&store->opened);
	g_mutex_init(&store->reported_mutex);
	store->reported = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	store->accounts = g_hash_table_new(g_str_hash, g_str_equal);
	store->opening = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (options->watch && !store_watch_start(store, error)) {
		store_close(store);
		return NULL;
	}
	return store;
}

void store_close(Store *store)
{
	if (store == NULL)
		return;
	g_clear_pointer(&store->watch, watch_free); /* its calls take references */
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, store->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		g_assert(g_atomic_int_get(&((Account *)value)->refs) == 1); /* somebody uses it */
		account_unref(value);
	}
	g_hash_table_unref(store->accounts);
	g_hash_table_unref(store->opening);
	g_hash_table_unref(store->reported);
	g_mutex_clear(&store->reported_mutex);
	g_mutex_clear(&store->mutex);
	g_cond_clear(&store->opened);
	g_free(store->mail_root);
	g_free(store->index_root);
	g_free(store);
}

void store_set_listener(Store *store, StoreListener listener, gpointer data)
{
	g_mutex_lock(&store->mutex);
	g_assert(g_hash_table_size(store->accounts) == 0);
	store->listener = listener;
	store->listener_data = data;
	g_mutex_unlock(&store->mutex);
}

void store_set_reporter(Store *store, StoreReporter reporter, gpointer data)
{
	g_mutex_lock(&store->mutex);
	g_assert(g_hash_table_size(store->accounts) == 0);
	store->reporter = reporter;
	store->reporter_data = data;
	g_mutex_unlock(&store->mutex);
}

/* -- Open accounts --------------------------------------------------------------------------------------------------- */

/* Waits until no other thread opens or closes @name, and keeps others from doing so until opening_end(). Under the mutex. */
static void opening_begin(Store *store, const char *name)
{
	while (g_hash_table_contains(store->opening, name))
		g_cond_wait(&store->opened, &store->mutex);
	(void)g_hash_table_add(store->opening, g_strdup(name));
}

static void opening_end(Store *store, const char *name)
{
	(void)g_hash_table_remove(store->opening, name);
	g_cond_broadcast(&store->opened);
}

/* Closes the account that was used longest ago, if there are too many. Under the mutex, which it lets go meanwhile. */
static void close_one(Store *store)
{
	if (g_hash_table_size(store->accounts) <= store->max_open_accounts || store->watch != NULL)
		return;
	GHashTableIter iter;
	gpointer value;
	Account *oldest = NULL;
	g_hash_table_iter_init(&iter, store->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Account *account = value;
		if (g_atomic_int_get(&account->refs) == 1 &&
			(oldest == NULL || account->used_at < oldest->used_at))
			oldest = account;
	}
	if (oldest == NULL || g_hash_table_contains(store->opening, oldest->name))
		return;
	g_autofree char *name = g_strdup(oldest->name);
	opening_begin(store, name);
	(void)g_hash_table_remove(store->accounts, name);
	g_mutex_unlock(&store->mutex);
	account_unref(oldest);
	g_mutex_lock(&store->mutex);
	opening_end(store, name);
}

Account *store_get_account(Store *store, const char *name, GError **error)
{
	if (!store_account_name_ok(name)) { /* also: never a path */
		g_set_error(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT, "%s: there is no such account", name);
		return NULL;
	}
	g_mutex_lock(&store->mutex);
	while (g_hash_table_contains(store->opening, name))
		g_cond_wait(&store->opened, &store->mutex);
	Account *account = g_hash_table_lookup(store->accounts, name);
	g_autoptr(Account) stale = NULL; /* let go of without the mutex */
	gboolean opened = FALSE;
	if (account != NULL && !account_is_current(account)) {
		(void)g_hash_table_remove(store->accounts, name);
		if (store->watch != NULL)
			watch_remove_account(store->watch, name);
		stale = g_steal_pointer(&account);
	}
	if (account == NULL) {
		opening_begin(store, name);
		g_mutex_unlock(&store->mutex);
		account = account_open_path(store, name, error);
		g_mutex_lock(&store->mutex);
		if (account != NULL)
			(void)g_hash_table_insert(store->accounts, account->name, account);
		opening_end(store, name);
		opened = account != NULL;
	}
	if (account != NULL) {
		account_ref(account);
		account->used_at = g_get_monotonic_time();
		close_one(store);
	}
	g_mutex_unlock(&store->mutex);
	if (opened) {
		account_watch(account);
		account_admit_new(account);
	}
	return account;
}

void store_drop_account(Store *store, Account *account)
{
	g_mutex_lock(&store->mutex);
	gboolean ours = g_hash_table_lookup(store->accounts, account->name) == account;
	if (ours) {
		(void)g_hash_table_remove(store->accounts, account->name);
		if (store->watch != NULL)
			watch_remove_account(store->watch, account->name);
	}
	g_mutex_unlock(&store->mutex);
	if (ours)
		account_unref(account);
}

/* -- Accounts on disk ------------------------------------------------------------------------------------------------ */

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *store_list_accounts(Store *store, GError **error)
{
	g_autoptr(GPtrArray) names = NULL;
	if (!maildir_read_directory(store->mail_root, FALSE, &names, error))
		return NULL;
	GPtrArray *accounts = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *maildir = g_build_filename(store->mail_root, name, "Maildir", NULL);
		if (store_account_name_ok(name) && maildir_is_directory(maildir))
			g_ptr_array_add(accounts, g_strdup(name));
	}
	g_ptr_array_sort(accounts, compare_names);
	return accounts;
}

gboolean store_create_account(Store *store, const char *name, GError **error)
{
	if (!check_account_name(name, error))
		return FALSE;
	g_autofree char *dir = g_build_filename(store->mail_root, name, NULL);
	g_autofree char *maildir = g_build_filename(dir, "Maildir", NULL);
	if (maildir_is_directory(maildir)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_EXISTS, "%s: there is such an account", name);
		return FALSE;
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		int saved = errno;
		store_set_errno(error, saved, "%s: cannot make the folder", dir);
		return FALSE;
	}
	if (!maildir_sync_directory(store->mail_root, error) || !maildir_make_folder(maildir, "", error) ||
		!maildir_sync_directory(dir, error))
		return FALSE;
	Account *account = store_get_account(store, name, error);
	account_unref(account);
	return account != NULL;
}

/* Away in one step, then in peace. */
static gboolean remove_account_folder(const char *root, const char *name, GError **error)
{
	g_autofree char *dir = g_build_filename(root, name, NULL);
	g_autofree char *away = g_strdup_printf(
		"%s/.deleted-%" G_GINT64_FORMAT "-%08x-%s", root, g_get_real_time(), g_random_int(), name);
	if (strlen(strrchr(away, '/') + 1) > LIMIT_USER_NAME) {
		g_free(away);
		away = g_strdup_printf(
			"%s/.deleted-%" G_GINT64_FORMAT "-%08x", root, g_get_real_time(), g_random_int());
	}
	if (rename(dir, away) != 0) {
		int saved = errno;
		if (saved == ENOENT)
			return TRUE;
		store_set_errno(error, saved, "%s: cannot remove", dir);
		return FALSE;
	}
	return maildir_sync_directory(root, error) && maildir_remove_tree(away, error);
}

gboolean store_delete_account(Store *store, const char *name, GError **error)
{
	if (!check_account_name(name, error))
		return FALSE;
	g_autofree char *dir = g_build_filename(store->mail_root, name, NULL);
	if (!maildir_is_directory(dir)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT, "%s: there is no such account", name);
		return FALSE;
	}
	g_mutex_lock(&store->mutex);
	opening_begin(store, name);
	Account *account = g_hash_table_lookup(store->accounts, name);
	if (account != NULL) {
		(void)g_hash_table_remove(store->accounts, name);
		g_atomic_int_set(&account->deleted, 1);
	}
	g_mutex_unlock(&store->mutex);
	if (store->watch != NULL)
		watch_remove_account(store->watch, name);
	account_unref(account); /* sessions keep theirs, and get errors */
	gboolean ok = remove_account_folder(store->mail_root, name, error);
	if (ok && strcmp(store->mail_root, store->index_root) != 0)
		ok = remove_account_folder(store->index_root, name, error);
	g_mutex_lock(&store->mutex);
	opening_end(store, name);
	g_mutex_unlock(&store->mutex);
	return ok;
}
