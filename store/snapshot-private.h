/* How store/ makes snapshots. Not thread-safe until the snapshot is made. */
#pragma once

#include "store/snapshot.h"

G_BEGIN_DECLS

/* The keywords of a mailbox and the sets of them, as numbered in the tables keyword and keyword_set. Immutable once a snapshot has
 * it: to add, copy. */
typedef struct KeywordTable KeywordTable;
KeywordTable *keyword_table_new(void); /* no keyword, and set 0, which is empty */
KeywordTable *keyword_table_copy(const KeywordTable *table);
KeywordTable *keyword_table_ref(KeywordTable *table);
void keyword_table_unref(KeywordTable *table);
guint32 keyword_table_n_keywords(const KeywordTable *table);
guint32 keyword_table_n_sets(const KeywordTable *table);
/* The next keyword (its number is the count before) and the next set (likewise), of @n numbers. Numbers of keywords that are not
 * there are left out. */
void keyword_table_add_keyword(KeywordTable *table, const char *name);
void keyword_table_add_set(KeywordTable *table, const guint32 *numbers, gsize n);

typedef struct {
	guint32 uid, email_id, flags, keywords, size;
	gint32 sent_day;
	gint64 internal_at, saved_at, sent_at;
	guint64 modseq;
	gint16 internal_zone;
} SnapshotRow;

/* Collects rows with ascending UIDs. */
typedef struct SnapshotBuilder SnapshotBuilder;
SnapshotBuilder *snapshot_builder_new(void);
void snapshot_builder_free(SnapshotBuilder *builder);
void snapshot_builder_add(SnapshotBuilder *builder, const SnapshotRow *row);

/* What a snapshot knows beside its rows. */
typedef struct {
	guint32 uidvalidity, uidnext;
	guint64 highestmodseq;
	KeywordTable *keywords; /* the caller's; the snapshot takes a reference */
} SnapshotState;

/* The rows of @builder, which is empty afterwards. */
Snapshot *snapshot_builder_finish(SnapshotBuilder *builder, const SnapshotState *state);

/* @from with the @n_rows rows at @rows (ascending by UID) put in or replaced, and without the @n_gone UIDs at @gone (ascending; those
 * that are not there do not matter, those in both are gone). Copies the chunks that are touched, shares the others. */
Snapshot *snapshot_update(const Snapshot *from, const SnapshotState *state, const SnapshotRow *rows,
	gsize n_rows, const guint32 *gone, gsize n_gone);
KeywordTable *snapshot_keyword_table(const Snapshot *snapshot); /* the snapshot's own */
void snapshot_get_row(const Snapshot *snapshot, guint32 position, SnapshotRow *row_out);
guint64 snapshot_bytes(const Snapshot *snapshot); /* memory, chunks that others share included */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeywordTable, keyword_table_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotBuilder, snapshot_builder_free)

G_END_DECLS
