/* The arguments of LIST, basic and extended (RFC 5258 section 6, RFC 9051 6.3.9). Pure. */
#pragma once
#include "server/imap/list-match.h"
#include "server/imap/status-items.h"
G_BEGIN_DECLS

typedef enum {
	LIST_SELECT_SUBSCRIBED = 1 << 0,
	LIST_SELECT_REMOTE = 1 << 1, /* adds mailboxes of other servers, of which there are none */
	LIST_SELECT_RECURSIVEMATCH = 1 << 2,
	LIST_SELECT_SPECIAL_USE = 1 << 3, /* RFC 6154 section 2 */
} ListSelect;

typedef enum {
	LIST_RETURN_SUBSCRIBED = 1 << 0,
	LIST_RETURN_CHILDREN = 1 << 1,    /* these two are answered whether asked for or not */
	LIST_RETURN_SPECIAL_USE = 1 << 2, /* RFC 6154 section 2 */
	LIST_RETURN_STATUS = 1 << 3,      /* RFC 5819 */
} ListReturn;

typedef struct {
	gboolean extended; /* any of the three extensions of the syntax was used */
	gboolean root;     /* LIST "" "": the separator is asked for, nothing else */
	ListSelect select;
	ListReturn returns; /* with what @select implies */
	StatusItems status;
	GPtrArray *patterns; /* of ListPattern; owned; may be empty (then nothing matches) */
} ListOptions;

/* Reads all that follows the command's name into the zeroed @options. What @options owns is freed by list_options_clear(), after a failure
 * too. An option that is not known is a syntax error, so is RECURSIVEMATCH without an option that selects (RFC 5258 3.1). More than
 * LIMIT_LIST_ITEMS patterns, or more than LIMIT_LIST_PATTERN_BYTES of them: IMAP_PARSE_ERROR_LIMIT. */
gboolean list_options_parse(ImapParser *p, ListOptions *options, GError **error);
void list_options_clear(ListOptions *options);

/* Whether one of the patterns matches. */
gboolean list_options_match(const ListOptions *options, const char *name, gsize len);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListOptions, list_options_clear)
G_END_DECLS
