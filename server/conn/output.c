#include "server/conn/output.h"

#include <string.h>

/* Smaller pieces are put together in one chunk, so that they leave in one packet and one TLS record. */
#define CHUNK_BYTES (16 * 1024)

void output_init(Output *output)
{
	*output = (Output){ 0 };
	g_queue_init(&output->chunks);
}

static void free_chunk(gpointer chunk)
{
	g_string_free(chunk, TRUE);
}

void output_clear(Output *output)
{
	g_queue_clear_full(&output->chunks, free_chunk);
	output_init(output);
}

void output_write(Output *output, const char *data, gsize len)
{
	if (len == 0)
		return;
	GString *last = g_queue_peek_tail(&output->chunks);
	if (last == NULL || last->len + len > CHUNK_BYTES) {
		last = g_string_sized_new(len);
		g_queue_push_tail(&output->chunks, last);
	}
	g_string_append_len(last, data, (gssize)len);
	output->size += len;
}

void output_puts(Output *output, const char *text)
{
	output_write(output, text, strlen(text));
}

void output_take(Output *output, GString *string)
{
	if (string->len < CHUNK_BYTES) {
		output_write(output, string->str, string->len);
		g_string_truncate(string, 0);
		return;
	}
	GString *chunk = g_string_new(NULL);
	GString swap = *chunk;
	*chunk = *string;
	*string = swap;
	output->size += chunk->len;
	g_queue_push_tail(&output->chunks, chunk);
}

const char *output_peek(const Output *output, gsize *len_out)
{
	const GString *first = output->chunks.head != NULL ? output->chunks.head->data : NULL;
	if (first == NULL)
		return NULL;
	*len_out = first->len - output->offset;
	return first->str + output->offset;
}

void output_consume(Output *output, gsize len)
{
	output->size -= len;
	while (len > 0) {
		GString *first = g_queue_peek_head(&output->chunks);
		gsize there = first->len - output->offset;
		if (len < there) {
			output->offset += len;
			return;
		}
		len -= there;
		output->offset = 0;
		free_chunk(g_queue_pop_head(&output->chunks));
	}
}
