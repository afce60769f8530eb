/* mailsift: the admin's command line. mailsift(1) is its manual. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

static void print_help(FILE *to)
{
	fputs("usage: mailsift [-c FILE] [--json] COMMAND ...\n\n", to);
	for (const CliCommand *command = cli_commands(); command->name != NULL; command++)
		fprintf(to, "  %-10s %s\n", command->name, command->summary);
	fputs("\n  -c, --config FILE   configuration file (default ", to);
	fputs(settings_default_path(), to);
	fputs(")\n      --json          answer in JSON\n  -h, --help          this, or with a command its "
	      "usage\n"
	      "  -V, --version\n\nmailsift(1) has it all.\n",
		to);
}

static const CliCommand *find_command(const char *name)
{
	for (const CliCommand *command = cli_commands(); command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static gboolean asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return TRUE;
	return FALSE;
}

/* --json may stand behind the command, too; it is taken out. */
static int take_json(Cli *cli, int argc, char **argv)
{
	int n = 0;
	gboolean options = TRUE;
	for (int i = 0; i < argc; i++) {
		options = options && strcmp(argv[i], "--") != 0;
		if (options && strcmp(argv[i], "--json") == 0)
			cli->json = TRUE;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	setlocale(LC_CTYPE, "");
	(void)umask(077); /* what is made is mail */
	Cli cli = { .config_path = settings_default_path() };
	int c;
	while ((c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1)
		switch (c) {
		case 'c':
			cli.config_path = optarg;
			break;
		case 'j':
			cli.json = TRUE;
			break;
		case 'h':
			print_help(stdout);
			return CLI_OK;
		case 'V':
			puts("mailsift " PACKAGE_VERSION);
			return CLI_OK;
		default:
			print_help(stderr);
			return CLI_USAGE;
		}
	if (optind == argc) {
		print_help(stderr);
		return CLI_USAGE;
	}
	const CliCommand *command = find_command(argv[optind]);
	if (command == NULL) {
		cli_complain("there is no command %s; mailsift --help lists them", argv[optind]);
		return CLI_USAGE;
	}
	argc -= optind;
	argv += optind;
	if (asks_for_help(argc, argv)) {
		printf("usage: mailsift %s\n\n%s\n", command->usage, command->summary);
		return CLI_OK;
	}
	argc = take_json(&cli, argc, argv);
	g_autoptr(GError) error = NULL;
	cli.settings = settings_load(cli.config_path, NULL, &error);
	if (cli.settings == NULL) {
		/* What the command wants to be told comes first. */
		if (command->needs_arguments && argc == 1)
			return (int)cli_usage(command->name, NULL);
		cli_complain("%s", error->message);
		return CLI_USAGE;
	}
	optind = 0; /* getopt starts anew */
	CliStatus status = command->run(&cli, argc, argv);
	g_clear_pointer(&cli.store, store_close);
	settings_free(cli.settings);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_complain("cannot write the answer");
		return CLI_FAILED;
	}
	return (int)status;
}
