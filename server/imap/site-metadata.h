/* The shared annotations of the server (RFC 5464 section 3.2.1.1) and the filters that all users have (RFC 5466): what the administrator
 * has put into [metadata] of the configuration. Clients read them and cannot change them. Never changes: for any thread. */
#pragma once
#include "base/settings.h"
#include "store/metadata.h"
G_BEGIN_DECLS

/* Where the filters of a name are, in the account and in the site. */
#define FILTERS_PRIVATE "/private/filters/values"
#define FILTERS_SHARED "/shared/filters/values"

typedef struct SiteMetadata SiteMetadata;
/* Reads the file that [metadata] shared_filters names, too. NULL and @error, which names file and line: it cannot be read, a line is no
 * filter (a name, a space, a complete search program in UTF-8), a name comes twice, [metadata] admin is no URI. */
SiteMetadata *site_metadata_new(const Settings *settings, GError **error);
void site_metadata_free(SiteMetadata *site);

/* Appends the entries that are within @name (metadata_set_add()) to @set, sorted by name. @site may be NULL: none. Returns whether there are any. */
gboolean site_metadata_read(const SiteMetadata *site, const char *name, MetadataDepth depth, MetadataSet *set);
/* What the entry of that name has (any case), borrowed; NULL if there is none, or no @site. */
GBytes *site_metadata_lookup(const SiteMetadata *site, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SiteMetadata, site_metadata_free)
G_END_DECLS
