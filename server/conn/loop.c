#include "server/conn/loop.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
	LoopFunc func;
	gpointer data;
} Posted;

struct Loop {
	struct event_base *base;
	struct event *wake;
	int wake_fd;
	GMutex lock;
	GArray *posted; /* of Posted; under lock */
	GArray *spare;  /* the other one of the two, empty: what runs is taken out in one exchange */
};

/* Returns how many functions were called. */
static guint run_posted(Loop *loop)
{
	g_mutex_lock(&loop->lock);
	GArray *run = loop->posted;
	loop->posted = loop->spare;
	g_mutex_unlock(&loop->lock);
	for (guint i = 0; i < run->len; i++) {
		Posted posted = g_array_index(run, Posted, i);
		posted.func(posted.data);
	}
	guint n = run->len;
	g_array_set_size(run, 0);
	loop->spare = run;
	return n;
}

static void wake_ready(evutil_socket_t fd, short what, void *data)
{
	(void)what;
	guint64 count = 0;
	if (read(fd, &count, sizeof count) < 0) {
		/* EAGAIN: woken for nothing. */
	}
	(void)run_posted(data);
}

Loop *loop_new(GError **error)
{
	g_autoptr(Loop) loop = g_new0(Loop, 1);
	g_mutex_init(&loop->lock);
	loop->posted = g_array_new(FALSE, FALSE, sizeof(Posted));
	loop->spare = g_array_new(FALSE, FALSE, sizeof(Posted));
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int error_number = errno;
	if (loop->wake_fd >= 0) {
		loop->base = event_base_new();
		error_number = errno;
	}
	if (loop->base == NULL) {
		g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(error_number), "event loop: %s",
			g_strerror(error_number));
		return NULL;
	}
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, wake_ready, loop);
	(void)event_add(loop->wake, NULL);
	return g_steal_pointer(&loop);
}

void loop_free(Loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->wake != NULL)
		event_free(loop->wake);
	if (loop->base != NULL)
		event_base_free(loop->base);
	if (loop->wake_fd >= 0)
		(void)close(loop->wake_fd);
	g_array_unref(loop->posted);
	g_array_unref(loop->spare);
	g_mutex_clear(&loop->lock);
	g_free(loop);
}

struct event_base *loop_base(Loop *loop)
{
	return loop->base;
}

void loop_post(Loop *loop, LoopFunc func, gpointer data)
{
	Posted posted = { .func = func, .data = data };
	g_mutex_lock(&loop->lock);
	gboolean first = loop->posted->len == 0;
	g_array_append_val(loop->posted, posted);
	g_mutex_unlock(&loop->lock);
	if (!first)
		return; /* whoever was first has woken it */
	guint64 one = 1;
	if (write(loop->wake_fd, &one, sizeof one) < 0) {
		/* EAGAIN only: the counter is full, so it is awake. */
	}
}

void loop_run(Loop *loop)
{
	(void)event_base_dispatch(loop->base);
}

void loop_quit(Loop *loop)
{
	(void)event_base_loopbreak(loop->base);
}

void loop_drain(Loop *loop)
{
	while (run_posted(loop) > 0) {
		/* what that has posted */
	}
}
