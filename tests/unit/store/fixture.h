/* What the tests of store/ share: a root in a temporary folder, messages, short forms. Errors end the test. */
#pragma once

#include "store/account-private.h"
#include "store/feed.h"
#include "store/maildir.h"

G_BEGIN_DECLS

typedef struct {
	char *root;
	Store *store;
	Account *account;
	Mailbox *inbox;
} Fixture;

void fixture_setup(Fixture *fixture, gconstpointer data);    /* an account "joe" */
void fixture_teardown(Fixture *fixture, gconstpointer data); /* also removes the root */
/* Closes and opens all of it, as a restart of the server does. */
void fixture_reopen(Fixture *fixture);
Store *fixture_second_store(Fixture *fixture);

char *make_root(void);
char *make_message(guint number); /* "From: ...", in CRLF form, another one for each number */
guint32 append_text(Mailbox *mailbox, const char *text, MessageFlags flags, const char *const *keywords);
guint32 append_number(Mailbox *mailbox, guint number);
void append_many(Mailbox *mailbox, guint first_number, guint n); /* in one call */
Snapshot *get_snapshot(Mailbox *mailbox);
Mailbox *open_mailbox(Account *account, const char *name);
UidSet *set_of(const char *text);
char *text_of_set(const UidSet *set);
/* "1:S 2:SD{a b} ..." of all rows: UID, flags, keywords. */
char *dump_flags(const Snapshot *snapshot);
guint count_files(const char *path);
void deliver(const char *maildir, const char *folder, const char *part, const char *name, const char *text);
void expect_error(GError *error, StoreError code); /* frees it */

G_END_DECLS
