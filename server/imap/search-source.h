/* Which mailboxes an ESEARCH is about: "IN (...)" of RFC 7377 2.2, with the specifiers of RFC 5465 section 6. */
#pragma once
#include "server/imap/parser.h"
G_BEGIN_DECLS

typedef enum {
	SEARCH_SOURCE_SELECTED,
	SEARCH_SOURCE_INBOXES,
	SEARCH_SOURCE_PERSONAL,
	SEARCH_SOURCE_SUBSCRIBED,
	SEARCH_SOURCE_SUBTREE,
	SEARCH_SOURCE_SUBTREE_ONE,
	SEARCH_SOURCE_MAILBOXES,
} SearchSourceKind;

typedef struct {
	SearchSourceKind kind;
	GPtrArray *names;   /* of char*, owned; of SUBTREE, SUBTREE_ONE and MAILBOXES, else NULL */
} SearchSource;
void search_source_free(SearchSource *source);

/* Reads "IN (source-mbox)" and the SP behind it, if that is what comes; without it the selected mailbox is meant. Returns a GPtrArray of SearchSource,
 * owned by the caller; NULL and @error (IMAP_PARSE_ERROR). Pure. */
GPtrArray *search_sources_parse(ImapParser *p, GError **error);

/* The names of the mailboxes that @sources mean, each once, in the order of LIST; the selected one only if it is named otherwise. What is not there is left out without
 * a word: nothing tells it from what one may not see. An array of char*, owned by the caller. */
GPtrArray *search_sources_resolve(const GPtrArray *sources, Account *account, GError **error);
/* Whether "selected" is among them, and whether it is the only one. */
gboolean search_sources_selected(const GPtrArray *sources, gboolean *only_out);

G_END_DECLS
