#include "store/envelope.h"

#include "base/limits.h"

#include <string.h>

typedef enum { TOKEN_END, TOKEN_WORD, TOKEN_SPECIAL } TokenKind;

typedef struct {
	const char *p, *end;

	/* The token that was read last. */
	TokenKind kind;
	char special;     /* of TOKEN_SPECIAL: one of <>@,;: */
	GString *word;    /* of TOKEN_WORD: an atom with its dots, or a quoted string unquoted; owned */
	gboolean spaced;  /* white space or a comment was before it */
	GString *comment; /* the last one of this address; owned */

	/* The address that is being read; owned. */
	GString *phrase, *route, *local, *domain;
	GPtrArray *addresses; /* of EnvelopeAddress; owned */
} Scanner;

/* -- Tokens -- */

static gboolean is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gboolean is_special(char c)
{
	return c == '<' || c == '>' || c == '@' || c == ',' || c == ';' || c == ':';
}

/* A line end is left out, and the white space behind it stays. NUL would end the string. */
static void append_unfolded(GString *out, char c)
{
	if (c != '\r' && c != '\n')
		g_string_append_c(out, c != '\0' ? c : '\x80');
}

/* The octet at s->p, or that behind it if this one is a backslash; s->p goes behind it. */
static char next_quoted(Scanner *s, gboolean *escaped_out)
{
	char c = *s->p++;
	*escaped_out = c == '\\' && s->p < s->end;
	return *escaped_out ? *s->p++ : c;
}

/* At a "(": to behind its ")", or to the end. Its text is kept, with the comments in it. */
static void read_comment(Scanner *s)
{
	guint depth = 1;
	g_string_truncate(s->comment, 0);
	s->p++;
	while (s->p < s->end) {
		gboolean escaped;
		char c = next_quoted(s, &escaped);
		if (!escaped && c == '(')
			depth++;
		else if (!escaped && c == ')' && --depth == 0)
			return;
		append_unfolded(s->comment, c);
	}
}

static void read_quoted(Scanner *s)
{
	s->p++;
	while (s->p < s->end) {
		gboolean escaped;
		char c = next_quoted(s, &escaped);
		if (!escaped && c == '"')
			return;
		append_unfolded(s->word, c);
	}
}

static void read_domain_literal(Scanner *s)
{
	while (s->p < s->end) {
		char c = *s->p++;
		append_unfolded(s->word, c);
		if (c == ']')
			return;
	}
}

/* A backslash outside of quotes is against the rules and means nothing. */
static void read_atom(Scanner *s)
{
	const char *start = s->p;
	while (s->p < s->end && !is_space(*s->p) && !is_special(*s->p) && *s->p != '"' && *s->p != '(')
		s->p++;
	for (; start < s->p; start++)
		append_unfolded(s->word, *start);
}

static void next_token(Scanner *s)
{
	s->spaced = FALSE;
	while (s->p < s->end && (is_space(*s->p) || *s->p == '(')) {
		s->spaced = TRUE;
		if (*s->p == '(')
			read_comment(s);
		else
			s->p++;
	}
	g_string_truncate(s->word, 0);
	if (s->p == s->end) {
		s->kind = TOKEN_END;
	} else if (is_special(*s->p)) {
		s->kind = TOKEN_SPECIAL;
		s->special = *s->p++;
	} else {
		s->kind = TOKEN_WORD;
		if (*s->p == '"')
			read_quoted(s);
		else if (*s->p == '[')
			read_domain_literal(s);
		else
			read_atom(s);
	}
}

static gboolean at_special(const Scanner *s, char c)
{
	return s->kind == TOKEN_SPECIAL && s->special == c;
}

/* -- Addresses -- */

static void address_free(gpointer data)
{
	EnvelopeAddress *address = data;
	g_free(address->name);
	g_free(address->route);
	g_free(address->mailbox);
	g_free(address->host);
	g_free(address);
}

static EnvelopeAddress *add(Scanner *s, EnvelopeAddressKind kind)
{
	EnvelopeAddress *address = g_new0(EnvelopeAddress, 1);
	address->kind = kind;
	g_ptr_array_add(s->addresses, address);
	return address;
}

static char *copy(const GString *text)
{
	return g_strndup(text->str, text->len);
}

static char *copy_unless_empty(const GString *text)
{
	return text->len > 0 ? copy(text) : NULL;
}

/* Reads words up to something else: all of them to @phrase with single spaces, and the last run of them,
 * which no white space keeps apart or a dot joins, to @local. Returns how much of @phrase is before that run.
 */
static gsize read_words(Scanner *s, GString *phrase, GString *local)
{
	gsize before = phrase->len;
	for (; s->kind == TOKEN_WORD; next_token(s)) {
		gboolean joined = !s->spaced || local->len == 0 || local->str[local->len - 1] == '.' ||
			s->word->str[0] == '.';
		if (!joined) {
			before = phrase->len;
			g_string_truncate(local, 0);
		}
		if (phrase->len > 0 && s->spaced)
			g_string_append_c(phrase, ' ');
		g_string_append_len(phrase, s->word->str, (gssize)s->word->len);
		g_string_append_len(local, s->word->str, (gssize)s->word->len);
	}
	return before;
}

/* Behind an "@": the domain, without the white space and comments that RFC 5322 4.4 allows in it. "a@b c@d"
 * is not one. */
static void read_domain(Scanner *s)
{
	GString *domain = s->domain;
	for (next_token(s); s->kind == TOKEN_WORD || at_special(s, '@'); next_token(s)) {
		if (s->kind != TOKEN_WORD) {
			g_string_append_c(domain, '@');
			continue;
		}
		if (domain->len > 0 && s->spaced && s->word->len > 0 && s->word->str[0] != '.' &&
			domain->str[domain->len - 1] != '.')
			return;
		g_string_append_len(domain, s->word->str, (gssize)s->word->len);
	}
}

/* At a "@" behind "<": RFC 5322 4.4, obs-route, up to behind its ":". */
static void read_route(Scanner *s)
{
	for (; s->kind != TOKEN_END && !at_special(s, ':') && !at_special(s, '>'); next_token(s)) {
		if (s->kind == TOKEN_WORD)
			g_string_append_len(s->route, s->word->str, (gssize)s->word->len);
		else
			g_string_append_c(s->route, s->special);
	}
	if (at_special(s, ':'))
		next_token(s);
}

/* At a "<": to behind the ">" and what words follow it, or before the "," where the ">" is missing. */
static void read_angle(Scanner *s)
{
	g_autoptr(GString) last = g_string_new(NULL);
	while (at_special(s, '<'))
		next_token(s); /* "<<joe@x>>" is seen */
	if (at_special(s, '@'))
		read_route(s);
	(void)read_words(s, s->local, last); /* with white space in it, where it has some */
	if (at_special(s, '@'))
		read_domain(s);
	while (s->kind != TOKEN_END && !at_special(s, '>') && !at_special(s, ','))
		next_token(s);
	if (at_special(s, '>')) {
		do
			next_token(s);
		while (s->kind == TOKEN_WORD);
	}
}

/* "joe@x <joe@x>": what was taken for an address is the name. */
static void make_phrase(Scanner *s)
{
	if (s->phrase->len > 0)
		g_string_append_c(s->phrase, ' ');
	g_string_append_printf(s->phrase, "%s@%s", s->local->str, s->domain->str);
	g_string_truncate(s->local, 0);
	g_string_truncate(s->domain, 0);
}

/* Reads one address, up to the separator behind it; or the start of a group, with its ":". */
static void read_address(Scanner *s, gboolean *in_group)
{
	GString *all[] = { s->phrase, s->route, s->local, s->domain, s->comment };
	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		g_string_truncate(all[i], 0);
	if (s->kind == TOKEN_END)
		return;
	gsize before = read_words(s, s->phrase, s->local);
	if (at_special(s, ':') && !*in_group) {
		*in_group = TRUE;
		add(s, ENVELOPE_GROUP_START)->name = copy(s->phrase);
		next_token(s);
		return;
	}
	if (at_special(s, '<')) {
		g_string_truncate(s->local, 0);
		read_angle(s);
	} else {
		g_string_truncate(s->phrase, before);
		if (at_special(s, '@'))
			read_domain(s);
		else if (s->local->len == 0)
			return; /* nothing but "" */
		if (at_special(s, '<')) {
			make_phrase(s);
			read_angle(s);
		}
	}
	EnvelopeAddress *address = add(s, ENVELOPE_MAILBOX);
	address->name = copy_unless_empty(s->phrase->len > 0 ? s->phrase : s->comment);
	address->route = copy_unless_empty(s->route);
	address->mailbox = copy(s->local);
	address->host = copy(s->domain);
}

static void read_all(Scanner *s)
{
	gboolean in_group = FALSE;
	next_token(s);
	while (s->kind != TOKEN_END && s->addresses->len < LIMIT_ADDRESSES) {
		if (at_special(s, ';') && in_group) {
			(void)add(s, ENVELOPE_GROUP_END);
			in_group = FALSE;
		}
		if (s->kind == TOKEN_SPECIAL && s->special != '<' && s->special != '@')
			next_token(s); /* a separator, or a sign that has no business here */
		else
			read_address(s, &in_group);
	}
	if (in_group)
		(void)add(s, ENVELOPE_GROUP_END);
}

GPtrArray *envelope_addresses(const char *value, gsize len)
{
	Scanner s = { .p = len > 0 ? value : "", .addresses = g_ptr_array_new_with_free_func(address_free) };
	GString **all[] = { &s.word, &s.comment, &s.phrase, &s.route, &s.local, &s.domain };
	s.end = s.p + len;
	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		*all[i] = g_string_new(NULL);
	read_all(&s);
	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		g_string_free(*all[i], TRUE);
	return s.addresses;
}

char *envelope_text(const char *value, gsize len, gsize *len_out)
{
	GString *text = g_string_sized_new(len);
	gsize start = 0;
	while (len > 0 && is_space(value[len - 1]))
		len--;
	while (start < len && is_space(value[start]))
		start++;
	for (gsize i = start; i < len; i++) {
		gboolean line_end = value[i] == '\n' || (value[i] == '\r' && value[i + 1] == '\n');
		if (!line_end)
			g_string_append_c(text, value[i]);
	}
	if (len_out != NULL)
		*len_out = text->len;
	return g_string_free(text, FALSE);
}
