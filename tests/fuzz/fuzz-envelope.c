/* Addresses: each group start has its end, and every string that must be there is. */

#include "store/envelope.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	g_autoptr(GPtrArray) addresses = envelope_addresses((const char *)data, len);
	gboolean open = FALSE;
	gsize text_len;
	g_assert_cmpuint(addresses->len, <=, LIMIT_ADDRESSES + 1);
	for (guint i = 0; i < addresses->len; i++) {
		const EnvelopeAddress *address = addresses->pdata[i];
		switch (address->kind) {
		case ENVELOPE_GROUP_START:
			g_assert_false(open);
			g_assert_nonnull(address->name);
			open = TRUE;
			break;
		case ENVELOPE_GROUP_END:
			g_assert_true(open);
			open = FALSE;
			break;
		case ENVELOPE_MAILBOX:
			g_assert_true(address->mailbox != NULL && address->host != NULL);
			g_assert_true(address->name == NULL || *address->name != '\0');
			break;
		}
	}
	g_assert_false(open);
	g_autofree char *text = envelope_text((const char *)data, len, &text_len);
	g_assert_cmpuint(text_len, <=, len);
	return 0;
}
