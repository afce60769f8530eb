/* LIST, LSUB and SUBSCRIBE. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <string.h>

void mailbox_info_free(MailboxInfo *info)
{
	if (info == NULL)
		return;
	g_free(info->name);
	g_free(info->special_use);
	g_free(info);
}

static void free_info(gpointer info)
{
	mailbox_info_free(info);
}

static gint compare_infos(gconstpointer a, gconstpointer b)
{
	const MailboxInfo *x = *(const MailboxInfo *const *)a, *y = *(const MailboxInfo *const *)b;
	gboolean x_inbox = strcmp(x->name, "INBOX") == 0, y_inbox = strcmp(y->name, "INBOX") == 0;
	return x_inbox != y_inbox ? y_inbox - x_inbox : strcmp(x->name, y->name);
}

/* The entry of @name, made with @flags if there is none. @by_name owns nothing. */
static MailboxInfo *info_for(GHashTable *by_name, GPtrArray *list, const char *name, MailboxFlags flags)
{
	MailboxInfo *info = g_hash_table_lookup(by_name, name);
	if (info == NULL) {
		info = g_new0(MailboxInfo, 1);
		info->name = g_strdup(name);
		info->flags = flags;
		(void)g_hash_table_insert(by_name, info->name, info);
		g_ptr_array_add(list, info);
	}
	return info;
}

/* A superior of a mailbox is in the list, if only as a name. */
static void add_superiors(GHashTable *by_name, GPtrArray *list, const char *name)
{
	g_autofree char *superior = g_strdup(name);
	for (char *slash; (slash = strrchr(superior, '/')) != NULL;) {
		*slash = '\0';
		MailboxInfo *info = info_for(by_name, list, superior, MAILBOX_NOSELECT);
		if (info->flags & MAILBOX_HAS_CHILDREN)
			return;
		info->flags |= MAILBOX_HAS_CHILDREN;
	}
}

static gboolean read_list(Db *db, GHashTable *by_name, GPtrArray *list, gboolean subscribed, GError **error)
{
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT id, name, special_use FROM mailbox");
		while (rows != NULL && db_next(rows, &failure)) {
			MailboxInfo *info = info_for(by_name, list, db_column_text(rows, 1), 0);
			info->id = db_column_int(rows, 0);
			info->special_use = g_strdup(db_column_text(rows, 2));
		}
	}
	guint n = list->len;
	for (guint i = 0; i < n; i++)
		add_superiors(by_name, list, ((MailboxInfo *)list->pdata[i])->name);
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT name FROM subscription");
		while (rows != NULL && db_next(rows, &failure)) {
			const char *name = db_column_text(rows, 0);
			MailboxInfo *info = subscribed ? info_for(by_name, list, name, MAILBOX_NONEXISTENT)
						       : g_hash_table_lookup(by_name, name);
			if (info != NULL)
				info->flags |= MAILBOX_SUBSCRIBED;
		}
	}
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

GPtrArray *account_list_mailboxes(Account *account, gboolean subscribed, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_info);
	g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	gboolean ok = db_run(db, error, "BEGIN");
	if (ok) {
		ok = read_list(db, by_name, list, subscribed, error);
		(void)db_run(db, NULL, "COMMIT");
	}
	account_release_db(account, db);
	if (!ok)
		return NULL;
	g_ptr_array_sort(list, compare_infos);
	return g_steal_pointer(&list);
}

typedef struct {
	const char *name;
	gboolean subscribed;
} Subscribe;

static gboolean subscribe(Db *db, gpointer data, GError **error)
{
	const Subscribe *change = data;
	gint64 n;
	if (!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM subscription WHERE name=?",
		    DB_TEXT(change->name)))
		return FALSE;
	if ((n > 0) == change->subscribed)
		return TRUE;
	return (change->subscribed ? db_run(db, error, "INSERT INTO subscription VALUES (?)",
					     DB_TEXT(change->name))
				   : db_run(db, error, "DELETE FROM subscription WHERE name=?",
					     DB_TEXT(change->name))) &&
		db_run(db, error, "UPDATE account SET list_version=list_version+1");
}

gboolean account_subscribe(Account *account, const char *name, gboolean subscribed, GError **error)
{
	g_autofree char *normal = maildir_normal_name(name, error);
	if (normal == NULL)
		return FALSE;
	Subscribe change = { normal, subscribed };
	if (!account_write_always(account, subscribe, &change, error))
		return FALSE;
	account_note_changes(account);
	return TRUE;
}
