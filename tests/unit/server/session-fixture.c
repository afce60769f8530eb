#include "tests/unit/server/session-fixture.h"

#include "server/imap/command-private.h"
#include "store/passwd-file.h"

#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return g_remove(path);
}

static char *make_root(void)
{
	g_autoptr(GError) error = NULL;
	if (g_getenv("TMPDIR") == NULL && g_access("/dev/shm", W_OK) == 0) {
		char *shared = g_strdup("/dev/shm/mailsift-test-XXXXXX");
		g_assert_nonnull(g_mkdtemp(shared));
		return shared;
	}
	char *root = g_dir_make_tmp("mailsift-test-XXXXXX", &error);
	g_assert_no_error(error);
	return root;
}

void session_fixture_init(SessionFixture *f, const char *config)
{
	g_autoptr(GError) error = NULL;
	*f = (SessionFixture){ .root = make_root() };
	g_autofree char *text =
		g_strdup_printf("[store]\nmail_root = %s/mail\nindex_root = %s/index\n"
				"[auth]\npasswd_file = %s/passwd\nallow_plaintext_loopback = yes\n%s",
			f->root, f->root, f->root, config != NULL ? config : "");
	f->settings = settings_parse(text, strlen(text), "test", NULL, &error);
	g_assert_no_error(error);
	StoreOptions options = {
		.mail_root = settings_string(f->settings, SETTING_STORE_MAIL_ROOT),
		.index_root = settings_string(f->settings, SETTING_STORE_INDEX_ROOT),
	};
	g_assert_cmpint(g_mkdir(options.mail_root, 0700) | g_mkdir(options.index_root, 0700), ==, 0);
	f->store = store_open(&options, &error);
	g_assert_no_error(error);
	f->auth = auth_new(settings_string(f->settings, SETTING_AUTH_PASSWD_FILE), &error);
	g_assert_no_error(error);
	server_context_init(&f->server, f->settings);
	f->server.store = f->store;
	f->server.auth = f->auth;
	store_create_account(f->store, "ann", &error);
	g_assert_no_error(error);
}

void session_fixture_clear(SessionFixture *f)
{
	server_context_clear(&f->server);
	auth_free(f->auth);
	store_close(f->store);
	settings_free(f->settings);
	(void)nftw(f->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	g_free(f->root);
}

Session *session_fixture_new(SessionFixture *f)
{
	Session *session = session_new(&f->server, NULL);
	session->local = TRUE;
	session->peer = g_strdup("127.0.0.1");
	return session;
}

void session_fixture_login(SessionFixture *f, Session *session)
{
	g_autoptr(GError) error = NULL;
	session->account = store_get_account(f->store, "ann", &error);
	g_assert_no_error(error);
	session->user = g_strdup("ann");
	session->state = SESSION_AUTHENTICATED;
}

char *session_fixture_run(Session *session, const char *command)
{
	g_autoptr(CommandRun) run = command_run_new(session, g_string_new(command), NULL, NULL);
	gboolean told = FALSE;
	for (;;) {
		CommandResult result = command_run_step(run, NULL, 0);
		if (result == COMMAND_DONE || (result == COMMAND_WAIT && told))
			break;
		told = result == COMMAND_WAIT;
	}
	return g_strndup(run->cmd.out->str, run->cmd.out->len);
}

void session_fixture_append(SessionFixture *f, MessageFlags flags)
{
	static guint number;
	g_autoptr(GError) error = NULL;
	g_autoptr(Account) account = store_get_account(f->store, "ann", &error);
	g_assert_no_error(error);
	g_autoptr(Mailbox) inbox = account_open_mailbox(account, "INBOX", &error);
	g_assert_no_error(error);
	g_autofree char *text = g_strdup_printf("Subject: %u\r\n\r\nbody\r\n", ++number);
	AppendMessage message = { .spool = spool_new(account, &error), .flags = flags };
	g_assert_no_error(error);
	g_assert_true(spool_write(message.spool, (const guint8 *)text, strlen(text), &error));
	guint32 uidvalidity = 0;
	g_autoptr(UidSet) uids = NULL;
	g_assert_true(mailbox_append(inbox, &message, 1, &uidvalidity, &uids, &error));
	g_assert_no_error(error);
}
