/* The indexing of one account: its live index follows the feed; beside it a new one can be built and swapped in. Driven in steps by the process's loop
 * (daemon.h), each of which takes a fraction of a second unless a commit takes longer. One thread; reads the account, never writes it. */
#pragma once
#include "indexer/text-writer.h"
#include "store/feed.h"
#include "store/mailbox.h"
G_BEGIN_DECLS

typedef struct {
	guint64 memory_bytes;   /* for what is held until a commit, all in all */
	gint64 commit_us;       /* new mail is committed at the latest so long after its first message was read */
	guint bulk_emails;      /* so far behind, emails are added in bulk; 0: as the program does it */
	guint64 roll_bytes;     /* a database of this size is loose; 0: as the program does it */
	const char *crash_on;   /* for tests: extractor.h; borrowed; NULL */
	TextPacking packing;
	guint64 pack_bytes;     /* for tests: text_writer_set_packing() */
} IndexingOptions;

typedef struct AccountIndexer AccountIndexer;
AccountIndexer *account_indexer_new(Account *account, const IndexingOptions *options);
void account_indexer_free(AccountIndexer *indexer); /* what is not committed is dropped, and done again next time */
Account *account_indexer_account(const AccountIndexer *indexer);

typedef struct {
	gboolean more;         /* there is more to do now */
	gboolean committed;    /* something was committed; the two below are valid */
	guint32 watermark;
	guint64 gone_seq;
	gboolean rebuilt;      /* what took the place of an index of another version, or of a damaged one, has now reached the feed's end */
	guint added, removed, failed; /* emails in this step */
} IndexingStep;
/* Brings the live index a step closer to the feed, and commits. If there is no usable index an empty one takes its place, and grows with each step. Errors:
 * FTINDEX_ERROR (LOCKED, SPACE, FAILED: try later) or STORE_ERROR. The next step starts from the last commit. */
gboolean account_indexer_step(AccountIndexer *indexer, IndexingStep *step_out, GError **error);
/* When a step is worth it even if nothing changes, since emails that could not be read are tried again then; monotonic time; 0: never. */
gint64 account_indexer_retry_at(const AccountIndexer *indexer);
/* Housekeeping, when there is nothing else to do: rewriting of files; or it begins to renew a worn index, which the next steps do. *done_out: there was something. */
gboolean account_indexer_maintain(AccountIndexer *indexer, gboolean *done_out, GError **error);
/* Gives back memory, descriptors and the lock; a later step opens anew. A reindex of the whole account that was not over is gone on with by the next one, of any
 * process, that is started before there is nothing to do for account_indexer_maintain(). */
void account_indexer_rest(AccountIndexer *indexer);

/* A reindex: of the whole account (@mailbox NULL) beside the live index, or of the emails of one mailbox in it. One at a time: the one before is dropped. */
gboolean account_indexer_start(AccountIndexer *indexer, const char *mailbox, GError **error);
void account_indexer_cancel(AccountIndexer *indexer);
typedef struct {
	gboolean over;              /* done: for a whole account, swapped in */
	guint64 total, done, failed; /* emails */
} ReindexStep;
/* A step of it. An error ends it, and leaves the live index as it was. */
gboolean account_indexer_reindex(AccountIndexer *indexer, ReindexStep *step_out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccountIndexer, account_indexer_free)
G_END_DECLS
