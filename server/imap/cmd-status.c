/* STATUS: RFC 3501 6.3.10. */
#include "server/imap/commands.h"
#include "server/imap/status-items.h"

CommandResult cmd_status(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) answer = g_string_new(NULL);
	g_autofree char *name = NULL;
	StatusItems items = 0;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || !status_items_parse(&cmd->args, &items, &error) ||
		!imap_parse_end(&cmd->args, &error) ||
		!status_items_answer(cmd->session, name, items, cmd->args.utf8, answer, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if ((items & STATUS_HIGHESTMODSEQ) != 0)
		session_enable(cmd->session, SESSION_CONDSTORE, cmd->out);
	g_string_append_len(cmd->out, answer->str, (gssize)answer->len);
	command_ok(cmd, NULL, "STATUS completed");
	return COMMAND_DONE;
}
