/* Framing of what a client sends. The first octet says how long the pieces are in which the rest is handed
 * over; the events must be those of the whole, and memory must stay within the limits. */
#include "server/conn/framing.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

#define COMMAND_BYTES 600

static FramingChoice decide(const FramingLiteral *literal, gpointer data, const char **refusal_out)
{
	(void)data;
	g_assert(literal->kept <= COMMAND_BYTES + 2);
	if (literal->size > 100000) {
		*refusal_out = "NO [TOOBIG] no";
		return FRAMING_REFUSE;
	}
	return literal->size > 200 ? FRAMING_STREAM : FRAMING_KEEP;
}

/* The events and all octets that come with them, as one hash; streamed octets count one by one. */
static guint play(const guint8 *data, gsize len, gsize piece)
{
	const FramingLimits limits = { .command_bytes = COMMAND_BYTES, .literal_bytes = 400, .literals = 20 };
	g_autoptr(Framing) framing = framing_new(&limits, decide, NULL);
	guint hash = 5381;
	while (len > 0 || framing_pending(framing)) {
		gsize n = MIN(piece, len), left = n, octets_len = 0;
		const char *at = (const char *)data, *tag = NULL;
		FramingEvent event = framing_push(framing, &at, &left);
		data += n - left;
		len -= n - left;
		if (event != FRAMING_MORE && event != FRAMING_OCTETS)
			hash = hash * 33 + event;
		if (event == FRAMING_COMMAND || event == FRAMING_LINE) {
			GString *command = framing_take(framing);
			/* The line end of a literal is made CRLF: one octet more for each at most. */
			g_assert(command->len <= COMMAND_BYTES + limits.literals);
			for (gsize i = 0; i < command->len; i++)
				hash = hash * 33 + (guint8)command->str[i];
			g_string_free(command, TRUE);
		} else if (event == FRAMING_OCTETS) {
			const char *octets = framing_octets(framing, &octets_len);
			for (gsize i = 0; i < octets_len; i++)
				hash = hash * 33 + (guint8)octets[i];
		} else if (event == FRAMING_REFUSED || event == FRAMING_BROKEN) {
			hash = hash * 33 + g_str_hash(framing_refusal(framing, &tag));
			hash = hash * 33 + g_str_hash(tag);
			if (event == FRAMING_BROKEN)
				break;
		}
	}
	return hash;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	if (len == 0)
		return 0;
	gsize piece = (gsize)data[0] + 1;
	g_assert_cmpuint(play(data + 1, len - 1, piece), ==, play(data + 1, len - 1, G_MAXSIZE));
	return 0;
}
