/* What fuzzy.c and fuzzy-text.c share. */
#pragma once
#include "indexer/fuzzy-text.h"
G_BEGIN_DECLS

/* Grades that a matcher remembers, and of how long words. */
#define FUZZY_CACHED 2048
#define FUZZY_CACHED_OCTETS 29

typedef struct {
	guint8 len; /* 0: free */
	guint8 word, grade;
	char octets[FUZZY_CACHED_OCTETS];
} FuzzyCached;

struct FuzzyNeedle {
	guint n;
	FuzzyWord *words;   /* owned */
	GMutex lock;        /* of idle */
	FuzzyMatcher *idle; /* owned */
};

struct FuzzyMatcher {
	FuzzyNeedle *needle; /* whose it is */
	FuzzyMatcher *next;  /* in needle->idle */
	FuzzyStems *stems;   /* owned */
	FuzzyCached cache[FUZZY_CACHED];
};

/* The grade of a word of a text for word @w of the needle. */
FuzzyGrade fuzzy_matcher_grade(FuzzyMatcher *matcher, guint w, const char *word, gsize len);

G_END_DECLS
