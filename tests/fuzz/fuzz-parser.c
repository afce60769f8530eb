/* The first octet chooses what is read, its high bit UTF-8; the rest is the text. */
#include "base/limits.h"
#include "server/imap/fetch-parse.h"
#include "server/imap/list-match.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static void check_string(ImapParser *p, char *(*func)(ImapParser *, GError **))
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = func(p, &error);
	g_assert((text != NULL) == (error == NULL));
	g_assert(p->pos <= p->len);
	if (text == NULL)
		return;
	/* What was read is written and read again. */
	g_autoptr(GString) out = g_string_new(NULL);
	imap_write_string(out, text, strlen(text), TRUE);
	ImapParser again = { .data = out->str, .len = out->len };
	g_autofree char *same = imap_parse_astring(&again, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(same, ==, text);
}

static void check_mailbox(ImapParser *p)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = imap_parse_mailbox(p, &error);
	g_assert((name != NULL) == (error == NULL));
	if (name == NULL)
		return;
	g_assert(g_utf8_validate(name, -1, NULL));
	g_autoptr(GString) out = g_string_new(NULL);
	imap_write_mailbox(out, name, p->utf8);
	ImapParser again = { .data = out->str, .len = out->len, .utf8 = p->utf8 };
	g_autofree char *same = imap_parse_mailbox(&again, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(same, ==, name);
}

static void check_pattern(ImapParser *p)
{
	g_autofree char *text = imap_parse_list_mailbox(p, NULL);
	if (text == NULL)
		return;
	g_autoptr(ListPattern) pattern = list_pattern_new("INBOX", text);
	(void)list_pattern_match(pattern, text, strlen(text));
}

static void check_fetch(ImapParser *p)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(FetchRequest) request = fetch_parse(p, &error);
	g_assert((request != NULL) == (error == NULL));
	for (guint i = 0; request != NULL && i < request->sections->len; i++) {
		const FetchSection *section = request->sections->pdata[i];
		if (section->partial || strncmp(section->label, "BODY[", 5) != 0)
			continue;
		ImapParser again = { .data = section->label, .len = strlen(section->label) };
		g_autoptr(FetchRequest) same = fetch_parse(&again, &error);
		g_assert_no_error(error);
		g_assert(same != NULL && imap_at_end(&again));
	}
}

static void check_flags(ImapParser *p)
{
	MessageFlags flags;
	g_autoptr(GPtrArray) keywords = NULL;
	if (imap_parse_flag_list(p, &flags, &keywords, NULL))
		g_assert(keywords->len <= LIMIT_KEYWORDS);
}

static void check_append(ImapParser *p)
{
	SpooledLiteral *spooled;
	g_autoptr(GBytes) bytes = NULL;
	gboolean literal8;
	gint64 at;
	gint16 zone;
	if (imap_peek(p, '"') && (!imap_parse_date_time(p, &at, &zone, NULL) || !imap_parse_sp(p, NULL)))
		return;
	if (imap_parse_append_literal(p, &spooled, &bytes, &literal8, NULL))
		g_assert(spooled == NULL && bytes != NULL);
}

static void check_command(const ImapParser *p)
{
	g_autofree char *tag = NULL, *name = NULL;
	g_autoptr(GError) error = NULL;
	gsize args = 0;
	gboolean ok = imap_parse_command_name(p->data, p->len, &tag, &name, &args, &error);
	g_assert(ok == (error == NULL));
	g_assert(!ok || (tag != NULL && name != NULL && args <= p->len));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	if (len == 0)
		return 0;
	ImapParser p = { .data = (const char *)data + 1, .len = len - 1, .utf8 = (data[0] & 0x80) != 0 };
	gint32 day;
	gboolean nil = FALSE;
	g_autofree char *text = NULL;
	switch (data[0] & 0x0f) {
	case 0:
		check_string(&p, imap_parse_astring);
		break;
	case 1:
		check_string(&p, imap_parse_string);
		break;
	case 2:
		check_string(&p, imap_parse_atom);
		break;
	case 3:
		text = imap_parse_nstring(&p, &nil, NULL);
		g_assert(text == NULL || !nil);
		break;
	case 4:
		check_mailbox(&p);
		break;
	case 5:
		check_pattern(&p);
		break;
	case 6:
		check_fetch(&p);
		break;
	case 7:
		check_flags(&p);
		break;
	case 8:
		check_append(&p);
		break;
	case 9:
		check_command(&p);
		break;
	case 10:
		(void)imap_parse_date(&p, &day, NULL);
		break;
	default:
		check_string(&p, imap_parse_sequence_set);
		break;
	}
	g_assert(p.pos <= p.len);
	return 0;
}
