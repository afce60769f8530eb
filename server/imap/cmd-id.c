/* ID: RFC 2971. What the client says goes to the log, nowhere else. */
#include "server/imap/commands.h"

#include "base/log.h"

#include <string.h>

/* RFC 2971 section 3.3. */
#define ID_FIELDS 30
#define ID_FIELD_BYTES 30
#define ID_VALUE_BYTES 1024

static gboolean id_error(const char *what, GError **error)
{
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "ID: %s (RFC 2971 section 3.3)", what);
	return FALSE;
}

static gboolean parse_field(ImapParser *args, GString *text, GError **error)
{
	g_autofree char *field = imap_parse_string(args, error);
	if (field == NULL || !imap_parse_sp(args, error))
		return FALSE;
	gboolean nil = FALSE;
	g_autofree char *value = imap_parse_nstring(args, &nil, error);
	if (value == NULL && !nil)
		return FALSE;
	if (strlen(field) > ID_FIELD_BYTES)
		return id_error("a field is longer than 30 octets", error);
	if (value != NULL && strlen(value) > ID_VALUE_BYTES)
		return id_error("a value is longer than 1,024 octets", error);
	if (value != NULL)
		g_string_append_printf(text, "%s%s=%s", text->len > 0 ? ", " : "", field, value);
	return TRUE;
}

/* "NIL" or "(" string SP nstring ... ")". */
static gboolean parse_params(ImapParser *args, GString *text, GError **error)
{
	if (!imap_parse_sp(args, error))
		return FALSE;
	if (!imap_peek(args, '(')) {
		gboolean nil = FALSE;
		g_autofree char *value = imap_parse_nstring(args, &nil, error);
		return nil              ? imap_parse_end(args, error)
			: value != NULL ? id_error("expected a list or NIL", error)
					: FALSE;
	}
	(void)imap_skip(args, '(');
	for (guint n = 0; !imap_peek(args, ')'); n++) {
		if (n >= ID_FIELDS)
			return id_error("more than 30 fields", error);
		if ((n > 0 && !imap_parse_sp(args, error)) || !parse_field(args, text, error))
			return FALSE;
	}
	return imap_parse_char(args, ')', error) && imap_parse_end(args, error);
}

CommandResult cmd_id(ImapCommand *cmd)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	if (!parse_params(&cmd->args, text, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if (text->len > 0 && cmd->session->client_id == NULL) { /* once is enough for the log */
		cmd->session->client_id = g_strdup(text->str);
		log_info("session.id", LOG_STR("user", cmd->session->user), LOG_STR("client", text->str));
	}
	g_string_append_printf(
		cmd->out, "* ID (\"name\" \"%s\" \"version\" \"%s\")\r\n", PACKAGE_NAME, PACKAGE_VERSION);
	command_ok(cmd, NULL, "ID completed");
	return COMMAND_DONE;
}
