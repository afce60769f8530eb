#include "base/datetime.h"

#include "base/limits.h"

#include <string.h>

#define DAY_SECONDS 86400
#define ZONE_MAX (23 * 60 + 59)

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	"Nov", "Dec" };
static const char weekday_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

G_DEFINE_QUARK(mailsift - datetime - error - quark, datetime_error)

/* The algorithm of days_from_civil() in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms":
 * years begin in March, so that the leap day is the last one; 400 years (an era) have 146,097 days. */
gint32 datetime_day_from_civil(int year, int month, int day)
{
	year -= month <= 2;
	int era = (year >= 0 ? year : year - 399) / 400;
	int year_of_era = year - era * 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468 + day - 1;
}

void datetime_civil_from_day(gint32 day, int *year_out, int *month_out, int *day_out)
{
	gint64 shifted = (gint64)day + 719468;
	gint64 era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int day_of_era = (int)(shifted - era * 146097);
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month = (5 * day_of_year + 2) / 153;

	if (day_out != NULL)
		*day_out = day_of_year - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	if (month_out != NULL)
		*month_out = month;
	if (year_out != NULL)
		*year_out = (int)(year_of_era + era * 400) + (month <= 2);
}

gint32 datetime_day_of(gint64 unix_seconds, int zone_minutes)
{
	gint64 local = unix_seconds + (gint64)zone_minutes * 60;

	return (gint32)(local >= 0 ? local / DAY_SECONDS : (local - (DAY_SECONDS - 1)) / DAY_SECONDS);
}

static int days_in_month(int year, int month)
{
	static const guint8 days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

gboolean datetime_day_exists(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
		day <= days_in_month(year, month);
}

/* -- IMAP: RFC 3501 section 9 ------------------------------------------------------------------------- */

typedef struct {
	const char *at, *end;
} Cursor;

/* Reads @min to @max digits; FALSE if there are fewer. What follows is not looked at. */
static gboolean take_digits(Cursor *cursor, int min, int max, int *value_out)
{
	int value = 0, n = 0;

	while (n < max && cursor->at < cursor->end && g_ascii_isdigit(*cursor->at)) {
		value = value * 10 + (*cursor->at - '0');
		cursor->at++;
		n++;
	}
	if (n < min)
		return FALSE;
	*value_out = value;
	return TRUE;
}

static gboolean take_char(Cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return FALSE;
	cursor->at++;
	return TRUE;
}

/* 1 to 12, or 0 if the first three letters are no month's. */
static int month_of(const char *name)
{
	for (int i = 0; i < 12; i++) {
		if (g_ascii_strncasecmp(name, month_names[i], 3) == 0)
			return i + 1;
	}
	return 0;
}

static gboolean take_month(Cursor *cursor, int *month_out)
{
	if (cursor->end - cursor->at < 3)
		return FALSE;
	*month_out = month_of(cursor->at);
	cursor->at += 3;
	return *month_out != 0;
}

gboolean datetime_parse_imap_date(const char *text, gsize len, gint32 *day_out, GError **error)
{
	Cursor cursor = { text, text + len };
	int day, month, year;

	if (!take_digits(&cursor, 1, 2, &day) || !take_char(&cursor, '-') || !take_month(&cursor, &month) ||
		!take_char(&cursor, '-') || !take_digits(&cursor, 4, 4, &year) || cursor.at != cursor.end) {
		g_set_error_literal(
			error, DATETIME_ERROR, DATETIME_ERROR_SYNTAX, "a date looks like 17-Jul-1996");
		return FALSE;
	}
	if (!datetime_day_exists(year, month, day)) {
		g_set_error_literal(
			error, DATETIME_ERROR, DATETIME_ERROR_RANGE, "the calendar has no such day");
		return FALSE;
	}
	*day_out = datetime_day_from_civil(year, month, day);
	return TRUE;
}

gboolean datetime_parse_imap(const char *text, gsize len, Datetime *out, GError **error)
{
	Cursor cursor = { text, text + len };
	int day, month, year, hour, minute, second, zone_hour, zone_minute;

	gboolean spaced = take_char(&cursor, ' ');
	gboolean ok = take_digits(&cursor, 1, spaced ? 1 : 2, &day) && take_char(&cursor, '-') &&
		take_month(&cursor, &month) && take_char(&cursor, '-') && take_digits(&cursor, 4, 4, &year) &&
		take_char(&cursor, ' ') && take_digits(&cursor, 2, 2, &hour) && take_char(&cursor, ':') &&
		take_digits(&cursor, 2, 2, &minute) && take_char(&cursor, ':') &&
		take_digits(&cursor, 2, 2, &second) && take_char(&cursor, ' ');
	gboolean west = ok && take_char(&cursor, '-');
	if (!ok || (!west && !take_char(&cursor, '+')) || !take_digits(&cursor, 2, 2, &zone_hour) ||
		!take_digits(&cursor, 2, 2, &zone_minute) || cursor.at != cursor.end) {
		g_set_error_literal(error, DATETIME_ERROR, DATETIME_ERROR_SYNTAX,
			"a date with time looks like 17-Jul-1996 02:44:25 -0700");
		return FALSE;
	}
	if (!datetime_day_exists(year, month, day) || hour > 23 || minute > 59 || second > 60 ||
		zone_hour > 23 || zone_minute > 59) {
		g_set_error_literal(
			error, DATETIME_ERROR, DATETIME_ERROR_RANGE, "there is no such day, time or zone");
		return FALSE;
	}
	int zone = (zone_hour * 60 + zone_minute) * (west ? -1 : 1);
	out->day = datetime_day_from_civil(year, month, day);
	out->zone_minutes = zone;
	out->unix_seconds = (gint64)out->day * DAY_SECONDS + hour * 3600 + minute * 60 + MIN(second, 59) -
		(gint64)zone * 60;
	return TRUE;
}

/* A moment in parts, as clocks of a zone show it. */
typedef struct {
	int year, month, day, weekday, hour, minute, second, zone;
} Shown;

static Shown show(gint64 unix_seconds, int zone_minutes)
{
	const gint64 first = (gint64)datetime_day_from_civil(1, 1, 1) * DAY_SECONDS;
	const gint64 last = (gint64)datetime_day_from_civil(10000, 1, 1) * DAY_SECONDS - 1;
	Shown shown = { .zone = ABS(zone_minutes) > ZONE_MAX ? 0 : zone_minutes };

	/* Clamped before anything is added, and again after, since the zone may lead out of the range. */
	gint64 local = CLAMP(unix_seconds, first, last) + (gint64)shown.zone * 60;
	local = CLAMP(local, first, last);
	gint32 day = datetime_day_of(local, 0);
	int second = (int)(local - (gint64)day * DAY_SECONDS);
	datetime_civil_from_day(day, &shown.year, &shown.month, &shown.day);
	shown.weekday = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	shown.hour = second / 3600;
	shown.minute = second / 60 % 60;
	shown.second = second % 60;
	return shown;
}

void datetime_append_imap(GString *out, gint64 unix_seconds, int zone_minutes)
{
	Shown shown = show(unix_seconds, zone_minutes);

	g_string_append_printf(out, "%2d-%s-%04d %02d:%02d:%02d %c%02d%02d", shown.day,
		month_names[shown.month - 1], shown.year, shown.hour, shown.minute, shown.second,
		shown.zone < 0 ? '-' : '+', ABS(shown.zone) / 60, ABS(shown.zone) % 60);
}

void datetime_append_rfc5322(GString *out, gint64 unix_seconds, int zone_minutes)
{
	Shown shown = show(unix_seconds, zone_minutes);

	g_string_append_printf(out, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d", weekday_names[shown.weekday],
		shown.day, month_names[shown.month - 1], shown.year, shown.hour, shown.minute, shown.second,
		shown.zone < 0 ? '-' : '+', ABS(shown.zone) / 60, ABS(shown.zone) % 60);
}
