/* What SEARCH, SORT and THREAD have in common: they find messages by one program, under one watch, and differ in their last step. */
#pragma once
#include "server/imap/command.h"
#include "server/imap/search-answer.h"
#include "server/imap/search-plan.h"
#include "server/imap/search-relevancy.h"
G_BEGIN_DECLS

/* The last step. May put @positions (guint32, ascending) into another order; what stands there is then answered and saved as the result.
 * It may append to cmd->out. FALSE and @error: SEARCH_INDEX_ERROR. */
typedef gboolean (*SearchFinish)(ImapCommand *cmd, SearchContext *context, GArray *positions, gpointer data, GError **error);

/* Carries out @program on the selected mailbox, gives its result to @finish and answers the command. @finish gets all that matches. */
void search_command_run(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data);
/* The same for a @finish that keeps the order: it gets what search_command_find() finds. */
void search_command_run_in_order(ImapCommand *cmd, const SearchProgram *program, SearchFinish finish, gpointer data);

/* Whether the command may begin as far as RETURN (UPDATE) goes; FALSE: it is answered (BAD). */
gboolean search_command_may_update(ImapCommand *cmd, const SearchProgram *program);
/* With UPDATE: @positions of the selected mailbox, in the order of @orders (NULL: the mailbox's), which the client was just given as UIDs or numbers, are kept up to date.
 * Where that is refused the client is told (NO [NOUPDATE]). @correlator: of ESEARCH responses to the command; NULL: its tag. */
void search_command_update(ImapCommand *cmd, SearchProgram *program, const SearchContext *context, const GArray *orders,
                           const GArray *positions, gboolean uid, const char *correlator);
/* The same where there is nothing to keep: @why, as text. */
void search_command_refuse_update(ImapCommand *cmd, const SearchProgram *program, const char *why);

/* Answers for an error that was found while @program was read. */
void search_command_refuse(ImapCommand *cmd, const SearchProgram *program, const GError *error);

/* The pieces, for ESEARCH, which searches many mailboxes. What follows for the command from what @program has in it: MODSEQ enables CONDSTORE (RFC
 * 7162 3.1), and while message numbers are looked for, no message may go (3.2.10.2). */
void search_command_prepare(ImapCommand *cmd, const SearchProgram *program);
/* Runs @work under the watch and answers the command: OK, or by the error. @returns: of the
 * program; NO to a command with SAVE leaves $ empty. */
typedef gboolean (*SearchWork)(ImapCommand *cmd, const SearchCancel *cancel, gpointer data, GError **error);
void search_command_watched(ImapCommand *cmd, SearchReturn returns, SearchWork work, gpointer data);
/* The matching positions in ascending order, or, if the answer takes no more, those at their ends alone (search_answer_takes_ends()). Owned by the caller. */
GArray *search_command_find(const SearchContext *context, const SearchProgram *program, GError **error);
/* The context of a search in the selected mailbox. @index and @cost are borrowed. */
SearchContext search_context_selected(const Session *session, SearchIndex *index, const SearchCancel *cancel, SearchCost *cost);
/* With SAVE: what @positions of @view leave in $. */
void search_command_save(Session *session, const SearchProgram *program, const Snapshot *view, const GArray *positions);
/* Counts and logs a search that is done. */
void search_command_count(const ImapCommand *cmd, const SearchCost *cost, guint hits, gint64 took_us);

G_END_DECLS
