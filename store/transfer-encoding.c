#include "store/transfer-encoding.h"

#include <string.h>

/* base64's alphabet: the value of each octet, SKIP for one that is not in it. */
#define SKIP 0x80
#define S10 SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP
static const guint8 base64_value[256] = {
	S10,
	S10,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	62,
	SKIP,
	SKIP,
	SKIP,
	63,
	52,
	53,
	54,
	55,
	56,
	57,
	58,
	59,
	60,
	61,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	0,
	1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	26,
	27,
	28,
	29,
	30,
	31,
	32,
	33,
	34,
	35,
	36,
	37,
	38,
	39,
	40,
	41,
	42,
	43,
	44,
	45,
	46,
	47,
	48,
	49,
	50,
	51,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	SKIP,
	S10,
	S10,
	S10,
	S10,
	S10,
	S10,
	S10,
	S10,
};

TransferEncoding transfer_encoding_from_name(const char *name)
{
	static const struct {
		const char *name;
		TransferEncoding encoding;
	} names[] = {
		{ "", TRANSFER_IDENTITY },
		{ "7bit", TRANSFER_IDENTITY },
		{ "8bit", TRANSFER_IDENTITY },
		{ "binary", TRANSFER_IDENTITY },
		{ "base64", TRANSFER_BASE64 },
		{ "quoted-printable", TRANSFER_QUOTED_PRINTABLE },
		{ "x-uuencode", TRANSFER_UUENCODE },
		{ "uuencode", TRANSFER_UUENCODE },
		{ "x-uue", TRANSFER_UUENCODE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(name, names[i].name) == 0)
			return names[i].encoding;
	}
	return TRANSFER_UNKNOWN;
}

/* Room for @len octets behind @out's end; the caller sets the length by finish_at(). */
static guint8 *room_for(GString *out, gsize len)
{
	gsize used = out->len;
	g_string_set_size(out, used + len);
	return (guint8 *)out->str + used;
}

static void finish_at(GString *out, const guint8 *end)
{
	g_string_truncate(out, (gsize)(end - (guint8 *)out->str));
}

void transfer_decode_base64(GString *out, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data, *end = p + len;
	guint8 *to = room_for(out, len / 4 * 3 + 3);
	guint32 bits = 0;
	guint n = 0; /* octets of the quantum that are in bits */
	while (p < end) {
		if (n == 0 && end - p >= 4) {
			guint32 a = base64_value[p[0]], b = base64_value[p[1]], c = base64_value[p[2]],
				d = base64_value[p[3]];
			if (((a | b | c | d) & SKIP) == 0) {
				*to++ = (guint8)(a << 2 | b >> 4);
				*to++ = (guint8)(b << 4 | c >> 2);
				*to++ = (guint8)(c << 6 | d);
				p += 4;
				continue;
			}
		}
		guint8 value = base64_value[*p];
		gboolean ends = *p++ == '=';
		if (value != SKIP) {
			bits = bits << 6 | value;
			n++;
		} else if (!ends) {
			continue;
		}
		if (n == 4) {
			*to++ = (guint8)(bits >> 16);
			*to++ = (guint8)(bits >> 8);
			*to++ = (guint8)bits;
			n = 0;
		} else if (ends) {
			/* An incomplete quantum has one octet less than it has characters. */
			if (n >= 2)
				*to++ = (guint8)(bits >> (n == 2 ? 4 : 10));
			if (n == 3)
				*to++ = (guint8)(bits >> 2);
			n = 0;
		}
	}
	if (n >= 2)
		*to++ = (guint8)(bits >> (n == 2 ? 4 : 10));
	if (n == 3)
		*to++ = (guint8)(bits >> 2);
	finish_at(out, to);
}

/* Copies @p to @end, "=XX" as the octet that it is. */
static guint8 *decode_hex(guint8 *to, const guint8 *p, const guint8 *end)
{
	while (p < end) {
		const guint8 *equals = memchr(p, '=', (gsize)(end - p));
		gsize plain = (gsize)((equals != NULL ? equals : end) - p);
		memcpy(to, p, plain);
		to += plain;
		p += plain;
		if (equals == NULL)
			break;
		if (end - p > 2 && g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2])) {
			*to++ = (guint8)(g_ascii_xdigit_value((char)p[1]) << 4 |
				g_ascii_xdigit_value((char)p[2]));
			p += 3;
		} else {
			*to++ = *p++;
		}
	}
	return to;
}

void transfer_decode_q(GString *out, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data, *end = p + len;
	guint8 *to = room_for(out, len);
	while (p < end) {
		const guint8 *space = memchr(p, '_', (gsize)(end - p));
		/* "=" before "_" is no hex octet, so the text may be cut at the "_" */
		to = decode_hex(to, p, space != NULL ? space : end);
		p = end;
		if (space != NULL) {
			*to++ = ' ';
			p = space + 1;
		}
	}
	finish_at(out, to);
}

void transfer_decode_quoted_printable(GString *out, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data, *end = p + len;
	guint8 *to = room_for(out, len);
	while (p < end) {
		const guint8 *lf = memchr(p, '\n', (gsize)(end - p));
		if (lf == NULL) {
			to = decode_hex(to, p, end);
			break;
		}
		const guint8 *line_end = lf > p && lf[-1] == '\r' ? lf - 1 : lf;
		const guint8 *text_end = line_end;
		while (text_end > p && (text_end[-1] == ' ' || text_end[-1] == '\t'))
			text_end--;
		if (text_end > p && text_end[-1] == '=') {
			to = decode_hex(to, p, text_end - 1);
		} else {
			to = decode_hex(to, p, text_end);
			while (line_end <= lf)
				*to++ = *line_end++;
		}
		p = lf + 1;
	}
	finish_at(out, to);
}

static guint8 *decode_uu_line(guint8 *to, const guint8 *p, const guint8 *end)
{
	guint left = (guint)(*p++ - 32) & 63;
	while (p < end && left > 0) {
		guint32 bits = 0;
		for (gsize i = 0; i < 4; i++) {
			guint8 c = p < end ? *p++ : 32;
			bits = bits << 6 | ((guint)(c - 32) & 63);
		}
		for (gsize i = 0; i < 3 && left > 0; i++, left--)
			*to++ = (guint8)(bits >> (16 - 8 * i));
	}
	return to;
}

static gboolean is_uu_end(const guint8 *p, const guint8 *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	return end - p == 3 && memcmp(p, "end", 3) == 0;
}

void transfer_decode_uuencode(GString *out, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data, *end = p + len;
	/* A line gives three octets for four, and up to two for a last one alone. */
	guint8 *to = room_for(out, len + 3);
	gboolean begun = FALSE;
	while (p < end) {
		const guint8 *lf = memchr(p, '\n', (gsize)(end - p));
		const guint8 *next = lf != NULL ? lf + 1 : end, *line_end = lf != NULL ? lf : end;
		if (lf != NULL && line_end > p && line_end[-1] == '\r')
			line_end--;
		if (!begun)
			begun = line_end - p >= 6 && memcmp(p, "begin ", 6) == 0;
		else if (is_uu_end(p, line_end))
			break;
		else if (line_end > p)
			to = decode_uu_line(to, p, line_end);
		p = next;
	}
	finish_at(out, to);
}

void transfer_decode(GString *out, TransferEncoding encoding, const char *data, gsize len)
{
	if (len == 0)
		return;
	switch (encoding) {
	case TRANSFER_BASE64:
		transfer_decode_base64(out, data, len);
		break;
	case TRANSFER_QUOTED_PRINTABLE:
		transfer_decode_quoted_printable(out, data, len);
		break;
	case TRANSFER_UUENCODE:
		transfer_decode_uuencode(out, data, len);
		break;
	case TRANSFER_IDENTITY:
	case TRANSFER_UNKNOWN:
		g_string_append_len(out, data, (gssize)len);
		break;
	}
}
