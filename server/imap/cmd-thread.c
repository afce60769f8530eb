/* THREAD and UID THREAD (RFC 5256). */
#include "server/imap/commands.h"
#include "server/imap/search-command.h"
#include "server/imap/sort.h"
#include "server/imap/thread.h"

typedef struct {
	SearchProgram *program; /* owned */
	gboolean references;    /* else ORDEREDSUBJECT */
} ThreadProgram;

/* thread = "THREAD" SP thread-alg SP charset 1*(SP search-key) */
static gboolean thread_program_parse(ImapParser *p, ThreadProgram *thread, GError **error)
{
	g_autofree char *algorithm = imap_parse_sp(p, error) ? imap_parse_atom(p, error) : NULL;
	if (algorithm == NULL)
		return FALSE;
	thread->references = g_ascii_strcasecmp(algorithm, "REFERENCES") == 0;
	if (!thread->references && g_ascii_strcasecmp(algorithm, "ORDEREDSUBJECT") != 0) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown threading algorithm %.40s", algorithm);
		return FALSE;
	}
	thread->program = search_program_new();
	return imap_parse_sp(p, error) && search_charset_and_keys_parse(p, thread->program, error);
}

static gboolean finish(ImapCommand *cmd, SearchContext *context, GArray *positions, gpointer data, GError **error)
{
	const ThreadProgram *thread = data;
	g_autoptr(SortKeyTable) keys = sort_keys_of(context, positions, error);
	if (keys == NULL)
		return FALSE;
	g_autofree ThreadMessage *messages = g_new0(ThreadMessage, MAX(positions->len, 1));
	for (guint i = 0; i < positions->len; i++) {
		guint32 position = g_array_index(positions, guint32, i);
		guint row;
		const SnapshotChunk *chunk = snapshot_row(context->view, position, &row);
		SortKeySpan of[SORT_KEY_N];
		sort_key_table_get_all(keys, i, of);
		messages[i] = (ThreadMessage){
			.number = cmd->uid ? chunk->uid[row] : position + 1,
			.sent_at = chunk->sent_at[row],
			.subject = of[SORT_KEY_SUBJECT],
		};
		if (!thread->references)
			continue;
		messages[i].reply = of[SORT_KEY_REPLY].len > 0;
		messages[i].message_id = of[SORT_KEY_MESSAGE_ID];
		messages[i].references = of[SORT_KEY_REFERENCES];
	}
	g_autoptr(GString) threads = g_string_new(NULL);
	if (!(thread->references ? thread_references : thread_orderedsubject)(messages, positions->len, context->cancel, threads, error))
		return FALSE;
	g_string_append(cmd->out, "* THREAD");
	if (positions->len > 0)
		g_string_append_c(cmd->out, ' ');
	g_string_append_len(cmd->out, threads->str, (gssize)threads->len);
	g_string_append(cmd->out, "\r\n");
	return TRUE;
}

CommandResult cmd_thread(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	ThreadProgram thread = { 0 };
	if (!thread_program_parse(&cmd->args, &thread, &error))
		command_error(cmd, error);
	else
		search_command_run(cmd, thread.program, finish, &thread);
	search_program_unref(thread.program);
	return COMMAND_DONE;
}
