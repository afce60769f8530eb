/* SASL PLAIN (RFC 4616), against a real passwd-file. */
#include "server/auth/sasl.h"

#include "base/limits.h"
#include "store/passwd-file.h"

#include <glib/gstdio.h>
#include <string.h>

static char *path;
static Auth *auth;

#define MESSAGE(text) text, sizeof(text) - 1

static SaslResult step(const char *data, gsize len, char **user_out)
{
	g_autoptr(SaslExchange) exchange = sasl_exchange_new(sasl_find("PLAIN"), auth);
	SaslResult result = sasl_exchange_step(exchange, (const guint8 *)data, len);
	g_assert_no_error(exchange->error);
	*user_out = g_strdup(exchange->user);
	return result;
}

static void plain_takes_what_rfc_4616_says(void)
{
	static const struct {
		const char *data;
		gsize len;
		SaslResult result;
		const char *user;
	} cases[] = {
		{ MESSAGE("\0ann\0secret"), SASL_OK, "ann" },
		{ MESSAGE("ann\0ann\0secret"), SASL_OK, "ann" },
		{ MESSAGE("bob\0ann\0secret"), SASL_REFUSED, "ann" },
		{ MESSAGE("bob\0ann\0wrong"), SASL_FAILED, "ann" },
		{ MESSAGE("\0ann\0wrong"), SASL_FAILED, "ann" },
		{ MESSAGE("\0ann\0secret "), SASL_FAILED, "ann" },
		{ MESSAGE("\0ann\0"), SASL_FAILED, "ann" },
		{ MESSAGE("\0nobody\0secret"), SASL_FAILED, "nobody" },
		{ MESSAGE(""), SASL_BAD, NULL },
		{ MESSAGE("ann"), SASL_BAD, NULL },
		{ MESSAGE("\0ann"), SASL_BAD, NULL },
		{ MESSAGE("\0\0secret"), SASL_BAD, NULL },
		{ MESSAGE("\0ann\0sec\0ret"), SASL_BAD, NULL },
		{ MESSAGE("\0a\xff\0secret"), SASL_BAD, NULL },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *user = NULL;
		g_assert_cmpint(step(cases[i].data, cases[i].len, &user), ==, cases[i].result);
		g_assert_cmpstr(user, ==, cases[i].user);
	}
}

static void plain_without_a_response_asks_for_it(void)
{
	g_autoptr(SaslExchange) exchange = sasl_exchange_new(sasl_find("PLAIN"), auth);
	g_assert_cmpint(sasl_exchange_step(exchange, NULL, 0), ==, SASL_CONTINUE);
	g_assert_cmpuint(exchange->challenge->len, ==, 0);
	g_assert_cmpint(sasl_exchange_step(exchange, (const guint8 *)"\0ann\0secret", 11), ==, SASL_OK);
}

static void long_responses_are_refused(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_append_len(text, "\0ann\0", 5);
	for (guint i = 0; i <= LIMIT_PASSWORD; i++)
		g_string_append_c(text, 'x');
	g_autofree char *user = NULL;
	g_assert_cmpint(step(text->str, text->len, &user), ==, SASL_BAD);
}

static void unreadable_file_is_the_sites_error(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = g_path_get_dirname(path);
	g_autoptr(Auth) broken = auth_new(folder, &error);
	g_autoptr(GError) failed = NULL;
	if (broken == NULL) {
		g_assert_nonnull(error);
		return;
	}
	g_assert_cmpint(auth_check_password(broken, "ann", "secret", &failed), ==, AUTH_ERROR);
	g_assert_nonnull(failed);
}

static void unknown_mechanisms_are_not_found(void)
{
	g_assert_null(sasl_find("plain"));
	g_assert_null(sasl_find("XYZZY"));
	g_assert_null(sasl_find(""));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = g_dir_make_tmp("mailsift-test-XXXXXX", &error);
	g_assert_no_error(error);
	path = g_build_filename(folder, "passwd", NULL);
	PasswdFile *file = passwd_file_open(path, &error);
	g_assert_no_error(error);
	g_assert_true(passwd_file_add(file, "ann", "secret", &error));
	passwd_file_close(file);
	auth = auth_new(path, &error);
	g_assert_no_error(error);
	g_test_add_func("/sasl/plain_takes_what_rfc_4616_says", plain_takes_what_rfc_4616_says);
	g_test_add_func("/sasl/plain_without_a_response_asks_for_it", plain_without_a_response_asks_for_it);
	g_test_add_func("/sasl/long_responses_are_refused", long_responses_are_refused);
	g_test_add_func("/sasl/unreadable_file_is_the_sites_error", unreadable_file_is_the_sites_error);
	g_test_add_func("/sasl/unknown_mechanisms_are_not_found", unknown_mechanisms_are_not_found);
	int status = g_test_run();
	auth_free(auth);
	(void)g_remove(path);
	g_autofree char *lock = g_strconcat(path, ".lock", NULL);
	(void)g_remove(lock);
	(void)g_rmdir(folder);
	g_free(path);
	return status;
}
