/* From the charsets that mail comes in to UTF-8. Nothing here fails: a charset that nobody knows and octets
 * that no charset explains still have a text (store/README, "Charset"). Converters are kept for each thread
 * and go with it; any thread may call. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Appends to @out the @len octets at @data as UTF-8; what comes out is always valid. @charset (@charset_len
 * octets, no NUL needed; may be NULL) is a name as mail has it; if it is absent, US-ASCII or unknown, it is
 * charset_append_guessed(). */
void charset_append(GString *out, const char *charset, gsize charset_len, const char *data, gsize len);

/* The code point of a windows-1252 octet from 0x80 to 0x9F; 0 where it has none. */
gunichar charset_windows_1252(guint8 octet);

/* Appends the octets as UTF-8 if all of them are that, else as windows-1252. */
void charset_append_guessed(GString *out, const char *data, gsize len);

/* Appends octets that should be UTF-8: one U+FFFD for each maximal subpart that is not (Unicode 3.9, table
 * 3-8). */
void charset_append_utf8(GString *out, const char *data, gsize len);

/* TRUE if all @len octets are well-formed UTF-8 (Unicode 3.9, table 3-7; NUL is a character like others). */
gboolean charset_is_utf8(const char *data, gsize len);

/* TRUE if charset_append() would append the octets as they are. */
gboolean charset_is_transparent(const char *charset, gsize charset_len, const char *data, gsize len);

/* TRUE if @charset (@charset_len octets) is a name that charset_append() knows, US-ASCII included. */
gboolean charset_is_known(const char *charset, gsize charset_len);

G_END_DECLS
