/* The answer of a search: `* SEARCH` (RFC 3501 7.2.5) or `* ESEARCH` (RFC 4731). Pure. */
#pragma once
#include "server/imap/search-key.h"
#include "store/snapshot.h"
G_BEGIN_DECLS

/* Appends the untagged answer for the matching @positions (guint32, ascending) of @view to @out: UIDs where @uid, else message sequence numbers. */
void search_answer_write(const SearchProgram *program, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, GString *out);

G_END_DECLS
