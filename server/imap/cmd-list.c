#include "server/imap/commands.h"
#include "server/imap/list-match.h"

#include <string.h>

/* What is left to be answered. */
typedef struct {
	GPtrArray *mailboxes; /* of MailboxInfo; owned */
	ListPattern *pattern; /* owned */
	GHashTable *parents;  /* LSUB: names that were answered or are about to be; keys owned */
	guint next;
} ListState;

static void list_state_free(gpointer data)
{
	ListState *state = data;
	if (state == NULL)
		return;
	g_clear_pointer(&state->mailboxes, g_ptr_array_unref);
	g_clear_pointer(&state->parents, g_hash_table_unref);
	list_pattern_free(state->pattern);
	g_free(state);
}

static gboolean uses_utf8(const ImapCommand *cmd)
{
	return (cmd->session->enabled & (SESSION_UTF8 | SESSION_REV2)) != 0;
}

static void write_line(ImapCommand *cmd, const char *attributes, const char *name)
{
	g_string_append_printf(cmd->out, "* %s (%s) \"/\" ", cmd->name, attributes);
	imap_write_mailbox(cmd->out, name, uses_utf8(cmd));
	g_string_append(cmd->out, "\r\n");
}

/* RFC 3501 7.2.2, RFC 3348 section 3 and RFC 6154 section 2. */
static void answer_list(ImapCommand *cmd, const ListState *state, const MailboxInfo *info)
{
	if (!list_pattern_match(state->pattern, info->name, strlen(info->name)))
		return;
	g_autoptr(GString) attributes = g_string_new(NULL);
	if ((info->flags & MAILBOX_NOSELECT) != 0)
		g_string_append(attributes, "\\Noselect ");
	g_string_append(
		attributes, (info->flags & MAILBOX_HAS_CHILDREN) != 0 ? "\\HasChildren" : "\\HasNoChildren");
	if (info->special_use != NULL)
		g_string_append_printf(attributes, " %s", info->special_use);
	write_line(cmd, attributes->str, info->name);
}

/* RFC 3501 6.3.9. Subscribed names that match; and where "%" keeps one from matching, its parents that do, as
 * \Noselect. */
static void answer_lsub(ImapCommand *cmd, const ListState *state, const MailboxInfo *info)
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

static gboolean is_lsub(const ImapCommand *cmd)
{
	return strcmp(cmd->name, "LSUB") == 0;
}

/* FALSE: the answer was given. */
static gboolean start(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reference = NULL, *pattern = NULL;
	if (!imap_parse_sp(&cmd->args, &error) ||
		(reference = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) ||
		(pattern = imap_parse_list_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error)) {
		command_error(cmd, error);
		return FALSE;
	}
	if (*pattern == '\0' && !is_lsub(cmd)) {
		/* RFC 3501 6.3.8: a request for the separator and the root, which is "" as names have none.
		 */
		g_string_append(cmd->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		command_ok(cmd, NULL, "LIST completed");
		return FALSE;
	}
	GPtrArray *mailboxes = account_list_mailboxes(cmd->session->account, is_lsub(cmd), &error);
	if (mailboxes == NULL) {
		command_error(cmd, error);
		return FALSE;
	}
	ListState *state = g_new0(ListState, 1);
	state->mailboxes = mailboxes;
	state->pattern = list_pattern_new(reference, pattern);
	state->parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; is_lsub(cmd) && i < mailboxes->len; i++) {
		const MailboxInfo *info = mailboxes->pdata[i];
		if ((info->flags & MAILBOX_SUBSCRIBED) != 0)
			g_hash_table_add(state->parents, g_strdup(info->name));
	}
	cmd->state = state;
	cmd->free_state = list_state_free;
	return TRUE;
}

CommandResult cmd_list(ImapCommand *cmd)
{
	if (cmd->state == NULL && !start(cmd))
		return COMMAND_DONE;
	ListState *state = cmd->state;
	while (state->next < state->mailboxes->len) {
		if (command_output_full(cmd))
			return COMMAND_AGAIN;
		const MailboxInfo *info = state->mailboxes->pdata[state->next++];
		if (is_lsub(cmd))
			answer_lsub(cmd, state, info);
		else
			answer_list(cmd, state, info);
	}
	command_ok(cmd, NULL, "%s completed", cmd->name);
	return COMMAND_DONE;
}

CommandResult cmd_lsub(ImapCommand *cmd)
{
	return cmd_list(cmd);
}
