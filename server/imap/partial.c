#include "server/imap/partial.h"

/* One end: 1..., or -1... */
static gboolean parse_end(ImapParser *p, gint64 *end_out, GError **error)
{
	gint64 sign = imap_skip(p, '-') ? -1 : 1;
	guint32 number;
	if (!imap_parse_nz_number(p, &number, error))
		return FALSE;
	*end_out = sign * (gint64)number;
	return TRUE;
}

gboolean partial_parse(ImapParser *p, Partial *partial, GError **error)
{
	gsize start = p->pos;
	gint64 a, b;
	if (!parse_end(p, &a, error) || !imap_parse_char(p, ':', error) || !parse_end(p, &b, error))
		return FALSE;
	if ((a < 0) != (b < 0)) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "PARTIAL: both ends count from the same side");
		return FALSE;
	}
	gboolean swap = ABS(a) > ABS(b);
	partial_clear(partial);
	*partial = (Partial){ swap ? b : a, swap ? a : b, g_strndup(p->data + start, p->pos - start) };
	return TRUE;
}

void partial_clear(Partial *partial)
{
	g_clear_pointer(&partial->text, g_free);
}

void partial_window(const Partial *partial, guint n, guint *first_out, guint *end_out)
{
	gint64 first = partial->first > 0 ? partial->first - 1 : (gint64)n + partial->last;
	gint64 end = partial->first > 0 ? partial->last : (gint64)n + partial->first + 1;
	*first_out = (guint)CLAMP(first, 0, (gint64)n);
	*end_out = (guint)CLAMP(end, 0, (gint64)n);
}
