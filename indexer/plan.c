/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Terms narrow, never decide against a match: whatever is taken away from the candidates here is taken away because every match must have one of the
 * terms that were looked up, and the vocabulary lacks none. What a set of terms does not prove is verified in the text store. */
#include "indexer/plan.h"

#include <string.h>

#include "base/memsearch.h"
#include "indexer/parallel.h"
#include "indexer/terms.h"

/* What things cost, in nanoseconds; measured, see indexer/README. */
#define NS_TERM 2000             /* finding a term's postings */
#define NS_POSTING 12            /* reading one */
#define NS_EMAIL_LOOKUP 350      /* finding an email in the text store */
#define NS_EMAIL_SCAN 40         /* going from one email to the next in a scan */
#define TEXT_BYTES_PER_NS 12     /* searching text, one core */
#define VOCABULARY_BYTES_PER_NS 20
#define NS_LOOKUP 20000          /* anything with the vocabulary at all */

/* Terms and postings that are read even where little is to be gained. */
#define TERMS_MIN 16
#define POSTINGS_MIN 2000
/* What a probe may cost: this part of verifying what is there without it. */
#define GAIN 4
/* Tokens of one needle that are looked up. */
#define PROBES_MAX 16

/* Prefixes of what lines of text have: all but names. */
#define VALUE_PREFIXES "BCFHKST"
#define NAME_PREFIXES "NP"

typedef struct {
	IndexReader *reader;
	const TextLeaf *leaf;
	LeafStats *stats;
	guint64 email_bytes; /* of the streams that the leaf looks at, on average */
	guint threads;
	GError **error;
	gboolean failed;     /* error is set */
	guint64 spent_ns;    /* on terms and postings, by estimate */
} Plan;

/* -- estimates ---------------------------------------------------------------------------------------------------- */

static guint64 average_bytes(const IndexView *view, const TextLeaf *leaf)
{
	guint32 count = text_view_count(view->text);
	return count == 0 ? 0 : text_view_scan_bytes(view->text, leaf) / count;
}

/* Matching @n emails of all in the text store, one after the other or each by itself. */
static guint64 texts_ns(const Plan *plan, guint32 n)
{
	guint64 each = plan->email_bytes / TEXT_BYTES_PER_NS;
	gboolean sparse = n < text_view_count(plan->reader->view->text) / 24;
	guint64 all = n * (each + (sparse ? NS_EMAIL_LOOKUP : NS_EMAIL_SCAN));
	return plan->email_bytes * n > 4 * 1024 * 1024 ? all / plan->threads : all;
}

static guint64 vocabulary_ns(const Plan *plan, const char *prefixes)
{
	return NS_LOOKUP + vocabulary_bytes(plan->reader->view->vocabulary, prefixes) / VOCABULARY_BYTES_PER_NS;
}

/* -- postings ------------------------------------------------------------------------------------------------------ */

/* FALSE: too many (or plan->failed). */
static gboolean read_postings(Plan *plan, const GByteArray *terms, guint64 budget_ns, EmailSet *ids)
{
	gboolean all;
	guint64 max = MAX(budget_ns / NS_POSTING, POSTINGS_MIN), left = max;
	FtTerms list = { terms->data, terms->len };
	if (!ftindex_postings(plan->reader->index, list, &left, ids, &all, plan->error)) {
		plan->failed = TRUE;
		return FALSE;
	}
	plan->spent_ns += (max - left) * NS_POSTING;
	return all;
}

/* *left_ns: reduced by what the terms' postings take to be found. */
static gboolean find_terms(Plan *plan, const char *prefixes, VocabularyMatch match, const char *token, gsize len, guint64 *left_ns,
	GByteArray *terms)
{
	guint n;
	guint max = (guint)CLAMP(*left_ns / NS_TERM, TERMS_MIN, G_MAXINT32);
	gboolean all = vocabulary_find(plan->reader->view->vocabulary, prefixes, match, token, len, max, terms, &n);
	if (!all)
		return FALSE;
	plan->stats->terms += n;
	plan->spent_ns += (guint64)n * NS_TERM;
	*left_ns -= MIN(*left_ns, (guint64)n * NS_TERM);
	return TRUE;
}

/* -- tokens ---------------------------------------------------------------------------------------------------------- */

typedef enum { PROBE_WHOLE, PROBE_PREFIX, PROBE_SUFFIX, PROBE_CONTAINS } ProbeKind; /* cheapest first */

/* What every text has that has the token: a term that is, begins with, ends with or contains these octets. */
typedef struct {
	ProbeKind kind;
	const char *data;
	gsize len;
	GByteArray *terms;  /* owned; PROBE_WHOLE: the terms themselves */
	guint64 frequency;  /* PROBE_WHOLE: of them */
} Probe;

static void probe_clear(gpointer data)
{
	Probe *probe = data;
	g_clear_pointer(&probe->terms, g_byte_array_unref);
}

/* See terms.h for why these octets. */
static Probe probe_of(const NeedleToken *token)
{
	Probe probe = { .data = token->data, .len = token->len };
	if (token->open_left && token->open_right) {
		probe.kind = PROBE_CONTAINS;
		probe.len = MIN(token->len, TERM_WINDOW);
	} else if (token->open_left) {
		probe.kind = PROBE_SUFFIX;
		probe.len = MIN(token->len, TERM_WINDOW);
		probe.data = token->data + token->len - probe.len;
	} else {
		probe.kind = token->open_right ? PROBE_PREFIX : PROBE_WHOLE;
		probe.len = MIN(token->len, TERM_PIECE);
	}
	return probe;
}

static gint compare_probes(gconstpointer a, gconstpointer b)
{
	const Probe *left = a, *right = b;
	if (left->kind != right->kind)
		return (gint)left->kind - (gint)right->kind;
	if (left->frequency != right->frequency)
		return left->frequency < right->frequency ? -1 : 1;
	return left->len > right->len ? -1 : left->len < right->len;
}

static gint compare_token_lengths(gconstpointer a, gconstpointer b)
{
	gsize left = ((const NeedleToken *)a)->len, right = ((const NeedleToken *)b)->len;
	return left > right ? -1 : left < right;
}

/* The probes of a string's tokens, the cheapest and rarest first; @all_ns: what is to be saved. @closed_left: the text's line begins, or has a space, where the string begins. */
static GArray *make_probes(
	Plan *plan, const char *needle, gsize len, gboolean closed_left, const char *prefixes, guint64 all_ns)
{
	g_autoptr(GArray) tokens = needle_tokens(needle, len);
	GArray *probes = g_array_new(FALSE, FALSE, sizeof(Probe));
	g_array_set_clear_func(probes, probe_clear);
	if (tokens->len > 0 && closed_left)
		g_array_index(tokens, NeedleToken, 0).open_left = FALSE;
	g_array_sort(tokens, compare_token_lengths);
	/* Asking how frequent they are takes a small part of what they may save. */
	guint max = (guint)CLAMP(all_ns / 4 / (strlen(prefixes) * NS_TERM), 1, PROBES_MAX);
	for (guint i = 0; i < MIN(tokens->len, max) && !plan->failed; i++) {
		Probe probe = probe_of(&g_array_index(tokens, NeedleToken, i));
		if (probe.kind == PROBE_WHOLE) {
			probe.terms = g_byte_array_new();
			for (const char *prefix = prefixes; *prefix != '\0' && !plan->failed; prefix++) {
				gsize start = probe.terms->len;
				guint64 frequency = 0;
				term_append(probe.terms, *prefix, probe.data, probe.len);
				const char *term = (const char *)probe.terms->data + start + 1;
				plan->failed = !ftindex_frequency(plan->reader->index, term, probe.len + 1, &frequency, plan->error);
				probe.frequency += frequency;
				plan->stats->terms += frequency > 0 ? 1 : 0;
			}
		}
		g_array_append_val(probes, probe);
	}
	g_array_sort(probes, compare_probes);
	return probes;
}

/* Before anything is read: what it costs. */
static guint64 probe_ns(const Plan *plan, const Probe *probe, const char *prefixes)
{
	switch (probe->kind) {
	case PROBE_WHOLE:
		return strlen(prefixes) * NS_TERM + probe->frequency * NS_POSTING;
	case PROBE_PREFIX:
		return NS_LOOKUP + plan->reader->view->meta.vocabulary.delta_bytes / VOCABULARY_BYTES_PER_NS;
	case PROBE_SUFFIX:
	case PROBE_CONTAINS:
		break;
	}
	return vocabulary_ns(plan, prefixes);
}

/* The emails with the probe's terms; NULL: too many to be worth it, or plan->failed. */
static EmailSet *probe_ids(Plan *plan, const Probe *probe, const char *prefixes, guint64 budget_ns)
{
	static const VocabularyMatch matches[] = {
		[PROBE_PREFIX] = VOCABULARY_PREFIX, [PROBE_SUFFIX] = VOCABULARY_SUFFIX, [PROBE_CONTAINS] = VOCABULARY_CONTAINS
	};
	g_autoptr(EmailSet) ids = email_set_new();
	g_autoptr(GByteArray) found = g_byte_array_new();
	const GByteArray *terms = probe->terms;
	if (probe->kind != PROBE_WHOLE) {
		if (!find_terms(plan, prefixes, matches[probe->kind], probe->data, probe->len, &budget_ns, found))
			return NULL;
		terms = found;
	}
	return read_postings(plan, terms, budget_ns, ids) ? g_steal_pointer(&ids) : NULL;
}

/* Takes away from @set what lacks a term that the string's tokens ask for, as long as that costs less than verifying what is
 * there. FALSE: nothing was looked up. */
static gboolean narrow(Plan *plan, const char *needle, gsize len, gboolean closed_left, const char *prefixes, EmailSet *set)
{
	guint64 all_ns = texts_ns(plan, email_set_count(set));
	g_autoptr(GArray) probes = make_probes(plan, needle, len, closed_left, prefixes, all_ns);
	gboolean narrowed = FALSE;
	for (guint i = 0; i < probes->len && !plan->failed; i++) {
		const Probe *probe = &g_array_index(probes, Probe, i);
		guint64 left_ns = texts_ns(plan, email_set_count(set)) / GAIN, cost_ns = probe_ns(plan, probe, prefixes);
		gboolean none = probe->kind == PROBE_WHOLE && probe->frequency == 0;
		if (!none && (cost_ns > left_ns || plan->spent_ns > all_ns / 3))
			continue;
		g_autoptr(EmailSet) ids = probe_ids(plan, probe, prefixes, none ? 0 : left_ns - cost_ns);
		plan->spent_ns += cost_ns;
		if (ids == NULL)
			continue;
		narrowed = TRUE;
		email_set_and(set, ids);
		if (email_set_is_empty(set))
			break;
	}
	return narrowed;
}

/* -- the names of fields, in TEXT --------------------------------------------------------------------------------------- */

/* Emails of @among that have a field whose name contains or ends with the string; FALSE: too many to be worth it. */
static gboolean names_with(
	Plan *plan, VocabularyMatch match, const char *string, gsize len, const EmailSet *among, EmailSet *ids)
{
	g_autoptr(GByteArray) terms = g_byte_array_new();
	guint64 budget_ns = texts_ns(plan, email_set_count(among)) / GAIN;
	if (!find_terms(plan, NAME_PREFIXES, match, string, len, &budget_ns, terms) || !read_postings(plan, terms, budget_ns, ids))
		return FALSE;
	email_set_and(ids, among);
	return TRUE;
}

/* TEXT sees lines "name: value". A match of a string without ": " is inside of a name (and the colon behind it), or has nothing of it; one of a string
 * with it can also end in a name what is before the first ": ", and begin a value with what follows. (The tokens of a name that is too long for
 * its term are among those of values.) Adds to @candidates, which has what the tokens of values left of @among. */
static gboolean add_names(Plan *plan, const EmailSet *among, EmailSet *candidates)
{
	const TextLeaf *leaf = plan->leaf;
	const char *colon = mem_find(leaf->needle, leaf->needle_len, ": ", 2);
	g_autoptr(EmailSet) ids = email_set_new();
	if (colon == NULL) {
		gsize len = leaf->needle_len - (leaf->needle[leaf->needle_len - 1] == ':' ? 1 : 0);
		if (len > 0 && len <= TERM_NAME_MAX && !names_with(plan, VOCABULARY_CONTAINS, leaf->needle, len, among, ids))
			return FALSE;
		email_set_or(candidates, ids);
		return TRUE;
	}
	gsize name_len = (gsize)(colon - leaf->needle), value_len = leaf->needle_len - name_len - 2;
	if (name_len > TERM_NAME_MAX)
		return TRUE;
	if (name_len == 0)
		email_set_or(ids, among);
	else if (!names_with(plan, VOCABULARY_SUFFIX, leaf->needle, name_len, among, ids))
		return FALSE;
	if (!email_set_is_empty(ids))
		(void)narrow(plan, colon + 2, value_len, TRUE, VALUE_PREFIXES, ids);
	email_set_or(candidates, ids);
	return !plan->failed;
}

/* -- the ways ------------------------------------------------------------------------------------------------------------ */

/* The prefixes of the values that the leaf looks at. */
static const char *value_prefixes(const TextLeaf *leaf)
{
	static const char *const fields[] = { "F", "T", "C", "K", "S", "H" };
	switch (leaf->scope) {
	case TEXT_SCOPE_BODY:
		return "B";
	case TEXT_SCOPE_TEXT:
		return VALUE_PREFIXES;
	case TEXT_SCOPE_HEADER:
		break;
	}
	/* What is before the first ": " is the name of a line that begins so. */
	char prefix = term_prefix_of_field(leaf->field, term_name_end(leaf->field, leaf->field_len));
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i][0] == prefix)
			return fields[i];
	g_assert_not_reached();
}

/* Terms with the prefix are of this field's values and no others. */
static gboolean has_own_prefix(const TextLeaf *leaf)
{
	return leaf->scope != TEXT_SCOPE_HEADER || (strcmp(value_prefixes(leaf), "H") != 0 &&
							   term_name_end(leaf->field, leaf->field_len) == leaf->field_len);
}

/* One token that is the whole string, short enough to lie inside of a term: the emails that have a term with it are the answer. FALSE: not that case, or
 * not worth it. */
static gboolean match_proven(Plan *plan, const EmailSet *among, EmailSet *matched)
{
	const TextLeaf *leaf = plan->leaf;
	const char *prefixes = leaf->scope == TEXT_SCOPE_TEXT ? TERM_PREFIXES : value_prefixes(leaf);
	g_autoptr(GArray) tokens = needle_tokens(leaf->needle, leaf->needle_len);
	if (tokens->len != 1 || g_array_index(tokens, NeedleToken, 0).len != leaf->needle_len || leaf->needle_len > TERM_WINDOW ||
		!has_own_prefix(leaf))
		return FALSE;
	guint64 scan_ns = texts_ns(plan, email_set_count(among)), cost_ns = vocabulary_ns(plan, prefixes);
	guint64 left_ns = scan_ns - MIN(scan_ns, cost_ns);
	g_autoptr(GByteArray) terms = g_byte_array_new();
	g_autoptr(EmailSet) ids = email_set_new();
	if (cost_ns >= scan_ns ||
		!find_terms(plan, prefixes, VOCABULARY_CONTAINS, leaf->needle, leaf->needle_len, &left_ns, terms) ||
		!read_postings(plan, terms, left_ns, ids))
		return FALSE;
	email_set_and(ids, among);
	email_set_or(matched, ids);
	plan->stats->candidates = email_set_count(ids);
	plan->stats->path = LEAF_PATH_INDEX;
	return TRUE;
}

/* Leaves in @set the emails that have the field, if that is worth it (*narrowed_out). *proven_out: having the name's term is having the field. */
static gboolean narrow_to_field(Plan *plan, EmailSet *set, gboolean *narrowed_out, gboolean *proven_out)
{
	const TextLeaf *leaf = plan->leaf;
	gsize name_len = MIN(term_name_end(leaf->field, leaf->field_len), TERM_NAME_MAX);
	g_autoptr(GByteArray) term = g_byte_array_new();
	g_autoptr(EmailSet) ids = email_set_new();
	guint64 frequency;
	term_append(term, TERM_PREFIX_NAME, leaf->field, name_len);
	*proven_out = name_len == leaf->field_len && name_len < TERM_NAME_MAX;
	if (!ftindex_frequency(plan->reader->index, (const char *)term->data + 1, name_len + 1, &frequency, plan->error)) {
		plan->failed = TRUE;
		return FALSE;
	}
	plan->stats->terms += frequency > 0 ? 1 : 0;
	/* What nearly all have does not narrow. */
	*narrowed_out = leaf->needle_len == 0 || frequency < text_view_count(plan->reader->view->text) / 2;
	if (!*narrowed_out)
		return TRUE;
	if (!read_postings(plan, term, G_MAXUINT64, ids))
		return FALSE;
	email_set_and(set, ids);
	return TRUE;
}

static gboolean verify(Plan *plan, const EmailSet *candidates, gboolean narrowed, const SearchCancel *cancel, EmailSet *matched)
{
	plan->stats->candidates = plan->stats->verified = email_set_count(candidates);
	plan->stats->path = narrowed ? (plan->stats->verified == 0 ? LEAF_PATH_INDEX : LEAF_PATH_VERIFIED) : LEAF_PATH_SCAN;
	return text_view_match(plan->reader->view->text, plan->leaf, candidates, cancel, matched, plan->error);
}

gboolean plan_match(IndexReader *reader, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel, EmailSet *matched,
	LeafStats *stats, GError **error)
{
	Plan plan = { .reader = reader, .leaf = leaf, .stats = stats, .error = error };
	plan.email_bytes = average_bytes(reader->view, leaf);
	plan.threads = parallel_threads();
	stats->path = LEAF_PATH_NONE;
	if (email_set_is_empty(among))
		return TRUE;
	if (leaf->needle_len == 0 && leaf->scope != TEXT_SCOPE_HEADER) {
		email_set_or(matched, among);
		return TRUE;
	}
	g_autoptr(EmailSet) candidates = email_set_copy(among);
	gboolean narrowed = FALSE, proven = FALSE;
	if (leaf->scope == TEXT_SCOPE_HEADER && (leaf->needle_len == 0 || !has_own_prefix(leaf))) {
		if (!narrow_to_field(&plan, candidates, &narrowed, &proven))
			return FALSE;
		if ((leaf->needle_len == 0 && proven) || email_set_is_empty(candidates)) {
			email_set_or(matched, candidates);
			stats->candidates = email_set_count(candidates);
			stats->path = LEAF_PATH_INDEX;
			return TRUE;
		}
	}
	/* What is verified in no time is not worth a look at the terms. */
	if (leaf->needle_len > 0 && reader->view->vocabulary != NULL &&
		texts_ns(&plan, email_set_count(candidates)) > NS_LOOKUP) {
		if (match_proven(&plan, among, matched))
			return TRUE;
		g_autoptr(EmailSet) by_terms = email_set_copy(candidates);
		if (!plan.failed && narrow(&plan, leaf->needle, leaf->needle_len, FALSE, value_prefixes(leaf), by_terms) &&
			(leaf->scope != TEXT_SCOPE_TEXT || add_names(&plan, candidates, by_terms))) {
			email_set_free(candidates);
			candidates = g_steal_pointer(&by_terms);
			narrowed = TRUE;
		}
		if (plan.failed)
			return FALSE;
	}
	return verify(&plan, candidates, narrowed, cancel, matched);
}

gint64 plan_estimate_us(const IndexView *view, const TextLeaf *leaf, guint32 among_count)
{
	guint64 each = average_bytes(view, leaf) / TEXT_BYTES_PER_NS + NS_EMAIL_SCAN;
	guint64 scan_ns = each * among_count / parallel_threads(), index_ns = NS_LOOKUP;
	if (leaf->needle_len == 0)
		return NS_LOOKUP / 1000;
	if (view->vocabulary == NULL)
		return (gint64)scan_ns / 1000;
	index_ns += vocabulary_bytes(view->vocabulary, value_prefixes(leaf)) / VOCABULARY_BYTES_PER_NS;
	/* Short strings are in many terms. */
	if (leaf->needle_len < 3)
		index_ns += scan_ns;
	return (gint64)(MIN(scan_ns, index_ns) / 1000) + 1;
}
