#include "server/conn/worker-pool.h"

#include "base/metrics.h"

typedef struct {
	LoopFunc run;
	LoopFunc done;
	gpointer data;
} Job;

struct WorkerPool {
	Loop *loop; /* the caller's */
	GMutex lock;
	GCond wake;
	GQueue jobs; /* of Job; under lock */
	gboolean ending;
	GPtrArray *threads;
	MetricSeries *waiting;
};

static gpointer work(gpointer data)
{
	WorkerPool *pool = data;
	g_mutex_lock(&pool->lock);
	for (;;) {
		Job *job = g_queue_pop_head(&pool->jobs);
		if (job == NULL) {
			if (pool->ending)
				break;
			g_cond_wait(&pool->wake, &pool->lock);
			continue;
		}
		g_mutex_unlock(&pool->lock);
		metric_series_change(pool->waiting, -1);
		job->run(job->data);
		if (job->done != NULL)
			loop_post(pool->loop, job->done, job->data);
		g_free(job);
		g_mutex_lock(&pool->lock);
	}
	g_mutex_unlock(&pool->lock);
	return NULL;
}

WorkerPool *worker_pool_new(Loop *loop, guint n_workers)
{
	WorkerPool *pool = g_new0(WorkerPool, 1);
	pool->loop = loop;
	g_mutex_init(&pool->lock);
	g_cond_init(&pool->wake);
	g_queue_init(&pool->jobs);
	pool->waiting = metrics_series(METRIC_WORKER_QUEUE);
	pool->threads = g_ptr_array_new();
	for (guint i = 0; i < n_workers; i++)
		g_ptr_array_add(pool->threads, g_thread_new("worker", work, pool));
	return pool;
}

void worker_pool_free(WorkerPool *pool)
{
	if (pool == NULL)
		return;
	g_mutex_lock(&pool->lock);
	pool->ending = TRUE;
	g_cond_broadcast(&pool->wake);
	g_mutex_unlock(&pool->lock);
	for (guint i = 0; i < pool->threads->len; i++)
		(void)g_thread_join(pool->threads->pdata[i]);
	g_ptr_array_unref(pool->threads);
	g_cond_clear(&pool->wake);
	g_mutex_clear(&pool->lock);
	g_free(pool);
}

void worker_pool_submit(WorkerPool *pool, LoopFunc run, LoopFunc done, gpointer data)
{
	Job *job = g_new(Job, 1);
	*job = (Job){ .run = run, .done = done, .data = data };
	metric_series_change(pool->waiting, 1);
	g_mutex_lock(&pool->lock);
	g_queue_push_tail(&pool->jobs, job);
	g_cond_signal(&pool->wake);
	g_mutex_unlock(&pool->lock);
}

guint worker_pool_default_size(void)
{
	return MAX(4, g_get_num_processors());
}
