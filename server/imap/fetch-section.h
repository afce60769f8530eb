/* BODY[section]: which octets of a message a section names (RFC 3501 section 6.4.5). Pure: no I/O. All
 * offsets come from the one MIME tree (store/mime-tree.h), which is only built when the message's own header
 * does not do. */
#pragma once
#include "server/imap/fetch-parse.h"
#include "store/mime-tree.h"
G_BEGIN_DECLS

/* A message that is being fetched: its octets and what has been found out about them. One thread. */
typedef struct FetchMessage FetchMessage;
FetchMessage *fetch_message_new(GBytes *bytes); /* takes a reference */
void fetch_message_free(FetchMessage *message);

const guint8 *fetch_message_data(const FetchMessage *message, gsize *size_out);
/* The message's own header with the empty line that ends it: the octets from the start, @return of them.
 * Found without looking at the body. */
gsize fetch_message_header_size(FetchMessage *message);
/* The tree; built at the first call. Lives as long as @message. */
const MimePart *fetch_message_root(FetchMessage *message);

/* Octets of a message. They live as long as the FetchMessage and this. */
typedef struct {
	gboolean exists;  /* FALSE: there is no such part (the answer is NIL) */
	const char *data; /* NULs may be in it */
	gsize size;
	char *owned; /* what must be freed with it, or NULL */
} FetchText;

/* Finds the section and cuts it to <offset.count>. A part number that is not there, and HEADER or TEXT of a
 * part that is no message, give exists FALSE; an offset behind the end gives size 0. For a message that is no
 * multipart, part 1 is its body, and its MIME is the message's header (as Dovecot has it). HEADER.FIELDS
 * keeps the fields' order and octets, and has the empty line if the header has it; HEADER.FIELDS.NOT is all
 * the rest of the header. Clear with fetch_text_clear(). */
void fetch_section_find(FetchMessage *message, const FetchSection *section, FetchText *text_out);
void fetch_text_clear(FetchText *text);

/* TRUE if the part is message/rfc822 (or message/global) for IMAP although the tree does not look into it: it
 * is transfer-encoded against RFC 2046 section 5.2.1, or too deep. Its message then is one without a header,
 * whose text is the part's body. */
gboolean fetch_part_is_opaque_message(const MimePart *part);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FetchMessage, fetch_message_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FetchText, fetch_text_clear)
G_END_DECLS
