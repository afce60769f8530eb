/* SORT and UID SORT (RFC 5256, SORT=DISPLAY: RFC 5957), with RETURN (ESORT and CONTEXT=SORT: RFC 5267). */
#include "server/imap/commands.h"
#include "server/imap/search-command.h"
#include "server/imap/sort.h"

typedef struct {
	SearchProgram *program; /* owned */
	GArray *orders;         /* owned */
} SortProgram;

static void sort_program_clear(SortProgram *sort)
{
	search_program_unref(sort->program);
	if (sort->orders != NULL)
		g_array_unref(sort->orders);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SortProgram, sort_program_clear)

/* sort = "SORT" SP ["RETURN" SP "(" ... ")" SP] sort-criteria SP charset 1*(SP search-key) */
static gboolean sort_program_parse(ImapParser *p, SortProgram *sort, GError **error)
{
	sort->program = search_program_new();
	return imap_parse_sp(p, error) && search_return_parse_optional(p, sort->program, error) &&
	       (sort->orders = sort_orders_parse(p, error)) != NULL && imap_parse_sp(p, error) &&
	       search_charset_and_keys_parse(p, sort->program, error) && sort_orders_check(sort->orders, sort->program->key, error);
}

static gboolean finish(ImapCommand *cmd, SearchContext *context, GArray *positions, gpointer data, GError **error)
{
	const SortProgram *sort = data;
	g_autofree guint8 *relevancy = NULL;
	if (sort_orders_need_relevancy(sort->orders) && context->relevancy == NULL) {
		relevancy = search_relevancy(context, sort->program->key, positions, error);
		if (relevancy == NULL)
			return FALSE;
		context->relevancy = relevancy;
	}
	if (!sort_positions(context, sort->orders, positions, error))
		return FALSE;
	search_answer_write(sort->program, "SORT", cmd->tag, cmd->uid, context->view, positions, context->relevancy, cmd->out);
	/* The scores of what comes later depend on what there is then (search-relevancy.h): the places of all might change. */
	if (sort_orders_need_relevancy(sort->orders))
		search_command_refuse_update(cmd, sort->program, "An order by RELEVANCY is not kept up to date");
	else
		search_command_update(cmd, sort->program, context, sort->orders, positions, cmd->uid, NULL);
	if (relevancy != NULL)
		context->relevancy = NULL;
	return TRUE;
}

CommandResult cmd_sort(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_auto(SortProgram) sort = { 0 };
	if (!sort_program_parse(&cmd->args, &sort, &error))
		search_command_refuse(cmd, sort.program, error);
	else if (search_command_may_update(cmd, sort.program))
		search_command_run(cmd, sort.program, finish, &sort);
	return COMMAND_DONE;
}
