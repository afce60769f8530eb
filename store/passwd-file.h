/* Who may log in: a file with one line for each user, `name:hash`, the hash as crypt(3) writes it (yescrypt for new ones; whatever libcrypt knows is
 * understood). Further fields after another ":" are kept, and so are comments and empty lines. Read anew whenever the file has changed, so that a
 * change by `mailsift user` counts from the next login on. Thread-safe; changes are written to a new file that replaces the old one, under a
 * lock that other processes respect, and are on disk when the function returns. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

#define PASSWD_FILE_ERROR (passwd_file_error_quark())
typedef enum {
	PASSWD_FILE_ERROR_BAD_NAME,     /* not a user name: store_account_name_ok(), and no ":" */
	PASSWD_FILE_ERROR_BAD_PASSWORD, /* empty, longer than LIMIT_PASSWORD, or with NUL or line ends */
	PASSWD_FILE_ERROR_EXISTS,
	PASSWD_FILE_ERROR_NO_USER,
	PASSWD_FILE_ERROR_IO,           /* the site's */
} PasswdFileError;
GQuark passwd_file_error_quark(void);

typedef struct PasswdFile PasswdFile;

/* Opens the file at @path. A missing one is an empty one, made by the first passwd_file_add(). */
PasswdFile *passwd_file_open(const char *path, GError **error);
void passwd_file_close(PasswdFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PasswdFile, passwd_file_close)

/* Whether @password is the one of @user. Takes about as long for an unknown user as for a wrong password, some 50 ms by
 * design: not for the event loop. FALSE without @error: no; with @error: the file could not be read. */
gboolean passwd_file_check(PasswdFile *file, const char *user, const char *password, GError **error);
gboolean passwd_file_has(PasswdFile *file, const char *user, GError **error);

gboolean passwd_file_add(PasswdFile *file, const char *user, const char *password, GError **error);
gboolean passwd_file_set(PasswdFile *file, const char *user, const char *password, GError **error);
gboolean passwd_file_delete(PasswdFile *file, const char *user, GError **error);
/* The names, sorted: of char*, owned by the caller. */
GPtrArray *passwd_file_list(PasswdFile *file, GError **error);

G_END_DECLS
