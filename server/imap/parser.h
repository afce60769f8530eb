/* Reads one framed IMAP command: octets in, tokens and structures out; no I/O, no state but the position:
 * easy to fuzz. The framing (server/conn/framing.h) hands over a whole command: its lines with literals in
 * place ("{5}\r\nhello ..."), without the last line end. A literal that was spooled to a file has no octets
 * here; its place is known by offset. */
#pragma once
#include "store/mailbox.h"
G_BEGIN_DECLS

#define IMAP_PARSE_ERROR (imap_parse_error_quark())
typedef enum {
	IMAP_PARSE_ERROR_SYNTAX /* BAD */,
	IMAP_PARSE_ERROR_LIMIT /* BAD or NO [LIMIT] */,
	IMAP_PARSE_ERROR_CHARSET /* NO [BADCHARSET] */,
	IMAP_PARSE_ERROR_FILTER_CHARSET /* BAD [BADCHARSET]: the same with FILTER (RFC 5466 3.1) */,
	IMAP_PARSE_ERROR_FILTER /* NO [UNDEFINED-FILTER name]; the message begins with the name and a space */
} ImapParseError;
GQuark imap_parse_error_quark(void);

typedef struct {
	gsize offset; /* in the command: just after the "{n}\r\n" */
	gsize size;
	Spool *spool;  /* owned by the frame until taken (NULL then) */
	GError *error; /* why it could not be spooled (disk full, ...), or NULL; owned by the frame */
} SpooledLiteral;

typedef struct {
	const char *data; /* the command after "tag SP name", borrowed */
	gsize len;
	gsize pos;
	gsize base;      /* offset of data[0] in the whole command, for SpooledLiteral and messages */
	GArray *spooled; /* of SpooledLiteral, borrowed; may be NULL */
	gboolean utf8;   /* UTF8=ACCEPT or IMAP4rev2 is enabled */
	const struct SearchFilters *filters; /* for SEARCH (search-key.h), borrowed; NULL: there are none */
} ImapParser;

/* Each reads its thing at the position and moves on, or returns FALSE/NULL with @error saying what was
 * expected and where ("expected SP at octet 17"); the position is then unspecified. Strings returned are
 * owned by the caller, NUL-terminated; NUL octets are refused. 8-bit octets in quoted strings and literals
 * are passed on as they are (clients send them against RFC 3501; what they mean is the caller's matter), but
 * must be UTF-8 in a quoted string when @utf8. In mailbox names they are refused unless @utf8. */
gboolean imap_parse_sp(ImapParser *p, GError **error);  /* exactly one SP */
gboolean imap_parse_end(ImapParser *p, GError **error); /* nothing may follow */
gboolean imap_at_end(const ImapParser *p);
gboolean imap_peek(const ImapParser *p, char c);
gboolean imap_skip(ImapParser *p, char c); /* TRUE if it was there */
gboolean imap_parse_char(ImapParser *p, char c, GError **error);
char *imap_parse_atom(ImapParser *p, GError **error);
char *imap_parse_astring(ImapParser *p, GError **error); /* atom with "]", quoted or literal */
char *imap_parse_string(ImapParser *p, GError **error);  /* quoted or literal */
char *imap_parse_nstring(ImapParser *p, gboolean *nil_out, GError **error);
/* NIL, a string or a literal8 (RFC 5464: value): octets, NUL among them only in a literal8. *@octets_out is NULL for NIL, else the
 * caller's. */
gboolean imap_parse_octets(ImapParser *p, GBytes **octets_out, GError **error);
char *imap_parse_mailbox(ImapParser *p, GError **error);      /* decoded to UTF-8; INBOX normalised */
char *imap_parse_list_mailbox(ImapParser *p, GError **error); /* with wildcards, decoded to UTF-8 */
gboolean imap_parse_number(ImapParser *p, guint32 *number_out, GError **error);
gboolean imap_parse_nz_number(ImapParser *p, guint32 *number_out, GError **error);
gboolean imap_parse_number64(ImapParser *p, guint64 *number_out, GError **error); /* below 2^63 */
/* RFC 7162 section 7: mod-sequence-value, or mod-sequence-valzer with @zero. */
gboolean imap_parse_modseq(ImapParser *p, gboolean zero, guint64 *modseq_out, GError **error);
/* A sequence-set as text, checked for syntax; resolve with uidset_parse() when '*' is known. "$" is given as
 * "$" (RFC 5182). */
char *imap_parse_sequence_set(ImapParser *p, GError **error);
/* A flag: \Seen etc. into *flags, a keyword appended to @keywords (of char*). \Recent and unknown \flags are
 * refused unless RFC says ignore. */
gboolean imap_parse_flag(ImapParser *p, MessageFlags *flags, GPtrArray *keywords, GError **error);
gboolean imap_parse_flag_list(
	ImapParser *p, MessageFlags *flags_out, GPtrArray **keywords_out, GError **error);
gboolean imap_parse_date_time(ImapParser *p, gint64 *at_out, gint16 *zone_out, GError **error);
gboolean imap_parse_date(ImapParser *p, gint32 *day_out, GError **error); /* days since 1970-01-01 */
/* The literal at the position, spooled or not: APPEND's data. *spooled_out or *bytes_out. */
gboolean imap_parse_append_literal(ImapParser *p, SpooledLiteral **spooled_out, GBytes **bytes_out,
	gboolean *literal8_out, GError **error);

/* "tag SP command [SP ...]": splits; UID FETCH etc. give name "UID FETCH" (upper case). *args_out: offset of
 * the first octet after the name. *tag_out is set on failure too when the tag could be read (else NULL), for
 * the BAD that follows. */
gboolean imap_parse_command_name(
	const char *data, gsize len, char **tag_out, char **name_out, gsize *args_out, GError **error);

/* Writing. Appends the shortest right form: atom where allowed (only if @atom_ok), quoted, or literal
 * ({n}\r\n). NULL writes NIL. */
void imap_write_string(GString *out, const char *data, gsize len, gboolean atom_ok);
void imap_write_nstring(GString *out, const char *text);
/* A literal, whatever the octets. A literal has no NUL (RFC 3501 section 9, CHAR8): each becomes 0x80, as
 * Dovecot does it, so that the length stays the one that RFC822.SIZE and the partial offsets count. */
void imap_write_literal(GString *out, const char *data, gsize len);
/* The octets of a literal alone, or a piece of them, for who has written the "{n}" CRLF. */
void imap_write_octets(GString *out, const char *data, gsize len);
/* What imap_parse_octets() reads: a literal8 only if there is a NUL. NULL writes NIL. */
void imap_write_value(GString *out, GBytes *octets);
/* Mailbox name: modified UTF-7 (or UTF-8 when @utf8) as astring. */
void imap_write_mailbox(GString *out, const char *name, gboolean utf8);
/* "* LIST (@attributes) "/" @name", without the line's end: extended data may follow. @response is LIST or LSUB. */
void imap_write_list(
	GString *out, const char *response, const char *attributes, const char *name, gboolean utf8);

G_END_DECLS
