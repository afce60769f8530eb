#include "server/imap/list-options.h"

#include "base/limits.h"
#include "server/imap/parser-private.h"

#include <string.h>

typedef struct {
	const char *name;
	guint bits;
} Option;

static const Option select_options[] = {
	{ "SUBSCRIBED", LIST_SELECT_SUBSCRIBED },
	{ "REMOTE", LIST_SELECT_REMOTE },
	{ "RECURSIVEMATCH", LIST_SELECT_RECURSIVEMATCH },
	{ "SPECIAL-USE", LIST_SELECT_SPECIAL_USE },
	{ NULL, 0 },
};

static const Option return_options[] = {
	{ "SUBSCRIBED", LIST_RETURN_SUBSCRIBED },
	{ "CHILDREN", LIST_RETURN_CHILDREN },
	{ "SPECIAL-USE", LIST_RETURN_SPECIAL_USE },
	{ "STATUS", LIST_RETURN_STATUS },
	{ NULL, 0 },
};

/* Adds the option's bits; *bits_out: those alone. An option that stands twice counts once (RFC 5258 section 3). */
static gboolean parse_option(
	ImapParser *p, const Option *known, const char *kind, guint *bits_out, GError **error)
{
	gsize octet = imap_parser_octet(p);
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	for (; known->name != NULL; known++) {
		if (g_ascii_strcasecmp(name, known->name) == 0) {
			*bits_out = known->bits;
			return TRUE;
		}
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"unknown LIST %s option %.32s at octet %" G_GSIZE_FORMAT, kind, name, octet);
	return FALSE;
}

/* Behind the "(". */
static gboolean parse_select(ImapParser *p, ListOptions *options, GError **error)
{
	gboolean more = !imap_peek(p, ')');
	while (more) {
		guint bits;
		if (!parse_option(p, select_options, "selection", &bits, error))
			return FALSE;
		options->select |= bits;
		more = imap_skip(p, ' ');
	}
	if (!imap_parse_char(p, ')', error))
		return FALSE;
	if ((options->select & LIST_SELECT_RECURSIVEMATCH) == 0 ||
		(options->select & (LIST_SELECT_SUBSCRIBED | LIST_SELECT_SPECIAL_USE)) != 0)
		return TRUE;
	g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		"RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it");
	return FALSE;
}

/* Behind the "(". */
static gboolean parse_return(ImapParser *p, ListOptions *options, GError **error)
{
	gboolean more = !imap_peek(p, ')');
	while (more) {
		guint bits;
		if (!parse_option(p, return_options, "return", &bits, error))
			return FALSE;
		options->returns |= bits;
		if (bits == LIST_RETURN_STATUS &&
			(!imap_parse_sp(p, error) || !status_items_parse(p, &options->status, error)))
			return FALSE;
		more = imap_skip(p, ' ');
	}
	return imap_parse_char(p, ')', error);
}

/* "RETURN" SP "(" ...; at what stands behind the patterns. */
static gboolean parse_return_options(ImapParser *p, ListOptions *options, GError **error)
{
	gsize octet = imap_parser_octet(p);
	g_autofree char *word = imap_parse_atom(p, error);
	if (word == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(word, "RETURN") != 0) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
			"expected RETURN at octet %" G_GSIZE_FORMAT ", found %.32s", octet, word);
		return FALSE;
	}
	return imap_parse_sp(p, error) && imap_parse_char(p, '(', error) && parse_return(p, options, error);
}

/* @text is owned by the caller. */
static gboolean add_pattern(
	ListOptions *options, const char *reference, const char *text, gsize *bytes, GError **error)
{
	gsize len = strlen(reference) + strlen(text);
	if (options->patterns->len >= LIMIT_LIST_ITEMS || len > LIMIT_LIST_PATTERN_BYTES - *bytes) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			"LIST takes at most %d patterns, of %d octets together", LIMIT_LIST_ITEMS,
			LIMIT_LIST_PATTERN_BYTES);
		return FALSE;
	}
	*bytes += len;
	g_ptr_array_add(options->patterns, list_pattern_new(reference, text));
	return TRUE;
}

/* RFC 5258 section 3: of several, and in any extended LIST, an empty one matches nothing, whatever the reference is. Which kind of LIST it
 * is shows only at the end: *empty_out. */
static gboolean parse_patterns(
	ImapParser *p, ListOptions *options, const char *reference, gboolean *empty_out, GError **error)
{
	gboolean several = imap_skip(p, '(');
	gsize bytes = 0;
	options->extended |= several;
	do {
		g_autofree char *text = imap_parse_list_mailbox(p, error);
		if (text == NULL)
			return FALSE;
		*empty_out = *text == '\0';
		if (*text != '\0' && !add_pattern(options, reference, text, &bytes, error))
			return FALSE;
	} while (several && imap_skip(p, ' '));
	return !several || imap_parse_char(p, ')', error);
}

gboolean list_options_parse(ImapParser *p, ListOptions *options, GError **error)
{
	options->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)list_pattern_free);
	if (!imap_parse_sp(p, error))
		return FALSE;
	if (imap_skip(p, '(')) {
		options->extended = TRUE;
		if (!parse_select(p, options, error) || !imap_parse_sp(p, error))
			return FALSE;
	}
	gboolean empty = FALSE;
	g_autofree char *reference = imap_parse_mailbox(p, error);
	if (reference == NULL || !imap_parse_sp(p, error) ||
		!parse_patterns(p, options, reference, &empty, error))
		return FALSE;
	if (imap_skip(p, ' ')) {
		options->extended = TRUE;
		if (!parse_return_options(p, options, error))
			return FALSE;
	}
	options->root = empty && !options->extended;
	/* RFC 5258 3.1, RFC 6154 section 2. */
	if ((options->select & LIST_SELECT_SUBSCRIBED) != 0)
		options->returns |= LIST_RETURN_SUBSCRIBED;
	if ((options->select & LIST_SELECT_SPECIAL_USE) != 0)
		options->returns |= LIST_RETURN_SPECIAL_USE;
	return imap_parse_end(p, error);
}

void list_options_clear(ListOptions *options)
{
	g_clear_pointer(&options->patterns, g_ptr_array_unref);
}

gboolean list_options_match(const ListOptions *options, const char *name, gsize len)
{
	for (guint i = 0; i < options->patterns->len; i++)
		if (list_pattern_match(options->patterns->pdata[i], name, len))
			return TRUE;
	return FALSE;
}
