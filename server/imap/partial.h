/* PARTIAL (RFC 9394): a window of the results of a search, or of the messages of a UID FETCH. Pure. */
#pragma once
#include "server/imap/parser.h"
G_BEGIN_DECLS

/* From the first (1) or from the last (-1) result. Both ends have the same sign, |first| <= |last|. */
typedef struct {
	gint64 first, last;
	char *text; /* owned; as the client wrote it: the answer of a search repeats it. NULL: nothing is read yet */
} Partial;

/* Reads "a:b"; "500:400" is "400:500". What @partial has is replaced. */
gboolean partial_parse(ImapParser *p, Partial *partial, GError **error);
void partial_clear(Partial *partial);

/* Of @n results, those i with *first_out <= i < *end_out. */
void partial_window(const Partial *partial, guint n, guint *first_out, guint *end_out);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Partial, partial_clear)
G_END_DECLS
