/* The named character references of HTML; html-entities.c is made at build time by gen-entities.py. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The text (UTF-8, static) of the reference @name, @len octets of it, such as "amp;" or "amp" (names that may
 * stand without the semicolon are there twice); NULL if it is none. */
const char *html_entity_find(const char *name, gsize len);

/* The length of the longest name without a semicolon. */
#define HTML_ENTITY_LEGACY_LONGEST 6

G_END_DECLS
