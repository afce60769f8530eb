/* BODY and BODYSTRUCTURE of a message (RFC 3501 section 7.4.2). Pure. */
#pragma once
#include "store/mime-tree.h"
G_BEGIN_DECLS

typedef enum {
	FETCH_STRUCTURE_EXTENDED = 1 << 0, /* BODYSTRUCTURE: with extension data */
	FETCH_STRUCTURE_UTF8 = 1 << 1,     /* UTF-8 or IMAP4rev2 is enabled */
} FetchStructureFlags;

/* Appends the structure of @part (the root, for the whole message); @data are the octets that its tree is
 * about. Valid for any message:
 *
 * - A part that the tree has not divided although it is a multipart is described as text/plain, which it is
 *   in searches.
 * - message/rfc822 that is transfer-encoded (RFC 2046 5.2.1 forbids it) or too deep has the envelope of a
 *   message without a header and one text/plain part, the octets as they are. BODY[n.1] gives these
 *   (fetch-section.h).
 * - message/global has envelope and structure only with FETCH_STRUCTURE_UTF8: in RFC 3501 they belong to
 *   message/rfc822 alone.
 * - Parameters: RFC 2231 continuations are joined (RFC 2231 section 6). A value with other than ASCII
 *   characters is given as "name*" "utf-8''percent-encoded", which says its charset; with
 *   FETCH_STRUCTURE_UTF8 as "name" and UTF-8. */
void fetch_write_bodystructure(
	GString *out, const guint8 *data, const MimePart *part, FetchStructureFlags flags);

G_END_DECLS
