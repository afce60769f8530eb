/* The HTTP admin endpoint, in the server's process: its one entry for server/. It runs in threads of its
 * own and touches accounts, the index and the supervisor by their thread-safe functions only. */
#pragma once
#include "base/settings.h"
#include "indexer/supervisor.h"
#include "store/store.h"
G_BEGIN_DECLS

/* All borrowed; they must live until web_stop() has returned. */
typedef struct {
	Store *store;
	Supervisor *supervisor;
	const Settings *settings;
	gint64 started_at; /* when the server started; Unix microseconds */
} WebContext;

typedef struct Web Web;

/* Listens as settings say (http.listen) and answers until web_stop(). With nothing to listen on it does
 * nothing, and returns an object all the same. Returns NULL and sets @error when an address cannot be had
 * or the token file cannot be read. @context is copied. */
Web *web_start(const WebContext *context, GError **error);

/* Ends what is being answered, closes, frees. NULL is fine. */
void web_stop(Web *web);

G_END_DECLS
