#include "server/imap/thread.h"

#include <string.h>
#include <time.h>

#define MESSAGES 12

typedef struct {
	gint64 sent_at;
	const char *subject, *id, *references;
	gboolean reply;
} Case;

static SortKeySpan span(const char *text)
{
	return (SortKeySpan){ text, text != NULL ? strlen(text) : 0 };
}

typedef gboolean (*ThreadFunc)(const ThreadMessage *, gsize, const SearchCancel *, GString *, GError **);

static void check(ThreadFunc thread, const Case *cases, const char *expected)
{
	ThreadMessage messages[MESSAGES];
	gsize n = 0;
	for (; cases[n].sent_at != 0; n++)
		messages[n] = (ThreadMessage){ (guint32)n + 1, cases[n].sent_at, span(cases[n].subject), cases[n].reply,
			span(cases[n].id), span(cases[n].references) };
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_true(thread(messages, n, NULL, out, NULL));
	g_assert_cmpstr(out->str, ==, expected);
}

static void orderedsubject_has_two_levels(void)
{
	check(thread_orderedsubject, (const Case[]){ { 0 } }, "");
	check(thread_orderedsubject,
		(const Case[]){ { 5, "A", 0, 0, 0 }, { 2, "B", 0, 0, 0 }, { 3, "A", 0, 0, 0 }, { 4, "B", 0, 0, 0 }, { 9, "B", 0, 0, 0 },
			{ 1, "C", 0, 0, 0 }, { 0 } },
		"(6)(2 (4)(5))(3 1)");
}

static void references_link_replies(void)
{
	check(thread_references, (const Case[]){ { 0 } }, "");
	check(thread_references, (const Case[]){ { 1, "A", "a", "", 0 }, { 2, "A", "b", "a", 1 }, { 3, "A", "c", "a b", 1 }, { 0 } },
		"(1 2 3)");
	/* two answers to one message; and an answer that is in the mailbox before its question */
	check(thread_references, (const Case[]){ { 3, "A", "c", "a", 1 }, { 1, "A", "a", "", 0 }, { 2, "A", "b", "a", 1 }, { 0 } },
		"(2 (3)(1))");
}

static void references_prune_what_is_missing(void)
{
	/* "x" is not there: its two answers are siblings without a parent */
	check(thread_references, (const Case[]){ { 1, "A", "a", "x", 1 }, { 2, "A", "b", "x", 1 }, { 0 } }, "((1)(2))");
	/* a single answer takes its place */
	check(thread_references, (const Case[]){ { 1, "A", "a", "x y z", 1 }, { 0 } }, "(1)");
	/* a gap in the middle */
	check(thread_references, (const Case[]){ { 1, "A", "a", "", 0 }, { 2, "A", "c", "a b", 1 }, { 3, "A", "d", "a b", 1 }, { 0 } },
		"(1 (2)(3))");
}

static void references_never_loop(void)
{
	check(thread_references, (const Case[]){ { 1, "A", "a", "b", 1 }, { 2, "B", "b", "a", 1 }, { 0 } }, "(2 1)");
	check(thread_references, (const Case[]){ { 1, "A", "a", "a", 1 }, { 0 } }, "(1)");
	check(thread_references, (const Case[]){ { 1, "A", "a", "b a b c a", 1 }, { 2, "B", "b", "c b a c", 1 }, { 0 } }, "(2 1)");
}

static void references_give_each_message_its_own_id(void)
{
	/* the second "a" is another message: nobody's parent */
	check(thread_references, (const Case[]){ { 1, "A", "a", "", 0 }, { 2, "B", "a", "", 0 }, { 3, "C", "c", "a", 1 }, { 0 } },
		"(1 3)(2)");
	check(thread_references, (const Case[]){ { 1, "A", "", "", 0 }, { 2, "B", "", "", 0 }, { 0 } }, "(1)(2)");
}

static void references_break_a_link_that_was_guessed(void)
{
	/* 1 says that b follows a; b itself says that it follows nobody (1B) */
	check(thread_references, (const Case[]){ { 1, "A", "c", "a b", 1 }, { 2, "B", "b", "", 0 }, { 3, "C", "a", "", 0 }, { 0 } },
		"(2 1)(3)");
}

static void references_gather_subjects(void)
{
	/* a reply without references goes below the message with its subject, whichever is first */
	check(thread_references, (const Case[]){ { 1, "A", "a", "", 0 }, { 2, "A", "b", "", 1 }, { 0 } }, "(1 2)");
	check(thread_references, (const Case[]){ { 1, "A", "b", "", 1 }, { 2, "A", "a", "", 0 }, { 0 } }, "(2 1)");
	/* two that are no replies become siblings */
	check(thread_references, (const Case[]){ { 1, "A", "a", "", 0 }, { 2, "A", "b", "", 0 }, { 3, "A", "c", "", 0 }, { 0 } },
		"((1)(2)(3))");
	/* an empty subject gathers nothing */
	check(thread_references, (const Case[]){ { 1, "", "a", "", 0 }, { 2, "", "b", "", 1 }, { 0 } }, "(1)(2)");
	/* dummies: two of them become one, and a message joins one */
	check(thread_references,
		(const Case[]){ { 1, "A", "a", "x", 1 }, { 2, "A", "b", "x", 1 }, { 3, "A", "c", "y", 1 }, { 4, "A", "d", "y", 1 },
			{ 5, "A", "e", "", 0 }, { 0 } },
		"((1)(2)(3)(4)(5))");
}

static void references_sort_by_date(void)
{
	check(thread_references,
		(const Case[]){ { 9, "A", "a", "", 0 }, { 8, "A", "b", "a", 1 }, { 7, "A", "c", "a", 1 }, { 1, "B", "d", "", 0 }, { 0 } },
		"(4)(1 (3)(2))");
}

/* A chain of a hundred thousand, in both directions, and one message with them all as answers: time and stack stay in bounds. */
static void references_take_long_threads(void)
{
	const guint n = 100000;
	for (int kind = 0; kind < 3; kind++) {
		g_autofree ThreadMessage *messages = g_new0(ThreadMessage, n);
		g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
		for (guint i = 0; i < n; i++) {
			guint self = kind == 1 ? n - i : i + 1, parent = kind == 2 ? 1 : self - 1;
			g_ptr_array_add(texts, g_strdup_printf("%u@x", self));
			messages[i].message_id = span(texts->pdata[texts->len - 1]);
			g_ptr_array_add(texts, g_strdup_printf("%u@x", parent));
			if (self > 1)
				messages[i].references = span(texts->pdata[texts->len - 1]);
			messages[i].number = self;
			messages[i].sent_at = self;
		}
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_true(thread_references(messages, n, NULL, out, NULL));
		g_assert_true(g_str_has_prefix(out->str, kind == 2 ? "(1 (2)(3)(4)" : "(1 2 3 4 "));
		guint open = 0, close = 0;
		for (gsize i = 0; i < out->len; i++) {
			open += out->str[i] == '(';
			close += out->str[i] == ')';
		}
		g_assert_cmpuint(open, ==, kind == 2 ? n : 1);
		g_assert_cmpuint(close, ==, open);
	}
}

/* Says "stop" when it is asked for the @left-th time; @said_at is the CPU time (microseconds) of then. */
typedef struct {
	guint left;
	gint64 said_at;
} Stopper;

static gint64 cpu_us(void)
{
	struct timespec now;
	g_assert_cmpint(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), ==, 0);
	return (gint64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static gboolean says_stop(gpointer data)
{
	Stopper *stopper = data;
	if (stopper->left > 0) {
		stopper->left--;
		return FALSE;
	}
	if (stopper->said_at == 0)
		stopper->said_at = cpu_us();
	return TRUE;
}

/* Wherever in the work a client goes away, in 300,000 messages: chains of ten, a third of them with a subject in common. */
static void threading_stops_when_nobody_waits(void)
{
	const guint n = 300000;
	g_autofree ThreadMessage *messages = g_new0(ThreadMessage, n);
	g_autoptr(GStringChunk) texts = g_string_chunk_new(1 << 20);
	for (guint i = 0; i < n; i++) {
		g_autofree char *id = g_strdup_printf("%u@some.host.example.org", i), *parent = g_strdup_printf("%u@some.host.example.org", i - 1);
		messages[i] = (ThreadMessage){ .number = i + 1, .sent_at = (i * 7919) % n, .message_id = span(g_string_chunk_insert(texts, id)) };
		messages[i].subject = span(i % 3 == 0 ? "the same" : messages[i].message_id.data);
		if (i % 10 > 0)
			messages[i].references = span(g_string_chunk_insert(texts, parent));
	}
	const ThreadFunc threads[] = { thread_orderedsubject, thread_references };
	for (guint t = 0; t < G_N_ELEMENTS(threads); t++) {
		gboolean done = FALSE;
		for (guint after = 0; !done; after = after * 2 + 1) {
			Stopper stopper = { after, 0 };
			SearchCancel cancel = { says_stop, &stopper, 0 };
			g_autoptr(GError) error = NULL;
			g_autoptr(GString) out = g_string_new(NULL);
			done = threads[t](messages, n, &cancel, out, &error);
			g_assert_true(done || after < 2000);
			if (done)
				break;
			g_assert_error(error, SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_CANCELLED);
			g_assert_cmpuint(out->len, ==, 0);
			g_assert_cmpint(cpu_us() - stopper.said_at, <, 100000);
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/thread/orderedsubject_has_two_levels", orderedsubject_has_two_levels);
	g_test_add_func("/thread/references_link_replies", references_link_replies);
	g_test_add_func("/thread/references_prune_what_is_missing", references_prune_what_is_missing);
	g_test_add_func("/thread/references_never_loop", references_never_loop);
	g_test_add_func("/thread/references_give_each_message_its_own_id", references_give_each_message_its_own_id);
	g_test_add_func("/thread/references_break_a_link_that_was_guessed", references_break_a_link_that_was_guessed);
	g_test_add_func("/thread/references_gather_subjects", references_gather_subjects);
	g_test_add_func("/thread/references_sort_by_date", references_sort_by_date);
	g_test_add_func("/thread/threading_stops_when_nobody_waits", threading_stops_when_nobody_waits);
	g_test_add_func("/thread/references_take_long_threads", references_take_long_threads);
	return g_test_run();
}
