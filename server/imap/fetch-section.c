#include "server/imap/fetch-section.h"

#include <string.h>

struct FetchMessage {
	GBytes *bytes; /* a reference */
	const guint8 *data;
	gsize size;
	MimeTree *tree; /* owned; NULL until it is needed */
	gsize header_size;
	gboolean header_known;
};

FetchMessage *fetch_message_new(GBytes *bytes)
{
	FetchMessage *message = g_new0(FetchMessage, 1);
	message->bytes = g_bytes_ref(bytes);
	message->data = g_bytes_get_data(bytes, &message->size);
	if (message->data == NULL) /* no octets */
		message->data = (const guint8 *)"";
	return message;
}

void fetch_message_free(FetchMessage *message)
{
	if (message == NULL)
		return;
	mime_tree_free(message->tree);
	g_bytes_unref(message->bytes);
	g_free(message);
}

const guint8 *fetch_message_data(const FetchMessage *message, gsize *size_out)
{
	*size_out = message->size;
	return message->data;
}

const MimePart *fetch_message_root(FetchMessage *message)
{
	if (message->tree == NULL)
		message->tree = mime_tree_new(message->data, message->size);
	return mime_tree_root(message->tree);
}

/* The size of the header from its fields; FALSE where that takes the rules of mime-tree.c: a "From " line and
 * nothing else. */
static gboolean header_size_by_fields(const guint8 *data, gsize size, gsize *size_out)
{
	gsize pos = 0, end = 0;
	MimeField field;
	if (!mime_field_next(data, size, TRUE, &pos, &field))
		return FALSE;
	if (field.name_len == 0) { /* no field at the start: no header */
		*size_out = 0;
		return TRUE;
	}
	do
		end = field.offset + field.size;
	while (mime_field_next(data, size, TRUE, &pos, &field));
	if (end < size) /* at the empty line */
		end += data[end] == '\r' ? 2 : 1;
	*size_out = end;
	return TRUE;
}

gsize fetch_message_header_size(FetchMessage *message)
{
	if (!message->header_known) {
		if (message->tree != NULL ||
			!header_size_by_fields(message->data, message->size, &message->header_size))
			message->header_size = fetch_message_root(message)->header_size;
		message->header_known = TRUE;
	}
	return message->header_size;
}

gboolean fetch_part_is_opaque_message(const MimePart *part)
{
	return part->kind == MIME_PART_LEAF && strcmp(part->type, "message") == 0 &&
		(strcmp(part->subtype, "rfc822") == 0 || strcmp(part->subtype, "global") == 0);
}

void fetch_text_clear(FetchText *text)
{
	g_free(text->owned);
	*text = (FetchText){ .exists = FALSE };
}

static FetchText text_of(const FetchMessage *message, gsize offset, gsize size)
{
	return (FetchText){ .exists = TRUE, .data = (const char *)message->data + offset, .size = size };
}

/* What the numbers of a section lead to. */
typedef enum {
	PLACE_MESSAGE,     /* the message @part, root or embedded, with its header */
	PLACE_PART,        /* the MIME part @part */
	PLACE_BODY,        /* the body of the message @part, which is no multipart: its part 1 */
	PLACE_OPAQUE_TEXT, /* the text of the message that the part @part, opaque, stands for: its part 1 */
} PlaceKind;

typedef struct {
	const MimePart *part; /* NULL: there is no such part */
	PlaceKind kind;
} Place;

static Place step_into_message(const MimePart *part, guint32 number)
{
	const Place none = { NULL, PLACE_PART };
	if (part->kind == MIME_PART_MULTIPART)
		return number > part->children->len
			? none
			: (Place){ part->children->pdata[number - 1], PLACE_PART };
	return number == 1 ? (Place){ part, PLACE_BODY } : none;
}

/* RFC 3501 6.4.5: the numbers below a part of type message are those of its message's body. */
static Place step(Place place, guint32 number)
{
	const MimePart *part = place.part;
	if (place.kind == PLACE_OPAQUE_TEXT)
		return (Place){ NULL, PLACE_PART };
	if (place.kind != PLACE_MESSAGE && part->kind == MIME_PART_MESSAGE)
		return step_into_message(part->children->pdata[0], number);
	if (place.kind == PLACE_MESSAGE || part->kind == MIME_PART_MULTIPART)
		return step_into_message(part, number);
	gboolean opaque = number == 1 && fetch_part_is_opaque_message(part);
	return (Place){ opaque ? part : NULL, PLACE_OPAQUE_TEXT };
}

static Place find_place(const MimePart *root, const GArray *path)
{
	Place place = { root, PLACE_MESSAGE };
	for (guint i = 0; i < path->len && place.part != NULL; i++)
		place = step(place, g_array_index(path, guint32, i));
	return place;
}

/* -- HEADER.FIELDS -- */

static gboolean is_named(const MimeField *field, const GPtrArray *names)
{
	for (guint i = 0; field->name_len > 0 && i < names->len; i++) {
		if (mime_field_is(field, g_ptr_array_index(names, i)))
			return TRUE;
	}
	return FALSE;
}

static FetchText select_fields(const guint8 *header, gsize size, const FetchSection *section)
{
	gboolean negate = section->kind == FETCH_SECTION_FIELDS_NOT;
	GString *out = g_string_new(NULL);
	MimeField field;
	gsize pos = 0, end = 0;
	while (mime_field_next(header, size, TRUE, &pos, &field)) {
		/* Before the first field: an mbox "From " line. */
		if (negate && field.offset > end)
			g_string_append_len(out, (const char *)header + end, (gssize)(field.offset - end));
		if (is_named(&field, section->fields) != negate)
			g_string_append_len(out, (const char *)header + field.offset, (gssize)field.size);
		end = field.offset + field.size;
	}
	/* The empty line, in both (RFC 3501 6.4.5), if there is one; where no field is, a "From " line may be
	 * before it. */
	if (end == 0 && !negate) {
		gsize blank = size > 0 && header[size - 1] == '\n' ? 1 : 0;
		if (blank == 1 && size > 1 && header[size - 2] == '\r')
			blank = 2;
		end = size - blank;
	}
	g_string_append_len(out, (const char *)header + end, (gssize)(size - end));
	FetchText text = { .exists = TRUE, .size = out->len };
	text.data = text.owned = g_string_free(out, FALSE);
	return text;
}

static FetchText header_text(
	const FetchMessage *message, gsize offset, gsize size, const FetchSection *section)
{
	if (section->kind == FETCH_SECTION_HEADER || section->kind == FETCH_SECTION_MIME)
		return text_of(message, offset, size);
	return select_fields(message->data + offset, size, section);
}

/* -- Sections -- */

static FetchText find_in_part(FetchMessage *message, const FetchSection *section)
{
	const FetchText none = { .exists = FALSE };
	Place place = find_place(fetch_message_root(message), section->path);
	const MimePart *part = place.part;
	if (part == NULL)
		return none;
	if (section->kind == FETCH_SECTION_ALL)
		return text_of(message, part->body_offset, part->body_size);
	if (section->kind == FETCH_SECTION_MIME)
		return text_of(message, part->header_offset,
			place.kind == PLACE_OPAQUE_TEXT ? 0 : part->header_size);
	if (place.kind == PLACE_OPAQUE_TEXT)
		return none;
	if (part->kind == MIME_PART_MESSAGE) {
		const MimePart *inner = part->children->pdata[0];
		if (section->kind == FETCH_SECTION_TEXT)
			return text_of(message, inner->body_offset, inner->body_size);
		return header_text(message, inner->header_offset, inner->header_size, section);
	}
	if (!fetch_part_is_opaque_message(part))
		return none;
	if (section->kind == FETCH_SECTION_TEXT)
		return text_of(message, part->body_offset, part->body_size);
	return header_text(message, part->body_offset, 0, section);
}

static FetchText find_in_message(FetchMessage *message, const FetchSection *section)
{
	if (section->kind == FETCH_SECTION_ALL)
		return text_of(message, 0, message->size);
	gsize header_size = fetch_message_header_size(message);
	if (section->kind == FETCH_SECTION_TEXT)
		return text_of(message, header_size, message->size - header_size);
	return header_text(message, 0, header_size, section);
}

void fetch_section_find(FetchMessage *message, const FetchSection *section, FetchText *text_out)
{
	FetchText text =
		section->path->len == 0 ? find_in_message(message, section) : find_in_part(message, section);
	if (text.exists && section->partial) {
		gsize offset = (gsize)MIN(section->offset, text.size);
		text.data += offset;
		text.size = (gsize)MIN(section->count, text.size - offset);
	}
	*text_out = text;
}
