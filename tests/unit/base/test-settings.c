#include "base/settings.h"

#include "base/limits.h"

#include <string.h>
#include <unistd.h>

static Settings *parse(const char *text, GError **error)
{
	return settings_parse(text, strlen(text), "FILE", NULL, error);
}

static void every_default_is_a_value(void)
{
	g_autoptr(Settings) settings = settings_new();
	g_autoptr(Settings) empty = parse("", NULL);
	gsize n;

	g_assert_nonnull(empty);
	for (int id = 0; id < N_SETTINGS; id++) {
		g_assert_nonnull(setting_group((SettingId)id));
		g_assert_nonnull(setting_key((SettingId)id));
		g_assert_false(settings_is_set(settings, (SettingId)id));
		for (int other = 0; other < id; other++)
			g_assert_false(
				strcmp(setting_key((SettingId)id), setting_key((SettingId)other)) == 0 &&
				strcmp(setting_group((SettingId)id), setting_group((SettingId)other)) == 0);
	}
	g_assert_cmpint(settings_ms(settings, SETTING_SERVER_IDLE_TIMEOUT), ==, 30 * 60 * 1000);
	g_assert_cmpuint(settings_bytes(settings, SETTING_LIMITS_APPEND_LIMIT), ==, 50 * 1024 * 1024);
	g_assert_false(settings_bool(settings, SETTING_AUTH_ALLOW_PLAINTEXT_LOOPBACK));
	const ListenAddress *addresses = settings_addresses(settings, SETTING_HTTP_LISTEN, &n);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpstr(addresses[0].host, ==, "127.0.0.1");
	g_assert_cmpuint(addresses[0].port, ==, 8025);
	g_assert_true(settings_default_path()[0] == '/');
}

static void values_of_all_types_are_read(void)
{
	static const char text[] = "# comment\n"
				   "\n"
				   "[server]\r\n"
				   "listen_imap = 127.0.0.1:143, [::1]:1143 ,*:0,unix:/run/mailsift/imap\n"
				   "\thostname=mail.example.org  \n"
				   "  # not a value\n"
				   "workers = 7\n"
				   "user = \\sx\\\\y\\s\n"
				   "[auth]\n"
				   "allow_plaintext_loopback = on\n"
				   "failed_login_delay = 0\n"
				   "[limits]\n"
				   "append_limit = 65536\n"
				   "command_limit = 2m\n"
				   "[index]\n"
				   "commit_interval = 1500ms\n"
				   "[server]\n"
				   "idle_timeout = 2h\n"
				   "[log]\n"
				   "level = debug";
	g_autoptr(GError) error = NULL;
	g_autoptr(Settings) settings = parse(text, &error);
	gsize n;

	g_assert_no_error(error);
	const ListenAddress *a = settings_addresses(settings, SETTING_SERVER_LISTEN_IMAP, &n);
	g_assert_cmpuint(n, ==, 4);
	g_assert_cmpstr(a[0].text, ==, "127.0.0.1:143");
	g_assert_cmpstr(a[0].host, ==, "127.0.0.1");
	g_assert_cmpuint(a[0].port, ==, 143);
	g_assert_null(a[0].path);
	g_assert_cmpstr(a[1].host, ==, "::1");
	g_assert_cmpuint(a[1].port, ==, 1143);
	g_assert_null(a[2].host);
	g_assert_null(a[2].path);
	g_assert_cmpuint(a[2].port, ==, 0);
	g_assert_cmpstr(a[3].path, ==, "/run/mailsift/imap");
	g_assert_cmpstr(settings_string(settings, SETTING_SERVER_HOSTNAME), ==, "mail.example.org");
	g_assert_cmpstr(settings_string(settings, SETTING_SERVER_USER), ==, " x\\y ");
	g_assert_cmpint(settings_int(settings, SETTING_SERVER_WORKERS), ==, 7);
	g_assert_true(settings_bool(settings, SETTING_AUTH_ALLOW_PLAINTEXT_LOOPBACK));
	g_assert_cmpint(settings_ms(settings, SETTING_AUTH_FAILED_LOGIN_DELAY), ==, 0);
	g_assert_cmpuint(settings_bytes(settings, SETTING_LIMITS_APPEND_LIMIT), ==, 65536);
	g_assert_cmpuint(settings_bytes(settings, SETTING_LIMITS_COMMAND_LIMIT), ==, 2 * 1024 * 1024);
	g_assert_cmpint(settings_ms(settings, SETTING_INDEX_COMMIT_INTERVAL), ==, 1500);
	g_assert_cmpint(settings_ms(settings, SETTING_SERVER_IDLE_TIMEOUT), ==, 7200 * 1000);
	g_assert_cmpstr(settings_string(settings, SETTING_LOG_LEVEL), ==, "debug");
	g_assert_true(settings_is_set(settings, SETTING_LOG_LEVEL));
	g_assert_false(settings_is_set(settings, SETTING_LOG_STYLE));
	/* The default is no longer there when the file has an empty value. */
	g_autoptr(Settings) none = parse("[http]\nlisten =\n", &error);
	g_assert_no_error(error);
	(void)settings_addresses(none, SETTING_HTTP_LISTEN, &n);
	g_assert_cmpuint(n, ==, 0);
	g_assert_true(settings_is_set(none, SETTING_HTTP_LISTEN));
}

static void what_is_wrong_is_told_with_its_line(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "x = 1\n", "FILE:1: 'x' comes before the first [group]" },
		{ "\n\n[servre]\nworkers = x\n", "FILE:3: there is no group [servre]" },
		{ "[server\n", "FILE:1: a group is written [name]" },
		{ "[]\n", "FILE:1: a group is written [name]" },
		{ "[server]\nworker = 1\n",
			"FILE:2: there is no key 'worker' in [server]; is it 'workers' in [server]?" },
		{ "[server]\nmail_root = /m\n",
			"FILE:2: there is no key 'mail_root' in [server]; is it 'mail_root' in [store]?" },
		{ "[server]\nzzz = 1\n", "FILE:2: there is no key 'zzz' in [server]" },
		{ "[server]\nWorkers = 1\n",
			"FILE:2: there is no key 'Workers' in [server]; is it 'workers' in [server]?" },
		{ "[server]\nworkers\n",
			"FILE:2: neither a group ([name]), nor 'key = value', nor a comment ('#' at the "
			"beginning)" },
		{ "[server]\n= 1\n",
			"FILE:2: neither a group ([name]), nor 'key = value', nor a comment ('#' at the "
			"beginning)" },
		{ "[server]\n; workers = 1\n",
			"FILE:2: there is no key '; workers' in [server]; is it 'workers' in [server]?" },
		{ "[server]\nworkers = 1\n[http]\n[server]\nworkers = 2\n",
			"FILE:5: 'workers' is in [server] already, at line 2" },
		{ "[server]\nworkers = x\nworkers = 2\n",
			"FILE:2: server.workers: 'x' is no whole number\nFILE:3: 'workers' is in [server] "
			"already, at line 2" },
		{ "[server]\nworkers =\n", "FILE:2: server.workers: '' is no whole number" },
		{ "[server]\nworkers = 1 # one\n", "FILE:2: server.workers: '1 # one' is no whole number" },
		{ "[server]\nworkers = -1\n", "FILE:2: server.workers: -1 is too little: at least 0" },
		{ "[server]\nworkers = 1025\n", "FILE:2: server.workers: 1025 is too much: at most 1024" },
		{ "[server]\nworkers = 99999999999999999999\n",
			"FILE:2: server.workers: '99999999999999999999' is no whole number" },
		{ "[server]\nidle_timeout = 29m\n",
			"FILE:2: server.idle_timeout: 29m is too little: at least 30m" },
		{ "[server]\nidle_timeout = 30\n",
			"FILE:2: server.idle_timeout: '30' is no duration: write a number with ms, s, m, h "
			"or d, as in 30m" },
		{ "[server]\nidle_timeout = 30M\n",
			"FILE:2: server.idle_timeout: '30M' is no duration: write a number with ms, s, m, h "
			"or d, as in 30m" },
		{ "[server]\nidle_timeout = 999999999999999999d\n",
			"FILE:2: server.idle_timeout: '999999999999999999d' is no duration: write a number "
			"with ms, s, "
			"m, h or d, as in 30m" },
		{ "[limits]\nappend_limit = 50MB\n",
			"FILE:2: limits.append_limit: '50MB' is no size: write bytes, or a number with k, M "
			"or G, as in 50M" },
		{ "[limits]\nappend_limit = 4G\n",
			"FILE:2: limits.append_limit: 4G is too much: at most 4G less one byte" },
		{ "[limits]\nappend_limit = 99999999999999999G\n",
			"FILE:2: limits.append_limit: '99999999999999999G' is no size: write bytes, or a "
			"number with k, "
			"M or G, as in 50M" },
		{ "[limits]\nappend_limit = 0\n",
			"FILE:2: limits.append_limit: 0 is too little: at least 64k" },
		{ "[auth]\nallow_plaintext_loopback = maybe\n",
			"FILE:2: auth.allow_plaintext_loopback: 'maybe' is neither yes nor no" },
		{ "[log]\nlevel = loud\n",
			"FILE:2: log.level: 'loud' is none of: error, warning, notice, info, debug" },
		{ "[store]\nmail_root = mail\n",
			"FILE:2: store.mail_root: 'mail' is no absolute path: it begins with a slash" },
		{ "[store]\nmail_root =\n", "FILE:2: store.mail_root may not be empty" },
		{ "[store]\nmail_root = /m\nindex_root = /x/../m/\n",
			"FILE:3: store.index_root and store.mail_root are the same folder" },
		{ "[server]\ntls_key = /k\n", "FILE:2: server.tls_key needs server.tls_cert" },
		{ "[server]\nlisten_imaps = *:993\n", "FILE:2: server.listen_imaps needs server.tls_cert" },
		{ "[http]\nlisten = 127.0.0.2:80, [::1]:80, unix:/x, 10.0.0.1:80, *:81\n",
			"FILE:2: http.listen: '10.0.0.1:80' is neither a loopback address nor a Unix socket\n"
			"FILE:2: http.listen: '*:81' is neither a loopback address nor a Unix socket" },
		{ "[server]\nuser = a\\b\n",
			"FILE:2: server.user: a backslash is written \\\\; known are also \\s \\n \\t \\r" },
		{ "[server]\nuser = a\\\n",
			"FILE:2: server.user: a backslash is written \\\\; known are also \\s \\n \\t \\r" },
		{ "[server]\nuser = a\\nb\n",
			"FILE:2: server.user: there is a control character in the value" },
		{ "[server]\nuser = a\x01z\n",
			"FILE:2: server.user: there is a control character in the value" },
		{ "[server]\nuser = \xFF\n", "FILE:2: the line is not UTF-8" },
		{ "[server]\nlisten_imap = localhost:143\n",
			"FILE:2: server.listen_imap: 'localhost' is no numeric address; names are not looked "
			"up" },
		{ "[server]\nlisten_imap = 127.0.0.1\n",
			"FILE:2: server.listen_imap: '127.0.0.1' has no port: write 127.0.0.1:143, "
			"[::1]:143, *:143 or "
			"unix:/path" },
		{ "[server]\nlisten_imap = 127.0.0.1:143,,\n",
			"FILE:2: server.listen_imap: '' has no port: write 127.0.0.1:143, [::1]:143, *:143 "
			"or unix:/path" },
		{ "[server]\nlisten_imap = 127.0.0.1:65536\n",
			"FILE:2: server.listen_imap: '127.0.0.1:65536' has no port: write 127.0.0.1:143, "
			"[::1]:143, "
			"*:143 or unix:/path" },
		{ "[server]\nlisten_imap = 127.0.0.256:1\n",
			"FILE:2: server.listen_imap: '127.0.0.256' is no numeric address; names are not "
			"looked up" },
		{ "[server]\nlisten_imap = ::1:143\n",
			"FILE:2: server.listen_imap: '::1:143': an IPv6 address has brackets around it, as "
			"in [::1]:143" },
		{ "[server]\nlisten_imap = [127.0.0.1]:143\n",
			"FILE:2: server.listen_imap: '[127.0.0.1]' is no numeric address; names are not "
			"looked up" },
		{ "[server]\nlisten_imap = unix:imap\n",
			"FILE:2: server.listen_imap: 'unix:imap': the path of a socket begins with a slash" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Settings) settings = parse(cases[i].text, &error);
		g_assert_null(settings);
		g_assert_error(error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID);
		g_assert_cmpstr(error->message, ==, cases[i].message);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(settings_parse("[server]\nuser = a\0b\n", 20, "FILE", NULL, &error));
	g_assert_cmpstr(error->message, ==, "FILE:2: the line is not UTF-8");
}

static void too_much_is_refused(void)
{
	g_autoptr(GString) text = g_string_new("[server]\n");
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < LIMIT_SETTINGS_ERRORS + 3; i++)
		g_string_append(text, "?\n");
	g_assert_null(parse(text->str, &error));
	g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, LIMIT_SETTINGS_ERRORS + 1);
	g_assert_cmpstr(lines[LIMIT_SETTINGS_ERRORS], ==, "FILE: and 3 more");
	g_clear_error(&error);

	g_string_assign(text, "#");
	while (text->len <= LIMIT_SETTINGS_LINE)
		g_string_append_c(text, 'x');
	g_assert_null(parse(text->str, &error));
	g_assert_cmpstr(error->message, ==, "FILE:1: the line is longer than 16384 bytes");
	g_clear_error(&error);

	g_string_truncate(text, 0);
	while (text->len <= LIMIT_SETTINGS_BYTES)
		g_string_append(text, "# more and more\n");
	g_assert_null(parse(text->str, &error));
	g_assert_cmpstr(error->message, ==, "FILE:1: the file is larger than 1048576 bytes");
}

static void overrides_win(void)
{
	static const char text[] = "[server]\nworkers = 3\n[log]\nlevel = info\n";
	static const char *const good[] = { "server.workers=4", "http.listen=", "server.workers = 5", NULL };
	static const char *const bad[] = { "server.workers", "server=4", "workers=1", "server.workers=x",
		NULL };
	g_autoptr(GError) error = NULL;
	gsize n;

	/* Blanks around the name are no part of a name. */
	g_autoptr(Settings) settings = settings_parse(text, strlen(text), "FILE", good, &error);
	g_assert_null(settings);
	g_assert_cmpstr(
		error->message, ==, "'server.workers = 5': there is no such setting; write group.key=value");
	g_clear_error(&error);
	static const char *const better[] = { "server.workers=4", "http.listen=", "server.workers= 5", NULL };
	settings = settings_parse(text, strlen(text), "FILE", better, &error);
	g_assert_no_error(error);
	g_assert_cmpint(settings_int(settings, SETTING_SERVER_WORKERS), ==, 5);
	(void)settings_addresses(settings, SETTING_HTTP_LISTEN, &n);
	g_assert_cmpuint(n, ==, 0);
	g_assert_null(settings_parse(text, strlen(text), "FILE", bad, &error));
	g_assert_cmpstr(error->message, ==,
		"'server.workers': there is no such setting; write group.key=value\n"
		"'server=4': there is no such setting; write group.key=value\n"
		"'workers=1': there is no such setting; write group.key=value\n"
		"server.workers: 'x' is no whole number");
}

static void assert_same(const Settings *a, const Settings *b)
{
	g_autoptr(GString) text_a = g_string_new(NULL);
	g_autoptr(GString) text_b = g_string_new(NULL);

	settings_describe(a, FALSE, text_a);
	settings_describe(b, FALSE, text_b);
	g_assert_cmpstr(text_a->str, ==, text_b->str);
}

static void a_description_is_read_back_to_the_same(void)
{
	static const char text[] = "[server]\nuser = \\s\\\\a\\\\s b\\s\ntls_cert = /c\nworkers=07\n"
				   "listen_imaps = [::1]:993 , unix:/a b\n[limits]\nappend_limit = 1024k\n";
	g_autoptr(Settings) settings = parse(text, NULL);

	g_assert_nonnull(settings);
	for (int verbose = 0; verbose < 2; verbose++) {
		g_autoptr(GString) described = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		settings_describe(settings, verbose != 0, described);
		g_autoptr(Settings) again = parse(described->str, &error);
		g_assert_no_error(error);
		assert_same(settings, again);
		g_assert_cmpstr(settings_string(again, SETTING_SERVER_USER), ==, " \\a\\s b ");
		/* All of them, each with its comment. */
		for (int id = 0; id < N_SETTINGS; id++) {
			g_autofree char *line = g_strdup_printf("\n%s =", setting_key((SettingId)id));
			g_assert_nonnull(strstr(described->str, line));
		}
		g_assert_cmpint(
			strstr(described->str, "duration, 30m to 1d; default: 30m") != NULL, ==, verbose);
		g_auto(GStrv) lines = g_strsplit(described->str, "\n", -1);
		for (guint i = 0; lines[i] != NULL; i++)
			g_assert_cmpuint(strlen(lines[i]), <=, 80);
	}
}

static void files_are_read(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("test-settings-XXXXXX", &path, &error);

	g_assert_no_error(error);
	g_assert_cmpint(write(fd, "[server]\nworkers = 9\n", 21), ==, 21);
	close(fd);
	g_autoptr(Settings) settings = settings_load(path, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(settings_int(settings, SETTING_SERVER_WORKERS), ==, 9);
	unlink(path);
	g_assert_null(settings_load(path, NULL, &error));
	g_assert_error(error, SETTINGS_ERROR, SETTINGS_ERROR_UNREADABLE);
	g_assert_nonnull(strstr(error->message, path));
	g_clear_error(&error);
	g_assert_null(settings_load("/", NULL, &error));
	g_assert_error(error, SETTINGS_ERROR, SETTINGS_ERROR_UNREADABLE);
	g_clear_error(&error);
	/* Endless. */
	g_assert_null(settings_load("/dev/zero", NULL, &error));
	g_assert_error(error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID);
}

static char *read_manual(void)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "server", "mailsiftd.conf.5", NULL);
	char *text;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

/* mailsiftd.conf(5) has an entry for every setting, in its group's section and in the table's order, with
 * its default if that is the same in all installations; and none that there is not. */
static void the_manual_documents_every_setting(void)
{
	g_autofree char *manual = read_manual();
	const char *at = manual;
	guint n_entries = 0;

	for (int id = 0; id < N_SETTINGS; id++) {
		const char *group = setting_group((SettingId)id), *key = setting_key((SettingId)id);
		if (id == 0 || strcmp(group, setting_group((SettingId)(id - 1))) != 0) {
			g_autofree char *heading = g_strdup_printf("\n.Ss Group %s\n", group);
			at = strstr(at, heading);
			if (at == NULL)
				g_error("no section for [%s], or not in its place", group);
			at++;
		}
		g_autofree char *entry = g_strdup_printf("\n.It Ic %s ", key);
		const char *found = strstr(at, entry);
		const char *section = strstr(at, "\n.Ss ");
		if (found == NULL || (section != NULL && section < found))
			g_error("no entry for %s in [%s], or not in its place", key, group);
		at = found + 1;
		const char *fallback = setting_default((SettingId)id);
		const char *end = strstr(at, "\n.It Ic ");
		g_autofree char *body = g_strndup(at, end != NULL ? (gsize)(end - at) : strlen(at));
		g_autofree char *sentence = g_strdup_printf("\nThe default is\n.Ql %s", fallback);
		if (fallback[0] != '\0' && strstr(fallback, "/") == NULL && strstr(body, sentence) == NULL)
			g_error("%s.%s: the manual does not say that the default is %s", group, key,
				fallback);
	}
	for (const char *entry = manual; (entry = strstr(entry, "\n.It Ic ")) != NULL; entry++)
		n_entries++;
	g_assert_cmpuint(n_entries, ==, N_SETTINGS);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/settings/every_default_is_a_value", every_default_is_a_value);
	g_test_add_func("/settings/values_of_all_types_are_read", values_of_all_types_are_read);
	g_test_add_func("/settings/what_is_wrong_is_told_with_its_line", what_is_wrong_is_told_with_its_line);
	g_test_add_func("/settings/too_much_is_refused", too_much_is_refused);
	g_test_add_func("/settings/overrides_win", overrides_win);
	g_test_add_func(
		"/settings/a_description_is_read_back_to_the_same", a_description_is_read_back_to_the_same);
	g_test_add_func("/settings/files_are_read", files_are_read);
	g_test_add_func("/settings/the_manual_documents_every_setting", the_manual_documents_every_setting);
	return g_test_run();
}
