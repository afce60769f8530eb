/* The searchable text of a message: the one function that says what a message says (rules: store/README).
 * Used by the indexer, by the matcher of messages that are not indexed yet, and by the admin's `text`
 * command. Pure: no I/O, any thread. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

/* Part of the index's version: raise it with every change of what comes out. */
#define MESSAGE_TEXT_VERSION 1

typedef enum {
	MESSAGE_TEXT_HEADER,
	MESSAGE_TEXT_PARTS,
	MESSAGE_TEXT_BODY,
	MESSAGE_TEXT_N_SECTIONS
} MessageTextSection;

typedef struct {
	GString *section[MESSAGE_TEXT_N_SECTIONS]; /* owned; folded lines, each ended by LF */
} MessageText;

/* Never fails: any octets have a text. Time is linear in @size; memory at most a few times @size. */
MessageText *message_text_new(const guint8 *data, gsize size);
void message_text_free(MessageText *text);

/* Where a search string is looked for. */
typedef enum { TEXT_SCOPE_TEXT, TEXT_SCOPE_BODY, TEXT_SCOPE_HEADER /* one named field */ } TextScope;

/* The matcher used by scan, verification and tail alike. @field: the folded field name for TEXT_SCOPE_HEADER,
 * else NULL. @needle: folded (may be empty, no LF). The sections are (pointer, length) pairs in the order of
 * MessageTextSection, so that mapped text can be matched too. */
typedef struct {
	const char *data;
	gsize len;
} TextSpan;
gboolean message_text_match(const TextSpan sections[MESSAGE_TEXT_N_SECTIONS], TextScope scope,
	const char *field, gsize field_len, const char *needle, gsize needle_len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MessageText, message_text_free)
G_END_DECLS
