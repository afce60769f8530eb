/* mailsift config: the configuration as it counts, defaults included. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

CliStatus cmd_config(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "verbose", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	gboolean verbose = FALSE;
	for (int c; (c = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
		if (c != 'v')
			return cli_usage("config", NULL);
		verbose = TRUE;
	}
	if (optind != argc)
		return cli_usage("config", "config takes no arguments");
	g_autoptr(GString) text = g_string_new(NULL);
	settings_describe(cli->settings, verbose, text);
	fputs(text->str, stdout);
	return CLI_OK;
}
