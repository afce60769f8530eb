/* Which emails the indexer was busy with when it died, so that one that kills it is found and passed over. A small file per account ("attempts") names the emails that are being
 * read; it is there only while they are. After a death:
 *
 *   - every email of it is a suspect, and is from then on read alone;
 *   - one that was being read by the thread that crashed (SIGSEGV, SIGABRT, ...: a signal handler adds it to the file) ATTEMPTS_CRASHES times, or
 *     that was being read alone when the process was killed ATTEMPTS_KILLS times (as the kernel does when memory runs out; more than one crash,
 *     since a kill may come from elsewhere), is condemned: it is not read again.
 *
 * The file is not synced: it has to outlive the process, not the machine. One object for each account, all threads of one process may call it. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

#define ATTEMPTS_CRASHES 2
#define ATTEMPTS_KILLS 3

typedef struct Attempts Attempts;

/* Once in a process, before threads are started: handlers for fatal signals, which note the email and then let the signal do its work. */
void attempts_install_handlers(void);
/* In each other thread that reads emails: a stack for the handlers. */
void attempts_thread_begin(void);
void attempts_thread_end(void);

/* Reads what the last process left in @dir (which need not exist yet). */
Attempts *attempts_open(const char *dir);
void attempts_close(Attempts *attempts);

gboolean attempts_is_suspect(Attempts *attempts, guint32 id);
/* Why the email must not be read again; NULL: it may. Static. */
const char *attempts_condemned(Attempts *attempts, guint32 id);
/* It was recorded, or read without harm: no suspect any more. */
void attempts_clear(Attempts *attempts, guint32 id);

/* From now on these are being read by @reader (any pointer), and nothing else by it; @n 0: nothing. FALSE: cannot be noted (a full disk). */
gboolean attempts_note(Attempts *attempts, gconstpointer reader, const guint32 *ids, gsize n);
/* This thread reads the email now; 0: none. */
void attempts_enter(Attempts *attempts, guint32 id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attempts, attempts_close)
G_END_DECLS
