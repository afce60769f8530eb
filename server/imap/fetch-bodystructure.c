#include "server/imap/fetch-bodystructure.h"

#include "server/imap/fetch-envelope.h"
#include "server/imap/fetch-section.h"
#include "store/envelope.h"

#include <string.h>

/* The fields of a part's header that a body structure is made of; the first of each name. */
typedef enum { ID, DESCRIPTION, MD5, DISPOSITION, LANGUAGE, LOCATION, N_FIELDS } FieldIndex;

static const char *const field_names[N_FIELDS] = {
	[ID] = "Content-ID",
	[DESCRIPTION] = "Content-Description",
	[MD5] = "Content-MD5",
	[DISPOSITION] = "Content-Disposition",
	[LANGUAGE] = "Content-Language",
	[LOCATION] = "Content-Location",
};

typedef struct {
	const char *value; /* NULL: no such field */
	gsize len;
} FieldValue;

static void find_fields(const guint8 *data, const MimePart *part, FieldValue values[N_FIELDS])
{
	MimeField field;
	gsize pos = 0;
	while (mime_field_next(
		data + part->header_offset, part->header_size, mime_part_is_message(part), &pos, &field)) {
		for (int i = 0; i < N_FIELDS; i++) {
			if (values[i].value == NULL && mime_field_is(&field, field_names[i]))
				values[i] = (FieldValue){ field.value, field.value_len };
		}
	}
}

static void write_text(GString *out, const char *text)
{
	imap_write_string(out, text, strlen(text), FALSE);
}

/* NIL for a field that is not there or has no value. */
static void write_field(GString *out, FieldValue field)
{
	gsize len = 0;
	g_autofree char *text = field.value != NULL ? envelope_text(field.value, field.len, &len) : NULL;
	imap_write_string(out, len > 0 ? text : NULL, len, FALSE);
}

/* RFC 2231 section 7: what may stand in ext-octet's place as itself. */
static gboolean is_attribute_char(char c)
{
	return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$&+-.^_`{|}~", c) != NULL);
}

static void write_param(GString *out, const MimeParam *param, FetchStructureFlags flags)
{
	if ((flags & FETCH_STRUCTURE_UTF8) != 0 || g_str_is_ascii(param->value)) {
		write_text(out, param->name);
		g_string_append_c(out, ' ');
		write_text(out, param->value);
		return;
	}
	g_autofree char *name = g_strconcat(param->name, "*", NULL);
	g_autoptr(GString) value = g_string_new("utf-8''");
	for (const char *c = param->value; *c != '\0'; c++) {
		if (is_attribute_char(*c))
			g_string_append_c(value, *c);
		else
			g_string_append_printf(value, "%%%02X", (guint)(guint8)*c);
	}
	write_text(out, name);
	g_string_append_c(out, ' ');
	imap_write_string(out, value->str, value->len, FALSE);
}

static void write_params(GString *out, const GPtrArray *params, FetchStructureFlags flags)
{
	for (guint i = 0; i < params->len; i++) {
		g_string_append_c(out, i == 0 ? '(' : ' ');
		write_param(out, params->pdata[i], flags);
	}
	g_string_append(out, params->len == 0 ? "NIL" : ")");
}

/* -- Extension data: disposition, language, location -- */

static void write_disposition(GString *out, FieldValue field, FetchStructureFlags flags)
{
	g_autofree char *main = NULL;
	g_autoptr(GPtrArray) params = NULL;
	if (field.value == NULL || !mime_parse_params(field.value, field.len, &main, &params)) {
		g_string_append(out, "NIL");
		return;
	}
	g_string_append_c(out, '(');
	write_text(out, main);
	g_string_append_c(out, ' ');
	write_params(out, params, flags);
	g_string_append_c(out, ')');
}

/* RFC 3282: language tags with commas between; comments are not looked for. */
static void write_languages(GString *out, FieldValue field)
{
	if (field.value == NULL) {
		g_string_append(out, "NIL");
		return;
	}
	gsize len;
	g_autofree char *text = envelope_text(field.value, field.len, &len);
	g_auto(GStrv) tags = g_strsplit(text, ",", -1);
	g_autoptr(GString) list = g_string_new(NULL);
	guint n = 0;
	for (char **tag = tags; *tag != NULL; tag++) {
		if (*g_strstrip(*tag) == '\0')
			continue;
		if (n++ > 0)
			g_string_append_c(list, ' ');
		write_text(list, *tag);
	}
	if (n == 0)
		g_string_append(out, "NIL");
	else
		g_string_append_printf(out, n > 1 ? "(%s)" : "%s", list->str);
}

static void write_extension(GString *out, const FieldValue *fields, FetchStructureFlags flags)
{
	g_string_append_c(out, ' ');
	write_disposition(out, fields[DISPOSITION], flags);
	g_string_append_c(out, ' ');
	write_languages(out, fields[LANGUAGE]);
	g_string_append_c(out, ' ');
	write_field(out, fields[LOCATION]);
}

/* -- Parts -- */

/* How a part is described. */
typedef enum {
	AS_MULTIPART,
	AS_MESSAGE,
	AS_OPAQUE_MESSAGE,
	AS_TEXT,
	AS_PLAIN /* whatever its type says */,
	AS_BASIC
} Form;

static Form form_of(const MimePart *part, FetchStructureFlags flags)
{
	if (part->kind == MIME_PART_MULTIPART)
		return AS_MULTIPART;
	if (strcmp(part->type, "message") == 0 &&
		(strcmp(part->subtype, "rfc822") == 0 ||
			((flags & FETCH_STRUCTURE_UTF8) != 0 && strcmp(part->subtype, "global") == 0)))
		return part->kind == MIME_PART_MESSAGE ? AS_MESSAGE : AS_OPAQUE_MESSAGE;
	if (strcmp(part->type, "text") == 0)
		return AS_TEXT;
	/* RFC 3501 section 9: body-type-mpart has at least one body. */
	return strcmp(part->type, "multipart") == 0 ? AS_PLAIN : AS_BASIC;
}

static void write_part(GString *out, const guint8 *data, const MimePart *part, FetchStructureFlags flags);

static void write_multipart(GString *out, const guint8 *data, const MimePart *part, const FieldValue *fields,
	FetchStructureFlags flags)
{
	for (guint i = 0; i < part->children->len; i++)
		write_part(out, data, part->children->pdata[i], flags);
	g_string_append_c(out, ' ');
	write_text(out, part->subtype);
	if ((flags & FETCH_STRUCTURE_EXTENDED) != 0) {
		g_string_append_c(out, ' ');
		write_params(out, part->params, flags);
		write_extension(out, fields, flags);
	}
}

/* type, subtype and parameters. RFC 2045 5.2: what says nothing is text/plain in US-ASCII. */
static void write_type(GString *out, const MimePart *part, Form form, FetchStructureFlags flags)
{
	static const char plain[] = "\"text\" \"plain\" (\"charset\" \"us-ascii\")";
	if (form == AS_PLAIN || (form == AS_TEXT && !part->type_given)) {
		g_string_append(out, plain);
		return;
	}
	write_text(out, part->type);
	g_string_append_c(out, ' ');
	write_text(out, part->subtype);
	g_string_append_c(out, ' ');
	write_params(out, part->params, flags);
}

static void write_leaf(GString *out, const guint8 *data, const MimePart *part, const FieldValue *fields,
	FetchStructureFlags flags)
{
	Form form = form_of(part, flags);
	write_type(out, part, form, flags);
	g_string_append_c(out, ' ');
	write_field(out, fields[ID]);
	g_string_append_c(out, ' ');
	write_field(out, fields[DESCRIPTION]);
	g_string_append_c(out, ' ');
	write_text(out, part->encoding[0] != '\0' ? part->encoding : "7bit");
	g_string_append_printf(out, " %" G_GSIZE_FORMAT, part->body_size);
	if (form == AS_MESSAGE) {
		const MimePart *inner = part->children->pdata[0];
		g_string_append_c(out, ' ');
		fetch_write_envelope(out, data + inner->header_offset, inner->header_size);
		g_string_append_c(out, ' ');
		write_part(out, data, inner, flags);
	} else if (form == AS_OPAQUE_MESSAGE) {
		g_string_append_c(out, ' ');
		fetch_write_envelope(out, data + part->body_offset, 0);
		g_string_append_printf(out,
			" (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" %" G_GSIZE_FORMAT
			" %" G_GUINT64_FORMAT "%s)",
			part->body_size, part->body_lines,
			(flags & FETCH_STRUCTURE_EXTENDED) != 0 ? " NIL NIL NIL NIL" : "");
	}
	if (form != AS_BASIC)
		g_string_append_printf(out, " %" G_GUINT64_FORMAT, part->body_lines);
	if ((flags & FETCH_STRUCTURE_EXTENDED) != 0) {
		g_string_append_c(out, ' ');
		write_field(out, fields[MD5]);
		write_extension(out, fields, flags);
	}
}

/* Recursion is as deep as the tree: LIMIT_MIME_DEPTH. */
static void write_part(GString *out, const guint8 *data, const MimePart *part, FetchStructureFlags flags)
{
	FieldValue fields[N_FIELDS] = { 0 };
	find_fields(data, part, fields);
	g_string_append_c(out, '(');
	if (form_of(part, flags) == AS_MULTIPART)
		write_multipart(out, data, part, fields, flags);
	else
		write_leaf(out, data, part, fields, flags);
	g_string_append_c(out, ')');
}

void fetch_write_bodystructure(
	GString *out, const guint8 *data, const MimePart *part, FetchStructureFlags flags)
{
	write_part(out, data, part, flags);
}
