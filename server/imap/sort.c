#include "server/imap/sort.h"

#include <string.h>

#include "base/limits.h"

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

/* -- ordering ------------------------------------------------------------------------------------------------- */

/* One message's value under one criterion. Of strings the first eight octets are in @number, so that most comparisons need not go to
 * the string. */
typedef struct {
	guint64 number;
	SortKeySpan text;
} SortValue;

typedef struct {
	const GArray *orders;
	SortValue *values; /* of row i: those from i * orders->len */
} SortTable;

/* Signed numbers in the order of unsigned ones. */
static guint64 biased(gint64 number)
{
	return (guint64)number ^ (G_GUINT64_CONSTANT(1) << 63);
}

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
		return (SortValue){ .number = biased(chunk->internal_at[row]) };
	case SORT_DATE:
		return (SortValue){ .number = biased(chunk->sent_at[row]) };
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

/* Rows by their values, at last by their place in the mailbox: REVERSE does not turn that round. */
static int compare_rows(const void *a, const void *b, void *data)
{
	const SortTable *table = data;
	guint32 i = *(const guint32 *)a, j = *(const guint32 *)b;
	guint n = table->orders->len;
	for (guint k = 0; k < n; k++) {
		int order = compare_values(&table->values[(gsize)i * n + k], &table->values[(gsize)j * n + k]);
		if (order != 0)
			return g_array_index(table->orders, SortOrder, k).reverse ? -order : order;
	}
	return (i > j) - (i < j);
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
	guint n = positions->len;
	g_autoptr(SortKeyTable) keys = NULL;
	if (needs_strings(orders)) {
		keys = sort_keys_of(context, positions, error);
		if (keys == NULL)
			return FALSE;
	}
	SortTable table = { orders, g_new(SortValue, MAX((gsize)n * orders->len, 1)) };
	g_autofree guint32 *rows = g_new(guint32, MAX(n, 1));
	g_autofree guint32 *before = g_memdup2(positions->data, n * sizeof(guint32));
	for (guint i = 0; i < n; i++) {
		rows[i] = i;
		for (guint k = 0; k < orders->len; k++)
			table.values[(gsize)i * orders->len + k] =
				value_of(context, g_array_index(orders, SortOrder, k).criterion, before[i], keys, i);
	}
	qsort_r(rows, n, sizeof(guint32), compare_rows, &table);
	for (guint i = 0; i < n; i++)
		g_array_index(positions, guint32, i) = before[rows[i]];
	g_free(table.values);
	return TRUE;
}
