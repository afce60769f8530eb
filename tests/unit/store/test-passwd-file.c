#include "store/passwd-file.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"

typedef struct {
	char *folder, *path;
} Fixture;

static void set_up(Fixture *f, gconstpointer unused)
{
	(void)unused;
	f->folder = g_dir_make_tmp("mailsift-XXXXXX", NULL);
	f->path = g_build_filename(f->folder, "passwd", NULL);
}

static void tear_down(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autofree char *lock = g_strconcat(f->path, ".lock", NULL);
	(void)g_unlink(f->path);
	(void)g_unlink(lock);
	g_assert_cmpint(g_rmdir(f->folder), ==, 0);
	g_free(f->path);
	g_free(f->folder);
}

static void check(PasswdFile *file, const char *user, const char *password, gboolean expected)
{
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(passwd_file_check(file, user, password, &error), ==, expected);
	g_assert_no_error(error);
}

static void a_user_logs_in_with_the_newest_password_only(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autoptr(GError) error = NULL;
	g_autoptr(PasswdFile) file = passwd_file_open(f->path, &error);
	g_assert_no_error(error);
	check(file, "joe", "secret", FALSE);
	g_assert_true(passwd_file_add(file, "joe", "secret", &error));
	check(file, "joe", "secret", TRUE);
	check(file, "joe", "Secret", FALSE);
	check(file, "joe", "", FALSE);
	check(file, "jo", "secret", FALSE);
	g_assert_false(passwd_file_add(file, "joe", "other", &error));
	g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_EXISTS);
	g_clear_error(&error);
	g_assert_true(passwd_file_set(file, "joe", "other", &error));
	check(file, "joe", "secret", FALSE);
	check(file, "joe", "other", TRUE);
	g_assert_true(passwd_file_delete(file, "joe", &error));
	check(file, "joe", "other", FALSE);
	g_assert_false(passwd_file_delete(file, "joe", &error));
	g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_NO_USER);
	g_clear_error(&error);
	g_assert_false(passwd_file_set(file, "joe", "x", &error));
	g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_NO_USER);
}

static void the_file_is_private_and_keeps_what_is_not_ours(Fixture *f, gconstpointer unused)
{
	(void)unused;
	static const char text[] = "# our people\n\nann:!:extra:fields\n#bob:x\nempty:\n";
	g_autoptr(GError) error = NULL;
	g_assert_true(g_file_set_contents(f->path, text, -1, &error));
	g_assert_cmpint(g_chmod(f->path, 0640), ==, 0);
	g_autoptr(PasswdFile) file = passwd_file_open(f->path, &error);
	check(file, "ann", "!", FALSE);
	check(file, "empty", "", FALSE);
	check(file, "#bob", "x", FALSE);
	g_assert_true(passwd_file_set(file, "ann", "new", &error));
	check(file, "ann", "new", TRUE);
	g_autofree char *now = NULL;
	g_assert_true(g_file_get_contents(f->path, &now, NULL, NULL));
	g_assert_true(g_str_has_prefix(now, "# our people\n\nann:$y$"));
	g_assert_true(g_str_has_suffix(now, ":extra:fields\n#bob:x\nempty:\n"));
	GStatBuf info;
	g_assert_cmpint(g_stat(f->path, &info), ==, 0);
	g_assert_cmpint(info.st_mode & 0777, ==, 0640);
	g_autoptr(GPtrArray) names = passwd_file_list(file, &error);
	g_assert_cmpuint(names->len, ==, 2);
	g_assert_cmpstr(names->pdata[0], ==, "ann");
	g_assert_cmpstr(names->pdata[1], ==, "empty");
}

static void a_new_file_is_for_its_owner_only(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autoptr(PasswdFile) file = passwd_file_open(f->path, NULL);
	g_assert_true(passwd_file_add(file, "joe", "x", NULL));
	GStatBuf info;
	g_assert_cmpint(g_stat(f->path, &info), ==, 0);
	g_assert_cmpint(info.st_mode & 0777, ==, 0600);
}

static void a_change_by_another_process_counts_at_once(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autoptr(PasswdFile) ours = passwd_file_open(f->path, NULL);
	g_autoptr(PasswdFile) theirs = passwd_file_open(f->path, NULL);
	g_assert_true(passwd_file_add(theirs, "joe", "x", NULL));
	check(ours, "joe", "x", TRUE);
	g_assert_true(passwd_file_add(ours, "ann", "y", NULL));
	check(theirs, "ann", "y", TRUE);
	check(theirs, "joe", "x", TRUE);
}

static void names_and_passwords_that_cannot_be_are_refused(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autoptr(PasswdFile) file = passwd_file_open(f->path, NULL);
	g_autofree char *longest = g_strnfill(LIMIT_PASSWORD, 'x'), *longer = g_strnfill(LIMIT_PASSWORD + 1, 'x');
	static const char *const names[] = { "", "a:b", "a/b", "..", "#a", "a\nb" };
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(passwd_file_add(file, names[i], "x", &error));
		g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_NAME);
	}
	const char *passwords[] = { "", "a\nb", longer };
	for (gsize i = 0; i < G_N_ELEMENTS(passwords); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(passwd_file_add(file, "joe", passwords[i], &error));
		g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_PASSWORD);
	}
	/* libcrypt's own bound is 511 octets: such a password is refused when it is set, not when it is used. */
	g_autoptr(GError) error = NULL;
	if (passwd_file_add(file, "joe", longest, &error))
		check(file, "joe", longest, TRUE);
	else
		g_assert_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_PASSWORD);
	check(file, "joe", longer, FALSE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add("/passwd-file/" #test, Fixture, NULL, set_up, test, tear_down)
	ADD(a_user_logs_in_with_the_newest_password_only);
	ADD(the_file_is_private_and_keeps_what_is_not_ours);
	ADD(a_new_file_is_for_its_owner_only);
	ADD(a_change_by_another_process_counts_at_once);
	ADD(names_and_passwords_that_cannot_be_are_refused);
	return g_test_run();
}
