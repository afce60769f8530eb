/* mailsift account: the mail of users on disk. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

CliStatus cmd_account(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "yes", no_argument, NULL, 'y' }, { NULL, 0, NULL, 0 } };
	gboolean yes = FALSE;
	for (int c; (c = getopt_long(argc, argv, "y", options, NULL)) != -1;) {
		if (c != 'y')
			return cli_usage("account", NULL);
		yes = TRUE;
	}
	const char *what = optind < argc ? argv[optind] : "",
		   *name = optind + 1 < argc ? argv[optind + 1] : NULL;
	gboolean list = strcmp(what, "list") == 0, create = strcmp(what, "create") == 0,
		 delete = strcmp(what, "delete") == 0;
	if (!list && !create && !delete)
		return cli_usage("account",
			*what != '\0' ? "account %s: no such command" : "%slist, create or delete?", what);
	if (argc - optind - 1 != (list ? 0 : 1))
		return cli_usage("account", list ? "account list takes no name" : "which account?");
	if (delete &&!yes) {
		cli_complain("account delete removes all mail of %s; say --yes if that is meant", name);
		return CLI_USAGE;
	}
	g_autoptr(GError) error = NULL;
	Store *store = cli_store(cli, &error);
	if (store == NULL)
		return cli_fail(error);
	if (list) {
		g_autoptr(GPtrArray) names = store_list_accounts(store, &error);
		return names != NULL ? cli_print_names(cli, names) : cli_fail(error);
	}
	gboolean ok = create ? store_create_account(store, name, &error)
			     : store_delete_account(store, name, &error);
	return ok ? CLI_OK : cli_fail(error);
}
