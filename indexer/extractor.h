/* The texts of a list of emails, one after the other: read and extracted ahead by a thread of its own when there are many, so that this and
 * the work of the database share two cores. Emails that were being read when a process died are read alone (attempts.h). */
#pragma once
#include "indexer/attempts.h"
#include "store/mailbox.h"
#include "store/message-text.h"
G_BEGIN_DECLS

typedef struct Extractor Extractor;

/* @account and @attempts outlive it. Takes over @ids (guint32, ascending). @crash_on (may be NULL): for tests, an email with this text in it aborts the process. */
Extractor *extractor_new(Account *account, Attempts *attempts, GArray *ids, const char *crash_on);
void extractor_free(Extractor *extractor); /* waits for its thread to end */

typedef struct {
	guint32 id;
	MessageText *text; /* owned by the caller; NULL: see below */
	GString *sort_keys; /* owned by the caller: sort_keys_append(); NULL exactly if text is */
	char *failed;      /* owned by the caller; why there is no text; NULL and no text: the email is gone */
	gboolean unread;   /* failed: its file could not be read, which may pass */
	GError *error;     /* owned by the caller; the account, or the machine, is in no state to read anything now: this email and all behind it are to be asked for
	                    * again, of a new extractor. STORE_ERROR */
} Extracted;
void extracted_clear(Extracted *one);
/* The next one, in order. FALSE: that was all. */
gboolean extractor_next(Extractor *extractor, Extracted *out);
/* What is behind in the list and was not given out. */
guint extractor_left(const Extractor *extractor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Extractor, extractor_free)
G_END_DECLS
