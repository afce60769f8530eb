#include "server/imap/list-match.h"

#include "base/limits.h"

#include <string.h>

/* State i: the first i characters of the pattern are matched. Each set of states is an array of words. A
 * wildcard's state goes to itself, and without a character to the next state. */
struct ListPattern {
	gsize n_words;
	gsize end;        /* the state that accepts */
	guint64 *next;    /* owned: 256 sets; of character c: the states that c leads on to the next one */
	guint64 *star;    /* owned: states at a "*" */
	guint64 *percent; /* owned: states at a "%" */
};

static void add_state(guint64 *set, gsize state)
{
	set[state / 64] |= G_GUINT64_CONSTANT(1) << (state % 64);
}

static gboolean has_state(const guint64 *set, gsize state)
{
	return (set[state / 64] >> (state % 64) & 1) != 0;
}

/* Runs of wildcards become one, since then one step without a character is enough: "*" if there is one among
 * them. */
static GString *simplify(const char *reference, const char *pattern)
{
	g_autoptr(GString) all = g_string_new(reference);
	g_string_append(all, pattern);
	GString *out = g_string_sized_new(all->len);
	for (const char *c = all->str; *c != '\0'; c++) {
		char last = out->len > 0 ? out->str[out->len - 1] : '\0';
		if ((*c != '*' && *c != '%') || (last != '*' && last != '%'))
			g_string_append_c(out, *c);
		else if (*c == '*')
			out->str[out->len - 1] = '*';
	}
	return out;
}

ListPattern *list_pattern_new(const char *reference, const char *pattern)
{
	g_autoptr(GString) text = simplify(reference, pattern);
	/* More characters than a name has, with a wildcard between any two of them: as the empty pattern, it matches no mailbox. */
	if (text->len > 2 * LIMIT_MAILBOX_NAME + 1)
		g_string_truncate(text, 0);
	ListPattern *compiled = g_new(ListPattern, 1);
	compiled->end = text->len;
	compiled->n_words = text->len / 64 + 1;
	compiled->next = g_new0(guint64, 256 * compiled->n_words);
	compiled->star = g_new0(guint64, compiled->n_words);
	compiled->percent = g_new0(guint64, compiled->n_words);
	for (gsize i = 0; i < text->len; i++) {
		guint8 c = (guint8)text->str[i];
		if (c == '*')
			add_state(compiled->star, i);
		else if (c == '%')
			add_state(compiled->percent, i);
		else
			add_state(compiled->next + c * compiled->n_words, i);
	}
	return compiled;
}

void list_pattern_free(ListPattern *pattern)
{
	if (pattern == NULL)
		return;
	g_free(pattern->next);
	g_free(pattern->star);
	g_free(pattern->percent);
	g_free(pattern);
}

/* Adds the states behind the wildcards in @states. */
static void step_over_wildcards(const ListPattern *p, guint64 *states)
{
	guint64 carry = 0;
	for (gsize w = 0; w < p->n_words; w++) {
		guint64 at = states[w] & (p->star[w] | p->percent[w]);
		states[w] |= at << 1 | carry;
		carry = at >> 63;
	}
}

/* One character: @other is a second spelling of it, or the same. */
static gboolean step_character(const ListPattern *p, guint64 *states, guint8 c, guint8 other)
{
	const guint64 *next = p->next + c * p->n_words, *next_other = p->next + other * p->n_words;
	guint64 carry = 0, any = 0;
	for (gsize w = 0; w < p->n_words; w++) {
		guint64 on = states[w] & (next[w] | next_other[w]);
		guint64 stay = states[w] & (p->star[w] | (c != '/' ? p->percent[w] : 0));
		states[w] = on << 1 | carry | stay;
		carry = on >> 63;
		any |= states[w];
	}
	return any != 0;
}

gboolean list_pattern_match(const ListPattern *pattern, const char *name, gsize len)
{
	/* RFC 3501 5.1: INBOX in any case is the one mailbox. */
	gsize inbox = len >= 5 && memcmp(name, "INBOX", 5) == 0 && (len == 5 || name[5] == '/') ? 5 : 0;
	g_autofree guint64 *states = g_new0(guint64, pattern->n_words);
	add_state(states, 0);
	step_over_wildcards(pattern, states);
	for (gsize i = 0; i < len; i++) {
		char other = i < inbox ? g_ascii_tolower(name[i]) : name[i];
		if (!step_character(pattern, states, (guint8)name[i], (guint8)other))
			return FALSE;
		step_over_wildcards(pattern, states);
	}
	return has_state(states, pattern->end);
}
