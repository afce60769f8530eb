/* Sets of numbers: what is written is read to the same, and it is in order. */

#include "store/uidset.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	/* The first octet is the largest number of the mailbox. */
	guint32 max_uid = len > 0 ? data[0] : 0;
	g_autoptr(GError) error = NULL;
	g_autoptr(UidSet) set =
		len > 0 ? uidset_parse((const char *)data + 1, len - 1, max_uid, &error) : uidset_new();
	g_assert_true((set == NULL) == (error != NULL));
	if (set == NULL || uidset_is_empty(set))
		return 0;
	guint64 count = 0;
	for (guint i = 0; i < uidset_n_ranges(set); i++) {
		UidRange range = uidset_range(set, i);
		g_assert_true(range.first >= 1 && range.first <= range.last);
		g_assert_true(i == 0 || range.first > (guint64)uidset_range(set, i - 1).last + 1);
		g_assert_true(uidset_contains(set, range.first) && uidset_contains(set, range.last));
		g_assert_false(range.last < G_MAXUINT32 && uidset_contains(set, range.last + 1));
		count += (guint64)range.last - range.first + 1;
	}
	g_assert_cmpuint(uidset_count(set), ==, count);
	g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
	uidset_write(set, text);
	g_autoptr(UidSet) second = uidset_parse(text->str, text->len, 0, &error);
	g_assert_no_error(error);
	uidset_write(second, again);
	g_assert_cmpstr(again->str, ==, text->str);
	return 0;
}
