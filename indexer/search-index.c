/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/search-index.h"

#include "indexer/fuzzy-plan.h"
#include "indexer/fuzzy-text.h"
#include "indexer/index-file.h"
#include "indexer/index-origin.h"
#include "indexer/index-reader.h"
#include "indexer/plan.h"
#include "indexer/search-cancel.h"
#include "indexer/tail.h"

/* About what loading, parsing and folding one message costs (11,000 messages of 13 kB a second and core, DESIGN.md). */
#define TAIL_US_EACH 120

/* Readers that wait for the next search; each holds a few descriptors and Xapian's caches. */
#define READERS_IDLE 4
/* How often an index that moves on under a search is asked again, before all is taken as not indexed. */
#define ATTEMPTS 8

/* Indexes that nobody has a reference to, kept with one reader each for the next search. */
#define IDLE_MAX 64

struct SearchIndex {
	gint refs;         /* guarded by registry_lock; 0: idle */
	gboolean listed;   /* in the registry */
	Account *account;  /* a reference; NULL: idle */
	char *dir;         /* of the index */
	TailCache *tail;   /* owned; NULL: idle */
	GList link;        /* in idle */

	GMutex lock;          /* guards what follows; nothing slow is done with it held */
	GQueue readers;       /* of IndexReader: idle, all of generation */
	guint32 generation;   /* the newest that was seen; 0: none */
	IndexView *newest;    /* of generation; a reference or NULL */
	guint32 checked_generation; /* of the commit that was last found to be of this account's database; 0: none */
	guint64 checked_revision;
};

/* The indexes of this process by folder, and those of them that are idle, the newest first. The only state at file level: readers and texts of an account must
 * be one whoever asks, and an Account has no room for what is above it. An idle index holds no account and no texts (another account
 * may come to have that name); what its readers hold is told apart by the numbers of generations, which are never
 * used again (index-dir.h). */
static GMutex registry_lock;
static GHashTable *registry; /* dir (the value's) to SearchIndex */
static GQueue idle = G_QUEUE_INIT;

static void search_index_free(SearchIndex *index)
{
	g_queue_clear_full(&index->readers, (GDestroyNotify)index_reader_close);
	index_view_unref(index->newest);
	tail_cache_free(index->tail);
	g_clear_pointer(&index->account, account_unref);
	g_mutex_clear(&index->lock);
	g_free(index->dir);
	g_free(index);
}

static SearchIndex *search_index_new(char *dir)
{
	SearchIndex *index = g_new0(SearchIndex, 1);
	index->dir = dir;
	index->link.data = index;
	g_mutex_init(&index->lock);
	g_queue_init(&index->readers);
	return index;
}

SearchIndex *search_index_get(Account *account)
{
	g_autofree char *dir = account_index_dir(account);
	g_mutex_lock(&registry_lock);
	if (registry == NULL)
		registry = g_hash_table_new(g_str_hash, g_str_equal);
	SearchIndex *index = g_hash_table_lookup(registry, dir);
	if (index != NULL && index->refs == 0) {
		g_queue_unlink(&idle, &index->link);
	} else if (index == NULL || index->account != account) {
		/* A second one for the same folder (an account that was closed and opened again while a search went on) lives for itself. */
		gboolean listed = index == NULL;
		index = search_index_new(g_steal_pointer(&dir));
		index->listed = listed;
		if (listed)
			(void)g_hash_table_insert(registry, index->dir, index);
	}
	if (index->refs++ == 0) {
		index->checked_generation = 0; /* nobody else has it now */
		index->account = account_ref(account);
		index->tail = tail_cache_new();
	}
	g_mutex_unlock(&registry_lock);
	return index;
}

SearchIndex *search_index_ref(SearchIndex *index)
{
	g_mutex_lock(&registry_lock);
	index->refs++;
	g_mutex_unlock(&registry_lock);
	return index;
}

/* With registry_lock. Returns what is to be freed without it, or NULL. */
static SearchIndex *make_idle(SearchIndex *index)
{
	g_queue_push_head_link(&idle, &index->link);
	if (idle.length <= IDLE_MAX)
		return NULL;
	SearchIndex *oldest = g_queue_pop_tail_link(&idle)->data;
	(void)g_hash_table_remove(registry, oldest->dir);
	return oldest;
}

void search_index_unref(SearchIndex *index)
{
	if (index == NULL)
		return;
	Account *account = NULL;
	TailCache *tail = NULL;
	SearchIndex *unneeded = NULL;
	GQueue readers = G_QUEUE_INIT;
	g_mutex_lock(&registry_lock);
	if (--index->refs == 0) {
		account = g_steal_pointer(&index->account);
		tail = g_steal_pointer(&index->tail);
		while (index->readers.length > 1)
			g_queue_push_head(&readers, g_queue_pop_tail(&index->readers));
		unneeded = index->listed ? make_idle(index) : index;
	}
	g_mutex_unlock(&registry_lock);
	g_queue_clear_full(&readers, (GDestroyNotify)index_reader_close);
	if (unneeded != NULL)
		search_index_free(unneeded);
	tail_cache_free(tail);
	if (account != NULL)
		account_unref(account);
}

const char *leaf_path_name(LeafPath path)
{
	static const char *const names[] = { "none", "index", "verified", "scan", "tail" };
	return names[path];
}

/* -- readers ------------------------------------------------------------------------------------------------------- */

/* An idle reader of the generation in use, or NULL; *newest_out: the newest view of it, a reference or NULL. */
static IndexReader *take_idle_reader(SearchIndex *index, guint32 generation, IndexView **newest_out)
{
	GQueue old = G_QUEUE_INIT;
	g_mutex_lock(&index->lock);
	if (index->generation != generation) {
		/* A rebuilt index was swapped in. */
		old = index->readers;
		g_queue_init(&index->readers);
		g_clear_pointer(&index->newest, index_view_unref);
		index->generation = generation;
	}
	IndexReader *reader = g_queue_pop_head(&index->readers);
	*newest_out = index->newest == NULL ? NULL : index_view_ref(index->newest);
	g_mutex_unlock(&index->lock);
	g_queue_clear_full(&old, (GDestroyNotify)index_reader_close);
	return reader;
}

static void release_reader(SearchIndex *index, IndexReader *reader)
{
	g_mutex_lock(&index->lock);
	gboolean keep = reader->view->generation == index->generation && index->readers.length < READERS_IDLE;
	if (keep)
		g_queue_push_head(&index->readers, reader);
	g_mutex_unlock(&index->lock);
	if (!keep)
		index_reader_close(reader);
}

/* Whether the ids that the reader has are those of this account's database; looked at once for each commit. */
static gboolean check_origin(SearchIndex *index, const IndexReader *reader, GError **error)
{
	const IndexView *view = reader->view;
	g_mutex_lock(&index->lock);
	gboolean is = index->checked_generation == view->generation && index->checked_revision == view->revision;
	g_mutex_unlock(&index->lock);
	if (is)
		return TRUE;
	g_autoptr(GError) cause = NULL;
	if (!index_origin_check(reader->index, &view->meta, index->account, &is, &cause)) {
		if (cause->domain == FTINDEX_ERROR)
			g_propagate_error(error, g_steal_pointer(&cause));
		else
			g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_FAILED, cause->message);
		return FALSE;
	}
	if (!is) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_MISSING, "the index was made from another database");
		return FALSE;
	}
	g_mutex_lock(&index->lock);
	index->checked_generation = view->generation;
	index->checked_revision = view->revision;
	g_mutex_unlock(&index->lock);
	return TRUE;
}

/* A reader at the newest commit. NULL: there is no index that can be used (*error says why, FTINDEX_ERROR). */
static IndexReader *acquire_reader(SearchIndex *index, GError **error)
{
	guint32 generation;
	g_autoptr(IndexView) newest = NULL;
	if (!index_current_generation(index->dir, &generation)) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_MISSING, "there is no index");
		return NULL;
	}
	IndexReader *reader = take_idle_reader(index, generation, &newest);
	if (reader == NULL) {
		reader = index_reader_open(index->dir, generation, newest, error);
	} else if (!index_reader_refresh(reader, index->dir, newest, error)) {
		index_reader_close(reader);
		reader = NULL;
	}
	if (reader != NULL && !check_origin(index, reader, error)) {
		index_reader_close(reader);
		reader = NULL;
	}
	if (reader == NULL)
		return NULL;
	g_mutex_lock(&index->lock);
	gboolean is_newer = index->generation == generation &&
			    (index->newest == NULL || index->newest->revision < reader->view->revision);
	IndexView *old = is_newer ? index->newest : NULL;
	if (is_newer)
		index->newest = index_view_ref(reader->view);
	g_mutex_unlock(&index->lock);
	index_view_unref(old);
	return reader;
}

/* Whether asking again can help: the writer has moved on, or another generation is in use. */
static gboolean may_ask_again(SearchIndex *index, guint32 generation, const GError *error)
{
	guint32 now;
	return g_error_matches(error, FTINDEX_ERROR, FTINDEX_ERROR_CHANGED) ||
	       (index_current_generation(index->dir, &now) && now != generation);
}

/* Calls @work with a reader, again with another one if the index moves on. FALSE: without success; only an error that is not the index's is set, else
 * the index cannot be used now. */
typedef gboolean (*WithReader)(IndexReader *reader, gpointer data, GError **error);
static gboolean with_reader(SearchIndex *index, WithReader work, gpointer data, GError **error)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		g_autoptr(GError) cause = NULL;
		guint32 generation = 0;
		(void)index_current_generation(index->dir, &generation);
		IndexReader *reader = acquire_reader(index, &cause);
		if (reader != NULL && work(reader, data, &cause)) {
			release_reader(index, reader);
			return TRUE;
		}
		if (reader != NULL && cause->domain != FTINDEX_ERROR) {
			release_reader(index, reader);
			g_propagate_error(error, g_steal_pointer(&cause));
			return FALSE;
		}
		index_reader_close(reader);
		if (!may_ask_again(index, generation, cause))
			break;
	}
	return FALSE;
}

static gboolean take_view(IndexReader *reader, gpointer data, GError **error)
{
	IndexView **view = data;
	(void)error;
	*view = index_view_ref(reader->view);
	return TRUE;
}

IndexView *search_index_view(SearchIndex *index)
{
	IndexView *view = NULL;
	return with_reader(index, take_view, &view, NULL) ? view : NULL;
}

/* -- searching ------------------------------------------------------------------------------------------------------- */

typedef struct {
	const TextLeaf *leaf;
	const EmailSet *among;
	const SearchCancel *cancel;
	EmailSet *matched; /* owned: of the indexed part */
	EmailSet *tail;    /* owned: what is not in the index */
	LeafStats stats;
} MatchJob;

static void match_job_clear(MatchJob *job)
{
	g_clear_pointer(&job->matched, email_set_free);
	g_clear_pointer(&job->tail, email_set_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MatchJob, match_job_clear)

static gboolean match_indexed(IndexReader *reader, gpointer data, GError **error)
{
	MatchJob *job = data;
	g_autoptr(EmailSet) indexed = email_set_copy(job->among);
	match_job_clear(job);
	job->stats = (LeafStats){ .path = LEAF_PATH_NONE };
	job->matched = email_set_new();
	job->tail = email_set_copy(job->among);
	email_set_and(indexed, text_view_present(reader->view->text));
	email_set_and_not(job->tail, indexed);
	return (job->leaf->fuzzy != NULL ? fuzzy_plan_match : plan_match)(
		reader, job->leaf, indexed, job->cancel, job->matched, &job->stats, error);
}

static gboolean match_all(SearchIndex *index, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
	EmailSet **matched_out, LeafStats *stats_out, GError **error)
{
	gint64 started_at = g_get_monotonic_time();
	g_auto(MatchJob) job = { .leaf = leaf, .among = among, .cancel = cancel };
	GError *failure = NULL;
	if (!search_cancel_check(cancel, error))
		return FALSE;
	if (!with_reader(index, match_indexed, &job, &failure)) {
		if (failure != NULL) {
			g_propagate_error(error, failure);
			return FALSE;
		}
		match_job_clear(&job);
		job.stats = (LeafStats){ .path = LEAF_PATH_NONE };
		job.matched = email_set_new();
		job.tail = email_set_copy(among);
	}
	job.stats.tail = email_set_count(job.tail);
	if (job.stats.tail > 0) {
		if (job.stats.path == LEAF_PATH_NONE)
			job.stats.path = LEAF_PATH_TAIL;
		if (!tail_match(index->tail, index->account, leaf, job.tail, cancel, job.matched, &job.stats.tail_read, error))
			return FALSE;
	}
	job.stats.matched = email_set_count(job.matched);
	job.stats.took_us = g_get_monotonic_time() - started_at;
	if (stats_out != NULL)
		*stats_out = job.stats;
	*matched_out = g_steal_pointer(&job.matched);
	return TRUE;
}

gboolean search_index_match(SearchIndex *index, const TextLeaf *leaf, const EmailSet *among, const SearchCancel *cancel,
	EmailSet **matched_out, LeafStats *stats_out, GError **error)
{
	gboolean ok = match_all(index, leaf, among, cancel, matched_out, stats_out, error);
	if (leaf->fuzzy != NULL)
		fuzzy_matchers_drop(leaf->fuzzy);
	return ok;
}

gint64 search_index_estimate_us(SearchIndex *index, const TextLeaf *leaf, guint32 among_count)
{
	g_mutex_lock(&index->lock);
	g_autoptr(IndexView) view = index->newest == NULL ? NULL : index_view_ref(index->newest);
	g_mutex_unlock(&index->lock);
	if (view == NULL)
		return (gint64)among_count * TAIL_US_EACH;
	guint32 present = text_view_count(view->text);
	return plan_estimate_us(view, leaf, MIN(among_count, present)) +
	       (gint64)(among_count > present ? among_count - present : 0) * TAIL_US_EACH;
}

gboolean search_index_tail_each(SearchIndex *index, const guint32 *ids, gsize n, const SearchCancel *cancel, TailFunc func,
	gpointer data, guint32 *read_out, GError **error)
{
	return tail_each(index->tail, index->account, ids, n, cancel, func, data, read_out, error);
}

/* -- what an admin sees ------------------------------------------------------------------------------------------------ */

typedef struct {
	SearchIndex *index;
	IndexState state;
} StateJob;

static gboolean read_state(IndexReader *reader, gpointer data, GError **error)
{
	StateJob *job = data;
	const IndexView *view = reader->view;
	g_autoptr(EmailSet) failed = NULL;
	g_autofree char *dir = index_generation_path(job->index->dir, view->generation);
	g_autofree char *vocabulary = index_vocabulary_path(dir), *text = index_text_path(dir);
	job->state = (IndexState){
		.present = TRUE,
		.watermark = view->meta.watermark,
		.gone_watermark = view->meta.gone_seq,
		.generation = view->generation,
		.bytes_xapian = index_meta_database_bytes(&view->meta, dir),
		.bytes_text = index_dir_bytes(text),
		.bytes_vocabulary = index_dir_bytes(vocabulary),
	};
	job->state.documents = text_view_count(view->text);
	if (!index_failed_ids(reader->index, &failed, error))
		return FALSE;
	job->state.failed = email_set_count(failed);
	return TRUE;
}

gboolean search_index_state(SearchIndex *index, IndexState *state_out, GError **error)
{
	StateJob job = { .index = index };
	if (!with_reader(index, read_state, &job, error))
		job.state = (IndexState){ .present = FALSE };
	*state_out = job.state;
	return TRUE;
}

typedef struct {
	guint limit;
	GPtrArray *failures; /* owned */
} FailuresJob;

static gboolean read_failures(IndexReader *reader, gpointer data, GError **error)
{
	FailuresJob *job = data;
	return index_failures_load(reader->index, job->limit, &job->failures, error);
}

GPtrArray *search_index_failures(SearchIndex *index, guint limit, GError **error)
{
	FailuresJob job = { .limit = limit };
	if (!with_reader(index, read_failures, &job, error))
		return g_ptr_array_new_with_free_func((GDestroyNotify)index_failure_free);
	return job.failures;
}

typedef struct {
	guint32 id;
	MessageText *text; /* owned */
} TextJob;

static gboolean read_text(IndexReader *reader, gpointer data, GError **error)
{
	(void)error;
	TextJob *job = data;
	TextSpan streams[TEXT_N_STREAMS];
	g_autoptr(TextScratch) scratch = text_scratch_new();
	if (!text_view_get(reader->view->text, job->id, scratch, streams))
		return TRUE;
	job->text = g_new(MessageText, 1);
	for (int section = 0; section < MESSAGE_TEXT_N_SECTIONS; section++)
		job->text->section[section] = g_string_new(NULL);
	for (int stream = 0; stream < TEXT_STREAM_SORT; stream++) {
		MessageTextSection section = stream == TEXT_STREAM_BODY  ? MESSAGE_TEXT_BODY :
					     stream == TEXT_STREAM_PARTS ? MESSAGE_TEXT_PARTS :
									   MESSAGE_TEXT_HEADER;
		g_string_append_len(job->text->section[section], streams[stream].data, (gssize)streams[stream].len);
	}
	return TRUE;
}

MessageText *search_index_text(SearchIndex *index, guint32 email_id, gboolean *from_index_out, GError **error)
{
	TextJob job = { .id = email_id };
	(void)with_reader(index, read_text, &job, NULL);
	*from_index_out = job.text != NULL;
	if (job.text != NULL)
		return job.text;
	g_autoptr(GBytes) octets = account_load_email(index->account, email_id, error);
	if (octets == NULL)
		return NULL;
	gsize size;
	const guint8 *data = g_bytes_get_data(octets, &size);
	return message_text_new(data, size);
}
