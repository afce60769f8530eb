/* Asks the running mailsiftd by its HTTP admin endpoint (web/): HTTP/1.1 without TLS, one connection for
 * each request, the address and the token from the configuration. Waits for answers, so not for event
 * loops. One thread. */
#pragma once
#include <jansson.h>

#include "base/settings.h"
G_BEGIN_DECLS

#define WEB_CLIENT_ERROR (web_client_error_quark())
typedef enum {
	WEB_CLIENT_ERROR_UNREACHABLE, /* nobody answers, or nowhere to ask is configured */
	WEB_CLIENT_ERROR_TOKEN,       /* there is none in the token file, or the server does not take it */
	WEB_CLIENT_ERROR_NOT_FOUND,   /* 404 */
	WEB_CLIENT_ERROR_REFUSED,     /* another status of failure; the message is the server's */
	WEB_CLIENT_ERROR_PROTOCOL,    /* who answers is no mailsiftd */
} WebClientError;
GQuark web_client_error_quark(void);

typedef struct WebClient WebClient;
/* Looks up where to ask and the token: the first address of [http] listen, the first token of [http]
 * token_file. @settings must live on. */
WebClient *web_client_new(const Settings *settings, GError **error);
void web_client_free(WebClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebClient, web_client_free)

/* One request; @path begins with "/" and is percent-encoded; @body may be NULL. Returns the answer's value
 * (json_decref() it), JSON null for an answer without one; NULL and @error for every status but 2xx. */
json_t *web_client_request(
	WebClient *client, const char *method, const char *path, const json_t *body, GError **error);

/* Reads a whole answer of @len octets: status and body (borrowed from @data). WEB_CLIENT_ERROR_PROTOCOL if
 * it is none or was cut short. Pure; exposed for tests. */
gboolean web_client_parse(const char *data, gsize len, guint *status_out, const char **body_out,
	gsize *body_len_out, GError **error);

/* The path of @name, any text, below @prefix ("/v1/accounts/"). Owned by the caller. */
char *web_client_path(const char *prefix, const char *name);

G_END_DECLS
