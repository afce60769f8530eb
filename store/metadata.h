/* Annotations (IMAP METADATA, RFC 5464): entries "/private/..." and "/shared/..." with values, of a mailbox or of the whole account
 * (mailbox ""). Kept in mailsift.db; they follow a mailbox that is renamed and go with one that is deleted, COPY does not take them.
 * A mailbox that is only a name in the hierarchy may have some, too. Thread-safe; a write returns when it is on disk.
 *
 * Names are ASCII, and equal whatever the case; what comes back has the spelling that was asked for, and below that the one of who made
 * the entry. Values are octets, NUL included.
 *
 * "/private/specialuse" of a mailbox (RFC 6154 section 4) is not stored here: it is the mailbox's special use, to be read and set. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

#define METADATA_ERROR (metadata_error_quark())
typedef enum {
	METADATA_ERROR_NAME,     /* the user's: BAD, no entry can have this name */
	METADATA_ERROR_TOO_LONG, /* the user's: NO [METADATA MAXSIZE n], the value is longer than LIMIT_METADATA_VALUE */
	METADATA_ERROR_TOO_MANY, /* the user's: NO [METADATA TOOMANY], LIMIT_METADATA_ENTRIES or LIMIT_METADATA_BYTES */
} MetadataError;
GQuark metadata_error_quark(void);

typedef struct {
	char *name;    /* owned */
	GBytes *value; /* owned; NULL: there is none, or it is to be removed */
} MetadataEntry;
MetadataEntry *metadata_entry_new(const char *name, GBytes *value); /* copies; takes a reference */
void metadata_entry_free(MetadataEntry *entry);
GPtrArray *metadata_entries_new(void); /* of MetadataEntry, which it owns */

/* RFC 5464 3.2: "/private" or "/shared", then one component or more, in the vendors' trees (".../vendor/TOKEN/...") three or more. No
 * empty component, none but printable ASCII, neither "*" nor "%", at most LIMIT_METADATA_NAME octets. With @any_depth, what others may
 * lie below is right, too ("/private", "/shared/vendor"). FALSE and @error: METADATA_ERROR_NAME. */
gboolean metadata_name_check(const char *name, gboolean any_depth, GError **error);

typedef enum { METADATA_DEPTH_0, METADATA_DEPTH_1, METADATA_DEPTH_INFINITY } MetadataDepth; /* RFC 5464 4.2.2 */
/* Whether @name is @base or lies below it, at most so deep. What comes of a match: metadata_set_add(). */
gboolean metadata_name_within(const char *name, const char *base, MetadataDepth depth);

/* Entries in the order in which they came, none twice; names have no case. */
typedef struct {
	GPtrArray *entries; /* of MetadataEntry; owned */
	GHashTable *names;  /* theirs, borrowed; owned */
} MetadataSet;
MetadataSet metadata_set_begin(void);
void metadata_set_clear(MetadataSet *set);
gboolean metadata_set_has(const MetadataSet *set, const char *name);
/* Appends @name, which is within @base, spelled as @base where that reaches; not if it is there already. */
void metadata_set_add(MetadataSet *set, const char *base, const char *name, GBytes *value);

/* The entries of @mailbox that are within one of @names (NULL-terminated), in the order of @names and below that by name, each once; one
 * of @names for which there is nothing comes with the value NULL. Returns an array of MetadataEntry that the caller owns; NULL and
 * @error: STORE_ERROR_NO_MAILBOX, METADATA_ERROR_NAME, the site's errors. */
GPtrArray *account_get_metadata(Account *account, const char *mailbox, const char *const *names, MetadataDepth depth, GError **error);

/* Sets all of @entries (of MetadataEntry), in their order, or none. @author: any number but 0 that the writer tells from others' (see
 * account_metadata_changes()). Fails with STORE_ERROR_NO_MAILBOX, METADATA_ERROR, STORE_ERROR_SPECIAL_USE (a special use that there is
 * not, or a mailbox that cannot have one), the site's errors. */
gboolean account_set_metadata(
	Account *account, const char *mailbox, const GPtrArray *entries, guint64 author, GError **error);

/* The number of the last change in the account. */
gboolean account_metadata_changed(Account *account, guint64 *changed_out, GError **error);
typedef struct {
	char *mailbox, *name; /* owned */
} MetadataChange;
void metadata_change_free(MetadataChange *change);
/* What has been set or removed after the change *@changed by others than @author: of MetadataChange, owned by the caller, sorted by mailbox.
 * Moves *@changed on. Of entries that were removed only the latest LIMIT_METADATA_REMOVED are known. When there is something, the
 * listener has been told STORE_EVENT_METADATA. */
GPtrArray *account_metadata_changes(Account *account, guint64 author, guint64 *changed, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MetadataEntry, metadata_entry_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MetadataSet, metadata_set_clear)
G_END_DECLS
