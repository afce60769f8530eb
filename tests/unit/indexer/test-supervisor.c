/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/supervisor.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/indexer/mail-fixture.h"

#define WAIT_US (30 * G_USEC_PER_SEC)

/* What the supervisor told us, from its thread. */
typedef struct {
	GMutex lock;
	GCond changed;
	guint commits, ends;
	guint32 watermark;
	guint delays[64];
} Heard;

static void on_committed(const char *account, guint32 watermark, guint64 gone_seq, gpointer data)
{
	Heard *heard = data;
	(void)gone_seq;
	g_assert_cmpstr(account, ==, "joe");
	g_mutex_lock(&heard->lock);
	heard->commits++;
	heard->watermark = watermark;
	g_cond_broadcast(&heard->changed);
	g_mutex_unlock(&heard->lock);
}

static void on_ended(int wait_status, guint delay_ms, gpointer data)
{
	Heard *heard = data;
	(void)wait_status;
	g_mutex_lock(&heard->lock);
	if (heard->ends < G_N_ELEMENTS(heard->delays))
		heard->delays[heard->ends] = delay_ms;
	heard->ends++;
	g_cond_broadcast(&heard->changed);
	g_mutex_unlock(&heard->lock);
}

static void wait_for_watermark(Heard *heard, guint32 watermark)
{
	gint64 until = g_get_monotonic_time() + WAIT_US;
	g_mutex_lock(&heard->lock);
	while (heard->watermark < watermark)
		g_assert_true(g_cond_wait_until(&heard->changed, &heard->lock, until));
	g_mutex_unlock(&heard->lock);
}

static void wait_for_ends(Heard *heard, guint ends)
{
	gint64 until = g_get_monotonic_time() + WAIT_US;
	g_mutex_lock(&heard->lock);
	while (heard->ends < ends)
		g_assert_true(g_cond_wait_until(&heard->changed, &heard->lock, until));
	g_mutex_unlock(&heard->lock);
}

static Supervisor *start(MailFixture *fixture, const char *program, Heard *heard, const char *more)
{
	GError *error = NULL;
	g_autofree char *mail = g_strconcat("--mail-root=", fixture->root, NULL);
	g_autofree char *index = g_strconcat("--index-root=", fixture->index_root, NULL);
	const char *argv[] = { mail, index, "-o", "log.level=error", more, NULL };
	memset(heard, 0, sizeof *heard);
	SupervisorOptions options = { .program = program, .argv = argv, .committed = on_committed, .ended = on_ended, .data = heard };
	Supervisor *supervisor = supervisor_start(&options, &error);
	g_assert_no_error(error);
	return supervisor;
}

static IndexJobState wait_for_job(Supervisor *supervisor, guint64 id)
{
	for (gint64 until = g_get_monotonic_time() + WAIT_US; g_get_monotonic_time() < until; g_usleep(10000)) {
		g_autoptr(IndexJob) job = supervisor_job(supervisor, id);
		g_assert_nonnull(job);
		g_assert_cmpuint(job->done, <=, job->total);
		if (job->state != INDEX_JOB_QUEUED && job->state != INDEX_JOB_RUNNING) {
			g_assert_cmpint(job->finished_at, >, 0);
			return job->state;
		}
	}
	g_error("the job does not end");
}

static guint32 highest_id(MailFixture *fixture)
{
	FeedState feed;
	g_assert_true(account_feed_state(fixture->account, &feed, NULL));
	return feed.max_email_id;
}

/* The process that has this one as its parent; the only one. */
static pid_t child_pid(void)
{
	g_autofree char *path = g_strdup_printf("/proc/self/task");
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *children = g_build_filename(path, name, "children", NULL);
		g_autofree char *text = NULL;
		if (g_file_get_contents(children, &text, NULL, NULL) && text[0] != '\0')
			return (pid_t)g_ascii_strtoll(text, NULL, 10);
	}
	return 0;
}

static void woken_it_indexes_within_a_second_and_does_jobs(void)
{
	MailFixture fixture;
	Heard heard;
	g_autofree char *program = indexer_program_or_skip();
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 150);
	mail_fixture_append(&fixture, 100);
	Supervisor *running = start(&fixture, program, &heard, NULL);
	wait_for_watermark(&heard, highest_id(&fixture));
	mail_fixture_check_complete(&fixture, 0);
	mail_fixture_append(&fixture, 1);
	gint64 appended_at = g_get_monotonic_time();
	supervisor_wake(running, "joe");
	wait_for_watermark(&heard, highest_id(&fixture));
	/* A loaded machine may take longer; the figure is for people. */
	g_test_message("a message was committed %.0f ms after it came", (double)(g_get_monotonic_time() - appended_at) / 1000);
	mail_fixture_check_complete(&fixture, 0);

	guint64 whole = supervisor_reindex(running, "joe", NULL);
	g_assert_cmpuint(supervisor_reindex(running, "joe", NULL), ==, whole);
	guint64 mailbox = supervisor_reindex(running, "joe", "INBOX");
	guint64 nobody = supervisor_reindex(running, "nobody", NULL);
	guint64 nowhere = supervisor_reindex(running, "joe", "No such box");
	g_assert_cmpint(wait_for_job(running, whole), ==, INDEX_JOB_DONE);
	g_assert_cmpint(wait_for_job(running, mailbox), ==, INDEX_JOB_DONE);
	g_assert_cmpint(wait_for_job(running, nobody), ==, INDEX_JOB_FAILED);
	g_assert_cmpint(wait_for_job(running, nowhere), ==, INDEX_JOB_FAILED);
	g_autoptr(IndexJob) failed = supervisor_job(running, nobody);
	g_assert_nonnull(failed->reason);
	g_assert_false(supervisor_cancel(running, whole));
	g_assert_false(supervisor_cancel(running, 999));
	g_assert_null(supervisor_job(running, 999));
	g_autoptr(GPtrArray) jobs = supervisor_jobs(running);
	g_assert_cmpuint(jobs->len, ==, 4);
	g_assert_cmpuint(((const IndexJob *)jobs->pdata[3])->id, ==, whole);
	mail_fixture_check_complete(&fixture, 0);
	supervisor_stop(running);
	g_assert_cmpuint(heard.ends, ==, 0);
	g_assert_cmpint(child_pid(), ==, 0);
	mail_fixture_clear(&fixture);
}

static void killed_it_is_started_again_and_finishes_its_jobs(void)
{
	MailFixture fixture;
	Heard heard;
	guint restarts;
	g_autofree char *program = indexer_program_or_skip();
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 150);
	mail_fixture_append(&fixture, 150);
	Supervisor *supervisor = start(&fixture, program, &heard, NULL);
	wait_for_watermark(&heard, highest_id(&fixture));
	guint64 job = supervisor_reindex(supervisor, "joe", NULL);
	for (guint kills = 1; kills <= 3; kills++) {
		pid_t pid;
		while ((pid = child_pid()) == 0)
			g_usleep(1000);
		g_usleep((gulong)g_test_rand_int_range(0, 100000));
		(void)kill(pid, SIGKILL);
		wait_for_ends(&heard, kills);
		mail_fixture_check(&fixture, 3);
	}
	g_assert_cmpint(wait_for_job(supervisor, job), ==, INDEX_JOB_DONE);
	/* The job may have been done before the last of them. */
	for (gint64 until = g_get_monotonic_time() + WAIT_US; !supervisor_running(supervisor, &restarts); g_usleep(10000))
		g_assert_cmpint(g_get_monotonic_time(), <, until);
	g_assert_cmpuint(restarts, ==, 3);
	mail_fixture_check_complete(&fixture, 0);
	supervisor_stop(supervisor);
	mail_fixture_clear(&fixture);
}

static pid_t wait_for_child(pid_t other_than)
{
	pid_t pid;
	for (gint64 until = g_get_monotonic_time() + WAIT_US; (pid = child_pid()) == 0 || pid == other_than; g_usleep(1000))
		g_assert_cmpint(g_get_monotonic_time(), <, until);
	return pid;
}

/* A signal to the process group comes to the indexer first, and then to us. */
static void an_end_in_order_is_told_of_only_if_it_is_not_ours_too(void)
{
	MailFixture fixture;
	Heard heard;
	g_autofree char *program = indexer_program_or_skip();
	if (program == NULL)
		return;
	mail_fixture_init(&fixture, 1);
	mail_fixture_append(&fixture, 1);
	for (int stopped = 0; stopped < 2; stopped++) {
		Supervisor *supervisor = start(&fixture, program, &heard, NULL);
		supervisor_wake(supervisor, "joe");
		wait_for_watermark(&heard, 1); /* it hears signals by now */
		pid_t pid = wait_for_child(0);
		g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
		if (stopped) {
			for (gint64 until = g_get_monotonic_time() + WAIT_US; supervisor_running(supervisor, NULL); g_usleep(1000))
				g_assert_cmpint(g_get_monotonic_time(), <, until);
			supervisor_stop(supervisor);
			g_assert_cmpuint(heard.ends, ==, 0);
		} else {
			wait_for_ends(&heard, 1);
			(void)wait_for_child(pid);
			supervisor_stop(supervisor);
			g_assert_cmpuint(heard.ends, ==, 1);
		}
	}
	mail_fixture_clear(&fixture);
}

static void a_program_that_does_not_run_is_tried_less_and_less_often(void)
{
	MailFixture fixture;
	Heard heard;
	mail_fixture_init(&fixture, 1);
	Supervisor *supervisor = start(&fixture, "/bin/false", &heard, NULL);
	wait_for_ends(&heard, 4);
	g_assert_cmpuint(heard.delays[0], ==, 100);
	g_assert_cmpuint(heard.delays[1], ==, 200);
	g_assert_cmpuint(heard.delays[2], ==, 400);
	guint64 job = supervisor_reindex(supervisor, "joe", NULL);
	g_autoptr(IndexJob) queued = supervisor_job(supervisor, job);
	g_assert_cmpint(queued->state, ==, INDEX_JOB_QUEUED);
	g_assert_true(supervisor_cancel(supervisor, job));
	g_assert_cmpint(wait_for_job(supervisor, job), ==, INDEX_JOB_CANCELLED);
	g_assert_false(supervisor_cancel(supervisor, job));
	supervisor_stop(supervisor);
	GError *error = NULL;
	SupervisorOptions options = { .program = "/nonexistent/indexer" };
	g_assert_null(supervisor_start(&options, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
	g_error_free(error);
	mail_fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/supervisor/" #name, name)
	TEST(woken_it_indexes_within_a_second_and_does_jobs);
	TEST(killed_it_is_started_again_and_finishes_its_jobs);
	TEST(an_end_in_order_is_told_of_only_if_it_is_not_ours_too);
	TEST(a_program_that_does_not_run_is_tried_less_and_less_often);
#undef TEST
	return g_test_run();
}
