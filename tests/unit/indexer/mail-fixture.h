/* An account with mail in a folder of its own, for tests that need the store. */
#pragma once
#include "indexer/search-index.h"
#include "store/feed.h"
#include "store/mailbox.h"
#include "tests/unit/indexer/corpus.h"
G_BEGIN_DECLS

typedef struct {
	char *root, *index_root, *index_dir;
	Store *store;
	Account *account;
	Mailbox *inbox;
	SearchIndex *index;
	GPtrArray *messages; /* GBytes: what may be appended */
	guint appended;      /* how many of them were */
	GPtrArray *texts;    /* MessageText by email id (index 0 unused, NULL: not read yet) */
	guint paths[LEAF_PATH_TAIL + 1];
	guint tail_read;
} MailFixture;

void mail_fixture_init(MailFixture *fixture, guint max_messages);
void mail_fixture_clear(MailFixture *fixture);

/* Closes and opens everything; no reader has anything mapped. */
void mail_fixture_reopen(MailFixture *fixture);

/* Appends the next @n messages to INBOX, fewer if there are no more. */
void mail_fixture_append(MailFixture *fixture, guint n);
void mail_fixture_append_text(MailFixture *fixture, const char *message);
/* Expunges @n messages at random. */
void mail_fixture_expunge(MailFixture *fixture, guint n);
/* Emails with a message now. */
EmailSet *mail_fixture_living(MailFixture *fixture);

/* Asks for @queries random things, and compares with the matcher on each text. */
void mail_fixture_check(MailFixture *fixture, guint queries);
/* The number of matches of TEXT @needle (folded) among the living, checked too. */
guint mail_fixture_find(MailFixture *fixture, const char *needle, LeafStats *stats_out);

/* The index holds exactly the living emails, but for @failed of them. */
void mail_fixture_check_complete(MailFixture *fixture, guint failed);

/* The indexer's program in the build folder; NULL: the test was skipped. */
char *indexer_program_or_skip(void);
/* Starts it for the account's roots, with more arguments (NULL-terminated, may be NULL). */
GPid mail_fixture_spawn(MailFixture *fixture, const char *program, const char *const *more);
/* Waits for its end; the wait status. */
int wait_for(GPid pid);

G_END_DECLS
