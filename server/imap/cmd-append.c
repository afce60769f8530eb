/* APPEND (RFC 3501 section 6.3.11) of one or several messages (MULTIAPPEND, RFC 3502), with APPENDUID (RFC
 * 4315 section 3). */
#include "base/limits.h"
#include "server/imap/commands.h"

#include <string.h>

typedef struct {
	MessageFlags flags;
	GPtrArray *keywords; /* of char*, NULL-terminated; owned; NULL: none */
	gboolean has_date;
	gint64 internal_at;
	gint16 internal_zone;
	SpooledLiteral *literal; /* the frame's; else NULL */
	GBytes *bytes;           /* a reference; else NULL */
} Item;

static void item_clear(gpointer data)
{
	Item *item = data;
	g_clear_pointer(&item->keywords, g_ptr_array_unref);
	g_clear_pointer(&item->bytes, g_bytes_unref);
}

/* -- Parsing -- */

/* RFC 3502: append-message, without its first SP. */
static gboolean parse_item(ImapParser *p, Item *item, GError **error)
{
	if (imap_peek(p, '(')) {
		if (!imap_parse_flag_list(p, &item->flags, &item->keywords, error))
			return FALSE;
		g_ptr_array_add(item->keywords, NULL);
		if (!imap_parse_sp(p, error))
			return FALSE;
	}
	if (imap_peek(p, '"')) {
		item->has_date = TRUE;
		if (!imap_parse_date_time(p, &item->internal_at, &item->internal_zone, error) ||
			!imap_parse_sp(p, error))
			return FALSE;
	}
	gsize octet = p->base + p->pos + 1;
	gboolean literal8 = FALSE;
	if (!imap_parse_append_literal(p, &item->literal, &item->bytes, &literal8, error))
		return FALSE;
	if (!literal8)
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"literal8 at octet %" G_GSIZE_FORMAT " needs BINARY (RFC 3516), which is not offered", octet);
	return FALSE;
}

static gboolean parse_items(ImapParser *p, GArray *items, GError **error)
{
	do {
		if (!imap_parse_sp(p, error))
			return FALSE;
		if (items->len >= LIMIT_APPEND_MESSAGES) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"more than %d messages in one APPEND", LIMIT_APPEND_MESSAGES);
			return FALSE;
		}
		g_array_set_size(items, items->len + 1);
		if (!parse_item(p, &g_array_index(items, Item, items->len - 1), error))
			return FALSE;
	} while (!imap_at_end(p));
	return TRUE;
}

/* -- Messages -- */

/* FALSE: @cmd was answered. */
static gboolean check_item(ImapCommand *cmd, const Item *item)
{
	if (item->literal != NULL && item->literal->error != NULL) {
		command_error(cmd, item->literal->error);
		return FALSE;
	}
	gsize size = item->literal != NULL ? item->literal->size : g_bytes_get_size(item->bytes);
	if (size == 0) {
		/* RFC 3502 section 6.3.11: this is how a client cancels. */
		command_no(cmd, NULL, "APPEND is cancelled by an empty message");
		return FALSE;
	}
	if (item->bytes != NULL && memchr(g_bytes_get_data(item->bytes, NULL), '\0', size) != NULL) {
		/* RFC 3501 section 9: CHAR8. */
		command_no(cmd, "CANNOT", "A message must not have NUL octets");
		return FALSE;
	}
	return TRUE;
}

/* The literal as a spool: the frame's, or a new one with the octets in memory. */
static Spool *spool_of(Account *account, const Item *item, GError **error)
{
	if (item->literal != NULL)
		return g_steal_pointer(&item->literal->spool);
	g_autoptr(Spool) spool = spool_new(account, error);
	gsize size;
	const guint8 *data = g_bytes_get_data(item->bytes, &size);
	return spool != NULL && spool_write(spool, data, size, error) ? g_steal_pointer(&spool) : NULL;
}

static void message_clear(gpointer data)
{
	AppendMessage *message = data;
	spool_free(message->spool);
}

/* Those of @messages that were made from memory after the last call: more of them than may be open. FALSE: one cannot be synced. */
static gboolean finish_some(const GArray *messages, guint first, GError **error)
{
	g_autofree Spool **spools = g_new(Spool *, messages->len);
	for (guint i = first; i < messages->len; i++)
		spools[i - first] = g_array_index(messages, AppendMessage, i).spool;
	return spools_finish(spools, messages->len - first, error);
}

static gboolean append(ImapCommand *cmd, Mailbox *mailbox, GArray *items, guint32 *uidvalidity_out,
	UidSet **uids_out, GError **error)
{
	g_autoptr(GArray) messages = g_array_new(FALSE, TRUE, sizeof(AppendMessage));
	g_array_set_clear_func(messages, message_clear);
	guint finished = 0;
	for (guint i = 0; i < items->len; i++) {
		const Item *item = &g_array_index(items, Item, i);
		AppendMessage message = {
			.spool = spool_of(cmd->session->account, item, error),
			.flags = item->flags,
			.keywords =
				item->keywords != NULL ? (const char *const *)item->keywords->pdata : NULL,
			.internal_at = item->internal_at,
			.internal_zone = item->internal_zone,
			.has_date = item->has_date,
		};
		if (message.spool == NULL)
			return FALSE;
		g_array_append_val(messages, message);
		if (messages->len - finished == LIMIT_SPOOLS_OPEN) {
			if (!finish_some(messages, finished, error))
				return FALSE;
			finished = messages->len;
		}
	}
	gsize n = messages->len;
	g_array_set_clear_func(messages, NULL); /* the mailbox takes the spools over, whatever happens */
	return mailbox_append(
		mailbox, (AppendMessage *)(gpointer)messages->data, n, uidvalidity_out, uids_out, error);
}

CommandResult cmd_append(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	g_autoptr(GArray) items = g_array_new(FALSE, TRUE, sizeof(Item));
	g_array_set_clear_func(items, item_clear);
	if (!imap_parse_sp(&cmd->args, &error) || (name = imap_parse_mailbox(&cmd->args, &error)) == NULL ||
		!parse_items(&cmd->args, items, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	g_autoptr(Mailbox) mailbox = account_open_mailbox(cmd->session->account, name, &error);
	if (mailbox == NULL) {
		command_error(cmd, error); /* [TRYCREATE] */
		return COMMAND_DONE;
	}
	for (guint i = 0; i < items->len; i++) {
		if (!check_item(cmd, &g_array_index(items, Item, i)))
			return COMMAND_DONE;
	}
	guint32 uidvalidity;
	g_autoptr(UidSet) uids = NULL;
	if (!append(cmd, mailbox, items, &uidvalidity, &uids, &error)) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	g_autoptr(GString) code = g_string_new(NULL);
	g_string_append_printf(code, "APPENDUID %u ", uidvalidity);
	uidset_write(uids, code);
	command_ok(cmd, code->str, "APPEND completed");
	return COMMAND_DONE;
}
