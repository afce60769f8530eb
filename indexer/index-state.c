/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/index-state.h"

#include <string.h>
#include <unistd.h>

#include "base/fold.h"
#include "indexer/index-file.h"
#include "indexer/terms.h"
#include "store/sort-keys.h"

#define FORMAT_KEY "format"
#define STATE_KEY "state"
#define FAILED_PREFIX "failed/"
#define FORMAT_NAME "mailsift "
#define GENERATION_PREFIX "gen-"
#define REASON_MAX 400
/* Behind the time in the value of a record. */
#define UNREAD_MARK '!'
#define SEGMENT_NUMBERS (4 + 2 * TEXT_N_STREAMS)

/* -- where it is ------------------------------------------------------------------------------------------------ */

char *index_generation_path(const char *index_dir, guint32 generation)
{
	return g_strdup_printf("%s/" GENERATION_PREFIX "%u", index_dir, generation);
}

char *index_xapian_path(const char *generation_dir)
{
	return g_build_filename(generation_dir, "xapian", NULL);
}

char *index_part_path(const char *generation_dir, guint32 part)
{
	return g_strdup_printf("%s/parts/%u", generation_dir, part);
}

char *index_text_path(const char *generation_dir)
{
	return g_build_filename(generation_dir, "text", NULL);
}

char *index_vocabulary_path(const char *generation_dir)
{
	return g_build_filename(generation_dir, "vocabulary", NULL);
}

gboolean index_current_generation(const char *index_dir, guint32 *generation_out)
{
	g_autofree char *link = g_build_filename(index_dir, "current", NULL);
	g_autofree char *target = g_file_read_link(link, NULL);
	guint64 generation;
	if (target == NULL || !g_str_has_prefix(target, GENERATION_PREFIX) ||
		!g_ascii_string_to_unsigned(target + strlen(GENERATION_PREFIX), 10, 1, G_MAXUINT32, &generation, NULL))
		return FALSE;
	*generation_out = (guint32)generation;
	return TRUE;
}

/* -- the state ---------------------------------------------------------------------------------------------------- */

void index_meta_init(IndexMeta *meta)
{
	*meta = (IndexMeta){ .parts = g_array_new(FALSE, FALSE, sizeof(IndexPart)), .next_part = 1 };
	text_state_init(&meta->text);
}

void index_meta_clear(IndexMeta *meta)
{
	text_state_clear(&meta->text);
	g_clear_pointer(&meta->parts, g_array_unref);
}

/* Everything that decides what is in the index. */
static char *versions(void)
{
	return g_strdup_printf("fold=%s text=%d terms=%d store=%d vocabulary=%d sort=%d", fold_version(), MESSAGE_TEXT_VERSION,
		TERMS_VERSION, TEXT_STORE_VERSION, VOCABULARY_VERSION, SORT_KEYS_VERSION);
}

GString *index_meta_format(const IndexMeta *meta)
{
	GString *text = g_string_new(NULL);
	g_autofree char *all_versions = versions();
	g_string_append_printf(text, "versions %s\n", all_versions);
	g_string_append_printf(text, "watermark %u\n", meta->watermark);
	g_string_append_printf(text, "gone %" G_GUINT64_FORMAT "\n", meta->gone_seq);
	g_string_append_printf(text, "removed %" G_GUINT64_FORMAT "\n", meta->removed);
	g_string_append_printf(text, "parts %u\n", meta->next_part);
	for (guint i = 0; i < meta->parts->len; i++) {
		const IndexPart *part = &g_array_index(meta->parts, IndexPart, i);
		g_string_append_printf(
			text, "part %u %u %u %" G_GUINT64_FORMAT "\n", part->number, part->first, part->last, part->bytes);
	}
	g_string_append_printf(text, "vocabulary %d %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", meta->vocabulary.present,
		meta->vocabulary.number, meta->vocabulary.base_bytes, meta->vocabulary.delta_bytes);
	g_string_append_printf(text, "text %u %u %u\n", meta->text.next_segment, meta->text.dead_log, meta->text.dead_pairs);
	for (guint i = 0; i < meta->text.segments->len; i++) {
		const TextSegment *segment = &g_array_index(meta->text.segments, TextSegment, i);
		g_string_append_printf(text, "segment %u %u %u %" G_GUINT64_FORMAT, segment->number, segment->entries, segment->dead,
			segment->dead_bytes);
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			g_string_append_printf(text, " %u", segment->ends[stream]);
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			g_string_append_printf(text, " %u", segment->packed[stream]);
		g_string_append_c(text, '\n');
	}
	return text;
}

/* Exactly @n numbers separated by spaces, each at most its @max. */
static gboolean parse_numbers(const char *text, const guint64 *max, guint64 *numbers, gsize n)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	if (g_strv_length(words) != n)
		return FALSE;
	for (gsize i = 0; i < n; i++)
		if (!g_ascii_string_to_unsigned(words[i], 10, 0, max[i], &numbers[i], NULL))
			return FALSE;
	return TRUE;
}

static gboolean parse_line(const char *key, const char *value, IndexMeta *meta)
{
	static const guint64 max32[] = { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32 }, max64[] = { G_MAXUINT64 };
	static const guint64 part_max[] = { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXINT64 };
	static const guint64 vocabulary_max[] = { 1, G_MAXUINT32, G_MAXINT64, G_MAXINT64 };
	static const guint64 segment_max[SEGMENT_NUMBERS] = { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXUINT64, G_MAXUINT32,
		G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXINT32, G_MAXINT32, G_MAXINT32, G_MAXINT32,
		G_MAXINT32, G_MAXINT32, G_MAXINT32 };
	guint64 n[SEGMENT_NUMBERS];
	if (strcmp(key, "watermark") == 0 && parse_numbers(value, max32, n, 1)) {
		meta->watermark = (guint32)n[0];
	} else if (strcmp(key, "gone") == 0 && parse_numbers(value, max64, n, 1)) {
		meta->gone_seq = n[0];
	} else if (strcmp(key, "removed") == 0 && parse_numbers(value, max64, n, 1)) {
		meta->removed = n[0];
	} else if (strcmp(key, "parts") == 0 && parse_numbers(value, max32, n, 1)) {
		meta->next_part = (guint32)n[0];
	} else if (strcmp(key, "part") == 0 && parse_numbers(value, part_max, n, 4)) {
		IndexPart part = { (guint32)n[0], (guint32)n[1], (guint32)n[2], n[3] };
		g_array_append_val(meta->parts, part);
	} else if (strcmp(key, "vocabulary") == 0 && parse_numbers(value, vocabulary_max, n, 4)) {
		meta->vocabulary = (VocabularyState){ n[0] != 0, (guint32)n[1], n[2], n[3] };
	} else if (strcmp(key, "text") == 0 && parse_numbers(value, max32, n, 3)) {
		meta->text.next_segment = (guint32)n[0];
		meta->text.dead_log = (guint32)n[1];
		meta->text.dead_pairs = (guint32)n[2];
	} else if (strcmp(key, "segment") == 0 && parse_numbers(value, segment_max, n, SEGMENT_NUMBERS)) {
		TextSegment segment = {
			.number = (guint32)n[0], .entries = (guint32)n[1], .dead = (guint32)n[2], .dead_bytes = n[3]
		};
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			segment.ends[stream] = (guint32)n[4 + stream];
		for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
			segment.packed[stream] = (guint32)n[4 + TEXT_N_STREAMS + stream];
		g_array_append_val(meta->text.segments, segment);
	} else {
		return FALSE;
	}
	return TRUE;
}

gboolean index_meta_parse(const char *text, gsize len, IndexMeta *meta_out, GError **error)
{
	g_auto(IndexMeta) meta;
	index_meta_init(&meta);
	g_autofree char *copy = g_strndup(text, len), *ours = versions();
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	if (lines[0] == NULL || !g_str_has_prefix(lines[0], "versions ")) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "the index's state makes no sense");
		return FALSE;
	}
	if (strcmp(lines[0] + strlen("versions "), ours) != 0) {
		g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_VERSION, "the index has %s, not %s", lines[0], ours);
		return FALSE;
	}
	for (char **line = lines + 1; *line != NULL && **line != '\0'; line++) {
		char *space = strchr(*line, ' ');
		if (space != NULL)
			*space = '\0';
		if (space == NULL || !parse_line(*line, space + 1, &meta)) {
			g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "the index's state makes no sense: %s", *line);
			return FALSE;
		}
	}
	*meta_out = meta;
	index_meta_init(&meta);
	return TRUE;
}

gboolean index_meta_load(FtIndex *index, IndexMeta *meta_out, GError **error)
{
	g_autoptr(GString) format = NULL;
	g_autoptr(GString) state = NULL;
	if (!ftindex_metadata(index, FORMAT_KEY, &format, error) || !ftindex_metadata(index, STATE_KEY, &state, error))
		return FALSE;
	if (format->len == 0 && state->len == 0) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_MISSING, "nothing has been indexed yet");
		return FALSE;
	}
	g_autofree char *ours = g_strdup_printf(FORMAT_NAME "%d", INDEX_FORMAT_VERSION);
	if (strcmp(format->str, ours) != 0) {
		g_set_error(error, FTINDEX_ERROR, FTINDEX_ERROR_VERSION, "the index's format is \"%s\", not \"%s\"", format->str, ours);
		return FALSE;
	}
	return index_meta_parse(state->str, state->len, meta_out, error);
}

gboolean index_meta_store(FtIndex *index, const IndexMeta *meta, GError **error)
{
	g_autofree char *format = g_strdup_printf(FORMAT_NAME "%d", INDEX_FORMAT_VERSION);
	g_autoptr(GString) state = index_meta_format(meta);
	return ftindex_set_metadata(index, FORMAT_KEY, format, strlen(format), error) &&
	       ftindex_set_metadata(index, STATE_KEY, state->str, state->len, error);
}

gboolean index_meta_open_parts(const IndexMeta *meta, FtIndex *index, const char *generation_dir, GError **error)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	GError *cause = NULL;
	for (guint i = 0; i < meta->parts->len; i++)
		g_ptr_array_add(paths, index_part_path(generation_dir, g_array_index(meta->parts, IndexPart, i).number));
	g_ptr_array_add(paths, NULL);
	if (ftindex_set_parts(index, (const char *const *)paths->pdata, &cause))
		return TRUE;
	if (cause->code == FTINDEX_ERROR_MISSING)
		cause->code = FTINDEX_ERROR_CHANGED;
	g_propagate_error(error, cause);
	return FALSE;
}

guint64 index_meta_database_bytes(const IndexMeta *meta, const char *generation_dir)
{
	g_autofree char *path = index_xapian_path(generation_dir);
	guint64 bytes = index_dir_bytes(path);
	for (guint i = 0; i < meta->parts->len; i++)
		bytes += g_array_index(meta->parts, IndexPart, i).bytes;
	return bytes;
}

/* -- failures ---------------------------------------------------------------------------------------------------- */

void index_failure_free(IndexFailure *failure)
{
	if (failure == NULL)
		return;
	g_free(failure->reason);
	g_free(failure);
}

static char *failure_key(guint32 id)
{
	return g_strdup_printf(FAILED_PREFIX "%010u", id);
}

gboolean index_failure_store(FtIndex *index, guint32 id, const char *reason, gint64 failed_at, gboolean unread, GError **error)
{
	static const char unread_mark[] = { UNREAD_MARK, '\0' };
	g_autofree char *key = failure_key(id);
	g_autofree char *value =
		g_strdup_printf("%" G_GINT64_FORMAT "%s %.*s", failed_at, unread ? unread_mark : "", REASON_MAX, reason);
	return ftindex_set_metadata(index, key, value, strlen(value), error);
}

gboolean index_failure_forget(FtIndex *index, guint32 id, GError **error)
{
	g_autofree char *key = failure_key(id);
	return ftindex_set_metadata(index, key, NULL, 0, error);
}

static gboolean failed_id(const char *key, guint32 *id_out)
{
	guint64 id;
	if (!g_ascii_string_to_unsigned(key + strlen(FAILED_PREFIX), 10, 0, G_MAXUINT32, &id, NULL))
		return FALSE;
	*id_out = (guint32)id;
	return TRUE;
}

gboolean index_failed_ids(FtIndex *index, EmailSet **ids_out, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	if (!ftindex_metadata_keys(index, FAILED_PREFIX, &keys, error))
		return FALSE;
	*ids_out = email_set_new();
	for (guint i = 0; i < keys->len; i++) {
		guint32 id;
		if (failed_id(keys->pdata[i], &id))
			email_set_add(*ids_out, id);
	}
	return TRUE;
}

gboolean index_unread_ids(FtIndex *index, EmailSet **ids_out, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	if (!ftindex_metadata_keys(index, FAILED_PREFIX, &keys, error))
		return FALSE;
	g_autoptr(EmailSet) ids = email_set_new();
	for (guint i = 0; i < keys->len; i++) {
		g_autoptr(GString) value = NULL;
		guint32 id;
		char *end;
		if (!ftindex_metadata(index, keys->pdata[i], &value, error))
			return FALSE;
		(void)g_ascii_strtoll(value->str, &end, 10);
		if (*end == UNREAD_MARK && failed_id(keys->pdata[i], &id))
			email_set_add(ids, id);
	}
	*ids_out = g_steal_pointer(&ids);
	return TRUE;
}

gboolean index_failures_load(FtIndex *index, guint limit, GPtrArray **failures_out, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	if (!ftindex_metadata_keys(index, FAILED_PREFIX, &keys, error))
		return FALSE;
	g_autoptr(GPtrArray) failures = g_ptr_array_new_with_free_func((GDestroyNotify)index_failure_free);
	for (guint i = 0; i < keys->len && failures->len < limit; i++) {
		g_autoptr(GString) value = NULL;
		guint32 id;
		if (!failed_id(keys->pdata[i], &id))
			continue;
		if (!ftindex_metadata(index, keys->pdata[i], &value, error))
			return FALSE;
		IndexFailure *failure = g_new0(IndexFailure, 1);
		char *reason;
		failure->email_id = id;
		failure->failed_at = g_ascii_strtoll(value->str, &reason, 10);
		reason += *reason == UNREAD_MARK ? 1 : 0;
		failure->reason = g_utf8_make_valid(*reason == ' ' ? reason + 1 : reason, -1);
		g_ptr_array_add(failures, failure);
	}
	*failures_out = g_steal_pointer(&failures);
	return TRUE;
}
