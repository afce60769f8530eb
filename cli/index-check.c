#include "cli/index-check.h"

#include "indexer/index-state.h"
#include "store/feed.h"
#include "store/mailbox.h"

/* The index may be committed to or swapped while we read it; then we read it again. */
#define CHECK_TRIES 10

static void check_failure_free(gpointer data)
{
	CheckFailure *failure = data;
	g_free(failure->reason);
	g_free(failure);
}

static IndexCheck *index_check_new(void)
{
	IndexCheck *check = g_new0(IndexCheck, 1);
	check->indexed = email_set_new();
	check->lag = email_set_new();
	check->missing = email_set_new();
	check->surplus = email_set_new();
	check->failed = g_ptr_array_new_with_free_func(check_failure_free);
	return check;
}

void index_check_free(IndexCheck *check)
{
	if (check == NULL)
		return;
	g_free(check->why);
	email_set_free(check->indexed);
	email_set_free(check->lag);
	email_set_free(check->missing);
	email_set_free(check->surplus);
	g_ptr_array_unref(check->failed);
	g_free(check);
}

/* -- the index, at one commit ---------------------------------------------------------------------------- */

typedef struct {
	gboolean present;
	char *why; /* owned */
	guint32 generation;
	guint64 revision;
	IndexMeta meta;      /* set if present */
	EmailSet *documents; /* with terms in the database; owned */
	EmailSet *texts;     /* with a text; owned */
	EmailSet *sound;     /* whose text has the right checksum; owned */
	EmailSet *failed;    /* owned */
	GPtrArray *failures; /* of IndexFailure; owned */
} Content;

static void content_free(Content *content)
{
	if (content == NULL)
		return;
	if (content->present)
		index_meta_clear(&content->meta);
	g_free(content->why);
	email_set_free(content->documents);
	email_set_free(content->texts);
	email_set_free(content->sound);
	email_set_free(content->failed);
	g_clear_pointer(&content->failures, g_ptr_array_unref);
	g_free(content);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Content, content_free)

/* What the text store has: it alone says which emails the index has (indexer/ftindex.cc), and what of it is
 * undamaged. */
static gboolean read_texts(Content *content, const char *generation_dir, GError **error)
{
	g_autofree char *dir = index_text_path(generation_dir);
	g_autoptr(TextView) view = text_view_open(dir, &content->meta.text, NULL, error);
	if (view == NULL)
		return FALSE;
	g_autoptr(EmailSet) damaged = email_set_new();
	text_view_check(view, damaged);
	content->texts = email_set_copy(text_view_present(view));
	content->sound = email_set_copy(content->texts);
	email_set_and_not(content->sound, damaged);
	return TRUE;
}

static gboolean read_index(Content *content, const char *generation_dir, GError **error)
{
	g_autofree char *path = index_xapian_path(generation_dir);
	g_autoptr(FtIndex) index = ftindex_open_reader(path, error);
	if (index == NULL || !index_meta_load(index, &content->meta, error))
		return FALSE;
	content->present = TRUE;
	content->revision = ftindex_revision(index);
	content->documents = email_set_new();
	return index_meta_open_parts(&content->meta, index, generation_dir, error) && ftindex_all_ids(index, content->documents, error) &&
		index_failed_ids(index, &content->failed, error) &&
		index_failures_load(index, G_MAXUINT, &content->failures, error) &&
		read_texts(content, generation_dir, error);
}

/* Never fails: an index that cannot be read is not present, and why says so. */
static Content *content_read(const char *index_dir)
{
	Content *content = g_new0(Content, 1);
	if (!index_current_generation(index_dir, &content->generation)) {
		content->why = g_strdup("there is no index");
		return content;
	}
	g_autoptr(GError) error = NULL;
	g_autofree char *dir = index_generation_path(index_dir, content->generation);
	if (read_index(content, dir, &error))
		return content;
	if (content->present)
		index_meta_clear(&content->meta);
	content->present = FALSE;
	content->why = g_strdup(error->message);
	return content;
}

static gboolean content_same(const Content *a, const Content *b)
{
	return a->present == b->present && a->generation == b->generation && a->revision == b->revision;
}

/* -- the comparison -------------------------------------------------------------------------------------- */

static gboolean read_emails(Account *account, EmailSet **ids_out, GError **error)
{
	g_autoptr(GArray) array = NULL;
	if (!account_feed_emails(account, NULL, 0, G_MAXUINT32, &array, error))
		return FALSE;
	*ids_out = email_set_new();
	for (guint i = 0; i < array->len; i++)
		email_set_add(*ids_out, g_array_index(array, guint32, i));
	return TRUE;
}

/* Emails whose end the index has not been told of yet. */
static gboolean read_leaving(Account *account, guint64 after, EmailSet **ids_out, GError **error)
{
	g_autoptr(GArray) gone = NULL;
	if (!account_feed_gone(account, after, G_MAXINT, &gone, error))
		return FALSE;
	*ids_out = email_set_new();
	for (guint i = 0; i < gone->len; i++)
		email_set_add(*ids_out, g_array_index(gone, FeedGone, i).email_id);
	return TRUE;
}

static void sort_email(IndexCheck *check, const Content *content, guint32 id)
{
	if (id > check->watermark)
		email_set_add(check->lag, id);
	else if (email_set_contains(content->failed, id))
		return; /* told with its reason */
	else if (email_set_contains(content->documents, id) && email_set_contains(content->sound, id))
		email_set_add(check->indexed, id);
	else
		email_set_add(check->missing, id);
}

static void take_failures(IndexCheck *check, const Content *content, const EmailSet *emails)
{
	for (guint i = 0; i < content->failures->len; i++) {
		const IndexFailure *failure = content->failures->pdata[i];
		if (!email_set_contains(emails, failure->email_id) || failure->email_id > check->watermark)
			continue;
		CheckFailure *mine = g_new(CheckFailure, 1);
		*mine = (CheckFailure){ failure->email_id, g_strdup(failure->reason), failure->failed_at };
		g_ptr_array_add(check->failed, mine);
	}
}

static gboolean compare(IndexCheck *check, const Content *content, Account *account, GError **error)
{
	g_autoptr(EmailSet) emails = NULL;
	g_autoptr(EmailSet) leaving = NULL;
	check->present = content->present;
	check->why = g_strdup(content->why);
	check->watermark = content->present ? content->meta.watermark : 0;
	/* In this order: what leaves after the first is in the second. */
	if (!read_emails(account, &emails, error) ||
		!read_leaving(account, content->present ? content->meta.gone_seq : 0, &leaving, error))
		return FALSE;
	check->emails = email_set_count(emails);
	if (!content->present) {
		email_set_or(check->lag, emails);
		return TRUE;
	}
	check->documents = email_set_count(content->texts);
	for (guint32 id = 0; email_set_next(emails, id, &id); id++)
		sort_email(check, content, id);
	take_failures(check, content, emails);
	g_autoptr(EmailSet) dead = email_set_copy(content->documents);
	email_set_and_not(dead, content->texts);
	email_set_and_not(dead, check->missing);
	check->dead = email_set_count(dead);
	email_set_or(check->surplus, content->texts);
	email_set_and_not(check->surplus, emails);
	email_set_and_not(check->surplus, leaving);
	return TRUE;
}

IndexCheck *index_check(Account *account, GError **error)
{
	g_autofree char *index_dir = account_index_dir(account);
	for (guint try = 0; try < CHECK_TRIES; try++) {
		g_autoptr(IndexCheck) check = index_check_new();
		g_autoptr(Content) content = content_read(index_dir);
		if (!compare(check, content, account, error))
			return NULL;
		gboolean clean = check->present && email_set_is_empty(check->missing) &&
			email_set_is_empty(check->surplus);
		/* What is found must be found in an index that stood still meanwhile: then it is no matter
		 * of timing. */
		g_autoptr(Content) again = clean ? NULL : content_read(index_dir);
		if (clean || content_same(content, again))
			return g_steal_pointer(&check);
	}
	g_set_error(error, STORE_ERROR, STORE_ERROR_IO,
		"%s: the index changes all the time; try again when less is going on", account_name(account));
	return NULL;
}

/* -- where messages are ---------------------------------------------------------------------------------- */

static void place_free(gpointer data)
{
	CheckPlace *place = data;
	g_free(place->mailbox);
	g_free(place);
}

static void free_places(gpointer data)
{
	g_ptr_array_unref(data);
}

static void note_place(GHashTable *places, guint32 id, const char *mailbox, guint32 uid)
{
	GPtrArray *list = g_hash_table_lookup(places, GUINT_TO_POINTER(id));
	if (list == NULL) {
		list = g_ptr_array_new_with_free_func(place_free);
		g_hash_table_insert(places, GUINT_TO_POINTER(id), list);
	}
	CheckPlace *place = g_new(CheckPlace, 1);
	*place = (CheckPlace){ g_strdup(mailbox), uid };
	g_ptr_array_add(list, place);
}

static void note_mailbox(GHashTable *places, const EmailSet *ids, const char *name, const Snapshot *snapshot)
{
	for (guint c = 0; c < snapshot_n_chunks(snapshot); c++) {
		const SnapshotChunk *chunk = snapshot_chunk(snapshot, c, NULL);
		for (guint i = 0; i < chunk->n; i++)
			if (email_set_contains(ids, chunk->email_id[i]))
				note_place(places, chunk->email_id[i], name, chunk->uid[i]);
	}
}

GHashTable *index_check_places(Account *account, const EmailSet *ids, GError **error)
{
	g_autoptr(GHashTable) places = g_hash_table_new_full(NULL, NULL, NULL, free_places);
	if (email_set_is_empty(ids))
		return g_steal_pointer(&places);
	g_autoptr(GPtrArray) mailboxes = account_list_mailboxes(account, FALSE, error);
	if (mailboxes == NULL)
		return NULL;
	for (guint i = 0; i < mailboxes->len; i++) {
		const MailboxInfo *info = mailboxes->pdata[i];
		if ((info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) != 0)
			continue;
		g_autoptr(GError) failed = NULL;
		g_autoptr(Mailbox) mailbox = account_open_mailbox(account, info->name, &failed);
		g_autoptr(Snapshot) snapshot = mailbox != NULL ? mailbox_snapshot(mailbox, &failed) : NULL;
		if (snapshot != NULL) {
			note_mailbox(places, ids, info->name, snapshot);
		} else if (!g_error_matches(failed, STORE_ERROR, STORE_ERROR_NO_MAILBOX)) {
			g_propagate_error(error, g_steal_pointer(&failed));
			return NULL;
		}
	}
	return g_steal_pointer(&places);
}
