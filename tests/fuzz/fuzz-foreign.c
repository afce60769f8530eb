/* dovecot-uidlist, courierimapuiddb, dovecot-keywords and subscriptions: the first octet of the input says which. */
#include "store/foreign.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	if (len == 0)
		return 0;
	const char *text = (const char *)data + 1;
	gsize n = len - 1;
	if (data[0] == 'k') {
		g_autoptr(GPtrArray) keywords = foreign_parse_keywords(text, n);
		g_assert(keywords->len == FOREIGN_KEYWORDS);
	} else if (data[0] == 's' || data[0] == 'c') {
		g_autoptr(GPtrArray) names = foreign_parse_subscriptions(
			text, n, data[0] == 's' ? FOREIGN_DOVECOT : FOREIGN_COURIER);
		for (guint i = 0; i < names->len; i++)
			g_assert(g_utf8_validate(names->pdata[i], -1, NULL));
	} else {
		g_autoptr(ForeignUids) uids = foreign_parse_uids(text, n);
		GHashTableIter iter;
		gpointer uid;
		g_hash_table_iter_init(&iter, uids->uids);
		while (g_hash_table_iter_next(&iter, NULL, &uid))
			g_assert(GPOINTER_TO_UINT(uid) >= 1 && GPOINTER_TO_UINT(uid) < uids->uidnext);
	}
	return 0;
}
