#include "store/metadata.h"

#include "base/limits.h"
#include "store/account-private.h"
#include "store/maildir.h"

#include <string.h>

G_DEFINE_QUARK(mailsift - metadata - error - quark, metadata_error)

#define SPECIAL_USE "/private/specialuse"

MetadataEntry *metadata_entry_new(const char *name, GBytes *value)
{
	MetadataEntry *entry = g_new(MetadataEntry, 1);
	entry->name = g_strdup(name);
	entry->value = value != NULL ? g_bytes_ref(value) : NULL;
	return entry;
}

void metadata_entry_free(MetadataEntry *entry)
{
	if (entry == NULL)
		return;
	g_free(entry->name);
	g_clear_pointer(&entry->value, g_bytes_unref);
	g_free(entry);
}

static void free_entry(gpointer entry)
{
	metadata_entry_free(entry);
}

GPtrArray *metadata_entries_new(void)
{
	return g_ptr_array_new_with_free_func(free_entry);
}

void metadata_change_free(MetadataChange *change)
{
	if (change == NULL)
		return;
	g_free(change->mailbox);
	g_free(change->name);
	g_free(change);
}

static void free_change(gpointer change)
{
	metadata_change_free(change);
}

/* -- names ------------------------------------------------------------------------------------------------------------ */

static gboolean bad_name(GError **error, const char *text)
{
	g_set_error_literal(error, METADATA_ERROR, METADATA_ERROR_NAME, text);
	return FALSE;
}

/* RFC 5464 3.2 forbids 0x00 to 0x19, which is meant to be 0x1f; DEL is no better. */
static gboolean has_only_name_octets(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (*c < 0x20 || *c == 0x7f || *c == '*' || *c == '%')
			return FALSE;
	return TRUE;
}

gboolean metadata_name_within(const char *name, const char *base, MetadataDepth depth)
{
	gsize len = strlen(base);
	if (g_ascii_strncasecmp(name, base, len) != 0)
		return FALSE;
	if (name[len] == '\0')
		return TRUE;
	return depth != METADATA_DEPTH_0 && name[len] == '/' &&
		(depth == METADATA_DEPTH_INFINITY || strchr(name + len + 1, '/') == NULL);
}

gboolean metadata_name_check(const char *name, gboolean any_depth, GError **error)
{
	gsize len = strlen(name);
	guint components = 0;
	if (len > LIMIT_METADATA_NAME)
		return bad_name(error, "The entry's name is too long");
	if (!metadata_name_within(name, "/private", METADATA_DEPTH_INFINITY) &&
		!metadata_name_within(name, "/shared", METADATA_DEPTH_INFINITY))
		return bad_name(error, "An entry's name begins with /private/ or /shared/");
	if (strstr(name, "//") != NULL || name[len - 1] == '/')
		return bad_name(error, "An entry's name has no empty component");
	if (!has_only_name_octets(name))
		return bad_name(error, "An entry's name is printable ASCII without * and %");
	for (const char *c = name; *c != '\0'; c++)
		components += *c == '/';
	gboolean vendor = metadata_name_within(name, "/private/vendor", METADATA_DEPTH_INFINITY) ||
		metadata_name_within(name, "/shared/vendor", METADATA_DEPTH_INFINITY);
	if (!any_depth && components < (vendor ? 4u : 2u))
		return bad_name(error,
			vendor ? "A vendor's entry is /.../vendor/TOKEN/NAME"
			       : "An entry's name has two components or more");
	return TRUE;
}

/* -- sets -------------------------------------------------------------------------------------------------------------- */

static guint hash_name(gconstpointer key)
{
	guint32 hash = 5381;
	for (const char *c = key; *c != '\0'; c++)
		hash = hash * 33 + (guchar)g_ascii_tolower(*c);
	return hash;
}

static gboolean equal_names(gconstpointer a, gconstpointer b)
{
	return g_ascii_strcasecmp(a, b) == 0;
}

MetadataSet metadata_set_begin(void)
{
	return (MetadataSet){ metadata_entries_new(), g_hash_table_new(hash_name, equal_names) };
}

void metadata_set_clear(MetadataSet *set)
{
	g_clear_pointer(&set->names, g_hash_table_unref);
	g_clear_pointer(&set->entries, g_ptr_array_unref);
}

gboolean metadata_set_has(const MetadataSet *set, const char *name)
{
	return g_hash_table_contains(set->names, name);
}

void metadata_set_add(MetadataSet *set, const char *base, const char *name, GBytes *value)
{
	if (metadata_set_has(set, name))
		return;
	g_autofree char *spelled = g_strconcat(base, name + strlen(base), NULL);
	MetadataEntry *entry = metadata_entry_new(spelled, value);
	g_ptr_array_add(set->entries, entry);
	(void)g_hash_table_add(set->names, entry->name);
}

/* -- mailboxes -------------------------------------------------------------------------------------------------------- */

/* "" or the mailbox's name as the database has it. */
static char *normal_mailbox(const char *mailbox, GError **error)
{
	char *normal = mailbox[0] == '\0' ? g_strdup("") : maildir_normal_name(mailbox, NULL);
	if (normal == NULL)
		(void)set_no_mailbox(error);
	return normal;
}

/* RFC 5464 4.1: names that cannot be selected may have annotations, too. */
static gboolean check_mailbox(Db *db, const char *mailbox, GError **error)
{
	gint64 n = 1;
	if (mailbox[0] != '\0' &&
		!db_get_int(db, error, &n, NULL,
			"SELECT EXISTS (SELECT 1 FROM mailbox WHERE name=?1)"
			" OR EXISTS (SELECT 1 FROM mailbox WHERE name>?1||'/' AND name<?1||'0')",
			DB_TEXT(mailbox)))
		return FALSE;
	return n > 0 || set_no_mailbox(error);
}

gboolean metadata_delete_mailbox(Db *db, const char *name, GError **error)
{
	return db_run(db, error, "DELETE FROM metadata WHERE mailbox=?", DB_TEXT(name)) &&
		metadata_forget_vanished(db, error);
}

gboolean metadata_rename_mailbox(Db *db, const char *from, const char *to, GError **error)
{
	/* What @to had while it was only a superior's name gives way. */
	return db_run(db, error,
		       "UPDATE OR REPLACE metadata SET mailbox=?2||substr(mailbox,length(?1)+1)"
		       " WHERE mailbox=?1 OR (mailbox>?1||'/' AND mailbox<?1||'0')",
		       DB_TEXT(from), DB_TEXT(to)) &&
		metadata_forget_vanished(db, error);
}

gboolean metadata_copy_mailbox(Db *db, const char *from, const char *to, GError **error)
{
	return db_run(db, error,
		"INSERT OR REPLACE INTO metadata (mailbox, name, value, changed, author)"
		" SELECT ?2, name, value, changed, author FROM metadata WHERE mailbox=?1 AND value IS NOT "
		"NULL",
		DB_TEXT(from), DB_TEXT(to));
}

gboolean metadata_forget_vanished(Db *db, GError **error)
{
	return db_run(db, error,
		"DELETE FROM metadata WHERE mailbox<>''"
		" AND NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.name=metadata.mailbox)"
		" AND NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.name>metadata.mailbox||'/'"
		" AND b.name<metadata.mailbox||'0')");
}

/* -- GETMETADATA ------------------------------------------------------------------------------------------------------ */

/* *any_out is set when there is something, also when @set has it already. */
static gboolean read_special_use(
	Db *db, const char *mailbox, const char *base, MetadataSet *set, gboolean *any_out, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT special_use FROM mailbox WHERE name=? AND special_use IS NOT NULL", DB_TEXT(mailbox));
	if (rows != NULL && db_next(rows, &failure)) {
		const char *use = db_column_text(rows, 0);
		g_autoptr(GBytes) value = g_bytes_new(use, strlen(use));
		metadata_set_add(set, base, SPECIAL_USE, value);
		*any_out = TRUE;
	}
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean read_within(Db *db, const char *mailbox, const char *base, MetadataDepth depth,
	MetadataSet *set, gboolean *any_out, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(DbRows) rows = db_select(db, &failure,
		"SELECT name, value FROM metadata WHERE mailbox=?1 AND value IS NOT NULL"
		" AND name>=?2 AND (name=?2 OR (?3 AND name>?2||'/' AND name<?2||'0')) ORDER BY name",
		DB_TEXT(mailbox), DB_TEXT(base), DB_INT(depth != METADATA_DEPTH_0));
	while (rows != NULL && db_next(rows, &failure)) {
		const char *name = db_column_text(rows, 0);
		if (!metadata_name_within(name, base, depth))
			continue;
		*any_out = TRUE;
		if (metadata_set_has(set, name))
			continue;
		gconstpointer octets = sqlite3_column_blob(rows, 1);
		g_autoptr(GBytes) value = g_bytes_new(octets, (gsize)sqlite3_column_bytes(rows, 1));
		metadata_set_add(set, base, name, value);
	}
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean read_entries(Db *db, const char *mailbox, const char *const *names, MetadataDepth depth,
	MetadataSet *set, GError **error)
{
	if (!check_mailbox(db, mailbox, error))
		return FALSE;
	for (; *names != NULL; names++) {
		gboolean any = FALSE;
		if (!metadata_name_check(*names, TRUE, error) ||
			!read_within(db, mailbox, *names, depth, set, &any, error))
			return FALSE;
		if (mailbox[0] != '\0' && metadata_name_within(SPECIAL_USE, *names, depth) &&
			!read_special_use(db, mailbox, *names, set, &any, error))
			return FALSE;
		if (!any)
			metadata_set_add(set, *names, *names, NULL);
	}
	return TRUE;
}

GPtrArray *account_get_metadata(
	Account *account, const char *mailbox, const char *const *names, MetadataDepth depth, GError **error)
{
	g_autofree char *normal = normal_mailbox(mailbox, error);
	Db *db = normal != NULL ? account_acquire_db(account, error) : NULL;
	if (db == NULL)
		return NULL;
	g_auto(MetadataSet) set = metadata_set_begin();
	/* One state of the account, whatever is written meanwhile. */
	gboolean begun = db_exec(db, "BEGIN", error);
	gboolean ok = begun && read_entries(db, normal, names, depth, &set, error);
	if (begun)
		(void)db_exec(db, "COMMIT", NULL);
	account_release_db(account, db);
	return ok ? g_steal_pointer(&set.entries) : NULL;
}

/* -- SETMETADATA ------------------------------------------------------------------------------------------------------ */

typedef struct {
	const char *mailbox;
	const GPtrArray *entries;
	gint64 author, changed;
} SetMetadata;

/* A row without a value tells others of the change. */
static gboolean note_change(
	Db *db, const SetMetadata *set, const char *mailbox, const char *name, GError **error)
{
	return db_run(db, error,
		"INSERT INTO metadata (mailbox, name, value, changed, author) VALUES (?,?,NULL,?,?)"
		" ON CONFLICT DO UPDATE SET value=NULL, changed=excluded.changed, author=excluded.author",
		DB_TEXT(mailbox), DB_TEXT(name), DB_INT(set->changed), DB_INT(set->author));
}

static gboolean remove_entry(Db *db, const SetMetadata *set, const char *name, GError **error)
{
	gint64 n;
	if (!db_get_int(db, error, &n, NULL,
		    "SELECT count(*) FROM metadata WHERE mailbox=? AND name=? AND value IS NOT NULL",
		    DB_TEXT(set->mailbox), DB_TEXT(name)))
		return FALSE;
	return n == 0 || note_change(db, set, set->mailbox, name, error);
}

static gboolean write_entry(Db *db, const SetMetadata *set, const char *name, GBytes *value, GError **error)
{
	gsize len;
	gconstpointer octets = g_bytes_get_data(value, &len);
	/* The same value again is no change. sqlite3_bind_blob() takes NULL for SQL's NULL, also with no octets. */
	return db_run(db, error,
		"INSERT INTO metadata (mailbox, name, value, changed, author) VALUES (?,?,?,?,?)"
		" ON CONFLICT DO UPDATE SET value=excluded.value, changed=excluded.changed, "
		"author=excluded.author"
		" WHERE value IS NOT excluded.value",
		DB_TEXT(set->mailbox), DB_TEXT(name), DB_BLOB(len > 0 ? octets : "", len),
		DB_INT(set->changed), DB_INT(set->author));
}

static gboolean take_special_use(Db *db, const SetMetadata *set, const char *use, GError **error)
{
	g_autofree char *owner = NULL;
	if (!special_use_owner(db, use, &owner, error))
		return FALSE;
	return owner == NULL || strcmp(owner, set->mailbox) == 0 ||
		(note_change(db, set, owner, SPECIAL_USE, error) && special_use_drop(db, use, error));
}

/* RFC 6154 section 4: a use has one mailbox, which loses it to this one. */
static gboolean write_special_uses(Db *db, const SetMetadata *set, GBytes *value, GError **error)
{
	gsize len = 0;
	gconstpointer octets = value != NULL ? g_bytes_get_data(value, &len) : NULL;
	g_autofree char *text = value != NULL ? g_strndup(octets, len) : NULL, *uses = NULL;
	gint64 n;
	if (value != NULL && strlen(text) != len) {
		g_set_error_literal(
			error, STORE_ERROR, STORE_ERROR_SPECIAL_USE, "No special use has a NUL in its name");
		return FALSE;
	}
	if ((value != NULL && !special_uses_parse(text, &uses, error)) ||
		!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM mailbox WHERE name=?", DB_TEXT(set->mailbox)))
		return FALSE;
	if (n == 0) {
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_SPECIAL_USE,
			"This is only the superior of other mailboxes; it has no special use");
		return FALSE;
	}
	g_auto(GStrv) each = g_strsplit(uses != NULL ? uses : "", " ", -1);
	for (guint i = 0; each[i] != NULL; i++)
		if (!take_special_use(db, set, each[i], error))
			return FALSE;
	if (!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM mailbox WHERE name=? AND special_use IS NOT ?",
		    DB_TEXT(set->mailbox), DB_TEXT(uses)))
		return FALSE;
	return (n == 0 || note_change(db, set, set->mailbox, SPECIAL_USE, error)) &&
		db_run(db, error, "UPDATE mailbox SET special_use=? WHERE name=?", DB_TEXT(uses),
			DB_TEXT(set->mailbox)) &&
		db_run(db, error, "UPDATE account SET list_version=list_version+1");
}

static gboolean set_entry(Db *db, const SetMetadata *set, const MetadataEntry *entry, GError **error)
{
	if (set->mailbox[0] != '\0' && g_ascii_strcasecmp(entry->name, SPECIAL_USE) == 0)
		return write_special_uses(db, set, entry->value, error);
	if (entry->value == NULL)
		return remove_entry(db, set, entry->name, error);
	return write_entry(db, set, entry->name, entry->value, error);
}

/* What is there may be more than a limit that was lowered: it can be removed, but not added to. */
static gboolean check_limits(Db *db, const char *mailbox, GError **error)
{
	gint64 n, bytes;
	if (!db_get_int(db, error, &n, NULL,
		    "SELECT count(*) FROM metadata WHERE mailbox=? AND value IS NOT NULL",
		    DB_TEXT(mailbox)) ||
		!db_get_int(db, error, &bytes, NULL,
			"SELECT sum(length(name)+length(value)) FROM metadata"
			" WHERE mailbox=? AND value IS NOT NULL",
			DB_TEXT(mailbox)))
		return FALSE;
	if (n <= LIMIT_METADATA_ENTRIES && bytes <= LIMIT_METADATA_BYTES)
		return TRUE;
	g_set_error(error, METADATA_ERROR, METADATA_ERROR_TOO_MANY,
		n > LIMIT_METADATA_ENTRIES ? "There would be more than %d entries"
					   : "The entries would have more than %d octets",
		n > LIMIT_METADATA_ENTRIES ? LIMIT_METADATA_ENTRIES : LIMIT_METADATA_BYTES);
	return FALSE;
}

static gboolean forget_removed(Db *db, GError **error)
{
	return db_run(db, error,
		"DELETE FROM metadata WHERE value IS NULL AND changed<=(SELECT changed FROM metadata"
		" WHERE value IS NULL ORDER BY changed DESC LIMIT 1 OFFSET ?)",
		DB_INT(LIMIT_METADATA_REMOVED));
}

static gboolean set_metadata(Db *db, gpointer data, GError **error)
{
	SetMetadata *set = data;
	gboolean adds = FALSE;
	if (!check_mailbox(db, set->mailbox, error) ||
		!db_run(db, error, "UPDATE account SET metadata_changed=metadata_changed+1") ||
		!db_get_int(db, error, &set->changed, NULL, "SELECT metadata_changed FROM account"))
		return FALSE;
	for (guint i = 0; i < set->entries->len; i++) {
		const MetadataEntry *entry = set->entries->pdata[i];
		adds = adds || entry->value != NULL;
		if (!set_entry(db, set, entry, error))
			return FALSE;
	}
	return (!adds || check_limits(db, set->mailbox, error)) && forget_removed(db, error);
}

gboolean account_set_metadata(
	Account *account, const char *mailbox, const GPtrArray *entries, guint64 author, GError **error)
{
	g_autofree char *normal = normal_mailbox(mailbox, error);
	if (normal == NULL)
		return FALSE;
	for (guint i = 0; i < entries->len; i++) {
		const MetadataEntry *entry = entries->pdata[i];
		if (!metadata_name_check(entry->name, FALSE, error))
			return FALSE;
		if (entry->value != NULL && g_bytes_get_size(entry->value) > LIMIT_METADATA_VALUE) {
			g_set_error(error, METADATA_ERROR, METADATA_ERROR_TOO_LONG,
				"A value has at most %d octets", LIMIT_METADATA_VALUE);
			return FALSE;
		}
	}
	SetMetadata set = { .mailbox = normal, .entries = entries, .author = (gint64)author };
	/* Who makes a mailbox for a special use holds it exclusively. */
	if (!account_lock_shared(account->lock, error))
		return FALSE;
	gboolean ok = account_write(account, set_metadata, &set, error);
	account_lock_shared_end(account->lock);
	if (!ok)
		return FALSE;
	account_note_changes(account);
	return TRUE;
}

/* -- telling others --------------------------------------------------------------------------------------------------- */

gboolean account_metadata_changed(Account *account, guint64 *changed_out, GError **error)
{
	gint64 changed = 0;
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	gboolean ok = db_get_int(db, error, &changed, NULL, "SELECT metadata_changed FROM account");
	account_release_db(account, db);
	if (ok)
		*changed_out = (guint64)changed;
	return ok;
}

GPtrArray *account_metadata_changes(Account *account, guint64 author, guint64 *changed, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(free_change);
	g_autoptr(GError) failure = NULL;
	guint64 newest = *changed;
	{
		g_autoptr(DbRows) rows = db_select(db, &failure,
			"SELECT mailbox, name, changed, author FROM metadata WHERE changed>? ORDER BY "
			"mailbox, name",
			DB_INT(*changed));
		while (rows != NULL && db_next(rows, &failure)) {
			newest = MAX(newest, (guint64)db_column_int(rows, 2));
			if ((guint64)db_column_int(rows, 3) == author)
				continue;
			MetadataChange *change = g_new(MetadataChange, 1);
			change->mailbox = g_strdup(db_column_text(rows, 0));
			change->name = g_strdup(db_column_text(rows, 1));
			g_ptr_array_add(changes, change);
		}
	}
	account_release_db(account, db);
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	*changed = newest;
	return g_steal_pointer(&changes);
}
