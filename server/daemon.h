/* mailsiftd as a whole: its parts in the order in which they are started and stopped. The main program is
 * options and signals around it. */
#pragma once
#include "base/settings.h"
G_BEGIN_DECLS

typedef struct Daemon Daemon;

/* Whether what the settings name can be used: certificate, key, user, shared filters. Starts and changes nothing; it is for whom
 * daemon_start() would be called as, who may be the only one to read the key. */
gboolean daemon_check(const Settings *settings, GError **error);

/* Reads the certificate, binds the addresses, becomes server.user, opens the store, and starts the indexer
 * and the HTTP endpoint; clients are not taken yet. @config_path is handed to the indexer. NULL and @error
 * when any of it fails; what was started is stopped again. */
Daemon *daemon_start(
	const Settings *settings, const char *config_path, const char *const *overrides, GError **error);
/* Takes clients until SIGTERM or SIGINT; SIGHUP reads the certificate anew. Returns when all clients are
 * gone. */
void daemon_run(Daemon *daemon);
/* Ends the rest in good order, frees. */
void daemon_stop(Daemon *daemon);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Daemon, daemon_stop)
G_END_DECLS
