/* A set of numbers: UIDs or message sequence numbers (sequence-set of RFC 9051 section 9), kept as sorted
 * ranges that neither touch nor overlap. Not thread-safe; an unchanging set may be read from many threads. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define UIDSET_ERROR (uidset_error_quark())
typedef enum {
	UIDSET_ERROR_SYNTAX, /* no sequence-set: empty, a number 0 or above 2^32-1, a stray character */
	UIDSET_ERROR_LIMIT,  /* more than LIMIT_SET_RANGES items */
} UidSetError;
GQuark uidset_error_quark(void);

typedef struct UidSet UidSet;
typedef struct {
	guint32 first, last; /* both inclusive, first <= last, first >= 1 */
} UidRange;

UidSet *uidset_new(void);
void uidset_free(UidSet *set);
UidSet *uidset_copy(const UidSet *set);

/* Reads the @len bytes at @text (no NUL needed). '*' means @max_uid; when that is 0 (an empty mailbox), items
 * with a '*' are left out. Ranges may be reversed (RFC 9051: 4:2 is 2:4); "5:*" with @max_uid 3 holds 3:5.
 * Numbers above @max_uid are kept as they are. Items may overlap and come in any order; the time is O(n log
 * n). Returns a new set that the caller owns, or NULL and sets @error (UIDSET_ERROR). "$" (RFC 5182) is not
 * read here. */
UidSet *uidset_parse(const char *text, gsize len, guint32 max_uid, GError **error);

/* @uid, @first and @last are 1 or more, @first <= @last. Adding in growing order takes constant time;
 * elsewhere it takes the time of moving the ranges behind. */
void uidset_add(UidSet *set, guint32 uid);
void uidset_add_range(UidSet *set, guint32 first, guint32 last);

gboolean uidset_contains(const UidSet *set, guint32 uid);
gboolean uidset_is_empty(const UidSet *set);

/* How many numbers are in the set; up to 2^32-1. Takes the time of a walk over the ranges. */
guint64 uidset_count(const UidSet *set);

/* The ranges in growing order: @i from 0 to uidset_n_ranges() - 1. */
guint uidset_n_ranges(const UidSet *set);
UidRange uidset_range(const UidSet *set, guint i);

/* What is in both sets; a new set, which the caller owns. */
UidSet *uidset_intersection(const UidSet *a, const UidSet *b);

/* A walk over the numbers in growing order, which may be stopped and gone on with; {0} begins it. FALSE: there are no more. The set must
 * not change meanwhile. */
typedef struct {
	guint range;
	guint32 next; /* 0: the range's first */
} UidCursor;
gboolean uidset_next(const UidSet *set, UidCursor *cursor, guint32 *uid_out);

/* Appends "1:3,7" (nothing for the empty set). */
void uidset_write(const UidSet *set, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UidSet, uidset_free)

G_END_DECLS
