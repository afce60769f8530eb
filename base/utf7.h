#pragma once

/* Mailbox names in the modified UTF-7 of IMAP (RFC 3501 section 5.1.3), to and from UTF-8.
 *
 * Strict: for each name there is one encoding, and only that one is decoded, so that
 * utf7_encode(utf7_decode(x)) is x. Pure functions: any thread. */

#include <glib.h>

G_BEGIN_DECLS

#define UTF7_ERROR (utf7_error_quark())
GQuark utf7_error_quark(void);

/* All of them are the client's fault. */
typedef enum {
	UTF7_ERROR_INVALID, /* no modified UTF-7: 8-bit or control character, bad base64 or UTF-16, no '-' */
	UTF7_ERROR_NOT_CANONICAL, /* readable, but not the one encoding: `&AGE-` for `a`, `&...-&...-` */
	UTF7_ERROR_NOT_UTF8,      /* to utf7_encode(): not UTF-8 */
} Utf7Error;

/* Returns the modified UTF-7 of the @len bytes of UTF-8 at @utf8; the caller frees it. Control characters
 * are encoded in base64 like other characters that are not printable ASCII; whether a mailbox name may
 * hold them is the caller's matter. NUL is refused. Fails with UTF7_ERROR_NOT_UTF8. */
char *utf7_encode(const char *utf8, gsize len, GError **error);

/* Returns the UTF-8 of the @len bytes of modified UTF-7 at @utf7; the caller frees it. A name with U+0000
 * is refused. */
char *utf7_decode(const char *utf7, gsize len, GError **error);

G_END_DECLS
