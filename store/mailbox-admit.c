/* Messages that another program delivered into new/ get a name in cur/ and a UID. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
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
	gint64 mtime;
	int fd;
	gboolean moved;
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
	GArray *arrivals; /* of Arrival */
	gint64 now, cur_mtime_ns;
} Admission;

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
		if (!email_for_content(db, &arrival->content, &row.email, error) ||
			!message_insert(db, &state, &row, &uid, error))
			return FALSE;
	}
	return mailbox_state_write(db, &state, error) &&
		mailbox_cur_write(db, state.id, admission->cur_mtime_ns, error);
}

/* FALSE without an error: no message, or one that is not there any more. */
static gboolean read_arrival(Mailbox *mailbox, Arrival *arrival, GError **error)
{
	g_autofree char *path = mailbox_path(mailbox, "new", arrival->name);
	struct stat status;
	arrival->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (arrival->fd < 0 || fstat(arrival->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return FALSE;
	arrival->mtime = status.st_mtim.tv_sec;
	arrival->flags = maildir_flags_of_file(arrival->name, NULL);
	if (!content_read_file(arrival->fd, path, &arrival->content, error))
		return FALSE;
	g_autofree char *base = g_strndup(arrival->name, maildir_base_len(arrival->name));
	arrival->file = maildir_name_with_flags(base, arrival->flags, NULL);
	return TRUE;
}

/* FALSE without an error: another process was faster. */
static gboolean move_arrival(Mailbox *mailbox, Arrival *arrival, GError **error)
{
	g_autofree char *from = mailbox_path(mailbox, "new", arrival->name);
	g_autofree char *to = mailbox_path(mailbox, "cur", arrival->file);
	if (maildir_rename_new(from, to) == 0)
		return TRUE;
	int saved = errno;
	if (saved == EEXIST) { /* a delivery agent that reuses names */
		g_autofree char *base = maildir_unique_name(arrival->content.file_size, arrival->content.size);
		g_free(arrival->file);
		g_free(to);
		arrival->file = maildir_name_with_flags(base, arrival->flags, NULL);
		to = mailbox_path(mailbox, "cur", arrival->file);
		if (maildir_rename_new(from, to) == 0)
			return TRUE;
		saved = errno;
	}
	if (saved != ENOENT)
		store_set_errno(error, saved, "%s: cannot rename", from);
	return FALSE;
}

static gboolean sync_arrivals(Mailbox *mailbox, GArray *arrivals, GError **error)
{
	g_autofree char *new_path = mailbox_path(mailbox, "new", NULL);
	gboolean ok = TRUE;
	if (arrivals->len >= SYNCFS_FROM) {
		int fd = open(new_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ok = fd >= 0 && syncfs(fd) == 0;
		int saved = errno;
		if (!ok)
			store_set_errno(error, saved, "%s: cannot sync", new_path);
		if (fd >= 0)
			(void)close(fd);
	} else {
		for (guint i = 0; ok && i < arrivals->len; i++) {
			const Arrival *arrival = &g_array_index(arrivals, Arrival, i);
			ok = !arrival->moved || maildir_sync_file(arrival->fd, arrival->file, error);
		}
		ok = ok && mailbox_sync_cur(mailbox, error) && maildir_sync_directory(new_path, error);
	}
	if (!ok)
		account_sync_failed(mailbox->account);
	return ok;
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

/* With the account's lock shared. *@admitted_out: how many got a UID. */
static gboolean admit_batch(Mailbox *mailbox, GPtrArray *names, guint first, guint n, guint *admitted_out, GError **error)
{
	g_autoptr(GArray) arrivals = g_array_new(FALSE, TRUE, sizeof(Arrival));
	g_array_set_clear_func(arrivals, clear_arrival);
	g_autoptr(GError) failure = NULL;
	guint moved = 0;
	for (guint i = first; failure == NULL && i < first + n; i++) {
		Arrival arrival = { .name = g_strdup(names->pdata[i]), .fd = -1 };
		if (read_arrival(mailbox, &arrival, &failure))
			g_array_append_val(arrivals, arrival);
		else
			clear_arrival(&arrival);
	}
	mailbox_cur_begin(mailbox);
	for (guint i = 0; failure == NULL && i < arrivals->len; i++) {
		Arrival *arrival = &g_array_index(arrivals, Arrival, i);
		arrival->moved = move_arrival(mailbox, arrival, &failure);
		moved += arrival->moved;
	}
	mailbox_cur_end(mailbox);
	Admission admission = { mailbox, arrivals, now_seconds(), mailbox_cur_mtime_ns(mailbox) };
	gboolean ok = failure == NULL &&
		(moved == 0 ||
			(sync_arrivals(mailbox, arrivals, &failure) &&
				account_write(mailbox->account, admit_rows, &admission, &failure)));
	*admitted_out = ok ? moved : 0;
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

static gboolean admit_all(Mailbox *mailbox, gint64 mtime_ns, GError **error)
{
	g_autofree char *path = mailbox_path(mailbox, "new", NULL);
	g_autoptr(GPtrArray) names = NULL;
	if (!maildir_read_directory(path, FALSE, &names, error))
		return FALSE;
	/* Names begin with the time of delivery. */
	g_ptr_array_sort(names, compare_names);
	guint admitted = 0;
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < names->len; i += BATCH) {
		guint n;
		if (!account_lock_shared(mailbox->account->lock, error))
			return FALSE;
		ok = mailbox_reread_folder(mailbox, error) &&
			admit_batch(mailbox, names, i, MIN(BATCH, names->len - i), &n, error);
		account_lock_shared_end(mailbox->account->lock);
		admitted += ok ? n : 0;
	}
	if (admitted > 0) {
		mailbox_changed(mailbox);
		account_note_changes(mailbox->account);
	} else if (ok && g_get_real_time() * 1000 - mtime_ns > MTIME_SETTLED_NS) {
		/* Empty, or there is only what is no message. */
		mailbox->new_mtime_ns = mtime_ns;
	}
	return ok;
}

gboolean mailbox_admit_new(Mailbox *mailbox, GError **error)
{
	/* A reader can read on; what lies there waits. */
	if (g_atomic_int_get(&mailbox->account->read_only) || g_atomic_int_get(&mailbox->account->deleted))
		return TRUE;
	g_autofree char *path = mailbox_path(mailbox, "new", NULL);
	g_mutex_lock(&mailbox->admit_mutex);
	gint64 mtime_ns = maildir_mtime_ns(path);
	/* 0: the folder is not there; whether the mailbox is, its row tells. */
	gboolean ok = mtime_ns == 0 || mtime_ns == mailbox->new_mtime_ns || admit_all(mailbox, mtime_ns, error);
	g_mutex_unlock(&mailbox->admit_mutex);
	return ok;
}
