/* mailsiftd: options; what it does is in daemon.c. mailsiftd(8) is its manual. */
#include "base/log.h"
#include "server/daemon.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

typedef struct {
	const char *config;
	GPtrArray *overrides; /* of const char *, ended by NULL */
	gboolean test;
} Options;

static void print_usage(FILE *out)
{
	(void)fprintf(out,
		"usage: mailsiftd [-t] [-c file] [-o group.key=value]...\n"
		"       mailsiftd -V | -h\n"
		"  -c, --config file             configuration [%s]\n"
		"  -o, --option group.key=value  a setting that counts instead of the file's\n"
		"  -t, --test                    check the configuration, and end\n"
		"  -V, --version                 print the version\n"
		"  -h, --help                    print this\n",
		settings_default_path());
}

/* FALSE: *status_out says how to end. */
static gboolean read_options(int argc, char **argv, Options *options, int *status_out)
{
	*status_out = EXIT_SUCCESS;
	static const struct option options_known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "option", required_argument, NULL, 'o' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "c:o:tVh", options_known, NULL)) != -1;) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'o':
			g_ptr_array_add(options->overrides, optarg);
			break;
		case 't':
			options->test = TRUE;
			break;
		case 'V':
			(void)printf("mailsiftd %s\n", PACKAGE_VERSION);
			return FALSE;
		case 'h':
			print_usage(stdout);
			return FALSE;
		default:
			print_usage(stderr);
			*status_out = 2;
			return FALSE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "mailsiftd: unexpected argument '%s'\n", argv[optind]);
		print_usage(stderr);
		*status_out = 2;
		return FALSE;
	}
	g_ptr_array_add(options->overrides, NULL);
	return TRUE;
}

static void set_log(const Settings *settings)
{
	LogLevel level = LOG_LEVEL_INFO;
	(void)log_level_parse(settings_string(settings, SETTING_LOG_LEVEL), &level);
	log_set_level(level);
	const char *style = settings_string(settings, SETTING_LOG_STYLE);
	log_set_style(g_str_equal(style, "journal")   ? LOG_STYLE_JOURNAL
			: g_str_equal(style, "plain") ? LOG_STYLE_PLAIN
						      : LOG_STYLE_AUTO);
}

/* A descriptor for each client, and some for each account. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warning("server.descriptors.failed");
}

static int serve(const Settings *settings, const Options *options)
{
	set_log(settings);
	raise_descriptors();
	(void)umask(077); /* mail is nobody else's */
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL);

	g_autoptr(GError) error = NULL;
	g_autoptr(Daemon) daemon = daemon_start(
		settings, options->config, (const char *const *)options->overrides->pdata, &error);
	if (daemon == NULL) {
		log_error("server.failed", LOG_GERROR("error", error));
		return EXIT_FAILURE;
	}
	daemon_run(daemon);
	g_clear_pointer(&daemon, daemon_stop);
	log_notice("server.stopped");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;
	g_autoptr(GPtrArray) overrides = g_ptr_array_new();
	Options options = { .config = settings_default_path(), .overrides = overrides };
	if (!read_options(argc, argv, &options, &status))
		return status;
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) settings =
		settings_load(options.config, (const char *const *)overrides->pdata, &error);
	if (settings == NULL) {
		(void)fprintf(stderr, "%s\n", error->message);
		return EXIT_FAILURE;
	}
	if (options.test && !daemon_check(settings, &error)) {
		(void)fprintf(stderr, "%s: %s\n", options.config, error->message);
		return EXIT_FAILURE;
	}
	if (options.test) {
		(void)printf("%s: the configuration is right\n", options.config);
		return EXIT_SUCCESS;
	}
	return serve(settings, &options);
}
