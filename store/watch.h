/* Notices by inotify(7) what others do to open accounts: mail in new/, folders made, transactions of other processes. One thread for a
 * store. What cannot be watched (the user's limit of watches is reached) is looked at once a second instead. Private to store/. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct Watch Watch;

typedef enum {
	WATCH_DATABASE, /* a directory with mailsift.db-wal in it: somebody wrote to the database */
	WATCH_NEW,      /* a new/: something was put there */
	WATCH_FOLDERS,  /* a Maildir/: a folder came or went */
} WatchKind;

/* Called in a thread of the watch's, for one account never in two at once. Several events in a row may be one call, and a call may
 * be for nothing. @mailbox: as given to watch_add(). FALSE: it failed, and is to be called again, after a second at first, then less and less
 * often, up to once a minute. */
typedef gboolean (*WatchFunc)(const char *account, gint64 mailbox, WatchKind kind, gpointer data);
/* Called about every two seconds, in the watch's thread. */
typedef void (*WatchTick)(gpointer data);

Watch *watch_new(WatchFunc func, WatchTick tick, gpointer data, GError **error);
void watch_free(Watch *watch); /* waits until no call is under way */

/* @path is a directory. What is watched already is watched once; a directory that has another path by now is watched under that. A new/
 * that is not empty makes a call at once. */
void watch_add(Watch *watch, const char *path, WatchKind kind, const char *account, gint64 mailbox);
/* Forgets the new/ of mailboxes that are not in @ids (a set of gint64 *). */
void watch_keep_mailboxes(Watch *watch, const char *account, GHashTable *ids);
/* No call for the account begins any more, one may be under way. */
void watch_remove_account(Watch *watch, const char *account);
/* Directories that are looked at once a second, since inotify refused. */
guint watch_n_polled(Watch *watch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

G_END_DECLS
