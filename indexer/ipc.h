/* What mailsiftd and mailsift-indexer say to each other over a stream socket. A message is parsed like one from the network: what is too long, of another
 * version, unknown, cut short or followed by surplus octets is an error, and the stream is of no use after it.
 *
 * On the wire, numbers little-endian: length (4 octets, of all that follows, 2 to LIMIT_IPC_MESSAGE), version (1), kind (1), then the kind's
 * members in the order of the comments below: numbers of 8, 4 or 1 octets; texts as length (2 octets) and valid UTF-8 without NUL. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

#define IPC_VERSION 1
/* The descriptor on which the indexer finds the socket. */
#define IPC_INDEXER_FD 3

#define IPC_ERROR (ipc_error_quark())
typedef enum { IPC_ERROR_INVALID } IpcError;
GQuark ipc_error_quark(void);

typedef enum {
	/* to the indexer */
	IPC_WAKE = 1,   /* account */
	IPC_JOB = 2,    /* id (8), account, mailbox ("": the whole account) */
	IPC_CANCEL = 3, /* id (8) */
	IPC_STOP = 4,   /* nothing: finish the commit and end */
	/* from the indexer */
	IPC_HELLO = 16,     /* nothing: it has come up */
	IPC_COMMITTED = 17, /* account, watermark (4), gone_seq (8) */
	IPC_PROGRESS = 18,  /* id (8), state (1, an IndexJobState), total (8), done (8), failed (8), reason ("": none) */
} IpcKind;

typedef struct {
	IpcKind kind;
	guint64 id;
	char *account;  /* owned; never empty where the kind has one */
	char *mailbox;  /* owned; NULL: "" */
	guint32 watermark;
	guint64 gone_seq;
	guint8 state;
	guint64 total, done, failed;
	char *reason;   /* owned; NULL: "" */
} IpcMessage;
void ipc_message_clear(IpcMessage *message);

/* Appends the message to @out. Texts that are too long for a message are cut (a reason) or make it FALSE (names). */
gboolean ipc_write(GByteArray *out, const IpcMessage *message);

/* Reads the message at the start of @data. Returns its octets; 0: there is not all of it yet; -1 and IPC_ERROR_INVALID. *message_out is set if the
 * result is positive: ipc_message_clear(). */
gssize ipc_parse(const guint8 *data, gsize len, IpcMessage *message_out, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IpcMessage, ipc_message_clear)
G_END_DECLS
