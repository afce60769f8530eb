#include "tests/unit/store/fixture.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void folders_of_names(void)
{
	static const struct {
		const char *name, *folder;
	} cases[] = {
		{ "INBOX", "" },
		{ "Sent", ".Sent" },
		{ "Sent/2024", ".Sent.2024" },
		{ "INBOX/x", ".INBOX.x" },
		{ "a.b", ".a&AC4-b" },
		{ "v1.2.3/x.y", ".v1&AC4-2&AC4-3.x&AC4-y" },
		{ "..", ".&AC4-&AC4-" },
		{ "été", ".&AOk-t&AOk-" },
		{ "é.é", ".&AOk-&AC4-&AOk-" },
		{ "R&D", ".R&-D" },
		{ "&AC4-", ".&-AC4-" },
		{ "日本語/台北", ".&ZeVnLIqe-.&U,BTFw-" },
		{ "with space ~#*%", ".with space ~#*%" },
		{ "cur", ".cur" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *folder = maildir_folder_of_name(cases[i].name, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(folder, ==, cases[i].folder);
		g_autofree char *name = maildir_name_of_folder(folder);
		g_assert_cmpstr(name, ==, cases[i].name);
	}
}

static void foreign_folders_have_names(void)
{
	static const struct {
		const char *folder, *name; /* NULL: no mailbox */
	} cases[] = {
		{ ".r\303\251sum\303\251", "résumé" }, /* UTF-8, as with Dovecot's mailbox_list_utf8 */
		{ ".&AGE-", "&AGE-" },                 /* not canonical: taken as it is */
		{ ".INBOX", NULL },
		{ ".Inbox.x", "INBOX/x" },
		{ "..x", NULL },
		{ ".x..y", NULL },
		{ ".x.", NULL },
		{ ".", NULL },
		{ "Sent", NULL },
		{ ".a&AC8-b", "a&AC8-b" }, /* "a/b" in one level: no name of ours, so taken as it is */
		{ ".a\377", NULL },
		{ ".a/b", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = maildir_name_of_folder(cases[i].folder);
		g_assert_cmpstr(name, ==, cases[i].name);
	}
}

static void names_are_brought_into_one_form(void)
{
	static const struct {
		const char *name, *normal; /* NULL: refused */
	} cases[] = {
		{ "inbox", "INBOX" },
		{ "iNbOx/Sub", "INBOX/Sub" },
		{ "inboxes", "inboxes" },
		{ "a/inbox", "a/inbox" },
		{ "foo/", "foo" },
		{ "foo//", NULL },
		{ "/foo", NULL },
		{ "/", NULL },
		{ "", NULL },
		{ "a//b", NULL },
		{ "a\nb", NULL },
		{ "a\177", NULL },
		{ "a\302\205", NULL },      /* NEL */
		{ "a\342\200\250b", NULL }, /* LINE SEPARATOR */
		{ "a\377b", NULL },
		{ "\300\200", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *normal = maildir_normal_name(cases[i].name, &error);
		g_assert_cmpstr(normal, ==, cases[i].normal);
		if (normal == NULL)
			expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
	}
}

static void long_names_are_refused(void)
{
	GError *error = NULL;
	g_autofree char *octets = g_strnfill(LIMIT_MAILBOX_NAME + 1, 'a');
	g_assert_null(maildir_normal_name(octets, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
	/* 254 octets and the dot before them fit into a file name. */
	octets[255] = '\0';
	g_assert_null(maildir_folder_of_name(octets, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
	octets[254] = '\0';
	g_autofree char *folder = maildir_folder_of_name(octets, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(strlen(folder), ==, 255);
	g_autoptr(GString) deep = g_string_new("x");
	for (guint i = 0; i < LIMIT_MAILBOX_LEVELS; i++)
		g_string_append(deep, "/x");
	g_assert_null(maildir_normal_name(deep->str, &error));
	expect_error(g_steal_pointer(&error), STORE_ERROR_BAD_NAME);
}

static void random_names_survive(void)
{
	static const char *const pieces[] = { ".", "a", "&", "-", "é", "日", "/", "~", "AC4", "😀", " ", "," };
	for (guint round = 0; round < 20000; round++) {
		g_autoptr(GString) name = g_string_new("x");
		for (gint i = g_test_rand_int_range(0, 10); i > 0; i--)
			g_string_append(name, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
		g_autofree char *normal = maildir_normal_name(name->str, NULL);
		if (normal == NULL)
			continue;
		g_autofree char *folder = maildir_folder_of_name(normal, NULL);
		g_autofree char *back = maildir_name_of_folder(folder);
		g_assert_cmpstr(back, ==, normal);
		g_assert_null(strchr(folder, '/'));
	}
}

static void flags_are_in_names(void)
{
	static const struct {
		const char *file;
		gsize base;
		guint flags;
		guint32 letters;
	} cases[] = {
		{ "1.a", 3, 0, 0 }, { "1.a:2,", 3, 0, 0 }, { "1.a:2,S", 3, MESSAGE_SEEN, 0 },
		{ "1.a:2,DFRST", 3,
			MESSAGE_DRAFT | MESSAGE_FLAGGED | MESSAGE_ANSWERED | MESSAGE_SEEN | MESSAGE_DELETED,
			0 },
		{ "1.a:2,PSac", 3, MESSAGE_SEEN, 5 }, { "1.a:2,S,S=99", 3, MESSAGE_SEEN, 0 },
		{ "1.a:1,S", 7, 0, 0 },          /* experimental info: part of the name */
		{ "1:2,x:2,S", 1, 0, 1u << 23 }, /* the first ":2," counts, up to the next comma */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint32 letters = 77;
		g_assert_cmpuint(maildir_base_len(cases[i].file), ==, cases[i].base);
		g_assert_cmpuint(maildir_flags_of_file(cases[i].file, &letters), ==, cases[i].flags);
		g_assert_cmpuint(letters, ==, cases[i].letters);
	}
	for (guint flags = 0; flags < 32; flags++) {
		g_autofree char *file = maildir_name_with_flags("1.a", (MessageFlags)flags, "b");
		guint32 letters;
		g_assert_cmpuint(maildir_flags_of_file(file, &letters), ==, flags);
		g_assert_cmpuint(letters, ==, 2);
	}
}

static void unique_names_are_unique(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < 10000; i++) {
		char *name = maildir_unique_name(MAILDIR_ORIGINAL, 123, 456);
		g_assert_null(strpbrk(name, "/:"));
		g_assert_true(g_str_has_suffix(name, ",S=123,W=456"));
		g_assert_true(g_hash_table_add(seen, name));
	}
}

static void renaming_never_replaces(void)
{
	g_autofree char *root = make_root();
	g_autofree char *a = g_build_filename(root, "a", NULL), *b = g_build_filename(root, "b", NULL);
	g_assert_true(g_file_set_contents(a, "a", 1, NULL) && g_file_set_contents(b, "b", 1, NULL));
	g_assert_cmpint(maildir_rename_new(a, b), ==, -1);
	g_assert_cmpint(errno, ==, EEXIST);
	g_assert_true(maildir_remove_tree(b, NULL));
	g_assert_cmpint(maildir_rename_new(a, b), ==, 0);
	g_assert_cmpint(maildir_link(b, a), ==, 0);
	g_assert_true(maildir_remove_tree(root, NULL));
	g_assert_false(maildir_is_directory(root));
}

static void folders_are_made_whole(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *root = make_root();
	g_autofree char *maildir = g_build_filename(root, "Maildir", NULL);
	g_autofree char *cur = g_build_filename(maildir, ".Sent", "cur", NULL);
	g_autofree char *mark = g_build_filename(maildir, ".Sent", "maildirfolder", NULL);
	g_assert_true(maildir_make_folder(maildir, "", &error));
	g_assert_true(maildir_make_folder(maildir, ".Sent", &error));
	g_assert_true(maildir_make_folder(maildir, ".Sent", &error));
	g_assert_no_error(error);
	struct stat status;
	g_assert_cmpint(stat(cur, &status), ==, 0);
	g_assert_cmpuint(status.st_mode & 07777, ==, 0700);
	g_assert_true(g_file_test(mark, G_FILE_TEST_IS_REGULAR));
	g_assert_true(maildir_remove_tree(root, &error));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/maildir/folders_of_names", folders_of_names);
	g_test_add_func("/maildir/foreign_folders_have_names", foreign_folders_have_names);
	g_test_add_func("/maildir/names_are_brought_into_one_form", names_are_brought_into_one_form);
	g_test_add_func("/maildir/long_names_are_refused", long_names_are_refused);
	g_test_add_func("/maildir/random_names_survive", random_names_survive);
	g_test_add_func("/maildir/flags_are_in_names", flags_are_in_names);
	g_test_add_func("/maildir/unique_names_are_unique", unique_names_are_unique);
	g_test_add_func("/maildir/renaming_never_replaces", renaming_never_replaces);
	g_test_add_func("/maildir/folders_are_made_whole", folders_are_made_whole);
	return g_test_run();
}
