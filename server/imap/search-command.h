/* What SEARCH, SORT and THREAD have in common: they find messages by one program, under one watch, and differ in their last step. */
#pragma once
#include "server/imap/command.h"
#include "server/imap/search-answer.h"
#include "server/imap/search-plan.h"
G_BEGIN_DECLS

/* The last step. May put @positions (guint32, ascending) into another order; what stands there is then answered and saved as the result.
 * It may append to cmd->out. FALSE and @error: SEARCH_INDEX_ERROR. */
typedef gboolean (*SearchFinish)(ImapCommand *cmd, SearchContext *context, GArray *positions, gpointer data, GError **error);

/* Carries out @program, gives its result to @finish and answers the command. @finish may read messages: it adds to @context's cost. */
void search_command_run(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data);

G_END_DECLS
