#include "server/imap/login.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "server/context.h"
#include "server/imap/capability.h"
#include "server/imap/command-private.h"

gboolean login_may_try(ImapCommand *cmd)
{
	if (capability_plaintext_allowed(cmd->session))
		return TRUE;
	command_no(cmd, "PRIVACYREQUIRED", "%s",
		cmd->session->server->tls != NULL ? "Passwords are taken over TLS only: use STARTTLS first"
						  : "Passwords are taken over TLS only");
	return FALSE;
}

static Account *open_account(Store *store, const char *user, GError **error)
{
	g_autoptr(GError) missing = NULL;
	Account *account = store_get_account(store, user, &missing);
	if (account != NULL)
		return account;
	if (!g_error_matches(missing, STORE_ERROR, STORE_ERROR_NO_ACCOUNT)) {
		g_propagate_error(error, g_steal_pointer(&missing));
		return NULL;
	}
	g_autoptr(GError) failed = NULL;
	if (!store_create_account(store, user, &failed) &&
		!g_error_matches(failed, STORE_ERROR, STORE_ERROR_EXISTS)) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return NULL;
	}
	return store_get_account(store, user, error);
}

static void log_failure(const ImapCommand *cmd, const char *mechanism, const char *user, const char *reason)
{
	log_notice("login.failed", LOG_STR("user", user), LOG_STR("peer", cmd->session->peer),
		LOG_STR("mechanism", mechanism), LOG_STR("reason", reason),
		LOG_BOOL("tls", cmd->session->tls));
	metrics_inc(METRIC_LOGINS, mechanism, "failed");
}

static void refuse(ImapCommand *cmd, const char *mechanism, SaslResult result, const char *user)
{
	Session *session = cmd->session;
	log_failure(cmd, mechanism, user, result == SASL_REFUSED ? "authorization" : "credentials");
	session->login_failures++;
	command_delay(cmd, (guint)settings_ms(session->server->settings, SETTING_AUTH_FAILED_LOGIN_DELAY));
	if (result == SASL_REFUSED)
		command_no(cmd, "AUTHORIZATIONFAILED", "That user cannot be acted for");
	else
		command_no(cmd, "AUTHENTICATIONFAILED", "Wrong user or password");
	if (session->login_failures >= LIMIT_LOGIN_FAILURES)
		command_bye(cmd, NULL, "Too many failed logins");
}

static void site_error(ImapCommand *cmd, const char *mechanism, const char *user, const GError *error)
{
	log_error("login.error", LOG_STR("user", user), LOG_STR("peer", cmd->session->peer),
		LOG_GERROR("error", error));
	metrics_inc(METRIC_LOGINS, mechanism, "error");
	command_no(cmd, "UNAVAILABLE", "Login is not possible at the moment; the server's log says more");
}

static void accept_user(ImapCommand *cmd, const char *mechanism, const char *user)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	if (!server_context_enter(session->server, user)) {
		log_failure(cmd, mechanism, user, "connections");
		command_no(cmd, "LIMIT", "There are too many connections of this user");
		return;
	}
	Account *account = open_account(session->server->store, user, &error);
	if (account == NULL) {
		server_context_leave(session->server, user);
		site_error(cmd, mechanism, user, error);
		return;
	}
	session->counted = TRUE;
	session->account = account;
	session->user = g_strdup(user);
	session->state = SESSION_AUTHENTICATED;
	log_info("login.ok", LOG_STR("user", user), LOG_STR("peer", session->peer),
		LOG_STR("mechanism", mechanism), LOG_BOOL("tls", session->tls));
	metrics_inc(METRIC_LOGINS, mechanism, "ok");
	g_autoptr(GString) capability = g_string_new(NULL);
	capability_write(session, capability);
	command_ok(cmd, capability->str, "Logged in");
}

void login_finish(
	ImapCommand *cmd, const char *mechanism, SaslResult result, const char *user, const GError *error)
{
	switch (result) {
	case SASL_OK:
		accept_user(cmd, mechanism, user);
		break;
	case SASL_FAILED:
	case SASL_REFUSED:
		refuse(cmd, mechanism, result, user);
		break;
	case SASL_BAD:
		command_bad(cmd, "That is no response of mechanism %s", mechanism);
		break;
	case SASL_CONTINUE:
	case SASL_ERROR:
		site_error(cmd, mechanism, user, error);
		break;
	}
}
