/* The threads that carry out commands: as many as the settings say, and one queue. A job runs on whichever
 * worker is free; when it is over its second half runs in the loop's thread. */
#pragma once
#include "server/conn/loop.h"
G_BEGIN_DECLS

typedef struct WorkerPool WorkerPool;

WorkerPool *worker_pool_new(Loop *loop, guint n_workers);
/* Lets the jobs in the queue run, waits for them, ends the threads. What they post to the loop stays
 * posted. */
void worker_pool_free(WorkerPool *pool);

/* Runs @run(@data) on a worker, then @done(@data) in the loop. @done may be NULL. From any thread. */
void worker_pool_submit(WorkerPool *pool, LoopFunc run, LoopFunc done, gpointer data);

/* How many workers for a setting of 0: one a core, at least 4, since some of them wait for the disk. */
guint worker_pool_default_size(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkerPool, worker_pool_free)
G_END_DECLS
