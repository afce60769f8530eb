#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"

static const CliCommand commands[] = {
	{ "user", cmd_user, "user add|passwd NAME [--password-stdin] | user delete NAME [--with-mail] | user list",
		"people who may log in, and their passwords" },
	{ "account", cmd_account, "account list | account create|delete NAME [--yes]", "mail of a user on disk" },
	{ "import", cmd_import, "import [-q] ACCOUNT MAILBOX PATH...",
		"put messages into a mailbox: files, folders, Maildirs, mbox files" },
	{ "text", cmd_text, "text ACCOUNT MAILBOX UID", "what SEARCH sees of a message" },
	{ "config", cmd_config, "config [-v]", "the configuration as it counts" },
	{ NULL, NULL, NULL, NULL },
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
	fprintf(stderr, "mailsift: %s\n", text);
}

CliStatus cli_fail(const GError *error)
{
	cli_complain("%s", error->message);
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT) ||
	    g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX) ||
	    g_error_matches(error, STORE_ERROR, STORE_ERROR_EXPUNGED))
		return CLI_NOT_FOUND;
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

CliStatus cli_print_names(const Cli *cli, const GPtrArray *names)
{
	if (cli->json) {
		json_t *array = json_array();
		for (guint i = 0; i < names->len; i++)
			json_array_append_new(array, json_string(names->pdata[i]));
		char *text = json_dumps(array, 0);
		puts(text);
		free(text);
		json_decref(array);
		return CLI_OK;
	}
	for (guint i = 0; i < names->len; i++)
		puts(names->pdata[i]);
	return CLI_OK;
}

Store *cli_store(Cli *cli, GError **error)
{
	if (cli->store == NULL) {
		StoreOptions options = {
			.mail_root = settings_string(cli->settings, SETTING_STORE_MAIL_ROOT),
			.index_root = settings_string(cli->settings, SETTING_STORE_INDEX_ROOT),
		};
		cli->store = store_open(&options, error);
	}
	return cli->store;
}

Account *cli_account(Cli *cli, const char *name, GError **error)
{
	Store *store = cli_store(cli, error);
	return store != NULL ? store_get_account(store, name, error) : NULL;
}

/* -- passwords ---------------------------------------------------------------------------------------------- */

void cli_wipe(char *password)
{
	if (password == NULL)
		return;
	explicit_bzero(password, strlen(password));
	g_free(password);
}

/* One line without its end. The buffer has the size of the limit from the start, so that no copy is left behind by growing. */
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
