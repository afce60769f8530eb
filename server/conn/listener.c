#include "server/conn/listener.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
/* Clients taken within one event, so that a flood of them does not keep the others waiting. */
#define ACCEPTS_PER_EVENT 16
/* When there are no descriptors left: how long to wait before the next try. */
#define PAUSE_SECONDS 1

typedef union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
} Address;

typedef struct {
	Hub *hub;
	int fd;
	char *path; /* of a Unix socket, to be removed; else NULL */
	gboolean implicit_tls;
	struct event *event;
	struct event *pause;
} Listener;

struct Listeners {
	GPtrArray *all; /* of Listener */
};

static void listener_free(gpointer data)
{
	Listener *l = data;
	if (l->event != NULL)
		event_free(l->event);
	if (l->pause != NULL)
		event_free(l->pause);
	(void)close(l->fd);
	if (l->path != NULL)
		(void)unlink(l->path);
	g_free(l->path);
	g_free(l);
}

/* --- addresses --- */

static char *describe(const Address *address)
{
	g_autofree char *host = g_malloc0(INET6_ADDRSTRLEN);
	switch (address->any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &address->v4.sin_addr, host, INET6_ADDRSTRLEN);
		return g_strdup_printf("%s:%u", host, ntohs(address->v4.sin_port));
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, INET6_ADDRSTRLEN);
		return g_strdup_printf("[%s]:%u", host, ntohs(address->v6.sin6_port));
	default:
		return g_strdup("unix");
	}
}

/* The address alone, for the log: what fail2ban looks for. An IPv4 client of an IPv6 socket has its IPv4
 * address. */
static char *describe_peer(const Address *address)
{
	g_autofree char *host = g_malloc0(INET6_ADDRSTRLEN);
	switch (address->any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &address->v4.sin_addr, host, INET6_ADDRSTRLEN);
		break;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
			(void)inet_ntop(AF_INET, address->v6.sin6_addr.s6_addr + 12, host, INET6_ADDRSTRLEN);
		else
			(void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, INET6_ADDRSTRLEN);
		break;
	default:
		return g_strdup("unix");
	}
	return g_steal_pointer(&host);
}

static gboolean is_local(const Address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
			return address->v6.sin6_addr.s6_addr[12] == 127;
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	default:
		return address->any.sa_family == AF_UNIX;
	}
}

/* --- clients --- */

static void resume(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Listener *l = data;
	(void)event_add(l->event, NULL);
}

/* FALSE: nobody waits any more. */
static gboolean accept_one(Listener *l)
{
	Address address = { 0 };
	socklen_t len = sizeof address;
	int fd = accept4(l->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		int error_number = errno;
		if (error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
			error_number == ENOMEM) {
			log_error("accept.failed", LOG_STR("error", g_strerror(error_number)));
			struct timeval pause = { .tv_sec = PAUSE_SECONDS };
			(void)event_del(l->event);
			(void)event_add(l->pause, &pause);
			return FALSE;
		}
		/* The client is gone again; or nobody is there. */
		return error_number != EAGAIN && error_number != EWOULDBLOCK;
	}
	if (address.any.sa_family != AF_UNIX) {
		int on = 1;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	}
	g_autofree char *peer = describe_peer(&address);
	hub_accept(l->hub, fd, peer, is_local(&address), l->implicit_tls);
	return TRUE;
}

static void acceptable(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Listener *l = data;
	for (guint i = 0; i < ACCEPTS_PER_EVENT && accept_one(l); i++) {
		/* the next one */
	}
}

/* --- binding --- */

static gboolean set_errno(GError **error, const char *text, const char *what, int error_number)
{
	g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(error_number), "%s: %s: %s", text, what,
		g_strerror(error_number));
	return FALSE;
}

static int open_socket(const Address *address, socklen_t len, const char *text, GError **error)
{
	int family = address->any.sa_family, on = 1, off = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		(void)set_errno(error, text, "socket", errno);
		return -1;
	}
	if (family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (family == AF_INET6) {
		/* "*" is both; an address that was written out is itself. */
		gboolean both = IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr) && strchr(text, '*') != NULL;
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? &off : &on, sizeof on);
	}
	const char *what = "bind";
	int failed = bind(fd, &address->any, len);
	if (failed == 0) {
		what = "listen";
		failed = listen(fd, BACKLOG);
	}
	if (failed != 0) {
		(void)set_errno(error, text, what, errno);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* A socket that a server which died has left is in the way; one that somebody answers is not touched. */
static void remove_stale(const Address *address, socklen_t len)
{
	struct stat status;
	if (lstat(address->local.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &address->any, len) != 0 && errno == ECONNREFUSED)
		(void)unlink(address->local.sun_path);
	(void)close(fd);
}

static int open_unix(const ListenAddress *listen_address, GError **error)
{
	Address address = { 0 };
	address.local.sun_family = AF_UNIX;
	if (strlen(listen_address->path) >= sizeof address.local.sun_path) {
		(void)set_errno(error, listen_address->text, "path", ENAMETOOLONG);
		return -1;
	}
	memcpy(address.local.sun_path, listen_address->path, strlen(listen_address->path));
	remove_stale(&address, sizeof address.local);
	int fd = open_socket(&address, sizeof address.local, listen_address->text, error);
	/* Who may connect is for the folder's mode to say; logins are asked for a password anyway. */
	if (fd >= 0)
		(void)chmod(listen_address->path, 0666);
	return fd;
}

static int open_inet(const ListenAddress *listen_address, GError **error)
{
	Address v4 = { 0 }, v6 = { 0 };
	v4.v4.sin_family = AF_INET;
	v4.v4.sin_port = htons(listen_address->port);
	v6.v6.sin6_family = AF_INET6;
	v6.v6.sin6_port = htons(listen_address->port);
	if (listen_address->host == NULL) {
		v6.v6.sin6_addr = in6addr_any;
		int fd = open_socket(&v6, sizeof v6.v6, listen_address->text, NULL);
		if (fd >= 0)
			return fd;
		/* A machine without IPv6. */
		v4.v4.sin_addr.s_addr = htonl(INADDR_ANY);
		return open_socket(&v4, sizeof v4.v4, listen_address->text, error);
	}
	if (inet_pton(AF_INET, listen_address->host, &v4.v4.sin_addr) == 1)
		return open_socket(&v4, sizeof v4.v4, listen_address->text, error);
	if (inet_pton(AF_INET6, listen_address->host, &v6.v6.sin6_addr) == 1)
		return open_socket(&v6, sizeof v6.v6, listen_address->text, error);
	(void)set_errno(error, listen_address->text, "address", EINVAL);
	return -1;
}

static gboolean open_all(
	Listeners *listeners, const Settings *settings, SettingId id, gboolean implicit_tls, GError **error)
{
	gsize n = 0;
	const ListenAddress *addresses = settings_addresses(settings, id, &n);
	for (gsize i = 0; i < n; i++) {
		int fd = addresses[i].path != NULL ? open_unix(&addresses[i], error)
						   : open_inet(&addresses[i], error);
		if (fd < 0)
			return FALSE;
		Listener *l = g_new0(Listener, 1);
		l->fd = fd;
		l->path = g_strdup(addresses[i].path);
		l->implicit_tls = implicit_tls;
		g_ptr_array_add(listeners->all, l);
	}
	return TRUE;
}

Listeners *listeners_open(const Settings *settings, GError **error)
{
	g_autoptr(Listeners) listeners = g_new0(Listeners, 1);
	listeners->all = g_ptr_array_new_with_free_func(listener_free);
	if (!open_all(listeners, settings, SETTING_SERVER_LISTEN_IMAP, FALSE, error) ||
		!open_all(listeners, settings, SETTING_SERVER_LISTEN_IMAPS, TRUE, error))
		return NULL;
	return g_steal_pointer(&listeners);
}

void listeners_free(Listeners *listeners)
{
	if (listeners == NULL)
		return;
	g_ptr_array_unref(listeners->all);
	g_free(listeners);
}

void listeners_start(Listeners *listeners, Hub *hub)
{
	for (guint i = 0; i < listeners->all->len; i++) {
		Listener *l = listeners->all->pdata[i];
		l->hub = hub;
		l->event = event_new(loop_base(hub_loop(hub)), l->fd, EV_READ | EV_PERSIST, acceptable, l);
		l->pause = evtimer_new(loop_base(hub_loop(hub)), resume, l);
		(void)event_add(l->event, NULL);
	}
}

void listeners_stop(Listeners *listeners)
{
	g_ptr_array_set_size(listeners->all, 0);
}

char *listeners_describe(const Listeners *listeners)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < listeners->all->len; i++) {
		const Listener *l = listeners->all->pdata[i];
		Address address = { 0 };
		socklen_t len = sizeof address;
		if (getsockname(l->fd, &address.any, &len) != 0)
			continue;
		g_autofree char *text = describe(&address);
		g_string_append_printf(
			out, "%s%s", out->len > 0 ? ", " : "", l->path != NULL ? l->path : text);
	}
	return g_string_free(out, FALSE);
}
