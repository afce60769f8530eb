/* mbox files: whatever they hold, each message is read once, nothing is added, and no date or flag is out
 * of its range. */

#include "cli/message-source.h"

typedef struct {
	gsize bytes, messages;
} Sum;

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static gboolean add(const SourceMessage *message, gpointer data, GError **error)
{
	(void)error;
	Sum *sum = data;
	sum->bytes += message->len;
	sum->messages++;
	g_assert_true(message->data != NULL || message->len == 0);
	g_assert_cmpuint(message->flags, <, MESSAGE_DRAFT << 1);
	g_assert_true(message->zone > -1440 && message->zone < 1440);
	return TRUE;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	Sum sum = { 0 };
	g_autoptr(GError) error = NULL;
	g_assert_true(source_walk_mbox(data, len, "fuzz", 1, add, &sum, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(sum.bytes, <=, len);
	g_assert_cmpint(sum.messages > 0, ==, len > 0);
	return 0;
}
