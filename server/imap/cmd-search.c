/* SEARCH and UID SEARCH (RFC 3501 6.4.4, 6.4.8; RFC 4731). */
#include "base/log.h"
#include "base/metrics.h"
#include "server/imap/command.h"
#include "server/imap/commands.h"
#include "server/imap/search-answer.h"
#include "server/imap/search-plan.h"

static gboolean search_cancelled(gpointer data)
{
	return command_cancelled(data);
}

static void count_search(const SearchCost *cost, const ImapCommand *cmd, guint hits, gint64 took_us)
{
	static const char *const paths[] = {
		[LEAF_PATH_NONE] = "metadata",     [LEAF_PATH_INDEX] = "proven", [LEAF_PATH_VERIFIED] = "verified",
		[LEAF_PATH_SCAN] = "scanned", [LEAF_PATH_TAIL] = "messages",
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

static void search_failed(ImapCommand *cmd, const GError *error)
{
	if (g_error_matches(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_CHARSET))
		/* RFC 9051 7.1, erratum 7323: the list has the charsets that are supported. */
		command_no(cmd, "BADCHARSET (US-ASCII UTF-8)", "%s: charset not supported", cmd->name);
	else
		command_error(cmd, error);
}

CommandResult cmd_search(ImapCommand *cmd)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	g_autoptr(SearchProgram) program = search_program_parse(&cmd->args, &error);
	if (program == NULL) {
		search_failed(cmd, error);
		return COMMAND_DONE;
	}
	/* A message that was acknowledged to anybody is found (DESIGN.md, promise 3): its EXISTS comes before its number
	 * (RFC 5267 4.3.3). Expunges stay unannounced until the end. */
	if (!session_sync(session, cmd->out, FALSE, cmd->uid, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	gint64 started_at = g_get_monotonic_time();
	g_autoptr(SearchIndex) index = search_index_get(session->account);
	SearchCancel cancel = { search_cancelled, cmd, 0 };
	SearchContext context = { session->view, index, session->first_recent, session->first_recent_end, &cancel };
	SearchCost cost = { 0 };
	g_autoptr(GArray) positions = search_run(&context, program->key, &cost, &error);
	if (positions == NULL) {
		metrics_inc(METRIC_SEARCHES, command_cancelled(cmd) ? "aborted" : "error");
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	count_search(&cost, cmd, positions->len, g_get_monotonic_time() - started_at);
	search_answer_write(program, cmd->tag, cmd->uid, session->view, positions, cmd->out);
	command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}
