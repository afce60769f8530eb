/* Unsolicited METADATA responses (RFC 5464 4.4.2): the names of annotations that others have set or removed, for a session that has
 * enabled METADATA (all of them) or METADATA-SERVER (those of the server). What the session itself writes it is not told. */
#pragma once
#include "server/imap/session.h"
G_BEGIN_DECLS

/* From now on: what was changed before is not told. FALSE and @error: the site's. */
gboolean metadata_news_start(Session *session, GError **error);
/* Appends what is new, if the session wants it: one response for each mailbox. */
gboolean metadata_news_write(Session *session, GString *out, GError **error);

G_END_DECLS
