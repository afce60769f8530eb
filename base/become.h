#pragma once

/* Giving up root: mailsiftd and mailsift, started as root, become the user whom all mail belongs to ([server] user). */

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether there is such a user. FALSE and @error (G_IO_ERROR) if not, or if it cannot be found out. Not thread-safe. */
gboolean become_can(const char *user, GError **error);

/* Becomes @user for good: its groups, group and user id. Does nothing for "" and in a process that is not root's. FALSE and
 * @error (G_IO_ERROR): the process should end, it may have become the user in part. Before there are threads. */
gboolean become(const char *user, GError **error);

G_END_DECLS
