/* Special uses of mailboxes (RFC 6154). A mailbox may have several, a use has one mailbox. Column mailbox.special_use has them with one space
 * between, in the order of the table here, or NULL. */
#include "store/account-private.h"

#include <string.h>

/* RFC 6154 section 2, those that a real mailbox can have; and the names that get them when nobody says so. */
static const struct {
	const char *use, *name;
} special_uses[] = {
	{ "\\Archive", "Archive" },
	{ "\\Drafts", "Drafts" },
	{ "\\Junk", "Junk" },
	{ "\\Sent", "Sent" },
	{ "\\Trash", "Trash" },
};

/* SQL: whether ?1, one use, is among those of a row. Each begins with "\". */
#define HAS_USE "instr(special_use||' ', ?1||' ')>0"

static gboolean find_use(const char *text, guint *set, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(special_uses); i++) {
		if (g_ascii_strcasecmp(text, special_uses[i].use) == 0) {
			*set |= 1u << i;
			return TRUE;
		}
	}
	g_set_error(error, STORE_ERROR, STORE_ERROR_SPECIAL_USE, "No mailbox can have the special use %.40s",
		*text != '\0' ? text : "of no name");
	return FALSE;
}

gboolean special_uses_parse(const char *text, char **uses_out, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	guint set = 0;
	for (guint i = 0; i == 0 || words[i] != NULL; i++)
		if (!find_use(words[i] != NULL ? words[i] : "", &set, error))
			return FALSE;
	GString *uses = g_string_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(special_uses); i++)
		if ((set & 1u << i) != 0)
			g_string_append_printf(uses, "%s%s", uses->len > 0 ? " " : "", special_uses[i].use);
	*uses_out = g_string_free(uses, FALSE);
	return TRUE;
}

gboolean special_use_owner(Db *db, const char *use, char **owner_out, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure, "SELECT name FROM mailbox WHERE " HAS_USE, DB_TEXT(use));
	char *owner = rows != NULL && db_next(rows, &failure) ? g_strdup(db_column_text(rows, 0)) : NULL;
	if (failure == NULL) {
		*owner_out = owner;
		return TRUE;
	}
	g_free(owner);
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

gboolean special_use_of_name(Db *db, const char *name, const char **use_out, GError **error)
{
	*use_out = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(special_uses); i++) {
		if (g_ascii_strcasecmp(name, special_uses[i].name) != 0)
			continue;
		g_autofree char *owner = NULL;
		if (!special_use_owner(db, special_uses[i].use, &owner, error))
			return FALSE;
		*use_out = owner == NULL ? special_uses[i].use : NULL;
	}
	return TRUE;
}

gboolean special_uses_are_free(Db *db, const char *uses, GError **error)
{
	g_auto(GStrv) each = g_strsplit(uses, " ", -1);
	for (guint i = 0; each[i] != NULL; i++) {
		g_autofree char *owner = NULL;
		if (!special_use_owner(db, each[i], &owner, error))
			return FALSE;
		if (owner == NULL)
			continue;
		g_set_error(error, STORE_ERROR, STORE_ERROR_SPECIAL_USE,
			"The mailbox %.200s has the special use %s", owner, each[i]);
		return FALSE;
	}
	return TRUE;
}

gboolean special_use_drop(Db *db, const char *use, GError **error)
{
	return db_run(db, error,
		"UPDATE mailbox SET special_use=nullif(trim(replace(special_use||' ', ?1||' ', '')), '') WHERE " HAS_USE,
		DB_TEXT(use));
}
