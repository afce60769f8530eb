/* The writer of the vocabulary (vocabulary.h): one for each index generation, in the process that holds the database's lock. What is written counts once the
 * state that a sync gives is in a commit of the database. After an error the writer is only good for closing. Errors: INDEX_FILE_ERROR. */
#pragma once
#include "indexer/ftindex.h"
#include "indexer/vocabulary.h"
G_BEGIN_DECLS

typedef struct VocabularyWriter VocabularyWriter;

/* Opens the vocabulary in @dir (made if missing) at @committed: cuts the delta back, removes other files, checks the base's checksum. If something is wrong with
 * it (*rebuild_out) or @committed is not present, the writer begins with nothing, and its state is not present until vocabulary_writer_build(). */
VocabularyWriter *vocabulary_writer_open(const char *dir, const VocabularyState *committed, gboolean *rebuild_out, GError **error);
void vocabulary_writer_close(VocabularyWriter *writer);
gboolean vocabulary_writer_present(const VocabularyWriter *writer);

/* Adds those of @terms that are not there. Does nothing in a writer that is not present. */
void vocabulary_writer_add(VocabularyWriter *writer, FtTerms terms);

/* Puts what was added on disk, as part of the delta or, when that has become large, of a new base. */
gboolean vocabulary_writer_sync(VocabularyWriter *writer, VocabularyState *state_out, GError **error);
/* A new base of all terms of @index, whose newest commit has what was added since the last sync too (what was added is dropped). */
gboolean vocabulary_writer_build(VocabularyWriter *writer, FtIndex *index, VocabularyState *state_out, GError **error);
/* To be called after the commit: removes files that are not needed any more. */
void vocabulary_writer_committed(VocabularyWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VocabularyWriter, vocabulary_writer_close)
G_END_DECLS
