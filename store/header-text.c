#include "store/header-text.h"

#include "base/fold.h"
#include "base/memsearch.h"
#include "store/charset.h"
#include "store/mime-params.h"
#include "store/transfer-encoding.h"

#include <string.h>

/* An encoded word: =?charset*language?encoding?text?= */
typedef struct {
	const char *charset, *text;
	gsize charset_len, text_len;
	gboolean base64;
	const char *end; /* behind it */
} Word;

/* Decoded octets of neighbours with one charset, which is applied to them together: a character may be cut
 * between two words. */
typedef struct {
	const char *charset; /* NULL: nothing waits */
	gsize charset_len;
	GString *octets; /* owned */
} Pending;

void header_text_unfold(GString *out, const char *value, gsize len)
{
	mime_unfold(out, value, len);
}

/* Reads the encoded word at @p, which is at "=?". Looks at no octet behind the fourth "?", so that a walk
 * over all "=?" is linear. */
static gboolean read_word(const char *p, const char *end, Word *word)
{
	p += 2;
	word->charset = p;
	while (p < end && *p != '?' && *p != '*' && *p != ' ' && *p != '\t')
		p++;
	word->charset_len = (gsize)(p - word->charset);
	if (p < end && *p == '*') {
		while (p < end && *p != '?' && *p != ' ' && *p != '\t')
			p++;
	}
	if (word->charset_len == 0 || end - p < 3 || p[0] != '?' || p[2] != '?')
		return FALSE;
	char encoding = g_ascii_tolower(p[1]);
	if (encoding != 'b' && encoding != 'q')
		return FALSE;
	word->base64 = encoding == 'b';
	word->text = p + 3;
	p = memchr(word->text, '?', (gsize)(end - word->text));
	if (p == NULL || end - p < 2 || p[1] != '=')
		return FALSE;
	word->text_len = (gsize)(p - word->text);
	word->end = p + 2;
	return TRUE;
}

static void flush_pending(GString *out, Pending *pending)
{
	if (pending->charset == NULL)
		return;
	charset_append(
		out, pending->charset, pending->charset_len, pending->octets->str, pending->octets->len);
	g_string_truncate(pending->octets, 0);
	pending->charset = NULL;
}

static gboolean is_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p == end;
}

/* @value: unfolded. */
static void decode_words(GString *out, const char *value, gsize len)
{
	const char *p = value, *end = value + len, *plain = value;
	gboolean is_utf8 = charset_is_utf8(value, len);
	Pending pending = { .octets = g_string_new(NULL) };
	Word word;
	while ((p = mem_find(p, (gsize)(end - p), "=?", 2)) != NULL) {
		if (!read_word(p, end, &word)) {
			p++;
			continue;
		}
		if (pending.charset == NULL || !is_blank(plain, p)) {
			flush_pending(out, &pending);
			if (is_utf8)
				g_string_append_len(out, plain, p - plain);
			else
				charset_append(out, "windows-1252", 12, plain, (gsize)(p - plain));
		} else if (pending.charset_len != word.charset_len ||
			g_ascii_strncasecmp(pending.charset, word.charset, word.charset_len) != 0) {
			flush_pending(out, &pending);
		}
		pending.charset = word.charset;
		pending.charset_len = word.charset_len;
		if (word.base64)
			transfer_decode_base64(pending.octets, word.text, word.text_len);
		else
			transfer_decode_q(pending.octets, word.text, word.text_len);
		p = plain = word.end;
	}
	flush_pending(out, &pending);
	if (is_utf8)
		g_string_append_len(out, plain, end - plain);
	else
		charset_append(out, "windows-1252", 12, plain, (gsize)(end - plain));
	g_string_free(pending.octets, TRUE);
}

void header_text_decode(GString *out, const char *value, gsize len)
{
	g_autoptr(GString) unfolded = NULL;
	if (len == 0)
		return;
	if (memchr(value, '\n', len) != NULL) {
		unfolded = g_string_sized_new(len);
		mime_unfold(unfolded, value, len);
		value = unfolded->str;
		len = unfolded->len;
	}
	if (mem_find(value, len, "=?", 2) != NULL)
		decode_words(out, value, len);
	else
		charset_append_guessed(out, value, len);
}

/* Appends `; name="value"` for each parameter in an RFC 2231 form. */
static void append_extended(GString *out, const MimeField *field)
{
	g_autoptr(GPtrArray) params = NULL;
	(void)mime_parse_params(field->value, field->value_len, NULL, &params);
	for (guint i = 0; i < params->len; i++) {
		const MimeParam *param = params->pdata[i];
		if (param->extended)
			g_string_append_printf(out, "; %s=\"%s\"", param->name, param->value);
	}
}

static gboolean may_have_extended(const MimeField *field)
{
	return (mime_field_is(field, "content-type") || mime_field_is(field, "content-disposition")) &&
		field->value_len > 0 && memchr(field->value, '*', field->value_len) != NULL;
}

void header_text_append_line(GString *out, const MimeField *field)
{
	for (gsize i = 0; i < field->name_len; i++)
		g_string_append_c(out, g_ascii_tolower(field->name[i]));
	if (field->name_len > 0)
		g_string_append_len(out, ": ", 2);
	gsize start = out->len;
	gboolean extended = may_have_extended(field);
	if (!extended && mem_find(field->value, field->value_len, "=?", 2) == NULL &&
		charset_is_utf8(field->value, field->value_len)) {
		/* Not unfolded: a line end with the white space behind it folds to one space. */
		fold_append(out, field->value, field->value_len);
	} else {
		g_autoptr(GString) text = g_string_sized_new(field->value_len);
		header_text_decode(text, field->value, field->value_len);
		if (extended)
			append_extended(text, field);
		fold_append(out, text->str, text->len);
	}
	if (out->len > start && out->str[start] == ' ')
		g_string_erase(out, (gssize)start,
			1); /* only of a junk line: fold_append() saw the space behind the colon */
	if (out->len > start && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}
