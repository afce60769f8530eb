/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of the text store. How the files are laid out is described in text-writer.c. */
#include "indexer/text-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memsearch.h"
#include "indexer/ftindex.h"
#include "indexer/index-file.h"
#include "indexer/parallel.h"
#include "indexer/search-cancel.h"
#include "indexer/text-pack.h"

/* Work is cut by entries; and what is worth a second thread. */
#define SCAN_CHUNK 1024
#define VERIFY_CHUNK 128
#define PARALLEL_BYTES (4 * 1024 * 1024)
/* Fewer than one of so many entries asked for: they are looked up one by one. */
#define SPARSE 24
/* Unpacking takes so many times as long as searching. */
#define PACKED_COST 3

static const char *const stream_names[] = { "envelope", "header", "trace", "parts", "body", "sort", "long" };

char *text_stream_path(const char *dir, guint32 segment, TextStream stream)
{
	return g_strdup_printf("%s/%u.%s", dir, segment, stream_names[stream]);
}

char *text_packed_path(const char *dir, guint32 segment, TextStream stream)
{
	return g_strdup_printf("%s/%u.%s.packed", dir, segment, stream_names[stream]);
}

char *text_directory_path(const char *dir, guint32 segment)
{
	return g_strdup_printf("%s/%u.directory", dir, segment);
}

char *text_dead_path(const char *dir, guint32 log)
{
	return g_strdup_printf("%s/dead.%u", dir, log);
}

void text_state_init(TextState *state)
{
	*state = (TextState){ .segments = g_array_new(FALSE, FALSE, sizeof(TextSegment)), .next_segment = 1 };
}

void text_state_clear(TextState *state)
{
	g_clear_pointer(&state->segments, g_array_unref);
}

void text_state_copy(TextState *to, const TextState *from)
{
	*to = *from;
	to->segments = g_array_copy(from->segments);
}

/* -- views -------------------------------------------------------------------------------------------------------- */

typedef struct {
	guint32 number;
	FileMapping *streams[TEXT_N_STREAMS]; /* references; NULL where the stream is empty or packed */
	TextPack *packs[TEXT_N_STREAMS];      /* references; NULL where it is not packed */
	FileMapping *directory;
	const TextEntry *entries;         /* in directory */
	guint32 n_entries;
	EmailSet *dead;                   /* owned: indexes of entries; NULL: none */
} Segment;

struct TextView {
	gint refs; /* atomic */
	TextState state;
	Segment *segments; /* one for each of state */
	EmailSet *present;
	guint32 count;     /* of present */
};

static void segment_clear(Segment *segment)
{
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
		file_mapping_unref(segment->streams[stream]);
		text_pack_unref(segment->packs[stream]);
	}
	file_mapping_unref(segment->directory);
	email_set_free(segment->dead);
}

TextView *text_view_ref(TextView *view)
{
	g_atomic_int_inc(&view->refs);
	return view;
}

void text_view_unref(TextView *view)
{
	if (view == NULL || !g_atomic_int_dec_and_test(&view->refs))
		return;
	for (guint i = 0; i < view->state.segments->len; i++)
		segment_clear(&view->segments[i]);
	g_free(view->segments);
	email_set_free(view->present);
	text_state_clear(&view->state);
	g_free(view);
}

static const TextSegment *segment_state(const TextView *view, guint segment)
{
	return &g_array_index(view->state.segments, TextSegment, segment);
}

static const Segment *find_segment(const TextView *view, guint32 number)
{
	for (guint i = 0; view != NULL && i < view->state.segments->len; i++)
		if (segment_state(view, i)->number == number)
			return &view->segments[i];
	return NULL;
}

/* The mapping of @previous if it is long enough. */
static gboolean map_file(FileMapping **mapping, FileMapping *previous, char *path, gsize len, GError **error)
{
	g_autofree char *owned_path = path;
	if (previous != NULL && previous->len >= len)
		*mapping = file_mapping_ref(previous);
	else if (len > 0)
		*mapping = file_mapping_new(owned_path, len, error);
	return *mapping != NULL || len == 0;
}

/* Ids ascend, and lengths do, within what the state says: after this no offset needs a check. */
static gboolean check_entries(const Segment *segment, const TextSegment *state, guint32 from, GError **error)
{
	for (guint32 i = from; i < segment->n_entries; i++) {
		const TextEntry *entry = &segment->entries[i];
		gboolean ok = entry->id > (i == 0 ? 0 : segment->entries[i - 1].id);
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
			guint32 begin = i == 0 ? 0 : segment->entries[i - 1].ends[stream];
			ok = ok && entry->ends[stream] >= begin && entry->ends[stream] <= state->ends[stream];
		}
		if (!ok) {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "text segment %u: entry %u makes no sense",
				state->number, i);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean open_pack(
	const char *dir, const TextSegment *state, const Segment *previous, TextStream stream, Segment *segment, GError **error)
{
	g_autofree char *path = text_packed_path(dir, state->number, stream);
	if (previous != NULL && previous->packs[stream] != NULL)
		segment->packs[stream] = text_pack_ref(previous->packs[stream]);
	else
		segment->packs[stream] =
			text_pack_open(path, state->packed[stream], segment->entries, segment->n_entries, stream, error);
	return segment->packs[stream] != NULL;
}

static gboolean open_segment(
	const char *dir, const TextSegment *state, const Segment *previous, Segment *segment, GError **error)
{
	segment->number = state->number;
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		if (state->packed[stream] == 0 && !map_file(&segment->streams[stream], previous == NULL ? NULL : previous->streams[stream],
			    text_stream_path(dir, state->number, stream), state->ends[stream], error))
			return FALSE;
	if (!map_file(&segment->directory, previous == NULL ? NULL : previous->directory,
		    text_directory_path(dir, state->number), (gsize)state->entries * sizeof(TextEntry), error))
		return FALSE;
	segment->entries = segment->directory == NULL ? NULL : (const TextEntry *)(const void *)segment->directory->data;
	segment->n_entries = state->entries;
	if (previous != NULL && previous->dead != NULL)
		segment->dead = email_set_copy(previous->dead);
	guint32 checked = previous == NULL ? 0 : MIN(previous->n_entries, segment->n_entries);
	if (!check_entries(segment, state, checked, error))
		return FALSE;
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		if (state->packed[stream] != 0 && !open_pack(dir, state, previous, (TextStream)stream, segment, error))
			return FALSE;
	return TRUE;
}

/* Reads the pairs from @from on; *pairs_out owned. */
static gboolean read_dead_pairs(
	const char *dir, const TextState *state, guint32 from, TextDeadPair **pairs_out, guint32 *n_out, GError **error)
{
	*pairs_out = NULL;
	*n_out = state->dead_pairs - from;
	if (*n_out == 0)
		return TRUE;
	g_autofree char *path = text_dead_path(dir, state->dead_log);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return index_file_fail(error, path, errno);
	gsize len = (gsize)*n_out * sizeof(TextDeadPair);
	g_autofree TextDeadPair *pairs = g_malloc(len);
	gssize got = pread(fd, pairs, len, (off_t)from * (off_t)sizeof(TextDeadPair));
	(void)close(fd);
	if (got != (gssize)len) {
		g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "%s: too short", path);
		return FALSE;
	}
	*pairs_out = g_steal_pointer(&pairs);
	return TRUE;
}

static gint segment_index(const TextView *view, guint32 number)
{
	for (guint i = 0; i < view->state.segments->len; i++)
		if (segment_state(view, i)->number == number)
			return (gint)i;
	return -1;
}

/* Marks what died; pairs of segments that are there no more are passed over. */
static gboolean load_dead(const char *dir, TextView *view, const TextView *previous, GArray *died, GError **error)
{
	gboolean same_log = previous != NULL && previous->state.dead_log == view->state.dead_log &&
			    previous->state.dead_pairs <= view->state.dead_pairs;
	g_autofree TextDeadPair *pairs = NULL;
	guint32 n;
	if (!read_dead_pairs(dir, &view->state, same_log ? previous->state.dead_pairs : 0, &pairs, &n, error))
		return FALSE;
	for (guint32 i = 0; i < n; i++) {
		gint at = segment_index(view, pairs[i].segment);
		if (at < 0)
			continue;
		Segment *segment = &view->segments[at];
		if (pairs[i].entry >= segment->n_entries) {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "text segment %u: no entry %u", pairs[i].segment,
				pairs[i].entry);
			return FALSE;
		}
		if (segment->dead == NULL)
			segment->dead = email_set_new();
		email_set_add(segment->dead, pairs[i].entry);
		g_array_append_val(died, segment->entries[pairs[i].entry].id);
	}
	return TRUE;
}

/* Whether nothing of @previous was rewritten: what died since is then in the log. */
static gboolean is_continued(const TextView *view, const TextView *previous)
{
	if (previous == NULL || (previous->state.dead_log != 0 && previous->state.dead_log != view->state.dead_log))
		return FALSE;
	for (guint i = 0; i < previous->state.segments->len; i++)
		if (find_segment(view, segment_state(previous, i)->number) == NULL)
			return FALSE;
	return TRUE;
}

/* What was present in @previous, the new entries, less what died and has no other record. */
static void find_present(TextView *view, const TextView *previous, const GArray *died)
{
	if (!is_continued(view, previous))
		previous = NULL;
	view->present = previous == NULL ? email_set_new() : email_set_copy(previous->present);
	for (guint i = 0; i < view->state.segments->len; i++) {
		const Segment *segment = &view->segments[i], *before = find_segment(previous, segment_state(view, i)->number);
		for (guint32 entry = before == NULL ? 0 : before->n_entries; entry < segment->n_entries; entry++)
			if (segment->dead == NULL || !email_set_contains(segment->dead, entry))
				email_set_add(view->present, segment->entries[entry].id);
	}
	for (guint i = 0; i < died->len && previous != NULL; i++) {
		guint32 id = g_array_index(died, guint32, i), entry;
		guint segment;
		if (!text_view_find(view, id, &segment, &entry))
			email_set_remove(view->present, id);
	}
	view->count = email_set_count(view->present);
}

TextView *text_view_open(const char *dir, const TextState *state, const TextView *previous, GError **error)
{
	g_autoptr(TextView) view = g_new0(TextView, 1);
	view->refs = 1;
	text_state_copy(&view->state, state);
	view->segments = g_new0(Segment, state->segments->len);
	for (guint i = 0; i < state->segments->len; i++) {
		const TextSegment *segment = segment_state(view, i);
		if (!open_segment(dir, segment, find_segment(previous, segment->number), &view->segments[i], error))
			return NULL;
	}
	g_autoptr(GArray) died = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (!load_dead(dir, view, previous, died, error))
		return NULL;
	find_present(view, previous, died);
	return g_steal_pointer(&view);
}

const EmailSet *text_view_present(const TextView *view)
{
	return view->present;
}

guint32 text_view_count(const TextView *view)
{
	return view->count;
}

const TextState *text_view_state(const TextView *view)
{
	return &view->state;
}

const TextEntry *text_view_entries(const TextView *view, guint segment, guint32 *n_out)
{
	*n_out = view->segments[segment].n_entries;
	return view->segments[segment].entries;
}

gboolean text_view_is_dead(const TextView *view, guint segment, guint32 entry)
{
	const EmailSet *dead = view->segments[segment].dead;
	return dead != NULL && email_set_contains(dead, entry);
}

guint64 text_view_bytes(const TextView *view)
{
	guint64 bytes = 0;
	for (guint i = 0; i < view->state.segments->len; i++)
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			bytes += segment_state(view, i)->ends[stream];
	return bytes;
}

guint text_leaf_streams(const TextLeaf *leaf)
{
	switch (leaf->scope) {
	case TEXT_SCOPE_HEADER:
		return 1u << text_stream_of_leaf(leaf);
	case TEXT_SCOPE_BODY:
		return 1u << TEXT_STREAM_BODY;
	case TEXT_SCOPE_TEXT:
		break;
	}
	return (1u << TEXT_STREAM_SORT) - 1;
}

TextExtent text_view_extent(const TextView *view, guint streams)
{
	TextExtent extent = { .open_bytes = 0 };
	for (guint i = 0; i < view->state.segments->len; i++)
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
			const TextPack *pack = view->segments[i].packs[stream];
			if ((streams >> stream & 1) == 0)
				continue;
			*(pack != NULL ? &extent.packed_bytes : &extent.open_bytes) += segment_state(view, i)->ends[stream];
			extent.blocks += pack != NULL ? text_pack_blocks(pack) : 0;
		}
	return extent;
}

/* -- one email ---------------------------------------------------------------------------------------------------- */

static gboolean find_in_segment(const Segment *segment, guint32 id, guint32 *entry_out)
{
	if (segment->n_entries == 0 || segment->entries[segment->n_entries - 1].id < id)
		return FALSE;
	guint32 low = 0, high = segment->n_entries;
	while (low < high) {
		guint32 middle = low + (high - low) / 2;
		if (segment->entries[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (segment->entries[low].id != id || (segment->dead != NULL && email_set_contains(segment->dead, low)))
		return FALSE;
	*entry_out = low;
	return TRUE;
}

gboolean text_view_find(const TextView *view, guint32 id, guint *segment_out, guint32 *entry_out)
{
	for (guint i = view->state.segments->len; i-- > 0;) {
		if (find_in_segment(&view->segments[i], id, entry_out)) {
			*segment_out = i;
			return TRUE;
		}
	}
	return FALSE;
}

static guint32 entry_begin(const Segment *segment, guint32 entry, TextStream stream)
{
	return entry == 0 ? 0 : segment->entries[entry - 1].ends[stream];
}

static const char *stream_data(const Segment *segment, TextStream stream)
{
	return segment->streams[stream] == NULL ? "" : segment->streams[stream]->data;
}

const char *text_view_stream(const TextView *view, guint segment, TextStream stream)
{
	return stream_data(&view->segments[segment], stream);
}

/* Octets of a stream that are at hand in one piece: those of the entries from @first to before @end. */
typedef struct {
	const char *data;
	guint32 first, end;
} Piece;

/* The one that has @entry's; FALSE: damaged. */
static gboolean piece_of(const Segment *segment, TextStream stream, guint32 entry, TextScratch *scratch, Piece *piece)
{
	if (segment->packs[stream] == NULL) {
		*piece = (Piece){ stream_data(segment, stream), 0, segment->n_entries };
		return TRUE;
	}
	guint32 block = text_pack_block(segment->packs[stream], entry, &piece->first, &piece->end);
	piece->data = text_pack_read(segment->packs[stream], segment->number, stream, block, scratch);
	return piece->data != NULL;
}

static TextSpan span_of(const Segment *segment, TextStream stream, const Piece *piece, guint32 entry)
{
	guint32 begin = entry_begin(segment, entry, stream);
	return (TextSpan){ piece->data + (begin - entry_begin(segment, piece->first, stream)),
		segment->entries[entry].ends[stream] - begin };
}

gboolean text_view_record(const TextView *view, guint segment, guint32 entry, guint wanted, TextScratch *scratch,
	TextSpan streams[TEXT_N_STREAMS])
{
	const Segment *in = &view->segments[segment];
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++) {
		Piece piece;
		streams[stream] = (TextSpan){ "", 0 };
		if ((wanted >> stream & 1) == 0)
			continue;
		if (!piece_of(in, (TextStream)stream, entry, scratch, &piece))
			return FALSE;
		streams[stream] = span_of(in, (TextStream)stream, &piece, entry);
	}
	return TRUE;
}

gboolean text_view_get(const TextView *view, guint32 id, TextScratch *scratch, TextSpan streams[TEXT_N_STREAMS])
{
	guint segment;
	guint32 entry;
	return text_view_find(view, id, &segment, &entry) &&
	       text_view_record(view, segment, entry, TEXT_ALL_STREAMS, scratch, streams);
}

/* Whether it is the live record of @id. */
static gboolean is_entry(const TextView *view, TextCursor at, guint32 id)
{
	return at.segment < view->state.segments->len && at.next < view->segments[at.segment].n_entries &&
	       view->segments[at.segment].entries[at.next].id == id && !text_view_is_dead(view, at.segment, at.next);
}

gboolean text_view_sort_keys(const TextView *view, guint32 id, TextCursor *cursor, TextSpan *lines_out)
{
	if (!is_entry(view, *cursor, id) && !text_view_find(view, id, &cursor->segment, &cursor->next))
		return FALSE;
	const Segment *segment = &view->segments[cursor->segment];
	guint32 begin = entry_begin(segment, cursor->next, TEXT_STREAM_SORT);
	lines_out->data = stream_data(segment, TEXT_STREAM_SORT) + begin;
	lines_out->len = segment->entries[cursor->next].ends[TEXT_STREAM_SORT] - begin;
	cursor->next++;
	return TRUE;
}

void text_view_check(const TextView *view, EmailSet *damaged)
{
	g_autoptr(TextScratch) scratch = text_scratch_new();
	for (guint i = 0; i < view->state.segments->len; i++) {
		const Segment *segment = &view->segments[i];
		for (guint32 entry = 0; entry < segment->n_entries; entry++) {
			TextSpan streams[TEXT_N_STREAMS];
			if (text_view_is_dead(view, i, entry))
				continue;
			if (!text_view_record(view, i, entry, TEXT_ALL_STREAMS, scratch, streams) ||
				text_entry_checksum(segment->entries[entry].id, streams) != segment->entries[entry].crc)
				email_set_add(damaged, segment->entries[entry].id);
		}
	}
}

/* -- many emails ------------------------------------------------------------------------------------------------ */

typedef struct {
	const TextView *view;
	const TextLeaf *leaf;
	const EmailSet *among;
	const SearchCancel *cancel;
	const guint32 *ids; /* verified one by one; else chunks of segments */
	guint streams;      /* bits */
	TextPairs pairs;    /* of the needle */
	GMutex lock;        /* of what is below */
	GPtrArray *scratches; /* owned: of threads that have ended a piece of the work */
	EmailSet *matched;
	GError *error;
} MatchRun;

static TextScratch *run_begin(MatchRun *run)
{
	g_mutex_lock(&run->lock);
	TextScratch *scratch = run->scratches->len > 0 ? g_ptr_array_steal_index(run->scratches, run->scratches->len - 1) : NULL;
	g_mutex_unlock(&run->lock);
	return scratch != NULL ? scratch : text_scratch_new();
}

static gboolean run_end(MatchRun *run, TextScratch *scratch, GArray *found, GError *error)
{
	g_mutex_lock(&run->lock);
	g_ptr_array_add(run->scratches, scratch);
	for (guint i = 0; i < found->len; i++)
		email_set_add(run->matched, g_array_index(found, guint32, i));
	if (run->error == NULL)
		run->error = g_steal_pointer(&error);
	gboolean ok = run->error == NULL;
	g_mutex_unlock(&run->lock);
	g_clear_error(&error);
	return ok;
}

static gboolean fail_as_damaged(const Segment *segment, GError **error)
{
	g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "text segment %u: a packed block is damaged", segment->number);
	return FALSE;
}

/* Whether the hit at @hit in the record @span counts: anywhere, but for HEADER in the value of the field, in whose line it then is. If not, *next_out is where
 * one may be that does: behind a line of another field, which may have millions of hits. */
static gboolean hit_counts(const TextLeaf *leaf, TextSpan span, const char *hit, const char **next_out)
{
	if (leaf->scope != TEXT_SCOPE_HEADER)
		return TRUE;
	const char *end = span.data + span.len, *before = hit == span.data ? NULL : memrchr(span.data, '\n', (gsize)(hit - span.data));
	const char *line = before == NULL ? span.data : before + 1, *value = line + leaf->field_len + 2;
	if ((gsize)(end - line) >= leaf->field_len + 2 && memcmp(line, leaf->field, leaf->field_len) == 0 &&
		memcmp(line + leaf->field_len, ": ", 2) == 0) {
		*next_out = value;
		return hit >= value;
	}
	const char *lf = memchr(hit, '\n', (gsize)(end - hit));
	*next_out = lf == NULL ? end : lf + 1;
	return FALSE;
}

/* The needle first, then where it is: most lines are never looked at. The same as text_streams_match(). */
static gboolean match_record(const TextLeaf *leaf, TextStream stream, TextSpan span)
{
	if (leaf->needle_len == 0) {
		TextSpan streams[TEXT_N_STREAMS] = { [0 ... TEXT_N_STREAMS - 1] = { "", 0 } };
		streams[stream] = span;
		return text_streams_match(streams, leaf);
	}
	const char *end = span.data + span.len;
	for (const char *at = span.data; at < end;) {
		const char *hit = mem_find(at, (gsize)(end - at), leaf->needle, leaf->needle_len);
		if (hit == NULL || hit_counts(leaf, span, hit, &at))
			return hit != NULL;
	}
	return FALSE;
}

/* FALSE: the needle is not in what has to be unpacked for the entry; that goes as far as to before *end_out (may be NULL). */
static gboolean may_have(const MatchRun *run, const Segment *segment, TextStream stream, guint32 entry, guint32 *end_out)
{
	guint32 first, end;
	const TextPack *pack = segment->packs[stream];
	if (pack == NULL)
		return TRUE;
	guint32 block = text_pack_block(pack, entry, &first, &end);
	if (end_out != NULL)
		*end_out = end;
	return text_pack_may_have(pack, block, &run->pairs);
}

/* FALSE: damaged. */
static gboolean verify_stream(
	const MatchRun *run, const Segment *segment, guint32 entry, TextStream stream, TextScratch *scratch, gboolean *match_out)
{
	Piece piece;
	gboolean is_empty = entry_begin(segment, entry, stream) == segment->entries[entry].ends[stream];
	if ((is_empty && run->leaf->needle_len > 0) || !may_have(run, segment, stream, entry, NULL))
		return TRUE;
	if (!piece_of(segment, stream, entry, scratch, &piece))
		return FALSE;
	*match_out = match_record(run->leaf, stream, span_of(segment, stream, &piece, entry));
	return TRUE;
}

/* What needs no unpacking first: with that most of it is decided. */
static gboolean verify_entry(
	const MatchRun *run, const Segment *segment, guint32 entry, TextScratch *scratch, gboolean *match_out, GError **error)
{
	*match_out = FALSE;
	for (int packed = 0; packed <= 1; packed++)
		for (int stream = 0; stream < TEXT_N_STREAMS && !*match_out; stream++)
			if ((run->streams >> stream & 1) != 0 && (segment->packs[stream] != NULL) == packed &&
				!verify_stream(run, segment, entry, (TextStream)stream, scratch, match_out))
				return fail_as_damaged(segment, error);
	return TRUE;
}

static gboolean verify_some(gsize first, gsize end, gpointer data)
{
	MatchRun *run = data;
	GError *error = NULL;
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(guint32));
	TextScratch *scratch = run_begin(run);
	gboolean ok = search_cancel_check(run->cancel, &error), match;
	for (gsize i = first; ok && i < end; i++) {
		guint segment;
		guint32 entry;
		if (!text_view_find(run->view, run->ids[i], &segment, &entry))
			continue;
		ok = verify_entry(run, &run->view->segments[segment], entry, scratch, &match, &error);
		if (ok && match)
			g_array_append_val(found, run->ids[i]);
	}
	return run_end(run, scratch, found, error);
}

/* A part of a segment that is scanned: the entries from @first to before @end. */
typedef struct {
	const MatchRun *run;
	const Segment *segment;
	guint32 first, end;
	gboolean open[SCAN_CHUNK]; /* of entry @first + i: it is asked for, live, and was not found yet */
	TextScratch *scratch;
	GArray *found;
} Scan;

/* The entry, from @low on and before @end, whose part of the stream has the octet at @offset: the first that ends behind it; mostly near. */
static guint32 entry_at(const Segment *segment, TextStream stream, guint32 low, guint32 end, guint32 offset)
{
	guint32 high = end - 1, step = 1;
	while (low + step < high && segment->entries[low + step].ends[stream] <= offset) {
		low += step;
		step *= 2;
	}
	high = MIN(low + step, high);
	while (low < high) {
		guint32 middle = low + (high - low) / 2;
		if (segment->entries[middle].ends[stream] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Searches the entries from @entry to before @end, all open and in @piece, as one text: since every record ends with a line, nothing matches across two of
 * them. */
static void scan_run(Scan *scan, const Piece *piece, guint32 entry, guint32 end, TextStream stream)
{
	const Segment *segment = scan->segment;
	const TextLeaf *leaf = scan->run->leaf;
	guint32 origin = entry_begin(segment, piece->first, stream);
	guint32 at = entry_begin(segment, entry, stream), until = segment->entries[end - 1].ends[stream];
	while (at < until) {
		const char *hit = mem_find(piece->data + (at - origin), until - at, leaf->needle, leaf->needle_len);
		if (hit == NULL)
			return;
		entry = entry_at(segment, stream, entry, end, origin + (guint32)(hit - piece->data));
		const char *next;
		if (!hit_counts(leaf, span_of(segment, stream, piece, entry), hit, &next)) {
			at = origin + (guint32)(next - piece->data);
			continue;
		}
		g_array_append_val(scan->found, segment->entries[entry].id);
		scan->open[entry - scan->first] = FALSE;
		at = segment->entries[entry].ends[stream];
		if (++entry >= end)
			return;
	}
}

/* FALSE: damaged. */
static gboolean scan_stream(Scan *scan, TextStream stream)
{
	Piece piece = { NULL, 0, 0 };
	for (guint32 entry = scan->first, end; entry < scan->end; entry = end) {
		end = entry + 1;
		if (!scan->open[entry - scan->first])
			continue;
		if (entry >= piece.end) {
			guint32 block_end;
			if (!may_have(scan->run, scan->segment, stream, entry, &block_end)) {
				end = block_end;
				continue;
			}
			if (!piece_of(scan->segment, stream, entry, scan->scratch, &piece))
				return FALSE;
		}
		while (end < MIN(scan->end, piece.end) && scan->open[end - scan->first])
			end++;
		scan_run(scan, &piece, entry, end, stream);
	}
	return TRUE;
}

static gboolean wanted(const MatchRun *run, const Segment *segment, guint32 entry)
{
	return email_set_contains(run->among, segment->entries[entry].id) &&
	       (segment->dead == NULL || !email_set_contains(segment->dead, entry));
}

/* What is packed last: it is unpacked only for what was not found before. */
static gboolean scan_chunk(Scan *scan, GError **error)
{
	for (guint32 entry = scan->first; entry < scan->end; entry++)
		scan->open[entry - scan->first] = wanted(scan->run, scan->segment, entry);
	for (int packed = 0; packed <= 1; packed++)
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			if ((scan->run->streams >> stream & 1) != 0 && (scan->segment->packs[stream] != NULL) == packed &&
				!scan_stream(scan, (TextStream)stream))
				return fail_as_damaged(scan->segment, error);
	return TRUE;
}

/* Work item @n: chunk n over all segments, each of which begins a new chunk. */
static gboolean scan_some(gsize first, gsize end, gpointer data)
{
	MatchRun *run = data;
	GError *error = NULL;
	Scan scan = { .run = run, .scratch = run_begin(run) };
	g_autoptr(GArray) found = scan.found = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint i = 0;
	gsize before = 0;
	for (gsize chunk = first; chunk < end && search_cancel_check(run->cancel, &error); chunk++) {
		gsize chunks;
		while (chunk >= before + (chunks = (run->view->segments[i].n_entries + SCAN_CHUNK - 1) / SCAN_CHUNK)) {
			before += chunks;
			i++;
		}
		scan.segment = &run->view->segments[i];
		scan.first = (guint32)(chunk - before) * SCAN_CHUNK;
		scan.end = MIN(scan.first + SCAN_CHUNK, scan.segment->n_entries);
		if (!scan_chunk(&scan, &error))
			break;
	}
	return run_end(run, scan.scratch, found, error);
}

gboolean text_view_match(const TextView *view, const TextLeaf *leaf, guint streams, const EmailSet *among,
	const SearchCancel *cancel, EmailSet *matched, GError **error)
{
	guint32 n = email_set_count(among);
	if (n == 0 || view->count == 0)
		return TRUE;
	MatchRun run = { .view = view, .leaf = leaf, .among = among, .cancel = cancel, .matched = matched };
	run.streams = streams & (text_leaf_streams(leaf) | 1u << TEXT_STREAM_LONG);
	run.scratches = g_ptr_array_new_with_free_func((GDestroyNotify)text_scratch_free);
	text_pairs_add(&run.pairs, leaf->needle, leaf->needle_len);
	TextExtent extent = text_view_extent(view, run.streams);
	guint64 bytes = (extent.open_bytes + extent.packed_bytes * PACKED_COST) / view->count * n;
	guint threads = bytes >= PARALLEL_BYTES ? parallel_threads() : 1;
	gboolean ok;
	g_mutex_init(&run.lock);
	if (n < view->count / SPARSE || leaf->needle_len == 0) {
		g_autofree guint32 *ids = g_new(guint32, n);
		guint32 i = 0;
		for (guint32 id = 0; email_set_next(among, id, &id); id++)
			ids[i++] = id;
		run.ids = ids;
		ok = parallel_run(n, VERIFY_CHUNK, threads, verify_some, &run);
	} else {
		gsize chunks = 0;
		for (guint i = 0; i < view->state.segments->len; i++)
			chunks += (view->segments[i].n_entries + SCAN_CHUNK - 1) / SCAN_CHUNK;
		ok = parallel_run(chunks, 1, threads, scan_some, &run);
	}
	g_mutex_clear(&run.lock);
	g_ptr_array_unref(run.scratches);
	if (!ok)
		g_propagate_error(error, run.error);
	return ok;
}
