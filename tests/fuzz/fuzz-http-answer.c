/* What mailsift reads of an HTTP server's answer: a body inside of it, a status in its range, or an error. */

#include "cli/web-client.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	const char *text = (const char *)data, *body;
	guint status;
	gsize body_len;
	g_autoptr(GError) error = NULL;
	if (!web_client_parse(text, len, &status, &body, &body_len, &error)) {
		g_assert_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_PROTOCOL);
		return 0;
	}
	g_assert_no_error(error);
	g_assert_true(status >= 200 && status <= 599);
	g_assert_true(body >= text && body + body_len == text + len);
	return 0;
}
