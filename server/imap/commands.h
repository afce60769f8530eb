/* The functions of the commands, one file each (imap/cmd-NAME.c); imap/commands.c is the table that names
 * them with the states in which they are valid. Each is a CommandFunc: what it may do and must do is in
 * imap/command.h. Where one function serves several commands it looks at cmd->name ("EXAMINE", "MOVE") and
 * cmd->uid. */
#pragma once
#include "server/imap/command.h"
G_BEGIN_DECLS

/* Any state. */
CommandResult cmd_capability(ImapCommand *cmd);
CommandResult cmd_id(ImapCommand *cmd); /* RFC 2971 */
CommandResult cmd_logout(ImapCommand *cmd);
CommandResult cmd_noop(ImapCommand *cmd);

/* Not authenticated. */
CommandResult cmd_authenticate(ImapCommand *cmd);
CommandResult cmd_login(ImapCommand *cmd);
CommandResult cmd_starttls(ImapCommand *cmd);

/* Authenticated. */
CommandResult cmd_append(ImapCommand *cmd);
CommandResult cmd_create(ImapCommand *cmd);
CommandResult cmd_delete(ImapCommand *cmd);
CommandResult cmd_enable(ImapCommand *cmd); /* RFC 5161 */
CommandResult cmd_getmetadata(ImapCommand *cmd); /* RFC 5464 */
CommandResult cmd_idle(ImapCommand *cmd);   /* RFC 2177 */
CommandResult cmd_list(ImapCommand *cmd);
CommandResult cmd_lsub(ImapCommand *cmd);
CommandResult cmd_namespace(ImapCommand *cmd); /* RFC 2342 */
CommandResult cmd_rename(ImapCommand *cmd);
CommandResult cmd_select(ImapCommand *cmd); /* SELECT, EXAMINE */
CommandResult cmd_setmetadata(ImapCommand *cmd); /* RFC 5464 */
CommandResult cmd_status(ImapCommand *cmd);
CommandResult cmd_subscribe(ImapCommand *cmd);
CommandResult cmd_unauthenticate(ImapCommand *cmd); /* RFC 8437 */
CommandResult cmd_unsubscribe(ImapCommand *cmd);

/* Selected. */
CommandResult cmd_cancelupdate(ImapCommand *cmd); /* RFC 5267 */
CommandResult cmd_check(ImapCommand *cmd);
CommandResult cmd_close(ImapCommand *cmd);   /* CLOSE, UNSELECT (RFC 3691) */
CommandResult cmd_copy(ImapCommand *cmd);    /* COPY, UID COPY */
CommandResult cmd_expunge(ImapCommand *cmd); /* EXPUNGE, UID EXPUNGE (RFC 4315) */
CommandResult cmd_fetch(ImapCommand *cmd);   /* FETCH, UID FETCH */
CommandResult cmd_move(ImapCommand *cmd);    /* MOVE, UID MOVE (RFC 6851) */
CommandResult cmd_search(ImapCommand *cmd);  /* SEARCH, UID SEARCH */
CommandResult cmd_esearch(ImapCommand *cmd); /* RFC 7377 */
CommandResult cmd_sort(ImapCommand *cmd);    /* SORT, UID SORT (RFC 5256) */
CommandResult cmd_store(ImapCommand *cmd);   /* STORE, UID STORE */
CommandResult cmd_thread(ImapCommand *cmd);  /* THREAD, UID THREAD (RFC 5256) */

G_END_DECLS
