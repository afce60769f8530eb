/* mailsift reindex: has the running server rebuild the index of an account, of a mailbox, or of all
 * accounts, and waits for it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/job.h"

/* Between two looks at a job: short at first, since most are done soon. */
#define POLL_FIRST_US 50000
#define POLL_MAX_US 500000

typedef struct {
	gboolean quiet, no_wait, all;
	const char *account, *mailbox;
} Wanted;

typedef struct {
	WebClient *client;
	json_t *jobs;      /* array; each is replaced by its newest state */
	gboolean terminal; /* progress is shown */
	gsize shown;       /* columns of the progress line */
} Follow;

/* The jobs that the server has made of it: an array. NULL and @error. */
static json_t *ask(WebClient *client, const Wanted *wanted, GError **error)
{
	json_t *body = json_object();
	if (wanted->account != NULL)
		json_object_set_new(body, "account", cli_text_json(wanted->account, strlen(wanted->account)));
	if (wanted->mailbox != NULL)
		json_object_set_new(body, "mailbox", cli_text_json(wanted->mailbox, strlen(wanted->mailbox)));
	json_t *answer = web_client_request(client, "POST", "/v1/reindex", body, error);
	json_decref(body);
	if (answer == NULL)
		return NULL;
	json_t *jobs = json_object_get(answer, "jobs");
	json_t *array = jobs != NULL ? json_incref(jobs) : json_pack("[O]", answer);
	json_decref(answer);
	return array;
}

static void show(Follow *follow, const json_t *job, gsize at)
{
	if (!follow->terminal)
		return;
	g_autofree char *title = job_title(job), *progress = job_progress(job);
	gsize n = json_array_size(follow->jobs);
	g_autofree char *line = n > 1 ? g_strdup_printf("%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT " %s: %s",
						at + 1, n, title, progress)
				      : g_strdup_printf("%s: %s", title, progress);
	gsize columns = (gsize)g_utf8_strlen(line, -1);
	fprintf(stderr, "\r%s%*s", line, follow->shown > columns ? (int)(follow->shown - columns) : 0, "");
	follow->shown = columns;
}

static void clear_line(Follow *follow)
{
	if (follow->shown > 0)
		fprintf(stderr, "\r%*s\r", (int)follow->shown, "");
	follow->shown = 0;
}

static gboolean follow_job(Follow *follow, gsize at, GError **error)
{
	for (gulong pause_us = POLL_FIRST_US;; pause_us = MIN(pause_us * 2, POLL_MAX_US)) {
		const json_t *job = json_array_get(follow->jobs, at);
		if (job_is_over(job))
			return TRUE;
		show(follow, job, at);
		g_usleep(pause_us);
		json_t *newer = job_load(follow->client, job_id(job), error);
		if (newer == NULL)
			return FALSE;
		json_array_set_new(follow->jobs, at, newer);
	}
}

static CliStatus follow_all(Follow *follow, gboolean quiet)
{
	CliStatus status = CLI_OK;
	for (gsize i = 0; i < json_array_size(follow->jobs); i++) {
		g_autoptr(GError) error = NULL;
		gboolean ok = follow_job(follow, i, &error);
		clear_line(follow);
		if (!ok)
			return cli_fail(error);
		const json_t *job = json_array_get(follow->jobs, i);
		g_autofree char *title = job_title(job), *progress = job_progress(job);
		if (!job_is_success(job)) {
			cli_complain("%s: %s", title, progress);
			status = CLI_FAILED;
		} else if (!quiet) {
			printf("%s: %s\n", title, progress);
		}
	}
	return status;
}

static CliStatus reindex(const Cli *cli, const Wanted *wanted)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(WebClient) client = web_client_new(cli->settings, &error);
	json_t *jobs = client != NULL ? ask(client, wanted, &error) : NULL;
	if (jobs == NULL)
		return cli_fail(error);
	gboolean quiet = wanted->quiet || cli->json;
	Follow follow = { .client = client, .jobs = jobs, .terminal = !quiet && isatty(STDERR_FILENO) };
	CliStatus status = CLI_OK;
	if (!wanted->no_wait)
		status = follow_all(&follow, quiet);
	else
		for (gsize i = 0; !quiet && i < json_array_size(jobs); i++) {
			g_autofree char *title = job_title(json_array_get(jobs, i));
			printf("job %" G_GUINT64_FORMAT ": %s\n", job_id(json_array_get(jobs, i)), title);
		}
	if (cli->json)
		cli_print_json(json_incref(jobs));
	json_decref(jobs);
	return status;
}

CliStatus cmd_reindex(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "all", no_argument, NULL, 'A' },
		{ NULL, 0, NULL, 0 },
	};
	Wanted wanted = { 0 };
	for (int c; (c = getopt_long(argc, argv, "qA", options, NULL)) != -1;) {
		if (c == 'q')
			wanted.quiet = TRUE;
		else if (c == 'n')
			wanted.no_wait = TRUE;
		else if (c == 'A')
			wanted.all = TRUE;
		else
			return cli_usage("reindex", NULL);
	}
	int n = argc - optind;
	if (wanted.all ? n != 0 : n < 1 || n > 2)
		return cli_usage("reindex",
			wanted.all ? "-A means all accounts: no others can be named"
				   : "which account? -A for all");
	if (n > 0)
		wanted.account = argv[optind];
	if (n > 1)
		wanted.mailbox = argv[optind + 1];
	return reindex(cli, &wanted);
}
