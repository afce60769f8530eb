#pragma once

/* Dates of IMAP and of mail. Proleptic Gregorian calendar, years 1 to 9999, no leap seconds (":60" counts
 * as ":59"), no time zone database: a zone is minutes east of UTC. Pure functions: any thread, no locale. */

#include <glib.h>

G_BEGIN_DECLS

#define DATETIME_ERROR (datetime_error_quark())
GQuark datetime_error_quark(void);

typedef enum {
	DATETIME_ERROR_SYNTAX, /* not the form asked for */
	DATETIME_ERROR_RANGE,  /* the form, but no such day, time or zone: "31-Feb-2020" */
} DatetimeError;

typedef struct {
	gint64 unix_seconds; /* seconds since 1970-01-01 00:00 UTC */
	gint32 zone_minutes; /* as written, east of UTC: "-0700" is -420. -1439 to 1439 */
	gint32 day; /* the calendar day as written, in days since 1970-01-01, disregarding time and zone: what
	                      * BEFORE, ON, SINCE and SENT* compare (RFC 3501 section 6.4.4) */
} Datetime;

/* Days since 1970-01-01 of a day of the calendar; what lies outside of a month counts on (31 February is 2
 * or 3 March). @month is 1 to 12. */
gint32 datetime_day_from_civil(int year, int month, int day);

/* The reverse. Out-parameters may be NULL. */
void datetime_civil_from_day(gint32 day, int *year_out, int *month_out, int *day_out);

/* Whether the calendar has that day, in the years 1 to 9999. */
gboolean datetime_day_exists(int year, int month, int day);

/* The calendar day of a moment, in a zone; days since 1970-01-01. */
gint32 datetime_day_of(gint64 unix_seconds, int zone_minutes);

/* Reads `date` of RFC 3501 section 9 without its quotes: "1-Feb-1994" (one or two digits, month in any
 * case, four digits), to days since 1970-01-01. */
gboolean datetime_parse_imap_date(const char *text, gsize len, gint32 *day_out, GError **error);

/* Reads `date-time` of RFC 3501 section 9 without its quotes, exactly that form: "17-Jul-1996 02:44:25
 * -0700"; a day of one digit has a space before it ("one digit" without that space is taken too: clients
 * send it). */
gboolean datetime_parse_imap(const char *text, gsize len, Datetime *out, GError **error);

/* Appends `date-time` without quotes: "17-Jul-1996 02:44:25 -0700", always 26 bytes. A moment outside of
 * the years 1 to 9999 is brought to the nearest inside. @zone_minutes outside of -1439 to 1439 counts as
 * 0. */
void datetime_append_imap(GString *out, gint64 unix_seconds, int zone_minutes);

/* Reads the value of a Date field (RFC 5322 section 3.3 and its obsolete forms 4.3) as leniently as it can
 * be done without guessing between two days: comments and folding anywhere, weekday missing or wrong, one
 * or two digits, years of two and three digits, month names written out, seconds missing, zones by name
 * (RFC 5322: unknown ones count as -0000), missing zone (UTC), asctime's order ("Sat Jul 17 02:44:25
 * 1996"), ISO 8601, hyphens ("17-Jul-96"), AM/PM, rubbish behind it. Returns FALSE, and leaves @out alone,
 * if there is no day in it: callers then use the internal date (RFC 5256 section 2.2). A time that is
 * missing or impossible counts as 00:00:00, the zone then as written. */
gboolean datetime_parse_rfc5322(const char *text, gsize len, Datetime *out);

/* Appends an RFC 5322 date: "Wed, 17 Jul 1996 02:44:25 -0700". */
void datetime_append_rfc5322(GString *out, gint64 unix_seconds, int zone_minutes);

G_END_DECLS
