/* Files that other IMAP servers keep beside a Maildir, read once when mailsift takes it over: UIDs, keywords, subscriptions. Lenient: a
 * line that makes no sense is left out. Pure, but for what reads files. Private to store/. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
	guint32 uidvalidity; /* 0: there is no such list */
	guint32 uidnext;
	GHashTable *uids; /* name of a file in cur/ up to ":2," (owned) -> UID */
} ForeignUids;

/* Dovecot's dovecot-uidlist (versions 3 and 1) and Courier's courierimapuiddb, which looks like version 1:
 *
 *     3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
 *     25006 W1394 S1355 :1276528487.M364837P9451.kurkku
 *     1 1275660208 25022
 *     25006 1276528487.M364837P9451.kurkku
 *
 * Never NULL. A UID that is 0, not below uidnext, or there twice, is left out. */
ForeignUids *foreign_parse_uids(const char *data, gsize len);
void foreign_uids_free(ForeignUids *uids);

/* dovecot-keywords: "0 $Forwarded" is what the letter 'a' in file names means. Returns 26 names (or NULLs), owned. */
#define FOREIGN_KEYWORDS 26
GPtrArray *foreign_parse_keywords(const char *data, gsize len);

typedef enum { FOREIGN_DOVECOT, FOREIGN_COURIER } ForeignKind;
/* subscriptions (Dovecot, both versions) and courierimapsubscribed: names of mailboxes as mailsift has them; of char*, owned. */
GPtrArray *foreign_parse_subscriptions(const char *data, gsize len, ForeignKind kind);

/* The list of UIDs of a folder (a path): Dovecot's, else Courier's, else NULL. */
ForeignUids *foreign_read_uids(const char *folder);

/* The whole file, NULL if it is not there or larger than a sane one. */
char *foreign_read(const char *folder, const char *name, gsize *len_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ForeignUids, foreign_uids_free)

G_END_DECLS
