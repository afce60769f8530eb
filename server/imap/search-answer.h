/* The answer of a search or sort: `* SEARCH` (RFC 3501 7.2.5), `* SORT` (RFC 5256) or `* ESEARCH` (RFC 4731, RFC 5267, RFC 6203), and what it leaves
 * behind in $ (RFC 5182). Pure. */
#pragma once
#include "server/imap/search-key.h"
#include "store/snapshot.h"
G_BEGIN_DECLS

/* Appends the untagged answer for the matching @positions (guint32) of @view, in their order, to @out: UIDs where @uid, else message sequence
 * numbers. @name is that of the response without RETURN: "SEARCH" or "SORT". Nothing for RETURN (SAVE) alone. @relevancy: scores by
 * position in the view (search-relevancy.h); NULL if the program does not ask for them.
 *
 * RELEVANCY has the scores of all that was found, in the order of ALL; of those that PARTIAL gives, if that is asked for; and if neither is,
 * but MIN or MAX are, of these, MIN's first: so that there is a score for each number that is there. */
void search_answer_write(const SearchProgram *program, const char *name, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, const guint8 *relevancy, GString *out);

/* Appends `* ESEARCH (CORRELATOR) UID ...` (RFC 7377), whether or not RETURN was given. */
void search_answer_write_correlated(const SearchProgram *program, const char *correlator, const Snapshot *view, const GArray *positions,
                                    const guint8 *relevancy, GString *out);

/* Appends a SP and the sequence-set of @positions from @first to before @end (one or more), in their order, to @out. Runs of ascending
 * neighbours become ranges: RFC 5267 3.2 has it so for SORT, where "12:10" would mean 10:12. */
void search_answer_write_set(const Snapshot *view, gboolean uid, const GArray *positions, guint first, guint end, GString *out);

/* Whether the answer of SEARCH, and what it saves, only takes the *n_first_out first and the *n_last_out last matches (not both 0): MIN, MAX and PARTIAL
 * without anything that is about all. The functions above and below may then be given positions that lack any between these. */
gboolean search_answer_takes_ends(const SearchProgram *program, guint64 *n_first_out, guint64 *n_last_out);

/* What RETURN (SAVE ...) saves: UIDs, owned by the caller (the table of RFC 5182 2.1, and RFC 9394 3.2's). */
UidSet *search_answer_saved(const SearchProgram *program, const Snapshot *view, const GArray *positions);

G_END_DECLS
