#include "server/imap/search-plan.h"

#include <string.h>

#include "base/datetime.h"
#include "indexer/search-cancel.h"

/* One bit for each position of the view. */
typedef struct {
	guint64 *words;
	guint32 n_bits;
} Bits;

static gsize bits_n_words(const Bits *bits)
{
	return ((gsize)bits->n_bits + 63) / 64;
}

static Bits *bits_new(guint32 n_bits)
{
	Bits *bits = g_new(Bits, 1);
	bits->n_bits = n_bits;
	bits->words = g_new0(guint64, MAX(bits_n_words(bits), 1));
	return bits;
}

static void bits_free(Bits *bits)
{
	if (bits == NULL)
		return;
	g_free(bits->words);
	g_free(bits);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bits, bits_free)

static Bits *bits_copy(const Bits *bits)
{
	Bits *copy = bits_new(bits->n_bits);
	memcpy(copy->words, bits->words, bits_n_words(bits) * sizeof(guint64));
	return copy;
}

static void bits_set(Bits *bits, guint32 i)
{
	bits->words[i / 64] |= G_GUINT64_CONSTANT(1) << (i % 64);
}

static Bits *bits_new_all(guint32 n_bits)
{
	Bits *bits = bits_new(n_bits);
	memset(bits->words, 0xff, bits_n_words(bits) * sizeof(guint64));
	if (n_bits % 64 != 0)
		bits->words[n_bits / 64] = (G_GUINT64_CONSTANT(1) << (n_bits % 64)) - 1;
	return bits;
}

static void bits_or(Bits *bits, const Bits *other)
{
	for (gsize i = 0; i < bits_n_words(bits); i++)
		bits->words[i] |= other->words[i];
}

static void bits_and_not(Bits *bits, const Bits *other)
{
	for (gsize i = 0; i < bits_n_words(bits); i++)
		bits->words[i] &= ~other->words[i];
}

static guint32 bits_count(const Bits *bits)
{
	guint32 n = 0;
	for (gsize i = 0; i < bits_n_words(bits); i++)
		n += (guint32)__builtin_popcountll(bits->words[i]);
	return n;
}

static gboolean bits_is_empty(const Bits *bits)
{
	for (gsize i = 0; i < bits_n_words(bits); i++)
		if (bits->words[i] != 0)
			return FALSE;
	return TRUE;
}

/* The lowest set bit >= @from. */
static gboolean bits_next(const Bits *bits, guint32 from, guint32 *bit_out)
{
	if (from >= bits->n_bits)
		return FALSE;
	gsize w = from / 64;
	guint64 word = bits->words[w] & (~G_GUINT64_CONSTANT(0) << (from % 64));
	while (word == 0) {
		if (++w >= bits_n_words(bits))
			return FALSE;
		word = bits->words[w];
	}
	*bit_out = (guint32)(w * 64 + (gsize)__builtin_ctzll(word));
	return TRUE;
}

/* -- rows --------------------------------------------------------------------------------------------------- */

/* A walk over the rows of set bits, which skips chunks without one. */
typedef struct {
	const Snapshot *view;
	const Bits *within;
	const SnapshotChunk *chunk;
	guint32 first; /* position of the chunk's first row */
	guint32 next;
	guint32 position; /* of the row that was found */
	guint row;
} Rows;

static Rows rows_of(const Snapshot *view, const Bits *within)
{
	return (Rows){ .view = view, .within = within };
}

static gboolean rows_next(Rows *rows)
{
	if (!bits_next(rows->within, rows->next, &rows->position))
		return FALSE;
	rows->next = rows->position + 1;
	if (rows->chunk == NULL || rows->position - rows->first >= rows->chunk->n) {
		rows->chunk = snapshot_row(rows->view, rows->position, &rows->row);
		rows->first = rows->position - rows->row;
	}
	rows->row = rows->position - rows->first;
	return TRUE;
}

/* -- one search --------------------------------------------------------------------------------------------- */

/* What is known of one text key: equal ones in a query (clients send 4 to 6 arms with one string) are matched once. */
typedef struct {
	EmailSet *asked;   /* owned */
	EmailSet *matched; /* owned, part of asked */
} LeafMemo;

static void leaf_memo_free(gpointer data)
{
	LeafMemo *memo = data;
	email_set_free(memo->asked);
	email_set_free(memo->matched);
	g_free(memo);
}

typedef struct {
	const SearchContext *context;
	GHashTable *memos; /* GBytes (scope, fuzzy, field, needle) -> LeafMemo */
	guint32 n;         /* messages in the view */
} Search;

static GBytes *leaf_id(const SearchKey *key)
{
	GByteArray *id = g_byte_array_new();
	guint8 kind[2] = { (guint8)key->scope, key->fuzzy_needle != NULL };
	g_byte_array_append(id, kind, sizeof kind);
	if (key->field != NULL)
		g_byte_array_append(id, (const guint8 *)key->field, (guint)key->field_len);
	g_byte_array_append(id, (const guint8 *)"\n", 1); /* in no folded text */
	g_byte_array_append(id, (const guint8 *)key->needle, (guint)key->needle_len);
	return g_byte_array_free_to_bytes(id);
}

static LeafMemo *leaf_memo(Search *search, const SearchKey *key)
{
	GBytes *id = leaf_id(key);
	LeafMemo *memo = g_hash_table_lookup(search->memos, id);
	if (memo != NULL) {
		g_bytes_unref(id);
		return memo;
	}
	memo = g_new(LeafMemo, 1);
	memo->asked = email_set_new();
	memo->matched = email_set_new();
	g_hash_table_insert(search->memos, id, memo);
	return memo;
}

TextLeaf search_key_leaf(const SearchKey *key)
{
	return (TextLeaf){ key->scope, key->field, key->field_len, key->needle, key->needle_len, key->fuzzy_needle };
}

/* A walk over the words of bits that have any, with the emails of their messages. Ids of mail that came in order count up by one: a million of them
 * are looked up by the word. */
typedef struct {
	const Snapshot *view;
	const Bits *within;
	gsize next;
	gsize word; /* that was found */
	const SnapshotChunk *chunk;
	guint32 chunk_first; /* position of its first row */
	guint32 ids[64];     /* of the word's messages, or those that there are */
	gboolean in_a_row;   /* they are from ids[0] on */
} Words;

static void words_read_ids(Words *words)
{
	guint32 position = (guint32)(words->word * 64);
	guint n = MIN(64, words->within->n_bits - position), row;
	for (guint i = 0, some; i < n; i += some, position += some) {
		if (words->chunk == NULL || position - words->chunk_first >= words->chunk->n) {
			words->chunk = snapshot_row(words->view, position, &row);
			words->chunk_first = position - row;
		}
		row = position - words->chunk_first;
		some = MIN(n - i, words->chunk->n - row);
		memcpy(words->ids + i, words->chunk->email_id + row, some * sizeof *words->ids);
	}
	guint32 differ = 0;
	for (guint i = 0; i < n; i++)
		differ |= words->ids[i] ^ (words->ids[0] + i);
	words->in_a_row = differ == 0;
}

static gboolean words_next(Words *words)
{
	while (words->next < bits_n_words(words->within) && words->within->words[words->next] == 0)
		words->next++;
	if (words->next >= bits_n_words(words->within))
		return FALSE;
	words->word = words->next++;
	words_read_ids(words);
	return TRUE;
}

static EmailSet *emails_of(const Search *search, const Bits *bits)
{
	EmailSet *set = email_set_new();
	for (Words words = { .view = search->context->view, .within = bits }; words_next(&words);) {
		guint64 word = bits->words[words.word];
		if (words.in_a_row)
			email_set_add_word(set, words.ids[0], word);
		else
			for (; word != 0; word &= word - 1)
				email_set_add(set, words.ids[__builtin_ctzll(word)]);
	}
	return set;
}

/* Those of @within whose emails are in @matched. */
static Bits *with_emails(const Search *search, const Bits *within, const EmailSet *matched)
{
	Bits *result = bits_new(search->n);
	for (Words words = { .view = search->context->view, .within = within }; words_next(&words);) {
		guint64 word = within->words[words.word], found = 0;
		if (words.in_a_row)
			found = word & email_set_word(matched, words.ids[0]);
		else
			for (; word != 0; word &= word - 1)
				if (email_set_contains(matched, words.ids[__builtin_ctzll(word)]))
					found |= word & -word;
		result->words[words.word] = found;
	}
	return result;
}

static Bits *eval_text(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	LeafMemo *memo = leaf_memo(search, key);
	g_autoptr(EmailSet) ask = emails_of(search, within);
	email_set_and_not(ask, memo->asked);
	if (!email_set_is_empty(ask)) {
		TextLeaf leaf = search_key_leaf(key);
		LeafStats stats = { 0 };
		g_autoptr(EmailSet) matched = NULL;
		if (!search_index_match(search->context->index, &leaf, ask, search->context->cancel, &matched, &stats, error))
			return NULL;
		email_set_or(memo->asked, ask);
		email_set_or(memo->matched, matched);
		SearchCost *cost = search->context->cost;
		cost->text_leaves++;
		cost->path = MAX(cost->path, stats.path);
		cost->candidates += stats.candidates;
		cost->verified += stats.verified;
		cost->tail += stats.tail;
		cost->messages_read += stats.tail_read;
	}
	return with_emails(search, within, memo->matched);
}

/* -- metadata: one pass over a column ----------------------------------------------------------------------- */

/* TRUE for each keyword set of the view that holds the keyword. */
static gboolean *keyword_sets_with(const Snapshot *view, const char *keyword)
{
	guint32 n_sets = snapshot_n_keyword_sets(view);
	gboolean *with = g_new0(gboolean, MAX(n_sets, 1));
	for (guint32 id = 0; id < n_sets; id++) {
		gsize n;
		const char *const *names = snapshot_keywords(view, id, &n);
		for (gsize i = 0; i < n && !with[id]; i++)
			with[id] = g_ascii_strcasecmp(names[i], keyword) == 0;
	}
	return with;
}

static gboolean day_within(const SearchKey *key, gint32 day)
{
	return key->first_day <= day && day <= key->last_day;
}

static gboolean row_matches(
	const SearchContext *context, const SearchKey *key, const SnapshotChunk *chunk, guint row, const gboolean *keyword_sets)
{
	switch (key->kind) {
	case SEARCH_KEY_FLAG:
		return (chunk->flags[row] & (guint32)key->flag) != 0;
	case SEARCH_KEY_KEYWORD:
		return keyword_sets[chunk->keywords[row]];
	case SEARCH_KEY_RECENT:
		return context->recent != NULL && uidset_contains(context->recent, chunk->uid[row]);
	case SEARCH_KEY_LARGER:
		return chunk->size[row] > key->number;
	case SEARCH_KEY_SMALLER:
		return chunk->size[row] < key->number;
	case SEARCH_KEY_MODSEQ:
		return chunk->modseq[row] >= key->number;
	case SEARCH_KEY_SAVED_DATE:
		return day_within(key, datetime_day_of(chunk->saved_at[row], 0));
	case SEARCH_KEY_OLDER: /* RFC 5032: both inclusive */
		return chunk->internal_at[row] <= context->now - (gint64)key->number;
	case SEARCH_KEY_YOUNGER:
		return chunk->internal_at[row] >= context->now - (gint64)key->number;
	case SEARCH_KEY_SENT_DATE:
		if (chunk->sent_day[row] != SENT_DAY_NONE)
			return day_within(key, chunk->sent_day[row]);
		return day_within(key, datetime_day_of(chunk->internal_at[row], chunk->internal_zone[row]));
	case SEARCH_KEY_INTERNAL_DATE:
		return day_within(key, datetime_day_of(chunk->internal_at[row], chunk->internal_zone[row]));
	default:
		g_assert_not_reached();
	}
}

static Bits *eval_column(Search *search, const SearchKey *key, const Bits *within)
{
	const Snapshot *view = search->context->view;
	g_autofree gboolean *keyword_sets = NULL;
	if (key->kind == SEARCH_KEY_KEYWORD)
		keyword_sets = keyword_sets_with(view, key->keyword);
	Bits *result = bits_new(search->n);
	for (Rows rows = rows_of(view, within); rows_next(&rows);)
		if (row_matches(search->context, key, rows.chunk, rows.row, keyword_sets))
			bits_set(result, rows.position);
	return result;
}

/* RFC 8474 section 6: exactly the id. One content may be several messages of the mailbox. */
static Bits *eval_email(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	const Snapshot *view = search->context->view;
	guint32 email_id;
	if (!account_find_email(search->context->account, key->keyword, &email_id, error))
		return NULL;
	Bits *result = bits_new(search->n);
	for (Rows rows = rows_of(view, within); email_id != 0 && rows_next(&rows);)
		if (rows.chunk->email_id[rows.row] == email_id)
			bits_set(result, rows.position);
	return result;
}

/* The position of the first message with a UID of at least @uid. */
static guint32 position_from(const Snapshot *view, guint64 uid)
{
	guint32 position = snapshot_count(view);
	if (uid <= G_MAXUINT32)
		(void)snapshot_find_uid(view, (guint32)uid, &position);
	return position;
}

/* RFC 7377 section 2: numbers beyond the end match nothing, and are no error. "*" in an empty mailbox neither. */
UidSet *search_set_resolve(const SearchContext *context, const SearchKey *key, GError **error)
{
	const Snapshot *view = context->view;
	/* RFC 5182 2.1: kept as UIDs, whatever form is asked for; what was expunged is not in the view. */
	if (strcmp(key->set, "$") == 0)
		return context->saved != NULL ? uidset_copy(context->saved) : uidset_new();
	if (key->kind == SEARCH_KEY_UID)
		return uidset_parse(key->set, strlen(key->set), snapshot_max_uid(view), error);
	guint32 n = snapshot_count(view);
	g_autoptr(UidSet) numbers = uidset_parse(key->set, strlen(key->set), n, error);
	if (numbers == NULL)
		return NULL;
	UidSet *uids = uidset_new();
	for (guint r = 0; r < uidset_n_ranges(numbers); r++) {
		UidRange range = uidset_range(numbers, r);
		for (guint32 number = range.first; number <= MIN(range.last, n); number++)
			uidset_add(uids, snapshot_uid_at(view, number - 1));
	}
	return uids;
}

static Bits *eval_set(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	const Snapshot *view = search->context->view;
	GHashTable *pinned = search->context->pinned;
	const UidSet *set = pinned != NULL ? g_hash_table_lookup(pinned, key) : NULL;
	g_autoptr(UidSet) own = NULL;
	/* Numbers of messages are positions already. */
	gboolean uid = set != NULL || key->kind == SEARCH_KEY_UID || strcmp(key->set, "$") == 0;
	if (set == NULL)
		set = own = uid ? search_set_resolve(search->context, key, error) :
		                  uidset_parse(key->set, strlen(key->set), search->n, error);
	if (set == NULL)
		return NULL;
	Bits *result = bits_new(search->n);
	for (guint r = 0; r < uidset_n_ranges(set); r++) {
		UidRange range = uidset_range(set, r);
		guint32 from = uid ? position_from(view, range.first) : range.first - 1;
		guint32 end = uid ? position_from(view, (guint64)range.last + 1) : MIN(range.last, search->n);
		for (guint32 i = from; bits_next(within, i, &i) && i < end; i++)
			bits_set(result, i);
	}
	return result;
}

/* -- the tree ----------------------------------------------------------------------------------------------- */

static gint64 estimate_us(const Search *search, const SearchKey *key, guint32 n)
{
	switch (key->kind) {
	case SEARCH_KEY_AND:
	case SEARCH_KEY_OR:
	case SEARCH_KEY_NOT: {
		gint64 sum = 0;
		for (guint i = 0; i < key->children->len; i++)
			sum += estimate_us(search, key->children->pdata[i], n);
		return sum;
	}
	case SEARCH_KEY_TEXT: {
		TextLeaf leaf = search_key_leaf(key);
		return 1 + search_index_estimate_us(search->context->index, &leaf, n);
	}
	default:
		return 0; /* a pass over a column */
	}
}

typedef struct {
	const SearchKey *key;
	gint64 cost_us;
} Planned;

static gint planned_compare(gconstpointer a, gconstpointer b)
{
	gint64 x = ((const Planned *)a)->cost_us, y = ((const Planned *)b)->cost_us;
	return x < y ? -1 : x > y;
}

/* The children, cheapest first; equal ones in the order of the client. */
static GArray *plan(const Search *search, const SearchKey *key, const Bits *within)
{
	GArray *order = g_array_sized_new(FALSE, FALSE, sizeof(Planned), key->children->len);
	guint32 n = bits_count(within);
	for (guint i = 0; i < key->children->len; i++) {
		Planned planned = { key->children->pdata[i], estimate_us(search, key->children->pdata[i], n) };
		g_array_append_val(order, planned);
	}
	g_array_sort(order, planned_compare); /* a merge sort: stable */
	return order;
}

static Bits *eval(Search *search, const SearchKey *key, const Bits *within, GError **error);

static Bits *eval_and(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	g_autoptr(Bits) left = bits_copy(within);
	g_autoptr(GArray) order = plan(search, key, within);
	for (guint i = 0; i < order->len && !bits_is_empty(left); i++) {
		Bits *next = eval(search, g_array_index(order, Planned, i).key, left, error);
		if (next == NULL)
			return NULL;
		bits_free(left);
		left = next;
	}
	return g_steal_pointer(&left);
}

/* Each arm is asked only about what no arm before it has found. */
static Bits *eval_or(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	g_autoptr(Bits) found = bits_new(search->n);
	g_autoptr(Bits) left = bits_copy(within);
	g_autoptr(GArray) order = plan(search, key, within);
	for (guint i = 0; i < order->len && !bits_is_empty(left); i++) {
		g_autoptr(Bits) more = eval(search, g_array_index(order, Planned, i).key, left, error);
		if (more == NULL)
			return NULL;
		bits_or(found, more);
		bits_and_not(left, more);
	}
	return g_steal_pointer(&found);
}

/* The positions of @within that match. */
static Bits *eval(Search *search, const SearchKey *key, const Bits *within, GError **error)
{
	/* Thousands of keys, each a pass over the columns, are a long search too. */
	if (!search_cancel_check(search->context->cancel, error))
		return NULL;
	switch (key->kind) {
	case SEARCH_KEY_AND:
		return eval_and(search, key, within, error);
	case SEARCH_KEY_OR:
		return eval_or(search, key, within, error);
	case SEARCH_KEY_NOT: {
		g_autoptr(Bits) inner = eval(search, key->children->pdata[0], within, error);
		if (inner == NULL)
			return NULL;
		Bits *rest = bits_copy(within);
		bits_and_not(rest, inner);
		return rest;
	}
	case SEARCH_KEY_SEQUENCE:
	case SEARCH_KEY_UID:
		return eval_set(search, key, within, error);
	case SEARCH_KEY_TEXT:
		return eval_text(search, key, within, error);
	case SEARCH_KEY_EMAILID:
		return eval_email(search, key, within, error);
	default:
		return eval_column(search, key, within);
	}
}

static void append_positions(GArray *positions, const Bits *found)
{
	for (guint32 i = 0; bits_next(found, i, &i); i++)
		g_array_append_val(positions, i);
}

static Search search_begin(const SearchContext *context)
{
	GHashTable *memos = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, leaf_memo_free);
	return (Search){ context, memos, snapshot_count(context->view) };
}

static void search_clear(Search *search)
{
	g_hash_table_unref(search->memos);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

/* The matching positions of @within. */
static GArray *run(const SearchContext *context, const SearchKey *key, const Bits *within, GError **error)
{
	g_auto(Search) search = search_begin(context);
	g_autoptr(Bits) found = eval(&search, key, within, error);
	if (found == NULL)
		return NULL;
	GArray *positions = g_array_sized_new(FALSE, FALSE, sizeof(guint32), bits_count(found));
	append_positions(positions, found);
	return positions;
}

GArray *search_run(const SearchContext *context, const SearchKey *key, GError **error)
{
	g_autoptr(Bits) all = bits_new_all(snapshot_count(context->view));
	return run(context, key, all, error);
}

/* -- the ends of a result ------------------------------------------------------------------------------------ */

/* Messages at an end that are searched first, and how many times more each time until there are enough matches: so a search that finds nothing
 * costs a seventh more than one of the whole, and the look-ups of its strings once more for each piece. */
#define PIECES_OF 64
#define PIECE_GROWTH 8
#define PIECE_MIN 512
/* What is found in so little time is found at once. */
#define WHOLE_US 1000

/* Searches on from one end of *left_from to before *left_end, which it narrows, until @n matches are in @found. */
static gboolean eval_end(Search *search, const SearchKey *key, guint64 n, gboolean last, guint32 *left_from, guint32 *left_end, Bits *found,
	GError **error)
{
	guint64 n_found = 0, piece = MAX(search->n / PIECES_OF, PIECE_MIN);
	for (; n_found < n && *left_from < *left_end; piece *= PIECE_GROWTH) {
		guint32 length = (guint32)MIN(piece, *left_end - *left_from);
		guint32 from = last ? *left_end - length : *left_from, end = from + length;
		g_autoptr(Bits) within = bits_new(search->n);
		for (guint32 i = from; i < end; i++)
			bits_set(within, i);
		g_autoptr(Bits) more = eval(search, key, within, error);
		if (more == NULL)
			return FALSE;
		n_found += bits_count(more);
		bits_or(found, more);
		if (last)
			*left_end = from;
		else
			*left_from = end;
	}
	return TRUE;
}

GArray *search_run_ends(const SearchContext *context, const SearchKey *key, guint64 n_first, guint64 n_last, GError **error)
{
	g_auto(Search) search = search_begin(context);
	gint64 whole_us = estimate_us(&search, key, search.n);
	if (whole_us > 0 && whole_us < WHOLE_US)
		return search_run(context, key, error);
	g_autoptr(Bits) found = bits_new(search.n);
	guint32 left_from = 0, left_end = search.n;
	if (!eval_end(&search, key, n_first, FALSE, &left_from, &left_end, found, error))
		return NULL;
	/* Either there are enough behind what was searched from the front, or the two have met, and all is known. */
	if (!eval_end(&search, key, n_last, TRUE, &left_from, &left_end, found, error))
		return NULL;
	GArray *positions = g_array_new(FALSE, FALSE, sizeof(guint32));
	append_positions(positions, found);
	return positions;
}

GArray *search_run_among(const SearchContext *context, const SearchKey *key, const UidSet *uids, GError **error)
{
	g_autoptr(Bits) among = bits_new(snapshot_count(context->view));
	for (guint r = 0; r < uidset_n_ranges(uids); r++) {
		UidRange range = uidset_range(uids, r);
		guint32 end = position_from(context->view, (guint64)range.last + 1);
		for (guint32 i = position_from(context->view, range.first); i < end; i++)
			bits_set(among, i);
	}
	return run(context, key, among, error);
}
