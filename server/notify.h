/* Telling systemd how it goes: sd_notify(3) without its library. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Sends @state ("READY=1", "STOPPING=1") to the socket that NOTIFY_SOCKET names; nothing without it, or
 * when it fails. */
void notify_system(const char *state);

G_END_DECLS
