/* The MIME tree: parts lie in their parents and behind each other, line counts are right, and no part holds a
 * delimiter of the multiparts it is in. */

#include "store/mime-tree.h"

#include "base/limits.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static guint64 count_lf(const guint8 *data, gsize len)
{
	guint64 count = 0;
	for (gsize i = 0; i < len; i++)
		count += data[i] == '\n';
	return count;
}

/* @line: without its line end. */
static gboolean is_delimiter(const char *line, gsize len, const char *boundary)
{
	gsize boundary_len = strlen(boundary);
	while (boundary_len > 0 && (boundary[boundary_len - 1] == ' ' || boundary[boundary_len - 1] == '\t'))
		boundary_len--;
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (boundary_len == 0 || len < boundary_len + 2 || memcmp(line, "--", 2) != 0 ||
		memcmp(line + 2, boundary, boundary_len) != 0)
		return FALSE;
	line += 2 + boundary_len;
	len -= 2 + boundary_len;
	return len == 0 || (len == 2 && memcmp(line, "--", 2) == 0);
}

/* That no whole line of the part is a delimiter of @multipart. */
static void check_lines(const guint8 *data, const MimePart *part, const MimePart *multipart)
{
	const char *boundary = mime_part_param(multipart, "boundary");
	if (boundary == NULL || !g_str_is_ascii(boundary) || strchr(boundary, ' ') != NULL)
		return; /* a NUL has become a space */
	const char *p = (const char *)data + part->header_offset,
		   *end = p + part->header_size + part->body_size;
	while (p < end) {
		const char *lf = memchr(p, '\n', (gsize)(end - p));
		gsize len = (gsize)((lf != NULL ? lf : end) - p);
		if (lf != NULL && len > 0 && p[len - 1] == '\r')
			len--;
		g_assert_false(is_delimiter(p, len, boundary));
		p = lf != NULL ? lf + 1 : end;
	}
}

static void check_part(const guint8 *data, gsize size, const MimePart *part)
{
	g_assert_cmpuint(part->header_offset + part->header_size, ==, part->body_offset);
	g_assert_cmpuint(part->body_offset + part->body_size, <=, size);
	g_assert_cmpuint(part->header_lines, ==, count_lf(data + part->header_offset, part->header_size));
	g_assert_cmpuint(part->body_lines, ==, count_lf(data + part->body_offset, part->body_size));
	g_assert_true((part->kind == MIME_PART_LEAF) == (part->children == NULL));
	if (part->header_closed)
		g_assert_true(data[part->body_offset - 1] == '\n');
	/* Not for parts with parts of their own: an inner multipart may have the same boundary. */
	gboolean check = part->kind == MIME_PART_LEAF && !part->undivided;
	for (const MimePart *outer = part->parent; check && outer != NULL; outer = outer->parent) {
		if (outer->kind == MIME_PART_MULTIPART)
			check_lines(data, part, outer);
	}
	gsize from = part->body_offset;
	for (guint i = 0; part->children != NULL && i < part->children->len; i++) {
		const MimePart *child = part->children->pdata[i];
		g_assert_true(child->parent == part);
		g_assert_cmpuint(child->header_offset, >=, from);
		from = child->body_offset + child->body_size;
		g_assert_cmpuint(from, <=, part->body_offset + part->body_size);
		check_part(data, size, child);
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	if (len > 16 * 1024)
		return 0; /* the checks here are quadratic, and no limit is to be reached */
	g_autoptr(MimeTree) tree = mime_tree_new(data, len);
	const MimePart *root = mime_tree_root(tree);
	g_assert_cmpuint(root->header_offset, ==, 0);
	g_assert_cmpuint(root->header_size + root->body_size, ==, len);
	if (len > 0)
		check_part(data, len, root);
	return 0;
}
