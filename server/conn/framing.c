#include "server/conn/framing.h"

#include "base/limits.h"

#include <string.h>

typedef enum {
	STATE_LINE,         /* collecting a line */
	STATE_LITERAL,      /* collecting a literal in memory */
	STATE_STREAM_BEGIN, /* to be told */
	STATE_STREAM,       /* handing out a literal */
	STATE_CONTINUE,     /* "+" to be told, then `after` */
	STATE_SKIP_LINE,    /* a refused command: to the end of its line */
	STATE_SKIP_LITERAL, /* a refused command: its literals that come anyway */
	STATE_REFUSED,      /* to be told */
	STATE_BROKEN,
} State;

/* The end of a line that may announce a literal: "~{" 20 digits "+}". Longer runs of digits are no number
 * we read. */
#define LITERAL_TAIL 26

struct Framing {
	FramingLimits limits;
	FramingDecide decide;
	gpointer data;
	State state;
	State after; /* STATE_CONTINUE */
	gboolean line_mode;
	GString *command; /* NULL when idle */
	gsize line_start; /* of the line that is being collected, in command */
	guint literals;
	guint64 left; /* octets of the literal that are to come */
	guint64 stream_size;
	const char *octets; /* borrowed from the caller's data */
	gsize octets_len;
	const char *refusal; /* static */
	GString *tail;       /* STATE_SKIP_LINE: the last octets of the line */
	char *tag;           /* of the refused command */
};

Framing *framing_new(const FramingLimits *limits, FramingDecide decide, gpointer data)
{
	Framing *f = g_new0(Framing, 1);
	f->limits = *limits;
	f->decide = decide;
	f->data = data;
	return f;
}

static void wipe(GString *string)
{
	if (string == NULL)
		return;
	explicit_bzero(string->str, string->allocated_len); /* it may be a password */
	g_string_free(string, TRUE);
}

void framing_free(Framing *f)
{
	if (f == NULL)
		return;
	wipe(f->command);
	wipe(f->tail);
	g_free(f->tag);
	g_free(f);
}

void framing_set_limits(Framing *f, const FramingLimits *limits)
{
	f->limits = *limits;
}

void framing_set_line_mode(Framing *f, gboolean on)
{
	f->line_mode = on;
}

gboolean framing_is_idle(const Framing *f)
{
	return f->state == STATE_LINE && f->command == NULL;
}

gboolean framing_pending(const Framing *f)
{
	switch (f->state) {
	case STATE_STREAM_BEGIN:
	case STATE_CONTINUE:
	case STATE_REFUSED:
	case STATE_BROKEN:
		return TRUE;
	case STATE_STREAM:
		return f->left == 0;
	default:
		return FALSE;
	}
}

/* RFC 9051: tag = 1*<any ASTRING-CHAR except "+">. What is none is not repeated to the client. */
static char *tag_of(const char *data, gsize len)
{
	gsize n = 0;
	while (n < len && data[n] > ' ' && data[n] < 0x7f && strchr("(){%*\"\\+", data[n]) == NULL)
		n++;
	if (n == 0 || n > LIMIT_TAG || n == len || data[n] != ' ')
		return g_strdup("*");
	return g_strndup(data, n);
}

static void begin_skip(Framing *f, const char *refusal, State state)
{
	f->refusal = refusal;
	g_free(f->tag);
	f->tag = tag_of(f->command->str, f->command->len);
	wipe(f->command);
	f->command = NULL;
	f->state = state;
	if (f->tail == NULL)
		f->tail = g_string_new(NULL);
	g_string_truncate(f->tail, 0);
}

typedef struct {
	gboolean found;
	gboolean overflow; /* found, and its number is too large to be true */
	guint64 size;
	gboolean sync;
	gboolean literal8;
	gsize start; /* of the "{" or "~{" in the line */
} Announced;

/* Does a line end in "{n}", "{n+}", "~{n}" or "~{n+}"? */
static Announced read_announcement(const char *line, gsize len)
{
	Announced none = { 0 }, a = { .sync = TRUE };
	if (len < 3 || line[len - 1] != '}')
		return none;
	gsize i = len - 1;
	if (line[i - 1] == '+') {
		a.sync = FALSE;
		i--;
	}
	gsize end = i;
	while (i > 0 && g_ascii_isdigit(line[i - 1]))
		i--;
	if (i == end || i == 0 || line[i - 1] != '{')
		return none;
	a.overflow = end - i > 18;
	for (gsize k = i; k < end && !a.overflow; k++)
		a.size = a.size * 10 + (guint64)(line[k] - '0');
	a.start = i - 1;
	if (a.start > 0 && line[a.start - 1] == '~') {
		a.literal8 = TRUE;
		a.start--;
	}
	a.found = TRUE;
	return a;
}

typedef enum {
	PLACE_STRING, /* where the grammar has a string: after SP or "(" or where a line begins */
	PLACE_QUOTED, /* in a quoted string: no literal, whatever it looks like */
	PLACE_OTHER,
} Place;

static Place place_of(const char *line, gsize at)
{
	gboolean quoted = FALSE;
	for (gsize i = 0; i < at; i++) {
		if (quoted && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
	}
	if (quoted)
		return PLACE_QUOTED;
	return at == 0 || line[at - 1] == ' ' || line[at - 1] == '(' ? PLACE_STRING : PLACE_OTHER;
}

/* A line has come whole, with its line end. Returns what to tell; FRAMING_MORE: go on. */
static FramingEvent line_complete(Framing *f)
{
	GString *command = f->command;
	gsize end = command->len - 1; /* LF; a bare one is taken too */
	if (end > f->line_start && command->str[end - 1] == '\r')
		end--;
	const char *line = command->str + f->line_start;
	if (f->line_mode) {
		g_string_truncate(command, end);
		return FRAMING_LINE;
	}
	Announced a = read_announcement(line, end - f->line_start);
	Place place = a.found ? place_of(line, a.start) : PLACE_QUOTED;
	if (place == PLACE_QUOTED) {
		g_string_truncate(command, end);
		f->line_start = 0;
		f->literals = 0;
		return FRAMING_COMMAND;
	}
	const char *refusal = NULL;
	FramingLiteral literal = {
		.data = command->str,
		.len = f->line_start + a.start,
		.size = a.size,
		.index = f->literals,
		.sync = a.sync,
		.literal8 = a.literal8,
		.kept = command->len,
	};
	FramingChoice choice = FRAMING_REFUSE;
	if (a.overflow)
		refusal = "BAD Literal size is no number";
	/* A syntax error, but one whose octets come all the same: they may be mail, and to read them as commands
	 * would let its writer give them. */
	else if (place == PLACE_OTHER)
		refusal = "BAD Expected SP before a literal";
	else if (f->literals >= f->limits.literals)
		refusal = "BAD Too many literals";
	else
		choice = f->decide(&literal, f->data, &refusal);
	if (choice == FRAMING_KEEP &&
		(a.size > f->limits.literal_bytes || command->len + a.size > f->limits.command_bytes)) {
		choice = FRAMING_REFUSE;
		refusal = "NO [LIMIT] Literal is too long";
	}
	if (choice == FRAMING_REFUSE) {
		begin_skip(f, refusal, STATE_REFUSED);
		f->literals = 0;
		f->line_start = 0;
		if (a.overflow && !a.sync)
			f->state = STATE_BROKEN;
		else if (!a.sync) {
			f->left = a.size;
			f->state = STATE_SKIP_LITERAL;
		}
		return FRAMING_MORE;
	}
	/* The parser sees each literal with CRLF, whatever came. */
	g_string_truncate(command, end);
	g_string_append(command, "\r\n");
	f->literals++;
	f->left = a.size;
	f->line_start = command->len + (choice == FRAMING_KEEP ? (gsize)a.size : 0);
	State next = f->left > 0 ? STATE_LITERAL : STATE_LINE;
	if (choice == FRAMING_STREAM) {
		f->stream_size = a.size;
		next = STATE_STREAM_BEGIN;
	}
	f->after = STATE_STREAM;
	f->state = next;
	if (a.sync && choice == FRAMING_KEEP) {
		f->after = next;
		f->state = STATE_CONTINUE;
	} else if (a.sync) {
		f->after = STATE_CONTINUE;
	}
	return FRAMING_MORE;
}

/* A line of a refused command has ended: does it announce a further literal? */
static void skipped_line(Framing *f)
{
	gsize end = f->tail->len;
	while (end > 0 && (f->tail->str[end - 1] == '\n' || f->tail->str[end - 1] == '\r'))
		end--;
	Announced a = read_announcement(f->tail->str, end);
	g_string_truncate(f->tail, 0);
	f->state = STATE_REFUSED;
	if (!a.found || a.sync)
		return;
	f->state = a.overflow ? STATE_BROKEN : STATE_SKIP_LITERAL;
	f->left = a.size;
}

static void keep_tail(GString *tail, const char *data, gsize len)
{
	if (len >= LITERAL_TAIL) {
		g_string_truncate(tail, 0);
		g_string_append_len(tail, data + len - LITERAL_TAIL, LITERAL_TAIL);
		return;
	}
	g_string_append_len(tail, data, (gssize)len);
	if (tail->len > LITERAL_TAIL)
		g_string_erase(tail, 0, (gssize)(tail->len - LITERAL_TAIL));
}

/* Up to and with the next LF, or all there is. */
static gsize line_octets(const char *data, gsize len, gboolean *complete_out)
{
	const char *lf = memchr(data, '\n', len);
	*complete_out = lf != NULL;
	return lf != NULL ? (gsize)(lf - data) + 1 : len;
}

static void advance(const char **data, gsize *len, gsize n)
{
	*data += n;
	*len -= n;
}

/* The command has grown too long: what is needed of it is its tag, and how its lines end. */
static void begin_overlong(Framing *f, const char *data, gsize n)
{
	g_autoptr(GString) seen = g_string_new(NULL);
	keep_tail(seen, f->command->str + f->line_start, f->command->len - f->line_start);
	g_string_append_len(f->command, data, (gssize)MIN(n, LIMIT_TAG + 1));
	begin_skip(f, "BAD Command is too long",
		f->limits.strict || f->line_mode ? STATE_BROKEN : STATE_SKIP_LINE);
	g_string_append_len(f->tail, seen->str, (gssize)seen->len);
	f->literals = 0;
	f->line_start = 0;
}

static FramingEvent push_line(Framing *f, const char **data, gsize *len)
{
	gboolean complete = FALSE;
	gsize n = line_octets(*data, *len, &complete);
	if (f->command == NULL)
		f->command = g_string_sized_new(n);
	if (f->command->len + n > f->limits.command_bytes) {
		begin_overlong(f, *data, n);
		return FRAMING_MORE;
	}
	g_string_append_len(f->command, *data, (gssize)n);
	advance(data, len, n);
	return complete ? line_complete(f) : FRAMING_MORE;
}

static void push_literal(Framing *f, const char **data, gsize *len)
{
	gsize n = (gsize)MIN(f->left, *len);
	g_string_append_len(f->command, *data, (gssize)n);
	advance(data, len, n);
	f->left -= n;
	if (f->left == 0)
		f->state = STATE_LINE;
}

static FramingEvent push_stream(Framing *f, const char **data, gsize *len)
{
	if (f->left == 0) {
		f->state = STATE_LINE;
		return FRAMING_STREAM_END;
	}
	gsize n = (gsize)MIN(f->left, *len);
	f->octets = *data;
	f->octets_len = n;
	advance(data, len, n);
	f->left -= n;
	return FRAMING_OCTETS;
}

static void push_skip(Framing *f, const char **data, gsize *len)
{
	if (f->state == STATE_SKIP_LITERAL) {
		gsize n = (gsize)MIN(f->left, *len);
		advance(data, len, n);
		f->left -= n;
		if (f->left == 0)
			f->state = STATE_SKIP_LINE;
		return;
	}
	gboolean complete = FALSE;
	gsize n = line_octets(*data, *len, &complete);
	keep_tail(f->tail, *data, n);
	advance(data, len, n);
	if (complete)
		skipped_line(f);
}

FramingEvent framing_push(Framing *f, const char **data, gsize *len)
{
	while (*len > 0 || framing_pending(f)) {
		FramingEvent event = FRAMING_MORE;
		switch (f->state) {
		case STATE_LINE:
			event = push_line(f, data, len);
			break;
		case STATE_LITERAL:
			push_literal(f, data, len);
			break;
		case STATE_STREAM_BEGIN:
			f->state = f->after;
			f->after = STATE_STREAM;
			event = FRAMING_STREAM_BEGIN;
			break;
		case STATE_CONTINUE:
			f->state = f->after;
			event = FRAMING_CONTINUE;
			break;
		case STATE_STREAM:
			event = push_stream(f, data, len);
			break;
		case STATE_SKIP_LINE:
		case STATE_SKIP_LITERAL:
			push_skip(f, data, len);
			break;
		case STATE_REFUSED:
			f->state = STATE_LINE;
			event = FRAMING_REFUSED;
			break;
		case STATE_BROKEN:
			*data += *len;
			*len = 0;
			return FRAMING_BROKEN;
		}
		if (event != FRAMING_MORE)
			return event;
	}
	return FRAMING_MORE;
}

GString *framing_take(Framing *f)
{
	f->line_start = 0;
	return g_steal_pointer(&f->command);
}

gsize framing_offset(const Framing *f)
{
	return f->command->len;
}

guint64 framing_stream_size(const Framing *f)
{
	return f->stream_size;
}

const char *framing_octets(const Framing *f, gsize *len_out)
{
	*len_out = f->octets_len;
	return f->octets;
}

const char *framing_refusal(const Framing *f, const char **tag_out)
{
	*tag_out = f->tag != NULL ? f->tag : "*";
	return f->refusal;
}
