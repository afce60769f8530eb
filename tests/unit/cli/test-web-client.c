#include <string.h>

#include "cli/web-client.h"

static void reads_whole_answers_only(void)
{
	static const struct {
		const char *answer;
		guint status;
		const char *body;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 200, "" },
		{ "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody", 404, "body" },
		{ "HTTP/1.1 202 Accepted\r\ncontent-length:  4 \r\n\r\nbody", 202, "body" },
		{ "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "" },
		{ "HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\n\r\n\r\n\r\n", 200, "\r\n\r\n" },
		{ "", 0, NULL },
		{ "HTTP/1.1 200 OK\r\n", 0, NULL },
		{ "HTTP/1.1 200 OK\n\nbody", 0, NULL },
		{ "HTTP/1.1 2000 OK\r\n\r\n", 0, NULL },
		{ "HTTP/1.1 20\r\n\r\n", 0, NULL },
		{ "HTTP/1.1 100 Continue\r\n\r\n", 0, NULL },
		{ "HTTP/1.1 -20 OK\r\n\r\n", 0, NULL },
		{ "HTTP/2 200 OK\r\n\r\n", 0, NULL },
		{ "HTTP/1.\r\n\r\n", 0, NULL },
		{ "HTTP/1.1\r\n\r\n", 0, NULL },
		{ "* OK IMAP4rev1 ready\r\n\r\n", 0, NULL },
		{ "\r\n\r\n", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbody", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4x\r\n\r\nbody", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nbody", 0, NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint status;
		const char *body;
		gsize len;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].answer);
		/* Of just that size, so that a sanitizer sees one octet too many. */
		gsize size = strlen(cases[i].answer);
		g_autofree char *copy = g_memdup2(cases[i].answer, size);
		gboolean ok = web_client_parse(copy, size, &status, &body, &len, &error);
		g_assert_cmpint(ok, ==, cases[i].body != NULL);
		if (ok) {
			g_assert_cmpuint(status, ==, cases[i].status);
			g_assert_cmpmem(body, len, cases[i].body, strlen(cases[i].body));
		} else {
			g_assert_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_PROTOCOL);
		}
	}
}

static void takes_any_octets(void)
{
	static const char *const pieces[] = { "HTTP/1.1 200 OK\r\n", "\r\n", "Content-Length: ", "4", "x",
		":", " ", "\n", "" };
	for (int round = 0; round < 20000; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (int k = g_test_rand_int_range(0, 8); k > 0; k--) {
			int piece = g_test_rand_int_range(0, G_N_ELEMENTS(pieces));
			if (*pieces[piece] == '\0')
				g_string_append_c(text, (char)g_test_rand_int_range(0, 256));
			else
				g_string_append(text, pieces[piece]);
		}
		guint status;
		const char *body;
		gsize len;
		g_autofree char *copy = g_memdup2(text->str, text->len);
		if (web_client_parse(copy, text->len, &status, &body, &len, NULL))
			g_assert_true(status >= 200 && status < 600 && body + len == copy + text->len);
	}
}

static void escapes_names_in_paths(void)
{
	static const struct {
		const char *name, *path;
	} cases[] = {
		{ "ann", "/v1/accounts/ann" },
		{ "j\303\266rg s", "/v1/accounts/j%C3%B6rg%20s" },
		{ "a/b?c#d%e", "/v1/accounts/a%2Fb%3Fc%23d%25e" },
		{ "..", "/v1/accounts/.." },
		{ "a\r\nb", "/v1/accounts/a%0D%0Ab" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = web_client_path("/v1/accounts/", cases[i].name);
		g_assert_cmpstr(path, ==, cases[i].path);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/web-client/reads_whole_answers_only", reads_whole_answers_only);
	g_test_add_func("/web-client/takes_any_octets", takes_any_octets);
	g_test_add_func("/web-client/escapes_names_in_paths", escapes_names_in_paths);
	return g_test_run();
}
