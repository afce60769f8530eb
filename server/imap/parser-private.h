/* What the parser's files share: parser.c (tokens, strings, names) and parser-values.c (numbers, sets, flags,
 * dates). */
#pragma once
#include "server/imap/parser.h"
G_BEGIN_DECLS

/* Sets "expected @what at octet N, found ...", SYNTAX; returns FALSE. */
gboolean imap_parser_expected(const ImapParser *p, const char *what, GError **error);
/* The position as people count: the tag's first octet is octet 1. */
gsize imap_parser_octet(const ImapParser *p);
/* RFC 3501 section 9: ATOM-CHAR. */
gboolean imap_is_atom_char(char c);

G_END_DECLS
