/* Space for what frees space. On a full disk nothing can be written, and so nothing could be expunged either: SQLite first writes what it
 * will change. Each account has a file that is nothing but space, and gives it up for such a write. */
#include "store/account-private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A transaction that expunges EXPUNGE_CHUNK scattered messages (mailbox-expunge.c) changes up to 100 pages of 4 KiB. */
#define RESERVE_BYTES (512 * 1024)
#define RESERVE_MIN_BYTES (64 * 1024)

static char *reserve_path(const Account *account)
{
	return g_build_filename(account->dir, "mailsift.reserve", NULL);
}

void account_reserve_make(Account *account)
{
	g_autofree char *path = reserve_path(account);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat status;
	if (fd < 0)
		return; /* the disk is as full as that; the next one tries again */
	gboolean there = fstat(fd, &status) == 0 && (gint64)status.st_blocks * 512 >= RESERVE_BYTES;
	for (off_t size = RESERVE_BYTES; !there && size >= RESERVE_MIN_BYTES; size /= 2) {
		there = posix_fallocate(fd, 0, size) == 0;
		if (!there) /* what it got of the larger size */
			(void)!ftruncate(fd, 0);
	}
	(void)close(fd);
}

void account_reserve_give_up(Account *account)
{
	g_autofree char *path = reserve_path(account);
	/* A journaling file system may not have the blocks before the removal itself is on disk. */
	if (unlink(path) == 0)
		(void)account_sync_directory(account, account->dir, NULL);
}
