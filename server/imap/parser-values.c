/* Numbers, sequence sets, flags and dates. */
#include "server/imap/parser-private.h"

#include "base/datetime.h"
#include "base/limits.h"

#include <string.h>

/* -- numbers -- */

/* Digits; with @min 1 no leading zero (RFC 3501 section 9: nz-number). @what completes "expected ...". */
static gboolean parse_digits(
	ImapParser *p, guint64 min, guint64 max, const char *what, guint64 *number_out, GError **error)
{
	gsize start = p->pos;
	guint64 number = 0;
	while (p->pos < p->len && g_ascii_isdigit(p->data[p->pos])) {
		guint64 digit = (guint64)(p->data[p->pos] - '0');
		if (number > (max - digit) / 10) {
			p->pos = start;
			return imap_parser_expected(p, what, error);
		}
		number = number * 10 + digit;
		p->pos++;
	}
	if (p->pos == start || number < min || (min > 0 && p->data[start] == '0')) {
		p->pos = start;
		return imap_parser_expected(p, what, error);
	}
	*number_out = number;
	return TRUE;
}

gboolean imap_parse_number(ImapParser *p, guint32 *number_out, GError **error)
{
	guint64 number;
	if (!parse_digits(p, 0, G_MAXUINT32, "a number (0 to 4294967295)", &number, error))
		return FALSE;
	*number_out = (guint32)number;
	return TRUE;
}

gboolean imap_parse_nz_number(ImapParser *p, guint32 *number_out, GError **error)
{
	guint64 number;
	if (!parse_digits(p, 1, G_MAXUINT32, "a number (1 to 4294967295)", &number, error))
		return FALSE;
	*number_out = (guint32)number;
	return TRUE;
}

gboolean imap_parse_number64(ImapParser *p, guint64 *number_out, GError **error)
{
	return parse_digits(p, 0, G_MAXINT64, "a number (0 to 9223372036854775807)", number_out, error);
}

gboolean imap_parse_modseq(ImapParser *p, gboolean zero, guint64 *modseq_out, GError **error)
{
	gsize start = p->pos;
	guint64 number;
	const char *what = zero ? "a mod-sequence (0 to 9223372036854775807)" : "a mod-sequence (1 to 9223372036854775807)";
	if (!parse_digits(p, 0, G_MAXINT64, what, &number, error))
		return FALSE;
	if (number == 0 && !zero) {
		p->pos = start;
		return imap_parser_expected(p, what, error);
	}
	*modseq_out = number;
	return TRUE;
}

/* RFC 3501 section 9: seq-number = nz-number / "*". */
static gboolean parse_seq_number(ImapParser *p, GError **error)
{
	guint64 number;
	return imap_skip(p, '*') ||
		parse_digits(p, 1, G_MAXUINT32, "a message number (1 to 4294967295) or '*'", &number, error);
}

char *imap_parse_sequence_set(ImapParser *p, GError **error)
{
	gsize start = p->pos;
	if (imap_skip(p, '$')) /* RFC 5182 */
		return g_strdup("$");
	guint n = 0;
	do {
		if (++n > LIMIT_SET_RANGES) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"set at octet %" G_GSIZE_FORMAT " has more than %d ranges",
				p->base + start + 1, LIMIT_SET_RANGES);
			return NULL;
		}
		if (!parse_seq_number(p, error) || (imap_skip(p, ':') && !parse_seq_number(p, error)))
			return NULL;
	} while (imap_skip(p, ','));
	return g_strndup(p->data + start, p->pos - start);
}

/* -- flags -- */

static const struct {
	const char *name;
	MessageFlags flag;
} system_flags[] = {
	{ "Seen", MESSAGE_SEEN },
	{ "Answered", MESSAGE_ANSWERED },
	{ "Flagged", MESSAGE_FLAGGED },
	{ "Deleted", MESSAGE_DELETED },
	{ "Draft", MESSAGE_DRAFT },
};

static gboolean parse_system_flag(ImapParser *p, MessageFlags *flags, GError **error)
{
	gsize octet = imap_parser_octet(p);
	p->pos++;
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(system_flags); i++) {
		if (g_ascii_strcasecmp(name, system_flags[i].name) == 0) {
			*flags |= system_flags[i].flag;
			return TRUE;
		}
	}
	/* RFC 3501 section 2.3.2: \Recent can not be altered by the client. */
	if (g_ascii_strcasecmp(name, "Recent") == 0)
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"flag \\Recent at octet %" G_GSIZE_FORMAT " cannot be set by a client", octet);
	else
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"unknown system flag \\%.32s at octet %" G_GSIZE_FORMAT
			" (there are \\Answered, \\Flagged, \\Deleted, \\Seen and \\Draft)",
			name, octet);
	return FALSE;
}

gboolean imap_parse_flag(ImapParser *p, MessageFlags *flags, GPtrArray *keywords, GError **error)
{
	if (imap_peek(p, '\\'))
		return parse_system_flag(p, flags, error);
	gsize octet = imap_parser_octet(p), start = p->pos;
	while (p->pos < p->len && imap_is_atom_char(p->data[p->pos]))
		p->pos++;
	gsize len = p->pos - start;
	if (len == 0)
		return imap_parser_expected(p, "a flag", error);
	if (len > LIMIT_KEYWORD_LENGTH) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"keyword of %" G_GSIZE_FORMAT " octets at octet %" G_GSIZE_FORMAT
			" is too long (limit: %d)",
			len, octet, LIMIT_KEYWORD_LENGTH);
		return FALSE;
	}
	for (guint i = 0; i < keywords->len; i++) {
		const char *known = g_ptr_array_index(keywords, i);
		if (strlen(known) == len && g_ascii_strncasecmp(known, p->data + start, len) == 0)
			return TRUE;
	}
	if (keywords->len >= LIMIT_KEYWORDS) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"more than %d keywords, at octet %" G_GSIZE_FORMAT, LIMIT_KEYWORDS, octet);
		return FALSE;
	}
	g_ptr_array_add(keywords, g_strndup(p->data + start, len));
	return TRUE;
}

gboolean imap_parse_flag_list(
	ImapParser *p, MessageFlags *flags_out, GPtrArray **keywords_out, GError **error)
{
	MessageFlags flags = 0;
	g_autoptr(GPtrArray) keywords = g_ptr_array_new_with_free_func(g_free);
	if (!imap_skip(p, '('))
		return imap_parser_expected(p, "'(' (a list of flags)", error);
	if (!imap_skip(p, ')')) {
		do {
			if (!imap_parse_flag(p, &flags, keywords, error))
				return FALSE;
		} while (imap_skip(p, ' '));
		if (!imap_skip(p, ')'))
			return imap_parser_expected(p, "SP or ')' after a flag", error);
	}
	*flags_out = flags;
	*keywords_out = g_steal_pointer(&keywords);
	return TRUE;
}

/* -- dates -- */

static gboolean date_error(gsize octet, const char *what, const GError *reason, GError **error)
{
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "%s at octet %" G_GSIZE_FORMAT ": %s",
		what, octet, reason->message);
	return FALSE;
}

gboolean imap_parse_date_time(ImapParser *p, gint64 *at_out, gint16 *zone_out, GError **error)
{
	if (!imap_skip(p, '"'))
		return imap_parser_expected(p, "a date and time in quotes", error);
	gsize octet = imap_parser_octet(p);
	const char *text = p->data + p->pos;
	const char *end = memchr(text, '"', p->len - p->pos);
	if (end == NULL) {
		p->pos = p->len;
		return imap_parser_expected(p, "'\"' after a date and time", error);
	}
	Datetime when;
	g_autoptr(GError) reason = NULL;
	if (!datetime_parse_imap(text, (gsize)(end - text), &when, &reason))
		return date_error(
			octet, "no date and time like \"17-Jul-1996 02:44:25 -0700\"", reason, error);
	p->pos += (gsize)(end - text) + 1;
	*at_out = when.unix_seconds;
	*zone_out = (gint16)when.zone_minutes;
	return TRUE;
}

gboolean imap_parse_date(ImapParser *p, gint32 *day_out, GError **error)
{
	gboolean quoted = imap_skip(p, '"');
	gsize octet = imap_parser_octet(p), start = p->pos;
	while (p->pos < p->len && (g_ascii_isalnum(p->data[p->pos]) || p->data[p->pos] == '-'))
		p->pos++;
	g_autoptr(GError) reason = NULL;
	gint32 day;
	if (!datetime_parse_imap_date(p->data + start, p->pos - start, &day, &reason))
		return date_error(octet, "no date like 1-Feb-1994", reason, error);
	if (quoted && !imap_parse_char(p, '"', error))
		return FALSE;
	*day_out = day;
	return TRUE;
}
