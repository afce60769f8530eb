#include "base/become.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

static const struct passwd *find_user(const char *user, GError **error)
{
	errno = 0;
	const struct passwd *entry = getpwnam(user);
	int code = errno;
	if (entry == NULL)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "server.user: %s: %s", user,
			code != 0 ? g_strerror(code) : "no such user");
	return entry;
}

gboolean become_can(const char *user, GError **error)
{
	return find_user(user, error) != NULL;
}

gboolean become(const char *user, GError **error)
{
	if (user[0] == '\0' || geteuid() != 0)
		return TRUE;
	const struct passwd *entry = find_user(user, error);
	if (entry == NULL)
		return FALSE;
	/* The group first, since root is needed for it. */
	if (initgroups(user, entry->pw_gid) == 0 && setgid(entry->pw_gid) == 0 && setuid(entry->pw_uid) == 0)
		return TRUE;
	int code = errno;
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(code), "server.user: cannot become %s: %s", user,
		g_strerror(code));
	return FALSE;
}
