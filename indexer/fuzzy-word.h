/* When a word of a text is one that a FUZZY key looks for (RFC 6203). These rules are normative; fuzzy.h says how words make a match of a key.
 *
 * A word is a maximal run of letters, digits and marks (Unicode's general categories L, N and M) in folded text (base/fold.h). Its plain form: marks
 * fall away whose canonical combining class is 10-36 or 200 and above (accents, Arabic and Hebrew points; not the vowel signs of Indic
 * and Thai script), letters are lower case, and a few letters that Unicode does not decompose are written as
 * others are (U+00DF as "ss", U+00E6 "ae", U+0153 "oe", U+00F8 "o", U+0142 "l", U+0111 "d", U+0131 "i"). Letters are counted in the plain form.
 *
 * A text's word t matches the word w that is looked for if, in the order of how good that is:
 *
 *   WHOLE       t is w
 *   DIACRITICS  both have the same plain form
 *   STEM        both have the same stem, without diacritics, by one of the stemmers below, and begin with the same 3 letters (2 if one of them has fewer
 *               than 5), and neither has a digit. English: both have 3 letters or more; other languages: 4
 *   PART        w's octets are in t: what the exact key finds too
 *   TYPO_1, _2  the plain forms are one, or two, apart, counting each letter left out, put in or exchanged for another, and each two
 *               neighbours that change places (optimal string alignment), and neither has a digit. How many may be: none if w has up to 3 letters, 1 up to 7, 2 above
 *
 * A word that looks like none of these is none of them: words of more than FUZZY_LETTERS_MAX letters or FUZZY_OCTETS_MAX octets, on either side, and words w with
 * letters of scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, and Korean, whose
 * syllables are too dense for typos) match as WHOLE and PART only. So do bytes that are no UTF-8, which end a word (folded text has none).
 *
 * There is no setting for languages: it would change what an answer is. The words of a message are not looked at by its language,
 * for hardly any mail says it; what one stemmer takes for the same word is the same. */
#pragma once
#include <glib.h>
#include <string.h>
G_BEGIN_DECLS

typedef enum {
	FUZZY_WHOLE,
	FUZZY_DIACRITICS,
	FUZZY_STEM,
	FUZZY_PART,
	FUZZY_TYPO_1,
	FUZZY_TYPO_2,
	FUZZY_NONE,
} FuzzyGrade;

#define FUZZY_LETTERS_MAX 32
#define FUZZY_OCTETS_MAX 128

/* What words are compared by. */
typedef struct {
	gunichar letters[FUZZY_LETTERS_MAX]; /* the plain form */
	guint n;            /* of them; 0: the word has no plain form */
	gboolean has_digit;
	gboolean is_dense;  /* has letters of a script without spaces */
	guint64 mask;       /* a bit for each letter that is in it, by its last six bits */
} FuzzyPlain;
void fuzzy_plain_init(FuzzyPlain *plain, const char *word, gsize len);

/* The next word at or behind *at of @len octets at @text; FALSE: there is none. *at is set behind it. */
gboolean fuzzy_next_word(const char *text, gsize len, gsize *at, const char **word_out, gsize *word_len_out);

/* By optimal string alignment; @limit + 1 if it is more than that. */
guint fuzzy_distance(const FuzzyPlain *a, const FuzzyPlain *b, guint limit);

/* The stemmers, and what they said last; for one thread. */
typedef struct FuzzyStems FuzzyStems;
FuzzyStems *fuzzy_stems_new(void);
void fuzzy_stems_free(FuzzyStems *stems);
/* Whether the words have a stem in common by the rule above. */
gboolean fuzzy_stems_equal(FuzzyStems *stems, const FuzzyPlain *a, const char *a_word, gsize a_len, const FuzzyPlain *b,
                           const char *b_word, gsize b_len);

/* One word that is looked for. Never changes: any thread may read it. */
typedef struct {
	char *text;  /* owned, folded */
	gsize len;
	FuzzyPlain plain; /* n == 0: only WHOLE and PART */
	guint typos; /* that it may have */
} FuzzyWord;
void fuzzy_word_init(FuzzyWord *word, const char *text, gsize len);
void fuzzy_word_clear(FuzzyWord *word);

/* The grade of the word at @text. */
FuzzyGrade fuzzy_word_grade(const FuzzyWord *word, FuzzyStems *stems, const char *text, gsize len);

/* The mask of a plain form of ASCII letters and digits. */
static inline guint64 fuzzy_ascii_mask(const char *term, gsize len)
{
	guint64 mask = 0;
	for (gsize i = 0; i < len; i++)
		mask |= G_GUINT64_CONSTANT(1) << (((guchar)term[i] | 0x20) & 63);
	return mask;
}

/* Whether the grade of the word @term, all of it ASCII letters and digits, can be other than NONE and PART: cheap, and nearly always no. */
static inline gboolean fuzzy_word_may_match_ascii(const FuzzyWord *word, const char *term, gsize len, guint64 mask)
{
	const FuzzyPlain *plain = &word->plain;
	if (plain->n == 0)
		return len == word->len && memcmp(term, word->text, len) == 0;
	/* An edit changes the set of letters by two at most. */
	gsize apart = len > plain->n ? len - plain->n : plain->n - len;
	if (apart <= word->typos && __builtin_popcountll(mask ^ plain->mask) <= 2 * (int)word->typos)
		return TRUE;
	/* The first two letters of equal stems are equal. */
	return len >= 3 && plain->n >= 3 && ((guchar)term[0] | 0x20) == plain->letters[0] && ((guchar)term[1] | 0x20) == plain->letters[1];
}

G_END_DECLS
