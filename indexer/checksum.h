/* CRC-32C (Castagnoli), for what lies in files beside the database. Pure. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* The checksum of what gave @crc (0: nothing yet) followed by the @len bytes at @data. */
guint32 checksum_add(guint32 crc, const void *data, gsize len);

G_END_DECLS
