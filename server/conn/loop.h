/* The event loop (libevent) and the one way into it from other threads. All events, connections and
 * listeners belong to the thread that runs loop_run(); everything that happens there must not block. */
#pragma once
#include <event2/event.h>
#include <glib.h>
G_BEGIN_DECLS

typedef struct Loop Loop;
typedef void (*LoopFunc)(gpointer data);

Loop *loop_new(GError **error); /* G_IO_ERROR */
/* Posted functions that have not run are dropped; no thread may post any more. */
void loop_free(Loop *loop);

/* For event_assign() and the like; only in the loop's thread. */
struct event_base *loop_base(Loop *loop);

/* Has @func(@data) called in the loop's thread, soon, in the order of the calls. From any thread; never
 * blocks. */
void loop_post(Loop *loop, LoopFunc func, gpointer data);

/* Runs until loop_quit(), which is called in the loop's thread. */
void loop_run(Loop *loop);
void loop_quit(Loop *loop);

/* When the loop does not run any more: calls what is still posted, and what that posts. */
void loop_drain(Loop *loop);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)
G_END_DECLS
