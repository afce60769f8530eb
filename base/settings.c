#include "base/settings-private.h"

#include "base/limits.h"

#include <string.h>

#define MS_PER_SECOND 1000
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MIB (1024 * 1024)

/* Every setting. mailsiftd.conf(5) documents the same, and a test compares. */
static const SettingRow rows[N_SETTINGS] = {
	[SETTING_SERVER_LISTEN_IMAP] = { "server", "listen_imap", SETTING_TYPE_ADDRESSES, "127.0.0.1:143",
		.about = "Where IMAP is spoken, with STARTTLS if there is a certificate." },
	[SETTING_SERVER_LISTEN_IMAPS] = { "server", "listen_imaps", SETTING_TYPE_ADDRESSES, "",
		.about = "Where IMAP is spoken inside of TLS (port 993). Needs tls_cert." },
	[SETTING_SERVER_HOSTNAME] = { "server", "hostname", SETTING_TYPE_STRING, "",
		.about = "The name of this server in greetings and Message-IDs. If empty, what the system "
			 "calls "
			 "itself." },
	[SETTING_SERVER_TLS_CERT] = { "server", "tls_cert", SETTING_TYPE_PATH, "",
		.about = "PEM file with the certificate, and those that lead to its root behind it." },
	[SETTING_SERVER_TLS_KEY] = { "server", "tls_key", SETTING_TYPE_PATH, "",
		.about = "PEM file with the private key. If empty, it is in tls_cert." },
	[SETTING_SERVER_USER] = { "server", "user", SETTING_TYPE_STRING, "",
		.about = "User to become once the addresses are bound, if started as root. All mail is "
			 "this user's." },
	[SETTING_SERVER_WORKERS] = { "server", "workers", SETTING_TYPE_INT, "0", 0, 1024,
		.about = "Threads that carry out commands. 0: by the number of processors." },
	[SETTING_SERVER_MAX_CONNECTIONS] = { "server", "max_connections", SETTING_TYPE_INT, "10000", 1,
		1000000, .about = "Connections that are open at once; others are told to try later." },
	[SETTING_SERVER_MAX_CONNECTIONS_PER_USER] = { "server", "max_connections_per_user", SETTING_TYPE_INT,
		"100", 1, 1000000, .about = "Of these, how many one user may have." },
	[SETTING_SERVER_IDLE_TIMEOUT] = { "server", "idle_timeout", SETTING_TYPE_DURATION, "30m",
		30 * MS_PER_MINUTE, 24 * MS_PER_HOUR,
		.about = "A client that has logged in and sends nothing for so long is sent away. RFC 9051 "
			 "asks "
			 "for 30 minutes at least." },
	[SETTING_SERVER_IDLE_KEEPALIVE] = { "server", "idle_keepalive", SETTING_TYPE_DURATION, "2m",
		1 * MS_PER_SECOND, 29 * MS_PER_MINUTE,
		.about = "During IDLE a client with nothing to hear is told so often that the server is still "
			 "here: "
			 "routers forget connections that are silent, and one whose client is gone is found." },
	[SETTING_SERVER_LOGIN_TIMEOUT] = { "server", "login_timeout", SETTING_TYPE_DURATION, "1m",
		1 * MS_PER_SECOND, 30 * MS_PER_MINUTE, .about = "Time to log in." },
	[SETTING_STORE_MAIL_ROOT] = { "store", "mail_root", SETTING_TYPE_PATH, MAILSIFT_STATEDIR "/mail",
		.about = "Folder of the accounts: each has its mail and its database in a folder of its "
			 "name." },
	[SETTING_STORE_INDEX_ROOT] = { "store", "index_root", SETTING_TYPE_PATH, MAILSIFT_STATEDIR "/index",
		.about = "Folder of the indexes, which are derived from the mail and may be deleted. Not the "
			 "same as mail_root." },
	[SETTING_AUTH_PASSWD_FILE] = { "auth", "passwd_file", SETTING_TYPE_PATH,
		MAILSIFT_SYSCONFDIR "/passwd", .about = "Users and their passwords; see mailsift(1)." },
	[SETTING_AUTH_ALLOW_PLAINTEXT_LOOPBACK] = { "auth", "allow_plaintext_loopback", SETTING_TYPE_BOOL,
		"no",
		.about = "Whether passwords may be sent without TLS from 127.0.0.1, ::1 and Unix sockets "
			 "(webmail "
			 "and proxies on the same machine). Never from elsewhere." },
	[SETTING_AUTH_FAILED_LOGIN_DELAY] = { "auth", "failed_login_delay", SETTING_TYPE_DURATION, "2s", 0,
		1 * MS_PER_MINUTE, .about = "How long the answer to a wrong password waits." },
	[SETTING_AUTH_UNAUTHENTICATE] = { "auth", "unauthenticate", SETTING_TYPE_BOOL, "no",
		.about = "Whether a client may log out and in again, as someone else, on the same connection (UNAUTHENTICATE, RFC 8437). "
			 "Not behind a proxy that checks logins and then passes everything on." },
	[SETTING_LIMITS_APPEND_LIMIT] = { "limits", "append_limit", SETTING_TYPE_SIZE, "50M",
		LIMIT_APPEND_MIN, LIMIT_APPEND_MAX,
		.about = "The largest message that APPEND takes (APPENDLIMIT, RFC 7889)." },
	[SETTING_LIMITS_COMMAND_LIMIT] = { "limits", "command_limit", SETTING_TYPE_SIZE, "1M",
		LIMIT_COMMAND_MIN, LIMIT_COMMAND_MAX,
		.about = "The longest command, the messages of APPEND not counted." },
	[SETTING_LIMITS_SEARCH_MAX_TIME] = { "limits", "search_max_time", SETTING_TYPE_DURATION, "10m", 0,
		24 * MS_PER_HOUR,
		.about = "A search that takes longer is given up, and refused with NO [LIMIT]. 0s: no limit." },
	[SETTING_LIMITS_SEARCHES_PER_USER] = { "limits", "searches_per_user", SETTING_TYPE_INT, "10", 1, 10000,
		.about = "Searches of one user that run at once; one more is refused with NO [LIMIT]." },
	[SETTING_METADATA_ADMIN] = { "metadata", "admin", SETTING_TYPE_STRING, "",
		.about = "How to reach the administrator, for clients that ask (/shared/admin, RFC 5464): a URI such as "
			 "mailto:postmaster@example.org." },
	[SETTING_METADATA_COMMENT] = { "metadata", "comment", SETTING_TYPE_STRING, "",
		.about = "A note about the server for clients that ask (/shared/comment, RFC 5464)." },
	[SETTING_METADATA_SHARED_FILTERS] = { "metadata", "shared_filters", SETTING_TYPE_PATH, "",
		.about = "File with searches that all users have by name (SEARCH FILTER, RFC 5466), one a line: its "
			 "name, a space, and what SEARCH takes." },
	[SETTING_INDEX_INDEXER_MEMORY] = { "index", "indexer_memory", SETTING_TYPE_SIZE, "256M", 32 * MIB,
		G_GINT64_CONSTANT(64) * 1024 * MIB,
		.about = "Memory that the indexer may use for what it has not written yet." },
	[SETTING_INDEX_COMMIT_INTERVAL] = { "index", "commit_interval", SETTING_TYPE_DURATION, "300ms", 100,
		10 * MS_PER_MINUTE,
		.about =
			"How long indexed mail may wait to be written. Searches find it at once in any case; "
			"until then they read it from the message." },
	[SETTING_INDEX_COMPRESS] = { "index", "compress", SETTING_TYPE_CHOICE, "headers",
		.choices = "none|headers|all",
		.about = "What of the folded text in the indexes is kept compressed: nothing, the fields of "
			 "messages other than addresses and subjects, or the bodies too. Less room, slower searches." },
	[SETTING_INDEX_INDEXER_PATH] = { "index", "indexer_path", SETTING_TYPE_PATH,
		MAILSIFT_LIBEXECDIR "/mailsift-indexer", .about = "The program that writes the indexes." },
	[SETTING_HTTP_LISTEN] = { "http", "listen", SETTING_TYPE_ADDRESSES, "127.0.0.1:8025",
		.about = "Where the admin's page, its interface and the metrics are served, without TLS: "
			 "loopback "
			 "addresses and Unix sockets only. If empty, nowhere." },
	[SETTING_HTTP_TOKEN_FILE] = { "http", "token_file", SETTING_TYPE_PATH, "",
		.about = "File with the tokens that requests must bring, one a line, for its owner's eyes "
			 "only. If "
			 "empty, everything but /healthz is refused." },
	[SETTING_LOG_LEVEL] = { "log", "level", SETTING_TYPE_CHOICE, "info",
		.choices = "error|warning|notice|info|debug",
		.about = "Events that are less important are not written. debug may show what users search "
			 "for." },
	[SETTING_LOG_STYLE] = { "log", "style", SETTING_TYPE_CHOICE, "auto", .choices = "auto|journal|plain",
		.about = "How lines on standard error begin: with the priority that systemd's journal reads, "
			 "or "
			 "with time and level. auto: as for the journal where it reads." },
};

G_DEFINE_QUARK(mailsift - settings - error - quark, settings_error)

const SettingRow *setting_row(SettingId id)
{
	g_assert((guint)id < N_SETTINGS);
	return &rows[id];
}

SettingId setting_find(const char *group, gsize group_len, const char *key, gsize key_len)
{
	for (int id = 0; id < N_SETTINGS; id++) {
		if (strlen(rows[id].group) == group_len && memcmp(rows[id].group, group, group_len) == 0 &&
			strlen(rows[id].key) == key_len && memcmp(rows[id].key, key, key_len) == 0)
			return (SettingId)id;
	}
	return N_SETTINGS;
}

const char *settings_default_path(void)
{
	return MAILSIFT_SYSCONFDIR "/mailsiftd.conf";
}

Settings *settings_new(void)
{
	Settings *settings = g_new0(Settings, 1);

	for (int id = 0; id < N_SETTINGS; id++) {
		g_autoptr(GError) error = NULL;
		if (!setting_value_parse(&settings->values[id], &rows[id], rows[id].fallback, &error))
			g_error("the default of %s.%s: %s", rows[id].group, rows[id].key, error->message);
	}
	return settings;
}

void settings_free(Settings *settings)
{
	if (settings == NULL)
		return;
	for (int id = 0; id < N_SETTINGS; id++)
		setting_value_clear(&settings->values[id]);
	g_free(settings);
}

/* The value, if the setting is of one of the types (a set of 1 << type). */
static const SettingValue *value_of(const Settings *settings, SettingId id, guint types)
{
	g_assert((1u << setting_row(id)->type & types) != 0);
	return &settings->values[id];
}

const char *settings_string(const Settings *settings, SettingId id)
{
	return value_of(
		settings, id, 1 << SETTING_TYPE_STRING | 1 << SETTING_TYPE_PATH | 1 << SETTING_TYPE_CHOICE)
		->text;
}

gboolean settings_bool(const Settings *settings, SettingId id)
{
	return value_of(settings, id, 1 << SETTING_TYPE_BOOL)->number != 0;
}

int settings_int(const Settings *settings, SettingId id)
{
	return (int)value_of(settings, id, 1 << SETTING_TYPE_INT)->number;
}

guint64 settings_bytes(const Settings *settings, SettingId id)
{
	return (guint64)value_of(settings, id, 1 << SETTING_TYPE_SIZE)->number;
}

gint64 settings_ms(const Settings *settings, SettingId id)
{
	return value_of(settings, id, 1 << SETTING_TYPE_DURATION)->number;
}

const ListenAddress *settings_addresses(const Settings *settings, SettingId id, gsize *n_out)
{
	const SettingValue *value = value_of(settings, id, 1 << SETTING_TYPE_ADDRESSES);

	*n_out = value->n_addresses;
	return value->addresses;
}

gboolean settings_is_set(const Settings *settings, SettingId id)
{
	g_assert((guint)id < N_SETTINGS);
	return settings->values[id].is_set;
}

const char *setting_group(SettingId id)
{
	return setting_row(id)->group;
}

const char *setting_key(SettingId id)
{
	return setting_row(id)->key;
}

SettingType setting_type(SettingId id)
{
	return setting_row(id)->type;
}

const char *setting_default(SettingId id)
{
	return setting_row(id)->fallback;
}

/* -- settings_describe() ------------------------------------------------------------------------------ */

/* As a comment, with lines of about 78 characters. */
static void append_comment(GString *out, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	gsize column = 0;

	for (guint i = 0; words[i] != NULL; i++) {
		gsize len = strlen(words[i]);
		if (column == 0 || column + 1 + len > 78) {
			g_string_append(out, column == 0 ? "#" : "\n#");
			column = 1;
		}
		g_string_append_printf(out, " %s", words[i]);
		column += 1 + len;
	}
	g_string_append_c(out, '\n');
}

static void append_type(GString *out, const SettingRow *row)
{
	static const char *const names[] = {
		[SETTING_TYPE_STRING] = "text",
		[SETTING_TYPE_PATH] = "absolute path",
		[SETTING_TYPE_CHOICE] = "one of: ",
		[SETTING_TYPE_BOOL] = "yes or no",
		[SETTING_TYPE_INT] = "number, ",
		[SETTING_TYPE_SIZE] = "size, ",
		[SETTING_TYPE_DURATION] = "duration, ",
		[SETTING_TYPE_ADDRESSES] = "addresses",
	};

	g_string_append(out, names[row->type]);
	if (row->type == SETTING_TYPE_CHOICE) {
		for (const char *p = row->choices; *p != '\0'; p++)
			g_string_append(out, *p == '|' ? ", " : ((char[]){ *p, '\0' }));
	} else if (row->type == SETTING_TYPE_INT) {
		g_string_append_printf(out, "%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, row->min, row->max);
	} else if (row->type == SETTING_TYPE_SIZE) {
		setting_append_size(out, (guint64)row->min);
		g_string_append(out, " to ");
		setting_append_size(out, (guint64)row->max);
	} else if (row->type == SETTING_TYPE_DURATION) {
		setting_append_duration(out, row->min);
		g_string_append(out, " to ");
		setting_append_duration(out, row->max);
	}
}

static void append_text(GString *out, const char *text)
{
	/* White space around a value would be lost; inside it is as it is. Other controls never get in. */
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\')
			g_string_append(out, "\\\\");
		else if (*p == ' ' && (p == text || p[1] == '\0'))
			g_string_append(out, "\\s");
		else
			g_string_append_c(out, *p);
	}
}

void settings_describe(const Settings *settings, gboolean verbose, GString *out)
{
	for (int id = 0; id < N_SETTINGS; id++) {
		const SettingRow *row = &rows[id];
		if (id == 0 || strcmp(row->group, rows[id - 1].group) != 0)
			g_string_append_printf(out, "%s[%s]\n", id == 0 ? "" : "\n", row->group);
		if (verbose) {
			g_autoptr(GString) about = g_string_new(row->about);
			g_string_append(about, " (");
			append_type(about, row);
			g_string_append_printf(
				about, "; default: %s)", row->fallback[0] == '\0' ? "none" : row->fallback);
			append_comment(out, about->str);
		}
		g_string_append_printf(out, "%s =", row->key);
		if (settings->values[id].text[0] != '\0')
			g_string_append_c(out, ' ');
		append_text(out, settings->values[id].text);
		g_string_append_c(out, '\n');
	}
}
