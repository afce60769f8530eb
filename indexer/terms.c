/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/terms.h"

#include <stdlib.h>
#include <string.h>

static inline gboolean is_token_octet(char c)
{
	return g_ascii_isalnum(c) || (guchar)c >= 0x80;
}

char term_prefix_of_field(const char *name, gsize len)
{
	/* Streams of the text store follow it: a change here is one of TEXT_STORE_VERSION too. */
	static const struct {
		const char *name;
		char prefix;
	} fields[] = {
		{ "from", TERM_PREFIX_FROM },
		{ "to", TERM_PREFIX_TO },
		{ "cc", TERM_PREFIX_CC },
		{ "bcc", TERM_PREFIX_BCC },
		{ "subject", TERM_PREFIX_SUBJECT },
		{ "received", TERM_PREFIX_TRACE },
		{ "dkim-signature", TERM_PREFIX_TRACE },
		{ "domainkey-signature", TERM_PREFIX_TRACE },
		{ "authentication-results", TERM_PREFIX_TRACE },
		{ "received-spf", TERM_PREFIX_TRACE },
		{ "x-received", TERM_PREFIX_TRACE },
		{ "x-google-dkim-signature", TERM_PREFIX_TRACE },
		{ "x-google-smtp-source", TERM_PREFIX_TRACE },
		{ "x-gm-message-state", TERM_PREFIX_TRACE },
		{ "arc-seal", TERM_PREFIX_TRACE },
		{ "arc-message-signature", TERM_PREFIX_TRACE },
		{ "arc-authentication-results", TERM_PREFIX_TRACE },
		{ "x-spam-status", TERM_PREFIX_TRACE },
		{ "x-spam-report", TERM_PREFIX_TRACE },
		{ "x-ms-exchange-antispam-messagedata", TERM_PREFIX_TRACE },
		{ "x-forefront-antispam-report", TERM_PREFIX_TRACE },
		{ "x-microsoft-antispam", TERM_PREFIX_TRACE },
		{ "x-microsoft-antispam-message-info", TERM_PREFIX_TRACE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (len == strlen(fields[i].name) && memcmp(name, fields[i].name, len) == 0)
			return fields[i].prefix;
	return TERM_PREFIX_HEADER;
}

gsize term_name_end(const char *line, gsize len)
{
	const char *end = line + len;
	for (const char *at = line; (at = memchr(at, ':', (gsize)(end - at))) != NULL; at++)
		if (at + 1 < end && at[1] == ' ')
			return (gsize)(at - line);
	return len;
}

void term_append(GByteArray *terms, char prefix, const char *octets, gsize len)
{
	g_assert(len + 1 <= FTINDEX_TERM_MAX);
	guint8 head[2] = { (guint8)(len + 1), (guint8)prefix };
	g_byte_array_append(terms, head, sizeof head);
	g_byte_array_append(terms, (const guint8 *)octets, (guint)len);
}

/* The distinct terms are in an arena, each with its length before it as in FtTerms; an open hash table of their offsets finds
 * those that are there. */
struct TermList {
	GByteArray *arena;
	guint32 *slots;   /* offset in the arena + 1; 0: free */
	guint32 *hashes;  /* of the slot */
	gsize n_slots;    /* a power of two */
	GArray *offsets;  /* guint32, of each term */
	GByteArray *sorted;
};

#define FIRST_SLOTS 4096

TermList *term_list_new(void)
{
	TermList *list = g_new0(TermList, 1);
	list->arena = g_byte_array_new();
	list->sorted = g_byte_array_new();
	list->offsets = g_array_new(FALSE, FALSE, sizeof(guint32));
	list->n_slots = FIRST_SLOTS;
	list->slots = g_new0(guint32, list->n_slots);
	list->hashes = g_new(guint32, list->n_slots);
	return list;
}

void term_list_free(TermList *list)
{
	if (list == NULL)
		return;
	g_byte_array_unref(list->arena);
	g_byte_array_unref(list->sorted);
	g_array_unref(list->offsets);
	g_free(list->slots);
	g_free(list->hashes);
	g_free(list);
}

void term_list_clear(TermList *list)
{
	if (list->n_slots > FIRST_SLOTS * 16) {
		/* A huge message does not make each later one pay for its table. */
		list->n_slots = FIRST_SLOTS;
		list->slots = g_renew(guint32, list->slots, list->n_slots);
		list->hashes = g_renew(guint32, list->hashes, list->n_slots);
		g_byte_array_unref(list->arena);
		list->arena = g_byte_array_new();
	}
	memset(list->slots, 0, list->n_slots * sizeof *list->slots);
	g_byte_array_set_size(list->arena, 0);
	g_array_set_size(list->offsets, 0);
}

/* FNV-1a and a last mix: tokens are short. */
static guint32 hash_term(char prefix, const char *octets, gsize len)
{
	guint64 hash = (0xcbf29ce484222325u ^ (guchar)prefix) * 0x100000001b3u;
	for (gsize i = 0; i < len; i++)
		hash = (hash ^ (guchar)octets[i]) * 0x100000001b3u;
	return (guint32)(hash ^ hash >> 32);
}

static void term_list_grow(TermList *list)
{
	gsize n_slots = list->n_slots * 2;
	guint32 *slots = g_new0(guint32, n_slots), *hashes = g_new(guint32, n_slots);
	for (gsize i = 0; i < list->n_slots; i++) {
		if (list->slots[i] == 0)
			continue;
		gsize slot = list->hashes[i] & (n_slots - 1);
		while (slots[slot] != 0)
			slot = (slot + 1) & (n_slots - 1);
		slots[slot] = list->slots[i];
		hashes[slot] = list->hashes[i];
	}
	g_free(list->slots);
	g_free(list->hashes);
	list->slots = slots;
	list->hashes = hashes;
	list->n_slots = n_slots;
}

static void term_list_add(TermList *list, char prefix, const char *octets, gsize len)
{
	guint32 hash = hash_term(prefix, octets, len);
	gsize slot = hash & (list->n_slots - 1);
	for (; list->slots[slot] != 0; slot = (slot + 1) & (list->n_slots - 1)) {
		if (list->hashes[slot] != hash)
			continue;
		const guint8 *there = list->arena->data + list->slots[slot] - 1;
		if (there[0] == len + 1 && there[1] == (guint8)prefix && memcmp(there + 2, octets, len) == 0)
			return;
	}
	guint32 offset = list->arena->len;
	list->slots[slot] = offset + 1;
	list->hashes[slot] = hash;
	term_append(list->arena, prefix, octets, len);
	g_array_append_val(list->offsets, offset);
	if (list->offsets->len * 2 > list->n_slots)
		term_list_grow(list);
}

const char *term_long_word(const char **at, const char *end, gsize *len_out)
{
	for (const char *word = *at, *word_end; word < end; word = word_end + 1) {
		word_end = memchr(word, ' ', (gsize)(end - word));
		if (word_end == NULL)
			word_end = end;
		*len_out = (gsize)(word_end - word);
		*at = word_end;
		if (*len_out >= TERM_LONG_WORD)
			return word;
		if (word_end == end)
			break;
	}
	*at = end;
	return NULL;
}

static gboolean each_piece(const char *text, const char *end, TermFunc func, gpointer data)
{
	while (text < end) {
		if (!is_token_octet(*text)) {
			text++;
			continue;
		}
		const char *token = text;
		while (text < end && is_token_octet(*text))
			text++;
		for (; text - token > TERM_PIECE; token += TERM_STEP)
			if (!func(token, TERM_PIECE, data))
				return FALSE;
		if (!func(token, (gsize)(text - token), data))
			return FALSE;
	}
	return TRUE;
}

gboolean term_each(const char *text, gsize len, gboolean trace, TermFunc func, gpointer data)
{
	const char *end = text + len, *at = text, *word;
	gsize word_len;
	while (trace && (word = term_long_word(&at, end, &word_len)) != NULL) {
		if (!each_piece(text, word, func, data))
			return FALSE;
		text = at;
	}
	return each_piece(text, end, func, data);
}

typedef struct {
	TermList *list;
	char prefix;
} Adding;

static gboolean add_piece(const char *octets, gsize len, gpointer data)
{
	const Adding *adding = data;
	term_list_add(adding->list, adding->prefix, octets, len);
	return TRUE;
}

static void term_list_add_text(TermList *list, char prefix, const char *text, gsize len)
{
	Adding adding = { list, prefix };
	(void)term_each(text, len, prefix == TERM_PREFIX_TRACE, add_piece, &adding);
}

static void term_list_add_lines(TermList *list, const TextSpan *section, gboolean parts)
{
	const char *line = section->data, *end = section->data + section->len;
	while (line < end) {
		const char *line_end = memchr(line, '\n', (gsize)(end - line));
		if (line_end == NULL)
			line_end = end;
		gsize len = (gsize)(line_end - line), name_len = term_name_end(line, len);
		if (name_len == len) {
			term_list_add_text(list, TERM_PREFIX_HEADER, line, len);
		} else {
			term_list_add(list, parts ? TERM_PREFIX_PART_NAME : TERM_PREFIX_NAME, line, MIN(name_len, TERM_NAME_MAX));
			if (name_len > TERM_NAME_MAX)
				term_list_add_text(list, TERM_PREFIX_HEADER, line, name_len);
			char prefix = parts ? TERM_PREFIX_HEADER : term_prefix_of_field(line, name_len);
			term_list_add_text(list, prefix, line + name_len, len - name_len);
		}
		line = line_end + 1;
	}
}

void term_list_add_message(TermList *list, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS])
{
	term_list_add_lines(list, &sections[MESSAGE_TEXT_HEADER], FALSE);
	term_list_add_lines(list, &sections[MESSAGE_TEXT_PARTS], TRUE);
	term_list_add_text(list, TERM_PREFIX_BODY, sections[MESSAGE_TEXT_BODY].data, sections[MESSAGE_TEXT_BODY].len);
}

static gint compare_terms(gconstpointer a, gconstpointer b, gpointer arena)
{
	const guint8 *left = (const guint8 *)arena + *(const guint32 *)a, *right = (const guint8 *)arena + *(const guint32 *)b;
	int order = memcmp(left + 1, right + 1, MIN(left[0], right[0]));
	return order != 0 ? order : (int)left[0] - (int)right[0];
}

FtTerms term_list_terms(TermList *list, guint *n_out)
{
	g_array_sort_with_data(list->offsets, compare_terms, list->arena->data);
	g_byte_array_set_size(list->sorted, 0);
	for (guint i = 0; i < list->offsets->len; i++) {
		const guint8 *term = list->arena->data + g_array_index(list->offsets, guint32, i);
		g_byte_array_append(list->sorted, term, (guint)term[0] + 1);
	}
	if (n_out != NULL)
		*n_out = list->offsets->len;
	return (FtTerms){ list->sorted->data, list->sorted->len };
}

GArray *needle_tokens(const char *needle, gsize len)
{
	GArray *tokens = g_array_new(FALSE, FALSE, sizeof(NeedleToken));
	for (gsize i = 0; i < len;) {
		if (!is_token_octet(needle[i])) {
			i++;
			continue;
		}
		gsize start = i;
		while (i < len && is_token_octet(needle[i]))
			i++;
		NeedleToken token = { needle + start, i - start, start == 0, i == len };
		g_array_append_val(tokens, token);
	}
	return tokens;
}
