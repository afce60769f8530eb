/* Preloaded into mailsiftd (or the program that $KILL_AT_PROGRAM names): kills the process (SIGKILL) before the N-th call that makes something last, or takes something away,
 * counted over all threads from the moment when the file $KILL_AT_ARMED exists. N is $KILL_AT. Writes each call's name and path to
 * $KILL_AT_LOG, so that a failure tells where it was. Built and used by test_kill_at.py and test_kill_indexer.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static void step(const char *name)
{
	const char *at = getenv("KILL_AT"), *armed = getenv("KILL_AT_ARMED"), *log = getenv("KILL_AT_LOG");
	const char *program = getenv("KILL_AT_PROGRAM");
	/* The indexer inherits the library. */
	if (at == NULL || armed == NULL || strcmp(program_invocation_short_name, program != NULL ? program : "mailsiftd") != 0 || access(armed, F_OK) != 0)
		return;
	long n = atomic_fetch_add(&calls, 1) + 1;
	if (log != NULL) {
		int fd = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
		if (fd >= 0) {
			dprintf(fd, "%ld %s\n", n, name);
			close(fd);
		}
	}
	if (n == strtol(at, NULL, 10))
		(void)kill(getpid(), SIGKILL);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
	step("fsync");
	return NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
	step("fdatasync");
	return NEXT(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
	step("rename");
	return NEXT(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	step("renameat");
	return NEXT(renameat)(from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	step("renameat2");
	return NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
	step("link");
	return NEXT(link)(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	step("linkat");
	return NEXT(linkat)(from_dir, from, to_dir, to, flags);
}

int symlink(const char *target, const char *path)
{
	step("symlink");
	return NEXT(symlink)(target, path);
}

int unlink(const char *path)
{
	step("unlink");
	return NEXT(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	step("unlinkat");
	return NEXT(unlinkat)(dir, path, flags);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	step("pwrite64");
	return NEXT(pwrite64)(fd, data, len, offset);
}

int ftruncate64(int fd, off64_t len)
{
	step("ftruncate64");
	return NEXT(ftruncate64)(fd, len);
}
