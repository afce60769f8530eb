/* What LOGIN and AUTHENTICATE have in common: who may try, and what happens after. */
#pragma once
#include "server/auth/sasl.h"
#include "server/imap/command.h"
G_BEGIN_DECLS

/* Answers NO [PRIVACYREQUIRED] and returns FALSE where a password must not cross the wire. */
gboolean login_may_try(ImapCommand *cmd);

/* Gives the tagged answer for how it ended (not SASL_CONTINUE) and, when it went well, makes the session
 * that of @user: opens the account, creating it at the first login. @mechanism is for the log ("LOGIN",
 * "PLAIN"). @user may be NULL when nobody was named; @error is set with SASL_ERROR only. */
void login_finish(
	ImapCommand *cmd, const char *mechanism, SaslResult result, const char *user, const GError *error);

G_END_DECLS
