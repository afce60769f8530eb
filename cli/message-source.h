/* Messages to be imported, out of files: single messages, mbox files, Maildirs, and folders of any of
 * these. One thread. */
#pragma once
#include "store/mailbox.h"
G_BEGIN_DECLS

typedef struct {
	const guint8 *data; /* borrowed for the call; may be NULL if len is 0 */
	gsize len;
	const char *path;   /* where it comes from, for complaints */
	MessageFlags flags; /* of a Maildir's file name, or of an mbox's Status fields */
	/* Unix seconds, the first there is: newest Received field, mbox From_ line, Date field, the file's
	 * mtime. */
	gint64 received_at;
	gint16 zone; /* minutes */
} SourceMessage;

/* Called for each message; FALSE stops the walk (the callee has @error set). */
typedef gboolean (*SourceFunc)(const SourceMessage *message, gpointer data, GError **error);

/* Walks the file or folder at @path, sub-folders in order of name. Files and folders whose name starts with
 * "." are left out, links to folders are not followed below @path, and of a Maildir (a folder with cur and
 * new) only these two are read. A file that begins with "From " is an mbox, except in a Maildir or if it is
 * named *.eml. FALSE and @error (G_FILE_ERROR, or the callee's). */
gboolean source_walk(const char *path, SourceFunc func, gpointer data, GError **error);

/* Splits an mbox: each message without its From_ line, and with ">From " lines unquoted (mboxrd). Exposed
 * for tests. */
gboolean source_walk_mbox(const guint8 *data, gsize len, const char *path, gint64 mtime, SourceFunc func,
	gpointer user_data, GError **error);

G_END_DECLS
