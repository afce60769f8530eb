/* The text store: the folded text of every indexed email, contiguous by kind and mapped, so that candidates are verified and the whole is
 * scanned at the speed of memory. Derived from the mail; written by text-writer.h, where the files are described. A TextView is
 * what one commit of the index holds: it never changes, and any thread may read it. */
#pragma once
#include "indexer/search-index.h"
G_BEGIN_DECLS

/* Part of the index's version: raise it with every change of the files. */
#define TEXT_STORE_VERSION 4

/* The lines of a text by how they are asked for, each kind in files of its own, so that a scan reads only what can match. Lines keep their order
 * in a stream; since no search string goes beyond a line, nothing is lost by dealing them out. */
typedef enum {
	TEXT_STREAM_ENVELOPE, /* From, To, Cc, Bcc and Subject of the message's header */
	TEXT_STREAM_HEADER,   /* its other fields, and lines that are no fields */
	TEXT_STREAM_TRACE,    /* its trace and signature fields: half of all text, seldom asked for */
	TEXT_STREAM_PARTS,    /* the parts section */
	TEXT_STREAM_BODY,     /* the body section */
	TEXT_STREAM_SORT,     /* what sort_keys_append() wrote: kept with the text, no part of it, never searched */
	TEXT_STREAM_LONG,     /* the long words (terms.h) of trace again, which have no terms: LF, then each and LF; nothing if there are none */
	TEXT_N_STREAMS
} TextStream;

/* Where the fields of this (folded) name are. */
TextStream text_stream_of_field(const char *name, gsize len);

/* Deals @sections out. HEADER's lines are copied into @buffers (their content is replaced), which must outlive @streams; the others are where they were.
 * TEXT_STREAM_SORT is left empty: its lines are not in the text. */
typedef struct {
	GString *buffer[TEXT_STREAM_PARTS]; /* owned */
	GString *long_words;                /* owned */
} TextBuffers;
void text_buffers_init(TextBuffers *buffers);
void text_buffers_clear(TextBuffers *buffers);
void text_split(const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], TextBuffers *buffers, TextSpan streams[TEXT_N_STREAMS]);

/* message_text_match() for what text_split() gave. */
gboolean text_streams_match(const TextSpan streams[TEXT_N_STREAMS], const TextLeaf *leaf);

/* What is valid in the files: in the index's state, in the commit that it describes. */
typedef struct {
	guint32 number;               /* of the files; never used again in the index */
	guint32 entries;
	guint32 ends[TEXT_N_STREAMS]; /* lengths of the streams */
	guint32 packed[TEXT_N_STREAMS]; /* lengths of the files of packed ones; 0: as it is. With any the segment takes no more entries */
	guint32 dead;                 /* entries that count no more */
	guint64 dead_bytes;
} TextSegment;
typedef struct {
	GArray *segments;     /* of TextSegment, by number */
	guint32 next_segment;
	guint32 dead_log;     /* number of the file, from the same count as segments; 0: none */
	guint32 dead_pairs;   /* in it */
} TextState;
void text_state_init(TextState *state);
void text_state_clear(TextState *state);
void text_state_copy(TextState *to, const TextState *from); /* @to is uninitialised */

typedef struct TextView TextView;
/* Errors: INDEX_FILE_ERROR. @previous (may be NULL): an older view of the same directory, whose mappings are used again. */
TextView *text_view_open(const char *dir, const TextState *state, const TextView *previous, GError **error);
TextView *text_view_ref(TextView *view);
void text_view_unref(TextView *view);

/* The emails that have a text. Borrowed. */
const EmailSet *text_view_present(const TextView *view);
guint32 text_view_count(const TextView *view);
guint64 text_view_bytes(const TextView *view); /* of all streams, dead ones too, not packed */

/* The streams in which @leaf can match, as bits (1 << TEXT_STREAM_...); never TEXT_STREAM_LONG. */
guint text_leaf_streams(const TextLeaf *leaf);
/* What is to be read of some streams (bits), for estimates. */
typedef struct {
	guint64 open_bytes;   /* as they are */
	guint64 packed_bytes; /* that have to be unpacked first; their size unpacked */
	guint32 blocks;       /* in which these are: one is unpacked whole for any email in it */
} TextExtent;
TextExtent text_view_extent(const TextView *view, guint streams);

/* Where an email's record is; FALSE: there is none. *segment_out is an index into the state's segments. */
gboolean text_view_find(const TextView *view, guint32 id, guint *segment_out, guint32 *entry_out);

/* Where one thread decodes packed streams to. What was read with it is good until it is used again, and for one view. */
typedef struct TextScratch TextScratch;
TextScratch *text_scratch_new(void);
void text_scratch_free(TextScratch *scratch);

/* FALSE: the email has no record, or a damaged one. */
gboolean text_view_get(const TextView *view, guint32 id, TextScratch *scratch, TextSpan streams[TEXT_N_STREAMS]);
/* The email's part of TEXT_STREAM_SORT, for many emails mostly in order. @cursor: where the last one was; zeroed before the first. */
typedef struct {
	guint segment;
	guint32 next; /* entry */
} TextCursor;
gboolean text_view_sort_keys(const TextView *view, guint32 id, TextCursor *cursor, TextSpan *lines_out);

/* Adds to @matched the emails of @among that have a text here and whose text matches in one of @streams (bits: of those of text_leaf_streams(), or for a
 * leaf of TEXT_SCOPE_TEXT that is not empty, and may have LF then, TEXT_STREAM_LONG). Errors: SEARCH_INDEX_ERROR from @cancel, FTINDEX_ERROR_DAMAGED; @matched is in no defined state then. */
gboolean text_view_match(const TextView *view, const TextLeaf *leaf, guint streams, const EmailSet *among,
                         const SearchCancel *cancel, EmailSet *matched, GError **error);

/* Compares every live record with its checksum; ids of those that differ are added to @damaged. */
void text_view_check(const TextView *view, EmailSet *damaged);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextView, text_view_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextScratch, text_scratch_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TextState, text_state_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TextBuffers, text_buffers_clear)
G_END_DECLS
