/* mailsiftd's side of mailsift-indexer: starts it, restarts it with back-off, wakes it, asks it to reindex, hears of progress. A thread of its own
 * over a socketpair (no event loop needed); messages have a length, a version and a kind, and what is unknown is refused (indexer/ipc.h).
 * Nothing but speed hangs on it: the feed is durable. All functions are thread-safe and do not wait for the indexer. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct Supervisor Supervisor;

typedef enum { INDEX_JOB_QUEUED, INDEX_JOB_RUNNING, INDEX_JOB_DONE, INDEX_JOB_FAILED, INDEX_JOB_CANCELLED } IndexJobState;
const char *index_job_state_name(IndexJobState state); /* "queued", ... */

typedef struct {
	guint64 id;
	char *account;         /* owned */
	char *mailbox;         /* owned; NULL: the whole account, rebuilt beside the live index and swapped in */
	IndexJobState state;
	guint64 total, done, failed; /* emails */
	double rate;           /* emails a second, over the last seconds */
	gint64 remaining_s;    /* estimate; -1 unknown */
	gint64 created_at, started_at, finished_at; /* Unix microseconds; 0: not yet */
	char *reason;          /* owned; why it failed, or NULL */
} IndexJob;
void index_job_free(IndexJob *job);

typedef struct {
	const char *program;        /* path of mailsift-indexer */
	const char *const *argv;    /* its arguments after the name, NULL-terminated */
	/* Called from the supervisor's thread after the indexer committed for @account (for forget_gone, metrics); may be NULL. */
	void (*committed)(const char *account, guint32 watermark, guint64 gone_seq, gpointer data);
	/* Called when the indexer ended and will be restarted after @delay_ms; if it ended in order (a signal to all of us), only once it is restarted; may be NULL. */
	void (*ended)(int wait_status, guint delay_ms, gpointer data);
	gpointer data;
} SupervisorOptions;

Supervisor *supervisor_start(const SupervisorOptions *options, GError **error);
void supervisor_stop(Supervisor *supervisor); /* asks the indexer to finish its commit, waits up to 10 s, then kills; frees */
void supervisor_wake(Supervisor *supervisor, const char *account);
gboolean supervisor_running(Supervisor *supervisor, guint *restarts_out);

/* A new job (one for each account; a rebuild of one that already waits or runs is the same job). Returns its id. Jobs of this server's life are kept
 * (the newest 1,000). A job outlives restarts of the indexer: it is sent again. */
guint64 supervisor_reindex(Supervisor *supervisor, const char *account, const char *mailbox);
IndexJob *supervisor_job(Supervisor *supervisor, guint64 id);   /* a copy, owned; NULL: unknown */
GPtrArray *supervisor_jobs(Supervisor *supervisor);             /* of IndexJob, newest first, owned */
gboolean supervisor_cancel(Supervisor *supervisor, guint64 id); /* FALSE: unknown or over */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexJob, index_job_free)
G_END_DECLS
