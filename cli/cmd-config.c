/* mailsift config: the configuration as it counts, defaults included. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* { group: { key: value as in the file } } */
static json_t *config_json(const GString *text)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	gboolean ok = g_key_file_load_from_data(file, text->str, text->len, G_KEY_FILE_NONE, NULL);
	g_assert(ok); /* settings_describe() writes what settings_parse() reads */
	json_t *all = json_object();
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (guint i = 0; groups[i] != NULL; i++) {
		json_t *group = json_object();
		g_auto(GStrv) keys = g_key_file_get_keys(file, groups[i], NULL, NULL);
		for (guint k = 0; keys[k] != NULL; k++) {
			g_autofree char *value = g_key_file_get_string(file, groups[i], keys[k], NULL);
			json_object_set_new(group, keys[k], cli_text_json(value, strlen(value)));
		}
		json_object_set_new(all, groups[i], group);
	}
	return all;
}

CliStatus cmd_config(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 } };
	gboolean verbose = FALSE;
	for (int c; (c = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
		if (c != 'v')
			return cli_usage("config", NULL);
		verbose = TRUE;
	}
	if (optind != argc)
		return cli_usage("config", "config takes no arguments");
	g_autoptr(GString) text = g_string_new(NULL);
	settings_describe(cli->settings, verbose && !cli->json, text);
	if (cli->json)
		cli_print_json(config_json(text));
	else
		fputs(text->str, stdout);
	return CLI_OK;
}
