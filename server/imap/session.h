/* One client's session: who it is, what it has selected, and what it has been told. Used by the one worker
 * that runs its command (or by the loop when none runs); never by two threads at once. */
#pragma once
#include "base/settings.h"
#include "indexer/search-index.h"
#include "store/mailbox.h"
G_BEGIN_DECLS

typedef enum {
	SESSION_NOT_AUTHENTICATED,
	SESSION_AUTHENTICATED,
	SESSION_SELECTED,
	SESSION_LOGOUT
} SessionState;
typedef enum {
	SESSION_CONDSTORE = 1 << 0,
	SESSION_QRESYNC = 1 << 1,
	SESSION_UTF8 = 1 << 2,
	SESSION_REV2 = 1 << 3,
	SESSION_METADATA = 1 << 4,       /* is told when others change annotations (RFC 5464 4.4) */
	SESSION_METADATA_SERVER = 1 << 5, /* ... of those of the server */
	SESSION_ALL_METADATA = SESSION_METADATA | SESSION_METADATA_SERVER,
} SessionEnabled;

typedef struct Session Session;
typedef struct Connection Connection;       /* server/conn/connection.h */
typedef struct ServerContext ServerContext; /* server/context.h */
typedef struct SearchUpdates SearchUpdates; /* server/imap/search-update.h */

struct Session {
	Connection *connection; /* NULL in tests of commands without a network */
	ServerContext *server;
	SessionState state;
	SessionEnabled enabled;
	gboolean tls;     /* the connection is encrypted */
	gboolean local;   /* peer is on loopback */
	char *user;       /* owned; NULL before login */
	Account *account; /* a reference */
	/* The account's, from the first search on: while it is held, texts of messages that are not indexed yet are kept
	 * between searches (session_index()). */
	SearchIndex *index;
	/* selected state */
	Mailbox *mailbox;     /* a reference */
	char *mailbox_name;   /* owned; as of SELECT or the last session_follow_rename() */
	gboolean read_only;   /* EXAMINE */
	Snapshot *view;       /* what the client knows: its sequence numbers are positions in this */
	guint64 told_modseq;  /* the client has been told of all changes up to here; below the view's while expunges wait */
	gboolean modseq_due;  /* HIGHESTMODSEQ is to be told before the tagged answer: session_write_due_modseq() */
	UidSet *recent; /* UIDs that are \Recent for this session; owned; NULL: nothing is selected. Of a message that is in
	                 * the view this never changes */
	UidSet *silent; /* UIDs whose flags this very command changes without a FETCH (STORE .SILENT) */
	guint64 silent_modseq; /* changes up to this modseq of those */
	UidSet *saved;         /* $: SEARCHRES; UIDs */
	SearchUpdates *updates; /* results of RETURN (UPDATE ...); owned; NULL: none */
	guint64 metadata_seen;   /* changes of annotations up to this one are known (store/metadata.h) */
	guint64 metadata_author; /* what is written by this number is its own */
	char *client_id;       /* from ID, for the log; owned */
	char *peer;            /* the client's address, for the log; owned; NULL in tests */
	guint login_failures;
	gboolean counted; /* among the sessions of its user: server_context_enter() */
};

Session *session_new(ServerContext *server, Connection *connection);
void session_free(Session *session);
/* The index of the session's account, for searching; borrowed, lives until the session is logged out. */
SearchIndex *session_index(Session *session);
/* Selects: takes the snapshot, claims \Recent. The old mailbox, if any, is closed first. */
gboolean session_select(Session *session, const char *name, gboolean read_only, GError **error);
void session_unselect(Session *session);
/* Back to the state before login: nothing of the user is left, nothing is selected or enabled. The connection, its TLS, what the client said by
 * ID, and the count of failed logins stay. On a worker: giving up a mailbox or an account may write. */
void session_unauthenticate(Session *session);
/* Takes over the selected mailbox's name: this session, or any other, may have renamed it. One that was deleted keeps its last. FALSE and
 * @error: it could not be read. Nothing is done when none is selected. */
gboolean session_follow_rename(Session *session, GError **error);
/* Brings the view up to the newest snapshot and appends what the client must be told to @out: EXPUNGE
 * (highest first, only with @allow_expunge; else those messages stay in the view) or, with QRESYNC, VANISHED,
 * EXISTS, RECENT, FLAGS when there are new keywords, FETCH (FLAGS ...) with UID when @with_uid, and what that means
 * for results that are kept up to date (search-update.h). STORE_ERROR_NO_MAILBOX: it was deleted. */
gboolean session_sync(
	Session *session, GString *out, gboolean allow_expunge, gboolean with_uid, GError **error);
/* Enables @extensions (SESSION_QRESYNC with SESSION_CONDSTORE) until the connection ends. The first time that CONDSTORE is among them, the
 * selected mailbox's HIGHESTMODSEQ is appended to @out (RFC 7162 3.1). */
void session_enable(Session *session, SessionEnabled extensions, GString *out);
/* With QRESYNC: appends HIGHESTMODSEQ where the client cannot work it out from the MODSEQs that it was told: expunges were told, which have
 * none, or wait while later changes were told (RFC 7162 3.2, section 6). At the end of each command, and when IDLE has told something. */
void session_write_due_modseq(Session *session, GString *out);
/* Appends "* n FETCH (...)": the message's UID when @with_uid, its flags when @with_flags; once CONDSTORE is enabled, UID and MODSEQ in any case
 * (RFC 7162 3.2.4). */
void session_write_fetch(const Session *session, guint32 position, gboolean with_uid, gboolean with_flags, GString *out);
/* Appends VANISHED (EARLIER), in lines of some thousands of ranges; nothing for the empty set. */
void session_write_vanished_earlier(const UidSet *uids, GString *out);
/* Appends "FLAGS (...)" of the message at @position. */
void session_write_flags(const Session *session, guint32 position, GString *out);
/* Appends the untagged FLAGS and PERMANENTFLAGS of the selected mailbox. */
void session_write_flag_lists(const Session *session, GString *out);
/* How many messages of the view are \Recent in this session. */
guint32 session_count_recent(const Session *session);
/* The UIDs that @set (text of a sequence-set, as UIDs or sequence numbers; "$": the saved ones) names in the
 * view. Numbers beyond the end are an error (BAD) for sequence numbers and ignored for UIDs; with @lenient
 * (SEARCH, RFC 7377 section 2) ignored for both. */
UidSet *session_resolve_set(
	const Session *session, const char *set, gboolean uid, gboolean lenient, GError **error);

G_END_DECLS
