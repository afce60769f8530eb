#include "server/imap/metadata-news.h"

#include "server/imap/parser.h"
#include "store/metadata.h"

#include <string.h>

gboolean metadata_news_start(Session *session, GError **error)
{
	return account_metadata_changed(session->account, &session->metadata_seen, error);
}

gboolean metadata_news_write(Session *session, GString *out, GError **error)
{
	if ((session->enabled & SESSION_ALL_METADATA) == 0)
		return TRUE;
	g_autoptr(GPtrArray) changes = account_metadata_changes(
		session->account, session->metadata_author, &session->metadata_seen, error);
	if (changes == NULL)
		return FALSE;
	const char *mailbox = NULL;
	for (guint i = 0; i < changes->len; i++) {
		const MetadataChange *change = changes->pdata[i];
		if (change->mailbox[0] != '\0' && (session->enabled & SESSION_METADATA) == 0)
			continue;
		if (mailbox == NULL || strcmp(mailbox, change->mailbox) != 0) {
			g_string_append(out, mailbox == NULL ? "* METADATA " : "\r\n* METADATA ");
			imap_write_mailbox(out, change->mailbox,
				(session->enabled & (SESSION_UTF8 | SESSION_REV2)) != 0);
		}
		mailbox = change->mailbox;
		g_string_append_c(out, ' ');
		imap_write_string(out, change->name, strlen(change->name), TRUE);
	}
	if (mailbox != NULL)
		g_string_append(out, "\r\n");
	return TRUE;
}
