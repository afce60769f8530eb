#include <string.h>

#include "web/web-private.h"

static const Route routes[] = {
	{ "GET", "/healthz", web_get_healthz, ROUTE_OPEN },
	{ "GET", "/metrics", web_get_metrics, 0 },
	{ "GET", "/v1/stats", web_get_stats, 0 },
	{ "GET", "/v1/accounts", web_get_accounts, 0 },
	{ "GET", "/v1/accounts/*", web_get_account, 0 },
	{ "POST", "/v1/reindex", web_post_reindex, 0 },
	{ "GET", "/v1/jobs", web_get_jobs, 0 },
	{ "GET", "/v1/jobs/*", web_get_job, 0 },
	{ "DELETE", "/v1/jobs/*", web_delete_job, 0 },
};

/* The segments of @path that "*" of @pattern stands for, or NULL if they do not fit. An empty segment is
 * none. */
static char **match(const char *pattern, const char *path)
{
	g_auto(GStrv) want = g_strsplit(pattern, "/", -1);
	g_auto(GStrv) have = g_strsplit(path, "/", -1);
	g_autoptr(GStrvBuilder) args = g_strv_builder_new();
	guint i;
	for (i = 0; want[i] != NULL && have[i] != NULL; i++) {
		gboolean any = strcmp(want[i], "*") == 0;
		if (any ? *have[i] == '\0' : strcmp(want[i], have[i]) != 0)
			return NULL;
		if (any)
			g_strv_builder_add(args, have[i]);
	}
	return want[i] == NULL && have[i] == NULL ? g_strv_builder_end(args) : NULL;
}

const Route *route_find(const char *method, const char *path, char ***args_out, char **allow_out)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	g_autoptr(GString) allow = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(routes); i++) {
		char **args = match(routes[i].pattern, path);
		if (args == NULL)
			continue;
		if (strcmp(routes[i].method, wanted) == 0) {
			*args_out = args;
			return &routes[i];
		}
		g_strfreev(args);
		g_string_append_printf(allow, "%s%s", allow->len > 0 ? ", " : "", routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			g_string_append(allow, ", HEAD");
	}
	*allow_out = allow->len > 0 ? g_strdup(allow->str) : NULL;
	return NULL;
}
