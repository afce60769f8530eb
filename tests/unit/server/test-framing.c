/* Framing: what is complete, what is refused, and that it does not matter how the octets are cut. */
#include "server/conn/framing.h"

#include <string.h>

/* Sizes beyond 1,000 are refused, beyond 100 streamed. */
static FramingChoice decide(const FramingLiteral *literal, gpointer data, const char **refusal_out)
{
	(void)data;
	if (literal->size > 1000) {
		*refusal_out = "NO [TOOBIG] no";
		return FRAMING_REFUSE;
	}
	return literal->size > 100 ? FRAMING_STREAM : FRAMING_KEEP;
}

static const FramingLimits limits = { .command_bytes = 400, .literal_bytes = 90, .literals = 3 };

/* Feeds @text in pieces of at most @piece octets; returns what happened as text: "C<command>", "+",
 * "S<offset>,<size>", "D<octets>" (joined), "E", "R<tag> <refusal>", "B<tag> <refusal>". */
static char *play(const char *text, gsize len, gsize piece, const FramingLimits *with, gboolean lines)
{
	g_autoptr(Framing) framing = framing_new(with, decide, NULL);
	GString *out = g_string_new(NULL);
	gboolean in_octets = FALSE;
	framing_set_line_mode(framing, lines);
	while (len > 0 || framing_pending(framing)) {
		gsize n = MIN(piece, len), left = n;
		const char *at = text, *tag = NULL;
		FramingEvent event = framing_push(framing, &at, &left);
		text += n - left;
		len -= n - left;
		if (event != FRAMING_OCTETS)
			in_octets = FALSE;
		switch (event) {
		case FRAMING_MORE:
			g_assert_cmpuint(left, ==, 0);
			break;
		case FRAMING_COMMAND:
		case FRAMING_LINE: {
			GString *command = framing_take(framing);
			g_string_append_printf(out, "%c%s;", event == FRAMING_LINE ? 'L' : 'C', command->str);
			g_string_free(command, TRUE);
			break;
		}
		case FRAMING_CONTINUE:
			g_string_append(out, "+;");
			break;
		case FRAMING_STREAM_BEGIN:
			g_string_append_printf(out, "S%" G_GSIZE_FORMAT ",%" G_GUINT64_FORMAT ";",
				framing_offset(framing), framing_stream_size(framing));
			break;
		case FRAMING_OCTETS: {
			gsize octets_len = 0;
			const char *octets = framing_octets(framing, &octets_len);
			if (in_octets)
				g_string_truncate(out, out->len - 1);
			else
				g_string_append_c(out, 'D');
			in_octets = TRUE;
			g_string_append_len(out, octets, (gssize)octets_len);
			g_string_append_c(out, ';');
			break;
		}
		case FRAMING_STREAM_END:
			g_string_append(out, "E;");
			break;
		case FRAMING_REFUSED: {
			const char *refusal = framing_refusal(framing, &tag);
			g_string_append_printf(out, "R%s %s;", tag, refusal);
			break;
		}
		case FRAMING_BROKEN: {
			const char *refusal = framing_refusal(framing, &tag);
			g_string_append_printf(out, "B%s %s;", tag, refusal);
			return g_string_free(out, FALSE);
		}
		}
	}
	if (!framing_is_idle(framing))
		g_string_append(out, "...");
	return g_string_free(out, FALSE);
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *input, *events;
} cases[] = {
	{ "a NOOP\r\n", "Ca NOOP;" },
	{ "a NOOP\n", "Ca NOOP;" },
	{ "\r\n", "C;" },
	{ "a NOOP\r", "..." },
	{ "a NOOP\r\nb NOOP\r\nc NO", "Ca NOOP;Cb NOOP;..." },
	/* literals in memory */
	{ "a LOGIN {3}\r\nann {6}\r\nse\r\net\r\n", "+;+;Ca LOGIN {3}\r\nann {6}\r\nse\r\net;" },
	{ "a LOGIN {3+}\r\nann {6+}\r\nsecret\r\nb NOOP\r\n",
		"Ca LOGIN {3+}\r\nann {6+}\r\nsecret;Cb NOOP;" },
	{ "a X {0}\r\n\r\n", "+;Ca X {0}\r\n;" },
	{ "a X {0+}\r\n {1+}\r\ny\r\n", "Ca X {0+}\r\n {1+}\r\ny;" },
	{ "a X ~{2+}\r\nab\r\n", "Ca X ~{2+}\r\nab;" },
	{ "a X ({2+}\r\nab)\r\n", "Ca X ({2+}\r\nab);" },
	{ "a X {2}\nab\n", "+;Ca X {2}\r\nab;" }, /* bare LF becomes CRLF for the parser */
	/* what looks like a literal and is none */
	{ "a X \"y {2+}\r\nb NOOP\r\n", "Ca X \"y {2+};Cb NOOP;" },
	{ "a X \"\\\" {2+}\r\nb NOOP\r\n", "Ca X \"\\\" {2+};Cb NOOP;" },
	{ "a X \"\\\\\" {2+}\r\nab\r\n", "Ca X \"\\\\\" {2+}\r\nab;" },
	{ "a X {}\r\n", "Ca X {};" },
	{ "a X {+}\r\n", "Ca X {+};" },
	{ "a X {2 }\r\n", "Ca X {2 };" },
	{ "a X {-2}\r\n", "Ca X {-2};" },
	{ "a X 2}\r\n", "Ca X 2};" },
	/* where the grammar has none: its octets are no commands */
	{ "a APPEND x (y){8+}\r\nb NOOP\r\n\r\nc NOOP\r\n", "Ra BAD Expected SP before a literal;Cc NOOP;" },
	{ "a X \"y\"{2+}\r\nzz {2+}\r\nzz\r\nb NOOP\r\n", "Ra BAD Expected SP before a literal;Cb NOOP;" },
	{ "a X y~{2+}\r\nzz\r\nb NOOP\r\n", "Ra BAD Expected SP before a literal;Cb NOOP;" },
	{ "a X y{2000+}\r\n", "..." },
	/* ... and do not come if the client waits to be asked */
	{ "a APPEND x (y){8}\r\nb NOOP\r\n", "Ra BAD Expected SP before a literal;Cb NOOP;" },
	{ "a X {1}\r\nyz{8}\r\nb NOOP\r\n", "+;Ra BAD Expected SP before a literal;Cb NOOP;" },
	/* streamed */
	{ "a APPEND x {110}\r\n" HUNDRED TEN "\r\n", "S18,110;+;D" HUNDRED TEN ";E;Ca APPEND x {110}\r\n;" },
	{ "a APPEND x {110+}\r\n" HUNDRED TEN " {101+}\r\n" HUNDRED "x\r\n",
		"S19,110;D" HUNDRED TEN ";E;S28,101;D" HUNDRED "x;E;Ca APPEND x {110+}\r\n {101+}\r\n;" },
	/* refused */
	{ "a APPEND x {2000}\r\nb NOOP\r\n", "Ra NO [TOOBIG] no;Cb NOOP;" },
	{ "a APPEND x {1010+}\r\n" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
			HUNDRED TEN " {3+}\r\nabc {2}\r\nb NOOP\r\n",
		"Ra NO [TOOBIG] no;Cb NOOP;" },
	{ "a X {95}\r\n", "Ra NO [LIMIT] Literal is too long;" },
	{ "a X {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx\r\nb NOOP\r\n", "Ra BAD Too many literals;Cb NOOP;" },
	{ "a X {99999999999999999999}\r\nb NOOP\r\n", "Ra BAD Literal size is no number;Cb NOOP;" },
	{ "a X {99999999999999999999+}\r\nb NOOP\r\n", "Ba BAD Literal size is no number;" },
	{ "a X {95+}\r\n" HUNDRED "\r\nb NOOP\r\n", "Ra NO [LIMIT] Literal is too long;Cb NOOP;" },
	/* too long: 400 octets are the limit */
	{ "a X " HUNDRED HUNDRED HUNDRED HUNDRED "\r\nb NOOP\r\n", "Ra BAD Command is too long;Cb NOOP;" },
	{ "a X " HUNDRED HUNDRED HUNDRED HUNDRED " {5+}\r\nx\r\nyz\r\nb NOOP\r\n",
		"Ra BAD Command is too long;Cb NOOP;" },
	{ "a X {80+}\r\n" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED "\r\nb NOOP\r\n",
		"Ra BAD Command is too long;Cb NOOP;" },
	/* tags that are none are not repeated */
	{ "{2000}\r\nb NOOP\r\n", "R* NO [TOOBIG] no;Cb NOOP;" },
	{ "a\tb {2000}\r\nb NOOP\r\n", "R* NO [TOOBIG] no;Cb NOOP;" },
	{ "\" {2000} {2000}\r\nb NOOP\r\n", "C\" {2000} {2000};Cb NOOP;" },
};

static void commands_and_literals_are_found(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *events =
			play(cases[i].input, strlen(cases[i].input), G_MAXSIZE, &limits, FALSE);
		g_assert_cmpstr(events, ==, cases[i].events);
	}
}

static void cuts_do_not_matter(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		for (gsize piece = 1; piece < 30; piece++) {
			g_autofree char *events =
				play(cases[i].input, strlen(cases[i].input), piece, &limits, FALSE);
			g_assert_cmpstr(events, ==, cases[i].events);
		}
	}
}

static void random_octets_give_the_same_events_however_cut(void)
{
	static const char alphabet[] = "a {}+~0123456789\"\\\r\n\n()";
	for (guint round = 0; round < 3000; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		for (gint n = g_test_rand_int_range(0, 200); n > 0; n--) {
			if (g_test_rand_int_range(0, 8) == 0)
				g_string_append_printf(text, " {%d%s}\r\n", g_test_rand_int_range(0, 130),
					g_test_rand_bit() ? "+" : "");
			else
				g_string_append_c(
					text, alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)]);
		}
		g_autofree char *whole = play(text->str, text->len, G_MAXSIZE, &limits, FALSE);
		g_autofree char *cut =
			play(text->str, text->len, (gsize)g_test_rand_int_range(1, 20), &limits, FALSE);
		g_assert_cmpstr(whole, ==, cut);
	}
}

static void the_end_of_a_long_line_is_seen_however_cut(void)
{
	for (guint fill = 380; fill < 405; fill++) {
		g_autoptr(GString) text = g_string_new("a X ");
		for (guint i = 0; i < fill - 4; i++)
			g_string_append_c(text, 'x');
		g_string_append(text, " {7+}\r\nb NO\r\nc\r\nd NOOP\r\n");
		g_autofree char *whole = play(text->str, text->len, G_MAXSIZE, &limits, FALSE);
		g_assert_true(g_str_has_suffix(whole, ";Cd NOOP;"));
		g_assert_null(strstr(whole, "Cb"));
		for (gsize piece = 1; piece < text->len; piece++) {
			g_autofree char *events = play(text->str, text->len, piece, &limits, FALSE);
			g_assert_cmpstr(events, ==, whole);
		}
	}
}

static void strict_limits_break_at_once(void)
{
	const FramingLimits strict = {
		.command_bytes = 100, .literal_bytes = 100, .literals = 3, .strict = TRUE
	};
	static const char text[] = "a X " HUNDRED;
	g_autofree char *events = play(text, strlen(text), G_MAXSIZE, &strict, FALSE);
	g_assert_cmpstr(events, ==, "Ba BAD Command is too long;");
}

static void line_mode_knows_no_literals(void)
{
	static const char text[] = "AGEAYg==\r\nx {5+}\r\nDONE\n*\r\n";
	g_autofree char *events = play(text, strlen(text), G_MAXSIZE, &limits, TRUE);
	g_assert_cmpstr(events, ==, "LAGEAYg==;Lx {5+};LDONE;L*;");
}

static void nul_octets_are_kept(void)
{
	static const char text[] = "a X\0Y\r\n";
	g_autoptr(Framing) framing = framing_new(&limits, decide, NULL);
	const char *at = text;
	gsize len = sizeof text - 1;
	g_assert_cmpint(framing_push(framing, &at, &len), ==, FRAMING_COMMAND);
	GString *command = framing_take(framing);
	g_assert_cmpmem(command->str, command->len, "a X\0Y", 5);
	g_string_free(command, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/framing/commands_and_literals_are_found", commands_and_literals_are_found);
	g_test_add_func("/framing/cuts_do_not_matter", cuts_do_not_matter);
	g_test_add_func("/framing/random_octets_give_the_same_events_however_cut",
		random_octets_give_the_same_events_however_cut);
	g_test_add_func("/framing/the_end_of_a_long_line_is_seen_however_cut",
		the_end_of_a_long_line_is_seen_however_cut);
	g_test_add_func("/framing/strict_limits_break_at_once", strict_limits_break_at_once);
	g_test_add_func("/framing/line_mode_knows_no_literals", line_mode_knows_no_literals);
	g_test_add_func("/framing/nul_octets_are_kept", nul_octets_are_kept);
	return g_test_run();
}
