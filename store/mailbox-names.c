/* CREATE, DELETE and RENAME. All of them hold the account exclusively, so names do not change between two transactions. A folder
 * is renamed before the transaction that renames its mailbox commits; the table folder_move says where it belongs if that
 * does not happen. */
#include "store/account-private.h"

#include "base/limits.h"
#include "store/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* "F" and 64 random bits: a mailbox keeps it for ever, wherever its account moves to. */
static char *new_objectid(void)
{
	guint64 bits = 0;
	if (getrandom(&bits, sizeof(bits), 0) != (gssize)sizeof(bits))
		bits = ((guint64)g_random_int() << 32) | g_random_int();
	return g_strdup_printf("F%016" G_GINT64_MODIFIER "x", bits);
}

gboolean mailbox_insert(Db *db, const char *name, const char *folder, const char *special_use,
	guint32 uidvalidity, gint64 *id_out, GError **error)
{
	/* UIDVALIDITY grows in the whole account: a name never gets an old one back. */
	gint64 last, n;
	if (!db_get_int(db, error, &last, NULL, "SELECT uidvalidity FROM account") ||
		!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM mailbox"))
		return FALSE;
	if (n >= LIMIT_MAILBOXES) {
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_TOO_BIG, "There are too many mailboxes");
		return FALSE;
	}
	gint64 validity = uidvalidity > 0 ? (gint64)uidvalidity : MAX(last + 1, now_seconds());
	if (validity > G_MAXUINT32) {
		g_set_error_literal(
			error, STORE_ERROR, STORE_ERROR_CANNOT, "UIDVALIDITY has come to its end");
		return FALSE;
	}
	if (special_use == NULL && !special_use_of_name(db, name, &special_use, error))
		return FALSE;
	if (special_use != NULL && *special_use == '\0')
		special_use = NULL;
	g_autofree char *objectid = new_objectid();
	if (!db_run(db, error,
		    "INSERT INTO mailbox (name, folder, objectid, special_use, uidvalidity) VALUES "
		    "(?,?,?,?,?)",
		    DB_TEXT(name), DB_TEXT(folder), DB_TEXT(objectid), DB_TEXT(special_use), DB_INT(validity)) ||
		!db_run(db, error,
			"UPDATE account SET uidvalidity=max(uidvalidity,?), list_version=list_version+1",
			DB_INT(validity)))
		return FALSE;
	if (id_out != NULL)
		*id_out = sqlite3_last_insert_rowid(db_handle(db));
	return TRUE;
}

/* -- What is there --------------------------------------------------------------------------------------------------- */

typedef struct {
	gint64 id;
	char *name, *folder;         /* owned */
	char *new_name, *new_folder; /* owned; for RENAME */
} Name;

static void name_free(gpointer data)
{
	Name *name = data;
	g_free(name->name);
	g_free(name->folder);
	g_free(name->new_name);
	g_free(name->new_folder);
	g_free(name);
}

static gboolean is_below(const char *name, const char *superior)
{
	gsize len = strlen(superior);
	return strncmp(name, superior, len) == 0 && name[len] == '/';
}

/* All names, ascending. Of Name. */
static GPtrArray *read_names(Account *account, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(name_free);
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT id, name, folder FROM mailbox ORDER BY name");
		while (rows != NULL && db_next(rows, &failure)) {
			Name *name = g_new0(Name, 1);
			name->id = db_column_int(rows, 0);
			name->name = g_strdup(db_column_text(rows, 1));
			name->folder = g_strdup(db_column_text(rows, 2));
			g_ptr_array_add(names, name);
		}
	}
	account_release_db(account, db);
	if (failure == NULL)
		return g_steal_pointer(&names);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

static Name *find_name(GPtrArray *names, const char *wanted)
{
	for (guint i = 0; i < names->len; i++) {
		Name *name = names->pdata[i];
		if (strcmp(name->name, wanted) == 0)
			return name;
	}
	return NULL;
}

static gboolean has_inferiors(GPtrArray *names, const char *superior)
{
	for (guint i = 0; i < names->len; i++)
		if (is_below(((const Name *)names->pdata[i])->name, superior))
			return TRUE;
	return FALSE;
}

static gboolean cannot(GError **error, const char *text)
{
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT, text);
	return FALSE;
}

static gboolean exists(GError **error)
{
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_EXISTS, "There is a mailbox of that name");
	return FALSE;
}

/* -- CREATE ---------------------------------------------------------------------------------------------------------- */

typedef struct {
	const char *name, *folder, *special_use;
	gint64 id;
} Create;

static gboolean create(Db *db, gpointer data, GError **error)
{
	Create *new = data;
	return mailbox_insert(db, new->name, new->folder, new->special_use, 0, &new->id, error);
}

/* Before anything is made: a folder that is left behind would be found as a mailbox. */
static gboolean check_special_uses(Account *account, const char *uses, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	gboolean ok = special_uses_are_free(db, uses, error);
	account_release_db(account, db);
	return ok;
}

static gboolean create_locked(Account *account, const char *name, const char *special_use, GError **error)
{
	g_autoptr(GPtrArray) names = read_names(account, error);
	if (names == NULL)
		return FALSE;
	if (find_name(names, name) != NULL)
		return exists(error);
	if (special_use != NULL && !check_special_uses(account, special_use, error))
		return FALSE;
	g_autofree char *folder = maildir_folder_of_name(name, error);
	if (folder == NULL || !maildir_make_folder(account->maildir, folder, error))
		return FALSE;
	Create new = { name, folder, special_use, 0 };
	return account_write(account, create, &new, error);
}

gboolean account_create_mailbox(Account *account, const char *name, const char *special_use, GError **error)
{
	g_autofree char *normal = maildir_normal_name(name, error);
	if (normal == NULL)
		return FALSE;
	g_autofree char *uses = special_use != NULL && *special_use == '\0' ? g_strdup("") : NULL;
	if (special_use != NULL && uses == NULL && !special_uses_parse(special_use, &uses, error))
		return FALSE;
	if (!account_lock_exclusive(account->lock, error))
		return FALSE;
	gboolean ok = create_locked(account, normal, uses, error);
	account_lock_exclusive_end(account->lock);
	if (ok)
		account_note_changes(account);
	return ok;
}

/* -- Moving folders --------------------------------------------------------------------------------------------------- */

static gboolean announce_moves(Db *db, gpointer data, GError **error)
{
	GPtrArray *moves = data;
	for (guint i = 0; i < moves->len; i++) {
		const Name *move = moves->pdata[i];
		if (!db_run(db, error, "INSERT INTO folder_move VALUES (?,?)", DB_TEXT(move->folder),
			    DB_TEXT(move->new_folder)))
			return FALSE;
	}
	return TRUE;
}

static gboolean forget_moves(Db *db, gpointer data, GError **error)
{
	(void)data;
	return db_run(db, error, "DELETE FROM folder_move");
}

static void undo_moves(Account *account, GPtrArray *moves, guint n)
{
	while (n-- > 0) {
		const Name *move = moves->pdata[n];
		g_autofree char *from = account_path(account, move->folder, NULL, NULL);
		g_autofree char *to = account_path(account, move->new_folder, NULL, NULL);
		(void)rename(to, from); /* if that fails, the next to open the account tries again */
	}
	(void)account_write_always(account, forget_moves, NULL, NULL);
}

/* Moves the folders, then commits @work, or undoes all. */
static gboolean move_folders(
	Account *account, GPtrArray *moves, AccountWork work, gpointer data, GError **error)
{
	if (!account_write_always(account, announce_moves, moves, error))
		return FALSE;
	guint done = 0;
	gboolean ok = TRUE;
	for (; ok && done < moves->len; done++) {
		const Name *move = moves->pdata[done];
		g_autofree char *from = account_path(account, move->folder, NULL, NULL);
		g_autofree char *to = account_path(account, move->new_folder, NULL, NULL);
		if (maildir_rename_new(from, to) != 0) {
			int saved = errno;
			/* Another program took the folder away: then there is nothing to keep. */
			if (saved == ENOENT && !maildir_is_directory(from) &&
				(g_str_has_prefix(move->new_folder, "tmp/") ||
					maildir_make_folder(account->maildir, move->new_folder, NULL)))
				continue;
			if (saved == EEXIST || saved == ENOTEMPTY)
				ok = exists(error);
			else
				store_set_errno(error, saved, "%s: cannot rename", from);
			ok = FALSE;
			break;
		}
	}
	ok = ok && account_sync_directory(account, account->maildir, error) &&
		account_write_always(account, work, data, error);
	if (!ok)
		undo_moves(account, moves, done);
	return ok;
}

/* -- DELETE ---------------------------------------------------------------------------------------------------------- */

static gboolean delete_mailbox(Db *db, gpointer data, GError **error)
{
	const Name *name = data;
	DbValue id = DB_INT(name->id);
	return db_run(db, error,
		       "INSERT INTO email_gone (email) SELECT DISTINCT m.email FROM message m WHERE "
		       "m.mailbox=?1"
		       " AND NOT EXISTS (SELECT 1 FROM message o WHERE o.email=m.email AND o.mailbox<>?1)",
		       id) &&
		db_run(db, error,
			"DELETE FROM email WHERE id IN (SELECT m.email FROM message m WHERE m.mailbox=?1"
			" AND NOT EXISTS (SELECT 1 FROM message o WHERE o.email=m.email AND o.mailbox<>?1))",
			id) &&
		db_run(db, error, "DELETE FROM message WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM expunged WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM garbage WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM append_file WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM keyword WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM keyword_set WHERE mailbox=?", id) &&
		db_run(db, error, "DELETE FROM mailbox WHERE id=?", id) &&
		metadata_delete_mailbox(db, name->name, error) &&
		db_run(db, error, "DELETE FROM folder_move") &&
		db_run(db, error, "UPDATE account SET list_version=list_version+1");
}

static gboolean delete_locked(Account *account, const char *normal, gint64 *id_out, GError **error)
{
	g_autoptr(GPtrArray) names = read_names(account, error);
	if (names == NULL)
		return FALSE;
	Name *name = find_name(names, normal);
	if (name == NULL) {
		/* RFC 3501 6.3.4: a name with inferiors that is \Noselect cannot be deleted. */
		if (has_inferiors(names, normal))
			return cannot(error, "This is only the superior of other mailboxes");
		return set_no_mailbox(error);
	}
	/* Out of the way first, so that no other program delivers into it and nothing half removed is found again. */
	name->new_folder = g_strdup_printf("tmp/" MAILDIR_GONE_PREFIX "%" G_GINT64_FORMAT, name->id);
	g_autoptr(GPtrArray) moves = g_ptr_array_new();
	g_ptr_array_add(moves, name);
	if (!move_folders(account, moves, delete_mailbox, name, error))
		return FALSE;
	*id_out = name->id;
	g_autofree char *gone = account_path(account, name->new_folder, NULL, NULL);
	(void)maildir_remove_tree(gone, NULL); /* what is left, the next to open the account removes */
	return TRUE;
}

static gboolean try_delete(Account *account, const char *normal, gint64 *id_out, GError **error)
{
	if (!account_lock_exclusive(account->lock, error))
		return FALSE;
	gboolean ok = delete_locked(account, normal, id_out, error);
	account_lock_exclusive_end(account->lock);
	return ok;
}

gboolean account_delete_mailbox(Account *account, const char *name, GError **error)
{
	g_autofree char *normal = maildir_normal_name(name, NULL);
	gint64 id = 0;
	if (normal == NULL)
		return set_no_mailbox(error);
	if (strcmp(normal, "INBOX") == 0)
		return cannot(error, "INBOX cannot be deleted");
	g_autoptr(GError) failure = NULL;
	if (!try_delete(account, normal, &id, &failure)) {
		/* On a full disk, the rows of a large mailbox cannot go at once. */
		gboolean again = g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE);
		g_autoptr(Mailbox) mailbox = again ? account_open_mailbox(account, normal, NULL) : NULL;
		if (mailbox == NULL) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return FALSE;
		}
		if (!mailbox_empty_slowly(mailbox, error) || !try_delete(account, normal, &id, error))
			return FALSE;
	}
	g_autoptr(GPtrArray) open = account_open_mailboxes(account);
	for (guint i = 0; i < open->len; i++) {
		Mailbox *mailbox = open->pdata[i];
		if (mailbox->id == id) {
			g_atomic_int_set(&mailbox->deleted, 1);
			mailbox_changed(mailbox);
		}
	}
	account_note_changes(account);
	return TRUE;
}

/* -- RENAME ---------------------------------------------------------------------------------------------------------- */

typedef struct {
	const char *from, *to;
	GPtrArray *moves; /* of Name, borrowed */
} Rename;

static gboolean rename_mailboxes(Db *db, gpointer data, GError **error)
{
	const Rename *rename = data;
	for (guint i = 0; i < rename->moves->len; i++) {
		const Name *move = rename->moves->pdata[i];
		if (!db_run(db, error, "UPDATE mailbox SET name=?, folder=? WHERE id=?",
			    DB_TEXT(move->new_name), DB_TEXT(move->new_folder), DB_INT(move->id)))
			return FALSE;
	}
	return metadata_rename_mailbox(db, rename->from, rename->to, error) &&
		db_run(db, error, "DELETE FROM folder_move") &&
		db_run(db, error, "UPDATE account SET list_version=list_version+1");
}

/* Puts the new names into those of @names that move, and collects them. NULL on failure. */
static GPtrArray *plan_moves(GPtrArray *names, const char *from, const char *to, GError **error)
{
	g_autoptr(GPtrArray) moves = g_ptr_array_new();
	for (guint i = 0; i < names->len; i++) {
		Name *name = names->pdata[i];
		if (strcmp(name->name, from) != 0 && !is_below(name->name, from))
			continue;
		g_autofree char *new_name = g_strconcat(to, name->name + strlen(from), NULL);
		name->new_name = maildir_normal_name(new_name, error);
		name->new_folder =
			name->new_name != NULL ? maildir_folder_of_name(name->new_name, error) : NULL;
		if (name->new_folder == NULL)
			return NULL;
		g_ptr_array_add(moves, name);
	}
	if (moves->len == 0) {
		(void)set_no_mailbox(error);
		return NULL;
	}
	for (guint i = 0; i < moves->len; i++) {
		const Name *taken = find_name(names, ((const Name *)moves->pdata[i])->new_name);
		if (taken != NULL && taken->new_name == NULL) {
			(void)exists(error);
			return NULL;
		}
	}
	return g_steal_pointer(&moves);
}

static gboolean rename_locked(Account *account, const char *from, const char *to, GError **error)
{
	g_autoptr(GPtrArray) names = read_names(account, error);
	if (names == NULL)
		return FALSE;
	if (find_name(names, to) != NULL)
		return exists(error);
	g_autoptr(GPtrArray) moves = plan_moves(names, from, to, error);
	if (moves == NULL)
		return FALSE;
	if (is_below(to, from))
		return cannot(error, "A mailbox cannot become its own inferior");
	Rename rename = { from, to, moves };
	if (!move_folders(account, moves, rename_mailboxes, &rename, error))
		return FALSE;
	g_autoptr(GPtrArray) open = account_open_mailboxes(account);
	for (guint i = 0; i < open->len; i++)
		for (guint k = 0; k < moves->len; k++)
			if (((Mailbox *)open->pdata[i])->id == ((const Name *)moves->pdata[k])->id)
				mailbox_set_folder(
					open->pdata[i], ((const Name *)moves->pdata[k])->new_folder);
	return TRUE;
}

/* RFC 5464 4.1: INBOX keeps its annotations, and the new mailbox has the same. */
static gboolean copy_annotations(Db *db, gpointer data, GError **error)
{
	return metadata_copy_mailbox(db, "INBOX", data, error);
}

/* RFC 3501 6.3.5: the messages move to a new mailbox, INBOX stays, empty, and so do its inferiors. */
static gboolean rename_inbox(Account *account, char *to, GError **error)
{
	g_autoptr(UidSet) all = uidset_new();
	uidset_add_range(all, 1, G_MAXUINT32);
	if (!account_create_mailbox(account, to, NULL, error) ||
		!account_write(account, copy_annotations, to, error))
		return FALSE;
	g_autoptr(Mailbox) inbox = account_open_mailbox(account, "INBOX", error);
	g_autoptr(Mailbox) target = inbox != NULL ? account_open_mailbox(account, to, error) : NULL;
	return target != NULL && mailbox_admit_new(inbox, error) &&
		mailbox_copy(inbox, all, target, TRUE, NULL, NULL, NULL, error);
}

gboolean account_rename_mailbox(Account *account, const char *from, const char *to, GError **error)
{
	g_autofree char *from_normal = maildir_normal_name(from, NULL);
	if (from_normal == NULL)
		return set_no_mailbox(error);
	g_autofree char *to_normal = maildir_normal_name(to, error);
	if (to_normal == NULL)
		return FALSE;
	if (strcmp(to_normal, "INBOX") == 0)
		return exists(error);
	if (strcmp(from_normal, "INBOX") == 0)
		return rename_inbox(account, to_normal, error);
	if (!account_lock_exclusive(account->lock, error))
		return FALSE;
	gboolean ok = rename_locked(account, from_normal, to_normal, error);
	account_lock_exclusive_end(account->lock);
	if (ok)
		account_note_changes(account);
	return ok;
}
