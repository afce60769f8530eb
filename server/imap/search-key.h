/* A search program (RFC 3501 6.4.4, RFC 4731): octets in, a tree out. Pure. Strings are folded here, once; what is looked for is ready for
 * search_index_match(). OR and AND are flattened, NOT NOT falls away, so that the depth is that of the parentheses that matter, and a
 * chain of thousands of ORs (scripts that look for Message-IDs) is one node. */
#pragma once
#include "indexer/fuzzy.h"
#include "server/imap/parser.h"
#include "server/imap/partial.h"
#include "store/message-text.h"
G_BEGIN_DECLS

typedef enum {
	SEARCH_KEY_AND,            /* children; none: ALL */
	SEARCH_KEY_OR,             /* children, two or more */
	SEARCH_KEY_NOT,            /* one child */
	SEARCH_KEY_SEQUENCE,       /* set: message sequence numbers of the view, also in UID SEARCH */
	SEARCH_KEY_UID,            /* set */
	SEARCH_KEY_FLAG,           /* flag is set */
	SEARCH_KEY_KEYWORD,        /* keyword is set */
	SEARCH_KEY_RECENT,         /* \Recent for this session */
	SEARCH_KEY_LARGER,         /* size > number */
	SEARCH_KEY_SMALLER,        /* size < number */
	SEARCH_KEY_INTERNAL_DATE,  /* first_day <= calendar day of INTERNALDATE in its zone <= last_day */
	SEARCH_KEY_SENT_DATE,      /* the same of the Date: field as written; without one, INTERNALDATE's */
	SEARCH_KEY_SAVED_DATE,     /* the same of the save date (RFC 8514 4.3), in UTC as FETCH SAVEDATE shows it */
	SEARCH_KEY_OLDER,          /* INTERNALDATE is number seconds ago or longer (RFC 5032) */
	SEARCH_KEY_YOUNGER,        /* INTERNALDATE is number seconds ago or less */
	SEARCH_KEY_EMAILID,        /* keyword: the object id (RFC 8474 section 6), compared exactly */
	SEARCH_KEY_MODSEQ,         /* modseq >= number (RFC 7162 3.1.5) */
	SEARCH_KEY_TEXT,           /* scope, field, needle */
} SearchKeyKind;

typedef struct SearchKey SearchKey;
struct SearchKey {
	SearchKeyKind kind;
	GPtrArray *children;       /* of SearchKey, owned; AND, OR, NOT only */
	char *set;                 /* owned; text of a sequence-set */
	MessageFlags flag;
	char *keyword;             /* owned; of KEYWORD and EMAILID */
	guint64 number;
	gint32 first_day, last_day; /* days since 1970-01-01, both inclusive */
	TextScope scope;
	char *field;               /* owned, folded; TEXT_SCOPE_HEADER */
	gsize field_len;
	char *needle;              /* owned, folded */
	gsize needle_len;
	gboolean fuzzy;            /* it is below a FUZZY (RFC 6203) */
	FuzzyNeedle *fuzzy_needle; /* owned; of needle, TEXT below a FUZZY only */
};
void search_key_free(SearchKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchKey, search_key_free)
/* Whether there is a FUZZY in it: RELEVANCY may be asked for (RFC 6203 sections 4 and 6). */
gboolean search_key_has_fuzzy(const SearchKey *key);

typedef enum {
	SEARCH_RETURN_MIN = 1 << 0,
	SEARCH_RETURN_MAX = 1 << 1,
	SEARCH_RETURN_ALL = 1 << 2,
	SEARCH_RETURN_COUNT = 1 << 3,
	SEARCH_RETURN_SAVE = 1 << 4,    /* RFC 5182 */
	SEARCH_RETURN_PARTIAL = 1 << 5, /* RFC 9394 3.1 */
	SEARCH_RETURN_UPDATE = 1 << 6,  /* RFC 5267 4.3 */
	SEARCH_RETURN_CONTEXT = 1 << 7, /* RFC 5267 4.2: a hint */
	SEARCH_RETURN_RELEVANCY = 1 << 8, /* RFC 6203 section 4; the parser has seen to it that there is a FUZZY */
} SearchReturn;

/* Immutable once it is parsed, and counted by references. */
typedef struct {
	gint refs;
	gboolean extended;      /* RETURN was given: answer with ESEARCH */
	SearchReturn returns;   /* RETURN () is ALL; RETURN (SAVE) is SAVE alone */
	Partial partial;        /* SEARCH_RETURN_PARTIAL */
	SearchKey *key;         /* owned, never NULL */
	gboolean modseq;        /* a MODSEQ key is in it: the answer has MODSEQ */
	gboolean numbers;       /* message sequence numbers are in it */
} SearchProgram;
SearchProgram *search_program_ref(SearchProgram *program);
void search_program_unref(SearchProgram *program);
/* Whether RETURN asked for SAVE and for nothing that would be sent: then there is no answer (RFC 9051 6.4.4). */
gboolean search_program_is_silent(const SearchProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchProgram, search_program_unref)

/* What FILTER (RFC 5466) stands for: ImapParser's filters. A filter's keys stand where FILTER stood, as its text would ("inserted
 * verbatim", 3.1): with more than one, NOT and OR before it take the first. */
typedef struct SearchFilters {
	/* The filter's text, the caller's; NULL when there is none, or @error is set. */
	GBytes *(*find)(const char *name, gpointer data, GError **error);
	gpointer data;
} SearchFilters;

/* An empty program to read into. */
SearchProgram *search_program_new(void);
/* Reads the arguments of SEARCH from the SP after the name to the end. Returns FALSE and sets @error: IMAP_PARSE_ERROR_SYNTAX,
 * _LIMIT (LIMIT_SEARCH_KEYS, LIMIT_NESTING, LIMIT_FILTER_OCTETS), _CHARSET (answer NO [BADCHARSET (US-ASCII UTF-8)]), _FILTER_CHARSET, _FILTER
 * (the filter is not there, or no complete program, or leads to itself, or further than LIMIT_FILTER_PASSES); or what @filters' find fails with.
 * What was read before is in @program. */
gboolean search_program_parse(ImapParser *p, SearchProgram *program, GError **error);

/* The pieces, for SORT and THREAD. */
/* "RETURN (...)" and a SP, if that is what comes. */
gboolean search_return_parse_optional(ImapParser *p, SearchProgram *program, GError **error);
/* What follows the return options of SEARCH and ESEARCH: "CHARSET ..." and a SP, if that is what comes, and keys up to the end. */
gboolean search_keys_parse_with_charset(ImapParser *p, SearchProgram *program, GError **error);
/* A charset, which is not optional there (RFC 5256), a SP, and keys up to the end. */
gboolean search_charset_and_keys_parse(ImapParser *p, SearchProgram *program, GError **error);

/* Reads search keys up to the end, in UTF-8: what a filter, or an admin's query, holds. */
SearchKey *search_keys_parse(ImapParser *p, GError **error);

G_END_DECLS
