/* A mailbox as it was at one moment: columns sorted by UID, in chunks of up to SNAPSHOT_CHUNK_ROWS messages. Immutable and
 * counted by references; any number of sessions and threads read one without a lock. A change of the mailbox makes a new
 * snapshot that shares all chunks but those it touches. Message sequence number = position + 1. */
#pragma once
#include "store/uidset.h"
G_BEGIN_DECLS

#define SNAPSHOT_CHUNK_ROWS 1024

/* System flags (RFC 9051 2.3.2). \Recent belongs to a session, not to the message: see mailbox_claim_recent(). */
typedef enum {
	MESSAGE_SEEN = 1 << 0,
	MESSAGE_ANSWERED = 1 << 1,
	MESSAGE_FLAGGED = 1 << 2,
	MESSAGE_DELETED = 1 << 3,
	MESSAGE_DRAFT = 1 << 4,
} MessageFlags;

#define SENT_DAY_NONE G_MININT32

/* Columns, not rows: a search reads one or two of them. Each has @n entries, allocated with the chunk (a small mailbox takes
 * little), that live as long as the snapshot. */
typedef struct {
	guint n;                     /* rows, 1..SNAPSHOT_CHUNK_ROWS */
	const guint32 *uid;          /* ascending */
	const guint32 *email_id;     /* the account's `email` row = Xapian document id */
	const guint32 *flags;        /* MessageFlags */
	const guint32 *keywords;     /* keyword set id: snapshot_keywords() */
	const guint32 *size;         /* RFC822.SIZE: octets in CRLF form */
	const gint64 *internal_at;   /* INTERNALDATE, Unix seconds */
	const gint16 *internal_zone; /* its zone, minutes east of UTC */
	const gint64 *saved_at;      /* save date (RFC 8514), Unix seconds */
	const guint64 *modseq;
	const gint32
		*sent_day; /* Date: field's calendar day as written, days since 1970-01-01; SENT_DAY_NONE */
	const gint64 *
		sent_at; /* Date: field, Unix seconds (RFC 5256 2.2: bad zone is UTC); internal_at when missing */
} SnapshotChunk;

typedef struct Snapshot Snapshot;
Snapshot *snapshot_ref(Snapshot *snapshot);
void snapshot_unref(Snapshot *snapshot);

guint32 snapshot_count(const Snapshot *snapshot); /* EXISTS */
guint32 snapshot_uidvalidity(const Snapshot *snapshot);
guint32 snapshot_uidnext(const Snapshot *snapshot);
guint64 snapshot_highestmodseq(const Snapshot *snapshot); /* >= 1 */
guint32 snapshot_max_uid(const Snapshot *snapshot);       /* 0 when empty */
guint snapshot_n_chunks(const Snapshot *snapshot);
/* Chunk @i; *@first_out (may be NULL) is the position of its first row. */
const SnapshotChunk *snapshot_chunk(const Snapshot *snapshot, guint i, guint32 *first_out);
/* The chunk of @position (< count) and the row in it. */
const SnapshotChunk *snapshot_row(const Snapshot *snapshot, guint32 position, guint *row_out);
/* UIDs of the messages with a modseq above @since; owned by the caller. One pass over a column: some 50 µs for 100,000 messages. */
UidSet *snapshot_changed_since(const Snapshot *snapshot, guint64 since);
/* Position of @uid; FALSE if not there (then *position_out is where it would be). */
gboolean snapshot_find_uid(const Snapshot *snapshot, guint32 uid, guint32 *position_out);
guint32 snapshot_uid_at(const Snapshot *snapshot, guint32 position);

/* Keywords are interned for a mailbox: a keyword has a growing number, a set of keywords has an id; id 0 is the empty set. Unlimited in number.
 * Names compare ignoring ASCII case; the first spelling is kept. */
const char *const *snapshot_keywords(const Snapshot *snapshot, guint32 keyword_set,
	gsize *n_out); /* names, NULL-terminated; live with the snapshot */
guint32 snapshot_n_keyword_sets(const Snapshot *snapshot); /* ids are below this */
/* All keywords ever used in the mailbox, for the FLAGS response. Lives with the snapshot. */
const char *const *snapshot_all_keywords(const Snapshot *snapshot, gsize *n_out);

/* What a session whose view is @from must be told to see @to (same mailbox and uidvalidity, @to not older). */
typedef struct {
	UidSet *expunged; /* UIDs in @from, not in @to. Owned */
	GArray *changed;  /* guint32 UIDs in both with another modseq, ascending. Owned */
	guint32 appended; /* messages in @to above @from's last UID */
} SnapshotDiff;
SnapshotDiff *snapshot_diff(const Snapshot *from, const Snapshot *to);
void snapshot_diff_free(SnapshotDiff *diff);
/* A view that has @from's messages (none expunged) with @to's flags, and @to's new messages: what a session may show while
 * EXPUNGE must not be sent (RFC 9051 7.5.1). Returns a new snapshot. */
Snapshot *snapshot_merge_keeping_expunged(Snapshot *from, Snapshot *to);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotDiff, snapshot_diff_free)
G_END_DECLS
