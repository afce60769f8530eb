/* One HTTP request: libmicrohttpd's callbacks. */
#pragma once
#include "web/web-private.h"
G_BEGIN_DECLS

enum MHD_Result web_on_request(void *web, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
	void **request);
void web_on_completed(
	void *web, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code);

/* Whether a Host field names this machine as an admin would: an IP address, "localhost", or @hostname, with
 * any port. Names that others choose are refused, so that a page of theirs cannot reach us by pointing its
 * name here (DNS rebinding). Pure. */
gboolean web_host_ok(const char *host, const char *hostname);

/* Whether a Content-Type field (NULL: there is none) says application/json, with any parameters. Pure. */
gboolean web_type_is_json(const char *type);

G_END_DECLS
