/* A line of FETCH items, and after its LF the message that they are asked of. Every part of the message is
 * fetched too, and what is written must be well-formed. */
#include "server/imap/fetch-bodystructure.h"
#include "server/imap/fetch-envelope.h"
#include "server/imap/fetch-section.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

/* Reads one value: a list, a string, NIL or a number. Lists are as deep as the tree at most. */
static void read_value(ImapParser *p)
{
	if (imap_skip(p, '(')) {
		while (!imap_skip(p, ')')) {
			read_value(p);
			(void)imap_skip(p, ' ');
		}
		return;
	}
	g_autoptr(GError) error = NULL;
	guint32 number;
	gboolean nil;
	if (p->pos < p->len && g_ascii_isdigit(p->data[p->pos]))
		(void)imap_parse_number(p, &number, &error);
	else
		g_free(imap_parse_nstring(p, &nil, &error));
	g_assert_no_error(error);
}

static void check_written(const GString *out)
{
	ImapParser p = { .data = out->str, .len = out->len };
	g_assert(memchr(out->str, '\0', out->len) == NULL);
	read_value(&p);
	g_assert(imap_at_end(&p));
}

static void check_section(FetchMessage *message, const FetchSection *section)
{
	g_auto(FetchText) text = { 0 };
	gsize size;
	const char *start = (const char *)fetch_message_data(message, &size);
	fetch_section_find(message, section, &text);
	if (!text.exists)
		return;
	if (text.owned == NULL)
		g_assert(text.data >= start && text.data + text.size <= start + size);
	g_assert(text.size <= size);
}

/* All paths of up to three numbers. */
static void check_parts(FetchMessage *message)
{
	g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (guint32 n = 1; n < 64; n++) {
		g_array_set_size(path, 0);
		for (guint shift = 0; shift < 6; shift += 2) {
			guint32 number = n >> shift & 3;
			if (number > 0)
				g_array_append_val(path, number);
		}
		static const FetchSectionKind kinds[] = { FETCH_SECTION_ALL, FETCH_SECTION_HEADER,
			FETCH_SECTION_TEXT, FETCH_SECTION_MIME };
		for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
			FetchSection section = { .kind = kinds[i], .path = path };
			check_section(message, &section);
		}
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	const guint8 *lf = len > 0 ? memchr(data, '\n', len) : NULL;
	gsize line = lf != NULL ? (gsize)(lf - data) : 0, skip = lf != NULL ? line + 1 : 0;
	g_autoptr(GBytes) bytes = g_bytes_new(data + skip, len - skip);
	g_autoptr(FetchMessage) message = fetch_message_new(bytes);
	gsize header_size = fetch_message_header_size(message), size;
	const guint8 *octets = fetch_message_data(message, &size);
	const MimePart *root = fetch_message_root(message);
	g_assert(header_size == root->header_size);

	g_autoptr(GString) out = g_string_new(NULL);
	fetch_write_envelope(out, octets, header_size);
	check_written(out);
	for (guint flags = 0; flags < 4; flags++) {
		g_string_truncate(out, 0);
		fetch_write_bodystructure(out, octets, root, flags);
		check_written(out);
	}
	check_parts(message);

	ImapParser p = { .data = (const char *)data, .len = line };
	g_autoptr(FetchRequest) request = fetch_parse(&p, NULL);
	for (guint i = 0; request != NULL && i < request->sections->len; i++)
		check_section(message, request->sections->pdata[i]);
	return 0;
}
