#include "web/request.h"

static void takes_hosts_that_an_admin_would_use(void)
{
	static const struct {
		const char *host, *hostname;
		gboolean ok;
	} cases[] = {
		{ "127.0.0.1", "", TRUE },
		{ "127.0.0.1:8025", "", TRUE },
		{ "192.168.7.9:8025", "", TRUE }, /* whoever sends an address was not sent by a name */
		{ "[::1]", "", TRUE },
		{ "[::1]:8025", "", TRUE },
		{ "localhost", "", TRUE },
		{ "LocalHost:8025", "", TRUE },
		{ "mail.example.org", "mail.example.org", TRUE },
		{ "MAIL.example.org:443", "mail.example.org", TRUE },
		{ NULL, "", FALSE },
		{ NULL, "mail.example.org", FALSE },
		{ "", "", FALSE },
		{ "", "mail.example.org", FALSE },
		{ ":8025", "", FALSE },
		{ "evil.example", "", FALSE },
		{ "evil.example", "mail.example.org", FALSE },
		{ "localhost.evil.example", "", FALSE },
		{ "evil.example:127.0.0.1", "", FALSE },
		{ "127.0.0.1.evil.example", "", FALSE },
		{ "127.0.0.1:evil.example", "", FALSE },
		{ "127.0.0.1:80:80", "", FALSE },
		{ "[::1", "", FALSE },
		{ "[::1]evil.example", "", FALSE },
		{ "[evil.example]:80", "", FALSE },
		{ "[]", "", FALSE },
		{ "::1", "", FALSE },
		{ "xmail.example.org", "mail.example.org", FALSE },
		{ "mail.example.org.evil", "mail.example.org", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s (%s)", cases[i].host, cases[i].hostname);
		g_assert_cmpint(web_host_ok(cases[i].host, cases[i].hostname), ==, cases[i].ok);
	}
}

static void knows_json_from_forms(void)
{
	static const struct {
		const char *type;
		gboolean ok;
	} cases[] = {
		{ "application/json", TRUE },
		{ "Application/JSON", TRUE },
		{ "application/json; charset=utf-8", TRUE },
		{ "application/json ;charset=utf-8", TRUE },
		{ NULL, FALSE },
		{ "", FALSE },
		{ "application/jsonp", FALSE },
		{ "application/json-seq", FALSE },
		{ "application/x-www-form-urlencoded", FALSE },
		{ "text/plain", FALSE },
		{ "text/plain; application/json", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].type);
		g_assert_cmpint(web_type_is_json(cases[i].type), ==, cases[i].ok);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/request/takes_hosts_that_an_admin_would_use", takes_hosts_that_an_admin_would_use);
	g_test_add_func("/request/knows_json_from_forms", knows_json_from_forms);
	return g_test_run();
}
