/* The value of Content-Type, Content-Disposition and Content-Transfer-Encoding: tokens, comments, parameters
 * (RFC 2045 5.1, RFC 2231). For the room's own use; others take mime_parse_params() (store/mime-tree.h). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A parameter with the octets of its value, RFC 2231 pieces joined and percent-decoded. */
typedef struct {
	char *name;        /* owned, lower case, without stars */
	GString *octets;   /* owned; whoever steals it leaves NULL */
	char *charset;     /* owned, as given; NULL when none is */
	gboolean extended; /* came in an RFC 2231 form */
} RawParam;

/* Returns the parameters (RawParam, each name once, in order of first appearance), owned by the caller;
 * *@main_out is the main value, in lower case and owned by the caller, or NULL if there is none. */
GPtrArray *mime_params_parse_raw(const char *value, gsize len, char **main_out);

/* The first token of @value, comments skipped, in lower case; "" if there is none. Owned by the caller. */
char *mime_params_first_token(const char *value, gsize len);

/* Converts to MimeParam; a new array that the caller owns. */
GPtrArray *mime_params_from_raw(const GPtrArray *raw);

/* Appends the @len octets at @value without their line ends: unfolding (RFC 5322 2.2.3). White space stays.
 */
void mime_unfold(GString *out, const char *value, gsize len);

G_END_DECLS
