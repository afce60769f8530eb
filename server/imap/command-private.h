/* Running a command: from the framed octets to the tagged answer. No network here: the connection
 * (conn/connection.c) or a test calls the steps, on whichever thread may use the session at the time. */
#pragma once
#include "server/imap/command.h"
#include "server/imap/search-key.h"
G_BEGIN_DECLS

typedef enum { OUTCOME_NONE, OUTCOME_OK, OUTCOME_NO, OUTCOME_BAD } CommandOutcome;

/* The way back to the connection while a step runs. All may be NULL. */
typedef struct {
	gboolean (*cancelled)(gpointer data);
	gboolean (*client_closed)(gpointer data);
	void (*flush)(GString *out, gpointer data); /* takes what @out holds */
	gpointer data;
} CommandHost;

typedef struct {
	ImapCommand cmd;           /* first: an ImapCommand * is a CommandRun * */
	const CommandEntry *entry; /* NULL: the answer is decided already */
	const CommandHost *host;   /* borrowed; may be NULL */
	SearchFilters filters;     /* the session's */
	char *tag, *name;
	GString *data;   /* the framed command; wiped when freed */
	GArray *spooled; /* of SpooledLiteral; NULL: none */
	GString *answer; /* the tagged line, once it is known */
	CommandOutcome outcome;
	guint delay_ms;    /* hold the answer so long: failed logins */
	gboolean idle;     /* waits as IDLE does: news and keep-alives are wanted */
	gint64 started_us; /* monotonic */
	gint64 spent_us;   /* within steps */
} CommandRun;

/* Takes over @data and @spooled. Finds the command and looks whether it is valid now; if not, the answer
 * (BAD, NO) is there at once. Never NULL. */
CommandRun *command_run_new(Session *session, GString *data, GArray *spooled, const CommandHost *host);
/* The event loop may run its steps (COMMAND_LOOP, or nothing is left to do). */
gboolean command_run_in_loop(const CommandRun *run);
/* Calls the command's function. @line: see COMMAND_WAIT. What is to be sent is in run->cmd.out afterwards;
 * with COMMAND_DONE that ends with the news of the mailbox and the tagged answer. */
CommandResult command_run_step(CommandRun *run, const char *line, gsize len);
void command_run_free(CommandRun *run);

/* Frees spooled literals: what is in them was not appended. */
void command_spooled_free(GArray *spooled);

/* session_sync() into cmd->out, with what follows from its failure: "* BYE" when the mailbox is gone, a
 * line in the log otherwise. */
void command_sync(ImapCommand *cmd, gboolean allow_expunge, gboolean with_uid);
/* The tagged answer is sent so much later; nothing is read meanwhile. */
void command_delay(ImapCommand *cmd, guint delay_ms);
/* "* BYE [code] text", and the connection closes after this command. @code may be NULL. */
void command_bye(ImapCommand *cmd, const char *code, const char *text);
/* The command waits as IDLE does. */
void command_set_idle(ImapCommand *cmd);
/* Appends @text as it may stand in a response: no CR, LF or other controls, 7-bit unless @utf8, cut at a
 * length. */
void command_write_text(GString *out, const char *text, gboolean utf8);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CommandRun, command_run_free)
G_END_DECLS
