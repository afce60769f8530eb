#include "server/imap/search-watch.h"

#include "server/context.h"

/* RFC 9585 section 4: every 10 to 15 seconds. */
#define PROGRESS_INTERVAL_US (10 * G_USEC_PER_SEC)

/* Any of the searching threads asks; only the worker that carries out the command may write. */
static gboolean ask(gpointer data)
{
	SearchWatch *watch = data;
	if (command_cancelled(watch->cmd))
		return TRUE;
	if (g_thread_self() != watch->worker)
		return FALSE;
	gint64 now = g_get_monotonic_time();
	gboolean try = !watch->tried && command_client_closed(watch->cmd);
	watch->tried |= try;
	if (now >= watch->next_progress_us || try) {
		watch->next_progress_us = now + PROGRESS_INTERVAL_US;
		/* How much there is to do is not known before it is done: no numbers (RFC 9585 4.1). */
		g_string_append_printf(watch->cmd->out, "* OK [INPROGRESS (\"%s\" NIL NIL)] Still searching\r\n", watch->cmd->tag);
		command_flush(watch->cmd);
	}
	return FALSE;
}

gboolean search_watch_start(SearchWatch *watch, ImapCommand *cmd)
{
	ServerContext *server = cmd->session->server;
	gint64 now = g_get_monotonic_time();
	gint64 max_ms = settings_ms(server->settings, SETTING_LIMITS_SEARCH_MAX_TIME);
	*watch = (SearchWatch){ .cmd = cmd, .worker = g_thread_self(), .next_progress_us = now + PROGRESS_INTERVAL_US };
	watch->cancel = (SearchCancel){ ask, watch, max_ms > 0 ? now + max_ms * 1000 : 0 };
	watch->entered = server_context_enter_search(server, cmd->session->user);
	if (!watch->entered)
		command_no(cmd, "LIMIT", "%s: this account has %d searches running already", cmd->name,
		           settings_int(server->settings, SETTING_LIMITS_SEARCHES_PER_USER));
	return watch->entered;
}

void search_watch_end(SearchWatch *watch)
{
	if (watch->entered)
		server_context_leave_search(watch->cmd->session->server, watch->cmd->session->user);
}
