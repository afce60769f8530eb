/* The answer of a search or sort: `* SEARCH` (RFC 3501 7.2.5), `* SORT` (RFC 5256) or `* ESEARCH` (RFC 4731, RFC 5267), and what it leaves
 * behind in $ (RFC 5182). Pure. */
#pragma once
#include "server/imap/search-key.h"
#include "store/snapshot.h"
G_BEGIN_DECLS

/* Appends the untagged answer for the matching @positions (guint32) of @view, in their order, to @out: UIDs where @uid, else message sequence
 * numbers. @name is that of the response without RETURN: "SEARCH" or "SORT". Nothing for RETURN (SAVE) alone. */
void search_answer_write(const SearchProgram *program, const char *name, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, GString *out);

/* Appends `* ESEARCH (CORRELATOR) UID ...` (RFC 7377), whether or not RETURN was given. */
void search_answer_write_correlated(const SearchProgram *program, const char *correlator, const Snapshot *view, const GArray *positions,
                                    GString *out);

/* What RETURN (SAVE ...) saves: UIDs, owned by the caller (the table of RFC 5182 2.1, and RFC 9394 3.2's). */
UidSet *search_answer_saved(const SearchProgram *program, const Snapshot *view, const GArray *positions);

G_END_DECLS
