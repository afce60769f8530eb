#include "store/message-text.h"

#include "base/fold.h"
#include "base/limits.h"
#include "base/memsearch.h"
#include "store/charset.h"
#include "store/header-text.h"
#include "store/html-text.h"
#include "store/mime-tree.h"
#include "store/transfer-encoding.h"

#include <string.h>

/* @n_decoded: how many decoded messages it is in; 0 is the message itself. */
static void add_message(MessageText *text, const guint8 *data, gsize size, guint depth, guint n_decoded);

static void add_header(GString *out, const guint8 *data, const MimePart *part)
{
	MimeField field;
	gsize pos = 0;
	while (mime_field_next(
		data + part->header_offset, part->header_size, mime_part_is_message(part), &pos, &field))
		header_text_append_line(out, &field);
}

/* A line of body: the text, decoded and folded. Each step is left out where it would only copy. */
static void add_text(GString *out, const char *charset, gboolean is_html, const char *data, gsize len)
{
	gsize charset_len = charset != NULL ? strlen(charset) : 0;
	g_autoptr(GString) decoded = NULL;
	if (!charset_is_transparent(charset, charset_len, data, len)) {
		decoded = g_string_sized_new(len);
		charset_append(decoded, charset, charset_len, data, len);
		data = decoded->str;
		len = decoded->len;
	}
	if (is_html) {
		g_autoptr(GString) visible = g_string_sized_new(len / 2);
		html_text_append(visible, data, len);
		fold_append(out, visible->str, visible->len);
	} else {
		fold_append(out, data, len);
	}
	g_string_append_c(out, '\n');
}

static gboolean is_searched(const MimePart *part)
{
	return part->undivided || strcmp(part->type, "text") == 0 || strcmp(part->type, "message") == 0;
}

static void add_leaf(
	MessageText *text, const guint8 *data, const MimePart *part, guint depth, guint n_decoded)
{
	if (!is_searched(part))
		return;
	const char *body = (const char *)data + part->body_offset;
	gsize len = part->body_size;
	TransferEncoding encoding = transfer_encoding_from_name(part->encoding);
	g_autoptr(GString) decoded = NULL;
	if (encoding != TRANSFER_IDENTITY && encoding != TRANSFER_UNKNOWN) {
		decoded = g_string_sized_new(len);
		transfer_decode(decoded, encoding, body, len);
		body = decoded->str;
		len = decoded->len;
	}
	if (part->undivided)
		add_text(text->section[MESSAGE_TEXT_BODY], NULL, FALSE, body, len);
	else if (!mime_part_holds_message(part))
		add_text(text->section[MESSAGE_TEXT_BODY], mime_part_param(part, "charset"),
			strcmp(part->type, "text") == 0 && strcmp(part->subtype, "html") == 0, body, len);
	else if (n_decoded < LIMIT_MIME_DECODED) /* a leaf only because it has a transfer encoding */
		add_message(text, (const guint8 *)body, len, depth + 1, n_decoded + 1);
	else
		add_text(text->section[MESSAGE_TEXT_BODY], NULL, FALSE, body, len);
}

static void add_part(
	MessageText *text, const guint8 *data, const MimePart *part, guint depth, guint n_decoded)
{
	MessageTextSection section = MESSAGE_TEXT_PARTS;
	if (mime_part_is_message(part))
		section = n_decoded == 0 && part->parent == NULL ? MESSAGE_TEXT_HEADER : MESSAGE_TEXT_BODY;
	add_header(text->section[section], data, part);
	if (part->children == NULL)
		add_leaf(text, data, part, depth, n_decoded);
	for (guint i = 0; part->children != NULL && i < part->children->len; i++)
		add_part(text, data, part->children->pdata[i], depth + 1, n_decoded);
}

static void add_message(MessageText *text, const guint8 *data, gsize size, guint depth, guint n_decoded)
{
	g_autoptr(MimeTree) tree = mime_tree_new_at_depth(data, size, depth);
	add_part(text, data, mime_tree_root(tree), depth, n_decoded);
}

MessageText *message_text_new(const guint8 *data, gsize size)
{
	MessageText *text = g_new(MessageText, 1);
	if (size == 0)
		data = (const guint8 *)""; /* NULL + 0 is undefined in C17 */
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++)
		text->section[i] = g_string_new(NULL);
	add_message(text, data, size, 0, 0);
	return text;
}

void message_text_free(MessageText *text)
{
	if (text == NULL)
		return;
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++)
		g_string_free(text->section[i], TRUE);
	g_free(text);
}

static gboolean match_field(
	TextSpan header, const char *field, gsize field_len, const char *needle, gsize needle_len)
{
	if (header.len == 0)
		return FALSE;
	const char *p = header.data, *end = p + header.len;
	while (p < end) {
		const char *lf = memchr(p, '\n', (gsize)(end - p));
		const char *line_end = lf != NULL ? lf : end;
		gsize len = (gsize)(line_end - p);
		if (len >= field_len + 2 && memcmp(p, field, field_len) == 0 &&
			memcmp(p + field_len, ": ", 2) == 0 &&
			mem_find(p + field_len + 2, len - field_len - 2, needle, needle_len) != NULL)
			return TRUE;
		p = lf != NULL ? lf + 1 : end;
	}
	return FALSE;
}

static gboolean match_span(TextSpan span, const char *needle, gsize needle_len)
{
	return mem_find(span.data, span.len, needle, needle_len) != NULL;
}

gboolean message_text_match(const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], TextScope scope,
	const char *field, gsize field_len, const char *needle, gsize needle_len)
{
	switch (scope) {
	case TEXT_SCOPE_HEADER:
		return match_field(sections[MESSAGE_TEXT_HEADER], field, field_len, needle, needle_len);
	case TEXT_SCOPE_BODY:
		return needle_len == 0 || match_span(sections[MESSAGE_TEXT_BODY], needle, needle_len);
	case TEXT_SCOPE_TEXT:
		for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++) {
			if (needle_len == 0 || match_span(sections[i], needle, needle_len))
				return TRUE;
		}
		return FALSE;
	}
	return FALSE;
}
