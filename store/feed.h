/* The feed of changes that the indexer follows (DESIGN.md "The feed"). An email is one distinct content of the account, with a growing id
 * that is never reused. Rows are written in the transaction that appends or expunges. */
#pragma once
#include "store/store.h"
G_BEGIN_DECLS

typedef struct {
	guint32 max_email_id;     /* highest id ever given; 0 = none */
	guint64 max_gone_seq;     /* highest sequence in email_gone ever given */
	guint64 emails;           /* emails with a message */
} FeedState;
gboolean account_feed_state(Account *account, FeedState *state_out, GError **error);

/* Up to @limit ids above @after, ascending, of emails that still have a message. *ids_out: guint32, owned. */
gboolean account_feed_added(Account *account, guint32 after, guint limit, GArray **ids_out, GError **error);
/* The ids of all emails with a message in the range @after < id <= @upto; with @mailbox (else NULL) only those of that mailbox. */
gboolean account_feed_emails(Account *account, const char *mailbox, guint32 after, guint32 upto, GArray **ids_out, GError **error);

typedef struct { guint64 seq; guint32 email_id; } FeedGone;
/* Up to @limit emails that lost their last message, with seq above @after. A content that comes back gets a new email id. *gone_out: FeedGone, owned. */
gboolean account_feed_gone(Account *account, guint64 after, guint limit, GArray **gone_out, GError **error);
/* The server forgets gone rows up to @seq, once the index has them in a commit. */
gboolean account_feed_forget_gone(Account *account, guint64 seq, GError **error);

/* What tells one history of ids from another: INBOX's MAILBOXID, and the newest email up to @upto that there is, with the beginning of its hash ("F... 12
 * 0123456789abcdef"; "F... 0 -": there is none). Who keeps something by email ids keeps this beside it. The caller frees; NULL on failure. */
char *account_feed_origin(Account *account, guint32 upto, GError **error);
/* Whether what has @origin and was brought up to these watermarks was made from the database that the account has now: not from one that was deleted
 * since, or that an older one has taken the place of (a backup). */
gboolean account_feed_is_origin(Account *account, const char *origin, guint32 watermark, guint64 gone_seq, gboolean *is_out, GError **error);

G_END_DECLS
