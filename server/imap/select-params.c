#include "server/imap/select-params.h"

#include <string.h>

void select_params_clear(SelectParams *params)
{
	g_clear_pointer(&params->known, uidset_free);
	g_clear_pointer(&params->match_seqs, uidset_free);
	g_clear_pointer(&params->match_uids, uidset_free);
}

static gboolean refuse(const char *why, GError **error)
{
	g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, why);
	return FALSE;
}

/* RFC 7162 section 7: each number above the one before. @text is a sequence-set without "*". */
static gboolean is_ascending(const char *text)
{
	guint64 last = 0;
	for (const char *p = text; *p != '\0'; p += *p == ',' || *p == ':') {
		char *end;
		guint64 number = g_ascii_strtoull(p, &end, 10);
		if (number <= last)
			return FALSE;
		last = number;
		p = end;
	}
	return TRUE;
}

/* A sequence-set of numbers alone: neither "*" nor "$". NULL on failure. */
static UidSet *parse_numbers(ImapParser *p, gboolean ascending, GError **error)
{
	g_autofree char *text = imap_parse_sequence_set(p, error);
	if (text == NULL)
		return NULL;
	if (strpbrk(text, "*$") != NULL) {
		(void)refuse("QRESYNC: neither * nor $ is allowed in a set", error);
		return NULL;
	}
	if (ascending && !is_ascending(text)) {
		(void)refuse("QRESYNC: the sets of the match data must ascend", error);
		return NULL;
	}
	return uidset_parse(text, strlen(text), 0, error);
}

/* Behind the "(". */
static gboolean parse_match_data(ImapParser *p, SelectParams *params, GError **error)
{
	params->match_seqs = parse_numbers(p, TRUE, error);
	if (params->match_seqs == NULL || !imap_parse_sp(p, error))
		return FALSE;
	params->match_uids = parse_numbers(p, TRUE, error);
	if (params->match_uids == NULL || !imap_parse_char(p, ')', error))
		return FALSE;
	return uidset_count(params->match_seqs) == uidset_count(params->match_uids) ||
		refuse("QRESYNC: the match data has not as many message numbers as UIDs", error);
}

/* "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" */
static gboolean parse_qresync(ImapParser *p, SelectParams *params, GError **error)
{
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error) || !imap_parse_nz_number(p, &params->uidvalidity, error) ||
		!imap_parse_sp(p, error) || !imap_parse_modseq(p, FALSE, &params->modseq, error))
		return FALSE;
	gboolean more = imap_skip(p, ' ');
	if (more && !imap_peek(p, '(')) {
		if ((params->known = parse_numbers(p, FALSE, error)) == NULL)
			return FALSE;
		more = imap_skip(p, ' ');
	}
	if (more && (!imap_parse_char(p, '(', error) || !parse_match_data(p, params, error)))
		return FALSE;
	return imap_parse_char(p, ')', error);
}

static gboolean parse_param(ImapParser *p, SelectParams *params, GError **error)
{
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(name, "CONDSTORE") == 0) {
		if (params->condstore)
			return refuse("CONDSTORE stands twice", error);
		params->condstore = TRUE;
		return TRUE;
	}
	if (g_ascii_strcasecmp(name, "QRESYNC") == 0) {
		if (params->qresync)
			return refuse("QRESYNC stands twice", error);
		params->qresync = TRUE;
		return parse_qresync(p, params, error);
	}
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown parameter %.40s", name);
	return FALSE;
}

gboolean select_params_parse(ImapParser *p, SelectParams *params, GError **error)
{
	if (imap_at_end(p))
		return TRUE;
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error))
		return FALSE;
	do {
		if (!parse_param(p, params, error))
			return FALSE;
	} while (imap_skip(p, ' '));
	return imap_parse_char(p, ')', error);
}

/* The last of the @n pairs from (@seq, @uid) on that matches; FALSE: none. UIDs grow at least as fast as numbers, so that the distance
 * between them never shrinks: bisection finds it. */
static gboolean last_match(const Snapshot *view, guint32 seq, guint32 uid, guint64 n, guint32 *uid_out)
{
	guint64 low = 0, high = seq > snapshot_count(view) ? 0 : MIN(n, (guint64)snapshot_count(view) - seq + 1);
	while (low < high) { /* pairs below @low have UIDs that are not too high */
		guint64 middle = low + (high - low) / 2;
		if (snapshot_uid_at(view, (guint32)(seq - 1 + middle)) <= uid + middle)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || snapshot_uid_at(view, (guint32)(seq - 1 + low - 1)) != uid + low - 1)
		return FALSE;
	*uid_out = (guint32)(uid + low - 1);
	return TRUE;
}

guint32 select_params_matched_uid(const SelectParams *params, const Snapshot *view)
{
	guint32 matched = 0;
	if (params->match_seqs == NULL)
		return 0;
	guint s = 0, u = 0;
	guint64 skip_s = 0, skip_u = 0; /* numbers of the ranges that are done with */
	while (s < uidset_n_ranges(params->match_seqs) && u < uidset_n_ranges(params->match_uids)) {
		UidRange seqs = uidset_range(params->match_seqs, s), uids = uidset_range(params->match_uids, u);
		guint64 left_s = (guint64)seqs.last - seqs.first + 1 - skip_s, left_u = (guint64)uids.last - uids.first + 1 - skip_u;
		guint64 n = MIN(left_s, left_u);
		(void)last_match(view, (guint32)(seqs.first + skip_s), (guint32)(uids.first + skip_u), n, &matched);
		skip_s = n == left_s ? 0 : skip_s + n;
		skip_u = n == left_u ? 0 : skip_u + n;
		s += n == left_s;
		u += n == left_u;
	}
	return matched;
}
