/* Maildir++: names of files and folders, and the system calls that make them last. Pure functions and thin calls: any thread.
 * Private to store/.
 *
 * A folder of the account is a directory below Maildir/ with cur/, new/ and tmp/: Maildir/ itself for INBOX, Maildir/.Sent.2024 for
 * "Sent/2024". Levels are joined with ".", each in modified UTF-7; a "." inside of a level is written "&AC4-", as Courier does. */
#pragma once

#include "store/snapshot.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Sets STORE_ERROR_NO_SPACE for ENOSPC and EDQUOT, else STORE_ERROR_IO, with the text of @saved_errno behind ours. */
void store_set_errno(GError **error, int saved_errno, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* -- Names of mailboxes ------------------------------------------------------------------------------------------- */

/* The name in the form that the database has: "INBOX" in capitals as the first level, no "/" at the end. Fails with STORE_ERROR_BAD_NAME
 * and a text for the user when it cannot be a mailbox. The caller frees it. */
char *maildir_normal_name(const char *name, GError **error);
/* The folder of a name in that form: "" or ".Sent.2024". STORE_ERROR_BAD_NAME when it is longer than a file name can be. */
char *maildir_folder_of_name(const char *name, GError **error);
/* The name of a folder as found on disk. What is no modified UTF-7 but UTF-8 is taken as such. NULL if it cannot be a mailbox. */
char *maildir_name_of_folder(const char *folder);

/* -- Names of files ------------------------------------------------------------------------------------------------ */

/* A new name for a message, unique for ever, without flags: "SECONDS.MmicrosecondsPpidQcounterR0123456789abcdef.host", with "C" in the place of
 * "R" for copies. @size in CRLF form goes into it ("W="), and @file_size ("S="), both as Maildir++ has it; 0: left out. */
typedef enum { MAILDIR_ORIGINAL = 'R', MAILDIR_COPY = 'C' } MaildirOrigin;
char *maildir_unique_name(MaildirOrigin origin, guint64 file_size, guint64 size);
/* Whether a name is one of those that this host makes, and if so when and by which process. */
typedef struct {
	MaildirOrigin origin;
	gint64 made_at; /* Unix seconds */
	gint64 pid;
} MaildirNameParts;
gboolean maildir_parse_unique_name(const char *name, MaildirNameParts *parts_out);
/* The same with its flags behind: "NAME:2,FS". @letters are those of keywords ("ab"), or NULL. */
char *maildir_name_with_flags(const char *base, MessageFlags flags, const char *letters);
/* The length of @file without ":2,FLAGS", which is what identifies it; other programs change the rest. */
gsize maildir_base_len(const char *file);
/* The flags in a name. *@letters_out (may be NULL): bit n for keyword letter 'a' + n. */
MessageFlags maildir_flags_of_file(const char *file, guint32 *letters_out);

/* A folder that is being removed waits in Maildir/tmp/ under this name. */
#define MAILDIR_GONE_PREFIX "mailsift-gone."
/* And what an APPEND left that did not come to its end, until tmp/ is swept. */
#define MAILDIR_UNDONE_PREFIX "mailsift-undone."

/* -- Files --------------------------------------------------------------------------------------------------------- */

/* Makes @maildir/@folder with cur/, new/ and tmp/ where they are missing, and makes that last. */
gboolean maildir_make_folder(const char *maildir, const char *folder, GError **error);
/* For fsync(); -1 and an error if it cannot be opened. */
int maildir_open_directory(const char *path, GError **error);
/* fsync of a directory. */
gboolean maildir_sync_directory(const char *path, GError **error);
gboolean maildir_sync_file(int fd, const char *path, GError **error);
/* Renames, but never onto a file that is there (then errno is EEXIST). Returns 0, or -1 and errno. */
int maildir_rename_new(const char *from, const char *to);
/* Links @from as @to; copies it where it cannot be linked (the copy is synced). Returns 0, or -1 and errno. */
int maildir_link(const char *from, const char *to);
/* Removes a directory and all that is in it. What is not there is no error. Does not follow symbolic links. */
gboolean maildir_remove_tree(const char *path, GError **error);
/* Names in a directory, without those that begin with "." (unless @dots); FALSE if it cannot be read. *@names_out: of char*, owned. */
gboolean maildir_read_directory(const char *path, gboolean dots, GPtrArray **names_out, GError **error);
/* mtime of a directory in nanoseconds since 1970; 0 if it is not there. */
gint64 maildir_mtime_ns(const char *path);
gboolean maildir_is_directory(const char *path);

G_END_DECLS
