/* Which terms a text has, and which terms a search string asks for: the two sides of one rule, here together.
 *
 * A token is a maximal run of ASCII letters and digits and of octets above 127 in folded text. A token of up to TERM_PIECE octets is one
 * term; a longer one is cut into pieces of TERM_PIECE octets (the last one shorter), each TERM_STEP after the one before. So:
 *
 *   - any TERM_WINDOW octets inside of a token lie inside of one of its terms;
 *   - the first (up to TERM_PIECE) octets of a token begin one of its terms;
 *   - the last (up to TERM_WINDOW) octets of a token end one of its terms.
 *
 * A line "name: value" (name: up to the first ": ") of the header and parts sections gives its name whole as one term, and the tokens of its value; a
 * line without ": " the tokens of the line. Of names longer than TERM_NAME_MAX the first TERM_NAME_MAX octets are the name's term, and the
 * tokens of the name are in the index like those of a value. Pure functions; any thread. */
#pragma once
#include "indexer/ftindex.h"
#include "store/message-text.h"
G_BEGIN_DECLS

/* Part of the index's version: raise it with every change of what comes out. History: 1 the first; 2 with a prefix for trace fields; 3 without
 * terms for the long words of these. */
#define TERMS_VERSION 3

#define TERM_PIECE 64
#define TERM_STEP 32
#define TERM_WINDOW (TERM_PIECE - TERM_STEP + 1)
#define TERM_NAME_MAX 100
/* Words (what is between spaces) of so many octets have no terms if they are in a trace field: signatures and the like, which were two thirds of all
 * terms. The text store has them in a stream of their own, which is scanned instead (plan.c). */
#define TERM_LONG_WORD 40

/* The letter that a term begins with; what each means is in ftindex.cc. */
#define TERM_PREFIX_BODY 'B'
#define TERM_PREFIX_FROM 'F'
#define TERM_PREFIX_TO 'T'
#define TERM_PREFIX_CC 'C'
#define TERM_PREFIX_BCC 'K'
#define TERM_PREFIX_SUBJECT 'S'
#define TERM_PREFIX_HEADER 'H'
#define TERM_PREFIX_TRACE 'R'
#define TERM_PREFIX_NAME 'N'
#define TERM_PREFIX_PART_NAME 'P'
/* All of them. */
#define TERM_PREFIXES "BCFHKNPRST"

/* The prefix of a field's values by its folded name: one of FROM, TO, CC, BCC, SUBJECT; TRACE for the fields that servers and filters on the way put
 * in, which are half of a message's header and seldom asked for; HEADER for all others. */
char term_prefix_of_field(const char *name, gsize len);

/* The end of the name in a line of the header or parts section: the offset of the first ": "; @len if there is none. */
gsize term_name_end(const char *line, gsize len);

/* The next long word of the text at *at, which is set behind it; NULL: there is none. */
const char *term_long_word(const char **at, const char *end, gsize *len_out);

/* Calls @func with the octets of each term of a text in which nothing is a name: its tokens in order, long ones in their pieces. @trace: of a trace
 * field, whose long words are passed over. FALSE: @func said that it has enough. */
typedef gboolean (*TermFunc)(const char *octets, gsize len, gpointer data); /* FALSE: enough */
gboolean term_each(const char *text, gsize len, gboolean trace, TermFunc func, gpointer data);

/* Collects the terms of one message; reusable. */
typedef struct TermList TermList;
TermList *term_list_new(void);
void term_list_free(TermList *list);
void term_list_clear(TermList *list);
void term_list_add_message(TermList *list, const TextSpan sections[MESSAGE_TEXT_N_SECTIONS]);
/* The terms that were added, sorted by octets, each once, prefix first. Valid until the list is changed. */
FtTerms term_list_terms(TermList *list, guint *n_out);

/* Appends one term to a list in the form of FtTerms. */
void term_append(GByteArray *terms, char prefix, const char *octets, gsize len);

/* A token of a search string. In a text that matches, what stands there is a token that contains it; where a side is not open, the
 * token ends there too. */
typedef struct {
	const char *data; /* in the needle */
	gsize len;
	gboolean open_left, open_right; /* the needle begins, ends with this token: the text's token may go on */
} NeedleToken;
/* All tokens of @needle (borrowed), in order: NeedleToken, owned. */
GArray *needle_tokens(const char *needle, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TermList, term_list_free)
G_END_DECLS
