/* One client's connection: what it sends becomes commands, commands become jobs of the worker pool, and
 * what these answer is written back, one command at a time and in order. Lives in the loop's thread; while
 * a job of it is out, a worker has its session and its CommandRun, and nobody else touches those.
 *
 *     socket -> transport -> framing -> CommandRun -> worker -> output -> transport -> socket
 *
 * Nothing is framed while a command runs: octets that come ahead of it wait as they are, up to
 * CONNECTION_INPUT_BYTES, then the socket is not read. So a command never sees another state than the one
 * before it left (LOGIN, STARTTLS, IDLE), and a client that waits costs no buffer at all. */
#pragma once
#include "server/conn/hub.h"
#include "server/conn/transport.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

/* Octets of pipelined commands that are taken from the socket ahead of time. */
#define CONNECTION_INPUT_BYTES (64 * 1024)

/* Takes over @transport, greets (with @implicit_tls after the handshake). @peer is copied. */
Connection *connection_new(
	Hub *hub, Transport *transport, const char *peer, gboolean local, gboolean implicit_tls);

/* From a command on the loop: when what is said so far is written, TLS begins; what came already is thrown
 * away, since it was not protected (RFC 3501 section 6.2.1; the attack is CVE-2011-0411 and its kin). */
void connection_start_tls(Connection *connection);

/* The store says that the mailbox @mailbox_id, or (0) the list of mailboxes, of the account has changed. */
void connection_news(Connection *connection, gint64 mailbox_id);
/* Says BYE and closes, after the command that runs. */
void connection_stop(Connection *connection);
/* Closes now; @reason is for the log (static). A job that is out goes on and finds itself cancelled. */
void connection_close(Connection *connection, const char *reason);

G_END_DECLS
