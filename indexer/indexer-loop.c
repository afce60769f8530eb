/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/indexer-loop.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "indexer/ftindex.h"
#include "indexer/ipc.h"
#include "indexer/supervisor.h"

/* How often all accounts are looked at, in case nobody wakes us. */
#define LOOK_US (2 * G_USEC_PER_SEC)
/* After an error an account is left alone for a while, longer each time. */
#define BACK_OFF_FIRST_US (G_USEC_PER_SEC / 2)
#define BACK_OFF_MAX_US (60 * G_USEC_PER_SEC)
/* An idle account gives back its lock, memory and descriptors after this. */
#define REST_US (10 * G_USEC_PER_SEC)
/* So many accounts are held open at most. */
#define OPEN_MAX 32
#define PROGRESS_US (G_USEC_PER_SEC / 4)
#define READ_OCTETS 16384
/* With so much unread by mailsiftd, progress is not reported (the next report says the same). */
#define OUTPUT_MAX (256 * 1024)

typedef struct {
	guint64 id;     /* 0: none */
	char *mailbox;  /* owned; NULL: the whole account */
	gboolean started;
	gint64 reported_at; /* monotonic */
} Job;

typedef struct {
	char *name;                /* owned */
	AccountIndexer *indexer;   /* owned; NULL: not open */
	gboolean dirty;            /* there may be something to do */
	gint64 not_before;         /* monotonic: after an error */
	gint64 back_off_us;
	gint64 used_at;            /* monotonic */
	gboolean maintained;       /* nothing to do there since the last commit */
	gint64 database_changed[2]; /* of the database and its log, as last seen (nanoseconds) */
	gboolean failing;          /* the last step failed */
	guint32 watermark;         /* last reported */
	guint64 gone_seq;
	GQueue jobs;               /* of Job, owned; the first is running */
} LoopAccount;

typedef struct {
	IndexerLoopOptions options;
	GHashTable *accounts;      /* name (the value's) to LoopAccount, owned */
	GByteArray *in, *out;
	gboolean stopping;
	gint64 look_at;            /* monotonic: when to look at all accounts */
} Loop;

static void job_free(gpointer data)
{
	Job *job = data;
	g_free(job->mailbox);
	g_free(job);
}

static void loop_account_free(gpointer data)
{
	LoopAccount *account = data;
	account_indexer_free(account->indexer);
	g_queue_clear_full(&account->jobs, job_free);
	g_free(account->name);
	g_free(account);
}

static LoopAccount *loop_account(Loop *loop, const char *name)
{
	LoopAccount *account = g_hash_table_lookup(loop->accounts, name);
	if (account == NULL) {
		account = g_new0(LoopAccount, 1);
		account->name = g_strdup(name);
		account->dirty = TRUE;
		(void)g_hash_table_insert(loop->accounts, account->name, account);
	}
	return account;
}

/* -- to and from mailsiftd -------------------------------------------------------------------------------------------- */

static void say(Loop *loop, const IpcMessage *message)
{
	if (loop->options.ipc_fd >= 0)
		(void)ipc_write(loop->out, message);
}

static void flush(Loop *loop)
{
	while (loop->options.ipc_fd >= 0 && loop->out->len > 0) {
		gssize sent = send(loop->options.ipc_fd, loop->out->data, loop->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			loop->stopping |= errno != EAGAIN && errno != EINTR;
			return;
		}
		g_byte_array_remove_range(loop->out, 0, (guint)sent);
	}
}

static void report_job(Loop *loop, Job *job, IndexJobState state, const ReindexStep *step, const char *reason)
{
	gint64 now = g_get_monotonic_time();
	gboolean over = state != INDEX_JOB_RUNNING && state != INDEX_JOB_QUEUED;
	if (!over && (now < job->reported_at + PROGRESS_US || loop->out->len > OUTPUT_MAX))
		return;
	job->reported_at = now;
	IpcMessage message = {
		.kind = IPC_PROGRESS, .id = job->id, .state = (guint8)state,
		.total = step->total, .done = step->done, .failed = step->failed, .reason = g_strdup(reason),
	};
	say(loop, &message);
	g_free(message.reason);
}

static void cancel_job(Loop *loop, guint64 id)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		LoopAccount *account = value;
		for (GList *link = account->jobs.head; link != NULL; link = link->next) {
			Job *job = link->data;
			if (job->id != id)
				continue;
			if (job->started && account->indexer != NULL)
				account_indexer_cancel(account->indexer);
			log_notice("reindex.cancelled", LOG_STR("account", account->name), LOG_UINT("job", id));
			job_free(job);
			g_queue_delete_link(&account->jobs, link);
			return;
		}
	}
}

static void handle_message(Loop *loop, IpcMessage *message)
{
	LoopAccount *account = message->account == NULL ? NULL : loop_account(loop, message->account);
	switch (message->kind) {
	case IPC_WAKE:
		account->dirty = TRUE;
		break;
	case IPC_JOB: {
		Job *job = g_new0(Job, 1);
		job->id = message->id;
		job->mailbox = g_steal_pointer(&message->mailbox);
		g_queue_push_tail(&account->jobs, job);
		break;
	}
	case IPC_CANCEL:
		cancel_job(loop, message->id);
		break;
	case IPC_STOP:
	case IPC_HELLO:
	case IPC_COMMITTED:
	case IPC_PROGRESS:
		loop->stopping = TRUE;
		break;
	}
}

/* Hears what mailsiftd says; its end is ours. */
static void listen_to_server(Loop *loop)
{
	while (loop->options.ipc_fd >= 0 && !loop->stopping) {
		guint before = loop->in->len;
		g_byte_array_set_size(loop->in, before + READ_OCTETS);
		gssize got = recv(loop->options.ipc_fd, loop->in->data + before, READ_OCTETS, MSG_DONTWAIT);
		int saved = errno;
		g_byte_array_set_size(loop->in, before + (guint)MAX(got, 0));
		if (got < 0 && (saved == EAGAIN || saved == EINTR))
			return;
		loop->stopping |= got <= 0;
		gsize at = 0;
		for (;;) {
			g_auto(IpcMessage) message = { 0 };
			g_autoptr(GError) error = NULL;
			gssize used = ipc_parse(loop->in->data + at, loop->in->len - at, &message, &error);
			if (used < 0) {
				log_error("ipc.refused", LOG_GERROR("error", error));
				loop->stopping = TRUE;
			}
			if (used <= 0)
				break;
			handle_message(loop, &message);
			at += (gsize)used;
		}
		g_byte_array_remove_range(loop->in, 0, (guint)at);
	}
}

static void wait_for_work(Loop *loop, gint64 until)
{
	gint64 left_us = until - g_get_monotonic_time();
	if (left_us <= 0)
		return;
	struct pollfd fd = { loop->options.ipc_fd, (short)(POLLIN | (loop->out->len > 0 ? POLLOUT : 0)), 0 };
	/* A negative descriptor is passed over. */
	(void)poll(&fd, 1, (int)(left_us / 1000) + 1);
}

/* -- accounts ------------------------------------------------------------------------------------------------------------ */

static gint64 changed_ns(const char *path)
{
	GStatBuf status;
	return g_stat(path, &status) != 0 ? 0 : (gint64)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

/* Marks the accounts whose database was written since we last looked. */
static void look_at_accounts(Loop *loop)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = store_list_accounts(loop->options.store, &error);
	if (names == NULL) {
		log_error("accounts.unreadable", LOG_GERROR("error", error));
		return;
	}
	for (guint i = 0; i < names->len; i++) {
		if (loop->options.account != NULL && strcmp(names->pdata[i], loop->options.account) != 0)
			continue;
		LoopAccount *account = loop_account(loop, names->pdata[i]);
		g_autofree char *database = g_build_filename(loop->options.mail_root, account->name, "mailsift.db", NULL);
		g_autofree char *wal = g_strconcat(database, "-wal", NULL);
		gint64 now[2] = { changed_ns(database), changed_ns(wal) };
		account->dirty |= memcmp(now, account->database_changed, sizeof now) != 0;
		memcpy(account->database_changed, now, sizeof now);
	}
}

/* Closes what was not used for the longest time, if too many are open. */
static void limit_open(Loop *loop)
{
	GHashTableIter iter;
	gpointer value;
	LoopAccount *oldest = NULL;
	guint open = 0;
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		LoopAccount *account = value;
		open += account->indexer != NULL ? 1 : 0;
		if (account->indexer != NULL && g_queue_is_empty(&account->jobs) && !account->dirty &&
			(oldest == NULL || account->used_at < oldest->used_at))
			oldest = account;
	}
	if (open > OPEN_MAX && oldest != NULL)
		g_clear_pointer(&oldest->indexer, account_indexer_free);
}

static gboolean open_account(Loop *loop, LoopAccount *account, GError **error)
{
	account->used_at = g_get_monotonic_time();
	g_autoptr(Account) mail = store_get_account(loop->options.store, account->name, error);
	if (mail == NULL)
		return FALSE;
	if (account->indexer != NULL && account_indexer_account(account->indexer) == mail)
		return TRUE;
	/* The store has found another database in the place of the one that it had. */
	g_clear_pointer(&account->indexer, account_indexer_free);
	limit_open(loop);
	account->indexer = account_indexer_new(mail, &loop->options.indexing);
	return TRUE;
}

static void back_off(LoopAccount *account, const GError *error)
{
	gboolean first = account->back_off_us == 0;
	account->back_off_us = first ? BACK_OFF_FIRST_US : MIN(account->back_off_us * 2, BACK_OFF_MAX_US);
	account->not_before = g_get_monotonic_time() + account->back_off_us;
	account->dirty = TRUE;
	if (g_error_matches(error, FTINDEX_ERROR, FTINDEX_ERROR_LOCKED)) {
		/* Somebody else does our work. */
		if (first)
			log_info("index.locked", LOG_STR("account", account->name), LOG_GERROR("error", error));
	} else if (g_error_matches(error, FTINDEX_ERROR, FTINDEX_ERROR_SPACE)) {
		log_error("index.disk.full", LOG_STR("account", account->name), LOG_GERROR("error", error),
			LOG_MS("retry_ms", account->back_off_us));
	} else {
		log_error("index.failed", LOG_STR("account", account->name), LOG_GERROR("error", error),
			LOG_MS("retry_ms", account->back_off_us));
	}
}

/* The account is no more: it is forgotten. */
static gboolean is_gone(const GError *error)
{
	return g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT);
}

static void end_job(Loop *loop, LoopAccount *account, IndexJobState state, const ReindexStep *step, const char *reason)
{
	Job *job = g_queue_pop_head(&account->jobs);
	report_job(loop, job, state, step, reason);
	if (state == INDEX_JOB_DONE)
		log_notice("reindex.done", LOG_STR("account", account->name), LOG_STR("box", job->mailbox), LOG_UINT("job", job->id),
			LOG_UINT("added", step->done), LOG_UINT("failed", step->failed));
	else
		log_error("reindex.failed", LOG_STR("account", account->name), LOG_STR("box", job->mailbox),
			LOG_UINT("job", job->id), LOG_STR("error", reason));
	account->dirty = TRUE;
	account->maintained = FALSE;
	job_free(job);
}

/* One step of the live index. FALSE: the account is to be forgotten. */
static gboolean step_account(Loop *loop, LoopAccount *account)
{
	g_autoptr(GError) error = NULL;
	IndexingStep step;
	gint64 started_at = g_get_monotonic_time();
	account->dirty = FALSE;
	if (!open_account(loop, account, &error) || !account_indexer_step(account->indexer, &step, &error)) {
		account->failing = TRUE;
		if (is_gone(error)) {
			while (!g_queue_is_empty(&account->jobs))
				end_job(loop, account, INDEX_JOB_FAILED, &(ReindexStep){ .over = TRUE }, error->message);
			return FALSE;
		}
		back_off(account, error);
		return TRUE;
	}
	account->failing = FALSE;
	account->back_off_us = 0;
	account->dirty = step.more;
	account->maintained &= !step.committed;
	if (step.failed > 0)
		log_warning("index.emails.failed", LOG_STR("account", account->name), LOG_UINT("failed", step.failed));
	if (step.committed || step.watermark != account->watermark || step.gone_seq != account->gone_seq) {
		log_debug("index.committed", LOG_STR("account", account->name), LOG_UINT("watermark", step.watermark),
			LOG_UINT("added", step.added), LOG_UINT("removed", step.removed),
			LOG_MS("ms", g_get_monotonic_time() - started_at));
		if (step.committed || !step.more) {
			account->watermark = step.watermark;
			account->gone_seq = step.gone_seq;
			IpcMessage message = { .kind = IPC_COMMITTED, .account = account->name, .watermark = step.watermark,
				.gone_seq = step.gone_seq };
			say(loop, &message);
		}
	}
	if (step.rebuilt)
		log_notice("index.rebuilt", LOG_STR("account", account->name));
	return TRUE;
}

static void step_job(Loop *loop, LoopAccount *account)
{
	Job *job = g_queue_peek_head(&account->jobs);
	g_autoptr(GError) error = NULL;
	ReindexStep step = { .over = FALSE };
	gboolean ok = open_account(loop, account, &error);
	if (ok && !job->started) {
		ok = account_indexer_start(account->indexer, job->mailbox, &error);
		job->started = ok;
		if (ok)
			log_notice("reindex.started", LOG_STR("account", account->name), LOG_STR("box", job->mailbox),
				LOG_UINT("job", job->id));
	}
	ok = ok && account_indexer_reindex(account->indexer, &step, &error);
	if (!ok && !job->started && g_error_matches(error, FTINDEX_ERROR, FTINDEX_ERROR_LOCKED)) {
		back_off(account, error);
		return;
	}
	if (!ok)
		end_job(loop, account, INDEX_JOB_FAILED, &step, error->message);
	else if (step.over)
		end_job(loop, account, INDEX_JOB_DONE, &step, NULL);
	else
		report_job(loop, job, INDEX_JOB_RUNNING, &step, NULL);
}

/* Nothing is waiting: housekeeping, one piece at a time. TRUE: something was done. */
static gboolean keep_house(LoopAccount *account, gint64 now)
{
	g_autoptr(GError) error = NULL;
	gboolean done = FALSE;
	if (account->indexer == NULL || account->not_before > now)
		return FALSE;
	if (!account->maintained) {
		if (!account_indexer_maintain(account->indexer, &done, &error))
			back_off(account, error);
		account->maintained = !done;
		account->dirty |= done;
	} else if (account_indexer_retry_at(account->indexer) != 0) {
		account->dirty |= now >= account_indexer_retry_at(account->indexer);
		done = account->dirty;
	} else if (now > account->used_at + REST_US && g_queue_is_empty(&account->jobs)) {
		g_clear_pointer(&account->indexer, account_indexer_free);
	}
	return done;
}

/* One round over all accounts: each gets a step of what it needs. TRUE: there is more to do at once. */
static gboolean run_accounts(Loop *loop)
{
	gboolean more = FALSE;
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(all, value);
	for (guint i = 0; i < all->len && !loop->stopping && g_atomic_int_get(loop->options.stop) == 0; i++) {
		LoopAccount *account = all->pdata[i];
		if (account->not_before > g_get_monotonic_time())
			continue;
		if (account->dirty && !step_account(loop, account)) {
			(void)g_hash_table_remove(loop->accounts, account->name);
			continue;
		}
		if (!g_queue_is_empty(&account->jobs) && account->not_before <= g_get_monotonic_time()) {
			step_job(loop, account);
			more |= !g_queue_is_empty(&account->jobs);
		}
		more |= account->dirty && account->not_before <= g_get_monotonic_time();
		listen_to_server(loop);
		flush(loop);
	}
	return more;
}

static gboolean keep_houses(Loop *loop)
{
	GHashTableIter iter;
	gpointer value;
	gint64 now = g_get_monotonic_time();
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (keep_house(value, now))
			return TRUE;
	return FALSE;
}

/* The earliest time at which an account that was left alone is tried again. */
static gint64 next_retry(const Loop *loop, gint64 latest)
{
	GHashTableIter iter;
	gpointer value;
	gint64 now = g_get_monotonic_time();
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const LoopAccount *account = value;
		if (account->not_before > now && (account->dirty || account->jobs.length > 0))
			latest = MIN(latest, account->not_before);
	}
	return latest;
}

static gboolean any_failing(const Loop *loop)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, loop->accounts);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const LoopAccount *)value)->failing)
			return TRUE;
	return FALSE;
}

gboolean indexer_loop_run(const IndexerLoopOptions *options)
{
	Loop loop = { .options = *options };
	loop.accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, loop_account_free);
	loop.in = g_byte_array_new();
	loop.out = g_byte_array_new();
	say(&loop, &(IpcMessage){ .kind = IPC_HELLO });
	while (!loop.stopping && g_atomic_int_get(options->stop) == 0) {
		gint64 now = g_get_monotonic_time();
		if (now >= loop.look_at) {
			look_at_accounts(&loop);
			loop.look_at = g_get_monotonic_time() + LOOK_US;
		}
		listen_to_server(&loop);
		flush(&loop);
		if (run_accounts(&loop) || keep_houses(&loop))
			continue;
		if (options->once)
			break;
		flush(&loop);
		if (!loop.stopping) /* heard just now */
			wait_for_work(&loop, next_retry(&loop, loop.look_at));
	}
	gboolean ok = !any_failing(&loop);
	g_hash_table_destroy(loop.accounts);
	flush(&loop);
	g_byte_array_unref(loop.in);
	g_byte_array_unref(loop.out);
	return ok;
}
