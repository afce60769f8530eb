#include "server/imap/search-answer.h"

static guint32 number_of(const Snapshot *view, gboolean uid, const GArray *positions, guint i)
{
	guint32 position = g_array_index(positions, guint32, i);
	return uid ? snapshot_uid_at(view, position) : position + 1;
}

/* The results i with *first_out <= i < *end_out that PARTIAL asks for (RFC 9394 3.1): 1 is the first, -1 the last. */
static void partial_window(const SearchPartial *partial, guint n, guint *first_out, guint *end_out)
{
	gint64 first = partial->first > 0 ? partial->first - 1 : (gint64)n + partial->last;
	gint64 end = partial->first > 0 ? partial->last : (gint64)n + partial->first + 1;
	*first_out = (guint)CLAMP(first, 0, (gint64)n);
	*end_out = (guint)CLAMP(end, 0, (gint64)n);
}

static void write_set(const Snapshot *view, gboolean uid, const GArray *positions, guint first, guint end, GString *out)
{
	g_autoptr(UidSet) set = uidset_new();
	for (guint i = first; i < end; i++)
		uidset_add(set, number_of(view, uid, positions, i));
	uidset_write(set, out);
}

/* RFC 3501 7.2.5: one line, also when nothing was found. */
static void write_search(gboolean uid, const Snapshot *view, const GArray *positions, GString *out)
{
	g_string_append(out, "* SEARCH");
	for (guint i = 0; i < positions->len; i++)
		g_string_append_printf(out, " %" G_GUINT32_FORMAT, number_of(view, uid, positions, i));
	g_string_append(out, "\r\n");
}

static void write_partial(const SearchPartial *partial, const Snapshot *view, gboolean uid, const GArray *positions, GString *out)
{
	guint first, end;
	partial_window(partial, positions->len, &first, &end);
	g_string_append_printf(out, " PARTIAL (%s ", partial->text);
	if (first < end)
		write_set(view, uid, positions, first, end, out);
	else
		g_string_append(out, "NIL");
	g_string_append_c(out, ')');
}

/* RFC 4731 3.1: MIN, MAX and ALL are left out when nothing was found, COUNT never; the response itself always comes.
 * The tag is a string: quoted, for it cannot hold a quote or backslash (RFC 9051 section 9, tag). */
static void write_esearch(const SearchProgram *program, const char *tag, gboolean uid, const Snapshot *view,
                          const GArray *positions, GString *out)
{
	guint n = positions->len;
	g_string_append_printf(out, "* ESEARCH (TAG \"%s\")%s", tag, uid ? " UID" : "");
	if (n > 0 && (program->returns & SEARCH_RETURN_MIN))
		g_string_append_printf(out, " MIN %" G_GUINT32_FORMAT, number_of(view, uid, positions, 0));
	if (n > 0 && (program->returns & SEARCH_RETURN_MAX))
		g_string_append_printf(out, " MAX %" G_GUINT32_FORMAT, number_of(view, uid, positions, n - 1));
	if (n > 0 && (program->returns & SEARCH_RETURN_ALL)) {
		g_string_append(out, " ALL ");
		write_set(view, uid, positions, 0, n, out);
	}
	if (program->returns & SEARCH_RETURN_PARTIAL)
		write_partial(&program->partial, view, uid, positions, out);
	if (program->returns & SEARCH_RETURN_COUNT)
		g_string_append_printf(out, " COUNT %u", n);
	g_string_append(out, "\r\n");
}

void search_answer_write(const SearchProgram *program, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, GString *out)
{
	if (!program->extended)
		write_search(uid, view, positions, out);
	else if (program->returns != SEARCH_RETURN_SAVE) /* RFC 9051 6.4.4: SAVE alone has no answer */
		write_esearch(program, tag, uid, view, positions, out);
}

UidSet *search_answer_saved(const SearchProgram *program, const Snapshot *view, const GArray *positions)
{
	UidSet *saved = uidset_new();
	guint n = positions->len, first = 0, end = n;
	SearchReturn some = SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL;
	gboolean all = (program->returns & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)) != 0 || (program->returns & some) == 0;
	if (n == 0)
		return saved;
	if (!all) {
		if (program->returns & SEARCH_RETURN_MIN)
			uidset_add(saved, number_of(view, TRUE, positions, 0));
		if (program->returns & SEARCH_RETURN_MAX)
			uidset_add(saved, number_of(view, TRUE, positions, n - 1));
		first = end = 0;
		if (program->returns & SEARCH_RETURN_PARTIAL)
			partial_window(&program->partial, n, &first, &end);
	}
	for (guint i = first; i < end; i++)
		uidset_add(saved, number_of(view, TRUE, positions, i));
	return saved;
}
