#include "store/mime-tree.h"

#include "base/limits.h"
#include "store/mime-params.h"

#include <string.h>

/* One pass over the octets, line by line; only lines that start with "--" are compared with the boundaries
 * that are open. Recursion follows the depth of the parts, which is limited. */

struct MimeTree {
	MimePart *root; /* owned */
};

/* An open multipart. */
typedef struct {
	char *boundary; /* owned; no NUL at its end, no white space either */
	gsize len;
	guint32 hash;
} Level;

typedef struct {
	const guint8 *data;
	gsize size;
	gsize pos;     /* start of the line to be read next */
	guint64 lines; /* LFs before pos */
	guint n_parts;
	GArray *levels; /* of Level, outermost first */
	gsize max_len;  /* of the boundaries that have been open */

	/* Where the part ended that was read last. */
	gint hit;           /* index of the level whose delimiter ended it; -1: the end of the data */
	gboolean hit_close; /* it was --boundary-- */
	gsize end;          /* before the delimiter and the line end that belongs to it */
	guint64 end_lines;  /* LFs before end */
} Scanner;

typedef struct {
	gsize start, len; /* without the line end */
	gsize next;
	gboolean has_lf;
} Line;

static Line read_line(const guint8 *data, gsize size, gsize pos)
{
	Line line = { .start = pos };
	const guint8 *lf = memchr(data + pos, '\n', size - pos);
	line.has_lf = lf != NULL;
	line.next = lf != NULL ? (gsize)(lf - data) + 1 : size;
	line.len = line.next - pos - line.has_lf;
	if (line.has_lf && line.len > 0 && data[pos + line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Eight octets at a time: x has a zero octet where there is a LF. */
static guint64 count_lf(const guint8 *p, gsize len)
{
	const guint64 low7 = G_GUINT64_CONSTANT(0x7f7f7f7f7f7f7f7f);
	guint64 count = 0;
	gsize i = 0;
	for (; i + 8 <= len; i += 8) {
		guint64 x;
		memcpy(&x, p + i, 8);
		x ^= G_GUINT64_CONSTANT(0x0a0a0a0a0a0a0a0a);
		x = ~(((x & low7) + low7) | x | low7);
		count += (x >> 7) * G_GUINT64_CONSTANT(0x0101010101010101) >> 56;
	}
	for (; i < len; i++)
		count += p[i] == '\n';
	return count;
}

static gboolean is_blank(guint8 c)
{
	return c == ' ' || c == '\t';
}

/* The length of the field name that the line starts with, 0 if it is no field; *@colon_out is where the colon
 * is. */
static gsize field_name(const guint8 *line, gsize len, gsize *colon_out)
{
	gsize n = 0;
	while (n < len && line[n] > 32 && line[n] < 127 && line[n] != ':')
		n++;
	gsize colon = n;
	while (colon < len && is_blank(line[colon]))
		colon++;
	if (n == 0 || colon == len || line[colon] != ':')
		return 0;
	*colon_out = colon;
	return n;
}

static gboolean is_field(const guint8 *data, const Line *line)
{
	gsize colon;
	return field_name(data + line->start, line->len, &colon) > 0;
}

static gboolean looks_like_from_line(const guint8 *data, const Line *line)
{
	const char *text = (const char *)data + line->start;
	gsize quoted = line->len > 0 && *text == '>';
	return line->len >= 5 + quoted && memcmp(text + quoted, "From ", 5) == 0 && !is_field(data, line);
}

/* A mbox "From " line is one only with an empty line or a field behind it. */
static gboolean is_from_line(const guint8 *data, gsize size, const Line *line)
{
	if (!looks_like_from_line(data, line) || line->next == size)
		return FALSE;
	Line second = read_line(data, size, line->next);
	return (second.len == 0 && second.has_lf) || is_field(data, &second);
}

/* -- Delimiters -- */

#define HASH_START 5381u

static inline guint32 hash_more(guint32 hash, const guint8 *p, gsize len)
{
	for (gsize i = 0; i < len; i++)
		hash = hash * 33 + p[i];
	return hash;
}

static void level_clear(gpointer data)
{
	Level *level = data;
	g_free(level->boundary);
}

static Level *level_at(const Scanner *s, guint i)
{
	return &g_array_index(s->levels, Level, i);
}

/* RFC 2046 5.1.1: a boundary does not end with white space; any that stands there is not looked at. */
static void push_level(Scanner *s, const GString *boundary)
{
	Level level = { .len = boundary->len };
	while (level.len > 0 && is_blank((guint8)boundary->str[level.len - 1]))
		level.len--;
	level.boundary = g_memdup2(boundary->str, level.len);
	level.hash = hash_more(HASH_START, (const guint8 *)level.boundary, level.len);
	s->max_len = MAX(s->max_len, level.len);
	g_array_append_val(s->levels, level);
}

/* Looks whether the line, which starts with "--", is a delimiter of an open multipart, the innermost first.
 */
static gboolean is_delimiter(const Scanner *s, const Line *line, guint *level_out, gboolean *close_out)
{
	const guint8 *text = s->data + line->start + 2;
	gsize len = line->len - 2;
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	if (len == 0 || len > s->max_len + 2)
		return FALSE;
	gboolean may_close = len > 2 && text[len - 1] == '-' && text[len - 2] == '-';
	gsize close_len = may_close ? len - 2 : len;
	guint32 close_hash = hash_more(HASH_START, text, close_len);
	guint32 open_hash = hash_more(close_hash, text + close_len, len - close_len);
	for (guint i = s->levels->len; i-- > 0;) {
		const Level *level = level_at(s, i);
		gboolean open = level->hash == open_hash && level->len == len;
		if (!open && !(may_close && level->hash == close_hash && level->len == close_len))
			continue;
		if (memcmp(level->boundary, text, level->len) != 0)
			continue;
		*level_out = i;
		*close_out = !open;
		return TRUE;
	}
	return FALSE;
}

/* Tells the scanner that the part which is being read ends before this delimiter line, or at the end of the
 * data. */
static void end_at_delimiter(Scanner *s, const Line *line, guint level, gboolean close)
{
	s->hit = (gint)level;
	s->hit_close = close;
	s->end = line->start;
	s->end_lines = s->lines;
	if (s->end > 0) { /* the line before ends with a LF, else there were no line here */
		s->end--;
		s->end_lines--;
		if (s->end > 0 && s->data[s->end - 1] == '\r')
			s->end--;
	}
	s->pos = line->next;
	s->lines += line->has_lf;
}

static void end_at_data(Scanner *s)
{
	s->lines += count_lf(s->data + s->pos, s->size - s->pos);
	s->pos = s->size;
	s->hit = -1;
	s->hit_close = FALSE;
	s->end = s->size;
	s->end_lines = s->lines;
}

static gboolean starts_with_dashes(const Scanner *s, const Line *line)
{
	return line->len >= 2 && s->data[line->start] == '-' && s->data[line->start + 1] == '-';
}

static gboolean ends_here(Scanner *s, const Line *line)
{
	guint level;
	gboolean close;
	if (!starts_with_dashes(s, line) || !is_delimiter(s, line, &level, &close))
		return FALSE;
	end_at_delimiter(s, line, level, close);
	return TRUE;
}

/* Reads on to the next delimiter or the end. */
static void skip_to_delimiter(Scanner *s)
{
	if (s->levels->len > 0) {
		while (s->pos < s->size) {
			Line line = read_line(s->data, s->size, s->pos);
			if (ends_here(s, &line))
				return;
			s->pos = line.next;
			s->lines += line.has_lf;
		}
	}
	end_at_data(s);
}

/* -- Parts -- */

static void part_free(gpointer data)
{
	MimePart *part = data;
	if (part->children != NULL)
		g_ptr_array_unref(part->children);
	if (part->params != NULL)
		g_ptr_array_unref(part->params);
	g_free(part->type);
	g_free(part->subtype);
	g_free(part->encoding);
	g_free(part);
}

static MimePart *part_new(Scanner *s, MimePart *parent)
{
	MimePart *part = g_new0(MimePart, 1);
	part->parent = parent;
	s->n_parts++;
	if (parent != NULL) {
		if (parent->children == NULL)
			parent->children = g_ptr_array_new_with_free_func(part_free);
		g_ptr_array_add(parent->children, part);
	}
	return part;
}

gboolean mime_part_is_message(const MimePart *part)
{
	return part->parent == NULL || part->parent->kind == MIME_PART_MESSAGE;
}

/* Reads the header from s->pos. Returns FALSE if the part ended in it. s->pos is then behind it. */
static gboolean read_header(Scanner *s, MimePart *part)
{
	gboolean first = TRUE;
	while (s->pos < s->size) {
		Line line = read_line(s->data, s->size, s->pos);
		if (ends_here(s, &line))
			return FALSE;
		if (first && mime_part_is_message(part) && is_from_line(s->data, s->size, &line)) {
			s->pos = line.next;
			s->lines++;
			line = read_line(s->data, s->size, s->pos);
			if (ends_here(s, &line))
				return FALSE;
		}
		if (line.len == 0 && line.has_lf) {
			s->pos = line.next;
			s->lines++;
			part->header_closed = TRUE;
			return TRUE;
		}
		if (first && !is_field(s->data, &line))
			return TRUE;
		first = FALSE;
		s->pos = line.next;
		s->lines += line.has_lf;
	}
	end_at_data(s);
	return FALSE;
}

static void set_type(MimePart *part, const char *main)
{
	const char *slash = main != NULL ? strchr(main, '/') : NULL;
	part->type_given = slash != NULL;
	if (slash != NULL) {
		part->type = g_strndup(main, (gsize)(slash - main));
		part->subtype = g_strdup(slash + 1);
		return;
	}
	/* RFC 2046 5.1.5 */
	const MimePart *parent = part->parent;
	gboolean in_digest = parent != NULL && strcmp(parent->type, "multipart") == 0 &&
		strcmp(parent->subtype, "digest") == 0;
	part->type = g_strdup(in_digest ? "message" : "text");
	part->subtype = g_strdup(in_digest ? "rfc822" : "plain");
}

/* Sets type, parameters and encoding from the first @size octets at the header's start. *@boundary_out is set
 * if there is one. */
static void read_type(const Scanner *s, MimePart *part, gsize size, GString **boundary_out)
{
	const guint8 *header = s->data + part->header_offset;
	g_autofree char *main = NULL;
	g_autoptr(GPtrArray) raw = NULL;
	MimeField field;
	gsize pos = 0;
	while (mime_field_next(header, size, mime_part_is_message(part), &pos, &field)) {
		if (raw == NULL && mime_field_is(&field, "content-type"))
			raw = mime_params_parse_raw(field.value, field.value_len, &main);
		else if (part->encoding == NULL && mime_field_is(&field, "content-transfer-encoding"))
			part->encoding = mime_params_first_token(field.value, field.value_len);
	}
	set_type(part, main);
	if (part->encoding == NULL)
		part->encoding = g_strdup("");
	if (raw == NULL) {
		part->params = g_ptr_array_new();
		return;
	}
	part->params = mime_params_from_raw(raw);
	if (strcmp(part->type, "multipart") != 0)
		return;
	for (guint i = 0; i < raw->len; i++) {
		RawParam *param = raw->pdata[i];
		if (strcmp(param->name, "boundary") == 0 && param->octets->len > 0)
			*boundary_out = g_steal_pointer(&param->octets);
	}
}

gboolean mime_part_holds_message(const MimePart *part)
{
	return strcmp(part->type, "message") == 0 &&
		(strcmp(part->subtype, "rfc822") == 0 || strcmp(part->subtype, "global") == 0 ||
			strcmp(part->subtype, "news") == 0);
}

static gboolean is_encoded(const MimePart *part)
{
	return strcmp(part->encoding, "base64") == 0 || strcmp(part->encoding, "quoted-printable") == 0;
}

/* The part that would be one too many has no header and takes all that is left. */
static void take_the_rest(Scanner *s, MimePart *part)
{
	part->header_offset = part->body_offset = s->pos;
	part->type = g_strdup("text");
	part->subtype = g_strdup("plain");
	part->params = g_ptr_array_new();
	part->encoding = g_strdup("");
	part->undivided = TRUE;
	guint64 lines = s->lines;
	end_at_data(s);
	part->body_size = s->size - part->body_offset;
	part->body_lines = s->lines - lines;
}

static void read_part(Scanner *s, MimePart *part, guint depth);

static void read_child(Scanner *s, MimePart *parent, guint depth)
{
	MimePart *child = part_new(s, parent);
	if (s->n_parts >= LIMIT_MIME_PARTS)
		take_the_rest(s, child);
	else
		read_part(s, child, depth);
}

static void read_multipart(Scanner *s, MimePart *part, guint depth, const GString *boundary)
{
	guint level = s->levels->len;
	push_level(s, boundary);
	skip_to_delimiter(s); /* the preamble */
	while (s->hit == (gint)level && !s->hit_close)
		read_child(s, part, depth + 1);
	g_array_set_size(s->levels, level);
	if (s->hit == (gint)level)
		skip_to_delimiter(s); /* the epilogue */
	part->undivided = part->children == NULL;
	part->kind = part->undivided ? MIME_PART_LEAF : MIME_PART_MULTIPART;
}

/* The line end before a delimiter belongs to it, even where the part has nothing before it but the empty line
 * of its header, or nothing at all: then header, or the start of the part, draw back. */
static void set_extent(const Scanner *s, MimePart *part, guint64 start_lines, gsize body, guint64 body_lines)
{
	gsize start = MIN(part->header_offset, s->end);
	start_lines = MIN(start_lines, s->end_lines);
	if (body > s->end) {
		body = s->end;
		body_lines = s->end_lines;
		part->header_closed = FALSE;
	}
	if (body > start && !part->header_closed && mime_part_is_message(part)) {
		/* What is left of the header may be a "From " line with nothing behind it: no header, then.
		 */
		Line line = read_line(s->data, body, start);
		if (line.next == body && looks_like_from_line(s->data, &line)) {
			body = start;
			body_lines = start_lines;
		}
	}
	part->header_offset = start;
	part->header_size = body - start;
	part->header_lines = body_lines - start_lines;
	part->body_offset = body;
	part->body_size = s->end - body;
	part->body_lines = s->end_lines - body_lines;
}

/* A message/rfc822 that ends in its header has an empty message. */
static void add_empty_child(Scanner *s, MimePart *parent)
{
	MimePart *child = part_new(s, parent);
	child->header_offset = child->body_offset = s->end;
	child->params = g_ptr_array_new();
	child->encoding = g_strdup("");
	set_type(child, NULL);
}

/* Reads the part that starts at s->pos. Afterwards s->hit and the like tell what ended it. */
static void read_part(Scanner *s, MimePart *part, guint depth)
{
	guint64 start_lines = s->lines;
	part->header_offset = s->pos;
	gboolean has_body = read_header(s, part);
	gsize body = has_body ? s->pos : MAX(s->end, part->header_offset);
	guint64 body_lines = has_body ? s->lines : MAX(s->end_lines, start_lines);
	GString *boundary = NULL;
	read_type(s, part, body - part->header_offset, &boundary);
	gboolean holds_message = mime_part_holds_message(part);
	gboolean may_divide = depth < LIMIT_MIME_DEPTH;
	part->undivided = strcmp(part->type, "multipart") == 0 || (holds_message && !may_divide);
	if (holds_message && may_divide && !is_encoded(part)) {
		part->kind = MIME_PART_MESSAGE;
		if (has_body)
			read_child(s, part, depth + 1);
		else
			add_empty_child(s, part);
	} else if (has_body && boundary != NULL && may_divide) {
		read_multipart(s, part, depth, boundary);
	} else if (has_body) {
		skip_to_delimiter(s);
	}
	if (boundary != NULL)
		g_string_free(boundary, TRUE);
	set_extent(s, part, start_lines, body, body_lines);
}

/* -- The interface -- */

MimeTree *mime_tree_new_at_depth(const guint8 *data, gsize size, guint depth)
{
	MimeTree *tree = g_new(MimeTree, 1);
	/* No octets may be NULL, but NULL + 0 is undefined in C17. */
	Scanner s = { .data = size > 0 ? data : (const guint8 *)"", .size = size };
	s.levels = g_array_new(FALSE, FALSE, sizeof(Level));
	g_array_set_clear_func(s.levels, level_clear);
	tree->root = part_new(&s, NULL);
	read_part(&s, tree->root, depth);
	g_array_unref(s.levels);
	return tree;
}

MimeTree *mime_tree_new(const guint8 *data, gsize size)
{
	return mime_tree_new_at_depth(data, size, 0);
}

void mime_tree_free(MimeTree *tree)
{
	if (tree == NULL)
		return;
	part_free(tree->root);
	g_free(tree);
}

const MimePart *mime_tree_root(const MimeTree *tree)
{
	return tree->root;
}

const char *mime_part_param(const MimePart *part, const char *name)
{
	for (guint i = 0; i < part->params->len; i++) {
		const MimeParam *param = part->params->pdata[i];
		if (strcmp(param->name, name) == 0)
			return param->value;
	}
	return NULL;
}

gboolean mime_field_is(const MimeField *field, const char *name)
{
	return strlen(name) == field->name_len &&
		g_ascii_strncasecmp(field->name, name, field->name_len) == 0;
}

gboolean mime_field_next(
	const guint8 *header, gsize size, gboolean is_message, gsize *pos, MimeField *field_out)
{
	if (*pos >= size)
		return FALSE;
	Line line = read_line(header, size, *pos);
	if (*pos == 0 && is_message && is_from_line(header, size, &line))
		line = read_line(header, size, line.next);
	if (line.len == 0 && line.has_lf) {
		*pos = size;
		return FALSE;
	}
	Line last = line;
	while (last.next < size && is_blank(header[last.next]))
		last = read_line(header, size, last.next);
	const guint8 *text = header + line.start;
	gsize colon = 0, name_len = field_name(text, line.len, &colon);
	gsize value = name_len > 0 ? line.start + colon + 1 : line.start;
	field_out->name = (const char *)text;
	field_out->name_len = name_len;
	field_out->value = (const char *)header + value;
	field_out->value_len = last.start + last.len - value;
	field_out->offset = line.start;
	field_out->size = last.next - line.start;
	*pos = last.next;
	return TRUE;
}
