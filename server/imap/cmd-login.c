/* LOGIN: RFC 3501 section 6.2.3. */
#include "server/imap/commands.h"

#include "base/limits.h"
#include "server/context.h"
#include "server/imap/login.h"

#include <string.h>

static void wipe(char *password)
{
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	g_free(password);
}

static gboolean parse(ImapParser *args, char **user_out, char **password_out, GError **error)
{
	return imap_parse_sp(args, error) && (*user_out = imap_parse_astring(args, error)) != NULL &&
		imap_parse_sp(args, error) && (*password_out = imap_parse_astring(args, error)) != NULL &&
		imap_parse_end(args, error);
}

CommandResult cmd_login(ImapCommand *cmd)
{
	if (!login_may_try(cmd))
		return COMMAND_DONE;
	g_autofree char *user = NULL;
	char *password = NULL;
	g_autoptr(GError) error = NULL;
	if (!parse(&cmd->args, &user, &password, &error)) {
		command_error(cmd, error);
	} else if (strlen(user) > LIMIT_USER_NAME || strlen(password) > LIMIT_PASSWORD ||
		!g_utf8_validate(user, -1, NULL)) {
		login_finish(cmd, "LOGIN", SASL_FAILED, NULL, NULL);
	} else {
		AuthResult result = auth_check_password(cmd->session->server->auth, user, password, &error);
		SaslResult ended = result == AUTH_OK ? SASL_OK
			: result == AUTH_FAILED      ? SASL_FAILED
						     : SASL_ERROR;
		login_finish(cmd, "LOGIN", ended, user, error);
	}
	wipe(password);
	return COMMAND_DONE;
}
