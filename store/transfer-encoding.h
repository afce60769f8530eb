/* Content-Transfer-Encoding (RFC 2045 section 6, and uuencode): from what is sent to the octets that are
 * meant. Nothing here fails: damaged data gives what can be read of it (store/README, "Transfer encoding").
 * Pure: any thread; linear time; what comes out is never longer than what goes in. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
	TRANSFER_IDENTITY, /* 7bit, 8bit, binary, or none given */
	TRANSFER_BASE64,
	TRANSFER_QUOTED_PRINTABLE,
	TRANSFER_UUENCODE,
	TRANSFER_UNKNOWN, /* some other name; decoded like TRANSFER_IDENTITY */
} TransferEncoding;

/* @name: MimePart's encoding, in lower case. */
TransferEncoding transfer_encoding_from_name(const char *name);

/* Appends the decoded form of the @len octets at @data to @out. */
void transfer_decode(GString *out, TransferEncoding encoding, const char *data, gsize len);

/* The same for one encoding; base64 is that of encoded words too. */
void transfer_decode_base64(GString *out, const char *data, gsize len);
void transfer_decode_quoted_printable(GString *out, const char *data, gsize len);
void transfer_decode_uuencode(GString *out, const char *data, gsize len);

/* The Q encoding of encoded words (RFC 2047 4.2): "_" is a space. */
void transfer_decode_q(GString *out, const char *data, gsize len);

G_END_DECLS
