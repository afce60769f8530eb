#include "store/mime-params.h"

#include "base/limits.h"
#include "store/charset.h"
#include "store/mime-tree.h"

#include <string.h>

typedef struct {
	const char *p, *end;
} Cursor;

/* One "name=value" as it is written. */
typedef struct {
	GString *octets; /* owned; unquoted, percent signs still in it */
	guint section;
	gboolean encoded; /* name*, name*0*: percent signs mean something */
} Piece;

/* All pieces of one name. */
typedef struct {
	char *name;        /* owned */
	GPtrArray *pieces; /* of Piece, owned; the RFC 2231 ones */
	GString *plain;    /* owned; the value of the first plain form, or NULL */
} Group;

static void piece_free(gpointer data)
{
	Piece *piece = data;
	g_string_free(piece->octets, TRUE);
	g_free(piece);
}

static void group_free(gpointer data)
{
	Group *group = data;
	g_free(group->name);
	g_ptr_array_unref(group->pieces);
	if (group->plain != NULL)
		g_string_free(group->plain, TRUE);
	g_free(group);
}

static void raw_param_free(gpointer data)
{
	RawParam *param = data;
	g_free(param->name);
	g_free(param->charset);
	if (param->octets != NULL)
		g_string_free(param->octets, TRUE);
	g_free(param);
}

static void mime_param_free(gpointer data)
{
	MimeParam *param = data;
	g_free(param->name);
	g_free(param->value);
	g_free(param);
}

void mime_unfold(GString *out, const char *value, gsize len)
{
	const char *p = value, *end = value + len;
	while (p < end) {
		const char *lf = memchr(p, '\n', (gsize)(end - p));
		const char *stop = lf != NULL ? lf : end;
		if (lf != NULL && stop > p && stop[-1] == '\r')
			stop--;
		g_string_append_len(out, p, stop - p);
		p = lf != NULL ? lf + 1 : end;
	}
}

static gboolean is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* RFC 2045 5.1; octets above 127 are let through. */
static gboolean is_token(char c)
{
	return (guchar)c > 32 && c != 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* White space and comments; one that is not closed reaches to the end. */
static void skip_cfws(Cursor *in)
{
	guint depth = 0;
	for (; in->p < in->end; in->p++) {
		char c = *in->p;
		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\' && in->p + 1 < in->end)
			in->p++;
		else if (depth == 0 && !is_space(c))
			break;
	}
}

static void read_token(Cursor *in, GString *out)
{
	const char *start = in->p;
	while (in->p < in->end && is_token(*in->p))
		in->p++;
	g_string_append_len(out, start, in->p - start);
}

/* token ["/" token] */
static char *read_main(Cursor *in)
{
	g_autoptr(GString) main = g_string_new(NULL);
	skip_cfws(in);
	read_token(in, main);
	if (main->len == 0)
		return NULL;
	Cursor ahead = *in;
	skip_cfws(&ahead);
	if (ahead.p < ahead.end && *ahead.p == '/') {
		gsize len = main->len;
		ahead.p++;
		skip_cfws(&ahead);
		g_string_append_c(main, '/');
		read_token(&ahead, main);
		*in = ahead;
		if (main->len == len + 1)
			g_string_truncate(main, len);
	}
	return g_ascii_strdown(main->str, (gssize)main->len);
}

static GString *read_value(Cursor *in)
{
	GString *value = g_string_new(NULL);
	if (in->p < in->end && *in->p == '"') {
		for (in->p++; in->p < in->end && *in->p != '"'; in->p++) {
			if (*in->p == '\\' && ++in->p == in->end)
				return value;
			g_string_append_c(value, *in->p);
		}
		if (in->p < in->end)
			in->p++;
		return value;
	}
	const char *start = in->p;
	while (in->p < in->end && *in->p != ';' && !is_space(*in->p))
		in->p++;
	g_string_append_len(value, start, in->p - start);
	return value;
}

/* Takes the stars off a name: name, name*, name*N, name*N*. Returns TRUE if it had any, of the right form. */
static gboolean split_name(GString *name, guint *section_out, gboolean *encoded_out)
{
	gsize len = name->len;
	gboolean encoded = len > 1 && name->str[len - 1] == '*';
	guint section = 0;
	if (encoded)
		len--;
	gsize digits = len;
	while (digits > 0 && g_ascii_isdigit(name->str[digits - 1]))
		digits--;
	if (digits > 1 && digits < len && len - digits <= 4 && name->str[digits - 1] == '*') {
		for (gsize i = digits; i < len; i++)
			section = section * 10 + (guint)(name->str[i] - '0');
		len = digits - 1;
	} else if (!encoded) {
		return FALSE;
	}
	g_string_truncate(name, len);
	*section_out = section;
	*encoded_out = encoded;
	return TRUE;
}

static Group *group_of(GPtrArray *groups, const GString *name)
{
	for (guint i = 0; i < groups->len; i++) {
		Group *group = groups->pdata[i];
		if (strcmp(group->name, name->str) == 0)
			return group;
	}
	Group *group = g_new0(Group, 1);
	group->name = g_strndup(name->str, name->len);
	group->pieces = g_ptr_array_new_with_free_func(piece_free);
	g_ptr_array_add(groups, group);
	return group;
}

/* Takes @value over. */
static void add_param(GPtrArray *groups, GString *name, GString *value)
{
	guint section;
	gboolean encoded;
	g_string_ascii_down(name);
	gboolean extended = split_name(name, &section, &encoded);
	Group *group = group_of(groups, name);
	if (extended) {
		Piece *piece = g_new(Piece, 1);
		piece->octets = value;
		piece->section = section;
		piece->encoded = encoded;
		g_ptr_array_add(group->pieces, piece);
	} else if (group->plain == NULL) {
		group->plain = value;
	} else {
		g_string_free(value, TRUE);
	}
}

static void append_percent_decoded(GString *out, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '%' && end - p > 2 && g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2])) {
			g_string_append_c(out,
				(char)(guchar)(g_ascii_xdigit_value(p[1]) << 4 | g_ascii_xdigit_value(p[2])));
			p += 2;
		} else {
			g_string_append_c(out, *p);
		}
	}
}

static gint compare_pieces(gconstpointer a, gconstpointer b)
{
	guint x = (*(Piece *const *)a)->section, y = (*(Piece *const *)b)->section;
	return x < y ? -1 : x > y;
}

/* Joins the sections 0, 1, 2 ... up to the first gap; of equal ones the first counts (g_ptr_array_sort is
 * stable since it is a merge sort). FALSE if there is no section 0. */
static gboolean join_pieces(const Group *group, RawParam *param)
{
	guint next = 0;
	g_ptr_array_sort(group->pieces, compare_pieces);
	for (guint i = 0; i < group->pieces->len; i++) {
		const Piece *piece = group->pieces->pdata[i];
		const char *p = piece->octets->str, *end = p + piece->octets->len;
		if (piece->section > next)
			break;
		if (piece->section < next)
			continue;
		if (next++ == 0 && piece->encoded) {
			/* charset'language'text */
			const char *first = memchr(p, '\'', (gsize)(end - p));
			const char *second =
				first != NULL ? memchr(first + 1, '\'', (gsize)(end - first - 1)) : NULL;
			if (second != NULL) {
				if (first > p)
					param->charset = g_strndup(p, (gsize)(first - p));
				p = second + 1;
			}
		}
		if (piece->encoded)
			append_percent_decoded(param->octets, p, end);
		else
			g_string_append_len(param->octets, p, end - p);
	}
	return next > 0;
}

static GPtrArray *join_groups(const GPtrArray *groups)
{
	GPtrArray *params = g_ptr_array_new_with_free_func(raw_param_free);
	for (guint i = 0; i < groups->len; i++) {
		Group *group = groups->pdata[i];
		RawParam *param = g_new0(RawParam, 1);
		param->octets = g_string_new(NULL);
		param->extended = group->pieces->len > 0 && join_pieces(group, param);
		if (!param->extended) {
			if (group->plain == NULL) {
				raw_param_free(param);
				continue;
			}
			g_string_append_len(param->octets, group->plain->str, (gssize)group->plain->len);
		}
		param->name = g_steal_pointer(&group->name);
		g_ptr_array_add(params, param);
	}
	return params;
}

GPtrArray *mime_params_parse_raw(const char *value, gsize len, char **main_out)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
	g_autoptr(GString) unfolded = g_string_sized_new(len);
	g_autoptr(GString) name = g_string_new(NULL);
	mime_unfold(unfolded, value, len);
	Cursor in = { unfolded->str, unfolded->str + unfolded->len };
	*main_out = read_main(&in);
	for (guint n = 0; n < LIMIT_MIME_PARAMETERS;) {
		skip_cfws(&in);
		if (in.p == in.end)
			break;
		if (*in.p == ';') {
			in.p++;
			continue;
		}
		const char *start = in.p;
		while (in.p < in.end && *in.p != ';' && *in.p != '=' && *in.p != '(' && !is_space(*in.p))
			in.p++;
		g_string_truncate(name, 0);
		g_string_append_len(name, start, in.p - start);
		skip_cfws(&in);
		if (in.p == in.end || *in.p != '=')
			continue; /* a word without a value */
		in.p++;
		skip_cfws(&in);
		GString *octets = read_value(&in);
		if (name->len == 0) {
			g_string_free(octets, TRUE);
			continue;
		}
		add_param(groups, name, octets);
		n++;
	}
	return join_groups(groups);
}

char *mime_params_first_token(const char *value, gsize len)
{
	g_autoptr(GString) unfolded = g_string_sized_new(len);
	g_autoptr(GString) token = g_string_new(NULL);
	mime_unfold(unfolded, value, len);
	Cursor in = { unfolded->str, unfolded->str + unfolded->len };
	skip_cfws(&in);
	read_token(&in, token);
	return g_ascii_strdown(token->str, (gssize)token->len);
}

GPtrArray *mime_params_from_raw(const GPtrArray *raw)
{
	GPtrArray *params = g_ptr_array_new_full(raw->len, mime_param_free);
	for (guint i = 0; i < raw->len; i++) {
		const RawParam *from = raw->pdata[i];
		MimeParam *param = g_new(MimeParam, 1);
		GString *value = g_string_new(NULL);
		charset_append(value, from->charset, from->charset != NULL ? strlen(from->charset) : 0,
			from->octets->str, from->octets->len);
		for (gsize j = 0; j < value->len; j++) {
			if (value->str[j] == '\0')
				value->str[j] = ' ';
		}
		param->name = g_strdup(from->name);
		param->value = g_string_free(value, FALSE);
		param->extended = from->extended;
		g_ptr_array_add(params, param);
	}
	return params;
}

gboolean mime_parse_params(const char *value, gsize len, char **main_out, GPtrArray **params_out)
{
	g_autofree char *main = NULL;
	g_autoptr(GPtrArray) raw = mime_params_parse_raw(value, len, &main);
	gboolean found = main != NULL;
	if (params_out != NULL)
		*params_out = mime_params_from_raw(raw);
	if (found && main_out != NULL)
		*main_out = g_steal_pointer(&main);
	return found;
}
