/* The ENVELOPE of a message (RFC 3501 section 7.4.2). Pure. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Appends the envelope, "(date subject from ...)", of the header block of @size octets at @header. A valid
 * one comes out of any octets.
 *
 * Values are unfolded and otherwise as they stand: clients decode the encoded words. Of a text field that
 * comes twice the first one counts; address fields of one name are read as one list, so that no address is
 * hidden behind another (fetch-address.h). Sender and Reply-To that are missing or empty are From's. */
void fetch_write_envelope(GString *out, const guint8 *header, gsize size);

/* For the answers made of header values: the @len octets at @value without their line ends (RFC 5322 2.2.3),
 * and without the white space at both ends. The caller owns it; *@len_out octets, NULs may be in it. */
char *fetch_unfold(const char *value, gsize len, gsize *len_out);

G_END_DECLS
