#include "web/web-private.h"

typedef struct {
	const char *method, *path;
	const char *pattern; /* NULL: no route */
	const char *args;    /* joined by "|" */
	const char *allow;
} Case;

static const Case cases[] = {
	{ "GET", "/healthz", "/healthz", "", NULL },
	{ "HEAD", "/healthz", "/healthz", "", NULL },
	{ "GET", "/metrics", "/metrics", "", NULL },
	{ "GET", "/v1/accounts", "/v1/accounts", "", NULL },
	{ "GET", "/v1/accounts/ann", "/v1/accounts/*", "ann", NULL },
	{ "GET", "/v1/accounts/j\303\266rg smith@example.org", "/v1/accounts/*",
		"j\303\266rg smith@example.org", NULL },
	{ "GET", "/v1/accounts/*", "/v1/accounts/*", "*", NULL },
	{ "GET", "/v1/accounts/..", "/v1/accounts/*", "..", NULL },
	{ "POST", "/v1/reindex", "/v1/reindex", "", NULL },
	{ "GET", "/v1/jobs/7", "/v1/jobs/*", "7", NULL },
	{ "DELETE", "/v1/jobs/7", "/v1/jobs/*", "7", NULL },
	/* the path is known, the method is not */
	{ "POST", "/healthz", NULL, NULL, "GET, HEAD" },
	{ "GET", "/v1/reindex", NULL, NULL, "POST" },
	{ "HEAD", "/v1/reindex", NULL, NULL, "POST" },
	{ "PUT", "/v1/jobs/7", NULL, NULL, "GET, HEAD, DELETE" },
	{ "get", "/healthz", NULL, NULL, "GET, HEAD" }, /* methods have case, RFC 9110 9.1 */
	{ "", "/healthz", NULL, NULL, "GET, HEAD" },
	/* no such path */
	{ "GET", "", NULL, NULL, NULL },
	{ "GET", "/", NULL, NULL, NULL },
	{ "GET", "healthz", NULL, NULL, NULL },
	{ "GET", "/healthz/", NULL, NULL, NULL },
	{ "GET", "//healthz", NULL, NULL, NULL },
	{ "GET", "/Healthz", NULL, NULL, NULL },
	{ "GET", "/v1", NULL, NULL, NULL },
	{ "GET", "/v1/accounts/", NULL, NULL, NULL },
	{ "GET", "/v1/accounts//", NULL, NULL, NULL },
	{ "GET", "/v1/accounts/ann/more", NULL, NULL, NULL },
	{ "GET", "/v2/stats", NULL, NULL, NULL },
};

static void finds_a_route_by_method_and_path(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const Case *c = &cases[i];
		g_auto(GStrv) args = NULL;
		g_autofree char *allow = NULL;
		const Route *route = route_find(c->method, c->path, &args, &allow);
		g_test_message("%s %s", c->method, c->path);
		g_assert_cmpstr(route != NULL ? route->pattern : NULL, ==, c->pattern);
		g_assert_cmpstr(allow, ==, c->allow);
		g_autofree char *joined = args != NULL ? g_strjoinv("|", args) : NULL;
		g_assert_cmpstr(joined, ==, c->args);
	}
}

static void leaves_only_healthz_open(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) args = NULL;
		g_autofree char *allow = NULL;
		const Route *route = route_find(cases[i].method, cases[i].path, &args, &allow);
		if (route != NULL)
			g_assert_cmpint((route->flags & ROUTE_OPEN) != 0, ==,
				g_str_equal(route->pattern, "/healthz"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/routes/finds_a_route_by_method_and_path", finds_a_route_by_method_and_path);
	g_test_add_func("/routes/leaves_only_healthz_open", leaves_only_healthz_open);
	return g_test_run();
}
