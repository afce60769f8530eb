/* What a header field says: unfolding, encoded words (RFC 2047), RFC 2231 parameters, and charsets, to UTF-8
 * (store/README, "Field values"). Never fails; linear time. Pure: any thread. */
#pragma once

#include <glib.h>

#include "store/mime-tree.h"

G_BEGIN_DECLS

/* Appends the field value (raw: folding inside, no line end behind it) to @out as valid UTF-8: unfolded, its
 * encoded words decoded wherever they stand. White space is kept. */
void header_text_decode(GString *out, const char *value, gsize len);

/* Appends the raw value without its line ends: nothing else is changed (RFC 5322 2.2.3). */
void header_text_unfold(GString *out, const char *value, gsize len);

/* Appends the searchable line of a field, "name: value" LF; of a junk line, its text and LF. Folded
 * (base/fold.h); with the RFC 2231 parameters of Content-Type and Content-Disposition added in their plain
 * form. */
void header_text_append_line(GString *out, const MimeField *field);

G_END_DECLS
