#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "web/web-private.h"

/* Every answer's: nothing is kept in caches, nothing of it runs in a browser, nobody frames it. */
static const struct {
	const char *name, *value;
} common_headers[] = {
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
	{ "Referrer-Policy", "no-referrer" },
};

/* Makes the answer, unless there is one. Takes @text (from malloc) over. */
static void respond(WebRequest *request, unsigned int status, const char *content_type, char *text, gsize len,
	const char *header, const char *value)
{
	if (request->response != NULL) {
		free(text);
		return;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	g_assert(response != NULL); /* NULL is want of memory */
	for (gsize i = 0; i < G_N_ELEMENTS(common_headers); i++)
		(void)MHD_add_response_header(response, common_headers[i].name, common_headers[i].value);
	if (content_type != NULL)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	if (header != NULL)
		(void)MHD_add_response_header(response, header, value);
	request->status = status;
	request->response = response;
}

enum MHD_Result web_respond_send(WebRequest *request)
{
	g_assert(request->response != NULL); /* every handler answers */
	return MHD_queue_response(request->connection, request->status, request->response);
}

static void respond_json(WebRequest *request, unsigned int status, const char *content_type, json_t *value,
	const char *header, const char *header_value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(value);
	g_assert(text != NULL); /* all our strings are valid UTF-8 */
	respond(request, status, content_type, text, strlen(text), header, header_value);
}

void web_respond_json(WebRequest *request, unsigned int status, json_t *value)
{
	respond_json(request, status, "application/json", value, NULL, NULL);
}

void web_respond_json_at(WebRequest *request, unsigned int status, const char *location, json_t *value)
{
	respond_json(request, status, "application/json", value, MHD_HTTP_HEADER_LOCATION, location);
}

void web_respond_text(WebRequest *request, const char *content_type, GString *text)
{
	gsize len = text->len;
	/* GLib's allocator is malloc. */
	respond(request, MHD_HTTP_OK, content_type, g_string_free(text, FALSE), len, NULL, NULL);
}

void web_respond_nothing(WebRequest *request)
{
	respond(request, MHD_HTTP_NO_CONTENT, NULL, NULL, 0, NULL, NULL);
}

void web_problem(WebRequest *request, unsigned int status, const char *header, const char *value,
	const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *raw = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *detail = g_utf8_make_valid(raw, -1);
	json_t *problem = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
		MHD_get_reason_phrase_for(status), "status", (int)status, "detail", detail);
	respond_json(request, status, "application/problem+json", problem, header, value);
}

void web_problem_error(WebRequest *request, const GError *error)
{
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT) ||
		g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX) ||
		g_error_matches(error, STORE_ERROR, STORE_ERROR_BAD_NAME)) {
		web_problem(request, MHD_HTTP_NOT_FOUND, NULL, NULL, "%s", error->message);
		return;
	}
	log_error("http.request.failed", LOG_STR("path", request->path), LOG_GERROR("error", error));
	web_problem(request, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, NULL, "internal error; the log says more");
}

json_t *web_time_json(gint64 at_us)
{
	if (at_us == 0)
		return json_null();
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_us / G_USEC_PER_SEC);
	g_autofree char *text = at != NULL ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ") : NULL;
	return text != NULL ? json_string(text) : json_null();
}

json_t *web_text_json(const char *text)
{
	if (text == NULL)
		return json_null();
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	return json_string(valid);
}
