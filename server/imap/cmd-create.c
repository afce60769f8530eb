#include "server/imap/commands.h"

#include <string.h>

/* RFC 8474 4.1: the answer has the MAILBOXID. A mailbox that somebody has deleted meanwhile has been created all the same. */
static void answer_created(ImapCommand *cmd, const char *name)
{
	g_autofree char *created = g_strdup(name);
	if (g_str_has_suffix(created, "/"))
		created[strlen(created) - 1] = '\0';
	g_autoptr(Mailbox) mailbox = account_open_mailbox(cmd->session->account, created, NULL);
	g_autofree char *objectid = mailbox != NULL ? mailbox_objectid(mailbox) : NULL;
	g_autofree char *code = objectid != NULL ? g_strdup_printf("MAILBOXID (%s)", objectid) : NULL;
	command_ok(cmd, code, "CREATE completed");
}

/* "USE" SP "(" [use-attr *(SP use-attr)] ")", behind the word: the uses as text, "" if there are none. */
static char *parse_uses(ImapParser *p, GError **error)
{
	g_autoptr(GString) uses = g_string_new(NULL);
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error))
		return NULL;
	gboolean more = !imap_peek(p, ')');
	while (more) {
		g_autofree char *use = imap_parse_char(p, '\\', error) ? imap_parse_atom(p, error) : NULL;
		if (use == NULL)
			return NULL;
		g_string_append_printf(uses, "%s\\%s", uses->len > 0 ? " " : "", use);
		more = imap_skip(p, ' ');
	}
	return imap_parse_char(p, ')', error) ? g_string_free(g_steal_pointer(&uses), FALSE) : NULL;
}

/* create-params of RFC 4466 2.2, of which USE (RFC 6154 section 3) is the only one that there is. *uses_out stays NULL when there are none. */
static gboolean parse_params(ImapParser *p, char **uses_out, GError **error)
{
	if (imap_at_end(p))
		return TRUE;
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error))
		return FALSE;
	do {
		g_autofree char *name = imap_parse_atom(p, error);
		if (name == NULL)
			return FALSE;
		if (*uses_out != NULL || g_ascii_strcasecmp(name, "USE") != 0) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "%s parameter %.40s of CREATE",
				*uses_out != NULL ? "second" : "unknown", name);
			return FALSE;
		}
		if ((*uses_out = parse_uses(p, error)) == NULL)
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error) && imap_parse_end(p, error);
}

/* RFC 3501 6.3.3. A separator at the end of the name only says that children will follow: the store ignores
 * it. */
CommandResult cmd_create(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL, *uses = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!parse_params(&cmd->args, &uses, &error) ||
		!account_create_mailbox(cmd->session->account, name, uses, &error))
		command_error(cmd, error);
	else
		answer_created(cmd, name);
	return COMMAND_DONE;
}
