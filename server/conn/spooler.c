#include "server/conn/spooler.h"

#include <string.h>

/* One write; and how much may wait for it. */
#define PIECE_BYTES (256 * 1024)

struct Spooler {
	WorkerPool *pool;
	Account *account; /* a reference */
	LoopFunc moved;
	gpointer data;
	GByteArray *gathered;
	GByteArray *writing; /* the worker's while busy */
	Spool *spool;        /* likewise */
	GError *error;       /* likewise; what comes after it is dropped */
	gboolean busy;
	gboolean ended;
	gboolean closes;  /* spools_finish() is wanted; */
	gboolean closing; /* and is with this piece, the last; */
	gboolean closed;  /* and was called */
};

Spooler *spooler_new(WorkerPool *pool, Account *account, LoopFunc moved, gpointer data)
{
	Spooler *s = g_new0(Spooler, 1);
	s->pool = pool;
	s->account = account_ref(account);
	s->moved = moved;
	s->data = data;
	s->gathered = g_byte_array_new();
	s->writing = g_byte_array_new();
	return s;
}

void spooler_free(Spooler *s)
{
	if (s == NULL)
		return;
	g_assert(!s->busy);
	g_clear_pointer(&s->spool, spool_free);
	g_clear_error(&s->error);
	g_byte_array_unref(s->gathered);
	g_byte_array_unref(s->writing);
	account_unref(s->account);
	g_free(s);
}

static void write_piece(gpointer data)
{
	Spooler *s = data;
	/* RFC 3501 section 9: CHAR8 has no NUL. cmd-append.c looks at literals in memory. */
	if (s->error == NULL && s->writing->len > 0 && memchr(s->writing->data, '\0', s->writing->len) != NULL) {
		g_set_error_literal(
			&s->error, STORE_ERROR, STORE_ERROR_CANNOT, "A message must not have NUL octets");
		g_clear_pointer(&s->spool, spool_free);
	}
	if (s->error == NULL && s->spool == NULL && s->writing->len > 0)
		s->spool = spool_new(s->account, &s->error);
	if (s->error == NULL && s->spool != NULL && !spool_write(s->spool, s->writing->data, s->writing->len, &s->error))
		g_clear_pointer(&s->spool, spool_free);
	if (s->closing && s->spool != NULL && !spools_finish(&s->spool, 1, &s->error))
		g_clear_pointer(&s->spool, spool_free);
	g_byte_array_set_size(s->writing, 0);
}

/* Something is left for a worker to do after the end. */
static gboolean has_rest(const Spooler *s)
{
	return s->gathered->len > 0 || (s->closes && !s->closed);
}

static void submit(Spooler *s);

static void piece_written(gpointer data)
{
	Spooler *s = data;
	s->busy = FALSE;
	s->closed = s->closing;
	if (s->gathered->len >= PIECE_BYTES || (s->ended && has_rest(s)))
		submit(s);
	s->moved(s->data);
}

static void submit(Spooler *s)
{
	GByteArray *swap = s->writing;
	s->writing = s->gathered;
	s->gathered = swap;
	s->busy = TRUE;
	s->closing = s->ended && s->closes;
	worker_pool_submit(s->pool, write_piece, piece_written, s);
}

void spooler_add(Spooler *s, const char *data, gsize len)
{
	g_byte_array_append(s->gathered, (const guint8 *)data, (guint)len);
	if (!s->busy && s->gathered->len >= PIECE_BYTES)
		submit(s);
}

void spooler_end(Spooler *s, gboolean close)
{
	s->ended = TRUE;
	s->closes = close;
	if (!s->busy && has_rest(s))
		submit(s);
}

void spooler_abandon(Spooler *s)
{
	s->ended = TRUE;
	s->closes = FALSE;
	g_byte_array_set_size(s->gathered, 0);
}

gboolean spooler_is_full(const Spooler *s)
{
	return s->busy && s->gathered->len >= PIECE_BYTES;
}

gboolean spooler_has_ended(const Spooler *s)
{
	return s->ended;
}

gboolean spooler_is_busy(const Spooler *s)
{
	return s->busy;
}

gboolean spooler_is_done(const Spooler *s)
{
	return s->ended && !s->busy && !has_rest(s);
}

Spool *spooler_take(Spooler *s, GError **error_out)
{
	if (s->error != NULL)
		*error_out = g_steal_pointer(&s->error);
	return g_steal_pointer(&s->spool);
}
