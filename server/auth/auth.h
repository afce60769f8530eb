/* Who may log in: the users of the passwd-file (store/passwd-file.h). Thread-safe. Checking a password
 * takes tens of milliseconds of CPU (crypt(3)), so it is a worker's job. Passwords are neither kept nor
 * logged. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef enum {
	AUTH_OK,
	AUTH_FAILED, /* no such user or another password: nobody is told which */
	AUTH_ERROR,  /* the site's: @error is set */
} AuthResult;

typedef struct Auth Auth;

/* The file is read anew whenever it has changed; it need not exist yet. NULL and @error (PASSWD_FILE_ERROR)
 * otherwise. */
Auth *auth_new(const char *passwd_path, GError **error);
void auth_free(Auth *auth);

/* Takes the same time for unknown users. */
AuthResult auth_check_password(Auth *auth, const char *user, const char *password, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Auth, auth_free)
G_END_DECLS
