/* What a STORE does to flags (RFC 3501 6.4.6), and on what condition (UNCHANGEDSINCE, RFC 7162 3.1.3). */
#pragma once
#include "server/imap/session.h"
G_BEGIN_DECLS

typedef struct {
	FlagsOp op;
	MessageFlags flags;
	const char *const *keywords; /* NULL-terminated, borrowed */
} StoreChange;

/* The message's flags at @new_position of @after are those that a client works out by itself that knows the ones at @old_position of @before. */
gboolean store_change_is_expected(
	const StoreChange *change, const Snapshot *before, guint32 old_position, const Snapshot *after, guint32 new_position);

/* Carries @change out on the messages of @uids, which are in the session's view, that have not changed since @unchanged_since. Those that have, as far as
 * @change goes, are *@modified_out (owned by the caller): what another session did to other flags is no obstacle to +FLAGS and -FLAGS, where
 * the view shows what the flags in question were then (RFC 7162 3.1.12); and 0 is met by a message that has none of the
 * keywords (3.1.3, examples 7 and 8). Expunged messages are in neither. FALSE and @error: STORE_ERROR; some may be changed. */
gboolean store_change_unless_modified(Session *session, const StoreChange *change, const UidSet *uids, guint64 unchanged_since,
	UidSet **modified_out, GError **error);

G_END_DECLS
