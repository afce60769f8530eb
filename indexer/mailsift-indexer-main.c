/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailsift-indexer(8): follows the accounts' feeds and writes their indexes. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "indexer/attempts.h"
#include "indexer/indexer-loop.h"
#include "indexer/ipc.h"

#define MEMORY_MIN (G_GUINT64_CONSTANT(32) * 1024 * 1024)
#define EXIT_USAGE 64

static gint stop; /* atomic */

static void on_stop_signal(int number)
{
	(void)number;
	g_atomic_int_set(&stop, 1);
}

static void install_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* The log's reader may reload mailsiftd; we live with it. */
	(void)sigaction(SIGHUP, &ignore, NULL);
	attempts_install_handlers();
}

/* The socket that mailsiftd left us, if it is one. */
static int find_ipc(void)
{
	int type;
	socklen_t len = sizeof type;
	if (getsockopt(IPC_INDEXER_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM)
		return -1;
	int flags = fcntl(IPC_INDEXER_FD, F_GETFL);
	if (flags < 0 || fcntl(IPC_INDEXER_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(IPC_INDEXER_FD, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	return IPC_INDEXER_FD;
}

typedef struct {
	char *config, *mail_root, *index_root, *memory, *account, *crash_on;
	char **overrides;
	gboolean once, version;
	gint64 pack_bytes, bulk_emails, roll_bytes;
} Arguments;

static gboolean parse_arguments(int argc, char **argv, Arguments *arguments, GError **error)
{
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &arguments->config, "Read this configuration file", "FILE" },
		{ "override", 'o', 0, G_OPTION_ARG_STRING_ARRAY, &arguments->overrides, "This setting counts instead of the file's",
			"GROUP.KEY=VALUE" },
		{ "mail-root", 0, 0, G_OPTION_ARG_FILENAME, &arguments->mail_root, "Where the accounts are", "DIR" },
		{ "index-root", 0, 0, G_OPTION_ARG_FILENAME, &arguments->index_root, "Where their indexes are", "DIR" },
		{ "memory", 0, 0, G_OPTION_ARG_STRING, &arguments->memory, "Hold about this much in memory (256M)", "SIZE" },
		{ "account", 0, 0, G_OPTION_ARG_STRING, &arguments->account, "Only this account", "NAME" },
		{ "once", 0, 0, G_OPTION_ARG_NONE, &arguments->once, "End when everything is indexed", NULL },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &arguments->version, "Print the version and end", NULL },
		{ "crash-on", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &arguments->crash_on, "For tests", "TEXT" },
		{ "pack-bytes", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &arguments->pack_bytes, "For tests", "BYTES" },
		{ "bulk-emails", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &arguments->bulk_emails, "For tests", "N" },
		{ "roll-bytes", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &arguments->roll_bytes, "For tests", "BYTES" },
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_option_context_set_summary(context, "Keeps the full-text indexes of mailsift up to date; see mailsift-indexer(8).");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return FALSE;
	if (argc > 1) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "what is \"%s\" for?", argv[1]);
		return FALSE;
	}
	return TRUE;
}

/* The file is needed only if the command line does not say where the mail is. */
static Settings *load_settings(const Arguments *arguments, GError **error)
{
	const char *const *overrides = (const char *const *)arguments->overrides;
	if (arguments->config == NULL && arguments->mail_root != NULL)
		return settings_parse("", 0, "command line", overrides, error);
	return settings_load(arguments->config == NULL ? settings_default_path() : arguments->config, overrides, error);
}

static void set_log(const Settings *settings)
{
	const char *style = settings_string(settings, SETTING_LOG_STYLE);
	LogLevel level;
	if (log_level_parse(settings_string(settings, SETTING_LOG_LEVEL), &level))
		log_set_level(level);
	log_set_style(strcmp(style, "journal") == 0 ? LOG_STYLE_JOURNAL :
		      strcmp(style, "plain") == 0   ? LOG_STYLE_PLAIN :
						      LOG_STYLE_AUTO);
}

static int run(const Arguments *arguments, const Settings *settings)
{
	g_autoptr(GError) error = NULL;
	guint64 memory = settings_bytes(settings, SETTING_INDEX_INDEXER_MEMORY);
	if (arguments->memory != NULL && !settings_parse_size(arguments->memory, &memory, &error)) {
		fprintf(stderr, "mailsift-indexer: --memory: %s\n", error->message);
		return EXIT_USAGE;
	}
	StoreOptions store_options = {
		.mail_root = arguments->mail_root != NULL ? arguments->mail_root : settings_string(settings, SETTING_STORE_MAIL_ROOT),
	};
	store_options.index_root = arguments->index_root != NULL ? arguments->index_root :
				   arguments->mail_root != NULL  ? arguments->mail_root :
								   settings_string(settings, SETTING_STORE_INDEX_ROOT);
	g_autoptr(Store) store = store_open(&store_options, &error);
	if (store == NULL) {
		log_error("indexer.failed", LOG_GERROR("error", error));
		return EXIT_FAILURE;
	}
	if (arguments->account != NULL && !store_account_name_ok(arguments->account)) {
		fprintf(stderr, "mailsift-indexer: --account: not a name of an account\n");
		return EXIT_USAGE;
	}
	IndexerLoopOptions options = {
		.store = store,
		.mail_root = store_options.mail_root,
		.indexing = {
			/* A test wants several parts of few emails. */
			.memory_bytes = arguments->bulk_emails > 0 ? memory : MAX(memory, MEMORY_MIN),
			.bulk_emails = (guint)CLAMP(arguments->bulk_emails, 0, G_MAXINT32),
			.roll_bytes = (guint64)MAX(arguments->roll_bytes, 0),
			.commit_us = settings_ms(settings, SETTING_INDEX_COMMIT_INTERVAL) * 1000,
			.crash_on = arguments->crash_on,
			.packing = text_packing_from_name(settings_string(settings, SETTING_INDEX_COMPRESS)),
			.pack_bytes = (guint64)MAX(arguments->pack_bytes, 0),
		},
		.ipc_fd = arguments->once ? -1 : find_ipc(),
		.once = arguments->once,
		.account = arguments->account,
		.stop = &stop,
	};
	log_info("indexer.started", LOG_INT("pid", getpid()), LOG_STR("version", PACKAGE_VERSION));
	gboolean ok = indexer_loop_run(&options);
	log_info("indexer.stopped", LOG_INT("pid", getpid()));
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void arguments_clear(Arguments *arguments)
{
	g_free(arguments->config);
	g_free(arguments->mail_root);
	g_free(arguments->index_root);
	g_free(arguments->memory);
	g_free(arguments->account);
	g_free(arguments->crash_on);
	g_strfreev(arguments->overrides);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

int main(int argc, char **argv)
{
	g_auto(Arguments) arguments = { 0 };
	g_autoptr(GError) error = NULL;
	/* After so many emails Xapian moves what it holds from its search trees in memory to the database's (no commit: those are ours, index-writer.c): the
	 * larger they are the longer each posting takes (indexer/README). Read when a database is opened. */
	(void)g_setenv("XAPIAN_FLUSH_THRESHOLD", "150", TRUE);
	g_set_prgname("mailsift-indexer");
	if (!parse_arguments(argc, argv, &arguments, &error)) {
		fprintf(stderr, "mailsift-indexer: %s\n", error->message);
		return EXIT_USAGE;
	}
	if (arguments.version) {
		printf("mailsift-indexer " PACKAGE_VERSION "\n");
		return EXIT_SUCCESS;
	}
	g_autoptr(Settings) settings = load_settings(&arguments, &error);
	if (settings == NULL) {
		fprintf(stderr, "mailsift-indexer: %s\n", error->message);
		return EXIT_USAGE;
	}
	set_log(settings);
	install_signals();
	return run(&arguments, settings);
}
