/* What the files of store/ share: the insides of Store, Account and Mailbox. Lock order: store/README. */
#pragma once

#include "store/account-lock.h"
#include "store/content.h"
#include "store/db.h"
#include "store/mailbox.h"
#include "store/snapshot-private.h"
#include "store/watch.h"

#include <sys/types.h>

G_BEGIN_DECLS

struct Store {
	char *mail_root, *index_root; /* owned */
	guint max_open_accounts;
	StoreListener listener; /* set before the first account is opened */
	gpointer listener_data;
	StoreReporter reporter; /* the same */
	gpointer reporter_data;
	GMutex reported_mutex; /* of what follows */
	GHashTable *reported;  /* text of an error (owned) -> monotonic time of the last report (gint64, owned) */
	Watch *watch;         /* owned; NULL when the store does not watch */
	gint watches_all;     /* atomic: accounts that appear are opened */
	gint64 root_mtime_ns; /* of the watch's thread */
	GMutex mutex;         /* of what follows */
	GCond opened;         /* an account left @opening */
	GHashTable *accounts; /* name -> Account; the store's own reference keeps it open */
	GHashTable *opening;  /* names that a thread opens or closes now */
};

/* A write that waits for its transaction. */
typedef struct AccountWrite AccountWrite;

struct Account {
	gint refs;                            /* the store's and the users' */
	Store *store;                         /* lives longer */
	char *name, *dir, *maildir, *db_path; /* owned */
	AccountLock *lock;                    /* owned */
	gint64 opener;
	dev_t db_device; /* the file that @db_path named when the account was opened */
	ino_t db_inode;
	gint read_only; /* atomic: an fsync failed */
	gint deleted;   /* atomic */
	gint64 used_at; /* monotonic; under the store's mutex */

	GMutex db_mutex; /* of @idle */
	GQueue idle;     /* of Db, owned: connections nobody uses */

	GMutex probe_mutex; /* of the three below */
	Db *probe;          /* owned; tells by PRAGMA data_version whether anybody committed */
	gint64 data_version;
	guint64 generation;         /* grows when somebody committed */
	guint64 checked_generation; /* the watch has seen it */

	GMutex write_mutex; /* of the three below */
	GCond written;
	GQueue writes; /* of AccountWrite, their writers' */
	gboolean writing;
	Db *writer; /* owned; of the thread that writes */

	GMutex mailboxes_mutex; /* of the two below, and of the counters of references of mailboxes */
	GHashTable *mailboxes;  /* id -> Mailbox; the cache's own reference keeps it */
	GQueue unused; /* of Mailbox: those with the cache's reference only, the one used last in front */

	GMutex unlinked_mutex; /* of the two below */
	GHashTable *
		cur_mtimes; /* id of mailbox -> mtime of its cur/ (both gint64, owned) that waits for a transaction */
	GArray *unlinked; /* owned: files that are gone, but still in `garbage` (mailbox-garbage.c) */

	GMutex noted_mutex; /* of what listeners have been told */
	gint64 noted_list_version, noted_email, noted_gone, noted_metadata;
};

struct Mailbox {
	gint refs;        /* under the account's mailboxes_mutex */
	Account *account; /* a reference as long as somebody uses it */
	gint64 id;
	char *objectid; /* owned */
	gint deleted;   /* atomic */

	GMutex admit_mutex; /* one thread at a time moves what lies in new/ */
	gint64 new_mtime_ns; /* of new/ when it was found empty; 0: not known. Atomic enough: under admit_mutex */

	GMutex refresh_mutex; /* one thread at a time reads what is new */

	GMutex cur_mutex; /* held while we change cur/ */
	gint64 cur_mtime_ns; /* mtime of cur/ after our last change; 0 when somebody else changed it since it was read */

	GMutex mutex;         /* of what follows; held for moments */
	char *folder;         /* owned */
	Snapshot *snapshot;   /* owned reference, or NULL when nobody has asked for it */
	guint64 generation;   /* of the account when @snapshot was known to be the newest */
	guint64 noted_modseq; /* what the listener has been told */
	GCond synced;
	guint64 sync_wanted, sync_done; /* tickets for an fsync of cur/ that is shared */
	gboolean syncing;
};

/* -- store.c -- */
/* Forgets an account that another process deleted. */
void store_drop_account(Store *store, Account *account);
void store_notify(Account *account, gint64 mailbox, StoreEvents events);
/* Tells of an error that nobody waits for. */
void store_report(Account *account, const GError *error);

/* -- store-watch.c -- */
gboolean store_watch_start(Store *store, GError **error);
/* Watches the account and the new/ of all its mailboxes, if the store watches. Again when mailboxes come and go. */
void account_watch(Account *account);

/* -- account.c -- */
/* A connection for reading; given back by account_release_db(). */
Db *account_acquire_db(Account *account, GError **error);
void account_release_db(Account *account, Db *db);
/* Grows when anybody committed: what was read before it was asked is no newer. */
gboolean account_generation(Account *account, guint64 *generation_out, GError **error);
/* FALSE: another process deleted the account, and may have made another one of that name. From then on it is `deleted`. */
gboolean account_is_current(Account *account);
/* Closes the connections that nobody uses. */
void account_rest(Account *account);
Account *account_open_path(Store *store, const char *name, GError **error);
void account_close(Account *account); /* the last reference */
/* After an fsync of ours failed: refuses all writes from here on. */
void account_sync_failed(Account *account);
/* fsync of a file (@path is for the error's text), and of a directory of the account; account_sync_failed() if that fails for another reason
 * than a full disk. A directory that cannot be opened is an error only: nothing was lost by it. */
gboolean account_sync_file(Account *account, int fd, const char *path, GError **error);
gboolean account_sync_directory(Account *account, const char *path, GError **error);
char *account_path(const Account *account, const char *folder, const char *part, const char *file);
/* After a write, or when another process wrote: tells the listener what is new in feed and list, once. */
void account_note_changes(Account *account);

/* -- account-recover.c -- */
/* With the account locked exclusively: puts right what a crash or another program left behind, registers as an opener. */
gboolean account_recover(Account *account, GError **error);
GArray *account_mailbox_ids(Account *account, GError **error); /* of gint64; NULL on failure */
/* Makes mailboxes of folders that another program has made. Takes the account's lock. */
gboolean account_find_folders(Account *account, GError **error);

/* -- account-write.c -- */
typedef gboolean (*AccountWork)(Db *db, gpointer data, GError **error);
/* Carries @work out in a transaction that it may share with other threads' work, and returns when that is on disk. @work
 * runs in any thread, while this one waits; if it fails, nothing of it remains. It must not call account_write(), take a lock of the account, or
 * wait for anything. Fails as @work does, or with STORE_ERROR_READ_ONLY, _NO_ACCOUNT, _NO_SPACE, _DATABASE. */
gboolean account_write(Account *account, AccountWork work, gpointer data, GError **error);
/* The same, but on a full disk it gives up the account's reserve: for what frees space, or is needed by those who free it. @work may be
 * called twice then. It should not change more than some hundred messages at once. */
gboolean account_write_always(Account *account, AccountWork work, gpointer data, GError **error);

/* -- account-reserve.c -- */
/* Puts some space aside, or as much as there is; does nothing when it is there. */
void account_reserve_make(Account *account);
void account_reserve_give_up(Account *account);

/* -- mailbox.c -- */
Mailbox *account_mailbox_by_id(Account *account, gint64 id, GError **error);
void account_drop_mailboxes(Account *account); /* those that nobody uses */
/* Mailboxes that are open now, with a reference each. Of Mailbox. */
GPtrArray *account_open_mailboxes(Account *account);
/* Reads what is new, if a snapshot is loaded, and tells the listener. To be called after each write to the mailbox. */
void mailbox_changed(Mailbox *mailbox);
gboolean mailbox_refresh(Mailbox *mailbox, gboolean load, GError **error);
char *mailbox_path(Mailbox *mailbox, const char *part, const char *file);
char *mailbox_folder(Mailbox *mailbox);
void mailbox_set_folder(Mailbox *mailbox, const char *folder);
/* Asks the database; with the account's lock, it stays true that long. STORE_ERROR_NO_MAILBOX. */
gboolean mailbox_reread_folder(Mailbox *mailbox, GError **error);
/* fsync of cur/, shared with other threads that want the same at the same time. */
gboolean mailbox_sync_cur(Mailbox *mailbox, GError **error);
gboolean set_no_mailbox(GError **error);
/* Around each change of cur/ by us, so that changes by others can be told from ours when the account is opened the next time: then
 * the mtime differs from the one that the transaction records by mailbox_cur_write(). */
void mailbox_cur_begin(Mailbox *mailbox);
void mailbox_cur_end(Mailbox *mailbox);
gint64 mailbox_cur_mtime_ns(Mailbox *mailbox);
void mailbox_cur_scanned(Mailbox *mailbox, gint64 mtime_ns); /* what is in cur/ is known again */
gboolean mailbox_cur_write(Db *db, gint64 id, gint64 mtime_ns, GError **error);

/* What a write needs to know of the mailbox, read inside of its transaction. STORE_ERROR_NO_MAILBOX if it is gone. */
typedef struct {
	gint64 id;
	guint32 uidvalidity, uidnext;
	guint64 highestmodseq;
} MailboxState;
/* A change: the next modseq, which the rows it touches get. */
#define mailbox_state_touch(state) (++(state)->highestmodseq)
gboolean mailbox_state_read(Db *db, gint64 id, MailboxState *state_out, GError **error);
gboolean mailbox_state_write(Db *db, const MailboxState *state, GError **error);

/* -- mailbox-names.c -- */
/* A new row, as part of a write. @special_use: as special_uses_parse() gives them; "": none; NULL: what the name stands for,
 * if that is free. @uidvalidity: 0 for the next one of the account. *@id_out may be NULL. */
gboolean mailbox_insert(Db *db, const char *name, const char *folder, const char *special_use,
	guint32 uidvalidity, gint64 *id_out, GError **error);

/* -- special-use.c -- */
/* The special uses (RFC 6154) in @text, one space between them, in their usual spelling and order, each once; *uses_out is owned by the
 * caller. STORE_ERROR_SPECIAL_USE when there is none, or one that no mailbox can have. */
gboolean special_uses_parse(const char *text, char **uses_out, GError **error);
/* The use that @name stands for, if no mailbox has it; *use_out: static, or NULL. */
gboolean special_use_of_name(Db *db, const char *name, const char **use_out, GError **error);
/* Fails with STORE_ERROR_SPECIAL_USE when a mailbox has one of @uses (as special_uses_parse() gives them) already. */
gboolean special_uses_are_free(Db *db, const char *uses, GError **error);
/* *owner_out: the mailbox that has @use, owned by the caller; NULL if there is none. */
gboolean special_use_owner(Db *db, const char *use, char **owner_out, GError **error);
/* Takes @use from the mailbox that has it, as part of a write. */
gboolean special_use_drop(Db *db, const char *use, GError **error);

/* -- metadata.c: what happens to annotations, as part of a write -- */
/* The mailbox is gone, or is only the superior of others from now on. After its row went. */
gboolean metadata_delete_mailbox(Db *db, const char *name, GError **error);
/* Of @from and all below it. After the mailboxes' rows changed. */
gboolean metadata_rename_mailbox(Db *db, const char *from, const char *to, GError **error);
gboolean metadata_copy_mailbox(Db *db, const char *from, const char *to, GError **error);
/* Those of superiors that are no superiors any more. */
gboolean metadata_forget_vanished(Db *db, GError **error);

/* -- mailbox-flags.c -- */
/* The set of @keywords (NULL-terminated, or NULL), made if it is new. */
gboolean keyword_set_for_names(
	Db *db, gint64 mailbox, const char *const *keywords, guint32 *set_out, GError **error);
/* The names of a set, or the set of another mailbox with the same names. */
gboolean keyword_set_translate(Db *db, gint64 from, guint32 set, gint64 to, guint32 *set_out, GError **error);
/* The numbers of the keywords in a set (of guint32), ascending; NULL on failure. */
GArray *keyword_set_numbers(Db *db, gint64 mailbox, guint32 set, GError **error);
gboolean keywords_check(const char *const *keywords, GError **error);

/* -- keyword-forget.c -- */
/* Forgets keywords that no message has. With the account's lock held exclusively, while no other process has the account open and no snapshot
 * of it is loaded: numbers of keywords change. */
void account_forget_keywords(Account *account);

/* -- mailbox-expunge.c -- */
typedef struct {
	guint32 uid;
	gint64 email;
	char *file; /* owned; NULL: it is not there any more, there is nothing to unlink */
} ExpungeRow;
GArray *expunge_rows_new(void); /* of ExpungeRow, which it owns */
/* Takes the rows out of the mailbox, as part of a write: expunged, garbage and email_gone get theirs. @state's modseq is
 * that of the change already. */
gboolean expunge_rows(Db *db, const MailboxState *state, const ExpungeRow *rows, gsize n, GError **error);
/* Expunges all messages of the mailbox in small pieces, for a disk that is full. */
gboolean mailbox_empty_slowly(Mailbox *mailbox, GError **error);

/* -- mailbox-garbage.c -- */
/* Unlinks the files of @rows (of ExpungeRow), whose going is committed. */
void mailbox_unlink(Mailbox *mailbox, const GArray *rows);
/* Unlinks all that `garbage` names. With the account's lock. */
gboolean account_collect_garbage(Account *account, GError **error);
/* Takes unlinked files out of `garbage`, if there are more than @above. */
void account_forget_unlinked(Account *account, guint above);
GArray *unlinked_new(void);

/* -- mailbox-load.c -- */
/* The name in cur/ that the file has by now, if another program changed what is behind ":2,"; NULL if it is gone. @sha256: of its content
 * (CONTENT_HASH_BYTES). Reads the directory, and the file. */
char *mailbox_find_file(Mailbox *mailbox, const char *file, const guint8 *sha256);

/* -- mailbox-admit.c -- */
/* Gives what lies in new/ a UID; takes next to no time when nothing does. */
gboolean mailbox_admit_new(Mailbox *mailbox, GError **error);
/* The same, where a full disk is an error as well. *@again_out: something was left, and it is worth to try again later. */
gboolean mailbox_try_admit_new(Mailbox *mailbox, gboolean *again_out, GError **error);
void account_admit_new(Account *account); /* in all mailboxes */
/* The same for files in cur/ that have no row. Sorts @orphans (of Orphan) by UID, those without one last, by name. A file whose UID is below
 * UIDNEXT by then gets the next one. *@unreadable_out: how many could not be read, and are left out. With the account's lock. */
typedef struct {
	const char *name; /* the caller's */
	guint32 uid;      /* 0: the next one */
} Orphan;
gboolean mailbox_admit_orphans(
	Mailbox *mailbox, GArray *orphans, guint *unreadable_out, GError **error);

/* -- mailbox-scan.c -- */
/* Compares cur/ with the rows: admits files without a row, expunges rows without a file, takes flags from names that another program
 * changed. With the account's lock held exclusively. @crashed_since: 0, or a process has died that opened the account at that time (Unix
 * seconds): links that its COPY or MOVE made for rows that it did not write are removed. */
gboolean mailbox_scan(Mailbox *mailbox, gint64 crashed_since, GError **error);
/* Whether somebody else changed cur/ since it was known. */
gboolean mailbox_needs_scan(Mailbox *mailbox);

/* -- spool.c -- */
void spool_content(Spool *spool, ContentInfo *info_out); /* once, after the last octet */
/* To @path in cur/, which is not there yet. */
gboolean spool_move(Spool *spool, const char *path, GError **error);

/* -- append-journal.c -- */
/* Before the first of @n files gets its name in cur/. With the account's lock, which is held until the rows are written. */
gboolean append_journal_begin(
	Mailbox *mailbox, char *const *files, gsize n, gint64 *id_out, GError **error);
/* In the transaction that writes the rows. */
gboolean append_journal_end(Db *db, gint64 id, GError **error);
/* After the files have been unlinked. */
void append_journal_forget(Mailbox *mailbox, gint64 id);
/* Takes out of cur/ what an APPEND has left there that did not come to its end. With the account's lock held exclusively. */
gboolean append_journal_undo(Mailbox *mailbox, GError **error);

/* -- mailbox-append.c -- */
/* The email row of this content, made if it is new. */
gboolean email_for_content(Db *db, const ContentInfo *info, gint64 *id_out, GError **error);
/* Puts a message into the mailbox as @state's next UID, which it takes; @state's modseq is that of the change already. */
typedef struct {
	gint64 email;
	MessageFlags flags;
	guint32 keywords;
	gint64 internal_at, saved_at;
	gint16 internal_zone;
	const char *file;
} NewMessage;
gboolean message_insert(
	Db *db, MailboxState *state, const NewMessage *message, guint32 *uid_out, GError **error);
gint64 now_seconds(void);
/* Minutes east of UTC that the local zone had at that time. */
gint16 local_zone_at(gint64 unix_seconds);

G_END_DECLS
