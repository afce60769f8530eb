/* The octets of messages. */
#include "store/account-private.h"

#include "store/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Where a message's file is. */
typedef struct {
	gint64 mailbox;
	guint32 uid;
	guint64 size;
	char *folder, *file; /* owned */
	guint8 sha256[CONTENT_HASH_BYTES];
} Place;

static void place_clear(Place *place)
{
	g_clear_pointer(&place->folder, g_free);
	g_clear_pointer(&place->file, g_free);
}

static void clear_place(gpointer place)
{
	place_clear(place);
}

#define PLACE_COLUMNS                                                                                        \
	"m.mailbox, m.uid, e.size, b.folder, m.file, e.sha256 FROM message m"                                          \
	" CROSS JOIN email e ON e.id=m.email CROSS JOIN mailbox b ON b.id=m.mailbox"

/* The places of one message (@mailbox > 0), or of all that have content @email. */
static gboolean find_places(Account *account, gint64 mailbox, gint64 number, GArray *places, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows = mailbox > 0
			? db_select(db, &failure, "SELECT " PLACE_COLUMNS " WHERE m.mailbox=? AND m.uid=?",
				  DB_INT(mailbox), DB_INT(number))
			: db_select(db, &failure, "SELECT " PLACE_COLUMNS " WHERE m.email=?", DB_INT(number));
		g_array_set_size(places, 0);
		while (rows != NULL && db_next(rows, &failure)) {
			Place place = {
				.mailbox = db_column_int(rows, 0),
				.uid = (guint32)db_column_int(rows, 1),
				.size = (guint64)db_column_int(rows, 2),
				.folder = g_strdup(db_column_text(rows, 3)),
				.file = g_strdup(db_column_text(rows, 4)),
			};
			if (sqlite3_column_bytes(rows, 5) == CONTENT_HASH_BYTES)
				memcpy(place.sha256, sqlite3_column_blob(rows, 5), CONTENT_HASH_BYTES);
			g_array_append_val(places, place);
		}
	}
	account_release_db(account, db);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean has_content(const char *path, const guint8 *sha256)
{
	ContentInfo content;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return FALSE;
	gboolean same = content_read_file(fd, path, &content, NULL) &&
		memcmp(content.sha256, sha256, CONTENT_HASH_BYTES) == 0;
	(void)close(fd);
	return same;
}

/* A base name tells where to look, not what is there: one of the same may have come to cur/ by another program. */
static char *find_renamed(Account *account, const char *folder, const char *file, const guint8 *sha256)
{
	g_autofree char *path = account_path(account, folder, "cur", NULL);
	g_autoptr(GPtrArray) names = NULL;
	gsize len = maildir_base_len(file);
	if (!maildir_read_directory(path, FALSE, &names, NULL))
		return NULL;
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		if (maildir_base_len(name) != len || memcmp(name, file, len) != 0)
			continue;
		g_autofree char *full = g_build_filename(path, name, NULL);
		if (has_content(full, sha256))
			return g_strdup(name);
	}
	return NULL;
}

char *mailbox_find_file(Mailbox *mailbox, const char *file, const guint8 *sha256)
{
	g_autofree char *folder = mailbox_folder(mailbox);
	return find_renamed(mailbox->account, folder, file, sha256);
}

typedef struct {
	const Place *place;
	const char *file;
} NewName;

static gboolean write_new_name(Db *db, gpointer data, GError **error)
{
	const NewName *name = data;
	return db_run(db, error, "UPDATE message SET file=? WHERE mailbox=? AND uid=? AND file=?",
		DB_TEXT(name->file), DB_INT(name->place->mailbox), DB_INT(name->place->uid),
		DB_TEXT(name->place->file));
}

/* NULL without an error: not there. @thorough: another program may have given the file another name. */
static GBytes *load_place(Account *account, const Place *place, gboolean thorough, GError **error)
{
	int saved = 0;
	g_autofree char *path = account_path(account, place->folder, "cur", place->file);
	GBytes *bytes = content_load(path, place->size, &saved);
	if (bytes == NULL && saved == ENOENT && thorough) {
		g_autofree char *name = find_renamed(account, place->folder, place->file, place->sha256);
		if (name == NULL)
			return NULL;
		g_autofree char *renamed = account_path(account, place->folder, "cur", name);
		bytes = content_load(renamed, place->size, &saved);
		NewName new_name = { place, name };
		if (bytes != NULL) /* a help for the next time; nothing is lost without it */
			(void)account_write(account, write_new_name, &new_name, NULL);
	}
	if (bytes == NULL && saved != ENOENT)
		store_set_errno(error, saved, "%s: cannot read", path);
	return bytes;
}

static GBytes *load_first(Account *account, GArray *places, gboolean thorough, GError **error)
{
	g_autoptr(GError) failure = NULL;
	for (guint i = 0; i < places->len; i++) {
		g_clear_error(&failure);
		GBytes *bytes = load_place(account, &g_array_index(places, Place, i), thorough, &failure);
		if (bytes != NULL)
			return bytes;
	}
	if (failure != NULL)
		g_propagate_error(error, g_steal_pointer(&failure));
	return NULL;
}

static GBytes *load(Account *account, gint64 mailbox, gint64 number, GError **error)
{
	g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(Place));
	g_array_set_clear_func(places, clear_place);
	g_autoptr(GError) failure = NULL;
	GBytes *bytes = NULL;
	if (find_places(account, mailbox, number, places, &failure))
		bytes = load_first(account, places, FALSE, &failure);
	/* A folder may be on its way to another name just now: wait for that, and ask again. */
	if (bytes == NULL && failure == NULL && places->len > 0 &&
		account_lock_shared(account->lock, &failure)) {
		if (find_places(account, mailbox, number, places, &failure))
			bytes = load_first(account, places, TRUE, &failure);
		account_lock_shared_end(account->lock);
	}
	if (failure != NULL)
		g_propagate_error(error, g_steal_pointer(&failure));
	else if (bytes == NULL)
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_EXPUNGED, "The message is gone");
	return bytes;
}

GBytes *mailbox_load(Mailbox *mailbox, guint32 uid, GError **error)
{
	return load(mailbox->account, mailbox->id, (gint64)uid, error);
}

GBytes *account_load_email(Account *account, guint32 email_id, GError **error)
{
	return load(account, 0, (gint64)email_id, error);
}

char *account_email_objectid(Account *account, guint32 email_id, GError **error)
{
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return NULL;
	char *objectid = NULL;
	g_autoptr(GError) failure = NULL;
	{
		g_autoptr(DbRows) rows =
			db_select(db, &failure, "SELECT sha256 FROM email WHERE id=?", DB_INT(email_id));
		if (rows != NULL && db_next(rows, &failure) &&
			sqlite3_column_bytes(rows, 0) == CONTENT_HASH_BYTES) {
			/* RFC 8474 section 7: letters, digits, "_" and "-". 192 of the 256 bits are enough, and need no padding. */
			g_autofree char *text =
				g_base64_encode(sqlite3_column_blob(rows, 0), CONTENT_HASH_BYTES * 3 / 4);
			(void)g_strdelimit(text, "+", '-');
			(void)g_strdelimit(text, "/", '_');
			objectid = g_strconcat("M", text, NULL);
		}
	}
	account_release_db(account, db);
	if (failure != NULL)
		g_propagate_error(error, g_steal_pointer(&failure));
	else if (objectid == NULL)
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_EXPUNGED, "The message is gone");
	return objectid;
}

/* The first CONTENT_HASH_BYTES * 3 / 4 octets of a content's hash, from an EMAILID; NULL: it is none. The caller frees. */
static guint8 *objectid_hash(const char *objectid)
{
	gsize len = CONTENT_HASH_BYTES * 3 / 4, decoded = 0;
	if (*objectid != 'M' || strlen(objectid + 1) != len / 3 * 4 ||
		strspn(objectid + 1, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_") != len / 3 * 4)
		return NULL;
	g_autofree char *text = g_strdelimit(g_strdelimit(g_strdup(objectid + 1), "-", '+'), "_", '/');
	guint8 *hash = g_base64_decode(text, &decoded);
	g_assert(decoded == len);
	return hash;
}

gboolean account_find_email(Account *account, const char *objectid, guint32 *email_id_out, GError **error)
{
	g_autofree guint8 *hash = objectid_hash(objectid);
	*email_id_out = 0;
	if (hash == NULL)
		return TRUE;
	Db *db = account_acquire_db(account, error);
	if (db == NULL)
		return FALSE;
	guint8 first[CONTENT_HASH_BYTES] = { 0 }, last[CONTENT_HASH_BYTES];
	memset(last, 0xff, sizeof(last));
	memcpy(first, hash, CONTENT_HASH_BYTES * 3 / 4);
	memcpy(last, hash, CONTENT_HASH_BYTES * 3 / 4);
	gint64 id = 0;
	gboolean ok = db_get_int(db, error, &id, NULL, "SELECT id FROM email WHERE sha256 BETWEEN ? AND ?",
		DB_BLOB(first, sizeof(first)), DB_BLOB(last, sizeof(last)));
	account_release_db(account, db);
	if (ok)
		*email_id_out = (guint32)id;
	return ok;
}
