#include "base/limits.h"
#include "server/context.h"
#include "server/imap/commands.h"

/* RFC 3501 6.3.10; SIZE: RFC 8438; DELETED: RFC 9051 6.3.11; APPENDLIMIT: RFC 7889 section 4;
 * MAILBOXID: RFC 8474 4.3; HIGHESTMODSEQ: RFC 7162 3.1.7. */
typedef enum {
	MESSAGES,
	RECENT,
	UIDNEXT,
	UIDVALIDITY,
	UNSEEN,
	SIZE,
	DELETED,
	APPENDLIMIT,
	MAILBOXID,
	HIGHESTMODSEQ,
	N_ITEMS
} StatusItem;

static const char *const item_names[N_ITEMS] = { "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN",
	"SIZE", "DELETED", "APPENDLIMIT", "MAILBOXID", "HIGHESTMODSEQ" };

static gboolean parse_item(ImapParser *p, guint *items, GError **error)
{
	gsize octet = p->base + p->pos + 1;
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	for (guint i = 0; i < N_ITEMS; i++) {
		if (g_ascii_strcasecmp(name, item_names[i]) == 0) {
			*items |= 1u << i;
			return TRUE;
		}
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"unknown STATUS item %.32s at octet %" G_GSIZE_FORMAT, name, octet);
	return FALSE;
}

static gboolean parse_items(ImapParser *p, guint *items, GError **error)
{
	if (!imap_parse_char(p, '(', error))
		return FALSE;
	do {
		if (!parse_item(p, items, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error);
}

static guint64 item_value(const ImapCommand *cmd, const MailboxStatus *status, StatusItem item)
{
	switch (item) {
	case MESSAGES:
		return status->messages;
	case RECENT:
		return status->recent;
	case UIDNEXT:
		return status->uidnext;
	case UIDVALIDITY:
		return status->uidvalidity;
	case UNSEEN:
		return status->unseen;
	case SIZE:
		return status->size_bytes;
	case DELETED:
		return status->deleted;
	case APPENDLIMIT:
		return cmd->session->server->append_limit;
	case HIGHESTMODSEQ:
		return status->highestmodseq;
	case MAILBOXID: /* no number */
	case N_ITEMS:
		break;
	}
	g_assert_not_reached();
}

static void write_status(ImapCommand *cmd, const char *name, guint items, const MailboxStatus *status)
{
	g_string_append(cmd->out, "* STATUS ");
	imap_write_mailbox(cmd->out, name, cmd->args.utf8);
	g_string_append(cmd->out, " (");
	gsize start = cmd->out->len;
	for (guint i = 0; i < N_ITEMS; i++) {
		if ((items & 1u << i) == 0)
			continue;
		g_string_append_printf(cmd->out, "%s%s ", cmd->out->len > start ? " " : "", item_names[i]);
		if (i == MAILBOXID)
			g_string_append_printf(cmd->out, "(%s)", status->objectid);
		else
			g_string_append_printf(cmd->out, "%" G_GUINT64_FORMAT, item_value(cmd, status, (StatusItem)i));
	}
	g_string_append(cmd->out, ")\r\n");
}

CommandResult cmd_status(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	g_autoptr(Mailbox) mailbox = NULL;
	guint items = 0;
	MailboxStatus status = { 0 };
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!imap_parse_sp(&cmd->args, &error) || !parse_items(&cmd->args, &items, &error) ||
		!imap_parse_end(&cmd->args, &error) ||
		(mailbox = account_open_mailbox(cmd->session->account, name, &error)) == NULL ||
		!mailbox_status(mailbox, &status, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	if ((items & 1u << HIGHESTMODSEQ) != 0)
		session_enable(cmd->session, SESSION_CONDSTORE, cmd->out);
	write_status(cmd, name, items, &status);
	g_free(status.objectid);
	command_ok(cmd, NULL, "STATUS completed");
	return COMMAND_DONE;
}
