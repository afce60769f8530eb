#include "server/context.h"

void server_context_init(ServerContext *server, const Settings *settings)
{
	*server = (ServerContext){ .settings = settings };
	server->hostname = settings_string(settings, SETTING_SERVER_HOSTNAME);
	if (server->hostname[0] == '\0')
		server->hostname = g_get_host_name();
	server->append_limit = settings_bytes(settings, SETTING_LIMITS_APPEND_LIMIT);
	server->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	server->searches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&server->lock);
}

void server_context_clear(ServerContext *server)
{
	g_hash_table_unref(server->users);
	g_hash_table_unref(server->searches);
	g_mutex_clear(&server->lock);
}

static gboolean enter(ServerContext *server, GHashTable *counts, const char *user, guint limit)
{
	g_mutex_lock(&server->lock);
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, user));
	gboolean room = n < limit;
	if (room)
		g_hash_table_replace(counts, g_strdup(user), GUINT_TO_POINTER(n + 1));
	g_mutex_unlock(&server->lock);
	return room;
}

static void leave(ServerContext *server, GHashTable *counts, const char *user)
{
	g_mutex_lock(&server->lock);
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, user));
	if (n > 1)
		g_hash_table_replace(counts, g_strdup(user), GUINT_TO_POINTER(n - 1));
	else
		g_hash_table_remove(counts, user);
	g_mutex_unlock(&server->lock);
}

gboolean server_context_enter(ServerContext *server, const char *user)
{
	return enter(server, server->users, user,
		(guint)settings_int(server->settings, SETTING_SERVER_MAX_CONNECTIONS_PER_USER));
}

void server_context_leave(ServerContext *server, const char *user)
{
	leave(server, server->users, user);
}

gboolean server_context_enter_search(ServerContext *server, const char *user)
{
	return enter(server, server->searches, user,
		(guint)settings_int(server->settings, SETTING_LIMITS_SEARCHES_PER_USER));
}

void server_context_leave_search(ServerContext *server, const char *user)
{
	leave(server, server->searches, user);
}

void server_context_stop(ServerContext *server)
{
	g_atomic_int_set(&server->stopping, 1);
}

gboolean server_context_is_stopping(ServerContext *server)
{
	return g_atomic_int_get(&server->stopping) != 0;
}
