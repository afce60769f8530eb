#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The format: ROOT/ACCOUNT/mailsift.db
 * ====================================
 * SQLite 3 in WAL mode, synchronous=FULL. PRAGMA application_id is APPLICATION_ID, PRAGMA user_version is the version of the schema:
 *
 *     1   the first
 *     2   message_file: which message has a file
 *     3   append_file
 *     4   metadata, account.metadata_changed
 *
 * A newer version than ours is refused. An older one is brought up to date by migrations[] in one transaction, when an account is
 * opened. A change of the format adds a line above, an entry to migrations[], and a test that opens the old one.
 *
 * account          one row for the account
 *     uidvalidity    the highest UIDVALIDITY ever given; the next one is higher
 *     list_version   grows when a mailbox is created, deleted, renamed, (un)subscribed
 *     metadata_changed   grows with each change of `metadata`
 * mailbox          one row for each mailbox that can be selected; parents that are only names have none
 *     id             never given twice
 *     name           UTF-8, "/" between levels, "INBOX" in this spelling
 *     folder         its folder under Maildir/: "" for INBOX, else ".Name" (maildir.h)
 *     objectid       MAILBOXID
 *     special_use    "\Sent" etc., several with a space between (special-use.c), or NULL
 *     uidnext, highestmodseq
 *     recent_uid     the lowest UID that no session has claimed as \Recent
 *     expunged_floor modseq up to which rows of `expunged` have been forgotten
 *     expunged_rows  how many rows `expunged` has
 *     cur_mtime_ns   mtime of cur/ when what is in it was last known to be what `message` says; 0: not known
 * keyword          number -> name; numbers from 0 without gaps, for each mailbox; only added to while
 *                  the account is open (keyword-forget.c)
 * keyword_set      number -> numbers of keywords, ascending, in decimal with a space between; from 1 without gaps; set 0 (the
 *                  empty one) has no row; likewise
 * message          one row for each message
 *     email          its content
 *     keywords       number of the keyword_set
 *     internal_at    INTERNALDATE, Unix seconds, and internal_zone, minutes east of UTC
 *     saved_at       Unix seconds
 *     modseq         of the last change
 *     file           name in cur/ of the mailbox's folder
 * email            one row for each distinct content that has a message
 *     id             never given twice; the index's document id
 *     sha256, size   of the message in CRLF form (a file as large as `size` has that form)
 *     sent_at, sent_day  of the Date field (snapshot.h), NULL without one
 * email_gone       contents that lost their last message, for the index
 * expunged         UIDs that are gone, with the modseq of their going; the oldest are forgotten (mailbox-expunge.c)
 * subscription     names, whether there is such a mailbox or not
 * metadata         one row for each annotation (RFC 5464), and for each of those that were removed lately (metadata.h)
 *     mailbox        its name, or that of a superior that has no row in `mailbox`; '' for the account itself
 *     value          NULL: removed; kept so that others are told
 *     changed        metadata_changed of that change
 *     author         who made it: any number that tells sessions apart
 * garbage          files to be unlinked from cur/ of a mailbox: they belonged to messages that were expunged or moved by the
 *                  transaction that wrote the row
 * append_file      files of an APPEND of several messages that has no rows yet (append-journal.c); append: a number for each
 * folder_move      folders being renamed: undone at the next open, if the transaction that renames the mailboxes did not commit
 * opener           one row for each process that has the account open; its lock (account-lock.h) tells whether it is alive;
 *                  opened_at: Unix seconds */

#define APPLICATION_ID 0x6d736674 /* "msft" */

static const char *const migrations[] = {
	/* 0 -> 1 */
	"CREATE TABLE account (\n"
	"	one INTEGER PRIMARY KEY CHECK (one = 1),\n"
	"	uidvalidity INTEGER NOT NULL,\n"
	"	list_version INTEGER NOT NULL);\n"
	"INSERT INTO account VALUES (1, 0, 0);\n"
	"CREATE TABLE mailbox (\n"
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"	name TEXT NOT NULL UNIQUE,\n"
	"	folder TEXT NOT NULL UNIQUE,\n"
	"	objectid TEXT NOT NULL UNIQUE,\n"
	"	special_use TEXT,\n"
	"	uidvalidity INTEGER NOT NULL,\n"
	"	uidnext INTEGER NOT NULL DEFAULT 1,\n"
	"	highestmodseq INTEGER NOT NULL DEFAULT 1,\n"
	"	recent_uid INTEGER NOT NULL DEFAULT 1,\n"
	"	expunged_floor INTEGER NOT NULL DEFAULT 0,\n"
	"	expunged_rows INTEGER NOT NULL DEFAULT 0,\n"
	"	cur_mtime_ns INTEGER NOT NULL DEFAULT 0);\n"
	"CREATE TABLE keyword (\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	id INTEGER NOT NULL,\n"
	"	name TEXT NOT NULL COLLATE NOCASE,\n"
	"	PRIMARY KEY (mailbox, id)) WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX keyword_name ON keyword (mailbox, name);\n"
	"CREATE TABLE keyword_set (\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	id INTEGER NOT NULL,\n"
	"	members TEXT NOT NULL,\n"
	"	PRIMARY KEY (mailbox, id)) WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX keyword_set_members ON keyword_set (mailbox, members);\n"
	"CREATE TABLE message (\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	uid INTEGER NOT NULL,\n"
	"	email INTEGER NOT NULL,\n"
	"	flags INTEGER NOT NULL,\n"
	"	keywords INTEGER NOT NULL,\n"
	"	internal_at INTEGER NOT NULL,\n"
	"	internal_zone INTEGER NOT NULL,\n"
	"	saved_at INTEGER NOT NULL,\n"
	"	modseq INTEGER NOT NULL,\n"
	"	file TEXT NOT NULL,\n"
	"	PRIMARY KEY (mailbox, uid)) WITHOUT ROWID;\n"
	"CREATE INDEX message_modseq ON message (mailbox, modseq);\n"
	"CREATE INDEX message_email ON message (email);\n"
	"CREATE TABLE email (\n"
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"	sha256 BLOB NOT NULL UNIQUE,\n"
	"	size INTEGER NOT NULL,\n"
	"	sent_at INTEGER,\n"
	"	sent_day INTEGER);\n"
	"CREATE TABLE email_gone (\n"
	"	seq INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"	email INTEGER NOT NULL);\n"
	"CREATE TABLE expunged (\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	modseq INTEGER NOT NULL,\n"
	"	uid INTEGER NOT NULL,\n"
	"	PRIMARY KEY (mailbox, modseq, uid)) WITHOUT ROWID;\n"
	"CREATE TABLE subscription (name TEXT PRIMARY KEY) WITHOUT ROWID;\n"
	"CREATE TABLE garbage (\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	file TEXT NOT NULL,\n"
	"	PRIMARY KEY (mailbox, file)) WITHOUT ROWID;\n"
	"CREATE TABLE folder_move (source TEXT NOT NULL, target TEXT NOT NULL);\n"
	"CREATE TABLE opener (id INTEGER PRIMARY KEY AUTOINCREMENT, opened_at INTEGER NOT NULL);\n",
	/* 1 -> 2 */
	"CREATE INDEX message_file ON message (mailbox, file);\n",
	/* 2 -> 3 */
	"CREATE TABLE append_file (\n"
	"	append INTEGER NOT NULL,\n"
	"	mailbox INTEGER NOT NULL,\n"
	"	file TEXT NOT NULL,\n"
	"	PRIMARY KEY (append, file)) WITHOUT ROWID;\n",
	/* 3 -> 4 */
	"ALTER TABLE account ADD COLUMN metadata_changed INTEGER NOT NULL DEFAULT 0;\n"
	"CREATE TABLE metadata (\n"
	"	mailbox TEXT NOT NULL,\n"
	"	name TEXT NOT NULL COLLATE NOCASE,\n"
	"	value BLOB,\n"
	"	changed INTEGER NOT NULL,\n"
	"	author INTEGER NOT NULL,\n"
	"	PRIMARY KEY (mailbox, name));\n"
	"CREATE INDEX metadata_changed ON metadata (changed);\n"
	"CREATE INDEX metadata_removed ON metadata (changed) WHERE value IS NULL;\n",
};
#define SCHEMA_VERSION ((gint64)G_N_ELEMENTS(migrations))

/* How long a writer waits for another process to finish its transaction, before it gives up. */
#define BUSY_SECONDS 60
#define BUSY_SLEEP_US 1000

/* Pages held by a connection, in KiB: connections are many. And the same for what it allocates in small pieces. */
#define CACHE_KIB 2048
#define LOOKASIDE_SLOT 256
#define LOOKASIDE_SLOTS 64

#define WAL_KEEP_BYTES (4 * 1024 * 1024)

struct Db {
	sqlite3 *handle;
	GHashTable *statements; /* text by its address -> sqlite3_stmt, owned */
	gboolean sync_failed;
};

static int wait_while_busy(void *data, int times)
{
	(void)data;
	if ((gint64)times * BUSY_SLEEP_US > (gint64)BUSY_SECONDS * G_USEC_PER_SEC)
		return 0;
	g_usleep(BUSY_SLEEP_US);
	return 1;
}

static void set_error(sqlite3 *handle, int code, GError **error, const char *doing)
{
	int saved = sqlite3_system_errno(handle);
	StoreError kind = STORE_ERROR_DATABASE;
	if (code == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && (saved == ENOSPC || saved == EDQUOT)))
		kind = STORE_ERROR_NO_SPACE;
	if ((code & 0xff) == SQLITE_IOERR && saved != 0)
		g_set_error(error, STORE_ERROR, (gint)kind, "%s: %s (%s)", doing, sqlite3_errmsg(handle),
			g_strerror(saved));
	else
		g_set_error(error, STORE_ERROR, (gint)kind, "%s: %s", doing, sqlite3_errmsg(handle));
}

void db_set_error(Db *db, GError **error, const char *doing)
{
	int code = sqlite3_extended_errcode(db->handle);
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		db->sync_failed = TRUE;
	set_error(db->handle, code, error, doing);
}

gboolean db_sync_failed(const Db *db)
{
	return db->sync_failed;
}

sqlite3 *db_handle(Db *db)
{
	return db->handle;
}

void db_close(Db *db)
{
	if (db == NULL)
		return;
	g_hash_table_unref(db->statements);
	int result = sqlite3_close(db->handle);
	g_assert(result == SQLITE_OK); /* a statement that is still under way */
	g_free(db);
}

static void statement_free(gpointer statement)
{
	(void)sqlite3_finalize(statement);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Db, db_close)

static gboolean migrate(Db *db, const char *path, GError **error)
{
	gint64 version, application;
	if (!db_get_int(db, error, &version, NULL, "PRAGMA user_version") ||
		!db_get_int(db, error, &application, NULL, "PRAGMA application_id"))
		return FALSE;
	if (version == SCHEMA_VERSION && application == APPLICATION_ID)
		return TRUE;
	if (version > SCHEMA_VERSION) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_DATABASE,
			"%s has format %" G_GINT64_FORMAT
			" of a newer mailsift; this one knows up to %" G_GINT64_FORMAT,
			path, version, SCHEMA_VERSION);
		return FALSE;
	}
	if (version > 0 && application != APPLICATION_ID) {
		g_set_error(
			error, STORE_ERROR, STORE_ERROR_DATABASE, "%s is not a database of mailsift", path);
		return FALSE;
	}
	if (!db_exec(db, "BEGIN IMMEDIATE", error))
		return FALSE;
	/* Another process may have been faster. */
	gboolean ok = db_get_int(db, error, &version, NULL, "PRAGMA user_version");
	for (; ok && version < SCHEMA_VERSION; version++)
		ok = db_exec(db, migrations[version], error);
	if (ok) {
		g_autofree char *marks = g_strdup_printf(
			"PRAGMA application_id=%d; PRAGMA user_version=%" G_GINT64_FORMAT "; COMMIT",
			APPLICATION_ID, SCHEMA_VERSION);
		ok = db_exec(db, marks, error);
	}
	if (!ok)
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return ok;
}

Db *db_open(const char *path, DbOpenFlags flags, GError **error)
{
	g_autoptr(Db) db = g_new0(Db, 1);
	db->statements = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, statement_free);
	/* NOMUTEX: one thread at a time is the caller's promise. */
	int open_flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (flags & DB_CREATE)
		open_flags |= SQLITE_OPEN_CREATE;
	if (flags & DB_CREATE) {
		/* SQLite would make it readable for all, and what it keeps beside it gets the same mode. Never a file
		 * that is there: closing it would take away the locks that SQLite has on it in this process. */
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			(void)close(fd);
	}
	int result = sqlite3_open_v2(path, &db->handle, open_flags, NULL);
	if (result != SQLITE_OK) {
		set_error(db->handle, result, error, path);
		return NULL;
	}
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SLOT, LOOKASIDE_SLOTS);
	(void)sqlite3_busy_handler(db->handle, wait_while_busy, NULL);
	int keep_wal = 1; /* else the last connection to close removes it, and the first to open creates it */
	(void)sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
	g_autofree char *settings =
		g_strdup_printf("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
				"PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d",
			CACHE_KIB, WAL_KEEP_BYTES);
	if (!db_exec(db, settings, error) || ((flags & DB_CREATE) && !migrate(db, path, error))) {
		g_prefix_error(error, "%s: ", path);
		return NULL;
	}
	return g_steal_pointer(&db);
}

gboolean db_exec(Db *db, const char *sql, GError **error)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
		return TRUE;
	db_set_error(db, error, "database");
	return FALSE;
}

static sqlite3_stmt *prepare(Db *db, const char *sql, GError **error)
{
	sqlite3_stmt *statement = g_hash_table_lookup(db->statements, sql);
	if (statement != NULL) {
		g_assert(!sqlite3_stmt_busy(statement));
		return statement;
	}
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
		SQLITE_OK) {
		db_set_error(db, error, "database");
		return NULL;
	}
	(void)g_hash_table_insert(db->statements, (gpointer)(guintptr)sql, statement);
	return statement;
}

void db_rows_free(DbRows *rows)
{
	if (rows == NULL)
		return;
	(void)sqlite3_reset(rows);
	(void)sqlite3_clear_bindings(rows);
}

DbRows *db_select_values(Db *db, GError **error, const char *sql, const DbValue *values, gsize n)
{
	sqlite3_stmt *statement = prepare(db, sql, error);
	if (statement == NULL)
		return NULL;
	g_assert(n == (gsize)sqlite3_bind_parameter_count(statement));
	for (gsize i = 0; i < n; i++) {
		int at = (int)i + 1, result = SQLITE_OK;
		if (values[i].type == DB_TYPE_INT)
			result = sqlite3_bind_int64(statement, at, values[i].number);
		else if (values[i].type == DB_TYPE_TEXT && values[i].data != NULL)
			result = sqlite3_bind_text(statement, at, values[i].data, -1, SQLITE_STATIC);
		else if (values[i].type == DB_TYPE_BLOB)
			result = sqlite3_bind_blob64(statement, at, values[i].data,
				(sqlite3_uint64)values[i].number, SQLITE_STATIC);
		if (result != SQLITE_OK) {
			db_set_error(db, error, "database");
			db_rows_free(statement);
			return NULL;
		}
	}
	return statement;
}

gboolean db_next(DbRows *rows, GError **error)
{
	int result = sqlite3_step(rows);
	if (result == SQLITE_ROW)
		return TRUE;
	if (result != SQLITE_DONE)
		set_error(sqlite3_db_handle(rows), result, error, "database");
	return FALSE;
}

gboolean db_run_values(Db *db, GError **error, const char *sql, const DbValue *values, gsize n)
{
	g_autoptr(DbRows) rows = db_select_values(db, error, sql, values, n);
	if (rows == NULL)
		return FALSE;
	if (sqlite3_step(rows) != SQLITE_DONE) {
		db_set_error(db, error, "database");
		return FALSE;
	}
	return TRUE;
}

gboolean db_get_int_values(Db *db, GError **error, gint64 *value_out, gboolean *found_out, const char *sql,
	const DbValue *values, gsize n)
{
	g_autoptr(DbRows) rows = db_select_values(db, error, sql, values, n);
	if (rows == NULL)
		return FALSE;
	g_autoptr(GError) failure = NULL;
	gboolean found = db_next(rows, &failure);
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	found = found && !db_column_is_null(rows, 0);
	*value_out = found ? db_column_int(rows, 0) : 0;
	if (found_out != NULL)
		*found_out = found;
	return TRUE;
}
