/* mailsift jobs: what the running server reindexes, has reindexed, and is to reindex. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/job.h"

static void print_job(const json_t *job)
{
	g_autofree char *title = job_title(job), *progress = job_progress(job);
	printf("%6" G_GUINT64_FORMAT "  %s: %s\n", job_id(job), title, progress);
}

static CliStatus list_jobs(const Cli *cli, WebClient *client)
{
	g_autoptr(GError) error = NULL;
	json_t *answer = web_client_request(client, "GET", "/v1/jobs", NULL, &error);
	if (answer == NULL)
		return cli_fail(error);
	json_t *jobs = json_object_get(answer, "jobs");
	if (cli->json)
		cli_print_json(json_incref(jobs));
	else
		for (gsize i = 0; i < json_array_size(jobs); i++)
			print_job(json_array_get(jobs, i));
	json_decref(answer);
	return CLI_OK;
}

static CliStatus show_job(const Cli *cli, WebClient *client, guint64 id)
{
	g_autoptr(GError) error = NULL;
	json_t *job = job_load(client, id, &error);
	if (job == NULL)
		return cli_fail(error);
	if (cli->json) {
		cli_print_json(job);
		return CLI_OK;
	}
	print_job(job);
	json_decref(job);
	return CLI_OK;
}

static CliStatus cancel_job(WebClient *client, guint64 id)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_strdup_printf("/v1/jobs/%" G_GUINT64_FORMAT, id);
	json_t *answer = web_client_request(client, "DELETE", path, NULL, &error);
	if (answer == NULL)
		return cli_fail(error);
	json_decref(answer);
	return CLI_OK;
}

CliStatus cmd_jobs(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage("jobs", NULL);
	int n = argc - optind;
	gboolean cancel = n > 0 && strcmp(argv[optind], "cancel") == 0;
	if (cancel ? n != 2 : n > 1)
		return cli_usage("jobs", cancel ? "which job?" : "one job, or none for all");
	guint64 id = 0;
	if (n > 0 && !g_ascii_string_to_unsigned(argv[argc - 1], 10, 1, G_MAXUINT64, &id, NULL))
		return cli_usage("jobs", "%s is no job's number", argv[argc - 1]);
	g_autoptr(GError) error = NULL;
	g_autoptr(WebClient) client = web_client_new(cli->settings, &error);
	if (client == NULL)
		return cli_fail(error);
	if (n == 0)
		return list_jobs(cli, client);
	return cancel ? cancel_job(client, id) : show_job(cli, client, id);
}
