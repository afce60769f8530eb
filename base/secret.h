#pragma once

/* Secrets: compared without telling by time how far they agree. Any thread. */

#include <glib.h>

G_BEGIN_DECLS

/* Whether the @a_len bytes at @a are the @b_len bytes at @b. The time depends on @a_len only, so @a is
 * what the stranger sent, and @b the secret. */
gboolean secret_equal(const char *a, gsize a_len, const char *b, gsize b_len);

G_END_DECLS
