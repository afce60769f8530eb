/* How a command is carried out. The table (imap/commands.c) names each command, its function and the states
 * in which it is valid; cmd-NAME.c has the function. A command runs on a worker thread, one at a time for a
 * connection; what it writes goes to the connection's bounded output.
 *
 *     CommandResult cmd_noop(ImapCommand *cmd)
 *     {
 *             if (!command_no_args(cmd))
 *                     return COMMAND_DONE;
 *             command_ok(cmd, NULL, "NOOP completed");
 *             return COMMAND_DONE;
 *     }
 *
 * Untagged news of the selected mailbox (EXISTS, EXPUNGE, FETCH) is sent by the caller just before the
 * tagged answer, with EXPUNGE only where the table allows it. */
#pragma once
#include "server/imap/parser.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

typedef enum {
	COMMAND_DONE,  /* the tagged answer was given */
	COMMAND_AGAIN, /* the output is full: call again, with cmd->state, when the client has read */
	COMMAND_WAIT,  /* IDLE, AUTHENTICATE: call again with a line of the client's, or news (line NULL) */
} CommandResult;

typedef enum {
	COMMAND_ANY = 1 << 0, /* valid in every state */
	COMMAND_NOT_AUTHENTICATED = 1 << 1,
	COMMAND_AUTHENTICATED = 1 << 2, /* valid in authenticated state (and selected) */
	COMMAND_SELECTED = 1 << 3,      /* only when a mailbox is selected */
	COMMAND_NO_EXPUNGE = 1 << 4,    /* EXPUNGE would confuse its sequence numbers (RFC 9051 7.5.1) */
	COMMAND_WRITES = 1 << 5,        /* refused with NO [READ-ONLY] after EXAMINE */
	COMMAND_LOOP = 1 << 6, /* runs on the event loop, must not block: STARTTLS, LOGOUT, CAPABILITY */
} CommandFlags;

typedef struct ImapCommand ImapCommand;
struct ImapCommand {
	Session *session;
	const char *tag;
	const char *name; /* upper case, "UID FETCH" */
	gboolean uid;     /* the UID variant */
	gboolean keeps_expunged; /* as COMMAND_NO_EXPUNGE: a UID SEARCH with message numbers (RFC 7162 3.2.10.2) */
	ImapParser args;  /* at the first octet after the name: a SP, or the end */
	GString *out;     /* untagged answers; sent when the function returns, or by command_flush() */
	gpointer state;   /* the command's own between calls */
	GDestroyNotify free_state;
	const char *line; /* COMMAND_WAIT: what the client sent, without line end; NULL for news */
	gsize line_len;
};

typedef CommandResult (*CommandFunc)(ImapCommand *cmd);
typedef struct {
	const char *name;
	CommandFunc func;
	CommandFlags flags;
} CommandEntry;
const CommandEntry *command_find(const char *name); /* upper case */

/* TRUE when cmd->out holds so much that the command should return COMMAND_AGAIN soon. */
gboolean command_output_full(const ImapCommand *cmd);
/* TRUE when the connection is closed or the server stops: give up. Cheap, from any thread. */
gboolean command_cancelled(const ImapCommand *cmd);
/* TRUE when the client has closed its side: it may be gone, or still read (`printf ... | nc`). Whatever is sent to it tells: where it is gone
 * command_cancelled() says so shortly after. Cheap, from any thread. */
gboolean command_client_closed(const ImapCommand *cmd);
/* Sends what cmd->out holds now (INPROGRESS), from the worker. */
void command_flush(ImapCommand *cmd);

/* The tagged answer, once. @code without brackets or NULL ("TRYCREATE"); the text is printf-like. */
void command_ok(ImapCommand *cmd, const char *code, const char *format, ...) G_GNUC_PRINTF(3, 4);
void command_no(ImapCommand *cmd, const char *code, const char *format, ...) G_GNUC_PRINTF(3, 4);
void command_bad(ImapCommand *cmd, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Whether the answer that was given is NO. */
gboolean command_said_no(const ImapCommand *cmd);
/* Answers for a GError of store, parser or index by its domain and code (table in command.c): BAD for
 * syntax, NO [code] for the user's errors, logged and "NO [SERVERBUG] internal error" for the site's. */
void command_error(ImapCommand *cmd, const GError *error);
/* BAD if there are arguments. */
gboolean command_no_args(ImapCommand *cmd);

G_END_DECLS
