/* GETMETADATA: RFC 5464 4.2. */
#include "base/limits.h"
#include "server/context.h"
#include "server/imap/commands.h"
#include "server/imap/site-metadata.h"

#include <string.h>

typedef struct {
	char *mailbox;    /* owned; "" for the server */
	GPtrArray *names; /* of char *, owned; NULL-terminated when it is read */
	MetadataDepth depth;
	guint32 max_size; /* of values */
	gboolean has_depth, has_max_size;
} GetMetadata;

static void get_metadata_clear(GetMetadata *get)
{
	g_free(get->mailbox);
	if (get->names != NULL)
		g_ptr_array_unref(get->names);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GetMetadata, get_metadata_clear)

static gboolean wrong(GError **error, const char *what, const char *word)
{
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "%s %.40s", what, word);
	return FALSE;
}

static gboolean parse_depth(ImapParser *p, GetMetadata *get, GError **error)
{
	static const char *const words[] = {
		[METADATA_DEPTH_0] = "0", [METADATA_DEPTH_1] = "1", [METADATA_DEPTH_INFINITY] = "infinity"
	};
	g_autofree char *word = imap_parse_atom(p, error);
	if (word == NULL)
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_ascii_strcasecmp(word, words[i]) != 0)
			continue;
		get->depth = (MetadataDepth)i;
		return TRUE;
	}
	return wrong(error, "DEPTH is 0, 1 or infinity, not", word);
}

static gboolean parse_option(ImapParser *p, GetMetadata *get, GError **error)
{
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	gboolean depth = g_ascii_strcasecmp(name, "DEPTH") == 0;
	if (!depth && g_ascii_strcasecmp(name, "MAXSIZE") != 0)
		return wrong(error, "unknown GETMETADATA option", name);
	gboolean *has = depth ? &get->has_depth : &get->has_max_size;
	if (*has)
		return wrong(error, "twice the GETMETADATA option", name);
	*has = TRUE;
	return imap_parse_sp(p, error) &&
		(depth ? parse_depth(p, get, error) : imap_parse_number(p, &get->max_size, error));
}

/* "(" and what is no entry's name: options. The grammar has them before the mailbox, the examples of section 4.2 behind it (errata 2785
 * and 2786), and clients do either. */
static gboolean options_come(const ImapParser *p)
{
	return imap_peek(p, '(') && p->pos + 1 < p->len && g_ascii_isalpha(p->data[p->pos + 1]);
}

static gboolean parse_options(ImapParser *p, GetMetadata *get, GError **error)
{
	if (!options_come(p))
		return TRUE;
	do {
		p->pos++; /* "(" or SP */
		if (!parse_option(p, get, error))
			return FALSE;
	} while (imap_peek(p, ' '));
	return imap_parse_char(p, ')', error) && imap_parse_sp(p, error);
}

/* entries = entry / "(" entry *(SP entry) ")" */
static gboolean parse_names(ImapParser *p, GPtrArray *names, GError **error)
{
	gboolean list = imap_skip(p, '(');
	do {
		char *name = imap_parse_astring(p, error);
		if (name == NULL)
			return FALSE;
		g_ptr_array_add(names, name);
		if (names->len > LIMIT_LIST_ITEMS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
				"more than %d entries asked for", LIMIT_LIST_ITEMS);
			return FALSE;
		}
		if (!metadata_name_check(name, TRUE, error))
			return FALSE;
	} while (list && imap_skip(p, ' '));
	if (list && !imap_parse_char(p, ')', error))
		return FALSE;
	g_ptr_array_add(names, NULL);
	return imap_parse_end(p, error);
}

static gboolean parse(ImapParser *p, GetMetadata *get, GError **error)
{
	get->names = g_ptr_array_new_with_free_func(g_free);
	return imap_parse_sp(p, error) && parse_options(p, get, error) &&
		(get->mailbox = imap_parse_mailbox(p, error)) != NULL && imap_parse_sp(p, error) &&
		parse_options(p, get, error) && parse_names(p, get->names, error);
}

/* The server's own annotations are the account's (private), which are read at once, and the site's (shared). */
static GPtrArray *read_server(const ImapCommand *cmd, const GetMetadata *get, GError **error)
{
	const Session *session = cmd->session;
	g_autoptr(GPtrArray) private = g_ptr_array_new();
	g_auto(MetadataSet) shared = metadata_set_begin();
	for (guint i = 0; get->names->pdata[i] != NULL; i++) {
		char *name = get->names->pdata[i];
		if (!metadata_name_within(name, "/shared", METADATA_DEPTH_INFINITY)) {
			g_ptr_array_add(private, name);
			continue;
		}
		if (!site_metadata_read(session->server->site_metadata, name, get->depth, &shared))
			metadata_set_add(&shared, name, name, NULL);
	}
	g_ptr_array_add(private, NULL);
	GPtrArray *all =
		account_get_metadata(session->account, "", (const char *const *)private->pdata, get->depth, error);
	if (all != NULL)
		g_ptr_array_extend_and_steal(all, g_steal_pointer(&shared.entries));
	return all;
}

/* Returns the length of the longest value that was left out because of MAXSIZE, 0 if none was. */
static gsize write_answer(ImapCommand *cmd, const GetMetadata *get, const GPtrArray *entries)
{
	gsize longest = 0;
	gboolean begun = FALSE;
	for (guint i = 0; i < entries->len; i++) {
		const MetadataEntry *entry = entries->pdata[i];
		gsize len = entry->value != NULL ? g_bytes_get_size(entry->value) : 0;
		if (get->has_max_size && len > get->max_size) {
			longest = MAX(longest, len);
			continue;
		}
		if (!begun) {
			g_string_append(cmd->out, "* METADATA ");
			imap_write_mailbox(cmd->out, get->mailbox, cmd->args.utf8);
		}
		g_string_append(cmd->out, begun ? " " : " (");
		begun = TRUE;
		imap_write_string(cmd->out, entry->name, strlen(entry->name), TRUE);
		g_string_append_c(cmd->out, ' ');
		imap_write_value(cmd->out, entry->value);
	}
	if (begun)
		g_string_append(cmd->out, ")\r\n");
	return longest;
}

CommandResult cmd_getmetadata(ImapCommand *cmd)
{
	g_autoptr(GError) error = NULL;
	g_auto(GetMetadata) get = { 0 };
	g_autoptr(GPtrArray) entries = NULL;
	if (parse(&cmd->args, &get, &error))
		entries = get.mailbox[0] == '\0'
			? read_server(cmd, &get, &error)
			: account_get_metadata(cmd->session->account, get.mailbox,
				  (const char *const *)get.names->pdata, get.depth, &error);
	if (entries == NULL) {
		command_error(cmd, error);
		return COMMAND_DONE;
	}
	gsize longest = write_answer(cmd, &get, entries);
	g_autofree char *code =
		longest > 0 ? g_strdup_printf("METADATA LONGENTRIES %" G_GSIZE_FORMAT, longest) : NULL;
	command_ok(cmd, code, "GETMETADATA completed");
	return COMMAND_DONE;
}
