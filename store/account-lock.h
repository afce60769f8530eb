/* What processes with one account open agree on beside SQLite's own locks: ROOT/ACCOUNT/mailsift.lock, an empty file whose bytes are
 * locked (open file description locks, so two stores in one process count as two processes).
 *
 *   shared      held from the moment a message file gets its name in cur/ until its row is committed
 *   exclusive   held while cur/ is compared with the rows, and while folders are made, renamed or removed
 *   opener      held as long as a process has the account open: a row of `opener` without it is that of a process that died
 *
 * Fair: who wants it exclusively is not passed by who comes later, in this process or in another. Not recursive. Private to store/. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct AccountLock AccountLock;

/* Makes the file where it is missing. Fails with STORE_ERROR_IO or STORE_ERROR_NO_SPACE. */
AccountLock *account_lock_open(const char *path, GError **error);
void account_lock_close(AccountLock *lock); /* nobody holds it */

/* Wait until they have it. Fail with STORE_ERROR_IO where the file system cannot lock; then nothing is held. */
gboolean account_lock_shared(AccountLock *lock, GError **error);
void account_lock_shared_end(AccountLock *lock);
gboolean account_lock_exclusive(AccountLock *lock, GError **error);
void account_lock_exclusive_end(AccountLock *lock);

/* Marks opener @id (above 0, once for an AccountLock) as alive until account_lock_close() or the end of the process. */
gboolean account_lock_opener(AccountLock *lock, gint64 id, GError **error);
/* Whether an opener other than ours is alive. */
gboolean account_lock_opener_alive(AccountLock *lock, gint64 id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccountLock, account_lock_close)

G_END_DECLS
