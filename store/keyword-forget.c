/* Keywords that no message has any more. Snapshots know keywords and sets by their numbers, so these can change only while nobody has one:
 * when the account is opened, and by the first process to open it. */
#include "store/account-private.h"

/* What is in use in one mailbox; all ascending. */
typedef struct {
	GArray *sets;              /* of guint32: numbers of keyword_set */
	GPtrArray *members;        /* of GArray of guint32: of these sets */
	GArray *keywords;          /* of guint32 */
	gint64 n_sets, n_keywords; /* that there are */
} Used;

static void used_free(Used *used)
{
	g_array_unref(used->sets);
	g_ptr_array_unref(used->members);
	g_array_unref(used->keywords);
	g_free(used);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Used, used_free)

#define number_at(numbers, i) g_array_index(numbers, guint32, i)

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
	guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
	return x < y ? -1 : x > y;
}

/* The first column of a query; FALSE on failure. */
static gboolean read_numbers(DbRows *rows, GArray *numbers, GError **error)
{
	g_autoptr(GError) failure = NULL;
	while (rows != NULL && db_next(rows, &failure)) {
		guint32 number = (guint32)db_column_int(rows, 0);
		g_array_append_val(numbers, number);
	}
	if (failure == NULL)
		return rows != NULL;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

/* Also adds them to @used->keywords. */
static gboolean read_members(Db *db, gint64 mailbox, guint32 set, Used *used, GError **error)
{
	GArray *numbers = keyword_set_numbers(db, mailbox, set, error);
	if (numbers == NULL)
		return FALSE;
	g_ptr_array_add(used->members, numbers);
	for (guint i = 0; i < numbers->len; i++) {
		guint32 number = number_at(numbers, i);
		guint at;
		if (g_array_binary_search(used->keywords, &number, compare_numbers, &at))
			continue;
		at = 0;
		while (at < used->keywords->len && number_at(used->keywords, at) < number)
			at++;
		g_array_insert_val(used->keywords, at, number);
	}
	return TRUE;
}

static Used *read_used(Db *db, gint64 mailbox, GError **error)
{
	g_autoptr(Used) used = g_new0(Used, 1);
	used->sets = g_array_new(FALSE, FALSE, sizeof(guint32));
	used->members = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
	used->keywords = g_array_new(FALSE, FALSE, sizeof(guint32));
	{
		g_autoptr(DbRows) rows = db_select(db, error,
			"SELECT DISTINCT keywords FROM message WHERE mailbox=? AND keywords<>0",
			DB_INT(mailbox));
		if (!read_numbers(rows, used->sets, error))
			return NULL;
	}
	g_array_sort(used->sets, compare_numbers);
	for (guint i = 0; i < used->sets->len; i++)
		if (!read_members(db, mailbox, number_at(used->sets, i), used, error))
			return NULL;
	if (!db_get_int(db, error, &used->n_sets, NULL, "SELECT count(*) FROM keyword_set WHERE mailbox=?",
		    DB_INT(mailbox)) ||
		!db_get_int(db, error, &used->n_keywords, NULL,
			"SELECT count(*) FROM keyword WHERE mailbox=?", DB_INT(mailbox)))
		return NULL;
	return g_steal_pointer(&used);
}

static gboolean has_unused(const Used *used)
{
	return used->n_keywords > (gint64)used->keywords->len || used->n_sets > (gint64)used->sets->len;
}

/* The used ones, from 0 without gaps, in the same order. */
static gboolean renumber_keywords(Db *db, gint64 mailbox, const Used *used, GError **error)
{
	gint64 next = 0;
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint32));
	{
		g_autoptr(DbRows) rows = db_select(
			db, error, "SELECT id FROM keyword WHERE mailbox=? ORDER BY id", DB_INT(mailbox));
		if (!read_numbers(rows, all, error))
			return FALSE;
	}
	for (guint i = 0; i < all->len; i++) {
		guint32 number = number_at(all, i);
		gboolean keep = g_array_binary_search(used->keywords, &number, compare_numbers, NULL);
		gboolean ok = keep ? db_run(db, error, "UPDATE keyword SET id=? WHERE mailbox=? AND id=?",
					     DB_INT(next++), DB_INT(mailbox), DB_INT(number))
				   : db_run(db, error, "DELETE FROM keyword WHERE mailbox=? AND id=?",
					     DB_INT(mailbox), DB_INT(number));
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

/* A new number is never above the old one, so no message gets one that is to be changed later. */
static gboolean renumber_sets(Db *db, gint64 mailbox, const Used *used, GError **error)
{
	if (!db_run(db, error, "DELETE FROM keyword_set WHERE mailbox=?", DB_INT(mailbox)))
		return FALSE;
	for (guint i = 0; i < used->sets->len; i++) {
		const GArray *numbers = used->members->pdata[i];
		g_autoptr(GString) members = g_string_new(NULL);
		for (guint k = 0; k < numbers->len; k++) {
			guint at = 0;
			(void)g_array_binary_search(
				used->keywords, &number_at(numbers, k), compare_numbers, &at);
			g_string_append_printf(members, "%s%u", k > 0 ? " " : "", at);
		}
		if (!db_run(db, error, "INSERT INTO keyword_set VALUES (?,?,?)", DB_INT(mailbox),
			    DB_INT(i + 1), DB_TEXT(members->str)) ||
			(number_at(used->sets, i) != i + 1 &&
				!db_run(db, error,
					"UPDATE message SET keywords=? WHERE mailbox=? AND keywords=?",
					DB_INT(i + 1), DB_INT(mailbox), DB_INT(number_at(used->sets, i)))))
			return FALSE;
	}
	return TRUE;
}

/* What a message has does not change, and neither does its modseq. */
static gboolean forget(Db *db, gpointer data, GError **error)
{
	gint64 mailbox = *(const gint64 *)data;
	g_autoptr(Used) used = read_used(db, mailbox, error);
	return used != NULL &&
		(!has_unused(used) ||
			(renumber_keywords(db, mailbox, used, error) &&
				renumber_sets(db, mailbox, used, error)));
}

static gboolean needs_it(Account *account, gint64 mailbox)
{
	Db *db = account_acquire_db(account, NULL);
	if (db == NULL)
		return FALSE;
	gint64 n = 0;
	g_autoptr(Used) used = NULL;
	if (db_get_int(db, NULL, &n, NULL, "SELECT count(*) FROM keyword WHERE mailbox=?", DB_INT(mailbox)) &&
		n > 0)
		used = read_used(db, mailbox, NULL);
	account_release_db(account, db);
	return used != NULL && has_unused(used);
}

void account_forget_keywords(Account *account)
{
	g_autoptr(GArray) ids = account_mailbox_ids(account, NULL);
	for (guint i = 0; ids != NULL && i < ids->len; i++) {
		gint64 id = g_array_index(ids, gint64, i);
		if (needs_it(account, id))
			(void)account_write(account, forget, &id, NULL); /* else at the next open */
	}
}
