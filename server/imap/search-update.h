/* Results that are kept up to date at the client: RETURN (UPDATE ...) of a searching command (RFC 5267 4.3), until CANCELUPDATE or until the mailbox is no longer
 * selected. Each has the program and the UIDs that the client has by now, in the order that it asked for; a change of the mailbox is judged by
 * running the program over the messages that it can have changed for, and what differs is told by `* ESEARCH (...) REMOVEFROM (...) ADDTO (...)`.
 *
 *     new messages                 each program
 *     flags, keywords, modseqs     programs with a key about them
 *     \Recent taken on             programs with RECENT, NEW or OLD
 *     time                         OLDER, YOUNGER: when the session comes up to date, with a command or with other news in IDLE; no clock rings for it
 *     another last message         UID sets with "*"
 *     expunged                     each result, at once, also while EXPUNGE may not be sent (RFC 5267 A.3)
 *
 * Message sequence numbers and $ in a program mean what they meant when the command came (RFC 5267 4.3). Used by whoever may use the session. */
#pragma once
#include "server/imap/search-plan.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

/* Those of a session and its selected mailbox. */
SearchUpdates *search_updates_new(void);
void search_updates_free(SearchUpdates *updates);
/* Whether @tag is that of a command whose results are being updated. @updates may be NULL: none. */
gboolean search_updates_has(const SearchUpdates *updates, const char *tag);
/* CANCELUPDATE of @tag. FALSE: nothing is updated under it. */
gboolean search_updates_cancel(SearchUpdates *updates, const char *tag);

/* A result that the client has from the command that runs. */
typedef struct {
	const char *tag;
	const char *correlator;     /* of its ESEARCH responses: `TAG "a1"` */
	gboolean uid;               /* told as UIDs, else as message sequence numbers */
	SearchProgram *program;     /* a reference is taken */
	const GArray *orders;       /* of SortOrder; NULL: the mailbox's order */
	const GArray *positions;    /* guint32 in the context's view, in order */
} SearchResult;
/* Begins to update it. FALSE: that would be too much for one session (LIMIT_SEARCH_UPDATES, LIMIT_SEARCH_UPDATE_RESULTS), or it cannot be
 * done; nothing is kept. */
gboolean search_updates_add(SearchUpdates *updates, const SearchContext *context, const SearchResult *result);

/* What a session tells when it comes up to date, in two steps: by their old numbers the results that are among @expunged, which are in the view still, before EXPUNGE
 * (RFC 5267 4.3.4) ... */
void search_updates_expunged(SearchUpdates *updates, const Session *session, const UidSet *expunged, GString *out);
/* ... and what else has changed, after EXISTS and FETCH (4.3.3, RFC 5465 5.1). Results that can no longer be had end with an untagged NO [NOUPDATE]. */
typedef struct {
	guint32 old_max_uid;     /* the view's, before */
	const GArray *changed;   /* guint32 UIDs with another modseq; NULL: none */
	const UidSet *expunged;  /* UIDs that are in the view still, but gone; NULL: none */
} SearchNews;
void search_updates_changed(SearchUpdates *updates, Session *session, const SearchNews *news, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchUpdates, search_updates_free)
G_END_DECLS
