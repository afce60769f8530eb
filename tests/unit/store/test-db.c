#include "tests/unit/store/fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
	char *root, *path;
} Place;

static void setup(Place *place, gconstpointer data)
{
	(void)data;
	place->root = make_root();
	place->path = g_build_filename(place->root, "x.db", NULL);
}

static void teardown(Place *place, gconstpointer data)
{
	(void)data;
	g_assert_true(maildir_remove_tree(place->root, NULL));
	g_free(place->root);
	g_free(place->path);
}

static Db *open_db(Place *place, DbOpenFlags flags)
{
	g_autoptr(GError) error = NULL;
	Db *db = db_open(place->path, flags, &error);
	g_assert_no_error(error);
	return db;
}

static gint64 get_int(Db *db, const char *sql)
{
	g_autoptr(GError) error = NULL;
	gint64 value;
	db_get_int(db, &error, &value, NULL, sql);
	g_assert_no_error(error);
	return value;
}

static void a_new_database_is_safe(Place *place, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_assert_null(db_open(place->path, 0, &error)); /* not made unless asked for */
	expect_error(g_steal_pointer(&error), STORE_ERROR_DATABASE);
	Db *db = open_db(place, DB_CREATE);
	g_assert_cmpint(get_int(db, "PRAGMA user_version"), >=, 2);
	struct stat status;
	g_assert_cmpint(stat(place->path, &status), ==, 0);
	g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
	g_assert_cmpint(get_int(db, "PRAGMA synchronous"), ==, 2); /* FULL */
	{
		g_autoptr(DbRows) rows = db_select(db, &error, "PRAGMA journal_mode");
		g_assert_true(db_next(rows, &error));
		g_assert_cmpstr(db_column_text(rows, 0), ==, "wal");
	}
	db_close(db);
	db = open_db(place, DB_CREATE);
	g_assert_cmpint(get_int(db, "SELECT count(*) FROM account"), ==, 1);
	db_close(db);
}

static void a_newer_format_is_refused(Place *place, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	Db *db = open_db(place, DB_CREATE);
	g_assert_true(db_exec(db, "PRAGMA user_version=999", &error));
	db_close(db);
	g_assert_null(db_open(place->path, DB_CREATE, &error));
	g_assert_nonnull(strstr(error->message, "newer mailsift"));
	expect_error(error, STORE_ERROR_DATABASE);
}

/* All that makes up the schema. */
static char *schema_of(Db *db)
{
	g_autoptr(GError) error = NULL;
	GString *text = g_string_new(NULL);
	g_autoptr(DbRows) rows = db_select(db, &error,
		"SELECT ifnull(sql, name) FROM sqlite_master WHERE name<>'sqlite_sequence' ORDER BY type, name");
	while (rows != NULL && db_next(rows, &error))
		g_string_append_printf(text, "%s;\n", db_column_text(rows, 0));
	g_assert_no_error(error);
	return g_string_free(text, FALSE);
}

static void write_old_format(Place *place, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "tests", "data", "database", name, NULL);
	g_autofree char *sql = NULL;
	g_assert_true(g_file_get_contents(path, &sql, NULL, &error));
	g_assert_no_error(error);
	sqlite3 *handle;
	g_assert_cmpint(sqlite3_open(place->path, &handle), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_close(handle), ==, SQLITE_OK);
}

/* tests/data/database has one of each: FORMAT.sql. */
static void old_formats_are_brought_up_to_date(Place *place, gconstpointer data)
{
	(void)data;
	Db *db = open_db(place, DB_CREATE);
	g_autofree char *schema = schema_of(db);
	gint64 newest = get_int(db, "PRAGMA user_version");
	db_close(db);
	for (gint64 version = 1; version < newest; version++) {
		g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT ".sql", version);
		g_assert_true(maildir_remove_tree(place->root, NULL));
		g_assert_cmpint(mkdir(place->root, 0700), ==, 0);
		write_old_format(place, name);
		db = open_db(place, DB_CREATE);
		g_assert_cmpint(get_int(db, "PRAGMA user_version"), ==, newest);
		g_autofree char *migrated = schema_of(db);
		g_assert_cmpstr(migrated, ==, schema);
		g_assert_cmpint(get_int(db, "SELECT uid FROM message JOIN mailbox ON mailbox=mailbox.id"
					    " WHERE name='INBOX' AND flags=1"),
			==, 1);
		db_close(db);
	}
}

static void what_is_no_database_is_refused(Place *place, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_assert_true(g_file_set_contents(
		place->path, "Some text, much too long to be an empty file, and no database.", -1, &error));
	g_assert_null(db_open(place->path, DB_CREATE, &error));
	g_assert_nonnull(strstr(error->message, place->path));
	expect_error(g_steal_pointer(&error), STORE_ERROR_DATABASE);
	/* Nor another program's. */
	g_assert_cmpint(unlink(place->path), ==, 0);
	sqlite3 *handle;
	g_assert_cmpint(sqlite3_open(place->path, &handle), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(handle, "CREATE TABLE t (x); PRAGMA user_version=1", NULL, NULL, NULL),
		==, SQLITE_OK);
	g_assert_cmpint(sqlite3_close(handle), ==, SQLITE_OK);
	g_assert_null(db_open(place->path, DB_CREATE, &error));
	expect_error(error, STORE_ERROR_DATABASE);
}

static void values_come_back(Place *place, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	Db *db = open_db(place, DB_CREATE);
	static const char blob[] = { 0, 1, 2, 0 };
	g_assert_true(db_exec(db, "CREATE TABLE v (i, t, b, n)", &error));
	g_assert_true(db_run(db, &error, "INSERT INTO v VALUES (?,?,?,?)", DB_INT(G_MININT64), DB_TEXT("é"),
		DB_BLOB(blob, sizeof(blob)), DB_NULL));
	g_assert_true(db_run(
		db, &error, "INSERT INTO v VALUES (?,?,?,?)", DB_INT(7), DB_TEXT(NULL), DB_NULL, DB_NULL));
	{
		g_autoptr(DbRows) rows = db_select(db, &error, "SELECT i, t, b, n FROM v ORDER BY rowid");
		g_assert_true(db_next(rows, &error));
		g_assert_cmpint(db_column_int(rows, 0), ==, G_MININT64);
		g_assert_cmpstr(db_column_text(rows, 1), ==, "é");
		g_assert_cmpmem(
			sqlite3_column_blob(rows, 2), sqlite3_column_bytes(rows, 2), blob, sizeof(blob));
		g_assert_true(db_column_is_null(rows, 3));
		g_assert_true(db_next(rows, &error));
		g_assert_true(db_column_is_null(rows, 1));
		g_assert_false(db_next(rows, &error));
		g_assert_no_error(error);
	}
	gint64 value = 5;
	gboolean found = TRUE;
	g_assert_true(db_get_int(db, &error, &value, &found, "SELECT i FROM v WHERE i=99"));
	g_assert_false(found);
	g_assert_cmpint(value, ==, 0);
	db_close(db);
}

static void a_full_disk_is_told(Place *place, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	Db *db = open_db(place, DB_CREATE);
	g_assert_true(db_exec(db, "CREATE TABLE v (b); PRAGMA max_page_count=60", &error));
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < 1000; i++)
		ok = db_run(db, &error, "INSERT INTO v VALUES (zeroblob(4000))");
	g_assert_false(ok);
	expect_error(error, STORE_ERROR_NO_SPACE);
	db_close(db);
}

/* -- Writing for many ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
	const char *sql;
	gboolean fails;
} Work;

static gboolean work(Db *db, gpointer data, GError **error)
{
	const Work *job = data;
	if (!db_run(db, error, job->sql))
		return FALSE;
	if (job->fails)
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT, "not this one");
	return !job->fails;
}

static void work_that_fails_leaves_nothing(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	Work good = { "INSERT INTO subscription VALUES ('good')", FALSE };
	Work bad = { "INSERT INTO subscription VALUES ('bad')", TRUE };
	g_assert_true(account_write(fixture->account, work, &good, &error));
	g_assert_false(account_write(fixture->account, work, &bad, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_CANNOT);
	Db *db = account_acquire_db(fixture->account, &error);
	g_assert_cmpint(get_int(db, "SELECT count(*) FROM subscription WHERE name='good'"), ==, 1);
	g_assert_cmpint(get_int(db, "SELECT count(*) FROM subscription WHERE name='bad'"), ==, 0);
	account_release_db(fixture->account, db);
}

static int refuse_savepoints(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
	(void)data, (void)a, (void)b, (void)c, (void)d;
	return action == SQLITE_SAVEPOINT ? SQLITE_DENY : SQLITE_OK;
}

static gboolean refuse_from_now_on(Db *db, gpointer data, GError **error)
{
	(void)data;
	(void)error;
	return sqlite3_set_authorizer(db_handle(db), refuse_savepoints, NULL) == SQLITE_OK;
}

/* Before the work begins. */
static void a_savepoint_that_fails_is_an_error(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	Work good = { "INSERT INTO subscription VALUES ('good')", FALSE };
	(void)account_write(fixture->account, refuse_from_now_on, NULL, NULL);
	g_assert_false(account_write(fixture->account, work, &good, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_DATABASE);
	account_rest(fixture->account); /* that connection is closed */
	g_assert_true(account_write(fixture->account, work, &good, &error));
}

typedef struct {
	Account *account;
	guint number;
	guint failed;
} Writer;

typedef struct {
	guint number, i;
} Row;

static gboolean insert_row(Db *db, gpointer data, GError **error)
{
	const Row *row = data;
	g_autofree char *name = g_strdup_printf("w%u-%u", row->number, row->i);
	if (!db_run(db, error, "INSERT INTO subscription VALUES (?)", DB_TEXT(name)))
		return FALSE;
	if (row->i % 5 != 4)
		return TRUE;
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_CANNOT, "every fifth");
	return FALSE;
}

static gpointer write_rows(gpointer data)
{
	Writer *writer = data;
	for (guint i = 0; i < 50; i++) {
		Row row = { writer->number, i };
		g_autoptr(GError) error = NULL;
		writer->failed += !account_write(writer->account, insert_row, &row, &error);
	}
	return NULL;
}

static void writers_share_transactions_and_not_failures(Fixture *fixture, gconstpointer data)
{
	(void)data;
	Writer writers[6];
	GThread *threads[6];
	for (guint i = 0; i < 6; i++) {
		writers[i] = (Writer){ fixture->account, i, 0 };
		threads[i] = g_thread_new("writer", write_rows, &writers[i]);
	}
	for (guint i = 0; i < 6; i++) {
		(void)g_thread_join(threads[i]);
		g_assert_cmpuint(writers[i].failed, ==, 10);
	}
	Db *db = account_acquire_db(fixture->account, NULL);
	g_assert_cmpint(get_int(db, "SELECT count(*) FROM subscription WHERE name LIKE 'w%'"), ==, 240);
	account_release_db(fixture->account, db);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/db/" #name, Place, NULL, setup, name, teardown)
	ADD(a_new_database_is_safe);
	ADD(a_newer_format_is_refused);
	ADD(old_formats_are_brought_up_to_date);
	ADD(what_is_no_database_is_refused);
	ADD(values_come_back);
	ADD(a_full_disk_is_told);
	g_test_add("/db/work_that_fails_leaves_nothing", Fixture, NULL, fixture_setup,
		work_that_fails_leaves_nothing, fixture_teardown);
	g_test_add("/db/a_savepoint_that_fails_is_an_error", Fixture, NULL, fixture_setup,
		a_savepoint_that_fails_is_an_error, fixture_teardown);
	g_test_add("/db/writers_share_transactions_and_not_failures", Fixture, NULL, fixture_setup,
		writers_share_transactions_and_not_failures, fixture_teardown);
	return g_test_run();
}
