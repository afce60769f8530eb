/* mailsift check: compares the index of accounts with their mail. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/index-check.h"

/* Whether the index has what it should have. What it has not reached yet is on its way, unless there is no
 * index at all. */
static gboolean is_right(const IndexCheck *check)
{
	return (check->present || check->emails == 0) && email_set_is_empty(check->missing) &&
		email_set_is_empty(check->surplus) && check->failed->len == 0;
}

/* "INBOX 4, Archive 17" */
static char *places_text(GHashTable *places, guint32 id)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const GPtrArray *list = g_hash_table_lookup(places, GUINT_TO_POINTER(id));
	for (guint i = 0; list != NULL && i < list->len; i++) {
		const CheckPlace *place = list->pdata[i];
		g_string_append_printf(
			out, "%s%s %" G_GUINT32_FORMAT, i > 0 ? ", " : "", place->mailbox, place->uid);
	}
	return g_strdup(out->len > 0 ? out->str : "no message");
}

static void print_check(const char *name, const IndexCheck *check, GHashTable *places, gboolean quiet)
{
	if (!quiet || !is_right(check))
		printf("%s: %" G_GUINT64_FORMAT " emails, %" G_GUINT32_FORMAT " indexed, %" G_GUINT32_FORMAT
		       " not reached yet, %u failed, %" G_GUINT32_FORMAT " missing, %" G_GUINT32_FORMAT
		       " surplus\n",
			name, check->emails, email_set_count(check->indexed), email_set_count(check->lag),
			check->failed->len, email_set_count(check->missing), email_set_count(check->surplus));
	if (!check->present && check->emails > 0)
		printf("%s: no index: %s\n", name, check->why);
	for (guint i = 0; i < check->failed->len; i++) {
		const CheckFailure *failure = check->failed->pdata[i];
		g_autofree char *where = places_text(places, failure->email_id);
		printf("%s: failed: email %" G_GUINT32_FORMAT " (%s): %s\n", name, failure->email_id, where,
			failure->reason);
	}
	for (guint32 id = 0; email_set_next(check->missing, id, &id); id++) {
		g_autofree char *where = places_text(places, id);
		printf("%s: missing: email %" G_GUINT32_FORMAT " (%s)\n", name, id, where);
	}
	for (guint32 id = 0; email_set_next(check->surplus, id, &id); id++)
		printf("%s: surplus: email %" G_GUINT32_FORMAT "\n", name, id);
}

static json_t *places_json(GHashTable *places, guint32 id)
{
	json_t *array = json_array();
	const GPtrArray *list = g_hash_table_lookup(places, GUINT_TO_POINTER(id));
	for (guint i = 0; list != NULL && i < list->len; i++) {
		const CheckPlace *place = list->pdata[i];
		json_t *object = json_object();
		json_object_set_new(object, "mailbox", cli_text_json(place->mailbox, strlen(place->mailbox)));
		json_object_set_new(object, "uid", json_integer(place->uid));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *check_json(const char *name, const IndexCheck *check, GHashTable *places)
{
	json_t *failed = json_array(), *missing = json_array(), *surplus = json_array();
	for (guint i = 0; i < check->failed->len; i++) {
		const CheckFailure *failure = check->failed->pdata[i];
		json_t *object = json_object();
		json_object_set_new(object, "email", json_integer(failure->email_id));
		json_object_set_new(
			object, "reason", cli_text_json(failure->reason, strlen(failure->reason)));
		json_object_set_new(object, "messages", places_json(places, failure->email_id));
		json_array_append_new(failed, object);
	}
	for (guint32 id = 0; email_set_next(check->missing, id, &id); id++) {
		json_t *object = json_object();
		json_object_set_new(object, "email", json_integer(id));
		json_object_set_new(object, "messages", places_json(places, id));
		json_array_append_new(missing, object);
	}
	for (guint32 id = 0; email_set_next(check->surplus, id, &id); id++)
		json_array_append_new(surplus, json_integer(id));
	json_t *object = json_object();
	json_object_set_new(object, "account", cli_text_json(name, strlen(name)));
	json_object_set_new(object, "right", json_boolean(is_right(check)));
	json_object_set_new(object, "index_present", json_boolean(check->present));
	json_object_set_new(object, "why",
		check->why != NULL ? cli_text_json(check->why, strlen(check->why)) : json_null());
	json_object_set_new(object, "watermark", json_integer(check->watermark));
	json_object_set_new(object, "emails", json_integer((json_int_t)check->emails));
	json_object_set_new(object, "documents", json_integer((json_int_t)check->documents));
	json_object_set_new(object, "dead", json_integer((json_int_t)check->dead));
	json_object_set_new(object, "indexed", json_integer(email_set_count(check->indexed)));
	json_object_set_new(object, "lag", json_integer(email_set_count(check->lag)));
	json_object_set_new(object, "failed", failed);
	json_object_set_new(object, "missing", missing);
	json_object_set_new(object, "surplus", surplus);
	return object;
}

/* Prints the result, or adds it to @all. */
static CliStatus check_account(Cli *cli, const char *name, gboolean quiet, json_t *all)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Account) account = cli_account(cli, name, &error);
	g_autoptr(IndexCheck) check = account != NULL ? index_check(account, &error) : NULL;
	if (check == NULL)
		return cli_fail(error);
	g_autoptr(EmailSet) shown = email_set_copy(check->missing);
	for (guint i = 0; i < check->failed->len; i++)
		email_set_add(shown, ((const CheckFailure *)check->failed->pdata[i])->email_id);
	g_autoptr(GHashTable) places = index_check_places(account, shown, &error);
	if (places == NULL)
		return cli_fail(error);
	if (cli->json)
		json_array_append_new(all, check_json(name, check, places));
	else
		print_check(name, check, places, quiet);
	return is_right(check) ? CLI_OK : CLI_FAILED;
}

CliStatus cmd_check(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		{ "all", no_argument, NULL, 'A' },
		{ NULL, 0, NULL, 0 },
	};
	gboolean quiet = FALSE, every = FALSE;
	for (int c; (c = getopt_long(argc, argv, "qA", options, NULL)) != -1;) {
		if (c == 'q')
			quiet = TRUE;
		else if (c == 'A')
			every = TRUE;
		else
			return cli_usage("check", NULL);
	}
	if (every == (optind < argc))
		return cli_usage("check",
			every ? "-A means all accounts: no others can be named"
			      : "which account? -A for all");
	g_autoptr(GError) error = NULL;
	Store *store = cli_store(cli, &error);
	g_autoptr(GPtrArray) names = NULL;
	if (store != NULL && every)
		names = store_list_accounts(store, &error);
	if (store == NULL || (every && names == NULL))
		return cli_fail(error);
	json_t *all = json_array();
	CliStatus status = CLI_OK;
	guint n = every ? names->len : (guint)(argc - optind);
	for (guint i = 0; i < n; i++) {
		CliStatus one =
			check_account(cli, every ? names->pdata[i] : argv[optind + (int)i], quiet, all);
		status = MAX(status, one);
	}
	if (cli->json)
		cli_print_json(json_incref(all));
	json_decref(all);
	return status;
}
