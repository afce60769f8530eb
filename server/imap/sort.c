#include "server/imap/sort.h"

#include <string.h>

#include "base/limits.h"
#include "indexer/search-cancel.h"
#include "server/imap/radix.h"

static const struct {
	const char *name;
	SortCriterion criterion;
	int key; /* SortKey of the strings; -1: a number of the columns */
} criteria[] = {
	{ "ARRIVAL", SORT_ARRIVAL, -1 },
	{ "CC", SORT_CC, SORT_KEY_CC },
	{ "DATE", SORT_DATE, -1 },
	{ "DISPLAYFROM", SORT_DISPLAYFROM, SORT_KEY_DISPLAY_FROM },
	{ "DISPLAYTO", SORT_DISPLAYTO, SORT_KEY_DISPLAY_TO },
	{ "FROM", SORT_FROM, SORT_KEY_FROM },
	{ "RELEVANCY", SORT_RELEVANCY, -1 },
	{ "SIZE", SORT_SIZE, -1 },
	{ "SUBJECT", SORT_SUBJECT, SORT_KEY_SUBJECT },
	{ "TO", SORT_TO, SORT_KEY_TO },
};

/* -- reading -------------------------------------------------------------------------------------------------- */

static gboolean parse_order(ImapParser *p, SortOrder *order_out, GError **error)
{
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	order_out->reverse = g_ascii_strcasecmp(name, "REVERSE") == 0;
	if (order_out->reverse) {
		g_free(name);
		name = imap_parse_sp(p, error) ? imap_parse_atom(p, error) : NULL;
		if (name == NULL)
			return FALSE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(criteria); i++)
		if (g_ascii_strcasecmp(name, criteria[i].name) == 0) {
			order_out->criterion = criteria[i].criterion;
			return TRUE;
		}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown sort criterion %.40s", name);
	return FALSE;
}

GArray *sort_orders_parse(ImapParser *p, GError **error)
{
	g_autoptr(GArray) orders = g_array_new(FALSE, FALSE, sizeof(SortOrder));
	if (!imap_parse_char(p, '(', error))
		return NULL;
	do {
		SortOrder order;
		if (!parse_order(p, &order, error))
			return NULL;
		if (orders->len == LIMIT_LIST_ITEMS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "more than %d sort criteria", LIMIT_LIST_ITEMS);
			return NULL;
		}
		g_array_append_val(orders, order);
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error) ? g_steal_pointer(&orders) : NULL;
}

gboolean sort_orders_need_relevancy(const GArray *orders)
{
	for (guint k = 0; k < orders->len; k++)
		if (g_array_index(orders, SortOrder, k).criterion == SORT_RELEVANCY)
			return TRUE;
	return FALSE;
}

gboolean sort_orders_check(const GArray *orders, const SearchKey *key, GError **error)
{
	if (!sort_orders_need_relevancy(orders) || search_key_has_fuzzy(key))
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "sorting by RELEVANCY needs a FUZZY search key"); /* RFC 6203 section 6 */
	return FALSE;
}

/* -- ordering ------------------------------------------------------------------------------------------------- */

/* One message's value under one criterion. Of strings the first eight octets are in @number, so that most comparisons need not go to
 * the string. */
typedef struct {
	guint64 number;
	SortKeySpan text;
} SortValue;

/* Big endian, short ones filled up with 0, which no key holds: compares as the octets do. */
static guint64 prefix_of(SortKeySpan text)
{
	guint64 number = 0;
	for (gsize i = 0; i < sizeof(number); i++)
		number = number << 8 | (i < text.len ? (guchar)text.data[i] : 0);
	return number;
}

static SortValue value_of(const SearchContext *context, SortCriterion criterion, guint32 position, const SortKeyTable *keys, gsize i)
{
	guint row;
	const SnapshotChunk *chunk = snapshot_row(context->view, position, &row);
	switch (criterion) {
	case SORT_ARRIVAL:
		return (SortValue){ .number = radix_key(chunk->internal_at[row]) };
	case SORT_DATE:
		return (SortValue){ .number = radix_key(chunk->sent_at[row]) };
	case SORT_RELEVANCY:
		return (SortValue){ .number = 100 - (guint64)context->relevancy[position] };
	case SORT_SIZE:
		return (SortValue){ .number = chunk->size[row] };
	default: {
		SortKeySpan text = sort_key_table_get(keys, i, (SortKey)criteria[criterion].key);
		return (SortValue){ prefix_of(text), text };
	}
	}
}

static int compare_values(const SortValue *a, const SortValue *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	int order = memcmp(a->text.data != NULL ? a->text.data : "", b->text.data != NULL ? b->text.data : "",
	                   MIN(a->text.len, b->text.len));
	return order != 0 ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

/* The values of two messages; 0 when their places in the mailbox decide, which REVERSE does not turn round. */
static int compare_messages(const GArray *orders, const SortValue *a, const SortValue *b)
{
	for (guint k = 0; k < orders->len; k++) {
		int order = compare_values(&a[k], &b[k]);
		if (order != 0)
			return g_array_index(orders, SortOrder, k).reverse ? -order : order;
	}
	return 0;
}

/* -- many at once ------------------------------------------------------------------------------------------------ */

/* Groups smaller than this, and those that are equal in so many octets of a string, are put into order by comparing. */
#define COMPARED_ITEMS 48
#define COMPARED_OCTETS 64

/* How many values are fetched, or compared, before it is asked whether to stop. */
#define STOP_EVERY 4096

typedef struct {
	const GArray *orders;
	const SortValue *values; /* of row i: those from i * orders->len */
	RadixItem *spare;        /* as many as there are rows */
	const SearchCancel *cancel;
	guint compared;
	gboolean stopped;
} Sorting;

static gboolean is_stopped(Sorting *sorting)
{
	if (!sorting->stopped && !search_cancel_check(sorting->cancel, NULL))
		sorting->stopped = TRUE;
	return sorting->stopped;
}

/* Items by their values, at last by their place in the mailbox: REVERSE does not turn that round. */
static int compare_items(const void *a, const void *b, void *data)
{
	Sorting *sorting = data;
	if (++sorting->compared % STOP_EVERY == 0)
		(void)is_stopped(sorting);
	if (sorting->stopped)
		return 0;
	gsize i = ((const RadixItem *)a)->value, j = ((const RadixItem *)b)->value;
	guint n = sorting->orders->len;
	int order = compare_messages(sorting->orders, &sorting->values[i * n], &sorting->values[j * n]);
	return order != 0 ? order : (i > j) - (i < j);
}

/* Sets the items' keys to what criterion @k has from octet @depth on. */
static void set_keys(const Sorting *sorting, RadixItem *items, gsize n, guint k, gsize depth)
{
	const SortOrder *order = &g_array_index(sorting->orders, SortOrder, k);
	for (gsize i = 0; i < n; i++) {
		const SortValue *value = &sorting->values[items[i].value * sorting->orders->len + k];
		guint64 key = value->number;
		if (depth > 0)
			key = depth < value->text.len ?
				prefix_of((SortKeySpan){ value->text.data + depth, value->text.len - depth }) :
				0;
		items[i].key = order->reverse ? ~key : key;
	}
}

/* Puts @items, which are equal in what stands before octet @depth of criterion @k and in the mailbox's order, into order: eight octets at a time. */
static void sort_items(Sorting *sorting, RadixItem *items, gsize n, guint k, gsize depth)
{
	if (n < 2 || k == sorting->orders->len || is_stopped(sorting))
		return;
	if (n < COMPARED_ITEMS || depth >= COMPARED_OCTETS) {
		qsort_r(items, n, sizeof(*items), compare_items, sorting);
		return;
	}
	set_keys(sorting, items, n, k, depth);
	radix_sort(items, sorting->spare, n);
	const SortOrder *order = &g_array_index(sorting->orders, SortOrder, k);
	gboolean text = criteria[order->criterion].key >= 0;
	for (gsize first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n && items[end].key == items[first].key;)
			end++;
		/* No key has a NUL: where one is, the strings have ended, and are equal. */
		gboolean ended = !text || ((order->reverse ? ~items[first].key : items[first].key) & 0xff) == 0;
		sort_items(sorting, items + first, end - first, ended ? k + 1 : k, ended ? 0 : depth + 8);
	}
}

static gboolean needs_strings(const GArray *orders)
{
	for (guint k = 0; k < orders->len; k++)
		if (criteria[g_array_index(orders, SortOrder, k).criterion].key >= 0)
			return TRUE;
	return FALSE;
}

SortKeyTable *sort_keys_of(SearchContext *context, const GArray *positions, GError **error)
{
	g_autofree guint32 *emails = g_new(guint32, MAX(positions->len, 1));
	for (guint i = 0; i < positions->len; i++) {
		guint row;
		const SnapshotChunk *chunk = snapshot_row(context->view, g_array_index(positions, guint32, i), &row);
		emails[i] = chunk->email_id[row];
	}
	SortKeyTable *keys = sort_key_table_new(context->index, context->account, emails, positions->len, context->cancel, error);
	if (keys != NULL)
		context->cost->messages_read += sort_key_table_messages_read(keys);
	return keys;
}

gboolean sort_positions(SearchContext *context, const GArray *orders, GArray *positions, GError **error)
{
	gsize n = positions->len;
	g_autoptr(SortKeyTable) keys = NULL;
	if (needs_strings(orders)) {
		keys = sort_keys_of(context, positions, error);
		if (keys == NULL)
			return FALSE;
	}
	gsize n_orders = orders->len;
	g_autofree SortValue *values = g_new(SortValue, MAX(n * n_orders, 1));
	g_autofree RadixItem *items = g_new(RadixItem, MAX(n, 1));
	g_autofree RadixItem *spare = g_new(RadixItem, MAX(n, 1));
	g_autofree guint32 *before = g_memdup2(positions->data, n * sizeof(guint32));
	for (gsize i = 0; i < n; i++) {
		if ((i * n_orders) % STOP_EVERY < n_orders && !search_cancel_check(context->cancel, error))
			return FALSE;
		items[i].value = i;
		for (gsize k = 0; k < n_orders; k++)
			values[i * n_orders + k] =
				value_of(context, g_array_index(orders, SortOrder, k).criterion, before[i], keys, i);
	}
	Sorting sorting = { .orders = orders, .values = values, .spare = spare, .cancel = context->cancel };
	sort_items(&sorting, items, n, 0, 0);
	if (sorting.stopped)
		return search_cancel_check(context->cancel, error);
	for (gsize i = 0; i < n; i++)
		g_array_index(positions, guint32, i) = before[items[i].value];
	return TRUE;
}

/* -- places in a list -------------------------------------------------------------------------------------------- */

/* From how many looks on, for each listed message, the keys of all are fetched at once. */
#define LOOKS_FOR_ALL 8

/* A list that is in order, and the keys of its messages: all, or one that was looked at last. */
typedef struct {
	SearchContext *context;
	const GArray *orders;
	const GArray *uids;
	GArray *positions;  /* owned; of all of them; NULL: only those that are looked at */
	SortKeyTable *keys; /* owned; of @positions, or of the last one */
	SortValue *values;  /* owned; of the last one, orders->len */
} SortedList;

static gboolean list_look(SortedList *list, guint i, guint32 *position_out, GError **error)
{
	gsize in_keys = i;
	/* A message that is gone from the view is nowhere: the caller has taken it out. */
	if (!snapshot_find_uid(list->context->view, g_array_index(list->uids, guint32, i), position_out))
		g_assert_not_reached();
	if (list->positions == NULL && needs_strings(list->orders)) {
		g_autoptr(GArray) one = g_array_new(FALSE, FALSE, sizeof(guint32));
		g_array_append_val(one, *position_out);
		g_clear_pointer(&list->keys, sort_key_table_free);
		list->keys = sort_keys_of(list->context, one, error);
		if (list->keys == NULL)
			return FALSE;
		in_keys = 0;
	}
	for (guint k = 0; k < list->orders->len; k++)
		list->values[k] = value_of(
			list->context, g_array_index(list->orders, SortOrder, k).criterion, *position_out, list->keys, in_keys);
	return TRUE;
}

static gboolean list_load(SortedList *list, GError **error)
{
	list->positions = g_array_sized_new(FALSE, FALSE, sizeof(guint32), list->uids->len);
	for (guint i = 0; i < list->uids->len; i++) {
		guint32 position;
		if (!snapshot_find_uid(list->context->view, g_array_index(list->uids, guint32, i), &position))
			g_assert_not_reached();
		g_array_append_val(list->positions, position);
	}
	list->keys = sort_keys_of(list->context, list->positions, error);
	return list->keys != NULL;
}

/* How many of the list come before the message; none of the first @from are asked. */
static gboolean list_find(SortedList *list, guint from, const SortValue *values, guint32 position, guint32 *place_out, GError **error)
{
	guint first = from, end = list->uids->len;
	while (first < end) {
		guint middle = first + (end - first) / 2;
		guint32 listed;
		if (!list_look(list, middle, &listed, error))
			return FALSE;
		int order = compare_messages(list->orders, list->values, values);
		if (order != 0 ? order < 0 : listed < position)
			first = middle + 1;
		else
			end = middle;
	}
	*place_out = first;
	return TRUE;
}

static gboolean find_places(SortedList *list, const GArray *positions, const SortKeyTable *keys, GArray *places, GError **error)
{
	g_autofree SortValue *values = g_new(SortValue, list->orders->len);
	guint32 place = 0;
	for (guint i = 0; i < positions->len; i++) {
		guint32 position = g_array_index(positions, guint32, i);
		for (guint k = 0; k < list->orders->len; k++)
			values[k] = value_of(
				list->context, g_array_index(list->orders, SortOrder, k).criterion, position, keys, i);
		if (!list_find(list, place, values, position, &place, error))
			return FALSE;
		g_array_append_val(places, place);
	}
	return TRUE;
}

GArray *sort_places(SearchContext *context, const GArray *orders, const GArray *uids, const GArray *positions, GError **error)
{
	g_autoptr(SortKeyTable) keys = NULL;
	if (needs_strings(orders) && (keys = sort_keys_of(context, positions, error)) == NULL)
		return NULL;
	SortedList list = { .context = context, .orders = orders, .uids = uids, .values = g_new(SortValue, orders->len) };
	g_autoptr(GArray) places = g_array_sized_new(FALSE, FALSE, sizeof(guint32), positions->len);
	gboolean many = keys != NULL && positions->len >= uids->len / LOOKS_FOR_ALL;
	gboolean ok = (!many || list_load(&list, error)) && find_places(&list, positions, keys, places, error);
	g_clear_pointer(&list.positions, g_array_unref);
	sort_key_table_free(list.keys);
	g_free(list.values);
	return ok ? g_steal_pointer(&places) : NULL;
}
