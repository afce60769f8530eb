#include "web/request.h"

#include <string.h>

#include "base/limits.h"
#include "base/metrics.h"

gboolean web_host_ok(const char *host, const char *hostname)
{
	if (host == NULL)
		return FALSE;
	g_autofree char *name = NULL;
	if (*host == '[') {
		const char *end = strchr(host, ']');
		if (end == NULL)
			return FALSE;
		name = g_strndup(host + 1, (gsize)(end - host - 1));
	} else {
		name = g_strndup(host, strcspn(host, ":"));
	}
	return g_hostname_is_ip_address(name) || g_ascii_strcasecmp(name, "localhost") == 0 ||
	       (*hostname != '\0' && g_ascii_strcasecmp(name, hostname) == 0);
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

static void answer(WebRequest *request)
{
	Web *web = request->web;
	const char *hostname = settings_string(web->context.settings, SETTING_SERVER_HOSTNAME);
	if (is_tcp(request) && !web_host_ok(header(request, MHD_HTTP_HEADER_HOST), hostname)) {
		web_problem(request, MHD_HTTP_MISDIRECTED_REQUEST, NULL, NULL,
		            "the Host field must be an IP address, localhost, or [server] hostname");
		return;
	}
	g_autofree char *allow = NULL;
	const Route *route = route_find(request->method, request->path, &request->args, &allow);
	gboolean open = route != NULL && (route->flags & ROUTE_OPEN) != 0;
	/* Strangers are not told which paths there are. */
	if (!open && !web_tokens_allow(web, header(request, MHD_HTTP_HEADER_AUTHORIZATION))) {
		web_problem(request, MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"mailsift\"",
		            web->token_path != NULL ? "a bearer token of [http] token_file is needed"
		                                    : "closed: no [http] token_file is configured");
		return;
	}
	if (route == NULL) {
		if (allow != NULL)
			web_problem(request, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, allow, "%s has %s only", request->path, allow);
		else
			web_problem(request, MHD_HTTP_NOT_FOUND, NULL, NULL, "there is no %s", request->path);
		return;
	}
	request->route = route->pattern;
	if (request->too_large) {
		web_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, NULL, NULL, "the body has more than %d bytes", LIMIT_HTTP_BODY);
		return;
	}
	const char *type = header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
	/* A page of somebody else's can make a browser post forms, but not JSON without asking first (CORS). */
	if (request->body->len > 0 && (type == NULL || g_ascii_strncasecmp(type, "application/json", 16) != 0)) {
		web_problem(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, NULL, NULL, "the body must be application/json");
		return;
	}
	route->handle(request);
}

enum MHD_Result web_on_request(void *web, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *upload_data, size_t *upload_data_size, void **state)
{
	(void)version;
	WebRequest *request = *state;
	if (request == NULL) {
		request = g_new0(WebRequest, 1);
		request->web = web;
		request->connection = connection;
		request->method = method;
		request->path = url;
		request->route = "other";
		request->body = g_string_new(NULL);
		request->started_us = g_get_monotonic_time();
		request->result = MHD_NO;
		*state = request;
		return MHD_YES;
	}
	if (*upload_data_size > 0) {
		/* What is too large is read to its end, so that the client hears why, but not kept. */
		request->too_large = request->too_large || request->body->len + *upload_data_size > LIMIT_HTTP_BODY;
		if (!request->too_large)
			g_string_append_len(request->body, upload_data, (gssize)*upload_data_size);
		*upload_data_size = 0;
		return MHD_YES;
	}
	if (strlen(url) > LIMIT_HTTP_URI)
		web_problem(request, MHD_HTTP_URI_TOO_LONG, NULL, NULL, "the path has more than %d bytes", LIMIT_HTTP_URI);
	else if (!g_utf8_validate(url, -1, NULL))
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "the path is not valid UTF-8");
	else
		answer(request);
	g_assert(request->answered);
	return request->result;
}

void web_on_completed(void *web, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)web;
	(void)connection;
	WebRequest *request = *state;
	if (request == NULL)
		return;
	g_autofree char *status = g_strdup_printf("%u", request->status);
	metrics_inc(METRIC_HTTP_REQUESTS, request->route, code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? status : "aborted");
	metrics_observe_us(METRIC_HTTP_SECONDS, g_get_monotonic_time() - request->started_us, request->route);
	g_strfreev(request->args);
	(void)g_string_free(request->body, TRUE);
	g_free(request);
	*state = NULL;
}
