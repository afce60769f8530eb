/* Mailboxes of an account. Names are UTF-8 with "/" as separator as on the wire after modified UTF-7 is decoded; INBOX in any case is "INBOX".
 * Thread-safe. A write returns when it is on disk (group commit: concurrent writes share a transaction). */
#pragma once
#include "store/snapshot.h"
#include "store/store.h"
G_BEGIN_DECLS

typedef enum {
	MAILBOX_NOSELECT = 1 << 0,      /* only a name in the hierarchy: children exist, the mailbox itself was deleted or never created */
	MAILBOX_SUBSCRIBED = 1 << 1,
	MAILBOX_HAS_CHILDREN = 1 << 2,
	MAILBOX_NONEXISTENT = 1 << 3,   /* only in lists of subscriptions: subscribed, not there */
} MailboxFlags;

typedef struct {
	gint64 id;              /* never reused in the account; MAILBOXID is "F" + this in a stable form: mailbox_objectid() */
	char *name;             /* owned */
	MailboxFlags flags;
	char *special_use;      /* "\\Sent" etc. (RFC 6154), several with a space between; or NULL; owned */
} MailboxInfo;
void mailbox_info_free(MailboxInfo *info);

/* All mailboxes (and parents that are only names), sorted by name with INBOX first. With @subscribed also MAILBOX_NONEXISTENT ones. */
GPtrArray *account_list_mailboxes(Account *account, gboolean subscribed, GError **error); /* of MailboxInfo, owned */
/* RFC 3501 6.3.3: makes superior names too; a trailing "/" is ignored. @special_use: what it is for, with a space between several (RFC 6154
 * section 3): STORE_ERROR_SPECIAL_USE if there is no such use, or another mailbox has it. "": nothing. NULL: what the name says, if that is
 * still to be had: "Sent" is for \Sent. */
gboolean account_create_mailbox(Account *account, const char *name, const char *special_use, GError **error);
gboolean account_delete_mailbox(Account *account, const char *name, GError **error);  /* RFC 3501 6.3.4 */
gboolean account_rename_mailbox(Account *account, const char *from, const char *to, GError **error); /* RFC 3501 6.3.5, INBOX's special case, children move along */
gboolean account_subscribe(Account *account, const char *name, gboolean subscribed, GError **error);

typedef struct Mailbox Mailbox;
Mailbox *account_open_mailbox(Account *account, const char *name, GError **error); /* a reference; STORE_ERROR_NO_MAILBOX */
Mailbox *mailbox_ref(Mailbox *mailbox);
void mailbox_unref(Mailbox *mailbox);
Account *mailbox_account(const Mailbox *mailbox);
gint64 mailbox_id(const Mailbox *mailbox);
char *mailbox_objectid(const Mailbox *mailbox);   /* MAILBOXID (RFC 8474), unique over mailboxes and time */
gboolean mailbox_is_deleted(const Mailbox *mailbox); /* deleted since it was opened */
/* What it is called by now: anybody may have renamed it, or a parent of it. Owned by the caller; NULL and @error (STORE_ERROR_NO_MAILBOX: deleted). */
char *mailbox_name(Mailbox *mailbox, GError **error);

/* The newest snapshot, including what this process and others wrote before the call and what lies in new/ by now. A reference. */
Snapshot *mailbox_snapshot(Mailbox *mailbox, GError **error);
/* Which messages are \Recent for the session that selects: the UIDs above the last claim. With @claim (SELECT, not EXAMINE) no later session
 * gets them (RFC 3501 2.3.2). Returns the lowest recent UID (uidnext if none). */
gboolean mailbox_claim_recent(Mailbox *mailbox, const Snapshot *snapshot, gboolean claim, guint32 *first_recent_out, GError **error);

typedef struct {
	guint32 messages, recent, uidnext, uidvalidity, unseen, deleted;
	guint64 size_bytes, deleted_size_bytes, highestmodseq;
	char *objectid; /* owned by the caller: g_free */
} MailboxStatus;
gboolean mailbox_status(Mailbox *mailbox, MailboxStatus *status_out, GError **error);

/* A message on its way in: a file in tmp/ that grows as the literal arrives. Freeing it without appending removes the file. */
typedef struct Spool Spool;
Spool *spool_new(Account *account, GError **error);
gboolean spool_write(Spool *spool, const guint8 *data, gsize len, GError **error);
guint64 spool_size(const Spool *spool);
/* Brings @n files to disk, several at once, and closes them: nothing can be written any more. mailbox_append() does it to those that are open:
 * this is for who has more of them than descriptors. FALSE: one could not be synced, the others may be closed or not. */
gboolean spools_finish(Spool *const *spools, gsize n, GError **error);
void spool_free(Spool *spool);

typedef struct {
	Spool *spool;                 /* taken over in every case */
	MessageFlags flags;
	const char *const *keywords;  /* NULL-terminated, or NULL */
	gint64 internal_at;           /* Unix seconds */
	gint16 internal_zone;         /* minutes */
	gboolean has_date;            /* else: now, local zone */
} AppendMessage;
/* Appends all or none (RFC 3502). UIDs ascend in order of @messages; *uids_out is owned by the caller. */
gboolean mailbox_append(Mailbox *mailbox, AppendMessage *messages, gsize n, guint32 *uidvalidity_out, UidSet **uids_out, GError **error);

typedef enum { FLAGS_REPLACE, FLAGS_ADD, FLAGS_REMOVE } FlagsOp;
/* Changes flags of the messages of @uids that are still there; others are ignored. With @unchanged_since (else G_MAXUINT64) messages with a
 * higher modseq are left alone and returned in *modified_out (may be NULL). */
gboolean mailbox_store_flags(Mailbox *mailbox, const UidSet *uids, FlagsOp op, MessageFlags flags, const char *const *keywords,
                             guint64 unchanged_since, UidSet **modified_out, GError **error);
/* Expunges the messages of @uids (NULL: all) that have \Deleted. *expunged_out: the UIDs; owned; may be NULL. */
gboolean mailbox_expunge(Mailbox *mailbox, const UidSet *uids, UidSet **expunged_out, GError **error);
/* What a client whose cache is as old as modseq @since must forget (VANISHED, RFC 7162 3.2.6): UIDs below @view's UIDNEXT that are not in @view. With
 * *@exact_out those that went after @since; without it all that are missing, also UIDs that never were: @since is before the expunges that are
 * remembered (the last 50,000 to 100,000 of the mailbox), or is no modseq of this mailbox. *@vanished_out is owned by the caller. */
gboolean mailbox_vanished(Mailbox *mailbox, const Snapshot *view, guint64 since, UidSet **vanished_out, gboolean *exact_out, GError **error);
/* Copies or moves (@move, RFC 6851: atomically) all of @uids that are still there, in order of UID, with flags and dates. The two sets correspond one to one
 * in order (COPYUID). Both out sets owned by the caller. Source and target may be the same mailbox. */
gboolean mailbox_copy(Mailbox *from, const UidSet *uids, Mailbox *to, gboolean move, guint32 *uidvalidity_out,
                      UidSet **source_uids_out, UidSet **target_uids_out, GError **error);

/* The message's octets in CRLF form (mapped when the file has that form already). STORE_ERROR_EXPUNGED when it is gone. */
GBytes *mailbox_load(Mailbox *mailbox, guint32 uid, GError **error);
/* The same by content, from whichever mailbox still has it. For the indexer and the tail. */
GBytes *account_load_email(Account *account, guint32 email_id, GError **error);
/* EMAILID (RFC 8474): from the content's SHA-256; caller frees. */
char *account_email_objectid(Account *account, guint32 email_id, GError **error);
/* The reverse: the email that has this EMAILID; *email_id_out is 0 when there is none, or @objectid is no EMAILID. FALSE: the database failed. */
gboolean account_find_email(Account *account, const char *objectid, guint32 *email_id_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mailbox, mailbox_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MailboxInfo, mailbox_info_free)
G_END_DECLS
