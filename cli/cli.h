/* What the subcommands of mailsift share. One thread; errors are printed here, once, and become the exit
 * status. */
#pragma once
#include <jansson.h>

#include "base/settings.h"
#include "store/store.h"
G_BEGIN_DECLS

/* Exit statuses; mailsift(1) documents them. */
typedef enum {
	CLI_OK = 0,
	CLI_FAILED = 1,      /* the thing asked for was not done, or not wholly */
	CLI_USAGE = 2,       /* wrong arguments, or a bad configuration file */
	CLI_NOT_FOUND = 3,   /* no such user, account, mailbox, message or job */
	CLI_UNREACHABLE = 4, /* mailsiftd does not answer */
} CliStatus;

typedef struct {
	const char *config_path; /* borrowed */
	Settings *settings;      /* owned */
	gboolean json;           /* --json: answers as JSON */
	Store *store;            /* opened by cli_store(); owned */
} Cli;

typedef struct {
	const char *name;
	CliStatus (*run)(Cli *cli, int argc, char **argv); /* argv[0] is the command's name */
	const char *usage;                                 /* what follows "mailsift ", without line end */
	const char *summary;                               /* one line */
	gboolean needs_arguments;                          /* alone it says nothing */
} CliCommand;
/* The table, ended by a NULL name. */
const CliCommand *cli_commands(void);

/* "mailsift: ..." on stderr, each line of it. */
void cli_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Prints "mailsift: " and @error, and says which exit status it means. */
CliStatus cli_fail(const GError *error);
/* Prints the usage of the command @name to stderr, after the complaint @format (which may be NULL). Returns
 * CLI_USAGE. */
CliStatus cli_usage(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Prints names (of char*), one a line, or as a JSON array. Returns CLI_OK. */
CliStatus cli_print_names(const Cli *cli, const GPtrArray *names);

/* Prints @value, taken over, as JSON. */
void cli_print_json(json_t *value);
/* A JSON string of any @len octets without NUL, made valid UTF-8. */
json_t *cli_text_json(const char *text, gsize len);

/* The site's store, opened at the first call; from then on root is the user that the server runs as. NULL
 * and @error. */
Store *cli_store(Cli *cli, GError **error);
Account *cli_account(Cli *cli, const char *name, GError **error);

/* Reads a password from stdin's first line, or twice from the terminal without echo. The caller wipes it by
 * cli_wipe(). NULL and a complaint when there is none, it is empty, too long, or the two differ. */
char *cli_read_password(gboolean from_stdin);
void cli_wipe(char *password);

CliStatus cmd_user(Cli *cli, int argc, char **argv);
CliStatus cmd_account(Cli *cli, int argc, char **argv);
CliStatus cmd_import(Cli *cli, int argc, char **argv);
CliStatus cmd_text(Cli *cli, int argc, char **argv);
CliStatus cmd_check(Cli *cli, int argc, char **argv);
CliStatus cmd_reindex(Cli *cli, int argc, char **argv);
CliStatus cmd_jobs(Cli *cli, int argc, char **argv);
CliStatus cmd_stats(Cli *cli, int argc, char **argv);
CliStatus cmd_config(Cli *cli, int argc, char **argv);

G_END_DECLS
