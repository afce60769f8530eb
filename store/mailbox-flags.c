/* STORE, and the numbers of keywords and of sets of them. */
#include "store/account-private.h"

#include "base/limits.h"

#include <string.h>

/* -- Keywords ---------------------------------------------------------------------------------------------------------- */

/* RFC 9051 section 9: flag-keyword is an atom. */
gboolean keywords_check(const char *const *keywords, GError **error)
{
	for (gsize i = 0; keywords != NULL && keywords[i] != NULL; i++) {
		gsize len = strlen(keywords[i]);
		gboolean ok = len >= 1 && len <= LIMIT_KEYWORD_LENGTH;
		for (const char *p = keywords[i]; ok && *p != '\0'; p++)
			ok = *p > ' ' && *p < 0x7f && strchr("(){%*\"\\]", *p) == NULL;
		if (!ok) {
			g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT,
				"A keyword is an atom of at most " G_STRINGIFY(
					LIMIT_KEYWORD_LENGTH) " characters");
			return FALSE;
		}
	}
	return TRUE;
}

/* -1: there is none of that name, and it is not to be made. */
static gboolean keyword_number(
	Db *db, gint64 mailbox, const char *name, gboolean make, gint64 *number_out, GError **error)
{
	gint64 number;
	gboolean found;
	if (!db_get_int(db, error, &number, &found, "SELECT id FROM keyword WHERE mailbox=? AND name=?",
		    DB_INT(mailbox), DB_TEXT(name)))
		return FALSE;
	if (!found && !make)
		number = -1;
	else if (!found &&
		(!db_get_int(db, error, &number, NULL,
			 "SELECT ifnull(max(id)+1,0) FROM keyword WHERE mailbox=?", DB_INT(mailbox)) ||
			!db_run(db, error, "INSERT INTO keyword VALUES (?,?,?)", DB_INT(mailbox),
				DB_INT(number), DB_TEXT(name))))
		return FALSE;
	*number_out = number;
	return TRUE;
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
	guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
	return x < y ? -1 : x > y;
}

#define number_at(numbers, i) g_array_index(numbers, guint32, i)

static void sort_numbers(GArray *numbers)
{
	guint n = 0;
	g_array_sort(numbers, compare_numbers);
	for (guint i = 0; i < numbers->len; i++)
		if (n == 0 || number_at(numbers, n - 1) != number_at(numbers, i))
			number_at(numbers, n++) = number_at(numbers, i);
	g_array_set_size(numbers, n);
}

/* The numbers of @keywords, ascending, each once; with @make, new ones get theirs, else they are left out. NULL on
 * failure. */
static GArray *keyword_numbers(
	Db *db, gint64 mailbox, const char *const *keywords, gboolean make, GError **error)
{
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (gsize i = 0; keywords != NULL && keywords[i] != NULL; i++) {
		gint64 known;
		if (!keyword_number(db, mailbox, keywords[i], make, &known, error))
			return NULL;
		guint32 number = (guint32)known;
		if (known >= 0)
			g_array_append_val(numbers, number);
	}
	sort_numbers(numbers);
	return g_steal_pointer(&numbers);
}

static gboolean set_for_numbers(Db *db, gint64 mailbox, GArray *numbers, guint32 *set_out, GError **error)
{
	gint64 set;
	gboolean found;
	if (numbers->len == 0) {
		*set_out = 0;
		return TRUE;
	}
	g_autoptr(GString) members = g_string_new(NULL);
	for (guint i = 0; i < numbers->len; i++)
		g_string_append_printf(members, "%s%u", i > 0 ? " " : "", number_at(numbers, i));
	if (!db_get_int(db, error, &set, &found, "SELECT id FROM keyword_set WHERE mailbox=? AND members=?",
		    DB_INT(mailbox), DB_TEXT(members->str)))
		return FALSE;
	if (!found &&
		(!db_get_int(db, error, &set, NULL,
			 "SELECT ifnull(max(id),0)+1 FROM keyword_set WHERE mailbox=?", DB_INT(mailbox)) ||
			!db_run(db, error, "INSERT INTO keyword_set VALUES (?,?,?)", DB_INT(mailbox),
				DB_INT(set), DB_TEXT(members->str))))
		return FALSE;
	*set_out = (guint32)set;
	return TRUE;
}

GArray *keyword_set_numbers(Db *db, gint64 mailbox, guint32 set, GError **error)
{
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (set == 0)
		return g_steal_pointer(&numbers);
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT members FROM keyword_set WHERE mailbox=? AND id=?", DB_INT(mailbox), DB_INT(set));
	if (rows != NULL && db_next(rows, &failure)) {
		g_auto(GStrv) members = g_strsplit(db_column_text(rows, 0), " ", -1);
		for (gsize i = 0; members[i] != NULL; i++) {
			guint32 number = (guint32)g_ascii_strtoull(members[i], NULL, 10);
			g_array_append_val(numbers, number);
		}
	}
	if (failure == NULL)
		return g_steal_pointer(&numbers);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

gboolean keyword_set_for_names(
	Db *db, gint64 mailbox, const char *const *keywords, guint32 *set_out, GError **error)
{
	g_autoptr(GArray) numbers = keyword_numbers(db, mailbox, keywords, TRUE, error);
	return numbers != NULL && set_for_numbers(db, mailbox, numbers, set_out, error);
}

gboolean keyword_set_translate(Db *db, gint64 from, guint32 set, gint64 to, guint32 *set_out, GError **error)
{
	if (from == to || set == 0) {
		*set_out = set;
		return TRUE;
	}
	g_autoptr(GArray) numbers = keyword_set_numbers(db, from, set, error);
	if (numbers == NULL)
		return FALSE;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < numbers->len; i++) {
		g_autoptr(GError) failure = NULL;
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT name FROM keyword WHERE mailbox=? AND id=?",
				DB_INT(from), DB_INT(number_at(numbers, i)));
		if (rows != NULL && db_next(rows, &failure))
			g_ptr_array_add(names, g_strdup(db_column_text(rows, 0)));
		if (failure != NULL) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return FALSE;
		}
	}
	g_ptr_array_add(names, NULL);
	return keyword_set_for_names(db, to, (const char *const *)names->pdata, set_out, error);
}

/* -- STORE ------------------------------------------------------------------------------------------------------------- */

typedef struct {
	Mailbox *mailbox;
	const UidSet *uids;
	FlagsOp op;
	MessageFlags flags;
	const char *const *keywords;
	gint64 unchanged_since;
	UidSet *modified; /* owned */
	gboolean changed;
} StoreFlags;

static gboolean find_modified(Db *db, StoreFlags *change, UidRange range, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT uid FROM message WHERE mailbox=? AND uid BETWEEN ? AND ? AND +modseq>? ORDER BY uid",
		DB_INT(change->mailbox->id), DB_INT(range.first), DB_INT(range.last),
		DB_INT(change->unchanged_since));
	while (rows != NULL && db_next(rows, &failure))
		uidset_add(change->modified, (guint32)db_column_int(rows, 0));
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

/* Of the messages of @range that have the keyword set @old (-1: any). Those that would not change keep their modseq. */
static gboolean update_range(
	Db *db, StoreFlags *change, UidRange range, gint64 old, gint64 new, guint64 modseq, GError **error)
{
	gint64 mask = change->op == FLAGS_REPLACE ? 0 : change->op == FLAGS_ADD ? -1 : ~(gint64)change->flags;
	gint64 set = change->op == FLAGS_REMOVE ? 0 : (gint64)change->flags;
	/* flags & mask | set; keywords become ?6 unless that is -1 */
	if (!db_run(db, error,
		    "UPDATE message SET flags=(flags&?4)|?5, keywords=iif(?6<0,keywords,?6), modseq=?7"
		    " WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 AND +modseq<=?8 AND (?9<0 OR keywords=?9)"
		    " AND (flags<>((flags&?4)|?5) OR (?6>=0 AND keywords<>?6))",
		    DB_INT(change->mailbox->id), DB_INT(range.first), DB_INT(range.last), DB_INT(mask),
		    DB_INT(set), DB_INT(new), DB_INT(modseq), DB_INT(change->unchanged_since), DB_INT(old)))
		return FALSE;
	if (sqlite3_changes(db_handle(db)) > 0)
		change->changed = TRUE;
	return TRUE;
}

/* The keyword sets of the messages in @range, each once. NULL on failure. */
static GArray *sets_in_range(Db *db, gint64 mailbox, UidRange range, GError **error)
{
	g_autoptr(GArray) sets = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT DISTINCT keywords FROM message WHERE mailbox=? AND uid BETWEEN ? AND ?",
		DB_INT(mailbox), DB_INT(range.first), DB_INT(range.last));
	while (rows != NULL && db_next(rows, &failure)) {
		guint32 set = (guint32)db_column_int(rows, 0);
		g_array_append_val(sets, set);
	}
	if (failure == NULL)
		return g_steal_pointer(&sets);
	g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

/* @set with @numbers added or removed. */
static gboolean changed_set(
	Db *db, StoreFlags *change, guint32 set, GArray *numbers, guint32 *set_out, GError **error)
{
	g_autoptr(GArray) members = keyword_set_numbers(db, change->mailbox->id, set, error);
	if (members == NULL)
		return FALSE;
	if (change->op == FLAGS_ADD) {
		g_array_append_vals(members, numbers->data, numbers->len);
		sort_numbers(members);
	} else {
		guint kept = 0;
		for (guint i = 0; i < members->len; i++) {
			guint32 number = number_at(members, i);
			gboolean remove = FALSE;
			for (guint k = 0; k < numbers->len; k++)
				remove = remove || number_at(numbers, k) == number;
			if (!remove)
				number_at(members, kept++) = number;
		}
		g_array_set_size(members, kept);
	}
	return set_for_numbers(db, change->mailbox->id, members, set_out, error);
}

/* Adding to or removing from sets: each old set becomes a new one. @mapped: old -> new + 1, for the next ranges. */
static gboolean update_keywords(Db *db, StoreFlags *change, UidRange range, GArray *numbers,
	GHashTable *mapped, guint64 modseq, GError **error)
{
	g_autoptr(GArray) sets = sets_in_range(db, change->mailbox->id, range, error);
	if (sets == NULL)
		return FALSE;
	g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (guint i = 0; i < sets->len; i++) {
		guint32 old = number_at(sets, i), new;
		gpointer known = g_hash_table_lookup(mapped, GUINT_TO_POINTER(old));
		if (known != NULL)
			new = GPOINTER_TO_UINT(known) - 1;
		else if (!changed_set(db, change, old, numbers, &new, error))
			return FALSE;
		(void)g_hash_table_insert(mapped, GUINT_TO_POINTER(old), GUINT_TO_POINTER(new + 1));
		g_array_append_val(targets, new);
	}
	/* A message changed for one set may be met again under another; the second change does nothing, since both
	 * operations are idempotent. */
	for (guint i = 0; i < sets->len; i++)
		if (!update_range(
			    db, change, range, number_at(sets, i), number_at(targets, i), modseq, error))
			return FALSE;
	return TRUE;
}

static gboolean store_flags(Db *db, gpointer data, GError **error)
{
	StoreFlags *change = data;
	MailboxState state;
	if (!mailbox_state_read(db, change->mailbox->id, &state, error))
		return FALSE;
	change->changed = FALSE;
	(void)mailbox_state_touch(&state);
	/* What is to be taken away is nothing to be known for (FLAGS has all that is known). */
	g_autoptr(GArray) numbers =
		keyword_numbers(db, state.id, change->keywords, change->op != FLAGS_REMOVE, error);
	if (numbers == NULL)
		return FALSE;
	guint32 replacement = 0;
	if (change->op == FLAGS_REPLACE && !set_for_numbers(db, state.id, numbers, &replacement, error))
		return FALSE;
	g_autoptr(GHashTable) mapped = g_hash_table_new(g_direct_hash, g_direct_equal);
	for (guint i = 0; i < uidset_n_ranges(change->uids); i++) {
		UidRange range = uidset_range(change->uids, i);
		gboolean ok = change->modified == NULL || find_modified(db, change, range, error);
		if (ok && change->op == FLAGS_REPLACE)
			ok = update_range(db, change, range, -1, replacement, state.highestmodseq, error);
		else if (ok && numbers->len == 0)
			ok = update_range(db, change, range, -1, -1, state.highestmodseq, error);
		else if (ok)
			ok = update_keywords(db, change, range, numbers, mapped, state.highestmodseq, error);
		if (!ok)
			return FALSE;
	}
	return !change->changed || mailbox_state_write(db, &state, error);
}

gboolean mailbox_store_flags(Mailbox *mailbox, const UidSet *uids, FlagsOp op, MessageFlags flags,
	const char *const *keywords, guint64 unchanged_since, UidSet **modified_out, GError **error)
{
	if (!keywords_check(keywords, error))
		return FALSE;
	gboolean conditional = unchanged_since < G_MAXINT64;
	StoreFlags change = {
		.mailbox = mailbox,
		.uids = uids,
		.op = op,
		.flags = flags,
		.keywords = keywords,
		.unchanged_since = conditional ? (gint64)unchanged_since : G_MAXINT64,
		.modified = conditional ? uidset_new() : NULL,
	};
	if (!account_write_always(mailbox->account, store_flags, &change, error)) {
		uidset_free(change.modified);
		return FALSE;
	}
	if (change.changed)
		mailbox_changed(mailbox);
	if (modified_out != NULL)
		*modified_out = change.modified != NULL ? change.modified : uidset_new();
	else
		uidset_free(change.modified);
	return TRUE;
}
