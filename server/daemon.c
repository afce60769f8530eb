#include "server/daemon.h"

#include "base/become.h"
#include "base/log.h"
#include "base/metrics.h"
#include "server/conn/hub.h"
#include "server/conn/listener.h"
#include "server/notify.h"
#include "store/feed.h"
#include "web/web.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Daemon {
	const Settings *settings;
	gint64 started_at;
	ServerContext server;
	gboolean has_context;
	Tls *tls;
	SiteMetadata *site_metadata;
	Auth *auth;
	Listeners *listeners;
	Loop *loop;
	WorkerPool *pool;
	WorkerPool *login_pool;
	GThread *watcher; /* opens all accounts after the start */
	Store *store;
	Supervisor *supervisor;
	Web *web;
	Hub *hub;
	struct event *signals[3];
	/* What the store's listener may use: it is called from any thread until the store is closed. */
	GRWLock told_lock;
	Supervisor *told_supervisor; /* under told_lock */
	Hub *told_hub;               /* under told_lock */
	GMutex gone_lock;
	GHashTable *gone; /* account -> guint64 *: what is forgotten of its feed; under gone_lock */
};

typedef struct {
	Daemon *daemon;
	char *account;
	guint64 gone_seq;
} ForgetJob;

/* --- what others tell --- */

static void store_changed(const char *account, gint64 mailbox_id, StoreEvents events, gpointer data)
{
	Daemon *d = data;
	g_rw_lock_reader_lock(&d->told_lock);
	const StoreEvents of_account = STORE_EVENT_LIST | STORE_EVENT_METADATA;
	if (d->told_hub != NULL && (events & (STORE_EVENT_MAILBOX | of_account)) != 0)
		hub_news(d->told_hub, account, mailbox_id, (events & of_account) != 0);
	if (d->told_supervisor != NULL && (events & STORE_EVENT_FEED) != 0)
		supervisor_wake(d->told_supervisor, account);
	g_rw_lock_reader_unlock(&d->told_lock);
}

static void store_trouble(const char *account, const GError *error, gpointer data)
{
	(void)data;
	log_error("store.failed", LOG_STR("account", account), LOG_GERROR("error", error));
}

static void forget_gone(gpointer data)
{
	ForgetJob *job = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Account) account = store_get_account(job->daemon->store, job->account, &error);
	if ((account == NULL || !account_feed_forget_gone(account, job->gone_seq, &error)) &&
		!g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT))
		log_warning(
			"feed.forget.failed", LOG_STR("account", job->account), LOG_GERROR("error", error));
	g_free(job->account);
	g_free(job);
}

/* In the supervisor's thread, which must not wait for a database. */
static void index_committed(const char *account, guint32 watermark, guint64 gone_seq, gpointer data)
{
	(void)watermark;
	Daemon *d = data;
	g_mutex_lock(&d->gone_lock);
	guint64 *known = g_hash_table_lookup(d->gone, account);
	if (known == NULL) {
		known = g_new0(guint64, 1);
		g_hash_table_insert(d->gone, g_strdup(account), known);
	}
	gboolean news = gone_seq > *known;
	if (news)
		*known = gone_seq;
	g_mutex_unlock(&d->gone_lock);
	if (!news)
		return;
	ForgetJob *job = g_new(ForgetJob, 1);
	*job = (ForgetJob){ .daemon = d, .account = g_strdup(account), .gone_seq = gone_seq };
	worker_pool_submit(d->pool, forget_gone, NULL, job);
}

static void indexer_ended(int wait_status, guint delay_ms, gpointer data)
{
	(void)data;
	g_autoptr(GError) reason = NULL;
	(void)g_spawn_check_wait_status(wait_status, &reason);
	metrics_inc(METRIC_INDEXER_RESTARTS);
	log_warning("indexer.ended", LOG_STR("reason", reason != NULL ? reason->message : "exit status 0"),
		LOG_MS("ms", (gint64)delay_ms * 1000));
}

/* --- starting --- */

/* *tls_out is NULL if there is to be no TLS. */
static gboolean load_certificate(const Settings *settings, Tls **tls_out, GError **error)
{
	const char *cert = settings_string(settings, SETTING_SERVER_TLS_CERT);
	const char *key = settings_string(settings, SETTING_SERVER_TLS_KEY);
	Tls *tls = NULL;
	if (cert[0] != '\0') {
		tls = tls_new(cert, key[0] != '\0' ? key : cert, error);
		if (tls == NULL)
			return FALSE;
	}
	*tls_out = tls;
	return TRUE;
}

gboolean daemon_check(const Settings *settings, GError **error)
{
	const char *user = settings_string(settings, SETTING_SERVER_USER);
	Tls *tls = NULL;
	if (!load_certificate(settings, &tls, error))
		return FALSE;
	tls_free(tls);
	g_autoptr(SiteMetadata) site_metadata = site_metadata_new(settings, error);
	return site_metadata != NULL && (user[0] == '\0' || become_can(user, error));
}

/* The setting, or what lies beside the program (a build folder), or where it is installed. */
static char *indexer_program(const Settings *settings)
{
	if (!settings_is_set(settings, SETTING_INDEX_INDEXER_PATH)) {
		g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
		g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;
		g_autofree char *beside =
			folder != NULL ? g_build_filename(folder, "mailsift-indexer", NULL) : NULL;
		if (beside != NULL && access(beside, X_OK) == 0)
			return g_steal_pointer(&beside);
	}
	return g_strdup(settings_string(settings, SETTING_INDEX_INDEXER_PATH));
}

static gboolean start_indexer(
	Daemon *d, const char *config_path, const char *const *overrides, GError **error)
{
	g_autofree char *program = indexer_program(d->settings);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_ptr_array_add(argv, (gpointer)(guintptr) "-c");
	g_ptr_array_add(argv, (gpointer)(guintptr)config_path);
	for (; overrides != NULL && *overrides != NULL; overrides++) {
		g_ptr_array_add(argv, (gpointer)(guintptr) "-o");
		g_ptr_array_add(argv, (gpointer)(guintptr)*overrides);
	}
	g_ptr_array_add(argv, NULL);
	SupervisorOptions options = {
		.program = program,
		.argv = (const char *const *)argv->pdata,
		.committed = index_committed,
		.ended = indexer_ended,
		.data = d,
	};
	d->supervisor = supervisor_start(&options, error);
	return d->supervisor != NULL;
}

static gboolean make_folder(const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0700) == 0)
		return TRUE;
	int error_number = errno;
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(error_number), "%s: %s", path,
		g_strerror(error_number));
	return FALSE;
}

static gboolean open_store(Daemon *d, GError **error)
{
	StoreOptions options = {
		.mail_root = settings_string(d->settings, SETTING_STORE_MAIL_ROOT),
		.index_root = settings_string(d->settings, SETTING_STORE_INDEX_ROOT),
		.watch = TRUE,
	};
	if (!make_folder(options.mail_root, error) || !make_folder(options.index_root, error))
		return FALSE;
	d->store = store_open(&options, error);
	if (d->store == NULL)
		return FALSE;
	store_set_listener(d->store, store_changed, d);
	store_set_reporter(d->store, store_trouble, NULL);
	d->auth = auth_new(settings_string(d->settings, SETTING_AUTH_PASSWD_FILE), error);
	return d->auth != NULL;
}

static gboolean start_web(Daemon *d, GError **error)
{
	WebContext context = {
		.store = d->store,
		.supervisor = d->supervisor,
		.settings = d->settings,
		.started_at = d->started_at,
	};
	d->web = web_start(&context, error);
	return d->web != NULL;
}

static void start_sessions(Daemon *d)
{
	guint workers = (guint)settings_int(d->settings, SETTING_SERVER_WORKERS);
	d->pool = worker_pool_new(d->loop, workers > 0 ? workers : worker_pool_default_size());
	server_context_init(&d->server, d->settings);
	d->has_context = TRUE;
	d->login_pool = worker_pool_new(d->loop, MAX(1, g_get_num_processors() / 2));
	d->hub = hub_new(&d->server, d->loop, d->pool, d->login_pool);
}

static void tell(Daemon *d, Hub *hub, Supervisor *supervisor)
{
	g_rw_lock_writer_lock(&d->told_lock);
	d->told_hub = hub;
	d->told_supervisor = supervisor;
	g_rw_lock_writer_unlock(&d->told_lock);
}

/* --- signals --- */

static void reload(gpointer data)
{
	Daemon *d = data;
	g_autoptr(GError) error = NULL;
	if (d->tls == NULL || tls_reload(d->tls, &error))
		log_notice("reload.ok");
	else
		log_error("reload.failed", LOG_GERROR("error", error));
}

static void quit(gpointer data)
{
	Daemon *d = data;
	loop_quit(d->loop);
}

static void signalled(evutil_socket_t number, short what, void *data)
{
	(void)what;
	Daemon *d = data;
	if (number == SIGHUP) {
		worker_pool_submit(d->pool, reload, NULL, d);
		return;
	}
	log_notice("server.stopping", LOG_STR("reason", number == SIGTERM ? "SIGTERM" : "SIGINT"));
	notify_system("STOPPING=1");
	listeners_stop(d->listeners);
	hub_stop(d->hub, quit, d);
}

/* Before there is an address to connect to: one that comes now is heard when the loop runs. */
static void hear_signals(Daemon *d)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		d->signals[i] = evsignal_new(loop_base(d->loop), numbers[i], signalled, d);
		(void)event_add(d->signals[i], NULL);
	}
}

Daemon *daemon_start(
	const Settings *settings, const char *config_path, const char *const *overrides, GError **error)
{
	g_autoptr(Daemon) d = g_new0(Daemon, 1);
	d->settings = settings;
	d->started_at = g_get_real_time();
	g_rw_lock_init(&d->told_lock);
	g_mutex_init(&d->gone_lock);
	d->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	d->loop = loop_new(error);
	if (d->loop == NULL)
		return NULL;
	hear_signals(d);
	if (!load_certificate(settings, &d->tls, error))
		return NULL;
	d->site_metadata = site_metadata_new(settings, error);
	if (d->site_metadata == NULL)
		return NULL;
	d->listeners = listeners_open(settings, error);
	if (d->listeners == NULL || !become(settings_string(settings, SETTING_SERVER_USER), error))
		return NULL;
	if (!open_store(d, error))
		return NULL;
	start_sessions(d);
	d->server.store = d->store;
	d->server.auth = d->auth;
	d->server.tls = d->tls;
	d->server.site_metadata = d->site_metadata;
	if (!start_indexer(d, config_path, overrides, error))
		return NULL;
	d->server.supervisor = d->supervisor;
	tell(d, d->hub, d->supervisor);
	if (!start_web(d, error))
		return NULL;
	return g_steal_pointer(&d);
}

/* --- running --- */

/* Mail that other programs deliver to accounts with nobody connected. In a thread of its own: it opens every
 * account, which takes its time on a large site. */
static gpointer watch_all(gpointer data)
{
	Daemon *d = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) failed = NULL;
	if (!store_watch_all(d->store, &failed, &error)) {
		log_error("store.watch.failed", LOG_GERROR("error", error));
		return NULL;
	}
	for (guint i = 0; failed != NULL && i < failed->len; i++)
		log_error("store.watch.failed", LOG_STR("error", failed->pdata[i]));
	return NULL;
}

void daemon_run(Daemon *d)
{
	g_autofree char *addresses = listeners_describe(d->listeners);
	listeners_start(d->listeners, d->hub);
	d->watcher = g_thread_new("watch-all", watch_all, d);
	log_notice("server.ready", LOG_STR("version", PACKAGE_VERSION), LOG_STR("listen", addresses),
		LOG_INT("pid", getpid()), LOG_MS("ms", g_get_real_time() - d->started_at));
	notify_system("READY=1");
	loop_run(d->loop);
}

void daemon_stop(Daemon *d)
{
	if (d == NULL)
		return;
	/* Those who call into the rest first; the store, which is under all of it, last. */
	web_stop(d->web);
	if (d->has_context)
		server_context_stop(&d->server);
	tell(d, d->hub, NULL);
	if (d->supervisor != NULL)
		supervisor_stop(d->supervisor);
	if (d->watcher != NULL)
		(void)g_thread_join(d->watcher);
	worker_pool_free(d->login_pool);
	worker_pool_free(d->pool);
	if (d->hub != NULL)
		hub_forget_pools(d->hub);
	if (d->loop != NULL)
		loop_drain(d->loop);
	tell(d, NULL, NULL);
	if (d->loop != NULL)
		loop_drain(d->loop);
	hub_free(d->hub);
	listeners_free(d->listeners);
	for (guint i = 0; i < G_N_ELEMENTS(d->signals); i++) {
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	}
	store_close(d->store);
	auth_free(d->auth);
	tls_free(d->tls);
	site_metadata_free(d->site_metadata);
	if (d->has_context)
		server_context_clear(&d->server);
	loop_free(d->loop);
	g_hash_table_unref(d->gone);
	g_mutex_clear(&d->gone_lock);
	g_rw_lock_clear(&d->told_lock);
	g_free(d);
}
