/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For each word: what the exact key finds (plan.c), and the emails with a term that has a variant of the word. The terms are found by a pass over the
 * vocabulary. That is proof, since terms and texts are cut into words by the same rules; where a prefix is shared with other fields, what only variants
 * find is verified in the text. */
#include "indexer/fuzzy-plan.h"

#include <string.h>

#include "indexer/fuzzy-text.h"
#include "indexer/parallel.h"
#include "indexer/plan.h"
#include "indexer/search-cancel.h"
#include "indexer/text-store-private.h"
#include "indexer/vocabulary-private.h"

/* Variants of one needle in the vocabulary beyond which texts are read instead: no more postings are opened, and none is left out. An English word has tens;
 * thousands would be somebody's attempt. */
#define VARIANTS_MAX 20000
/* Bytes of vocabulary in one piece of work. */
#define PIECE_BYTES (256 * 1024)
/* Emails of one piece of work: neighbours are in one block where texts are packed. */
#define PIECE_EMAILS 64
/* What a pass costs, in nanoseconds for 1,000 bytes: measured, see indexer/README. */
#define NS_VOCABULARY_KB 2500
#define NS_TEXT_KB 3500

/* -- texts ------------------------------------------------------------------------------------------------------------ */

typedef struct {
	const TextView *view;
	const TextLeaf *leaf;
	const SearchCancel *cancel;
	const guint32 *ids;
	guint8 *matches; /* one for each of ids */
	GMutex lock;     /* of error */
	GError *error;
} TextRun;

/* Takes @error; the first one counts. Returns FALSE. */
static gboolean fail_run(GMutex *lock, GError **run_error, GError *error)
{
	g_mutex_lock(lock);
	if (*run_error == NULL)
		*run_error = g_steal_pointer(&error);
	g_mutex_unlock(lock);
	g_clear_error(&error);
	return FALSE;
}

static gboolean check_run(const SearchCancel *cancel, GMutex *lock, GError **run_error)
{
	GError *error = NULL;
	return search_cancel_check(cancel, &error) || fail_run(lock, run_error, error);
}

static gboolean match_some(gsize first, gsize end, gpointer data)
{
	TextRun *run = data;
	g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(run->leaf->fuzzy);
	g_autoptr(TextScratch) scratch = text_scratch_new();
	guint wanted = text_leaf_streams(run->leaf);
	for (gsize i = first; i < end; i++) {
		TextSpan streams[TEXT_N_STREAMS];
		guint segment;
		guint32 entry;
		if (!check_run(run->cancel, &run->lock, &run->error))
			return FALSE;
		if (!text_view_find(run->view, run->ids[i], &segment, &entry))
			continue;
		if (!text_view_record(run->view, segment, entry, wanted, scratch, streams))
			return fail_run(&run->lock, &run->error,
				g_error_new(FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED, "the text of email %u is damaged", run->ids[i]));
		run->matches[i] = fuzzy_matcher_match(matcher, run->leaf, streams) ? 1 : 0;
	}
	return TRUE;
}

/* Adds to @matched those of @among whose text matches. */
static gboolean match_texts(const TextView *view, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
	EmailSet *matched, GError **error)
{
	guint32 n;
	g_autofree guint32 *ids = email_set_list(among, &n);
	g_autofree guint8 *matches = g_new0(guint8, n);
	TextRun run = { .view = view, .leaf = leaf, .cancel = cancel, .ids = ids, .matches = matches };
	g_mutex_init(&run.lock);
	gboolean ok = parallel_run(n, PIECE_EMAILS, parallel_threads(), match_some, &run);
	g_mutex_clear(&run.lock);
	if (!ok) {
		g_propagate_error(error, run.error);
		return FALSE;
	}
	for (guint32 i = 0; i < n; i++)
		if (matches[i])
			email_set_add(matched, ids[i]);
	return TRUE;
}

/* -- the vocabulary --------------------------------------------------------------------------------------------------- */

/* Lines of terms; in the delta each begins with its prefix (prefix 0). */
typedef struct {
	const char *data;
	gsize len;
	char prefix;
} Section;

typedef struct {
	const FuzzyNeedle *needle;
	const char *prefixes;
	const SearchCancel *cancel;
	GArray *sections; /* of Section, PIECE_BYTES each or less */
	GMutex lock;      /* of what follows */
	GByteArray *terms[FUZZY_WORDS_MAX]; /* in the form of FtTerms */
	guint n;
	gboolean too_many;
	GError *error;
} Expansion;

static void expansion_add(Expansion *expansion, guint32 words, char prefix, const char *term, gsize len)
{
	g_mutex_lock(&expansion->lock);
	for (guint w = 0; words != 0; w++, words >>= 1)
		if ((words & 1) != 0) {
			term_append(expansion->terms[w], prefix, term, len);
			expansion->n++;
		}
	expansion->too_many = expansion->n > VARIANTS_MAX;
	g_mutex_unlock(&expansion->lock);
}

static gboolean expand_some(gsize first, gsize end, gpointer data)
{
	Expansion *expansion = data;
	g_autoptr(FuzzyMatcher) matcher = fuzzy_matcher_take(expansion->needle);
	if (!check_run(expansion->cancel, &expansion->lock, &expansion->error))
		return FALSE;
	for (gsize i = first; i < end; i++) {
		const Section *section = &g_array_index(expansion->sections, Section, i);
		const char *line = section->data, *section_end = line + section->len;
		while (line < section_end) {
			const char *lf = memchr(line, '\n', (gsize)(section_end - line));
			const char *line_end = lf == NULL ? section_end : lf;
			char prefix = section->prefix;
			const char *term = line;
			line = line_end + 1;
			if (prefix == '\0' && term < line_end)
				prefix = *term++;
			if (term >= line_end || (section->prefix == '\0' && strchr(expansion->prefixes, prefix) == NULL))
				continue;
			guint32 words = fuzzy_matcher_variants(matcher, term, (gsize)(line_end - term));
			if (words != 0)
				expansion_add(expansion, words, prefix, term, (gsize)(line_end - term));
		}
	}
	return !expansion->too_many;
}

/* Cuts at ends of lines. */
static void add_sections(GArray *sections, const char *data, gsize len, char prefix)
{
	while (len > 0) {
		gsize piece = len;
		if (len > PIECE_BYTES) {
			const char *lf = memchr(data + PIECE_BYTES, '\n', len - PIECE_BYTES);
			piece = lf == NULL ? len : (gsize)(lf - data) + 1;
		}
		Section section = { data, piece, prefix };
		g_array_append_val(sections, section);
		data += piece;
		len -= piece;
	}
}

static void expansion_init(Expansion *expansion, const FuzzyNeedle *needle, const char *prefixes, const SearchCancel *cancel)
{
	*expansion = (Expansion){ .needle = needle, .prefixes = prefixes, .cancel = cancel };
	expansion->sections = g_array_new(FALSE, FALSE, sizeof(Section));
	g_mutex_init(&expansion->lock);
	for (guint w = 0; w < fuzzy_needle_n_words(needle); w++)
		expansion->terms[w] = g_byte_array_new();
}

static void expansion_clear(Expansion *expansion)
{
	g_array_unref(expansion->sections);
	g_mutex_clear(&expansion->lock);
	for (guint w = 0; w < FUZZY_WORDS_MAX; w++)
		g_clear_pointer(&expansion->terms[w], g_byte_array_unref);
	g_clear_error(&expansion->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Expansion, expansion_clear)

/* FALSE: expansion->too_many, or @error. */
static gboolean expand(Expansion *expansion, const VocabularyView *vocabulary, GError **error)
{
	const char *data;
	gsize len;
	for (const char *prefix = expansion->prefixes; *prefix != '\0'; prefix++) {
		vocabulary_base(vocabulary, *prefix, &data, &len);
		add_sections(expansion->sections, data, len, *prefix);
	}
	vocabulary_delta(vocabulary, &data, &len);
	add_sections(expansion->sections, data, len, '\0');
	gboolean ok = parallel_run(expansion->sections->len, 1, parallel_threads(), expand_some, expansion);
	if (expansion->error != NULL)
		g_propagate_error(error, g_steal_pointer(&expansion->error));
	return ok && !expansion->too_many;
}

/* -- the plan --------------------------------------------------------------------------------------------------------- */

/* Whether texts of @n emails are read sooner than the vocabulary. */
static gboolean texts_are_cheaper(const IndexView *view, const TextLeaf *leaf, guint32 n)
{
	guint32 count = text_view_count(view->text);
	TextExtent extent = text_view_extent(view->text, text_leaf_streams(leaf));
	guint64 text_bytes = count == 0 ? 0 : (extent.open_bytes + extent.packed_bytes) / count * n;
	return text_bytes * NS_TEXT_KB <= vocabulary_bytes(view->vocabulary, plan_value_prefixes(leaf)) * NS_VOCABULARY_KB;
}

/* Leaves in @left the emails that word @w matches. */
static gboolean match_word(IndexReader *reader, const TextLeaf *leaf, guint w, const GByteArray *terms, const SearchCancel *cancel,
	EmailSet *left, LeafStats *stats, GError **error)
{
	TextLeaf exact = fuzzy_word_leaf(leaf, w);
	LeafStats word_stats = { 0 };
	g_autoptr(EmailSet) found = email_set_new();
	g_autoptr(EmailSet) variants = email_set_new();
	FtTerms list = { terms->data, terms->len };
	guint64 max = G_MAXUINT64;
	gboolean all;
	if (!plan_match(reader, &exact, left, cancel, found, &word_stats, error) ||
		!ftindex_postings(reader->index, list, &max, variants, &all, error))
		return FALSE;
	email_set_and(variants, left);
	email_set_and_not(variants, found);
	stats->terms += word_stats.terms;
	stats->candidates += word_stats.candidates + email_set_count(variants);
	stats->verified += word_stats.verified;
	stats->path = MAX(stats->path, MAX(word_stats.path, LEAF_PATH_INDEX));
	if (plan_has_own_prefix(leaf)) {
		email_set_or(found, variants);
	} else if (!email_set_is_empty(variants)) {
		/* As a needle of this word alone. */
		const FuzzyWord *word = fuzzy_needle_word(leaf->fuzzy, w);
		g_autoptr(FuzzyNeedle) needle = fuzzy_needle_new(word->text, word->len);
		exact.fuzzy = needle;
		stats->verified += email_set_count(variants);
		stats->path = MAX(stats->path, LEAF_PATH_VERIFIED);
		if (!match_texts(reader->view->text, &exact, variants, cancel, found, error))
			return FALSE;
	}
	email_set_and(left, found);
	return TRUE;
}

gboolean fuzzy_plan_match(IndexReader *reader, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
	EmailSet *matched, LeafStats *stats, GError **error)
{
	const IndexView *view = reader->view;
	guint n_words = fuzzy_needle_n_words(leaf->fuzzy);
	if (n_words == 0 || email_set_is_empty(among))
		return plan_match(reader, leaf, among, cancel, matched, stats, error);
	g_auto(Expansion) expansion;
	expansion_init(&expansion, leaf->fuzzy, plan_value_prefixes(leaf), cancel);
	gboolean by_terms = view->vocabulary != NULL && !texts_are_cheaper(view, leaf, email_set_count(among));
	if (by_terms && !expand(&expansion, view->vocabulary, error)) {
		if (!expansion.too_many)
			return FALSE;
		by_terms = FALSE;
	}
	if (!by_terms) {
		stats->candidates = stats->verified = email_set_count(among);
		stats->path = LEAF_PATH_SCAN;
		return match_texts(view->text, leaf, among, cancel, matched, error);
	}
	g_autoptr(EmailSet) left = email_set_copy(among);
	stats->terms += expansion.n;
	for (guint w = 0; w < n_words && !email_set_is_empty(left); w++)
		if (!search_cancel_check(cancel, error) ||
			!match_word(reader, leaf, w, expansion.terms[w], cancel, left, stats, error))
			return FALSE;
	email_set_or(matched, left);
	return TRUE;
}
