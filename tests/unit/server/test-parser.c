#include "server/imap/parser.h"

#include "base/limits.h"
#include "store/uidset.h"

#include <string.h>

/* A parser over a copy of exactly the text's octets, so that a sanitizer sees a read past them. */
typedef struct {
	char *data;
	ImapParser p;
} Input;

static Input input_new(const char *text, gsize len)
{
	Input input = { .data = g_memdup2(len > 0 ? text : "", len > 0 ? len : 1) };
	input.p = (ImapParser){ .data = input.data, .len = len };
	return input;
}

static void input_clear(Input *input)
{
	g_free(input->data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Input, input_clear)

#define INPUT(text) input_new(text, strlen(text))

typedef char *(*StringFunc)(ImapParser *p, GError **error);

static char *nstring(ImapParser *p, GError **error)
{
	gboolean nil = FALSE;
	char *text = imap_parse_nstring(p, &nil, error);
	return text == NULL && nil ? g_strdup("<nil>") : text;
}

static char *utf8_mailbox(ImapParser *p, GError **error)
{
	p->utf8 = TRUE;
	return imap_parse_mailbox(p, error);
}

/* @rest: what must be left. @expected NULL: refused, and the message has @rest in it. */
typedef struct {
	StringFunc func;
	const char *text, *expected, *rest;
} StringCase;

static const StringCase string_cases[] = {
	{ imap_parse_atom, "abc def", "abc", " def" },
	{ imap_parse_atom, "a]", "a", "]" },
	{ imap_parse_atom, "&-+.$/", "&-+.$/", "" },
	{ imap_parse_atom, "", NULL, "expected an atom at octet 1, found the end" },
	{ imap_parse_atom, "(x", NULL, "found '('" },
	{ imap_parse_atom, "\xc3\xa9", NULL, "found octet 0xc3" },
	{ imap_parse_atom, "\x7f", NULL, "found octet 0x7f" },
	{ imap_parse_astring, "a]b)", "a]b", ")" },
	{ imap_parse_astring, "\"a b\" c", "a b", " c" },
	{ imap_parse_astring, "\"\"", "", "" },
	{ imap_parse_astring, "\"a\\\"b\\\\c\"", "a\"b\\c", "" },
	{ imap_parse_astring, "\"a\\b\"", NULL, "after a backslash at octet 4" },
	{ imap_parse_astring, "\"abc", NULL, "starts at octet 1 has no end" },
	{ imap_parse_astring, "\"abc\\", NULL, "found the end" },
	{ imap_parse_astring, "\"a\r\nb\"", NULL, "has no end" },
	{ imap_parse_astring, "\"caf\xe9\"", "caf\xe9", "" },
	{ imap_parse_astring, "{3}\r\nabcd", "abc", "d" },
	{ imap_parse_astring, "{3+}\r\nabc", "abc", "" },
	{ imap_parse_astring, "{0}\r\n", "", "" },
	{ imap_parse_astring, "{4}\r\na\r\nb x", "a\r\nb", " x" },
	{ imap_parse_astring, "{3}\r\nab", NULL, "should have 3 octets and has 2" },
	{ imap_parse_astring, "{3}abc", NULL, "expected a line end" },
	{ imap_parse_astring, "{}\r\n", NULL, "expected a number" },
	{ imap_parse_astring, "{-1}\r\n", NULL, "expected a number" },
	{ imap_parse_astring, "{3-}\r\nabc", NULL, "expected '}'" },
	{ imap_parse_astring, "{99999999999999999999}\r\n", NULL, "expected a number" },
	{ imap_parse_astring, "{9223372036854775807}\r\n", NULL, "too large" },
	{ imap_parse_astring, "~{3}\r\nabc", "~", "{3}\r\nabc" },
	{ imap_parse_astring, ")", NULL, "expected an atom, a quoted string or a literal" },
	{ imap_parse_astring, "%", NULL, "found '%'" },
	{ imap_parse_string, "abc", NULL, "expected a quoted string or a literal" },
	{ imap_parse_string, "\"abc\"", "abc", "" },
	{ nstring, "NIL", "<nil>", "" },
	{ nstring, "nil)", "<nil>", ")" },
	{ nstring, "\"NIL\"", "NIL", "" },
	{ nstring, "NILS", NULL, "expected NIL" },
	{ nstring, "NI", NULL, "expected NIL" },
	{ imap_parse_mailbox, "inBox", "INBOX", "" },
	{ imap_parse_mailbox, "\"INBOX\"", "INBOX", "" },
	{ imap_parse_mailbox, "inboxes", "inboxes", "" },
	{ imap_parse_mailbox, "Entw&APw-rfe", "Entw\xc3\xbcrfe", "" },
	{ imap_parse_mailbox, "\"A &- B\"", "A & B", "" },
	{ imap_parse_mailbox, "{6}\r\n&AOkA6", NULL, "modified UTF-7" },
	{ imap_parse_mailbox, "R&D", NULL, "octet 1: the name is not modified UTF-7" },
	{ imap_parse_mailbox, "\"Entw\xc3\xbcrfe\"", NULL, "8-bit characters" },
	{ utf8_mailbox, "\"Entw\xc3\xbcrfe\"", "Entw\xc3\xbcrfe", "" },
	{ utf8_mailbox, "R&D", "R&D", "" },
	{ utf8_mailbox, "\"\xff\"", NULL, "not UTF-8" },
	{ utf8_mailbox, "{1}\r\n\xff", NULL, "not UTF-8" },
	{ imap_parse_list_mailbox, "%", "%", "" },
	{ imap_parse_list_mailbox, "INBOX.*]x y", "INBOX.*]x", " y" },
	{ imap_parse_list_mailbox, "\"a b/%\"", "a b/%", "" },
	{ imap_parse_list_mailbox, "&APw-*", "\xc3\xbc*", "" },
	{ imap_parse_list_mailbox, "{1}\r\n*", "*", "" },
	{ imap_parse_list_mailbox, "\"\"", "", "" },
	{ imap_parse_list_mailbox, "", NULL, "expected a mailbox name" },
	{ imap_parse_sequence_set, "1", "1", "" },
	{ imap_parse_sequence_set, "1:*,3,5:2 x", "1:*,3,5:2", " x" },
	{ imap_parse_sequence_set, "*", "*", "" },
	{ imap_parse_sequence_set, "*:4294967295", "*:4294967295", "" },
	{ imap_parse_sequence_set, "$", "$", "" },
	{ imap_parse_sequence_set, "0", NULL, "expected a message number" },
	{ imap_parse_sequence_set, "4294967296", NULL, "expected a message number" },
	{ imap_parse_sequence_set, "1,", NULL, "at octet 3, found the end" },
	{ imap_parse_sequence_set, "1:", NULL, "at octet 3" },
	{ imap_parse_sequence_set, ",1", NULL, "at octet 1" },
	{ imap_parse_sequence_set, "1:2:3", "1:2", ":3" },
	{ imap_parse_sequence_set, "", NULL, "expected a message number" },
};

static void strings_are_read_to_their_end(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(string_cases); i++) {
		const StringCase *c = &string_cases[i];
		g_auto(Input) input = INPUT(c->text);
		g_autoptr(GError) error = NULL;
		g_autofree char *got = c->func(&input.p, &error);
		g_test_message("case %" G_GSIZE_FORMAT ": %s", i, c->text);
		g_assert_cmpstr(got, ==, c->expected);
		if (c->expected == NULL) {
			g_assert_nonnull(error);
			g_assert_nonnull(strstr(error->message, c->rest));
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpmem(
			input.data + input.p.pos, input.p.len - input.p.pos, c->rest, strlen(c->rest));
	}
}

static void nul_is_refused(void)
{
	static const struct {
		StringFunc func;
		const char *text;
		gsize len;
	} cases[] = {
		{ imap_parse_astring, "\"a\0b\"", 5 },
		{ imap_parse_astring, "{3}\r\na\0b", 8 },
		{ imap_parse_astring, "\0", 1 },
		{ imap_parse_mailbox, "\"a\0b\"", 5 },
		{ imap_parse_list_mailbox, "{1}\r\n\0", 6 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Input) input = input_new(cases[i].text, cases[i].len);
		g_autoptr(GError) error = NULL;
		g_assert_null(cases[i].func(&input.p, &error));
		g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
		g_assert_nonnull(strstr(error->message, "0x00"));
	}
}

static void utf8_in_quoted_strings_must_be_valid_when_enabled(void)
{
	g_auto(Input) input = INPUT("\"a\xff\"");
	input.p.utf8 = TRUE;
	g_autoptr(GError) error = NULL;
	g_assert_null(imap_parse_astring(&input.p, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
}

static void literals_beyond_the_limit_are_refused(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_printf(text, "{%d}\r\n", LIMIT_LITERAL_IN_MEMORY + 1);
	g_string_set_size(text, text->len + LIMIT_LITERAL_IN_MEMORY + 1);
	memset(strchr(text->str, '\n') + 1, 'x', LIMIT_LITERAL_IN_MEMORY + 1);
	g_auto(Input) input = input_new(text->str, text->len);
	g_autoptr(GError) error = NULL;
	g_assert_null(imap_parse_astring(&input.p, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

static void errors_count_octets_from_the_tag(void)
{
	const char *command = "a1 NOOP extra";
	ImapParser p = { .data = command + 7, .len = 6, .base = 7 };
	g_autoptr(GError) error = NULL;
	g_assert_false(imap_parse_end(&p, &error));
	g_assert_cmpstr(error->message, ==, "expected the end of the command at octet 8, found SP");
	g_clear_error(&error);
	g_assert_true(imap_parse_sp(&p, &error));
	g_assert_false(imap_parse_char(&p, '(', &error));
	g_assert_cmpstr(error->message, ==, "expected '(' at octet 9, found 'e'");
}

/* -- numbers -- */

static void numbers_have_bounds(void)
{
	static const struct {
		const char *text;
		gboolean number, nz_number, number64;
		guint64 value;
	} cases[] = {
		{ "0", TRUE, FALSE, TRUE, 0 },
		{ "007", TRUE, FALSE, TRUE, 7 },
		{ "4294967295", TRUE, TRUE, TRUE, 4294967295u },
		{ "4294967296", FALSE, FALSE, TRUE, G_GUINT64_CONSTANT(4294967296) },
		{ "9223372036854775807", FALSE, FALSE, TRUE, G_MAXINT64 },
		{ "9223372036854775808", FALSE, FALSE, FALSE, 0 },
		{ "99999999999999999999999", FALSE, FALSE, FALSE, 0 },
		{ "-1", FALSE, FALSE, FALSE, 0 },
		{ "", FALSE, FALSE, FALSE, 0 },
		{ "x", FALSE, FALSE, FALSE, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint32 number = 0, nz_number = 0;
		guint64 number64 = 0;
		g_auto(Input) a = INPUT(cases[i].text);
		g_auto(Input) b = INPUT(cases[i].text);
		g_auto(Input) c = INPUT(cases[i].text);
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(imap_parse_number(&a.p, &number, NULL), ==, cases[i].number);
		g_assert_cmpint(imap_parse_nz_number(&b.p, &nz_number, NULL), ==, cases[i].nz_number);
		g_assert_cmpint(imap_parse_number64(&c.p, &number64, NULL), ==, cases[i].number64);
		g_assert_cmpuint(number, ==, cases[i].number ? cases[i].value : 0);
		g_assert_cmpuint(nz_number, ==, cases[i].nz_number ? cases[i].value : 0);
		g_assert_cmpuint(number64, ==, cases[i].number64 ? cases[i].value : 0);
	}
}

/* RFC 7162 section 7: 1 to 2^63-1, 0 only where that has a meaning. */
static void modseqs_have_63_bits(void)
{
	static const struct {
		const char *text;
		gboolean ok, ok_zero;
		guint64 value;
	} cases[] = {
		{ "0", FALSE, TRUE, 0 },
		{ "000", FALSE, TRUE, 0 },
		{ "1", TRUE, TRUE, 1 },
		{ "007", TRUE, TRUE, 7 },
		{ "4294967296", TRUE, TRUE, G_GUINT64_CONSTANT(4294967296) },
		{ "9223372036854775807", TRUE, TRUE, G_MAXINT64 },
		{ "9223372036854775808", FALSE, FALSE, 0 },
		{ "18446744073709551617", FALSE, FALSE, 0 },
		{ "-1", FALSE, FALSE, 0 },
		{ "*", FALSE, FALSE, 0 },
		{ "", FALSE, FALSE, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint64 modseq = 0, zero = 0;
		g_auto(Input) a = INPUT(cases[i].text);
		g_auto(Input) b = INPUT(cases[i].text);
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(imap_parse_modseq(&a.p, FALSE, &modseq, NULL), ==, cases[i].ok);
		g_assert_cmpint(imap_parse_modseq(&b.p, TRUE, &zero, NULL), ==, cases[i].ok_zero);
		g_assert_cmpuint(modseq, ==, cases[i].value);
		g_assert_cmpuint(zero, ==, cases[i].value);
	}
}

/* What the syntax lets through is what uidset_parse() takes, and the other way round. */
static void sequence_sets_agree_with_uidset(void)
{
	static const char alphabet[] = "0123456789:,,*:1";
	for (int round = 0; round < 20000; round++) {
		char text[9] = { 0 };
		int len = g_test_rand_int_range(0, 9);
		for (int i = 0; i < len; i++)
			text[i] = alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
		g_auto(Input) input = INPUT(text);
		g_autofree char *set = imap_parse_sequence_set(&input.p, NULL);
		gboolean parsed = set != NULL && imap_at_end(&input.p);
		g_autoptr(UidSet) uids = uidset_parse(text, strlen(text), 10, NULL);
		if (parsed != (uids != NULL))
			g_error("%s: parser %d, uidset %d", text, parsed, uids != NULL);
	}
}

static void sequence_sets_are_limited(void)
{
	g_autoptr(GString) text = g_string_new("1");
	for (guint i = 1; i < LIMIT_SET_RANGES; i++)
		g_string_append(text, ",1");
	g_auto(Input) fits = input_new(text->str, text->len);
	g_autofree char *set = imap_parse_sequence_set(&fits.p, NULL);
	g_assert_nonnull(set);
	g_string_append(text, ",1");
	g_auto(Input) more = input_new(text->str, text->len);
	g_autoptr(GError) error = NULL;
	g_assert_null(imap_parse_sequence_set(&more.p, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

/* -- flags and dates -- */

static void flags_are_read(void)
{
	static const struct {
		const char *text;
		int flags;            /* -1: refused */
		const char *keywords; /* joined by SP; or what the error says */
	} cases[] = {
		{ "()", 0, "" },
		{ "(\\Seen)", MESSAGE_SEEN, "" },
		{ "(\\SEEN \\answered \\Flagged \\Deleted \\Draft)",
			MESSAGE_SEEN | MESSAGE_ANSWERED | MESSAGE_FLAGGED | MESSAGE_DELETED | MESSAGE_DRAFT,
			"" },
		{ "($Label1 \\Seen Junk)", MESSAGE_SEEN, "$Label1 Junk" },
		{ "(junk JUNK Junk)", 0, "junk" },
		{ "(\\Recent)", -1, "\\Recent" },
		{ "(\\Foo)", -1, "unknown system flag \\Foo at octet 2" },
		{ "(\\)", -1, "expected an atom" },
		{ "(\\*)", -1, "expected an atom" },
		{ "(a  b)", -1, "expected a flag at octet 4, found SP" },
		{ "(a ", -1, "expected a flag" },
		{ "(a", -1, "expected SP or ')'" },
		{ "( )", -1, "expected a flag" },
		{ "(a]b)", -1, "expected SP or ')'" },
		{ "(\"a\")", -1, "expected a flag" },
		{ "\\Seen", -1, "expected '('" },
		{ "", -1, "expected '('" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Input) input = INPUT(cases[i].text);
		MessageFlags flags = 0;
		g_autoptr(GPtrArray) keywords = NULL;
		g_autoptr(GError) error = NULL;
		gboolean read = imap_parse_flag_list(&input.p, &flags, &keywords, &error);
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(read, ==, cases[i].flags >= 0);
		if (!read) {
			g_assert_nonnull(strstr(error->message, cases[i].keywords));
			continue;
		}
		g_assert_cmpint((int)flags, ==, cases[i].flags);
		g_ptr_array_add(keywords, NULL);
		g_autofree char *joined = g_strjoinv(" ", (char **)keywords->pdata);
		g_assert_cmpstr(joined, ==, cases[i].keywords);
		g_assert_true(imap_at_end(&input.p));
	}
}

static void keywords_are_limited(void)
{
	g_autofree char *longest = g_strnfill(LIMIT_KEYWORD_LENGTH, 'k');
	g_autofree char *text = g_strdup_printf("%s", longest);
	g_autofree char *longer = g_strdup_printf("%sk", longest);
	g_autoptr(GPtrArray) keywords = g_ptr_array_new_with_free_func(g_free);
	MessageFlags flags = 0;
	g_auto(Input) fits = INPUT(text);
	g_assert_true(imap_parse_flag(&fits.p, &flags, keywords, NULL));
	g_auto(Input) more = INPUT(longer);
	g_autoptr(GError) error = NULL;
	g_assert_false(imap_parse_flag(&more.p, &flags, keywords, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

static void dates_are_read(void)
{
	static const struct {
		const char *text;
		gboolean ok;
		gint64 at;
		gint16 zone;
	} times[] = {
		{ "\"17-Jul-1996 02:44:25 -0700\"", TRUE, 837596665, -420 },
		{ "\" 1-Jan-1970 00:00:00 +0000\"", TRUE, 0, 0 },
		{ "17-Jul-1996 02:44:25 -0700", FALSE, 0, 0 },
		{ "\"17-Jul-1996\"", FALSE, 0, 0 },
		{ "\"31-Feb-2020 00:00:00 +0000\"", FALSE, 0, 0 },
		{ "\"17-Jul-1996 02:44:25 -0700", FALSE, 0, 0 },
		{ "\"\"", FALSE, 0, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
		g_auto(Input) input = INPUT(times[i].text);
		gint64 at = 0;
		gint16 zone = 0;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", times[i].text);
		g_assert_cmpint(imap_parse_date_time(&input.p, &at, &zone, &error), ==, times[i].ok);
		g_assert_cmpint(error == NULL, ==, times[i].ok);
		g_assert_cmpint(at, ==, times[i].at);
		g_assert_cmpint(zone, ==, times[i].zone);
	}
	static const struct {
		const char *text;
		gint32 day; /* -1: refused */
		const char *rest;
	} dates[] = {
		{ "1-Feb-1970 x", 31, " x" },
		{ "\"01-feb-1970\")", 31, ")" },
		{ "\"1-Feb-1970", -1, NULL },
		{ "1-Foo-1970", -1, NULL },
		{ "", -1, NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(dates); i++) {
		g_auto(Input) input = INPUT(dates[i].text);
		gint32 day = -1;
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(imap_parse_date(&input.p, &day, &error), ==, dates[i].day >= 0);
		g_assert_cmpint(day, ==, dates[i].day);
		if (dates[i].day >= 0)
			g_assert_cmpmem(input.data + input.p.pos, input.p.len - input.p.pos, dates[i].rest,
				strlen(dates[i].rest));
		else
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
	}
}

/* -- APPEND's literals -- */

static void append_literals_are_found_by_their_offset(void)
{
	const char *command = "a APPEND x {100}\r\n (\\Seen) ~{3+}\r\nabc";
	g_autoptr(GArray) spooled = g_array_new(FALSE, TRUE, sizeof(SpooledLiteral));
	SpooledLiteral entry = { .offset = 18, .size = 100 };
	g_array_append_val(spooled, entry);
	ImapParser p = { .data = command + 8, .len = strlen(command) - 8, .base = 8, .spooled = spooled };
	SpooledLiteral *literal = NULL;
	g_autoptr(GBytes) bytes = NULL;
	gboolean literal8 = TRUE;
	g_autoptr(GPtrArray) keywords = NULL;
	MessageFlags flags;
	g_autoptr(GError) error = NULL;
	g_autofree char *mailbox = NULL;
	g_assert_true(imap_parse_sp(&p, &error));
	mailbox = imap_parse_mailbox(&p, &error);
	g_assert_cmpstr(mailbox, ==, "x");
	g_assert_true(imap_parse_sp(&p, &error));
	g_assert_true(imap_parse_append_literal(&p, &literal, &bytes, &literal8, &error));
	g_assert_true(literal == &g_array_index(spooled, SpooledLiteral, 0));
	g_assert_null(bytes);
	g_assert_false(literal8);
	g_assert_true(imap_parse_sp(&p, &error));
	g_assert_true(imap_parse_flag_list(&p, &flags, &keywords, &error));
	g_assert_true(imap_parse_sp(&p, &error));
	g_assert_true(imap_parse_append_literal(&p, &literal, &bytes, &literal8, &error));
	g_assert_null(literal);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "abc", 3);
	g_assert_true(literal8);
	g_assert_true(imap_at_end(&p));
}

static void spooled_literals_are_no_strings(void)
{
	const char *command = "a LOGIN {100}\r\n x";
	g_autoptr(GArray) spooled = g_array_new(FALSE, TRUE, sizeof(SpooledLiteral));
	SpooledLiteral entry = { .offset = 15, .size = 100 };
	g_array_append_val(spooled, entry);
	ImapParser p = { .data = command + 8, .len = strlen(command) - 8, .base = 8, .spooled = spooled };
	g_autoptr(GError) error = NULL;
	g_assert_null(imap_parse_astring(&p, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

/* -- the command's name -- */

static void command_names_are_split(void)
{
	static const struct {
		const char *text, *tag, *name;
		gsize args;
	} cases[] = {
		{ "a1 noop", "a1", "NOOP", 7 },
		{ "a1 Fetch 1 FLAGS", "a1", "FETCH", 8 },
		{ ". uid fetch 1 FLAGS", ".", "UID FETCH", 11 },
		{ "a]b NOOP", "a]b", "NOOP", 8 },
		{ "a UID", "a", NULL, 0 },
		{ "a UID ", "a", NULL, 0 },
		{ "a", "a", NULL, 0 },
		{ "a ", "a", NULL, 0 },
		{ "a  NOOP", "a", NULL, 0 },
		{ "a NOOP\r", "a", NULL, 0 },
		{ "", NULL, NULL, 0 },
		{ " NOOP", NULL, NULL, 0 },
		{ "a+ NOOP", NULL, NULL, 0 },
		{ "* NOOP", NULL, NULL, 0 },
		{ "a\tNOOP", NULL, NULL, 0 },
		{ "GET / HTTP/1.1", "GET", "/", 5 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *tag = NULL, *name = NULL;
		gsize args = 0;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		gboolean ok = imap_parse_command_name(
			cases[i].text, strlen(cases[i].text), &tag, &name, &args, &error);
		g_assert_cmpstr(tag, ==, cases[i].tag);
		g_assert_cmpstr(name, ==, cases[i].name);
		g_assert_cmpint(ok, ==, cases[i].name != NULL);
		g_assert_cmpint(error == NULL, ==, ok);
		if (ok)
			g_assert_cmpuint(args, ==, cases[i].args);
	}
}

static void long_tags_are_refused(void)
{
	g_autofree char *tag = g_strnfill(LIMIT_TAG + 1, 't');
	g_autofree char *command = g_strdup_printf("%s NOOP", tag);
	g_autofree char *tag_out = NULL, *name = NULL;
	gsize args;
	g_autoptr(GError) error = NULL;
	g_assert_false(imap_parse_command_name(command, strlen(command), &tag_out, &name, &args, &error));
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

/* -- writing -- */

static void strings_are_written_in_the_shortest_form(void)
{
	static const struct {
		const char *data;
		gsize len;
		const char *atom_ok, *not_atom;
	} cases[] = {
		{ "abc", 3, "abc", "\"abc\"" },
		{ "", 0, "\"\"", "\"\"" },
		{ "a b", 3, "\"a b\"", "\"a b\"" },
		{ "nil", 3, "\"nil\"", "\"nil\"" },
		{ "nils", 4, "nils", "\"nils\"" },
		{ "a\"\\", 3, "\"a\\\"\\\\\"", "\"a\\\"\\\\\"" },
		{ "a\tb", 3, "\"a\tb\"", "\"a\tb\"" },
		{ "a\rb", 3, "{3}\r\na\rb", "{3}\r\na\rb" },
		{ "a\nb", 3, "{3}\r\na\nb", "{3}\r\na\nb" },
		{ "\xc3\xa9", 2, "{2}\r\n\xc3\xa9", "{2}\r\n\xc3\xa9" },
		{ "a\0b\0", 4,
			"{4}\r\na\x80"
			"b\x80",
			"{4}\r\na\x80"
			"b\x80" },
		{ NULL, 0, "NIL", "NIL" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) atom = g_string_new(NULL);
		g_autoptr(GString) other = g_string_new(NULL);
		imap_write_string(atom, cases[i].data, cases[i].len, TRUE);
		imap_write_string(other, cases[i].data, cases[i].len, FALSE);
		g_assert_cmpstr(atom->str, ==, cases[i].atom_ok);
		g_assert_cmpstr(other->str, ==, cases[i].not_atom);
	}
}

static void what_is_written_is_read_back(void)
{
	/* Octets that change the form come often. */
	static const char alphabet[] = "ab NILnil\"\\\r\n(){}%*]&\t\x7f\xc3\xa9\xff";
	for (int round = 0; round < 20000; round++) {
		char text[13] = { 0 };
		int len = g_test_rand_int_range(0, 13);
		for (int i = 0; i < len; i++)
			text[i] = alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
		gboolean atom_ok = g_test_rand_bit();
		g_autoptr(GString) out = g_string_new(NULL);
		imap_write_string(out, text, (gsize)len, atom_ok);
		g_auto(Input) input = input_new(out->str, out->len);
		g_autoptr(GError) error = NULL;
		gboolean nil = FALSE;
		g_autofree char *got = atom_ok ? imap_parse_astring(&input.p, &error)
					       : imap_parse_nstring(&input.p, &nil, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(got, ==, text);
		g_assert_true(imap_at_end(&input.p));
	}
}

static void mailbox_names_are_read_back(void)
{
	static const char *const pieces[] = { "a", "INBOX", "inbox", " ", "/", "&", "-", "\"", "\\", "%", "*",
		"]", "(", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x93\xac", "NIL", "~", "\t" };
	for (int round = 0; round < 20000; round++) {
		g_autoptr(GString) name = g_string_new(NULL);
		for (int n = g_test_rand_int_range(0, 6); n > 0; n--)
			g_string_append(name, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
		if (g_ascii_strcasecmp(name->str, "INBOX") == 0)
			g_string_assign(name, "INBOX");
		gboolean utf8 = g_test_rand_bit();
		g_autoptr(GString) out = g_string_new(NULL);
		imap_write_mailbox(out, name->str, utf8);
		if (!utf8)
			g_assert_true(g_str_is_ascii(out->str));
		g_auto(Input) input = input_new(out->str, out->len);
		input.p.utf8 = utf8;
		g_autoptr(GError) error = NULL;
		g_autofree char *got = imap_parse_mailbox(&input.p, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(got, ==, name->str);
		g_assert_true(imap_at_end(&input.p));
	}
}

static void random_octets_never_break_the_parser(void)
{
	static const StringFunc funcs[] = { imap_parse_atom, imap_parse_astring, imap_parse_string, nstring,
		imap_parse_mailbox, utf8_mailbox, imap_parse_list_mailbox, imap_parse_sequence_set };
	static const char alphabet[] = "{}0123456789+\r\n\"\\ab()~*%&-\xff";
	for (int round = 0; round < 50000; round++) {
		char text[24];
		int len = g_test_rand_int_range(0, sizeof text);
		for (int i = 0; i < len; i++)
			text[i] = alphabet[g_test_rand_int_range(0, sizeof alphabet)]; /* NUL too */
		g_auto(Input) input = input_new(text, (gsize)len);
		g_autoptr(GError) error = NULL;
		g_autofree char *got = funcs[g_test_rand_int_range(0, G_N_ELEMENTS(funcs))](&input.p, &error);
		g_assert_true((got != NULL) == (error == NULL));
		g_assert_cmpuint(input.p.pos, <=, input.p.len);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/parser/strings_are_read_to_their_end", strings_are_read_to_their_end);
	g_test_add_func("/parser/nul_is_refused", nul_is_refused);
	g_test_add_func("/parser/utf8_in_quoted_strings_must_be_valid_when_enabled",
		utf8_in_quoted_strings_must_be_valid_when_enabled);
	g_test_add_func(
		"/parser/literals_beyond_the_limit_are_refused", literals_beyond_the_limit_are_refused);
	g_test_add_func("/parser/errors_count_octets_from_the_tag", errors_count_octets_from_the_tag);
	g_test_add_func("/parser/numbers_have_bounds", numbers_have_bounds);
	g_test_add_func("/parser/modseqs_have_63_bits", modseqs_have_63_bits);
	g_test_add_func("/parser/sequence_sets_agree_with_uidset", sequence_sets_agree_with_uidset);
	g_test_add_func("/parser/sequence_sets_are_limited", sequence_sets_are_limited);
	g_test_add_func("/parser/flags_are_read", flags_are_read);
	g_test_add_func("/parser/keywords_are_limited", keywords_are_limited);
	g_test_add_func("/parser/dates_are_read", dates_are_read);
	g_test_add_func("/parser/append_literals_are_found_by_their_offset",
		append_literals_are_found_by_their_offset);
	g_test_add_func("/parser/spooled_literals_are_no_strings", spooled_literals_are_no_strings);
	g_test_add_func("/parser/command_names_are_split", command_names_are_split);
	g_test_add_func("/parser/long_tags_are_refused", long_tags_are_refused);
	g_test_add_func(
		"/parser/strings_are_written_in_the_shortest_form", strings_are_written_in_the_shortest_form);
	g_test_add_func("/parser/what_is_written_is_read_back", what_is_written_is_read_back);
	g_test_add_func("/parser/mailbox_names_are_read_back", mailbox_names_are_read_back);
	g_test_add_func("/parser/random_octets_never_break_the_parser", random_octets_never_break_the_parser);
	return g_test_run();
}
