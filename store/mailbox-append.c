/* APPEND: a spool in Maildir/tmp/ becomes a file in cur/, then a row. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* -- Rows ------------------------------------------------------------------------------------------------------------- */

gint64 now_seconds(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

gint16 local_zone_at(gint64 unix_seconds)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_local();
	gint interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, unix_seconds);
	return interval < 0 ? 0 : (gint16)(g_time_zone_get_offset(zone, interval) / 60);
}

gboolean email_for_content(Db *db, const ContentInfo *info, gint64 *id_out, GError **error)
{
	gint64 id;
	gboolean found;
	if (!db_get_int(db, error, &id, &found, "SELECT id FROM email WHERE sha256=?",
		    DB_BLOB(info->sha256, CONTENT_HASH_BYTES)))
		return FALSE;
	if (!found) {
		if (!db_run(db, error, "INSERT INTO email (sha256, size, sent_at, sent_day) VALUES (?,?,?,?)",
			    DB_BLOB(info->sha256, CONTENT_HASH_BYTES), DB_INT(info->size),
			    info->has_sent ? DB_INT(info->sent_at) : DB_NULL,
			    info->has_sent ? DB_INT(info->sent_day) : DB_NULL))
			return FALSE;
		id = sqlite3_last_insert_rowid(db_handle(db));
		if (id > G_MAXUINT32) { /* the index's document ids end there */
			g_set_error_literal(error, STORE_ERROR, STORE_ERROR_DATABASE,
				"the account has had 2^32 different messages");
			return FALSE;
		}
	}
	*id_out = id;
	return TRUE;
}

gboolean message_insert(
	Db *db, MailboxState *state, const NewMessage *message, guint32 *uid_out, GError **error)
{
	if (state->uidnext == G_MAXUINT32) {
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT, "The mailbox has no UIDs left");
		return FALSE;
	}
	*uid_out = state->uidnext++;
	return db_run(db, error,
		"INSERT INTO message (mailbox, uid, email, flags, keywords, internal_at, internal_zone, "
		"saved_at, modseq, file)"
		" VALUES (?,?,?,?,?,?,?,?,?,?)",
		DB_INT(state->id), DB_INT(*uid_out), DB_INT(message->email), DB_INT(message->flags),
		DB_INT(message->keywords), DB_INT(message->internal_at), DB_INT(message->internal_zone),
		DB_INT(message->saved_at), DB_INT(state->highestmodseq), DB_TEXT(message->file));
}

/* -- APPEND ----------------------------------------------------------------------------------------------------------- */

typedef struct {
	Mailbox *mailbox;
	const AppendMessage *messages;
	gsize n;
	ContentInfo *contents;
	char **files;
	gint64 now, cur_mtime_ns;
	gint64 journal; /* 0: one message needs none */
	UidRange uids;
	guint32 uidvalidity;
} Append;

static gboolean append_rows(Db *db, gpointer data, GError **error)
{
	Append *append = data;
	MailboxState state;
	if (!mailbox_state_read(db, append->mailbox->id, &state, error))
		return FALSE;
	(void)mailbox_state_touch(&state);
	for (gsize i = 0; i < append->n; i++) {
		const AppendMessage *message = &append->messages[i];
		NewMessage row = {
			.flags = message->flags,
			.internal_at = message->has_date ? message->internal_at : append->now,
			.internal_zone =
				message->has_date ? message->internal_zone : local_zone_at(append->now),
			.saved_at = append->now,
			.file = append->files[i],
		};
		guint32 uid;
		if (!email_for_content(db, &append->contents[i], &row.email, error) ||
			!keyword_set_for_names(db, state.id, message->keywords, &row.keywords, error) ||
			!message_insert(db, &state, &row, &uid, error))
			return FALSE;
		if (i == 0)
			append->uids.first = uid;
		append->uids.last = uid;
	}
	append->uidvalidity = state.uidvalidity;
	return (append->journal == 0 || append_journal_end(db, append->journal, error)) &&
		mailbox_state_write(db, &state, error) &&
		mailbox_cur_write(db, state.id, append->cur_mtime_ns, error);
}

/* On disk, hashed, and named for cur/. */
static gboolean finish_spools(Append *append, GError **error)
{
	g_autofree Spool **spools = g_new(Spool *, append->n);
	for (gsize i = 0; i < append->n; i++)
		spools[i] = append->messages[i].spool;
	if (!spools_finish(spools, append->n, error))
		return FALSE;
	for (gsize i = 0; i < append->n; i++) {
		spool_content(append->messages[i].spool, &append->contents[i]);
		g_autofree char *base = maildir_unique_name(
			MAILDIR_ORIGINAL, append->contents[i].file_size, append->contents[i].size);
		append->files[i] = maildir_name_with_flags(base, append->messages[i].flags, NULL);
	}
	return TRUE;
}

static void unlink_files(Append *append, gsize n)
{
	mailbox_cur_begin(append->mailbox);
	for (gsize i = 0; i < n; i++) {
		g_autofree char *path = mailbox_path(append->mailbox, "cur", append->files[i]);
		(void)unlink(path);
	}
	mailbox_cur_end(append->mailbox);
}

static gboolean move_spools(Append *append, gsize *done_out, GError **error)
{
	gboolean ok = TRUE;
	gsize i = 0;
	mailbox_cur_begin(append->mailbox);
	for (; ok && i < append->n; i++) {
		g_autofree char *path = mailbox_path(append->mailbox, "cur", append->files[i]);
		ok = spool_move(append->messages[i].spool, path, error);
		i -= !ok;
	}
	mailbox_cur_end(append->mailbox);
	*done_out = i;
	return ok;
}

static gboolean append_locked(Append *append, GError **error)
{
	gsize moved;
	if (!mailbox_reread_folder(append->mailbox, error) ||
		(append->n > 1 &&
			!append_journal_begin(
				append->mailbox, append->files, append->n, &append->journal, error)))
		return FALSE;
	gboolean ok = move_spools(append, &moved, error) && mailbox_sync_cur(append->mailbox, error);
	append->cur_mtime_ns = mailbox_cur_mtime_ns(append->mailbox);
	ok = ok && account_write(append->mailbox->account, append_rows, append, error);
	if (ok)
		return TRUE;
	unlink_files(append, moved);
	if (append->journal != 0)
		append_journal_forget(append->mailbox, append->journal);
	return FALSE;
}

gboolean mailbox_append(Mailbox *mailbox, AppendMessage *messages, gsize n, guint32 *uidvalidity_out,
	UidSet **uids_out, GError **error)
{
	Append append = {
		.mailbox = mailbox,
		.messages = messages,
		.n = n,
		.contents = g_new0(ContentInfo, n),
		.files = g_new0(char *, n),
		.now = now_seconds(),
	};
	gboolean ok = n > 0;
	if (!ok)
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT, "There is no message to append");
	for (gsize i = 0; ok && i < n; i++)
		ok = keywords_check(messages[i].keywords, error);
	ok = ok && finish_spools(&append, error) && account_lock_shared(mailbox->account->lock, error);
	if (ok) {
		ok = append_locked(&append, error);
		account_lock_shared_end(mailbox->account->lock);
	}
	for (gsize i = 0; i < n; i++) {
		spool_free(messages[i].spool);
		messages[i].spool = NULL;
		g_free(append.files[i]);
	}
	g_free(append.files);
	g_free(append.contents);
	if (!ok)
		return FALSE;
	mailbox_changed(mailbox);
	account_note_changes(mailbox->account);
	if (uidvalidity_out != NULL)
		*uidvalidity_out = append.uidvalidity;
	if (uids_out != NULL) {
		*uids_out = uidset_new();
		uidset_add_range(*uids_out, append.uids.first, append.uids.last);
	}
	return TRUE;
}
