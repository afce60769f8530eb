/* The account's database: connections to SQLite and their statements. A connection is used by one thread at a time (the pool of the
 * account sees to it). The schema, its history and what each table means are at the top of db.c. Private to store/. */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

G_BEGIN_DECLS

typedef struct Db Db;

typedef enum {
	DB_CREATE = 1 << 0, /* make the file when it is not there, and bring the schema up to date */
} DbOpenFlags;

/* Fails with STORE_ERROR_DATABASE (not readable, damaged, newer than this program), STORE_ERROR_NO_SPACE. */
Db *db_open(const char *path, DbOpenFlags flags, GError **error);
void db_close(Db *db);
sqlite3 *db_handle(Db *db);
/* An fsync of SQLite failed in this connection: what was committed may not be on disk. */
gboolean db_sync_failed(const Db *db);

/* One or more statements without parameters and results. */
gboolean db_exec(Db *db, const char *sql, GError **error);

typedef enum { DB_TYPE_INT, DB_TYPE_TEXT, DB_TYPE_BLOB, DB_TYPE_NULL } DbType;
typedef struct {
	DbType type;
	gint64 number; /* or the length of the blob */
	const void *data;
} DbValue;
#define DB_INT(value) ((DbValue){ DB_TYPE_INT, (gint64)(value), NULL })
#define DB_TEXT(value) ((DbValue){ DB_TYPE_TEXT, 0, (value) }) /* NULL is SQL's NULL */
#define DB_BLOB(value, len) ((DbValue){ DB_TYPE_BLOB, (gint64)(len), (value) })
#define DB_NULL ((DbValue){ DB_TYPE_NULL, 0, NULL })
#define DB_VALUES(...)                                                                                       \
	((const DbValue[]){ __VA_ARGS__ }), (sizeof((const DbValue[]){ __VA_ARGS__ }) / sizeof(DbValue))

/* A statement under way. The values of text and blobs must live until it ends. */
typedef sqlite3_stmt DbRows;
void db_rows_free(DbRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbRows, db_rows_free)

/* Starts @sql, a literal (or another string that lives as long as the connection: the statement is kept for the next time, by the
 * pointer), with the values bound: db_select(db, &error, "SELECT a FROM b WHERE c=?", DB_INT(1)). One and the same statement cannot be under
 * way twice in a connection. */
#define db_select(db, error, sql, ...) db_select_values(db, error, sql, DB_VALUES(__VA_ARGS__))
DbRows *db_select_values(Db *db, GError **error, const char *sql, const DbValue *values, gsize n);
/* TRUE: there is a row. FALSE: none is left, or an error (then *error is set). */
gboolean db_next(DbRows *rows, GError **error);
#define db_column_int(rows, i) ((gint64)sqlite3_column_int64(rows, i))
#define db_column_text(rows, i) ((const char *)sqlite3_column_text(rows, i)) /* lives until the next step */
#define db_column_is_null(rows, i) (sqlite3_column_type(rows, i) == SQLITE_NULL)

/* A statement without results. */
#define db_run(db, error, sql, ...) db_run_values(db, error, sql, DB_VALUES(__VA_ARGS__))
gboolean db_run_values(Db *db, GError **error, const char *sql, const DbValue *values, gsize n);

/* A statement whose first row's first column is a number. *@found_out (may be NULL) tells whether there was a row (of not NULL);
 * without it, none is the number 0. */
#define db_get_int(db, error, value_out, found_out, sql, ...)                                                \
	db_get_int_values(db, error, value_out, found_out, sql, DB_VALUES(__VA_ARGS__))
gboolean db_get_int_values(Db *db, GError **error, gint64 *value_out, gboolean *found_out, const char *sql,
	const DbValue *values, gsize n);

/* The last failure of the connection as a GError, prefixed by @doing. */
void db_set_error(Db *db, GError **error, const char *doing);

G_END_DECLS
