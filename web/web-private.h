/* What the files of web/ share. A request is answered by one thread of libmicrohttpd, from first octet to last. */
#pragma once
#include <jansson.h>
#include <microhttpd.h>

#include "web/web.h"
G_BEGIN_DECLS

struct Web {
	WebContext context;
	GPtrArray *daemons;    /* of struct MHD_Daemon */
	char *token_path;      /* owned; NULL: no token file, the API is closed */
	GMutex lock;           /* over the tokens */
	GPtrArray *tokens;     /* of char* */
	gint64 tokens_mtime;   /* of the file they are from, nanoseconds */
};

typedef struct {
	Web *web;
	struct MHD_Connection *connection;
	const char *method;
	const char *path;      /* without query, percent-decoded by libmicrohttpd */
	const char *route;     /* the pattern that matched, for metrics */
	char **args;           /* what its "*" segments stand for; owned */
	GString *body;
	gboolean too_large;    /* more than LIMIT_HTTP_BODY came */
	gint64 started_us;
	/* the answer; the first one given counts */
	gboolean answered;
	unsigned int status;
	enum MHD_Result result; /* what libmicrohttpd said to it */
} WebRequest;

/* -- answers (respond.c) ---- */
/* Takes @value over. */
void web_respond_json(WebRequest *request, unsigned int status, json_t *value);
/* The same with a Location. */
void web_respond_json_at(WebRequest *request, unsigned int status, const char *location, json_t *value);
void web_respond_text(WebRequest *request, const char *content_type, GString *text); /* 200; takes @text over */
void web_respond_nothing(WebRequest *request);                                     /* 204 */
/* RFC 9457 problem details. @header and @value: one more header field, or NULL. */
void web_problem(WebRequest *request, unsigned int status, const char *header, const char *value, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
/* By domain and code: 404 for what is not there, 500 (and logged) for the site's errors. */
void web_problem_error(WebRequest *request, const GError *error);

/* -- who may ask (tokens.c) ---- */
/* Reads the token file, if it has changed. Refuses one that others may read. */
gboolean web_tokens_load(Web *web, GError **error);
/* Whether @header (the value of Authorization, or NULL) has a token of the file (RFC 6750 2.1). */
gboolean web_tokens_allow(Web *web, const char *header);

/* -- routes (routes.c) ---- */
typedef enum {
	ROUTE_OPEN = 1 << 0, /* without a token */
} RouteFlags;
typedef struct {
	const char *method;
	const char *pattern; /* "/v1/jobs/" "*": a "*" is one segment */
	void (*handle)(WebRequest *request);
	RouteFlags flags;
} Route;
/* The route of @method and @path with *args_out (owned by the caller). NULL: none; then *allow_out lists the methods that
 * the path has ("GET, HEAD"), NULL for an unknown path. HEAD is as GET. Pure. */
const Route *route_find(const char *method, const char *path, char ***args_out, char **allow_out);

/* -- handlers ---- */
void web_get_healthz(WebRequest *request);
void web_get_metrics(WebRequest *request);
void web_get_stats(WebRequest *request);
void web_get_accounts(WebRequest *request);
void web_get_account(WebRequest *request);
void web_post_reindex(WebRequest *request);
void web_get_jobs(WebRequest *request);
void web_get_job(WebRequest *request);
void web_delete_job(WebRequest *request);

/* What an account's mail and its index amount to (account-summary.c). */
typedef struct {
	guint64 mailboxes, messages, emails; /* emails: distinct contents */
	guint64 indexed, lag, failed;        /* messages + of them: in the index, not reached yet, recorded as failed; the three sum up */
	guint64 documents;
	guint64 bytes_xapian, bytes_text, bytes_vocabulary;
	gboolean index_present;
} AccountSummary;
gboolean account_summary(Account *account, AccountSummary *summary_out, GError **error);
/* The sum over all accounts; those that cannot be opened are left out and counted in *broken_out. */
gboolean site_summary(Store *store, AccountSummary *sum_out, guint *accounts_out, guint *broken_out, GError **error);
json_t *account_summary_json(const AccountSummary *summary);

G_END_DECLS
