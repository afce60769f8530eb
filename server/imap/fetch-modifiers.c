#include "server/imap/fetch-modifiers.h"

void fetch_modifiers_clear(FetchModifiers *modifiers)
{
	partial_clear(&modifiers->partial);
}

static gboolean refuse(const char *why, GError **error)
{
	g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, why);
	return FALSE;
}

static gboolean parse_modifier(ImapParser *p, gboolean uid, FetchModifiers *modifiers, GError **error)
{
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(name, "CHANGEDSINCE") == 0) {
		if (modifiers->changed)
			return refuse("CHANGEDSINCE stands twice", error);
		modifiers->changed = TRUE;
		return imap_parse_sp(p, error) && imap_parse_modseq(p, FALSE, &modifiers->changed_since, error);
	}
	if (g_ascii_strcasecmp(name, "VANISHED") == 0) {
		if (!uid)
			return refuse("VANISHED is for UID FETCH only", error);
		if (modifiers->vanished)
			return refuse("VANISHED stands twice", error);
		modifiers->vanished = TRUE;
		return TRUE;
	}
	if (g_ascii_strcasecmp(name, "PARTIAL") == 0) {
		if (!uid)
			return refuse("PARTIAL is for UID FETCH only", error);
		if (modifiers->partial.text != NULL)
			return refuse("PARTIAL stands twice", error);
		return imap_parse_sp(p, error) && partial_parse(p, &modifiers->partial, error);
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown FETCH modifier %.40s", name);
	return FALSE;
}

gboolean fetch_modifiers_parse(ImapParser *p, gboolean uid, FetchModifiers *modifiers, GError **error)
{
	if (imap_at_end(p))
		return TRUE;
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error))
		return FALSE;
	do {
		if (!parse_modifier(p, uid, modifiers, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	if (!imap_parse_char(p, ')', error))
		return FALSE;
	/* RFC 7162 3.2.6 */
	return !modifiers->vanished || modifiers->changed || refuse("VANISHED needs CHANGEDSINCE", error);
}
