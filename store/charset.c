#include "store/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* No charset of IANA's or glibc's has a longer name. */
#define NAME_MAX_LEN 60

/* Names as mail has them that are kept per thread, unknown ones too; above it all are forgotten. */
#define NAMES_MAX 1000

typedef enum {
	GUESSED,
	UTF8,
	WINDOWS_1252,
	UTF_16,
	UTF_16BE,
	UTF_16LE,
	UTF_32,
	UTF_32BE,
	UTF_32LE,
	HZ,
	ICONV
} Kind;

typedef struct {
	Kind kind;
	gboolean known;
	iconv_t converter; /* owned; only for HZ and ICONV */
} Charset;

/* Names without their punctuation, in lower case, where glibc's choice is not ours. */
static const struct {
	const char *names; /* separated by spaces */
	Kind kind;
	const char *iconv_name;
} aliases[] = {
	{ "usascii ascii ansix341968 ansix341986 iso646us iso646irv1991 isoir6 us ibm367 cp367 csascii 646",
		GUESSED, NULL },
	{ "utf8 csutf8", UTF8, NULL },
	{ "iso88591 iso885911987 88591 latin1 l1 isoir100 ibm819 cp819 csisolatin1 windows1252 cp1252 "
	  "win1252 xcp1252 ansi1252",
		WINDOWS_1252, NULL },
	{ "iso88599 iso885991989 latin5 l5 isoir148 csisolatin5", ICONV, "WINDOWS-1254" },
	{ "iso885911 tis620 tis62025330 tis62025331 tis62025291 isoir166", ICONV, "CP874" },
	{ "gb2312 gb231280 csgb2312 csiso58gb231280 isoir58 chinese euccn cngb gbk xgbk cp936 ms936 "
	  "windows936",
		ICONV, "GB18030" },
	{ "ksc56011987 ksc56011989 ksc5601 csksc56011987 korean isoir149 euckr cseuckr cp949 ms949 "
	  "windows949 uhc",
		ICONV, "CP949" },
	{ "shiftjis sjis xsjis mskanji csshiftjis cp932 ms932 windows31j cswindows31j", ICONV, "CP932" },
	{ "big5 bigfive cnbig5 csbig5 xxbig5 cp950 windows950 big5hkscs", ICONV, "BIG5-HKSCS" },
	{ "utf16 csutf16 ucs2 iso10646ucs2 csunicode unicode", UTF_16, NULL },
	{ "utf16be csutf16be unicodebig", UTF_16BE, NULL },
	{ "utf16le csutf16le unicodelittle", UTF_16LE, NULL },
	{ "utf32 csutf32 ucs4 iso10646ucs4 csucs4", UTF_32, NULL },
	{ "utf32be csutf32be", UTF_32BE, NULL },
	{ "utf32le csutf32le", UTF_32LE, NULL },
	{ "hzgb2312 hz", HZ, "GB18030" },
	{ "windows1250 win1250 xcp1250", ICONV, "CP1250" },
	{ "windows1251 win1251 xcp1251", ICONV, "CP1251" },
	{ "windows1253 win1253 xcp1253", ICONV, "CP1253" },
	{ "windows1254 win1254 xcp1254", ICONV, "CP1254" },
	{ "windows1255 win1255 xcp1255", ICONV, "CP1255" },
	{ "windows1256 win1256 xcp1256", ICONV, "CP1256" },
	{ "windows1257 win1257 xcp1257", ICONV, "CP1257" },
	{ "windows1258 win1258 xcp1258", ICONV, "CP1258" },
	{ "iso88598i iso88598e csiso88598i csiso88598e", ICONV, "ISO-8859-8" },
};

/* Code points of windows-1252's octets 0x80 to 0x9F; 0 where it has none. */
static const guint16 windows_1252[32] = {
	0x20ac,
	0,
	0x201a,
	0x0192,
	0x201e,
	0x2026,
	0x2020,
	0x2021,
	0x02c6,
	0x2030,
	0x0160,
	0x2039,
	0x0152,
	0,
	0x017d,
	0,
	0,
	0x2018,
	0x2019,
	0x201c,
	0x201d,
	0x2022,
	0x2013,
	0x2014,
	0x02dc,
	0x2122,
	0x0161,
	0x203a,
	0x0153,
	0,
	0x017e,
	0x0178,
};

/* -- UTF-8 -- */

/* How many octets at the start of @p are ASCII. */
static gsize ascii_run(const guint8 *p, gsize len)
{
	gsize i = 0;
	for (; i + 8 <= len; i += 8) {
		guint64 word;
		memcpy(&word, p + i, 8);
		if ((word & G_GUINT64_CONSTANT(0x8080808080808080)) != 0)
			break;
	}
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

/* The length of the sequence at @p (not ASCII, @len >= 1); *@valid_out tells whether it is well-formed. If
 * not, it is the maximal subpart that one U+FFFD stands for. */
static gsize utf8_sequence(const guint8 *p, gsize len, gboolean *valid_out)
{
	guint8 lead = p[0], low = 0x80, high = 0xbf;
	gsize need;
	*valid_out = FALSE;
	if (lead >= 0xc2 && lead <= 0xdf) {
		need = 2;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		need = 3;
		low = lead == 0xe0 ? 0xa0 : 0x80;
		high = lead == 0xed ? 0x9f : 0xbf;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		need = 4;
		low = lead == 0xf0 ? 0x90 : 0x80;
		high = lead == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 1;
	}
	for (gsize i = 1; i < need; i++) {
		if (i == len || p[i] < low || p[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*valid_out = TRUE;
	return need;
}

/* How many octets at the start are well-formed. */
static gsize utf8_run(const guint8 *p, gsize len)
{
	gsize i = 0;
	while (i < len) {
		gboolean valid;
		if (p[i] < 0x80) {
			i += ascii_run(p + i, len - i);
			continue;
		}
		gsize n = utf8_sequence(p + i, len - i, &valid);
		if (!valid)
			break;
		i += n;
	}
	return i;
}

gboolean charset_is_utf8(const char *data, gsize len)
{
	return utf8_run((const guint8 *)data, len) == len;
}

void charset_append_utf8(GString *out, const char *data, gsize len)
{
	if (len == 0)
		return;
	const guint8 *p = (const guint8 *)data, *end = p + len;
	while (p < end) {
		gsize good = utf8_run(p, (gsize)(end - p));
		gboolean valid;
		g_string_append_len(out, (const char *)p, (gssize)good);
		p += good;
		if (p == end)
			break;
		p += utf8_sequence(p, (gsize)(end - p), &valid);
		g_string_append_len(out, REPLACEMENT, 3);
	}
}

/* -- The others -- */

gunichar charset_windows_1252(guint8 octet)
{
	return windows_1252[octet - 0x80];
}

static void append_windows_1252(GString *out, const guint8 *p, gsize len)
{
	for (gsize i = 0; i < len;) {
		gsize ascii = ascii_run(p + i, len - i);
		g_string_append_len(out, (const char *)p + i, (gssize)ascii);
		i += ascii;
		for (; i < len && p[i] >= 0x80; i++) {
			gunichar c = p[i] < 0xa0 ? windows_1252[p[i] - 0x80] : p[i];
			if (c == 0)
				c = 0xfffd;
			g_string_append_unichar(out, c);
		}
	}
}

void charset_append_guessed(GString *out, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data;
	if (utf8_run(p, len) == len)
		g_string_append_len(out, data, (gssize)len);
	else
		append_windows_1252(out, p, len);
}

static inline guint32 read_16(const guint8 *p, gboolean little)
{
	return little ? (guint32)p[1] << 8 | p[0] : (guint32)p[0] << 8 | p[1];
}

static inline guint32 read_32(const guint8 *p, gboolean little)
{
	return little ? read_16(p + 2, TRUE) << 16 | read_16(p, TRUE)
		      : read_16(p, FALSE) << 16 | read_16(p + 2, FALSE);
}

/* One U+FFFD for each unit that is no character, and for what is left of a unit at the end. */
static void append_utf_16(GString *out, const guint8 *p, gsize len, gboolean little)
{
	gsize i = 0;
	while (i + 2 <= len) {
		guint32 c = read_16(p + i, little);
		i += 2;
		if (c >= 0xd800 && c <= 0xdbff && i + 2 <= len) {
			guint32 low = read_16(p + i, little);
			if (low >= 0xdc00 && low <= 0xdfff) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		if (c >= 0xd800 && c <= 0xdfff)
			c = 0xfffd;
		g_string_append_unichar(out, c);
	}
	if (i < len)
		g_string_append_len(out, REPLACEMENT, 3);
}

static void append_utf_32(GString *out, const guint8 *p, gsize len, gboolean little)
{
	gsize i = 0;
	for (; i + 4 <= len; i += 4) {
		guint32 c = read_32(p + i, little);
		if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			c = 0xfffd;
		g_string_append_unichar(out, c);
	}
	if (i < len)
		g_string_append_len(out, REPLACEMENT, 3);
}

static void append_iconv(GString *out, iconv_t converter, const char *data, gsize len)
{
	/* iconv() takes the input as char **, but does not write to it. */
	union {
		const char *constant;
		char *variable;
	} in = { data };
	gsize left = len;
	gboolean flushing = FALSE;
	(void)iconv(converter, NULL, NULL, NULL, NULL);
	for (;;) {
		gsize used = out->len;
		/* Room for what most charsets need; E2BIG comes back for more. */
		gsize room = MAX(left + left / 2, 64);
		g_string_set_size(out, used + room);
		char *to = out->str + used;
		gsize result = flushing ? iconv(converter, NULL, NULL, &to, &room)
					: iconv(converter, &in.variable, &left, &to, &room);
		int why = errno;
		g_string_set_size(out, (gsize)(to - out->str));
		if (result != (gsize)-1) {
			if (flushing)
				break;
			flushing = TRUE; /* a converter may hold a character back */
		} else if (why != E2BIG) {
			if (flushing || left == 0)
				break;
			g_string_append_len(out, REPLACEMENT, 3);
			in.constant++;
			left--;
		}
	}
}

static gboolean is_hz_octet(char c)
{
	return (guchar)c > 32 && (guchar)c < 127;
}

/* RFC 1843, which glibc does not know: pairs of 7-bit octets between "~{" and "~}" or the end of the line.
 * They become the pairs with high bits that gb18030 has for them; what makes no pair stays as it is. */
static void append_hz(GString *out, iconv_t converter, const char *data, gsize len)
{
	g_autoptr(GString) pairs = g_string_sized_new(len);
	gboolean in_gb = FALSE;
	for (gsize i = 0; i < len; i++) {
		char c = data[i], next = i + 1 < len ? data[i + 1] : '\0';
		if (c == '~' && (next == '{' || next == '}')) {
			in_gb = next == '{';
			i++;
		} else if (c == '~' && next == '\n') {
			i++;
		} else if (c == '~' && next == '~') {
			g_string_append_c(pairs, '~');
			i++;
		} else if (in_gb && c != '~' && is_hz_octet(c) && is_hz_octet(next)) {
			g_string_append_c(pairs, (char)(c | 0x80));
			g_string_append_c(pairs, (char)(next | 0x80));
			i++;
		} else {
			in_gb = in_gb && c != '\n';
			g_string_append_c(pairs, c);
		}
	}
	append_iconv(out, converter, pairs->str, pairs->len);
}

/* -- Names -- */

/* What a thread keeps. Opening a converter of glibc's may load a library, at 0.2 ms; a message may name
 * thousands. */
typedef struct {
	GHashTable *names; /* name as mail has it, lower case, to a Charset of the others or a static one */
	GHashTable *converters; /* iconv's name to Charset; there are as many as glibc has names (1,200) */
} Cache;

static const Charset unknown_charset = { GUESSED, FALSE, NULL };

static void charset_free(gpointer data)
{
	Charset *charset = data;
	(void)iconv_close(charset->converter);
	g_free(charset);
}

static void cache_free(gpointer data)
{
	Cache *cache = data;
	g_hash_table_unref(cache->names);
	g_hash_table_unref(cache->converters);
	g_free(cache);
}

static Cache *cache_of_thread(void)
{
	static GPrivate private = G_PRIVATE_INIT(cache_free);
	Cache *cache = g_private_get(&private);
	if (cache == NULL) {
		cache = g_new(Cache, 1);
		cache->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		cache->converters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, charset_free);
		g_private_set(&private, cache);
	}
	return cache;
}

/* @name is safe for iconv_open(): no slash (it starts options), not empty (it means the locale's charset).
 * NULL if glibc does not know it. */
static const Charset *open_converter(Cache *cache, Kind kind, const char *name)
{
	const char *key = kind == HZ ? "hz" : name;
	const Charset *found = g_hash_table_lookup(cache->converters, key);
	if (found != NULL)
		return found;
	iconv_t converter = iconv_open("UTF-8", name);
	if (converter == (iconv_t)-1)
		return NULL;
	Charset *charset = g_new(Charset, 1);
	charset->kind = kind;
	charset->known = TRUE;
	charset->converter = converter;
	g_hash_table_insert(cache->converters, g_strdup(key), charset);
	return charset;
}

/* Finds @key among the aliases; -1 if it is none of them. */
static int find_alias(const char *key)
{
	gsize key_len = strlen(key);
	for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++) {
		for (const char *name = aliases[i].names; *name != '\0';) {
			gsize len = strcspn(name, " ");
			if (len == key_len && memcmp(name, key, len) == 0)
				return (int)i;
			name += len + (name[len] == ' ');
		}
	}
	return -1;
}

static const Charset *open_charset(Cache *cache, const char *name)
{
	static const Charset without_converter[] = {
		[GUESSED] = { GUESSED, TRUE, NULL },
		[UTF8] = { UTF8, TRUE, NULL },
		[WINDOWS_1252] = { WINDOWS_1252, TRUE, NULL },
		[UTF_16] = { UTF_16, TRUE, NULL },
		[UTF_16BE] = { UTF_16BE, TRUE, NULL },
		[UTF_16LE] = { UTF_16LE, TRUE, NULL },
		[UTF_32] = { UTF_32, TRUE, NULL },
		[UTF_32BE] = { UTF_32BE, TRUE, NULL },
		[UTF_32LE] = { UTF_32LE, TRUE, NULL },
	};
	char key[NAME_MAX_LEN + 1];
	gsize n = 0;
	for (const char *p = name; *p != '\0'; p++) {
		if (g_ascii_isalnum(*p))
			key[n++] = *p;
	}
	key[n] = '\0';
	int alias = find_alias(key);
	const Charset *charset;
	if (alias >= 0) {
		Kind kind = aliases[alias].kind;
		if (kind != HZ && kind != ICONV)
			return &without_converter[kind];
		charset = open_converter(cache, kind, aliases[alias].iconv_name);
	} else {
		charset = open_converter(cache, ICONV, name);
		if (charset == NULL) {
			/* Old mail has "x-" before some names, and "koi8_r". */
			g_autofree char *other =
				g_strdup(g_str_has_prefix(name, "x-") && n > 1 ? name + 2 : name);
			g_strdelimit(other, "_", '-');
			charset = open_converter(cache, ICONV, other);
		}
	}
	return charset != NULL ? charset : &unknown_charset;
}

static gboolean is_trimmed(char c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\'';
}

static const Charset *find_charset(const char *name, gsize len)
{
	char key[NAME_MAX_LEN + 1];
	while (len > 0 && is_trimmed(name[0])) {
		name++;
		len--;
	}
	while (len > 0 && is_trimmed(name[len - 1]))
		len--;
	if (len == 0 || len > NAME_MAX_LEN)
		return &unknown_charset;
	for (gsize i = 0; i < len; i++) {
		char c = name[i];
		if (c == '\0' || (!g_ascii_isalnum(c) && strchr("-_.:+()", c) == NULL))
			return &unknown_charset;
		key[i] = g_ascii_tolower(c);
	}
	key[len] = '\0';
	Cache *cache = cache_of_thread();
	const Charset *charset = g_hash_table_lookup(cache->names, key);
	if (charset == NULL) {
		if (g_hash_table_size(cache->names) >= NAMES_MAX)
			g_hash_table_remove_all(cache->names);
		charset = open_charset(cache, key);
		g_hash_table_insert(cache->names, g_strdup(key), (gpointer)(gsize)charset);
	}
	return charset;
}

gboolean charset_is_transparent(const char *charset, gsize charset_len, const char *data, gsize len)
{
	const Charset *found = charset != NULL ? find_charset(charset, charset_len) : NULL;
	Kind kind = found != NULL ? found->kind : GUESSED;
	return (kind == GUESSED || kind == UTF8) && charset_is_utf8(data, len);
}

gboolean charset_is_known(const char *charset, gsize charset_len)
{
	return find_charset(charset, charset_len)->known;
}

void charset_append(GString *out, const char *charset, gsize charset_len, const char *data, gsize len)
{
	const guint8 *p = (const guint8 *)data;
	const Charset *found = charset != NULL ? find_charset(charset, charset_len) : NULL;
	Kind kind = found != NULL ? found->kind : GUESSED;
	gboolean little = FALSE;
	switch (kind) {
	case GUESSED:
		charset_append_guessed(out, data, len);
		return;
	case UTF8:
		charset_append_utf8(out, data, len);
		return;
	case WINDOWS_1252:
		append_windows_1252(out, p, len);
		return;
	case UTF_16:
		if (len >= 2 && (read_16(p, FALSE) == 0xfeff || read_16(p, TRUE) == 0xfeff)) {
			little = p[0] == 0xff;
			p += 2;
			len -= 2;
		}
		append_utf_16(out, p, len, little);
		return;
	case UTF_16BE:
	case UTF_16LE:
		append_utf_16(out, p, len, kind == UTF_16LE);
		return;
	case UTF_32:
		if (len >= 4 && (read_32(p, FALSE) == 0xfeff || read_32(p, TRUE) == 0xfeff)) {
			little = p[0] == 0xff;
			p += 4;
			len -= 4;
		}
		append_utf_32(out, p, len, little);
		return;
	case UTF_32BE:
	case UTF_32LE:
		append_utf_32(out, p, len, kind == UTF_32LE);
		return;
	case HZ:
		append_hz(out, found->converter, data, len);
		return;
	case ICONV:
		append_iconv(out, found->converter, data, len);
		return;
	}
}
