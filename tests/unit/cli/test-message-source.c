#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/message-source.h"

/* What the walk gave, one line a message: "text|flags|seconds|zone", LF of the text as "/". */
typedef struct {
	GPtrArray *lines;
	GPtrArray *paths;
	guint stop_after; /* 0: never */
} Seen;

static gboolean note(const SourceMessage *message, gpointer data, GError **error)
{
	Seen *seen = data;
	g_autofree char *text = g_strndup(message->len > 0 ? (const char *)message->data : "", message->len);
	g_strdelimit(text, "\n", '/');
	g_ptr_array_add(seen->lines,
		g_strdup_printf("%s|%u|%" G_GINT64_FORMAT "|%d", text, message->flags, message->received_at,
			message->zone));
	g_ptr_array_add(seen->paths, g_strdup(message->path));
	if (seen->stop_after == 0 || seen->lines->len < seen->stop_after)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "enough");
	return FALSE;
}

static Seen *seen_new(void)
{
	Seen *seen = g_new0(Seen, 1);
	seen->lines = g_ptr_array_new_with_free_func(g_free);
	seen->paths = g_ptr_array_new_with_free_func(g_free);
	return seen;
}

static void seen_free(Seen *seen)
{
	g_ptr_array_unref(seen->lines);
	g_ptr_array_unref(seen->paths);
	g_free(seen);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Seen, seen_free)

static char *joined(const GPtrArray *lines)
{
	g_autoptr(GString) all = g_string_new(NULL);
	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(all, "%s%s", i > 0 ? "\n" : "", (const char *)lines->pdata[i]);
	return g_strdup(all->str);
}

/* -- mbox ---- */

#define F "From a@b Thu Jan  1 00:00:10 1970\n" /* seconds: 10 */

static void splits_an_mbox(void)
{
	static const struct {
		const char *mbox, *lines;
	} cases[] = {
		{ "", "" },
		{ F, "|0|10|0" },
		{ F "\n", "|0|10|0" },
		{ F "A: b\n\ntext\n", "A: b//text/|0|10|0" },
		{ F "A: b\n\ntext", "A: b//text|0|10|0" },
		{ F "A: b\n\ntext\n\n" F "C: d\n\nmore\n", "A: b//text/|0|10|0\nC: d//more/|0|10|0" },
		{ F "A: b\n\ntext\n\n" F "C: d\n\nmore\n\n", "A: b//text/|0|10|0\nC: d//more/|0|10|0" },
		/* the empty line before From_ is the mbox's; others are the message's */
		{ F "A: b\n\ntext\n\n\n\n" F "C: d\n\n", "A: b//text///|0|10|0\nC: d/|0|10|0" },
		/* a line that begins with From but not behind an empty one is text */
		{ F "A: b\n\ntext\nFrom here\nto there\n", "A: b//text/From here/to there/|0|10|0" },
		{ F "A: b\n\n\nFrom here\n", "A: b//|0|10|0\n|0|77|0" },
		/* mboxrd: one ">" less */
		{ F "A: b\n\n>From here\n>>From there\n> From a\n>Fromage\n",
			"A: b//From here/>From there/> From a/>Fromage/|0|10|0" },
		{ F "A: b\n>From: x\n\n", "A: b/>From: x/|0|10|0" },
		{ F "A: b\r\n\r\ntext\r\n\r\n" F "C: d\r\n\r\n", "A: b\r/\r/text\r/|0|10|0\nC: d\r/|0|10|0" },
		/* flags as c-client and mutt write them */
		{ F "Status: RO\nX-Status: AF\n\n", "Status: RO/X-Status: AF/|7|10|0" },
		{ F "Status: O\nX-Status: DT\n\n", "Status: O/X-Status: DT/|24|10|0" },
		{ F "A: b\n\nStatus: RO\n", "A: b//Status: RO/|0|10|0" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Seen) seen = seen_new();
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].mbox);
		gboolean ok = source_walk_mbox(
			(const guint8 *)cases[i].mbox, strlen(cases[i].mbox), "x", 77, note, seen, &error);
		g_assert_no_error(error);
		g_assert_true(ok);
		g_autofree char *lines = joined(seen->lines);
		g_assert_cmpstr(lines, ==, cases[i].lines);
	}
}

/* What was written as mboxrd is read back, whatever it is made of. */
static void reads_back_what_mboxrd_writes(void)
{
	static const char *const pieces[] = { "From me\n", ">From me\n", ">>From me\n", "\n", "text\n",
		"A: b\n", "\r\n", ">", "> From\n" };
	for (int round = 0; round < 2000; round++) {
		g_autoptr(GString) mbox = g_string_new(NULL);
		g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
		int n = g_test_rand_int_range(1, 4);
		for (int i = 0; i < n; i++) {
			g_autoptr(GString) text = g_string_new("Subject: x\n\n");
			for (int k = g_test_rand_int_range(0, 8); k > 0; k--)
				g_string_append(text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
			if (text->str[text->len - 1] != '\n')
				g_string_append_c(text, '\n');
			g_string_append(mbox, F);
			for (const char *at = text->str; *at != '\0';) {
				const char *next = strchr(at, '\n') + 1;
				if (g_str_has_prefix(at + strspn(at, ">"), "From "))
					g_string_append_c(mbox, '>');
				g_string_append_len(mbox, at, next - at);
				at = next;
			}
			g_string_append_c(mbox, '\n');
			g_ptr_array_add(
				texts, g_strdup_printf("%s|0|10|0", g_strdelimit(text->str, "\n", '/')));
		}
		g_autoptr(Seen) seen = seen_new();
		g_assert_true(
			source_walk_mbox((const guint8 *)mbox->str, mbox->len, "x", 77, note, seen, NULL));
		g_autofree char *got = joined(seen->lines), *want = joined(texts);
		g_assert_cmpstr(got, ==, want);
	}
}

static void takes_the_best_date_there_is(void)
{
	static const struct {
		const char *message;
		gint64 at;
		int zone;
	} cases[] = {
		/* of From_, in UTC or with a zone before or behind the year */
		{ "From a@b Thu Nov 24 18:22:48 2011\n\n", 1322158968, 0 },
		{ "From \"a b\"@c  Thu Nov  4 18:22:48 2010\n\n", 1288894968, 0 },
		{ "From a@b Thu Nov 24 18:22:48 2011 +0100\n\n", 1322155368, 60 },
		{ "From a@b Thu Nov 24 18:22:48 +0100 2011\n\n", 1322155368, 60 },
		{ "From a@b Thu Nov 24 18:22:48 EST 2011\n\n", 1322176968, -300 },
		{ "From a@b Thu Nov 24 18:22 2011\n\n", 1322158920, 0 },
		{ "From a@b\n\n", 77, 0 },
		{ "From a@b yesterday\n\n", 77, 0 },
		{ "From a@b Thu yesterday\n\n", 77, 0 },
		/* Received before it: the first with a date */
		{ "From a@b Thu Nov 24 18:22:48 2011\nReceived: by x; Fri, 25 Nov 2011 10:00:00 "
		  "+0200\nReceived: by y; 1 Jan 2010 00:00:00 +0000\n"
		  "Date: Thu, 1 Jan 2009 00:00:00 +0000\n\n",
			1322208000, 120 },
		{ "From a@b Thu Nov 24 18:22:48 2011\nReceived: by x with no date\nReceived: by y; 1 Jan "
		  "2010 00:00:00 +0000\n\n",
			1262304000, 0 },
		{ "From a@b Thu Nov 24 18:22:48 2011\nReceived: by x; nonsense\n\n", 1322158968, 0 },
		{ "From a@b Thu Nov 24 18:22:48 2011\nDate: Thu, 1 Jan 2009 00:00:00 +0000\n\n", 1322158968,
			0 },
		/* Date, if From_ has none */
		{ "From a@b\nDate: Thu, 1 Jan 2009 00:00:00 -0130\n\n", 1230773400, -90 },
		{ "From a@b\nDate: nonsense\n\nReceived: by y; 1 Jan 2010 00:00:00 +0000\n", 77, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Seen) seen = seen_new();
		g_test_message("%s", cases[i].message);
		g_assert_true(source_walk_mbox((const guint8 *)cases[i].message, strlen(cases[i].message),
			"x", 77, note, seen, NULL));
		g_assert_cmpuint(seen->lines->len, ==, 1);
		g_autofree char *end =
			g_strdup_printf("|0|%" G_GINT64_FORMAT "|%d", cases[i].at, cases[i].zone);
		g_test_message("%s, wanted %s", (char *)seen->lines->pdata[0], end);
		g_assert_true(g_str_has_suffix(seen->lines->pdata[0], end));
	}
}

/* -- files and folders ---- */

typedef struct {
	char *root;
} Fixture;

static void set_up(Fixture *f, gconstpointer unused)
{
	(void)unused;
	f->root = g_dir_make_tmp("mailsift-source-XXXXXX", NULL);
}

static void remove_tree(const char *path)
{
	if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
			g_autofree char *below = g_build_filename(path, name, NULL);
			remove_tree(below);
		}
	}
	g_assert_cmpint(g_remove(path), ==, 0);
}

static void tear_down(Fixture *f, gconstpointer unused)
{
	(void)unused;
	remove_tree(f->root);
	g_free(f->root);
}

static void put(const Fixture *f, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(f->root, name, NULL), *folder = g_path_get_dirname(path);
	g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* Walks @name below the root; the paths in order, with the text of each, below the root. */
static char *walk(const Fixture *f, const char *name)
{
	g_autoptr(Seen) seen = seen_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_build_filename(f->root, name, NULL);
	gboolean ok = source_walk(path, note, seen, &error);
	g_assert_no_error(error);
	g_assert_true(ok);
	g_autoptr(GString) all = g_string_new(NULL);
	for (guint i = 0; i < seen->paths->len; i++) {
		const char *line = seen->lines->pdata[i];
		const char *flags = strchr(line, '|');
		g_string_append_printf(all, "%s%s=%.*s|%u", i > 0 ? " " : "",
			(char *)seen->paths->pdata[i] + strlen(f->root) + 1, (int)(flags - line), line,
			(guint)g_ascii_strtoull(flags + 1, NULL, 10));
	}
	return g_strdup(all->str);
}

static void reads_of_a_maildir_what_is_mail(Fixture *f, gconstpointer unused)
{
	(void)unused;
	put(f, "M/cur/1.a:2,S", "one");
	put(f, "M/cur/2.a:2,DFRST", "two");
	put(f, "M/cur/3.a:2,", "three");
	put(f, "M/cur/4.a", "four");
	put(f, "M/cur/5.a:1,S", "five");
	put(f, "M/cur/6.a:2,Pab", "From six\n");
	put(f, "M/cur/6.b:2,R,S=12", "size"); /* Dovecot's size behind the flags is no \Seen */
	put(f, "M/cur/.hidden", "no");
	put(f, "M/new/7.a", "seven");
	put(f, "M/tmp/8.a", "no");
	put(f, "M/.Sent/cur/9.a", "no");
	put(f, "M/.Sent/new/9.b", "no");
	put(f, "M/dovecot-uidlist", "no");
	put(f, "M/subscriptions", "no");
	g_autofree char *all = walk(f, "M");
	g_assert_cmpstr(all, ==,
		"M/cur/1.a:2,S=one|1 M/cur/2.a:2,DFRST=two|31 M/cur/3.a:2,=three|0 M/cur/4.a=four|0 "
		"M/cur/5.a:1,S=five|0 "
		"M/cur/6.a:2,Pab=From six/|0 M/cur/6.b:2,R,S=12=size|2 M/new/7.a=seven|0");
	g_autofree char *sent = walk(f, "M/.Sent");
	g_assert_cmpstr(sent, ==, "M/.Sent/cur/9.a=no|0 M/.Sent/new/9.b=no|0");
	g_autofree char *one = walk(f, "M/cur/1.a:2,S");
	g_assert_cmpstr(one, ==, "M/cur/1.a:2,S=one|1");
}

static void walks_folders_in_order(Fixture *f, gconstpointer unused)
{
	(void)unused;
	put(f, "A/b.eml", "b");
	put(f, "A/a/2", "2");
	put(f, "A/a/1", "1");
	put(f, "A/tmp/t", "t");
	put(f, "A/cur/c:2,F", "c");
	put(f, "A/box", F "x\n\n" F "y\n");
	put(f, "A/z.eml", F "z\n");
	put(f, "A/empty", "");
	put(f, "A/.git/no", "no");
	g_autofree char *back = g_build_filename(f->root, "A/a/back", NULL);
	g_assert_cmpint(symlink("..", back), ==, 0);
	g_autofree char *link = g_build_filename(f->root, "A/link", NULL);
	g_assert_cmpint(symlink("b.eml", link), ==, 0);
	g_autofree char *all = walk(f, "A");
	g_assert_cmpstr(all, ==,
		"A/a/1=1|0 A/a/2=2|0 A/b.eml=b|0 A/box=x/|0 A/box=y/|0 A/cur/c:2,F=c|4 A/empty=|0 A/link=b|0 "
		"A/tmp/t=t|0 "
		"A/z.eml=From a@b Thu Jan  1 00:00:10 1970/z/|0");
	/* Named itself, a link is followed. */
	g_autofree char *linked = walk(f, "A/a/back/a/1");
	g_assert_cmpstr(linked, ==, "A/a/back/a/1=1|0");
}

static void says_what_cannot_be_read(Fixture *f, gconstpointer unused)
{
	(void)unused;
	g_autoptr(Seen) seen = seen_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *nothing = g_build_filename(f->root, "nothing", NULL);
	g_assert_false(source_walk(nothing, note, seen, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
	g_assert_nonnull(strstr(error->message, nothing));
	g_clear_error(&error);
	g_assert_false(source_walk("/dev/null", note, seen, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
	g_clear_error(&error);
	g_autofree char *loop = g_build_filename(f->root, "loop", NULL);
	g_assert_cmpint(symlink("loop", loop), ==, 0);
	g_assert_false(source_walk(loop, note, seen, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_LOOP);
	g_assert_cmpuint(seen->lines->len, ==, 0);
}

static void stops_when_told_to(Fixture *f, gconstpointer unused)
{
	(void)unused;
	put(f, "A/1", "1");
	put(f, "A/2", F "2\n\n" F "3\n");
	put(f, "A/4", "4");
	for (guint n = 1; n <= 3; n++) {
		g_autoptr(Seen) seen = seen_new();
		g_autoptr(GError) error = NULL;
		g_autofree char *path = g_build_filename(f->root, "A", NULL);
		seen->stop_after = n;
		g_assert_false(source_walk(path, note, seen, &error));
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR);
		g_assert_cmpuint(seen->lines->len, ==, n);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/message-source/splits_an_mbox", splits_an_mbox);
	g_test_add_func("/message-source/reads_back_what_mboxrd_writes", reads_back_what_mboxrd_writes);
	g_test_add_func("/message-source/takes_the_best_date_there_is", takes_the_best_date_there_is);
#define ADD(test) g_test_add("/message-source/" #test, Fixture, NULL, set_up, test, tear_down)
	ADD(reads_of_a_maildir_what_is_mail);
	ADD(walks_folders_in_order);
	ADD(says_what_cannot_be_read);
	ADD(stops_when_told_to);
	return g_test_run();
}
