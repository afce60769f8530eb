/* The data items of STATUS (RFC 3501 6.3.10, RFC 9051 6.3.11), which LIST also returns (RFC 5819). */
#pragma once
#include "server/imap/command.h"
G_BEGIN_DECLS

typedef enum {
	STATUS_MESSAGES = 1 << 0,
	STATUS_RECENT = 1 << 1,
	STATUS_UIDNEXT = 1 << 2,
	STATUS_UIDVALIDITY = 1 << 3,
	STATUS_UNSEEN = 1 << 4,
	STATUS_SIZE = 1 << 5,          /* RFC 8438 */
	STATUS_DELETED = 1 << 6,       /* RFC 9051 */
	STATUS_APPENDLIMIT = 1 << 7,   /* RFC 7889 section 4 */
	STATUS_MAILBOXID = 1 << 8,     /* RFC 8474 4.3 */
	STATUS_HIGHESTMODSEQ = 1 << 9, /* RFC 7162 3.1.7 */
} StatusItems;

/* Reads "(" status-att *(SP status-att) ")"; adds to *items. */
gboolean status_items_parse(ImapParser *p, StatusItems *items, GError **error);

/* Opens mailbox @name and appends its "* STATUS" to @out; nothing is appended on failure. Whoever sends it enables CONDSTORE
 * when HIGHESTMODSEQ is among @items (RFC 7162 3.1). */
gboolean status_items_answer(
	const Session *session, const char *name, StatusItems items, gboolean utf8, GString *out, GError **error);

G_END_DECLS
