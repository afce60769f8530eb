#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "web/web-private.h"

#define ANNS "anns-token-0123456789"
#define BOBS "Bobs.Token~+/=abcdefg"

typedef struct {
	char *folder, *path;
	Web web;
} Fixture;

static void write_file(const Fixture *f, const char *text, gssize len, int mode)
{
	g_autoptr(GError) error = NULL;
	g_assert_true(
		g_file_set_contents_full(f->path, text, len, G_FILE_SET_CONTENTS_CONSISTENT, mode, &error));
	g_assert_no_error(error);
	g_assert_cmpint(g_chmod(f->path, (mode_t)mode), ==, 0);
}

static void set_up(Fixture *f, gconstpointer data)
{
	(void)data;
	f->folder = g_dir_make_tmp("mailsift-tokens-XXXXXX", NULL);
	f->path = g_build_filename(f->folder, "token", NULL);
	f->web.token_path = f->path;
	g_mutex_init(&f->web.lock);
}

static void tear_down(Fixture *f, gconstpointer data)
{
	(void)data;
	web_tokens_clear(&f->web);
	g_mutex_clear(&f->web.lock);
	(void)g_unlink(f->path);
	(void)g_rmdir(f->folder);
	g_free(f->path);
	g_free(f->folder);
}

static void allows_the_tokens_of_the_file_and_no_others(Fixture *f, gconstpointer data)
{
	(void)data;
	write_file(f, "# the admin's\n" ANNS "\n\n  " BOBS " \r\n", -1, 0600);
	static const struct {
		const char *header;
		gboolean ok;
	} cases[] = {
		{ "Bearer " ANNS, TRUE },
		{ "bearer " ANNS, TRUE }, /* RFC 9110 11.1: the scheme has no case */
		{ "Bearer   " ANNS, TRUE },
		{ "Bearer " BOBS, TRUE },
		{ NULL, FALSE },
		{ "", FALSE },
		{ "Bearer", FALSE },
		{ "Bearer ", FALSE },
		{ ANNS, FALSE },
		{ "Basic " ANNS, FALSE },
		{ "Bearer " ANNS "x", FALSE },
		{ "Bearer anns-token-012345678", FALSE },
		{ "Bearer ANNS-TOKEN-0123456789", FALSE },
		{ "Bearer " ANNS " " BOBS, FALSE },
		{ "Bearer # the admin's", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].header);
		g_assert_cmpint(web_tokens_allow(&f->web, cases[i].header), ==, cases[i].ok);
	}
}

static void sees_a_changed_file_at_once(Fixture *f, gconstpointer data)
{
	(void)data;
	write_file(f, ANNS "\n", -1, 0600);
	g_assert_true(web_tokens_allow(&f->web, "Bearer " ANNS));
	/* Of the same length, in the same tick of the clock. */
	write_file(f, BOBS "\n", -1, 0600);
	g_assert_false(web_tokens_allow(&f->web, "Bearer " ANNS));
	g_assert_true(web_tokens_allow(&f->web, "Bearer " BOBS));
}

static void allows_nobody_once_the_file_is_of_no_use(Fixture *f, gconstpointer data)
{
	(void)data;
	log_set_level(LOG_LEVEL_ERROR - 1);
	write_file(f, ANNS "\n", -1, 0600);
	g_assert_true(web_tokens_allow(&f->web, "Bearer " ANNS));
	g_assert_cmpint(g_chmod(f->path, 0644), ==, 0);
	g_assert_false(web_tokens_allow(&f->web, "Bearer " ANNS));
	g_assert_cmpint(g_chmod(f->path, 0600), ==, 0);
	g_assert_true(web_tokens_allow(&f->web, "Bearer " ANNS));
	write_file(f, "", 0, 0600);
	g_assert_false(web_tokens_allow(&f->web, "Bearer " ANNS));
	g_assert_cmpint(g_unlink(f->path), ==, 0);
	g_assert_false(web_tokens_allow(&f->web, "Bearer " ANNS));
	write_file(f, ANNS, -1, 0600);
	g_assert_true(web_tokens_allow(&f->web, "Bearer " ANNS));
}

static void refuses_files_that_are_no_secret_or_have_none(Fixture *f, gconstpointer data)
{
	(void)data;
	static const struct {
		const char *text;
		int mode;
		const char *says;
	} cases[] = {
		{ ANNS "\n", 0604, "chmod 600" },
		{ ANNS "\n", 0602, "chmod 600" },
		{ "", 0600, "no token" },
		{ "# none\n\n", 0600, "no token" },
		{ ANNS "\nshort\n", 0600, ":2: a token needs 16" },
		{ ANNS " " BOBS "\n", 0600, ":1: a token has letters" },
		{ "\n\nj\303\266rgs-token-0123456789\n", 0600, ":3: a token has letters" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		write_file(f, cases[i].text, -1, cases[i].mode);
		g_assert_false(web_tokens_load(&f->web, &error));
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, cases[i].says));
		g_assert_nonnull(strstr(error->message, f->path));
		g_assert_null(strstr(error->message, "anns-token"));
	}
	g_autofree char *large = g_strnfill(LIMIT_SETTINGS_BYTES + 1, '#');
	g_autoptr(GError) error = NULL;
	write_file(f, large, -1, 0600);
	g_assert_false(web_tokens_load(&f->web, &error));
	g_assert_nonnull(strstr(error->message, "too large"));
	g_clear_error(&error);
	g_assert_cmpint(g_unlink(f->path), ==, 0);
	g_assert_false(web_tokens_load(&f->web, &error));
	g_assert_nonnull(strstr(error->message, f->path));
}

static void is_closed_without_a_file(Fixture *f, gconstpointer data)
{
	(void)data;
	f->web.token_path = NULL;
	g_assert_true(web_tokens_load(&f->web, NULL));
	g_assert_false(web_tokens_allow(&f->web, "Bearer " ANNS));
	g_assert_false(web_tokens_allow(&f->web, "Bearer "));
	g_assert_false(web_tokens_allow(&f->web, NULL));
}

#define ADD(name) g_test_add("/tokens/" #name, Fixture, NULL, set_up, name, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD(allows_the_tokens_of_the_file_and_no_others);
	ADD(sees_a_changed_file_at_once);
	ADD(allows_nobody_once_the_file_is_of_no_use);
	ADD(refuses_files_that_are_no_secret_or_have_none);
	ADD(is_closed_without_a_file);
	return g_test_run();
}
