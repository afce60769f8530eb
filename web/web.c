#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "web/request.h"
#include "web/web-private.h"

#define WEB_CONNECTIONS 100 /* at once, for each address */
#define WEB_THREADS 4    /* of each address: one that sums up all accounts does not keep /healthz waiting */
#define WEB_TIMEOUT_S 30 /* of a connection on which nothing happens */

/* One address: what libmicrohttpd serves, and the socket's file. */
typedef struct {
	struct MHD_Daemon *daemon;
	char *path; /* owned; NULL: TCP */
} WebListener;

static void listener_free(gpointer data)
{
	WebListener *listener = data;
	MHD_stop_daemon(listener->daemon);
	if (listener->path != NULL)
		(void)unlink(listener->path);
	g_free(listener->path);
	g_free(listener);
}

static gboolean fail_errno(GError **error, const char *address, const char *what, int code)
{
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(code), "[http] listen: %s: %s: %s",
		address, what, g_strerror(code));
	return FALSE;
}

/* The endpoint has no TLS of its own: it is for this machine, or for a proxy on it. */
static gboolean is_loopback(const ListenAddress *address)
{
	if (address->path != NULL)
		return TRUE;
	g_autoptr(GInetAddress) host =
		address->host != NULL ? g_inet_address_new_from_string(address->host) : NULL;
	return host != NULL && g_inet_address_get_is_loopback(host);
}

/* Whether a server answers at the Unix socket @path. */
static gboolean is_alive(const char *path)
{
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_enable_proxy(client, FALSE);
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, &error);
	return connection != NULL || !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

/* A Unix socket that an earlier process left behind is removed; anything else at the path is not. */
static gboolean remove_stale(const char *path, GError **error)
{
	struct stat info;
	if (lstat(path, &info) != 0)
		return errno == ENOENT || fail_errno(error, path, "cannot be looked at", errno);
	if (!S_ISSOCK(info.st_mode))
		return fail_errno(error, path, "is there, and no socket", EEXIST);
	if (is_alive(path))
		return fail_errno(error, path, "another server is there", EADDRINUSE);
	return unlink(path) == 0 || fail_errno(error, path, "cannot be removed", errno);
}

static GSocketAddress *socket_address(const ListenAddress *address)
{
	if (address->path != NULL)
		return g_unix_socket_address_new(address->path);
	return g_inet_socket_address_new_from_string(address->host, address->port);
}

/* Returns a listening socket, or -1. */
static int listen_at(const ListenAddress *address, GError **error)
{
	if (address->path != NULL && !remove_stale(address->path, error))
		return -1;
	g_autoptr(GSocketAddress) native = socket_address(address);
	struct sockaddr_storage storage;
	gssize size = g_socket_address_get_native_size(native);
	if (!g_socket_address_to_native(native, &storage, sizeof(storage), error))
		return -1;
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		fail_errno(error, address->text, "no socket", errno);
		return -1;
	}
	int on = 1;
	if (storage.ss_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (storage.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* The socket's file is for owner and group: who may connect still needs a token. Linux gives the
	 * file the mode of the socket that is bound; umask() would be everybody's in a process with
	 * threads. */
	if (storage.ss_family == AF_UNIX)
		(void)fchmod(fd, 0660);
	if (bind(fd, (struct sockaddr *)&storage, (socklen_t)size) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	int code = errno;
	(void)close(fd);
	fail_errno(error, address->text, "cannot be listened at", code);
	return -1;
}

static gboolean start_daemon(Web *web, const ListenAddress *address, GError **error)
{
	if (!is_loopback(address)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
			"[http] listen: %s: only loopback addresses and Unix sockets; for others put a proxy "
			"with TLS in front",
			address->text);
		return FALSE;
	}
	int fd = listen_at(address, error);
	if (fd < 0)
		return FALSE;
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL,
		NULL, web_on_request, web, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
		web_on_completed, web, MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)WEB_THREADS,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)WEB_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)WEB_TIMEOUT_S, MHD_OPTION_END);
	if (daemon == NULL) {
		(void)close(fd);
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			"[http] listen: %s: libmicrohttpd does not start", address->text);
		return FALSE;
	}
	WebListener *listener = g_new(WebListener, 1);
	*listener = (WebListener){ .daemon = daemon, .path = g_strdup(address->path) };
	g_ptr_array_add(web->listeners, listener);
	log_notice("http.listening", LOG_STR("address", address->text));
	return TRUE;
}

Web *web_start(const WebContext *context, GError **error)
{
	Web *web = g_new0(Web, 1);
	web->context = *context;
	web->listeners = g_ptr_array_new_with_free_func(listener_free);
	g_mutex_init(&web->lock);
	const char *path = settings_string(context->settings, SETTING_HTTP_TOKEN_FILE);
	web->token_path = *path != '\0' ? g_strdup(path) : NULL;
	gsize n;
	const ListenAddress *addresses = settings_addresses(context->settings, SETTING_HTTP_LISTEN, &n);
	gboolean ok = n == 0 || web_tokens_load(web, error);
	for (gsize i = 0; ok && i < n; i++)
		ok = start_daemon(web, &addresses[i], error);
	if (!ok) {
		web_stop(web);
		return NULL;
	}
	if (n > 0 && web->token_path == NULL)
		log_warning("http.closed",
			LOG_STR("reason", "no [http] token_file: all but /healthz is refused"));
	return web;
}

void web_stop(Web *web)
{
	if (web == NULL)
		return;
	g_ptr_array_unref(web->listeners);
	web_tokens_clear(web);
	g_mutex_clear(&web->lock);
	g_free(web->token_path);
	g_free(web);
}
