/* A job of the running server as its answers show it (web/jobs.c), for people. */
#pragma once
#include <jansson.h>

#include "cli/web-client.h"
G_BEGIN_DECLS

/* Whether it is done, failed or cancelled. */
gboolean job_is_over(const json_t *job);
/* Whether it did all that was asked for: done, with nothing failed. */
gboolean job_is_success(const json_t *job);
/* "joe" or "joe, mailbox Archive". Owned by the caller. */
char *job_title(const json_t *job);
/* How far it is: "running, 1200 of 5000, 830/s, 5 s left". Owned by the caller. */
char *job_progress(const json_t *job);
guint64 job_id(const json_t *job);

/* Asks for the job. NULL and @error. */
json_t *job_load(WebClient *client, guint64 id, GError **error);

G_END_DECLS
