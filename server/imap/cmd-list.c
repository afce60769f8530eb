/* LIST, basic and extended: RFC 3501 6.3.8, RFC 5258, RFC 9051 6.3.9; with SPECIAL-USE (RFC 6154) and STATUS (RFC 5819). */
#include "base/log.h"
#include "server/imap/commands.h"
#include "server/imap/list-select.h"

#include <string.h>

/* What is left to be answered. */
typedef struct {
	ListOptions options;
	GPtrArray *mailboxes; /* of MailboxInfo; owned */
	GArray *entries;      /* of ListEntry; owned */
	guint next;
} ListState;

static void list_state_free(gpointer data)
{
	ListState *state = data;
	if (state == NULL)
		return;
	list_options_clear(&state->options);
	g_clear_pointer(&state->entries, g_array_unref);
	g_clear_pointer(&state->mailboxes, g_ptr_array_unref);
	g_free(state);
}

/* RFC 3501 7.2.2, RFC 5258 section 3, RFC 6154 section 2. Whether there are inferiors and what it is for is told to everyone, a name that
 * is no mailbox is \Noselect to everyone: only the extended LIST knows \NonExistent, which implies it. */
static char *make_attributes(const ImapCommand *cmd, const ListState *state, const ListEntry *entry, gboolean exists)
{
	const MailboxInfo *info = entry->info;
	GString *out = g_string_new(NULL);
	if (!exists && (state->options.extended || (cmd->session->enabled & SESSION_REV2) != 0))
		g_string_append(out, "\\NonExistent ");
	if (!exists)
		g_string_append(out, "\\Noselect ");
	if ((state->options.returns & LIST_RETURN_SUBSCRIBED) != 0 && (info->flags & MAILBOX_SUBSCRIBED) != 0)
		g_string_append(out, "\\Subscribed ");
	g_string_append(out, (info->flags & MAILBOX_HAS_CHILDREN) != 0 ? "\\HasChildren" : "\\HasNoChildren");
	if (exists && info->special_use != NULL)
		g_string_append_printf(out, " %s", info->special_use);
	return g_string_free(out, FALSE);
}

/* RFC 5258 3.5: the criteria that made it match. */
static void write_childinfo(ImapCommand *cmd, ListSelect select)
{
	g_string_append(cmd->out, " (\"CHILDINFO\" (");
	if ((select & LIST_SELECT_SUBSCRIBED) != 0)
		g_string_append(cmd->out, "\"SUBSCRIBED\"");
	if ((select & LIST_SELECT_SPECIAL_USE) != 0)
		g_string_append(
			cmd->out, (select & LIST_SELECT_SUBSCRIBED) != 0 ? " \"SPECIAL-USE\"" : "\"SPECIAL-USE\"");
	g_string_append(cmd->out, "))");
}

/* The STATUS of a mailbox, or "". FALSE: it was deleted meanwhile (RFC 5819 section 2: then LIST must say so, which is why it comes
 * first). What else goes wrong is the site's matter, and costs the client just this answer. */
static gboolean get_status(ImapCommand *cmd, StatusItems items, const char *name, GString *status)
{
	g_autoptr(GError) error = NULL;
	if (status_items_answer(cmd->session, name, items, cmd->args.utf8, status, &error))
		return TRUE;
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX))
		return FALSE;
	log_error("list.status.failed", LOG_STR("user", cmd->session->user), LOG_STR("box", name),
		LOG_GERROR("error", error));
	return TRUE;
}

static void answer(ImapCommand *cmd, const ListState *state, const ListEntry *entry)
{
	const char *name = entry->info->name;
	gboolean exists = (entry->info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) == 0;
	g_autoptr(GString) status = g_string_new(NULL);
	if (exists && entry->selected && state->options.status != 0)
		exists = get_status(cmd, state->options.status, name, status);
	g_autofree char *attributes = make_attributes(cmd, state, entry, exists);
	imap_write_list(cmd->out, "LIST", attributes, name, cmd->args.utf8);
	if (entry->childinfo)
		write_childinfo(cmd, state->options.select);
	g_string_append(cmd->out, "\r\n");
	g_string_append_len(cmd->out, status->str, (gssize)status->len);
}

/* FALSE: the answer was given. */
static gboolean start(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	ListState *state = g_new0(ListState, 1);
	cmd->state = state;
	cmd->free_state = list_state_free;
	if (!list_options_parse(&cmd->args, &state->options, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	if (state->options.root) {
		/* RFC 3501 6.3.8: a request for the separator and the root, which is "" as names have none. */
		g_string_append(cmd->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		command_ok(cmd, NULL, "LIST completed");
		return FALSE;
	}
	gboolean subscribed = (state->options.select & LIST_SELECT_SUBSCRIBED) != 0;
	state->mailboxes = account_list_mailboxes(cmd->session->account, subscribed, &error);
	if (state->mailboxes == NULL) {
		command_error(cmd, error);
		return FALSE;
	}
	if ((state->options.status & STATUS_HIGHESTMODSEQ) != 0) /* RFC 7162 3.1 */
		session_enable(cmd->session, SESSION_CONDSTORE, cmd->out);
	state->entries = list_select(state->mailboxes, &state->options);
	return TRUE;
}

CommandResult cmd_list(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	ListState *state = cmd->state;
	while (state->next < state->entries->len) {
		if (command_cancelled(cmd))
			return COMMAND_DONE;
		if (command_output_full(cmd))
			return COMMAND_AGAIN;
		answer(cmd, state, &g_array_index(state->entries, ListEntry, state->next++));
	}
	command_ok(cmd, NULL, "LIST completed");
	return COMMAND_DONE;
}
