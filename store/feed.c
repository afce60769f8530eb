#include "store/feed.h"

#include "store/account-private.h"
#include "store/maildir.h"

#include <string.h>

gboolean account_feed_state(Account *account, FeedState *state_out, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	gboolean ok = FALSE;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT (SELECT seq FROM sqlite_sequence WHERE name='email'),"
			" (SELECT seq FROM sqlite_sequence WHERE name='email_gone'), (SELECT count(*) FROM "
			"email)");
		if (rows != NULL && db_next(rows, &failure)) {
			*state_out = (FeedState){
				.max_email_id = (guint32)db_column_int(rows, 0),
				.max_gone_seq = (guint64)db_column_int(rows, 1),
				.emails = (guint64)db_column_int(rows, 2),
			};
			ok = TRUE;
		}
	}
	account_release_db(account, db);
	if (!ok)
		g_propagate_error(error, g_steal_pointer(&failure));
	return ok;
}

/* Collects the ids that @rows (taken over) gives. */
static GArray *collect_ids(DbRows *taken, GError **error)
{
	g_autoptr(DbRows) rows = taken;
	g_autoptr(GError) failure = NULL;
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint32));
	while (db_next(rows, &failure)) {
		guint32 id = (guint32)db_column_int(rows, 0);
		g_array_append_val(ids, id);
	}
	if (failure == NULL)
		return g_steal_pointer(&ids);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

gboolean account_feed_added(Account *account, guint32 after, guint limit, GArray **ids_out, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	DbRows *rows = db_select(db, error, "SELECT id FROM email WHERE id>? ORDER BY id LIMIT ?",
		DB_INT(after), DB_INT(limit));
	GArray *ids = rows != NULL ? collect_ids(rows, error) : NULL;
	account_release_db(account, db);
	if (ids == NULL)
		return FALSE;
	*ids_out = ids;
	return TRUE;
}

gboolean account_feed_emails(
	Account *account, const char *mailbox, guint32 after, guint32 upto, GArray **ids_out, GError **error)
{
	g_autofree char *normal = mailbox != NULL ? maildir_normal_name(mailbox, NULL) : NULL;
	if (mailbox != NULL && normal == NULL)
		return set_no_mailbox(error);
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	gboolean found = TRUE;
	gint64 id = 0;
	GArray *ids = NULL;
	if (normal == NULL ||
		db_get_int(db, error, &id, &found, "SELECT id FROM mailbox WHERE name=?", DB_TEXT(normal))) {
		DbRows *rows = NULL;
		if (!found)
			(void)set_no_mailbox(error);
		else if (normal == NULL)
			rows = db_select(db, error, "SELECT id FROM email WHERE id>? AND id<=? ORDER BY id",
				DB_INT(after), DB_INT(upto));
		else
			rows = db_select(db, error,
				"SELECT DISTINCT email FROM message WHERE mailbox=? AND email>? AND email<=? "
				"ORDER BY email",
				DB_INT(id), DB_INT(after), DB_INT(upto));
		ids = rows != NULL ? collect_ids(rows, error) : NULL;
	}
	account_release_db(account, db);
	if (ids == NULL)
		return FALSE;
	*ids_out = ids;
	return TRUE;
}

gboolean account_feed_gone(Account *account, guint64 after, guint limit, GArray **gone_out, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(FeedGone));
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT seq, email FROM email_gone WHERE seq>? ORDER BY seq LIMIT ?", DB_INT(after),
			DB_INT(limit));
		while (rows != NULL && db_next(rows, &failure)) {
			FeedGone entry = { (guint64)db_column_int(rows, 0), (guint32)db_column_int(rows, 1) };
			g_array_append_val(gone, entry);
		}
	}
	account_release_db(account, db);
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	*gone_out = g_steal_pointer(&gone);
	return TRUE;
}

static gboolean forget_gone(Db *db, gpointer data, GError **error)
{
	return db_run(db, error, "DELETE FROM email_gone WHERE seq<=?", DB_INT(*(const guint64 *)data));
}

gboolean account_feed_forget_gone(Account *account, guint64 seq, GError **error)
{
	guint64 upto = MIN(seq, (guint64)G_MAXINT64);
	return account_write_always(account, forget_gone, &upto, error);
}

/* -- Origin ---------------------------------------------------------------------------------------------------------- */

#define ORIGIN_HASH_BYTES 8

static char *origin_text(const char *objectid, gint64 email, const guint8 *hash)
{
	g_autoptr(GString) text = g_string_new(objectid);
	g_string_append_printf(text, " %" G_GINT64_FORMAT " ", email);
	for (gsize i = 0; hash != NULL && i < ORIGIN_HASH_BYTES; i++)
		g_string_append_printf(text, "%02x", hash[i]);
	if (hash == NULL)
		g_string_append_c(text, '-');
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static const guint8 *column_hash(DbRows *rows, int column)
{
	return sqlite3_column_bytes(rows, column) == CONTENT_HASH_BYTES ? sqlite3_column_blob(rows, column) : NULL;
}

char *account_feed_origin(Account *account, guint32 upto, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	char *origin = NULL;
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT b.objectid, e.id, e.sha256 FROM mailbox b"
			" LEFT JOIN email e ON e.id=(SELECT max(id) FROM email WHERE id<=?) WHERE b.folder=''",
			DB_INT(upto));
		if (rows != NULL && db_next(rows, &failure))
			origin = origin_text(db_column_text(rows, 0), db_column_int(rows, 1), column_hash(rows, 2));
	}
	account_release_db(account, db);
	if (failure != NULL)
		g_propagate_error(error, g_steal_pointer(&failure));
	else if (origin == NULL)
		(void)set_no_mailbox(error);
	return origin;
}

gboolean account_feed_is_origin(Account *account, const char *origin, guint32 watermark, guint64 gone_seq,
	gboolean *is_out, GError **error)
{
	g_auto(GStrv) words = g_strsplit(origin, " ", -1);
	guint64 email;
	*is_out = FALSE;
	if (g_strv_length(words) != 3 || !g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT32, &email, NULL))
		return TRUE;
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT b.objectid, (SELECT seq FROM sqlite_sequence WHERE name='email'),"
			" (SELECT seq FROM sqlite_sequence WHERE name='email_gone'),"
			" (SELECT sha256 FROM email WHERE id=?) FROM mailbox b WHERE b.folder=''",
			DB_INT(email));
		if (rows != NULL && db_next(rows, &failure)) {
			const guint8 *hash = column_hash(rows, 3);
			g_autofree char *ours = origin_text(db_column_text(rows, 0), (gint64)email, hash);
			/* That email may have gone since; its id is not given again. */
			*is_out = (hash != NULL ? strcmp(ours, origin) == 0 : strcmp(words[0], db_column_text(rows, 0)) == 0) &&
				MAX(email, watermark) <= (guint64)db_column_int(rows, 1) && gone_seq <= (guint64)db_column_int(rows, 2);
		}
	}
	account_release_db(account, db);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}
