/* mailsift text: the searchable text of a message, as the index has it or as it would have it. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "indexer/search-index.h"
#include "store/mailbox.h"

static gboolean find_email(Mailbox *mailbox, guint32 uid, guint32 *email_id_out, GError **error)
{
	g_autoptr(Snapshot) snapshot = mailbox_snapshot(mailbox, error);
	if (snapshot == NULL)
		return FALSE;
	guint32 position;
	if (!snapshot_find_uid(snapshot, uid, &position)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_EXPUNGED,
			"there is no message with UID %" G_GUINT32_FORMAT, uid);
		return FALSE;
	}
	guint row;
	const SnapshotChunk *chunk = snapshot_row(snapshot, position, &row);
	*email_id_out = chunk->email_id[row];
	return TRUE;
}

static void print_text(const Cli *cli, guint32 email_id, gboolean from_index, const MessageText *text)
{
	static const char *const names[MESSAGE_TEXT_N_SECTIONS] = { "header", "parts", "body" };
	if (cli->json) {
		json_t *object = json_object();
		json_object_set_new(object, "email", json_integer(email_id));
		json_object_set_new(object, "from_index", json_boolean(from_index));
		for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++)
			json_object_set_new(object, names[i],
				cli_text_json(text->section[i]->str, text->section[i]->len));
		cli_print_json(object);
		return;
	}
	printf("email %" G_GUINT32_FORMAT ", %s\n", email_id,
		from_index ? "as the index has it" : "not in the index");
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++) {
		printf("-- %s\n", names[i]);
		(void)fwrite(text->section[i]->str, 1, text->section[i]->len, stdout);
	}
}

CliStatus cmd_text(Cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage("text", NULL);
	if (argc - optind != 3)
		return cli_usage("text", "account, mailbox and UID are needed");
	guint64 uid;
	if (!g_ascii_string_to_unsigned(argv[optind + 2], 10, 1, G_MAXUINT32, &uid, NULL))
		return cli_usage("text", "%s is no UID", argv[optind + 2]);
	g_autoptr(GError) error = NULL;
	g_autoptr(Account) account = cli_account(cli, argv[optind], &error);
	g_autoptr(Mailbox) mailbox =
		account != NULL ? account_open_mailbox(account, argv[optind + 1], &error) : NULL;
	guint32 email_id;
	if (mailbox == NULL || !find_email(mailbox, (guint32)uid, &email_id, &error))
		return cli_fail(error);
	g_autoptr(SearchIndex) index = search_index_get(account);
	gboolean from_index;
	g_autoptr(MessageText) text = search_index_text(index, email_id, &from_index, &error);
	if (text == NULL)
		return cli_fail(error);
	print_text(cli, email_id, from_index, text);
	return CLI_OK;
}
