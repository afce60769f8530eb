/* A literal on its way from the socket to a file: octets are gathered in the loop and written by a worker,
 * two pieces at most in memory. In the loop's thread. */
#pragma once
#include "server/conn/worker-pool.h"
#include "store/mailbox.h"
G_BEGIN_DECLS

typedef struct Spooler Spooler;

/* @account: a reference is taken. @moved is called in the loop's thread after each piece is written. */
Spooler *spooler_new(WorkerPool *pool, Account *account, LoopFunc moved, gpointer data);
/* While no piece is being written. */
void spooler_free(Spooler *spooler);

void spooler_add(Spooler *spooler, const char *data, gsize len);
/* That was all. @close: brings the file to disk and closes it, when it is written; for who has many of them. */
void spooler_end(Spooler *spooler, gboolean close);
void spooler_abandon(Spooler *spooler); /* nobody wants it any more: what is not with a worker is dropped */
gboolean spooler_is_full(const Spooler *spooler);
gboolean spooler_has_ended(const Spooler *spooler);
gboolean spooler_is_busy(const Spooler *spooler); /* a worker has a piece */
gboolean spooler_is_done(const Spooler *spooler); /* all is written, or failed */
/* The file, or NULL and *@error_out (owned). Once, when it is done. */
Spool *spooler_take(Spooler *spooler, GError **error_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spooler, spooler_free)
G_END_DECLS
