/* COPY and MOVE. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
	guint32 uid;
	guint8 sha256[CONTENT_HASH_BYTES];
	char *file, *copy; /* owned; names in cur/ of source and target */
	gboolean done;     /* a row has @copy now */
} Item;

static void clear_item(gpointer item)
{
	g_free(((Item *)item)->file);
	g_free(((Item *)item)->copy);
}

typedef struct {
	Mailbox *from, *to;
	gboolean move;
	GArray *items; /* of Item, ascending by UID */
	gint64 now, cur_mtime_ns;
	/* Results */
	GArray *expunged; /* of ExpungeRow */
	UidSet *source_uids, *target_uids;
	guint32 uidvalidity;
} Copy;

static gboolean read_items(Copy *copy, const UidSet *uids, GError **error)
{
	Db *db = account_acquire_db(copy->from->account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	for (guint i = 0; failure == NULL && i < uidset_n_ranges(uids); i++) {
		UidRange range = uidset_range(uids, i);
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT m.uid, m.file, e.sha256 FROM message m CROSS JOIN email e ON e.id=m.email"
			" WHERE m.mailbox=? AND m.uid BETWEEN ? AND ? ORDER BY m.uid",
			DB_INT(copy->from->id), DB_INT(range.first), DB_INT(range.last));
		while (rows != NULL && db_next(rows, &failure)) {
			Item item = { .uid = (guint32)db_column_int(rows, 0),
				.file = g_strdup(db_column_text(rows, 1)) };
			if (sqlite3_column_bytes(rows, 2) == CONTENT_HASH_BYTES)
				memcpy(item.sha256, sqlite3_column_blob(rows, 2), CONTENT_HASH_BYTES);
			g_array_append_val(copy->items, item);
		}
	}
	account_release_db(copy->from->account, db);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

/* A file whose name another program has changed is found under its new one. FALSE: it is gone, or cannot be linked (then *error). */
static gboolean link_item(Copy *copy, Item *item, GError **error)
{
	g_autofree char *base = maildir_unique_name(MAILDIR_COPY, 0, 0);
	const char *size = strstr(item->file, ",S=");
	g_autofree char *sized = size != NULL && size < item->file + maildir_base_len(item->file)
		? g_strdup_printf(
			  "%s%.*s", base, (int)(item->file + maildir_base_len(item->file) - size), size)
		: g_strdup(base);
	g_autofree char *target =
		maildir_name_with_flags(sized, maildir_flags_of_file(item->file, NULL), NULL);
	g_autofree char *from = mailbox_path(copy->from, "cur", item->file);
	g_autofree char *to = mailbox_path(copy->to, "cur", target);
	int failed = maildir_link(from, to), saved = errno;
	if (failed != 0 && saved == ENOENT) {
		g_autofree char *name = mailbox_find_file(copy->from, item->file, item->sha256);
		g_autofree char *renamed = name != NULL ? mailbox_path(copy->from, "cur", name) : NULL;
		if (renamed == NULL)
			return FALSE;
		failed = maildir_link(renamed, to);
		saved = errno;
	}
	if (failed != 0) {
		store_set_errno(error, saved, "%s: cannot link as %s", from, to);
		return FALSE;
	}
	item->copy = g_steal_pointer(&target);
	return TRUE;
}

static gboolean link_items(Copy *copy, GError **error)
{
	g_autoptr(GError) failure = NULL;
	mailbox_cur_begin(copy->to);
	for (guint i = 0; failure == NULL && i < copy->items->len; i++)
		(void)link_item(copy, &g_array_index(copy->items, Item, i), &failure);
	mailbox_cur_end(copy->to);
	copy->cur_mtime_ns = mailbox_cur_mtime_ns(copy->to);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

/* Of those that have no row: the message was expunged meanwhile, or the transaction failed. */
static void unlink_items(Copy *copy)
{
	mailbox_cur_begin(copy->to);
	for (guint i = 0; i < copy->items->len; i++) {
		const Item *item = &g_array_index(copy->items, Item, i);
		if (item->copy == NULL || item->done)
			continue;
		g_autofree char *path = mailbox_path(copy->to, "cur", item->copy);
		(void)unlink(path);
	}
	mailbox_cur_end(copy->to);
}

static gboolean copy_row(Db *db, Copy *copy, Item *item, MailboxState *target, GError **error)
{
	g_autoptr(GError) failure = NULL;
	NewMessage row = { .saved_at = copy->now, .file = item->copy };
	guint32 set, uid;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT email, flags, keywords, internal_at, internal_zone FROM message WHERE "
			"mailbox=? AND uid=?",
			DB_INT(copy->from->id), DB_INT(item->uid));
		if (rows == NULL || !db_next(rows, &failure)) {
			if (failure == NULL)
				return TRUE; /* gone */
			g_propagate_error(error, g_steal_pointer(&failure));
			return FALSE;
		}
		row.email = db_column_int(rows, 0);
		row.flags = (MessageFlags)db_column_int(rows, 1);
		set = (guint32)db_column_int(rows, 2);
		row.internal_at = db_column_int(rows, 3);
		row.internal_zone = (gint16)db_column_int(rows, 4);
	}
	if (!keyword_set_translate(db, copy->from->id, set, copy->to->id, &row.keywords, error) ||
		!message_insert(db, target, &row, &uid, error))
		return FALSE;
	item->done = TRUE;
	uidset_add(copy->source_uids, item->uid);
	uidset_add(copy->target_uids, uid);
	if (copy->move) {
		ExpungeRow gone = { item->uid, row.email, g_strdup(item->file) };
		g_array_append_val(copy->expunged, gone);
	}
	return TRUE;
}

static gboolean copy_rows(Db *db, gpointer data, GError **error)
{
	Copy *copy = data;
	MailboxState target, source;
	if (!mailbox_state_read(db, copy->to->id, &target, error) ||
		!mailbox_state_read(db, copy->from->id, &source, error))
		return FALSE;
	(void)mailbox_state_touch(&target);
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < copy->items->len; i++) {
		Item *item = &g_array_index(copy->items, Item, i);
		ok = item->copy == NULL || copy_row(db, copy, item, &target, error);
	}
	copy->uidvalidity = target.uidvalidity;
	if (ok && !uidset_is_empty(copy->target_uids))
		ok = mailbox_state_write(db, &target, error) &&
			mailbox_cur_write(db, target.id, copy->cur_mtime_ns, error);
	if (ok && copy->expunged->len > 0) {
		/* Source and target may be one mailbox: then its state was written a moment ago. */
		ok = mailbox_state_read(db, copy->from->id, &source, error);
		(void)mailbox_state_touch(&source);
		ok = ok &&
			expunge_rows(db, &source, (const ExpungeRow *)(void *)copy->expunged->data,
				copy->expunged->len, error) &&
			mailbox_state_write(db, &source, error);
	}
	for (guint i = 0; !ok && i < copy->items->len; i++)
		g_array_index(copy->items, Item, i).done = FALSE;
	return ok;
}

static gboolean copy_locked(Copy *copy, const UidSet *uids, GError **error)
{
	if (!mailbox_reread_folder(copy->from, error) || !mailbox_reread_folder(copy->to, error) ||
		!read_items(copy, uids, error))
		return FALSE;
	gboolean ok = link_items(copy, error) && (copy->items->len == 0 || mailbox_sync_cur(copy->to, error));
	gboolean written = ok && account_write(copy->from->account, copy_rows, copy, error);
	for (guint i = 0; !written && i < copy->items->len; i++)
		g_array_index(copy->items, Item, i).done = FALSE;
	unlink_items(copy);
	return written;
}

gboolean mailbox_copy(Mailbox *from, const UidSet *uids, Mailbox *to, gboolean move, guint32 *uidvalidity_out,
	UidSet **source_uids_out, UidSet **target_uids_out, GError **error)
{
	g_assert(from->account == to->account);
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
	g_array_set_clear_func(items, clear_item);
	g_autoptr(GArray) expunged = expunge_rows_new();
	g_autoptr(UidSet) source_uids = uidset_new();
	g_autoptr(UidSet) target_uids = uidset_new();
	Copy copy = {
		.from = from,
		.to = to,
		.move = move,
		.items = items,
		.now = now_seconds(),
		.expunged = expunged,
		.source_uids = source_uids,
		.target_uids = target_uids,
	};
	if (!account_lock_shared(from->account->lock, error))
		return FALSE;
	gboolean ok = copy_locked(&copy, uids, error);
	account_lock_shared_end(from->account->lock);
	if (!ok)
		return FALSE;
	if (!uidset_is_empty(target_uids)) {
		if (move)
			mailbox_unlink(from, expunged);
		mailbox_changed(to);
		if (move && from != to)
			mailbox_changed(from);
		account_note_changes(from->account);
	}
	if (uidvalidity_out != NULL)
		*uidvalidity_out = copy.uidvalidity;
	if (source_uids_out != NULL)
		*source_uids_out = g_steal_pointer(&source_uids);
	if (target_uids_out != NULL)
		*target_uids_out = g_steal_pointer(&target_uids);
	return TRUE;
}
