/* Putting many numbers into order: a stable radix sort, several times as fast as qsort() with its calls. Pure. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct {
	guint64 key;
	gsize value; /* goes along: an index, or a pointer */
} RadixItem;

/* Puts the @n @items into ascending order of their keys; those with equal keys stay in the order in which they are. @spare: room for as many. */
void radix_sort(RadixItem *items, RadixItem *spare, gsize n);
/* A signed number as a key: in the order of unsigned ones. */
guint64 radix_key(gint64 number);

G_END_DECLS
