#include "server/conn/hub.h"

#include "base/metrics.h"
#include "server/conn/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH_BYTES (64 * 1024)

typedef struct {
	char *account;
	gint64 mailbox_id;
	gboolean list;
} News;

struct Hub {
	ServerContext *server;
	Loop *loop;
	WorkerPool *pool;
	WorkerPool *login_pool;
	char *scratch;
	GHashTable *connections; /* set of Connection */
	GHashTable *watchers;    /* account -> GPtrArray of Connection */
	guint max_connections;
	gboolean stopping;
	LoopFunc stopped;
	gpointer stopped_data;
	struct event *stop_timer;
	guint stop_ticks;
	GMutex lock;
	GHashTable *news; /* set of News that the loop has not seen; under lock */
};

static guint news_hash(gconstpointer data)
{
	const News *news = data;
	return g_str_hash(news->account) ^ g_int64_hash(&news->mailbox_id);
}

static gboolean news_equal(gconstpointer a, gconstpointer b)
{
	const News *x = a, *y = b;
	return x->mailbox_id == y->mailbox_id && x->list == y->list && g_str_equal(x->account, y->account);
}

static void news_free(gpointer data)
{
	News *news = data;
	g_free(news->account);
	g_free(news);
}

static GHashTable *news_table(void)
{
	return g_hash_table_new_full(news_hash, news_equal, news_free, NULL);
}

static void free_array(gpointer data)
{
	g_ptr_array_unref(data);
}

Hub *hub_new(ServerContext *server, Loop *loop, WorkerPool *pool, WorkerPool *login_pool)
{
	Hub *hub = g_new0(Hub, 1);
	hub->server = server;
	hub->loop = loop;
	hub->pool = pool;
	hub->login_pool = login_pool;
	hub->scratch = g_malloc(SCRATCH_BYTES);
	hub->connections = g_hash_table_new(NULL, NULL);
	hub->watchers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_array);
	hub->max_connections = (guint)settings_int(server->settings, SETTING_SERVER_MAX_CONNECTIONS);
	hub->news = news_table();
	g_mutex_init(&hub->lock);
	return hub;
}

void hub_free(Hub *hub)
{
	if (hub == NULL)
		return;
	g_assert(g_hash_table_size(hub->connections) == 0);
	if (hub->stop_timer != NULL)
		event_free(hub->stop_timer);
	g_hash_table_unref(hub->connections);
	g_hash_table_unref(hub->watchers);
	g_hash_table_unref(hub->news);
	g_mutex_clear(&hub->lock);
	g_free(hub->scratch);
	g_free(hub);
}

ServerContext *hub_server(Hub *hub)
{
	return hub->server;
}

Loop *hub_loop(Hub *hub)
{
	return hub->loop;
}

WorkerPool *hub_pool(Hub *hub)
{
	return hub->pool;
}

WorkerPool *hub_login_pool(Hub *hub)
{
	return hub->login_pool;
}

void hub_forget_pools(Hub *hub)
{
	hub->pool = hub->login_pool = NULL;
}

char *hub_scratch(Hub *hub, gsize *size_out)
{
	*size_out = SCRATCH_BYTES;
	return hub->scratch;
}

static void refuse(int fd, gboolean implicit_tls, const char *reason)
{
	static const char bye[] = "* BYE [UNAVAILABLE] Too many connections\r\n";
	metrics_inc(METRIC_CONNECTIONS_REFUSED, reason);
	if (!implicit_tls)
		(void)send(fd, bye, sizeof bye - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

void hub_accept(Hub *hub, int fd, const char *peer, gboolean local, gboolean implicit_tls)
{
	if (hub->stopping) {
		refuse(fd, implicit_tls, "stopping");
		return;
	}
	if (g_hash_table_size(hub->connections) >= hub->max_connections) {
		refuse(fd, implicit_tls, "limit");
		return;
	}
	metrics_inc(METRIC_CONNECTIONS, implicit_tls ? "imaps" : "imap");
	(void)connection_new(hub, transport_new(fd), peer, local, implicit_tls);
}

void hub_enter(Hub *hub, Connection *connection)
{
	g_hash_table_add(hub->connections, connection);
}

static void stop_done(Hub *hub)
{
	LoopFunc stopped = hub->stopped;
	hub->stopped = NULL;
	if (stopped != NULL)
		stopped(hub->stopped_data);
}

void hub_leave(Hub *hub, Connection *connection)
{
	g_hash_table_remove(hub->connections, connection);
	if (hub->stopping && g_hash_table_size(hub->connections) == 0)
		stop_done(hub);
}

void hub_watch(Hub *hub, Connection *connection, const char *account)
{
	GPtrArray *watchers = g_hash_table_lookup(hub->watchers, account);
	if (watchers == NULL) {
		watchers = g_ptr_array_new();
		g_hash_table_insert(hub->watchers, g_strdup(account), watchers);
	}
	g_ptr_array_add(watchers, connection);
}

void hub_unwatch(Hub *hub, Connection *connection, const char *account)
{
	GPtrArray *watchers = g_hash_table_lookup(hub->watchers, account);
	if (watchers != NULL && g_ptr_array_remove_fast(watchers, connection) && watchers->len == 0)
		g_hash_table_remove(hub->watchers, account);
}

/* --- news --- */

static void bring_news(gpointer data)
{
	Hub *hub = data;
	GHashTable *fresh = news_table();
	g_mutex_lock(&hub->lock);
	GHashTable *all = hub->news;
	hub->news = fresh;
	g_mutex_unlock(&hub->lock);
	GHashTableIter iter;
	gpointer key = NULL;
	g_hash_table_iter_init(&iter, all);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const News *news = key;
		const GPtrArray *watchers = g_hash_table_lookup(hub->watchers, news->account);
		/* A connection does not unwatch within connection_news(): its jobs come back later. */
		for (guint i = 0; watchers != NULL && i < watchers->len; i++)
			connection_news(watchers->pdata[i], news->list ? 0 : news->mailbox_id);
	}
	g_hash_table_unref(all);
}

void hub_news(Hub *hub, const char *account, gint64 mailbox_id, gboolean list)
{
	News *news = g_new(News, 1);
	*news = (News){ .account = g_strdup(account), .mailbox_id = mailbox_id, .list = list };
	g_mutex_lock(&hub->lock);
	gboolean first = g_hash_table_size(hub->news) == 0;
	g_hash_table_add(hub->news, news);
	g_mutex_unlock(&hub->lock);
	if (first)
		loop_post(hub->loop, bring_news, hub);
}

/* --- the end --- */

static void for_all(Hub *hub, void (*func)(Connection *))
{
	/* A copy: connections leave meanwhile. */
	g_autoptr(GList) all = g_hash_table_get_keys(hub->connections);
	for (GList *item = all; item != NULL; item = item->next)
		func(item->data);
}

static void close_now(Connection *connection)
{
	connection_close(connection, "server stops");
}

/* Every half of HUB_STOP_SECONDS. */
static void stop_tick(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Hub *hub = data;
	hub->stop_ticks++;
	server_context_stop(hub->server);
	if (hub->stop_ticks == 1)
		return;
	for_all(hub, close_now);
	stop_done(hub);
}

void hub_stop(Hub *hub, LoopFunc done, gpointer data)
{
	if (hub->stopping)
		return;
	hub->stopping = TRUE;
	hub->stopped = done;
	hub->stopped_data = data;
	struct timeval half = { .tv_sec = HUB_STOP_SECONDS / 2 };
	hub->stop_timer = event_new(loop_base(hub->loop), -1, EV_PERSIST, stop_tick, hub);
	(void)event_add(hub->stop_timer, &half);
	if (g_hash_table_size(hub->connections) == 0)
		stop_done(hub);
	else
		for_all(hub, connection_stop);
}
