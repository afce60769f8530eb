#include "server/auth/auth.h"

#include "store/passwd-file.h"

struct Auth {
	PasswdFile *passwd;
};

Auth *auth_new(const char *passwd_path, GError **error)
{
	PasswdFile *passwd = passwd_file_open(passwd_path, error);
	if (passwd == NULL)
		return NULL;
	Auth *auth = g_new0(Auth, 1);
	auth->passwd = passwd;
	return auth;
}

void auth_free(Auth *auth)
{
	if (auth == NULL)
		return;
	passwd_file_close(auth->passwd);
	g_free(auth);
}

AuthResult auth_check_password(Auth *auth, const char *user, const char *password, GError **error)
{
	g_autoptr(GError) failed = NULL;
	if (passwd_file_check(auth->passwd, user, password, &failed))
		return AUTH_OK;
	if (failed == NULL)
		return AUTH_FAILED;
	g_propagate_error(error, g_steal_pointer(&failed));
	return AUTH_ERROR;
}
