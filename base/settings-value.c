#include "base/settings-private.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

static const struct {
	const char *name;
	gint64 size;
} size_units[] = { { "G", 1024 * 1024 * 1024 }, { "M", 1024 * 1024 }, { "k", 1024 } },
  duration_units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

G_GNUC_PRINTF(2, 3)
static gboolean refuse(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, SETTINGS_ERROR, SETTINGS_ERROR_INVALID, message);
	return FALSE;
}

/* Digits, and nothing in front of them; what follows goes to @rest_out. FALSE for none and for too many. */
static gboolean parse_digits(const char *text, guint64 *number_out, const char **rest_out)
{
	gsize n = strspn(text, "0123456789");

	if (n == 0 || n > 18)
		return FALSE;
	*number_out = g_ascii_strtoull(text, NULL, 10);
	*rest_out = text + n;
	return TRUE;
}

static gboolean multiply(guint64 number, gint64 unit, gint64 *product_out)
{
	return number <= G_MAXINT64 && !__builtin_mul_overflow((gint64)number, unit, product_out);
}

gboolean settings_parse_size(const char *text, guint64 *bytes_out, GError **error)
{
	guint64 number;
	const char *rest;
	gint64 unit = 0, bytes;

	if (parse_digits(text, &number, &rest)) {
		if (*rest == '\0')
			unit = 1;
		for (gsize i = 0; i < G_N_ELEMENTS(size_units); i++) {
			if (g_ascii_strcasecmp(rest, size_units[i].name) == 0)
				unit = size_units[i].size;
		}
	}
	if (unit == 0 || !multiply(number, unit, &bytes))
		return refuse(
			error, "'%s' is no size: write bytes, or a number with k, M or G, as in 50M", text);
	*bytes_out = (guint64)bytes;
	return TRUE;
}

gboolean settings_parse_duration(const char *text, gint64 *ms_out, GError **error)
{
	guint64 number;
	const char *rest;
	gint64 unit = 0, ms;

	if (parse_digits(text, &number, &rest)) {
		/* Of nothing no unit is asked. */
		if (*rest == '\0' && number == 0)
			unit = 1;
		for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++) {
			if (strcmp(rest, duration_units[i].name) == 0)
				unit = duration_units[i].size;
		}
	}
	if (unit == 0 || !multiply(number, unit, &ms))
		return refuse(
			error, "'%s' is no duration: write a number with ms, s, m, h or d, as in 30m", text);
	*ms_out = ms;
	return TRUE;
}

void setting_append_size(GString *out, guint64 bytes)
{
	for (gsize i = 0; i < G_N_ELEMENTS(size_units); i++) {
		guint64 unit = (guint64)size_units[i].size;
		/* The largest size that 32 bits can tell is a bound, and reads better with its unit. */
		if (bytes > 0 && (bytes % unit == 0 || (bytes + 1) % unit == 0)) {
			g_string_append_printf(out, "%" G_GUINT64_FORMAT "%s%s",
				bytes % unit == 0 ? bytes / unit : (bytes + 1) / unit, size_units[i].name,
				bytes % unit == 0 ? "" : " less one byte");
			return;
		}
	}
	g_string_append_printf(out, "%" G_GUINT64_FORMAT, bytes);
}

void setting_append_duration(GString *out, gint64 ms)
{
	for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++) {
		if (ms > 0 && ms % duration_units[i].size == 0) {
			g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", ms / duration_units[i].size,
				duration_units[i].name);
			return;
		}
	}
	g_string_append_c(out, '0');
}

static gboolean parse_bool(const char *text, gint64 *number_out, GError **error)
{
	static const char *const words[2][4] = { { "no", "false", "off", "0" },
		{ "yes", "true", "on", "1" } };

	for (int value = 0; value < 2; value++) {
		for (gsize i = 0; i < G_N_ELEMENTS(words[value]); i++) {
			if (strcmp(text, words[value][i]) == 0) {
				*number_out = value;
				return TRUE;
			}
		}
	}
	return refuse(error, "'%s' is neither yes nor no", text);
}

static gboolean parse_choice(const char *text, const SettingRow *row, GError **error)
{
	g_auto(GStrv) choices = g_strsplit(row->choices, "|", -1);

	if (g_strv_contains((const char *const *)choices, text))
		return TRUE;
	g_autofree char *all = g_strjoinv(", ", choices);
	return refuse(error, "'%s' is none of: %s", text, all);
}

static gboolean parse_int(const char *text, gint64 *number_out, GError **error)
{
	if (!g_ascii_string_to_signed(text, 10, G_MININT32, G_MAXINT32, number_out, NULL))
		return refuse(error, "'%s' is no whole number", text);
	return TRUE;
}

/* Bounds in the words of the file: "at least 30m". */
static gboolean check_range(gint64 number, const SettingRow *row, const char *text, GError **error)
{
	if (number >= row->min && number <= row->max)
		return TRUE;
	g_autoptr(GString) bound = g_string_new(NULL);
	gint64 broken = number < row->min ? row->min : row->max;
	if (row->type == SETTING_TYPE_SIZE)
		setting_append_size(bound, (guint64)broken);
	else if (row->type == SETTING_TYPE_DURATION)
		setting_append_duration(bound, broken);
	else
		g_string_append_printf(bound, "%" G_GINT64_FORMAT, broken);
	return refuse(error, "%s is too %s: %s %s", text, number < row->min ? "little" : "much",
		number < row->min ? "at least" : "at most", bound->str);
}

static void address_clear(ListenAddress *address)
{
	g_free(address->text);
	g_free(address->path);
	g_free(address->host);
	*address = (ListenAddress){ 0 };
}

static gboolean parse_port(const char *text, guint16 *port_out)
{
	guint64 number;
	const char *rest;

	if (!parse_digits(text, &number, &rest) || *rest != '\0' || number > G_MAXUINT16)
		return FALSE;
	*port_out = (guint16)number;
	return TRUE;
}

/* @address is empty before, and to be cleared by the caller in any case. */
static gboolean parse_address(const char *text, ListenAddress *address, GError **error)
{
	guint8 binary[sizeof(struct in6_addr)];

	address->text = g_strdup(text);
	if (g_str_has_prefix(text, "unix:")) {
		const char *path = text + strlen("unix:");
		if (path[0] != '/')
			return refuse(error, "'%s': the path of a socket begins with a slash", text);
		if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
			return refuse(error, "'%s': the path of a socket has at most %zu bytes", text,
				sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
		address->path = g_strdup(path);
		return TRUE;
	}
	const char *colon = strrchr(text, ':');
	if (colon == NULL || !parse_port(colon + 1, &address->port))
		return refuse(
			error, "'%s' has no port: write 127.0.0.1:143, [::1]:143, *:143 or unix:/path", text);
	g_autofree char *host = g_strndup(text, (gsize)(colon - text));
	gsize len = strlen(host);
	if (strcmp(host, "*") == 0)
		return TRUE;
	if (inet_pton(AF_INET, host, binary) == 1) {
		address->host = g_steal_pointer(&host);
		return TRUE;
	}
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		address->host = g_strndup(host + 1, len - 2);
		if (inet_pton(AF_INET6, address->host, binary) == 1)
			return TRUE;
	}
	if (inet_pton(AF_INET6, host, binary) == 1)
		return refuse(error, "'%s': an IPv6 address has brackets around it, as in [::1]:143", text);
	return refuse(error, "'%s' is no numeric address; names are not looked up", host);
}

static gboolean parse_addresses(SettingValue *value, const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	guint n = text[0] == '\0' ? 0 : g_strv_length(parts);

	if (n > LIMIT_LISTEN_ADDRESSES)
		return refuse(error, "%u addresses are too many: at most %d", n, LIMIT_LISTEN_ADDRESSES);
	g_autofree ListenAddress *addresses = g_new0(ListenAddress, n + 1);
	for (guint i = 0; i < n; i++) {
		if (!parse_address(g_strstrip(parts[i]), &addresses[i], error)) {
			for (guint k = 0; k <= i; k++)
				address_clear(&addresses[k]);
			return FALSE;
		}
	}
	value->addresses = g_steal_pointer(&addresses);
	value->n_addresses = n;
	return TRUE;
}

void setting_value_clear(SettingValue *value)
{
	for (gsize i = 0; i < value->n_addresses; i++)
		address_clear(&value->addresses[i]);
	g_free(value->addresses);
	g_free(value->text);
	*value = (SettingValue){ 0 };
}

gboolean setting_value_parse(SettingValue *value, const SettingRow *row, const char *text, GError **error)
{
	SettingValue parsed = { 0 };
	gboolean ok = TRUE;

	for (const char *p = text; *p != '\0'; p++) {
		if (g_ascii_iscntrl(*p))
			return refuse(error, "there is a control character in the value");
	}
	switch (row->type) {
	case SETTING_TYPE_STRING:
		break;
	case SETTING_TYPE_PATH:
		if (text[0] != '\0' && text[0] != '/')
			ok = refuse(error, "'%s' is no absolute path: it begins with a slash", text);
		break;
	case SETTING_TYPE_CHOICE:
		ok = parse_choice(text, row, error);
		break;
	case SETTING_TYPE_BOOL:
		ok = parse_bool(text, &parsed.number, error);
		break;
	case SETTING_TYPE_INT:
		ok = parse_int(text, &parsed.number, error) && check_range(parsed.number, row, text, error);
		break;
	case SETTING_TYPE_SIZE: {
		guint64 bytes = 0;
		ok = settings_parse_size(text, &bytes, error) && check_range((gint64)bytes, row, text, error);
		parsed.number = (gint64)bytes;
		break;
	}
	case SETTING_TYPE_DURATION:
		ok = settings_parse_duration(text, &parsed.number, error) &&
			check_range(parsed.number, row, text, error);
		break;
	case SETTING_TYPE_ADDRESSES:
		ok = parse_addresses(&parsed, text, error);
		break;
	}
	if (!ok)
		return FALSE;
	parsed.text = g_strdup(text);
	setting_value_clear(value);
	*value = parsed;
	return TRUE;
}
