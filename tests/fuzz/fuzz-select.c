/* The parameters of SELECT, and the modifiers of FETCH: any octets are refused with an error or give what is in bounds. */
#include "server/imap/fetch-modifiers.h"
#include "server/imap/select-params.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void check_select(const char *data, gsize size)
{
	g_autoptr(GError) error = NULL;
	g_auto(SelectParams) params = { 0 };
	ImapParser p = { .data = data, .len = size };
	gboolean ok = select_params_parse(&p, &params, &error);
	g_assert(ok == (error == NULL));
	if (!ok || !params.qresync)
		return;
	g_assert(params.uidvalidity > 0 && params.modseq > 0 && params.modseq <= G_MAXINT64);
	g_assert((params.match_seqs == NULL) == (params.match_uids == NULL));
	g_assert(params.match_seqs == NULL || uidset_count(params.match_seqs) == uidset_count(params.match_uids));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	check_select((const char *)data, size);
	for (gboolean uid = FALSE; uid <= TRUE; uid++) {
		g_autoptr(GError) error = NULL;
		g_auto(FetchModifiers) modifiers = { 0 };
		ImapParser p = { .data = (const char *)data, .len = size };
		gboolean ok = fetch_modifiers_parse(&p, uid, &modifiers, &error);
		g_assert(ok == (error == NULL));
		g_assert(!ok || !modifiers.vanished || (uid && modifiers.changed));
	}
	return 0;
}
