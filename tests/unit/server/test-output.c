/* The queue of what waits for a client. */
#include "server/conn/output.h"

#include <string.h>

static char *drain(Output *output, gsize piece)
{
	GString *all = g_string_new(NULL);
	gsize len = 0;
	for (const char *data; (data = output_peek(output, &len)) != NULL;) {
		g_assert_cmpuint(len, >, 0);
		gsize n = MIN(len, piece);
		g_string_append_len(all, data, (gssize)n);
		output_consume(output, n);
	}
	g_assert_cmpuint(output->size, ==, 0);
	return g_string_free(all, FALSE);
}

static void octets_come_out_as_they_went_in(void)
{
	for (guint round = 0; round < 200; round++) {
		Output output;
		output_init(&output);
		g_autoptr(GString) model = g_string_new(NULL);
		g_autoptr(GString) piece = g_string_new(NULL);
		for (gint n = g_test_rand_int_range(0, 12); n > 0; n--) {
			gsize len = (gsize)g_test_rand_int_range(0, g_test_rand_bit() ? 100 : 40000);
			g_string_set_size(piece, len);
			memset(piece->str, 'a' + n, len);
			g_string_append_len(model, piece->str, (gssize)len);
			if (g_test_rand_bit())
				output_write(&output, piece->str, len);
			else
				output_take(&output, piece);
		}
		g_assert_cmpuint(output.size, ==, model->len);
		g_autofree char *all = drain(&output, (gsize)g_test_rand_int_range(1, 20000));
		g_assert_cmpstr(all, ==, model->str);
		output_clear(&output);
	}
}

static void taking_leaves_an_empty_string_that_can_be_used(void)
{
	Output output;
	output_init(&output);
	g_autoptr(GString) big = g_string_new(NULL);
	g_string_set_size(big, 100000);
	memset(big->str, 'x', big->len);
	const char *octets = big->str;
	output_take(&output, big);
	g_assert_cmpstr(big->str, ==, "");
	g_string_append(big, "more");
	gsize len = 0;
	g_assert_true(output_peek(&output, &len) == octets); /* moved, not copied */
	output_take(&output, big);
	g_autofree char *all = drain(&output, G_MAXSIZE);
	g_assert_cmpuint(strlen(all), ==, 100004);
	g_assert_true(g_str_has_suffix(all, "xmore"));
	output_clear(&output);
}

static void clearing_drops_what_waits(void)
{
	Output output;
	output_init(&output);
	output_puts(&output, "abc");
	output_consume(&output, 1);
	output_clear(&output);
	gsize len = 0;
	g_assert_null(output_peek(&output, &len));
	output_puts(&output, "de");
	g_autofree char *all = drain(&output, 1);
	g_assert_cmpstr(all, ==, "de");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/output/octets_come_out_as_they_went_in", octets_come_out_as_they_went_in);
	g_test_add_func("/output/taking_leaves_an_empty_string_that_can_be_used",
		taking_leaves_an_empty_string_that_can_be_used);
	g_test_add_func("/output/clearing_drops_what_waits", clearing_drops_what_waits);
	return g_test_run();
}
