/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text store on disk (TEXT_STORE_VERSION 4)
 * =============================================
 * History: 1 the first; 2 with the stream "sort"; 3 with packed streams; 4 with the stream "long".
 *
 * A folder of segments. Segment N is eight files:
 *
 *     N.envelope N.header N.trace N.parts N.body     the streams (text-store.h) of its emails, one behind the other without anything
 *     N.sort N.long                                  between them; each email's part is lines ended by LF, or nothing
 *     N.directory                                    an array of TextEntry (text-store-private.h), one for each email, little-endian
 *
 * In a segment that is large enough, streams are packed, which of them says the setting index.compress: N.header.packed takes the place of N.header. It
 * has blocks, each of the octets of whole records, of 128 KiB or a little more, compressed by LZ4 or zstd; behind them an array of TextBlock, which says whose
 * and where they are, its checksum and its length (text-pack.c). Such a segment takes no more emails.
 *
 * and for all segments there is one log of what counts no more:
 *
 *     dead.N                                         an array of TextDeadPair: number of the segment, index of the entry
 *
 * Invariants:
 *
 *   - Files only grow. What is valid in them (TextState) is in the same commit of the database as the postings; what lies behind that is of a commit that
 *     did not happen: no reader looks at it, the next writer cuts it off. A file whose number is not in the state is
 *     removed by the next writer.
 *   - Ids ascend strictly inside of a segment, so an email is found by bisection. An email that is added again with a lower id than the newest goes to
 *     another segment that ends below it, or a new one.
 *   - Of an email at most one entry is live. Removing one is a pair in the dead log. Its bytes come back when its segment is rewritten: the live records of
 *     one or several segments are copied to a new one, which takes their place in the next commit.
 *   - Data is on disk (fdatasync, and fsync of the folder for new files) before the commit that makes it valid.
 */
#include "indexer/text-writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "indexer/index-file.h"
#include "indexer/text-pack.h"
#include "indexer/text-store-private.h"

/* A segment grows to this size. (A text larger than that has one for itself.) */
#define SEGMENT_BYTES (G_GUINT64_CONSTANT(128) * 1024 * 1024)
/* Of so many segments below a quarter of that, all are made one. */
#define SMALL_SEGMENTS 8
/* A segment is rewritten when so many bytes of it are dead, and at least one of so many. */
#define DEAD_BYTES_MIN (G_GUINT64_CONSTANT(1) * 1024 * 1024)
#define DEAD_ONE_OF 3
/* A segment is packed from this size on, if nobody said otherwise: it takes no more emails then, and there would be too many. Those that are below a quarter of
 * SEGMENT_BYTES become one later. */
#define PACK_BYTES (G_GUINT64_CONSTANT(16) * 1024 * 1024)
/* How much of the newest records is compared with its checksum at the start. */
#define CHECK_ENTRIES 64
#define CHECK_BYTES (4 * 1024 * 1024)

#define N_FILES (TEXT_N_STREAMS + 1) /* the last is the directory */

typedef struct {
	TextSegment state;         /* with what is pending */
	guint64 written[N_FILES];  /* bytes in the file */
	GByteArray *pending[N_FILES];
	guint32 last_id;
	gboolean is_new;           /* its files are not in the folder's entry on disk yet */
} OpenSegment;

struct TextWriter {
	char *dir;
	TextState state;        /* the committed one, but for next_segment */
	TextView *view;         /* of it */
	GPtrArray *segments;    /* OpenSegment, by number */
	GHashTable *added;      /* id to (index in segments, entry) as a TextDeadPair: not in view yet */
	GHashTable *removed;    /* ids of view whose entry is dead by now */
	GArray *dead;           /* TextDeadPair: not in the log yet */
	guint32 dead_log, dead_pairs; /* the log, as it is on disk */
	GPtrArray *obsolete;    /* char *: to be unlinked after the commit */
	gsize pending_bytes;
	TextPacking packing;
	guint64 pack_bytes;
	TextScratch *scratch;   /* owned; of view */
};

static void open_segment_free(gpointer data)
{
	OpenSegment *segment = data;
	for (int file = 0; file < N_FILES; file++)
		g_byte_array_unref(segment->pending[file]);
	g_free(segment);
}

static OpenSegment *open_segment_new(guint32 number)
{
	OpenSegment *segment = g_new0(OpenSegment, 1);
	segment->state.number = number;
	for (int file = 0; file < N_FILES; file++)
		segment->pending[file] = g_byte_array_new();
	return segment;
}

static char *file_path(const char *dir, guint32 number, int file)
{
	return file == TEXT_N_STREAMS ? text_directory_path(dir, number) : text_stream_path(dir, number, (TextStream)file);
}

/* Where the file's content is. */
static char *content_path(const char *dir, const TextSegment *segment, int file)
{
	return file < TEXT_N_STREAMS && segment->packed[file] != 0 ? text_packed_path(dir, segment->number, (TextStream)file) :
								     file_path(dir, segment->number, file);
}

static gboolean is_packed(const TextSegment *segment)
{
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		if (segment->packed[stream] != 0)
			return TRUE;
	return FALSE;
}

/* Its size, were it not packed. */
static guint64 segment_bytes(const TextSegment *segment)
{
	guint64 bytes = (guint64)segment->entries * sizeof(TextEntry);
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		bytes += segment->ends[stream];
	return bytes;
}

/* -- opening ---------------------------------------------------------------------------------------------------- */

static gboolean cut_files(const char *dir, const TextState *state, GHashTable *known, GError **error)
{
	for (guint i = 0; i < state->segments->len; i++) {
		const TextSegment *segment = &g_array_index(state->segments, TextSegment, i);
		for (int file = 0; file < N_FILES; file++) {
			char *path = content_path(dir, segment, file);
			(void)g_hash_table_add(known, path);
			guint64 len = file == TEXT_N_STREAMS     ? (guint64)segment->entries * sizeof(TextEntry) :
				      segment->packed[file] != 0 ? segment->packed[file] :
								   segment->ends[file];
			if (!index_file_cut(path, len, error))
				return FALSE;
		}
	}
	if (state->dead_log == 0)
		return TRUE;
	char *path = text_dead_path(dir, state->dead_log);
	(void)g_hash_table_add(known, path);
	return index_file_cut(path, (guint64)state->dead_pairs * sizeof(TextDeadPair), error);
}

/* A crash of the machine can leave holes where the newest data should be, on file systems that lie about fdatasync. */
static gboolean check_newest(const TextView *view, GError **error)
{
	const TextState *state = text_view_state(view);
	g_autoptr(TextScratch) scratch = text_scratch_new();
	for (guint i = 0; i < state->segments->len; i++) {
		guint32 n;
		const TextEntry *entries = text_view_entries(view, i, &n);
		gsize bytes = 0;
		for (guint32 k = 0; k < MIN(n, CHECK_ENTRIES) && bytes < CHECK_BYTES; k++) {
			TextSpan streams[TEXT_N_STREAMS];
			guint32 entry = n - 1 - k;
			if (!text_view_record(view, i, entry, TEXT_ALL_STREAMS, scratch, streams) ||
				text_entry_checksum(entries[entry].id, streams) != entries[entry].crc) {
				g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "text segment %u: entry %u has another checksum",
					g_array_index(state->segments, TextSegment, i).number, entry);
				return FALSE;
			}
			for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
				bytes += streams[stream].len;
		}
	}
	return TRUE;
}

TextWriter *text_writer_open(const char *dir, const TextState *committed, GError **error)
{
	if (g_mkdir_with_parents(dir, 0700) != 0) {
		(void)index_file_fail(error, dir, errno);
		return NULL;
	}
	g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (!cut_files(dir, committed, known, error) || !index_dir_remove_others(dir, known, error))
		return NULL;
	g_autoptr(TextView) view = text_view_open(dir, committed, NULL, error);
	if (view == NULL || !check_newest(view, error))
		return NULL;
	TextWriter *writer = g_new0(TextWriter, 1);
	writer->dir = g_strdup(dir);
	text_state_copy(&writer->state, committed);
	writer->segments = g_ptr_array_new_with_free_func(open_segment_free);
	for (guint i = 0; i < committed->segments->len; i++) {
		const TextSegment *state = &g_array_index(committed->segments, TextSegment, i);
		OpenSegment *segment = open_segment_new(state->number);
		guint32 n;
		const TextEntry *entries = text_view_entries(view, i, &n);
		segment->state = *state;
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			segment->written[stream] = state->ends[stream];
		segment->written[TEXT_N_STREAMS] = (guint64)n * sizeof(TextEntry);
		segment->last_id = n == 0 ? 0 : entries[n - 1].id;
		g_ptr_array_add(writer->segments, segment);
	}
	writer->view = g_steal_pointer(&view);
	writer->added = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	writer->removed = g_hash_table_new(NULL, NULL);
	writer->dead = g_array_new(FALSE, FALSE, sizeof(TextDeadPair));
	text_writer_set_packing(writer, TEXT_PACKING_HEADERS, 0);
	writer->scratch = text_scratch_new();
	writer->dead_log = committed->dead_log;
	writer->dead_pairs = committed->dead_pairs;
	writer->obsolete = g_ptr_array_new_with_free_func(g_free);
	return writer;
}

void text_writer_close(TextWriter *writer)
{
	if (writer == NULL)
		return;
	g_free(writer->dir);
	text_state_clear(&writer->state);
	text_view_unref(writer->view);
	text_scratch_free(writer->scratch);
	g_ptr_array_unref(writer->segments);
	g_hash_table_destroy(writer->added);
	g_hash_table_destroy(writer->removed);
	g_array_unref(writer->dead);
	g_ptr_array_unref(writer->obsolete);
	g_free(writer);
}

/* -- adding and removing ------------------------------------------------------------------------------------------ */

/* The fullest segment that takes @id. */
static OpenSegment *segment_for(TextWriter *writer, guint32 id, guint *index_out)
{
	OpenSegment *best = NULL;
	for (guint i = 0; i < writer->segments->len; i++) {
		OpenSegment *segment = writer->segments->pdata[i];
		if (!is_packed(&segment->state) && segment->last_id < id && segment_bytes(&segment->state) < SEGMENT_BYTES &&
			(best == NULL || segment->last_id >= best->last_id)) {
			best = segment;
			*index_out = i;
		}
	}
	if (best == NULL) {
		best = open_segment_new(writer->state.next_segment++);
		best->is_new = TRUE;
		*index_out = writer->segments->len;
		g_ptr_array_add(writer->segments, best);
	}
	return best;
}

static void segment_add(OpenSegment *segment, guint32 id, const TextSpan streams[TEXT_N_STREAMS], guint32 crc)
{
	TextEntry entry = { .id = id, .crc = crc };
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
		gsize len = streams[stream].len;
		/* Scans go over the borders of records (text-store.c). */
		g_assert(len == 0 || streams[stream].data[len - 1] == '\n');
		g_assert(len <= G_MAXUINT32 - segment->state.ends[stream]);
		g_byte_array_append(segment->pending[stream], (const guint8 *)streams[stream].data, (guint)len);
		segment->state.ends[stream] += (guint32)len;
		entry.ends[stream] = segment->state.ends[stream];
	}
	g_byte_array_append(segment->pending[TEXT_N_STREAMS], (const guint8 *)&entry, sizeof entry);
	segment->state.entries++;
	segment->last_id = id;
}

gboolean text_writer_has(const TextWriter *writer, guint32 id)
{
	return g_hash_table_contains(writer->added, GUINT_TO_POINTER(id)) ||
	       (email_set_contains(text_view_present(writer->view), id) &&
		       !g_hash_table_contains(writer->removed, GUINT_TO_POINTER(id)));
}

gboolean text_writer_is(const TextWriter *writer, guint32 id, const TextSpan streams[TEXT_N_STREAMS])
{
	const TextDeadPair *added = g_hash_table_lookup(writer->added, GUINT_TO_POINTER(id));
	guint32 crc = text_entry_checksum(id, streams);
	if (added != NULL) {
		const OpenSegment *segment = writer->segments->pdata[added->segment];
		guint32 committed = segment->state.entries - segment->pending[TEXT_N_STREAMS]->len / (guint32)sizeof(TextEntry);
		const TextEntry *entries = (const TextEntry *)(const void *)segment->pending[TEXT_N_STREAMS]->data;
		return entries[added->entry - committed].crc == crc;
	}
	TextSpan there[TEXT_N_STREAMS];
	if (!text_writer_has(writer, id) || !text_view_get(writer->view, id, writer->scratch, there))
		return FALSE;
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		if (there[stream].len != streams[stream].len ||
			memcmp(there[stream].data, streams[stream].data, streams[stream].len) != 0)
			return FALSE;
	return TRUE;
}

void text_writer_ids(const TextWriter *writer, EmailSet *ids)
{
	GHashTableIter iter;
	gpointer id;
	g_autoptr(EmailSet) present = email_set_copy(text_view_present(writer->view));
	g_hash_table_iter_init(&iter, writer->removed);
	while (g_hash_table_iter_next(&iter, &id, NULL))
		email_set_remove(present, GPOINTER_TO_UINT(id));
	g_hash_table_iter_init(&iter, writer->added);
	while (g_hash_table_iter_next(&iter, &id, NULL))
		email_set_add(present, GPOINTER_TO_UINT(id));
	email_set_or(ids, present);
}

guint32 text_writer_count(const TextWriter *writer)
{
	return text_view_count(writer->view);
}

static void bury(TextWriter *writer, OpenSegment *segment, guint32 entry, guint64 bytes)
{
	TextDeadPair pair = { segment->state.number, entry };
	g_array_append_val(writer->dead, pair);
	segment->state.dead++;
	segment->state.dead_bytes += bytes + sizeof(TextEntry);
}

static OpenSegment *segment_numbered(TextWriter *writer, guint32 number)
{
	for (guint i = 0; i < writer->segments->len; i++) {
		OpenSegment *segment = writer->segments->pdata[i];
		if (segment->state.number == number)
			return segment;
	}
	g_assert_not_reached();
}

void text_writer_remove(TextWriter *writer, guint32 id)
{
	const TextDeadPair *added = g_hash_table_lookup(writer->added, GUINT_TO_POINTER(id));
	if (added != NULL) {
		OpenSegment *segment = writer->segments->pdata[added->segment];
		guint32 committed = segment->state.entries - segment->pending[TEXT_N_STREAMS]->len / (guint32)sizeof(TextEntry);
		const TextEntry *entries = (const TextEntry *)(const void *)segment->pending[TEXT_N_STREAMS]->data;
		guint32 at = added->entry - committed;
		guint64 bytes = 0;
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			bytes += entries[at].ends[stream] - (at == 0 ? (guint32)segment->written[stream] : entries[at - 1].ends[stream]);
		bury(writer, segment, added->entry, bytes);
		g_hash_table_remove(writer->added, GUINT_TO_POINTER(id));
		return;
	}
	guint segment;
	guint32 entry;
	if (g_hash_table_contains(writer->removed, GUINT_TO_POINTER(id)) || !text_view_find(writer->view, id, &segment, &entry))
		return;
	guint64 bytes = 0;
	guint32 n;
	const TextEntry *entries = text_view_entries(writer->view, segment, &n);
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		bytes += entries[entry].ends[stream] - (entry == 0 ? 0 : entries[entry - 1].ends[stream]);
	guint32 number = g_array_index(text_view_state(writer->view)->segments, TextSegment, segment).number;
	bury(writer, segment_numbered(writer, number), entry, bytes);
	(void)g_hash_table_add(writer->removed, GUINT_TO_POINTER(id));
}

gboolean text_writer_add(TextWriter *writer, guint32 id, const TextSpan streams[TEXT_N_STREAMS], GError **error)
{
	(void)error;
	text_writer_remove(writer, id);
	guint index;
	OpenSegment *segment = segment_for(writer, id, &index);
	TextDeadPair *added = g_new(TextDeadPair, 1);
	*added = (TextDeadPair){ index, segment->state.entries };
	segment_add(segment, id, streams, text_entry_checksum(id, streams));
	(void)g_hash_table_insert(writer->added, GUINT_TO_POINTER(id), added);
	writer->pending_bytes += sizeof(TextEntry);
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		writer->pending_bytes += streams[stream].len;
	return TRUE;
}

gsize text_writer_pending(const TextWriter *writer)
{
	return writer->pending_bytes + writer->dead->len * sizeof(TextDeadPair);
}

/* -- on disk -------------------------------------------------------------------------------------------------------- */

static gboolean write_segment(TextWriter *writer, OpenSegment *segment, gboolean *new_files, GError **error)
{
	for (int file = 0; file < N_FILES; file++) {
		GByteArray *pending = segment->pending[file];
		if (pending->len == 0)
			continue;
		g_autofree char *path = file_path(writer->dir, segment->state.number, file);
		if (!index_file_write(path, segment->written[file], pending->data, pending->len, error))
			return FALSE;
		*new_files |= segment->written[file] == 0;
		segment->written[file] += pending->len;
		if (pending->len > 1024 * 1024) {
			g_byte_array_unref(pending);
			segment->pending[file] = g_byte_array_new();
		} else {
			g_byte_array_set_size(pending, 0);
		}
	}
	return TRUE;
}

static gboolean write_dead(TextWriter *writer, gboolean *new_files, GError **error)
{
	if (writer->dead->len == 0)
		return TRUE;
	if (writer->dead_log == 0) {
		writer->dead_log = writer->state.next_segment++;
		*new_files = TRUE;
	}
	g_autofree char *path = text_dead_path(writer->dir, writer->dead_log);
	if (!index_file_write(path, (guint64)writer->dead_pairs * sizeof(TextDeadPair), writer->dead->data,
		    writer->dead->len * sizeof(TextDeadPair), error))
		return FALSE;
	writer->dead_pairs += writer->dead->len;
	g_array_set_size(writer->dead, 0);
	return TRUE;
}

gboolean text_writer_sync(TextWriter *writer, TextState *state_out, GError **error)
{
	gboolean new_files = FALSE;
	for (guint i = 0; i < writer->segments->len; i++)
		if (!write_segment(writer, writer->segments->pdata[i], &new_files, error))
			return FALSE;
	if (!write_dead(writer, &new_files, error) || (new_files && !index_dir_sync(writer->dir, error)))
		return FALSE;
	g_array_set_size(writer->state.segments, 0);
	for (guint i = 0; i < writer->segments->len; i++) {
		const OpenSegment *segment = writer->segments->pdata[i];
		g_array_append_val(writer->state.segments, segment->state);
	}
	writer->state.dead_log = writer->dead_log;
	writer->state.dead_pairs = writer->dead_pairs;
	writer->pending_bytes = 0;
	text_state_copy(state_out, &writer->state);
	return TRUE;
}

gboolean text_writer_committed(TextWriter *writer, GError **error)
{
	for (guint i = 0; i < writer->obsolete->len; i++)
		(void)unlink(writer->obsolete->pdata[i]); /* else the next writer does it */
	g_ptr_array_set_size(writer->obsolete, 0);
	TextView *view = text_view_open(writer->dir, &writer->state, writer->view, error);
	if (view == NULL)
		return FALSE;
	text_view_unref(writer->view);
	writer->view = view;
	g_hash_table_remove_all(writer->added);
	g_hash_table_remove_all(writer->removed);
	return TRUE;
}

/* -- rewriting -------------------------------------------------------------------------------------------------------- */

typedef struct {
	guint32 id, entry;
	guint segment; /* index */
} LiveEntry;

static gint compare_live(gconstpointer a, gconstpointer b)
{
	guint32 left = ((const LiveEntry *)a)->id, right = ((const LiveEntry *)b)->id;
	return left < right ? -1 : left > right;
}

/* Which segments to rewrite into one: indexes, in @chosen. */
static void choose_segments(const TextWriter *writer, GArray *chosen)
{
	guint64 bytes = 0;
	for (guint i = 0; i < writer->segments->len; i++) {
		const TextSegment *state = &((const OpenSegment *)writer->segments->pdata[i])->state;
		if (segment_bytes(state) < SEGMENT_BYTES / 4) {
			bytes += segment_bytes(state);
			g_array_append_val(chosen, i);
		}
	}
	if (chosen->len >= SMALL_SEGMENTS && bytes <= SEGMENT_BYTES * 2)
		return;
	g_array_set_size(chosen, 0);
	for (guint i = 0; i < writer->segments->len; i++) {
		const TextSegment *state = &((const OpenSegment *)writer->segments->pdata[i])->state;
		gboolean all = state->dead == state->entries && state->entries > 0;
		if (all || (state->dead_bytes >= DEAD_BYTES_MIN && state->dead_bytes >= segment_bytes(state) / DEAD_ONE_OF)) {
			g_array_append_val(chosen, i);
			return;
		}
	}
}

static gboolean is_chosen(const GArray *chosen, guint index)
{
	for (guint i = 0; i < chosen->len; i++)
		if (g_array_index(chosen, guint, i) == index)
			return TRUE;
	return FALSE;
}

/* Copies the live records of the chosen segments to @target, in pieces that go to disk at once. */
static gboolean copy_live(TextWriter *writer, const GArray *chosen, OpenSegment *target, GError **error)
{
	g_autoptr(GArray) live = g_array_new(FALSE, FALSE, sizeof(LiveEntry));
	for (guint i = 0; i < chosen->len; i++) {
		guint segment = g_array_index(chosen, guint, i);
		guint32 n;
		const TextEntry *entries = text_view_entries(writer->view, segment, &n);
		for (guint32 entry = 0; entry < n; entry++) {
			LiveEntry one = { entries[entry].id, entry, segment };
			if (!text_view_is_dead(writer->view, segment, entry))
				g_array_append_val(live, one);
		}
	}
	g_array_sort(live, compare_live);
	gboolean new_files = FALSE;
	gsize held = 0;
	for (guint i = 0; i < live->len; i++) {
		const LiveEntry *one = &g_array_index(live, LiveEntry, i);
		TextSpan streams[TEXT_N_STREAMS];
		guint32 n;
		const TextEntry *entries = text_view_entries(writer->view, one->segment, &n);
		if (!text_view_record(writer->view, one->segment, one->entry, TEXT_ALL_STREAMS, writer->scratch, streams)) {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "the text of email %u is damaged", one->id);
			return FALSE;
		}
		/* The checksum is copied, not made anew: damage stays visible. */
		segment_add(target, one->id, streams, entries[one->entry].crc);
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			held += streams[stream].len;
		if (held > CHECK_BYTES) {
			if (!write_segment(writer, target, &new_files, error))
				return FALSE;
			held = 0;
		}
	}
	return TRUE;
}

/* A new log without the pairs of the chosen segments. */
static void rewrite_dead(TextWriter *writer, const GArray *chosen)
{
	g_assert(writer->dead->len == 0);
	for (guint segment = 0; segment < writer->segments->len; segment++) {
		guint32 n;
		if (is_chosen(chosen, segment))
			continue;
		(void)text_view_entries(writer->view, segment, &n);
		for (guint32 entry = 0; entry < n; entry++) {
			TextDeadPair pair = { ((const OpenSegment *)writer->segments->pdata[segment])->state.number, entry };
			if (text_view_is_dead(writer->view, segment, entry))
				g_array_append_val(writer->dead, pair);
		}
	}
	if (writer->dead_log != 0)
		g_ptr_array_add(writer->obsolete, text_dead_path(writer->dir, writer->dead_log));
	writer->dead_log = 0;
	writer->dead_pairs = 0;
}

/* Envelope and sort stay as they are: a twelfth of the text, and asked for by nearly every search, SORT and THREAD; long is asked for by every TEXT, and
 * does not get much smaller. */
static const TextCodec codecs[][TEXT_N_STREAMS] = {
	[TEXT_PACKING_NONE] = { TEXT_CODEC_NONE },
	[TEXT_PACKING_HEADERS] = { [TEXT_STREAM_HEADER] = TEXT_CODEC_LZ4,
		[TEXT_STREAM_TRACE] = TEXT_CODEC_LZ4,
		[TEXT_STREAM_PARTS] = TEXT_CODEC_LZ4 },
	[TEXT_PACKING_ALL] = { [TEXT_STREAM_HEADER] = TEXT_CODEC_ZSTD,
		[TEXT_STREAM_TRACE] = TEXT_CODEC_ZSTD,
		[TEXT_STREAM_PARTS] = TEXT_CODEC_LZ4,
		[TEXT_STREAM_BODY] = TEXT_CODEC_LZ4 },
};

TextPacking text_packing_from_name(const char *name)
{
	if (strcmp(name, "none") == 0)
		return TEXT_PACKING_NONE;
	return strcmp(name, "all") == 0 ? TEXT_PACKING_ALL : TEXT_PACKING_HEADERS;
}

void text_writer_set_packing(TextWriter *writer, TextPacking packing, guint64 min_bytes)
{
	writer->packing = packing;
	writer->pack_bytes = min_bytes != 0 ? min_bytes : PACK_BYTES;
}

static gboolean is_to_be_packed(const TextWriter *writer, const TextSegment *segment, int stream)
{
	/* What is packed must be shorter than 2 GiB; a stream is only longer than a segment if it has one huge text. */
	return segment_bytes(segment) >= writer->pack_bytes && codecs[writer->packing][stream] != TEXT_CODEC_NONE &&
	       segment->ends[stream] > 0 && segment->ends[stream] < G_MAXINT32 / 2 && segment->packed[stream] == 0;
}

/* A segment that is to be packed, or -1: the index of it. */
static gint choose_packing(const TextWriter *writer)
{
	for (guint i = 0; i < writer->segments->len; i++)
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			if (is_to_be_packed(writer, &((const OpenSegment *)writer->segments->pdata[i])->state, stream))
				return (gint)i;
	return -1;
}

static gboolean pack_segment(TextWriter *writer, guint index, GError **error)
{
	OpenSegment *segment = writer->segments->pdata[index];
	guint32 n;
	const TextEntry *entries = text_view_entries(writer->view, index, &n);
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
		if (!is_to_be_packed(writer, &segment->state, stream))
			continue;
		g_autoptr(GByteArray) packed = g_byte_array_new();
		g_autofree char *path = text_packed_path(writer->dir, segment->state.number, (TextStream)stream);
		if (!text_pack(text_view_stream(writer->view, index, (TextStream)stream), entries, n, (TextStream)stream,
			    codecs[writer->packing][stream], packed)) {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_FAILED, "%s: too large", path);
			return FALSE;
		}
		if (!index_file_cut(path, 0, error) || !index_file_write(path, 0, packed->data, packed->len, error))
			return FALSE;
		g_ptr_array_add(writer->obsolete, text_stream_path(writer->dir, segment->state.number, (TextStream)stream));
		segment->state.packed[stream] = packed->len;
	}
	return index_dir_sync(writer->dir, error);
}

gboolean text_writer_compact(TextWriter *writer, gboolean *done_out, GError **error)
{
	g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(guint));
	g_assert(text_writer_pending(writer) == 0 && g_hash_table_size(writer->added) == 0);
	choose_segments(writer, chosen);
	gint packing = chosen->len > 0 ? -1 : choose_packing(writer);
	*done_out = chosen->len > 0 || packing >= 0;
	if (packing >= 0)
		return pack_segment(writer, (guint)packing, error);
	if (chosen->len == 0)
		return TRUE;
	OpenSegment *target = open_segment_new(writer->state.next_segment++);
	if (!copy_live(writer, chosen, target, error)) {
		open_segment_free(target);
		return FALSE;
	}
	rewrite_dead(writer, chosen);
	for (guint i = chosen->len; i-- > 0;) {
		guint segment = g_array_index(chosen, guint, i);
		const OpenSegment *old = writer->segments->pdata[segment];
		for (int file = 0; file < N_FILES; file++)
			g_ptr_array_add(writer->obsolete, content_path(writer->dir, &old->state, file));
		(void)g_ptr_array_remove_index(writer->segments, segment);
	}
	if (target->state.entries == 0)
		open_segment_free(target);
	else
		g_ptr_array_add(writer->segments, target);
	return TRUE;
}
