/* Sockets that wait for clients: IPv4, IPv6 and Unix. In the loop's thread. */
#pragma once
#include "server/conn/hub.h"
G_BEGIN_DECLS

typedef struct Listeners Listeners;

/* Binds all of server.listen_imap and server.listen_imaps, and begins to listen; clients wait until
 * listeners_start(). A server that starts as root does this before it gives root up. NULL and @error
 * (G_IO_ERROR) when one cannot be had. */
Listeners *listeners_open(const Settings *settings, GError **error);
/* Closes them; removes Unix sockets. */
void listeners_free(Listeners *listeners);

/* Hands clients to @hub from now on. */
void listeners_start(Listeners *listeners, Hub *hub);
/* No more clients. */
void listeners_stop(Listeners *listeners);

/* "127.0.0.1:143, [::1]:993", as they are bound; the caller frees. */
char *listeners_describe(const Listeners *listeners);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listeners, listeners_free)
G_END_DECLS
