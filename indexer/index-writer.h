/* The writer of one index generation: databases, text store and vocabulary together, in commits that hold all three or nothing. One in all processes for
 * each generation (Xapian's lock); one thread. Order of writes in a commit: text store, vocabulary and parts on disk, then the
 * database's commit, which says what of them is valid; then files that nobody needs any more are removed.
 *
 * Errors: FTINDEX_ERROR. After one the writer is only good for closing; the next one to be opened continues from the last commit. */
#pragma once
#include "indexer/index-state.h"
#include "indexer/text-writer.h"
#include "store/message-text.h"
G_BEGIN_DECLS

typedef struct IndexWriter IndexWriter;

/* Opens (or makes) the generation in @generation_dir. @bulk: for many emails: each commit writes a part of its own (index-parts.h), if that is
 * possible (index_writer_begin_bulk()), and a vocabulary that is not there is left for index_writer_finish(). */
IndexWriter *index_writer_open(const char *generation_dir, gboolean bulk, GError **error);
void index_writer_close(IndexWriter *writer);
gboolean index_writer_is_bulk(const IndexWriter *writer);
/* Goes on in bulk. FALSE: not possible before the database is rolled into a part (index_writer_roll()). Nothing may have changed since the last commit. */
gboolean index_writer_begin_bulk(IndexWriter *writer);
/* There are not so many after all: goes on in small, with what is there; builds the vocabulary if it is not. */
gboolean index_writer_settle(IndexWriter *writer, GError **error);
/* Whether the index was made from the account's database as it is now. */
gboolean index_writer_is_of(IndexWriter *writer, Account *account, gboolean *is_out, GError **error);

guint32 index_writer_watermark(const IndexWriter *writer);
guint64 index_writer_gone_seq(const IndexWriter *writer);
/* Bytes that the changes since the last commit take, about. */
gsize index_writer_pending(const IndexWriter *writer);
gboolean index_writer_has_changes(const IndexWriter *writer);

/* @sort_keys: of sort_keys_append(). An email that is there stays as it is; DAMAGED if the index has another text of it: what an email says never
 * changes (under the versions in index-state.h). */
gboolean index_writer_add(IndexWriter *writer, guint32 id, const MessageText *text, const GString *sort_keys, GError **error);
gboolean index_writer_remove(IndexWriter *writer, guint32 id, GError **error);
/* @unread: as in index-state.h; a record of it that is there stays as it is. */
gboolean index_writer_fail(IndexWriter *writer, guint32 id, const char *reason, gboolean unread, GError **error);
/* The emails that could not be read. The caller frees. */
gboolean index_writer_unread(IndexWriter *writer, EmailSet **ids_out, GError **error);
void index_writer_set_watermark(IndexWriter *writer, guint32 watermark);
void index_writer_set_gone_seq(IndexWriter *writer, guint64 gone_seq);
/* What account_feed_origin() said (README, "Invariants"); into the next commit, but no reason for one. */
gboolean index_writer_set_origin(IndexWriter *writer, const char *origin, GError **error);
/* Removes every email that is not in @living. */
gboolean index_writer_keep(IndexWriter *writer, const EmailSet *living, guint *removed_out, GError **error);

gboolean index_writer_commit(IndexWriter *writer, GError **error);
/* The end of bulk, and everything that was put off: commits, merges the parts (without room for it they stay several), builds the vocabulary if it is not there. */
gboolean index_writer_finish(IndexWriter *writer, GError **error);
/* One piece of housekeeping, if any is worth it, with its own commit: rewriting and packing of text segments, merging of parts. */
gboolean index_writer_maintain(IndexWriter *writer, gboolean *done_out, GError **error);
/* text_writer_set_packing(). */
void index_writer_set_packing(IndexWriter *writer, TextPacking packing, guint64 min_bytes);
/* So much of the database belongs to emails that are gone that a new one is worth building. */
gboolean index_writer_is_worn(const IndexWriter *writer);
guint32 index_writer_count(const IndexWriter *writer); /* emails with a text, at the last commit */

/* The database has grown so large that index_writer_roll() is worth it: each commit reads and writes one of its blocks for nearly every term of an email, and
 * small commits leave blocks half full and less. */
gboolean index_writer_is_loose(const IndexWriter *writer, guint64 roll_bytes); /* @roll_bytes: for tests; 0: the usual size */
/* The same, and it cannot wait for an idle time. */
gboolean index_writer_is_very_loose(const IndexWriter *writer);
/* Makes @generation_dir, which must not exist, a generation with the same content, whose database is empty: what was in it is a part, compact. The other files are
 * second names of this one's (which only grow). Nothing may have changed since the last commit. This generation is not to be written after that. SPACE: there is
 * not enough room. */
gboolean index_writer_roll(IndexWriter *writer, const char *generation_dir, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexWriter, index_writer_close)
G_END_DECLS
