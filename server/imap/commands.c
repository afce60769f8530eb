/* The one table of commands. A UID variant is an entry of its own, since its flags differ: EXPUNGE
 * responses are forbidden during FETCH, STORE and SEARCH, and allowed during UID FETCH and the like (RFC
 * 3501 section 7.4.1). */
#include "server/imap/commands.h"

static const CommandEntry entries[] = {
	{ "APPEND", cmd_append, COMMAND_AUTHENTICATED },
	{ "AUTHENTICATE", cmd_authenticate, COMMAND_NOT_AUTHENTICATED },
	{ "CANCELUPDATE", cmd_cancelupdate, COMMAND_SELECTED },
	{ "CAPABILITY", cmd_capability, COMMAND_ANY | COMMAND_LOOP },
	{ "CHECK", cmd_check, COMMAND_SELECTED },
	{ "CLOSE", cmd_close, COMMAND_SELECTED },
	{ "COPY", cmd_copy, COMMAND_SELECTED },
	{ "CREATE", cmd_create, COMMAND_AUTHENTICATED },
	{ "DELETE", cmd_delete, COMMAND_AUTHENTICATED },
	{ "ENABLE", cmd_enable, COMMAND_AUTHENTICATED },
	{ "ESEARCH", cmd_esearch, COMMAND_AUTHENTICATED },
	{ "EXAMINE", cmd_select, COMMAND_AUTHENTICATED },
	{ "EXPUNGE", cmd_expunge, COMMAND_SELECTED | COMMAND_WRITES },
	{ "FETCH", cmd_fetch, COMMAND_SELECTED | COMMAND_NO_EXPUNGE },
	{ "GETMETADATA", cmd_getmetadata, COMMAND_AUTHENTICATED },
	{ "ID", cmd_id, COMMAND_ANY | COMMAND_LOOP },
	{ "IDLE", cmd_idle, COMMAND_AUTHENTICATED },
	{ "LIST", cmd_list, COMMAND_AUTHENTICATED },
	{ "LOGIN", cmd_login, COMMAND_NOT_AUTHENTICATED },
	{ "LOGOUT", cmd_logout, COMMAND_ANY | COMMAND_LOOP },
	{ "LSUB", cmd_lsub, COMMAND_AUTHENTICATED },
	{ "MOVE", cmd_move, COMMAND_SELECTED | COMMAND_WRITES },
	{ "NAMESPACE", cmd_namespace, COMMAND_AUTHENTICATED },
	{ "NOOP", cmd_noop, COMMAND_ANY },
	{ "RENAME", cmd_rename, COMMAND_AUTHENTICATED },
	{ "SEARCH", cmd_search, COMMAND_SELECTED | COMMAND_NO_EXPUNGE },
	{ "SELECT", cmd_select, COMMAND_AUTHENTICATED },
	{ "SETMETADATA", cmd_setmetadata, COMMAND_AUTHENTICATED },
	{ "SORT", cmd_sort, COMMAND_SELECTED | COMMAND_NO_EXPUNGE },
	{ "STARTTLS", cmd_starttls, COMMAND_NOT_AUTHENTICATED | COMMAND_LOOP },
	{ "STATUS", cmd_status, COMMAND_AUTHENTICATED },
	{ "STORE", cmd_store, COMMAND_SELECTED | COMMAND_WRITES | COMMAND_NO_EXPUNGE },
	{ "SUBSCRIBE", cmd_subscribe, COMMAND_AUTHENTICATED },
	{ "THREAD", cmd_thread, COMMAND_SELECTED | COMMAND_NO_EXPUNGE },
	{ "UID COPY", cmd_copy, COMMAND_SELECTED },
	{ "UID EXPUNGE", cmd_expunge, COMMAND_SELECTED | COMMAND_WRITES },
	{ "UID FETCH", cmd_fetch, COMMAND_SELECTED },
	{ "UID MOVE", cmd_move, COMMAND_SELECTED | COMMAND_WRITES },
	{ "UID SEARCH", cmd_search, COMMAND_SELECTED },
	{ "UID SORT", cmd_sort, COMMAND_SELECTED },
	{ "UID STORE", cmd_store, COMMAND_SELECTED | COMMAND_WRITES },
	{ "UID THREAD", cmd_thread, COMMAND_SELECTED },
	{ "UNAUTHENTICATE", cmd_unauthenticate, COMMAND_AUTHENTICATED },
	{ "UNSELECT", cmd_close, COMMAND_SELECTED },
	{ "UNSUBSCRIBE", cmd_unsubscribe, COMMAND_AUTHENTICATED },
};

static gpointer make_table(gpointer data)
{
	(void)data;
	GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < G_N_ELEMENTS(entries); i++)
		g_hash_table_insert(
			table, (gpointer)(guintptr)entries[i].name, (gpointer)(guintptr)&entries[i]);
	return table;
}

const CommandEntry *command_find(const char *name)
{
	static GOnce once = G_ONCE_INIT;
	GHashTable *table = g_once(&once, make_table, NULL);
	return g_hash_table_lookup(table, name);
}
