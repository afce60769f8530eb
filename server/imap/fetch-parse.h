/* What a FETCH asks for: its data items (RFC 3501 section 6.4.5, fetch-att in section 9) as a structure.
 * Pure. */
#pragma once
#include "server/imap/parser.h"
G_BEGIN_DECLS

/* Items without an argument. */
typedef enum {
	FETCH_FLAGS = 1 << 0,
	FETCH_UID = 1 << 1,
	FETCH_INTERNALDATE = 1 << 2,
	FETCH_RFC822_SIZE = 1 << 3,
	FETCH_ENVELOPE = 1 << 4,
	FETCH_BODY = 1 << 5, /* BODYSTRUCTURE without extension data */
	FETCH_BODYSTRUCTURE = 1 << 6,
	FETCH_EMAILID = 1 << 7,       /* RFC 8474 5.3 */
	FETCH_THREADID = 1 << 8,
	FETCH_SAVEDATE = 1 << 9,      /* RFC 8514 4.2 */
	FETCH_MODSEQ = 1 << 10,       /* RFC 7162 3.1.4.2 */
} FetchItems;

typedef enum {
	FETCH_SECTION_ALL, /* BODY[], BODY[1.2] */
	FETCH_SECTION_HEADER,
	FETCH_SECTION_FIELDS,
	FETCH_SECTION_FIELDS_NOT,
	FETCH_SECTION_TEXT,
	FETCH_SECTION_MIME, /* always with a part number */
} FetchSectionKind;

/* One piece of the message's octets. */
typedef struct {
	FetchSectionKind kind;
	GArray *path; /* of guint32, the part numbers, each at least 1; owned; empty for the message itself */
	GPtrArray *fields;  /* of char*: the names of HEADER.FIELDS(.NOT) as given; owned; else NULL */
	gboolean sets_seen; /* BODY[...], RFC822, RFC822.TEXT */
	gboolean partial;   /* <offset.count> was given */
	guint64 offset;
	guint64 count; /* at least 1 when partial */
	char *label;   /* what the answer calls it: "BODY[1.HEADER]<0>", "RFC822.TEXT"; owned */
} FetchSection;

typedef struct {
	FetchItems items;
	GPtrArray *sections; /* of FetchSection, in the order of the command; owned; never NULL */
	gboolean sets_seen;  /* one of the sections does */
} FetchRequest;

/* Reads a macro, one item, or a list of items in parentheses, and stands behind it. Names may be in any case.
 * At most LIMIT_LIST_ITEMS sections, LIMIT_FETCH_FIELDS names in each, LIMIT_NESTING part numbers. The caller
 * owns the result; NULL and @error (IMAP_PARSE_ERROR) if it cannot be read. */
FetchRequest *fetch_parse(ImapParser *p, GError **error);
void fetch_request_free(FetchRequest *request);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FetchRequest, fetch_request_free)
G_END_DECLS
