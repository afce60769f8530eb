#include "server/imap/commands.h"

#include <string.h>

/* The selected mailbox's new name, when it or a parent of it was renamed. INBOX stays, its messages go (RFC
 * 3501 6.3.5). */
static void follow(Session *session, const char *from, const char *to)
{
	if (session->mailbox_name == NULL || strcmp(from, "INBOX") == 0 ||
		!g_str_has_prefix(session->mailbox_name, from))
		return;
	const char *rest = session->mailbox_name + strlen(from);
	if (*rest != '\0' && *rest != '/')
		return;
	char *renamed = g_strconcat(to, rest, NULL);
	g_free(session->mailbox_name);
	session->mailbox_name = renamed;
}

/* The store takes no notice of separators at the end (RFC 3501 6.3.3). */
static void strip_separators(char *name)
{
	for (gsize len = strlen(name); len > 0 && name[len - 1] == '/'; len--)
		name[len - 1] = '\0';
}

CommandResult cmd_rename(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *from = NULL, *to = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (from = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || (to = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_rename_mailbox(cmd->session->account, from, to, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	strip_separators(from);
	strip_separators(to);
	follow(cmd->session, from, to);
	command_ok(cmd, NULL, "RENAME completed");
	return COMMAND_DONE;
}
