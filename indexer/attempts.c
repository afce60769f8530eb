/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file: lines of "suspect ID CRASHES KILLS" (what is known of it from before), "try ID" (is being read), "crash ID" (from the signal handler). */
#include "indexer/attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)
#define FILE_BYTES_MAX (1024 * 1024)
#define DIGITS_MAX 10
#define CRASH_LINE "crash "

typedef struct {
	guint crashes, kills;
} Suspect;

struct Attempts {
	char *path;
	GMutex lock;          /* of what follows */
	GHashTable *suspects; /* id to Suspect, owned */
	GHashTable *tries;    /* reader to GArray of guint32, owned */
	int fd;               /* the file, from the first note on; stays open, since handlers write to it */
};

/* What the handler of this thread needs: plain numbers, since it can use nothing else. */
static __thread volatile sig_atomic_t current_fd = -1;
static __thread volatile guint32 current_id;
static __thread void *alternate_stack;

static void on_fatal_signal(int number)
{
	if (current_fd >= 0 && current_id != 0) {
		char line[sizeof CRASH_LINE + DIGITS_MAX + 1];
		gsize at = sizeof line;
		line[--at] = '\n';
		for (guint32 id = current_id; id != 0; id /= 10)
			line[--at] = (char)('0' + id % 10);
		for (gsize i = sizeof CRASH_LINE - 1; i-- > 0;)
			line[--at] = CRASH_LINE[i];
		gssize written = write(current_fd, line + at, sizeof line - at);
		(void)written;
	}
	/* SA_RESETHAND: the second time it does what it does. */
	(void)raise(number);
}

void attempts_thread_begin(void)
{
	alternate_stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (alternate_stack == MAP_FAILED) {
		alternate_stack = NULL;
		return;
	}
	stack_t stack = { .ss_sp = alternate_stack, .ss_size = STACK_BYTES };
	(void)sigaltstack(&stack, NULL);
}

void attempts_thread_end(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };
	(void)sigaltstack(&none, NULL);
	if (alternate_stack != NULL)
		(void)munmap(alternate_stack, STACK_BYTES);
	alternate_stack = NULL;
}

void attempts_install_handlers(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	struct sigaction action = { .sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };
	(void)sigemptyset(&action.sa_mask);
	attempts_thread_begin();
	for (gsize i = 0; i < G_N_ELEMENTS(fatal); i++)
		(void)sigaction(fatal[i], &action, NULL);
}

/* -- the file ---------------------------------------------------------------------------------------------------- */

static Suspect *suspect_of(Attempts *attempts, guint32 id)
{
	Suspect *suspect = g_hash_table_lookup(attempts->suspects, GUINT_TO_POINTER(id));
	if (suspect == NULL) {
		suspect = g_new0(Suspect, 1);
		(void)g_hash_table_insert(attempts->suspects, GUINT_TO_POINTER(id), suspect);
	}
	return suspect;
}

/* Whatever makes no sense in the file is passed over: it costs a second look at some emails. */
static void load(Attempts *attempts)
{
	g_autofree char *text = NULL;
	gsize len;
	if (!g_file_get_contents(attempts->path, &text, &len, NULL) || len > FILE_BYTES_MAX)
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GArray) tried = g_array_new(FALSE, FALSE, sizeof(guint32));
	gboolean crashed = FALSE;
	for (char **line = lines; *line != NULL; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		guint n = g_strv_length(words);
		guint64 id, crashes, kills;
		if (n < 2 || !g_ascii_string_to_unsigned(words[1], 10, 1, G_MAXUINT32, &id, NULL))
			continue;
		guint32 email = (guint32)id;
		if (n == 4 && strcmp(words[0], "suspect") == 0 &&
			g_ascii_string_to_unsigned(words[2], 10, 0, G_MAXINT32, &crashes, NULL) &&
			g_ascii_string_to_unsigned(words[3], 10, 0, G_MAXINT32, &kills, NULL)) {
			Suspect *suspect = suspect_of(attempts, email);
			suspect->crashes += (guint)crashes;
			suspect->kills += (guint)kills;
		} else if (n == 2 && strcmp(words[0], "try") == 0) {
			g_array_append_val(tried, email);
		} else if (n == 2 && strcmp(words[0], "crash") == 0) {
			suspect_of(attempts, email)->crashes++;
			crashed = TRUE;
		}
	}
	for (guint i = 0; i < tried->len; i++) {
		Suspect *suspect = suspect_of(attempts, g_array_index(tried, guint32, i));
		if (!crashed && tried->len == 1)
			suspect->kills++;
	}
}

Attempts *attempts_open(const char *dir)
{
	Attempts *attempts = g_new0(Attempts, 1);
	attempts->path = g_build_filename(dir, "attempts", NULL);
	attempts->suspects = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	attempts->tries = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
	attempts->fd = -1;
	g_mutex_init(&attempts->lock);
	load(attempts);
	return attempts;
}

void attempts_close(Attempts *attempts)
{
	if (attempts == NULL)
		return;
	current_id = 0;
	current_fd = -1;
	if (attempts->fd >= 0)
		(void)close(attempts->fd);
	if (g_hash_table_size(attempts->suspects) == 0)
		(void)g_unlink(attempts->path);
	g_mutex_clear(&attempts->lock);
	g_hash_table_destroy(attempts->suspects);
	g_hash_table_destroy(attempts->tries);
	g_free(attempts->path);
	g_free(attempts);
}

gboolean attempts_is_suspect(Attempts *attempts, guint32 id)
{
	g_mutex_lock(&attempts->lock);
	gboolean is = g_hash_table_contains(attempts->suspects, GUINT_TO_POINTER(id));
	g_mutex_unlock(&attempts->lock);
	return is;
}

const char *attempts_condemned(Attempts *attempts, guint32 id)
{
	g_mutex_lock(&attempts->lock);
	const Suspect *suspect = g_hash_table_lookup(attempts->suspects, GUINT_TO_POINTER(id));
	const char *why = suspect == NULL                              ? NULL :
			  suspect->crashes >= ATTEMPTS_CRASHES ? "crashed the indexer twice" :
			  suspect->kills >= ATTEMPTS_KILLS     ? "the indexer was killed three times while it read this alone" :
								 NULL;
	g_mutex_unlock(&attempts->lock);
	return why;
}

void attempts_clear(Attempts *attempts, guint32 id)
{
	g_mutex_lock(&attempts->lock);
	(void)g_hash_table_remove(attempts->suspects, GUINT_TO_POINTER(id));
	g_mutex_unlock(&attempts->lock);
}

static void append_suspects(Attempts *attempts, GString *text)
{
	GHashTableIter iter;
	gpointer id, value;
	g_hash_table_iter_init(&iter, attempts->suspects);
	while (g_hash_table_iter_next(&iter, &id, &value)) {
		const Suspect *suspect = value;
		g_string_append_printf(text, "suspect %u %u %u\n", GPOINTER_TO_UINT(id), suspect->crashes, suspect->kills);
	}
}

static void append_tries(Attempts *attempts, GString *text)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, attempts->tries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const GArray *ids = value;
		for (guint i = 0; i < ids->len; i++)
			g_string_append_printf(text, "try %u\n", g_array_index(ids, guint32, i));
	}
}

/* Written in place: the descriptor must stay the same. A kill in between costs what was known. */
static gboolean write_file(Attempts *attempts, const GString *text)
{
	if (attempts->fd < 0)
		attempts->fd = open(attempts->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return attempts->fd >= 0 && ftruncate(attempts->fd, 0) == 0 &&
	       write(attempts->fd, text->str, text->len) == (gssize)text->len;
}

gboolean attempts_note(Attempts *attempts, gconstpointer reader, const guint32 *ids, gsize n)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gpointer key = (gpointer)(gsize)reader;
	g_mutex_lock(&attempts->lock);
	(void)g_hash_table_remove(attempts->tries, key);
	if (n > 0) {
		GArray *tries = g_array_sized_new(FALSE, FALSE, sizeof *ids, (guint)n);
		g_array_append_vals(tries, ids, (guint)n);
		(void)g_hash_table_insert(attempts->tries, key, tries);
	}
	append_suspects(attempts, text);
	append_tries(attempts, text);
	gboolean ok = (text->len == 0 && attempts->fd < 0) || write_file(attempts, text);
	g_mutex_unlock(&attempts->lock);
	return ok;
}

void attempts_enter(Attempts *attempts, guint32 id)
{
	current_id = 0;
	current_fd = attempts->fd;
	current_id = id;
}
