/* mailsift import: puts messages into a mailbox. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/message-source.h"

/* Messages in one transaction: the cost of a commit is shared, and what is lost by Ctrl-C is little. */
#define IMPORT_BATCH 100

typedef struct {
	Account *account;
	Mailbox *mailbox;
	GArray *batch;       /* of AppendMessage */
	guint64 limit_bytes; /* [limits] append_limit */
	guint64 done, skipped;
	gboolean progress;
} Import;

static gboolean import_flush(Import *import, GError **error)
{
	if (import->batch->len == 0)
		return TRUE;
	guint32 uidvalidity;
	g_autoptr(UidSet) uids = NULL;
	guint n = import->batch->len;
	gboolean ok = mailbox_append(
		import->mailbox, (AppendMessage *)(void *)import->batch->data, n, &uidvalidity, &uids, error);
	g_array_set_size(import->batch, 0); /* the spools are taken over in every case */
	if (!ok)
		return FALSE;
	import->done += n;
	if (import->progress)
		fprintf(stderr, "\r%" G_GUINT64_FORMAT " messages", import->done);
	return TRUE;
}

static gboolean import_one(const SourceMessage *message, gpointer data, GError **error)
{
	Import *import = data;
	if (message->len == 0 || message->len > import->limit_bytes) {
		cli_complain("%s: %s, left out", message->path,
			message->len == 0 ? "empty" : "larger than [limits] append_limit");
		import->skipped++;
		return TRUE;
	}
	Spool *spool = spool_new(import->account, error);
	if (spool == NULL)
		return FALSE;
	if (!spool_write(spool, message->data, message->len, error)) {
		spool_free(spool);
		return FALSE;
	}
	AppendMessage append = {
		.spool = spool,
		.flags = message->flags,
		.internal_at = message->received_at,
		.internal_zone = message->zone,
		.has_date = TRUE,
	};
	g_array_append_val(import->batch, append);
	return import->batch->len < IMPORT_BATCH || import_flush(import, error);
}

static Mailbox *open_or_create(Account *account, const char *name, GError **error)
{
	GError *missing = NULL;
	Mailbox *mailbox = account_open_mailbox(account, name, &missing);
	if (mailbox != NULL)
		return mailbox;
	if (!g_error_matches(missing, STORE_ERROR, STORE_ERROR_NO_MAILBOX)) {
		g_propagate_error(error, missing);
		return NULL;
	}
	g_error_free(missing);
	if (!account_create_mailbox(account, name, NULL, error))
		return NULL;
	return account_open_mailbox(account, name, error);
}

static gboolean import_paths(Import *import, char **paths, GError **error)
{
	for (; *paths != NULL; paths++)
		if (!source_walk(*paths, import_one, import, error))
			return FALSE;
	return import_flush(import, error);
}

CliStatus cmd_import(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "quiet", no_argument, NULL, 'q' }, { NULL, 0, NULL, 0 } };
	gboolean quiet = FALSE;
	for (int c; (c = getopt_long(argc, argv, "q", options, NULL)) != -1;) {
		if (c != 'q')
			return cli_usage("import", NULL);
		quiet = TRUE;
	}
	if (argc - optind < 3)
		return cli_usage("import", "account, mailbox and at least one path are needed");
	g_autoptr(GError) error = NULL;
	g_autoptr(Account) account = cli_account(cli, argv[optind], &error);
	if (account == NULL)
		return cli_fail(error);
	g_autoptr(Mailbox) mailbox = open_or_create(account, argv[optind + 1], &error);
	if (mailbox == NULL)
		return cli_fail(error);
	Import import = {
		.account = account,
		.mailbox = mailbox,
		.batch = g_array_new(FALSE, FALSE, sizeof(AppendMessage)),
		.limit_bytes = settings_bytes(cli->settings, SETTING_LIMITS_APPEND_LIMIT),
		.progress = !quiet && !cli->json && isatty(STDERR_FILENO),
	};
	gboolean ok = import_paths(&import, argv + optind + 2, &error);
	/* What was read before an error is kept: the count says how far it came. */
	g_autoptr(GError) flush_error = NULL;
	if (!ok)
		(void)import_flush(&import, &flush_error);
	g_array_unref(import.batch);
	if (import.progress)
		fputc('\n', stderr);
	if (cli->json)
		printf("{\"imported\": %" G_GUINT64_FORMAT ", \"skipped\": %" G_GUINT64_FORMAT "}\n",
			import.done, import.skipped);
	else if (!quiet)
		printf("%" G_GUINT64_FORMAT " messages imported, %" G_GUINT64_FORMAT " left out\n",
			import.done, import.skipped);
	if (!ok)
		return cli_fail(error);
	return import.skipped == 0 ? CLI_OK : CLI_FAILED;
}
