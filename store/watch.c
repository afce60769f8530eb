#include "store/watch.h"

#include "store/maildir.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A delivery is often several events, a commit several writes: what follows within that time is the same call. */
#define GATHER_US (10 * 1000)
#define POLL_MS 1000
#define TICK_US (2 * G_USEC_PER_SEC)
#define EVENT_BYTES (64 * 1024)

/* What failed is called again after so long, twice as long the next time, and so on. */
#define RETRY_MIN_US G_USEC_PER_SEC
#define RETRY_MAX_US (60 * G_USEC_PER_SEC)

/* Threads that carry out calls: an account whose mail takes long to admit does not hold up all others. */
#define WORKERS 4

/* mtime is coarse: what changed so recently may change again without showing it. */
#define SETTLED_NS G_GINT64_CONSTANT(2000000000)

#define WAL_NAME "mailsift.db-wal"

typedef struct {
	gint refs;         /* the table's, and that of a worker */
	char *name;        /* owned */
	GHashTable *items; /* path -> Item, owned */
	GHashTable *due;   /* of Call, owned: a set */
	GHashTable *failed; /* Call (owned) -> Retry, owned */
	gboolean queued;   /* a worker has it, or will */
	gboolean removed;
} Watched;

typedef struct {
	int wd;     /* -1: looked at once a second */
	char *path; /* owned */
	WatchKind kind;
	gint64 mailbox;
	Watched *account;
	gint64 mtime_ns; /* when it was looked at last */
} Item;

typedef struct {
	WatchKind kind;
	gint64 mailbox;
} Call;

/* A call that failed. */
typedef struct {
	gint64 delay_us, at; /* monotonic; 0: under way */
} Retry;

struct Watch {
	WatchFunc func;
	WatchTick tick;
	gpointer data;
	int inotify, wake; /* wake: an eventfd */
	GThread *thread;
	GThreadPool *pool;
	GMutex mutex;         /* of all below */
	GHashTable *by_wd;    /* wd -> Item */
	GHashTable *accounts; /* name -> Watched, a reference */
	guint n_polled, n_failed;
	gboolean ending;
};

static guint call_hash(gconstpointer call)
{
	return (guint)((const Call *)call)->mailbox * 4 + (guint)((const Call *)call)->kind;
}

static gboolean call_equal(gconstpointer a, gconstpointer b)
{
	const Call *x = a, *y = b;
	return x->kind == y->kind && x->mailbox == y->mailbox;
}

static void item_free(gpointer data)
{
	Item *item = data;
	g_free(item->path);
	g_free(item);
}

/* Under the mutex. */
static void watched_unref(gpointer data)
{
	Watched *account = data;
	if (--account->refs > 0)
		return;
	g_hash_table_unref(account->items);
	g_hash_table_unref(account->due);
	g_hash_table_unref(account->failed);
	g_free(account->name);
	g_free(account);
}

/* -- Calls ------------------------------------------------------------------------------------------------------------ */

/* Under the mutex. */
static void make_due(Watch *watch, Watched *account, Call due)
{
	(void)g_hash_table_add(account->due, g_memdup2(&due, sizeof(due)));
	if (!account->queued && !watch->ending) {
		account->queued = TRUE;
		account->refs++;
		(void)g_thread_pool_push(
			watch->pool, account, NULL); /* runs later if no thread can be had now */
	}
}

/* Under the mutex. */
static void add_call(Watch *watch, const Item *item)
{
	make_due(watch, item->account, (Call){ item->kind, item->mailbox });
}

/* Under the mutex, after a call. */
static void note_result(Watch *watch, Watched *account, Call call, gboolean done)
{
	if (done) {
		watch->n_failed -= g_hash_table_remove(account->failed, &call);
		return;
	}
	Retry *retry = g_hash_table_lookup(account->failed, &call);
	if (retry == NULL) {
		retry = g_new0(Retry, 1);
		(void)g_hash_table_insert(account->failed, g_memdup2(&call, sizeof(call)), retry);
		watch->n_failed++;
	}
	retry->delay_us = CLAMP(retry->delay_us * 2, RETRY_MIN_US, RETRY_MAX_US);
	retry->at = g_get_monotonic_time() + retry->delay_us;
}

/* Under the mutex. */
static void retry_calls(Watch *watch)
{
	GHashTableIter accounts, calls;
	gpointer value, call, retry;
	gint64 now = g_get_monotonic_time();
	g_hash_table_iter_init(&accounts, watch->accounts);
	while (watch->n_failed > 0 && g_hash_table_iter_next(&accounts, NULL, &value)) {
		Watched *account = value;
		g_hash_table_iter_init(&calls, account->failed);
		while (g_hash_table_iter_next(&calls, &call, &retry))
			if (((Retry *)retry)->at != 0 && ((Retry *)retry)->at <= now) {
				((Retry *)retry)->at = 0;
				make_due(watch, account, *(const Call *)call);
			}
	}
}

static void run_calls(gpointer data, gpointer user_data)
{
	Watched *account = data;
	Watch *watch = user_data;
	g_mutex_lock(&watch->mutex);
	while (!watch->ending && !account->removed && g_hash_table_size(account->due) > 0) {
		GHashTableIter iter;
		gpointer key;
		g_hash_table_iter_init(&iter, account->due);
		(void)g_hash_table_iter_next(&iter, &key, NULL);
		Call call = *(const Call *)key;
		g_hash_table_iter_remove(&iter);
		g_mutex_unlock(&watch->mutex);
		gboolean done = watch->func(account->name, call.mailbox, call.kind, watch->data);
		g_mutex_lock(&watch->mutex);
		if (!account->removed)
			note_result(watch, account, call, done);
	}
	account->queued = FALSE;
	watched_unref(account);
	g_mutex_unlock(&watch->mutex);
}

/* -- What to look at --------------------------------------------------------------------------------------------------- */

static guint32 mask_of(WatchKind kind)
{
	switch (kind) {
	case WATCH_DATABASE:
		return IN_MODIFY | IN_ONLYDIR;
	case WATCH_NEW:
		return IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR;
	case WATCH_FOLDERS:
		return IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
	}
	g_assert_not_reached();
}

static gint64 item_mtime_ns(const Item *item)
{
	if (item->kind != WATCH_DATABASE)
		return maildir_mtime_ns(item->path);
	g_autofree char *wal = g_build_filename(item->path, WAL_NAME, NULL);
	return maildir_mtime_ns(wal);
}

static gboolean is_empty(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	return dir == NULL || g_dir_read_name(dir) == NULL;
}

void watch_add(Watch *watch, const char *path, WatchKind kind, const char *name, gint64 mailbox)
{
	g_mutex_lock(&watch->mutex);
	Watched *account = g_hash_table_lookup(watch->accounts, name);
	if (account == NULL) {
		account = g_new0(Watched, 1);
		account->refs = 1;
		account->name = g_strdup(name);
		account->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, item_free);
		account->due = g_hash_table_new_full(call_hash, call_equal, g_free, NULL);
		account->failed = g_hash_table_new_full(call_hash, call_equal, g_free, g_free);
		(void)g_hash_table_insert(watch->accounts, account->name, account);
	}
	if (!g_hash_table_contains(account->items, path)) {
		Item *item = g_new0(Item, 1);
		item->path = g_strdup(path);
		item->kind = kind;
		item->mailbox = mailbox;
		item->account = account;
		/* ENOSPC: the limit of watches; ENOENT: it may come back. Whatever it is, looking is possible. */
		item->wd = inotify_add_watch(watch->inotify, path, mask_of(kind));
		if (item->wd >= 0) {
			/* A folder that was renamed is still watched under its old name. */
			Item *old = g_hash_table_lookup(watch->by_wd, GINT_TO_POINTER(item->wd));
			if (old != NULL)
				(void)g_hash_table_remove(old->account->items, old->path);
			(void)g_hash_table_insert(watch->by_wd, GINT_TO_POINTER(item->wd), item);
		} else {
			item->mtime_ns = item_mtime_ns(item);
			watch->n_polled++;
		}
		(void)g_hash_table_insert(account->items, item->path, item);
		/* What came before the watch makes no event. */
		if (kind == WATCH_NEW && !is_empty(path))
			add_call(watch, item);
	}
	g_mutex_unlock(&watch->mutex);
}

/* Under the mutex. The item itself is its table's. */
static void forget_item(Watch *watch, Item *item)
{
	if (item->wd >= 0) {
		(void)g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(item->wd));
		(void)inotify_rm_watch(watch->inotify, item->wd);
	} else {
		watch->n_polled--;
	}
}

void watch_keep_mailboxes(Watch *watch, const char *name, GHashTable *ids)
{
	g_mutex_lock(&watch->mutex);
	Watched *account = g_hash_table_lookup(watch->accounts, name);
	if (account != NULL) {
		GHashTableIter iter;
		gpointer value;
		g_hash_table_iter_init(&iter, account->items);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			Item *item = value;
			if (item->kind == WATCH_NEW && !g_hash_table_contains(ids, &item->mailbox)) {
				forget_item(watch, item);
				g_hash_table_iter_remove(&iter);
			}
		}
	}
	g_mutex_unlock(&watch->mutex);
}

void watch_remove_account(Watch *watch, const char *name)
{
	g_mutex_lock(&watch->mutex);
	Watched *account = g_hash_table_lookup(watch->accounts, name);
	if (account != NULL) {
		GHashTableIter iter;
		gpointer value;
		g_hash_table_iter_init(&iter, account->items);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			forget_item(watch, value);
			g_hash_table_iter_remove(&iter);
		}
		watch->n_failed -= g_hash_table_size(account->failed);
		account->removed = TRUE;
		(void)g_hash_table_remove(watch->accounts, name);
	}
	g_mutex_unlock(&watch->mutex);
}

guint watch_n_polled(Watch *watch)
{
	g_mutex_lock(&watch->mutex);
	guint n = watch->n_polled;
	g_mutex_unlock(&watch->mutex);
	return n;
}

/* -- The thread --------------------------------------------------------------------------------------------------------- */

static void call_all(Watch *watch)
{
	GHashTableIter accounts, items;
	gpointer account, item;
	g_hash_table_iter_init(&accounts, watch->accounts);
	while (g_hash_table_iter_next(&accounts, NULL, &account)) {
		g_hash_table_iter_init(&items, ((Watched *)account)->items);
		while (g_hash_table_iter_next(&items, NULL, &item))
			add_call(watch, item);
	}
}

/* Those that inotify does not watch. Those that it refused may be accepted by now. */
static void look_at_polled(Watch *watch)
{
	GHashTableIter accounts, items;
	gpointer account, value;
	gint64 now_ns = g_get_real_time() * 1000;
	g_hash_table_iter_init(&accounts, watch->accounts);
	while (watch->n_polled > 0 && g_hash_table_iter_next(&accounts, NULL, &account)) {
		g_hash_table_iter_init(&items, ((Watched *)account)->items);
		while (g_hash_table_iter_next(&items, NULL, &value)) {
			Item *item = value;
			if (item->wd >= 0)
				continue;
			gint64 mtime_ns = item_mtime_ns(item);
			item->wd = inotify_add_watch(watch->inotify, item->path, mask_of(item->kind));
			if (item->wd >= 0) {
				(void)g_hash_table_insert(watch->by_wd, GINT_TO_POINTER(item->wd), item);
				watch->n_polled--;
				add_call(watch, item);
			} else if (mtime_ns != 0 &&
				(mtime_ns != item->mtime_ns || now_ns - mtime_ns < SETTLED_NS)) {
				add_call(watch, item);
			}
			item->mtime_ns = mtime_ns;
		}
	}
}

static void handle_event(Watch *watch, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW) {
		call_all(watch);
		return;
	}
	Item *item = g_hash_table_lookup(watch->by_wd, GINT_TO_POINTER(event->wd));
	if (item == NULL)
		return;
	if (event->mask & IN_IGNORED) { /* the directory was removed; another may come in its place */
		(void)g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(item->wd));
		item->wd = -1;
		item->mtime_ns = 0;
		watch->n_polled++;
		if (item->kind == WATCH_DATABASE) /* the account itself is gone */
			add_call(watch, item);
		return;
	}
	if (item->kind == WATCH_DATABASE && (event->len == 0 || strcmp(event->name, WAL_NAME) != 0))
		return;
	if (item->kind == WATCH_FOLDERS &&
		(!(event->mask & IN_ISDIR) || event->len == 0 || event->name[0] != '.'))
		return;
	add_call(watch, item);
}

static void read_events(Watch *watch, char *buffer)
{
	gssize got = read(watch->inotify, buffer, EVENT_BYTES);
	for (gssize at = 0; at < got;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
		handle_event(watch, event);
		at += (gssize)sizeof(struct inotify_event) + event->len;
	}
}

static gpointer watch_thread(gpointer data)
{
	Watch *watch = data;
	g_autofree char *buffer = g_malloc(EVENT_BYTES);
	gint64 tick_at = g_get_monotonic_time() + TICK_US, look_at = 0;
	for (;;) {
		struct pollfd fds[2] = { { watch->inotify, POLLIN, 0 }, { watch->wake, POLLIN, 0 } };
		int ready = poll(fds, G_N_ELEMENTS(fds), POLL_MS);
		if (ready > 0 && fds[1].revents == 0)
			g_usleep(GATHER_US);
		g_mutex_lock(&watch->mutex);
		gboolean ending = watch->ending;
		if (!ending && fds[0].revents != 0)
			read_events(watch, buffer);
		if (!ending && g_get_monotonic_time() >= look_at) {
			look_at_polled(watch);
			retry_calls(watch);
			look_at = g_get_monotonic_time() + POLL_MS * 1000;
		}
		g_mutex_unlock(&watch->mutex);
		if (ending)
			return NULL;
		if (g_get_monotonic_time() >= tick_at) {
			watch->tick(watch->data);
			tick_at = g_get_monotonic_time() + TICK_US;
		}
	}
}

Watch *watch_new(WatchFunc func, WatchTick tick, gpointer data, GError **error)
{
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int saved = errno;
	if (inotify < 0) {
		store_set_errno(error, saved, "cannot watch folders (fs.inotify.max_user_instances)");
		return NULL;
	}
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	saved = errno;
	if (wake < 0) {
		store_set_errno(error, saved, "cannot watch folders");
		(void)close(inotify);
		return NULL;
	}
	Watch *watch = g_new0(Watch, 1);
	watch->func = func;
	watch->tick = tick;
	watch->data = data;
	watch->inotify = inotify;
	watch->wake = wake;
	g_mutex_init(&watch->mutex);
	watch->by_wd = g_hash_table_new(g_direct_hash, g_direct_equal);
	watch->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, watched_unref);
	watch->pool = g_thread_pool_new(run_calls, watch, WORKERS, FALSE, NULL);
	watch->thread = g_thread_new("watch", watch_thread, watch);
	return watch;
}

void watch_free(Watch *watch)
{
	if (watch == NULL)
		return;
	g_mutex_lock(&watch->mutex);
	watch->ending = TRUE;
	g_mutex_unlock(&watch->mutex);
	guint64 one = 1;
	(void)!write(watch->wake, &one, sizeof(one));
	(void)g_thread_join(watch->thread);
	g_thread_pool_free(watch->pool, FALSE, TRUE);
	g_hash_table_unref(watch->accounts);
	g_hash_table_unref(watch->by_wd);
	(void)close(watch->inotify);
	(void)close(watch->wake);
	g_mutex_clear(&watch->mutex);
	g_free(watch);
}
