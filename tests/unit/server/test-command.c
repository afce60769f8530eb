/* Running commands: states, answers for errors, and what may stand in an answer. */
#include "server/imap/command-private.h"

#include "base/log.h"
#include "base/utf7.h"
#include "tests/unit/server/session-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void errors_have_their_answers(void)
{
	const struct {
		GQuark domain;
		int code;
		const char *command, *answer;
	} cases[] = {
		{ STORE_ERROR, STORE_ERROR_NO_MAILBOX, "a SELECT x", "a NO [NONEXISTENT] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_NO_MAILBOX, "a APPEND x", "a NO [TRYCREATE] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_NO_MAILBOX, "a UID COPY 1 x", "a NO [TRYCREATE] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_EXISTS, "a CREATE x", "a NO [ALREADYEXISTS] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_BAD_NAME, "a CREATE x", "a NO [CANNOT] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_CANNOT, "a DELETE x", "a NO [CANNOT] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_TOO_BIG, "a APPEND x", "a NO [TOOBIG] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_TOO_BIG, "a CREATE x", "a NO [LIMIT] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_EXPUNGED, "a FETCH 1 X", "a NO [EXPUNGEISSUED] why\r\n" },
		{ STORE_ERROR, STORE_ERROR_NO_SPACE, "a APPEND x", "a NO [OVERQUOTA] " },
		{ STORE_ERROR, STORE_ERROR_READ_ONLY, "a APPEND x", "a NO [UNAVAILABLE] " },
		{ STORE_ERROR, STORE_ERROR_IO, "a APPEND x", "a NO [SERVERBUG] " },
		{ STORE_ERROR, STORE_ERROR_DATABASE, "a APPEND x", "a NO [SERVERBUG] " },
		{ IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "a FETCH", "a BAD why\r\n" },
		{ IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "a FETCH", "a NO [LIMIT] why\r\n" },
		{ IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_CHARSET, "a SEARCH",
			"a NO [BADCHARSET (US-ASCII UTF-8)] why\r\n" },
		{ UIDSET_ERROR, UIDSET_ERROR_SYNTAX, "a FETCH", "a BAD why\r\n" },
		{ UIDSET_ERROR, UIDSET_ERROR_LIMIT, "a FETCH", "a NO [LIMIT] why\r\n" },
		{ UTF7_ERROR, UTF7_ERROR_INVALID, "a SELECT", "a BAD why\r\n" },
		{ SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_TIME, "a SEARCH", "a NO [LIMIT] why\r\n" },
		{ SEARCH_INDEX_ERROR, SEARCH_INDEX_ERROR_FAILED, "a SEARCH", "a NO [SERVERBUG] " },
		{ G_FILE_ERROR, G_FILE_ERROR_IO, "a FETCH", "a NO [SERVERBUG] " },
	};
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_set_fd(quiet);
	SessionFixture f;
	session_fixture_init(&f, NULL);
	Session *session = session_fixture_new(&f);
	session_fixture_login(&f, session);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(CommandRun) run =
			command_run_new(session, g_string_new(cases[i].command), NULL, NULL);
		if (run->answer != NULL)
			g_string_free(g_steal_pointer(&run->answer), TRUE); /* it needs a selected mailbox */
		g_autoptr(GError) error = g_error_new_literal(cases[i].domain, cases[i].code, "why");
		command_error(&run->cmd, error);
		g_assert_true(g_str_has_prefix(run->answer->str, cases[i].answer));
		g_assert_true(g_str_has_suffix(run->answer->str, "\r\n"));
	}
	log_set_fd(STDERR_FILENO);
	(void)close(quiet);
	session_free(session);
	session_fixture_clear(&f);
}

static void text_of_answers_is_one_harmless_line(void)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\r\n* BYE b", "a  * BYE b" },
		{ "[ALERT] x", "-[ALERT] x" },
		{ "", "-" },
		{ "Entw\xc3\xbcrfe \xe2\x82\xac", "Entw?rfe ?" },
		{ "\x01\x7f", "  " },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new("x ");
		command_write_text(out, cases[i].text, FALSE);
		g_assert_cmpstr(out->str + 2, ==, cases[i].written);
	}
	g_autofree char *endless = g_strnfill(100000, 'x');
	g_autoptr(GString) cut = g_string_new(NULL);
	command_write_text(cut, endless, FALSE);
	g_assert_cmpuint(cut->len, <=, 2000);
	g_autoptr(GString) utf8 = g_string_new(NULL);
	command_write_text(utf8, "\xc3\xbc", TRUE);
	g_assert_cmpstr(utf8->str, ==, "\xc3\xbc");
}

static void commands_are_valid_in_their_states(void)
{
	static const struct {
		const char *command;
		gboolean before_login, after_login, selected, examined;
	} cases[] = {
		{ "a NOOP", TRUE, TRUE, TRUE, TRUE },
		{ "a CAPABILITY", TRUE, TRUE, TRUE, TRUE },
		{ "a LIST \"\" *", FALSE, TRUE, TRUE, TRUE },
		{ "a NAMESPACE", FALSE, TRUE, TRUE, TRUE },
		{ "a CHECK", FALSE, FALSE, TRUE, TRUE },
		{ "a FETCH 1 FLAGS", FALSE, FALSE, TRUE, TRUE },
		{ "a UID SEARCH ALL", FALSE, FALSE, TRUE, TRUE },
		{ "a STORE 1 +FLAGS (\\Seen)", FALSE, FALSE, TRUE, FALSE },
		{ "a EXPUNGE", FALSE, FALSE, TRUE, FALSE },
		{ "a XYZZY", FALSE, FALSE, FALSE, FALSE },
	};
	SessionFixture f;
	session_fixture_init(&f, NULL);
	session_fixture_append(&f, 0);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Session *session = session_fixture_new(&f);
		g_autofree char *first = session_fixture_run(session, cases[i].command);
		g_assert_true((strstr(first, "a OK") != NULL) == cases[i].before_login);
		session_fixture_login(&f, session);
		g_autofree char *second = session_fixture_run(session, cases[i].command);
		g_assert_true((strstr(second, "a OK") != NULL) == cases[i].after_login);
		g_autofree char *examine = session_fixture_run(session, "b EXAMINE INBOX");
		g_autofree char *third = session_fixture_run(session, cases[i].command);
		g_assert_true((strstr(third, "a OK") != NULL) == cases[i].examined);
		g_autofree char *select = session_fixture_run(session, "b SELECT INBOX");
		g_autofree char *fourth = session_fixture_run(session, cases[i].command);
		g_assert_true((strstr(fourth, "a OK") != NULL) == cases[i].selected);
		session_free(session);
	}
	session_fixture_clear(&f);
}

static void news_stand_before_the_answer(void)
{
	SessionFixture f;
	session_fixture_init(&f, NULL);
	Session *session = session_fixture_new(&f);
	session_fixture_login(&f, session);
	g_autofree char *select = session_fixture_run(session, "a SELECT INBOX");
	session_fixture_append(&f, 0);
	g_autofree char *noop = session_fixture_run(session, "b NOOP");
	g_assert_cmpstr(noop, ==, "* 1 EXISTS\r\n* 1 RECENT\r\nb OK NOOP completed\r\n");
	session_free(session);
	session_fixture_clear(&f);
}

static void sessions_of_a_user_are_counted(void)
{
	SessionFixture f;
	session_fixture_init(&f, "[server]\nmax_connections_per_user = 2\n");
	g_assert_true(server_context_enter(&f.server, "ann"));
	g_assert_true(server_context_enter(&f.server, "ann"));
	g_assert_false(server_context_enter(&f.server, "ann"));
	g_assert_true(server_context_enter(&f.server, "bob"));
	server_context_leave(&f.server, "ann");
	g_assert_true(server_context_enter(&f.server, "ann"));
	session_fixture_clear(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/command/errors_have_their_answers", errors_have_their_answers);
	g_test_add_func(
		"/command/text_of_answers_is_one_harmless_line", text_of_answers_is_one_harmless_line);
	g_test_add_func("/command/commands_are_valid_in_their_states", commands_are_valid_in_their_states);
	g_test_add_func("/command/news_stand_before_the_answer", news_stand_before_the_answer);
	g_test_add_func("/command/sessions_of_a_user_are_counted", sessions_of_a_user_are_counted);
	return g_test_run();
}
