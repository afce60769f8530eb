/* Writing of strings. Whatever the octets are, what comes out is a valid string of RFC 3501 section 9. */
#include "base/utf7.h"
#include "server/imap/parser-private.h"

#include <string.h>

void imap_write_octets(GString *out, const char *data, gsize len)
{
	gsize at = out->len;
	g_string_append_len(out, data, (gssize)len);
	char *end = out->str + out->len;
	for (char *c = out->str + at; (c = memchr(c, '\0', (gsize)(end - c))) != NULL; c++)
		*c = (char)0x80;
}

void imap_write_literal(GString *out, const char *data, gsize len)
{
	g_string_append_printf(out, "{%" G_GSIZE_FORMAT "}\r\n", len);
	imap_write_octets(out, data, len);
}

typedef enum { FORM_ATOM, FORM_QUOTED, FORM_LITERAL } StringForm;

static StringForm string_form(const char *data, gsize len, gboolean atom_ok, gboolean utf8)
{
	gboolean atom = atom_ok && len > 0 && !(len == 3 && g_ascii_strncasecmp(data, "NIL", 3) == 0);
	for (gsize i = 0; i < len; i++) {
		guint8 c = (guint8)data[i];
		if (c == '\0' || c == '\r' || c == '\n' || (c >= 0x80 && !utf8))
			return FORM_LITERAL;
		if (!imap_is_atom_char(data[i]))
			atom = FALSE;
	}
	return atom ? FORM_ATOM : FORM_QUOTED;
}

static void write_quoted(GString *out, const char *data, gsize len)
{
	g_string_append_c(out, '"');
	for (gsize i = 0; i < len; i++) {
		if (data[i] == '"' || data[i] == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, data[i]);
	}
	g_string_append_c(out, '"');
}

static void write_string(GString *out, const char *data, gsize len, gboolean atom_ok, gboolean utf8)
{
	switch (string_form(data, len, atom_ok, utf8)) {
	case FORM_ATOM:
		g_string_append_len(out, data, (gssize)len);
		break;
	case FORM_QUOTED:
		write_quoted(out, data, len);
		break;
	case FORM_LITERAL:
		imap_write_literal(out, data, len);
		break;
	}
}

void imap_write_string(GString *out, const char *data, gsize len, gboolean atom_ok)
{
	if (data == NULL)
		g_string_append(out, "NIL");
	else
		write_string(out, data, len, atom_ok, FALSE);
}

void imap_write_nstring(GString *out, const char *text)
{
	imap_write_string(out, text, text == NULL ? 0 : strlen(text), FALSE);
}

void imap_write_value(GString *out, GBytes *octets)
{
	gsize len = 0;
	const char *data = octets != NULL ? g_bytes_get_data(octets, &len) : NULL;
	if (octets == NULL || len == 0)
		g_string_append(out, octets == NULL ? "NIL" : "\"\"");
	else if (memchr(data, '\0', len) == NULL)
		imap_write_string(out, data, len, FALSE);
	else {
		g_string_append_printf(out, "~{%" G_GSIZE_FORMAT "}\r\n", len); /* RFC 3516: NUL and all */
		g_string_append_len(out, data, (gssize)len);
	}
}

void imap_write_mailbox(GString *out, const char *name, gboolean utf8)
{
	if (utf8) {
		write_string(out, name, strlen(name), TRUE, TRUE);
		return;
	}
	g_autofree char *encoded = utf7_encode(name, strlen(name), NULL);
	if (encoded == NULL) {
		/* No UTF-8: the store has no such names, and a damaged one must not break the answer. */
		g_autofree char *valid = g_utf8_make_valid(name, -1);
		encoded = utf7_encode(valid, strlen(valid), NULL);
	}
	write_string(out, encoded, strlen(encoded), TRUE, FALSE);
}

void imap_write_list(
	GString *out, const char *response, const char *attributes, const char *name, gboolean utf8)
{
	g_string_append_printf(out, "* %s (%s) \"/\" ", response, attributes);
	imap_write_mailbox(out, name, utf8);
}
