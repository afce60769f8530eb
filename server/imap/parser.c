#include "server/imap/parser.h"

#include "base/limits.h"
#include "base/utf7.h"
#include "server/imap/parser-private.h"

#include <string.h>

G_DEFINE_QUARK(mailsift - imap - parse - error, imap_parse_error)

/* What stands at the position, for people: a printable octet, or its name. */
static char *describe_here(const ImapParser *p)
{
	if (p->pos >= p->len)
		return g_strdup("the end of the command");
	guint8 c = (guint8)p->data[p->pos];
	if (c == ' ')
		return g_strdup("SP");
	if (c == '\r' || c == '\n')
		return g_strdup("a line end");
	if (c < 0x20 || c >= 0x7f)
		return g_strdup_printf("octet 0x%02x", c);
	return g_strdup_printf("'%c'", c);
}

gsize imap_parser_octet(const ImapParser *p)
{
	return p->base + p->pos + 1;
}

gboolean imap_parser_expected(const ImapParser *p, const char *what, GError **error)
{
	g_autofree char *found = describe_here(p);
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"expected %s at octet %" G_GSIZE_FORMAT ", found %s", what, imap_parser_octet(p), found);
	return FALSE;
}

gboolean imap_at_end(const ImapParser *p)
{
	return p->pos >= p->len;
}

gboolean imap_peek(const ImapParser *p, char c)
{
	return p->pos < p->len && p->data[p->pos] == c;
}

gboolean imap_skip(ImapParser *p, char c)
{
	if (!imap_peek(p, c))
		return FALSE;
	p->pos++;
	return TRUE;
}

gboolean imap_parse_sp(ImapParser *p, GError **error)
{
	return imap_skip(p, ' ') || imap_parser_expected(p, "SP", error);
}

gboolean imap_parse_end(ImapParser *p, GError **error)
{
	return imap_at_end(p) || imap_parser_expected(p, "the end of the command", error);
}

gboolean imap_parse_char(ImapParser *p, char c, GError **error)
{
	if (imap_skip(p, c))
		return TRUE;
	char what[] = "'?'";
	what[1] = c;
	return imap_parser_expected(p, what, error);
}

/* -- atoms -- */

/* RFC 3501 section 9: ATOM-CHAR is any 7-bit octet but atom-specials. */
gboolean imap_is_atom_char(char c)
{
	return (guint8)c > 0x20 && (guint8)c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

static gboolean is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']';
}

static gboolean is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static char *parse_run(ImapParser *p, gboolean (*is_in)(char), const char *what, GError **error)
{
	gsize start = p->pos;
	while (p->pos < p->len && is_in(p->data[p->pos]))
		p->pos++;
	if (p->pos == start) {
		(void)imap_parser_expected(p, what, error);
		return NULL;
	}
	return g_strndup(p->data + start, p->pos - start);
}

char *imap_parse_atom(ImapParser *p, GError **error)
{
	return parse_run(p, imap_is_atom_char, "an atom", error);
}

/* -- strings -- */

static char *parse_quoted(ImapParser *p, GError **error)
{
	gsize start = p->pos++;
	g_autoptr(GString) out = g_string_new(NULL);
	for (;;) {
		/* Runs without an escape are the rule: copied at once. */
		gsize from = p->pos;
		while (p->pos < p->len && strchr("\"\\\r\n", p->data[p->pos]) == NULL)
			p->pos++;
		g_string_append_len(out, p->data + from, (gssize)(p->pos - from));
		if (imap_skip(p, '"'))
			break;
		if (imap_skip(p, '\\')) {
			if (!imap_peek(p, '"') && !imap_peek(p, '\\')) {
				(void)imap_parser_expected(p, "'\"' or '\\' after a backslash", error);
				return NULL;
			}
			g_string_append_c(out, p->data[p->pos++]);
			continue;
		}
		if (p->pos < p->len && p->data[p->pos] == '\0')
			(void)imap_parser_expected(p, "no NUL in a quoted string", error);
		else
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
				"quoted string that starts at octet %" G_GSIZE_FORMAT " has no end",
				p->base + start + 1);
		return NULL;
	}
	/* 8-bit octets are against RFC 3501, and clients send them; what they mean is the caller's matter.
	 * With UTF-8 enabled they are UTF-8 (RFC 9051 section 4.3, RFC 6855 section 3). */
	if (p->utf8 && !g_utf8_validate(out->str, (gssize)out->len, NULL)) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"quoted string that starts at octet %" G_GSIZE_FORMAT " is not UTF-8",
			p->base + start + 1);
		return NULL;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Reads "{n}" or "{n+}" and its line end, at a '{'. A lone LF is taken where the framing took it. */
static gboolean parse_literal_head(ImapParser *p, guint64 *size_out, GError **error)
{
	gsize start = p->pos;
	p->pos++;
	if (!imap_parse_number64(p, size_out, error))
		return FALSE;
	(void)imap_skip(p, '+'); /* RFC 7888 */
	if (!imap_parse_char(p, '}', error))
		return FALSE;
	(void)imap_skip(p, '\r');
	if (imap_skip(p, '\n'))
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"expected a line end after the literal's size at octet %" G_GSIZE_FORMAT,
		p->base + start + 1);
	return FALSE;
}

/* The spooled literal whose octets would be at the position, or NULL. */
static SpooledLiteral *find_spooled(const ImapParser *p)
{
	if (p->spooled == NULL)
		return NULL;
	guint low = 0, high = p->spooled->len;
	while (low < high) {
		guint middle = low + (high - low) / 2;
		SpooledLiteral *literal = &g_array_index(p->spooled, SpooledLiteral, middle);
		if (literal->offset == p->base + p->pos)
			return literal;
		if (literal->offset < p->base + p->pos)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static gboolean literal_fits(const ImapParser *p, guint64 size, GError **error)
{
	if (size <= p->len - p->pos)
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"literal at octet %" G_GSIZE_FORMAT " should have %" G_GUINT64_FORMAT
		" octets and has %" G_GSIZE_FORMAT,
		imap_parser_octet(p), size, p->len - p->pos);
	return FALSE;
}

/* Past a literal in memory; *@octets_out is borrowed. */
static gboolean parse_literal_octets(ImapParser *p, const char **octets_out, gsize *size_out, GError **error)
{
	guint64 size;
	if (!parse_literal_head(p, &size, error))
		return FALSE;
	if (find_spooled(p) != NULL || size > LIMIT_LITERAL_IN_MEMORY) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"literal of %" G_GUINT64_FORMAT " octets at octet %" G_GSIZE_FORMAT
			" is too large for a string (limit: %d)",
			size, imap_parser_octet(p), LIMIT_LITERAL_IN_MEMORY);
		return FALSE;
	}
	if (!literal_fits(p, size, error))
		return FALSE;
	*octets_out = p->data + p->pos;
	*size_out = size;
	p->pos += size;
	return TRUE;
}

static char *parse_literal(ImapParser *p, GError **error)
{
	const char *octets;
	gsize size;
	if (!parse_literal_octets(p, &octets, &size, error))
		return NULL;
	const char *nul = memchr(octets, '\0', size);
	if (nul == NULL)
		return g_strndup(octets, size);
	p->pos -= size - (gsize)(nul - octets);
	(void)imap_parser_expected(p, "no NUL in a literal", error);
	return NULL;
}

char *imap_parse_string(ImapParser *p, GError **error)
{
	if (imap_peek(p, '"'))
		return parse_quoted(p, error);
	if (imap_peek(p, '{'))
		return parse_literal(p, error);
	(void)imap_parser_expected(p, "a quoted string or a literal", error);
	return NULL;
}

char *imap_parse_astring(ImapParser *p, GError **error)
{
	if (imap_peek(p, '"') || imap_peek(p, '{'))
		return imap_parse_string(p, error);
	return parse_run(p, is_astring_char, "an atom, a quoted string or a literal", error);
}

char *imap_parse_nstring(ImapParser *p, gboolean *nil_out, GError **error)
{
	if (imap_peek(p, '"') || imap_peek(p, '{')) {
		char *text = imap_parse_string(p, error);
		if (text != NULL)
			*nil_out = FALSE;
		return text;
	}
	if (p->len - p->pos >= 3 && g_ascii_strncasecmp(p->data + p->pos, "NIL", 3) == 0 &&
		(p->len - p->pos == 3 || !is_astring_char(p->data[p->pos + 3]))) {
		p->pos += 3;
		*nil_out = TRUE;
		return NULL;
	}
	(void)imap_parser_expected(p, "NIL, a quoted string or a literal", error);
	return NULL;
}

gboolean imap_parse_octets(ImapParser *p, GBytes **octets_out, GError **error)
{
	const char *octets;
	gsize size;
	if (imap_skip(p, '~')) { /* RFC 3516 */
		if (!imap_peek(p, '{'))
			return imap_parser_expected(p, "a literal after '~'", error);
		if (!parse_literal_octets(p, &octets, &size, error))
			return FALSE;
		*octets_out = g_bytes_new(octets, size);
		return TRUE;
	}
	gboolean nil = FALSE;
	char *text = imap_parse_nstring(p, &nil, error);
	if (text == NULL && !nil)
		return FALSE;
	*octets_out = nil ? NULL : g_bytes_new_take(text, strlen(text));
	return TRUE;
}

gboolean imap_parse_append_literal(ImapParser *p, SpooledLiteral **spooled_out, GBytes **bytes_out,
	gboolean *literal8_out, GError **error)
{
	gboolean literal8 = imap_skip(p, '~'); /* RFC 3516 */
	if (!imap_peek(p, '{'))
		return imap_parser_expected(p, "a literal (the message)", error);
	guint64 size;
	if (!parse_literal_head(p, &size, error))
		return FALSE;
	SpooledLiteral *spooled = find_spooled(p);
	if (spooled == NULL && !literal_fits(p, size, error))
		return FALSE;
	*literal8_out = literal8;
	*spooled_out = spooled;
	*bytes_out = NULL;
	if (spooled == NULL) {
		*bytes_out = g_bytes_new(p->data + p->pos, size);
		p->pos += size;
	}
	return TRUE;
}

/* -- mailbox names -- */

/* @name is what the client sent, freed here; @octet is where it began. Returns the name as UTF-8. */
static char *decode_mailbox(const ImapParser *p, char *name, gsize octet, GError **error)
{
	g_autofree char *raw = name;
	gsize len = strlen(raw);
	if (p->utf8) {
		/* RFC 9051 section 5.1, RFC 6855 section 3: then "&" is nothing special. */
		if (g_utf8_validate(raw, (gssize)len, NULL))
			return g_steal_pointer(&raw);
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"mailbox name at octet %" G_GSIZE_FORMAT " is not UTF-8", octet);
		return NULL;
	}
	for (gsize i = 0; i < len; i++) {
		if ((guint8)raw[i] >= 0x80) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
				"mailbox name at octet %" G_GSIZE_FORMAT
				" has 8-bit characters; modified UTF-7 is expected "
				"(RFC 3501 section 5.1.3) unless UTF-8 is enabled",
				octet);
			return NULL;
		}
	}
	g_autoptr(GError) reason = NULL;
	char *decoded = utf7_decode(raw, len, &reason);
	if (decoded == NULL)
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"mailbox name at octet %" G_GSIZE_FORMAT ": %s", octet, reason->message);
	return decoded;
}

char *imap_parse_mailbox(ImapParser *p, GError **error)
{
	gsize octet = imap_parser_octet(p);
	char *raw = imap_parse_astring(p, error);
	if (raw == NULL)
		return NULL;
	char *name = decode_mailbox(p, raw, octet, error);
	if (name != NULL && g_ascii_strcasecmp(name, "INBOX") == 0)
		memcpy(name, "INBOX", 5);
	return name;
}

char *imap_parse_list_mailbox(ImapParser *p, GError **error)
{
	gsize octet = imap_parser_octet(p);
	char *raw = imap_peek(p, '"') || imap_peek(p, '{')
		? imap_parse_string(p, error)
		: parse_run(p, is_list_char, "a mailbox name with or without wildcards", error);
	/* The wildcards are no part of modified UTF-7's base64, so the pattern can be decoded as a name is.
	 */
	return raw == NULL ? NULL : decode_mailbox(p, raw, octet, error);
}

/* -- the command's name -- */

gboolean imap_parse_command_name(
	const char *data, gsize len, char **tag_out, char **name_out, gsize *args_out, GError **error)
{
	ImapParser p = { .data = data, .len = len };
	*tag_out = NULL;
	while (p.pos < len && is_astring_char(data[p.pos]) && data[p.pos] != '+')
		p.pos++;
	if (p.pos == 0)
		return imap_parser_expected(&p, "a tag", error);
	if (p.pos < len && data[p.pos] != ' ')
		return imap_parser_expected(&p, "SP after the tag", error);
	if (p.pos > LIMIT_TAG) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"tag of %" G_GSIZE_FORMAT " octets is too long (limit: %d)", p.pos, LIMIT_TAG);
		return FALSE;
	}
	*tag_out = g_strndup(data, p.pos);
	if (!imap_parse_sp(&p, error))
		return FALSE;
	gsize octet = imap_parser_octet(&p);
	g_autofree char *name = parse_run(&p, imap_is_atom_char, "a command's name", error);
	if (name == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(name, "UID") == 0) {
		if (!imap_parse_sp(&p, error))
			return FALSE;
		g_autofree char *second =
			parse_run(&p, imap_is_atom_char, "a command's name after UID", error);
		if (second == NULL)
			return FALSE;
		char *both = g_strconcat("UID ", second, NULL);
		g_free(name);
		name = both;
	}
	if (strlen(name) > LIMIT_TAG) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"command's name at octet %" G_GSIZE_FORMAT " is too long", octet);
		return FALSE;
	}
	if (p.pos < len && data[p.pos] != ' ')
		return imap_parser_expected(&p, "SP after the command's name", error);
	*name_out = g_ascii_strup(name, -1);
	*args_out = p.pos;
	return TRUE;
}
