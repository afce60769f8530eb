/* What text-store.c (reading) and text-writer.c share. The files are described in text-writer.c. */
#pragma once
#include "indexer/text-store.h"
G_BEGIN_DECLS

typedef struct {
	guint32 id;
	guint32 crc;                  /* of id, the lengths of the streams, and the streams (text_entry_checksum()) */
	guint32 ends[TEXT_N_STREAMS]; /* where the record ends in each stream; it begins where the one before ends */
} TextEntry;
G_STATIC_ASSERT(sizeof(TextEntry) == 36);

typedef struct {
	guint32 segment, entry;
} TextDeadPair;
G_STATIC_ASSERT(sizeof(TextDeadPair) == 8);

#define TEXT_ALL_STREAMS ((1u << TEXT_N_STREAMS) - 1)

char *text_stream_path(const char *dir, guint32 segment, TextStream stream);
char *text_packed_path(const char *dir, guint32 segment, TextStream stream);
char *text_directory_path(const char *dir, guint32 segment);
char *text_dead_path(const char *dir, guint32 log);

/* Of a leaf with TEXT_SCOPE_HEADER. */
TextStream text_stream_of_leaf(const TextLeaf *leaf);

guint32 text_entry_checksum(guint32 id, const TextSpan streams[TEXT_N_STREAMS]);

/* Of segment @segment (an index) of the view; borrowed. */
const TextEntry *text_view_entries(const TextView *view, guint segment, guint32 *n_out);
/* The streams of which @wanted has bits, others empty. FALSE: damaged. */
gboolean text_view_record(const TextView *view, guint segment, guint32 entry, guint wanted, TextScratch *scratch, TextSpan streams[TEXT_N_STREAMS]);
/* A stream that is not packed, whole. */
const char *text_view_stream(const TextView *view, guint segment, TextStream stream);
gboolean text_view_is_dead(const TextView *view, guint segment, guint32 entry);
const TextState *text_view_state(const TextView *view);

G_END_DECLS
