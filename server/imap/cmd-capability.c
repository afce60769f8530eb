/* CAPABILITY: RFC 3501 section 6.1.1. */
#include "server/auth/sasl.h"
#include "server/context.h"
#include "server/imap/capability.h"
#include "server/imap/commands.h"

gboolean capability_plaintext_allowed(const Session *session)
{
	return session->tls ||
		(session->local &&
			settings_bool(session->server->settings, SETTING_AUTH_ALLOW_PLAINTEXT_LOOPBACK));
}

void capability_write(const Session *session, GString *out)
{
	g_string_append(out,
		"CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE UIDPLUS UNSELECT MOVE NAMESPACE "
		"MULTIAPPEND "
		"CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE ESEARCH SEARCHRES WITHIN SAVEDATE OBJECTID INPROGRESS PARTIAL "
		"MULTISEARCH SORT SORT=DISPLAY ESORT CONTEXT=SEARCH CONTEXT=SORT THREAD=ORDEREDSUBJECT "
		"THREAD=REFERENCES I18NLEVEL=1 "
		"SEARCH=FUZZY STATUS=SIZE CONDSTORE QRESYNC METADATA METADATA-SERVER FILTERS");
	g_string_append_printf(out, " APPENDLIMIT=%" G_GUINT64_FORMAT, session->server->append_limit);
	if (settings_bool(session->server->settings, SETTING_AUTH_UNAUTHENTICATE))
		g_string_append(out, " UNAUTHENTICATE");
	if (session->state != SESSION_NOT_AUTHENTICATED)
		return;
	if (session->server->tls != NULL && !session->tls)
		g_string_append(out, " STARTTLS");
	gboolean plaintext = capability_plaintext_allowed(session);
	if (!plaintext)
		g_string_append(out, " LOGINDISABLED");
	for (const SaslMechanism *mechanism = sasl_mechanisms(); mechanism->name != NULL; mechanism++) {
		if (plaintext || !mechanism->plaintext)
			g_string_append_printf(out, " AUTH=%s", mechanism->name);
	}
}

CommandResult cmd_capability(ImapCommand *cmd)
{
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	g_string_append(cmd->out, "* ");
	capability_write(cmd->session, cmd->out);
	g_string_append(cmd->out, "\r\n");
	command_ok(cmd, NULL, "CAPABILITY completed");
	return COMMAND_DONE;
}
