/* The inside of a connection: connection.c has its life, its commands and its clock, connection-io.c what
 * is read and written, connection-input.c how octets become commands. */
#pragma once
#include "base/metrics.h"
#include "server/conn/connection.h"
#include "server/conn/framing.h"
#include "server/conn/output.h"
#include "server/conn/spooler.h"
#include "server/imap/command-private.h"

#include <event2/event_struct.h>
G_BEGIN_DECLS

typedef enum {
	RUN_NONE,    /* between commands */
	RUN_BUSY,    /* a worker has it */
	RUN_FULL,    /* COMMAND_AGAIN: goes on when the client has read */
	RUN_WAITING, /* COMMAND_WAIT: goes on with a line or with news */
	RUN_DELAYED, /* done; its answer waits for `delayed_until` */
} RunState;

struct Connection {
	Hub *hub;
	Transport *transport;
	Session *session; /* the worker's while run_state is RUN_BUSY */
	char *user;       /* who has logged in; NULL: nobody. The loop's copy */
	struct event read_event, write_event, timer;
	gboolean reading, writing; /* the events are added */
	gint64 timer_at_us;        /* when the timer fires; 0: not set */

	/* input */
	GByteArray *input; /* came ahead of its time; NULL: nothing */
	Framing *framing;
	Spooler *spooler; /* of the literal that is coming in */
	GArray *spooled;  /* of SpooledLiteral: the command's so far; NULL: none */

	/* the command */
	RunState run_state;
	CommandRun *run;
	CommandHost host;
	CommandResult result; /* the worker's, while busy */
	GString *line;        /* what a waiting command is called with; NULL: news */
	guint bad_commands;   /* in a row */

	/* output */
	Output output;
	GMutex flush_lock;
	GString *flushed; /* by the worker in the middle of a command; under flush_lock; NULL: nothing */

	gint cancelled;     /* atomic: the worker may as well give up */
	gint closed_by_client; /* atomic: eof, for the worker */
	gboolean news;      /* of the selected mailbox, not yet told */
	gboolean eof;       /* the client has closed its side */
	gboolean starttls;  /* TLS begins when the output is empty */
	gboolean stopping;  /* BYE after this command */
	gboolean closing;   /* no commands any more; closes when the output is empty */
	gboolean lingering; /* all is said; waits for the client to close, so that it gets to read it */
	gboolean dead;      /* closed; waits for its job */
	gboolean freeing;
	const char *reason; /* why it closes: static */

	char *watched_account; /* whose news it gets; NULL: none */
	gint64 watched_mailbox;

	gint64 login_from_us; /* monotonic: since when it is expected to log in */
	gint64 started_us, active_us, delayed_until_us, eof_at_us, looked_us, linger_at_us, spoke_us; /* monotonic */
	guint64 bytes_in, bytes_out, commands;
	MetricSeries *gauge; /* METRIC_SESSIONS: the one it is counted in */
};

/* connection-io.c */
void connection_io_init(Connection *c);
/* Adds or removes the read event as the state asks. */
void connection_update_reading(Connection *c);
/* Writes what can be written, and does what waits for an empty output. */
void connection_write(Connection *c);
void connection_say(Connection *c, const char *text);

/* connection-input.c */
/* Makes commands of the octets; what must wait is kept in c->input. */
void connection_take_input(Connection *c, const char *data, gsize len);
/* Goes on with c->input, and writes what there is to write. */
void connection_go_on(Connection *c);
void connection_drop_input(Connection *c);
/* After login more is allowed. */
void connection_update_limits(Connection *c);

/* connection.c */
void connection_begin_command(Connection *c, GString *data, GArray *spooled);
/* Calls a command that waits or was full; takes over @line. */
void connection_step(Connection *c, GString *line);
void connection_greet(Connection *c);
/* If there is news, and the command waits for it. */
void connection_tell_news(Connection *c);
/* Says BYE when there were too many errors in a row. */
void connection_check_errors(Connection *c);
void connection_bye(Connection *c, const char *code, const char *text, const char *reason);
void connection_update_timer(Connection *c);

G_END_DECLS
