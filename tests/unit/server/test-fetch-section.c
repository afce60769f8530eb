#include "server/imap/fetch-section.h"

#include "tests/unit/server/sample-mail.h"

#include <string.h>

/* The message of RFC 3501 6.4.5's example, made short. Part 3 and part 4.2 are messages. */
static const char example[] = "From: a\r\n"
			      "Subject: outer\r\n"
			      "Content-Type: multipart/mixed; boundary=A\r\n"
			      "\r\n"
			      "preamble\r\n"
			      "--A\r\n"
			      "Content-Type: text/plain\r\n"
			      "\r\n"
			      "one\r\n"
			      "--A\r\n"
			      "Content-Type: application/octet-stream\r\n"
			      "\r\n"
			      "two\r\n"
			      "--A\r\n"
			      "Content-Type: message/rfc822\r\n"
			      "\r\n"
			      "Subject: third\r\n"
			      "Content-Type: multipart/mixed; boundary=B\r\n"
			      "\r\n"
			      "--B\r\n"
			      "\r\n"
			      "three one\r\n"
			      "--B\r\n"
			      "X-Two: y\r\n"
			      "\r\n"
			      "three two\r\n"
			      "--B--\r\n"
			      "--A\r\n"
			      "Content-Type: multipart/mixed; boundary=C\r\n"
			      "\r\n"
			      "--C\r\n"
			      "Content-Type: image/gif\r\n"
			      "\r\n"
			      "GIF\r\n"
			      "--C\r\n"
			      "Content-Type: message/rfc822\r\n"
			      "\r\n"
			      "Subject: single\r\n"
			      "X-A: 1\r\n"
			      "\r\n"
			      "text of 4.2\r\n"
			      "--C--\r\n"
			      "--A\r\n"
			      "Content-Type: message/rfc822\r\n"
			      "Content-Transfer-Encoding: base64\r\n"
			      "\r\n"
			      "U3ViamVjdDogeA0KDQp5\r\n"
			      "--A--\r\n"
			      "epilogue\r\n";

#define EXAMPLE_HEADER                                                                                       \
	(sizeof "From: a\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n" - 1)

static FetchRequest *request_of(const char *item)
{
	ImapParser p = { .data = item, .len = strlen(item) };
	g_autoptr(GError) error = NULL;
	FetchRequest *request = fetch_parse(&p, &error);
	g_assert_no_error(error);
	return request;
}

/* The section's octets, or "<nil>". */
static char *find(FetchMessage *message, const char *item)
{
	g_autoptr(FetchRequest) request = request_of(item);
	g_auto(FetchText) text = { 0 };
	fetch_section_find(message, request->sections->pdata[0], &text);
	return text.exists ? g_strndup(text.data, text.size) : g_strdup("<nil>");
}

static FetchMessage *message_of(const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	return fetch_message_new(bytes);
}

typedef struct {
	const char *item, *expected;
} SectionCase;

static void check_cases(const char *text, const SectionCase *cases, gsize n)
{
	g_autoptr(FetchMessage) message = message_of(text);
	for (gsize i = 0; i < n; i++) {
		g_test_message("%s", cases[i].item);
		g_autofree char *got = find(message, cases[i].item);
		g_assert_cmpstr(got, ==, cases[i].expected);
	}
}

static void sections_of_the_rfc_are_found(void)
{
	static const SectionCase cases[] = {
		{ "BODY[]", example },
		{ "RFC822", example },
		{ "BODY[HEADER]",
			"From: a\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n" },
		{ "RFC822.HEADER",
			"From: a\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n" },
		{ "BODY[TEXT]<0.17>", "preamble\r\n--A\r\nCo" },
		{ "RFC822.TEXT", example + EXAMPLE_HEADER },
		{ "BODY[1]", "one" },
		{ "BODY[1.MIME]", "Content-Type: text/plain\r\n\r\n" },
		{ "BODY[1.1]", "<nil>" },
		{ "BODY[1.TEXT]", "<nil>" },
		{ "BODY[1.HEADER]", "<nil>" },
		{ "BODY[1.HEADER.FIELDS (X)]", "<nil>" },
		{ "BODY[2]", "two" },
		{ "BODY[3]",
			"Subject: third\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nthree "
			"one\r\n"
			"--B\r\nX-Two: y\r\n\r\nthree two\r\n--B--" },
		{ "BODY[3.MIME]", "Content-Type: message/rfc822\r\n\r\n" },
		{ "BODY[3.HEADER]", "Subject: third\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" },
		{ "BODY[3.HEADER.FIELDS (SUBJECT)]", "Subject: third\r\n\r\n" },
		{ "BODY[3.HEADER.FIELDS.NOT (SUBJECT)]",
			"Content-Type: multipart/mixed; boundary=B\r\n\r\n" },
		{ "BODY[3.TEXT]", "--B\r\n\r\nthree one\r\n--B\r\nX-Two: y\r\n\r\nthree two\r\n--B--" },
		{ "BODY[3.1]", "three one" },
		{ "BODY[3.1.MIME]", "\r\n" },
		{ "BODY[3.2]", "three two" },
		{ "BODY[3.2.MIME]", "X-Two: y\r\n\r\n" },
		{ "BODY[3.3]", "<nil>" },
		{ "BODY[4.1]", "GIF" },
		{ "BODY[4.1.MIME]", "Content-Type: image/gif\r\n\r\n" },
		{ "BODY[4.2.HEADER]", "Subject: single\r\nX-A: 1\r\n\r\n" },
		{ "BODY[4.2.TEXT]", "text of 4.2" },
		{ "BODY[4.2.1]", "text of 4.2" },
		{ "BODY[4.2.1.MIME]", "Subject: single\r\nX-A: 1\r\n\r\n" },
		{ "BODY[4.2.1.1]", "<nil>" },
		{ "BODY[4.2.2]", "<nil>" },
		{ "BODY[4.TEXT]", "<nil>" },
		{ "BODY[5]", "U3ViamVjdDogeA0KDQp5" },
		{ "BODY[5.HEADER]", "" },
		{ "BODY[5.HEADER.FIELDS (SUBJECT)]", "" },
		{ "BODY[5.TEXT]", "U3ViamVjdDogeA0KDQp5" },
		{ "BODY[5.1]", "U3ViamVjdDogeA0KDQp5" },
		{ "BODY[5.1.MIME]", "" },
		{ "BODY[5.1.TEXT]", "<nil>" },
		{ "BODY[5.1.1]", "<nil>" },
		{ "BODY[5.2]", "<nil>" },
		{ "BODY[6]", "<nil>" },
		{ "BODY[4294967295]", "<nil>" },
	};
	check_cases(example, cases, G_N_ELEMENTS(cases));
}

static void a_single_part_is_part_1(void)
{
	static const SectionCase cases[] = {
		{ "BODY[1]", "body\r\n" },
		{ "BODY[1.MIME]", "Subject: x\r\n\r\n" },
		{ "BODY[TEXT]", "body\r\n" },
		{ "BODY[1.1]", "<nil>" },
		{ "BODY[1.HEADER]", "<nil>" },
		{ "BODY[2]", "<nil>" },
	};
	check_cases("Subject: x\r\n\r\nbody\r\n", cases, G_N_ELEMENTS(cases));
}

static void a_message_may_be_a_message(void)
{
	static const SectionCase cases[] = {
		{ "BODY[1]", "Subject: in\r\n\r\nbody" },
		{ "BODY[1.HEADER]", "Subject: in\r\n\r\n" },
		{ "BODY[1.TEXT]", "body" },
		{ "BODY[1.1]", "body" },
		{ "BODY[1.1.MIME]", "Subject: in\r\n\r\n" },
		{ "BODY[1.1.1]", "<nil>" },
		{ "BODY[1.2]", "<nil>" },
	};
	check_cases(
		"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody", cases, G_N_ELEMENTS(cases));
}

static void fields_are_selected(void)
{
	static const char text[] = "From: a\r\n"
				   "Received: x\r\n"
				   "\ty\r\n"
				   "to : b\r\n"
				   "RECEIVED: z\r\n"
				   "junk line\r\n"
				   "X-Rec: q\r\n"
				   "\r\n"
				   "body\r\n";
	static const SectionCase cases[] = {
		{ "BODY[HEADER.FIELDS (received)]", "Received: x\r\n\ty\r\nRECEIVED: z\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (TO from)]", "From: a\r\nto : b\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (X)]", "\r\n" },
		{ "BODY[HEADER.FIELDS (\"\")]", "\r\n" },
		{ "BODY[HEADER.FIELDS.NOT (Received From)]", "to : b\r\njunk line\r\nX-Rec: q\r\n\r\n" },
		{ "BODY[HEADER.FIELDS.NOT (X)]",
			"From: a\r\nReceived: x\r\n\ty\r\nto : b\r\nRECEIVED: z\r\njunk line\r\nX-Rec: "
			"q\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (From)]<2.3>", "om:" },
	};
	check_cases(text, cases, G_N_ELEMENTS(cases));
}

/* RFC 3501 6.4.5: "except in the case of a message which has no body and no blank line". */
static void the_empty_line_is_there_if_the_message_has_it(void)
{
	static const SectionCase open[] = {
		{ "BODY[HEADER]", "From: a\r\nTo: b\r\n" },
		{ "BODY[HEADER.FIELDS (To)]", "To: b\r\n" },
		{ "BODY[HEADER.FIELDS (X)]", "" },
		{ "BODY[TEXT]", "" },
	};
	check_cases("From: a\r\nTo: b\r\n", open, G_N_ELEMENTS(open));
	static const SectionCase none[] = {
		{ "BODY[HEADER]", "" },
		{ "BODY[HEADER.FIELDS (X)]", "" },
		{ "BODY[HEADER.FIELDS.NOT (X)]", "" },
		{ "BODY[TEXT]", "no header here\r\n\r\nTo: b\r\n" },
		{ "BODY[1]", "no header here\r\n\r\nTo: b\r\n" },
	};
	check_cases("no header here\r\n\r\nTo: b\r\n", none, G_N_ELEMENTS(none));
	static const SectionCase empty[] = {
		{ "BODY[HEADER]", "\r\n" },
		{ "BODY[HEADER.FIELDS (X)]", "\r\n" },
		{ "BODY[HEADER.FIELDS.NOT (X)]", "\r\n" },
		{ "BODY[TEXT]", "body" },
	};
	check_cases("\r\nbody", empty, G_N_ELEMENTS(empty));
	static const SectionCase mbox[] = {
		{ "BODY[HEADER]", "From x y\r\nTo: b\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (To)]", "To: b\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (From)]", "\r\n" },
		{ "BODY[HEADER.FIELDS.NOT (To)]", "From x y\r\n\r\n" },
	};
	check_cases("From x y\r\nTo: b\r\n\r\nbody", mbox, G_N_ELEMENTS(mbox));
	static const SectionCase bare_mbox[] = {
		{ "BODY[HEADER]", "From x y\r\n\r\n" },
		{ "BODY[HEADER.FIELDS (To)]", "\r\n" },
		{ "BODY[HEADER.FIELDS.NOT (To)]", "From x y\r\n\r\n" },
	};
	check_cases("From x y\r\n\r\nbody", bare_mbox, G_N_ELEMENTS(bare_mbox));
	static const SectionCase nothing[] = {
		{ "BODY[]", "" },
		{ "BODY[HEADER]", "" },
		{ "BODY[TEXT]", "" },
		{ "BODY[1]", "" },
		{ "BODY[1.MIME]", "" },
		{ "BODY[HEADER.FIELDS (X)]", "" },
	};
	check_cases("", nothing, G_N_ELEMENTS(nothing));
}

static void partial_sections_are_cut(void)
{
	static const SectionCase cases[] = {
		{ "BODY[TEXT]<0.3>", "012" },
		{ "BODY[TEXT]<3.3>", "345" },
		{ "BODY[TEXT]<8.100>", "89" },
		{ "BODY[TEXT]<10.1>", "" },
		{ "BODY[TEXT]<11.1>", "" },
		{ "BODY[TEXT]<9223372036854775807.9223372036854775807>", "" },
		{ "BODY[TEXT]<0.9223372036854775807>", "0123456789" },
		{ "BODY[9]<0.1>", "<nil>" },
	};
	check_cases("A: b\r\n\r\n0123456789", cases, G_N_ELEMENTS(cases));
}

/* -- What holds for any message -- */

static void check_header(const char *name, GBytes *bytes)
{
	g_autoptr(FetchMessage) message = fetch_message_new(bytes);
	gsize size = fetch_message_header_size(message);
	const MimePart *root = fetch_message_root(message);
	if (size != root->header_size)
		g_error("%s: header of %" G_GSIZE_FORMAT ", the tree says %" G_GSIZE_FORMAT, name, size,
			root->header_size);
}

static void check_headers(const char *name, GBytes *bytes, gpointer data)
{
	(void)data;
	check_header(name, bytes);
	gsize size = g_bytes_get_size(bytes);
	for (int i = 0; i < 30; i++) {
		g_autoptr(GBytes) cut = g_bytes_new_from_bytes(
			bytes, 0, (gsize)g_test_rand_int_range(0, (gint32)MIN(size, 5000) + 1));
		check_header(name, cut);
	}
}

static void headers_end_where_the_tree_says(void)
{
	sample_mail_foreach(check_headers, NULL);
	static const char *const pieces[] = { "From a b\r\n", ">From a b\r\n", "\r\n", "A: b\r\n", " c\r\n",
		"junk\r\n", "\n", "From a b", ":\r\n", "\t\r\n", "A : b\n" };
	for (int round = 0; round < 20000; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (int n = g_test_rand_int_range(0, 6); n > 0; n--)
			g_string_append(text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
		g_autoptr(GBytes) bytes = g_bytes_new(text->str, text->len);
		check_header(text->str, bytes);
	}
}

/* *@data_out, which may be NULL, is only good for octets of the message itself. */
static gsize text_of(FetchMessage *message, const char *item, const char **data_out)
{
	g_autoptr(FetchRequest) request = request_of(item);
	g_auto(FetchText) text = { 0 };
	fetch_section_find(message, request->sections->pdata[0], &text);
	g_assert_true(text.exists);
	if (data_out != NULL)
		*data_out = text.data;
	return text.size;
}

static void check_parts_sum_up(const char *name, GBytes *bytes, gpointer data)
{
	(void)data;
	g_autoptr(FetchMessage) message = fetch_message_new(bytes);
	gsize all = text_of(message, "BODY[]", NULL), header = text_of(message, "BODY[HEADER]", NULL);
	gsize fields = text_of(message, "BODY[HEADER.FIELDS (Received Subject)]", NULL);
	gsize others = text_of(message, "BODY[HEADER.FIELDS.NOT (Received Subject)]", NULL);
	gsize blank = text_of(message, "BODY[HEADER.FIELDS (No-Such-Field-Anywhere)]", NULL);
	const char *start;
	g_test_message("%s", name);
	g_assert_cmpuint(all, ==, g_bytes_get_size(bytes));
	g_assert_cmpuint(header + text_of(message, "BODY[TEXT]", NULL), ==, all);
	g_assert_cmpuint(fields + others, ==, header + blank);
	g_assert_cmpuint(text_of(message, "BODY[]<1.7>", &start), ==, MIN(7, all - MIN(all, 1)));
	if (all > 0)
		g_assert_true(start == (const char *)g_bytes_get_data(bytes, NULL) + 1);
}

static void sections_sum_up_to_the_message(void)
{
	sample_mail_foreach(check_parts_sum_up, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fetch-section/sections_of_the_rfc_are_found", sections_of_the_rfc_are_found);
	g_test_add_func("/fetch-section/a_single_part_is_part_1", a_single_part_is_part_1);
	g_test_add_func("/fetch-section/a_message_may_be_a_message", a_message_may_be_a_message);
	g_test_add_func("/fetch-section/fields_are_selected", fields_are_selected);
	g_test_add_func("/fetch-section/the_empty_line_is_there_if_the_message_has_it",
		the_empty_line_is_there_if_the_message_has_it);
	g_test_add_func("/fetch-section/partial_sections_are_cut", partial_sections_are_cut);
	g_test_add_func("/fetch-section/headers_end_where_the_tree_says", headers_end_where_the_tree_says);
	g_test_add_func("/fetch-section/sections_sum_up_to_the_message", sections_sum_up_to_the_message);
	return g_test_run();
}
