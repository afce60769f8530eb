/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/search-cancel.h"

G_DEFINE_QUARK(mailsift-search-index-error-quark, search_index_error)

gboolean search_cancel_check(const SearchCancel *cancel, GError **error)
{
	if (cancel == NULL)
		return TRUE;
	if (cancel->cancelled != NULL && cancel->cancelled(cancel->data)) {
		g_set_error_literal(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_CANCELLED, "the search was cancelled");
		return FALSE;
	}
	if (cancel->deadline_us != 0 && g_get_monotonic_time() > cancel->deadline_us) {
		g_set_error_literal(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_TIME, "the search took too long");
		return FALSE;
	}
	return TRUE;
}
