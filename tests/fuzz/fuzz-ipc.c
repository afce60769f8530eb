/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes over the socket between mailsiftd and mailsift-indexer: parsing a stream never reads outside of it, always moves on, and what was
 * parsed is written back to the same octets. */
#include <stdint.h>
#include <string.h>

#include "indexer/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size > 0) {
		IpcMessage message;
		gssize used = ipc_parse(data, size, &message, NULL);
		if (used <= 0)
			break;
		g_assert((gsize)used <= size);
		g_autoptr(GByteArray) written = g_byte_array_new();
		if (ipc_write(written, &message) && (message.reason == NULL || strlen(message.reason) <= 1024)) {
			g_assert(written->len == (gsize)used);
			g_assert(memcmp(written->data, data, written->len) == 0);
		}
		ipc_message_clear(&message);
		data += used;
		size -= (gsize)used;
	}
	return 0;
}
