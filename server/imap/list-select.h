/* Which names LIST answers, by its patterns and selection options (RFC 5258 section 3, RFC 9051 6.3.9). Pure. */
#pragma once
#include "server/imap/list-options.h"
#include "store/mailbox.h"
G_BEGIN_DECLS

typedef struct {
	const MailboxInfo *info; /* borrowed from the list of mailboxes */
	gboolean selected;       /* meets the selection options; else it is here for what is below it */
	gboolean childinfo;      /* an inferior meets the selection options (RECURSIVEMATCH only) */
} ListEntry;

/* The names of @mailboxes, in their order, that are to be answered. @mailboxes is account_list_mailboxes(), with the subscribed names that
 * are no mailboxes if @options selects SUBSCRIBED; RECURSIVEMATCH may add to it the superiors of those. Owned by the caller. */
GArray *list_select(GPtrArray *mailboxes, const ListOptions *options);

G_END_DECLS
