#include "base/fold.h"

#include "base/fold-private.h"

#include <string.h>

/* Hangul, Unicode 3.12. */
#define HANGUL_BASE 0xAC00
#define HANGUL_COUNT 11172
#define JAMO_L_BASE 0x1100
#define JAMO_V_BASE 0x1161
#define JAMO_T_BASE 0x11A7
#define JAMO_V_COUNT 21
#define JAMO_T_COUNT 28

#define REPLACEMENT 0xFFFD

/* Where output goes: the GString's own memory, with its length set once at the end. */
typedef struct {
	GString *out;
	gsize n;        /* bytes written so far */
	gboolean space; /* the last of them is a space */
} Sink;

static inline guint8 *sink_at(Sink *sink)
{
	return (guint8 *)sink->out->str + sink->n;
}

/* Makes room for @need more bytes. GString doubles, so this is seldom more than the comparison. */
static inline void sink_reserve(Sink *sink, gsize need)
{
	if (G_UNLIKELY(sink->n + need >= sink->out->allocated_len))
		g_string_set_size(sink->out, sink->n + need);
}

static void sink_open(Sink *sink, GString *out)
{
	sink->out = out;
	sink->n = out->len;
	sink->space = out->len > 0 && out->str[out->len - 1] == ' ';
}

static void sink_close(Sink *sink)
{
	/* set_size() may have to grow the length that it knows of, but never the memory. */
	g_string_set_size(sink->out, sink->n);
}

/* Adds @len bytes of @bytes, which is readable for nine bytes at least: copies of fixed sizes are faster. */
static inline void sink_bytes(Sink *sink, const guint8 *bytes, gsize len)
{
	gsize skip = len > 0 && bytes[0] == ' ' && sink->space;

	bytes += skip;
	len -= skip;
	if (len == 0)
		return;
	sink_reserve(sink, FOLD_LONGEST + 8);
	memcpy(sink_at(sink), bytes, 8);
	if (G_UNLIKELY(len > 8))
		memcpy(sink_at(sink) + 8, bytes + 8, len - 8);
	sink->n += len;
	sink->space = bytes[len - 1] == ' ';
}

static inline gsize encode(guint8 *out, gunichar code)
{
	if (code < 0x80) {
		out[0] = (guint8)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (guint8)(0xC0 | code >> 6);
		out[1] = (guint8)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (guint8)(0xE0 | code >> 12);
		out[1] = (guint8)(0x80 | (code >> 6 & 0x3F));
		out[2] = (guint8)(0x80 | (code & 0x3F));
		return 3;
	}
	out[0] = (guint8)(0xF0 | code >> 18);
	out[1] = (guint8)(0x80 | (code >> 12 & 0x3F));
	out[2] = (guint8)(0x80 | (code >> 6 & 0x3F));
	out[3] = (guint8)(0x80 | (code & 0x3F));
	return 4;
}

static void sink_hangul(Sink *sink, guint syllable)
{
	guint8 bytes[16] = { 0 };
	gsize len = encode(bytes, JAMO_L_BASE + syllable / (JAMO_V_COUNT * JAMO_T_COUNT));

	len += encode(bytes + len, JAMO_V_BASE + syllable / JAMO_T_COUNT % JAMO_V_COUNT);
	if (syllable % JAMO_T_COUNT != 0)
		len += encode(bytes + len, JAMO_T_BASE + syllable % JAMO_T_COUNT);
	sink_bytes(sink, bytes, len);
}

static inline void sink_code(Sink *sink, gunichar code)
{
	guint place = 0;

	if (code / FOLD_BLOCK < fold_n_index)
		place = fold_blocks[fold_index[code / FOLD_BLOCK] * FOLD_BLOCK + code % FOLD_BLOCK];
	if (place != 0) {
		sink_bytes(sink, fold_pool + place + 1, fold_pool[place]);
	} else if (code - HANGUL_BASE < HANGUL_COUNT) {
		sink_hangul(sink, code - HANGUL_BASE);
	} else {
		guint8 bytes[16] = { 0 };
		sink_bytes(sink, bytes, encode(bytes, code));
	}
}

/* Result of decode() for bytes that may be the start of a code point and end too early. */
#define CODE_CUT_OFF ((gunichar)-1)

/* Reads one code point of @len > 0 bytes; how many it takes goes to @taken_out. Ill-formed bytes are taken
 * up to the first that cannot follow (the maximal subpart of Unicode 3.9), at least one, and give U+FFFD. */
static inline gunichar decode(const guint8 *in, gsize len, gsize *taken_out)
{
	guint8 lead = in[0];
	/* Bounds of the second byte, Unicode table 3-7: no overlong forms, no surrogates, nothing above
	 * U+10FFFF. */
	guint8 low = 0x80, high = 0xBF;
	gsize need;
	gunichar code;

	*taken_out = 1;
	if (lead < 0x80)
		return lead;
	if (lead < 0xC2 || lead > 0xF4)
		return REPLACEMENT;
	if (lead < 0xE0) {
		need = 2;
		code = lead & 0x1F;
	} else if (lead < 0xF0) {
		need = 3;
		code = lead & 0x0F;
		if (lead == 0xE0)
			low = 0xA0;
		else if (lead == 0xED)
			high = 0x9F;
	} else {
		need = 4;
		code = lead & 0x07;
		if (lead == 0xF0)
			low = 0x90;
		else if (lead == 0xF4)
			high = 0x8F;
	}
	for (gsize i = 1; i < need; i++) {
		if (i == len) {
			*taken_out = len;
			return CODE_CUT_OFF;
		}
		if (in[i] < low || in[i] > high) {
			*taken_out = i;
			return REPLACEMENT;
		}
		low = 0x80;
		high = 0xBF;
		code = code << 6 | (in[i] & 0x3F);
	}
	*taken_out = need;
	return code;
}

/* Whether the eight bytes at @in are ASCII, so that it pays to go back to the fast loop. */
static inline gboolean eight_ascii(const guint8 *in)
{
	guint64 word;

	memcpy(&word, in, sizeof word);
	return (word & G_GUINT64_CONSTANT(0x8080808080808080)) == 0;
}

/* Folds @in; returns how many bytes it took, which is less than @len only if a code point is cut off at
 * the end. */
static gsize fold_bytes(Sink *sink, const guint8 *in, gsize len)
{
	FoldAscii fold_ascii = fold_ascii_best();
	gsize i = 0;
	while (i < len) {
		gsize n;
		sink_reserve(sink, len - i + FOLD_SLACK);
		i += fold_ascii(in + i, len - i, sink_at(sink), &n, &sink->space);
		sink->n += n;
		/* Here is no ASCII; what of it comes between two other code points is not worth the fast
		 * loop. */
		while (i < len && !(len - i >= 8 && eight_ascii(in + i))) {
			gunichar code = decode(in + i, len - i, &n);
			if (code == CODE_CUT_OFF)
				return i;
			sink_code(sink, code);
			i += n;
		}
	}
	return i;
}

void fold_append(GString *out, const char *utf8, gsize len)
{
	Folder folder;

	folder_init(&folder, out);
	folder_feed(&folder, utf8, len);
	folder_finish(&folder);
}

char *fold_string(const char *utf8, gsize len, gsize *len_out)
{
	GString *out = g_string_sized_new(len + FOLD_SLACK);

	fold_append(out, utf8, len);
	if (len_out != NULL)
		*len_out = out->len;
	return g_string_free(out, FALSE);
}

void folder_init(Folder *folder, GString *out)
{
	*folder = (Folder){ .out = out };
}

void folder_feed(Folder *folder, const char *bytes, gsize len)
{
	const guint8 *in = (const guint8 *)bytes;
	Sink sink;

	if (len == 0)
		return;
	sink_open(&sink, folder->out);
	/* What is pending is the start of a well-formed code point. So the next byte continues it,
	 * completes it, or shows that the pending bytes are a maximal subpart; in the last case the byte
	 * itself is still to be read. */
	while (folder->n_pending > 0 && len > 0) {
		gsize taken;
		folder->pending[folder->n_pending] = in[0];
		gunichar code = decode(folder->pending, folder->n_pending + 1, &taken);
		if (code != CODE_CUT_OFF)
			sink_code(&sink, code);
		if (taken > folder->n_pending) {
			in++;
			len--;
		}
		folder->n_pending = code == CODE_CUT_OFF ? folder->n_pending + 1 : 0;
	}
	if (len > 0) {
		gsize taken = fold_bytes(&sink, in, len);
		folder->n_pending = (guint)(len - taken);
		memcpy(folder->pending, in + taken, len - taken);
	}
	sink_close(&sink);
}

void folder_finish(Folder *folder)
{
	Sink sink;

	if (folder->n_pending == 0)
		return;
	sink_open(&sink, folder->out);
	sink_code(&sink, REPLACEMENT);
	sink_close(&sink);
	folder->n_pending = 0;
}

static inline guint8 swap_case(guint8 c)
{
	return (guint8)((c | 0x20) - 'a') < 26 ? c ^ 0x20 : c;
}

int fold_compare(const char *a, gsize a_len, const char *b, gsize b_len)
{
	gsize both = MIN(a_len, b_len);

	for (gsize i = 0; i < both; i++) {
		if (a[i] != b[i])
			return swap_case((guint8)a[i]) < swap_case((guint8)b[i]) ? -1 : 1;
	}
	return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

const char *fold_version(void)
{
	return fold_tables_version;
}
