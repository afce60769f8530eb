#include "store/metadata.h"

#include "base/limits.h"
#include "tests/unit/store/fixture.h"

#include <string.h>

#define AUTHOR 7

static GBytes *octets_of(const char *text)
{
	return text != NULL ? g_bytes_new(text, strlen(text)) : NULL;
}

/* @values: name, value (NULL: remove), name, value, ..., NULL. */
static gboolean set_values(
	Account *account, const char *mailbox, const char *const *values, guint64 author, GError **error)
{
	g_autoptr(GPtrArray) entries = metadata_entries_new();
	for (; *values != NULL; values += 2) {
		g_autoptr(GBytes) value = octets_of(values[1]);
		g_ptr_array_add(entries, metadata_entry_new(values[0], value));
	}
	return account_set_metadata(account, mailbox, entries, author, error);
}
#define SET(account, mailbox, author, ...)                                                                   \
	g_assert_true(set_values(account, mailbox, (const char *const[]){ __VA_ARGS__, NULL }, author, NULL))

/* "name=value ..." of what is within @name. */
static char *dump(Account *account, const char *mailbox, const char *name, MetadataDepth depth)
{
	g_autoptr(GError) error = NULL;
	const char *const names[] = { name, NULL };
	g_autoptr(GPtrArray) entries = account_get_metadata(account, mailbox, names, depth, &error);
	g_assert_no_error(error);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < entries->len; i++) {
		const MetadataEntry *entry = entries->pdata[i];
		gsize len = 0;
		const char *value = entry->value != NULL ? g_bytes_get_data(entry->value, &len) : NULL;
		g_string_append_printf(text, "%s%s=%.*s", i > 0 ? " " : "", entry->name,
			entry->value != NULL ? (int)len : 3, entry->value != NULL ? value : "NIL");
	}
	return g_string_free(text, FALSE);
}

static void expect_within(
	Account *account, const char *mailbox, const char *name, MetadataDepth depth, const char *expected)
{
	g_autofree char *got = dump(account, mailbox, name, depth);
	g_assert_cmpstr(got, ==, expected);
}

static void expect_all(Account *account, const char *mailbox, const char *expected)
{
	expect_within(account, mailbox, "/private", METADATA_DEPTH_INFINITY, expected);
}

static char *changes(Account *account, guint64 author, guint64 *seen)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = account_metadata_changes(account, author, seen, &error);
	g_assert_no_error(error);
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < list->len; i++) {
		const MetadataChange *change = list->pdata[i];
		g_string_append_printf(text, "%s%s:%s", i > 0 ? " " : "", change->mailbox, change->name);
	}
	return g_string_free(text, FALSE);
}

static void expect_changes(Account *account, guint64 author, guint64 *seen, const char *expected)
{
	g_autofree char *got = changes(account, author, seen);
	g_assert_cmpstr(got, ==, expected);
}

/* -- names ------------------------------------------------------------------------------------------------------------ */

static void names_are_what_the_rfc_allows(void)
{
	static const struct {
		const char *name;
		gboolean any_depth, entry;
	} cases[] = {
		{ "/private/comment", TRUE, TRUE },
		{ "/SHARED/x", TRUE, TRUE },
		{ "/private/a b(c)\"d", TRUE, TRUE },
		{ "/private/vendor/t/x", TRUE, TRUE },
		{ "/private/vendorx/t", TRUE, TRUE },
		{ "/private", TRUE, FALSE },
		{ "/shared/vendor", TRUE, FALSE },
		{ "/shared/Vendor/t", TRUE, FALSE },
		{ "", FALSE, FALSE },
		{ "/", FALSE, FALSE },
		{ "/private/", FALSE, FALSE },
		{ "/private//x", FALSE, FALSE },
		{ "/private/x/", FALSE, FALSE },
		{ "private/x", FALSE, FALSE },
		{ "/privatex/y", FALSE, FALSE },
		{ "/other/x", FALSE, FALSE },
		{ "/private/*", FALSE, FALSE },
		{ "/private/a%", FALSE, FALSE },
		{ "/private/\x1f", FALSE, FALSE },
		{ "/private/\x7f", FALSE, FALSE },
		{ "/private/\xc3\xa9", FALSE, FALSE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].name);
		g_assert_cmpint(metadata_name_check(cases[i].name, TRUE, NULL), ==, cases[i].any_depth);
		g_assert_cmpint(metadata_name_check(cases[i].name, FALSE, &error), ==, cases[i].entry);
		if (!cases[i].entry)
			g_assert_error(error, METADATA_ERROR, METADATA_ERROR_NAME);
	}
	g_autofree char *fill = g_strnfill(LIMIT_METADATA_NAME, 'x');
	g_autofree char *long_name = g_strconcat("/private/", fill, NULL);
	g_assert_false(metadata_name_check(long_name, TRUE, NULL));
	long_name[LIMIT_METADATA_NAME] = '\0';
	g_assert_true(metadata_name_check(long_name, FALSE, NULL));
}

static void depth_counts_components(void)
{
	static const struct {
		const char *name, *base;
		gboolean zero, one, infinity;
	} cases[] = {
		{ "/private/a", "/Private/A", TRUE, TRUE, TRUE },
		{ "/private/a/b", "/private/a", FALSE, TRUE, TRUE },
		{ "/private/a/b/c", "/private/a", FALSE, FALSE, TRUE },
		{ "/private/ab", "/private/a", FALSE, FALSE, FALSE },
		{ "/private", "/private/a", FALSE, FALSE, FALSE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmpint(metadata_name_within(cases[i].name, cases[i].base, METADATA_DEPTH_0), ==,
			cases[i].zero);
		g_assert_cmpint(metadata_name_within(cases[i].name, cases[i].base, METADATA_DEPTH_1), ==,
			cases[i].one);
		g_assert_cmpint(metadata_name_within(cases[i].name, cases[i].base, METADATA_DEPTH_INFINITY),
			==, cases[i].infinity);
	}
}

/* -- values ----------------------------------------------------------------------------------------------------------- */

static void what_is_set_is_kept(Fixture *fixture, gconstpointer data)
{
	(void)data;
	SET(fixture->account, "", AUTHOR, "/private/a", "1", "/private/A/b", "", "/shared/c", "3");
	SET(fixture->account, "inbox", AUTHOR, "/private/a", "other");
	for (guint round = 0; round < 2; round++) {
		expect_all(fixture->account, "", "/private/a=1 /private/A/b=");
		expect_within(
			fixture->account, "", "/PRIVATE/a", METADATA_DEPTH_1, "/PRIVATE/a=1 /PRIVATE/a/b=");
		expect_within(fixture->account, "", "/private/a", METADATA_DEPTH_0, "/private/a=1");
		expect_within(fixture->account, "", "/private/none", METADATA_DEPTH_1, "/private/none=NIL");
		expect_all(fixture->account, "INBOX", "/private/a=other");
		fixture_reopen(fixture);
	}
	SET(fixture->account, "", AUTHOR, "/PRIVATE/a", NULL, "/private/none", NULL);
	expect_all(fixture->account, "", "/private/A/b=");
}

static void a_failure_leaves_all_as_it_was(Fixture *fixture, gconstpointer data)
{
	(void)data;
	GError *error = NULL;
	g_autofree char *long_value = g_strnfill(LIMIT_METADATA_VALUE + 1, 'x');
	SET(fixture->account, "", AUTHOR, "/private/a", "1");
	g_assert_false(set_values(fixture->account, "",
		(const char *const[]){ "/private/a", NULL, "/private/b", long_value, NULL }, AUTHOR, &error));
	g_assert_error(error, METADATA_ERROR, METADATA_ERROR_TOO_LONG);
	g_clear_error(&error);
	g_assert_false(set_values(fixture->account, "",
		(const char *const[]){ "/private/a", NULL, "/private/b*", "x", NULL }, AUTHOR, &error));
	g_assert_error(error, METADATA_ERROR, METADATA_ERROR_NAME);
	g_clear_error(&error);
	g_assert_false(set_values(
		fixture->account, "None", (const char *const[]){ "/private/a", "x", NULL }, AUTHOR, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_NO_MAILBOX);
	/* In the transaction, after something was written. */
	g_assert_false(set_values(fixture->account, "INBOX",
		(const char *const[]){ "/private/a", "x", "/private/specialuse", "\\Nonsense", NULL }, AUTHOR,
		&error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_SPECIAL_USE);
	expect_all(fixture->account, "", "/private/a=1");
	expect_all(fixture->account, "INBOX", "/private=NIL");
	long_value[LIMIT_METADATA_VALUE] = '\0';
	SET(fixture->account, "INBOX", AUTHOR, "/private/b", long_value);
}

static void too_many_are_refused(Fixture *fixture, gconstpointer data)
{
	(void)data;
	g_autoptr(GPtrArray) entries = metadata_entries_new();
	g_autoptr(GBytes) value = g_bytes_new_static("v", 1);
	g_autoptr(GError) error = NULL;
	for (guint i = 0; i <= LIMIT_METADATA_ENTRIES; i++) {
		g_autofree char *name = g_strdup_printf("/private/%u", i);
		g_ptr_array_add(entries, metadata_entry_new(name, value));
	}
	g_assert_false(account_set_metadata(fixture->account, "", entries, AUTHOR, &error));
	g_assert_error(error, METADATA_ERROR, METADATA_ERROR_TOO_MANY);
	g_ptr_array_set_size(entries, LIMIT_METADATA_ENTRIES);
	g_assert_true(account_set_metadata(fixture->account, "", entries, AUTHOR, NULL));
	SET(fixture->account, "", AUTHOR, "/private/0", NULL, "/private/x", "y");
	g_assert_false(set_values(
		fixture->account, "", (const char *const[]){ "/private/z", "", NULL }, AUTHOR, NULL));
}

/* -- mailboxes -------------------------------------------------------------------------------------------------------- */

static void they_go_where_the_mailbox_goes(Fixture *fixture, gconstpointer data)
{
	(void)data;
	Account *account = fixture->account;
	g_assert_true(account_create_mailbox(account, "a/b", NULL, NULL));
	g_assert_true(account_create_mailbox(account, "a/b/c", NULL, NULL));
	SET(account, "a", AUTHOR, "/private/of", "a");
	SET(account, "a/b", AUTHOR, "/private/of", "b");
	SET(account, "a/b/c", AUTHOR, "/private/of", "c");
	g_assert_true(
		account_rename_mailbox(account, "a/b", "é", NULL)); /* "a" vanishes with its last inferior */
	g_assert_true(account_create_mailbox(account, "a", NULL, NULL));
	g_assert_true(account_create_mailbox(account, "a/b", NULL, NULL));
	expect_all(account, "a", "/private=NIL");
	expect_all(account, "a/b", "/private=NIL");
	expect_all(account, "é", "/private/of=b");
	expect_all(account, "é/c", "/private/of=c");
	g_assert_true(account_delete_mailbox(account, "é", NULL));
	expect_all(account, "é", "/private=NIL");
	expect_all(account, "é/c", "/private/of=c");
	SET(account, "é", AUTHOR, "/private/of", "a name");
	g_assert_true(account_delete_mailbox(account, "é/c", NULL));
	g_assert_true(account_create_mailbox(account, "é/c", NULL, NULL));
	expect_all(account, "é", "/private=NIL");
	expect_all(account, "é/c", "/private=NIL");
	SET(account, "INBOX", AUTHOR, "/private/of", "inbox");
	g_assert_true(account_rename_mailbox(account, "INBOX", "old", NULL));
	expect_all(account, "INBOX", "/private/of=inbox");
	expect_all(account, "old", "/private/of=inbox");
}

/* -- telling others --------------------------------------------------------------------------------------------------- */

static void others_learn_of_changes(Fixture *fixture, gconstpointer data)
{
	(void)data;
	Account *account = fixture->account;
	guint64 seen = 0, mine = 0, changed = 0;
	SET(account, "", AUTHOR, "/private/a", "1");
	g_assert_true(account_metadata_changed(account, &seen, NULL));
	mine = seen;
	expect_changes(account, AUTHOR + 1, &seen, "");
	SET(account, "INBOX", AUTHOR, "/private/b", "1", "/private/a", "1");
	SET(account, "", AUTHOR, "/private/a", NULL);
	expect_changes(account, AUTHOR, &mine, "");
	g_assert_true(account_metadata_changed(account, &changed, NULL));
	g_assert_cmpuint(mine, ==, changed);
	expect_changes(account, AUTHOR + 1, &seen, ":/private/a INBOX:/private/a INBOX:/private/b");
	expect_changes(account, AUTHOR + 1, &seen, "");
	SET(account, "INBOX", AUTHOR, "/private/b", "1", "/private/none", NULL); /* nothing is changed */
	expect_changes(account, AUTHOR + 1, &seen, "");
	/* What another wrote last is news again. */
	SET(account, "INBOX", AUTHOR + 1, "/private/b", "2");
	expect_changes(account, AUTHOR, &mine, "INBOX:/private/b");
}

static void note_events(const char *account, gint64 mailbox, StoreEvents events, gpointer data)
{
	(void)account, (void)mailbox;
	if (events & STORE_EVENT_METADATA)
		g_atomic_int_inc((gint *)data);
}

static void another_process_is_noticed(void)
{
	g_autofree char *root = make_root();
	g_autoptr(Store) other = store_open(&(StoreOptions){ .mail_root = root }, NULL);
	g_assert_true(store_create_account(other, "joe", NULL));
	g_autoptr(Store) store = store_open(&(StoreOptions){ .mail_root = root, .watch = TRUE }, NULL);
	gint events = 0;
	store_set_listener(store, note_events, &events);
	Account *watched = store_get_account(store, "joe", NULL),
		*written = store_get_account(other, "joe", NULL);
	guint64 seen = 0;
	SET(written, "", AUTHOR, "/private/a", "1");
	for (guint i = 0; g_atomic_int_get(&events) == 0 && i < 1000; i++)
		g_usleep(10000);
	g_assert_cmpint(g_atomic_int_get(&events), >, 0);
	expect_changes(watched, AUTHOR + 1, &seen, ":/private/a");
	expect_all(watched, "", "/private/a=1");
	account_unref(watched);
	account_unref(written);
	g_clear_pointer(&store, store_close);
	g_clear_pointer(&other, store_close);
	g_assert_true(maildir_remove_tree(root, NULL));
}

#define ADD(name) g_test_add("/metadata/" #name, Fixture, NULL, fixture_setup, name, fixture_teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/metadata/names_are_what_the_rfc_allows", names_are_what_the_rfc_allows);
	g_test_add_func("/metadata/depth_counts_components", depth_counts_components);
	ADD(what_is_set_is_kept);
	ADD(a_failure_leaves_all_as_it_was);
	ADD(too_many_are_refused);
	ADD(they_go_where_the_mailbox_goes);
	ADD(others_learn_of_changes);
	g_test_add_func("/metadata/another_process_is_noticed", another_process_is_noticed);
	return g_test_run();
}
