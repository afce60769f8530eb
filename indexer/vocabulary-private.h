/* What vocabulary.c (reading) and vocabulary-writer.c share. The files are described in vocabulary-writer.c. */
#pragma once
#include "indexer/index-file.h"
#include "indexer/terms.h"
#include "indexer/vocabulary.h"
G_BEGIN_DECLS

#define VOCABULARY_MAGIC "msvocab1"
#define VOCABULARY_SECTIONS (sizeof(TERM_PREFIXES) - 1)

typedef struct {
	guint64 offset, len; /* of the section of each of TERM_PREFIXES; begins and ends with a LF */
} VocabularySection;
typedef struct {
	char magic[8];
	guint32 crc;         /* of all that follows the header */
	guint32 sections;    /* VOCABULARY_SECTIONS */
	VocabularySection section[VOCABULARY_SECTIONS];
} VocabularyHeader;

char *vocabulary_base_path(const char *dir, guint32 number);
char *vocabulary_delta_path(const char *dir, guint32 number);

/* The terms of a prefix in the base, "\nterm\nterm\n"; borrowed; empty if there is no base. */
void vocabulary_base(const VocabularyView *view, char prefix, const char **data_out, gsize *len_out);
/* The delta, "\nPterm\nPterm\n" with P the prefix, unsorted. */
void vocabulary_delta(const VocabularyView *view, const char **data_out, gsize *len_out);
/* Where @term begins in a section of a base; NULL: it is not there. */
const char *vocabulary_base_find(const char *data, gsize data_len, const char *term, gsize len);

G_END_DECLS
