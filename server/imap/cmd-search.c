/* SEARCH and UID SEARCH (RFC 3501 6.4.4, 6.4.8), with ESEARCH (RFC 4731), SEARCHRES (RFC 5182), PARTIAL (RFC 9394), CONTEXT=SEARCH
 * (RFC 5267) and SEARCH=FUZZY (RFC 6203). */
#include "server/imap/commands.h"
#include "server/imap/search-command.h"

static gboolean answer(ImapCommand *cmd, SearchContext *context, GArray *positions, gpointer data, GError **error)
{
	(void)error;
	SearchProgram *program = data;
	search_answer_write(program, "SEARCH", cmd->tag, cmd->uid, context->view, positions, context->relevancy, cmd->out);
	search_command_update(cmd, program, context, NULL, positions, cmd->uid, NULL);
	return TRUE;
}

CommandResult cmd_search(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(SearchProgram) program = search_program_new();
	if (!search_program_parse(&cmd->args, program, &error))
		search_command_refuse(cmd, program, error);
	else if (search_command_may_update(cmd, program))
		search_command_run_in_order(cmd, program, answer, program);
	return COMMAND_DONE;
}
