/* What stands over a running search: it stops when the client is gone (of one that has closed its side only
 * writing to it tells: it is sent an INPROGRESS at once) or the time is over ([limits] search_max_time), it tells a
 * waiting client that it goes on (INPROGRESS, RFC 9585), and one account has only so many at once ([limits] searches_per_user). */
#pragma once
#include "indexer/search-index.h"
#include "server/imap/command.h"
G_BEGIN_DECLS

typedef struct {
	ImapCommand *cmd;
	GThread *worker;         /* the one that may write to the client */
	gint64 next_progress_us; /* when the client is told again */
	gboolean tried;          /* it has closed its side, and was told something to see whether it is gone */
	SearchCancel cancel;     /* what the search is given */
	gboolean entered;        /* counted for the user */
} SearchWatch;

/* Starts the watch. FALSE: the account has enough searches running; the command is answered (NO [LIMIT]). */
gboolean search_watch_start(SearchWatch *watch, ImapCommand *cmd);
void search_watch_end(SearchWatch *watch);

G_END_DECLS
