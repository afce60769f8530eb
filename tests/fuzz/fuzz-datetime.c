/* Dates of IMAP and of mail: what is read is a day that there is, and is read again as it is written. */

#include "base/datetime.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static void check(const Datetime *datetime)
{
	int year, month, day;

	datetime_civil_from_day(datetime->day, &year, &month, &day);
	g_assert_true(datetime_day_exists(year, month, day));
	g_assert_cmpint(datetime_day_from_civil(year, month, day), ==, datetime->day);
	g_assert_cmpint(ABS(datetime->zone_minutes), <, 24 * 60);
	g_assert_cmpint(datetime_day_of(datetime->unix_seconds, datetime->zone_minutes), ==, datetime->day);

	g_autoptr(GString) text = g_string_new(NULL);
	Datetime again;
	datetime_append_imap(text, datetime->unix_seconds, datetime->zone_minutes);
	g_assert_true(datetime_parse_imap(text->str, text->len, &again, NULL));
	/* At the ends of time the zone may lead out of the calendar, and is clamped. */
	if (year > 1 && year < 9999) {
		g_assert_cmpint(again.unix_seconds, ==, datetime->unix_seconds);
		g_assert_cmpint(again.day, ==, datetime->day);
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
	const char *text = (const char *)data;
	g_autoptr(GError) error = NULL;
	Datetime datetime;
	gint32 day;

	if (datetime_parse_rfc5322(text, len, &datetime))
		check(&datetime);
	if (datetime_parse_imap(text, len, &datetime, &error))
		check(&datetime);
	g_clear_error(&error);
	if (datetime_parse_imap_date(text, len, &day, &error))
		g_assert_cmpint(day, >, -719200);
	return 0;
}
