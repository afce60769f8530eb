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

/* RFC 3501 6.3.3. A separator at the end of the name only says that children will follow: the store ignores
 * it. */
CommandResult cmd_create(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_end(&cmd->args, &error) ||
		!account_create_mailbox(cmd->session->account, name, NULL, &error))
		command_error(cmd, error);
	else
		answer_created(cmd, name);
	return COMMAND_DONE;
}
