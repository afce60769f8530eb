#include "server/imap/search-answer.h"

static guint32 number_of(const Snapshot *view, gboolean uid, const GArray *positions, guint i)
{
	guint32 position = g_array_index(positions, guint32, i);
	return uid ? snapshot_uid_at(view, position) : position + 1;
}

/* RFC 3501 7.2.5: one line, also when nothing was found. */
static void write_search(gboolean uid, const Snapshot *view, const GArray *positions, GString *out)
{
	g_string_append(out, "* SEARCH");
	for (guint i = 0; i < positions->len; i++)
		g_string_append_printf(out, " %" G_GUINT32_FORMAT, number_of(view, uid, positions, i));
	g_string_append(out, "\r\n");
}

/* RFC 4731 3.1: MIN, MAX and ALL are left out when nothing was found, COUNT never; the response itself always comes.
 * The tag is a string: quoted, for it cannot hold a quote or backslash (RFC 9051 section 9, tag). */
static void write_esearch(const SearchProgram *program, const char *tag, gboolean uid, const Snapshot *view,
                          const GArray *positions, GString *out)
{
	g_string_append_printf(out, "* ESEARCH (TAG \"%s\")%s", tag, uid ? " UID" : "");
	if (positions->len > 0) {
		if (program->returns & SEARCH_RETURN_MIN)
			g_string_append_printf(out, " MIN %" G_GUINT32_FORMAT, number_of(view, uid, positions, 0));
		if (program->returns & SEARCH_RETURN_MAX)
			g_string_append_printf(out, " MAX %" G_GUINT32_FORMAT, number_of(view, uid, positions, positions->len - 1));
		if (program->returns & SEARCH_RETURN_ALL) {
			g_autoptr(UidSet) all = uidset_new();
			for (guint i = 0; i < positions->len; i++)
				uidset_add(all, number_of(view, uid, positions, i));
			g_string_append(out, " ALL ");
			uidset_write(all, out);
		}
	}
	if (program->returns & SEARCH_RETURN_COUNT)
		g_string_append_printf(out, " COUNT %u", positions->len);
	g_string_append(out, "\r\n");
}

void search_answer_write(const SearchProgram *program, const char *tag, gboolean uid, const Snapshot *view,
                         const GArray *positions, GString *out)
{
	if (program->extended)
		write_esearch(program, tag, uid, view, positions, out);
	else
		write_search(uid, view, positions, out);
}
