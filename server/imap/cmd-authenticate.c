/* AUTHENTICATE: RFC 3501 section 6.2.2, with an initial response (RFC 4959). */
#include "server/imap/commands.h"

#include "server/context.h"
#include "server/imap/command-private.h"
#include "server/imap/login.h"

#include <string.h>

static void free_exchange(gpointer data)
{
	sasl_exchange_free(data);
}

/* Strict base64 (RFC 4648 section 4); NULL: it is none. */
static guint8 *decode(const char *text, gsize len, gsize *n_out)
{
	if (len % 4 != 0)
		return NULL;
	gsize padding = 0;
	for (gsize i = 0; i < len; i++) {
		if (text[i] == '=')
			padding++;
		else if (padding > 0 || !(g_ascii_isalnum(text[i]) || text[i] == '+' || text[i] == '/'))
			return NULL;
	}
	if (padding > 2)
		return NULL;
	char *copy = g_strndup(text, len);
	guint8 *data = g_base64_decode(copy, n_out);
	explicit_bzero(copy, len);
	g_free(copy);
	return data;
}

static CommandResult step(ImapCommand *cmd, SaslExchange *exchange, const guint8 *data, gsize len)
{
	SaslResult result = sasl_exchange_step(exchange, data, len);
	if (result == SASL_CONTINUE) {
		g_autofree char *challenge =
			g_base64_encode((const guchar *)exchange->challenge->str, exchange->challenge->len);
		g_string_append_printf(cmd->out, "+ %s\r\n", challenge);
		return COMMAND_WAIT;
	}
	login_finish(cmd, exchange->mechanism->name, result, exchange->user, exchange->error);
	return COMMAND_DONE;
}

/* @text is base64; in an initial response "=" is the empty one. */
static CommandResult step_base64(ImapCommand *cmd, SaslExchange *exchange, const char *text, gsize len)
{
	gsize n = 0;
	guint8 *data = decode(text, len, &n);
	if (data == NULL) {
		command_bad(cmd, "The response is not base64");
		return COMMAND_DONE;
	}
	CommandResult result = step(cmd, exchange, data, n);
	explicit_bzero(data, n);
	g_free(data);
	return result;
}

static CommandResult begin(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_atom(&cmd->args, &error)) == NULL) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	g_autofree char *upper = g_ascii_strup(name, -1);
	const SaslMechanism *mechanism = sasl_find(upper);
	if (mechanism == NULL) {
		command_no(cmd, "CANNOT", "There is no mechanism %s", upper);
		return COMMAND_DONE;
	}
	if (mechanism->plaintext && !login_may_try(cmd))
		return COMMAND_DONE;
	SaslExchange *exchange = sasl_exchange_new(mechanism, cmd->session->server->auth);
	cmd->state = exchange;
	cmd->free_state = free_exchange;
	if (imap_at_end(&cmd->args))
		return step(cmd, exchange, NULL, 0);
	if (!imap_parse_sp(&cmd->args, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	const char *text = cmd->args.data + cmd->args.pos;
	gsize len = cmd->args.len - cmd->args.pos;
	if (len == 1 && text[0] == '=')
		len = 0;
	return step_base64(cmd, exchange, text, len);
}

CommandResult cmd_authenticate(ImapCommand *cmd)
{
	if (cmd->state == NULL)
		return begin(cmd);
	if (cmd->line == NULL)
		return COMMAND_WAIT; /* news are not for it */
	if (cmd->line_len == 1 && cmd->line[0] == '*') {
		command_bad(cmd, "AUTHENTICATE was cancelled");
		return COMMAND_DONE;
	}
	return step_base64(cmd, cmd->state, cmd->line, cmd->line_len);
}
