#include "server/imap/search-key.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static void show(const SearchKey *key, GString *out)
{
	static const char *const heads[] = { "and", "or", "not", "seq", "uid", "flag", "keyword", "recent", "larger",
		"smaller", "internal", "sent", "saved", "older", "younger", "emailid", "modseq", "text" };
	g_string_append_printf(out, "(%s", heads[key->kind]);
	switch (key->kind) {
	case SEARCH_KEY_SEQUENCE:
	case SEARCH_KEY_UID:
		g_string_append_printf(out, " %s", key->set);
		break;
	case SEARCH_KEY_FLAG:
		g_string_append_printf(out, " %d", (int)key->flag);
		break;
	case SEARCH_KEY_KEYWORD:
	case SEARCH_KEY_EMAILID:
		g_string_append_printf(out, " %s", key->keyword);
		break;
	case SEARCH_KEY_LARGER:
	case SEARCH_KEY_SMALLER:
	case SEARCH_KEY_OLDER:
	case SEARCH_KEY_YOUNGER:
	case SEARCH_KEY_MODSEQ:
		g_string_append_printf(out, " %" G_GUINT64_FORMAT, key->number);
		break;
	case SEARCH_KEY_INTERNAL_DATE:
	case SEARCH_KEY_SENT_DATE:
	case SEARCH_KEY_SAVED_DATE:
		g_string_append_printf(out, " %d %d", key->first_day, key->last_day);
		break;
	case SEARCH_KEY_TEXT:
		g_string_append_printf(out, " %s '%s'",
			key->scope == TEXT_SCOPE_HEADER ? key->field : key->scope == TEXT_SCOPE_BODY ? "*body" : "*text",
			key->needle);
		g_assert_cmpuint(strlen(key->needle), ==, key->needle_len);
		break;
	default:
		break;
	}
	for (guint i = 0; key->children != NULL && i < key->children->len; i++)
		show(key->children->pdata[i], out);
	g_string_append_c(out, ')');
}

static SearchProgram *parse(const char *text, gsize len, GError **error)
{
	ImapParser p = { .data = text, .len = len };
	g_autoptr(SearchProgram) program = search_program_new();
	return search_program_parse(&p, program, error) ? g_steal_pointer(&program) : NULL;
}

static void parse_reads_every_key(void)
{
	static const struct {
		const char *text, *tree;
	} cases[] = {
		{ " ALL", "(and)" },
		{ " all ALL", "(and)" },
		{ " (ALL)", "(and)" },
		{ " 1:3,7", "(seq 1:3,7)" },
		{ " *", "(seq *)" },
		{ " UID 559:*", "(uid 559:*)" },
		{ " SEEN", "(flag 1)" },
		{ " UnSeen", "(not(flag 1))" },
		{ " NOT UNSEEN", "(flag 1)" },
		{ " NOT NOT NOT SEEN", "(not(flag 1))" },
		{ " ANSWERED FLAGGED DELETED DRAFT", "(and(flag 2)(flag 4)(flag 8)(flag 16))" },
		{ " NEW", "(and(recent)(not(flag 1)))" },
		{ " OLD", "(not(recent))" },
		{ " KEYWORD $Label1 UNKEYWORD x", "(and(keyword $Label1)(not(keyword x)))" },
		{ " LARGER 0 SMALLER 4294967296", "(and(larger 0)(smaller 4294967296))" },
		{ " ON 1-Jan-1970", "(internal 0 0)" },
		{ " BEFORE \"02-jan-1970\"", "(internal -2147483648 0)" },
		{ " SENTSINCE 3-Jan-1970", "(sent 2 2147483647)" },
		{ " SAVEDON 2-Jan-1970", "(saved 1 1)" },
		{ " SAVEDATESUPPORTED", "(and)" },
		{ " OLDER 3600 YOUNGER 4294967295", "(and(older 3600)(younger 4294967295))" },
		{ " YOUNGER 0", NULL },
		{ " OLDER -1", NULL },
		{ " MODSEQ 0", "(modseq 0)" },
		{ " modseq 9223372036854775807", "(modseq 9223372036854775807)" },
		{ " MODSEQ \"/flags/\\\\Draft\" all 620162338", "(modseq 620162338)" },
		{ " NOT MODSEQ \"/Flags/$x\" PRIV 5", "(not(modseq 5))" },
		{ " MODSEQ 9223372036854775808", NULL },
		{ " MODSEQ \"/flags/x\" 5", NULL },
		{ " MODSEQ \"/flags/x\" any 5", NULL },
		{ " MODSEQ \"/flags/\" all 5", NULL },
		{ " MODSEQ \"/flags/\\\\\" all 5", NULL },
		{ " MODSEQ \"/other/x\" all 5", NULL },
		{ " MODSEQ \"\" all 5", NULL },
		{ " EMAILID M123", "(emailid M123)" },
		{ " THREADID T1", "(not(and))" },
		{ " NOT THREADID T1", "(and)" },
		{ " $", "(seq $)" },
		{ " UID $ SEEN", "(and(uid $)(flag 1))" },
		{ " $,1", NULL },
		{ " $x", NULL },
		{ " FROM Foo", "(text from 'foo')" },
		{ " SUBJECT \"Foo  Bar\"", "(text subject 'foo bar')" },
		{ " BODY {3}\r\nabc TEXT d", "(and(text *body 'abc')(text *text 'd'))" },
		{ " HEADER Message-ID <x@y>", "(text message-id '<x@y>')" },
		{ " HEADER X \"\"", "(text x '')" },
		{ " OR a b", NULL },
		{ " OR SEEN OR DRAFT FLAGGED", "(or(flag 1)(flag 16)(flag 4))" },
		{ " OR OR OR SEEN DRAFT FLAGGED DELETED", "(or(flag 1)(flag 16)(flag 4)(flag 8))" },
		{ " OR (SEEN DRAFT) FLAGGED", "(or(and(flag 1)(flag 16))(flag 4))" },
		{ " (OR SEEN NOT DRAFT)", "(or(flag 1)(not(flag 16)))" },
		{ " OR NOT SEEN NOT DRAFT SEEN", "(and(or(not(flag 1))(not(flag 16)))(flag 1))" },
		{ " ((SEEN (DRAFT)) FLAGGED)", "(and(flag 1)(flag 16)(flag 4))" },
		{ " NOT (SEEN DRAFT)", "(not(and(flag 1)(flag 16)))" },
		{ " CHARSET UTF-8 BODY {5}\r\ngr\xc3\xbc\xc3", NULL },
		{ " CHARSET \"utf-8\" BODY {4}\r\ngr\xc3\xa9", "(text *body 'gre\xcc\x81')" },
		{ " BODY \"gr\xc3\xa9\"", "(text *body 'gre\xcc\x81')" },
		{ " CHARSET US-ASCII BODY \"gr\xc3\xa9\"", NULL },
		{ "", NULL },
		{ " ", NULL },
		{ " ()", NULL },
		{ " (SEEN", NULL },
		{ " SEEN)", NULL },
		{ " SEEN ", NULL },
		{ "  SEEN", NULL },
		{ " NOT", NULL },
		{ " OR SEEN", NULL },
		{ " UID", NULL },
		{ " UID x", NULL },
		{ " 0", NULL },
		{ " FROM", NULL },
		{ " HEADER x", NULL },
		{ " HEADER \"a b\" x", NULL },
		{ " HEADER \"\" x", NULL },
		{ " HEADER a:b x", NULL },
		{ " ON 31-Foo-2000", NULL },
		{ " LARGER -1", NULL },
		{ " KEYWORD \"x\"", NULL },
		{ " NOSUCHKEY", NULL },
		{ " CHARSET UTF-8", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(SearchProgram) program = parse(cases[i].text, strlen(cases[i].text), &error);
		g_test_message("%s: %s", cases[i].text, error != NULL ? error->message : "parsed");
		if (cases[i].tree == NULL) {
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
			g_assert_null(program);
			continue;
		}
		g_assert_no_error(error);
		g_assert_false(program->extended);
		g_autoptr(GString) tree = g_string_new(NULL);
		show(program->key, tree);
		g_assert_cmpstr(tree->str, ==, cases[i].tree);
	}
}

static void parse_reads_return_options(void)
{
	static const struct {
		const char *text;
		int returns; /* -1: refused */
	} cases[] = {
		{ " RETURN () ALL", SEARCH_RETURN_ALL },
		{ " return (min) ALL", SEARCH_RETURN_MIN },
		{ " RETURN (MIN MAX ALL COUNT) CHARSET UTF-8 ALL",
			SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT },
		{ " RETURN (COUNT COUNT) ALL", SEARCH_RETURN_COUNT },
		{ " RETURN (SAVE) ALL", SEARCH_RETURN_SAVE },
		{ " RETURN (SAVE MIN) ALL", SEARCH_RETURN_SAVE | SEARCH_RETURN_MIN },
		{ " RETURN (PARTIAL 1:500) ALL", SEARCH_RETURN_PARTIAL },
		{ " RETURN (PARTIAL -1:-100 COUNT) ALL", SEARCH_RETURN_PARTIAL | SEARCH_RETURN_COUNT },
		{ " RETURN (PARTIAL 500:400) ALL", SEARCH_RETURN_PARTIAL },
		{ " RETURN (PARTIAL 1:-1) ALL", -1 },
		{ " RETURN (PARTIAL 0:1) ALL", -1 },
		{ " RETURN (PARTIAL 1) ALL", -1 },
		{ " RETURN (PARTIAL 1:*) ALL", -1 },
		{ " RETURN (PARTIAL 1:2 ALL) ALL", -1 },
		{ " RETURN (ALL PARTIAL 1:2) ALL", -1 },
		{ " RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL", -1 },
		{ " RETURN (PARTIAL) ALL", -1 },
		{ " RETURN (NOSUCH) ALL", -1 },
		{ " RETURN (MIN", -1 },
		{ " RETURN (MIN )", -1 },
		{ " RETURN ( MIN) ALL", -1 },
		{ " RETURN ALL", -1 },
		{ " RETURN (ALL)", -1 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(SearchProgram) program = parse(cases[i].text, strlen(cases[i].text), &error);
		if (cases[i].returns < 0) {
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX);
			continue;
		}
		g_assert_no_error(error);
		g_assert_true(program->extended);
		g_assert_cmpint((int)program->returns, ==, cases[i].returns);
	}
}

static void parse_says_when_the_charset_is_unknown(void)
{
	static const char text[] = " CHARSET KOI8-R BODY x";
	g_autoptr(GError) error = NULL;
	g_autoptr(SearchProgram) program = parse(text, strlen(text), &error);
	g_assert_null(program);
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_CHARSET);
}

/* -- FILTER ----------------------------------------------------------------------------------------------- */

static GBytes *find_filter(const char *name, gpointer data, GError **error)
{
	(void)data;
	static const struct { const char *name, *text; } table[] = {
		{ "one", "SEEN" },
		{ "two", "SEEN DRAFT" },
		{ "list", "(SEEN DRAFT)" },
		{ "or", "OR SMALLER 5000 FROM \"Boss\"" },
		{ "three", "SEEN (DRAFT DELETED) FLAGGED" },
		{ "nested", "FILTER two ANSWERED" },
		{ "literal", "FROM {4}\r\na\xc3\xa9z" },
		{ "loop", "SEEN FILTER loop2" }, { "loop2", "FILTER LOOP" },
		{ "half", "OR SMALLER" }, { "junk", "SEEN)" }, { "open", "(SEEN" }, { "empty", "" }, { "space", "SEEN " },
		{ "latin1", "FROM {1}\r\n\xe9" },
		{ "nothing", "FILTER none" },
	};
	if (strcmp(name, "broken") == 0) {
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_DATABASE, "no disk");
		return NULL;
	}
	guint level = 0; /* deepN leads to deepN-1; boomN is two of boomN-1 */
	if (sscanf(name, "deep%u", &level) == 1)
		return level == 1 ? g_bytes_new_static("SEEN", 4) : g_bytes_new_take(g_strdup_printf("FILTER deep%u", level - 1), level > 10 ? 13 : 12);
	if (sscanf(name, "boom%u", &level) == 1) {
		char *text = level == 0 ? g_strdup("SEEN") : g_strdup_printf("OR FILTER boom%u FILTER boom%u", level - 1, level - 1);
		return g_bytes_new_take(text, strlen(text));
	}
	if (strcmp(name, "long") == 0) {
		char *text = g_strnfill(LIMIT_METADATA_VALUE, 'x');
		memcpy(text, "FROM ", 5);
		return g_bytes_new_take(text, LIMIT_METADATA_VALUE);
	}
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_ascii_strcasecmp(table[i].name, name) == 0)
			return g_bytes_new_static(table[i].text, strlen(table[i].text));
	return NULL;
}

static SearchProgram *parse_filtered(const char *text, GError **error)
{
	const SearchFilters filters = { find_filter, NULL };
	ImapParser p = { .data = text, .len = strlen(text), .filters = &filters };
	g_autoptr(SearchProgram) program = search_program_new();
	return search_program_parse(&p, program, error) ? g_steal_pointer(&program) : NULL;
}

/* RFC 5466 3.1: "inserted verbatim". */
static void a_filter_stands_for_its_text(void)
{
	static const struct {
		const char *text, *same;
	} cases[] = {
		{ " FILTER one", " SEEN" },
		{ " filter ONE", " SEEN" },
		{ " UID 300:900 FILTER or SINCE 3-Dec-2002", " UID 300:900 OR SMALLER 5000 FROM \"boss\" SINCE 3-Dec-2002" },
		{ " NOT FILTER one", " NOT SEEN" },
		{ " NOT FILTER two", " NOT SEEN DRAFT" },
		{ " NOT FILTER list", " NOT (SEEN DRAFT)" },
		{ " NOT (FILTER two)", " NOT (SEEN DRAFT)" },
		{ " OR FILTER two FLAGGED", " OR SEEN DRAFT FLAGGED" },
		{ " OR FILTER list FLAGGED", " OR (SEEN DRAFT) FLAGGED" },
		{ " OR FILTER one FILTER one", " OR SEEN SEEN" },
		{ " OR FLAGGED FILTER three UNSEEN", " OR FLAGGED SEEN (DRAFT DELETED) FLAGGED UNSEEN" },
		{ " OR FILTER three UNSEEN", " OR SEEN (DRAFT DELETED) FLAGGED UNSEEN" },
		{ " (FILTER two) DELETED", " (SEEN DRAFT) DELETED" },
		{ " OR (FILTER nested) NOT FILTER nested", " OR (SEEN DRAFT ANSWERED) NOT SEEN DRAFT ANSWERED" },
		{ " CHARSET US-ASCII FILTER literal", " FROM {4}\r\na\xc3\xa9z" },
		{ " CHARSET UTF-8 FILTER literal", " FROM {4}\r\na\xc3\xa9z" },
		{ " FILTER deep10", " SEEN" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		g_autoptr(SearchProgram) program = parse_filtered(cases[i].text, &error);
		g_assert_no_error(error);
		g_autoptr(SearchProgram) same = parse(cases[i].same, strlen(cases[i].same), &error);
		g_assert_no_error(error);
		g_autoptr(GString) got = g_string_new(NULL), expected = g_string_new(NULL);
		show(program->key, got);
		show(same->key, expected);
		g_assert_cmpstr(got->str, ==, expected->str);
	}
}

static void a_filter_that_cannot_be_used_is_named(void)
{
	static const struct {
		const char *text;
		ImapParseError code;
		const char *begin; /* of the message */
	} cases[] = {
		{ " FILTER none", IMAP_PARSE_ERROR_FILTER, "none " },
		{ " SEEN NOT FILTER No-Such:One", IMAP_PARSE_ERROR_FILTER, "No-Such:One " },
		{ " FILTER nothing", IMAP_PARSE_ERROR_FILTER, "none " },
		{ " FILTER loop", IMAP_PARSE_ERROR_FILTER, "LOOP " },
		{ " FILTER half", IMAP_PARSE_ERROR_FILTER, "half " },
		{ " FILTER half SEEN", IMAP_PARSE_ERROR_FILTER, "half " }, /* not completed by what follows */
		{ " (FILTER junk", IMAP_PARSE_ERROR_FILTER, "junk " },
		{ " FILTER open)", IMAP_PARSE_ERROR_FILTER, "open " },
		{ " FILTER empty", IMAP_PARSE_ERROR_FILTER, "empty " },
		{ " FILTER space", IMAP_PARSE_ERROR_FILTER, "space " },
		{ " FILTER latin1", IMAP_PARSE_ERROR_FILTER, "latin1 " },
		{ " FILTER deep11", IMAP_PARSE_ERROR_FILTER, "deep1 " },
		{ " FILTER boom7 FILTER boom30", IMAP_PARSE_ERROR_FILTER, "boom" },
		{ " FILTER boom9 FILTER boom9 FILTER boom9", IMAP_PARSE_ERROR_LIMIT, "more than" },
		{ " FILTER", IMAP_PARSE_ERROR_SYNTAX, "expected SP" },
		{ " FILTER ", IMAP_PARSE_ERROR_SYNTAX, "expected" },
		{ " FILTER a/b", IMAP_PARSE_ERROR_SYNTAX, "FILTER" },
		{ " FILTER \"one\"", IMAP_PARSE_ERROR_SYNTAX, "expected" },
		{ " FILTER (one)", IMAP_PARSE_ERROR_SYNTAX, "expected" },
		{ " OR FILTER one", IMAP_PARSE_ERROR_SYNTAX, "expected" },
		{ " CHARSET ISO-8859-1 FILTER one", IMAP_PARSE_ERROR_FILTER_CHARSET, "unsupported" },
		{ " CHARSET ISO-8859-1 FROM {1}\r\n\xe9 NOT FILTER none", IMAP_PARSE_ERROR_FILTER_CHARSET, "unsupported" },
		{ " CHARSET ISO-8859-1 FROM FILTER", IMAP_PARSE_ERROR_CHARSET, "unsupported" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].text);
		g_autoptr(SearchProgram) program = parse_filtered(cases[i].text, &error);
		g_assert_null(program);
		g_assert_error(error, IMAP_PARSE_ERROR, (gint)cases[i].code);
		g_assert_true(g_str_has_prefix(error->message, cases[i].begin));
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(parse_filtered(" FILTER broken", &error));
	g_assert_error(error, STORE_ERROR, STORE_ERROR_DATABASE);
	g_clear_error(&error);
	g_assert_null(parse(" FILTER one", strlen(" FILTER one"), &error)); /* where there are none */
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_FILTER);
}

static void filters_count_each_time(void)
{
	for (guint n = LIMIT_FILTER_OCTETS / LIMIT_METADATA_VALUE; n <= LIMIT_FILTER_OCTETS / LIMIT_METADATA_VALUE + 1; n++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		for (guint i = 0; i < n; i++)
			g_string_append(text, " FILTER long");
		g_autoptr(SearchProgram) program = parse_filtered(text->str, &error);
		if (n * LIMIT_METADATA_VALUE <= LIMIT_FILTER_OCTETS)
			g_assert_no_error(error);
		else
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
	}
}

/* "OR a OR b ... z": a script's chain is one node, whatever its length; beyond the limit it is refused. */
static void parse_takes_long_chains(void)
{
	static const guint lengths[] = { 2, 1000, LIMIT_SEARCH_KEYS / 2 - 1, LIMIT_SEARCH_KEYS, 3 * LIMIT_SEARCH_KEYS };
	for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (guint n = 1; n < lengths[i]; n++)
			g_string_append(text, " OR SEEN");
		g_string_append(text, " SEEN");
		g_autoptr(GError) error = NULL;
		g_autoptr(SearchProgram) program = parse(text->str, text->len, &error);
		if (lengths[i] * 2 - 1 <= LIMIT_SEARCH_KEYS) {
			g_assert_no_error(error);
			g_assert_cmpuint(program->key->children->len, ==, lengths[i]);
		} else {
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
		}
	}
}

/* "NOT (SEEN NOT (SEEN ...": each level is one that evaluation recurses into. */
static void parse_limits_the_depth(void)
{
	for (guint depth = LIMIT_NESTING - 3; depth <= LIMIT_NESTING + 3; depth++) {
		g_autoptr(GString) text = g_string_new(" ");
		for (guint n = 0; n < depth / 2; n++)
			g_string_append(text, "NOT (SEEN ");
		g_string_append(text, "DRAFT");
		for (guint n = 0; n < depth / 2; n++)
			g_string_append_c(text, ')');
		g_autoptr(GError) error = NULL;
		g_autoptr(SearchProgram) program = parse(text->str, text->len, &error);
		if (depth / 2 * 2 <= LIMIT_NESTING)
			g_assert_no_error(error);
		else
			g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
	}
	g_autoptr(GString) text = g_string_new(" ");
	for (guint n = 0; n < 3 * LIMIT_SEARCH_KEYS; n++)
		g_string_append_c(text, '(');
	g_autoptr(GError) error = NULL;
	g_autoptr(SearchProgram) program = parse(text->str, text->len, &error);
	g_assert_null(program);
	g_assert_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/search-key/parse_reads_every_key", parse_reads_every_key);
	g_test_add_func("/search-key/parse_reads_return_options", parse_reads_return_options);
	g_test_add_func("/search-key/parse_says_when_the_charset_is_unknown", parse_says_when_the_charset_is_unknown);
	g_test_add_func("/search-key/parse_takes_long_chains", parse_takes_long_chains);
	g_test_add_func("/search-key/parse_limits_the_depth", parse_limits_the_depth);
	g_test_add_func("/search-key/a_filter_stands_for_its_text", a_filter_stands_for_its_text);
	g_test_add_func("/search-key/a_filter_that_cannot_be_used_is_named", a_filter_that_cannot_be_used_is_named);
	g_test_add_func("/search-key/filters_count_each_time", filters_count_each_time);
	return g_test_run();
}
