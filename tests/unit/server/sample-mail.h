/* The sample messages, for tests that hold for any mail. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef void (*SampleFunc)(const char *name, GBytes *message, gpointer data);

/* Calls @func for each message of tests/data/mail, and of ../shared/corpus/torture where that is there, in
 * CRLF form. At least one. */
void sample_mail_foreach(SampleFunc func, gpointer data);

/* The text with each lone LF made CRLF. */
GBytes *crlf_of(const char *text, gsize len);

G_END_DECLS
