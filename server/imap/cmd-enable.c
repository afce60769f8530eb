/* ENABLE: RFC 5161. Names of extensions that we have and that change what we send are enabled; others are
 * ignored. */
#include "server/imap/commands.h"

#include "base/limits.h"

#include <string.h>

static const struct {
	const char *name;
	SessionEnabled bit;
} extensions[] = {
	/* Nothing yet: CONDSTORE, QRESYNC, UTF8=ACCEPT and IMAP4rev2 come here when they are built. */
	{ NULL, 0 },
};

static gboolean enable(Session *session, const char *name, GString *out)
{
	for (guint i = 0; extensions[i].name != NULL; i++) {
		if (g_ascii_strcasecmp(extensions[i].name, name) != 0)
			continue;
		if ((session->enabled & extensions[i].bit) == 0)
			g_string_append_printf(out, " %s", extensions[i].name);
		session->enabled |= extensions[i].bit;
		return TRUE;
	}
	return FALSE;
}

CommandResult cmd_enable(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) enabled = g_string_new(NULL);
	guint n = 0;
	do {
		g_autofree char *name = NULL;
		if (!imap_parse_sp(&cmd->args, &error) ||
			(name = imap_parse_atom(&cmd->args, &error)) == NULL) {
			command_error(cmd, error);
			return COMMAND_DONE;
		}
		(void)enable(cmd->session, name, enabled);
	} while (!imap_at_end(&cmd->args) && ++n < LIMIT_LIST_ITEMS);
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	g_string_append_printf(cmd->out, "* ENABLED%s\r\n", enabled->str);
	command_ok(cmd, NULL, "ENABLE completed");
	return COMMAND_DONE;
}
