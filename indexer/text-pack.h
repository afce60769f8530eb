/* Packed streams of the text store: what is seldom asked for (or all, as the admin wishes), in compressed blocks that are unpacked one by one when they
 * are asked for. A block has whole records, so none reaches into another. With each block are the pairs of neighbouring octets in it of which one is
 * punctuation, so that what cannot have "->" is not unpacked for it (letters are what terms are for). The file is described in text-writer.c.
 * Private to the text store. */
#pragma once
#include "indexer/index-file.h"
#include "indexer/text-store-private.h"
G_BEGIN_DECLS

/* How a block is packed; on disk. */
typedef enum {
	TEXT_CODEC_NONE, /* as it is: packing would make it larger */
	TEXT_CODEC_LZ4,  /* 5-7 GB a second */
	TEXT_CODEC_ZSTD, /* 2 GB a second, three quarters of the size */
	TEXT_N_CODECS
} TextCodec;

/* A set of pairs, of a block or of a needle. On disk. */
#define TEXT_PAIR_CLASSES 35
typedef struct {
	guint32 bits[(TEXT_PAIR_CLASSES * TEXT_PAIR_CLASSES + 31) / 32];
} TextPairs;
/* @pairs: zeroed before the first; what is added is a text of its own. */
void text_pairs_add(TextPairs *pairs, const char *data, gsize len);

/* Packs the records of @n entries: @data is the whole stream. Appends the file to @out, which is empty; FALSE: it would be too long for 32 bits. */
gboolean text_pack(const char *data, const TextEntry *entries, guint32 n, TextStream stream, TextCodec codec, GByteArray *out);

/* A packed file, mapped. Immutable, reference counted, any thread. */
typedef struct TextPack TextPack;
/* @entries, @n: the segment's, checked; borrowed for the call. DAMAGED: it makes no sense. Errors: INDEX_FILE_ERROR. */
TextPack *text_pack_open(const char *path, gsize len, const TextEntry *entries, guint32 n, TextStream stream, GError **error);
TextPack *text_pack_ref(TextPack *pack);
void text_pack_unref(TextPack *pack);

guint32 text_pack_blocks(const TextPack *pack);
/* The block that has entry @entry: the entries from *first_out to before *end_out. */
guint32 text_pack_block(const TextPack *pack, guint32 entry, guint32 *first_out, guint32 *end_out);
/* FALSE: nothing in the block has all of @pairs. */
gboolean text_pack_may_have(const TextPack *pack, guint32 block, const TextPairs *pairs);

/* The octets of block @block, until the next call for the same stream; NULL: damaged. @segment: its number. The last block of each stream stays in
 * @scratch (text-store.h), so going through entries in order unpacks each once. */
const char *text_pack_read(const TextPack *pack, guint32 segment, TextStream stream, guint32 block, TextScratch *scratch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextPack, text_pack_unref)
G_END_DECLS
