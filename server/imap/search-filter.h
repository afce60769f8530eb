/* Filters (RFC 5466): search programs that are stored under a name, the user's as /private/filters/values/NAME, the site's as
 * /shared/filters/values/NAME (site-metadata.h). What FILTER does in a search is search-key.h's. */
#pragma once
#include "server/imap/search-key.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

/* RFC 5466 section 4: one or more of what an atom has, without "/". */
gboolean search_filter_name_ok(const char *name);
/* Whether @program is complete (RFC 5466 3.2). Filters that it names need not be there. FALSE and @error: IMAP_PARSE_ERROR. */
gboolean search_filter_check(const char *program, gsize len, GError **error);
/* A SearchFilters' find; @data: the Session. */
GBytes *search_filter_find(const char *name, gpointer data, GError **error);

G_END_DECLS
