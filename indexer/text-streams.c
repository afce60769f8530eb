/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the lines of a text are dealt out to streams, and matched there. */
#include "indexer/text-store-private.h"

#include <string.h>

#include "indexer/checksum.h"
#include "indexer/terms.h"

TextStream text_stream_of_field(const char *name, gsize len)
{
	switch (term_prefix_of_field(name, len)) {
	case TERM_PREFIX_HEADER:
		return TEXT_STREAM_HEADER;
	case TERM_PREFIX_TRACE:
		return TEXT_STREAM_TRACE;
	default:
		return TEXT_STREAM_ENVELOPE;
	}
}

void text_buffers_init(TextBuffers *buffers)
{
	for (int stream = 0; stream < TEXT_STREAM_PARTS; stream++)
		buffers->buffer[stream] = g_string_new(NULL);
	buffers->long_words = g_string_new(NULL);
}

void text_buffers_clear(TextBuffers *buffers)
{
	for (int stream = 0; stream < TEXT_STREAM_PARTS; stream++)
		if (buffers->buffer[stream] != NULL)
			(void)g_string_free(g_steal_pointer(&buffers->buffer[stream]), TRUE);
	if (buffers->long_words != NULL)
		(void)g_string_free(g_steal_pointer(&buffers->long_words), TRUE);
}

/* @line: of a trace field, with its LF. */
static void add_long_words(GString *words, const char *line, gsize name_len, gsize len)
{
	const char *at = line + name_len, *end = line + len, *word;
	gsize word_len;
	if (end > at && end[-1] == '\n')
		end--;
	while ((word = term_long_word(&at, end, &word_len)) != NULL) {
		if (words->len == 0)
			g_string_append_c(words, '\n');
		g_string_append_len(words, word, (gssize)word_len);
		g_string_append_c(words, '\n');
	}
}

void text_split(const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], TextBuffers *buffers, TextSpan streams[TEXT_N_STREAMS])
{
	const char *line = sections[MESSAGE_TEXT_HEADER].data, *end = line + sections[MESSAGE_TEXT_HEADER].len;
	for (int stream = 0; stream < TEXT_STREAM_PARTS; stream++)
		g_string_truncate(buffers->buffer[stream], 0);
	g_string_truncate(buffers->long_words, 0);
	while (line < end) {
		const char *line_end = memchr(line, '\n', (gsize)(end - line));
		const char *next = line_end == NULL ? end : line_end + 1;
		gsize name_len = term_name_end(line, (gsize)(next - line));
		TextStream stream = text_stream_of_field(line, name_len);
		g_string_append_len(buffers->buffer[stream], line, next - line);
		if (stream == TEXT_STREAM_TRACE)
			add_long_words(buffers->long_words, line, name_len, (gsize)(next - line));
		line = next;
	}
	for (int stream = 0; stream < TEXT_STREAM_PARTS; stream++) {
		streams[stream].data = buffers->buffer[stream]->str;
		streams[stream].len = buffers->buffer[stream]->len;
	}
	streams[TEXT_STREAM_PARTS] = sections[MESSAGE_TEXT_PARTS];
	streams[TEXT_STREAM_BODY] = sections[MESSAGE_TEXT_BODY];
	streams[TEXT_STREAM_SORT] = (TextSpan){ "", 0 };
	streams[TEXT_STREAM_LONG] = (TextSpan){ buffers->long_words->str, buffers->long_words->len };
}

/* The stream of a field: by its name up to the first ": ", as the lines were dealt out. */
TextStream text_stream_of_leaf(const TextLeaf *leaf)
{
	return text_stream_of_field(leaf->field, term_name_end(leaf->field, leaf->field_len));
}

gboolean text_streams_match(const TextSpan streams[TEXT_N_STREAMS], const TextLeaf *leaf)
{
	TextSpan sections[MESSAGE_TEXT_N_SECTIONS] = { { "", 0 }, { "", 0 }, { "", 0 } };
	switch (leaf->scope) {
	case TEXT_SCOPE_HEADER:
		sections[MESSAGE_TEXT_HEADER] = streams[text_stream_of_leaf(leaf)];
		break;
	case TEXT_SCOPE_BODY:
		sections[MESSAGE_TEXT_BODY] = streams[TEXT_STREAM_BODY];
		break;
	case TEXT_SCOPE_TEXT:
		for (int stream = 0; stream < TEXT_STREAM_PARTS; stream++) {
			sections[MESSAGE_TEXT_HEADER] = streams[stream];
			if (message_text_match(sections, leaf->scope, NULL, 0, leaf->needle, leaf->needle_len))
				return TRUE;
		}
		sections[MESSAGE_TEXT_HEADER].len = 0;
		sections[MESSAGE_TEXT_PARTS] = streams[TEXT_STREAM_PARTS];
		sections[MESSAGE_TEXT_BODY] = streams[TEXT_STREAM_BODY];
		break;
	}
	return message_text_match(sections, leaf->scope, leaf->field, leaf->field_len, leaf->needle, leaf->needle_len);
}

guint32 text_entry_checksum(guint32 id, const TextSpan streams[TEXT_N_STREAMS])
{
	guint32 head[1 + TEXT_N_STREAMS] = { id };
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		head[1 + stream] = (guint32)streams[stream].len;
	guint32 crc = checksum_add(0, head, sizeof head);
	for (int stream = 0; stream < TEXT_N_STREAMS; stream++)
		crc = checksum_add(crc, streams[stream].data, streams[stream].len);
	return crc;
}
