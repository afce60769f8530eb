/* A set of email ids (store/feed.h) as a bitmap; ids are dense, a million take 125 KB. Not thread-safe; reading an unchanging one is. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef struct EmailSet EmailSet;
EmailSet *email_set_new(void);
EmailSet *email_set_copy(const EmailSet *set);
void email_set_free(EmailSet *set);
void email_set_add(EmailSet *set, guint32 id);
void email_set_add_range(EmailSet *set, guint32 first, guint32 last); /* inclusive; nothing if first > last */
/* Adds @first + b for each bit b of @bits, and tells which of these 64 are in the set: for many ids in a row. */
void email_set_add_word(EmailSet *set, guint32 first, guint64 bits);
guint64 email_set_word(const EmailSet *set, guint32 first);
void email_set_remove(EmailSet *set, guint32 id);
gboolean email_set_contains(const EmailSet *set, guint32 id);
guint32 email_set_count(const EmailSet *set);
gboolean email_set_is_empty(const EmailSet *set);
gboolean email_set_equal(const EmailSet *set, const EmailSet *other);
void email_set_and(EmailSet *set, const EmailSet *other);
void email_set_or(EmailSet *set, const EmailSet *other);
void email_set_and_not(EmailSet *set, const EmailSet *other);
/* The lowest id >= @from; FALSE if there is none. for (id = 0; email_set_next(set, id, &id); id++) (which does not end by itself
 * if the set holds G_MAXUINT32: that id is never given) */
gboolean email_set_next(const EmailSet *set, guint32 from, guint32 *id_out);
/* All ids, ascending; owned by the caller. */
guint32 *email_set_list(const EmailSet *set, guint32 *n_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmailSet, email_set_free)
G_END_DECLS
