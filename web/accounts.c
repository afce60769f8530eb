/* GET /v1/accounts, GET /v1/accounts/{account} */
#include "indexer/search-index.h"
#include "web/web-private.h"

/* Failures listed in one answer; the count is of all. */
#define ACCOUNT_FAILURES 1000

void web_get_accounts(WebRequest *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = store_list_accounts(request->web->context.store, &error);
	if (names == NULL) {
		web_problem_error(request, error);
		return;
	}
	json_t *list = json_array();
	for (guint i = 0; i < names->len; i++)
		json_array_append_new(list, json_string(names->pdata[i]));
	web_respond_json(request, MHD_HTTP_OK, json_pack("{s:o}", "accounts", list));
}

static json_t *failures_json(const GPtrArray *failures)
{
	json_t *list = json_array();
	for (guint i = 0; i < failures->len; i++) {
		const IndexFailure *failure = failures->pdata[i];
		json_t *object = json_object();
		json_object_set_new(object, "email", json_integer((json_int_t)failure->email_id));
		json_object_set_new(object, "reason", web_text_json(failure->reason));
		json_object_set_new(object, "failed_at", web_time_json(failure->failed_at));
		json_array_append_new(list, object);
	}
	return list;
}

void web_get_account(WebRequest *request)
{
	g_autoptr(GError) error = NULL;
	AccountSummary summary;
	g_autoptr(Account) account = store_get_account(request->web->context.store, request->args[0], &error);
	if (account == NULL || !account_summary(account, &summary, &error)) {
		web_problem_error(request, error);
		return;
	}
	g_autoptr(SearchIndex) index = search_index_get(account);
	g_autoptr(GPtrArray) failures = search_index_failures(index, ACCOUNT_FAILURES, &error);
	if (failures == NULL) {
		web_problem_error(request, error);
		return;
	}
	json_t *object = account_summary_json(&summary);
	json_object_set_new(object, "account", json_string(account_name(account)));
	json_object_set_new(object, "index_present", json_boolean(summary.index_present));
	json_object_set_new(object, "failures", failures_json(failures));
	web_respond_json(request, MHD_HTTP_OK, object);
}
