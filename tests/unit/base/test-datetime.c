#include "base/datetime.h"

#include <string.h>

static gint32 day(int year, int month, int day_of_month)
{
	return datetime_day_from_civil(year, month, day_of_month);
}

static void days_are_those_of_glib(void)
{
	g_assert_cmpint(day(1970, 1, 1), ==, 0);
	g_assert_cmpint(day(1969, 12, 31), ==, -1);
	g_assert_cmpint(day(2000, 2, 29), ==, 11016);
	g_assert_cmpint(day(2001, 2, 31), ==, day(2001, 3, 3));
	/* Every day of the years 1 to 9999, against GDate. */
	g_autoptr(GDate) date = g_date_new_dmy(1, G_DATE_JANUARY, 1);
	gint32 offset = (gint32)g_date_get_julian(date) - day(1, 1, 1);
	for (gint32 n = day(1, 1, 1); n < day(10000, 1, 1); n += g_test_thorough() ? 1 : 3) {
		int y, m, d;
		datetime_civil_from_day(n, &y, &m, &d);
		g_date_set_julian(date, (guint32)(n + offset));
		if (y != g_date_get_year(date) || m != (int)g_date_get_month(date) ||
			d != g_date_get_day(date) || day(y, m, d) != n || !datetime_day_exists(y, m, d))
			g_error("day %d is %04d-%02d-%02d", n, y, m, d);
	}
	g_assert_false(datetime_day_exists(1900, 2, 29));
	g_assert_true(datetime_day_exists(2000, 2, 29));
	g_assert_false(datetime_day_exists(2000, 4, 31));
	g_assert_false(datetime_day_exists(0, 1, 1));
	g_assert_false(datetime_day_exists(2000, 13, 1));
	g_assert_cmpint(datetime_day_of(-1, 0), ==, -1);
	g_assert_cmpint(datetime_day_of(0, -1), ==, -1);
	g_assert_cmpint(datetime_day_of(86399, 0), ==, 0);
	g_assert_cmpint(datetime_day_of(86399, 1), ==, 1);
}

static void imap_dates(void)
{
	static const struct {
		const char *text;
		int code; /* DatetimeError, or -1 */
		int year, month, day;
	} cases[] = {
		{ "1-Feb-1994", -1, 1994, 2, 1 },
		{ "01-feb-1994", -1, 1994, 2, 1 },
		{ "31-DEC-2023", -1, 2023, 12, 31 },
		{ "29-Feb-2024", -1, 2024, 2, 29 },
		{ "29-Feb-2023", DATETIME_ERROR_RANGE, 0, 0, 0 },
		{ "0-Feb-2023", DATETIME_ERROR_RANGE, 0, 0, 0 },
		{ "1-Jan-0000", DATETIME_ERROR_RANGE, 0, 0, 0 },
		{ "", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-Feb-94", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-Feb-1994 ", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ " 1-Feb-1994", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "001-Feb-1994", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-Fev-1994", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-2-1994", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1994-02-01", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-Feb-19945", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
		{ "1-Fe", DATETIME_ERROR_SYNTAX, 0, 0, 0 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		gint32 got = 0x5A5A;
		gboolean ok = datetime_parse_imap_date(cases[i].text, strlen(cases[i].text), &got, &error);
		g_test_message("%s", cases[i].text);
		if (cases[i].code == -1) {
			g_assert_no_error(error);
			g_assert_true(ok);
			g_assert_cmpint(got, ==, day(cases[i].year, cases[i].month, cases[i].day));
		} else {
			g_assert_error(error, DATETIME_ERROR, cases[i].code);
			g_assert_false(ok);
			g_assert_cmpint(got, ==, 0x5A5A);
		}
	}
}

static void imap_date_times(void)
{
	static const struct {
		const char *text;
		int code;
		gint64 seconds;
		int zone;
		int year, month, day;
	} cases[] = {
		{ "17-Jul-1996 02:44:25 -0700", -1, 837596665, -420, 1996, 7, 17 },
		{ " 7-Jul-1996 02:44:25 +0000", -1, 836707465, 0, 1996, 7, 7 },
		{ "7-Jul-1996 02:44:25 +0000", -1, 836707465, 0, 1996, 7, 7 },
		{ "01-Jan-1970 00:00:00 +0000", -1, 0, 0, 1970, 1, 1 },
		{ "01-jan-1970 00:00:00 +0530", -1, -19800, 330, 1970, 1, 1 },
		{ "31-Dec-1998 23:59:60 +0000", -1, 915148799, 0, 1998, 12, 31 },
		{ "31-Dec-9999 23:59:59 -2359", -1, 253402387139, -1439, 9999, 12, 31 },
		{ "31-Feb-1996 02:44:25 -0700", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 24:44:25 -0700", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:60:25 -0700", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:61 -0700", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25 -0760", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25 +2400", DATETIME_ERROR_RANGE, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25 0700", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25 -07000", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 2:44:25 -0700", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996  02:44:25 -0700", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ " 17-Jul-1996 02:44:25 -0700", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-96 02:44:25 -0700", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
		{ "17-Jul-1996 02:44:25 GMT", DATETIME_ERROR_SYNTAX, 0, 0, 0, 0, 0 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		Datetime got = { .unix_seconds = 0x5A };
		gboolean ok = datetime_parse_imap(cases[i].text, strlen(cases[i].text), &got, &error);
		g_test_message("%s", cases[i].text);
		if (cases[i].code == -1) {
			g_assert_no_error(error);
			g_assert_true(ok);
			g_assert_cmpint(got.unix_seconds, ==, cases[i].seconds);
			g_assert_cmpint(got.zone_minutes, ==, cases[i].zone);
			g_assert_cmpint(got.day, ==, day(cases[i].year, cases[i].month, cases[i].day));
		} else {
			g_assert_error(error, DATETIME_ERROR, cases[i].code);
			g_assert_false(ok);
			g_assert_cmpint(got.unix_seconds, ==, 0x5A);
		}
	}
}

static void what_is_written_is_read_back(void)
{
	g_autoptr(GString) text = g_string_new(NULL);

	datetime_append_imap(text, 837596665, -420);
	g_assert_cmpstr(text->str, ==, "17-Jul-1996 02:44:25 -0700");
	g_string_truncate(text, 0);
	datetime_append_imap(text, 836707465, 0);
	g_assert_cmpstr(text->str, ==, " 7-Jul-1996 02:44:25 +0000");
	g_string_truncate(text, 0);
	datetime_append_rfc5322(text, 837596665, -420);
	g_assert_cmpstr(text->str, ==, "Wed, 17 Jul 1996 02:44:25 -0700");

	for (guint round = 0; round < 20000; round++) {
		/* Not the first and last day, where the zone leads out of the years that there are. */
		gint64 seconds = (gint64)g_test_rand_int_range(day(1, 1, 3), day(9999, 12, 29)) * 86400 +
			g_test_rand_int_range(0, 86400);
		int zone = g_test_rand_int_range(-1439, 1440);
		Datetime got;
		g_string_truncate(text, 0);
		datetime_append_imap(text, seconds, zone);
		g_assert_cmpuint(text->len, ==, 26);
		g_assert_true(datetime_parse_imap(text->str, text->len, &got, NULL));
		g_assert_cmpint(got.unix_seconds, ==, seconds);
		g_assert_cmpint(got.zone_minutes, ==, zone);
		g_assert_cmpint(got.day, ==, datetime_day_of(seconds, zone));
		/* Mail has no year before 1000: four digits that begin with a zero are no year in a Date
		 * field. */
		if (seconds < (gint64)day(1000, 1, 3) * 86400)
			continue;
		g_string_truncate(text, 0);
		datetime_append_rfc5322(text, seconds, zone);
		g_assert_true(datetime_parse_rfc5322(text->str, text->len, &got));
		g_assert_cmpint(got.day, ==, datetime_day_of(seconds, zone));
		g_assert_cmpint(got.unix_seconds, ==, seconds);
		g_assert_cmpint(got.zone_minutes, ==, zone);
	}
	/* Out of range, and nonsense for a zone: clamped, still 26 bytes. */
	static const gint64 extremes[] = { G_MININT64, G_MAXINT64, -1, 0 };
	for (gsize i = 0; i < G_N_ELEMENTS(extremes); i++) {
		g_string_truncate(text, 0);
		datetime_append_imap(text, extremes[i], i % 2 == 0 ? -1439 : 100000);
		g_assert_cmpuint(text->len, ==, 26);
	}
}

static void date_fields_of_all_kinds(void)
{
	static const struct {
		const char *text;
		int year, month, day; /* year 0: no date */
		int hour, minute, second, zone;
	} cases[] = {
		/* As it should be. */
		{ "Wed, 17 Jul 1996 02:44:25 -0700", 1996, 7, 17, 2, 44, 25, -420 },
		{ "17 Jul 1996 02:44:25 +0000", 1996, 7, 17, 2, 44, 25, 0 },
		{ "17 Jul 1996 02:44 +0530", 1996, 7, 17, 2, 44, 0, 330 },
		{ "Wed, 17 Jul 1996 02:44:25 -0700 (PDT)", 1996, 7, 17, 2, 44, 25, -420 },
		{ "Thu, 1 Feb 2024 23:59:60 +0100", 2024, 2, 1, 23, 59, 59, 60 },
		/* RFC 5322 A.5, A.6.2: comments, folding, obsolete forms. */
		{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
		  "(Newfoundland Time)",
			1969, 2, 13, 23, 32, 0, -210 },
		{ "Thu (day) , (a (nested) \\) one) 13 Feb 1969 23 : 32 -0330", 1969, 2, 13, 23, 32, 0,
			-210 },
		{ "21 Nov 97 09:55:06 GMT", 1997, 11, 21, 9, 55, 6, 0 },
		{ "21 Nov 49 09:55:06 UT", 2049, 11, 21, 9, 55, 6, 0 },
		{ "21 Nov 50 09:55:06 EST", 1950, 11, 21, 9, 55, 6, -300 },
		{ "21 Nov 02 09:55:06 PDT", 2002, 11, 21, 9, 55, 6, -420 },
		{ "1 Nov 02 09:55:06 CEST", 2002, 11, 1, 9, 55, 6, 0 },
		{ "21 Nov 103 09:55:06 Z", 2003, 11, 21, 9, 55, 6, 0 },
		{ "21 Nov 97 09:55:06 A", 1997, 11, 21, 9, 55, 6, 0 },
		/* As it is. */
		{ "17-Jul-1996 02:44:25 -0700", 1996, 7, 17, 2, 44, 25, -420 },
		{ "17-Jul-96 02:44:25 -0700", 1996, 7, 17, 2, 44, 25, -420 },
		{ "Sat Jul 17 02:44:25 1996", 1996, 7, 17, 2, 44, 25, 0 },
		{ "Sat Jul 17 02:44:25 PDT 1996", 1996, 7, 17, 2, 44, 25, -420 },
		{ "Sat Jul 17 1996 02:44:25 GMT-0700 (Pacific Time)", 1996, 7, 17, 2, 44, 25, -420 },
		{ "Wed, 17 July 1996 2:44:25 PM +0100", 1996, 7, 17, 14, 44, 25, 60 },
		{ "July 17th, 1996 12:04 AM", 1996, 7, 17, 0, 4, 0, 0 },
		{ "Mittwoch, 17 Sept 1996 02:44:25", 1996, 9, 17, 2, 44, 25, 0 },
		{ "1996-07-17T02:44:25Z", 1996, 7, 17, 2, 44, 25, 0 },
		{ "1996-07-17 02:44:25.123456+02:00", 1996, 7, 17, 2, 44, 25, 120 },
		{ "1996/07/17 02:44:25 +9", 1996, 7, 17, 2, 44, 25, 540 },
		{ "17 Jul 1996 02.44.25 +0100", 1996, 7, 17, 2, 44, 25, 60 },
		{ "17 Jul 1996", 1996, 7, 17, 0, 0, 0, 0 },
		{ "17 Jul 1996 02:44:25 -700", 1996, 7, 17, 2, 44, 25, -420 },
		{ "17 Jul 1996 02:44:25 -0700 17 Aug 2001", 1996, 7, 17, 2, 44, 25, -420 },
		{ "02:44:25 17-Jul-1996 +0200", 1996, 7, 17, 2, 44, 25, 120 },
		{ "wed,17jul1996 02:44:25+0200", 1996, 7, 17, 2, 44, 25, 120 },
		{ "\"17 Jul 1996 02:44:25 +0200\"", 1996, 7, 17, 2, 44, 25, 120 },
		{ "\xFF 17 Jul 1996 02:44:25 +0200 \xC3\xA9", 1996, 7, 17, 2, 44, 25, 120 },
		/* A day, and a time or zone that cannot be. */
		{ "17 Jul 1996 25:44:25 -0700", 1996, 7, 17, 0, 0, 0, -420 },
		{ "17 Jul 1996 02:99 +0100", 1996, 7, 17, 0, 0, 0, 60 },
		{ "17 Jul 1996 02:44:25 +9999", 1996, 7, 17, 2, 44, 25, 0 },
		{ "17 Jul 1996 02:44:25 +2360", 1996, 7, 17, 2, 44, 25, 0 },
		{ "17 Jul 1996 (02:44:25 +0100", 1996, 7, 17, 0, 0, 0, 0 },
		/* No day, or one of two. */
		{ "", 0, 0, 0, 0, 0, 0, 0 },
		{ "(17 Jul 1996)", 0, 0, 0, 0, 0, 0, 0 },
		{ "yesterday", 0, 0, 0, 0, 0, 0, 0 },
		{ "Jul 1996 02:44:25", 0, 0, 0, 0, 0, 0, 0 },
		{ "17 1996 02:44:25", 0, 0, 0, 0, 0, 0, 0 },
		{ "17 Jul 02:44:25 +0200", 0, 0, 0, 0, 0, 0, 0 },
		{ "31 Feb 1996 02:44:25 +0200", 0, 0, 0, 0, 0, 0, 0 },
		{ "29 Feb 1900 02:44:25 +0200", 0, 0, 0, 0, 0, 0, 0 },
		{ "00 Jul 1996 02:44:25 +0200", 0, 0, 0, 0, 0, 0, 0 },
		{ "03/04/2001 02:44:25", 0, 0, 0, 0, 0, 0, 0 },
		{ "17 Jul 19100 02:44:25", 0, 0, 0, 0, 0, 0, 0 },
		{ "1996-13-17 02:44:25", 0, 0, 0, 0, 0, 0, 0 },
		{ "99999999999999999999 Jul 99999999999999999999", 0, 0, 0, 0, 0, 0, 0 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Datetime got = { .unix_seconds = 0x5A };
		gboolean ok = datetime_parse_rfc5322(cases[i].text, strlen(cases[i].text), &got);
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(ok, ==, cases[i].year != 0);
		if (!ok) {
			g_assert_cmpint(got.unix_seconds, ==, 0x5A);
			continue;
		}
		g_assert_cmpint(got.day, ==, day(cases[i].year, cases[i].month, cases[i].day));
		g_assert_cmpint(got.zone_minutes, ==, cases[i].zone);
		g_assert_cmpint(got.unix_seconds, ==,
			(gint64)got.day * 86400 + cases[i].hour * 3600 + cases[i].minute * 60 +
				cases[i].second - cases[i].zone * 60);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/datetime/days_are_those_of_glib", days_are_those_of_glib);
	g_test_add_func("/datetime/imap_dates", imap_dates);
	g_test_add_func("/datetime/imap_date_times", imap_date_times);
	g_test_add_func("/datetime/what_is_written_is_read_back", what_is_written_is_read_back);
	g_test_add_func("/datetime/date_fields_of_all_kinds", date_fields_of_all_kinds);
	return g_test_run();
}
