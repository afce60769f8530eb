/* The files of what was expunged or moved. The transaction that takes a row away writes the file's name into `garbage`; the file is
 * unlinked after the commit, and its row in `garbage` goes with a later transaction. So an expunged message never comes back as a file
 * without a row, wherever a crash falls, and whatever name another program has given to the file meanwhile. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Names of unlinked files that wait for a transaction, in memory. */
#define UNLINKED_MAX 512

/* How often the directory is read for files that another program is renaming all the time. */
#define SEARCHES_MAX 4

/* -- Out of `garbage` ------------------------------------------------------------------------------------------------------ */

typedef struct {
	gint64 mailbox;
	char *file; /* owned */
} Unlinked;

static void clear_unlinked(gpointer unlinked)
{
	g_free(((Unlinked *)unlinked)->file);
}

GArray *unlinked_new(void)
{
	GArray *unlinked = g_array_new(FALSE, FALSE, sizeof(Unlinked));
	g_array_set_clear_func(unlinked, clear_unlinked);
	return unlinked;
}

typedef struct {
	GArray *files;      /* of Unlinked */
	GHashTable *mtimes; /* as Account.cur_mtimes */
} Forget;

static gboolean forget_unlinked(Db *db, gpointer data, GError **error)
{
	const Forget *forget = data;
	GHashTableIter iter;
	gpointer id, mtime_ns;
	g_hash_table_iter_init(&iter, forget->mtimes);
	while (g_hash_table_iter_next(&iter, &id, &mtime_ns))
		if (!mailbox_cur_write(db, *(const gint64 *)id, *(const gint64 *)mtime_ns, error))
			return FALSE;
	for (guint i = 0; i < forget->files->len; i++) {
		const Unlinked *unlinked = &g_array_index(forget->files, Unlinked, i);
		if (!db_run(db, error, "DELETE FROM garbage WHERE mailbox=? AND file=?",
			    DB_INT(unlinked->mailbox), DB_TEXT(unlinked->file)))
			return FALSE;
	}
	return TRUE;
}

void account_forget_unlinked(Account *account, guint above)
{
	Forget forget = { NULL, NULL };
	g_mutex_lock(&account->unlinked_mutex);
	if (account->unlinked->len > above) {
		forget.files = account->unlinked;
		account->unlinked = unlinked_new();
		forget.mtimes = g_hash_table_ref(account->cur_mtimes);
		g_hash_table_unref(account->cur_mtimes);
		account->cur_mtimes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	}
	g_mutex_unlock(&account->unlinked_mutex);
	if (forget.files == NULL)
		return;
	/* If it fails, the next to open the account does it. */
	(void)account_write_always(account, forget_unlinked, &forget, NULL);
	g_array_unref(forget.files);
	g_hash_table_unref(forget.mtimes);
}

/* -- Unlinking ------------------------------------------------------------------------------------------------------------- */

static void note_unlinked(Account *account, gint64 mailbox, const char *file)
{
	Unlinked unlinked = { mailbox, g_strdup(file) };
	g_mutex_lock(&account->unlinked_mutex);
	g_array_append_val(account->unlinked, unlinked);
	g_mutex_unlock(&account->unlinked_mutex);
}

static char *base_of(const char *file)
{
	return g_strndup(file, maildir_base_len(file));
}

/* Files of cur/ that are not where the row had them. */
typedef struct {
	Account *account;
	gint64 mailbox;
	const char *folder;
	GPtrArray *missing; /* of char*, the caller's: as `garbage` has them */
	GHashTable *unseen; /* a set of those that the last search did not find */
} Search;

/* TRUE: @file is not there under any name, or was and is unlinked. @names: those in cur/ with its base. No message has that base: admission
 * sees to it. */
static gboolean unlink_renamed(Search *search, const char *file, GPtrArray *names)
{
	gboolean unlinked = FALSE;
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = account_path(search->account, search->folder, "cur", names->pdata[i]);
		unlinked = unlink(path) == 0 || unlinked;
	}
	/* A directory that changes may hide a file from one reading. */
	return unlinked || (names->len == 0 && !g_hash_table_add(search->unseen, (gpointer)(guintptr)file));
}

/* Reads the directory once. FALSE: there is nothing more to be done. */
static gboolean search_once(Search *search)
{
	g_autofree char *path = account_path(search->account, search->folder, "cur", NULL);
	g_autoptr(GPtrArray) names = NULL;
	g_autoptr(GHashTable) by_base =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	if (!maildir_read_directory(path, FALSE, &names, NULL))
		return FALSE;
	for (guint i = 0; i < search->missing->len; i++)
		(void)g_hash_table_insert(by_base, base_of(search->missing->pdata[i]), g_ptr_array_new());
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *base = base_of(names->pdata[i]);
		GPtrArray *same = g_hash_table_lookup(by_base, base);
		if (same != NULL)
			g_ptr_array_add(same, names->pdata[i]);
	}
	guint kept = 0;
	for (guint i = 0; i < search->missing->len; i++) {
		const char *file = search->missing->pdata[i];
		g_autofree char *base = base_of(file);
		if (unlink_renamed(search, file, g_hash_table_lookup(by_base, base)))
			note_unlinked(search->account, search->mailbox, file);
		else
			search->missing->pdata[kept++] = search->missing->pdata[i];
	}
	g_ptr_array_set_size(search->missing, (gint)kept);
	return kept > 0;
}

/* Unlinks @files (of char*) of cur/, which no row has any more. What cannot be unlinked stays in `garbage`. With the account's lock, so that
 * the folder's name is right. */
static void unlink_files(Account *account, gint64 mailbox, const char *folder, GPtrArray *files)
{
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	for (guint i = 0; i < files->len; i++) {
		g_autofree char *path = account_path(account, folder, "cur", files->pdata[i]);
		if (unlink(path) == 0)
			note_unlinked(account, mailbox, files->pdata[i]);
		else if (errno == ENOENT)
			g_ptr_array_add(missing, files->pdata[i]);
	}
	if (missing->len == 0)
		return;
	Search search = {
		.account = account,
		.mailbox = mailbox,
		.folder = folder,
		.missing = missing,
		.unseen = g_hash_table_new(g_direct_hash, g_direct_equal),
	};
	for (guint i = 0; i < SEARCHES_MAX && search_once(&search); i++)
		continue;
	g_hash_table_unref(search.unseen);
}

void mailbox_unlink(Mailbox *mailbox, const GArray *rows)
{
	Account *account = mailbox->account;
	/* If the folder cannot be known for certain, the files wait in `garbage`. */
	if (!account_lock_shared(account->lock, NULL))
		return;
	if (mailbox_reread_folder(mailbox, NULL)) {
		g_autofree char *folder = mailbox_folder(mailbox);
		g_autoptr(GPtrArray) files = g_ptr_array_new();
		for (guint i = 0; i < rows->len; i++)
			if (g_array_index(rows, ExpungeRow, i).file != NULL)
				g_ptr_array_add(files, g_array_index(rows, ExpungeRow, i).file);
		mailbox_cur_begin(mailbox);
		unlink_files(account, mailbox->id, folder, files);
		mailbox_cur_end(mailbox);
	}
	account_lock_shared_end(account->lock);
	account_forget_unlinked(account, UNLINKED_MAX);
}

/* What `garbage` names in one folder. Of char*; NULL on failure. */
static GPtrArray *read_garbage(Db *db, gint64 mailbox, GError **error)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows =
		db_select(db, &failure, "SELECT file FROM garbage WHERE mailbox=?", DB_INT(mailbox));
	while (rows != NULL && db_next(rows, &failure))
		g_ptr_array_add(files, g_strdup(db_column_text(rows, 0)));
	if (failure == NULL)
		return g_steal_pointer(&files);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

typedef struct {
	gint64 mailbox;
	char *folder;     /* owned */
	GPtrArray *files; /* of char*, owned */
} Heap;

static void heap_free(gpointer data)
{
	Heap *heap = data;
	g_free(heap->folder);
	g_clear_pointer(&heap->files, g_ptr_array_unref);
	g_free(heap);
}

/* Of Heap; NULL on failure. */
static GPtrArray *read_heaps(Db *db, GError **error)
{
	g_autoptr(GPtrArray) heaps = g_ptr_array_new_with_free_func(heap_free);
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT id, folder FROM mailbox WHERE id IN (SELECT mailbox FROM garbage)");
		while (rows != NULL && db_next(rows, &failure)) {
			Heap *heap = g_new0(Heap, 1);
			heap->mailbox = db_column_int(rows, 0);
			heap->folder = g_strdup(db_column_text(rows, 1));
			g_ptr_array_add(heaps, heap);
		}
	}
	for (guint i = 0; failure == NULL && i < heaps->len; i++) {
		Heap *heap = heaps->pdata[i];
		heap->files = read_garbage(db, heap->mailbox, &failure);
	}
	if (failure == NULL)
		return g_steal_pointer(&heaps);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

gboolean account_collect_garbage(Account *account, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GPtrArray) heaps = read_heaps(db, error);
	account_release_db(account, db);
	if (heaps == NULL)
		return FALSE;
	for (guint i = 0; i < heaps->len; i++) {
		const Heap *heap = heaps->pdata[i];
		unlink_files(account, heap->mailbox, heap->folder, heap->files);
	}
	account_forget_unlinked(account, 0);
	return TRUE;
}
