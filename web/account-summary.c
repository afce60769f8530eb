#include "indexer/search-index.h"
#include "store/feed.h"
#include "store/mailbox.h"
#include "web/web-private.h"

/* The failed emails of an account, for counting; a site with more has other troubles. */
#define SUMMARY_FAILURES 100000

static GHashTable *failed_ids(SearchIndex *index, GError **error)
{
	g_autoptr(GPtrArray) failures = search_index_failures(index, SUMMARY_FAILURES, error);
	if (failures == NULL)
		return NULL;
	GHashTable *ids = g_hash_table_new(NULL, NULL);
	for (guint i = 0; i < failures->len; i++)
		g_hash_table_add(ids, GUINT_TO_POINTER(((IndexFailure *)failures->pdata[i])->email_id));
	return ids;
}

static void count_lagging(const SnapshotChunk *chunk, guint row, AccountSummary *summary)
{
	summary->lag++;
	if (summary->lag_since == 0 || chunk->saved_at[row] < summary->lag_since)
		summary->lag_since = chunk->saved_at[row];
}

static void count_messages(
	const Snapshot *snapshot, guint32 watermark, GHashTable *failed, AccountSummary *summary)
{
	for (guint c = 0; c < snapshot_n_chunks(snapshot); c++) {
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, c, NULL);
		summary->messages += chunk->n;
		for (guint i = 0; i < chunk->n; i++) {
			if (chunk->email_id[i] > watermark)
				count_lagging(chunk, i, summary);
			else if (g_hash_table_contains(failed, GUINT_TO_POINTER(chunk->email_id[i])))
				summary->failed++;
			else
				summary->indexed++;
		}
	}
}

static gboolean count_mailboxes(
	Account *account, guint32 watermark, GHashTable *failed, AccountSummary *summary, GError **error)
{
	g_autoptr(GPtrArray) mailboxes = account_list_mailboxes(account, FALSE, error);
	if (mailboxes == NULL)
		return FALSE;
	for (guint i = 0; i < mailboxes->len; i++) {
		const MailboxInfo *info = mailboxes->pdata[i];
		if ((info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) != 0)
			continue;
		g_autoptr(GError) gone = NULL;
		g_autoptr(Mailbox) mailbox = account_open_mailbox(account, info->name, &gone);
		g_autoptr(Snapshot) snapshot = mailbox != NULL ? mailbox_snapshot(mailbox, &gone) : NULL;
		if (snapshot != NULL) {
			summary->mailboxes++;
			count_messages(snapshot, watermark, failed, summary);
		} else if (!g_error_matches(gone, STORE_ERROR, STORE_ERROR_NO_MAILBOX)) {
			g_propagate_error(error, g_steal_pointer(&gone));
			return FALSE;
		}
	}
	return TRUE;
}

gboolean account_summary(Account *account, AccountSummary *summary_out, GError **error)
{
	AccountSummary summary = { 0 };
	FeedState feed;
	IndexState state;
	g_autoptr(SearchIndex) index = search_index_get(account);
	if (!search_index_state(index, &state, error) || !account_feed_state(account, &feed, error))
		return FALSE;
	g_autoptr(GHashTable) failed = failed_ids(index, error);
	if (failed == NULL || !count_mailboxes(account, state.watermark, failed, &summary, error))
		return FALSE;
	summary.emails = feed.emails;
	summary.documents = state.documents;
	summary.bytes_xapian = state.bytes_xapian;
	summary.bytes_text = state.bytes_text;
	summary.bytes_vocabulary = state.bytes_vocabulary;
	summary.index_present = state.present;
	*summary_out = summary;
	return TRUE;
}

static void add(AccountSummary *sum, const AccountSummary *more)
{
	sum->mailboxes += more->mailboxes;
	sum->messages += more->messages;
	sum->emails += more->emails;
	sum->indexed += more->indexed;
	sum->lag += more->lag;
	sum->failed += more->failed;
	sum->documents += more->documents;
	sum->bytes_xapian += more->bytes_xapian;
	sum->bytes_text += more->bytes_text;
	sum->bytes_vocabulary += more->bytes_vocabulary;
	if (more->lag_since != 0 && (sum->lag_since == 0 || more->lag_since < sum->lag_since))
		sum->lag_since = more->lag_since;
}

gboolean site_summary(Store *store, SiteSummary *site_out, GError **error)
{
	g_autoptr(GPtrArray) names = store_list_accounts(store, error);
	if (names == NULL)
		return FALSE;
	SiteSummary site = { .broken = g_ptr_array_new_with_free_func(g_free) };
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		AccountSummary one;
		g_autoptr(GError) broken = NULL;
		g_autoptr(Account) account = store_get_account(store, name, &broken);
		if (account != NULL && account_summary(account, &one, &broken))
			add(&site.sum, &one);
		else if (g_error_matches(broken, STORE_ERROR, STORE_ERROR_NO_ACCOUNT))
			continue; /* deleted meanwhile */
		else
			g_ptr_array_add(site.broken, g_strdup_printf("%s: %s", name, broken->message));
		site.accounts++;
	}
	*site_out = site;
	return TRUE;
}

void site_summary_clear(SiteSummary *site)
{
	g_clear_pointer(&site->broken, g_ptr_array_unref);
}

static json_t *number(guint64 n)
{
	return json_integer((json_int_t)n);
}

json_t *account_summary_json(const AccountSummary *summary)
{
	json_t *bytes = json_object();
	json_object_set_new(bytes, "terms", number(summary->bytes_xapian));
	json_object_set_new(bytes, "text", number(summary->bytes_text));
	json_object_set_new(bytes, "vocabulary", number(summary->bytes_vocabulary));
	json_object_set_new(bytes, "total",
		number(summary->bytes_xapian + summary->bytes_text + summary->bytes_vocabulary));
	json_t *object = json_object();
	json_object_set_new(object, "mailboxes", number(summary->mailboxes));
	json_object_set_new(object, "messages", number(summary->messages));
	json_object_set_new(object, "emails", number(summary->emails));
	json_object_set_new(object, "indexed", number(summary->indexed));
	json_object_set_new(object, "lag", number(summary->lag));
	json_object_set_new(object, "lag_since", web_time_json(summary->lag_since * G_USEC_PER_SEC));
	json_object_set_new(object, "failed", number(summary->failed));
	json_object_set_new(object, "documents", number(summary->documents));
	json_object_set_new(object, "index_bytes", bytes);
	return object;
}
