/* mailsift user: people who may log in. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "store/passwd-file.h"

static CliStatus user_fail(const GError *error)
{
	cli_complain("%s", error->message);
	return g_error_matches(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_NO_USER)     ? CLI_NOT_FOUND
		: g_error_matches(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_NAME) ? CLI_USAGE
											: CLI_FAILED;
}

/* The server, which runs as another user, must be able to read a file that root has made. */
static gboolean let_server_read(const Cli *cli, const char *path)
{
	const char *user = settings_string(cli->settings, SETTING_SERVER_USER);
	if (*user == '\0' || geteuid() != 0)
		return TRUE;
	errno = 0;
	const struct passwd *entry = getpwnam(user);
	if (entry != NULL && chown(path, 0, entry->pw_gid) == 0 && chmod(path, 0640) == 0)
		return TRUE;
	int code = errno != 0 ? errno : ENOENT;
	cli_complain("%s: cannot be made readable for %s: %s", path, user, g_strerror(code));
	return FALSE;
}

/* The mail is made with the user, so that it can be imported into at once. An account that is there already
 * is kept. */
static CliStatus create_account(Cli *cli, const char *name)
{
	g_autoptr(GError) error = NULL;
	Store *store = cli_store(cli, &error);
	if (store == NULL ||
		(!store_create_account(store, name, &error) &&
			!g_error_matches(error, STORE_ERROR, STORE_ERROR_EXISTS)))
		return cli_fail(error);
	return CLI_OK;
}

static CliStatus user_add_or_passwd(
	Cli *cli, PasswdFile *file, const char *name, gboolean add, gboolean from_stdin)
{
	g_autoptr(GError) error = NULL;
	/* Before the password is asked for. */
	gboolean has = passwd_file_has(file, name, &error);
	if (error != NULL)
		return user_fail(error);
	if (has == add) {
		cli_complain(add ? "user %s exists; mailsift user passwd changes the password"
				 : "there is no user %s",
			name);
		return add ? CLI_FAILED : CLI_NOT_FOUND;
	}
	if (!store_account_name_ok(name) || strchr(name, ':') != NULL)
		return cli_usage("user",
			"%s: a name has no slash, colon or control characters, and does not begin with a dot",
			name);
	char *password = cli_read_password(from_stdin);
	if (password == NULL)
		return CLI_FAILED;
	const char *path = settings_string(cli->settings, SETTING_AUTH_PASSWD_FILE);
	gboolean is_new = access(path, F_OK) != 0;
	gboolean ok = (add ? passwd_file_add : passwd_file_set)(file, name, password, &error);
	cli_wipe(password);
	if (!ok)
		return user_fail(error);
	if (is_new && !let_server_read(cli, path))
		return CLI_FAILED;
	return add ? create_account(cli, name) : CLI_OK;
}

static CliStatus user_delete(Cli *cli, PasswdFile *file, const char *name, gboolean with_mail)
{
	g_autoptr(GError) error = NULL;
	if (!passwd_file_delete(file, name, &error))
		return user_fail(error);
	if (!with_mail)
		return CLI_OK;
	Store *store = cli_store(cli, &error);
	if (store == NULL ||
		(!store_delete_account(store, name, &error) &&
			!g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT)))
		return cli_fail(error);
	return CLI_OK;
}

static CliStatus user_list(Cli *cli, PasswdFile *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = passwd_file_list(file, &error);
	if (names == NULL)
		return user_fail(error);
	return cli_print_names(cli, names);
}

CliStatus cmd_user(Cli *cli, int argc, char **argv)
{
	enum { OPTION_STDIN = 1000, OPTION_WITH_MAIL };
	static const struct option options[] = {
		{ "password-stdin", no_argument, NULL, OPTION_STDIN },
		{ "with-mail", no_argument, NULL, OPTION_WITH_MAIL },
		{ NULL, 0, NULL, 0 },
	};
	gboolean from_stdin = FALSE, with_mail = FALSE;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == OPTION_STDIN)
			from_stdin = TRUE;
		else if (c == OPTION_WITH_MAIL)
			with_mail = TRUE;
		else
			return cli_usage("user", NULL);
	}
	const char *what = optind < argc ? argv[optind] : "",
		   *name = optind + 1 < argc ? argv[optind + 1] : NULL;
	static const char *const known[] = { "add", "passwd", "delete", "list", NULL };
	if (!g_strv_contains(known, what))
		return cli_usage("user",
			*what != '\0' ? "user %s: no such command" : "%sadd, passwd, delete or list?", what);
	gboolean list = strcmp(what, "list") == 0;
	if (argc - optind - 1 != (list ? 0 : 1))
		return cli_usage("user", list ? "user list takes no name" : "which user?");
	const char *path = settings_string(cli->settings, SETTING_AUTH_PASSWD_FILE);
	g_autoptr(GError) error = NULL;
	g_autoptr(PasswdFile) file = passwd_file_open(path, &error);
	if (file == NULL)
		return user_fail(error);
	if (list)
		return user_list(cli, file);
	if (strcmp(what, "delete") == 0)
		return user_delete(cli, file, name, with_mail);
	return user_add_or_passwd(cli, file, name, strcmp(what, "add") == 0, from_stdin);
}
