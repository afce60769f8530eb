#include "server/imap/command-private.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/utf7.h"
#include "server/context.h"
#include "server/imap/metadata-news.h"
#include "server/imap/search-filter.h"
#include "store/metadata.h"

#include <stdarg.h>
#include <string.h>

/* Text of an answer, in octets: enough for a sentence with a mailbox name in it. */
#define ANSWER_TEXT_BYTES 1024

static CommandRun *run_of(ImapCommand *cmd)
{
	return (CommandRun *)cmd; /* ImapCommand is its first member */
}

static const CommandRun *const_run_of(const ImapCommand *cmd)
{
	return (const CommandRun *)cmd;
}

/* --- answers --- */

void command_write_text(GString *out, const char *text, gboolean utf8)
{
	gsize len = strlen(text), start = out->len;
	/* resp-text that begins with "[" would be a response code. */
	if (len == 0 || text[0] == '[')
		g_string_append_c(out, '-');
	for (gsize i = 0; i < len && out->len - start < ANSWER_TEXT_BYTES; i++) {
		guchar c = (guchar)text[i];
		if (c < 0x20 || c == 0x7f)
			g_string_append_c(out, ' ');
		else if (c < 0x80 || utf8)
			g_string_append_c(out, (char)c);
		else if ((c & 0xc0) != 0x80) /* one sign for each character */
			g_string_append_c(out, '?');
	}
}

static void answer(
	ImapCommand *cmd, CommandOutcome outcome, const char *status, const char *code, const char *text)
{
	CommandRun *run = run_of(cmd);
	g_assert(run->answer == NULL); /* a command is answered once */
	run->outcome = outcome;
	run->answer = g_string_new(NULL);
	g_string_append_printf(run->answer, "%s %s ", run->cmd.tag, status);
	if (code != NULL)
		g_string_append_printf(run->answer, "[%s] ", code);
	command_write_text(run->answer, text, (cmd->session->enabled & SESSION_UTF8) != 0);
	g_string_append(run->answer, "\r\n");
}

void command_ok(ImapCommand *cmd, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	answer(cmd, OUTCOME_OK, "OK", code, text);
}

void command_no(ImapCommand *cmd, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	answer(cmd, OUTCOME_NO, "NO", code, text);
}

void command_bad(ImapCommand *cmd, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	answer(cmd, OUTCOME_BAD, "BAD", NULL, text);
}

/* --- errors --- */

/* What each error that is the user's is called on the wire (RFC 5530). Errors that are not in the table are
 * the site's. */
typedef struct {
	GQuark (*domain)(void);
	int error_code;
	const char *code; /* NULL: BAD */
} ErrorAnswer;

static const ErrorAnswer error_answers[] = {
	{ store_error_quark, STORE_ERROR_NO_ACCOUNT, "NONEXISTENT" },
	{ store_error_quark, STORE_ERROR_NO_MAILBOX, "NONEXISTENT" },
	{ store_error_quark, STORE_ERROR_EXISTS, "ALREADYEXISTS" },
	{ store_error_quark, STORE_ERROR_BAD_NAME, "CANNOT" },
	{ store_error_quark, STORE_ERROR_CANNOT, "CANNOT" },
	{ store_error_quark, STORE_ERROR_SPECIAL_USE, "USEATTR" }, /* RFC 6154 section 3 */
	{ store_error_quark, STORE_ERROR_TOO_BIG, "LIMIT" },
	{ store_error_quark, STORE_ERROR_EXPUNGED, "EXPUNGEISSUED" },
	{ metadata_error_quark, METADATA_ERROR_NAME, NULL },
	{ metadata_error_quark, METADATA_ERROR_TOO_LONG, "METADATA MAXSIZE " G_STRINGIFY(LIMIT_METADATA_VALUE) },
	{ metadata_error_quark, METADATA_ERROR_TOO_MANY, "METADATA TOOMANY" },
	{ imap_parse_error_quark, IMAP_PARSE_ERROR_SYNTAX, NULL },
	{ imap_parse_error_quark, IMAP_PARSE_ERROR_LIMIT, "LIMIT" },
	{ imap_parse_error_quark, IMAP_PARSE_ERROR_CHARSET, "BADCHARSET (US-ASCII UTF-8)" },
	{ imap_parse_error_quark, IMAP_PARSE_ERROR_FILTER_CHARSET, "BADCHARSET (US-ASCII UTF-8)" },
	{ imap_parse_error_quark, IMAP_PARSE_ERROR_FILTER, "UNDEFINED-FILTER" },
	{ uidset_error_quark, UIDSET_ERROR_SYNTAX, NULL },
	{ uidset_error_quark, UIDSET_ERROR_LIMIT, "LIMIT" },
	{ utf7_error_quark, UTF7_ERROR_INVALID, NULL },
	{ utf7_error_quark, UTF7_ERROR_NOT_CANONICAL, NULL },
	{ utf7_error_quark, UTF7_ERROR_NOT_UTF8, NULL },
	{ search_index_error_quark, SEARCH_INDEX_ERROR_CANCELLED, "UNAVAILABLE" },
	{ search_index_error_quark, SEARCH_INDEX_ERROR_TIME, "LIMIT" },
};

/* RFC 3501 sections 6.3.11 and 6.4.7: where the client could create the mailbox and try again. */
static gboolean is_to_mailbox(const char *name)
{
	static const char *const names[] = { "APPEND", "COPY", "UID COPY", "MOVE", "UID MOVE", NULL };
	return g_strv_contains(names, name);
}

static void answer_site_error(ImapCommand *cmd, const GError *error)
{
	log_error("command.failed", LOG_STR("user", cmd->session->user),
		LOG_STR("box", cmd->session->mailbox_name), LOG_STR("command", cmd->name),
		LOG_GERROR("error", error));
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_SPACE))
		command_no(cmd, "OVERQUOTA", "There is no space left");
	else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_READ_ONLY))
		command_no(cmd, "UNAVAILABLE", "The account can only be read at the moment");
	else
		command_no(cmd, "SERVERBUG", "Internal error; the server's log says more");
}

gboolean command_said_no(const ImapCommand *cmd)
{
	return const_run_of(cmd)->outcome == OUTCOME_NO;
}

void command_error(ImapCommand *cmd, const GError *error)
{
	for (guint i = 0; i < G_N_ELEMENTS(error_answers); i++) {
		const ErrorAnswer *known = &error_answers[i];
		if (!g_error_matches(error, known->domain(), known->error_code))
			continue;
		if (known->code == NULL) {
			command_bad(cmd, "%s", error->message);
			return;
		}
		const char *code = known->code;
		if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX) && is_to_mailbox(cmd->name))
			code = "TRYCREATE";
		else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_TOO_BIG) &&
			strcmp(cmd->name, "APPEND") == 0)
			code = "TOOBIG";
		g_autofree char *named = NULL;
		if (g_error_matches(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_FILTER)) /* RFC 5466 section 4 */
			code = named = g_strdup_printf("%s %.*s", code, (int)strcspn(error->message, " "), error->message);
		if (g_error_matches(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_FILTER_CHARSET))
			answer(cmd, OUTCOME_BAD, "BAD", code, error->message);
		else
			command_no(cmd, code, "%s", error->message);
		return;
	}
	answer_site_error(cmd, error);
}

gboolean command_no_args(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	if (imap_parse_end(&cmd->args, &error))
		return TRUE;
	command_error(cmd, error);
	return FALSE;
}

/* --- what commands ask of their run --- */

gboolean command_output_full(const ImapCommand *cmd)
{
	return cmd->out->len >= LIMIT_OUTPUT_BUFFER;
}

gboolean command_cancelled(const ImapCommand *cmd)
{
	const CommandHost *host = const_run_of(cmd)->host;
	return host != NULL && host->cancelled != NULL && host->cancelled(host->data);
}

gboolean command_client_closed(const ImapCommand *cmd)
{
	const CommandHost *host = const_run_of(cmd)->host;
	return host != NULL && host->client_closed != NULL && host->client_closed(host->data);
}

void command_flush(ImapCommand *cmd)
{
	const CommandHost *host = run_of(cmd)->host;
	if (host != NULL && host->flush != NULL && cmd->out->len > 0)
		host->flush(cmd->out, host->data);
}

void command_delay(ImapCommand *cmd, guint delay_ms)
{
	run_of(cmd)->delay_ms = delay_ms;
}

void command_bye(ImapCommand *cmd, const char *code, const char *text)
{
	g_string_append(cmd->out, "* BYE ");
	if (code != NULL)
		g_string_append_printf(cmd->out, "[%s] ", code);
	command_write_text(cmd->out, text, FALSE);
	g_string_append(cmd->out, "\r\n");
	cmd->session->state = SESSION_LOGOUT;
}

void command_set_idle(ImapCommand *cmd)
{
	run_of(cmd)->idle = TRUE;
}

void command_sync(ImapCommand *cmd, gboolean allow_expunge, gboolean with_uid)
{
	Session *session = cmd->session;
	g_autoptr(GError) error = NULL;
	if ((session->state == SESSION_AUTHENTICATED || session->state == SESSION_SELECTED) &&
		!metadata_news_write(session, cmd->out, &error)) {
		log_error("session.sync.failed", LOG_STR("user", session->user), LOG_GERROR("error", error));
		g_clear_error(&error);
	}
	if (session->state != SESSION_SELECTED)
		return;
	if (session_sync(session, cmd->out, allow_expunge, with_uid, &error))
		return;
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_MAILBOX) ||
		g_error_matches(error, STORE_ERROR, STORE_ERROR_NO_ACCOUNT)) {
		/* There is no response for it: the numbers of its messages would be those of nothing.
		 * Dovecot does the same. */
		command_bye(cmd, NULL, "The selected mailbox was deleted; please connect again");
		return;
	}
	/* The command itself was done; the news come with the next one, if the site gets well. */
	log_error("session.sync.failed", LOG_STR("user", session->user),
		LOG_STR("box", session->mailbox_name), LOG_GERROR("error", error));
}

/* --- the run --- */

static gboolean is_valid_now(ImapCommand *cmd, const CommandEntry *entry)
{
	Session *session = cmd->session;
	CommandFlags flags = entry->flags;
	gboolean authenticated =
		session->state == SESSION_AUTHENTICATED || session->state == SESSION_SELECTED;
	if ((flags & COMMAND_ANY) != 0)
		return TRUE;
	if ((flags & COMMAND_NOT_AUTHENTICATED) != 0) {
		if (authenticated)
			command_bad(cmd, "%s is not valid after login", cmd->name);
		return !authenticated;
	}
	if (!authenticated) {
		command_bad(cmd, "%s is not valid before login", cmd->name);
		return FALSE;
	}
	if ((flags & COMMAND_SELECTED) != 0 && session->state != SESSION_SELECTED) {
		command_bad(cmd, "%s needs a selected mailbox", cmd->name);
		return FALSE;
	}
	if ((flags & COMMAND_WRITES) != 0 && session->read_only) {
		command_no(cmd, "READ-ONLY", "The mailbox was opened by EXAMINE");
		return FALSE;
	}
	return TRUE;
}

CommandRun *command_run_new(Session *session, GString *data, GArray *spooled, const CommandHost *host)
{
	CommandRun *run = g_new0(CommandRun, 1);
	ImapCommand *cmd = &run->cmd;
	run->data = data;
	run->spooled = spooled;
	run->host = host;
	run->started_us = g_get_monotonic_time();
	run->filters = (SearchFilters){ search_filter_find, session };
	cmd->session = session;
	cmd->out = g_string_new(NULL);

	gsize args = 0;
	g_autoptr(GError) error = NULL;
	gboolean parsed = imap_parse_command_name(data->str, data->len, &run->tag, &run->name, &args, &error);
	cmd->tag = run->tag != NULL ? run->tag : "*";
	cmd->name = run->name != NULL ? run->name : "?";
	if (!parsed) {
		command_bad(cmd, "%s", error->message);
		return run;
	}
	const CommandEntry *entry = command_find(run->name);
	if (entry == NULL) {
		command_bad(cmd, "There is no command %s", run->name);
		return run;
	}
	cmd->name = entry->name;
	cmd->uid = g_str_has_prefix(entry->name, "UID ");
	cmd->args = (ImapParser){
		.data = data->str + args,
		.len = data->len - args,
		.base = args,
		.spooled = spooled,
		.utf8 = (session->enabled & (SESSION_UTF8 | SESSION_REV2)) != 0,
		.filters = &run->filters,
	};
	if (is_valid_now(cmd, entry))
		run->entry = entry;
	return run;
}

gboolean command_run_in_loop(const CommandRun *run)
{
	return run->entry == NULL || (run->entry->flags & COMMAND_LOOP) != 0;
}

static void count(const CommandRun *run)
{
	static const char *const outcomes[] = { "aborted", "ok", "no", "bad" };
	const char *name = run->entry != NULL ? run->entry->name : "other";
	metrics_inc(METRIC_COMMANDS, name, outcomes[run->outcome]);
	metrics_observe_us(METRIC_COMMAND_SECONDS, run->spent_us, name);
}

static void finish(CommandRun *run)
{
	ImapCommand *cmd = &run->cmd;
	if (run->entry != NULL && (run->entry->flags & COMMAND_LOOP) == 0) {
		command_sync(cmd, (run->entry->flags & COMMAND_NO_EXPUNGE) == 0 && !cmd->keeps_expunged, cmd->uid);
		session_write_due_modseq(cmd->session, cmd->out);
	}
	if (run->answer == NULL && !command_cancelled(cmd)) {
		log_error("command.unanswered", LOG_STR("command", cmd->name));
		command_no(cmd, "SERVERBUG", "Internal error; the server's log says more");
	}
	if (run->answer != NULL)
		g_string_append_len(cmd->out, run->answer->str, (gssize)run->answer->len);
}

CommandResult command_run_step(CommandRun *run, const char *line, gsize len)
{
	ImapCommand *cmd = &run->cmd;
	CommandResult result = COMMAND_DONE;
	gint64 start = g_get_monotonic_time();
	cmd->line = line;
	cmd->line_len = len;
	if (run->entry != NULL)
		result = run->entry->func(cmd);
	if (result == COMMAND_DONE)
		finish(run);
	run->spent_us += g_get_monotonic_time() - start;
	if (result == COMMAND_DONE)
		count(run);
	return result;
}

void command_spooled_free(GArray *spooled)
{
	if (spooled == NULL)
		return;
	for (guint i = 0; i < spooled->len; i++) {
		SpooledLiteral *literal = &g_array_index(spooled, SpooledLiteral, i);
		g_clear_pointer(&literal->spool, spool_free);
		g_clear_error(&literal->error);
	}
	g_array_unref(spooled);
}

void command_run_free(CommandRun *run)
{
	if (run == NULL)
		return;
	if (run->cmd.state != NULL && run->cmd.free_state != NULL)
		run->cmd.free_state(run->cmd.state);
	command_spooled_free(run->spooled);
	explicit_bzero(run->data->str, run->data->allocated_len); /* LOGIN's password */
	g_string_free(run->data, TRUE);
	g_string_free(run->cmd.out, TRUE);
	if (run->answer != NULL)
		g_string_free(run->answer, TRUE);
	g_free(run->tag);
	g_free(run->name);
	g_free(run);
}
