/* The ENVELOPE of a message (RFC 3501 section 7.4.2). Pure. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Appends the envelope, "(date subject from ...)", of the header block of @size octets at @header. A valid
 * one comes out of any octets.
 *
 * Values are unfolded and otherwise as they stand: clients decode the encoded words. Of a text field that
 * comes twice the first one counts; address fields of one name are read as one list, so that no address is
 * hidden behind another (store/envelope.h). Sender and Reply-To that are missing or empty are From's. */
void fetch_write_envelope(GString *out, const guint8 *header, gsize size);

/* Appends an address structure, "(name adl mailbox host)", for each address of the field value (raw, folding
 * inside), one behind the other; store/envelope.h says how they are read. A group is given as RFC 3501 says:
 * (NIL NIL "name" NIL), its members, (NIL NIL NIL NIL); so that nothing else looks like one, an address without
 * a host or a mailbox has MISSING_DOMAIN or MISSING_MAILBOX in its place, as Dovecot has it. */
void fetch_write_addresses(GString *out, const char *value, gsize len);

G_END_DECLS
