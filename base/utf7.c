#include "base/utf7.h"

#include <string.h>

/* RFC 3501 section 5.1.3: the base64 of RFC 2045, with "," in place of "/". */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

G_DEFINE_QUARK(mailsift - utf7 - error - quark, utf7_error)

static gboolean is_direct(gunichar code)
{
	return code >= 0x20 && code <= 0x7E;
}

/* Bits on their way between UTF-16 and base64, the oldest one first. */
typedef struct {
	guint32 bits;
	guint n_bits;
} BitQueue;

static void append_unit(GString *out, BitQueue *queue, guint16 unit)
{
	queue->bits = queue->bits << 16 | unit;
	queue->n_bits += 16;
	while (queue->n_bits >= 6) {
		queue->n_bits -= 6;
		g_string_append_c(out, alphabet[queue->bits >> queue->n_bits & 0x3F]);
	}
}

/* Ends a run of base64: what is left of bits, filled up with zeros, and the hyphen. */
static void append_shift_end(GString *out, BitQueue *queue)
{
	if (queue->n_bits > 0)
		g_string_append_c(out, alphabet[queue->bits << (6 - queue->n_bits) & 0x3F]);
	g_string_append_c(out, '-');
	*queue = (BitQueue){ 0 };
}

static void encode(GString *out, const char *utf8, const char *end)
{
	BitQueue queue = { 0 };
	gboolean shifted = FALSE;

	for (const char *p = utf8; p < end; p = g_utf8_next_char(p)) {
		gunichar code = g_utf8_get_char(p);
		if (is_direct(code)) {
			if (shifted)
				append_shift_end(out, &queue);
			shifted = FALSE;
			g_string_append_c(out, (char)code);
			if (code == '&')
				g_string_append_c(out, '-');
			continue;
		}
		if (!shifted)
			g_string_append_c(out, '&');
		shifted = TRUE;
		if (code >= 0x10000) {
			append_unit(out, &queue, (guint16)(0xD800 + ((code - 0x10000) >> 10)));
			append_unit(out, &queue, (guint16)(0xDC00 + ((code - 0x10000) & 0x3FF)));
		} else {
			append_unit(out, &queue, (guint16)code);
		}
	}
	if (shifted)
		append_shift_end(out, &queue);
}

char *utf7_encode(const char *utf8, gsize len, GError **error)
{
	/* Refuses NUL too. */
	if (!g_utf8_validate(utf8, (gssize)len, NULL)) {
		g_set_error_literal(error, UTF7_ERROR, UTF7_ERROR_NOT_UTF8, "the name is not UTF-8");
		return NULL;
	}
	GString *out = g_string_sized_new(len + 8);
	encode(out, utf8, utf8 + len);
	return g_string_free(out, FALSE);
}

/* Adds a UTF-16 unit; @high is the first half of a pair that waits for its second, or 0. */
static gboolean append_utf16(GString *out, guint16 unit, guint16 *high)
{
	if (unit >= 0xDC00 && unit < 0xE000) {
		if (*high == 0)
			return FALSE;
		g_string_append_unichar(out, 0x10000 + ((gunichar)(*high - 0xD800) << 10) + (unit - 0xDC00));
		*high = 0;
		return TRUE;
	}
	if (*high != 0 || unit == 0)
		return FALSE;
	if (unit >= 0xD800 && unit < 0xDC00)
		*high = unit;
	else
		g_string_append_unichar(out, unit);
	return TRUE;
}

/* Reads what is behind a '&' up to and with the '-'. NULL: it is malformed. Does not care for more than
 * that: whether the encoding is the right one shows when the name is encoded again. */
static const char *decode_shifted(GString *out, const char *at, const char *end)
{
	BitQueue queue = { 0 };
	guint16 high = 0;

	for (; at < end && *at != '-'; at++) {
		const char *digit = memchr(alphabet, *at, sizeof alphabet - 1);
		if (digit == NULL)
			return NULL;
		queue.bits = queue.bits << 6 | (guint32)(digit - alphabet);
		queue.n_bits += 6;
		if (queue.n_bits >= 16) {
			queue.n_bits -= 16;
			if (!append_utf16(out, (guint16)(queue.bits >> queue.n_bits), &high))
				return NULL;
		}
	}
	return at < end && high == 0 ? at + 1 : NULL;
}

char *utf7_decode(const char *utf7, gsize len, GError **error)
{
	g_autoptr(GString) out = g_string_sized_new(len);
	const char *end = utf7 + len;

	for (const char *p = utf7; p != NULL && p < end;) {
		if (!is_direct((guint8)*p)) {
			p = NULL;
		} else if (*p != '&') {
			g_string_append_c(out, *p++);
		} else if (p + 1 < end && p[1] == '-') {
			g_string_append_c(out, '&');
			p += 2;
		} else {
			p = decode_shifted(out, p + 1, end);
		}
		if (p == NULL) {
			g_set_error_literal(
				error, UTF7_ERROR, UTF7_ERROR_INVALID, "the name is not modified UTF-7");
			return NULL;
		}
	}
	g_autoptr(GString) again = g_string_sized_new(len);
	encode(again, out->str, out->str + out->len);
	if (again->len != len || memcmp(again->str, utf7, len) != 0) {
		g_set_error(error, UTF7_ERROR, UTF7_ERROR_NOT_CANONICAL,
			"the name is not in its one encoding in modified UTF-7, which is \"%s\"", again->str);
		return NULL;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}
