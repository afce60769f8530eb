#include "server/context.h"

void server_context_init(ServerContext *server, const Settings *settings)
{
	*server = (ServerContext){ .settings = settings };
	server->hostname = settings_string(settings, SETTING_SERVER_HOSTNAME);
	if (server->hostname[0] == '\0')
		server->hostname = g_get_host_name();
	server->append_limit = settings_bytes(settings, SETTING_LIMITS_APPEND_LIMIT);
	server->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&server->lock);
}

void server_context_clear(ServerContext *server)
{
	g_hash_table_unref(server->users);
	g_mutex_clear(&server->lock);
}

gboolean server_context_enter(ServerContext *server, const char *user)
{
	guint limit = (guint)settings_int(server->settings, SETTING_SERVER_MAX_CONNECTIONS_PER_USER);
	g_mutex_lock(&server->lock);
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(server->users, user));
	gboolean room = n < limit;
	if (room)
		g_hash_table_replace(server->users, g_strdup(user), GUINT_TO_POINTER(n + 1));
	g_mutex_unlock(&server->lock);
	return room;
}

void server_context_leave(ServerContext *server, const char *user)
{
	g_mutex_lock(&server->lock);
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(server->users, user));
	if (n > 1)
		g_hash_table_replace(server->users, g_strdup(user), GUINT_TO_POINTER(n - 1));
	else
		g_hash_table_remove(server->users, user);
	g_mutex_unlock(&server->lock);
}

void server_context_stop(ServerContext *server)
{
	g_atomic_int_set(&server->stopping, 1);
}

gboolean server_context_is_stopping(ServerContext *server)
{
	return g_atomic_int_get(&server->stopping) != 0;
}
