/* All connections of the server: counts them, brings them news of their mailboxes, and ends them when the
 * server stops. In the loop's thread, but for hub_news(). */
#pragma once
#include "server/conn/loop.h"
#include "server/conn/worker-pool.h"
#include "server/context.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

typedef struct Hub Hub;

/* Borrows all. @login_pool carries out what clients ask before they have logged in: so a flood of password
 * checks, which cost CPU by design, keeps nobody waiting who has. */
Hub *hub_new(ServerContext *server, Loop *loop, WorkerPool *pool, WorkerPool *login_pool);
/* When no connection is left. */
void hub_free(Hub *hub);

ServerContext *hub_server(Hub *hub);
Loop *hub_loop(Hub *hub);
WorkerPool *hub_pool(Hub *hub); /* NULL: the end is near, no job can be given out */
WorkerPool *hub_login_pool(Hub *hub);
/* The pools are about to be freed. */
void hub_forget_pools(Hub *hub);
/* A buffer that all connections read into, and its size: filled and emptied within one event. */
char *hub_scratch(Hub *hub, gsize *size_out);

/* A client has connected: takes over @fd. @peer is its address for people; @local: it is on this machine. */
void hub_accept(Hub *hub, int fd, const char *peer, gboolean local, gboolean implicit_tls);

/* From the store's listener, any thread: @account's mailbox has changed. With @list the set of its
 * mailboxes. */
void hub_news(Hub *hub, const char *account, gint64 mailbox_id, gboolean list);

/* Says BYE to all. When the last one is gone, or after HUB_STOP_SECONDS, calls @done in the loop's thread;
 * commands that still run half that time later are cancelled. */
#define HUB_STOP_SECONDS 10
void hub_stop(Hub *hub, LoopFunc done, gpointer data);

/* For connections: they enter and leave, and say whose news they want (NULL: nobody's). */
void hub_enter(Hub *hub, Connection *connection);
void hub_leave(Hub *hub, Connection *connection);
void hub_watch(Hub *hub, Connection *connection, const char *account);
void hub_unwatch(Hub *hub, Connection *connection, const char *account);

G_END_DECLS
