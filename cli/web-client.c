#include "cli/web-client.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

G_DEFINE_QUARK(web - client - error - quark, web_client_error)

#define WEB_CLIENT_TIMEOUT_S 60
/* Of an answer: a thousand jobs take half a megabyte. */
#define WEB_CLIENT_ANSWER_BYTES (64 * 1024 * 1024)

struct WebClient {
	GSocketConnectable *address; /* owned */
	const char *name;            /* the settings': how the address is written */
	char *token;                 /* owned */
};

/* The first token of the file, as web/tokens.c reads it. */
static char *read_token(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) failed = NULL;
	if (*path == '\0') {
		g_set_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_TOKEN,
			"no [http] token_file is configured, so mailsiftd answers nobody");
		return NULL;
	}
	if (!g_file_get_contents(path, &text, NULL, &failed)) {
		g_set_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_TOKEN, "[http] token_file: %s",
			failed->message);
		return NULL;
	}
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_strstrip(lines[i]);
		if (*lines[i] != '\0' && *lines[i] != '#' && g_str_is_ascii(lines[i]) &&
			strpbrk(lines[i], "\r\t ") == NULL)
			return g_strdup(lines[i]);
	}
	g_set_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_TOKEN,
		"[http] token_file: %s: there is no token in it", path);
	return NULL;
}

static GSocketAddress *socket_address(const ListenAddress *address)
{
	if (address->path != NULL)
		return g_unix_socket_address_new(address->path);
	return g_inet_socket_address_new_from_string(
		address->host != NULL ? address->host : "127.0.0.1", address->port);
}

WebClient *web_client_new(const Settings *settings, GError **error)
{
	gsize n;
	const ListenAddress *addresses = settings_addresses(settings, SETTING_HTTP_LISTEN, &n);
	if (n == 0) {
		g_set_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_UNREACHABLE,
			"[http] listen is empty: there is nowhere to ask mailsiftd");
		return NULL;
	}
	g_autofree char *token = read_token(settings_string(settings, SETTING_HTTP_TOKEN_FILE), error);
	if (token == NULL)
		return NULL;
	WebClient *client = g_new0(WebClient, 1);
	client->address = G_SOCKET_CONNECTABLE(socket_address(&addresses[0]));
	client->name = addresses[0].text;
	client->token = g_steal_pointer(&token);
	return client;
}

void web_client_free(WebClient *client)
{
	if (client == NULL)
		return;
	g_object_unref(client->address);
	explicit_bzero(client->token, strlen(client->token));
	g_free(client->token);
	g_free(client);
}

char *web_client_path(const char *prefix, const char *name)
{
	g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
	return g_strconcat(prefix, escaped, NULL);
}

/* -- answers --------------------------------------------------------------------------------------------- */

static gboolean fail_protocol(GError **error, const char *what)
{
	g_set_error(
		error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_PROTOCOL, "what answers is no mailsiftd: %s", what);
	return FALSE;
}

/* The value of the header field @name, without white space around it; NULL: there is none. */
static char *find_field(char **lines, const char *name)
{
	gsize len = strlen(name);
	for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
		if (g_ascii_strncasecmp(lines[i], name, len) == 0 && lines[i][len] == ':')
			return g_strstrip(g_strdup(lines[i] + len + 1));
	return NULL;
}

gboolean web_client_parse(const char *data, gsize len, guint *status_out, const char **body_out,
	gsize *body_len_out, GError **error)
{
	const char *end = len > 0 ? memmem(data, len, "\r\n\r\n", 4) : NULL;
	if (end == NULL || memchr(data, '\0', (gsize)(end - data)) != NULL)
		return fail_protocol(error, "an answer without end of its header");
	g_autofree char *head = g_strndup(data, (gsize)(end - data));
	g_auto(GStrv) lines = g_strsplit(head, "\r\n", -1);
	/* HTTP/1.1 200 OK; RFC 9112 4 */
	const char *line = lines[0] != NULL ? lines[0] : "";
	guint64 status;
	gsize digits = g_str_has_prefix(line, "HTTP/1.") && line[7] != '\0' && line[8] == ' '
		? strcspn(line + 9, " ")
		: 0;
	g_autofree char *number = digits == 3 ? g_strndup(line + 9, digits) : NULL;
	if (number == NULL || !g_ascii_string_to_unsigned(number, 10, 200, 599, &status, NULL))
		return fail_protocol(error, "no HTTP status");
	g_autofree char *length = find_field(lines, "Content-Length");
	g_autofree char *coding = find_field(lines, "Transfer-Encoding");
	guint64 announced, got = len - (gsize)(end + 4 - data);
	if (coding != NULL)
		return fail_protocol(error, "an encoded answer");
	if (length != NULL && !g_ascii_string_to_unsigned(length, 10, 0, G_MAXINT64, &announced, NULL))
		return fail_protocol(error, "a bad Content-Length");
	if (length != NULL && announced != got)
		return fail_protocol(error, "the answer was cut short");
	*status_out = (guint)status;
	*body_out = end + 4;
	*body_len_out = (gsize)got;
	return TRUE;
}

/* The detail of a problem (RFC 9457), or its status. */
static void fail_status(GError **error, guint status, const json_t *problem)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	int code = status == 404 ? WEB_CLIENT_ERROR_NOT_FOUND
		: status == 401  ? WEB_CLIENT_ERROR_TOKEN
				 : WEB_CLIENT_ERROR_REFUSED;
	if (detail != NULL)
		g_set_error(error, WEB_CLIENT_ERROR, code, "mailsiftd: %s", detail);
	else
		g_set_error(error, WEB_CLIENT_ERROR, code, "mailsiftd answers with status %u", status);
}

static json_t *read_value(const char *data, gsize len, GError **error)
{
	guint status;
	const char *body;
	gsize body_len;
	if (!web_client_parse(data, len, &status, &body, &body_len, error))
		return NULL;
	json_t *value = body_len > 0 ? json_loadb(body, body_len, JSON_DECODE_ANY, NULL) : json_null();
	if (value == NULL) {
		fail_protocol(error, "an answer that is no JSON");
	} else if (status >= 300) {
		fail_status(error, status, value);
		json_decref(value);
		value = NULL;
	}
	return value;
}

/* -- requests -------------------------------------------------------------------------------------------- */

static gboolean begins_as_http(const GByteArray *answer)
{
	static const char start[] = "HTTP/1.";
	return memcmp(answer->data, start, MIN(answer->len, sizeof(start) - 1)) == 0;
}

/* One connection: the request out, all that comes in. */
static GByteArray *exchange(WebClient *client, const char *request, gsize len, GError **error)
{
	g_autoptr(GSocketClient) sockets = g_socket_client_new();
	g_socket_client_set_enable_proxy(sockets, FALSE);
	g_socket_client_set_timeout(sockets, WEB_CLIENT_TIMEOUT_S);
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(sockets, client->address, NULL, error);
	if (connection == NULL)
		return NULL;
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
	GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
	if (!g_output_stream_write_all(out, request, len, NULL, NULL, error))
		return NULL;
	g_autoptr(GByteArray) answer = g_byte_array_new();
	guint8 *piece = g_malloc(64 * 1024);
	gssize n;
	while ((n = g_input_stream_read(in, piece, 64 * 1024, NULL, error)) > 0) {
		g_byte_array_append(answer, piece, (guint)n);
		/* Others may wait for more from us: an IMAP server, say. web_client_parse() says what is
		 * wrong. */
		if (!begins_as_http(answer))
			break;
		if (answer->len > WEB_CLIENT_ANSWER_BYTES) {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the answer is too large");
			n = -1;
			break;
		}
	}
	g_free(piece);
	return n >= 0 ? g_steal_pointer(&answer) : NULL;
}

json_t *web_client_request(
	WebClient *client, const char *method, const char *path, const json_t *body, GError **error)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	g_autoptr(GString) request = g_string_new(NULL);
	g_string_append_printf(request,
		"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json\r\n"
		"Authorization: Bearer %s\r\n",
		method, path, client->token);
	if (text != NULL)
		g_string_append_printf(request,
			"Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
			strlen(text));
	g_string_append(request, "\r\n");
	if (text != NULL)
		g_string_append(request, text);
	free(text);
	g_autoptr(GError) failed = NULL;
	g_autoptr(GByteArray) answer = exchange(client, request->str, request->len, &failed);
	explicit_bzero(request->str, request->len);
	if (answer == NULL) {
		g_set_error(error, WEB_CLIENT_ERROR, WEB_CLIENT_ERROR_UNREACHABLE,
			"mailsiftd does not answer at %s: %s", client->name, failed->message);
		return NULL;
	}
	return read_value((const char *)answer->data, answer->len, error);
}
