#include "server/imap/fetch-envelope.h"

#include "server/imap/fetch-address.h"
#include "server/imap/parser.h"
#include "store/mime-tree.h"

#include <string.h>

char *fetch_unfold(const char *value, gsize len, gsize *len_out)
{
	GString *text = g_string_sized_new(len);
	for (gsize i = 0; i < len; i++) {
		gboolean line_end =
			value[i] == '\n' || (value[i] == '\r' && i + 1 < len && value[i + 1] == '\n');
		if (!line_end)
			g_string_append_c(text, value[i]);
	}
	gsize start = 0;
	while (text->len > 0 && g_ascii_isspace(text->str[text->len - 1]))
		g_string_truncate(text, text->len - 1);
	while (start < text->len && g_ascii_isspace(text->str[start]))
		start++;
	g_string_erase(text, 0, (gssize)start);
	*len_out = text->len;
	return g_string_free(text, FALSE);
}

/* In the order of the envelope. */
typedef enum {
	DATE,
	SUBJECT,
	FROM,
	SENDER,
	REPLY_TO,
	TO,
	CC,
	BCC,
	IN_REPLY_TO,
	MESSAGE_ID,
	N_FIELDS
} FieldIndex;

static const char *const field_names[N_FIELDS] = { "Date", "Subject", "From", "Sender", "Reply-To", "To",
	"Cc", "Bcc", "In-Reply-To", "Message-ID" };

static gboolean is_address_field(int field)
{
	return field >= FROM && field <= BCC;
}

typedef struct {
	char *text[N_FIELDS]; /* owned; NULL: no such field */
	gsize text_len[N_FIELDS];
	GString *addresses
		[N_FIELDS]; /* as they are written, without the outer parentheses; owned; NULL: none */
} Fields;

static void read_field(Fields *fields, int i, const MimeField *field)
{
	if (is_address_field(i)) {
		if (fields->addresses[i] == NULL)
			fields->addresses[i] = g_string_new(NULL);
		fetch_write_addresses(fields->addresses[i], field->value, field->value_len);
	} else if (fields->text[i] == NULL) {
		fields->text[i] = fetch_unfold(field->value, field->value_len, &fields->text_len[i]);
	}
}

static void read_fields(Fields *fields, const guint8 *header, gsize size)
{
	MimeField field;
	gsize pos = 0;
	while (mime_field_next(header, size, TRUE, &pos, &field)) {
		for (int i = 0; i < N_FIELDS; i++) {
			if (mime_field_is(&field, field_names[i])) {
				read_field(fields, i, &field);
				break;
			}
		}
	}
}

static void write_addresses(GString *out, const GString *addresses)
{
	if (addresses == NULL || addresses->len == 0) {
		g_string_append(out, "NIL");
		return;
	}
	g_string_append_c(out, '(');
	g_string_append_len(out, addresses->str, (gssize)addresses->len);
	g_string_append_c(out, ')');
}

void fetch_write_envelope(GString *out, const guint8 *header, gsize size)
{
	Fields fields = { 0 };
	read_fields(&fields, header, size);
	for (int i = 0; i < N_FIELDS; i++) {
		g_string_append_c(out, i == 0 ? '(' : ' ');
		if (!is_address_field(i)) {
			imap_write_string(out, fields.text[i], fields.text_len[i], FALSE);
			continue;
		}
		/* RFC 3501 7.4.2: Sender and Reply-To are From where they are missing or empty. */
		gboolean from = (i == SENDER || i == REPLY_TO) &&
			(fields.addresses[i] == NULL || fields.addresses[i]->len == 0);
		write_addresses(out, fields.addresses[from ? FROM : i]);
	}
	g_string_append_c(out, ')');
	for (int i = 0; i < N_FIELDS; i++) {
		g_free(fields.text[i]);
		if (fields.addresses[i] != NULL)
			g_string_free(fields.addresses[i], TRUE);
	}
}
