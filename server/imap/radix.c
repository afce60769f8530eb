#include "server/imap/radix.h"

#include <string.h>

/* Below this insertion is faster: the counts of eight octets take their time too. */
#define INSERTION_ITEMS 48

guint64 radix_key(gint64 number)
{
	return (guint64)number ^ (G_GUINT64_CONSTANT(1) << 63);
}

static void insertion_sort(RadixItem *items, gsize n)
{
	for (gsize i = 1; i < n; i++) {
		RadixItem item = items[i];
		gsize at = i;
		for (; at > 0 && items[at - 1].key > item.key; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

void radix_sort(RadixItem *items, RadixItem *spare, gsize n)
{
	if (n < INSERTION_ITEMS) {
		insertion_sort(items, n);
		return;
	}
	gsize counts[8][256] = { 0 };
	for (gsize i = 0; i < n; i++)
		for (guint octet = 0; octet < 8; octet++)
			counts[octet][items[i].key >> (octet * 8) & 0xff]++;
	RadixItem *from = items, *to = spare;
	for (guint octet = 0; octet < 8; octet++) {
		guint shift = octet * 8;
		if (counts[octet][from[0].key >> shift & 0xff] == n)
			continue; /* all have the same */
		gsize at[256], sum = 0;
		for (guint value = 0; value < 256; value++) {
			at[value] = sum;
			sum += counts[octet][value];
		}
		for (gsize i = 0; i < n; i++)
			to[at[from[i].key >> shift & 0xff]++] = from[i];
		RadixItem *swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, n * sizeof(*items));
}
