#pragma once

/* Between settings.c (the table, and what is asked of a Settings), settings-parse.c (the file) and
 * settings-value.c (single values). */

#include "base/settings.h"

G_BEGIN_DECLS

typedef struct {
	const char *group;
	const char *key;
	SettingType type;
	const char *fallback; /* the default, as it would be in the file */
	gint64 min, max;      /* of numbers, in their unit of account: bytes, milliseconds */
	const char *choices;  /* of SETTING_TYPE_CHOICE: words with '|' between them */
	const char *about;    /* one or two sentences, for people */
} SettingRow;

typedef struct {
	char *text; /* owned: as in the file, escapes undone, without white space around it */
	gint64 number;
	ListenAddress *addresses; /* owned */
	gsize n_addresses;
	gboolean is_set;
	guint line; /* where; 0: by default or override */
} SettingValue;

struct Settings {
	SettingValue values[N_SETTINGS];
};

const SettingRow *setting_row(SettingId id);

/* N_SETTINGS where there is none. Lengths so that names need not be cut out first. */
SettingId setting_find(const char *group, gsize group_len, const char *key, gsize key_len);

/* Sets @value to what @text (of @row's type) means. On failure @value is as before, and @error tells what
 * the text should look like, without naming setting or file. */
gboolean setting_value_parse(SettingValue *value, const SettingRow *row, const char *text, GError **error);
void setting_value_clear(SettingValue *value);

/* Appends a number in the largest unit that divides it: 50M, 30m. */
void setting_append_size(GString *out, guint64 bytes);
void setting_append_duration(GString *out, gint64 ms);

G_END_DECLS
