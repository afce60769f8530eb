/* The writer of the text store (text-store.h): one for each index generation, in the process that holds the database's lock. What it writes counts once the
 * state that text_writer_sync() gives is in a commit of the database; until then a new writer cuts it off again. After
 * an error the writer is only good for closing. Errors: INDEX_FILE_ERROR. */
#pragma once
#include "indexer/text-store.h"
G_BEGIN_DECLS

typedef struct TextWriter TextWriter;

/* The setting index.compress. */
typedef enum {
	TEXT_PACKING_NONE,
	TEXT_PACKING_HEADERS, /* streams header, trace and parts, so that they are unpacked fast */
	TEXT_PACKING_ALL,     /* header and trace smaller, and the body */
} TextPacking;
TextPacking text_packing_from_name(const char *name); /* "none", "headers" or "all" */

/* Opens the store in @dir (made if missing) at @committed: cuts files back to it, removes others, and compares the last records with their
 * checksums. DAMAGED: something that should be there is not. */
TextWriter *text_writer_open(const char *dir, const TextState *committed, GError **error);
void text_writer_close(TextWriter *writer);

/* Adds the text of an email; an older one of it counts no more. @streams: of text_split(). */
gboolean text_writer_add(TextWriter *writer, guint32 id, const TextSpan streams[TEXT_N_STREAMS], GError **error);
void text_writer_remove(TextWriter *writer, guint32 id); /* nothing if it has none */
gboolean text_writer_has(const TextWriter *writer, guint32 id);
/* Whether the email's text is there and is this one. */
gboolean text_writer_is(const TextWriter *writer, guint32 id, const TextSpan streams[TEXT_N_STREAMS]);
/* Adds the emails that have a text to @ids. */
void text_writer_ids(const TextWriter *writer, EmailSet *ids);
guint32 text_writer_count(const TextWriter *writer); /* at the last commit */
/* Bytes held in memory until the next sync. */
gsize text_writer_pending(const TextWriter *writer);

/* Puts everything on disk. *state_out: what is to be committed; the caller clears it. */
gboolean text_writer_sync(TextWriter *writer, TextState *state_out, GError **error);
/* To be called after the commit: removes files that are not needed any more, and lets readers' views grow. */
gboolean text_writer_committed(TextWriter *writer, GError **error);

/* What text_writer_compact() packs; at first TEXT_PACKING_HEADERS. Whatever is packed stays so until its segment is rewritten, and is read either way. @min_bytes: from which
 * size on segments are packed; 0: as it is by default (other values are for tests). */
void text_writer_set_packing(TextWriter *writer, TextPacking packing, guint64 min_bytes);

/* Rewrites segments if that is worth it: those of which much is dead, many small ones into one; else packs one that is large enough. Only between committed() and the
 * next add or remove; the caller then syncs and commits. *done_out: there was something. */
gboolean text_writer_compact(TextWriter *writer, gboolean *done_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextWriter, text_writer_close)
G_END_DECLS
