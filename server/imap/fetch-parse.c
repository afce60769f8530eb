#include "server/imap/fetch-parse.h"

#include "base/limits.h"
#include "server/imap/parser-private.h"

#include <string.h>

static void section_free(gpointer data)
{
	FetchSection *section = data;
	if (section == NULL)
		return;
	g_array_unref(section->path);
	if (section->fields != NULL)
		g_ptr_array_unref(section->fields);
	g_free(section->label);
	g_free(section);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FetchSection, section_free)

void fetch_request_free(FetchRequest *request)
{
	if (request == NULL)
		return;
	g_ptr_array_unref(request->sections);
	g_free(request);
}

static FetchSection *section_new(FetchSectionKind kind, gboolean sets_seen, const char *label)
{
	FetchSection *section = g_new0(FetchSection, 1);
	section->kind = kind;
	section->sets_seen = sets_seen;
	section->path = g_array_new(FALSE, FALSE, sizeof(guint32));
	section->label = g_strdup(label);
	return section;
}

/* -- The section of BODY[...] -- */

static const struct {
	const char *name;
	FetchSectionKind kind;
} section_texts[] = {
	{ "HEADER", FETCH_SECTION_HEADER },
	{ "HEADER.FIELDS", FETCH_SECTION_FIELDS },
	{ "HEADER.FIELDS.NOT", FETCH_SECTION_FIELDS_NOT },
	{ "TEXT", FETCH_SECTION_TEXT },
	{ "MIME", FETCH_SECTION_MIME },
};

/* The letters and dots at the position: the name of an item or of a section's text. Nothing is moved. */
static gsize name_here(const ImapParser *p)
{
	gsize n = 0;
	while (p->pos + n < p->len && (g_ascii_isalnum(p->data[p->pos + n]) || p->data[p->pos + n] == '.'))
		n++;
	return n;
}

static gboolean is_name(const ImapParser *p, gsize len, const char *name)
{
	return strlen(name) == len && g_ascii_strncasecmp(p->data + p->pos, name, len) == 0;
}

/* RFC 3501 section 9: header-list. */
static gboolean parse_fields(ImapParser *p, FetchSection *section, GError **error)
{
	section->fields = g_ptr_array_new_with_free_func(g_free);
	if (!imap_parse_sp(p, error))
		return FALSE;
	if (!imap_skip(p, '('))
		return imap_parser_expected(p, "'(' (the names of header fields)", error);
	do {
		if (section->fields->len >= LIMIT_FETCH_FIELDS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"more than %d header fields in one section, at octet %" G_GSIZE_FORMAT,
				LIMIT_FETCH_FIELDS, imap_parser_octet(p));
			return FALSE;
		}
		char *name = imap_parse_astring(p, error);
		if (name == NULL)
			return FALSE;
		g_ptr_array_add(section->fields, name);
	} while (imap_skip(p, ' '));
	return imap_skip(p, ')') || imap_parser_expected(p, "SP or ')' after a header field's name", error);
}

static gboolean parse_section_text(ImapParser *p, FetchSection *section, GError **error)
{
	gsize len = name_here(p);
	for (gsize i = 0; i < G_N_ELEMENTS(section_texts); i++) {
		if (!is_name(p, len, section_texts[i].name))
			continue;
		section->kind = section_texts[i].kind;
		/* RFC 3501 6.4.5: MIME must be prefixed by part numbers. */
		if (section->kind == FETCH_SECTION_MIME && section->path->len == 0)
			return imap_parser_expected(p, "a part number before MIME", error);
		p->pos += len;
		return (section->kind != FETCH_SECTION_FIELDS && section->kind != FETCH_SECTION_FIELDS_NOT) ||
			parse_fields(p, section, error);
	}
	return imap_parser_expected(p,
		section->path->len > 0
			? "a part number, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME"
			: "a part number, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or ']'",
		error);
}

/* RFC 3501 section 9: section-spec, up to the "]". */
static gboolean parse_section_spec(ImapParser *p, FetchSection *section, GError **error)
{
	if (imap_peek(p, ']'))
		return TRUE;
	while (p->pos < p->len && g_ascii_isdigit(p->data[p->pos])) {
		guint32 number;
		if (!imap_parse_nz_number(p, &number, error))
			return FALSE;
		if (section->path->len >= LIMIT_NESTING) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"more than %d part numbers in one section, at octet %" G_GSIZE_FORMAT,
				LIMIT_NESTING, imap_parser_octet(p));
			return FALSE;
		}
		g_array_append_val(section->path, number);
		if (!imap_skip(p, '.'))
			return TRUE;
	}
	return parse_section_text(p, section, error);
}

/* "<" number "." nz-number ">" */
static gboolean parse_partial(ImapParser *p, FetchSection *section, GError **error)
{
	if (!imap_skip(p, '<'))
		return TRUE;
	section->partial = TRUE;
	if (!imap_parse_number64(p, &section->offset, error) || !imap_parse_char(p, '.', error))
		return FALSE;
	gsize at = p->pos;
	if (!imap_parse_number64(p, &section->count, error))
		return FALSE;
	if (section->count == 0) {
		p->pos = at;
		return imap_parser_expected(p, "a count of 1 or more", error);
	}
	return imap_parse_char(p, '>', error);
}

/* The answer repeats the section, with the origin octet alone. */
static char *section_label(const FetchSection *section)
{
	GString *label = g_string_new("BODY[");
	for (guint i = 0; i < section->path->len; i++)
		g_string_append_printf(
			label, "%s%u", i > 0 ? "." : "", g_array_index(section->path, guint32, i));
	for (gsize i = 0; i < G_N_ELEMENTS(section_texts); i++) {
		if (section_texts[i].kind == section->kind)
			g_string_append_printf(
				label, "%s%s", section->path->len > 0 ? "." : "", section_texts[i].name);
	}
	if (section->fields != NULL) {
		for (guint i = 0; i < section->fields->len; i++) {
			const char *name = g_ptr_array_index(section->fields, i);
			g_string_append(label, i == 0 ? " (" : " ");
			imap_write_string(label, name, strlen(name), TRUE);
		}
		g_string_append_c(label, ')');
	}
	g_string_append_c(label, ']');
	if (section->partial)
		g_string_append_printf(label, "<%" G_GUINT64_FORMAT ">", section->offset);
	return g_string_free(label, FALSE);
}

/* Behind "BODY" or "BODY.PEEK", at the "[". */
static FetchSection *parse_body_section(ImapParser *p, gboolean peek, GError **error)
{
	g_autoptr(FetchSection) section = section_new(FETCH_SECTION_ALL, !peek, NULL);
	if (!imap_parse_char(p, '[', error) || !parse_section_spec(p, section, error) ||
		!imap_parse_char(p, ']', error) || !parse_partial(p, section, error))
		return NULL;
	section->label = section_label(section);
	return g_steal_pointer(&section);
}

/* -- Items -- */

static const struct {
	const char *name;
	FetchItems items;
} plain_items[] = {
	{ "FLAGS", FETCH_FLAGS },
	{ "UID", FETCH_UID },
	{ "INTERNALDATE", FETCH_INTERNALDATE },
	{ "RFC822.SIZE", FETCH_RFC822_SIZE },
	{ "ENVELOPE", FETCH_ENVELOPE },
	{ "BODY", FETCH_BODY },
	{ "BODYSTRUCTURE", FETCH_BODYSTRUCTURE },
	{ "EMAILID", FETCH_EMAILID },
	{ "THREADID", FETCH_THREADID },
	{ "SAVEDATE", FETCH_SAVEDATE },
	{ "MODSEQ", FETCH_MODSEQ },
};

static const struct {
	const char *name;
	FetchSectionKind kind;
	gboolean sets_seen;
} rfc822_items[] = {
	{ "RFC822", FETCH_SECTION_ALL, TRUE },
	{ "RFC822.HEADER", FETCH_SECTION_HEADER, FALSE },
	{ "RFC822.TEXT", FETCH_SECTION_TEXT, TRUE },
};

static const struct {
	const char *name;
	FetchItems items;
} macros[] = {
	{ "ALL", FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_RFC822_SIZE | FETCH_ENVELOPE },
	{ "FAST", FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_RFC822_SIZE },
	{ "FULL", FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_RFC822_SIZE | FETCH_ENVELOPE | FETCH_BODY },
};

static gboolean add_section(ImapParser *p, FetchRequest *request, FetchSection *section, GError **error)
{
	if (section == NULL)
		return FALSE;
	for (guint i = 0; i < request->sections->len; i++) {
		FetchSection *known = request->sections->pdata[i];
		if (strcmp(known->label, section->label) == 0 && known->count == section->count) {
			/* Asked twice, answered once. RFC822.HEADER and BODY[HEADER] are two, by their
			 * labels. */
			known->sets_seen |= section->sets_seen;
			request->sets_seen |= section->sets_seen;
			section_free(section);
			return TRUE;
		}
	}
	g_ptr_array_add(request->sections, section);
	request->sets_seen |= section->sets_seen;
	if (request->sections->len <= LIMIT_LIST_ITEMS)
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
		"more than %d sections in one FETCH, at octet %" G_GSIZE_FORMAT, LIMIT_LIST_ITEMS,
		imap_parser_octet(p));
	return FALSE;
}

static gboolean parse_item(ImapParser *p, FetchRequest *request, GError **error)
{
	gsize len = name_here(p);
	gboolean bracket = p->pos + len < p->len && p->data[p->pos + len] == '[';
	gboolean peek = is_name(p, len, "BODY.PEEK");
	if (peek || (bracket && is_name(p, len, "BODY"))) {
		p->pos += len;
		return add_section(p, request, parse_body_section(p, peek, error), error);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(plain_items); i++) {
		if (is_name(p, len, plain_items[i].name)) {
			p->pos += len;
			request->items |= plain_items[i].items;
			return TRUE;
		}
	}
	for (gsize i = 0; i < G_N_ELEMENTS(rfc822_items); i++) {
		if (is_name(p, len, rfc822_items[i].name)) {
			p->pos += len;
			return add_section(p, request,
				section_new(rfc822_items[i].kind, rfc822_items[i].sets_seen,
					rfc822_items[i].name),
				error);
		}
	}
	if (len == 0)
		return imap_parser_expected(p, "a FETCH item", error);
	for (gsize i = 0; i < G_N_ELEMENTS(macros); i++) {
		if (is_name(p, len, macros[i].name)) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
				"macro %s at octet %" G_GSIZE_FORMAT " must stand alone", macros[i].name,
				imap_parser_octet(p));
			return FALSE;
		}
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"unknown FETCH item %.*s at octet %" G_GSIZE_FORMAT, (int)MIN(len, 32), p->data + p->pos,
		imap_parser_octet(p));
	return FALSE;
}

static gboolean parse_items(ImapParser *p, FetchRequest *request, GError **error)
{
	gsize len = name_here(p);
	for (gsize i = 0; i < G_N_ELEMENTS(macros); i++) {
		if (is_name(p, len, macros[i].name)) {
			p->pos += len;
			request->items = macros[i].items;
			return TRUE;
		}
	}
	if (!imap_skip(p, '('))
		return parse_item(p, request, error);
	do {
		if (!parse_item(p, request, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_skip(p, ')') || imap_parser_expected(p, "SP or ')' after a FETCH item", error);
}

FetchRequest *fetch_parse(ImapParser *p, GError **error)
{
	g_autoptr(FetchRequest) request = g_new0(FetchRequest, 1);
	request->sections = g_ptr_array_new_with_free_func(section_free);
	return parse_items(p, request, error) ? g_steal_pointer(&request) : NULL;
}
