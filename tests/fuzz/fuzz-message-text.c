/* The text of a message: complete lines of folded text, and each line is found by the matcher. */

#include "store/charset.h"
#include "store/message-text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static void check_section(const GString *section)
{
	g_assert_true(section->len == 0 || section->str[section->len - 1] == '\n');
	g_assert_true(charset_is_utf8(section->str, section->len));
	for (gsize i = 0; i < section->len; i++) {
		guchar c = (guchar)section->str[i];
		g_assert_true(c == '\n' || (c >= ' ' && c != 127));
		g_assert_false(c == ' ' && section->str[i + 1] == ' ');
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	g_autoptr(MessageText) text = message_text_new(data, len);
	TextSpan spans[MESSAGE_TEXT_N_SECTIONS];
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++) {
		check_section(text->section[i]);
		spans[i].data = text->section[i]->str;
		spans[i].len = text->section[i]->len;
	}
	const char *body = text->section[MESSAGE_TEXT_BODY]->str;
	gsize line = strcspn(body, "\n");
	g_assert_true(message_text_match(spans, TEXT_SCOPE_BODY, NULL, 0, body + line / 2, line - line / 2));
	g_assert_true(message_text_match(spans, TEXT_SCOPE_TEXT, NULL, 0, body, line));
	const char *header = text->section[MESSAGE_TEXT_HEADER]->str, *colon = strstr(header, ": ");
	line = strcspn(header, "\n");
	if (colon != NULL && colon < header + line)
		g_assert_true(message_text_match(spans, TEXT_SCOPE_HEADER, header, (gsize)(colon - header),
			colon + 2, (gsize)(header + line - colon - 2)));
	return 0;
}
