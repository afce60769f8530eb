#include "server/imap/fetch-bodystructure.h"

#include "base/limits.h"
#include "server/imap/fetch-section.h"
#include "tests/unit/server/sample-mail.h"

#include <string.h>

static char *structure_of(const char *message, FetchStructureFlags flags)
{
	g_autoptr(MimeTree) tree = mime_tree_new((const guint8 *)message, strlen(message));
	GString *out = g_string_new(NULL);
	fetch_write_bodystructure(out, (const guint8 *)message, mime_tree_root(tree), flags);
	return g_string_free(out, FALSE);
}

#define NIL4 " NIL NIL NIL NIL"
#define ENVELOPE_NIL "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define EXTENDED FETCH_STRUCTURE_EXTENDED
#define UTF8 FETCH_STRUCTURE_UTF8

static void structures_are_described(void)
{
	static const struct {
		const char *message;
		FetchStructureFlags flags;
		const char *expected;
	} cases[] = {
		/* What is not said is text/plain (RFC 2045 5.2). */
		{ "", 0, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)" },
		{ "\r\none\r\ntwo\r\n", 0,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2)" },
		{ "\r\none\r\ntwo", EXTENDED,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1" NIL4 ")" },
		{ "Content-Type: text/html\r\n\r\nx", 0, "(\"text\" \"html\" NIL NIL NIL \"7bit\" 1 0)" },
		{ "Content-Type: nonsense\r\n\r\nx", 0,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)" },
		{ "Content-Type: Image/PNG; Name=\"a \\\"b\\\".png\"\r\n"
		  "Content-Transfer-Encoding: BASE64\r\n"
		  "Content-ID: <id@x>\r\n"
		  "Content-Description: a\r\n picture\r\n"
		  "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
		  "Content-Disposition: Attachment; filename=\"a.png\"; size=5\r\n"
		  "Content-Language: en, de-AT\r\n"
		  "Content-Location: http://x/\r\n"
		  "\r\nAAAA\r\n",
			EXTENDED,
			"(\"image\" \"png\" (\"name\" \"a \\\"b\\\".png\") \"<id@x>\" \"a picture\" "
			"\"base64\" 6 "
			"\"Q2hlY2sgSW50ZWdyaXR5IQ==\" (\"attachment\" (\"filename\" \"a.png\" \"size\" "
			"\"5\")) "
			"(\"en\" \"de-AT\") \"http://x/\")" },
		{ "Content-Type: image/png\r\nContent-Disposition: inline\r\nContent-Language: "
		  "en\r\nContent-ID:\r\n\r\n",
			EXTENDED,
			"(\"image\" \"png\" NIL NIL NIL \"7bit\" 0 NIL (\"inline\" NIL) \"en\" NIL)" },
		{ "Content-Type: image/png\r\nContent-Disposition: ;\r\nContent-Language: ,\r\n\r\n",
			EXTENDED, "(\"image\" \"png\" NIL NIL NIL \"7bit\" 0" NIL4 ")" },
		/* RFC 2231 */
		{ "Content-Type: image/png; name*0=long; name*1=\".png\"\r\n\r\n", 0,
			"(\"image\" \"png\" (\"name\" \"long.png\") NIL NIL \"7bit\" 0)" },
		{ "Content-Type: image/png; name*=iso-8859-1'en'caf%E9%20x.png\r\n\r\n", 0,
			"(\"image\" \"png\" (\"name*\" \"utf-8''caf%C3%A9%20x.png\") NIL NIL \"7bit\" 0)" },
		{ "Content-Type: image/png; name*=iso-8859-1'en'caf%E9%20x.png\r\n\r\n", UTF8,
			"(\"image\" \"png\" (\"name\" {11}\r\ncaf\xc3\xa9 x.png) NIL NIL \"7bit\" 0)" },
		{ "Content-Type: image/png; name=\"caf\xe9\"\r\n\r\n", 0,
			"(\"image\" \"png\" (\"name*\" \"utf-8''caf%C3%A9\") NIL NIL \"7bit\" 0)" },
		/* multipart */
		{ "Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\n--b b\r\n\r\none\r\n--b b\r\n"
		  "Content-Type: text/html\r\n\r\ntwo\r\n--b b--\r\n",
			EXTENDED,
			"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0" NIL4 ")"
			"(\"text\" \"html\" NIL NIL NIL \"7bit\" 3 0" NIL4
			") \"mixed\" (\"boundary\" \"b b\") NIL NIL NIL)" },
		{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n", 0,
			"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0) "
			"\"alternative\")" },
		/* RFC 3501 has no multipart without parts: what searches take it for. */
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\nno part\r\n", EXTENDED,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 9 1" NIL4 ")" },
		{ "Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx", 0,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"quoted-printable\" 1 0)" },
		/* message/rfc822 */
		{ "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\none\r\ntwo", EXTENDED,
			"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 23 (NIL \"in\" NIL NIL NIL NIL NIL NIL "
			"NIL NIL) "
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1" NIL4 ") 3" NIL4
			")" },
		{ "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: "
		  "in\r\n\r\nx\r\n--b--\r\n",
			0,
			"((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 (NIL \"in\" NIL NIL NIL NIL NIL "
			"NIL NIL NIL) "
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0) 2) "
			"\"digest\")" },
		{ "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3Vi\r\n",
			EXTENDED,
			"(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 6 " ENVELOPE_NIL
			" (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1" NIL4 ") 1" NIL4
			")" },
		{ "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx", 0,
			"(\"message\" \"global\" NIL NIL NIL \"7bit\" 16)" },
		{ "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx", UTF8,
			"(\"message\" \"global\" NIL NIL NIL \"7bit\" 16 (NIL \"in\" NIL NIL NIL NIL NIL NIL "
			"NIL NIL) "
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0) 2)" },
		{ "Content-Type: message/delivery-status\r\n\r\nx\r\n", 0,
			"(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 3)" },
		/* what must not break the answer */
		{ "Content-Description: a\"b\\c\r\n\r\n", 0,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL \"a\\\"b\\\\c\" \"7bit\" 0 0)" },
		{ "Content-Description: caf\xe9\r\n\r\n", 0,
			"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL {4}\r\ncaf\xe9 \"7bit\" 0 0)" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = structure_of(cases[i].message, cases[i].flags);
		g_assert_cmpstr(got, ==, cases[i].expected);
	}
}

/* -- Any octets give a structure: a strict reader of RFC 3501's grammar -- */

typedef struct {
	const GString *text;
	gboolean extended;
	ImapParser p;
	guint depth;
	GArray *path;          /* of guint32: the part being read */
	FetchMessage *message; /* sizes are compared with BODY[path] */
} Reader;

static void fail(const Reader *r, const char *what)
{
	g_error("expected %s at octet %" G_GSIZE_FORMAT ": %s", what, r->p.pos, r->text->str);
}

static void skip(Reader *r, char c)
{
	char what[] = { c, '\0' };
	if (!imap_skip(&r->p, c))
		fail(r, what);
}

static char *read_string(Reader *r)
{
	char *text = imap_parse_string(&r->p, NULL);
	if (text == NULL)
		fail(r, "a string");
	return text;
}

static void skip_string(Reader *r)
{
	g_autofree char *text = read_string(r);
}

static gboolean skip_nil(Reader *r)
{
	if (imap_peek(&r->p, '"') || imap_peek(&r->p, '{') || imap_peek(&r->p, '('))
		return FALSE;
	gboolean nil;
	g_autoptr(GError) error = NULL;
	g_assert_null(imap_parse_nstring(&r->p, &nil, &error));
	if (error != NULL)
		fail(r, "NIL");
	return TRUE;
}

static void skip_nstring(Reader *r)
{
	if (!skip_nil(r))
		skip_string(r);
}

static guint32 read_number(Reader *r)
{
	guint32 number = 0;
	if (!imap_parse_number(&r->p, &number, NULL))
		fail(r, "a number");
	return number;
}

static void skip_params(Reader *r)
{
	if (skip_nil(r))
		return;
	skip(r, '(');
	do {
		skip_string(r);
		skip(r, ' ');
		skip_string(r);
	} while (imap_skip(&r->p, ' '));
	skip(r, ')');
}

static void skip_extension(Reader *r)
{
	skip(r, ' ');
	if (!skip_nil(r)) {
		skip(r, '(');
		skip_string(r);
		skip(r, ' ');
		skip_params(r);
		skip(r, ')');
	}
	skip(r, ' ');
	if (!skip_nil(r)) {
		if (imap_skip(&r->p, '(')) {
			do
				skip_string(r);
			while (imap_skip(&r->p, ' '));
			skip(r, ')');
		} else {
			skip_string(r);
		}
	}
	skip(r, ' ');
	skip_nstring(r);
}

static void skip_addresses(Reader *r)
{
	if (skip_nil(r))
		return;
	skip(r, '(');
	do {
		skip(r, '(');
		for (int i = 0; i < 4; i++) {
			skip_nstring(r);
			skip(r, i < 3 ? ' ' : ')');
		}
	} while (imap_peek(&r->p, '('));
	skip(r, ')');
}

static void skip_envelope(Reader *r)
{
	skip(r, '(');
	for (int i = 0; i < 10; i++) {
		if (i >= 2 && i <= 7)
			skip_addresses(r);
		else
			skip_nstring(r);
		skip(r, i < 9 ? ' ' : ')');
	}
}

/* BODY[path] must have the size that the structure says. */
static void check_size(Reader *r, guint32 size)
{
	FetchSection section = { .kind = FETCH_SECTION_ALL, .path = r->path };
	g_auto(FetchText) text = { 0 };
	fetch_section_find(r->message, &section, &text);
	g_assert_true(text.exists);
	g_assert_cmpuint(text.size, ==, size);
}

/* @is_part: the path is this part's; else that of the message that it is the body of. */
static void read_body(Reader *r, gboolean is_part)
{
	g_assert_cmpuint(++r->depth, <=, 2 * LIMIT_MIME_DEPTH + 10);
	skip(r, '(');
	if (imap_peek(&r->p, '(')) {
		guint32 number = 1;
		do {
			g_array_append_val(r->path, number);
			read_body(r, TRUE);
			g_array_set_size(r->path, r->path->len - 1);
			number++;
		} while (imap_peek(&r->p, '('));
		skip(r, ' ');
		skip_string(r);
		if (r->extended) {
			skip(r, ' ');
			skip_params(r);
			skip_extension(r);
		}
	} else {
		guint32 one = 1;
		if (!is_part)
			g_array_append_val(r->path, one);
		g_autofree char *type = read_string(r);
		skip(r, ' ');
		g_autofree char *subtype = read_string(r);
		skip(r, ' ');
		skip_params(r);
		skip(r, ' ');
		skip_nstring(r);
		skip(r, ' ');
		skip_nstring(r);
		skip(r, ' ');
		skip_string(r);
		skip(r, ' ');
		check_size(r, read_number(r));
		if (g_ascii_strcasecmp(type, "message") == 0 && g_ascii_strcasecmp(subtype, "rfc822") == 0) {
			skip(r, ' ');
			skip_envelope(r);
			skip(r, ' ');
			read_body(r, FALSE);
			skip(r, ' ');
			(void)read_number(r);
		} else if (g_ascii_strcasecmp(type, "text") == 0) {
			skip(r, ' ');
			(void)read_number(r);
		}
		if (r->extended) {
			skip(r, ' ');
			skip_nstring(r);
			skip_extension(r);
		}
		if (!is_part)
			g_array_set_size(r->path, r->path->len - 1);
	}
	skip(r, ')');
	r->depth--;
}

static void check_structure(GBytes *bytes, gboolean extended)
{
	g_autoptr(FetchMessage) message = fetch_message_new(bytes);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(guint32));
	gsize size;
	const guint8 *data = fetch_message_data(message, &size);
	fetch_write_bodystructure(out, data, fetch_message_root(message), extended ? EXTENDED : 0);
	Reader r = { out, extended, { .data = out->str, .len = out->len }, 0, path, message };
	read_body(&r, FALSE);
	g_assert_true(imap_at_end(&r.p));
}

static void check_sample(const char *name, GBytes *message, gpointer data)
{
	(void)data;
	g_test_message("%s", name);
	check_structure(message, TRUE);
	check_structure(message, FALSE);
	gsize size = g_bytes_get_size(message);
	for (int i = 0; i < 5 && size > 0; i++) {
		gsize len = (gsize)g_test_rand_int_range(0, (gint32)MIN(size, 100000));
		g_autoptr(GBytes) cut = g_bytes_new_from_bytes(message, 0, len);
		check_structure(cut, g_test_rand_bit());
	}
}

static void sample_mail_has_valid_structures(void)
{
	sample_mail_foreach(check_sample, NULL);
}

static void random_mail_has_valid_structures(void)
{
	static const char *const pieces[] = { "Content-Type: multipart/mixed; boundary=a\r\n",
		"Content-Type: message/rfc822\r\n", "Content-Type: multipart/digest; boundary=\"b\"\r\n",
		"Content-Type: text/plain; charset=\"x\r\n", "Content-Transfer-Encoding: base64\r\n",
		"Content-Disposition: attachment; filename*0*=utf-8''%e9; filename*1=\"\r\n",
		"Content-Language: a, b\r\n", "\r\n", "--a\r\n", "--a--\r\n", "--b\r\n", "--b--\r\n",
		"text\r\n", "\xff\r\n", "(", "\"", "From: a <b\r\n", "Content-Type: ", "/", "\t", "\n",
		"Content-Description: \x01\r\n", "Content-Type: message/global\r\n" };
	for (int round = 0; round < 20000; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (int n = g_test_rand_int_range(0, 25); n > 0; n--)
			g_string_append(text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
		g_autoptr(GBytes) bytes = g_bytes_new(text->str, text->len);
		check_structure(bytes, g_test_rand_bit());
	}
}

static void deep_nesting_is_bounded(void)
{
	g_autoptr(GString) multiparts = g_string_new(NULL);
	g_autoptr(GString) messages = g_string_new(NULL);
	for (int i = 0; i < 5000; i++) {
		g_string_append_printf(
			multiparts, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
		g_string_append(messages, "Content-Type: message/rfc822\r\n\r\n");
	}
	g_autoptr(GBytes) a = g_bytes_new(multiparts->str, multiparts->len);
	g_autoptr(GBytes) b = g_bytes_new(messages->str, messages->len);
	check_structure(a, TRUE);
	check_structure(b, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fetch-bodystructure/structures_are_described", structures_are_described);
	g_test_add_func(
		"/fetch-bodystructure/sample_mail_has_valid_structures", sample_mail_has_valid_structures);
	g_test_add_func(
		"/fetch-bodystructure/random_mail_has_valid_structures", random_mail_has_valid_structures);
	g_test_add_func("/fetch-bodystructure/deep_nesting_is_bounded", deep_nesting_is_bounded);
	return g_test_run();
}
