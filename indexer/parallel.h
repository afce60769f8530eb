/* Work that is cut into pieces and done on all cores: scans of the text store and of unindexed messages. Any thread may call. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Does items @first up to, without, @end. Called from several threads at once. FALSE stops all. */
typedef gboolean (*ParallelFunc)(gsize first, gsize end, gpointer data);

/* Calls @func for all of @n items in pieces of @chunk, in this thread and up to @threads - 1 others that live for this call. Where no thread
 * can be had this one does the work alone. Returns when every piece that was begun is done; FALSE if a @func said so. */
gboolean parallel_run(gsize n, gsize chunk, guint threads, ParallelFunc func, gpointer data);

/* The cores that one search may use. */
guint parallel_threads(void);

G_END_DECLS
