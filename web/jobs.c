/* POST /v1/reindex, GET /v1/jobs, GET and DELETE /v1/jobs/{id} */
#include <string.h>

#include "base/log.h"
#include "indexer/supervisor.h"
#include "store/mailbox.h"
#include "web/web-private.h"

static json_t *job_json(const IndexJob *job)
{
	json_t *object = json_object();
	json_object_set_new(object, "id", json_integer((json_int_t)job->id));
	json_object_set_new(object, "account", web_text_json(job->account));
	json_object_set_new(object, "mailbox", web_text_json(job->mailbox));
	json_object_set_new(object, "state", json_string(index_job_state_name(job->state)));
	json_object_set_new(object, "total", json_integer((json_int_t)job->total));
	json_object_set_new(object, "done", json_integer((json_int_t)job->done));
	json_object_set_new(object, "failed", json_integer((json_int_t)job->failed));
	json_object_set_new(object, "rate", json_real(job->rate));
	json_object_set_new(object, "remaining_seconds",
		job->remaining_s < 0 ? json_null() : json_integer(job->remaining_s));
	json_object_set_new(object, "created_at", web_time_json(job->created_at));
	json_object_set_new(object, "started_at", web_time_json(job->started_at));
	json_object_set_new(object, "finished_at", web_time_json(job->finished_at));
	json_object_set_new(object, "reason", web_text_json(job->reason));
	return object;
}

/* -- POST /v1/reindex: {"account": NAME, "mailbox": NAME}, both optional --------------------------------- */

/* Reads the body. FALSE: the answer is given. *account_out and *mailbox_out are of *body_out. */
static gboolean read_reindex(
	WebRequest *request, json_t **body_out, const char **account_out, const char **mailbox_out)
{
	*account_out = *mailbox_out = NULL;
	if (request->body->len == 0) {
		*body_out = json_object();
		return TRUE;
	}
	json_error_t at;
	json_t *body = json_loadb(
		request->body->str, request->body->len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
	*body_out = body;
	if (body == NULL) {
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "the body is no JSON: %s, at octet %d",
			at.text, at.position);
		return FALSE;
	}
	if (!json_is_object(body)) {
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "the body must be an object");
		return FALSE;
	}
	const char *key;
	json_t *value;
	json_object_foreach(body, key, value)
	{
		const char **target = strcmp(key, "account") == 0 ? account_out
			: strcmp(key, "mailbox") == 0             ? mailbox_out
								  : NULL;
		if (target == NULL || !json_is_string(value)) {
			web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL,
				"%s: only account and mailbox are known, and are strings", key);
			return FALSE;
		}
		*target = json_string_value(value);
	}
	if (*mailbox_out != NULL && *account_out == NULL) {
		web_problem(request, MHD_HTTP_BAD_REQUEST, NULL, NULL, "a mailbox needs its account");
		return FALSE;
	}
	return TRUE;
}

/* The accounts to be reindexed; NULL: the answer is given. */
static GPtrArray *find_accounts(WebRequest *request, const char *account, const char *mailbox)
{
	Store *store = request->web->context.store;
	g_autoptr(GError) error = NULL;
	GPtrArray *names = NULL;
	if (account == NULL) {
		names = store_list_accounts(store, &error);
	} else {
		g_autoptr(Account) found = store_get_account(store, account, &error);
		g_autoptr(Mailbox) box = found != NULL && mailbox != NULL
			? account_open_mailbox(found, mailbox, &error)
			: NULL;
		if (found != NULL && (mailbox == NULL || box != NULL)) {
			names = g_ptr_array_new_with_free_func(g_free);
			g_ptr_array_add(names, g_strdup(account));
		}
	}
	if (names == NULL)
		web_problem_error(request, error);
	return names;
}

static void start_jobs(WebRequest *request, const GPtrArray *accounts, const char *mailbox, gboolean single)
{
	Supervisor *supervisor = request->web->context.supervisor;
	json_t *list = json_array();
	g_autofree char *location = g_strdup("/v1/jobs");
	for (guint i = 0; i < accounts->len; i++) {
		guint64 id = supervisor_reindex(supervisor, accounts->pdata[i], mailbox);
		g_autoptr(IndexJob) job = supervisor_job(supervisor, id);
		log_notice("reindex.requested", LOG_STR("account", accounts->pdata[i]),
			LOG_STR("box", mailbox), LOG_UINT("job", id));
		/* NULL: over and forgotten by now. */
		json_array_append_new(
			list, job != NULL ? job_json(job) : json_pack("{s:I}", "id", (json_int_t)id));
		if (single) {
			g_free(location);
			location = g_strdup_printf("/v1/jobs/%" G_GUINT64_FORMAT, id);
		}
	}
	json_t *answer = single ? json_incref(json_array_get(list, 0)) : json_pack("{s:O}", "jobs", list);
	json_decref(list);
	web_respond_json_at(request, MHD_HTTP_ACCEPTED, location, answer);
}

void web_post_reindex(WebRequest *request)
{
	json_t *body;
	const char *account, *mailbox;
	if (read_reindex(request, &body, &account, &mailbox)) {
		g_autoptr(GPtrArray) accounts = find_accounts(request, account, mailbox);
		if (accounts != NULL)
			start_jobs(request, accounts, mailbox, account != NULL);
	}
	json_decref(body);
}

/* -- /v1/jobs -------------------------------------------------------------------------------------------- */

void web_get_jobs(WebRequest *request)
{
	g_autoptr(GPtrArray) jobs = supervisor_jobs(request->web->context.supervisor);
	json_t *list = json_array();
	for (guint i = 0; i < jobs->len; i++)
		json_array_append_new(list, job_json(jobs->pdata[i]));
	web_respond_json(request, MHD_HTTP_OK, json_pack("{s:o}", "jobs", list));
}

static IndexJob *find_job(WebRequest *request, guint64 *id_out)
{
	IndexJob *job = NULL;
	if (g_ascii_string_to_unsigned(request->args[0], 10, 1, G_MAXUINT64, id_out, NULL))
		job = supervisor_job(request->web->context.supervisor, *id_out);
	if (job == NULL)
		web_problem(request, MHD_HTTP_NOT_FOUND, NULL, NULL, "there is no job %s", request->args[0]);
	return job;
}

void web_get_job(WebRequest *request)
{
	guint64 id;
	g_autoptr(IndexJob) job = find_job(request, &id);
	if (job != NULL)
		web_respond_json(request, MHD_HTTP_OK, job_json(job));
}

void web_delete_job(WebRequest *request)
{
	guint64 id;
	g_autoptr(IndexJob) job = find_job(request, &id);
	if (job == NULL)
		return;
	if (!supervisor_cancel(request->web->context.supervisor, id)) {
		web_problem(request, MHD_HTTP_CONFLICT, NULL, NULL, "job %" G_GUINT64_FORMAT " is over", id);
		return;
	}
	log_notice("reindex.cancelled", LOG_STR("account", job->account), LOG_UINT("job", id));
	web_respond_nothing(request);
}
