/* GET /healthz, /metrics, /v1/stats */
#include "base/metrics.h"
#include "web/web-private.h"

void web_get_healthz(WebRequest *request)
{
	web_respond_json(request, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

void web_get_metrics(WebRequest *request)
{
	g_autoptr(GError) error = NULL;
	g_auto(SiteSummary) site = { 0 };
	if (!site_summary(request->web->context.store, &site, &error)) {
		web_problem_error(request, error);
		return;
	}
	const AccountSummary *sum = &site.sum;
	gint64 lag_us = sum->lag_since != 0 ? g_get_real_time() - sum->lag_since * G_USEC_PER_SEC : 0;
	metrics_set(METRIC_INDEX_DOCUMENTS, (gint64)sum->documents);
	metrics_set(METRIC_INDEX_LAG, (gint64)sum->lag);
	metrics_set(METRIC_INDEX_LAG_SECONDS, MAX(lag_us, 0));
	metrics_set(METRIC_INDEX_BYTES, (gint64)sum->bytes_xapian, "terms");
	metrics_set(METRIC_INDEX_BYTES, (gint64)sum->bytes_text, "text");
	metrics_set(METRIC_INDEX_BYTES, (gint64)sum->bytes_vocabulary, "vocabulary");
	GString *page = g_string_new(NULL);
	metrics_write(page);
	web_respond_text(request, METRICS_CONTENT_TYPE, page);
}

static json_t *searches_json(void)
{
	static const char *const outcomes[] = { "ok", "limit", "aborted", "error" };
	static const char *const paths[] = { "metadata", "proven", "verified", "scanned", "messages" };
	json_t *object = json_object(), *by_path = json_object();
	for (gsize i = 0; i < G_N_ELEMENTS(outcomes); i++)
		json_object_set_new(
			object, outcomes[i], json_integer(metrics_value(METRIC_SEARCHES, outcomes[i])));
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
		json_object_set_new(
			by_path, paths[i], json_integer(metrics_value(METRIC_SEARCH_SECONDS, paths[i])));
	json_object_set_new(object, "by_path", by_path);
	json_object_set_new(object, "candidates", json_integer(metrics_value(METRIC_SEARCH_CANDIDATES)));
	json_object_set_new(object, "verified", json_integer(metrics_value(METRIC_SEARCH_VERIFIED)));
	json_object_set_new(
		object, "messages_read", json_integer(metrics_value(METRIC_SEARCH_MESSAGES_READ)));
	return object;
}

static json_t *indexer_json(Supervisor *supervisor)
{
	guint restarts;
	gboolean running = supervisor_running(supervisor, &restarts);
	return json_pack("{s:b, s:i}", "running", running, "restarts", (int)restarts);
}

static json_t *broken_json(const GPtrArray *broken)
{
	json_t *list = json_array();
	for (guint i = 0; i < broken->len; i++)
		json_array_append_new(list, web_text_json(broken->pdata[i]));
	return list;
}

void web_get_stats(WebRequest *request)
{
	const WebContext *context = &request->web->context;
	g_autoptr(GError) error = NULL;
	g_auto(SiteSummary) site = { 0 };
	if (!site_summary(context->store, &site, &error)) {
		web_problem_error(request, error);
		return;
	}
	json_t *object = account_summary_json(&site.sum);
	json_object_set_new(object, "version", json_string(PACKAGE_VERSION));
	json_object_set_new(object, "uptime_seconds",
		json_integer((g_get_real_time() - context->started_at) / G_USEC_PER_SEC));
	json_object_set_new(object, "accounts", json_integer(site.accounts));
	json_object_set_new(object, "accounts_broken", broken_json(site.broken));
	json_object_set_new(object, "searches", searches_json());
	json_object_set_new(object, "indexer", indexer_json(context->supervisor));
	web_respond_json(request, MHD_HTTP_OK, object);
}
