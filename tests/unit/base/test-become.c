#include "base/become.h"

#include <sys/wait.h>
#include <unistd.h>

static void a_user_is_there_or_not(void)
{
	g_autoptr(GError) error = NULL;
	g_assert_true(become_can("root", &error));
	g_assert_no_error(error);
	g_assert_false(become_can("no-such-user", &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void root_becomes_the_user_for_good(void)
{
	if (geteuid() != 0) {
		g_test_skip("only root can become somebody else");
		return;
	}
	pid_t child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		gboolean gone = become("", NULL) && geteuid() == 0 && !become("no-such-user", NULL) && geteuid() == 0 &&
				become("nobody", NULL) && geteuid() != 0 && getegid() != 0 && setuid(0) != 0 && setgid(0) != 0;
		_exit(gone ? 0 : 1);
	}
	int status = 0;
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/become/a_user_is_there_or_not", a_user_is_there_or_not);
	g_test_add_func("/become/root_becomes_the_user_for_good", root_becomes_the_user_for_good);
	return g_test_run();
}
