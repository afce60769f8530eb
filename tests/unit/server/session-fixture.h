/* A store in a temporary folder, one account, and sessions without a network: for tests of commands. */
#pragma once
#include "server/context.h"
#include "server/imap/session.h"
G_BEGIN_DECLS

typedef struct {
	char *root;
	Settings *settings;
	Store *store;
	Auth *auth;
	ServerContext server;
} SessionFixture;

/* @config: lines of the configuration besides the folders, or NULL. */
void session_fixture_init(SessionFixture *fixture, const char *config);
void session_fixture_clear(SessionFixture *fixture);

/* A session of user "ann" (not logged in before session_fixture_login()). */
Session *session_fixture_new(SessionFixture *fixture);
void session_fixture_login(SessionFixture *fixture, Session *session);
/* Runs "TAG NAME ..." to its end and returns all that is sent; the caller frees. A command that waits is given NULL
 * (news) no more than once. */
char *session_fixture_run(Session *session, const char *command);
/* Appends a small message with these flags to INBOX. */
void session_fixture_append(SessionFixture *fixture, MessageFlags flags);

G_END_DECLS
