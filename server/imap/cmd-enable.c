/* ENABLE: RFC 5161. Names of extensions that we have and that change what we send are enabled; others are
 * ignored. */
#include "server/imap/commands.h"

#include "base/limits.h"
#include "server/imap/metadata-news.h"

static const struct {
	const char *name;
	SessionEnabled bits;
} extensions[] = {
	{ "CONDSTORE", SESSION_CONDSTORE },
	{ "QRESYNC", SESSION_CONDSTORE | SESSION_QRESYNC }, /* RFC 7162 3.2.3 */
	{ "METADATA", SESSION_METADATA },
	{ "METADATA-SERVER", SESSION_METADATA_SERVER },
	/* UTF8=ACCEPT and IMAP4rev2 come here when they are built. */
	{ NULL, 0 },
};

/* @before: what was enabled when the command came; @enabled: what the name stands for is added; @told: bits of
 * extensions[] that @names has. */
static void enable(const char *name, SessionEnabled before, GString *names, SessionEnabled *enabled, guint *told)
{
	for (guint i = 0; extensions[i].name != NULL; i++) {
		if (g_ascii_strcasecmp(extensions[i].name, name) != 0)
			continue;
		/* RFC 5161 3.2: each that this command enables, once. QRESYNC's CONDSTORE may be told beside it. */
		if ((before & extensions[i].bits) != extensions[i].bits && (*told & 1u << i) == 0)
			g_string_append_printf(names, " %s", extensions[i].name);
		*told |= 1u << i;
		*enabled |= extensions[i].bits;
		return;
	}
}

CommandResult cmd_enable(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) names = g_string_new(NULL);
	SessionEnabled enabled = 0;
	guint n = 0, told = 0;
	do {
		g_autofree char *name = NULL;
		if (!imap_parse_sp(&cmd->args, &error) ||
			(name = imap_parse_atom(&cmd->args, &error)) == NULL) {
			command_error(cmd, error);
			return COMMAND_DONE;
		}
		enable(name, cmd->session->enabled, names, &enabled, &told);
	} while (!imap_at_end(&cmd->args) && ++n < LIMIT_LIST_ITEMS);
	if (!command_no_args(cmd))
		return COMMAND_DONE;
	if ((enabled & SESSION_ALL_METADATA) != 0 && (cmd->session->enabled & SESSION_ALL_METADATA) == 0 &&
		!metadata_news_start(cmd->session, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	session_enable(cmd->session, enabled, cmd->out);
	g_string_append_printf(cmd->out, "* ENABLED%s\r\n", names->str);
	command_ok(cmd, NULL, "ENABLE completed");
	return COMMAND_DONE;
}
