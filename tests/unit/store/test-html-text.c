#include "store/html-text.h"

#include "store/html-entities.h"

#include <string.h>

static const struct {
	const char *html, *expected;
} cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "<b>bo</b>ld", "bold" },
	{ "a<br>b<BR/>c", "a b c" },
	{ "<p>a</p><p>b</p>", " a  b " },
	{ "<table><tr><td>1<td>2</table>", "   1 2 " },
	{ "<brx>a</brx>", "a" },
	{ "<h7>a<h6>b", "a b" },
	{ "<blockquote>a<blockquotes>b", " ab" },
	/* what is no tag */
	{ "1 < 2 <3 <- <> </> </ b", "1 < 2 <3 <- <> </> </ b" },
	{ "a <", "a <" },
	{ "a </", "a </" },
	{ "if (a<b) x", "if (a" }, /* a tag that does not end */
	/* attributes */
	{ "<a href='x'>y</a>", "y x" },
	{ "<a href=x>y</a>", "y x" },
	{ "<a HREF = \"x>y\" b='c>d'>z", "z x>y" },
	{ "<a b=c\"d>e", "e" }, /* a quote inside of a value opens nothing */
	{ "<a b\"=>c\">d", "c\">d" },
	{ "<img src=a alt=\"A &amp; B\" title='t'>x", "x A & B t" },
	{ "<img alt>x", "x" },
	{ "<img alt=>x", "x " },
	{ "<img alt= title=t>x", "x title=t" }, /* as browsers do: white space may follow "=" */
	{ "<img/alt=a/>x", "x a/" },
	{ "<img =alt=a alt=b>x", "x b" },
	{ "<img xalt=a alts=b>x", "x" },
	{ "</a href=x>y", "y x" },
	{ "<a href=x alt=y", "" },
	{ "<a href=x><a href=\"y", " x" },
	/* comments and the like */
	{ "a<!-- <b> -- > -->c", "ac" },
	{ "a<!-->b<!--->c", "abc" },
	{ "a<!---->b", "ab" },
	{ "a<!--b", "a" },
	{ "a<!doctype html>b<?xml \">\"?>c", "ab\"?>c" },
	{ "a<!b", "a" },
	{ "a<!", "a" },
	{ "a<!-", "a" },
	{ "a<!>b", "ab" },
	/* scripts and styles */
	{ "a<script>if (x<y) \"<b>\"</script>b", "ab" },
	{ "a<SCRIPT src='x>y'></b><!-- </Script\n foo>b", "ab" },
	{ "a<style>p{}</style>b<style>c", "ab" },
	{ "a<script/>b</script>c", "ac" },
	{ "a<script>b</style>c</script>d", "ad" },
	{ "a<script>b</scriptx alt=e>d", "ad e" },
	{ "a<script>b</script", "a" },
	{ "a<scripts>b", "ab" },
	{ "a</script>b", "ab" },
	{ "<title>t</title>x", " t x" },
	/* character references */
	{ "&amp;&lt;&gt;&quot;&nbsp;&copy", "&<>\"\xc2\xa0©" },
	{ "&ampx &notit; &notin; &copy2", "&x ¬it; ∉ ©2" },
	{ "&Amp; &amp &; & &x; &nosuch;", "&Amp; & &; & &x; &nosuch;" },
	{ "&nGt;", "≫⃒" },
	{ "&CounterClockwiseContourIntegral;", "∳" },
	{ "&CounterClockwiseContourIntegralx;", "&CounterClockwiseContourIntegralx;" },
	{ "&#65;&#x42;&#X43&#68", "ABCD" },
	{ "&#; &#x; &#xg; &# 1;", "&#; &#x; &#xg; &# 1;" },
	{ "&#128;&#x9f;&#129;", "€Ÿ\xc2\x81" },
	{ "&#0;&#xD800;&#1114112;&#99999999999999999999;",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "a&#1;b&#11;c&#xfffe;d&#xfdd0;e&#127;f&#x1ffff;g", "abcdefg" },
	{ "&#13;&#10;&#9;&#12;", "\r\n\t\f" },
	{ "&am<b></b>p;", "&amp;" }, /* not across a tag */
	{ "&amp;lt;", "&lt;" },      /* once */
	{ "&lt;b>", "<b>" },
	{ "\xc3\xa9\xff<b>\xff", "\xc3\xa9\xff\xff" },
};

static void html_has_its_visible_text(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new("<");
		gsize len = strlen(cases[i].html);
		/* The exact size lets ASan see what is read behind it. */
		g_autofree char *exact = g_memdup2(cases[i].html, len);
		html_text_append(out, exact, len);
		g_assert_cmpstr(out->str + 1, ==, cases[i].expected);
	}
	g_autoptr(GString) nul = g_string_new(NULL); /* fuzz-html-text found it: "td" is not the tag's name */
	html_text_append(nul, "a<td\0\0x>b", 10);
	g_assert_cmpstr(nul->str, ==, "ab");
}

static void names_need_their_whole_length(void)
{
	g_assert_cmpstr(html_entity_find("amp", 3), ==, "&");
	g_assert_cmpstr(html_entity_find("amp;", 4), ==, "&");
	g_assert_null(html_entity_find("am", 2));
	g_assert_null(html_entity_find("ampx", 4));
	g_assert_null(html_entity_find("", 0));
	g_assert_cmpstr(html_entity_find("AElig", 5), ==, "Æ");
	g_assert_cmpstr(html_entity_find("zwnj;", 5), ==, "\xe2\x80\x8c");
}

static void time_is_linear(void)
{
	static const char *const repeated[] = { "<", "<!--", "<!", "<a ", "<a href='", "<script>", "</script",
		"<a =", "&", "&#", "&#x1", "&a", "&CounterClockwiseContourIntegra", "<p>", "<!-->",
		"<a href=x>", "<a href='x' ", "<?", "</", "<script></scrip", "<a/" };
	for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
		g_autoptr(GString) html = g_string_new(NULL), out = g_string_new(NULL);
		while (html->len < 2 << 20)
			g_string_append(html, repeated[i]);
		gint64 start = g_get_monotonic_time();
		html_text_append(out, html->str, html->len);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
		g_assert_cmpuint(out->len, <=, 2 * html->len);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/html-text/html_has_its_visible_text", html_has_its_visible_text);
	g_test_add_func("/html-text/names_need_their_whole_length", names_need_their_whole_length);
	g_test_add_func("/html-text/time_is_linear", time_is_linear);
	return g_test_run();
}
