/* The loop and the pool: who runs where, in which order, and that nothing is lost at the end. */
#include "server/conn/worker-pool.h"

#define JOBS 2000

typedef struct {
	Loop *loop;
	WorkerPool *pool;
	GThread *loop_thread;
	gint ran;   /* atomic: on workers */
	guint done; /* in the loop */
} Fixture;

static void run(gpointer data)
{
	Fixture *f = data;
	g_assert_true(g_thread_self() != f->loop_thread);
	g_atomic_int_inc(&f->ran);
}

static void done(gpointer data)
{
	Fixture *f = data;
	g_assert_true(g_thread_self() == f->loop_thread);
	if (++f->done == JOBS)
		loop_quit(f->loop);
}

static void jobs_run_on_workers_and_end_in_the_loop(void)
{
	g_autoptr(GError) error = NULL;
	Fixture f = { .loop_thread = g_thread_self() };
	f.loop = loop_new(&error);
	g_assert_no_error(error);
	f.pool = worker_pool_new(f.loop, 4);
	for (guint i = 0; i < JOBS; i++)
		worker_pool_submit(f.pool, run, done, &f);
	loop_run(f.loop);
	g_assert_cmpint(f.ran, ==, JOBS);
	g_assert_cmpuint(f.done, ==, JOBS);
	worker_pool_free(f.pool);
	loop_free(f.loop);
}

static void freeing_the_pool_finishes_its_jobs(void)
{
	Fixture f = { .loop_thread = g_thread_self() };
	f.loop = loop_new(NULL);
	f.pool = worker_pool_new(f.loop, 2);
	for (guint i = 0; i < 500; i++)
		worker_pool_submit(f.pool, run, done, &f);
	worker_pool_free(f.pool);
	g_assert_cmpint(f.ran, ==, 500);
	g_assert_cmpuint(f.done, ==, 0);
	loop_drain(f.loop);
	g_assert_cmpuint(f.done, ==, 500);
	loop_free(f.loop);
}

typedef struct {
	Loop *loop;
	GArray *seen; /* of guint */
} Order;

typedef struct {
	Order *order;
	guint number;
} Posted;

static void note(gpointer data)
{
	Posted *posted = data;
	g_array_append_val(posted->order->seen, posted->number);
	if (posted->order->seen->len == JOBS)
		loop_quit(posted->order->loop);
	g_free(posted);
}

static gpointer post_all(gpointer data)
{
	Order *order = data;
	for (guint i = 0; i < JOBS; i++) {
		Posted *posted = g_new(Posted, 1);
		*posted = (Posted){ .order = order, .number = i };
		loop_post(order->loop, note, posted);
	}
	return NULL;
}

static void what_one_thread_posts_keeps_its_order(void)
{
	Order order = { .loop = loop_new(NULL), .seen = g_array_new(FALSE, FALSE, sizeof(guint)) };
	GThread *thread = g_thread_new("poster", post_all, &order);
	loop_run(order.loop);
	(void)g_thread_join(thread);
	for (guint i = 0; i < JOBS; i++)
		g_assert_cmpuint(g_array_index(order.seen, guint, i), ==, i);
	g_array_unref(order.seen);
	loop_free(order.loop);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker_pool/jobs_run_on_workers_and_end_in_the_loop",
		jobs_run_on_workers_and_end_in_the_loop);
	g_test_add_func(
		"/worker_pool/freeing_the_pool_finishes_its_jobs", freeing_the_pool_finishes_its_jobs);
	g_test_add_func(
		"/worker_pool/what_one_thread_posts_keeps_its_order", what_one_thread_posts_keeps_its_order);
	return g_test_run();
}
