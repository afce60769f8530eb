/* Preloaded into mailsiftd: from the moment when the file $FAST_CLOCK_ARMED exists, the monotonic clock runs $FAST_CLOCK_SPEED times as
 * fast, and epoll_wait() waits that much less. So half an hour is over in seconds. Built and used by test_idle.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_llong armed_at; /* nanoseconds; 0: not yet */

static long long speed(void)
{
	const char *text = getenv("FAST_CLOCK_SPEED"), *armed = getenv("FAST_CLOCK_ARMED");
	/* The indexer inherits the library. */
	if (text == NULL || armed == NULL || strcmp(program_invocation_short_name, "mailsiftd") != 0)
		return 1;
	return armed_at != 0 || access(armed, F_OK) == 0 ? atoll(text) : 1;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = NEXT(clock_gettime)(clock, now);
	if (result != 0 || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
		return result;
	long long factor = speed();
	if (factor == 1)
		return 0;
	long long real = now->tv_sec * 1000000000LL + now->tv_nsec, none = 0;
	(void)atomic_compare_exchange_strong(&armed_at, &none, real);
	long long fast = armed_at + (real - armed_at) * factor;
	now->tv_sec = fast / 1000000000LL;
	now->tv_nsec = fast % 1000000000LL;
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	long long factor = speed();
	if (timeout_ms > 0 && factor > 1)
		timeout_ms = (int)(timeout_ms / factor) + 1;
	return NEXT(epoll_wait)(fd, events, max, timeout_ms);
}
