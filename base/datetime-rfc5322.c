/* Date fields of mail, as they are and not only as they should be: the value is cut into words, numbers
 * and signs, and what each of them can be depends on what has been found before. Two readings that both
 * make sense are never chosen between: 03/04/2001 is no date here. */

#include "base/datetime.h"
#include "base/limits.h"

#include <string.h>

#define ZONE_MAX (23 * 60 + 59)

typedef enum { TOKEN_END, TOKEN_NUMBER, TOKEN_WORD, TOKEN_SIGN } TokenKind;

typedef struct {
	TokenKind kind;
	const char *text;
	gsize len;
	gboolean glued; /* nothing between it and the token before */
	int number;     /* of a TOKEN_NUMBER of up to four digits, else -1 */
} Token;

typedef struct {
	const char *at, *end;
	Token token; /* the current one */
} Reader;

/* Skips white space, commas and comments (RFC 5322 section 3.2.2, with quoted pairs). A comment that does
 * not end goes to the end of the field. */
static void skip_blank(Reader *reader)
{
	int depth = 0;

	for (; reader->at < reader->end; reader->at++) {
		char c = *reader->at;
		if (c == '(' && depth < LIMIT_COMMENT_NESTING)
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0 && reader->at + 1 < reader->end)
			reader->at++;
		else if (depth == 0 && !g_ascii_isspace(c) && c != ',' && c != '\0')
			return;
	}
}

static void next(Reader *reader)
{
	const char *before = reader->at;
	Token *token = &reader->token;

	skip_blank(reader);
	*token = (Token){ .text = reader->at, .glued = reader->at == before, .number = -1 };
	if (reader->at == reader->end)
		return;
	if (g_ascii_isdigit(*reader->at)) {
		token->kind = TOKEN_NUMBER;
		while (reader->at < reader->end && g_ascii_isdigit(*reader->at))
			reader->at++;
	} else if (g_ascii_isalpha(*reader->at)) {
		token->kind = TOKEN_WORD;
		while (reader->at < reader->end && g_ascii_isalpha(*reader->at))
			reader->at++;
	} else {
		token->kind = TOKEN_SIGN;
		reader->at++;
	}
	token->len = (gsize)(reader->at - token->text);
	if (token->kind == TOKEN_NUMBER && token->len <= 4) {
		token->number = 0;
		for (gsize i = 0; i < token->len; i++)
			token->number = token->number * 10 + (token->text[i] - '0');
	}
}

static gboolean is_sign(const Token *token, char c)
{
	return token->kind == TOKEN_SIGN && token->text[0] == c;
}

/* Numbers of one or two digits: days, months, hours, ... */
static gboolean is_small(const Token *token)
{
	return token->kind == TOKEN_NUMBER && token->len <= 2;
}

static gboolean is_word(const Token *token, const char *word)
{
	return token->kind == TOKEN_WORD && token->len == strlen(word) &&
		g_ascii_strncasecmp(token->text, word, token->len) == 0;
}

/* 1 to 12 for the name of a month, cut to three letters or more; else 0. */
static int month_named(const Token *token)
{
	static const char *const names[12] = { "january", "february", "march", "april", "may", "june", "july",
		"august", "september", "october", "november", "december" };

	if (token->len < 3)
		return 0;
	for (int i = 0; i < 12; i++) {
		if (token->len <= strlen(names[i]) &&
			g_ascii_strncasecmp(token->text, names[i], token->len) == 0)
			return i + 1;
	}
	return 0;
}

/* What has been found so far. year: -1, month and day: 0, where they have not. */
typedef struct {
	int year, month, day;
	int hour, minute, second;
	gboolean has_time;
	gboolean has_zone;
	gboolean zone_is_utc; /* by name: an offset may follow, as in JavaScript's "GMT+0200" */
	int zone;             /* minutes east */
} Found;

/* RFC 5322 section 4.3. */
static int full_year(int number, gsize digits)
{
	if (digits == 2)
		return number < 50 ? 2000 + number : 1900 + number;
	if (digits == 3)
		return 1900 + number;
	return number;
}

static gboolean has_date(const Found *found)
{
	return found->year >= 0 && found->month > 0 && found->day > 0;
}

/* The take_ functions look at the current token. What they know, they take, and leave the reader at the
 * token behind it; else they return FALSE, and nothing has changed. */

/* `hh:mm[:ss[.fraction]] [AM|PM]`. Dots count as colons behind a date, where they cannot belong to one. */
static gboolean take_time(Reader *reader, Found *found)
{
	Reader ahead = *reader;
	int part[3] = { reader->token.number, 0, 0 }, n = 1;

	if (found->has_time || !is_small(&reader->token))
		return FALSE;
	next(&ahead);
	char separator = is_sign(&ahead.token, '.') && has_date(found) ? '.' : ':';
	while (n < 3 && is_sign(&ahead.token, separator)) {
		Reader further = ahead;
		next(&further);
		if (!is_small(&further.token))
			break;
		part[n++] = further.token.number;
		next(&further);
		ahead = further;
	}
	if (n == 1)
		return FALSE;
	if (is_sign(&ahead.token, '.') && ahead.token.glued) {
		next(&ahead);
		if (ahead.token.kind == TOKEN_NUMBER)
			next(&ahead);
	}
	gboolean pm = is_word(&ahead.token, "PM");
	if (pm || is_word(&ahead.token, "AM")) {
		if (part[0] >= 1 && part[0] <= 12)
			part[0] = part[0] % 12 + (pm ? 12 : 0);
		next(&ahead);
	}
	found->has_time = TRUE;
	if (part[0] < 24 && part[1] < 60 && part[2] <= 60) {
		found->hour = part[0];
		found->minute = part[1];
		found->second = MIN(part[2], 59);
	}
	*reader = ahead;
	return TRUE;
}

/* `1996-07-17`, also with slashes or dots: the year first is always followed by month and day. The `T` of
 * ISO 8601 goes with it. */
static gboolean take_iso_date(Reader *reader, Found *found)
{
	Reader ahead = *reader;
	int part[2];

	if (reader->token.len != 4 || found->year >= 0 || found->month > 0 || found->day > 0)
		return FALSE;
	next(&ahead);
	if (ahead.token.kind != TOKEN_SIGN || !ahead.token.glued ||
		strchr("-/.", ahead.token.text[0]) == NULL)
		return FALSE;
	char separator = ahead.token.text[0];
	for (int i = 0; i < 2; i++) {
		if (!is_sign(&ahead.token, separator))
			return FALSE;
		next(&ahead);
		if (!is_small(&ahead.token))
			return FALSE;
		part[i] = ahead.token.number;
		next(&ahead);
	}
	found->year = reader->token.number;
	found->month = part[0];
	found->day = part[1];
	if (is_word(&ahead.token, "T"))
		next(&ahead);
	*reader = ahead;
	return TRUE;
}

/* `+0200`, `-700`, `+2`, `+02:00`, behind a time. */
static gboolean take_offset(Reader *reader, Found *found)
{
	Reader ahead = *reader;
	gboolean west = is_sign(&reader->token, '-');

	if (!found->has_time || (found->has_zone && !found->zone_is_utc) ||
		(!west && !is_sign(&reader->token, '+')))
		return FALSE;
	next(&ahead);
	if (ahead.token.number < 0 || !ahead.token.glued)
		return FALSE;
	int hours = ahead.token.number, minutes = 0;
	gboolean is_hours = ahead.token.len <= 2;
	if (!is_hours) {
		minutes = hours % 100;
		hours /= 100;
	}
	next(&ahead);
	if (is_hours && is_sign(&ahead.token, ':')) {
		Reader further = ahead;
		next(&further);
		if (is_small(&further.token)) {
			minutes = further.token.number;
			next(&further);
			ahead = further;
		}
	}
	found->has_zone = TRUE;
	found->zone_is_utc = FALSE;
	found->zone = minutes < 60 && hours * 60 + minutes <= ZONE_MAX ? hours * 60 + minutes : 0;
	if (west)
		found->zone = -found->zone;
	*reader = ahead;
	return TRUE;
}

/* Names of zones that RFC 5322 section 4.3 gives a meaning. The military letters, which RFC 822 had with
 * the wrong sign, and all other names count as -0000. */
static gboolean take_zone_name(Reader *reader, Found *found)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = { { "UT", 0 }, { "GMT", 0 }, { "UTC", 0 }, { "Z", 0 }, { "EST", -5 }, { "EDT", -4 },
		{ "CST", -6 }, { "CDT", -5 }, { "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 } };

	if (!found->has_time || found->has_zone)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(zones); i++) {
		if (!is_word(&reader->token, zones[i].name))
			continue;
		found->has_zone = TRUE;
		found->zone = zones[i].hours * 60;
		found->zone_is_utc = zones[i].hours == 0;
		next(reader);
		return TRUE;
	}
	return FALSE;
}

/* A number by itself: the day, or the year. */
static gboolean take_day_or_year(Reader *reader, Found *found)
{
	const Token *token = &reader->token;

	if (token->number < 0)
		return FALSE;
	if (token->len <= 2 && found->day == 0 && token->number >= 1 && token->number <= 31) {
		found->day = token->number;
	} else if (found->year >= 0 || token->len < 2 || (token->len == 4 && token->text[0] == '0')) {
		return FALSE;
	} else if (token->len == 4 || token->number > 31 || (found->day > 0 && found->month > 0)) {
		found->year = full_year(token->number, token->len);
	} else {
		return FALSE;
	}
	next(reader);
	return TRUE;
}

static gboolean take_month_name(Reader *reader, Found *found)
{
	int month = reader->token.kind == TOKEN_WORD && found->month == 0 ? month_named(&reader->token) : 0;

	if (month == 0)
		return FALSE;
	found->month = month;
	next(reader);
	return TRUE;
}

gboolean datetime_parse_rfc5322(const char *text, gsize len, Datetime *out)
{
	Reader reader = { .at = text, .end = text + MIN(len, LIMIT_DATE_BYTES) };
	Found found = { .year = -1 };
	/* The token before was a part of the date: a hyphen right behind it does not begin an offset. */
	gboolean after_date = FALSE;

	next(&reader);
	while (reader.token.kind != TOKEN_END &&
		!(has_date(&found) && found.has_zone && !found.zone_is_utc)) {
		const Token *token = &reader.token;
		gboolean is_date = FALSE;
		if (token->kind == TOKEN_NUMBER) {
			is_date = take_iso_date(&reader, &found);
			if (!is_date && !take_time(&reader, &found)) {
				is_date = take_day_or_year(&reader, &found);
				if (!is_date)
					next(&reader);
			}
		} else if (token->kind == TOKEN_WORD) {
			is_date = take_month_name(&reader, &found);
			if (!is_date && !take_zone_name(&reader, &found))
				next(&reader);
		} else if ((after_date && token->glued && !has_date(&found)) ||
			!take_offset(&reader, &found)) {
			next(&reader);
		}
		after_date = is_date;
	}
	if (!has_date(&found) || !datetime_day_exists(found.year, found.month, found.day))
		return FALSE;
	out->day = datetime_day_from_civil(found.year, found.month, found.day);
	out->zone_minutes = found.zone;
	out->unix_seconds = (gint64)out->day * 86400 + found.hour * 3600 + found.minute * 60 + found.second -
		(gint64)found.zone * 60;
	return TRUE;
}
