#include "cli/job.h"

#include <string.h>

static const char *text(const json_t *job, const char *key)
{
	const char *value = json_string_value(json_object_get(job, key));
	return value != NULL ? value : "";
}

static guint64 number(const json_t *job, const char *key)
{
	return (guint64)MAX(json_integer_value(json_object_get(job, key)), 0);
}

gboolean job_is_over(const json_t *job)
{
	static const char *const over[] = { "done", "failed", "cancelled", NULL };
	return g_strv_contains(over, text(job, "state"));
}

gboolean job_is_success(const json_t *job)
{
	return strcmp(text(job, "state"), "done") == 0 && number(job, "failed") == 0;
}

char *job_title(const json_t *job)
{
	const char *mailbox = text(job, "mailbox");
	return *mailbox != '\0' ? g_strdup_printf("%s, mailbox %s", text(job, "account"), mailbox)
				: g_strdup(text(job, "account"));
}

/* Seconds since a time as the server writes it; negative if there is none. */
static double seconds_between(const json_t *job, const char *from, const char *to)
{
	g_autoptr(GDateTime) begin = g_date_time_new_from_iso8601(text(job, from), NULL);
	g_autoptr(GDateTime) end = g_date_time_new_from_iso8601(text(job, to), NULL);
	return begin != NULL && end != NULL ? (double)g_date_time_difference(end, begin) / G_USEC_PER_SEC
					    : -1;
}

char *job_progress(const json_t *job)
{
	GString *out = g_string_new(text(job, "state"));
	guint64 done = number(job, "done"), total = number(job, "total"), failed = number(job, "failed");
	if (total > 0 || strcmp(out->str, "done") == 0)
		g_string_append_printf(out, ", %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, done, total);
	if (failed > 0)
		g_string_append_printf(out, ", %" G_GUINT64_FORMAT " failed", failed);
	if (strcmp(text(job, "state"), "running") == 0) {
		double rate = json_number_value(json_object_get(job, "rate"));
		const json_t *left = json_object_get(job, "remaining_seconds");
		if (rate > 0)
			g_string_append_printf(out, ", %.0f/s", rate);
		if (json_is_integer(left))
			g_string_append_printf(
				out, ", %" JSON_INTEGER_FORMAT " s left", json_integer_value(left));
	}
	double took = seconds_between(job, "started_at", "finished_at");
	if (took >= 0)
		g_string_append_printf(out, ", %.0f s", took);
	if (*text(job, "reason") != '\0')
		g_string_append_printf(out, ": %s", text(job, "reason"));
	return g_string_free(out, FALSE);
}

guint64 job_id(const json_t *job)
{
	return number(job, "id");
}

json_t *job_load(WebClient *client, guint64 id, GError **error)
{
	g_autofree char *path = g_strdup_printf("/v1/jobs/%" G_GUINT64_FORMAT, id);
	return web_client_request(client, "GET", path, NULL, error);
}
