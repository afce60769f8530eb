/* What the server's own functions say, for tests/oracle/test_extraction.py to compare with the Python scanner.
 *
 * oracle-dump text|date|time|fold|sort reads records from stdin and writes one answer for each; a record, and each part of an answer, is its length in
 * decimal, LF, and that many octets. text: a message; answers its three sections. date: the value of a Date field; answers the day as
 * days since 1970-01-01, or "none". time: the same, but the moment in Unix seconds. fold: a text in UTF-8; answers its folded form. sort: a message;
 * answers its keys for SORT and THREAD, one line each. */
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/fold.h"
#include "store/message-text.h"
#include "store/sort-keys.h"

static gboolean read_record(GString *record)
{
	gsize len;
	if (scanf("%zu", &len) != 1 || getchar() != '\n')
		return FALSE;
	g_string_set_size(record, len);
	return fread(record->str, 1, len, stdin) == len;
}

static void write_part(const char *data, gsize len)
{
	printf("%zu\n", len);
	fwrite(data, 1, len, stdout);
}

static void write_text(const GString *message)
{
	g_autoptr(MessageText) text = message_text_new((const guint8 *)message->str, message->len);
	for (guint i = 0; i < MESSAGE_TEXT_N_SECTIONS; i++)
		write_part(text->section[i]->str, text->section[i]->len);
}

static void write_number_of_date(const GString *value, gboolean time)
{
	Datetime when;
	g_autofree char *number = NULL;
	if (datetime_parse_rfc5322(value->str, value->len, &when))
		number = g_strdup_printf("%" G_GINT64_FORMAT, time ? when.unix_seconds : when.day);
	else
		number = g_strdup("none");
	write_part(number, strlen(number));
}

static void write_date(const GString *value)
{
	write_number_of_date(value, FALSE);
}

static void write_time(const GString *value)
{
	write_number_of_date(value, TRUE);
}

static void write_sort(const GString *message)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	sort_keys_append(lines, (const guint8 *)message->str, message->len);
	write_part(lines->str, lines->len);
}

static void write_fold(const GString *text)
{
	gsize len;
	g_autofree char *folded = fold_string(text->str, text->len, &len);
	write_part(folded, len);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*answer)(const GString *record);
	} modes[] = { { "text", write_text }, { "date", write_date }, { "time", write_time }, { "fold", write_fold }, { "sort", write_sort } };
	for (guint i = 0; argc == 2 && i < G_N_ELEMENTS(modes); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		g_autoptr(GString) record = g_string_new(NULL);
		while (read_record(record))
			modes[i].answer(record);
		return 0;
	}
	fputs("usage: oracle-dump text|date|time|fold|sort <records\n", stderr);
	return 2;
}
