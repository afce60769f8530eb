#include "server/imap/search-command.h"

#include "base/log.h"
#include "base/metrics.h"
#include "server/imap/search-watch.h"

static void count_search(const SearchCost *cost, const ImapCommand *cmd, guint hits, gint64 took_us)
{
	static const char *const paths[] = {
		[LEAF_PATH_NONE] = "metadata", [LEAF_PATH_INDEX] = "proven", [LEAF_PATH_VERIFIED] = "verified",
		[LEAF_PATH_SCAN] = "scanned",  [LEAF_PATH_TAIL] = "messages",
	};
	const char *path = cost->tail > 0 ? "messages" : paths[cost->path];
	metrics_inc(METRIC_SEARCHES, "ok");
	metrics_observe_us(METRIC_SEARCH_SECONDS, took_us, path);
	metrics_add(METRIC_SEARCH_CANDIDATES, cost->candidates);
	metrics_add(METRIC_SEARCH_VERIFIED, cost->verified);
	metrics_add(METRIC_SEARCH_MESSAGES_READ, cost->messages_read);
	log_debug("search.done", LOG_STR("user", cmd->session->user), LOG_STR("box", cmd->session->mailbox_name),
	          LOG_MS("ms", took_us), LOG_UINT("hits", hits), LOG_STR("path", path));
}

static gboolean find(ImapCommand *cmd, const SearchProgram *program, const SearchCancel *cancel, SearchFinish finish,
                     gpointer data, GError **error)
{
	Session *session = cmd->session;
	gint64 started_at = g_get_monotonic_time();
	g_autoptr(SearchIndex) index = search_index_get(session->account);
	SearchCost cost = { 0 };
	SearchContext context = {
		.view = session->view,
		.index = index,
		.first_recent = session->first_recent,
		.first_recent_end = session->first_recent_end,
		.account = session->account,
		.saved = session->saved,
		.now = g_get_real_time() / G_USEC_PER_SEC,
		.cancel = cancel,
		.cost = &cost,
	};
	g_autoptr(GArray) positions = search_run(&context, program->key, error);
	if (positions == NULL || !finish(cmd, &context, positions, data, error))
		return FALSE;
	count_search(&cost, cmd, positions->len, g_get_monotonic_time() - started_at);
	if (program->returns & SEARCH_RETURN_SAVE) {
		uidset_free(session->saved);
		session->saved = search_answer_saved(program, session->view, positions);
	}
	return TRUE;
}

static const char *outcome_of(const GError *error)
{
	if (g_error_matches(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_CANCELLED))
		return "aborted";
	return g_error_matches(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_TIME) ? "limit" : "error";
}

void search_command_run(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data)
{
	g_autoptr(GError) error = NULL;
	SearchWatch watch;
	gboolean entered = search_watch_start(&watch, cmd);
	/* A message that was acknowledged to anybody is found (DESIGN.md, promise 3): its EXISTS comes before its number
	 * (RFC 5267 4.3.3). Expunges stay unannounced until the end. */
	gboolean found = entered && session_sync(cmd->session, cmd->out, FALSE, cmd->uid, &error) &&
	                 find(cmd, program, &watch.cancel, finish, data, &error);
	search_watch_end(&watch);
	/* RFC 5182 2.1: NO to a command with SAVE leaves $ empty. */
	if (!found && (program->returns & SEARCH_RETURN_SAVE) != 0)
		g_clear_pointer(&cmd->session->saved, uidset_free);
	if (found) {
		command_ok(cmd, NULL, "%s completed", cmd->name);
		return;
	}
	metrics_inc(METRIC_SEARCHES, entered ? outcome_of(error) : "limit");
	if (entered)
		command_error(cmd, error);
}
