#include "server/imap/fetch-envelope.h"

#include "server/imap/parser.h"
#include "store/envelope.h"
#include "store/mime-tree.h"

static void write_present(GString *out, const char *text, const char *missing)
{
	imap_write_nstring(out, *text != '\0' ? text : missing);
}

static void write_address(GString *out, const EnvelopeAddress *address)
{
	switch (address->kind) {
	case ENVELOPE_GROUP_START:
		g_string_append(out, "(NIL NIL ");
		imap_write_nstring(out, address->name);
		g_string_append(out, " NIL)");
		break;
	case ENVELOPE_GROUP_END:
		g_string_append(out, "(NIL NIL NIL NIL)");
		break;
	case ENVELOPE_MAILBOX:
		g_string_append_c(out, '(');
		imap_write_nstring(out, address->name);
		g_string_append_c(out, ' ');
		imap_write_nstring(out, address->route);
		g_string_append_c(out, ' ');
		write_present(out, address->mailbox, "MISSING_MAILBOX");
		g_string_append_c(out, ' ');
		write_present(out, address->host, "MISSING_DOMAIN");
		g_string_append_c(out, ')');
		break;
	}
}

void fetch_write_addresses(GString *out, const char *value, gsize len)
{
	g_autoptr(GPtrArray) addresses = envelope_addresses(value, len);
	for (guint i = 0; i < addresses->len; i++)
		write_address(out, addresses->pdata[i]);
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
		fields->text[i] = envelope_text(field->value, field->value_len, &fields->text_len[i]);
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
