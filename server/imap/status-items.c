#include "server/imap/status-items.h"

#include "server/context.h"
#include "server/imap/parser-private.h"

/* In the order in which they are answered. */
static const struct {
	StatusItems item;
	const char *name;
} known[] = {
	{ STATUS_MESSAGES, "MESSAGES" },
	{ STATUS_RECENT, "RECENT" },
	{ STATUS_UIDNEXT, "UIDNEXT" },
	{ STATUS_UIDVALIDITY, "UIDVALIDITY" },
	{ STATUS_UNSEEN, "UNSEEN" },
	{ STATUS_SIZE, "SIZE" },
	{ STATUS_DELETED, "DELETED" },
	{ STATUS_APPENDLIMIT, "APPENDLIMIT" },
	{ STATUS_MAILBOXID, "MAILBOXID" },
	{ STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ" },
};

static gboolean parse_item(ImapParser *p, StatusItems *items, GError **error)
{
	gsize octet = imap_parser_octet(p);
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
		if (g_ascii_strcasecmp(name, known[i].name) == 0) {
			*items |= known[i].item;
			return TRUE;
		}
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"unknown STATUS item %.32s at octet %" G_GSIZE_FORMAT, name, octet);
	return FALSE;
}

gboolean status_items_parse(ImapParser *p, StatusItems *items, GError **error)
{
	if (!imap_parse_char(p, '(', error))
		return FALSE;
	do {
		if (!parse_item(p, items, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error);
}

static guint64 item_value(const Session *session, const MailboxStatus *status, StatusItems item)
{
	switch (item) {
	case STATUS_MESSAGES:
		return status->messages;
	case STATUS_RECENT:
		return status->recent;
	case STATUS_UIDNEXT:
		return status->uidnext;
	case STATUS_UIDVALIDITY:
		return status->uidvalidity;
	case STATUS_UNSEEN:
		return status->unseen;
	case STATUS_SIZE:
		return status->size_bytes;
	case STATUS_DELETED:
		return status->deleted;
	case STATUS_APPENDLIMIT:
		return session->server->append_limit;
	case STATUS_HIGHESTMODSEQ:
		return status->highestmodseq;
	case STATUS_MAILBOXID: /* no number */
		break;
	}
	g_assert_not_reached();
}

gboolean status_items_answer(
	const Session *session, const char *name, StatusItems items, gboolean utf8, GString *out, GError **error)
{
	g_autoptr(Mailbox) mailbox = account_open_mailbox(session->account, name, error);
	MailboxStatus status = { 0 };
	if (mailbox == NULL || !mailbox_status(mailbox, &status, error))
		return FALSE;
	g_autofree char *objectid = status.objectid;
	g_string_append(out, "* STATUS ");
	imap_write_mailbox(out, name, utf8);
	const char *before = " (";
	for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
		if ((items & known[i].item) == 0)
			continue;
		g_string_append_printf(out, "%s%s ", before, known[i].name);
		before = " ";
		if (known[i].item == STATUS_MAILBOXID)
			g_string_append_printf(out, "(%s)", objectid);
		else
			g_string_append_printf(out, "%" G_GUINT64_FORMAT, item_value(session, &status, known[i].item));
	}
	g_string_append(out, ")\r\n");
	return TRUE;
}
