/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/account-indexer.h"

#include <unistd.h>

#include "indexer/extractor.h"
#include "indexer/index-dir.h"
#include "indexer/index-writer.h"

/* Rows of the feed that are taken at once. */
#define FEED_ROWS 2000
/* Farther behind than this, commits are made by memory and no more by time: the small ones would cost more than they give. */
#define BULK_EMAILS 500
#define BULK_COMMIT_US (20 * G_USEC_PER_SEC)
/* So far behind, emails are added in bulk (index-writer.h). */
#define BULK_BUILD_EMAILS 4000
/* How long a step works before it lets others. */
#define STEP_US (G_USEC_PER_SEC / 4)
/* Rolling that did not work is tried again after this. */
#define LOOSE_WAIT_US (15 * 60 * G_USEC_PER_SEC)
/* Emails that could not be read are tried again after this, then half as often each time. */
#define RETRY_FIRST_US (10 * G_USEC_PER_SEC)
#define RETRY_MAX_US (30 * 60 * G_USEC_PER_SEC)
/* A build is swapped in when it is at most so far behind. */
#define SWAP_LAG 200

/* One index generation that follows the feed. */
typedef struct {
	IndexWriter *writer;   /* owned; NULL: closed */
	guint32 generation;
	Extractor *extractor;  /* owned; emails that were taken from the feed */
	guint32 upto;          /* what the watermark is when extractor has given all it has */
	gint64 since;          /* monotonic: of the first change that is not committed; 0: none */
	guint64 done, failed;  /* emails since it was opened */
} Follower;

struct AccountIndexer {
	Account *account; /* a reference */
	char *dir;
	IndexingOptions options;
	int lock_fd;      /* -1: not locked */
	Attempts *attempts; /* with the lock */
	Follower live;
	Follower build;   /* its writer: a new generation is being built */
	gboolean unusable; /* the live index turned out to be damaged: the next step begins anew */
	gboolean replaced; /* live was begun anew in the place of an unusable one, and is not at the feed's end yet */
	guint32 unfinished; /* a build that was begun before we came; 0: none */
	Extractor *retry;   /* of emails that could not be read; owned; NULL: none is being tried again */
	gint64 retry_at;    /* monotonic: when to try them again; 0: there are none */
	gint64 retry_us;    /* the last pause */
	gint64 loose_until; /* monotonic: rolling did not work, and is not tried again before */
	gboolean renewal; /* build is to take the place of a worn live index; nobody asked for it */
	Extractor *refresh; /* a reindex of a mailbox: owned; else NULL */
	gboolean refresh_lost; /* changes of refresh were dropped with the live writer */
	EmailSet *gone;     /* owned: every email that was seen to go; ids are never given again */
	gboolean reindexing; /* build or refresh is a reindex that somebody asked for */
	guint64 total, done, failed; /* of it */
};

/* -- followers ------------------------------------------------------------------------------------------------------ */

static void follower_close(Follower *follower)
{
	g_clear_pointer(&follower->extractor, extractor_free);
	g_clear_pointer(&follower->writer, index_writer_close);
	follower->since = 0;
}

static gsize memory_for_one(const AccountIndexer *indexer)
{
	/* Xapian needs about as much again while it commits; a build beside the live index halves the rest. */
	return (gsize)(indexer->options.memory_bytes / (indexer->build.writer != NULL && indexer->live.writer != NULL ? 6 : 3));
}

static gboolean store_text(AccountIndexer *indexer, Follower *follower, Extracted *one, guint *failed, GError **error)
{
	gboolean ok = TRUE;
	if (email_set_contains(indexer->gone, one->id)) {
		/* It went after it was read ahead. */
	} else if (one->text != NULL) {
		attempts_enter(indexer->attempts, one->id);
		ok = index_writer_add(follower->writer, one->id, one->text, one->sort_keys, error);
		attempts_enter(indexer->attempts, 0);
	} else if (one->failed != NULL) {
		(*failed)++;
		ok = index_writer_fail(follower->writer, one->id, one->failed, one->unread, error);
		attempts_clear(indexer->attempts, one->id);
	} else if (one->error != NULL) {
		g_propagate_error(error, g_steal_pointer(&one->error));
		ok = FALSE;
	}
	extracted_clear(one);
	return ok;
}

/* Takes the next emails from the feed if none are at hand. *none_out: there are none. */
static gboolean take_added(AccountIndexer *indexer, Follower *follower, const FeedState *feed, gboolean *none_out, GError **error)
{
	g_autoptr(GArray) ids = NULL;
	*none_out = FALSE;
	if (follower->extractor != NULL)
		return TRUE;
	guint32 watermark = index_writer_watermark(follower->writer);
	if (feed->max_email_id > watermark &&
		!account_feed_added(indexer->account, watermark, FEED_ROWS, &ids, error))
		return FALSE;
	if (ids == NULL || ids->len == 0) {
		/* Ids between have no message any more. */
		if (feed->max_email_id > watermark)
			index_writer_set_watermark(follower->writer, feed->max_email_id);
		*none_out = TRUE;
		return TRUE;
	}
	/* The feed's state is older than the list: there are none between the list's end and that id. */
	guint32 last = g_array_index(ids, guint32, ids->len - 1);
	follower->upto = ids->len < FEED_ROWS ? MAX(last, feed->max_email_id) : last;
	follower->extractor = extractor_new(indexer->account, indexer->attempts, g_steal_pointer(&ids), indexer->options.crash_on);
	return TRUE;
}

static gboolean take_gone(AccountIndexer *indexer, Follower *follower, const FeedState *feed, guint *removed, gboolean *more_out, GError **error)
{
	guint64 seq = index_writer_gone_seq(follower->writer);
	g_autoptr(GArray) gone = NULL;
	*more_out = FALSE;
	if (feed->max_gone_seq <= seq)
		return TRUE;
	if (!account_feed_gone(indexer->account, seq, FEED_ROWS, &gone, error))
		return FALSE;
	for (guint i = 0; i < gone->len; i++) {
		const FeedGone *one = &g_array_index(gone, FeedGone, i);
		if (!index_writer_remove(follower->writer, one->email_id, error))
			return FALSE;
		email_set_add(indexer->gone, one->email_id);
		seq = one->seq;
	}
	*removed += gone->len;
	*more_out = gone->len >= FEED_ROWS;
	index_writer_set_gone_seq(follower->writer, *more_out ? seq : MAX(seq, feed->max_gone_seq));
	return TRUE;
}

/* Works on until @until, the memory is used up, or the feed is at its end (*at_end_out). */
static gboolean follow(AccountIndexer *indexer, Follower *follower, const FeedState *feed, gint64 until, gboolean *at_end_out,
	IndexingStep *step, GError **error)
{
	gboolean none = FALSE, more_gone = FALSE;
	gsize memory = memory_for_one(indexer);
	if (!take_gone(indexer, follower, feed, &step->removed, &more_gone, error))
		return FALSE;
	while (!none && index_writer_pending(follower->writer) < memory) {
		Extracted one;
		if (!take_added(indexer, follower, feed, &none, error))
			return FALSE;
		if (none)
			break;
		if (!extractor_next(follower->extractor, &one)) {
			index_writer_set_watermark(follower->writer, follower->upto);
			g_clear_pointer(&follower->extractor, extractor_free);
			continue;
		}
		guint failed = 0;
		guint32 id = one.id;
		if (follower->since == 0)
			follower->since = g_get_monotonic_time();
		step->added += one.text != NULL ? 1 : 0;
		if (!store_text(indexer, follower, &one, &failed, error))
			return FALSE;
		index_writer_set_watermark(follower->writer, id);
		step->failed += failed;
		follower->failed += failed;
		follower->done++;
		if (g_get_monotonic_time() >= until)
			break;
	}
	if (follower->since == 0 && index_writer_has_changes(follower->writer))
		follower->since = g_get_monotonic_time();
	*at_end_out = none && !more_gone;
	return TRUE;
}

static gboolean note_origin(AccountIndexer *indexer, Follower *follower, GError **error)
{
	g_autofree char *origin = account_feed_origin(indexer->account, index_writer_watermark(follower->writer), error);
	return origin != NULL && index_writer_set_origin(follower->writer, origin, error);
}

static gboolean follower_commit(AccountIndexer *indexer, Follower *follower, GError **error)
{
	if (!note_origin(indexer, follower, error) || !index_writer_commit(follower->writer, error))
		return FALSE;
	follower->since = 0;
	return TRUE;
}

/* How far the index is behind, in emails, at most. */
static guint32 emails_behind(const Follower *follower, const FeedState *feed)
{
	guint32 watermark = index_writer_watermark(follower->writer);
	return feed->max_email_id <= watermark ? 0 : (guint32)MIN(feed->max_email_id - watermark, feed->emails);
}

/* -- building a new generation --------------------------------------------------------------------------------------- */

static void drop_build(AccountIndexer *indexer)
{
	if (indexer->build.writer == NULL)
		return;
	follower_close(&indexer->build);
	index_dir_remove_generation(indexer->dir, indexer->build.generation);
}

static void drop_unfinished(AccountIndexer *indexer)
{
	if (indexer->unfinished != 0)
		index_dir_remove_generation(indexer->dir, indexer->unfinished);
	indexer->unfinished = 0;
}

/* A build that was not finished when the last process ended is gone on with, if there is nothing wrong with it. */
static gboolean resume_build(AccountIndexer *indexer)
{
	Follower *build = &indexer->build;
	gboolean is_ours = FALSE;
	if (indexer->unfinished == 0)
		return FALSE;
	*build = (Follower){ .generation = indexer->unfinished };
	g_autofree char *path = index_generation_path(indexer->dir, build->generation);
	build->writer = index_writer_open(path, TRUE, NULL);
	if (build->writer != NULL && index_writer_is_of(build->writer, indexer->account, &is_ours, NULL) && is_ours) {
		build->done = index_writer_count(build->writer);
		indexer->unfinished = 0;
		return TRUE;
	}
	follower_close(build);
	drop_unfinished(indexer);
	return FALSE;
}

static gboolean start_build(AccountIndexer *indexer, GError **error)
{
	guint32 current = 0;
	FeedState feed;
	(void)index_current_generation(indexer->dir, &current);
	drop_build(indexer);
	if (!account_feed_state(indexer->account, &feed, error))
		return FALSE;
	if (resume_build(indexer))
		return TRUE;
	indexer->build = (Follower){ .generation = index_dir_new_generation(current) };
	g_autofree char *path = index_generation_path(indexer->dir, indexer->build.generation);
	if (index_dir_mark_build(indexer->dir, indexer->build.generation, error))
		indexer->build.writer = index_writer_open(path, TRUE, error);
	if (indexer->build.writer == NULL) {
		index_dir_remove_generation(indexer->dir, indexer->build.generation);
		return FALSE;
	}
	/* What was gone before is never read. What goes while this works may be forgotten by the feed before it comes here: swap_build() looks again. */
	index_writer_set_gone_seq(indexer->build.writer, feed.max_gone_seq);
	return TRUE;
}

/* The build is at the feed's end: completes it and makes it the live index. */
static gboolean swap_build(AccountIndexer *indexer, GError **error)
{
	Follower *build = &indexer->build;
	g_autoptr(GArray) ids = NULL;
	guint removed;
	if (!account_feed_emails(indexer->account, NULL, 0, index_writer_watermark(build->writer), &ids, error))
		return FALSE;
	g_autoptr(EmailSet) living = email_set_new();
	for (guint i = 0; i < ids->len; i++)
		email_set_add(living, g_array_index(ids, guint32, i));
	if (!index_writer_keep(build->writer, living, &removed, error) || !note_origin(indexer, build, error) ||
		!index_writer_finish(build->writer, error) ||
		!index_dir_swap(indexer->dir, build->generation, error))
		return FALSE;
	follower_close(&indexer->live);
	indexer->live = *build;
	*build = (Follower){ .writer = NULL };
	indexer->replaced = indexer->renewal = FALSE;
	indexer->retry_at = 1; /* it may have some */
	indexer->retry_us = 0;
	index_dir_clean(indexer->dir, indexer->live.generation, 0);
	return TRUE;
}

/* A step of it. *over_out: swapped in. */
static gboolean build_step(AccountIndexer *indexer, gboolean *over_out, IndexingStep *step, GError **error)
{
	Follower *build = &indexer->build;
	FeedState feed;
	gboolean at_end;
	*over_out = FALSE;
	if (!account_feed_state(indexer->account, &feed, error) ||
		!follow(indexer, build, &feed, g_get_monotonic_time() + STEP_US, &at_end, step, error))
		return FALSE;
	indexer->total = MAX(feed.emails, build->done);
	if (!at_end)
		return index_writer_pending(build->writer) < memory_for_one(indexer) || follower_commit(indexer, build, error);
	if (step->added > 0)
		return TRUE; /* completing it takes long enough for a step of its own */
	/* Completing takes a while: if much has come meanwhile, that first. */
	if (!note_origin(indexer, build, error) || !index_writer_finish(build->writer, error) ||
		!account_feed_state(indexer->account, &feed, error))
		return FALSE;
	build->since = 0;
	if (feed.max_email_id > index_writer_watermark(build->writer) + SWAP_LAG)
		return TRUE;
	if (!swap_build(indexer, error))
		return FALSE;
	*over_out = TRUE;
	return TRUE;
}

/* -- the live index ---------------------------------------------------------------------------------------------------- */

static gboolean take_lock(AccountIndexer *indexer, GError **error)
{
	guint32 generation = 0;
	if (indexer->lock_fd >= 0)
		return TRUE;
	indexer->lock_fd = index_dir_lock(indexer->dir, error);
	if (indexer->lock_fd < 0)
		return FALSE;
	(void)index_current_generation(indexer->dir, &generation);
	indexer->unfinished = index_dir_unfinished_build(indexer->dir, generation);
	index_dir_clean(indexer->dir, generation, indexer->unfinished);
	indexer->attempts = attempts_open(indexer->dir);
	return TRUE;
}

/* A first index, empty and current at once: searches see it grow. Large ones without a vocabulary: texts are scanned until all are there, which is
 * still a hundred times as fast as reading the messages. @unusable: the generation in whose place it comes; 0: none. */
static gboolean make_live(AccountIndexer *indexer, guint32 unusable, GError **error)
{
	FeedState feed;
	if (!account_feed_state(indexer->account, &feed, error))
		return FALSE;
	indexer->live = (Follower){ .generation = index_dir_new_generation(unusable) };
	g_autofree char *path = index_generation_path(indexer->dir, indexer->live.generation);
	indexer->live.writer = index_writer_open(path, feed.emails > indexer->options.bulk_emails, error);
	if (indexer->live.writer == NULL)
		return FALSE;
	/* What was gone before is never read. */
	index_writer_set_gone_seq(indexer->live.writer, feed.max_gone_seq);
	if (!follower_commit(indexer, &indexer->live, error) || !index_dir_swap(indexer->dir, indexer->live.generation, error))
		return FALSE;
	if (unusable != 0)
		index_dir_remove_generation(indexer->dir, unusable);
	return TRUE;
}

static gboolean open_generation(AccountIndexer *indexer, guint32 generation, GError **error)
{
	g_autofree char *path = index_generation_path(indexer->dir, generation);
	indexer->live = (Follower){ .generation = generation };
	indexer->live.writer = index_writer_open(path, TRUE, error);
	return indexer->live.writer != NULL;
}

/* Puts a generation of the same content, with an empty database and one part more, in the place of the live index. If that does not work (no second names on
 * this file system, a full disk) the large database stays for a while. FALSE: it is so, or (live is closed) even that was not possible. */
static gboolean roll_live(AccountIndexer *indexer, GError **error)
{
	guint32 generation = index_dir_new_generation(indexer->live.generation);
	g_autofree char *path = index_generation_path(indexer->dir, generation);
	if (g_get_monotonic_time() < indexer->loose_until) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_FAILED, "did not work a while ago");
		return FALSE;
	}
	if (!index_writer_roll(indexer->live.writer, path, error)) {
		index_dir_remove_generation(indexer->dir, generation);
		indexer->loose_until = g_get_monotonic_time() + LOOSE_WAIT_US;
		return FALSE;
	}
	/* From here on the old one must not be written: what is appended would be in files of both. */
	follower_close(&indexer->live);
	if (!open_generation(indexer, generation, error) || !index_writer_settle(indexer->live.writer, error) ||
		!index_dir_swap(indexer->dir, generation, error)) {
		follower_close(&indexer->live);
		index_dir_remove_generation(indexer->dir, generation);
		indexer->loose_until = g_get_monotonic_time() + LOOSE_WAIT_US;
		return FALSE;
	}
	index_dir_clean(indexer->dir, generation, indexer->build.writer != NULL ? indexer->build.generation : indexer->unfinished);
	return TRUE;
}

/* In bulk or not, by what is to be done. Nothing may have changed since the last commit. */
static gboolean choose_bulk(AccountIndexer *indexer, const FeedState *feed, GError **error)
{
	g_autoptr(GError) cause = NULL;
	gboolean far = emails_behind(&indexer->live, feed) > indexer->options.bulk_emails;
	if (far && (index_writer_is_bulk(indexer->live.writer) || index_writer_begin_bulk(indexer->live.writer)))
		return TRUE;
	if (!index_writer_settle(indexer->live.writer, error))
		return FALSE;
	if (far && roll_live(indexer, &cause))
		(void)index_writer_begin_bulk(indexer->live.writer);
	/* If it cannot be rolled, it is done in small. */
	if (indexer->live.writer == NULL)
		g_propagate_error(error, g_steal_pointer(&cause));
	return indexer->live.writer != NULL;
}

static gboolean replace_live(AccountIndexer *indexer, guint32 generation, GError **error)
{
	if (!make_live(indexer, generation, error))
		return FALSE;
	indexer->unusable = FALSE;
	indexer->replaced = TRUE;
	return TRUE;
}

static gboolean open_live(AccountIndexer *indexer, GError **error)
{
	g_autoptr(GError) cause = NULL;
	guint32 generation;
	FeedState feed;
	if (indexer->live.writer != NULL)
		return TRUE;
	if (!take_lock(indexer, error))
		return FALSE;
	if (!index_current_generation(indexer->dir, &generation))
		return make_live(indexer, 0, error);
	g_autofree char *path = index_generation_path(indexer->dir, generation);
	if (indexer->unusable || !g_file_test(path, G_FILE_TEST_IS_DIR))
		return replace_live(indexer, generation, error);
	gboolean is_ours = TRUE, opened = open_generation(indexer, generation, &cause);
	if (opened && (!index_writer_is_of(indexer->live.writer, indexer->account, &is_ours, error) ||
			      (is_ours && (!account_feed_state(indexer->account, &feed, error) || !choose_bulk(indexer, &feed, error))))) {
		follower_close(&indexer->live);
		return FALSE;
	}
	if (opened && is_ours) {
		indexer->retry_at = 1; /* it may have emails that could not be read: at once */
		return TRUE;
	}
	follower_close(&indexer->live);
	if (is_ours && !g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED) &&
		!g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_MISSING) &&
		!g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_VERSION)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	return replace_live(indexer, generation, error);
}

/* After an error: the next step begins from the last commit. */
static void drop_live(AccountIndexer *indexer)
{
	follower_close(&indexer->live);
	g_clear_pointer(&indexer->retry, extractor_free);
	indexer->refresh_lost = indexer->refresh != NULL;
}

static gboolean live_step(AccountIndexer *indexer, IndexingStep *step, GError **error)
{
	Follower *live = &indexer->live;
	FeedState feed;
	gboolean at_end;
	if (!account_feed_state(indexer->account, &feed, error))
		return FALSE;
	guint32 behind = emails_behind(live, &feed);
	if (behind > indexer->options.bulk_emails && !index_writer_is_bulk(live->writer) && !index_writer_has_changes(live->writer) &&
		!choose_bulk(indexer, &feed, error))
		return FALSE;
	gint64 commit_us = behind > BULK_EMAILS || index_writer_is_bulk(live->writer) ? BULK_COMMIT_US : indexer->options.commit_us;
	if (!follow(indexer, live, &feed, g_get_monotonic_time() + MIN(STEP_US, commit_us), &at_end, step, error))
		return FALSE;
	gboolean due = at_end || index_writer_pending(live->writer) >= memory_for_one(indexer) ||
		       g_get_monotonic_time() >= live->since + commit_us;
	step->more = !at_end;
	if (due && index_writer_has_changes(live->writer)) {
		if (!follower_commit(indexer, live, error))
			return FALSE;
		step->committed = TRUE;
		if (index_writer_is_very_loose(live->writer) && indexer->refresh == NULL && !roll_live(indexer, NULL))
			return live->writer != NULL || open_live(indexer, error);
	}
	if (!at_end || !index_writer_is_bulk(live->writer))
		return TRUE;
	step->committed = TRUE;
	return index_writer_finish(live->writer, error);
}

/* -- emails that could not be read -------------------------------------------------------------------------------------- */

/* Whether there are any, and when they are tried again. */
static gboolean plan_retry(AccountIndexer *indexer, GError **error)
{
	g_autoptr(EmailSet) ids = NULL;
	if (!index_writer_unread(indexer->live.writer, &ids, error))
		return FALSE;
	indexer->retry_us = MIN(MAX(indexer->retry_us * 2, RETRY_FIRST_US), RETRY_MAX_US);
	indexer->retry_at = email_set_is_empty(ids) ? 0 : g_get_monotonic_time() + indexer->retry_us;
	if (indexer->retry_at == 0)
		indexer->retry_us = 0;
	return TRUE;
}

static gboolean begin_retry(AccountIndexer *indexer, GError **error)
{
	g_autoptr(EmailSet) ids = NULL;
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(guint32));
	if (!index_writer_unread(indexer->live.writer, &ids, error))
		return FALSE;
	for (guint32 id = 0; email_set_next(ids, id, &id); id++)
		g_array_append_val(list, id);
	indexer->retry = extractor_new(indexer->account, indexer->attempts, g_steal_pointer(&list), indexer->options.crash_on);
	return TRUE;
}

/* A step of trying them again, when nothing else is to be done. */
static gboolean retry_step(AccountIndexer *indexer, IndexingStep *step, GError **error)
{
	gint64 now = g_get_monotonic_time(), until = now + STEP_US;
	if (indexer->retry == NULL && (indexer->retry_at == 0 || now < indexer->retry_at))
		return TRUE;
	if (indexer->retry == NULL && !begin_retry(indexer, error))
		return FALSE;
	while (g_get_monotonic_time() < until && index_writer_pending(indexer->live.writer) < memory_for_one(indexer)) {
		Extracted one;
		guint ignored = 0;
		if (!extractor_next(indexer->retry, &one)) {
			g_clear_pointer(&indexer->retry, extractor_free);
			break;
		}
		step->added += one.text != NULL ? 1 : 0;
		if (!store_text(indexer, &indexer->live, &one, &ignored, error))
			return FALSE;
	}
	step->more = indexer->retry != NULL;
	if (index_writer_has_changes(indexer->live.writer)) {
		if (!follower_commit(indexer, &indexer->live, error))
			return FALSE;
		step->committed = TRUE;
	}
	return step->more || plan_retry(indexer, error);
}

gint64 account_indexer_retry_at(const AccountIndexer *indexer)
{
	return indexer->retry_at;
}

/* A step of the renewal. If it fails, the worn index does for now. */
static void renew(AccountIndexer *indexer, IndexingStep *step)
{
	gboolean over;
	IndexingStep ignored = { .more = FALSE };
	step->more = build_step(indexer, &over, &ignored, NULL);
	if (step->more)
		return;
	drop_build(indexer);
	indexer->renewal = FALSE;
}

gboolean account_indexer_step(AccountIndexer *indexer, IndexingStep *step_out, GError **error)
{
	IndexingStep step = { .more = FALSE };
	GError *cause = NULL;
	if (open_live(indexer, &cause) && live_step(indexer, &step, &cause) &&
		(step.failed == 0 || plan_retry(indexer, &cause)) &&
		(step.more || index_writer_is_bulk(indexer->live.writer) || indexer->refresh != NULL || retry_step(indexer, &step, &cause))) {
		if (indexer->renewal && !step.more)
			renew(indexer, &step);
		step.rebuilt = indexer->replaced && !step.more;
		indexer->replaced = indexer->replaced && step.more;
	} else {
		drop_live(indexer);
		/* What was found to be damaged while it was used is built anew, from the next step on. */
		if (indexer->unusable || !g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED)) {
			g_propagate_error(error, cause);
			return FALSE;
		}
		g_error_free(cause);
		indexer->unusable = step.more = TRUE;
	}
	if (indexer->live.writer != NULL) {
		step.watermark = index_writer_watermark(indexer->live.writer);
		step.gone_seq = index_writer_gone_seq(indexer->live.writer);
	}
	*step_out = step;
	return TRUE;
}

gboolean account_indexer_maintain(AccountIndexer *indexer, gboolean *done_out, GError **error)
{
	*done_out = FALSE;
	if (indexer->live.writer == NULL || indexer->live.extractor != NULL || indexer->live.since != 0 ||
		index_writer_has_changes(indexer->live.writer))
		return TRUE;
	g_autoptr(GError) cause = NULL;
	gboolean free = indexer->build.writer == NULL && indexer->refresh == NULL;
	if (free && index_writer_is_worn(indexer->live.writer) && start_build(indexer, NULL)) {
		indexer->renewal = TRUE;
		*done_out = TRUE;
		return TRUE;
	}
	/* Nobody has asked for it again. */
	if (free)
		drop_unfinished(indexer);
	if (free && index_writer_is_loose(indexer->live.writer, indexer->options.roll_bytes) && roll_live(indexer, NULL)) {
		*done_out = TRUE;
		return TRUE;
	}
	if (indexer->live.writer == NULL)
		return TRUE; /* the next step opens it */
	index_writer_set_packing(indexer->live.writer, indexer->options.packing, indexer->options.pack_bytes);
	if (index_writer_maintain(indexer->live.writer, done_out, &cause))
		return TRUE;
	indexer->unusable = g_error_matches(cause, FTINDEX_ERROR, FTINDEX_ERROR_DAMAGED);
	g_propagate_error(error, g_steal_pointer(&cause));
	drop_live(indexer);
	return FALSE;
}

/* -- reindexing ---------------------------------------------------------------------------------------------------------- */

void account_indexer_cancel(AccountIndexer *indexer)
{
	g_clear_pointer(&indexer->refresh, extractor_free);
	indexer->refresh_lost = FALSE;
	if (!indexer->renewal)
		drop_build(indexer);
	indexer->reindexing = FALSE;
}

gboolean account_indexer_start(AccountIndexer *indexer, const char *mailbox, GError **error)
{
	account_indexer_cancel(indexer);
	indexer->total = indexer->done = indexer->failed = 0;
	if (!open_live(indexer, error))
		return FALSE;
	if (indexer->replaced) {
		/* All of it is being read anew, and that is what was asked for. */
	} else if (mailbox == NULL) {
		indexer->renewal = FALSE; /* then it is this that it does */
		if (indexer->build.writer == NULL && !start_build(indexer, error))
			return FALSE;
	} else {
		g_autoptr(GArray) ids = NULL;
		guint32 watermark = index_writer_watermark(indexer->live.writer);
		if (!account_feed_emails(indexer->account, mailbox, 0, watermark, &ids, error))
			return FALSE;
		indexer->total = ids->len;
		indexer->refresh =
			extractor_new(indexer->account, indexer->attempts, g_steal_pointer(&ids), indexer->options.crash_on);
	}
	indexer->reindexing = TRUE;
	return TRUE;
}

/* Emails of a mailbox, read again and replaced in the live index. */
static gboolean refresh_step(AccountIndexer *indexer, gboolean *over_out, GError **error)
{
	gint64 until = g_get_monotonic_time() + STEP_US;
	Extracted one;
	guint failed = 0;
	*over_out = FALSE;
	if (indexer->refresh_lost) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_FAILED, "the index had to be opened anew: start again");
		return FALSE;
	}
	if (!open_live(indexer, error))
		return FALSE;
	if (indexer->replaced) {
		/* The live index turned out to be unusable, and all of it is being built anew. */
		*over_out = TRUE;
		return TRUE;
	}
	if (index_writer_is_bulk(indexer->live.writer)) {
		/* First what is new: old ids have no place in the parts that are being written. */
		IndexingStep ignored;
		return account_indexer_step(indexer, &ignored, error);
	}
	while (g_get_monotonic_time() < until && index_writer_pending(indexer->live.writer) < memory_for_one(indexer)) {
		if (!extractor_next(indexer->refresh, &one)) {
			*over_out = TRUE;
			break;
		}
		if (!store_text(indexer, &indexer->live, &one, &failed, error))
			return FALSE;
		indexer->done++;
	}
	indexer->failed += failed;
	if (*over_out || index_writer_pending(indexer->live.writer) >= memory_for_one(indexer))
		return follower_commit(indexer, &indexer->live, error);
	return TRUE;
}

/* The live index, which is being built anew, is what was asked for. */
static gboolean replaced_step(AccountIndexer *indexer, gboolean *over_out, GError **error)
{
	IndexingStep step;
	FeedState feed;
	if (!account_indexer_step(indexer, &step, error) || !account_feed_state(indexer->account, &feed, error))
		return FALSE;
	indexer->done = indexer->live.done;
	indexer->failed = indexer->live.failed;
	indexer->total = MAX(feed.emails, indexer->done);
	*over_out = !indexer->replaced;
	return TRUE;
}

gboolean account_indexer_reindex(AccountIndexer *indexer, ReindexStep *step_out, GError **error)
{
	IndexingStep ignored = { .more = FALSE };
	gboolean over = !indexer->reindexing, ok = TRUE;
	if (indexer->refresh != NULL) {
		ok = refresh_step(indexer, &over, error);
		if (!ok)
			drop_live(indexer);
	} else if (indexer->build.writer != NULL) {
		ok = build_step(indexer, &over, &ignored, error);
		Follower *build = over ? &indexer->live : &indexer->build;
		indexer->done = build->done;
		indexer->failed = build->failed;
	} else if (!over && indexer->replaced) {
		ok = replaced_step(indexer, &over, error);
	} else {
		over = TRUE;
	}
	if (!ok || over)
		account_indexer_cancel(indexer);
	if (ok)
		*step_out = (ReindexStep){ over, indexer->total, indexer->done, indexer->failed };
	return ok;
}

/* -- its life ---------------------------------------------------------------------------------------------------------------- */

AccountIndexer *account_indexer_new(Account *account, const IndexingOptions *options)
{
	AccountIndexer *indexer = g_new0(AccountIndexer, 1);
	indexer->account = account_ref(account);
	indexer->dir = account_index_dir(account);
	indexer->options = *options;
	if (indexer->options.bulk_emails == 0)
		indexer->options.bulk_emails = BULK_BUILD_EMAILS;
	indexer->lock_fd = -1;
	indexer->gone = email_set_new();
	return indexer;
}

Account *account_indexer_account(const AccountIndexer *indexer)
{
	return indexer->account;
}

void account_indexer_rest(AccountIndexer *indexer)
{
	/* A build stays, to be gone on with if it is asked for again. */
	follower_close(&indexer->build);
	indexer->renewal = FALSE;
	account_indexer_cancel(indexer);
	follower_close(&indexer->live);
	g_clear_pointer(&indexer->retry, extractor_free);
	g_clear_pointer(&indexer->attempts, attempts_close);
	if (indexer->lock_fd >= 0)
		(void)close(indexer->lock_fd);
	indexer->lock_fd = -1;
}

void account_indexer_free(AccountIndexer *indexer)
{
	if (indexer == NULL)
		return;
	account_indexer_rest(indexer);
	email_set_free(indexer->gone);
	account_unref(indexer->account);
	g_free(indexer->dir);
	g_free(indexer);
}
