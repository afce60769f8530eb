#include "store/mime-tree.h"

#include "base/limits.h"

#include <string.h>

/* -- Structure -- */

static void describe(GString *out, const char *data, const MimePart *part)
{
	g_string_append_printf(out, "%s/%s", part->type, part->subtype);
	if (*part->encoding != '\0')
		g_string_append_printf(out, ",%s", part->encoding);
	if (part->undivided)
		g_string_append(out, ",undivided");
	g_string_append_printf(out, "<%.*s>", (int)part->header_size, data + part->header_offset);
	if (part->children == NULL) {
		g_string_append_printf(out, "{%.*s}", (int)part->body_size, data + part->body_offset);
		return;
	}
	g_string_append_c(out, part->kind == MIME_PART_MESSAGE ? '(' : '[');
	for (guint i = 0; i < part->children->len; i++) {
		if (i > 0)
			g_string_append_c(out, ' ');
		describe(out, data, part->children->pdata[i]);
	}
	g_string_append_c(out, part->kind == MIME_PART_MESSAGE ? ')' : ']');
}

static guint64 count_lf(const char *data, gsize len)
{
	guint64 count = 0;
	for (gsize i = 0; i < len; i++)
		count += data[i] == '\n';
	return count;
}

/* What holds for every part of any octets. */
static void check_part(const char *data, gsize size, const MimePart *part)
{
	g_assert_cmpuint(part->header_offset + part->header_size, ==, part->body_offset);
	g_assert_cmpuint(part->body_offset + part->body_size, <=, size);
	g_assert_cmpuint(part->header_lines, ==, count_lf(data + part->header_offset, part->header_size));
	g_assert_cmpuint(part->body_lines, ==, count_lf(data + part->body_offset, part->body_size));
	g_assert_nonnull(part->type);
	g_assert_nonnull(part->subtype);
	g_assert_nonnull(part->encoding);
	g_assert_nonnull(part->params);
	g_assert_true((part->kind == MIME_PART_LEAF) == (part->children == NULL));
	if (part->header_closed)
		g_assert_true(data[part->body_offset - 1] == '\n');
	gsize from = part->body_offset;
	for (guint i = 0; part->children != NULL && i < part->children->len; i++) {
		const MimePart *child = part->children->pdata[i];
		g_assert_true(child->parent == part);
		g_assert_cmpuint(child->header_offset, >=, from);
		g_assert_cmpuint(
			child->body_offset + child->body_size, <=, part->body_offset + part->body_size);
		from = child->body_offset + child->body_size;
		check_part(data, size, child);
	}
	if (part->kind == MIME_PART_MESSAGE) {
		const MimePart *child = part->children->pdata[0];
		g_assert_cmpuint(part->children->len, ==, 1);
		g_assert_cmpuint(child->header_offset, ==, part->body_offset);
		g_assert_cmpuint(child->header_size + child->body_size, ==, part->body_size);
	}
}

static MimeTree *tree_of(const char *data, gsize size)
{
	MimeTree *tree = mime_tree_new((const guint8 *)data, size);
	if (size == 0)
		data = "";
	const MimePart *root = mime_tree_root(tree);
	g_assert_cmpuint(root->header_offset, ==, 0);
	g_assert_cmpuint(root->header_size + root->body_size, ==, size);
	check_part(data, size, root);
	return tree;
}

#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\n\n"

static const struct {
	const char *message, *expected;
} structures[] = {
	{ "", "text/plain<>{}" },
	{ "\n", "text/plain<\n>{}" },
	{ "\n\n", "text/plain<\n>{\n}" },
	{ "A: b", "text/plain<A: b>{}" },
	{ "A: b\n", "text/plain<A: b\n>{}" },
	{ "A: b\n\nbody\n", "text/plain<A: b\n\n>{body\n}" },
	{ "A: b\r\n\r\nbody\r\n", "text/plain<A: b\r\n\r\n>{body\r\n}" },
	{ "no field\n\nbody", "text/plain<>{no field\n\nbody}" },
	{ " A: b\n\nbody", "text/plain<>{ A: b\n\nbody}" },
	{ "A: b\njunk\n more\nC: d\n\nx", "text/plain<A: b\njunk\n more\nC: d\n\n>{x}" },
	{ "A: b\r\r\n\nx", "text/plain<A: b\r\r\n\n>{x}" },
	{ "From me now\nA: b\n\nx", "text/plain<From me now\nA: b\n\n>{x}" },
	{ ">From me now\n\nx", "text/plain<>From me now\n\n>{x}" },
	{ "From me to you\nwith love", "text/plain<>{From me to you\nwith love}" },
	{ "From me to you", "text/plain<>{From me to you}" },
	{ "From me to you\n", "text/plain<>{From me to you\n}" },
	{ "From : me\n\nx", "text/plain<From : me\n\n>{x}" },
	{ "Content-Type: TEXT/HTML\nContent-Transfer-Encoding: (a)BASE64 (b)\n\nx",
		"text/html,base64<Content-Type: TEXT/HTML\nContent-Transfer-Encoding: (a)BASE64 "
		"(b)\n\n>{x}" },
	/* the first field of a name counts */
	{ "Content-type : text/a\nContent-Type: text/b\n\n",
		"text/a<Content-type : text/a\nContent-Type: text/b\n\n>{}" },
	{ "Content-Type: text\n\n", "text/plain<Content-Type: text\n\n>{}" },
	{ "Content-Type:\n (x)\n text\n / (y) x\n\n", "text/x<Content-Type:\n (x)\n text\n / (y) x\n\n>{}" },

	{ MIXED("b") "pre\n--b\n\none\n--b\nA: x\n\ntwo\n--b--\nepi\n",
		"multipart/mixed<" MIXED("b") ">[text/plain<\n>{one} text/plain<A: x\n\n>{two}]" },
	/* no line end before the first delimiter but the header's, none after the last */
	{ MIXED("b") "--b\n\none\n--b--", "multipart/mixed<" MIXED("b") ">[text/plain<\n>{one}]" },
	{ MIXED("b") "--b \t\r\n\r\none\r\n--b-- \r\n",
		"multipart/mixed<" MIXED("b") ">[text/plain<\r\n>{one}]" },
	/* no end: what is there is read */
	{ MIXED("b") "--b\n\none\n", "multipart/mixed<" MIXED("b") ">[text/plain<\n>{one\n}]" },
	{ MIXED("b") "--b", "multipart/mixed<" MIXED("b") ">[text/plain<>{}]" },
	/* not delimiters */
	{ MIXED("b") "--b\n\n--bc\n --b\n--b x\n--b-\n--b---\n--B\n-b\n",
		"multipart/mixed<" MIXED(
			"b") ">[text/plain<\n>{--bc\n --b\n--b x\n--b-\n--b---\n--B\n-b\n}]" },
	{ MIXED("b") "none\n", "multipart/mixed,undivided<" MIXED("b") ">{none\n}" },
	{ MIXED("b") "--b--\n--b\n\nx\n", "multipart/mixed,undivided<" MIXED("b") ">{--b--\n--b\n\nx\n}" },
	{ "Content-Type: multipart/mixed\n\n--\n",
		"multipart/mixed,undivided<Content-Type: multipart/mixed\n\n>{--\n}" },
	{ MIXED("\"\"") "--\n\nx", "multipart/mixed,undivided<" MIXED("\"\"") ">{--\n\nx}" },
	{ MIXED("\"b \"") "--b\n\nx\n--b --\n--b--",
		"multipart/mixed<" MIXED("\"b \"") ">[text/plain<\n>{x\n--b --}]" },
	{ MIXED("b") "--b--\n", "multipart/mixed,undivided<" MIXED("b") ">{--b--\n}" },
	/* after the end all is epilogue */
	{ MIXED("b") "--b\n\none\n--b--\n--b\n\ntwo\n",
		"multipart/mixed<" MIXED("b") ">[text/plain<\n>{one}]" },
	/* the line end before a delimiter is its own, even the header's */
	{ MIXED("b") "--b\nA: x\n\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<A: x\n>{}]" },
	{ MIXED("b") "--b\nA: x\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<A: x>{}]" },
	{ MIXED("b") "--b\n\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<>{}]" },
	{ MIXED("b") "--b\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<>{}]" },
	{ MIXED("b") "--b\n\n\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<\n>{}]" },
	{ MIXED("b") "--b\nno field\n--b--\n", "multipart/mixed<" MIXED("b") ">[text/plain<>{no field}]" },
	{ MIXED("b") "--b\nFrom me\nA: b\n\n--b--\n",
		"multipart/mixed<" MIXED("b") ">[text/plain<>{From me\nA: b\n}]" },

	/* nested: the delimiter of an outer one ends all inner ones */
	{ MIXED("a") "--a\n" MIXED("b") "--b\n\none\n--b--\nepi\n--a\n\ntwo\n--a--",
		"multipart/mixed<" MIXED("a") ">[multipart/mixed<" MIXED(
			"b") ">[text/plain<\n>{one}] text/plain<\n>{two}]" },
	{ MIXED("a") "--a\n" MIXED("b") "--b\n\none\n--a\n\ntwo\n--b\n\nthree\n--a--",
		"multipart/mixed<" MIXED("a") ">[multipart/mixed<" MIXED(
			"b") ">[text/plain<\n>{one}] text/plain<\n>{two\n--b\n\nthree}]" },
	/* equal boundaries: the innermost first */
	{ MIXED("a") "--a\n" MIXED("a") "--a\n\none\n--a--\n--a\n\ntwo\n--a--",
		"multipart/mixed<" MIXED("a") ">[multipart/mixed<" MIXED(
			"a") ">[text/plain<\n>{one}] text/plain<\n>{two}]" },
	/* one boundary is the start of another */
	{ MIXED("a") "--a\n" MIXED("a--") "--a--\n\none\n--a----\n--a--\n--a\n\nepi",
		"multipart/mixed<" MIXED("a") ">[multipart/mixed<" MIXED("a--") ">[text/plain<\n>{one}]]" },
	{ MIXED("a") "--a\n" MIXED("b") "--a--",
		"multipart/mixed<" MIXED(
			"a") ">[multipart/mixed,undivided<Content-Type: multipart/mixed; boundary=b\n>{}]" },

	/* messages */
	{ "Content-Type: message/rfc822\n\nA: b\n\nx",
		"message/rfc822<Content-Type: message/rfc822\n\n>(text/plain<A: b\n\n>{x})" },
	{ "Content-Type: message/rfc822\n\n",
		"message/rfc822<Content-Type: message/rfc822\n\n>(text/plain<>{})" },
	{ "Content-Type: message/rfc822\n",
		"message/rfc822<Content-Type: message/rfc822\n>(text/plain<>{})" },
	{ "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nA: b\n\nx",
		"message/rfc822,base64<Content-Type: message/rfc822\nContent-Transfer-Encoding: "
		"base64\n\n>{A: b\n\nx}" },
	{ "Content-Type: message/partial\n\nA: b\n\nx",
		"message/partial<Content-Type: message/partial\n\n>{A: b\n\nx}" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n--b\nContent-Type: "
	  "text/plain\n\ny\n--b--",
		"multipart/digest<Content-Type: multipart/digest; "
		"boundary=b\n\n>[message/rfc822<\n>(text/plain<A: b\n\n>{x})"
		" text/plain<Content-Type: text/plain\n\n>{y}]" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nFrom me\nA: b\n\nx\n--b--",
		"multipart/digest<Content-Type: multipart/digest; "
		"boundary=b\n\n>[message/rfc822<\n>(text/plain<From me\nA: "
		"b\n\n>{x})]" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\n--b\n\nFrom me\n\n--b--",
		"multipart/digest<Content-Type: multipart/digest; "
		"boundary=b\n\n>[message/rfc822<>(text/plain<>{}) "
		"message/rfc822<\n>(text/plain<>{From me\n})]" },
	{ MIXED("b") "--b\nContent-Type: message/rfc822\n\n" MIXED("c") "--c\n\nx\n--b--\n",
		"multipart/mixed<" MIXED("b") ">[message/rfc822<Content-Type: "
					      "message/rfc822\n\n>(multipart/mixed<" MIXED(
						      "c") ">[text/plain<\n>{x}])]" },
};

static void structure_follows_the_page(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(structures); i++) {
		const char *message = structures[i].message;
		g_autoptr(MimeTree) tree = tree_of(message, strlen(message));
		g_autoptr(GString) description = g_string_new(NULL);
		describe(description, message, mime_tree_root(tree));
		g_assert_cmpstr(description->str, ==, structures[i].expected);
	}
}

/* Cut anywhere, and with any octet changed into one that matters, the invariants hold. */
static void invariants_hold_for_damaged_messages(void)
{
	static const char interesting[] = "\n\r-b: \"(;=";
	for (gsize i = 0; i < G_N_ELEMENTS(structures); i++) {
		gsize size = strlen(structures[i].message);
		for (gsize cut = 0; cut < size; cut++) {
			g_autofree char *data = g_memdup2(structures[i].message, cut);
			mime_tree_free(tree_of(data, cut));
		}
		for (gsize j = 0; j < size; j++) {
			g_autofree char *data = g_memdup2(structures[i].message, size);
			data[j] = interesting[g_test_rand_int_range(0, sizeof(interesting))];
			mime_tree_free(tree_of(data, size));
		}
	}
}

static void boundary_may_have_any_octets(void)
{
	static const char message[] =
		"Content-Type: multipart/mixed;\n boundary=\"\xe9 \\\"(;\"\n\n--\xe9 \"(;\n\nx\n";
	g_autoptr(MimeTree) tree = tree_of(message, sizeof(message) - 1);
	g_assert_cmpint(mime_tree_root(tree)->kind, ==, MIME_PART_MULTIPART);
	g_assert_cmpstr(mime_part_param(mime_tree_root(tree), "boundary"), ==, "\xc3\xa9 \"(;");
	static const char pieces[] =
		"Content-Type: multipart/mixed; boundary*0=\"a b\"; boundary*1=\"c\"\n\n--a bc\n\nx\n";
	g_autoptr(MimeTree) second = tree_of(pieces, sizeof(pieces) - 1);
	g_assert_cmpint(mime_tree_root(second)->kind, ==, MIME_PART_MULTIPART);
}

static guint depth_of(const MimePart *part)
{
	guint depth = 0;
	for (guint i = 0; part->children != NULL && i < part->children->len; i++) {
		guint below = 1 + depth_of(part->children->pdata[i]); /* MAX() would evaluate it twice */
		depth = MAX(depth, below);
	}
	return depth;
}

static void depth_is_limited(void)
{
	g_autoptr(GString) multiparts = g_string_new(NULL), messages = g_string_new(NULL);
	for (guint i = 0; i < 5000; i++) {
		g_string_append_printf(
			multiparts, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
		g_string_append(messages, "Content-Type: message/rfc822\n\n");
	}
	g_autoptr(MimeTree) first = tree_of(multiparts->str, multiparts->len);
	g_assert_cmpuint(depth_of(mime_tree_root(first)), ==, LIMIT_MIME_DEPTH);
	g_autoptr(MimeTree) second = tree_of(messages->str, messages->len);
	g_assert_cmpuint(depth_of(mime_tree_root(second)), ==, LIMIT_MIME_DEPTH);
	g_autoptr(MimeTree) third =
		mime_tree_new_at_depth((const guint8 *)messages->str, messages->len, LIMIT_MIME_DEPTH - 2);
	g_assert_cmpuint(depth_of(mime_tree_root(third)), ==, 2);
	const MimePart *part = mime_tree_root(second);
	while (part->children != NULL)
		part = part->children->pdata[0];
	g_assert_true(part->undivided);
}

static void number_of_parts_is_limited(void)
{
	g_autoptr(GString) message = g_string_new(MIXED("b"));
	for (guint i = 0; i < LIMIT_MIME_PARTS + 5; i++)
		g_string_append_printf(message, "--b\nA: x\n\n%u\n", i);
	g_autoptr(MimeTree) tree = tree_of(message->str, message->len);
	const GPtrArray *children = mime_tree_root(tree)->children;
	g_assert_cmpuint(children->len, ==, LIMIT_MIME_PARTS - 1); /* and the message itself */
	const MimePart *last = children->pdata[children->len - 1];
	g_assert_true(last->undivided);
	g_assert_cmpuint(last->header_size, ==, 0);
	g_assert_true(g_str_has_prefix(message->str + last->body_offset, "A: x\n\n9998\n--b\n"));
	g_assert_cmpuint(last->body_offset + last->body_size, ==, message->len);
}

/* Nothing here may be quadratic: with 2 MB it would take many minutes. */
static void time_is_linear(void)
{
	enum { SIZE = 2 << 20 };
	static const char *const repeated[] = {
		"--\n",
		"-",
		"\n",
		"\r",
		"--b\n",
		"--b--\n",
		"a:\n",
		" \n",
		"(",
		"\"",
		"Content-Type: (",
		"--b1--\n",
		"--bb",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
		"a",
		"a: b; a=b;",
		";",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
		static const char *const starts[] = { "", MIXED("b"), "Content-Type: ", "Content-Type: a/b" };
		for (gsize j = 0; j < G_N_ELEMENTS(starts); j++) {
			g_autoptr(GString) message = g_string_new(starts[j]);
			while (message->len < SIZE)
				g_string_append(message, repeated[i]);
			gint64 start = g_get_monotonic_time();
			g_autoptr(MimeTree) tree = mime_tree_new((const guint8 *)message->str, message->len);
			g_assert_nonnull(mime_tree_root(tree));
			g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
		}
	}
}

/* -- Fields and parameters -- */

static void fields_are_walked(void)
{
	static const char header[] = "From someone\nA: b\r\nC :d\r\n e\n\tf\njunk\n k\n:x\nE:\n\nF: g\n";
	static const struct {
		const char *name, *value;
		gsize offset, size;
	} expected[] = {
		{ "A", " b", 13, 6 },
		{ "C", "d\r\n e\n\tf", 19, 12 },
		{ "", "junk\n k", 31, 8 },
		{ "", ":x", 39, 3 },
		{ "E", "", 42, 3 },
	};
	gsize pos = 0;
	MimeField field;
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_assert_true(
			mime_field_next((const guint8 *)header, sizeof(header) - 1, TRUE, &pos, &field));
		g_autofree char *name = g_strndup(field.name, field.name_len);
		g_autofree char *value = g_strndup(field.value, field.value_len);
		g_assert_cmpstr(name, ==, expected[i].name);
		g_assert_cmpstr(value, ==, expected[i].value);
		g_assert_cmpuint(field.offset, ==, expected[i].offset);
		g_assert_cmpuint(field.size, ==, expected[i].size);
	}
	g_assert_false(mime_field_next((const guint8 *)header, sizeof(header) - 1, TRUE, &pos, &field));
	g_assert_false(mime_field_next((const guint8 *)header, sizeof(header) - 1, TRUE, &pos, &field));
	pos = 0;
	g_assert_true(mime_field_next((const guint8 *)header, sizeof(header) - 1, FALSE, &pos, &field));
	g_assert_cmpuint(field.name_len, ==, 0); /* "From someone" is junk in a part's header */
	g_assert_cmpuint(field.value_len, ==, 12);
}

static void parameters_are_parsed(void)
{
	static const struct {
		const char *value, *main, *params;
	} cases[] = {
		{ "", NULL, "" },
		{ "Attachment", "attachment", "" },
		{ "Text/HTML; Charset=UTF-8", "text/html", "charset=UTF-8" },
		{ " text / (c) html(d) ;charset = (e) x(f);", "text/html", "charset=x(f)" },
		{ "text/; a=b", "text", "a=b" },
		{ "/html; a=b", NULL, "a=b" },
		{ "\"text/html\"; a=b", NULL, "a=b" },
		{ "text/plain charset=x", "text/plain", "charset=x" },
		{ "a/b; name=\"x; \\\"y\\\\\"; c=d", "a/b", "name=x; \"y\\|c=d" },
		{ "a/b; name=\"open; c=d", "a/b", "name=open; c=d" },
		{ "a/b; x=\"1\r\n 2\";\r\n\ty=3", "a/b", "x=1 2|y=3" },
		{ "a/b; a=1; a=2", "a/b", "a=1" },
		{ "a/b; a; b=; =c; d=e", "a/b", "b=|d=e" },
		{ "a/b; a==b=", "a/b", "a==b=" },
		{ "a/b; x=\xe9; y=\xc3\xa9", "a/b", "x=\xc3\xa9|y=\xc3\xa9" },
		{ "a/b (never closed; c=d", "a/b", "" },
		{ "a/b; n*=utf-8'en'%C3%A9%", "a/b", "n*=\xc3\xa9%" },
		{ "a/b; n*=iso-8859-1''%E9", "a/b", "n*=\xc3\xa9" },
		{ "a/b; n*=%E9", "a/b", "n*=\xc3\xa9" },
		{ "a/b; n*0=x; n*1=\"y z\"; n*3=no", "a/b", "n*=xy z" },
		{ "a/b; n*1=b; n*0=a", "a/b", "n*=ab" },
		{ "a/b; n*0*=utf-8''%C3; n*1*=%A9; n*2=%41", "a/b", "n*=\xc3\xa9%41" },
		{ "a/b; n*0=a; n*0=b; n*1=c", "a/b", "n*=ac" },
		{ "a/b; n=plain; m=1; n*=''star", "a/b", "n*=star|m=1" },
		{ "a/b; n*1=x", "a/b", "" },
		{ "a/b; n*1=x; n=y", "a/b", "n=y" },
		{ "a/b; n*x=1; *=2; *0=3; n**=4", "a/b", "n*x=1|*=2|*0=3|n**=4" },
		{ "a/b; n*=''%00x", "a/b", "n*= x" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *main = NULL;
		g_autoptr(GPtrArray) params = NULL;
		g_autoptr(GString) text = g_string_new(NULL);
		gboolean found = mime_parse_params(cases[i].value, strlen(cases[i].value), &main, &params);
		g_assert_true(found == (cases[i].main != NULL));
		g_assert_cmpstr(main, ==, cases[i].main);
		for (guint j = 0; j < params->len; j++) {
			MimeParam *param = params->pdata[j];
			g_string_append_printf(text, "%s%s%s=%s", j > 0 ? "|" : "", param->name,
				param->extended ? "*" : "", param->value);
		}
		g_assert_cmpstr(text->str, ==, cases[i].params);
	}
	g_assert_true(mime_parse_params("a", 1, NULL, NULL));
}

static void number_of_parameters_is_limited(void)
{
	g_autoptr(GString) value = g_string_new("a/b");
	for (guint i = 0; i < LIMIT_MIME_PARAMETERS + 10; i++)
		g_string_append_printf(value, "; p%u=x", i);
	g_autoptr(GPtrArray) params = NULL;
	g_assert_true(mime_parse_params(value->str, value->len, NULL, &params));
	g_assert_cmpuint(params->len, ==, LIMIT_MIME_PARAMETERS);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mime-tree/structure_follows_the_page", structure_follows_the_page);
	g_test_add_func(
		"/mime-tree/invariants_hold_for_damaged_messages", invariants_hold_for_damaged_messages);
	g_test_add_func("/mime-tree/boundary_may_have_any_octets", boundary_may_have_any_octets);
	g_test_add_func("/mime-tree/depth_is_limited", depth_is_limited);
	g_test_add_func("/mime-tree/number_of_parts_is_limited", number_of_parts_is_limited);
	g_test_add_func("/mime-tree/time_is_linear", time_is_linear);
	g_test_add_func("/mime-tree/fields_are_walked", fields_are_walked);
	g_test_add_func("/mime-tree/parameters_are_parsed", parameters_are_parsed);
	g_test_add_func("/mime-tree/number_of_parameters_is_limited", number_of_parameters_is_limited);
	return g_test_run();
}
