/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzy words in the text of a message: whether they are there, and how good that is (fuzzy.h has the rules). */
#include "indexer/fuzzy-private.h"

#include <string.h>

#include "base/memsearch.h"
#include "indexer/terms.h"
#include "indexer/text-store-private.h"

/* Kinds of text, by what it says of a message that a word is there. */
typedef enum { KIND_SUBJECT, KIND_ADDRESS, KIND_BODY, KIND_OTHER, N_KINDS } TextKind;

static const struct {
	double weight; /* in TEXT */
	guint usual;   /* tokens */
} kinds[N_KINDS] = {
	[KIND_SUBJECT] = { 1, FUZZY_USUAL_SHORT },
	[KIND_ADDRESS] = { 0.8, FUZZY_USUAL_SHORT },
	[KIND_BODY] = { 0.6, FUZZY_USUAL_LONG },
	[KIND_OTHER] = { 0.25, FUZZY_USUAL_LONG },
};

static const struct {
	double low, high;
} grades[] = {
	[FUZZY_WHOLE] = { 0.75, 1 },     [FUZZY_DIACRITICS] = { 0.65, 0.75 }, [FUZZY_STEM] = { 0.50, 0.65 },
	[FUZZY_PART] = { 0.32, 0.50 },   [FUZZY_TYPO_1] = { 0.12, 0.32 },     [FUZZY_TYPO_2] = { 0.02, 0.12 },
	[FUZZY_NONE] = { 0, 0 },
};

/* What is not the string as it stands. */
#define SCATTERED 0.8
/* Of what is missing to 1, what a kind that is not the best adds. */
#define MORE 0.1

static TextKind kind_of_field(const char *name, gsize len)
{
	switch (term_prefix_of_field(name, len)) {
	case TERM_PREFIX_SUBJECT:
		return KIND_SUBJECT;
	case TERM_PREFIX_FROM:
	case TERM_PREFIX_TO:
	case TERM_PREFIX_CC:
	case TERM_PREFIX_BCC:
		return KIND_ADDRESS;
	default:
		return KIND_OTHER;
	}
}

/* -- tokens ----------------------------------------------------------------------------------------------------------- */

/* FALSE: enough. */
typedef gboolean (*TokenFunc)(TextKind kind, const char *token, gsize len, gpointer data);

typedef struct {
	TextKind kind;
	TokenFunc func;
	gpointer data;
} Tokens;

static gboolean one_token(const char *octets, gsize len, gpointer data)
{
	const Tokens *tokens = data;
	return tokens->func(tokens->kind, octets, len, tokens->data);
}

/* What terms.h makes terms of. */
static gboolean each_token(gboolean trace, TextKind kind, const char *text, gsize len, TokenFunc func, gpointer data)
{
	Tokens tokens = { kind, func, data };
	return term_each(text, len, trace, one_token, &tokens);
}

/* One line of the header or parts section, if it counts for the leaf. */
static gboolean each_line_token(const TextLeaf *leaf, gboolean parts, const char *line, gsize len, TokenFunc func, gpointer data)
{
	if (leaf->scope == TEXT_SCOPE_HEADER) {
		gsize name = leaf->field_len;
		if (len < name + 2 || memcmp(line, leaf->field, name) != 0 || line[name] != ':' || line[name + 1] != ' ')
			return TRUE;
		gboolean is_trace = term_prefix_of_field(line, term_name_end(line, len)) == TERM_PREFIX_TRACE;
		return each_token(is_trace, kind_of_field(leaf->field, name), line + name + 2, len - name - 2, func, data);
	}
	gsize name = term_name_end(line, len);
	if (name == len)
		return each_token(FALSE, KIND_OTHER, line, len, func, data);
	TextKind kind = parts ? KIND_OTHER : kind_of_field(line, name);
	if (name > TERM_NAME_MAX && !each_token(FALSE, KIND_OTHER, line, name, func, data))
		return FALSE;
	gboolean is_trace = !parts && term_prefix_of_field(line, name) == TERM_PREFIX_TRACE;
	return each_token(is_trace, kind, line + name, len - name, func, data);
}

/* The tokens that the leaf looks at. */
static void each_leaf_token(const TextLeaf *leaf, const TextSpan streams[TEXT_N_STREAMS], TokenFunc func, gpointer data)
{
	TextStream only = leaf->scope == TEXT_SCOPE_HEADER ? text_stream_of_leaf(leaf) :
			  leaf->scope == TEXT_SCOPE_BODY   ? TEXT_STREAM_BODY :
							     TEXT_N_STREAMS;
	for (int stream = 0; stream < TEXT_STREAM_SORT; stream++) {
		const char *line = streams[stream].data, *end = line + streams[stream].len;
		if (only != TEXT_N_STREAMS && only != (TextStream)stream)
			continue;
		if (stream == TEXT_STREAM_BODY) {
			if (!each_token(FALSE, KIND_BODY, line, streams[stream].len, func, data))
				return;
			continue;
		}
		while (line < end) {
			const char *line_end = memchr(line, '\n', (gsize)(end - line));
			if (line_end == NULL)
				line_end = end;
			if (!each_line_token(leaf, stream == TEXT_STREAM_PARTS, line, (gsize)(line_end - line), func, data))
				return;
			line = line_end + 1;
		}
	}
}

TextLeaf fuzzy_word_leaf(const TextLeaf *leaf, guint word)
{
	TextLeaf exact = *leaf;
	exact.needle = leaf->fuzzy->words[word].text;
	exact.needle_len = leaf->fuzzy->words[word].len;
	exact.fuzzy = NULL;
	return exact;
}

/* -- matching --------------------------------------------------------------------------------------------------------- */

typedef struct {
	FuzzyMatcher *matcher;
	guint32 found, all; /* words, as bits */
} Matching;

static gboolean match_token(TextKind kind, const char *token, gsize len, gpointer data)
{
	Matching *matching = data;
	(void)kind;
	matching->found |= fuzzy_matcher_variants(matching->matcher, token, len);
	return matching->found != matching->all;
}

gboolean fuzzy_matcher_match(FuzzyMatcher *matcher, const TextLeaf *leaf, const TextSpan streams[TEXT_N_STREAMS])
{
	Matching matching = { .matcher = matcher };
	if (matcher->needle->n == 0)
		return text_streams_match(streams, leaf);
	for (guint w = 0; w < matcher->needle->n; w++) {
		TextLeaf exact = fuzzy_word_leaf(leaf, w);
		matching.all |= 1u << w;
		if (text_streams_match(streams, &exact))
			matching.found |= 1u << w;
	}
	if (matching.found != matching.all)
		each_leaf_token(leaf, streams, match_token, &matching);
	return matching.found == matching.all;
}

/* -- rating ----------------------------------------------------------------------------------------------------------- */

typedef struct {
	FuzzyMatcher *matcher;
	guint64 tokens[N_KINDS];
	struct {
		FuzzyGrade grade; /* the best */
		guint n;          /* tokens of it */
	} best[FUZZY_WORDS_MAX][N_KINDS];
} Rating;

static void rate_grade(Rating *rating, guint w, TextKind kind, FuzzyGrade grade)
{
	if (grade == FUZZY_NONE || grade > rating->best[w][kind].grade)
		return;
	if (grade < rating->best[w][kind].grade)
		rating->best[w][kind].n = 0;
	rating->best[w][kind].grade = grade;
	rating->best[w][kind].n++;
}

static gboolean rate_token(TextKind kind, const char *token, gsize len, gpointer data)
{
	Rating *rating = data;
	const FuzzyNeedle *needle = rating->matcher->needle;
	guint32 variants = fuzzy_matcher_variants(rating->matcher, token, len);
	rating->tokens[kind]++;
	for (guint w = 0; w < needle->n; w++) {
		const FuzzyWord *word = &needle->words[w];
		FuzzyGrade best = FUZZY_NONE;
		if ((variants >> w & 1) != 0) {
			const char *text;
			gsize at = 0, text_len;
			while (fuzzy_next_word(token, len, &at, &text, &text_len))
				best = MIN(best, fuzzy_matcher_grade(rating->matcher, w, text, text_len));
		} else if (len > word->len && mem_find(token, len, word->text, word->len) != NULL) {
			best = FUZZY_PART;
		}
		rate_grade(rating, w, kind, best);
	}
	return TRUE;
}

static double rate_kind(const Rating *rating, guint w, TextKind kind)
{
	FuzzyGrade grade = rating->best[w][kind].grade;
	double n = rating->best[w][kind].n, length = (double)rating->tokens[kind] / kinds[kind].usual;
	double often = n / (n + 1.2 * (0.25 + 0.75 * length));
	return grades[grade].low + (grades[grade].high - grades[grade].low) * MIN(1, 1.5 * often);
}

/* @weighted: the kinds are taken together by their weights. */
static double rate_word(const Rating *rating, guint w, gboolean weighted)
{
	double best = 0, missing = 1;
	TextKind best_kind = N_KINDS;
	double of[N_KINDS];
	for (TextKind kind = 0; kind < N_KINDS; kind++) {
		of[kind] = rate_kind(rating, w, kind) * (weighted ? kinds[kind].weight : 1);
		if (of[kind] > best) {
			best = of[kind];
			best_kind = kind;
		}
	}
	for (TextKind kind = 0; kind < N_KINDS; kind++)
		missing *= kind == best_kind ? 1 - of[kind] : 1 - MORE * of[kind];
	return 1 - missing;
}

void fuzzy_matcher_rate(FuzzyMatcher *matcher, const TextLeaf *leaf, const TextSpan streams[TEXT_N_STREAMS], float *ratings)
{
	const FuzzyNeedle *needle = matcher->needle;
	gboolean weighted = leaf->scope == TEXT_SCOPE_TEXT;
	if (needle->n == 0) {
		ratings[0] = text_streams_match(streams, leaf) ? 1 : 0;
		return;
	}
	Rating rating = { .matcher = matcher };
	for (guint w = 0; w < needle->n; w++)
		for (TextKind kind = 0; kind < N_KINDS; kind++)
			rating.best[w][kind].grade = FUZZY_NONE;
	each_leaf_token(leaf, streams, rate_token, &rating);
	double together = needle->n < 2 || text_streams_match(streams, leaf) ? 1 : SCATTERED;
	for (guint w = 0; w < needle->n; w++) {
		double is = rate_word(&rating, w, weighted);
		TextLeaf exact = fuzzy_word_leaf(leaf, w);
		if (is == 0 && text_streams_match(streams, &exact))
			is = grades[FUZZY_PART].low * (weighted ? kinds[KIND_OTHER].weight : 1);
		ratings[w] = (float)(is * together);
	}
}

/* -- texts that are not dealt out ------------------------------------------------------------------------------------ */

gboolean fuzzy_sections_match(const TextLeaf *leaf, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS])
{
	g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(leaf->fuzzy);
	g_auto(TextBuffers) buffers;
	TextSpan streams[TEXT_N_STREAMS];
	text_buffers_init(&buffers);
	text_split(sections, &buffers, streams);
	return fuzzy_matcher_match(matcher, leaf, streams);
}

void fuzzy_sections_rate(const TextLeaf *leaf, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], float *ratings)
{
	g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(leaf->fuzzy);
	g_auto(TextBuffers) buffers;
	TextSpan streams[TEXT_N_STREAMS];
	text_buffers_init(&buffers);
	text_split(sections, &buffers, streams);
	fuzzy_matcher_rate(matcher, leaf, streams, ratings);
}
