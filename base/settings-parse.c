/* Reading the configuration file. GKeyFile's syntax, but not GKeyFile: that takes the last of two equal
 * keys without a word and knows no line numbers. The lines are few and simple. */

#include "base/settings-private.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (16 * 1024)

/* The errors of one file, in the order of their discovery. */
typedef struct {
	const char *name; /* of the file */
	GString *text;    /* owned */
	guint n;
} Complaints;

G_GNUC_PRINTF(3, 4)
static void complain(Complaints *complaints, guint line, const char *format, ...)
{
	va_list args;

	if (complaints->n++ >= LIMIT_SETTINGS_ERRORS)
		return;
	if (complaints->text->len > 0)
		g_string_append_c(complaints->text, '\n');
	if (line > 0)
		g_string_append_printf(complaints->text, "%s:%u: ", complaints->name, line);
	va_start(args, format);
	g_string_append_vprintf(complaints->text, format, args);
	va_end(args);
}

/* How many letters to insert, delete or change: for the suggestion after a typing error. */
static guint edit_distance(const char *a, const char *b)
{
	gsize a_len = strlen(a), b_len = strlen(b);
	g_autofree guint *row = g_new(guint, b_len + 1);

	for (gsize k = 0; k <= b_len; k++)
		row[k] = (guint)k;
	for (gsize i = 1; i <= a_len; i++) {
		guint diagonal = row[0];
		row[0] = (guint)i;
		for (gsize k = 1; k <= b_len; k++) {
			guint replaced = diagonal + (a[i - 1] != b[k - 1]);
			diagonal = row[k];
			row[k] = MIN(replaced, MIN(row[k], row[k - 1]) + 1);
		}
	}
	return row[b_len];
}

static gboolean group_exists(const char *group)
{
	for (int id = 0; id < N_SETTINGS; id++) {
		if (strcmp(setting_group((SettingId)id), group) == 0)
			return TRUE;
	}
	return FALSE;
}

static void complain_of_unknown(Complaints *complaints, guint line, const char *group, const char *key)
{
	SettingId nearest = N_SETTINGS;
	/* Two letters wrong may be a typing error, more is another word; the same group wins. */
	guint best = 2 * 3;

	for (int id = 0; id < N_SETTINGS && strlen(key) < 100; id++) {
		guint distance = 2 * edit_distance(key, setting_key((SettingId)id)) +
			(strcmp(group, setting_group((SettingId)id)) != 0);
		if (distance < best) {
			best = distance;
			nearest = (SettingId)id;
		}
	}
	if (nearest == N_SETTINGS)
		complain(complaints, line, "there is no key '%s' in [%s]", key, group);
	else
		complain(complaints, line, "there is no key '%s' in [%s]; is it '%s' in [%s]?", key, group,
			setting_key(nearest), setting_group(nearest));
}

/* Undoes GKeyFile's escapes. NULL for others. */
static char *unescape(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p++) {
		if (*p != '\\') {
			g_string_append_c(out, *p);
			continue;
		}
		static const char letters[] = "sntr\\", meanings[] = " \n\t\r\\";
		const char *at = p[1] != '\0' ? strchr(letters, p[1]) : NULL;
		if (at == NULL)
			return NULL;
		g_string_append_c(out, meanings[at - letters]);
		p++;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* @raw has no white space around it. @line is 0 for an override, whose message has no place. */
static void set(Settings *settings, Complaints *complaints, guint line, SettingId id, const char *raw)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = unescape(raw);
	SettingValue *value = &settings->values[id];

	if (text == NULL) {
		complain(complaints, line,
			"%s.%s: a backslash is written \\\\; known are also \\s \\n \\t \\r",
			setting_group(id), setting_key(id));
		return;
	}
	if (!setting_value_parse(value, setting_row(id), text, &error)) {
		complain(complaints, line, "%s.%s: %s", setting_group(id), setting_key(id), error->message);
		return;
	}
	value->is_set = TRUE;
	value->line = line;
}

typedef struct {
	Settings *settings;
	Complaints complaints;
	char *group; /* owned; NULL before the first */
	gboolean group_known;
	guint seen_at[N_SETTINGS]; /* line of the first, also if its value was refused */
} Parser;

static void parse_group(Parser *parser, guint line, const char *text)
{
	gsize len = strlen(text);

	g_clear_pointer(&parser->group, g_free);
	parser->group_known = FALSE;
	if (len < 3 || text[len - 1] != ']') {
		complain(&parser->complaints, line, "a group is written [name]");
		/* What follows belongs to a group that nobody knows; it is not complained of as well. */
		parser->group = g_strdup("");
		return;
	}
	parser->group = g_strndup(text + 1, len - 2);
	parser->group_known = group_exists(parser->group);
	if (!parser->group_known)
		complain(&parser->complaints, line, "there is no group [%s]", parser->group);
}

static void parse_key(Parser *parser, guint line, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text) {
		complain(&parser->complaints, line,
			"neither a group ([name]), nor 'key = value', nor a comment ('#' at the beginning)");
		return;
	}
	*equals = '\0';
	const char *key = g_strchomp(text);
	const char *raw = g_strchug(equals + 1);
	if (parser->group == NULL) {
		complain(&parser->complaints, line, "'%s' comes before the first [group]", key);
		return;
	}
	if (!parser->group_known)
		return;
	SettingId id = setting_find(parser->group, strlen(parser->group), key, strlen(key));
	if (id == N_SETTINGS) {
		complain_of_unknown(&parser->complaints, line, parser->group, key);
	} else if (parser->seen_at[id] != 0) {
		complain(&parser->complaints, line, "'%s' is in [%s] already, at line %u", key, parser->group,
			parser->seen_at[id]);
	} else {
		parser->seen_at[id] = line;
		set(parser->settings, &parser->complaints, line, id, raw);
	}
}

static void parse_line(Parser *parser, guint line, const char *bytes, gsize len)
{
	if (len > LIMIT_SETTINGS_LINE) {
		complain(&parser->complaints, line, "the line is longer than %d bytes", LIMIT_SETTINGS_LINE);
		return;
	}
	if (!g_utf8_validate(bytes, (gssize)len, NULL)) {
		complain(&parser->complaints, line, "the line is not UTF-8");
		return;
	}
	g_autofree char *copy = g_strndup(bytes, len);
	char *text = g_strstrip(copy);
	if (text[0] == '\0' || text[0] == '#')
		return;
	if (text[0] == '[')
		parse_group(parser, line, text);
	else
		parse_key(parser, line, text);
}

static void apply_override(Parser *parser, const char *override)
{
	const char *equals = strchr(override, '=');
	const char *dot = equals != NULL ? memchr(override, '.', (gsize)(equals - override)) : NULL;
	SettingId id = N_SETTINGS;

	if (dot != NULL)
		id = setting_find(override, (gsize)(dot - override), dot + 1, (gsize)(equals - dot - 1));
	if (id == N_SETTINGS) {
		complain(&parser->complaints, 0, "'%s': there is no such setting; write group.key=value",
			override);
		return;
	}
	if (!g_utf8_validate(equals + 1, -1, NULL)) {
		complain(&parser->complaints, 0, "%s.%s: the value is not UTF-8", setting_group(id),
			setting_key(id));
		return;
	}
	g_autofree char *raw = g_strdup(equals + 1);
	set(parser->settings, &parser->complaints, 0, id, g_strstrip(raw));
}

static gboolean has_text(const Settings *settings, SettingId id)
{
	return settings->values[id].text[0] != '\0';
}

/* Whether @a and @b name one folder. Their ends only: what symbolic links do is not the file's matter. */
static gboolean same_path(const char *a, const char *b)
{
	g_autofree char *canonical_a = g_canonicalize_filename(a, "/");
	g_autofree char *canonical_b = g_canonicalize_filename(b, "/");

	return strcmp(canonical_a, canonical_b) == 0;
}

/* Whether only this machine can connect to it. */
static gboolean is_local(const ListenAddress *address)
{
	return address->path != NULL ||
		(address->host != NULL &&
			(g_str_has_prefix(address->host, "127.") || strcmp(address->host, "::1") == 0));
}

/* What concerns more than one setting, or its meaning. */
static void check_together(Parser *parser)
{
	const Settings *settings = parser->settings;
	const SettingValue *values = settings->values;
	Complaints *complaints = &parser->complaints;

	if (has_text(settings, SETTING_SERVER_TLS_KEY) && !has_text(settings, SETTING_SERVER_TLS_CERT))
		complain(complaints, values[SETTING_SERVER_TLS_KEY].line,
			"server.tls_key needs server.tls_cert");
	if (values[SETTING_SERVER_LISTEN_IMAPS].n_addresses > 0 &&
		!has_text(settings, SETTING_SERVER_TLS_CERT))
		complain(complaints, values[SETTING_SERVER_LISTEN_IMAPS].line,
			"server.listen_imaps needs server.tls_cert");
	const SettingValue *http = &values[SETTING_HTTP_LISTEN];
	for (gsize i = 0; i < http->n_addresses; i++) {
		/* It has no TLS: a proxy that has may stand in front. */
		if (!is_local(&http->addresses[i]))
			complain(complaints, http->line,
				"http.listen: '%s' is neither a loopback address nor a Unix socket",
				http->addresses[i].text);
	}
	static const SettingId needed[] = { SETTING_STORE_MAIL_ROOT, SETTING_STORE_INDEX_ROOT,
		SETTING_AUTH_PASSWD_FILE, SETTING_INDEX_INDEXER_PATH };
	for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
		if (!has_text(settings, needed[i]))
			complain(complaints, values[needed[i]].line, "%s.%s may not be empty",
				setting_group(needed[i]), setting_key(needed[i]));
	}
	/* An index may be deleted; nobody should delete mail with it. */
	if (same_path(values[SETTING_STORE_MAIL_ROOT].text, values[SETTING_STORE_INDEX_ROOT].text))
		complain(complaints, values[SETTING_STORE_INDEX_ROOT].line,
			"store.index_root and store.mail_root are the same folder");
}

Settings *settings_parse(
	const char *text, gsize len, const char *name, const char *const *overrides, GError **error)
{
	g_autoptr(Settings) settings = settings_new();
	Parser parser = { .settings = settings, .complaints = { .name = name, .text = g_string_new(NULL) } };
	const char *at = text, *end = text + len;
	guint line = 0;

	if (len > LIMIT_SETTINGS_BYTES) {
		complain(&parser.complaints, 1, "the file is larger than %d bytes", LIMIT_SETTINGS_BYTES);
		at = end;
	}
	while (at < end) {
		const char *newline = memchr(at, '\n', (gsize)(end - at));
		const char *line_end = newline != NULL ? newline : end;
		parse_line(&parser, ++line, at, (gsize)(line_end - at));
		at = newline != NULL ? newline + 1 : end;
	}
	for (; overrides != NULL && *overrides != NULL; overrides++)
		apply_override(&parser, *overrides);
	/* Values that were refused are at their defaults; of those nothing more can be said. */
	if (parser.complaints.n == 0)
		check_together(&parser);

	guint n = parser.complaints.n;
	if (n > LIMIT_SETTINGS_ERRORS)
		g_string_append_printf(
			parser.complaints.text, "\n%s: and %u more", name, n - LIMIT_SETTINGS_ERRORS);
	if (n > 0)
		g_set_error_literal(
			error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID, parser.complaints.text->str);
	g_string_free(parser.complaints.text, TRUE);
	g_free(parser.group);
	return n == 0 ? g_steal_pointer(&settings) : NULL;
}

/* At most one byte more than a configuration may have, so that settings_parse() sees that it is too large. */
static GString *read_file(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	gssize n = fd < 0 ? -1 : 0;
	g_autoptr(GString) text = g_string_new(NULL);

	int saved_errno = errno;
	while (fd >= 0 && text->len <= LIMIT_SETTINGS_BYTES) {
		gsize before = text->len;
		g_string_set_size(text, before + READ_SIZE);
		n = read(fd, text->str + before, READ_SIZE);
		saved_errno = errno;
		g_string_truncate(text, before + (gsize)MAX(n, 0));
		if (n == 0 || (n < 0 && saved_errno != EINTR))
			break;
	}
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		g_set_error(error, SETTINGS_ERROR, SETTINGS_ERROR_UNREADABLE, "%s: %s", path,
			g_strerror(saved_errno));
		return NULL;
	}
	return g_steal_pointer(&text);
}

Settings *settings_load(const char *path, const char *const *overrides, GError **error)
{
	g_autoptr(GString) text = read_file(path, error);

	return text != NULL ? settings_parse(text->str, text->len, path, overrides, error) : NULL;
}
