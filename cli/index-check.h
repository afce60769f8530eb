/* Compares an account's index with its mail, email by email: what `mailsift check` tells. Reads only, and
 * may run beside server and indexer. */
#pragma once
#include "indexer/email-set.h"
#include "store/store.h"
G_BEGIN_DECLS

typedef struct {
	guint32 email_id;
	char *reason;     /* owned */
	gint64 failed_at; /* Unix microseconds */
} CheckFailure;

/* Every email of the account is in exactly one of indexed, lag, failed and missing. */
typedef struct {
	gboolean present; /* there is an index of this program's version */
	char *why;        /* owned; if not, why */
	guint32 watermark;
	guint64 emails;    /* distinct contents that have a message */
	guint64 documents; /* texts in the index, surplus ones and those about to be removed included */
	/* Emails of which only the terms are still in the index, until it is built anew: no fault. */
	guint64 dead;
	EmailSet *indexed; /* with terms and with a text whose checksum is right; owned */
	EmailSet *lag;     /* above the watermark: not reached yet; owned */
	EmailSet *missing; /* the index should have them and does not, or has them damaged; owned */
	/* With a text in the index though no message has them, and not about to be removed; owned. */
	EmailSet *surplus;
	GPtrArray *failed; /* of CheckFailure, by id: recorded as not to be indexed; owned */
} IndexCheck;

/* NULL and @error: the mail could not be read, or the index changed all the time. A damaged index is no
 * error, but what the result tells. */
IndexCheck *index_check(Account *account, GError **error);
void index_check_free(IndexCheck *check);

/* Where a message is. */
typedef struct {
	char *mailbox;
	guint32 uid;
} CheckPlace;
/* The places of the emails of @ids: email id (GUINT_TO_POINTER) to GPtrArray of CheckPlace. NULL and
 * @error. */
GHashTable *index_check_places(Account *account, const EmailSet *ids, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexCheck, index_check_free)
G_END_DECLS
