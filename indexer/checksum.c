/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/checksum.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reversed */
#define SLICES 8

/* Eight octets a step: tables[k][x] is what octet x gives with k zero octets after it. */
static const guint32 (*get_tables(void))[256]
{
	static guint32 tables[SLICES][256];
	static gsize made = 0;
	if (g_once_init_enter(&made)) {
		for (guint32 octet = 0; octet < 256; octet++) {
			guint32 crc = octet;
			for (int bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
			tables[0][octet] = crc;
		}
		for (int slice = 1; slice < SLICES; slice++)
			for (int octet = 0; octet < 256; octet++)
				tables[slice][octet] = tables[slice - 1][octet] >> 8 ^ tables[0][tables[slice - 1][octet] & 0xff];
		g_once_init_leave(&made, 1);
	}
	return tables;
}

guint32 checksum_add(guint32 crc, const void *data, gsize len)
{
	const guint32(*tables)[256] = get_tables();
	const guint8 *at = data;
	crc = ~crc;
	for (; len >= 8; at += 8, len -= 8) {
		guint64 eight;
		memcpy(&eight, at, sizeof eight);
		eight = GUINT64_FROM_LE(eight) ^ crc;
		crc = 0;
		for (int i = 0; i < 8; i++)
			crc ^= tables[7 - i][eight >> (8 * i) & 0xff];
	}
	for (; len > 0; at++, len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
	return ~crc;
}
