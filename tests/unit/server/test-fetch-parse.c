#include "server/imap/fetch-parse.h"

#include "base/limits.h"

#include <string.h>

/* A request as text: item bits by letter, then each section's label, "!" if it sets \Seen, and its count. */
static char *describe(const FetchRequest *request)
{
	static const char letters[] = "FUISEBX"; /* in the order of FetchItems */
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < sizeof letters - 1; i++) {
		if ((request->items & 1u << i) != 0)
			g_string_append_c(text, letters[i]);
	}
	for (guint i = 0; i < request->sections->len; i++) {
		const FetchSection *section = request->sections->pdata[i];
		g_string_append_printf(text, " %s%s", section->label, section->sets_seen ? "!" : "");
		if (section->partial)
			g_string_append_printf(text, "+%" G_GUINT64_FORMAT, section->count);
	}
	return g_string_free(text, FALSE);
}

static FetchRequest *parse(const char *text, GError **error)
{
	ImapParser p = { .data = text, .len = strlen(text) };
	g_autoptr(FetchRequest) request = fetch_parse(&p, error);
	return request != NULL && imap_parse_end(&p, error) ? g_steal_pointer(&request) : NULL;
}

static void items_are_read(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "ALL", "FISE" },
		{ "fast", "FIS" },
		{ "Full", "FISEB" },
		{ "FLAGS", "F" },
		{ "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)", "FUISEBX" },
		{ "(uid uid)", "U" },
		{ "(BODY.PEEK[] BODY[] BODY[]<0.1> BODY[]<0.2> BODY[]<0.2>)",
			" BODY[]! BODY[]<0>!+1 BODY[]<0>!+2" },
		{ "BODY", "B" },
		{ "BODY[]", " BODY[]!" },
		{ "body.peek[]", " BODY[]" },
		{ "RFC822", " RFC822!" },
		{ "RFC822.HEADER", " RFC822.HEADER" },
		{ "RFC822.TEXT", " RFC822.TEXT!" },
		{ "(BODY BODY[])", "B BODY[]!" },
		{ "BODY[HEADER]", " BODY[HEADER]!" },
		{ "BODY[header]", " BODY[HEADER]!" },
		{ "BODY[TEXT]", " BODY[TEXT]!" },
		{ "BODY.PEEK[1]", " BODY[1]" },
		{ "BODY.PEEK[1.2.3]", " BODY[1.2.3]" },
		{ "BODY.PEEK[1.MIME]", " BODY[1.MIME]" },
		{ "BODY.PEEK[4.2.HEADER]", " BODY[4.2.HEADER]" },
		{ "BODY.PEEK[4294967295]", " BODY[4294967295]" },
		{ "BODY.PEEK[HEADER.FIELDS (From To)]", " BODY[HEADER.FIELDS (From To)]" },
		{ "BODY.PEEK[HEADER.FIELDS.NOT (\"From\" {2}\r\nTo)]", " BODY[HEADER.FIELDS.NOT (From To)]" },
		{ "BODY.PEEK[HEADER.FIELDS (\"a b\" \"\")]", " BODY[HEADER.FIELDS (\"a b\" \"\")]" },
		{ "BODY.PEEK[HEADER.FIELDS (a]b)]", " BODY[HEADER.FIELDS (\"a]b\")]" },
		{ "BODY.PEEK[2.HEADER.FIELDS (x)]", " BODY[2.HEADER.FIELDS (x)]" },
		{ "BODY[]<0.100>", " BODY[]<0>!+100" },
		{ "BODY.PEEK[1]<4294967296.1>", " BODY[1]<4294967296>+1" },
		{ "(BODY.PEEK[1]<5.6> UID BODY.PEEK[])", "U BODY[1]<5>+6 BODY[]" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		g_autoptr(FetchRequest) request = parse(cases[i].text, &error);
		g_assert_no_error(error);
		g_autofree char *got = describe(request);
		g_assert_cmpstr(got, ==, cases[i].expected);
		g_assert_cmpint(request->sets_seen, ==, strchr(got, '!') != NULL);
	}
}

static void parts_and_fields_are_kept(void)
{
	g_autoptr(FetchRequest) request = parse("BODY[3.14.HEADER.FIELDS.NOT (Subject date)]<7.9>", NULL);
	const FetchSection *section = request->sections->pdata[0];
	g_assert_cmpint(section->kind, ==, FETCH_SECTION_FIELDS_NOT);
	g_assert_cmpuint(section->path->len, ==, 2);
	g_assert_cmpuint(g_array_index(section->path, guint32, 0), ==, 3);
	g_assert_cmpuint(g_array_index(section->path, guint32, 1), ==, 14);
	g_assert_cmpuint(section->fields->len, ==, 2);
	g_assert_cmpstr(section->fields->pdata[0], ==, "Subject");
	g_assert_cmpstr(section->fields->pdata[1], ==, "date");
	g_assert_true(section->partial);
	g_assert_cmpuint(section->offset, ==, 7);
	g_assert_cmpuint(section->count, ==, 9);
}

static void wrong_items_are_refused_with_the_place(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "expected a FETCH item at octet 1, found the end" },
		{ "()", "expected a FETCH item at octet 2, found ')'" },
		{ "( FLAGS)", "expected a FETCH item at octet 2" },
		{ "(FLAGS", "expected SP or ')' after a FETCH item at octet 7" },
		{ "(FLAGS )", "expected a FETCH item at octet 8" },
		{ "(FLAGS  UID)", "expected a FETCH item at octet 8" },
		{ "FLAGS UID", "expected the end of the command at octet 6" },
		{ "(ALL)", "macro ALL at octet 2 must stand alone" },
		{ "(FLAGS FAST)", "macro FAST at octet 8 must stand alone" },
		{ "FOO", "unknown FETCH item FOO at octet 1" },
		{ "FLAGSX", "unknown FETCH item FLAGSX" },
		{ "RFC822.PEEK", "unknown FETCH item RFC822.PEEK" },
		{ "BODY.PEEK", "expected '[' at octet 10" },
		{ "BODYSTRUCTURE[]", "expected the end of the command at octet 14" },
		{ "BODY[", "expected a part number, HEADER" },
		{ "BODY[0]", "expected a number (1 to 4294967295) at octet 6" },
		{ "BODY[4294967296]", "expected a number (1 to 4294967295)" },
		{ "BODY[1.]", "expected a part number, HEADER" },
		{ "BODY[1.0]", "expected a number (1" },
		{ "BODY[MIME]", "expected a part number before MIME at octet 6" },
		{ "BODY[FOO]", "expected a part number, HEADER" },
		{ "BODY[1.FOO]", "or MIME at octet 8" },
		{ "BODY[HEADERS]", "expected a part number, HEADER" },
		{ "BODY[1 ]", "expected ']' at octet 7" },
		{ "BODY[HEADER.FIELDS]", "expected SP at octet 19" },
		{ "BODY[HEADER.FIELDS ()]", "expected an atom" },
		{ "BODY[HEADER.FIELDS From]", "expected '(' (the names of header fields)" },
		{ "BODY[HEADER.FIELDS (From]", "expected SP or ')' after a header field's name" },
		{ "BODY[HEADER.FIELDS (From)", "expected ']'" },
		{ "BODY[]<", "expected a number" },
		{ "BODY[]<1>", "expected '.' at octet 9" },
		{ "BODY[]<1.0>", "expected a count of 1 or more at octet 10" },
		{ "BODY[]<1.2", "expected '>'" },
		{ "BODY[]<-1.2>", "expected a number" },
		{ "BODY[]<9223372036854775808.2>", "expected a number" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		g_autoptr(FetchRequest) request = parse(cases[i].text, &error);
		g_assert_null(request);
		g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
		if (strstr(error->message, cases[i].message) == NULL)
			g_error("%s: got \"%s\"", cases[i].text, error->message);
	}
}

/* @piece so often, with a number of its own for "%u". */
static char *repeat(const char *before, const char *piece, guint n, const char *after)
{
	GString *text = g_string_new(before);
	for (guint i = 0; i < n; i++) {
		g_autofree char *number = g_strdup_printf("%u", i);
		g_auto(GStrv) around = g_strsplit(piece, "%u", 2);
		g_autofree char *numbered = g_strjoinv(number, around);
		g_string_append_printf(text, "%s%s", i > 0 ? " " : "", numbered);
	}
	g_string_append(text, after);
	return g_string_free(text, FALSE);
}

static void lists_are_limited(void)
{
	static const struct {
		const char *before, *piece, *after;
		guint limit;
	} cases[] = {
		{ "(", "BODY[]<%u.1>", ")", LIMIT_LIST_ITEMS },
		{ "BODY[HEADER.FIELDS (", "f", ")]", LIMIT_FETCH_FIELDS },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *most =
			repeat(cases[i].before, cases[i].piece, cases[i].limit, cases[i].after);
		g_autofree char *more =
			repeat(cases[i].before, cases[i].piece, cases[i].limit + 1, cases[i].after);
		g_autoptr(GError) error = NULL;
		g_autoptr(FetchRequest) fits = parse(most, &error);
		g_assert_no_error(error);
		g_autoptr(FetchRequest) none = parse(more, &error);
		g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
	}
	g_autoptr(GString) deep = g_string_new("BODY[1");
	for (guint i = 0; i < LIMIT_NESTING; i++)
		g_string_append(deep, ".1");
	g_string_append(deep, "]");
	g_autoptr(GError) error = NULL;
	g_autoptr(FetchRequest) none = parse(deep->str, &error);
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

/* What the answer calls a section can be asked for again, and means the same. */
static void labels_are_sections(void)
{
	static const char *const names[] = { "From", "\"a b\"", "\"\"", "x]", "{2}\r\n\xc3\xa9" };
	for (int round = 0; round < 5000; round++) {
		g_autoptr(GString) text = g_string_new("BODY[");
		static const char *const kinds[] = { "", "HEADER", "TEXT", "MIME", "HEADER.FIELDS (",
			"HEADER.FIELDS.NOT (" };
		int depth = g_test_rand_int_range(0, 4), kind = g_test_rand_int_range(0, G_N_ELEMENTS(kinds));
		if (depth == 0 && kind == 3)
			continue;
		for (int i = 0; i < depth; i++)
			g_string_append_printf(text, "%s%d", i > 0 ? "." : "", g_test_rand_int_range(1, 100));
		g_string_append_printf(text, "%s%s", depth > 0 && kind > 0 ? "." : "", kinds[kind]);
		for (int i = 0, n = g_test_rand_int_range(1, 4); kind > 3 && i < n; i++)
			g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
				names[g_test_rand_int_range(0, G_N_ELEMENTS(names))]);
		g_string_append(text, kind > 3 ? ")]" : "]");
		g_autoptr(GError) error = NULL;
		g_autoptr(FetchRequest) request = parse(text->str, &error);
		g_assert_no_error(error);
		const FetchSection *section = request->sections->pdata[0];
		g_autoptr(FetchRequest) again = parse(section->label, &error);
		g_assert_no_error(error);
		const FetchSection *second = again->sections->pdata[0];
		g_assert_cmpstr(section->label, ==, second->label);
		g_assert_cmpint(section->kind, ==, second->kind);
		g_assert_cmpuint(section->path->len, ==, second->path->len);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fetch-parse/items_are_read", items_are_read);
	g_test_add_func("/fetch-parse/parts_and_fields_are_kept", parts_and_fields_are_kept);
	g_test_add_func("/fetch-parse/wrong_items_are_refused_with_the_place",
		wrong_items_are_refused_with_the_place);
	g_test_add_func("/fetch-parse/lists_are_limited", lists_are_limited);
	g_test_add_func("/fetch-parse/labels_are_sections", labels_are_sections);
	return g_test_run();
}
