/* HTML: valid UTF-8 has a valid text; what has no markup is its own text. */

#include "store/charset.h"
#include "store/html-text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	const char *html = (const char *)data;
	g_autoptr(GString) text = g_string_new(NULL), plain = g_string_new(NULL);
	html_text_append(text, html, len);
	html_unescape(plain, html, len);
	if (charset_is_utf8(html, len))
		g_assert_true(charset_is_utf8(text->str, text->len));
	/* The reference with the longest text for its length: &nGt; */
	g_assert_cmpuint(plain->len, <=, len + len / 4);
	if (len > 0 && memchr(html, '<', len) == NULL)
		g_assert_cmpmem(text->str, text->len, plain->str, plain->len);
	if (len > 0 && memchr(html, '&', len) == NULL)
		g_assert_cmpmem(plain->str, plain->len, html, len);
	return 0;
}
