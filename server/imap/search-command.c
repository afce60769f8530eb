#include "server/imap/search-command.h"

#include "base/log.h"
#include "base/metrics.h"
#include "server/imap/search-update.h"
#include "server/imap/search-watch.h"

void search_command_count(const ImapCommand *cmd, const SearchCost *cost, guint hits, gint64 took_us)
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

SearchContext search_context_selected(const Session *session, SearchIndex *index, const SearchCancel *cancel, SearchCost *cost)
{
	return (SearchContext){
		.view = session->view,
		.index = index,
		.recent = session->recent,
		.account = session->account,
		.saved = session->saved,
		.now = g_get_real_time() / G_USEC_PER_SEC,
		.cancel = cancel,
		.cost = cost,
	};
}

GArray *search_command_find(const SearchContext *context, const SearchProgram *program, GError **error)
{
	guint64 n_first, n_last;
	return search_answer_takes_ends(program, &n_first, &n_last) ? search_run_ends(context, program->key, n_first, n_last, error) :
	                                                              search_run(context, program->key, error);
}

void search_command_save(Session *session, const SearchProgram *program, const Snapshot *view, const GArray *positions)
{
	if ((program->returns & SEARCH_RETURN_SAVE) == 0)
		return;
	uidset_free(session->saved);
	session->saved = search_answer_saved(program, view, positions);
}

gboolean search_command_may_update(ImapCommand *cmd, const SearchProgram *program)
{
	if ((program->returns & SEARCH_RETURN_UPDATE) == 0)
		return TRUE;
	if (cmd->session->state != SESSION_SELECTED)
		command_bad(cmd, "%s: UPDATE is for the selected mailbox, and none is selected", cmd->name); /* RFC 7377 2.2 */
	else if (search_updates_has(cmd->session->updates, cmd->tag))
		command_bad(cmd, "%s: results are being updated under this tag already", cmd->name); /* RFC 5267 4.3 */
	else
		return TRUE;
	return FALSE;
}

void search_command_refuse_update(ImapCommand *cmd, const SearchProgram *program, const char *why)
{
	if ((program->returns & SEARCH_RETURN_UPDATE) != 0)
		g_string_append_printf(cmd->out, "* NO [NOUPDATE \"%s\"] %s\r\n", cmd->tag, why);
}

void search_command_update(ImapCommand *cmd, SearchProgram *program, const SearchContext *context, const GArray *orders,
                           const GArray *positions, gboolean uid, const char *correlator)
{
	Session *session = cmd->session;
	if ((program->returns & SEARCH_RETURN_UPDATE) == 0)
		return;
	if (session->updates == NULL)
		session->updates = search_updates_new();
	g_autofree char *by_tag = g_strdup_printf("TAG \"%s\"", cmd->tag);
	SearchResult result = { cmd->tag, correlator != NULL ? correlator : by_tag, uid, program, orders, positions };
	if (search_updates_add(session->updates, context, &result))
		log_debug("search.update.begun", LOG_STR("user", session->user), LOG_STR("box", session->mailbox_name),
		          LOG_UINT("hits", positions->len));
	else
		search_command_refuse_update(cmd, program, "Too much to keep up to date");
}

static const char *outcome_of(const GError *error)
{
	if (g_error_matches(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_CANCELLED))
		return "aborted";
	return g_error_matches(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_TIME) ? "limit" : "error";
}

void search_command_prepare(ImapCommand *cmd, const SearchProgram *program)
{
	cmd->keeps_expunged = program->numbers;
	if (program->modseq)
		session_enable(cmd->session, SESSION_CONDSTORE, cmd->out);
}

/* RFC 5182 2.1: NO to a command with SAVE leaves $ empty. */
static void forget_saved(ImapCommand *cmd, SearchReturn returns)
{
	if ((returns & SEARCH_RETURN_SAVE) != 0)
		g_clear_pointer(&cmd->session->saved, uidset_free);
}

void search_command_refuse(ImapCommand *cmd, const SearchProgram *program, const GError *error)
{
	command_error(cmd, error);
	if (command_said_no(cmd))
		forget_saved(cmd, program->returns);
}

void search_command_watched(ImapCommand *cmd, SearchReturn returns, SearchWork work, gpointer data)
{
	g_autoptr(GError) error = NULL;
	SearchWatch watch;
	gboolean entered = search_watch_start(&watch, cmd);
	gboolean found = entered && work(cmd, &watch.cancel, data, &error);
	search_watch_end(&watch);
	if (!found)
		forget_saved(cmd, returns);
	if (found) {
		command_ok(cmd, NULL, "%s completed", cmd->name);
		return;
	}
	metrics_inc(METRIC_SEARCHES, entered ? outcome_of(error) : "limit");
	if (entered)
		command_error(cmd, error);
}

typedef struct {
	const SearchProgram *program;
	SearchFinish finish;
	gpointer data;
	gboolean in_order;
} SelectedSearch;

static gboolean search_selected(ImapCommand *cmd, const SearchCancel *cancel, gpointer data, GError **error)
{
	const SelectedSearch *search = data;
	Session *session = cmd->session;
	/* A message that was acknowledged to anybody is found (DESIGN.md, promise 3): its EXISTS comes before its number
	 * (RFC 5267 4.3.3). Expunges stay unannounced until the end. */
	if (!session_sync(session, cmd->out, FALSE, cmd->uid, error))
		return FALSE;
	gint64 started_at = g_get_monotonic_time();
	SearchIndex *index = session_index(session);
	SearchCost cost = { 0 };
	SearchContext context = search_context_selected(session, index, cancel, &cost);
	g_autoptr(GArray) positions = search->in_order ? search_command_find(&context, search->program, error) :
	                                                 search_run(&context, search->program->key, error);
	g_autofree guint8 *relevancy = NULL;
	if (positions == NULL || !search_relevancy_asked(&context, search->program, positions, &relevancy, error) ||
	    !search->finish(cmd, &context, positions, search->data, error))
		return FALSE;
	search_command_count(cmd, &cost, positions->len, g_get_monotonic_time() - started_at);
	search_command_save(session, search->program, session->view, positions);
	return TRUE;
}

static void run_selected(ImapCommand *cmd, SelectedSearch *search)
{
	search_command_prepare(cmd, search->program);
	search_command_watched(cmd, search->program->returns, search_selected, search);
}

void search_command_run(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data)
{
	SelectedSearch search = { program, finish, data, FALSE };
	run_selected(cmd, &search);
}

void search_command_run_in_order(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data)
{
	SelectedSearch search = { program, finish, data, TRUE };
	run_selected(cmd, &search);
}
