#include "server/imap/search-answer.h"

static guint32 number_of(const Snapshot *view, gboolean uid, const GArray *positions, guint i)
{
	guint32 position = g_array_index(positions, guint32, i);
	return uid ? snapshot_uid_at(view, position) : position + 1;
}

/* @before and the number. An answer may hold hundreds of thousands: printf() took longer for them than the search. */
static void append_number(GString *out, char before, guint32 number)
{
	char digits[11];
	gsize at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	digits[--at] = before;
	g_string_append_len(out, digits + at, (gssize)(sizeof digits - at));
}

/* The numbers of @positions from @first to before @end. Owned. */
static guint32 *numbers_of(const Snapshot *view, gboolean uid, const GArray *positions, guint first, guint end)
{
	guint32 *numbers = g_new(guint32, MAX(end - first, 1)), chunk_first = 0;
	const SnapshotChunk *chunk = NULL;
	for (guint i = first; i < end; i++) {
		guint32 position = g_array_index(positions, guint32, i);
		guint row;
		if (!uid) {
			numbers[i - first] = position + 1;
			continue;
		}
		if (chunk == NULL || position < chunk_first || position - chunk_first >= chunk->n) {
			chunk = snapshot_row(view, position, &row);
			chunk_first = position - row;
		}
		numbers[i - first] = chunk->uid[position - chunk_first];
	}
	return numbers;
}

void search_answer_write_set(const Snapshot *view, gboolean uid, const GArray *positions, guint first, guint end, GString *out)
{
	g_autofree guint32 *numbers = numbers_of(view, uid, positions, first, end);
	guint n = end - first;
	for (guint i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && numbers[next] == numbers[next - 1] + 1;)
			next++;
		append_number(out, i > 0 ? ',' : ' ', numbers[i]);
		if (next > i + 1)
			append_number(out, ':', numbers[next - 1]);
	}
}

/* The positions that are answered, or counted, in any order: those that are saved (RFC 5182 2.1), and whose modseq counts (RFC 4731 3.2). */
static GArray *answered_positions(const SearchProgram *program, const GArray *positions)
{
	GArray *answered = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint n = positions->len, first = 0, end = n;
	SearchReturn some = SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL;
	gboolean all = (program->returns & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)) != 0 || (program->returns & some) == 0;
	if (n == 0)
		return answered;
	if (!all) {
		if (program->returns & SEARCH_RETURN_MIN)
			g_array_append_val(answered, g_array_index(positions, guint32, 0));
		if (program->returns & SEARCH_RETURN_MAX)
			g_array_append_val(answered, g_array_index(positions, guint32, n - 1));
		first = end = 0;
		if (program->returns & SEARCH_RETURN_PARTIAL)
			partial_window(&program->partial, n, &first, &end);
	}
	g_array_append_vals(answered, &g_array_index(positions, guint32, first), end - first);
	return answered;
}

/* "MODSEQ 917162500", the highest of what is answered, behind @before and with @after; nothing where nothing is answered. */
static void write_modseq(const SearchProgram *program, const Snapshot *view, const GArray *positions, const char *before, const char *after,
                         GString *out)
{
	g_autoptr(GArray) answered = program->modseq ? answered_positions(program, positions) : NULL;
	guint64 highest = 0;
	for (guint i = 0; answered != NULL && i < answered->len; i++) {
		guint row;
		const SnapshotChunk *chunk = snapshot_row(view, g_array_index(answered, guint32, i), &row);
		highest = MAX(highest, chunk->modseq[row]);
	}
	if (highest > 0)
		g_string_append_printf(out, "%sMODSEQ %" G_GUINT64_FORMAT "%s", before, highest, after);
}

/* RFC 3501 7.2.5: one line, also when nothing was found. RFC 7162 3.1.6: the modseq at its end. */
static void write_numbers(const SearchProgram *program, const char *name, gboolean uid, const Snapshot *view, const GArray *positions, GString *out)
{
	g_autofree guint32 *numbers = numbers_of(view, uid, positions, 0, positions->len);
	g_string_append_printf(out, "* %s", name);
	for (guint i = 0; i < positions->len; i++)
		append_number(out, ' ', numbers[i]);
	write_modseq(program, view, positions, " (", ")", out);
	g_string_append(out, "\r\n");
}

static void write_partial(const Partial *partial, const Snapshot *view, gboolean uid, const GArray *positions, GString *out)
{
	guint first, end;
	partial_window(partial, positions->len, &first, &end);
	g_string_append_printf(out, " PARTIAL (%s", partial->text);
	if (first < end)
		search_answer_write_set(view, uid, positions, first, end, out);
	else
		g_string_append(out, " NIL");
	g_string_append_c(out, ')');
}

/* RFC 6203 section 4: score-list; "()" if there is none. */
static void write_relevancy(const SearchProgram *program, const GArray *positions, const guint8 *relevancy, GString *out)
{
	guint n = positions->len, first = 0, end = n;
	SearchReturn ends = program->returns & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX);
	g_string_append(out, " RELEVANCY (");
	gsize begin = out->len;
	if ((program->returns & SEARCH_RETURN_PARTIAL) != 0) {
		partial_window(&program->partial, n, &first, &end);
	} else if ((program->returns & SEARCH_RETURN_ALL) == 0 && ends != 0) {
		if (n > 0 && (ends & SEARCH_RETURN_MIN) != 0)
			append_number(out, ' ', relevancy[g_array_index(positions, guint32, 0)]);
		first = (ends & SEARCH_RETURN_MAX) != 0 && n > 0 ? n - 1 : n;
	}
	for (guint i = first; i < end; i++)
		append_number(out, ' ', relevancy[g_array_index(positions, guint32, i)]);
	if (out->len > begin)
		g_string_erase(out, (gssize)begin, 1);
	g_string_append_c(out, ')');
}

/* RFC 4731 3.1: MIN, MAX and ALL are left out when nothing was found, COUNT never; the response itself always comes. */
static void write_esearch(const SearchProgram *program, const char *correlator, gboolean uid, const Snapshot *view,
                          const GArray *positions, const guint8 *relevancy, GString *out)
{
	guint n = positions->len;
	g_string_append_printf(out, "* ESEARCH (%s)%s", correlator, uid ? " UID" : "");
	if (n > 0 && (program->returns & SEARCH_RETURN_MIN))
		g_string_append_printf(out, " MIN %" G_GUINT32_FORMAT, number_of(view, uid, positions, 0));
	if (n > 0 && (program->returns & SEARCH_RETURN_MAX))
		g_string_append_printf(out, " MAX %" G_GUINT32_FORMAT, number_of(view, uid, positions, n - 1));
	if (n > 0 && (program->returns & SEARCH_RETURN_ALL)) {
		g_string_append(out, " ALL");
		search_answer_write_set(view, uid, positions, 0, n, out);
	}
	if (program->returns & SEARCH_RETURN_PARTIAL)
		write_partial(&program->partial, view, uid, positions, out);
	if (program->returns & SEARCH_RETURN_COUNT)
		g_string_append_printf(out, " COUNT %u", n);
	write_modseq(program, view, positions, " ", "", out);
	if (program->returns & SEARCH_RETURN_RELEVANCY)
		write_relevancy(program, positions, relevancy, out);
	g_string_append(out, "\r\n");
}

void search_answer_write(const SearchProgram *program, const char *name, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, const guint8 *relevancy, GString *out)
{
	if (!program->extended) {
		write_numbers(program, name, uid, view, positions, out);
	} else if (!search_program_is_silent(program)) {
		/* The tag is a string: quoted, for it cannot hold a quote or backslash (RFC 9051 section 9, tag). */
		g_autofree char *correlator = g_strdup_printf("TAG \"%s\"", tag);
		write_esearch(program, correlator, uid, view, positions, relevancy, out);
	}
}

void search_answer_write_correlated(const SearchProgram *program, const char *correlator, const Snapshot *view, const GArray *positions,
                                    const guint8 *relevancy, GString *out)
{
	write_esearch(program, correlator, TRUE, view, positions, relevancy, out);
}

gboolean search_answer_takes_ends(const SearchProgram *program, guint64 *n_first_out, guint64 *n_last_out)
{
	SearchReturn ends = SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL;
	SearchReturn neutral = SEARCH_RETURN_SAVE | SEARCH_RETURN_CONTEXT;
	if ((program->returns & ends) == 0 || (program->returns & ~(ends | neutral)) != 0)
		return FALSE;
	guint64 n_first = (program->returns & SEARCH_RETURN_MIN) != 0 ? 1 : 0;
	guint64 n_last = (program->returns & SEARCH_RETURN_MAX) != 0 ? 1 : 0;
	if ((program->returns & SEARCH_RETURN_PARTIAL) != 0) {
		const Partial *partial = &program->partial;
		if (partial->first > 0)
			n_first = MAX(n_first, (guint64)partial->last);
		else
			n_last = MAX(n_last, (guint64)-partial->last);
	}
	*n_first_out = n_first;
	*n_last_out = n_last;
	return TRUE;
}

static gint compare_positions(gconstpointer a, gconstpointer b)
{
	guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;
	return (x > y) - (x < y);
}

UidSet *search_answer_saved(const SearchProgram *program, const Snapshot *view, const GArray *positions)
{
	g_autoptr(GArray) saved = answered_positions(program, positions);
	g_array_sort(saved, compare_positions);
	UidSet *uids = uidset_new();
	for (guint i = 0; i < saved->len; i++)
		uidset_add(uids, number_of(view, TRUE, saved, i));
	return uids;
}
