/* What the files of web/ share. A request is answered by one thread of libmicrohttpd, from first octet to
 * last. */
#pragma once
#include <jansson.h>
#include <microhttpd.h>
#include <sys/stat.h>

#include "web/web.h"
G_BEGIN_DECLS

struct Web {
	WebContext context;
	GPtrArray *listeners;    /* of WebListener (web.c) */
	char *token_path;        /* owned; NULL: no token file, the API is closed */
	GMutex lock;             /* over what follows */
	GPtrArray *tokens;       /* of char*; NULL: not read yet */
	struct stat tokens_seen; /* the file that they are from */
	char *tokens_complaint;  /* owned; the last error that was logged, or NULL */
};

typedef struct Route Route;

typedef struct {
	Web *web;
	struct MHD_Connection *connection;
	const char *method;
	const char *path;   /* without query, percent-decoded by libmicrohttpd */
	const Route *route; /* NULL: none, or not for this client */
	char **args;        /* what the route's "*" segments stand for; owned */
	GString *body;      /* up to LIMIT_HTTP_BODY */
	guint64 received;   /* bytes of the body, those included that were not kept */
	gint64 started_us;
	unsigned int status;
	struct MHD_Response *response; /* owned; NULL: none yet. The first that is made counts */
} WebRequest;

/* -- answers (respond.c) ---- */
/* Takes @value over. */
void web_respond_json(WebRequest *request, unsigned int status, json_t *value);
/* The same with a Location. */
void web_respond_json_at(WebRequest *request, unsigned int status, const char *location, json_t *value);
/* 200; takes @text over. */
void web_respond_text(WebRequest *request, const char *content_type, GString *text);
void web_respond_nothing(WebRequest *request); /* 204 */
/* RFC 9457 problem details. @header and @value: one more header field, or NULL. */
void web_problem(WebRequest *request, unsigned int status, const char *header, const char *value,
	const char *format, ...) G_GNUC_PRINTF(5, 6);
/* Sends the answer; the request must have one. */
enum MHD_Result web_respond_send(WebRequest *request);
/* By domain and code: 404 for what is not there, 500 (and logged) for the site's errors. */
void web_problem_error(WebRequest *request, const GError *error);

/* -- who may ask (tokens.c) ---- */
/* Reads the token file, if it has changed. Refuses one that others may read, that is damaged, or that has
 * no token. */
gboolean web_tokens_load(Web *web, GError **error);
void web_tokens_clear(Web *web);
/* Whether @header (the value of Authorization, or NULL) has a token of the file (RFC 6750 2.1). */
gboolean web_tokens_allow(Web *web, const char *header);

/* -- routes (routes.c) ---- */
typedef enum {
	ROUTE_OPEN = 1 << 0, /* without a token */
} RouteFlags;
struct Route {
	const char *method;
	const char *pattern; /* "/v1/jobs/" "*": a "*" is one segment */
	void (*handle)(WebRequest *request);
	RouteFlags flags;
};
/* The route of @method and @path with *args_out (owned by the caller). NULL: none; then *allow_out lists
 * the methods that the path has ("GET, HEAD"), NULL for an unknown path. HEAD is as GET. Pure. */
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
	/* Of the messages: in the index, not reached yet, recorded as failed; the three sum up to them. */
	guint64 indexed, lag, failed;
	guint64 documents;
	guint64 bytes_xapian, bytes_text, bytes_vocabulary;
	gint64 lag_since; /* when the oldest message of lag was saved, Unix seconds; 0: there is none */
	gboolean index_present;
} AccountSummary;
gboolean account_summary(Account *account, AccountSummary *summary_out, GError **error);
typedef struct {
	AccountSummary sum;
	guint accounts;
	GPtrArray *broken; /* of char*, "name: reason": accounts that are left out of the sum; owned */
} SiteSummary;
gboolean site_summary(Store *store, SiteSummary *site_out, GError **error);
void site_summary_clear(SiteSummary *site);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SiteSummary, site_summary_clear)
json_t *account_summary_json(const AccountSummary *summary);

/* -- JSON (respond.c) ---- */
/* RFC 3339 in UTC of Unix microseconds, or null for 0: not yet, or never. */
json_t *web_time_json(gint64 at_us);
/* A string of any bytes (made valid UTF-8), or null for NULL. */
json_t *web_text_json(const char *text);

G_END_DECLS
