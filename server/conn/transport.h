/* A client's socket, plain or TLS, without blocking. Used in the loop's thread only. */
#pragma once
#include "server/conn/tls.h"
G_BEGIN_DECLS

typedef enum {
	TRANSPORT_OK,          /* some octets went */
	TRANSPORT_WANTS_READ,  /* call again when the socket is readable */
	TRANSPORT_WANTS_WRITE, /* ... writable */
	TRANSPORT_END,         /* the client has closed its side */
	TRANSPORT_FAILED,      /* the connection is dead; transport_error() */
} TransportResult;

typedef struct Transport Transport;
Transport *transport_new(int fd); /* takes over @fd, which is non-blocking */
void transport_free(Transport *transport);
int transport_fd(const Transport *transport);

/* From here on TLS; the handshake runs within the next reads. */
gboolean transport_start_tls(Transport *transport, Tls *tls, GError **error);
gboolean transport_is_tls(const Transport *transport);
/* TLS is asked for, but the handshake is not over. */
gboolean transport_in_handshake(const Transport *transport);
/* One step of the handshake: OK when it is over. */
TransportResult transport_handshake(Transport *transport);

TransportResult transport_read(Transport *transport, char *buffer, gsize size, gsize *n_out);
TransportResult transport_write(Transport *transport, const char *data, gsize len, gsize *n_out);
/* Octets that TLS has read from the socket and not yet given out: no event will come for them. */
gboolean transport_has_pending(const Transport *transport);
/* The client has reset the connection: what was written to it reached nobody. Only asks. */
gboolean transport_is_broken(const Transport *transport);
/* Says that nothing more will be written (close_notify, FIN). */
void transport_end_output(Transport *transport);

/* Why it failed, for the log: "connection reset by peer", "wrong version number". Static or owned by
 * @transport. */
const char *transport_error(const Transport *transport);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or NULL without TLS. The caller frees. */
char *transport_tls_name(const Transport *transport);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transport, transport_free)
G_END_DECLS
