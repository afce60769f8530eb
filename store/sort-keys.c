#include "store/sort-keys.h"

#include <string.h>

#include "base/fold.h"
#include "base/limits.h"
#include "store/envelope.h"
#include "store/header-text.h"
#include "store/mime-tree.h"

/* -- base subject (RFC 5256 2.1 and 5) ------------------------------------------------------------------------ */

typedef struct {
	const char *at, *end;
	gboolean reply;
} Subject;

static gboolean has_prefix(const char *at, const char *end, const char *word)
{
	gsize len = strlen(word);
	return (gsize)(end - at) >= len && g_ascii_strncasecmp(at, word, len) == 0;
}

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; @at when there is none. */
static const char *skip_blob(const char *at, const char *end)
{
	if (at == end || *at != '[')
		return at;
	const char *c = at + 1;
	while (c < end && *c != '[' && *c != ']')
		c++;
	return c < end && *c == ']' ? skip_spaces(c + 1, end) : at;
}

/* *subj-blob subj-refwd; @at when there is none. */
static const char *skip_refwd(const char *at, const char *end)
{
	const char *c = at, *next;
	while ((next = skip_blob(c, end)) != c)
		c = next;
	if (has_prefix(c, end, "re"))
		c += 2;
	else if (has_prefix(c, end, "fwd"))
		c += 3;
	else if (has_prefix(c, end, "fw"))
		c += 2;
	else
		return at;
	c = skip_blob(skip_spaces(c, end), end);
	return c < end && *c == ':' ? c + 1 : at;
}

/* Steps 2: trailers. */
static void strip_trailers(Subject *s)
{
	for (;;) {
		while (s->end > s->at && s->end[-1] == ' ')
			s->end--;
		if (s->end - s->at < 5 || !has_prefix(s->end - 5, s->end, "(fwd)"))
			return;
		s->end -= 5;
		s->reply = TRUE;
	}
}

/* Steps 3 to 5: leaders, and blobs that leave something behind them. */
static void strip_leaders(Subject *s)
{
	for (;;) {
		const char *start = s->at = skip_spaces(s->at, s->end);
		const char *next = skip_refwd(s->at, s->end);
		if (next != s->at) {
			s->reply = TRUE;
			s->at = next;
			continue;
		}
		next = skip_blob(s->at, s->end);
		if (next < s->end)
			s->at = next;
		if (s->at == start)
			return;
	}
}

/* Step 6. */
static gboolean strip_forward(Subject *s)
{
	if (!has_prefix(s->at, s->end, "[fwd:") || s->end[-1] != ']')
		return FALSE;
	s->at += 5;
	s->end--;
	s->reply = TRUE;
	return TRUE;
}

char *sort_keys_base_subject(const char *subject, gsize len, gboolean *reply_out)
{
	/* Step 1: runs of white space and line ends are one space. Blobs are looked at again for each that is taken off, so the
	 * length is limited. */
	g_autoptr(GString) text = g_string_new(NULL);
	for (gsize i = 0; i < len && text->len < LIMIT_SORT_SUBJECT; i++) {
		gboolean space = strchr(" \t\r\n", subject[i]) != NULL; /* NUL too */
		if (!space)
			g_string_append_c(text, subject[i]);
		else if (text->len == 0 || text->str[text->len - 1] != ' ')
			g_string_append_c(text, ' ');
	}
	Subject s = { text->str, text->str + text->len, FALSE };
	do {
		strip_trailers(&s);
		strip_leaders(&s);
	} while (strip_forward(&s));
	*reply_out = s.reply;
	return g_strndup(s.at, (gsize)(s.end - s.at));
}

/* -- message ids ---------------------------------------------------------------------------------------------- */

/* Reads one id that begins behind a "<" at *@at, unquoted and without white space; FALSE if it is none. *@at is then behind
 * what was looked at. */
static gboolean read_id(const char **at, const char *end, GString *id)
{
	gboolean quoted = FALSE;
	const char *c = *at;
	g_string_truncate(id, 0);
	for (; c < end && (quoted || *c != '>'); c++) {
		if (*c == '"')
			quoted = !quoted;
		else if (*c == '<' && !quoted)
			break; /* the "<" before was none */
		else if (*c == '\\' && quoted && c + 1 < end)
			g_string_append_c(id, *++c);
		else if (strchr(" \t\r\n", *c) == NULL || quoted)
			g_string_append_c(id, *c);
	}
	gboolean closed = c < end && *c == '>';
	*at = closed ? c + 1 : c;
	const char *sign = strrchr(id->str, '@');
	gboolean valid = closed && strlen(id->str) == id->len && sign != NULL && sign != id->str && sign[1] != '\0';
	for (gsize i = 0; valid && i < id->len; i++)
		valid = (guchar)id->str[i] > ' ' && id->str[i] != 0x7f;
	return valid;
}

/* Appends up to @limit ids of a field's value, the last ones if there are more, with a space between. */
static void append_ids(GString *out, const char *value, gsize len, gsize limit, gboolean first_ones)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) id = g_string_new(NULL);
	const char *at = value, *end = value + len;
	while (at < end && (at = memchr(at, '<', (gsize)(end - at))) != NULL) {
		at++;
		if (read_id(&at, end, id))
			g_ptr_array_add(ids, g_strdup(id->str));
		if (first_ones && ids->len == limit)
			break;
	}
	gsize from = ids->len > limit ? ids->len - limit : 0;
	for (gsize i = from; i < ids->len; i++)
		g_string_append_printf(out, "%s%s", i > from ? " " : "", (const char *)ids->pdata[i]);
}

/* -- the fields ----------------------------------------------------------------------------------------------- */

typedef enum { FIELD_SUBJECT, FIELD_FROM, FIELD_TO, FIELD_CC, FIELD_MESSAGE_ID, FIELD_REFERENCES, FIELD_IN_REPLY_TO, FIELD_N } Field;

/* The first field of each name, as ENVELOPE has it. */
static void find_fields(const guint8 *data, gsize size, MimeField fields_out[FIELD_N])
{
	static const char *const names[FIELD_N] = { "Subject", "From", "To", "Cc", "Message-ID", "References", "In-Reply-To" };
	memset(fields_out, 0, sizeof(MimeField) * FIELD_N);
	MimeField field;
	gboolean first = TRUE;
	for (gsize pos = 0; mime_field_next(data, size, TRUE, &pos, &field); first = FALSE) {
		if (first && field.name_len == 0)
			return; /* no header at all (README, "Header"): what looks like fields further on is body */
		for (guint i = 0; i < FIELD_N; i++)
			if (fields_out[i].name == NULL && mime_field_is(&field, names[i]))
				fields_out[i] = field;
	}
}

/* Folded text with its letters in the case of RFC 5051 (base/fold.h, step 3), without the space at its ends. */
static void append_collated(GString *out, const char *utf8, gsize len)
{
	gsize start = out->len;
	fold_append(out, utf8, len);
	for (gsize i = start; i < out->len; i++)
		if (g_ascii_isalpha(out->str[i]))
			out->str[i] ^= 0x20;
	if (out->len > start && out->str[start] == ' ')
		g_string_erase(out, (gssize)start, 1);
	if (out->len > start && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
}

static void append_decoded(GString *out, const char *raw)
{
	g_autoptr(GString) text = g_string_new(NULL);
	header_text_decode(text, raw, MIN(strlen(raw), LIMIT_SORT_SUBJECT));
	append_collated(out, text->str, text->len);
}

static void append_subject(GString *out, const MimeField *field)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean reply = FALSE;
	g_autofree char *base = NULL;
	if (field->name != NULL) {
		header_text_decode(text, field->value, MIN(field->value_len, 4 * LIMIT_SORT_SUBJECT));
		base = sort_keys_base_subject(text->str, text->len, &reply);
		append_collated(out, base, strlen(base));
	}
	g_string_append(out, reply ? "\nr\n" : "\n\n");
}

/* The first address of a field: its local part, and its display form (RFC 5957 3). A group's name is its local part, as
 * in ENVELOPE. */
static void first_address(const MimeField *field, GString *mailbox, GString *display)
{
	if (field->name == NULL)
		return;
	g_autoptr(GPtrArray) addresses = envelope_addresses(field->value, MIN(field->value_len, 4 * LIMIT_SORT_SUBJECT));
	if (addresses->len == 0)
		return;
	const EnvelopeAddress *address = addresses->pdata[0];
	const char *local = address->kind == ENVELOPE_GROUP_START ? address->name : address->mailbox;
	append_decoded(mailbox, local != NULL ? local : "");
	if (display == NULL)
		return;
	if (address->kind == ENVELOPE_MAILBOX && address->name != NULL)
		append_decoded(display, address->name);
	if (display->len > 0 || local == NULL || *local == '\0')
		return;
	gboolean host = address->kind == ENVELOPE_MAILBOX && address->host != NULL && *address->host != '\0';
	g_autofree char *whole = host ? g_strconcat(local, "@", address->host, NULL) : g_strdup(local);
	append_decoded(display, whole);
}

void sort_keys_append(GString *out, const guint8 *data, gsize size)
{
	MimeField fields[FIELD_N];
	find_fields(data, size, fields);
	append_subject(out, &fields[FIELD_SUBJECT]);
	g_autoptr(GString) from = g_string_new(NULL), to = g_string_new(NULL), cc = g_string_new(NULL);
	g_autoptr(GString) display_from = g_string_new(NULL), display_to = g_string_new(NULL);
	first_address(&fields[FIELD_FROM], from, display_from);
	first_address(&fields[FIELD_TO], to, display_to);
	first_address(&fields[FIELD_CC], cc, NULL);
	g_string_append_printf(out, "%s\n%s\n%s\n%s\n%s\n", from->str, to->str, cc->str, display_from->str, display_to->str);
	append_ids(out, fields[FIELD_MESSAGE_ID].value, fields[FIELD_MESSAGE_ID].value_len, 1, TRUE);
	g_string_append_c(out, '\n');
	/* RFC 5256, REFERENCES: In-Reply-To only if References has no valid id, and then its first. */
	gsize start = out->len;
	append_ids(out, fields[FIELD_REFERENCES].value, fields[FIELD_REFERENCES].value_len, LIMIT_REFERENCES, FALSE);
	if (out->len == start)
		append_ids(out, fields[FIELD_IN_REPLY_TO].value, fields[FIELD_IN_REPLY_TO].value_len, 1, TRUE);
	g_string_append_c(out, '\n');
}

void sort_keys_split(const char *lines, gsize len, SortKeySpan keys_out[SORT_KEY_N])
{
	const char *at = lines, *end = lines + len;
	for (guint i = 0; i < SORT_KEY_N; i++) {
		const char *lf = at < end ? memchr(at, '\n', (gsize)(end - at)) : NULL;
		keys_out[i] = (SortKeySpan){ at, lf != NULL ? (gsize)(lf - at) : 0 };
		at = lf != NULL ? lf + 1 : end;
	}
}

SortKeySpan sort_keys_find(const char *lines, gsize len, SortKey key)
{
	const char *at = lines, *end = lines + len, *lf = NULL;
	for (guint i = 0; i <= key; i++) {
		at = lf != NULL ? lf + 1 : at;
		lf = at < end ? memchr(at, '\n', (gsize)(end - at)) : NULL;
		if (lf == NULL)
			return (SortKeySpan){ end, 0 };
	}
	return (SortKeySpan){ at, (gsize)(lf - at) };
}
