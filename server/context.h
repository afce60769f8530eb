/* What all sessions share: made by the main program before the first connection, and alive until the last
 * one is gone. The members never change (what they point to is thread-safe); the counts below are under
 * their own lock. */
#pragma once
#include "base/settings.h"
#include "indexer/supervisor.h"
#include "server/auth/auth.h"
#include "server/conn/tls.h"
#include "server/imap/site-metadata.h"
#include "store/store.h"
G_BEGIN_DECLS

typedef struct ServerContext ServerContext;
struct ServerContext {
	const Settings *settings;
	Store *store;
	Supervisor *supervisor; /* NULL in tests */
	Auth *auth;
	Tls *tls;             /* NULL: no certificate, so neither STARTTLS nor logins but on loopback */
	const SiteMetadata *site_metadata; /* shared annotations and filters; NULL: none */
	const char *hostname; /* in the greeting */
	guint64 append_limit; /* octets of one message: APPENDLIMIT */
	/* private */
	GMutex lock;
	GHashTable *users; /* user -> number of sessions; under lock */
	GHashTable *searches; /* user -> number of searches that run; under lock */
	gint stopping;     /* atomic */
};

/* @settings is borrowed, as are the members that the caller sets afterwards. */
void server_context_init(ServerContext *server, const Settings *settings);
void server_context_clear(ServerContext *server);

/* Counts one more session of @user, or returns FALSE when it has as many as the settings allow. From any
 * thread. */
gboolean server_context_enter(ServerContext *server, const char *user);
void server_context_leave(ServerContext *server, const char *user);

/* The same for searches that run ([limits] searches_per_user). */
gboolean server_context_enter_search(ServerContext *server, const char *user);
void server_context_leave_search(ServerContext *server, const char *user);

/* From server_context_stop() on command_cancelled() is TRUE everywhere. From any thread. */
void server_context_stop(ServerContext *server);
gboolean server_context_is_stopping(ServerContext *server);

G_END_DECLS
