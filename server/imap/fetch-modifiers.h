/* The modifiers behind the items of a FETCH (RFC 4466 section 2.4): CHANGEDSINCE and VANISHED (RFC 7162 3.1.4.1, 3.2.6), PARTIAL (RFC 9394
 * 3.3). Pure. */
#pragma once
#include "server/imap/partial.h"
G_BEGIN_DECLS

typedef struct {
	Partial partial;       /* text is NULL: not given; owned */
	gboolean changed;      /* CHANGEDSINCE was given */
	guint64 changed_since; /* only messages with a higher modseq */
	gboolean vanished;     /* VANISHED was given, and CHANGEDSINCE too */
} FetchModifiers;

/* Reads SP "(" modifier *(SP modifier) ")", or nothing at the end of the command. Each may stand once. @uid: of a UID FETCH, which alone may have
 * PARTIAL and VANISHED. */
gboolean fetch_modifiers_parse(ImapParser *p, gboolean uid, FetchModifiers *modifiers, GError **error);
void fetch_modifiers_clear(FetchModifiers *modifiers);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FetchModifiers, fetch_modifiers_clear)
G_END_DECLS
