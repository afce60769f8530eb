/* The mail of a site: accounts under a root. All functions may be called from any thread; several processes (mailsiftd, mailsift,
 * mailsift-indexer) may have one store open at once. SQL stays inside this room. */
#pragma once
#include <gio/gio.h>
G_BEGIN_DECLS

#define STORE_ERROR (store_error_quark())
typedef enum {
	STORE_ERROR_NO_ACCOUNT,     /* the user's: no such account */
	STORE_ERROR_NO_MAILBOX,     /* the user's: NO [NONEXISTENT], for COPY/APPEND NO [TRYCREATE] */
	STORE_ERROR_EXISTS,         /* the user's: NO [ALREADYEXISTS] */
	STORE_ERROR_BAD_NAME,       /* the user's: NO [CANNOT], a name that cannot be represented */
	STORE_ERROR_CANNOT,         /* the user's: NO [CANNOT]: delete INBOX, rename onto itself, has children ... */
	STORE_ERROR_SPECIAL_USE,    /* the user's: NO [USEATTR]: a special use that there is not, or that this mailbox cannot have */
	STORE_ERROR_TOO_BIG,        /* the user's: NO [TOOBIG] / [LIMIT] */
	STORE_ERROR_EXPUNGED,       /* the message is gone: NO [EXPUNGEISSUED] */
	STORE_ERROR_READ_ONLY,      /* the site's: account switched to read-only after a failed fsync */
	STORE_ERROR_NO_SPACE,       /* the site's: ENOSPC/EDQUOT: NO [OVERQUOTA]/[UNAVAILABLE] */
	STORE_ERROR_IO,             /* the site's: file or directory */
	STORE_ERROR_RESOURCES,      /* the site's: no descriptors or memory left for now */
	STORE_ERROR_DATABASE,       /* the site's: SQLite */
} StoreError;
GQuark store_error_quark(void);

typedef struct Store Store;
typedef struct Account Account;

/* What happened, told to the listener from whichever thread made or noticed it (also for changes by other processes). Must return soon
 * and must not call back into the store. */
typedef enum {
	STORE_EVENT_MAILBOX = 1 << 0,   /* @mailbox_id has a newer snapshot */
	STORE_EVENT_LIST = 1 << 1,      /* mailboxes created, deleted, renamed, subscribed */
	STORE_EVENT_FEED = 1 << 2,      /* the feed grew: the indexer has work */
	STORE_EVENT_METADATA = 1 << 3,  /* annotations changed (store/metadata.h) */
} StoreEvents;
typedef void (*StoreListener)(const char *account, gint64 mailbox_id, StoreEvents events, gpointer data);

/* Told of errors that no caller waits for: mail in new/ or folders that could not be taken, a file that cannot be read. From any thread, with
 * locks of the store held: must return soon and must not call back into the store. The same text comes at most once in ten minutes. */
typedef void (*StoreReporter)(const char *account, const GError *error, gpointer data);

typedef struct {
	const char *mail_root;     /* ROOT: must exist */
	const char *index_root;    /* INDEXROOT, may equal mail_root; only for account_index_dir() */
	gboolean watch;            /* inotify on new/ and the databases of open accounts (mailsiftd); starts a thread */
	guint max_open_accounts;   /* 0: default */
} StoreOptions;

Store *store_open(const StoreOptions *options, GError **error);
void store_close(Store *store); /* finishes transactions, writes the clean mark; no account may be in use */
void store_set_listener(Store *store, StoreListener listener, gpointer data); /* before the first account is opened */
void store_set_reporter(Store *store, StoreReporter reporter, gpointer data); /* the same */

/* Account names: 1..LIMIT_USER_NAME octets of UTF-8 without "/", NUL and control characters, not "." or "..", not starting with ".". */
gboolean store_account_name_ok(const char *name);
GPtrArray *store_list_accounts(Store *store, GError **error);  /* of char*, sorted; from the folders */
gboolean store_create_account(Store *store, const char *name, GError **error); /* with INBOX; STORE_ERROR_EXISTS */
gboolean store_delete_account(Store *store, const char *name, GError **error); /* mail, database and index */
/* Opens (or finds open) an account: runs migrations, admits what lies in new/, recovers after a crash. Watches all its mailboxes
 * when the store watches. Returns a reference. */
Account *store_get_account(Store *store, const char *name, GError **error);
void account_unref(Account *account);
Account *account_ref(Account *account);
const char *account_name(const Account *account);
char *account_index_dir(const Account *account); /* INDEXROOT/ACCOUNT */
/* Opens every account so that mail dropped into new/ is admitted and indexed when nobody is connected. Errors of single accounts
 * are returned in *failed_out (of char*, "name: reason"; may be NULL). From then on, accounts that another process makes are opened within
 * some seconds, and those that it deletes are forgotten. */
gboolean store_watch_all(Store *store, GPtrArray **failed_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Account, account_unref)
G_END_DECLS
