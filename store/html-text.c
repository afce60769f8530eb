#include "store/html-text.h"

#include "base/memsearch.h"
#include "store/charset.h"
#include "store/html-entities.h"

#include <stdlib.h>
#include <string.h>

/* -- Character references -- */

static void append_code(GString *out, guint32 code)
{
	gunichar c;
	/* In the HTML standard &#128; to &#159; are windows-1252, and the control where that has none. */
	if (code >= 0x80 && code <= 0x9f)
		code = (c = charset_windows_1252((guint8)code)) != 0 ? c : code;
	else if (code == 0 || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		code = 0xfffd;
	else if ((code < 0x20 && code != '\t' && code != '\n' && code != '\f' && code != '\r') ||
		code == 0x7f || (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe)
		return; /* control characters and noncharacters */
	g_string_append_unichar(out, code);
}

/* @p is behind "&#". Returns where the reference ends, NULL if it is none. */
static const char *numeric_reference(GString *out, const char *p, const char *end)
{
	gboolean hex = p < end && (*p == 'x' || *p == 'X');
	guint32 code = 0;
	if (hex)
		p++;
	const char *digits = p;
	for (; p < end && (hex ? g_ascii_isxdigit(*p) : g_ascii_isdigit(*p)); p++) {
		code = code * (hex ? 16 : 10) + (guint32)g_ascii_xdigit_value(*p);
		code = MIN(code, 0x110000);
	}
	if (p == digits)
		return NULL;
	append_code(out, code);
	return p < end && *p == ';' ? p + 1 : p;
}

/* @p is behind "&". The name with its semicolon, else the longest name that may stand without. */
static const char *named_reference(GString *out, const char *p, const char *end)
{
	const char *name = p;
	while (p < end && g_ascii_isalnum(*p) && p - name < 32)
		p++;
	const char *text = NULL;
	if (p < end && *p == ';') {
		p++;
		text = html_entity_find(name, (gsize)(p - name));
	}
	if (text == NULL) {
		p = MIN(p, name + HTML_ENTITY_LEGACY_LONGEST);
		while (p - name >= 2 && (text = html_entity_find(name, (gsize)(p - name))) == NULL)
			p--;
	}
	if (text == NULL)
		return NULL;
	g_string_append(out, text);
	return p;
}

void html_unescape(GString *out, const char *text, gsize len)
{
	if (len == 0)
		return;
	const char *p = text, *end = text + len;
	while (p < end) {
		const char *ampersand = memchr(p, '&', (gsize)(end - p));
		g_string_append_len(out, p, (ampersand != NULL ? ampersand : end) - p);
		if (ampersand == NULL)
			return;
		p = ampersand + 1;
		const char *after = p < end && *p == '#' ? numeric_reference(out, p + 1, end)
							 : named_reference(out, p, end);
		if (after != NULL)
			p = after;
		else
			g_string_append_c(out, '&');
	}
}

/* -- Tags -- */

typedef struct {
	const char *p, *end;
	GString *out;        /* the caller's */
	GString *attributes; /* owned; values of alt, title and href, each after a space */
} Html;

/* Sorted, for bsearch(). */
static const char *const blocks[] = {
	"address",
	"article",
	"aside",
	"blockquote",
	"body",
	"br",
	"button",
	"caption",
	"center",
	"dd",
	"details",
	"dialog",
	"dir",
	"div",
	"dl",
	"dt",
	"fieldset",
	"figcaption",
	"figure",
	"footer",
	"form",
	"frame",
	"frameset",
	"h1",
	"h2",
	"h3",
	"h4",
	"h5",
	"h6",
	"head",
	"header",
	"hr",
	"html",
	"iframe",
	"legend",
	"li",
	"main",
	"menu",
	"nav",
	"noframes",
	"ol",
	"optgroup",
	"option",
	"p",
	"pre",
	"section",
	"select",
	"summary",
	"table",
	"tbody",
	"td",
	"textarea",
	"tfoot",
	"th",
	"thead",
	"title",
	"tr",
	"ul",
};

typedef struct {
	const char *text;
	gsize len;
} Name;

static gboolean name_is(Name name, const char *other)
{
	return strlen(other) == name.len && g_ascii_strncasecmp(name.text, other, name.len) == 0;
}

static int compare_block(const void *key, const void *member)
{
	const Name *name = key;
	const char *block = *(const char *const *)member;
	gsize block_len = strlen(block);
	int order = g_ascii_strncasecmp(name->text, block, MIN(name->len, block_len));
	return order != 0 ? order : (name->len > block_len) - (name->len < block_len);
}

static gboolean is_block(Name name)
{
	return name.len <= 10 &&
		bsearch(&name, blocks, G_N_ELEMENTS(blocks), sizeof(*blocks), compare_block) != NULL;
}

static inline gboolean is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void skip_space(Html *html)
{
	while (html->p < html->end && is_space(*html->p))
		html->p++;
}

/* The value behind "=". FALSE if it is quoted and has no end. */
static gboolean read_value(Html *html, const char **value_out, gsize *len_out)
{
	skip_space(html);
	const char *start = html->p;
	if (start < html->end && (*start == '"' || *start == '\'')) {
		const char *quote = memchr(start + 1, *start, (gsize)(html->end - start - 1));
		if (quote == NULL)
			return FALSE;
		*value_out = start + 1;
		*len_out = (gsize)(quote - start - 1);
		html->p = quote + 1;
		return TRUE;
	}
	while (html->p < html->end && !is_space(*html->p) && *html->p != '>')
		html->p++;
	*value_out = start;
	*len_out = (gsize)(html->p - start);
	return TRUE;
}

/* One attribute, at its name. FALSE if the data ends in it. */
static gboolean read_attribute(Html *html)
{
	Name name = { .text = html->p };
	html->p++; /* may be a "=" */
	while (html->p < html->end && !is_space(*html->p) && *html->p != '/' && *html->p != '>' &&
		*html->p != '=')
		html->p++;
	name.len = (gsize)(html->p - name.text);
	const char *behind_name = html->p, *value;
	gsize len;
	skip_space(html);
	if (html->p == html->end || *html->p != '=') {
		html->p = behind_name;
		return TRUE;
	}
	html->p++;
	if (!read_value(html, &value, &len))
		return FALSE;
	if (name_is(name, "alt") || name_is(name, "title") || name_is(name, "href")) {
		g_string_append_c(html->attributes, ' ');
		html_unescape(html->attributes, value, len);
	}
	return TRUE;
}

/* Reads the tag at html->p, which is at its "<"; *@name_out is its name. FALSE if the data ends in it: the
 * tag is then dropped. */
static gboolean read_tag(Html *html, Name *name_out)
{
	gsize attributes = html->attributes->len;
	html->p += html->p[1] == '/' ? 2 : 1;
	name_out->text = html->p;
	while (html->p < html->end && !is_space(*html->p) && *html->p != '/' && *html->p != '>')
		html->p++;
	name_out->len = (gsize)(html->p - name_out->text);
	for (;;) {
		while (html->p < html->end && (is_space(*html->p) || *html->p == '/'))
			html->p++;
		if (html->p < html->end && *html->p == '>') {
			html->p++;
			break;
		}
		if (html->p == html->end || !read_attribute(html)) {
			g_string_truncate(html->attributes, attributes);
			html->p = html->end;
			return FALSE;
		}
	}
	if (is_block(*name_out))
		g_string_append_c(html->out, ' ');
	return TRUE;
}

/* Goes on behind @what, or to the end of the data. */
static void skip_behind(Html *html, const char *from, const char *what)
{
	gsize len = strlen(what);
	const char *found = mem_find(from, (gsize)(html->end - from), what, len);
	html->p = found != NULL ? found + len : html->end;
}

/* Behind <script> or <style>: goes behind the tag that ends it. */
static void skip_raw_text(Html *html, const char *name)
{
	gsize len = strlen(name);
	while (html->p < html->end) {
		const char *less = memchr(html->p, '<', (gsize)(html->end - html->p));
		if (less == NULL)
			break;
		html->p = less + 1;
		if ((gsize)(html->end - html->p) > len && *html->p == '/' &&
			g_ascii_strncasecmp(html->p + 1, name, len) == 0) {
			Name end_name;
			html->p = less;
			(void)read_tag(html, &end_name);
			return;
		}
	}
	html->p = html->end;
}

static void read_start_or_end_tag(Html *html)
{
	gboolean is_end = html->p[1] == '/';
	Name name;
	if (!read_tag(html, &name) || is_end)
		return;
	if (name_is(name, "script"))
		skip_raw_text(html, "script");
	else if (name_is(name, "style"))
		skip_raw_text(html, "style");
}

/* Whether a tag, a comment or the like is at @p, which is at a "<". */
static gboolean is_markup(const char *p, const char *end)
{
	if (end - p < 2)
		return FALSE;
	char c = p[1] == '/' && end - p > 2 ? p[2] : p[1];
	return g_ascii_isalpha(c) || p[1] == '!' || p[1] == '?';
}

void html_text_append(GString *out, const char *html, gsize len)
{
	if (len == 0)
		return;
	Html h = { .p = html, .end = html + len, .out = out, .attributes = g_string_new(NULL) };
	const char *run = html; /* text that is not written yet */
	while (h.p < h.end) {
		const char *less = memchr(h.p, '<', (gsize)(h.end - h.p));
		if (less == NULL)
			break;
		h.p = less;
		if (!is_markup(less, h.end)) {
			h.p++;
			continue;
		}
		html_unescape(out, run, (gsize)(less - run));
		gsize left = (gsize)(h.end - less);
		if (less[1] != '!' && less[1] != '?')
			read_start_or_end_tag(&h);
		else if (left < 4 || memcmp(less, "<!--", 4) != 0)
			skip_behind(&h, less + 2, ">");
		else if (left > 4 && less[4] == '>')
			h.p = less + 5;
		else if (left > 5 && less[4] == '-' && less[5] == '>')
			h.p = less + 6;
		else
			skip_behind(&h, less + 4, "-->");
		run = h.p;
	}
	html_unescape(out, run, (gsize)(h.end - run));
	g_string_append_len(out, h.attributes->str, (gssize)h.attributes->len);
	g_string_free(h.attributes, TRUE);
}
