/* What the server says it can do. */
#pragma once
#include "server/imap/session.h"
G_BEGIN_DECLS

/* Appends "CAPABILITY IMAP4rev1 ..." as it stands for @session now: with STARTTLS, LOGINDISABLED and AUTH=
 * as fits its state. The extensions are the same before and after login: clients ask once. */
void capability_write(const Session *session, GString *out);

/* A password may cross this connection: it is encrypted, or on loopback where the settings allow that. */
gboolean capability_plaintext_allowed(const Session *session);

G_END_DECLS
