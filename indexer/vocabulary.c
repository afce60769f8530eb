/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of the vocabulary. How the files are laid out is described in vocabulary-writer.c. */
#include "indexer/vocabulary-private.h"

#include <string.h>

#include "base/memsearch.h"

struct VocabularyView {
	gint refs; /* atomic */
	VocabularyState state;
	FileMapping *base, *delta; /* references; NULL: none */
	const VocabularyHeader *header; /* in base */
};

char *vocabulary_base_path(const char *dir, guint32 number)
{
	return g_strdup_printf("%s/%u.base", dir, number);
}

char *vocabulary_delta_path(const char *dir, guint32 number)
{
	return g_strdup_printf("%s/%u.delta", dir, number);
}

VocabularyView *vocabulary_view_ref(VocabularyView *view)
{
	g_atomic_int_inc(&view->refs);
	return view;
}

void vocabulary_view_unref(VocabularyView *view)
{
	if (view == NULL || !g_atomic_int_dec_and_test(&view->refs))
		return;
	file_mapping_unref(view->base);
	file_mapping_unref(view->delta);
	g_free(view);
}

/* The table of sections lies within the file, and each section is lines. */
static gboolean check_header(const VocabularyHeader *header, const char *data, guint64 len)
{
	if (len < sizeof *header || memcmp(header->magic, VOCABULARY_MAGIC, sizeof header->magic) != 0 ||
		header->sections != VOCABULARY_SECTIONS)
		return FALSE;
	for (gsize i = 0; i < VOCABULARY_SECTIONS; i++) {
		const VocabularySection *section = &header->section[i];
		if (section->len == 0 || section->offset < sizeof *header || section->offset > len || section->len > len - section->offset ||
			data[section->offset] != '\n' || data[section->offset + section->len - 1] != '\n')
			return FALSE;
	}
	return TRUE;
}

VocabularyView *vocabulary_view_open(
	const char *dir, const VocabularyState *state, const VocabularyView *previous, GError **error)
{
	g_autoptr(VocabularyView) view = g_new0(VocabularyView, 1);
	view->refs = 1;
	view->state = *state;
	gboolean same = previous != NULL && previous->state.number == state->number &&
			previous->state.base_bytes == state->base_bytes;
	if (state->base_bytes > 0) {
		g_autofree char *path = vocabulary_base_path(dir, state->number);
		view->base = same ? file_mapping_ref(previous->base) : file_mapping_new(path, state->base_bytes, error);
		if (view->base == NULL)
			return NULL;
		view->header = (const VocabularyHeader *)(const void *)view->base->data;
		if (!same && !check_header(view->header, view->base->data, state->base_bytes)) {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "%s: its header makes no sense", path);
			return NULL;
		}
	}
	if (state->delta_bytes > 0) {
		g_autofree char *path = vocabulary_delta_path(dir, state->number);
		if (same && previous->delta != NULL && previous->delta->len >= state->delta_bytes)
			view->delta = file_mapping_ref(previous->delta);
		else if ((view->delta = file_mapping_new(path, state->delta_bytes, error)) == NULL)
			return NULL;
		if (view->delta->data[0] != '\n' || view->delta->data[state->delta_bytes - 1] != '\n') {
			g_set_error(error, INDEX_FILE_ERROR, INDEX_FILE_ERROR_DAMAGED, "%s: not made of lines", path);
			return NULL;
		}
	}
	return g_steal_pointer(&view);
}

void vocabulary_base(const VocabularyView *view, char prefix, const char **data_out, gsize *len_out)
{
	*data_out = "";
	*len_out = 0;
	if (view->base == NULL)
		return;
	const char *at = strchr(TERM_PREFIXES, prefix);
	const VocabularySection *section = &view->header->section[at - &TERM_PREFIXES[0]];
	*data_out = view->base->data + section->offset;
	*len_out = section->len;
}

void vocabulary_delta(const VocabularyView *view, const char **data_out, gsize *len_out)
{
	*data_out = view->delta == NULL ? "" : view->delta->data;
	*len_out = view->delta == NULL ? 0 : view->state.delta_bytes;
}

guint64 vocabulary_bytes(const VocabularyView *view, const char *prefixes)
{
	guint64 bytes = view->state.delta_bytes;
	for (const char *prefix = prefixes; *prefix != '\0'; prefix++) {
		const char *data;
		gsize len;
		vocabulary_base(view, *prefix, &data, &len);
		bytes += len;
	}
	return bytes;
}

/* -- the base ------------------------------------------------------------------------------------------------------ */

/* The line that the byte at @offset is in; a LF belongs to the line before it. Offset 0 is no line. */
static gsize line_begin(const char *data, gsize offset)
{
	const char *lf = memrchr(data, '\n', offset);
	return lf == NULL ? 0 : (gsize)(lf - data) + 1;
}

static gsize line_len(const char *data, gsize data_len, gsize begin)
{
	const char *lf = memchr(data + begin, '\n', data_len - begin);
	return lf == NULL ? data_len - begin : (gsize)(lf - data) - begin;
}

static int compare_octets(const char *a, gsize a_len, const char *b, gsize b_len)
{
	int order = memcmp(a, b, MIN(a_len, b_len));
	return order != 0 ? order : a_len < b_len ? -1 : a_len > b_len;
}

/* Where the first line that is not less than @term begins; data_len if all are less. */
static gsize lower_bound(const char *data, gsize data_len, const char *term, gsize len)
{
	/* Lines that begin before low are less; the one at high, if any, is not. */
	gsize low = MIN(1, data_len), high = data_len;
	while (low < high) {
		gsize middle = low + (high - low) / 2, begin = line_begin(data, middle + 1);
		if (begin > middle)
			begin = line_begin(data, middle);
		gsize here = line_len(data, data_len, begin);
		if (compare_octets(data + begin, here, term, len) < 0)
			low = begin + here + 1;
		else
			high = begin;
	}
	return low;
}

const char *vocabulary_base_find(const char *data, gsize data_len, const char *term, gsize len)
{
	gsize at = lower_bound(data, data_len, term, len);
	if (at >= data_len || line_len(data, data_len, at) != len || memcmp(data + at, term, len) != 0)
		return NULL;
	return data + at;
}

typedef struct {
	GByteArray *terms;
	guint n, max;
} Found;

/* FALSE: that is one too many. */
static gboolean found_add(Found *found, char prefix, const char *term, gsize len)
{
	if (found->n >= found->max)
		return FALSE;
	term_append(found->terms, prefix, term, len);
	found->n++;
	return TRUE;
}

static gboolean find_prefix(const char *data, gsize data_len, char prefix, const char *token, gsize len, Found *found)
{
	for (gsize at = lower_bound(data, data_len, token, len); at < data_len;) {
		gsize here = line_len(data, data_len, at);
		if (here < len || memcmp(data + at, token, len) != 0)
			break;
		if (!found_add(found, prefix, data + at, here))
			return FALSE;
		at += here + 1;
	}
	return TRUE;
}

/* @needle is the token, or the token and LF. */
static gboolean find_inside(const char *data, gsize data_len, char prefix, const char *needle, gsize len, Found *found)
{
	for (gsize at = 0; at < data_len;) {
		const char *hit = mem_find(data + at, data_len - at, needle, len);
		if (hit == NULL)
			break;
		gsize begin = line_begin(data, (gsize)(hit - data)), here = line_len(data, data_len, begin);
		if (!found_add(found, prefix, data + begin, here))
			return FALSE;
		at = begin + here;
	}
	return TRUE;
}

/* -- the delta ------------------------------------------------------------------------------------------------------ */

static gboolean find_in_delta(
	const char *data, gsize data_len, const char *prefixes, VocabularyMatch match, const char *needle, gsize len, Found *found)
{
	for (gsize at = 0; at < data_len;) {
		const char *hit = mem_find(data + at, data_len - at, needle, len);
		if (hit == NULL)
			break;
		gsize offset = (gsize)(hit - data), begin = line_begin(data, offset);
		if (begin == offset) {
			/* The prefix letter is no part of the term. */
			at = offset + 1;
			continue;
		}
		gsize here = line_len(data, data_len, begin);
		gboolean counts = strchr(prefixes, data[begin]) != NULL && (match != VOCABULARY_PREFIX || offset == begin + 1);
		if (counts && !found_add(found, data[begin], data + begin + 1, here - 1))
			return FALSE;
		at = begin + here;
	}
	return TRUE;
}

gboolean vocabulary_find(const VocabularyView *view, const char *prefixes, VocabularyMatch match, const char *token, gsize len,
	guint max_terms, GByteArray *terms, guint *n_out)
{
	Found found = { terms, 0, max_terms };
	g_autoptr(GString) suffix = g_string_new_len(token, (gssize)len);
	if (match == VOCABULARY_SUFFIX)
		g_string_append_c(suffix, '\n');
	gboolean all = TRUE;
	const char *data;
	gsize data_len;
	g_assert(len > 0);
	for (const char *prefix = prefixes; all && *prefix != '\0'; prefix++) {
		vocabulary_base(view, *prefix, &data, &data_len);
		all = match == VOCABULARY_PREFIX ? find_prefix(data, data_len, *prefix, token, len, &found) :
						   find_inside(data, data_len, *prefix, suffix->str, suffix->len, &found);
	}
	vocabulary_delta(view, &data, &data_len);
	all = all && find_in_delta(data, data_len, prefixes, match, suffix->str, suffix->len, &found);
	*n_out = found.n;
	return all;
}

gboolean vocabulary_has(const VocabularyView *view, char prefix, const char *term, gsize len)
{
	const char *data;
	gsize data_len;
	vocabulary_base(view, prefix, &data, &data_len);
	if (vocabulary_base_find(data, data_len, term, len) != NULL)
		return TRUE;
	g_autoptr(GString) line = g_string_new("\n");
	g_string_append_c(line, prefix);
	g_string_append_len(line, term, (gssize)len);
	g_string_append_c(line, '\n');
	vocabulary_delta(view, &data, &data_len);
	return mem_find(data, data_len, line->str, line->len) != NULL;
}
