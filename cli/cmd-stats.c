/* mailsift stats: what the running server and its index amount to. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/web-client.h"

/* One line for each number and text, "name.of.it  value", so that it reads well and cuts well. */
static void print_value(const char *name, json_t *value)
{
	if (json_is_object(value)) {
		const char *key;
		json_t *member;
		json_object_foreach(value, key, member)
		{
			g_autofree char *below =
				*name != '\0' ? g_strdup_printf("%s.%s", name, key) : g_strdup(key);
			print_value(below, member);
		}
	} else if (json_is_array(value)) {
		for (gsize i = 0; i < json_array_size(value); i++) {
			g_autofree char *below = g_strdup_printf("%s.%" G_GSIZE_FORMAT, name, i + 1);
			print_value(below, json_array_get(value, i));
		}
	} else if (json_is_string(value)) {
		printf("%-28s %s\n", name, json_string_value(value));
	} else {
		char *text = json_dumps(value, JSON_ENCODE_ANY);
		printf("%-28s %s\n", name, json_is_null(value) ? "-" : text);
		free(text);
	}
}

CliStatus cmd_stats(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage("stats", NULL);
	if (argc - optind > 1)
		return cli_usage("stats", "stats takes one account, or none for the whole site");
	g_autoptr(GError) error = NULL;
	g_autoptr(WebClient) client = web_client_new(cli->settings, &error);
	g_autofree char *path =
		optind < argc ? web_client_path("/v1/accounts/", argv[optind]) : g_strdup("/v1/stats");
	json_t *stats = client != NULL ? web_client_request(client, "GET", path, NULL, &error) : NULL;
	if (stats == NULL)
		return cli_fail(error);
	if (cli->json) {
		cli_print_json(stats);
		return CLI_OK;
	}
	print_value("", stats);
	json_decref(stats);
	return CLI_OK;
}
