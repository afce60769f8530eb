/* The visible text of HTML: one state machine, not a parser (store/README, "HTML"). Tags in a line vanish
 * without a gap, block tags become a space, character references are resolved, scripts and styles dropped;
 * alt, title and href follow at the end. Never fails; linear time. Pure: any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Appends the text of @html (UTF-8; ill-formed octets pass through) to @out, not folded yet. */
void html_text_append(GString *out, const char *html, gsize len);

/* Appends @text with its character references resolved, as the HTML standard does outside of attributes. */
void html_unescape(GString *out, const char *text, gsize len);

G_END_DECLS
