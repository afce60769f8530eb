/* The parts of an index generation (index-state.h), as its writer sees them. Large builds do not add to one database, of which nearly every block would be
 * read and written again for each few hundred emails: they write small ones, each complete when it is committed, that are merged by copying
 * from one end to the other. What is made here counts once the state that names it is in a commit of the generation's database.
 *
 * One thread. Errors: FTINDEX_ERROR; the object is only good for closing then. */
#pragma once
#include "indexer/index-state.h"
G_BEGIN_DECLS

typedef struct IndexParts IndexParts;

/* Removes folders that @meta does not name. DAMAGED: a part is not what it was when it was written. */
IndexParts *index_parts_open(const char *generation_dir, const IndexMeta *meta, GError **error);
void index_parts_close(IndexParts *parts);

/* Adds to the part in the making. @id: above those of all parts. */
gboolean index_parts_add(IndexParts *parts, IndexMeta *meta, guint32 id, FtTerms terms, GError **error);
/* The part in the making, if there is one, is put on disk and into @meta; small ones before it are merged with it if they have become many. */
gboolean index_parts_sync(IndexParts *parts, IndexMeta *meta, GError **error);

/* Which parts are worth merging when there is time: from *from_out to the last. FALSE: none. */
gboolean index_parts_due(const IndexMeta *meta, guint *from_out);
/* Makes one of the parts from index @from to the last, in @meta. SPACE: not enough room on the disk; found out before anything is written. FAILED: see ftindex_compact(). */
gboolean index_parts_merge(IndexParts *parts, IndexMeta *meta, guint from, GError **error);
/* To be called after the commit: removes folders that are not needed any more. */
void index_parts_committed(IndexParts *parts);

/* Makes @generation_dir, which must not exist, the folder of a generation with the parts of this one (second names of their files) and, if it has any emails,
 * one more with the content of its database, compacted. *meta: this one's, changed to be the other one's. */
gboolean index_parts_roll(IndexParts *parts, FtIndex *index, const char *generation_dir, IndexMeta *meta, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexParts, index_parts_close)
G_END_DECLS
