#include "store/account-lock.h"

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Bytes of the file. Who wants MAIN passes GATE first; who wants it exclusively keeps GATE while waiting, so that others queue up. */
enum { BYTE_GATE, BYTE_MAIN, BYTE_FIRST_OPENER = 16 };

/* After this time of being shared without a break the process lets go, so that another one comes to its turn. */
#define SHARED_STRETCH_US (50 * 1000)

struct AccountLock {
	int fd;
	char *path; /* owned */
	GMutex mutex;
	GCond changed;
	/* Below: under @mutex. */
	guint sharing; /* threads */
	guint wanting; /* threads that wait to have it exclusively */
	gboolean exclusive;
	gboolean switching;  /* a thread is about to lock or unlock the file */
	gint64 shared_since; /* monotonic */
};

AccountLock *account_lock_open(const char *path, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		store_set_errno(error, errno, "%s: cannot open", path);
		return NULL;
	}
	AccountLock *lock = g_new0(AccountLock, 1);
	lock->fd = fd;
	lock->path = g_strdup(path);
	g_mutex_init(&lock->mutex);
	g_cond_init(&lock->changed);
	return lock;
}

void account_lock_close(AccountLock *lock)
{
	if (lock == NULL)
		return;
	g_assert(lock->sharing == 0 && !lock->exclusive);
	(void)close(lock->fd);
	g_mutex_clear(&lock->mutex);
	g_cond_clear(&lock->changed);
	g_free(lock->path);
	g_free(lock);
}

static gboolean lock_byte(AccountLock *lock, gint64 byte, short type, GError **error)
{
	struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	while (fcntl(lock->fd, F_OFD_SETLKW, &range) != 0) {
		int saved = errno;
		if (saved == EINTR)
			continue;
		store_set_errno(error, saved, "%s: cannot lock", lock->path);
		return FALSE;
	}
	return TRUE;
}

/* Unlocking a byte of an open file cannot fail but for lack of memory, and then for the next try. */
static void unlock_byte(AccountLock *lock, gint64 byte)
{
	while (!lock_byte(lock, byte, F_UNLCK, NULL))
		g_usleep(G_USEC_PER_SEC / 100);
}

static gboolean lock_main(AccountLock *lock, short type, GError **error)
{
	if (!lock_byte(lock, BYTE_GATE, F_WRLCK, error))
		return FALSE;
	gboolean ok = lock_byte(lock, BYTE_MAIN, type, error);
	unlock_byte(lock, BYTE_GATE);
	return ok;
}

/* The thread that locks or unlocks the file does so without the mutex, and alone. */
static void switching_begin(AccountLock *lock)
{
	lock->switching = TRUE;
	g_mutex_unlock(&lock->mutex);
}

static void switching_end(AccountLock *lock)
{
	g_mutex_lock(&lock->mutex);
	lock->switching = FALSE;
	g_cond_broadcast(&lock->changed);
}

gboolean account_lock_shared(AccountLock *lock, GError **error)
{
	gboolean ok = TRUE;
	g_mutex_lock(&lock->mutex);
	while (lock->exclusive || lock->switching || lock->wanting > 0 ||
		(lock->sharing > 0 && g_get_monotonic_time() - lock->shared_since > SHARED_STRETCH_US))
		g_cond_wait(&lock->changed, &lock->mutex);
	if (lock->sharing == 0) {
		switching_begin(lock);
		ok = lock_main(lock, F_RDLCK, error);
		switching_end(lock);
		lock->shared_since = g_get_monotonic_time();
	}
	if (ok)
		lock->sharing++;
	g_mutex_unlock(&lock->mutex);
	return ok;
}

void account_lock_shared_end(AccountLock *lock)
{
	g_mutex_lock(&lock->mutex);
	g_assert(lock->sharing > 0);
	if (--lock->sharing == 0) {
		switching_begin(lock);
		unlock_byte(lock, BYTE_MAIN);
		switching_end(lock);
	}
	g_mutex_unlock(&lock->mutex);
}

gboolean account_lock_exclusive(AccountLock *lock, GError **error)
{
	g_mutex_lock(&lock->mutex);
	lock->wanting++;
	while (lock->exclusive || lock->switching || lock->sharing > 0)
		g_cond_wait(&lock->changed, &lock->mutex);
	lock->wanting--;
	switching_begin(lock);
	gboolean ok = lock_main(lock, F_WRLCK, error);
	switching_end(lock);
	lock->exclusive = ok;
	g_mutex_unlock(&lock->mutex);
	return ok;
}

void account_lock_exclusive_end(AccountLock *lock)
{
	g_mutex_lock(&lock->mutex);
	g_assert(lock->exclusive);
	switching_begin(lock);
	unlock_byte(lock, BYTE_MAIN);
	switching_end(lock);
	lock->exclusive = FALSE;
	g_cond_broadcast(&lock->changed);
	g_mutex_unlock(&lock->mutex);
}

gboolean account_lock_opener(AccountLock *lock, gint64 id, GError **error)
{
	return lock_byte(lock, BYTE_FIRST_OPENER + id, F_WRLCK, error);
}

gboolean account_lock_opener_alive(AccountLock *lock, gint64 id)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_FIRST_OPENER + id, .l_len = 1
	};
	/* Where that cannot be asked, a dead process would be taken for alive at worst; the comparison of mtimes remains. */
	return fcntl(lock->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}
