/* Finds where a client's commands end: octets in, whole commands out, without a look at what they mean. A
 * command is a line that may hold literals (RFC 9051 section 4.3, RFC 7888): "{5}" CRLF and five octets,
 * then the line goes on. A pure state machine: no I/O, no clock, memory bounded by its limits, and the same
 * events however the octets are cut into pieces.
 *
 *     while (len > 0) switch (framing_push(framing, &data, &len)) { ... }
 *
 * Each literal is put to the owner before its octets come: keep it in the command, hand it out piece by
 * piece (a spool), or refuse the command. A refused command is read to its end, as far as the client sends
 * it, and thrown away. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct {
	gsize command_bytes; /* a command with its literals in memory; beyond it the command is refused */
	gsize literal_bytes; /* a literal in memory */
	guint literals;      /* in one command */
	gboolean strict;     /* a command too long is FRAMING_BROKEN at once: before login */
} FramingLimits;

/* A literal as announced, and the command up to the brace. All borrowed. */
typedef struct {
	const char *data;
	gsize len;
	guint64 size;
	guint index;       /* 0 for the command's first */
	gboolean sync;     /* {n}: the client waits for "+" */
	gboolean literal8; /* ~{n} (RFC 3516) */
	gsize kept;        /* octets of the command in memory so far */
} FramingLiteral;

typedef enum {
	FRAMING_KEEP,   /* in memory; refused all the same when beyond the limits */
	FRAMING_STREAM, /* FRAMING_OCTETS as they come */
	FRAMING_REFUSE, /* no such literal: *refusal_out is the answer, "NO [TOOBIG] ...", static */
} FramingChoice;
typedef FramingChoice (*FramingDecide)(
	const FramingLiteral *literal, gpointer data, const char **refusal_out);

typedef enum {
	FRAMING_MORE,         /* all is used; nothing is complete */
	FRAMING_COMMAND,      /* framing_take() */
	FRAMING_LINE,         /* in line mode: framing_take() */
	FRAMING_CONTINUE,     /* send "+" now */
	FRAMING_STREAM_BEGIN, /* framing_offset(), framing_stream_size(); comes before FRAMING_CONTINUE */
	FRAMING_OCTETS,       /* framing_octets(): a piece of the streamed literal, borrowed from @data */
	FRAMING_STREAM_END,   /* it is complete */
	FRAMING_REFUSED,      /* a command was refused and is over: framing_refusal() */
	FRAMING_BROKEN,       /* no way to go on: close the connection with framing_refusal() */
} FramingEvent;

typedef struct Framing Framing;
Framing *framing_new(const FramingLimits *limits, FramingDecide decide, gpointer data);
void framing_free(Framing *framing);
/* From the next octet on. */
void framing_set_limits(Framing *framing, const FramingLimits *limits);
/* Between commands only: lines without literals (AUTHENTICATE's answers, DONE) until turned off. */
void framing_set_line_mode(Framing *framing, gboolean on);

/* Uses octets from *@data, of which there are *@len > 0, and moves both on, until there is something to
 * tell. FRAMING_STREAM_BEGIN, _END and _CONTINUE may come without an octet used; so call on while *@len >
 * 0, or the last event was one of those. */
FramingEvent framing_push(Framing *framing, const char **data, gsize *len);
/* TRUE when framing_push() has something to tell with no further octet (then *@len may be 0). */
gboolean framing_pending(const Framing *framing);

/* After FRAMING_COMMAND or FRAMING_LINE: the command without its last line end, literals in place ("{5}"
 * CRLF "hello"), a streamed literal with no octets after its "{n}" CRLF. The caller owns it. */
GString *framing_take(Framing *framing);
/* After FRAMING_STREAM_BEGIN: where in the command the octets would be, and how many come. */
gsize framing_offset(const Framing *framing);
guint64 framing_stream_size(const Framing *framing);
/* After FRAMING_OCTETS. */
const char *framing_octets(const Framing *framing, gsize *len_out);
/* After FRAMING_REFUSED and FRAMING_BROKEN: "BAD ..." or "NO [...] ..."; and the command's tag or "*". The
 * tag is borrowed until the next framing_push(). */
const char *framing_refusal(const Framing *framing, const char **tag_out);
/* TRUE between two commands: nothing of the next one has come. */
gboolean framing_is_idle(const Framing *framing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Framing, framing_free)
G_END_DECLS
