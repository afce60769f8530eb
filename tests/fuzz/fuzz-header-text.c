/* Header fields: each becomes one line of valid UTF-8, and the fields of a header cover it. */

#include "store/charset.h"
#include "store/header-text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	MimeField field;
	gsize pos = 0, covered = 0;
	while (mime_field_next(data, len, TRUE, &pos, &field)) {
		g_autoptr(GString) line = g_string_new(NULL), text = g_string_new(NULL);
		g_assert_true(covered == 0 || field.offset == covered);
		covered = field.offset + field.size;
		g_assert_cmpuint(covered, <=, len);
		g_assert_true(field.value + field.value_len <= (const char *)data + covered);
		header_text_append_line(line, &field);
		g_assert_true(memchr(line->str, '\n', line->len) == line->str + line->len - 1);
		g_assert_true(charset_is_utf8(line->str, line->len));
		header_text_decode(text, field.value, field.value_len);
		g_assert_true(charset_is_utf8(text->str, text->len));
		g_autofree char *main = NULL;
		g_autoptr(GPtrArray) params = NULL;
		(void)mime_parse_params(field.value, field.value_len, &main, &params);
		for (guint i = 0; i < params->len; i++) {
			const MimeParam *param = params->pdata[i];
			g_assert_true(charset_is_utf8(param->value, strlen(param->value)));
		}
	}
	return 0;
}
