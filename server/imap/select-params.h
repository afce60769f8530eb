/* The parameters of SELECT and EXAMINE (RFC 4466 section 2.1): CONDSTORE and QRESYNC (RFC 7162 3.1.8, 3.2.5). Pure. */
#pragma once
#include "server/imap/parser.h"
#include "store/snapshot.h"
G_BEGIN_DECLS

typedef struct {
	gboolean condstore;
	gboolean qresync; /* what follows was given */
	guint32 uidvalidity;
	guint64 modseq;       /* 1 or more */
	UidSet *known;        /* owned; NULL: all UIDs */
	UidSet *match_seqs;   /* owned; NULL: no match data. The Nth number belongs to the Nth UID; there are as many of both */
	UidSet *match_uids;   /* owned */
} SelectParams;

/* Reads SP "(" param *(SP param) ")", or nothing at the end of the command. Each param may stand once; unknown ones are an error. */
gboolean select_params_parse(ImapParser *p, SelectParams *params, GError **error);
void select_params_clear(SelectParams *params);

/* The highest UID of the match data that is still the message of its number in @view: the client knows of all expunges up to there (RFC 7162
 * 3.2.5.2). 0: there is none. Time grows with the ranges of the match data, not with the numbers in them. */
guint32 select_params_matched_uid(const SelectParams *params, const Snapshot *view);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SelectParams, select_params_clear)
G_END_DECLS
