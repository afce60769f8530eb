/* LSUB: RFC 3501 6.3.9. */
#include "server/imap/commands.h"
#include "server/imap/list-match.h"

#include <string.h>

/* What is left to be answered. */
typedef struct {
	GPtrArray *mailboxes; /* of MailboxInfo; owned */
	ListPattern *pattern; /* owned */
	GHashTable *parents;  /* names that were answered or are about to be; keys owned */
	guint next;
} LsubState;

static void lsub_state_free(gpointer data)
{
	LsubState *state = data;
	if (state == NULL)
		return;
	g_clear_pointer(&state->mailboxes, g_ptr_array_unref);
	g_clear_pointer(&state->parents, g_hash_table_unref);
	list_pattern_free(state->pattern);
	g_free(state);
}

static void write_line(ImapCommand *cmd, const char *attributes, const char *name)
{
	imap_write_list(cmd->out, "LSUB", attributes, name, cmd->args.utf8);
	g_string_append(cmd->out, "\r\n");
}

/* Subscribed names that match; and where "%" keeps one from matching, its parents that do, as
 * \Noselect. */
static void answer(ImapCommand *cmd, const LsubState *state, const MailboxInfo *info)
{
	if ((info->flags & MAILBOX_SUBSCRIBED) == 0)
		return;
	gsize len = strlen(info->name);
	if (list_pattern_match(state->pattern, info->name, len)) {
		/* \Noselect is only for the special case below: a subscribed name without a mailbox is told
		 * as it is. */
		write_line(cmd, "", info->name);
		return;
	}
	while (len > 0) {
		while (len > 0 && info->name[len - 1] != '/')
			len--;
		if (len == 0 || --len == 0)
			return;
		if (!list_pattern_match(state->pattern, info->name, len))
			continue;
		char *parent = g_strndup(info->name, len);
		if (!g_hash_table_contains(state->parents, parent))
			write_line(cmd, "\\Noselect", parent);
		g_hash_table_add(state->parents, parent);
	}
}

/* FALSE: the answer was given. */
static gboolean start(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reference = NULL, *pattern = NULL;
	GPtrArray *mailboxes = NULL;
	if (!imap_parse_sp(&cmd->args, &error) ||
		(reference = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) ||
		(pattern = imap_parse_list_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		(mailboxes = account_list_mailboxes(cmd->session->account, TRUE, &error)) == NULL) {
		command_error(cmd, error);
		return FALSE;
	}
	LsubState *state = g_new0(LsubState, 1);
	state->mailboxes = mailboxes;
	state->pattern = list_pattern_new(reference, pattern);
	state->parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < mailboxes->len; i++) {
		const MailboxInfo *info = mailboxes->pdata[i];
		if ((info->flags & MAILBOX_SUBSCRIBED) != 0)
			g_hash_table_add(state->parents, g_strdup(info->name));
	}
	cmd->state = state;
	cmd->free_state = lsub_state_free;
	return TRUE;
}

CommandResult cmd_lsub(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	LsubState *state = cmd->state;
	while (state->next < state->mailboxes->len) {
		if (command_cancelled(cmd))
			return COMMAND_DONE;
		if (command_output_full(cmd))
			return COMMAND_AGAIN;
		answer(cmd, state, state->mailboxes->pdata[state->next++]);
	}
	command_ok(cmd, NULL, "LSUB completed");
	return COMMAND_DONE;
}
