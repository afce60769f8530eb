/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "indexer/ipc.h"

/* Restarts: at once after a good run, then waiting longer and longer. */
#define BACK_OFF_FIRST_MS 100
#define BACK_OFF_MAX_MS 60000
/* After an orderly end, which somebody asked for by a signal: most often a stop of the whole process group, of which we are told soon too. */
#define ORDERLY_MS 1000
#define GOOD_RUN_US (30 * G_USEC_PER_SEC)
#define STOP_WAIT_US (10 * G_USEC_PER_SEC)
#define JOBS_KEPT 1000
/* The rate of a job is that of its last RATE_SAMPLES reports. */
#define RATE_SAMPLES 16
#define READ_OCTETS 16384

typedef struct {
	IndexJob job;
	gboolean sent; /* to the running indexer */
	struct {
		gint64 at;
		guint64 done;
	} samples[RATE_SAMPLES]; /* a ring */
	guint n_samples;
} JobState;

struct Supervisor {
	char *program;
	char **argv; /* program first */
	void (*committed)(const char *account, guint32 watermark, guint64 gone_seq, gpointer data);
	void (*ended)(int wait_status, guint delay_ms, gpointer data);
	gpointer data;
	int wake_fd; /* eventfd: there is something in the members below */
	GThread *thread;

	GMutex lock; /* guards what follows; nothing is called with it held */
	gboolean stopping;
	gboolean running;
	guint restarts;
	GHashTable *wakes;   /* char *: accounts to be woken */
	GQueue jobs;         /* JobState *, newest first */
	GArray *cancels;     /* guint64: jobs that the indexer must be told of */
	guint64 last_job_id;

	/* the thread's own */
	GPid pid;          /* 0: none */
	int fd;            /* to the indexer; -1: none */
	GByteArray *out, *in;
	gint64 started_at; /* monotonic */
	gint64 start_at;   /* monotonic: when to start the next one */
	guint delay_ms;
	gboolean ended_well; /* the last one ended in order; `ended` is called when the next one is started */
};

const char *index_job_state_name(IndexJobState state)
{
	static const char *const names[] = { "queued", "running", "done", "failed", "cancelled" };
	return names[state];
}

static void index_job_clear(IndexJob *job)
{
	g_free(job->account);
	g_free(job->mailbox);
	g_free(job->reason);
}

void index_job_free(IndexJob *job)
{
	if (job == NULL)
		return;
	index_job_clear(job);
	g_free(job);
}

static void job_state_free(gpointer data)
{
	JobState *state = data;
	index_job_clear(&state->job);
	g_free(state);
}

static gboolean job_is_over(const JobState *state)
{
	return state->job.state != INDEX_JOB_QUEUED && state->job.state != INDEX_JOB_RUNNING;
}

static JobState *find_job(Supervisor *supervisor, guint64 id)
{
	for (GList *link = supervisor->jobs.head; link != NULL; link = link->next) {
		JobState *state = link->data;
		if (state->job.id == id)
			return state;
	}
	return NULL;
}

static void nudge(Supervisor *supervisor)
{
	guint64 one = 1;
	/* Fails only when the counter is full: then the thread wakes anyway. */
	gssize written = write(supervisor->wake_fd, &one, sizeof one);
	(void)written;
}

/* -- the indexer's life ------------------------------------------------------------------------------------- */

/* The child's end is descriptor IPC_INDEXER_FD there; all others are closed on exec. */
static gboolean start_indexer(Supervisor *supervisor, GError **error)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
		int saved = errno;
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "socketpair: %s", g_strerror(saved));
		return FALSE;
	}
	int source = fds[1], target = IPC_INDEXER_FD;
	GPid pid;
	gboolean ok = g_spawn_async_with_pipes_and_fds(NULL, (const char *const *)supervisor->argv, NULL,
		G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, -1, &source, &target, 1, &pid, NULL, NULL, NULL, error);
	(void)close(fds[1]);
	if (!ok) {
		(void)close(fds[0]);
		return FALSE;
	}
	supervisor->fd = fds[0];
	supervisor->pid = pid;
	supervisor->started_at = g_get_monotonic_time();
	g_byte_array_set_size(supervisor->in, 0);
	g_byte_array_set_size(supervisor->out, 0);
	g_mutex_lock(&supervisor->lock);
	supervisor->running = TRUE;
	g_mutex_unlock(&supervisor->lock);
	return TRUE;
}

/* Waits for the indexer's end, at most until @until; then it is killed. Returns the wait status. */
static int reap_indexer(Supervisor *supervisor, gint64 until)
{
	int status = 0;
	for (gboolean killed = FALSE;;) {
		pid_t pid = waitpid(supervisor->pid, &status, killed ? 0 : WNOHANG);
		if (pid == supervisor->pid || (pid < 0 && errno != EINTR))
			break;
		if (!killed && g_get_monotonic_time() >= until) {
			(void)kill(supervisor->pid, SIGKILL);
			killed = TRUE;
		} else if (!killed) {
			g_usleep(5000);
		}
	}
	g_spawn_close_pid(supervisor->pid);
	supervisor->pid = 0;
	(void)close(supervisor->fd);
	supervisor->fd = -1;
	return status;
}

/* The indexer is gone, or could not be started (@status -1): what it had is to be sent again, after a pause. */
static void schedule_restart(Supervisor *supervisor, int status)
{
	gint64 now = g_get_monotonic_time();
	gboolean good = status != -1 && now - supervisor->started_at >= GOOD_RUN_US;
	supervisor->delay_ms = good || supervisor->delay_ms == 0 ? BACK_OFF_FIRST_MS :
								   MIN(supervisor->delay_ms * 2, BACK_OFF_MAX_MS);
	supervisor->ended_well = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (supervisor->ended_well)
		supervisor->delay_ms = ORDERLY_MS;
	supervisor->start_at = now + (gint64)supervisor->delay_ms * 1000;
	g_mutex_lock(&supervisor->lock);
	supervisor->running = FALSE;
	supervisor->restarts++;
	g_array_set_size(supervisor->cancels, 0);
	for (GList *link = supervisor->jobs.head; link != NULL; link = link->next) {
		JobState *state = link->data;
		state->sent = FALSE;
		if (state->job.state == INDEX_JOB_RUNNING)
			state->job.state = INDEX_JOB_QUEUED;
	}
	g_mutex_unlock(&supervisor->lock);
	if (supervisor->ended != NULL && !supervisor->ended_well)
		supervisor->ended(status, supervisor->delay_ms, supervisor->data);
}

/* The time for the next one has come, and we are not being stopped. */
static void restart_indexer(Supervisor *supervisor)
{
	if (supervisor->ended_well && supervisor->ended != NULL)
		supervisor->ended(0, supervisor->delay_ms, supervisor->data);
	supervisor->ended_well = FALSE;
	if (!start_indexer(supervisor, NULL))
		schedule_restart(supervisor, -1);
}

/* -- what is said to it and heard from it ----------------------------------------------------------------------- */

/* Moves what waits into the buffer that is sent. */
static void collect_output(Supervisor *supervisor)
{
	g_mutex_lock(&supervisor->lock);
	GHashTableIter iter;
	gpointer account;
	g_hash_table_iter_init(&iter, supervisor->wakes);
	while (g_hash_table_iter_next(&iter, &account, NULL))
		(void)ipc_write(supervisor->out, &(IpcMessage){ .kind = IPC_WAKE, .account = account });
	g_hash_table_remove_all(supervisor->wakes);
	for (GList *link = supervisor->jobs.tail; link != NULL; link = link->prev) {
		JobState *state = link->data;
		if (state->sent || job_is_over(state))
			continue;
		state->sent = TRUE;
		IpcMessage message = {
			.kind = IPC_JOB,
			.id = state->job.id,
			.account = state->job.account,
			.mailbox = state->job.mailbox,
		};
		if (!ipc_write(supervisor->out, &message)) {
			state->job.state = INDEX_JOB_FAILED;
			state->job.reason = g_strdup("the name of the account or mailbox is too long");
			state->job.finished_at = g_get_real_time();
		}
	}
	for (guint i = 0; i < supervisor->cancels->len; i++)
		(void)ipc_write(supervisor->out,
			&(IpcMessage){ .kind = IPC_CANCEL, .id = g_array_index(supervisor->cancels, guint64, i) });
	g_array_set_size(supervisor->cancels, 0);
	g_mutex_unlock(&supervisor->lock);
}

static void job_progress(JobState *state, const IpcMessage *message)
{
	IndexJob *job = &state->job;
	gint64 now = g_get_real_time();
	job->state = (IndexJobState)message->state;
	job->total = message->total;
	job->done = message->done;
	job->failed = message->failed;
	if (job->state != INDEX_JOB_QUEUED && job->started_at == 0)
		job->started_at = now;
	guint oldest = state->n_samples < RATE_SAMPLES ? 0 : state->n_samples % RATE_SAMPLES;
	if (state->n_samples > 0 && state->samples[oldest].done <= job->done && now > state->samples[oldest].at) {
		job->rate = (double)(job->done - state->samples[oldest].done) * G_USEC_PER_SEC /
			    (double)(now - state->samples[oldest].at);
	}
	state->samples[state->n_samples % RATE_SAMPLES].at = now;
	state->samples[state->n_samples % RATE_SAMPLES].done = job->done;
	state->n_samples++;
	job->remaining_s = job->rate > 0 && job->total >= job->done ? (gint64)((double)(job->total - job->done) / job->rate) : -1;
	if (job_is_over(state)) {
		job->finished_at = now;
		job->remaining_s = 0;
		job->reason = g_strdup(message->reason);
	}
}

static gboolean handle_message(Supervisor *supervisor, const IpcMessage *message)
{
	switch (message->kind) {
	case IPC_HELLO:
		return TRUE;
	case IPC_COMMITTED:
		if (supervisor->committed != NULL)
			supervisor->committed(message->account, message->watermark, message->gone_seq, supervisor->data);
		return TRUE;
	case IPC_PROGRESS: {
		g_mutex_lock(&supervisor->lock);
		JobState *state = find_job(supervisor, message->id);
		if (state != NULL && !job_is_over(state))
			job_progress(state, message);
		g_mutex_unlock(&supervisor->lock);
		return TRUE;
	}
	case IPC_WAKE:
	case IPC_JOB:
	case IPC_CANCEL:
	case IPC_STOP:
		break;
	}
	return FALSE;
}

/* FALSE: the stream is over, or of no use. */
static gboolean read_indexer(Supervisor *supervisor)
{
	for (;;) {
		guint before = supervisor->in->len;
		g_byte_array_set_size(supervisor->in, before + READ_OCTETS);
		gssize got = recv(supervisor->fd, supervisor->in->data + before, READ_OCTETS, MSG_DONTWAIT);
		int saved = errno;
		g_byte_array_set_size(supervisor->in, before + (guint)MAX(got, 0));
		if (got < 0 && (saved == EAGAIN || saved == EINTR))
			return TRUE;
		if (got <= 0)
			return FALSE;
		gsize at = 0;
		for (;;) {
			g_auto(IpcMessage) message = { 0 };
			gssize used = ipc_parse(supervisor->in->data + at, supervisor->in->len - at, &message, NULL);
			if (used < 0 || (used > 0 && !handle_message(supervisor, &message)))
				return FALSE;
			if (used == 0)
				break;
			at += (gsize)used;
		}
		g_byte_array_remove_range(supervisor->in, 0, (guint)at);
	}
}

static gboolean write_indexer(Supervisor *supervisor)
{
	while (supervisor->out->len > 0) {
		gssize sent = send(supervisor->fd, supervisor->out->data, supervisor->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		g_byte_array_remove_range(supervisor->out, 0, (guint)sent);
	}
	return TRUE;
}

/* Lets the indexer finish; what it still reports is heard. */
static void stop_indexer(Supervisor *supervisor)
{
	gint64 until = g_get_monotonic_time() + STOP_WAIT_US;
	(void)ipc_write(supervisor->out, &(IpcMessage){ .kind = IPC_STOP });
	while (write_indexer(supervisor)) {
		gint64 left_us = until - g_get_monotonic_time();
		if (left_us <= 0)
			break;
		struct pollfd fd = { supervisor->fd, (short)(POLLIN | (supervisor->out->len > 0 ? POLLOUT : 0)), 0 };
		if (poll(&fd, 1, (int)(left_us / 1000) + 1) > 0 && (fd.revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
			!read_indexer(supervisor))
			break;
	}
	(void)reap_indexer(supervisor, until);
	g_mutex_lock(&supervisor->lock);
	supervisor->running = FALSE;
	g_mutex_unlock(&supervisor->lock);
}

static gpointer supervise(gpointer data)
{
	Supervisor *supervisor = data;
	for (;;) {
		g_mutex_lock(&supervisor->lock);
		gboolean stopping = supervisor->stopping;
		g_mutex_unlock(&supervisor->lock);
		if (stopping)
			break;
		gint64 now = g_get_monotonic_time();
		if (supervisor->fd < 0 && now >= supervisor->start_at)
			restart_indexer(supervisor);
		gboolean alive = supervisor->fd >= 0;
		if (alive) {
			collect_output(supervisor);
			alive = write_indexer(supervisor);
		}
		if (alive) {
			struct pollfd fds[] = {
				{ supervisor->wake_fd, POLLIN, 0 },
				{ supervisor->fd, (short)(POLLIN | (supervisor->out->len > 0 ? POLLOUT : 0)), 0 },
			};
			(void)poll(fds, G_N_ELEMENTS(fds), -1);
			if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
				alive = read_indexer(supervisor);
		} else if (supervisor->fd < 0) {
			struct pollfd fd = { supervisor->wake_fd, POLLIN, 0 };
			(void)poll(&fd, 1, (int)MAX((supervisor->start_at - now) / 1000 + 1, 1));
		}
		guint64 nudges;
		gssize got = read(supervisor->wake_fd, &nudges, sizeof nudges);
		(void)got;
		if (!alive && supervisor->fd >= 0)
			schedule_restart(supervisor, reap_indexer(supervisor, g_get_monotonic_time() + G_USEC_PER_SEC));
	}
	if (supervisor->fd >= 0)
		stop_indexer(supervisor);
	return NULL;
}

/* -- what others call -------------------------------------------------------------------------------------------- */

static void supervisor_free(Supervisor *supervisor)
{
	g_free(supervisor->program);
	g_strfreev(supervisor->argv);
	(void)close(supervisor->wake_fd);
	g_mutex_clear(&supervisor->lock);
	g_hash_table_destroy(supervisor->wakes);
	g_queue_clear_full(&supervisor->jobs, job_state_free);
	g_array_unref(supervisor->cancels);
	g_byte_array_unref(supervisor->out);
	g_byte_array_unref(supervisor->in);
	g_free(supervisor);
}

Supervisor *supervisor_start(const SupervisorOptions *options, GError **error)
{
	if (access(options->program, X_OK) != 0) {
		int saved = errno;
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "%s: %s", options->program, g_strerror(saved));
		return NULL;
	}
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0) {
		int saved = errno;
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "eventfd: %s", g_strerror(saved));
		return NULL;
	}
	Supervisor *supervisor = g_new0(Supervisor, 1);
	supervisor->program = g_strdup(options->program);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_ptr_array_add(argv, g_strdup(options->program));
	for (const char *const *arg = options->argv; arg != NULL && *arg != NULL; arg++)
		g_ptr_array_add(argv, g_strdup(*arg));
	g_ptr_array_add(argv, NULL);
	supervisor->argv = (char **)g_ptr_array_steal(argv, NULL);
	supervisor->committed = options->committed;
	supervisor->ended = options->ended;
	supervisor->data = options->data;
	supervisor->wake_fd = wake_fd;
	supervisor->fd = -1;
	g_mutex_init(&supervisor->lock);
	supervisor->wakes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	supervisor->cancels = g_array_new(FALSE, FALSE, sizeof(guint64));
	supervisor->out = g_byte_array_new();
	supervisor->in = g_byte_array_new();
	supervisor->thread = g_thread_try_new("supervisor", supervise, supervisor, error);
	if (supervisor->thread == NULL) {
		supervisor_free(supervisor);
		return NULL;
	}
	return supervisor;
}

void supervisor_stop(Supervisor *supervisor)
{
	if (supervisor == NULL)
		return;
	g_mutex_lock(&supervisor->lock);
	supervisor->stopping = TRUE;
	g_mutex_unlock(&supervisor->lock);
	nudge(supervisor);
	(void)g_thread_join(supervisor->thread);
	supervisor_free(supervisor);
}

void supervisor_wake(Supervisor *supervisor, const char *account)
{
	g_mutex_lock(&supervisor->lock);
	gboolean is_new = g_hash_table_add(supervisor->wakes, g_strdup(account));
	g_mutex_unlock(&supervisor->lock);
	if (is_new)
		nudge(supervisor);
}

gboolean supervisor_running(Supervisor *supervisor, guint *restarts_out)
{
	g_mutex_lock(&supervisor->lock);
	gboolean running = supervisor->running;
	if (restarts_out != NULL)
		*restarts_out = supervisor->restarts;
	g_mutex_unlock(&supervisor->lock);
	return running;
}

/* Forgets the oldest jobs that are over. */
static void forget_old_jobs(Supervisor *supervisor)
{
	for (GList *link = supervisor->jobs.tail; link != NULL && supervisor->jobs.length > JOBS_KEPT;) {
		GList *newer = link->prev;
		if (job_is_over(link->data)) {
			job_state_free(link->data);
			g_queue_delete_link(&supervisor->jobs, link);
		}
		link = newer;
	}
}

guint64 supervisor_reindex(Supervisor *supervisor, const char *account, const char *mailbox)
{
	g_mutex_lock(&supervisor->lock);
	for (GList *link = supervisor->jobs.head; link != NULL; link = link->next) {
		const JobState *there = link->data;
		if (!job_is_over(there) && g_strcmp0(there->job.account, account) == 0 &&
			g_strcmp0(there->job.mailbox, mailbox) == 0) {
			guint64 same = there->job.id;
			g_mutex_unlock(&supervisor->lock);
			return same;
		}
	}
	JobState *state = g_new0(JobState, 1);
	guint64 id = ++supervisor->last_job_id;
	state->job.id = id;
	state->job.account = g_strdup(account);
	state->job.mailbox = g_strdup(mailbox);
	state->job.state = INDEX_JOB_QUEUED;
	state->job.remaining_s = -1;
	state->job.created_at = g_get_real_time();
	g_queue_push_head(&supervisor->jobs, state);
	forget_old_jobs(supervisor);
	g_mutex_unlock(&supervisor->lock);
	nudge(supervisor);
	return id;
}

static IndexJob *index_job_copy(const IndexJob *job)
{
	IndexJob *copy = g_memdup2(job, sizeof *job);
	copy->account = g_strdup(job->account);
	copy->mailbox = g_strdup(job->mailbox);
	copy->reason = g_strdup(job->reason);
	return copy;
}

IndexJob *supervisor_job(Supervisor *supervisor, guint64 id)
{
	g_mutex_lock(&supervisor->lock);
	const JobState *state = find_job(supervisor, id);
	IndexJob *copy = state == NULL ? NULL : index_job_copy(&state->job);
	g_mutex_unlock(&supervisor->lock);
	return copy;
}

GPtrArray *supervisor_jobs(Supervisor *supervisor)
{
	GPtrArray *jobs = g_ptr_array_new_with_free_func((GDestroyNotify)index_job_free);
	g_mutex_lock(&supervisor->lock);
	for (GList *link = supervisor->jobs.head; link != NULL; link = link->next)
		g_ptr_array_add(jobs, index_job_copy(&((const JobState *)link->data)->job));
	g_mutex_unlock(&supervisor->lock);
	return jobs;
}

gboolean supervisor_cancel(Supervisor *supervisor, guint64 id)
{
	g_mutex_lock(&supervisor->lock);
	JobState *state = find_job(supervisor, id);
	gboolean cancelled = state != NULL && !job_is_over(state);
	if (cancelled) {
		if (state->sent)
			g_array_append_val(supervisor->cancels, id);
		state->job.state = INDEX_JOB_CANCELLED;
		state->job.finished_at = g_get_real_time();
		state->job.remaining_s = 0;
	}
	g_mutex_unlock(&supervisor->lock);
	if (cancelled)
		nudge(supervisor);
	return cancelled;
}
