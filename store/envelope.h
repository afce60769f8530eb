/* The fields of an envelope as they are in the octets: addresses (RFC 5322 3.4, 4.4), and the raw text of
 * Date, Subject, Message-ID and the like. Nothing is decoded: encoded words and 8-bit octets stay, as IMAP's
 * ENVELOPE wants them (RFC 9051 7.5.2); header_text_decode() makes text of a name. Never fails; linear time.
 * Pure: any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
	ENVELOPE_MAILBOX,
	ENVELOPE_GROUP_START, /* only @name is set: the group's, "" if it has none */
	ENVELOPE_GROUP_END,   /* nothing is set */
} EnvelopeAddressKind;

/* Strings are owned, without their quoting and folding (a NUL octet has become 0x80, as it does on its way to
 * IMAP clients). */
typedef struct {
	EnvelopeAddressKind kind;
	char *name;    /* the phrase before "<", else the last comment; NULL: none */
	char *route;   /* obs-route, "@a,@b"; NULL: none */
	char *mailbox; /* the local part; "" when it is missing */
	char *host;    /* the domain; "" when it is missing: "root", "Joe <>" */
} EnvelopeAddress;

/* Reads the addresses of a field value (@len octets, raw, folding inside), leniently: "Joe joe@x" and
 * "<joe@x" are an address, words without an "@" are one without a host. Each group start has its end behind
 * it, in the array too. At most LIMIT_ADDRESSES entries (and the end of a group); what follows is left out.
 * Returns a new array of EnvelopeAddress that the caller owns. */
GPtrArray *envelope_addresses(const char *value, gsize len);

/* Returns the value unfolded and without the white space around it, NUL-terminated, which the caller frees;
 * its length, which counts NUL octets in it, goes to @len_out, if that is not NULL. */
char *envelope_text(const char *value, gsize len, gsize *len_out);

G_END_DECLS
