/* Patterns of LIST and LSUB (RFC 3501 section 6.3.8): "*" stands for any characters, "%" for any but the
 * hierarchy separator "/". INBOX, also as the first level of a name, compares ignoring ASCII case. Pure.
 *
 * A pattern is a small automaton whose states are kept as bits, so one name costs its length times the
 * pattern's length / 64, whatever the wildcards. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct ListPattern ListPattern;

/* @reference and @pattern are UTF-8; the pattern that counts is one behind the other. */
ListPattern *list_pattern_new(const char *reference, const char *pattern);
void list_pattern_free(ListPattern *pattern);

/* Whether the whole of the first @len octets of @name is matched. */
gboolean list_pattern_match(const ListPattern *pattern, const char *name, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ListPattern, list_pattern_free)
G_END_DECLS
