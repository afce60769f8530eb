#include "server/imap/site-metadata.h"

#include "base/limits.h"
#include "server/imap/search-filter.h"

#include <string.h>

struct SiteMetadata {
	GPtrArray *entries; /* of MetadataEntry, owned; sorted by name */
};

void site_metadata_free(SiteMetadata *site)
{
	if (site == NULL)
		return;
	g_ptr_array_unref(site->entries);
	g_free(site);
}

static void add(SiteMetadata *site, const char *name, const char *value)
{
	g_autoptr(GBytes) octets = g_bytes_new(value, strlen(value));
	g_ptr_array_add(site->entries, metadata_entry_new(name, octets));
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const MetadataEntry *x = *(const MetadataEntry *const *)a, *y = *(const MetadataEntry *const *)b;
	return g_ascii_strcasecmp(x->name, y->name);
}

GBytes *site_metadata_lookup(const SiteMetadata *site, const char *name)
{
	for (guint i = 0; site != NULL && i < site->entries->len; i++) {
		const MetadataEntry *entry = site->entries->pdata[i];
		if (g_ascii_strcasecmp(entry->name, name) == 0)
			return entry->value;
	}
	return NULL;
}

gboolean site_metadata_read(const SiteMetadata *site, const char *name, MetadataDepth depth, MetadataSet *set)
{
	gboolean any = FALSE;
	for (guint i = 0; site != NULL && i < site->entries->len; i++) {
		const MetadataEntry *entry = site->entries->pdata[i];
		if (!metadata_name_within(entry->name, name, depth))
			continue;
		metadata_set_add(set, name, entry->name, entry->value);
		any = TRUE;
	}
	return any;
}

static gboolean wrong(GError **error, const char *path, guint line, const char *what)
{
	g_set_error(error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID, "%s:%u: %s", path, line, what);
	return FALSE;
}

/* @line is "name program"; it is changed. */
static gboolean add_filter(SiteMetadata *site, const char *path, guint number, char *line, GError **error)
{
	char *space = strpbrk(line, " \t");
	g_autoptr(GError) reason = NULL;
	if (space == NULL)
		return wrong(error, path, number, "a filter is a name, a space, and a search program");
	*space = '\0';
	const char *program = g_strchug(space + 1);
	g_autofree char *name = g_strconcat(FILTERS_SHARED "/", line, NULL);
	if (!search_filter_name_ok(line))
		return wrong(error, path, number, "a filter's name is printable ASCII without (){%*\"\\]/");
	if (site_metadata_lookup(site, name) != NULL)
		return wrong(error, path, number, "there is a filter of that name already");
	if (strlen(program) > LIMIT_METADATA_VALUE)
		return wrong(error, path, number, "the filter is too long");
	if (!search_filter_check(program, strlen(program), &reason))
		return wrong(error, path, number, reason->message);
	add(site, name, program);
	return TRUE;
}

static gboolean read_filters(SiteMetadata *site, const char *path, GError **error)
{
	g_autofree char *text = NULL;
	gsize len = 0;
	if (!g_file_get_contents(path, &text, &len, error))
		return FALSE;
	if (!g_utf8_validate(text, (gssize)len, NULL))
		return wrong(error, path, 1, "the file is not UTF-8");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		char *line = g_strstrip(lines[i]);
		if (line[0] != '\0' && line[0] != '#' && !add_filter(site, path, i + 1, line, error))
			return FALSE;
	}
	return TRUE;
}

SiteMetadata *site_metadata_new(const Settings *settings, GError **error)
{
	g_autoptr(SiteMetadata) site = g_new0(SiteMetadata, 1);
	site->entries = metadata_entries_new();
	const char *admin = settings_string(settings, SETTING_METADATA_ADMIN);
	const char *comment = settings_string(settings, SETTING_METADATA_COMMENT);
	const char *filters = settings_string(settings, SETTING_METADATA_SHARED_FILTERS);
	if (admin[0] != '\0' && !g_uri_is_valid(admin, G_URI_FLAGS_NONE, NULL)) {
		/* RFC 5464 6.2.2 */
		g_set_error(error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID,
			"metadata.admin: '%s' is no URI (such as mailto:postmaster@example.org)", admin);
		return NULL;
	}
	if (admin[0] != '\0')
		add(site, "/shared/admin", admin);
	if (comment[0] != '\0')
		add(site, "/shared/comment", comment);
	if (filters[0] != '\0' && !read_filters(site, filters, error))
		return NULL;
	g_ptr_array_sort(site->entries, compare);
	return g_steal_pointer(&site);
}
