/* Files without a row get one: those that another program delivered into new/, and those found in cur/ (mailbox-scan.c). */
#include "store/account-private.h"

#include "store/foreign.h"
#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In one transaction; and from so many on, one syncfs() is cheaper than an fsync() of each. */
#define BATCH 256
#define SYNCFS_FROM 16

/* mtime is as coarse as the kernel's clock tick: a directory that changed more recently may change again without another mtime. */
#define MTIME_SETTLED_NS G_GINT64_CONSTANT(1000000000)

typedef struct {
	char *name, *file; /* owned; in new/ and in cur/ */
	ContentInfo content;
	MessageFlags flags;
	guint32 letters; /* of keywords, as in the name */
	guint32 uid;     /* 0: the next one */
	gint64 mtime;
	int fd;
	gboolean moved; /* has its name in cur/ */
} Arrival;

static void clear_arrival(gpointer data)
{
	Arrival *arrival = data;
	g_free(arrival->name);
	g_free(arrival->file);
	if (arrival->fd >= 0)
		(void)close(arrival->fd);
}

typedef struct {
	Mailbox *mailbox;
	GArray *arrivals;    /* of Arrival */
	GPtrArray *keywords; /* what letters mean (foreign.h), or NULL */
	gint64 now, cur_mtime_ns;
	gboolean writes_mtime;
} Admission;

/* The keyword set that the letters of a file's name mean. */
static gboolean set_for_letters(
	Db *db, const Admission *admission, guint32 letters, guint32 *set_out, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (guint i = 0; admission->keywords != NULL && i < FOREIGN_KEYWORDS; i++) {
		const char *one[] = { admission->keywords->pdata[i], NULL };
		if ((letters & (1u << i)) && one[0] != NULL && keywords_check(one, NULL))
			g_ptr_array_add(names, admission->keywords->pdata[i]);
	}
	g_ptr_array_add(names, NULL);
	return keyword_set_for_names(
		db, admission->mailbox->id, (const char *const *)names->pdata, set_out, error);
}

static gboolean admit_rows(Db *db, gpointer data, GError **error)
{
	Admission *admission = data;
	MailboxState state;
	if (!mailbox_state_read(db, admission->mailbox->id, &state, error))
		return FALSE;
	(void)mailbox_state_touch(&state);
	for (guint i = 0; i < admission->arrivals->len; i++) {
		const Arrival *arrival = &g_array_index(admission->arrivals, Arrival, i);
		NewMessage row = {
			.flags = arrival->flags,
			.internal_at = arrival->mtime,
			.internal_zone = local_zone_at(arrival->mtime),
			.saved_at = admission->now,
			.file = arrival->file,
		};
		guint32 uid;
		if (!arrival->moved)
			continue;
		state.uidnext = MAX(state.uidnext, arrival->uid);
		if (!email_for_content(db, &arrival->content, &row.email, error) ||
			!set_for_letters(db, admission, arrival->letters, &row.keywords, error) ||
			!message_insert(db, &state, &row, &uid, error))
			return FALSE;
	}
	return mailbox_state_write(db, &state, error) &&
		(!admission->writes_mtime || mailbox_cur_write(db, state.id, admission->cur_mtime_ns, error));
}

/* Whether somebody has the file open for writing: a copy that goes on, by an admin who did not mind tmp/. Its IN_CLOSE_WRITE comes
 * later. A lease for reading is refused then; where leases cannot be had, the Maildir rule has to do. */
static gboolean is_being_written(int fd)
{
	/* Who opens the file for writing while we have the lease makes a signal: one that is ignored, not SIGIO. */
	if (fcntl(fd, F_SETSIG, SIGURG) != 0)
		return FALSE;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return FALSE;
}

/* FALSE without an error: no message, or one that is not there any more. *@lacking_out: the error is of the process (descriptors, memory), and
 * would be that of any other file. */
static gboolean open_arrival(const char *path, Arrival *arrival, gboolean *lacking_out, GError **error)
{
	struct stat status;
	arrival->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int saved = errno;
	if (arrival->fd < 0) {
		*lacking_out = saved == EMFILE || saved == ENFILE || saved == ENOMEM;
		/* Gone; a socket or a device; a symbolic link that leads nowhere. */
		if (saved != ENOENT && saved != ENXIO && saved != ELOOP)
			store_set_errno(error, saved, "%s: cannot open", path);
		return FALSE;
	}
	if (fstat(arrival->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return FALSE;
	arrival->mtime = status.st_mtim.tv_sec;
	return TRUE;
}

/* FALSE without an error: no message, or one that is not there any more; or it cannot be read, which the store's owner is told, and
 * *@unreadable_out counts. */
static gboolean read_arrival(
	Mailbox *mailbox, const char *part, Arrival *arrival, guint *unreadable_out, GError **error)
{
	g_autofree char *path = mailbox_path(mailbox, part, arrival->name);
	g_autoptr(GError) failure = NULL;
	gboolean lacking = FALSE;
	arrival->flags = maildir_flags_of_file(arrival->name, &arrival->letters);
	if (!open_arrival(path, arrival, &lacking, &failure) ||
		!content_read_file(arrival->fd, path, &arrival->content, &failure)) {
		if (failure != NULL && !lacking) {
			store_report(mailbox->account, failure);
			(*unreadable_out)++;
		} else if (failure != NULL) {
			g_propagate_error(error, g_steal_pointer(&failure));
		}
		return FALSE;
	}
	/* In cur/ it keeps what is behind ":2,", and gets that if it has not. */
	gsize base = maildir_base_len(arrival->name);
	arrival->file = arrival->name[base] != '\0' ? g_strdup(arrival->name)
						    : maildir_name_with_flags(arrival->name, 0, NULL);
	return TRUE;
}

/* Whether a message of the mailbox, or one that was expunged a moment ago, has the name but for its flags: an agent that reuses names, an
 * admin who copied a file twice, or one from a backup. Another program may have renamed the file that we would meet in cur/. */
static gboolean is_taken(Mailbox *mailbox, const char *file, gboolean *taken_out, GError **error)
{
	Db *db = account_acquire_db(mailbox->account, error);
	if (db == NULL)
		return FALSE;
	g_autofree char *base = g_strndup(file, maildir_base_len(file));
	/* All names from "BASE:2," up to "BASE:2,\377..." */
	g_autofree char *first = g_strconcat(base, ":2,", NULL), *last = g_strconcat(base, ":2-", NULL);
	gint64 n;
	gboolean ok = db_get_int(db, error, &n, NULL,
		"SELECT EXISTS (SELECT 1 FROM message WHERE mailbox=?1 AND file=?2)"
		" OR EXISTS (SELECT 1 FROM message WHERE mailbox=?1 AND file>=?3 AND file<?4)"
		" OR EXISTS (SELECT 1 FROM garbage WHERE mailbox=?1 AND file=?2)"
		" OR EXISTS (SELECT 1 FROM garbage WHERE mailbox=?1 AND file>=?3 AND file<?4)",
		DB_INT(mailbox->id), DB_TEXT(base), DB_TEXT(first), DB_TEXT(last));
	account_release_db(mailbox->account, db);
	*taken_out = n != 0;
	return ok;
}

static void give_own_name(Arrival *arrival)
{
	g_autofree char *base =
		maildir_unique_name(MAILDIR_ORIGINAL, arrival->content.file_size, arrival->content.size);
	g_free(arrival->file);
	arrival->file = maildir_name_with_flags(base, arrival->flags, NULL);
}

/* FALSE without an error: another process was faster. */
static gboolean move_arrival(Mailbox *mailbox, Arrival *arrival, GError **error)
{
	gboolean taken;
	if (!is_taken(mailbox, arrival->file, &taken, error))
		return FALSE;
	if (taken)
		give_own_name(arrival);
	g_autofree char *from = mailbox_path(mailbox, "new", arrival->name);
	g_autofree char *to = mailbox_path(mailbox, "cur", arrival->file);
	if (maildir_rename_new(from, to) == 0)
		return TRUE;
	int saved = errno;
	if (saved == EEXIST) { /* a file that is no message of ours yet */
		give_own_name(arrival);
		g_free(to);
		to = mailbox_path(mailbox, "cur", arrival->file);
		if (maildir_rename_new(from, to) == 0)
			return TRUE;
		saved = errno;
	}
	if (saved != ENOENT || access(from, F_OK) == 0) /* cur/ may be missing */
		store_set_errno(error, saved, "%s: cannot rename", from);
	return FALSE;
}

/* fsync() needs the file, syncfs() does not: of many files few are open at once. */
static void add_arrival(GArray *arrivals, const Arrival *arrival)
{
	g_array_append_vals(arrivals, arrival, 1);
	for (guint i = 0; arrivals->len >= SYNCFS_FROM && i < arrivals->len; i++) {
		Arrival *kept = &g_array_index(arrivals, Arrival, arrivals->len - 1 - i);
		if (kept->fd < 0)
			continue;
		(void)close(kept->fd);
		kept->fd = -1;
	}
}

/* The whole file system. */
static gboolean sync_all(Account *account, const char *path, GError **error)
{
	int fd = maildir_open_directory(path, error);
	if (fd < 0)
		return FALSE;
	gboolean ok = syncfs(fd) == 0;
	int saved = errno;
	if (!ok) {
		store_set_errno(error, saved, "%s: cannot sync", path);
		account_sync_failed(account);
	}
	(void)close(fd);
	return ok;
}

static gboolean sync_arrivals(Mailbox *mailbox, const char *part, GArray *arrivals, GError **error)
{
	g_autofree char *new_path = mailbox_path(mailbox, part, NULL);
	gboolean ok = TRUE;
	if (arrivals->len >= SYNCFS_FROM)
		return sync_all(mailbox->account, new_path, error);
	for (guint i = 0; ok && i < arrivals->len; i++) {
		const Arrival *arrival = &g_array_index(arrivals, Arrival, i);
		ok = !arrival->moved || account_sync_file(mailbox->account, arrival->fd, arrival->file, error);
	}
	return ok && mailbox_sync_cur(mailbox, error) &&
		account_sync_directory(mailbox->account, new_path, error);
}

static void move_back(Mailbox *mailbox, GArray *arrivals)
{
	mailbox_cur_begin(mailbox);
	for (guint i = 0; i < arrivals->len; i++) {
		const Arrival *arrival = &g_array_index(arrivals, Arrival, i);
		if (!arrival->moved)
			continue;
		g_autofree char *from = mailbox_path(mailbox, "cur", arrival->file);
		g_autofree char *to = mailbox_path(mailbox, "new", arrival->name);
		(void)maildir_rename_new(from, to); /* else it is found in cur/ the next time */
	}
	mailbox_cur_end(mailbox);
}

typedef struct {
	guint admitted;   /* got a UID */
	guint writing;    /* somebody writes them */
	guint unreadable; /* messages, probably */
} Tally;

/* With the account's lock shared. Adds to @tally. */
static gboolean admit_batch(Mailbox *mailbox, GPtrArray *keywords, GPtrArray *names, guint first, guint n,
	Tally *tally, GError **error)
{
	g_autoptr(GArray) arrivals = g_array_new(FALSE, TRUE, sizeof(Arrival));
	g_array_set_clear_func(arrivals, clear_arrival);
	g_autoptr(GError) failure = NULL;
	guint moved = 0;
	for (guint i = first; failure == NULL && i < first + n; i++) {
		Arrival arrival = { .name = g_strdup(names->pdata[i]), .fd = -1 };
		gboolean is_message = read_arrival(mailbox, "new", &arrival, &tally->unreadable, &failure);
		gboolean writing = is_message && is_being_written(arrival.fd);
		if (is_message && !writing)
			add_arrival(arrivals, &arrival);
		else
			clear_arrival(&arrival);
		tally->writing += writing;
	}
	mailbox_cur_begin(mailbox);
	for (guint i = 0; failure == NULL && i < arrivals->len; i++) {
		Arrival *arrival = &g_array_index(arrivals, Arrival, i);
		arrival->moved = move_arrival(mailbox, arrival, &failure);
		moved += arrival->moved;
	}
	mailbox_cur_end(mailbox);
	Admission admission = { mailbox, arrivals, keywords, now_seconds(), mailbox_cur_mtime_ns(mailbox),
		TRUE };
	gboolean ok = failure == NULL &&
		(moved == 0 ||
			(sync_arrivals(mailbox, "new", arrivals, &failure) &&
				account_write(mailbox->account, admit_rows, &admission, &failure)));
	tally->admitted += ok ? moved : 0;
	if (ok)
		return TRUE;
	move_back(mailbox, arrivals);
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What letters in the names of this folder mean; NULL if nothing. */
static GPtrArray *read_letters(Mailbox *mailbox)
{
	gsize len;
	g_autofree char *folder = mailbox_path(mailbox, NULL, NULL);
	g_autofree char *text = foreign_read(folder, "dovecot-keywords", &len);
	return text != NULL ? foreign_parse_keywords(text, len) : NULL;
}

static gboolean admit_all(Mailbox *mailbox, gint64 mtime_ns, Tally *tally, GError **error)
{
	g_autofree char *path = mailbox_path(mailbox, "new", NULL);
	g_autoptr(GPtrArray) names = NULL;
	if (!maildir_read_directory(path, FALSE, &names, error))
		return FALSE;
	/* Names begin with the time of delivery. */
	g_ptr_array_sort(names, compare_names);
	g_autoptr(GPtrArray) keywords = names->len > 0 ? read_letters(mailbox) : NULL;
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < names->len; i += BATCH) {
		if (!account_lock_shared(mailbox->account->lock, error))
			return FALSE;
		ok = mailbox_reread_folder(mailbox, error) &&
			admit_batch(mailbox, keywords, names, i, MIN(BATCH, names->len - i), tally,
				error);
		account_lock_shared_end(mailbox->account->lock);
	}
	if (tally->admitted > 0) {
		mailbox_changed(mailbox);
		account_note_changes(mailbox->account);
	} else if (ok && tally->writing == 0 && tally->unreadable == 0 &&
		g_get_real_time() * 1000 - mtime_ns > MTIME_SETTLED_NS) {
		/* Empty, or there is only what is no message. */
		mailbox->new_mtime_ns = mtime_ns;
	}
	return ok;
}

gboolean mailbox_try_admit_new(Mailbox *mailbox, gboolean *again_out, GError **error)
{
	*again_out = FALSE;
	/* A reader can read on; what lies there waits. */
	if (g_atomic_int_get(&mailbox->account->read_only) || g_atomic_int_get(&mailbox->account->deleted))
		return TRUE;
	g_autofree char *path = mailbox_path(mailbox, "new", NULL);
	g_mutex_lock(&mailbox->admit_mutex);
	gint64 mtime_ns = maildir_mtime_ns(path);
	/* 0: the folder is not there; whether the mailbox is, its row tells. */
	Tally tally = { 0, 0, 0 };
	gboolean ok = mtime_ns == 0 || mtime_ns == mailbox->new_mtime_ns ||
		admit_all(mailbox, mtime_ns, &tally, error);
	g_mutex_unlock(&mailbox->admit_mutex);
	*again_out = !ok || tally.unreadable > 0;
	return ok;
}

/* Whether the mailbox is there, once nobody is deleting or renaming one: that moves folders before rows. */
static gboolean is_there(Mailbox *mailbox, GError **error)
{
	if (!account_lock_shared(mailbox->account->lock, error))
		return FALSE;
	gboolean there = mailbox_reread_folder(mailbox, error);
	account_lock_shared_end(mailbox->account->lock);
	return there;
}

gboolean mailbox_admit_new(Mailbox *mailbox, GError **error)
{
	g_autoptr(GError) failure = NULL;
	gboolean again;
	if (!mailbox_try_admit_new(mailbox, &again, &failure)) {
		/* A full disk keeps nobody from reading what is there; who writes is told. */
		if (g_error_matches(failure, STORE_ERROR, STORE_ERROR_NO_SPACE) ||
			g_error_matches(failure, STORE_ERROR, STORE_ERROR_READ_ONLY))
			return TRUE;
		/* The folder may have gone while it was read, with its mailbox or to another name. */
		return is_there(mailbox, error) && mailbox_try_admit_new(mailbox, &again, error);
	}
	return TRUE;
}

void account_admit_new(Account *account)
{
	g_autoptr(GArray) ids = account_mailbox_ids(account, NULL);
	for (guint i = 0; ids != NULL && i < ids->len; i++) {
		g_autoptr(Mailbox) mailbox =
			account_mailbox_by_id(account, g_array_index(ids, gint64, i), NULL);
		if (mailbox != NULL)
			(void)mailbox_admit_new(mailbox, NULL); /* an error shows when the mailbox is used */
	}
}

/* -- cur/ ---------------------------------------------------------------------------------------------------------------- */

static gint compare_orphans(gconstpointer a, gconstpointer b)
{
	const Orphan *x = a, *y = b;
	if ((x->uid == 0) != (y->uid == 0))
		return x->uid == 0 ? 1 : -1; /* those whose UID is known come first */
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return strcmp(x->name, y->name);
}

static gboolean admit_orphan_batch(Mailbox *mailbox, GPtrArray *keywords, const Orphan *orphans, guint n,
	guint *unreadable_out, GError **error)
{
	g_autoptr(GArray) arrivals = g_array_new(FALSE, TRUE, sizeof(Arrival));
	g_array_set_clear_func(arrivals, clear_arrival);
	for (guint i = 0; i < n; i++) {
		g_autoptr(GError) failure = NULL;
		Arrival arrival = {
			.name = g_strdup(orphans[i].name), .uid = orphans[i].uid, .fd = -1, .moved = TRUE
		};
		if (read_arrival(mailbox, "cur", &arrival, unreadable_out, &failure)) {
			g_free(arrival.file);
			arrival.file = g_strdup(arrival.name); /* as it is */
			add_arrival(arrivals, &arrival);
			continue;
		}
		clear_arrival(&arrival);
		if (failure != NULL) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return FALSE;
		}
	}
	Admission admission = { mailbox, arrivals, keywords, now_seconds(), 0, FALSE };
	return arrivals->len == 0 ||
		(sync_arrivals(mailbox, "cur", arrivals, error) &&
			account_write(mailbox->account, admit_rows, &admission, error));
}

gboolean mailbox_admit_orphans(Mailbox *mailbox, GArray *orphans, guint *unreadable_out, GError **error)
{
	g_autoptr(GPtrArray) keywords = read_letters(mailbox);
	*unreadable_out = 0;
	g_array_sort(orphans, compare_orphans);
	for (guint i = 0; i < orphans->len; i += BATCH)
		if (!admit_orphan_batch(mailbox, keywords, &g_array_index(orphans, Orphan, i),
			    MIN(BATCH, orphans->len - i), unreadable_out, error))
			return FALSE;
	return TRUE;
}
