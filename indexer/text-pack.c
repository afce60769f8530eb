/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/text-pack.h"

#include <lz4.h>
#include <lz4hc.h>
#include <string.h>
#include <zstd.h>

#include "indexer/checksum.h"

/* A block ends with the first record that ends behind so many octets. Measured (README): larger ones take less room, 2 % for each doubling, and longer
 * for the one email that is asked for. */
#define BLOCK_BYTES (128 * 1024)
/* Higher levels take 1 and 3 % less room, at half and a third of the speed. */
#define LZ4_LEVEL 4
#define ZSTD_LEVEL 3

/* Behind the blocks, aligned to 4: one for each, and a TextBlocksEnd. */
typedef struct {
	guint32 entries_end; /* index behind its last entry */
	guint32 end;         /* where it ends in the file; it begins where the one before ends */
	guint32 size;        /* of it, unpacked */
	guint32 codec;
	TextPairs pairs;
} TextBlock;
G_STATIC_ASSERT(sizeof(TextBlock) == 172);
typedef struct {
	guint32 crc; /* of all of TextBlock: what they say of pairs can be checked by nothing else */
	guint32 n;
} TextBlocksEnd;

struct TextPack {
	FileMapping *mapping;    /* a reference */
	guint32 n;
	const TextBlock *blocks; /* in mapping */
};

/* -- pairs ---------------------------------------------------------------------------------------------------------- */

/* Classes: 0 letters, digits, octets above 127 and control characters; 1 to 33 space and punctuation, each by itself; 34 the end of a line. A line's end is in
 * no needle, so a character "before a line's end" stands for the character anywhere. */
#define CLASS_LF (TEXT_PAIR_CLASSES - 1)

static inline guint class_of(char c)
{
	guchar octet = (guchar)c;
	if (octet >= 0x80 || g_ascii_isalnum(c))
		return 0;
	if (octet < 0x20 || octet == 0x7f)
		return octet == '\n' ? CLASS_LF : 0;
	/* 0x20-2f, 3a-40, 5b-60, 7b-7e: 16, 7, 6, 4 */
	if (octet < 0x30)
		return octet - 0x20u + 1;
	if (octet < 0x41)
		return octet - 0x3au + 17;
	return octet < 0x61 ? octet - 0x5bu + 24 : octet - 0x7bu + 30;
}

static inline void pairs_set(TextPairs *pairs, guint left, guint right)
{
	guint bit = left * TEXT_PAIR_CLASSES + right;
	pairs->bits[bit / 32] |= 1u << bit % 32;
}

void text_pairs_add(TextPairs *pairs, const char *data, gsize len)
{
	guint8 classes[256];
	for (guint octet = 0; octet < 256; octet++)
		classes[octet] = (guint8)class_of((char)octet);
	guint before = CLASS_LF; /* of no character: a pair of its own that nobody asks for */
	for (gsize i = 0; i < len; i++) {
		guint class = classes[(guchar)data[i]];
		if ((before | class) != 0) {
			if (before != CLASS_LF)
				pairs_set(pairs, before, class);
			if (class != 0)
				pairs_set(pairs, class, CLASS_LF);
		}
		before = class;
	}
}

gboolean text_pack_may_have(const TextPack *pack, guint32 block, const TextPairs *pairs)
{
	guint32 lacking = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(pairs->bits); i++)
		lacking |= pairs->bits[i] & ~pack->blocks[block].pairs.bits[i];
	return lacking == 0;
}

/* -- writing -------------------------------------------------------------------------------------------------------- */

typedef struct {
	TextCodec codec;
	ZSTD_CCtx *zstd; /* owned; NULL: another codec */
	void *lz4;       /* owned; NULL: another codec */
} Packer;

static void packer_init(Packer *packer, TextCodec codec)
{
	*packer = (Packer){ .codec = codec };
	if (codec == TEXT_CODEC_ZSTD)
		packer->zstd = ZSTD_createCCtx();
	else if (codec == TEXT_CODEC_LZ4)
		packer->lz4 = g_malloc((gsize)LZ4_sizeofStateHC());
}

static void packer_clear(Packer *packer)
{
	(void)ZSTD_freeCCtx(packer->zstd); /* NULL is fine */
	g_free(packer->lz4);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Packer, packer_clear)

/* To @room octets at @to; 0: it does not get smaller than that. */
static gsize pack_block(const Packer *packer, const char *data, gsize len, guint8 *to, gsize room)
{
	gsize packed = 0;
	if (packer->codec == TEXT_CODEC_ZSTD)
		packed = ZSTD_compressCCtx(packer->zstd, to, room, data, len, ZSTD_LEVEL);
	else if (packer->codec == TEXT_CODEC_LZ4 && len <= LZ4_MAX_INPUT_SIZE)
		packed = (gsize)LZ4_compress_HC_extStateHC(packer->lz4, data, (char *)to, (int)len, (int)room, LZ4_LEVEL);
	return ZSTD_isError(packed) ? 0 : packed;
}

/* FALSE: too long. */
static gboolean append_block(const Packer *packer, const char *data, guint32 len, GByteArray *out, TextBlock *block)
{
	guint before = out->len;
	if ((guint64)before + len > G_MAXINT32)
		return FALSE;
	g_byte_array_set_size(out, before + len);
	gsize packed = len > 0 ? pack_block(packer, data, len, out->data + before, len - 1) : 0;
	block->codec = packed > 0 ? packer->codec : TEXT_CODEC_NONE;
	if (packed > 0)
		g_byte_array_set_size(out, before + (guint)packed);
	else if (len > 0)
		memcpy(out->data + before, data, len);
	block->end = out->len;
	block->size = len;
	text_pairs_add(&block->pairs, data, len);
	return TRUE;
}

static guint32 begin_of(const TextEntry *entries, guint32 entry, TextStream stream)
{
	return entry == 0 ? 0 : entries[entry - 1].ends[stream];
}

gboolean text_pack(const char *data, const TextEntry *entries, guint32 n, TextStream stream, TextCodec codec, GByteArray *out)
{
	g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(TextBlock));
	g_auto(Packer) packer = { .codec = codec };
	packer_init(&packer, codec);
	for (guint32 first = 0, end; first < n; first = end) {
		guint32 begin = begin_of(entries, first, stream);
		for (end = first + 1; end < n && entries[end - 1].ends[stream] - begin < BLOCK_BYTES;)
			end++;
		TextBlock block = { .entries_end = end };
		if (!append_block(&packer, data + begin, entries[end - 1].ends[stream] - begin, out, &block))
			return FALSE;
		g_array_append_val(blocks, block);
	}
	guint64 table = (guint64)blocks->len * sizeof(TextBlock);
	guint32 padding = 0;
	if (out->len + sizeof padding + table + sizeof(TextBlocksEnd) > G_MAXINT32)
		return FALSE;
	TextBlocksEnd last = { checksum_add(0, blocks->data, table), blocks->len };
	g_byte_array_append(out, (const guint8 *)&padding, -out->len & 3);
	g_byte_array_append(out, (const guint8 *)blocks->data, (guint)table);
	g_byte_array_append(out, (const guint8 *)&last, sizeof last);
	return TRUE;
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

static void pack_clear(gpointer data)
{
	TextPack *pack = data;
	file_mapping_unref(pack->mapping);
}

TextPack *text_pack_ref(TextPack *pack)
{
	return g_atomic_rc_box_acquire(pack);
}

void text_pack_unref(TextPack *pack)
{
	if (pack != NULL)
		g_atomic_rc_box_release_full(pack, pack_clear);
}

/* Blocks are of the entries, in order, without gaps: after this no offset and no size needs a check. */
static gboolean check_blocks(const TextPack *pack, gsize blocks_at, const TextEntry *entries, guint32 n, TextStream stream)
{
	guint32 first = 0, at = 0;
	for (guint32 i = 0; i < pack->n; i++) {
		const TextBlock *block = &pack->blocks[i];
		if (block->entries_end <= first || block->entries_end > n || block->end < at || block->end > blocks_at ||
			block->codec >= TEXT_N_CODECS ||
			block->size != entries[block->entries_end - 1].ends[stream] - begin_of(entries, first, stream) ||
			(block->codec == TEXT_CODEC_NONE && block->end - at != block->size))
			return FALSE;
		first = block->entries_end;
		at = block->end;
	}
	return first == n && blocks_at - at < sizeof(guint32);
}

static gboolean load_blocks(TextPack *pack, gsize len, const TextEntry *entries, guint32 n, TextStream stream)
{
	TextBlocksEnd last;
	if (len < sizeof last || len % sizeof(guint32) != 0)
		return FALSE;
	memcpy(&last, pack->mapping->data + len - sizeof last, sizeof last);
	gsize table = (gsize)last.n * sizeof(TextBlock), table_at = len - sizeof last - table;
	if (table > len - sizeof last || checksum_add(0, pack->mapping->data + table_at, table) != last.crc)
		return FALSE;
	pack->n = last.n;
	pack->blocks = (const TextBlock *)(const void *)(pack->mapping->data + table_at);
	return check_blocks(pack, table_at, entries, n, stream);
}

TextPack *text_pack_open(const char *path, gsize len, const TextEntry *entries, guint32 n, TextStream stream, GError **error)
{
	g_autoptr(FileMapping) mapping = file_mapping_new(path, len, error);
	if (mapping == NULL)
		return NULL;
	TextPack *pack = g_atomic_rc_box_new0(TextPack);
	pack->mapping = g_steal_pointer(&mapping);
	if (load_blocks(pack, len, entries, n, stream))
		return pack;
	text_pack_unref(pack);
	g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "%s: the table of blocks makes no sense", path);
	return NULL;
}

guint32 text_pack_blocks(const TextPack *pack)
{
	return pack->n;
}

guint32 text_pack_block(const TextPack *pack, guint32 entry, guint32 *first_out, guint32 *end_out)
{
	guint32 low = 0, high = pack->n - 1;
	while (low < high) {
		guint32 middle = low + (high - low) / 2;
		if (pack->blocks[middle].entries_end <= entry)
			low = middle + 1;
		else
			high = middle;
	}
	*first_out = low == 0 ? 0 : pack->blocks[low - 1].entries_end;
	*end_out = pack->blocks[low].entries_end;
	return low;
}

typedef struct {
	gboolean valid;
	guint32 segment, block;
	char *data; /* owned */
	gsize room;
} LastBlock;

struct TextScratch {
	ZSTD_DCtx *zstd; /* owned; NULL: not needed yet */
	LastBlock last[TEXT_N_STREAMS];
};

TextScratch *text_scratch_new(void)
{
	return g_new0(TextScratch, 1);
}

void text_scratch_free(TextScratch *scratch)
{
	if (scratch == NULL)
		return;
	(void)ZSTD_freeDCtx(scratch->zstd); /* NULL is fine */
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		g_free(scratch->last[stream].data);
	g_free(scratch);
}

static gboolean unpack(TextScratch *scratch, const TextBlock *block, const char *packed, gsize len, char *to)
{
	if (block->codec == TEXT_CODEC_LZ4)
		return len <= G_MAXINT32 && block->size <= G_MAXINT32 &&
		       LZ4_decompress_safe(packed, to, (int)len, (int)block->size) == (int)block->size;
	if (scratch->zstd == NULL)
		scratch->zstd = ZSTD_createDCtx();
	return ZSTD_decompressDCtx(scratch->zstd, to, block->size, packed, len) == block->size;
}

const char *text_pack_read(const TextPack *pack, guint32 segment, TextStream stream, guint32 block, TextScratch *scratch)
{
	LastBlock *last = &scratch->last[stream];
	const TextBlock *of = &pack->blocks[block];
	guint32 begin = block == 0 ? 0 : pack->blocks[block - 1].end;
	if (of->codec == TEXT_CODEC_NONE)
		return pack->mapping->data + begin;
	if (last->valid && last->segment == segment && last->block == block)
		return last->data;
	if (last->data == NULL || last->room < of->size) {
		g_free(last->data);
		last->room = MAX(of->size, BLOCK_BYTES + BLOCK_BYTES / 4);
		last->data = g_malloc(last->room);
	}
	last->valid = unpack(scratch, of, pack->mapping->data + begin, of->end - begin, last->data);
	last->segment = segment;
	last->block = block;
	return last->valid ? last->data : NULL;
}
