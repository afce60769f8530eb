/* cur/ compared with the rows: only when an account was not closed properly, or somebody else changed the directory. */
#include "store/account-private.h"

#include "store/foreign.h"
#include "store/maildir.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A message as the database has it. */
typedef struct {
	guint32 uid;
	gint64 email;
	char *file;        /* owned */
	const char *found; /* its name in cur/, which belongs to the list of names; NULL: not there */
} Known;

static void known_free(gpointer data)
{
	g_free(((Known *)data)->file);
	g_free(data);
}

typedef struct {
	Mailbox *mailbox;
	GPtrArray *names;     /* of char*, owned: what is in cur/ */
	GHashTable *known;    /* name up to ":2," (owned) -> Known, owned */
	GHashTable *garbage;  /* of char*, owned: names that are to be unlinked */
	gint64 crashed_since; /* 0: nobody did */
	GArray *orphans;      /* of Orphan */
} Scan;

static char *base_of(const char *file)
{
	return g_strndup(file, maildir_base_len(file));
}

/* Rows and garbage in one read transaction: a file that is in neither, and was seen in cur/ before, has no message. */
static gboolean read_known(Db *db, Scan *scan, GError **error)
{
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT uid, email, file FROM message WHERE mailbox=?",
				DB_INT(scan->mailbox->id));
		while (rows != NULL && db_next(rows, &failure)) {
			Known *known = g_new0(Known, 1);
			known->uid = (guint32)db_column_int(rows, 0);
			known->email = db_column_int(rows, 1);
			known->file = g_strdup(db_column_text(rows, 2));
			(void)g_hash_table_insert(scan->known, base_of(known->file), known);
		}
	}
	if (failure == NULL) {
		g_autoptr(DbRows) rows = db_select(
			db, &failure, "SELECT file FROM garbage WHERE mailbox=?", DB_INT(scan->mailbox->id));
		while (rows != NULL && db_next(rows, &failure))
			(void)g_hash_table_add(scan->garbage, base_of(db_column_text(rows, 0)));
	}
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean read_state(Scan *scan, GError **error)
{
	Account *account = scan->mailbox->account;
	g_autofree char *path = mailbox_path(scan->mailbox, "cur", NULL);
	if (!maildir_read_directory(path, FALSE, &scan->names, error))
		return FALSE;
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	gboolean ok = db_run(db, error, "BEGIN");
	if (ok) {
		ok = read_known(db, scan, error);
		(void)db_run(db, NULL, "COMMIT");
	}
	account_release_db(account, db);
	return ok;
}

/* Whether an orphan is a link that an interrupted COPY or MOVE made: its name is that of a copy of ours, not older than the process that
 * died, and the file has another name as well, so that nothing is lost when this one goes. */
static gboolean is_broken_copy(const Scan *scan, const char *path, const char *name)
{
	MaildirNameParts parts;
	struct stat status;
	return scan->crashed_since > 0 && maildir_parse_unique_name(name, &parts) &&
		parts.origin == MAILDIR_COPY && parts.made_at >= scan->crashed_since &&
		lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 1;
}

static guint remove_broken_copies(Scan *scan)
{
	guint kept = 0, all = scan->orphans->len;
	for (guint i = 0; i < scan->orphans->len; i++) {
		Orphan orphan = g_array_index(scan->orphans, Orphan, i);
		g_autofree char *path = mailbox_path(scan->mailbox, "cur", orphan.name);
		if (!is_broken_copy(scan, path, orphan.name) || unlink(path) != 0)
			g_array_index(scan->orphans, Orphan, kept++) = orphan;
	}
	g_array_set_size(scan->orphans, kept);
	return all - kept;
}

/* Finds the messages of @names. With @orphans, what is left over is collected there. */
static void match_names(
	Scan *scan, GPtrArray *names, const ForeignUids *uids, guint32 uidnext, GArray *orphans)
{
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *base = base_of(name);
		Known *known = g_hash_table_lookup(scan->known, base);
		if (known != NULL) {
			/* Two files of one name but for the flags: the one that we know. */
			if (known->found == NULL || strcmp(name, known->file) == 0)
				known->found = name;
		} else if (orphans != NULL && !g_hash_table_contains(scan->garbage, base)) {
			Orphan orphan = { name,
				uids != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(uids->uids, base)) : 0 };
			if (orphan.uid < uidnext)
				orphan.uid = 0;
			g_array_append_val(orphans, orphan);
		}
	}
}

static guint count_lost(Scan *scan)
{
	GHashTableIter iter;
	gpointer value;
	guint n = 0;
	g_hash_table_iter_init(&iter, scan->known);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		n += ((Known *)value)->found == NULL;
	return n;
}

static gint compare_known(gconstpointer a, gconstpointer b)
{
	guint32 x = (*(const Known *const *)a)->uid, y = (*(const Known *const *)b)->uid;
	return x < y ? -1 : x > y;
}

/* Another program gave the file a name with other flags: what it added is added, what it took away is taken away. From the flags that the
 * row has by now: a STORE may have come since it was read. Where they stay as they are, so does the modseq (RFC 7162 3.1); else *changed_out
 * is set. */
static gboolean take_name(Db *db, const MailboxState *state, const Known *known, gboolean *changed_out, GError **error)
{
	guint32 before = maildir_flags_of_file(known->file, NULL),
		after = maildir_flags_of_file(known->found, NULL);
	if (!db_run(db, error, "UPDATE message SET file=? WHERE mailbox=? AND uid=?", DB_TEXT(known->found),
		    DB_INT(state->id), DB_INT(known->uid)) ||
		!db_run(db, error,
			"UPDATE message SET flags=(flags|?1)&~?2, modseq=?3"
			" WHERE mailbox=?4 AND uid=?5 AND flags<>((flags|?1)&~?2)",
			DB_INT(after & ~before), DB_INT(before & ~after), DB_INT(state->highestmodseq),
			DB_INT(state->id), DB_INT(known->uid)))
		return FALSE;
	*changed_out |= sqlite3_changes(db_handle(db)) > 0;
	return TRUE;
}

static gboolean write_changes(Db *db, gpointer data, GError **error)
{
	Scan *scan = data;
	MailboxState state;
	if (!mailbox_state_read(db, scan->mailbox->id, &state, error))
		return FALSE;
	(void)mailbox_state_touch(&state);
	g_autoptr(GPtrArray) changed = g_ptr_array_new();
	g_autoptr(GArray) gone = expunge_rows_new();
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, scan->known);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Known *known = value;
		if (known->found == NULL || strcmp(known->found, known->file) != 0)
			g_ptr_array_add(changed, value);
	}
	g_ptr_array_sort(changed, compare_known);
	gboolean flags_changed = FALSE;
	for (guint i = 0; i < changed->len; i++) {
		const Known *known = changed->pdata[i];
		ExpungeRow row = { known->uid, known->email, NULL };
		if (known->found == NULL)
			g_array_append_val(gone, row);
		else if (!take_name(db, &state, known, &flags_changed, error))
			return FALSE;
	}
	if (gone->len == 0 && !flags_changed)
		return TRUE;
	return expunge_rows(db, &state, (const ExpungeRow *)(void *)gone->data, gone->len, error) &&
		mailbox_state_write(db, &state, error);
}

static gboolean read_uidnext(Mailbox *mailbox, MailboxState *state, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	gboolean ok = mailbox_state_read(db, mailbox->id, state, error);
	account_release_db(mailbox->account, db);
	return ok;
}

typedef struct {
	Mailbox *mailbox;
	guint32 uidnext;
	gint64 cur_mtime_ns;
} Scanned;

static gboolean write_scanned(Db *db, gpointer data, GError **error)
{
	const Scanned *scanned = data;
	return db_run(db, error, "UPDATE mailbox SET uidnext=max(uidnext,?), cur_mtime_ns=? WHERE id=?",
		DB_INT(scanned->uidnext), DB_INT(scanned->cur_mtime_ns), DB_INT(scanned->mailbox->id));
}

static gboolean scan_all(Scan *scan, GError **error)
{
	Mailbox *mailbox = scan->mailbox;
	MailboxState state;
	g_autofree char *folder = mailbox_path(mailbox, NULL, NULL);
	g_autofree char *cur = mailbox_path(mailbox, "cur", NULL);
	if (!append_journal_undo(mailbox, error))
		return FALSE;
	Scanned scanned = { mailbox, 1, maildir_mtime_ns(cur) };
	if (!read_uidnext(mailbox, &state, error) || !read_state(scan, error))
		return FALSE;
	/* A list of another server counts as long as UIDVALIDITY is the one we took over from it. */
	g_autoptr(ForeignUids) uids = foreign_read_uids(folder);
	if (uids != NULL && uids->uidvalidity != state.uidvalidity)
		g_clear_pointer(&uids, foreign_uids_free);
	if (uids != NULL)
		scanned.uidnext = uids->uidnext;
	match_names(scan, scan->names, uids, state.uidnext, scan->orphans);
	gboolean undisturbed = maildir_mtime_ns(cur) == scanned.cur_mtime_ns;
	if (remove_broken_copies(scan) > 0)
		scanned.cur_mtime_ns = undisturbed ? maildir_mtime_ns(cur) : 0;
	/* Reading a directory while files in it are renamed may miss them: what is not there is looked for once more. */
	g_autoptr(GPtrArray) again = NULL;
	if (count_lost(scan) > 0) {
		if (!maildir_read_directory(cur, FALSE, &again, error))
			return FALSE;
		match_names(scan, again, NULL, 0, NULL);
	}
	guint unreadable;
	if (!account_write_always(mailbox->account, write_changes, scan, error) ||
		!mailbox_admit_orphans(mailbox, scan->orphans, &unreadable, error))
		return FALSE;
	if (unreadable > 0)
		scanned.cur_mtime_ns = 0; /* looked for again at the next open */
	if (!account_write_always(mailbox->account, write_scanned, &scanned, error))
		return FALSE;
	mailbox_cur_scanned(mailbox, scanned.cur_mtime_ns);
	return TRUE;
}

gboolean mailbox_scan(Mailbox *mailbox, gint64 crashed_since, GError **error)
{
	Scan scan = {
		.mailbox = mailbox,
		.crashed_since = crashed_since,
		.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free),
		.garbage = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.orphans = g_array_new(FALSE, FALSE, sizeof(Orphan)),
	};
	gboolean ok = scan_all(&scan, error);
	g_hash_table_unref(scan.known);
	g_hash_table_unref(scan.garbage);
	g_array_unref(scan.orphans);
	g_clear_pointer(&scan.names, g_ptr_array_unref);
	if (ok) {
		mailbox_changed(mailbox);
		account_note_changes(mailbox->account);
	}
	return ok;
}
