/* What waits to be written to a client: a queue of chunks. Costs nothing while empty. Used in the loop's
 * thread only. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct {
	GQueue chunks; /* of GString, owned */
	gsize offset;  /* octets of the first chunk that are written already */
	gsize size;    /* octets that wait */
} Output;

void output_init(Output *output);
void output_clear(Output *output);

/* Appends a copy of the octets. */
void output_write(Output *output, const char *data, gsize len);
void output_puts(Output *output, const char *text);
/* Takes what @string holds; @string is empty afterwards. Big strings are moved, not copied. */
void output_take(Output *output, GString *string);

/* The octets at the head (at least one), or NULL when nothing waits. They live until output_consume(). */
const char *output_peek(const Output *output, gsize *len_out);
void output_consume(Output *output, gsize len);

G_END_DECLS
