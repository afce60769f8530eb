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
#define UNPACKED_BYTES_PER_NS 4  /* unpacking it */
#define VOCABULARY_BYTES_PER_NS 20
#define NS_LOOKUP 20000          /* anything with the vocabulary at all */

/* Terms and postings that are read even where little is to be gained. */
#define TERMS_MIN 16
#define POSTINGS_MIN 2000
/* Of so many terms the postings of one of so many are read first. */
#define SAMPLE_TERMS_MIN 64
#define SAMPLE_ONE_OF 16
/* What a probe may cost: this part of verifying what is there without it. */
#define GAIN 4
/* Tokens of one needle that are looked up. */
#define PROBES_MAX 16

#define NAME_PREFIXES "NP"
/* All others. */
#define VALUE_PREFIXES "BCFHKRST"

/* How much dearer it is to take text apart into words than to search it. */
#define FUZZY_FACTOR 40

/* Streams that hold the same lines as terms with certain prefixes. Since a match lies in one line, each group is narrowed by its own terms, and of the emails
 * that are left its streams alone are read. In the order in which they are: small ones and those that are never packed first, so that as little as
 * possible is left for those that have to be unpacked. */
typedef struct {
	const char *prefixes; /* of the values of its lines */
	guint streams;        /* bits */
} Group;
static const Group text_groups[] = {
	{ "FTCKS", 1u << TEXT_STREAM_ENVELOPE },
	{ "B", 1u << TEXT_STREAM_BODY },
	{ "H", 1u << TEXT_STREAM_HEADER | 1u << TEXT_STREAM_PARTS },
	{ "R", 1u << TEXT_STREAM_TRACE },
};

typedef struct {
	IndexReader *reader;
	const TextLeaf *leaf;
	LeafStats *stats;
	const SearchCancel *cancel;
	guint threads;
	GError **error;
	gboolean failed;     /* error is set */
	guint64 spent_ns;    /* on terms and postings, by estimate */
	gboolean narrowed;   /* by anything */
	EmailSet *read;      /* owned: candidates of any group */
} Plan;

/* -- estimates ---------------------------------------------------------------------------------------------------- */

/* Matching @n emails of all in these streams, one after the other or each by itself. */
static guint64 texts_ns(const Plan *plan, guint streams, guint32 n)
{
	const TextView *view = plan->reader->view->text;
	guint32 count = MAX(text_view_count(view), 1);
	TextExtent extent = text_view_extent(view, streams);
	guint64 each = n < count / 24 ? NS_EMAIL_LOOKUP : NS_EMAIL_SCAN;
	guint64 bytes = (extent.open_bytes + extent.packed_bytes) / count * n;
	/* Blocks that have any of them, were they spread evenly. */
	guint64 unpacked = extent.blocks == 0 ? 0 : extent.packed_bytes / extent.blocks * MIN(extent.blocks, n);
	guint64 all = n * each + bytes / TEXT_BYTES_PER_NS + unpacked / UNPACKED_BYTES_PER_NS;
	return bytes + unpacked > 4 * 1024 * 1024 ? all / plan->threads : all;
}

static guint64 vocabulary_ns(const Plan *plan, const char *prefixes)
{
	return NS_LOOKUP + vocabulary_bytes(plan->reader->view->vocabulary, prefixes) / VOCABULARY_BYTES_PER_NS;
}

/* -- postings ------------------------------------------------------------------------------------------------------ */

/* At most *left postings. FALSE: there are more (or plan->failed). */
static gboolean read_some(Plan *plan, const GByteArray *terms, guint64 *left, EmailSet *ids)
{
	gboolean all;
	guint64 before = *left;
	FtTerms list = { terms->data, terms->len };
	if (!ftindex_postings(plan->reader->index, list, left, ids, &all, plan->error)) {
		plan->failed = TRUE;
		return FALSE;
	}
	plan->spent_ns += (before - *left) * NS_POSTING;
	return all;
}

/* Every SAMPLE_ONE_OF-th term to @sample, the others to @rest. */
static void split_terms(const GByteArray *terms, GByteArray *sample, GByteArray *rest)
{
	guint i = 0;
	for (guint at = 0; at < terms->len; at += terms->data[at] + 1u, i++)
		g_byte_array_append(i % SAMPLE_ONE_OF == 0 ? sample : rest, terms->data + at, terms->data[at] + 1u);
}

/* Adds to @ids the emails of the terms. FALSE: that would take longer than @budget_ns (or plan->failed); @ids has some of them. Of many terms a few
 * are read first, and tell how long all would take. */
static gboolean read_postings(Plan *plan, const GByteArray *terms, guint n_terms, guint64 budget_ns, EmailSet *ids)
{
	guint64 left = MAX(budget_ns / NS_POSTING, POSTINGS_MIN);
	if (n_terms < SAMPLE_TERMS_MIN)
		return read_some(plan, terms, &left, ids);
	g_autoptr(GByteArray) sample = g_byte_array_new();
	g_autoptr(GByteArray) rest = g_byte_array_new();
	guint64 before = left;
	split_terms(terms, sample, rest);
	left /= SAMPLE_ONE_OF / 2;
	if (!read_some(plan, sample, &left, ids))
		return FALSE;
	guint64 read = before / (SAMPLE_ONE_OF / 2) - left;
	if (read * SAMPLE_ONE_OF > before)
		return FALSE;
	left = before - read;
	return read_some(plan, rest, &left, ids);
}

/* *left_ns: reduced by what the terms' postings take to be found. FALSE: too many. */
static gboolean find_terms(Plan *plan, const char *prefixes, VocabularyMatch match, const char *token, gsize len, guint64 *left_ns,
	GByteArray *terms, guint *n_out)
{
	guint max = (guint)CLAMP(*left_ns / NS_TERM, TERMS_MIN, G_MAXINT32);
	gboolean all = vocabulary_find(plan->reader->view->vocabulary, prefixes, match, token, len, max, terms, n_out);
	if (!all)
		return FALSE;
	plan->stats->terms += *n_out;
	plan->spent_ns += (guint64)*n_out * NS_TERM;
	*left_ns -= MIN(*left_ns, (guint64)*n_out * NS_TERM);
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
	guint n = 0;
	if (probe->kind != PROBE_WHOLE) {
		if (!find_terms(plan, prefixes, matches[probe->kind], probe->data, probe->len, &budget_ns, found, &n))
			return NULL;
		terms = found;
	}
	return read_postings(plan, terms, n, budget_ns, ids) ? g_steal_pointer(&ids) : NULL;
}

/* Takes away from @set what has no line in the group with the terms that the string's tokens ask for, as long as that costs less than verifying what is
 * there. FALSE: nothing was looked up. */
static gboolean narrow_by_terms(Plan *plan, const Group *group, const char *needle, gsize len, gboolean closed_left, EmailSet *set)
{
	guint64 all_ns = texts_ns(plan, group->streams, email_set_count(set)), spent_before_ns = plan->spent_ns;
	g_autoptr(GArray) probes = make_probes(plan, needle, len, closed_left, group->prefixes, all_ns);
	gboolean narrowed = FALSE;
	for (guint i = 0; i < probes->len && !plan->failed; i++) {
		const Probe *probe = &g_array_index(probes, Probe, i);
		guint64 left_ns = texts_ns(plan, group->streams, email_set_count(set)) / GAIN;
		guint64 cost_ns = probe_ns(plan, probe, group->prefixes);
		gboolean none = probe->kind == PROBE_WHOLE && probe->frequency == 0;
		if (!none && (cost_ns > left_ns || plan->spent_ns - spent_before_ns > all_ns / 3))
			continue;
		g_autoptr(EmailSet) ids = probe_ids(plan, probe, group->prefixes, none ? 0 : left_ns - cost_ns);
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

/* -- long words of trace fields, which have no terms ---------------------------------------------------------------------- */

typedef enum { WORD_CONTAINS, WORD_BEGINS, WORD_ENDS } WordMatch;

/* Adds to @ids those of @among with a long word in a trace field that contains, begins or ends with the string. */
static gboolean find_long_words(
	Plan *plan, WordMatch match, const char *string, gsize len, const EmailSet *among, EmailSet *ids)
{
	g_autoptr(GString) needle = g_string_new(match == WORD_BEGINS ? "\n" : NULL);
	g_string_append_len(needle, string, (gssize)len);
	if (match == WORD_ENDS)
		g_string_append_c(needle, '\n');
	TextLeaf leaf = { .scope = TEXT_SCOPE_TEXT, .needle = needle->str, .needle_len = needle->len };
	if (!text_view_match(plan->reader->view->text, &leaf, 1u << TEXT_STREAM_LONG, among, plan->cancel, ids, plan->error))
		plan->failed = TRUE;
	return !plan->failed;
}

static gboolean is_dearer_than_long_words(const Plan *plan, const Group *group, const EmailSet *set)
{
	guint32 n = email_set_count(set);
	return texts_ns(plan, group->streams, n) / 2 > texts_ns(plan, 1u << TEXT_STREAM_LONG, n);
}

/* Leaves in @set what has in a trace field a word that contains, begins or ends with @word: by its terms, for which @context has the word with the spaces that
 * are known to be around it, or as a long word. FALSE: not done. */
static gboolean narrow_to_word(Plan *plan, const Group *group, const char *context, gsize context_len, gboolean closed_left,
	WordMatch match, const char *word, gsize len, EmailSet *set)
{
	g_autoptr(EmailSet) ids = email_set_copy(set);
	if (len >= TERM_LONG_WORD)
		email_set_and_not(ids, set);
	else if (!narrow_by_terms(plan, group, context, context_len, closed_left, ids))
		return FALSE;
	g_autoptr(EmailSet) others = email_set_copy(set);
	email_set_and_not(others, ids);
	if (!find_long_words(plan, match, word, len, others, ids))
		return FALSE;
	email_set_and(set, ids);
	return TRUE;
}

/* narrow_by_terms() for the trace fields. A match of a string without spaces is inside of one word, which has terms or is long. Of one with spaces, words
 * between two of them are whole: if they are short they have terms. What is before the first space ends a word, what is behind the last begins one. */
static gboolean narrow_trace(Plan *plan, const Group *group, const char *needle, gsize len, gboolean closed_left, EmailSet *set)
{
	const char *end = needle + len, *first = memchr(needle, ' ', len), *last = memrchr(needle, ' ', len), *at = first;
	gsize long_len, first_len = first == NULL ? len : (gsize)(first - needle), last_len = last == NULL ? 0 : (gsize)(end - last) - 1;
	gboolean narrowed = FALSE;
	if (first == NULL)
		return narrow_to_word(plan, group, needle, len, closed_left, WORD_CONTAINS, needle, len, set);
	if (last > first + 1 && term_long_word(&at, last, &long_len) == NULL)
		narrowed = narrow_by_terms(plan, group, first, (gsize)(last - first) + 1, FALSE, set);
	/* The longer end first: it is rarer. */
	for (int i = 0; i < 2 && !plan->failed; i++) {
		gboolean is_first = (first_len >= last_len) == (i == 0);
		if ((is_first ? first_len : last_len) == 0 || !is_dearer_than_long_words(plan, group, set))
			continue;
		narrowed |= is_first ? narrow_to_word(plan, group, needle, first_len + 1, closed_left, WORD_ENDS, needle, first_len, set) :
				       narrow_to_word(plan, group, last, last_len + 1, FALSE, WORD_BEGINS, last + 1, last_len, set);
	}
	return narrowed;
}

/* narrow_by_terms(), and by what the group has besides terms. */
static gboolean narrow(Plan *plan, const Group *group, const char *needle, gsize len, gboolean closed_left, EmailSet *set)
{
	if ((group->streams & 1u << TEXT_STREAM_TRACE) != 0)
		return narrow_trace(plan, group, needle, len, closed_left, set);
	return narrow_by_terms(plan, group, needle, len, closed_left, set);
}

/* -- the names of fields, in TEXT --------------------------------------------------------------------------------------- */

/* What field names have to do with a string under TEXT, which sees lines "name: value". A match of a string without ": " is inside of a name and the colon
 * behind it, or has nothing of it; one of a string with it can also end in a name what is before the first ": ", and begin a value with what follows. (The tokens of
 * a name that is too long for its term are among those of values.) */
typedef struct {
	EmailSet *ids[G_N_ELEMENTS(text_groups)]; /* owned: with such a name in a line of the group. Nobody else matches by a name there */
	gboolean unknown;      /* too many to be worth it: anyone may */
	const char *value;     /* what then begins the value, or NULL: nothing */
	gsize value_len;
} Names;

static void names_clear(Names *names)
{
	for (gsize i = 0; i < G_N_ELEMENTS(text_groups); i++)
		g_clear_pointer(&names->ids[i], email_set_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Names, names_clear)

/* In which group lines with a name are: by the name's term. A name that was cut is none of those that terms.c lists. */
static gsize group_of_name(const guint8 *term, gsize len)
{
	char prefix = term[0] == TERM_PREFIX_NAME ? term_prefix_of_field((const char *)term + 1, len - 1) : TERM_PREFIX_HEADER;
	for (gsize i = 0; i < G_N_ELEMENTS(text_groups); i++)
		if (strchr(text_groups[i].prefixes, prefix) != NULL)
			return i;
	g_assert_not_reached();
}

/* Adds to names->ids those of @among that have a field whose name contains or ends with the string. */
static void names_with(Plan *plan, VocabularyMatch match, const char *string, gsize len, const EmailSet *among, Names *names)
{
	g_autoptr(GByteArray) terms = g_byte_array_new();
	guint n;
	guint64 budget_ns = texts_ns(plan, text_leaf_streams(plan->leaf), email_set_count(among)) / GAIN;
	names->unknown = !find_terms(plan, NAME_PREFIXES, match, string, len, &budget_ns, terms, &n);
	for (gsize i = 0; i < G_N_ELEMENTS(text_groups) && !names->unknown && !plan->failed; i++) {
		g_autoptr(GByteArray) of_group = g_byte_array_new();
		guint n_of_group = 0;
		for (guint at = 0; at < terms->len; at += terms->data[at] + 1u) {
			if (group_of_name(terms->data + at + 1, terms->data[at]) != i)
				continue;
			g_byte_array_append(of_group, terms->data + at, terms->data[at] + 1u);
			n_of_group++;
		}
		names->unknown = !read_postings(plan, of_group, n_of_group, budget_ns, names->ids[i]);
		email_set_and(names->ids[i], among);
	}
}

/* Adds to @matched (empty) those of @among that have the string in a name; the rest is @names. */
static void match_names(Plan *plan, const EmailSet *among, Names *names, EmailSet *matched)
{
	const TextLeaf *leaf = plan->leaf;
	const char *colon = mem_find(leaf->needle, leaf->needle_len, ": ", 2);
	for (gsize i = 0; i < G_N_ELEMENTS(text_groups); i++)
		names->ids[i] = email_set_new();
	if (plan->reader->view->vocabulary == NULL) {
		names->unknown = TRUE;
	} else if (colon == NULL) {
		gboolean at_end = leaf->needle[leaf->needle_len - 1] == ':';
		gsize len = leaf->needle_len - (at_end ? 1 : 0);
		if (len > TERM_NAME_MAX)
			return;
		if (len == 0) {
			names->unknown = TRUE;
			return;
		}
		names_with(plan, VOCABULARY_CONTAINS, leaf->needle, len, among, names);
		if (at_end)
			return;
		/* What the names' terms have, the names have. */
		for (gsize i = 0; i < G_N_ELEMENTS(text_groups); i++)
			email_set_or(matched, names->ids[i]);
		plan->narrowed |= !email_set_is_empty(matched);
		email_set_or(plan->read, matched);
	} else {
		gsize name_len = (gsize)(colon - leaf->needle);
		names->value = colon + 2;
		names->value_len = leaf->needle_len - name_len - 2;
		if (name_len > TERM_NAME_MAX)
			return;
		if (name_len == 0)
			for (gsize i = 0; i < G_N_ELEMENTS(text_groups); i++)
				email_set_or(names->ids[i], among);
		else
			names_with(plan, VOCABULARY_SUFFIX, leaf->needle, name_len, among, names);
	}
}

/* Adds to @set the emails of @among in which a line of the group may match by its name. */
static void add_names(Plan *plan, const Group *group, const Names *names, const EmailSet *among, EmailSet *set)
{
	if (names->unknown) {
		email_set_or(set, among);
		return;
	}
	g_autoptr(EmailSet) ids = email_set_copy(names->ids[group - text_groups]);
	email_set_and(ids, among);
	if (names->value_len > 0 && !email_set_is_empty(ids))
		(void)narrow(plan, group, names->value, names->value_len, TRUE, ids);
	email_set_or(set, ids);
}

/* -- the ways ------------------------------------------------------------------------------------------------------------ */

/* Of HEADER and BODY: the one group that the leaf looks at (of TEXT, nothing to be used). */
static Group group_of_leaf(const TextLeaf *leaf)
{
	static const char *const fields[] = { "F", "T", "C", "K", "S", "H", "R" };
	Group group = { "B", text_leaf_streams(leaf) };
	if (leaf->scope != TEXT_SCOPE_HEADER)
		return group;
	/* What is before the first ": " is the name of a line that begins so. */
	char prefix = term_prefix_of_field(leaf->field, term_name_end(leaf->field, leaf->field_len));
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i][0] == prefix)
			group.prefixes = fields[i];
	return group;
}

const char *plan_value_prefixes(const TextLeaf *leaf)
{
	return leaf->scope == TEXT_SCOPE_TEXT ? VALUE_PREFIXES : group_of_leaf(leaf).prefixes;
}

gboolean plan_has_own_prefix(const TextLeaf *leaf)
{
	return leaf->scope != TEXT_SCOPE_HEADER || (text_leaf_streams(leaf) == 1u << TEXT_STREAM_ENVELOPE &&
							   term_name_end(leaf->field, leaf->field_len) == leaf->field_len);
}

/* One token that is the whole string, short enough to lie inside of a term, and terms with the prefixes are the leaf's alone. */
static gboolean terms_can_prove(const TextLeaf *leaf)
{
	g_autoptr(GArray) tokens = needle_tokens(leaf->needle, leaf->needle_len);
	return tokens->len == 1 && g_array_index(tokens, NeedleToken, 0).len == leaf->needle_len &&
	       leaf->needle_len <= TERM_WINDOW && plan_has_own_prefix(leaf);
}

/* Where terms_can_prove(): the emails that have a term with the string are the answer. FALSE: not worth it. */
static gboolean match_proven(Plan *plan, const EmailSet *among, EmailSet *matched)
{
	const TextLeaf *leaf = plan->leaf;
	const char *prefixes = leaf->scope == TEXT_SCOPE_TEXT ? TERM_PREFIXES : group_of_leaf(leaf).prefixes;
	guint64 scan_ns = texts_ns(plan, text_leaf_streams(leaf), email_set_count(among)), cost_ns = vocabulary_ns(plan, prefixes);
	if (cost_ns >= scan_ns / 2)
		return FALSE;
	g_autoptr(GByteArray) terms = g_byte_array_new();
	g_autoptr(EmailSet) ids = email_set_new();
	/* Under TEXT, what is in very many terms is found by the scan before that comes to headers. */
	guint cheap = 1u << TEXT_STREAM_ENVELOPE | 1u << TEXT_STREAM_BODY, all = text_leaf_streams(leaf);
	guint64 left_ns = leaf->scope == TEXT_SCOPE_TEXT ? texts_ns(plan, all & cheap, email_set_count(among)) / 2 : scan_ns / 2;
	guint n;
	if (!find_terms(plan, prefixes, VOCABULARY_CONTAINS, leaf->needle, leaf->needle_len, &left_ns, terms, &n) ||
		!read_postings(plan, terms, n, left_ns, ids))
		return FALSE;
	email_set_and(ids, among);
	if (leaf->scope == TEXT_SCOPE_TEXT) {
		g_autoptr(EmailSet) others = email_set_copy(among);
		email_set_and_not(others, ids);
		if (!find_long_words(plan, WORD_CONTAINS, leaf->needle, leaf->needle_len, others, ids))
			return FALSE;
	}
	email_set_or(matched, ids);
	plan->stats->candidates = email_set_count(ids);
	plan->stats->path = LEAF_PATH_INDEX;
	return TRUE;
}

/* Leaves in @set the emails that have the field, if that is worth it. *proven_out: having the name's term is having the field. */
static gboolean narrow_to_field(Plan *plan, EmailSet *set, gboolean *proven_out)
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
	if (leaf->needle_len > 0 && frequency >= text_view_count(plan->reader->view->text) / 2)
		return TRUE;
	plan->narrowed = TRUE;
	if (!read_postings(plan, term, 1, G_MAXUINT64, ids))
		return FALSE;
	email_set_and(set, ids);
	return TRUE;
}

static gboolean verify(Plan *plan, guint streams, const EmailSet *candidates, EmailSet *matched)
{
	email_set_or(plan->read, candidates);
	return text_view_match(
		plan->reader->view->text, plan->leaf, streams, candidates, plan->cancel, matched, plan->error);
}

/* Is a look at the terms less than matching so many emails in the group? */
static gboolean is_worth_terms(const Plan *plan, const Group *group, guint32 n)
{
	return plan->leaf->needle_len > 0 && plan->reader->view->vocabulary != NULL &&
	       texts_ns(plan, group->streams, n) > NS_LOOKUP;
}

/* BODY and HEADER: @set is matched by terms and verification. */
static gboolean match_group(Plan *plan, const Group *group, EmailSet *set, EmailSet *matched)
{
	/* Of one token that its terms could prove it is known that there are too many of them. */
	if (is_worth_terms(plan, group, email_set_count(set)) && !terms_can_prove(plan->leaf))
		plan->narrowed |= narrow(plan, group, plan->leaf->needle, plan->leaf->needle_len, FALSE, set);
	return !plan->failed && verify(plan, group->streams, set, matched);
}

/* TEXT: group by group, those emails that did not match before. */
static gboolean match_groups(Plan *plan, const EmailSet *among, EmailSet *matched)
{
	const TextLeaf *leaf = plan->leaf;
	g_auto(Names) names = { NULL };
	g_autoptr(EmailSet) found = email_set_new();
	gboolean can_prove = terms_can_prove(leaf);
	match_names(plan, among, &names, found);
	for (gsize i = 0; i < G_N_ELEMENTS(text_groups) && !plan->failed; i++) {
		const Group *group = &text_groups[i];
		g_autoptr(EmailSet) left = email_set_copy(among);
		email_set_and_not(left, found);
		g_autoptr(EmailSet) set = email_set_copy(left);
		if (is_worth_terms(plan, group, email_set_count(left)) &&
			narrow(plan, group, leaf->needle, leaf->needle_len, FALSE, set)) {
			plan->narrowed = TRUE;
			if (can_prove) {
				email_set_or(plan->read, set);
				email_set_or(found, set);
				email_set_and_not(left, set);
				email_set_and_not(set, found);
			}
			if ((group->streams & 1u << TEXT_STREAM_BODY) == 0)
				add_names(plan, group, &names, left, set);
		}
		if (!plan->failed && !verify(plan, group->streams, set, found))
			return FALSE;
	}
	email_set_or(matched, found);
	return !plan->failed;
}

gboolean plan_match(IndexReader *reader, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel, EmailSet *matched,
	LeafStats *stats, GError **error)
{
	Plan plan = { .reader = reader, .leaf = leaf, .stats = stats, .cancel = cancel, .error = error };
	plan.threads = parallel_threads();
	stats->path = LEAF_PATH_NONE;
	if (email_set_is_empty(among))
		return TRUE;
	if (leaf->needle_len == 0 && leaf->scope != TEXT_SCOPE_HEADER) {
		email_set_or(matched, among);
		return TRUE;
	}
	Group group = group_of_leaf(leaf);
	g_autoptr(EmailSet) candidates = email_set_copy(among);
	g_autoptr(EmailSet) read = plan.read = email_set_new();
	gboolean proven = FALSE;
	if (leaf->scope == TEXT_SCOPE_HEADER && (leaf->needle_len == 0 || !plan_has_own_prefix(leaf))) {
		if (!narrow_to_field(&plan, candidates, &proven))
			return FALSE;
		if ((leaf->needle_len == 0 && proven) || email_set_is_empty(candidates)) {
			email_set_or(matched, candidates);
			stats->candidates = email_set_count(candidates);
			stats->path = LEAF_PATH_INDEX;
			return TRUE;
		}
	}
	/* What is verified in no time is not worth a look at the terms. */
	if (is_worth_terms(&plan, &(Group){ NULL, text_leaf_streams(leaf) }, email_set_count(candidates)) &&
		terms_can_prove(leaf) && match_proven(&plan, candidates, matched))
		return TRUE;
	if (plan.failed || !(leaf->scope == TEXT_SCOPE_TEXT ? match_groups(&plan, candidates, matched) :
							      match_group(&plan, &group, candidates, matched)))
		return FALSE;
	stats->candidates = stats->verified = email_set_count(read);
	stats->path = !plan.narrowed ? LEAF_PATH_SCAN : stats->verified == 0 ? LEAF_PATH_INDEX : LEAF_PATH_VERIFIED;
	return TRUE;
}

gint64 plan_estimate_us(const IndexView *view, const TextLeaf *leaf, guint32 among_count)
{
	if (leaf->needle_len == 0)
		return NS_LOOKUP / 1000;
	IndexReader reader = { .view = (IndexView *)(gsize)view };
	Plan plan = { .reader = &reader, .leaf = leaf, .threads = parallel_threads() };
	guint64 scan_ns = texts_ns(&plan, text_leaf_streams(leaf), among_count), index_ns = NS_LOOKUP;
	if (leaf->fuzzy != NULL)
		return (gint64)((scan_ns + index_ns) * FUZZY_FACTOR / 1000);
	if (view->vocabulary == NULL)
		return (gint64)scan_ns / 1000;
	index_ns += vocabulary_ns(&plan, leaf->scope == TEXT_SCOPE_TEXT ? TERM_PREFIXES : group_of_leaf(leaf).prefixes);
	/* Short strings are in many terms. */
	if (leaf->needle_len < 3)
		index_ns += scan_ns;
	return (gint64)(MIN(scan_ns, index_ns) / 1000) + 1;
}
