#include "store/uidset.h"

#include "base/limits.h"

struct UidSet {
	GArray *ranges; /* of UidRange; sorted, at least one missing number between neighbours */
};

G_DEFINE_QUARK(mailsift - uidset - error, uidset_error)

UidSet *uidset_new(void)
{
	UidSet *set = g_new(UidSet, 1);
	set->ranges = g_array_new(FALSE, FALSE, sizeof(UidRange));
	return set;
}

void uidset_free(UidSet *set)
{
	if (set == NULL)
		return;
	g_array_unref(set->ranges);
	g_free(set);
}

UidSet *uidset_copy(const UidSet *set)
{
	UidSet *copy = g_new(UidSet, 1);
	copy->ranges = g_array_copy(set->ranges);
	return copy;
}

static inline UidRange *range_at(const UidSet *set, guint i)
{
	return &g_array_index(set->ranges, UidRange, i);
}

/* The first range that ends at or behind @uid; uidset_n_ranges() if there is none. */
static guint range_find(const UidSet *set, guint32 uid)
{
	guint low = 0, high = set->ranges->len;
	while (low < high) {
		guint middle = low + (high - low) / 2;
		if (range_at(set, middle)->last < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void uidset_add_range(UidSet *set, guint32 first, guint32 last)
{
	g_assert(first >= 1 && first <= last);
	UidRange new = { first, last };
	guint n = set->ranges->len;
	if (n == 0 || first - 1 > range_at(set, n - 1)->last) {
		g_array_append_val(set->ranges, new);
		return;
	}
	/* [from, to) are the ranges that the new one overlaps or touches. */
	guint from = range_find(set, first - 1), to = from;
	while (to < n && (last == G_MAXUINT32 || range_at(set, to)->first <= last + 1))
		to++;
	if (from == to) {
		g_array_insert_val(set->ranges, from, new);
		return;
	}
	new.first = MIN(first, range_at(set, from)->first);
	new.last = MAX(last, range_at(set, to - 1)->last);
	*range_at(set, from) = new;
	if (to - from > 1)
		g_array_remove_range(set->ranges, from + 1, to - from - 1);
}

void uidset_add(UidSet *set, guint32 uid)
{
	uidset_add_range(set, uid, uid);
}

gboolean uidset_contains(const UidSet *set, guint32 uid)
{
	guint i = range_find(set, uid);
	return i < set->ranges->len && range_at(set, i)->first <= uid;
}

gboolean uidset_is_empty(const UidSet *set)
{
	return set->ranges->len == 0;
}

guint64 uidset_count(const UidSet *set)
{
	guint64 count = 0;
	for (guint i = 0; i < set->ranges->len; i++)
		count += (guint64)range_at(set, i)->last - range_at(set, i)->first + 1;
	return count;
}

guint uidset_n_ranges(const UidSet *set)
{
	return set->ranges->len;
}

UidRange uidset_range(const UidSet *set, guint i)
{
	g_assert(i < set->ranges->len);
	return *range_at(set, i);
}

UidSet *uidset_intersection(const UidSet *a, const UidSet *b)
{
	UidSet *both = uidset_new();
	guint i = 0, k = 0;
	while (i < a->ranges->len && k < b->ranges->len) {
		const UidRange *x = range_at(a, i), *y = range_at(b, k);
		guint32 first = MAX(x->first, y->first), last = MIN(x->last, y->last);
		if (first <= last)
			uidset_add_range(both, first, last);
		if (x->last < y->last)
			i++;
		else
			k++;
	}
	return both;
}

gboolean uidset_next(const UidSet *set, UidCursor *cursor, guint32 *uid_out)
{
	if (cursor->range >= set->ranges->len)
		return FALSE;
	const UidRange *range = range_at(set, cursor->range);
	guint32 uid = cursor->next != 0 ? cursor->next : range->first;
	cursor->next = uid + 1;
	if (uid == range->last) {
		cursor->range++;
		cursor->next = 0;
	}
	*uid_out = uid;
	return TRUE;
}

void uidset_write(const UidSet *set, GString *out)
{
	for (guint i = 0; i < set->ranges->len; i++) {
		UidRange range = *range_at(set, i);
		if (i > 0)
			g_string_append_c(out, ',');
		g_string_append_printf(out, "%u", range.first);
		if (range.last > range.first)
			g_string_append_printf(out, ":%u", range.last);
	}
}

/* seq-number = nz-number / "*". Sets *@number_out to 0 for a '*' in an empty mailbox. */
static gboolean parse_number(const char **text, const char *end, guint32 max_uid, guint32 *number_out)
{
	const char *p = *text;
	guint64 number = 0;
	if (p < end && *p == '*') {
		*text = p + 1;
		*number_out = max_uid;
		return TRUE;
	}
	if (p == end || *p < '1' || *p > '9')
		return FALSE;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		number = number * 10 + (guint64)(*p - '0');
		if (number > G_MAXUINT32)
			return FALSE;
	}
	*text = p;
	*number_out = (guint32)number;
	return TRUE;
}

static gint compare_ranges(gconstpointer a, gconstpointer b)
{
	guint32 x = ((const UidRange *)a)->first, y = ((const UidRange *)b)->first;
	return x < y ? -1 : x > y;
}

/* Joins what overlaps or touches in sorted @ranges. */
static void join_ranges(GArray *ranges)
{
	UidRange *range = (UidRange *)(void *)ranges->data;
	guint n = 0;
	for (guint i = 0; i < ranges->len; i++) {
		if (n > 0 && range[i].first - 1 <= range[n - 1].last)
			range[n - 1].last = MAX(range[n - 1].last, range[i].last);
		else
			range[n++] = range[i];
	}
	g_array_set_size(ranges, n);
}

UidSet *uidset_parse(const char *text, gsize len, guint32 max_uid, GError **error)
{
	g_autoptr(UidSet) set = uidset_new();
	const char *p = text, *end = text + len;
	gboolean sorted = TRUE;
	for (guint items = 1;; items++) {
		guint32 first, last;
		if (items > LIMIT_SET_RANGES) {
			g_set_error(error, UIDSET_ERROR, UIDSET_ERROR_LIMIT, "more than %u ranges in a set",
				(guint)LIMIT_SET_RANGES);
			return NULL;
		}
		if (!parse_number(&p, end, max_uid, &first))
			goto syntax;
		last = first;
		if (p < end && *p == ':') {
			p++;
			if (!parse_number(&p, end, max_uid, &last))
				goto syntax;
		}
		if (first > 0 && last > 0) {
			UidRange range = { MIN(first, last), MAX(first, last) };
			guint n = set->ranges->len;
			if (n > 0 && range.first < range_at(set, n - 1)->first)
				sorted = FALSE;
			g_array_append_val(set->ranges, range);
		}
		if (p == end)
			break;
		if (*p++ != ',')
			goto syntax;
	}
	if (!sorted)
		g_array_sort(set->ranges, compare_ranges);
	join_ranges(set->ranges);
	return g_steal_pointer(&set);

syntax:
	g_set_error(error, UIDSET_ERROR, UIDSET_ERROR_SYNTAX,
		"not a set of numbers, at octet %" G_GSIZE_FORMAT, (gsize)(p - text) + 1);
	return NULL;
}
