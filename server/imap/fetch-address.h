/* The addresses of a header field, for ENVELOPE (RFC 3501 section 7.4.2). Pure, linear in time. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Appends an address structure for each address in @value (raw, folding inside), one behind the other: "(name
 * adl mailbox host)".
 *
 * Reads what RFC 5322 sections 3.4 and 4.4 allow and is lenient with the rest: "Joe joe@x" and "<joe@x" are
 * an address; without a name the last comment is it ("joe@x (Joe)"). Names and mailboxes come without their
 * quoting. A group is given as RFC 3501 says: (NIL NIL "name" NIL), its members, (NIL NIL NIL NIL); so that
 * nothing else looks like one, an address without a host or without a mailbox has MISSING_DOMAIN or
 * MISSING_MAILBOX in its place, as Dovecot has it. At most LIMIT_ADDRESSES; what follows is left out. */
void fetch_write_addresses(GString *out, const char *value, gsize len);

G_END_DECLS
