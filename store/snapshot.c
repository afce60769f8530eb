#include "store/snapshot-private.h"

#include <string.h>

/* Neighbours that together have no more rows are joined when one of them is copied anyway, so that expunging does not leave a
 * mailbox in crumbs. */
#define JOIN_ROWS (SNAPSHOT_CHUNK_ROWS / 2)
#define FIRST_CAPACITY 16

typedef struct {
	SnapshotChunk view; /* what readers see: the same columns, read-only */
	gint refs;
	guint capacity;
	guint32 *uid, *email_id, *flags, *keywords, *size;
	gint64 *internal_at, *saved_at, *sent_at;
	guint64 *modseq;
	gint32 *sent_day;
	gint16 *internal_zone;
	guint64 data[]; /* all columns, the widest first */
} Chunk;

struct Snapshot {
	gint refs;
	guint32 count, uidvalidity, uidnext;
	guint64 highestmodseq;
	KeywordTable *keywords; /* owned reference */
	GPtrArray *chunks;      /* of Chunk, owned references; none is empty */
	guint32 *first;         /* owned: position of each chunk's first row */
};

struct SnapshotBuilder {
	GPtrArray *chunks; /* of Chunk */
	Chunk *open;       /* the one being filled, or NULL */
};

#define ROW_BYTES (4 * sizeof(guint64) + 6 * sizeof(guint32) + sizeof(gint16))

static Chunk *chunk_new(guint capacity)
{
	Chunk *chunk = g_malloc(sizeof(Chunk) + capacity * ROW_BYTES);
	chunk->refs = 1;
	chunk->capacity = capacity;
	chunk->view.n = 0;
	guint64 *wide = chunk->data;
	chunk->view.internal_at = chunk->internal_at = (gint64 *)wide;
	chunk->view.saved_at = chunk->saved_at = (gint64 *)(wide + capacity);
	chunk->view.sent_at = chunk->sent_at = (gint64 *)(wide + 2 * capacity);
	chunk->view.modseq = chunk->modseq = wide + 3 * capacity;
	guint32 *narrow = (guint32 *)(wide + 4 * capacity);
	chunk->view.uid = chunk->uid = narrow;
	chunk->view.email_id = chunk->email_id = narrow + capacity;
	chunk->view.flags = chunk->flags = narrow + 2 * capacity;
	chunk->view.keywords = chunk->keywords = narrow + 3 * capacity;
	chunk->view.size = chunk->size = narrow + 4 * capacity;
	chunk->view.sent_day = chunk->sent_day = (gint32 *)(narrow + 5 * capacity);
	chunk->view.internal_zone = chunk->internal_zone = (gint16 *)(narrow + 6 * capacity);
	return chunk;
}

static Chunk *chunk_ref(Chunk *chunk)
{
	g_atomic_int_inc(&chunk->refs);
	return chunk;
}

static void chunk_unref(gpointer data)
{
	Chunk *chunk = data;
	if (chunk != NULL && g_atomic_int_dec_and_test(&chunk->refs))
		g_free(chunk);
}

static void chunk_add_rows(Chunk *to, const Chunk *from, guint first, guint n)
{
	guint at = to->view.n;
	g_assert(at + n <= to->capacity);
#define COPY(column) memcpy(to->column + at, from->column + first, n * sizeof(*to->column))
	COPY(uid);
	COPY(email_id);
	COPY(flags);
	COPY(keywords);
	COPY(size);
	COPY(sent_day);
	COPY(internal_at);
	COPY(saved_at);
	COPY(sent_at);
	COPY(modseq);
	COPY(internal_zone);
#undef COPY
	to->view.n += n;
}

static void chunk_add_row(Chunk *chunk, const SnapshotRow *row)
{
	guint i = chunk->view.n++;
	chunk->uid[i] = row->uid;
	chunk->email_id[i] = row->email_id;
	chunk->flags[i] = row->flags;
	chunk->keywords[i] = row->keywords;
	chunk->size[i] = row->size;
	chunk->sent_day[i] = row->sent_day;
	chunk->internal_at[i] = row->internal_at;
	chunk->saved_at[i] = row->saved_at;
	chunk->sent_at[i] = row->sent_at;
	chunk->modseq[i] = row->modseq;
	chunk->internal_zone[i] = row->internal_zone;
}

SnapshotBuilder *snapshot_builder_new(void)
{
	SnapshotBuilder *builder = g_new(SnapshotBuilder, 1);
	builder->chunks = g_ptr_array_new_with_free_func(chunk_unref);
	builder->open = NULL;
	return builder;
}

void snapshot_builder_free(SnapshotBuilder *builder)
{
	if (builder == NULL)
		return;
	chunk_unref(builder->open);
	g_ptr_array_unref(builder->chunks);
	g_free(builder);
}

static void builder_flush(SnapshotBuilder *builder)
{
	if (builder->open == NULL)
		return;
	if (builder->open->view.n > 0)
		g_ptr_array_add(builder->chunks, builder->open);
	else
		chunk_unref(builder->open);
	builder->open = NULL;
}

/* Makes room for up to @n more rows in the open chunk, and says for how many (at least one). */
static guint builder_reserve(SnapshotBuilder *builder, guint n)
{
	if (builder->open != NULL && builder->open->view.n == SNAPSHOT_CHUNK_ROWS)
		builder_flush(builder);
	guint used = builder->open != NULL ? builder->open->view.n : 0;
	n = MIN(n, SNAPSHOT_CHUNK_ROWS - used);
	if (builder->open == NULL || used + n > builder->open->capacity) {
		guint capacity = builder->open != NULL ? builder->open->capacity : FIRST_CAPACITY;
		while (capacity < used + n)
			capacity *= 2;
		Chunk *grown = chunk_new(capacity);
		if (builder->open != NULL)
			chunk_add_rows(grown, builder->open, 0, used);
		chunk_unref(builder->open);
		builder->open = grown;
	}
	return n;
}

void snapshot_builder_add(SnapshotBuilder *builder, const SnapshotRow *row)
{
	(void)builder_reserve(builder, 1);
	chunk_add_row(builder->open, row);
}

static void builder_add_rows(SnapshotBuilder *builder, const Chunk *from, guint first, guint n)
{
	while (n > 0) {
		guint room = builder_reserve(builder, n);
		chunk_add_rows(builder->open, from, first, room);
		first += room;
		n -= room;
	}
}

static void builder_share(SnapshotBuilder *builder, Chunk *chunk)
{
	if (builder->open != NULL && builder->open->view.n + chunk->view.n <= JOIN_ROWS) {
		builder_add_rows(builder, chunk, 0, chunk->view.n);
		return;
	}
	builder_flush(builder);
	g_ptr_array_add(builder->chunks, chunk_ref(chunk));
}

Snapshot *snapshot_builder_finish(SnapshotBuilder *builder, const SnapshotState *state)
{
	builder_flush(builder);
	Snapshot *snapshot = g_new(Snapshot, 1);
	snapshot->refs = 1;
	snapshot->uidvalidity = state->uidvalidity;
	snapshot->uidnext = state->uidnext;
	snapshot->highestmodseq = state->highestmodseq;
	snapshot->keywords = keyword_table_ref(state->keywords);
	snapshot->chunks = g_steal_pointer(&builder->chunks);
	builder->chunks = g_ptr_array_new_with_free_func(chunk_unref);
	snapshot->first = g_new(guint32, snapshot->chunks->len);
	snapshot->count = 0;
	for (guint i = 0; i < snapshot->chunks->len; i++) {
		const Chunk *chunk = snapshot->chunks->pdata[i];
		snapshot->first[i] = snapshot->count;
		snapshot->count += chunk->view.n;
	}
	return snapshot;
}

Snapshot *snapshot_ref(Snapshot *snapshot)
{
	g_atomic_int_inc(&snapshot->refs);
	return snapshot;
}

void snapshot_unref(Snapshot *snapshot)
{
	if (snapshot == NULL || !g_atomic_int_dec_and_test(&snapshot->refs))
		return;
	g_ptr_array_unref(snapshot->chunks);
	keyword_table_unref(snapshot->keywords);
	g_free(snapshot->first);
	g_free(snapshot);
}

guint32 snapshot_count(const Snapshot *snapshot)
{
	return snapshot->count;
}

guint32 snapshot_uidvalidity(const Snapshot *snapshot)
{
	return snapshot->uidvalidity;
}

guint32 snapshot_uidnext(const Snapshot *snapshot)
{
	return snapshot->uidnext;
}

guint64 snapshot_highestmodseq(const Snapshot *snapshot)
{
	return snapshot->highestmodseq;
}

KeywordTable *snapshot_keyword_table(const Snapshot *snapshot)
{
	return snapshot->keywords;
}

static inline Chunk *chunk_at(const Snapshot *snapshot, guint i)
{
	return snapshot->chunks->pdata[i];
}

static inline guint32 chunk_last_uid(const Chunk *chunk)
{
	return chunk->uid[chunk->view.n - 1];
}

guint32 snapshot_max_uid(const Snapshot *snapshot)
{
	guint n = snapshot->chunks->len;
	return n > 0 ? chunk_last_uid(chunk_at(snapshot, n - 1)) : 0;
}

guint snapshot_n_chunks(const Snapshot *snapshot)
{
	return snapshot->chunks->len;
}

const SnapshotChunk *snapshot_chunk(const Snapshot *snapshot, guint i, guint32 *first_out)
{
	g_assert(i < snapshot->chunks->len);
	if (first_out != NULL)
		*first_out = snapshot->first[i];
	return &chunk_at(snapshot, i)->view;
}

const SnapshotChunk *snapshot_row(const Snapshot *snapshot, guint32 position, guint *row_out)
{
	g_assert(position < snapshot->count);
	/* The last chunk that starts at or before @position: none is larger than SNAPSHOT_CHUNK_ROWS, and most are as large. */
	guint high = snapshot->chunks->len, low = MIN(position / SNAPSHOT_CHUNK_ROWS, high - 1);
	if (low + 1 < high && snapshot->first[low + 1] > position)
		high = low + 1;
	while (high - low > 1) {
		guint middle = low + (high - low) / 2;
		if (snapshot->first[middle] <= position)
			low = middle;
		else
			high = middle;
	}
	*row_out = position - snapshot->first[low];
	return &chunk_at(snapshot, low)->view;
}

void snapshot_get_row(const Snapshot *snapshot, guint32 position, SnapshotRow *row_out)
{
	guint i;
	const SnapshotChunk *chunk = snapshot_row(snapshot, position, &i);
	*row_out = (SnapshotRow){
		.uid = chunk->uid[i],
		.email_id = chunk->email_id[i],
		.flags = chunk->flags[i],
		.keywords = chunk->keywords[i],
		.size = chunk->size[i],
		.sent_day = chunk->sent_day[i],
		.internal_at = chunk->internal_at[i],
		.saved_at = chunk->saved_at[i],
		.sent_at = chunk->sent_at[i],
		.modseq = chunk->modseq[i],
		.internal_zone = chunk->internal_zone[i],
	};
}

gboolean snapshot_find_uid(const Snapshot *snapshot, guint32 uid, guint32 *position_out)
{
	/* The first chunk whose last UID is @uid or higher. */
	guint low = 0, high = snapshot->chunks->len;
	while (low < high) {
		guint middle = low + (high - low) / 2;
		if (chunk_last_uid(chunk_at(snapshot, middle)) < uid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == snapshot->chunks->len) {
		*position_out = snapshot->count;
		return FALSE;
	}
	const Chunk *chunk = chunk_at(snapshot, low);
	guint first = 0, last = chunk->view.n;
	while (first < last) {
		guint middle = first + (last - first) / 2;
		if (chunk->uid[middle] < uid)
			first = middle + 1;
		else
			last = middle;
	}
	*position_out = snapshot->first[low] + first;
	return chunk->uid[first] == uid;
}

UidSet *snapshot_changed_since(const Snapshot *snapshot, guint64 since)
{
	UidSet *changed = uidset_new();
	for (guint i = 0; i < snapshot_n_chunks(snapshot); i++) {
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, i, NULL);
		for (guint row = 0; row < chunk->n; row++) {
			if (chunk->modseq[row] > since)
				uidset_add(changed, chunk->uid[row]);
		}
	}
	return changed;
}

guint32 snapshot_uid_at(const Snapshot *snapshot, guint32 position)
{
	guint row;
	return snapshot_row(snapshot, position, &row)->uid[row];
}

guint64 snapshot_bytes(const Snapshot *snapshot)
{
	guint64 bytes = sizeof(Snapshot);
	for (guint i = 0; i < snapshot->chunks->len; i++)
		bytes += sizeof(Chunk) + chunk_at(snapshot, i)->capacity * ROW_BYTES + sizeof(gpointer) +
			sizeof(guint32);
	return bytes;
}

/* One chunk merged with the changes that fall into its range of UIDs. */
static void merge_chunk(SnapshotBuilder *builder, const Chunk *chunk, const SnapshotRow *rows, gsize n_rows,
	const guint32 *gone, gsize n_gone)
{
	guint i = 0;
	gsize row = 0, g = 0;
	while (i < chunk->view.n || row < n_rows) {
		/* The run of old rows that no change touches is copied at once. */
		guint32 stop = row < n_rows ? rows[row].uid : G_MAXUINT32;
		gboolean bounded = row < n_rows;
		guint run = i;
		while (run < chunk->view.n && (!bounded || chunk->uid[run] < stop)) {
			while (g < n_gone && gone[g] < chunk->uid[run])
				g++;
			if (g < n_gone && gone[g] == chunk->uid[run])
				break;
			run++;
		}
		builder_add_rows(builder, chunk, i, run - i);
		i = run;
		if (i < chunk->view.n && g < n_gone && gone[g] == chunk->uid[i] &&
			(!bounded || chunk->uid[i] <= stop)) {
			if (bounded && chunk->uid[i] == stop)
				row++;
			i++;
			continue;
		}
		if (!bounded)
			continue;
		if (i < chunk->view.n && chunk->uid[i] == stop)
			i++;
		while (g < n_gone && gone[g] < stop)
			g++;
		if (g == n_gone || gone[g] != stop)
			snapshot_builder_add(builder, &rows[row]);
		row++;
	}
}

Snapshot *snapshot_update(const Snapshot *from, const SnapshotState *state, const SnapshotRow *rows,
	gsize n_rows, const guint32 *gone, gsize n_gone)
{
	g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
	gsize row = 0, g = 0;
	for (guint i = 0; i < from->chunks->len; i++) {
		Chunk *chunk = chunk_at(from, i);
		gboolean is_last = i + 1 == from->chunks->len;
		guint32 end =
			is_last ? 0 : chunk_at(from, i + 1)->uid[0]; /* changes below belong to this chunk */
		gsize row_end = row, gone_end = g;
		while (row_end < n_rows && (is_last || rows[row_end].uid < end))
			row_end++;
		while (gone_end < n_gone && (is_last || gone[gone_end] < end))
			gone_end++;
		if (row == row_end && g == gone_end) {
			builder_share(builder, chunk);
		} else if (g == gone_end && chunk->view.n == SNAPSHOT_CHUNK_ROWS &&
			rows[row].uid > chunk_last_uid(chunk)) {
			builder_share(builder, chunk);
			for (; row < row_end; row++)
				snapshot_builder_add(builder, &rows[row]);
		} else {
			merge_chunk(builder, chunk, rows + row, row_end - row, gone + g, gone_end - g);
		}
		row = row_end;
		g = gone_end;
	}
	if (from->chunks->len == 0) {
		for (; row < n_rows; row++) {
			while (g < n_gone && gone[g] < rows[row].uid)
				g++;
			if (g == n_gone || gone[g] != rows[row].uid)
				snapshot_builder_add(builder, &rows[row]);
		}
	}
	return snapshot_builder_finish(builder, state);
}

/* Walks a snapshot row by row. */
typedef struct {
	const Snapshot *snapshot;
	guint chunk, row;
} Cursor;

static inline const Chunk *cursor_chunk(const Cursor *cursor)
{
	return cursor->chunk < cursor->snapshot->chunks->len ? chunk_at(cursor->snapshot, cursor->chunk)
							     : NULL;
}

static inline void cursor_next(Cursor *cursor)
{
	if (++cursor->row == chunk_at(cursor->snapshot, cursor->chunk)->view.n) {
		cursor->chunk++;
		cursor->row = 0;
	}
}

SnapshotDiff *snapshot_diff(const Snapshot *from, const Snapshot *to)
{
	SnapshotDiff *diff = g_new(SnapshotDiff, 1);
	diff->expunged = uidset_new();
	diff->changed = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint32 max_uid = snapshot_max_uid(from), position;
	diff->appended = to->count - (snapshot_find_uid(to, max_uid, &position) ? position + 1 : position);
	Cursor a = { from, 0, 0 }, b = { to, 0, 0 };
	const Chunk *old;
	while ((old = cursor_chunk(&a)) != NULL) {
		const Chunk *new = cursor_chunk(&b);
		if (new == old && a.row == 0 && b.row == 0) { /* shared: nothing changed in it */
			a.chunk++;
			b.chunk++;
			continue;
		}
		guint32 uid = old->uid[a.row];
		if (new == NULL || uid < new->uid[b.row]) {
			uidset_add(diff->expunged, uid);
			cursor_next(&a);
		} else if (uid > new->uid[b.row]) {
			cursor_next(
				&b); /* @to is not older, so this does not happen; a wrong pair must not loop */
		} else {
			if (old->modseq[a.row] != new->modseq[b.row])
				g_array_append_val(diff->changed, uid);
			cursor_next(&a);
			cursor_next(&b);
		}
	}
	return diff;
}

void snapshot_diff_free(SnapshotDiff *diff)
{
	if (diff == NULL)
		return;
	uidset_free(diff->expunged);
	g_array_unref(diff->changed);
	g_free(diff);
}

Snapshot *snapshot_merge_keeping_expunged(Snapshot *from, Snapshot *to)
{
	g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(SnapshotRow));
	g_autoptr(SnapshotDiff) diff = snapshot_diff(from, to);
	if (uidset_is_empty(diff->expunged))
		return snapshot_ref(to);
	for (guint i = 0; i < uidset_n_ranges(diff->expunged); i++) {
		UidRange range = uidset_range(diff->expunged, i);
		for (guint32 uid = range.first;; uid++) {
			guint32 position;
			if (snapshot_find_uid(from, uid, &position)) {
				SnapshotRow row;
				snapshot_get_row(from, position, &row);
				g_array_append_val(kept, row);
			}
			if (uid == range.last)
				break;
		}
	}
	SnapshotState state = { to->uidvalidity, to->uidnext, to->highestmodseq, to->keywords };
	return snapshot_update(to, &state, (const SnapshotRow *)(void *)kept->data, kept->len, NULL, 0);
}
