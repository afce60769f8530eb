/* What SORT and THREAD order a message by: computed once when it is indexed, and kept (RFC 5256, RFC 5957). Pure, any thread.
 *
 * Kept as text: SORT_KEY_N lines, each ended by LF. The strings for ordering are in the octets of i;unicode-casemap (RFC 5051), so
 * that memcmp() orders and compares them as RFC 5255 4.4 asks; none holds LF. As in the text rules (README) default-ignorable code points have
 * vanished, runs of white space and control characters are one space, and there is none at the ends. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Part of the index's version: raise it with every change of what comes out. */
#define SORT_KEYS_VERSION 2

typedef enum {
	SORT_KEY_SUBJECT,      /* base subject (RFC 5256 2.1) */
	SORT_KEY_REPLY,        /* "r" for a reply or forward (RFC 5256, THREAD=REFERENCES), else "" */
	SORT_KEY_FROM,         /* addr-mailbox of the first From address */
	SORT_KEY_TO,
	SORT_KEY_CC,
	SORT_KEY_DISPLAY_FROM, /* RFC 5957 */
	SORT_KEY_DISPLAY_TO,
	SORT_KEY_MESSAGE_ID,   /* normalised: without "<>" and quoting; "" when there is no valid one */
	SORT_KEY_REFERENCES,   /* normalised ids, oldest first, a space between */
	SORT_KEY_N
} SortKey;

typedef struct { const char *data; gsize len; } SortKeySpan;

/* Appends the lines for the message ( @data, @size: all of it, or at least its header). Never fails. */
void sort_keys_append(GString *out, const guint8 *data, gsize size);
/* Finds the lines in what sort_keys_append() wrote; missing ones are empty. */
void sort_keys_split(const char *lines, gsize len, SortKeySpan keys_out[SORT_KEY_N]);

/* The same for one of them. */
SortKeySpan sort_keys_find(const char *lines, gsize len, SortKey key);

/* The base subject of a decoded subject (UTF-8), not folded; *reply_out tells whether it is a reply or forward. Exposed for tests. */
char *sort_keys_base_subject(const char *subject, gsize len, gboolean *reply_out);

G_END_DECLS
