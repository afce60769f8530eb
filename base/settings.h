#pragma once

/* The configuration of mailsiftd, mailsift-indexer and mailsift: mailsiftd.conf(5) is its manual.
 *
 * The file has GKeyFile's syntax: `[group]`, `key = value`, `#` comments, in UTF-8. All settings are in
 * one table (settings.c): what is not in it, comes twice, or has a value out of its range is an error with
 * its line number; nothing is ignored. All errors are reported at once (up to LIMIT_SETTINGS_ERRORS), one
 * a line.
 *
 * A Settings is complete and never changes: any thread may read it without a lock. A new file gives a new
 * one. */

#include <glib.h>

G_BEGIN_DECLS

#define SETTINGS_ERROR (settings_error_quark())
GQuark settings_error_quark(void);

typedef enum {
	SETTINGS_ERROR_UNREADABLE, /* the file cannot be read */
	SETTINGS_ERROR_INVALID, /* its text is wrong; the message has lines of `FILE:LINE: what is wrong` */
} SettingsError;

/* Each setting; the comment names its type, which decides the function that reads it. */
typedef enum {
	SETTING_SERVER_LISTEN_IMAP,              /* addresses */
	SETTING_SERVER_LISTEN_IMAPS,             /* addresses */
	SETTING_SERVER_HOSTNAME,                 /* string */
	SETTING_SERVER_TLS_CERT,                 /* path */
	SETTING_SERVER_TLS_KEY,                  /* path */
	SETTING_SERVER_USER,                     /* string */
	SETTING_SERVER_WORKERS,                  /* int */
	SETTING_SERVER_MAX_CONNECTIONS,          /* int */
	SETTING_SERVER_MAX_CONNECTIONS_PER_USER, /* int */
	SETTING_SERVER_IDLE_TIMEOUT,             /* duration */
	SETTING_SERVER_IDLE_KEEPALIVE,           /* duration */
	SETTING_SERVER_LOGIN_TIMEOUT,            /* duration */
	SETTING_STORE_MAIL_ROOT,                 /* path */
	SETTING_STORE_INDEX_ROOT,                /* path */
	SETTING_AUTH_PASSWD_FILE,                /* path */
	SETTING_AUTH_ALLOW_PLAINTEXT_LOOPBACK,   /* bool */
	SETTING_AUTH_FAILED_LOGIN_DELAY,         /* duration */
	SETTING_AUTH_UNAUTHENTICATE,             /* bool */
	SETTING_LIMITS_APPEND_LIMIT,             /* size */
	SETTING_LIMITS_COMMAND_LIMIT,            /* size */
	SETTING_LIMITS_SEARCH_MAX_TIME,          /* duration */
	SETTING_LIMITS_SEARCHES_PER_USER,        /* int */
	SETTING_METADATA_ADMIN,                  /* string */
	SETTING_METADATA_COMMENT,                /* string */
	SETTING_METADATA_SHARED_FILTERS,         /* path */
	SETTING_INDEX_INDEXER_MEMORY,            /* size */
	SETTING_INDEX_COMMIT_INTERVAL,           /* duration */
	SETTING_INDEX_COMPRESS,                  /* choice */
	SETTING_INDEX_INDEXER_PATH,              /* path */
	SETTING_HTTP_LISTEN,                     /* addresses */
	SETTING_HTTP_TOKEN_FILE,                 /* path */
	SETTING_LOG_LEVEL,                       /* choice */
	SETTING_LOG_STYLE,                       /* choice */
	N_SETTINGS
} SettingId;

typedef enum {
	SETTING_TYPE_STRING,
	SETTING_TYPE_PATH,   /* absolute */
	SETTING_TYPE_CHOICE, /* one of a few words */
	SETTING_TYPE_BOOL,   /* yes, true, on, 1; no, false, off, 0 */
	SETTING_TYPE_INT,
	SETTING_TYPE_SIZE,      /* bytes; with k, M or G behind it times 1024, 1024^2, 1024^3 */
	SETTING_TYPE_DURATION,  /* with its unit: ms, s, m, h, d */
	SETTING_TYPE_ADDRESSES, /* separated by commas: 127.0.0.1:143, [::1]:143, *:143, unix:/run/x */
} SettingType;

/* Where a server listens. Names of hosts are not taken: what they mean changes, and at boot there may be
 * no resolver. */
typedef struct {
	char *text;   /* as in the file, without white space around it */
	char *path;   /* of a Unix socket, absolute; else NULL */
	char *host;   /* numeric IPv4 or IPv6, without brackets; NULL: all addresses of both ("*") */
	guint16 port; /* 0: the kernel picks one (for tests) */
} ListenAddress;

/* Where the file is if nobody says otherwise. */
const char *settings_default_path(void);

typedef struct Settings Settings;

/* Every setting at its default. */
Settings *settings_new(void);

/* Reads the file at @path. @overrides, which may be NULL, is a NULL-terminated list of `group.key=value`
 * (from the command line) that count instead of what the file says. Returns NULL and sets @error
 * (SETTINGS_ERROR). */
Settings *settings_load(const char *path, const char *const *overrides, GError **error);

/* The same for the @len bytes at @text; @name stands for the file in messages. */
Settings *settings_parse(
	const char *text, gsize len, const char *name, const char *const *overrides, GError **error);

void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

/* Values; each function for the settings of its types only (asserted). What they return lives as long as
 * @settings. */
const char *settings_string(
	const Settings *settings, SettingId id); /* string, path, choice; "" where not set */
gboolean settings_bool(const Settings *settings, SettingId id);
int settings_int(const Settings *settings, SettingId id);
guint64 settings_bytes(const Settings *settings, SettingId id); /* size */
gint64 settings_ms(const Settings *settings, SettingId id);     /* duration, in milliseconds */
const ListenAddress *settings_addresses(const Settings *settings, SettingId id, gsize *n_out);

/* Whether the file or an override gave a value. */
gboolean settings_is_set(const Settings *settings, SettingId id);

/* About the table, for documentation and its test. */
const char *setting_group(SettingId id);
const char *setting_key(SettingId id);
SettingType setting_type(SettingId id);
const char *setting_default(SettingId id); /* as it would be written in the file */

/* Appends all settings with their values as a file that settings_parse() reads back to the same; where
 * @verbose, with a comment for each that says what it is, its range and its default. */
void settings_describe(const Settings *settings, gboolean verbose, GString *out);

/* Reads numbers with units as the file has them; for command lines. FALSE and @error
 * (SETTINGS_ERROR_INVALID) for others. */
gboolean settings_parse_size(const char *text, guint64 *bytes_out, GError **error);
gboolean settings_parse_duration(const char *text, gint64 *ms_out, GError **error);

G_END_DECLS
