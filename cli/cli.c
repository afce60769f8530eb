#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/become.h"
#include "base/limits.h"
#include "cli/web-client.h"

static const CliCommand commands[] = {
	{ "user", cmd_user,
		"user add|passwd NAME [--password-stdin] | user delete NAME [--with-mail] | user list",
		"people who may log in, and their passwords", TRUE },
	{ "account", cmd_account, "account list | account create NAME | account delete NAME --yes",
		"mail of a user on disk", TRUE },
	{ "import", cmd_import, "import [-q] ACCOUNT MAILBOX PATH...",
		"put messages into a mailbox: files, folders, Maildirs, mbox files", TRUE },
	{ "text", cmd_text, "text ACCOUNT MAILBOX UID", "what SEARCH sees of a message", TRUE },
	{ "check", cmd_check, "check [-q] ACCOUNT... | check [-q] -A", "compare the index with the mail", TRUE },
	{ "reindex", cmd_reindex, "reindex [-q] [--no-wait] ACCOUNT [MAILBOX] | reindex [-q] [--no-wait] -A",
		"have the running server rebuild an index", TRUE },
	{ "jobs", cmd_jobs, "jobs [ID] | jobs cancel ID", "what the running server reindexes", FALSE },
	{ "stats", cmd_stats, "stats [ACCOUNT]", "what the running server and its index amount to", FALSE },
	{ "config", cmd_config, "config [-v]", "the configuration as it counts", FALSE },
	{ NULL, NULL, NULL, NULL, FALSE },
};

const CliCommand *cli_commands(void)
{
	return commands;
}

void cli_complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	/* All that is wrong with a configuration is one error of several lines. */
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (gsize i = 0; lines[i] != NULL; i++)
		if (i == 0 || *lines[i] != '\0')
			fprintf(stderr, "mailsift: %s\n", lines[i]);
}

CliStatus cli_fail(const GError *error)
{
	cli_complain("%s", error->message);
	static const struct {
		int code;
		CliStatus status;
	} store[] = {
		{ STORE_ERROR_NO_ACCOUNT, CLI_NOT_FOUND }, { STORE_ERROR_NO_MAILBOX, CLI_NOT_FOUND },
		{ STORE_ERROR_EXPUNGED, CLI_NOT_FOUND },   { STORE_ERROR_BAD_NAME, CLI_USAGE },
	}, web[] = {
		{ WEB_CLIENT_ERROR_UNREACHABLE, CLI_UNREACHABLE },
		{ WEB_CLIENT_ERROR_PROTOCOL, CLI_UNREACHABLE },
		{ WEB_CLIENT_ERROR_NOT_FOUND, CLI_NOT_FOUND },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(store); i++)
		if (g_error_matches(error, STORE_ERROR, store[i].code))
			return store[i].status;
	for (gsize i = 0; i < G_N_ELEMENTS(web); i++)
		if (g_error_matches(error, WEB_CLIENT_ERROR, web[i].code))
			return web[i].status;
	return CLI_FAILED;
}

CliStatus cli_usage(const char *name, const char *format, ...)
{
	if (format != NULL) {
		va_list args;
		va_start(args, format);
		g_autofree char *text = g_strdup_vprintf(format, args);
		va_end(args);
		cli_complain("%s", text);
	}
	for (const CliCommand *command = commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			fprintf(stderr, "usage: mailsift %s\n", command->usage);
	return CLI_USAGE;
}

void cli_print_json(json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
	json_decref(value);
	g_assert(text != NULL); /* all strings were made valid UTF-8 */
	puts(text);
	free(text);
}

json_t *cli_text_json(const char *text, gsize len)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)len);
	return json_string(valid);
}

CliStatus cli_print_names(const Cli *cli, const GPtrArray *names)
{
	if (cli->json) {
		json_t *array = json_array();
		for (guint i = 0; i < names->len; i++)
			json_array_append_new(array, cli_text_json(names->pdata[i], strlen(names->pdata[i])));
		cli_print_json(array);
		return CLI_OK;
	}
	for (guint i = 0; i < names->len; i++)
		puts(names->pdata[i]);
	return CLI_OK;
}

static gboolean make_folder(const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0700) == 0)
		return TRUE;
	int code = errno;
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(code), "%s: %s", path, g_strerror(code));
	return FALSE;
}

Store *cli_store(Cli *cli, GError **error)
{
	/* What we make in the store must be the server's. */
	if (cli->store == NULL && become(settings_string(cli->settings, SETTING_SERVER_USER), error)) {
		StoreOptions options = {
			.mail_root = settings_string(cli->settings, SETTING_STORE_MAIL_ROOT),
			.index_root = settings_string(cli->settings, SETTING_STORE_INDEX_ROOT),
		};
		/* As the server does at its first start, so that neither has to be first. */
		if (make_folder(options.mail_root, error) && make_folder(options.index_root, error))
			cli->store = store_open(&options, error);
	}
	return cli->store;
}

Account *cli_account(Cli *cli, const char *name, GError **error)
{
	Store *store = cli_store(cli, error);
	return store != NULL ? store_get_account(store, name, error) : NULL;
}

/* -- passwords ------------------------------------------------------------------------------------------- */

void cli_wipe(char *password)
{
	if (password == NULL)
		return;
	explicit_bzero(password, strlen(password));
	g_free(password);
}

/* One line without its end. The buffer has the size of the limit from the start, so that no copy is left
 * behind by growing. */
static char *read_line(FILE *from)
{
	char *line = g_malloc(LIMIT_PASSWORD + 3);
	if (fgets(line, LIMIT_PASSWORD + 3, from) == NULL)
		*line = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static char *ask(FILE *terminal, const char *prompt)
{
	struct termios before, silent;
	gboolean is_terminal = tcgetattr(fileno(terminal), &before) == 0;
	if (is_terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
	}
	fputs(prompt, stderr);
	char *line = read_line(terminal);
	fputc('\n', stderr);
	if (is_terminal)
		(void)tcsetattr(fileno(terminal), TCSAFLUSH, &before);
	return line;
}

static char *ask_twice(void)
{
	FILE *terminal = fopen("/dev/tty", "re");
	if (terminal == NULL) {
		cli_complain("no terminal to ask for the password; give it by --password-stdin");
		return NULL;
	}
	char *password = ask(terminal, "New password: ");
	char *again = ask(terminal, "Once more: ");
	(void)fclose(terminal);
	gboolean same = strcmp(password, again) == 0;
	cli_wipe(again);
	if (!same) {
		cli_complain("the two passwords differ");
		cli_wipe(password);
		return NULL;
	}
	return password;
}

char *cli_read_password(gboolean from_stdin)
{
	char *password = from_stdin ? read_line(stdin) : ask_twice();
	if (password == NULL)
		return NULL;
	if (*password == '\0')
		cli_complain("the password is empty");
	else if (strlen(password) > LIMIT_PASSWORD)
		cli_complain("the password is longer than %d bytes", LIMIT_PASSWORD);
	else
		return password;
	cli_wipe(password);
	return NULL;
}
