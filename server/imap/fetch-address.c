#include "server/imap/fetch-address.h"

#include "base/limits.h"
#include "server/imap/parser.h"

#include <string.h>

typedef enum { TOKEN_END, TOKEN_WORD, TOKEN_SPECIAL } TokenKind;

typedef struct {
	const char *data;
	gsize len;
	gsize pos;

	TokenKind kind;
	char special;     /* of TOKEN_SPECIAL: one of <>@,;: */
	GString *word;    /* of TOKEN_WORD: an atom with its dots, or what is in the quotes; owned */
	gboolean spaced;  /* white space or a comment was before it */
	GString *comment; /* the last one of this address; owned */
} Scanner;

/* -- Tokens -- */

static gboolean is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gboolean is_special(char c)
{
	return c != '\0' && strchr("<>@,;:", c) != NULL;
}

/* Folding is white space: a line end is left out, and the white space behind it stays. */
static void append_unfolded(GString *out, char c)
{
	if (c != '\r' && c != '\n')
		g_string_append_c(out, c);
}

/* At a "(": to behind its ")". The text of it is kept. */
static void read_comment(Scanner *s)
{
	guint depth = 0;
	g_string_truncate(s->comment, 0);
	while (s->pos < s->len) {
		char c = s->data[s->pos++];
		if (c == '\\' && s->pos < s->len) {
			c = s->data[s->pos++];
		} else if (c == '(') {
			if (depth++ == 0)
				continue;
		} else if (c == ')' && --depth == 0) {
			return;
		}
		append_unfolded(s->comment, c);
	}
}

static void read_quoted(Scanner *s)
{
	s->pos++;
	while (s->pos < s->len) {
		char c = s->data[s->pos++];
		if (c == '"')
			return;
		if (c == '\\' && s->pos < s->len)
			c = s->data[s->pos++];
		append_unfolded(s->word, c);
	}
}

static void read_domain_literal(Scanner *s)
{
	while (s->pos < s->len) {
		char c = s->data[s->pos++];
		append_unfolded(s->word, c);
		if (c == ']')
			return;
	}
}

static void skip_space(Scanner *s)
{
	s->spaced = FALSE;
	while (s->pos < s->len && (is_space(s->data[s->pos]) || s->data[s->pos] == '(')) {
		s->spaced = TRUE;
		if (s->data[s->pos] == '(')
			read_comment(s);
		else
			s->pos++;
	}
}

static void next_token(Scanner *s)
{
	skip_space(s);
	g_string_truncate(s->word, 0);
	if (s->pos == s->len) {
		s->kind = TOKEN_END;
		return;
	}
	char c = s->data[s->pos];
	if (is_special(c)) {
		s->kind = TOKEN_SPECIAL;
		s->special = c;
		s->pos++;
		return;
	}
	s->kind = TOKEN_WORD;
	if (c == '"') {
		read_quoted(s);
	} else if (c == '[') {
		read_domain_literal(s);
	} else {
		while (s->pos < s->len && !is_space(c = s->data[s->pos]) && !is_special(c) && c != '"' &&
			c != '(') {
			/* A backslash outside of quotes is against the rules; what follows it stays. */
			g_string_append_c(s->word, c);
			s->pos++;
		}
	}
}

static gboolean at_special(const Scanner *s, char c)
{
	return s->kind == TOKEN_SPECIAL && s->special == c;
}

/* -- Addresses -- */

static void write_part(GString *out, const GString *part)
{
	imap_write_string(out, part->len > 0 ? part->str : NULL, part->len, FALSE);
}

static void write_address(
	GString *out, const GString *name, const GString *route, const GString *local, const GString *domain)
{
	g_string_append_c(out, '(');
	write_part(out, name);
	g_string_append_c(out, ' ');
	write_part(out, route);
	g_string_append_c(out, ' ');
	if (local->len > 0)
		write_part(out, local);
	else
		g_string_append(out, "\"MISSING_MAILBOX\"");
	g_string_append_c(out, ' ');
	if (domain->len > 0)
		write_part(out, domain);
	else
		g_string_append(out, "\"MISSING_DOMAIN\"");
	g_string_append_c(out, ')');
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

/* Behind an "@": the domain, with the white space and comments that RFC 5322 4.4 allows in it left out. */
static void read_domain(Scanner *s, GString *domain)
{
	next_token(s);
	for (; s->kind == TOKEN_WORD || at_special(s, '@'); next_token(s)) {
		/* "a@b c@d" is not one domain. */
		if (domain->len > 0 && s->kind == TOKEN_WORD && s->spaced && s->word->len > 0 &&
			s->word->str[0] != '.' && domain->str[domain->len - 1] != '.')
			return;
		if (s->kind == TOKEN_WORD)
			g_string_append_len(domain, s->word->str, (gssize)s->word->len);
		else
			g_string_append_c(domain, '@');
	}
}

/* At a "@" behind "<": RFC 5322 4.4, obs-route, up to behind its ":". */
static void read_route(Scanner *s, GString *route)
{
	while (s->kind != TOKEN_END && !at_special(s, ':') && !at_special(s, '>')) {
		if (s->kind == TOKEN_WORD)
			g_string_append_len(route, s->word->str, (gssize)s->word->len);
		else
			g_string_append_c(route, s->special);
		next_token(s);
	}
	if (at_special(s, ':'))
		next_token(s);
}

typedef struct {
	GString *phrase, *route, *local, *domain; /* owned */
} Parts;

/* At a "<": to behind the ">" and what words follow it, or before the "," where the ">" is missing. */
static void read_angle(Scanner *s, Parts *parts)
{
	g_autoptr(GString) last = g_string_new(NULL);
	next_token(s);
	if (at_special(s, '@'))
		read_route(s, parts->route);
	(void)read_words(s, parts->local, last); /* with white space in it, where it has some */
	if (at_special(s, '@'))
		read_domain(s, parts->domain);
	while (s->kind != TOKEN_END && !at_special(s, '>') && !at_special(s, ','))
		next_token(s);
	if (at_special(s, '>')) {
		do
			next_token(s);
		while (s->kind == TOKEN_WORD);
	}
}

/* "joe@x <joe@x>": what was taken for an address is the name. */
static void make_phrase(Parts *parts)
{
	if (parts->phrase->len > 0)
		g_string_append_c(parts->phrase, ' ');
	g_string_append_printf(parts->phrase, "%s@%s", parts->local->str, parts->domain->str);
	g_string_truncate(parts->local, 0);
	g_string_truncate(parts->domain, 0);
}

static void begin_group(Scanner *s, const GString *name, GString *out)
{
	g_string_append(out, "(NIL NIL ");
	imap_write_string(out, name->str, name->len, FALSE);
	g_string_append(out, " NIL)");
	next_token(s);
}

/* Reads one address, up to the separator behind it, and writes it; or the start of a group, with its ":". */
static void read_address(Scanner *s, Parts *parts, GString *out, gboolean *in_group)
{
	GString *all[] = { parts->phrase, parts->route, parts->local, parts->domain, s->comment };
	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		g_string_truncate(all[i], 0);
	gsize before = read_words(s, parts->phrase, parts->local);
	if (at_special(s, ':') && !*in_group) {
		*in_group = TRUE;
		begin_group(s, parts->phrase, out);
		return;
	}
	if (at_special(s, '<')) {
		g_string_truncate(parts->local, 0);
		read_angle(s, parts);
	} else {
		g_string_truncate(parts->phrase, before);
		if (at_special(s, '@'))
			read_domain(s, parts->domain);
		else if (parts->local->len == 0)
			return; /* nothing but "" */
		if (at_special(s, '<')) {
			make_phrase(parts);
			read_angle(s, parts);
		}
	}
	if (parts->phrase->len == 0)
		g_string_append_len(parts->phrase, s->comment->str, (gssize)s->comment->len);
	write_address(out, parts->phrase, parts->route, parts->local, parts->domain);
}

static void read_all(Scanner *s, Parts *parts, GString *out)
{
	gboolean in_group = FALSE;
	next_token(s);
	for (guint n = 0; n < LIMIT_ADDRESSES && s->kind != TOKEN_END; n++) {
		if (at_special(s, ';') && in_group) {
			g_string_append(out, "(NIL NIL NIL NIL)");
			in_group = FALSE;
		}
		if (s->kind == TOKEN_SPECIAL && s->special != '<' && s->special != '@') {
			next_token(s); /* a separator, or a sign that has no business here */
			continue;
		}
		read_address(s, parts, out, &in_group);
	}
	if (in_group)
		g_string_append(out, "(NIL NIL NIL NIL)");
}

void fetch_write_addresses(GString *out, const char *value, gsize len)
{
	Scanner s = { .data = value, .len = len, .word = g_string_new(NULL), .comment = g_string_new(NULL) };
	Parts parts = { g_string_new(NULL), g_string_new(NULL), g_string_new(NULL), g_string_new(NULL) };
	read_all(&s, &parts, out);
	g_string_free(parts.phrase, TRUE);
	g_string_free(parts.route, TRUE);
	g_string_free(parts.local, TRUE);
	g_string_free(parts.domain, TRUE);
	g_string_free(s.word, TRUE);
	g_string_free(s.comment, TRUE);
}
