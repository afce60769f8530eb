/* RFC 3502: an APPEND of several messages adds all or none, also when the process dies half-way. Before the first of them gets its name in
 * cur/, a transaction writes all names into `append_file`; the one that writes their rows takes them out again. What a scan of cur/ finds
 * there, it does not admit. All of that happens with the account's lock: shared from one transaction to the other, exclusively in a scan;
 * so a scan sees only what is not under way any more. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <unistd.h>

/* -- In the APPEND ----------------------------------------------------------------------------------------------------- */

typedef struct {
	gint64 mailbox;
	char *const *files;
	gsize n;
	gint64 id;
} Begin;

static gboolean begin(Db *db, gpointer data, GError **error)
{
	Begin *append = data;
	if (!db_get_int(db, error, &append->id, NULL, "SELECT ifnull(max(append),0)+1 FROM append_file"))
		return FALSE;
	for (gsize i = 0; i < append->n; i++)
		if (!db_run(db, error, "INSERT INTO append_file (append, mailbox, file) VALUES (?,?,?)",
			    DB_INT(append->id), DB_INT(append->mailbox), DB_TEXT(append->files[i])))
			return FALSE;
	return TRUE;
}

gboolean append_journal_begin(Mailbox *mailbox, char *const *files, gsize n, gint64 *id_out, GError **error)
{
	Begin append = { mailbox->id, files, n, 0 };
	if (!account_write(mailbox->account, begin, &append, error))
		return FALSE;
	*id_out = append.id;
	return TRUE;
}

gboolean append_journal_end(Db *db, gint64 id, GError **error)
{
	return db_run(db, error, "DELETE FROM append_file WHERE append=?", DB_INT(id));
}

static gboolean forget(Db *db, gpointer data, GError **error)
{
	return append_journal_end(db, *(const gint64 *)data, error);
}

void append_journal_forget(Mailbox *mailbox, gint64 id)
{
	(void)account_write_always(mailbox->account, forget, &id, NULL); /* else the next scan does it */
}

/* -- In a scan ---------------------------------------------------------------------------------------------------------- */

static gboolean forget_mailbox(Db *db, gpointer data, GError **error)
{
	return db_run(db, error, "DELETE FROM append_file WHERE mailbox=?", DB_INT(*(const gint64 *)data));
}

/* Of char*; NULL on failure. */
static GPtrArray *read_files(Mailbox *mailbox, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(
			db, &failure, "SELECT file FROM append_file WHERE mailbox=?", DB_INT(mailbox->id));
		while (rows != NULL && db_next(rows, &failure))
			g_ptr_array_add(files, g_strdup(db_column_text(rows, 0)));
	}
	account_release_db(mailbox->account, db);
	if (failure == NULL)
		return g_steal_pointer(&files);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

gboolean append_journal_undo(Mailbox *mailbox, GError **error)
{
	g_autoptr(GPtrArray) files = read_files(mailbox, error);
	if (files == NULL)
		return FALSE;
	if (files->len == 0)
		return TRUE;
	mailbox_cur_begin(mailbox);
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < files->len; i++) {
		/* Nobody was told that they are there. But nothing is deleted at once that once was in cur/. */
		g_autofree char *name = g_strconcat(MAILDIR_UNDONE_PREFIX, files->pdata[i], NULL);
		g_autofree char *from = mailbox_path(mailbox, "cur", files->pdata[i]);
		g_autofree char *to = account_path(mailbox->account, "tmp", name, NULL);
		int failed = maildir_rename_new(from, to), saved = errno;
		if (failed != 0 && saved == EXDEV)
			failed = maildir_link(from, to) == 0 && unlink(from) == 0 ? 0 : -1;
		ok = failed == 0 || saved == ENOENT;
		if (!ok)
			store_set_errno(error, saved, "%s: cannot rename", from);
	}
	mailbox_cur_end(mailbox);
	return ok && mailbox_sync_cur(mailbox, error) &&
		account_write_always(mailbox->account, forget_mailbox, &mailbox->id, error);
}
