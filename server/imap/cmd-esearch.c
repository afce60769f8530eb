/* ESEARCH: many mailboxes at once (MULTISEARCH, RFC 7377). */
#include "server/imap/commands.h"
#include "server/imap/search-command.h"
#include "server/imap/search-source.h"

#include <string.h>

typedef struct {
	GPtrArray *sources;     /* of SearchSource, owned */
	gboolean selected;      /* "selected" is among them */
	gboolean only_selected;
	SearchProgram *program; /* owned */
	guint hits;             /* in all mailboxes */
	gboolean updated;       /* the selected mailbox was among them */
} MultiSearch;

static void multi_search_clear(MultiSearch *multi)
{
	if (multi->sources != NULL)
		g_ptr_array_unref(multi->sources);
	search_program_unref(multi->program);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MultiSearch, multi_search_clear)

static gboolean multi_search_parse(ImapParser *p, MultiSearch *multi, GError **error)
{
	multi->program = search_program_new();
	if (!imap_parse_sp(p, error) || (multi->sources = search_sources_parse(p, error)) == NULL ||
	    !search_return_parse_optional(p, multi->program, error) || !search_keys_parse_with_charset(p, multi->program, error))
		return FALSE;
	multi->selected = search_sources_selected(multi->sources, &multi->only_selected);
	return TRUE;
}

static char *correlator_of(const ImapCommand *cmd, const char *mailbox, const Snapshot *view)
{
	GString *correlator = g_string_new(NULL);
	g_string_append_printf(correlator, "TAG \"%s\" MAILBOX ", cmd->tag);
	imap_write_mailbox(correlator, mailbox, cmd->args.utf8);
	g_string_append_printf(correlator, " UIDVALIDITY %" G_GUINT32_FORMAT, snapshot_uidvalidity(view));
	return g_string_free(correlator, FALSE);
}

/* One ESEARCH response, only for a mailbox with matches (RFC 7377 2.1). */
static void write_answer(
	ImapCommand *cmd, const MultiSearch *multi, const char *correlator, const SearchContext *context, const GArray *positions)
{
	if (positions->len > 0 && !search_program_is_silent(multi->program))
		search_answer_write_correlated(multi->program, correlator, context->view, positions, context->relevancy, cmd->out);
}

static gboolean search_one(ImapCommand *cmd, MultiSearch *multi, const char *mailbox, SearchContext *context, GError **error)
{
	g_autoptr(GArray) positions = search_command_find(context, multi->program, error);
	g_autofree guint8 *relevancy = NULL;
	if (positions == NULL || !search_relevancy_asked(context, multi->program, positions, &relevancy, error))
		return FALSE;
	g_autofree char *correlator = correlator_of(cmd, mailbox, context->view);
	write_answer(cmd, multi, correlator, context, positions);
	context->relevancy = NULL;
	search_command_save(cmd->session, multi->program, context->view, positions);
	if (context->view == cmd->session->view) {
		search_command_update(cmd, multi->program, context, NULL, positions, TRUE, correlator);
		multi->updated = TRUE;
	}
	multi->hits += positions->len;
	return TRUE;
}

static gboolean search_selected(ImapCommand *cmd, MultiSearch *multi, const char *name, SearchContext *context, GError **error)
{
	Session *session = cmd->session;
	if (!session_sync(session, cmd->out, FALSE, TRUE, error))
		return FALSE;
	SearchContext selected = search_context_selected(session, context->index, context->cancel, context->cost);
	return search_one(cmd, multi, name, &selected, error);
}

/* By name. One that is not selected: as it is now; \Recent and $ are not of it. One that was deleted meanwhile is left out. */
static gboolean search_named(ImapCommand *cmd, MultiSearch *multi, const char *name, SearchContext *context, GError **error)
{
	g_autoptr(GError) gone = NULL;
	g_autoptr(Mailbox) mailbox = account_open_mailbox(cmd->session->account, name, &gone);
	/* Told by itself, not by its name, which others may change. */
	if (mailbox != NULL && cmd->session->mailbox != NULL && mailbox_id(mailbox) == mailbox_id(cmd->session->mailbox))
		return multi->selected || search_selected(cmd, multi, name, context, error); /* each mailbox once */
	g_autoptr(Snapshot) view = mailbox != NULL ? mailbox_snapshot(mailbox, &gone) : NULL;
	if (view == NULL) {
		if (g_error_matches(gone, STORE_ERROR, STORE_ERROR_NO_MAILBOX))
			return TRUE;
		g_propagate_error(error, g_steal_pointer(&gone));
		return FALSE;
	}
	context->view = view;
	gboolean ok = search_one(cmd, multi, name, context, error);
	context->view = NULL;
	return ok;
}

static gboolean search_all(ImapCommand *cmd, const SearchCancel *cancel, gpointer data, GError **error)
{
	MultiSearch *multi = data;
	Session *session = cmd->session;
	gint64 started_at = g_get_monotonic_time();
	SearchIndex *index = session_index(session);
	SearchCost cost = { 0 };
	SearchContext context = {
		.index = index,
		.account = session->account,
		.now = g_get_real_time() / G_USEC_PER_SEC,
		.cancel = cancel,
		.cost = &cost,
	};
	g_autoptr(GPtrArray) names = search_sources_resolve(multi->sources, session->account, error);
	if (names == NULL || !session_follow_rename(session, error) ||
	    (multi->selected && !search_selected(cmd, multi, session->mailbox_name, &context, error)))
		return FALSE;
	for (guint i = 0; i < names->len; i++)
		if (!search_named(cmd, multi, names->pdata[i], &context, error))
			return FALSE;
	/* RFC 7377 2.2: UPDATE is about the selected mailbox alone. */
	if (!multi->updated)
		search_command_refuse_update(cmd, multi->program, "The selected mailbox was not searched");
	search_command_count(cmd, &cost, multi->hits, g_get_monotonic_time() - started_at);
	return TRUE;
}

CommandResult cmd_esearch(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_auto(MultiSearch) multi = { 0 };
	if (!multi_search_parse(&cmd->args, &multi, &error))
		search_command_refuse(cmd, multi.program, error);
	else if (multi.selected && cmd->session->state != SESSION_SELECTED)
		command_bad(cmd, "ESEARCH: no mailbox is selected"); /* RFC 7377 2.2 */
	else if ((multi.program->returns & SEARCH_RETURN_SAVE) != 0 && !multi.only_selected)
		command_bad(cmd, "ESEARCH: SAVE is for the selected mailbox alone");
	else if (search_command_may_update(cmd, multi.program)) {
		search_command_prepare(cmd, multi.program);
		search_command_watched(cmd, multi.program->returns, search_all, &multi);
	}
	return COMMAND_DONE;
}
