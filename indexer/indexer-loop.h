/* The loop of mailsift-indexer: brings every account's index up to its feed, woken by mailsiftd (ipc.h) or by its own looking now and then, and does the
 * reindexes that it is asked for. One thread (and those that extract texts). Logs what it decides about. */
#pragma once
#include "indexer/account-indexer.h"
#include "store/store.h"
G_BEGIN_DECLS

typedef struct {
	Store *store;              /* borrowed */
	const char *mail_root;     /* borrowed: its databases are looked at for changes that nobody told of */
	IndexingOptions indexing;
	int ipc_fd;                /* to mailsiftd, non-blocking; -1: none */
	gboolean once;             /* end when all accounts are caught up */
	const char *account;       /* only this one (NULL: all) */
	gint *stop;                /* atomic; set (by a signal handler): finish the commit and end */
} IndexerLoopOptions;

/* Runs until it is told to end, mailsiftd goes away, or, with once, all is done. FALSE: with once, some account could not be indexed (logged). */
gboolean indexer_loop_run(const IndexerLoopOptions *options);

G_END_DECLS
