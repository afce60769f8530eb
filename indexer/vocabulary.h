/* The vocabulary: all terms of the index as sorted, contiguous, mapped bytes, so that the terms that contain a string are found by a plain search of
 * memory. Derived from the database; it may have terms that are in no document any more, but never lacks one that is in the
 * commit it belongs to. Files: vocabulary-writer.c.
 *
 * A VocabularyView is what one commit holds: it never changes, any thread may read it. Errors: INDEX_FILE_ERROR (index-file.h). */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Part of the index's version: raise it with every change of the files. */
#define VOCABULARY_VERSION 1

/* What is valid in the files: in the index's state. */
typedef struct {
	gboolean present;    /* FALSE: the files lack terms and are not to be used */
	guint32 number;      /* of the files; a new one with every new base */
	guint64 base_bytes;  /* 0: there is no base */
	guint64 delta_bytes; /* 0: no delta */
} VocabularyState;

typedef enum { VOCABULARY_CONTAINS, VOCABULARY_PREFIX, VOCABULARY_SUFFIX } VocabularyMatch;

typedef struct VocabularyView VocabularyView;
/* @state must be present. @previous (may be NULL): an older view of the same folder, whose mappings are used again. */
VocabularyView *vocabulary_view_open(
	const char *dir, const VocabularyState *state, const VocabularyView *previous, GError **error);
VocabularyView *vocabulary_view_ref(VocabularyView *view);
void vocabulary_view_unref(VocabularyView *view);

/* Appends to @terms (the form of FtTerms) the terms with a prefix in @prefixes (letters) that contain, begin or end with the @len octets at @token (not empty),
 * a few of them perhaps twice. *n_out: how many. FALSE: there are more than @max_terms, and @terms has some of them. */
gboolean vocabulary_find(const VocabularyView *view, const char *prefixes, VocabularyMatch match, const char *token, gsize len,
                         guint max_terms, GByteArray *terms, guint *n_out);
/* Bytes that such a search reads at most. */
guint64 vocabulary_bytes(const VocabularyView *view, const char *prefixes);
gboolean vocabulary_has(const VocabularyView *view, char prefix, const char *term, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VocabularyView, vocabulary_view_unref)
G_END_DECLS
