/* The two threading algorithms of RFC 5256 (BASE.6.4.THREAD). Pure; no recursion, whatever the depth of the threads. */
#pragma once
#include "indexer/search-index.h"
#include "store/sort-keys.h"
G_BEGIN_DECLS

typedef struct {
	guint32 number;         /* what the answer calls it: sequence number or UID */
	gint64 sent_at;         /* RFC 5256 2.2, Unix seconds */
	SortKeySpan subject;    /* base subject */
	gboolean reply;         /* reply or forward; for REFERENCES, like the rest */
	SortKeySpan message_id; /* normalised; empty: none */
	SortKeySpan references; /* normalised, a space between */
} ThreadMessage;

/* Append the thread-lists of the @n messages, which are in the mailbox's order, to @out: "(2)(3 6 (4 23)(44 7 96))"; nothing for none. FALSE and @error
 * (SEARCH_INDEX_ERROR): @cancel, which may be NULL, ended it; @out is as it was. */
gboolean thread_orderedsubject(const ThreadMessage *messages, gsize n, const SearchCancel *cancel, GString *out, GError **error);
gboolean thread_references(const ThreadMessage *messages, gsize n, const SearchCancel *cancel, GString *out, GError **error);

G_END_DECLS
