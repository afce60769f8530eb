/* What opening an account does before anybody uses it. */
#include "store/account-private.h"

static gboolean add_inbox(Db *db, gpointer data, GError **error)
{
	(void)data;
	gint64 n;
	if (!db_get_int(db, error, &n, NULL, "SELECT count(*) FROM mailbox WHERE name='INBOX'"))
		return FALSE;
	return n > 0 ||
		(mailbox_insert(db, "INBOX", "", NULL, 0, NULL, error) &&
			db_run(db, error, "INSERT OR IGNORE INTO subscription VALUES ('INBOX')"));
}

gboolean account_recover(Account *account, GError **error)
{
	return account_write(account, add_inbox, NULL, error);
}
