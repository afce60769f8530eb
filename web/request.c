#include "web/request.h"

#include <string.h>

#include "base/limits.h"
#include "base/metrics.h"

/* A body that is refused is read all the same, so that the client gets to hear why; past this the
 * connection is closed. */
#define WEB_DISCARD_BYTES (16 * (guint64)LIMIT_HTTP_BODY)

gboolean web_host_ok(const char *host, const char *hostname)
{
	if (host == NULL)
		return FALSE;
	const char *end;
	g_autofree char *name = NULL;
	if (*host == '[') {
		end = strchr(host, ']');
		if (end == NULL)
			return FALSE;
		name = g_strndup(host + 1, (gsize)(end++ - host - 1));
	} else {
		end = host + strcspn(host, ":");
		name = g_strndup(host, (gsize)(end - host));
	}
	if (*end != '\0' && (*end != ':' || end[strspn(end + 1, "0123456789") + 1] != '\0'))
		return FALSE;
	return g_hostname_is_ip_address(name) || g_ascii_strcasecmp(name, "localhost") == 0 ||
		(*hostname != '\0' && g_ascii_strcasecmp(name, hostname) == 0);
}

gboolean web_type_is_json(const char *type)
{
	static const char json[] = "application/json";
	if (type == NULL || g_ascii_strncasecmp(type, json, sizeof(json) - 1) != 0)
		return FALSE;
	char next = type[sizeof(json) - 1];
	return next == '\0' || next == ';' || next == ' ' || next == '\t';
}

static const char *header(WebRequest *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Over a Unix socket there is no browser, and curl sends whatever Host the URL has. */
static gboolean is_tcp(WebRequest *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return info != NULL && info->client_addr != NULL && info->client_addr->sa_family != AF_UNIX;
}

static gboolean path_ok(WebRequest *request)
{
	if (strlen(request->path) > LIMIT_HTTP_URI)
		web_problem(request, MHD_HTTP_URI_TOO_LONG, NULL, NULL, "the path has more than %d bytes",
			LIMIT_HTTP_URI);
	else if (!g_utf8_validate(request->path, -1, NULL))
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "the path is not valid UTF-8");
	else
		return TRUE;
	return FALSE;
}

static gboolean host_ok(WebRequest *request)
{
	const char *hostname = settings_string(request->web->context.settings, SETTING_SERVER_HOSTNAME);
	const char *host = header(request, MHD_HTTP_HEADER_HOST);
	if (!is_tcp(request) || web_host_ok(host, hostname))
		return TRUE;
	if (host == NULL) /* RFC 9112 3.2 */
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "a Host field is needed");
	else
		web_problem(request, MHD_HTTP_MISDIRECTED_REQUEST, NULL, NULL,
			"the Host field must be an IP address, localhost, or [server] hostname");
	return FALSE;
}

/* Finds the route, for those who may know. */
static gboolean route_ok(WebRequest *request)
{
	Web *web = request->web;
	g_autofree char *allow = NULL;
	const Route *route = route_find(request->method, request->path, &request->args, &allow);
	gboolean open = route != NULL && (route->flags & ROUTE_OPEN) != 0;
	/* Strangers are not told which paths there are. */
	if (!open && !web_tokens_allow(web, header(request, MHD_HTTP_HEADER_AUTHORIZATION))) {
		web_problem(request, MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Bearer realm=\"mailsift\"",
			web->token_path != NULL ? "a bearer token of [http] token_file is needed"
						: "closed: no [http] token_file is configured");
		return FALSE;
	}
	if (route == NULL && allow == NULL) {
		web_problem(request, MHD_HTTP_NOT_FOUND, NULL, NULL, "there is no %s", request->path);
		return FALSE;
	}
	if (route == NULL) {
		web_problem(request, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, allow,
			"%s has %s only", request->path, allow);
		return FALSE;
	}
	request->route = route;
	return TRUE;
}

static void refuse_large(WebRequest *request)
{
	web_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, NULL, NULL, "the body has more than %d bytes",
		LIMIT_HTTP_BODY);
}

/* What is announced of the body. Without Content-Length it is seen when it comes. */
static gboolean body_ok(WebRequest *request)
{
	const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const char *coding = header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	/* libmicrohttpd has refused what is no number. */
	guint64 n = length != NULL ? g_ascii_strtoull(length, NULL, 10) : 0;
	/* A page of somebody else's can make a browser post forms, but not JSON without asking first
	 * (CORS). */
	if ((n > 0 || coding != NULL) && !web_type_is_json(header(request, MHD_HTTP_HEADER_CONTENT_TYPE)))
		web_problem(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, NULL, NULL,
			"the body must be application/json (curl: --json instead of -d)");
	else if (n > LIMIT_HTTP_BODY)
		refuse_large(request);
	else
		return TRUE;
	return FALSE;
}

/* The request with its header fields, before its body. */
static enum MHD_Result begin(WebRequest *request)
{
	if (path_ok(request) && host_ok(request) && route_ok(request) && body_ok(request))
		return MHD_YES;
	/* Who waits for "100 Continue" hears at once; who sends without waiting would miss the answer if we
	 * closed now. */
	return header(request, MHD_HTTP_HEADER_EXPECT) != NULL ? web_respond_send(request) : MHD_YES;
}

static enum MHD_Result take_body(WebRequest *request, const char *data, size_t len)
{
	request->received += len;
	if (request->received > WEB_DISCARD_BYTES)
		return MHD_NO;
	if (request->response == NULL && request->body->len + len > LIMIT_HTTP_BODY)
		refuse_large(request);
	if (request->response == NULL)
		g_string_append_len(request->body, data, (gssize)len);
	return MHD_YES;
}

enum MHD_Result web_on_request(void *web, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
	void **state)
{
	(void)version;
	WebRequest *request = *state;
	if (request == NULL) {
		request = g_new0(WebRequest, 1);
		request->web = web;
		request->connection = connection;
		request->method = method;
		request->path = url;
		request->body = g_string_new(NULL);
		request->started_us = g_get_monotonic_time();
		*state = request;
		return begin(request);
	}
	if (*upload_data_size > 0) {
		size_t len = *upload_data_size;
		*upload_data_size = 0;
		return take_body(request, upload_data, len);
	}
	if (request->response == NULL)
		request->route->handle(request);
	return web_respond_send(request);
}

void web_on_completed(
	void *web, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)web;
	(void)connection;
	WebRequest *request = *state;
	if (request == NULL)
		return;
	const char *route = request->route != NULL ? request->route->pattern : "other";
	g_autofree char *status = g_strdup_printf("%u", request->status);
	metrics_inc(METRIC_HTTP_REQUESTS, route,
		code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? status : "aborted");
	metrics_observe_us(METRIC_HTTP_SECONDS, g_get_monotonic_time() - request->started_us, route);
	if (request->response != NULL)
		MHD_destroy_response(request->response);
	g_strfreev(request->args);
	(void)g_string_free(request->body, TRUE);
	g_free(request);
	*state = NULL;
}
