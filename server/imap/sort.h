/* SORT's criteria (RFC 5256, RFC 5957): reading them, and putting messages into their order. */
#pragma once
#include "indexer/sort-key-table.h"
#include "server/imap/search-plan.h"
G_BEGIN_DECLS

typedef enum {
	SORT_ARRIVAL,
	SORT_CC,
	SORT_DATE,
	SORT_DISPLAYFROM,
	SORT_DISPLAYTO,
	SORT_FROM,
	SORT_RELEVANCY, /* RFC 6203 section 6: the highest first */
	SORT_SIZE,
	SORT_SUBJECT,
	SORT_TO,
} SortCriterion;

typedef struct {
	SortCriterion criterion;
	gboolean reverse;
} SortOrder;

/* Reads "(" criterion *(SP criterion) ")": a GArray of SortOrder, owned by the caller; NULL and @error (IMAP_PARSE_ERROR). Pure. */
GArray *sort_orders_parse(ImapParser *p, GError **error);

/* Whether context->relevancy is needed (search-relevancy.h). */
gboolean sort_orders_need_relevancy(const GArray *orders);
/* FALSE and @error (IMAP_PARSE_ERROR) if it is, and @key has no FUZZY. */
gboolean sort_orders_check(const GArray *orders, const SearchKey *key, GError **error);

/* The sort keys of the messages at @positions, in that order; owned by the caller. NULL and @error: SEARCH_INDEX_ERROR. */
SortKeyTable *sort_keys_of(SearchContext *context, const GArray *positions, GError **error);

/* Puts @positions (guint32, ascending) into the order; equal ones stay in the mailbox's (RFC 5256, BASE.6.4.SORT). FALSE and @error:
 * SEARCH_INDEX_ERROR. */
gboolean sort_positions(SearchContext *context, const GArray *orders, GArray *positions, GError **error);

/* Where @positions (of the view, in the order of @orders) belong in a list that is in that order already: for each, how many of @uids (all of them in the view)
 * come before it. guint32s, owned by the caller; NULL and @error: SEARCH_INDEX_ERROR. Looks at the keys of few listed messages where few
 * are to be placed. */
GArray *sort_places(SearchContext *context, const GArray *orders, const GArray *uids, const GArray *positions, GError **error);

G_END_DECLS
