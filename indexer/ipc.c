/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/ipc.h"

#include <string.h>

#include "base/limits.h"
#include "indexer/supervisor.h"

#define LENGTH_OCTETS 4
#define REASON_MAX 1024

G_DEFINE_QUARK(mailsift-ipc-error-quark, ipc_error)

/* Which members a kind has, in order. */
typedef enum { M_END, M_ID, M_ACCOUNT, M_MAILBOX, M_WATERMARK, M_GONE_SEQ, M_STATE, M_TOTAL, M_DONE, M_FAILED, M_REASON } Member;
#define MAX_MEMBERS 7

static const Member *members_of(IpcKind kind)
{
	static const struct {
		IpcKind kind;
		Member members[MAX_MEMBERS];
	} kinds[] = {
		{ IPC_WAKE, { M_ACCOUNT } },
		{ IPC_JOB, { M_ID, M_ACCOUNT, M_MAILBOX } },
		{ IPC_CANCEL, { M_ID } },
		{ IPC_STOP, { M_END } },
		{ IPC_HELLO, { M_END } },
		{ IPC_COMMITTED, { M_ACCOUNT, M_WATERMARK, M_GONE_SEQ } },
		{ IPC_PROGRESS, { M_ID, M_STATE, M_TOTAL, M_DONE, M_FAILED, M_REASON } },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].members;
	return NULL;
}

void ipc_message_clear(IpcMessage *message)
{
	g_clear_pointer(&message->account, g_free);
	g_clear_pointer(&message->mailbox, g_free);
	g_clear_pointer(&message->reason, g_free);
}

static void put_number(GByteArray *out, guint64 number, gsize octets)
{
	number = GUINT64_TO_LE(number);
	g_byte_array_append(out, (const guint8 *)&number, (guint)octets);
}

static void put_text(GByteArray *out, const char *text)
{
	gsize len = text == NULL ? 0 : strlen(text);
	put_number(out, len, 2);
	g_byte_array_append(out, (const guint8 *)text, (guint)len);
}

static gboolean text_fits(const char *text)
{
	return text == NULL || (strlen(text) <= G_MAXUINT16 / 4 && g_utf8_validate(text, -1, NULL));
}

static void put_member(GByteArray *out, Member member, const IpcMessage *message)
{
	switch (member) {
	case M_ID:
		put_number(out, message->id, 8);
		break;
	case M_ACCOUNT:
		put_text(out, message->account);
		break;
	case M_MAILBOX:
		put_text(out, message->mailbox);
		break;
	case M_WATERMARK:
		put_number(out, message->watermark, 4);
		break;
	case M_GONE_SEQ:
		put_number(out, message->gone_seq, 8);
		break;
	case M_STATE:
		put_number(out, message->state, 1);
		break;
	case M_TOTAL:
		put_number(out, message->total, 8);
		break;
	case M_DONE:
		put_number(out, message->done, 8);
		break;
	case M_FAILED:
		put_number(out, message->failed, 8);
		break;
	case M_REASON: {
		g_autofree char *valid = g_utf8_make_valid(message->reason == NULL ? "" : message->reason, -1);
		if (strlen(valid) > REASON_MAX)
			*g_utf8_find_prev_char(valid, valid + REASON_MAX) = '\0';
		put_text(out, valid);
		break;
	}
	case M_END:
		break;
	}
}

gboolean ipc_write(GByteArray *out, const IpcMessage *message)
{
	const Member *members = members_of(message->kind);
	g_assert(members != NULL);
	if (!text_fits(message->account) || !text_fits(message->mailbox))
		return FALSE;
	guint start = out->len;
	put_number(out, 0, LENGTH_OCTETS);
	put_number(out, IPC_VERSION, 1);
	put_number(out, message->kind, 1);
	for (gsize i = 0; i < MAX_MEMBERS && members[i] != M_END; i++)
		put_member(out, members[i], message);
	guint32 length = GUINT32_TO_LE(out->len - start - LENGTH_OCTETS);
	memcpy(out->data + start, &length, LENGTH_OCTETS);
	return TRUE;
}

typedef struct {
	const guint8 *at, *end;
	gboolean bad;
} Reader;

static guint64 get_number(Reader *reader, gsize octets)
{
	guint64 number = 0;
	if (reader->bad || (gsize)(reader->end - reader->at) < octets) {
		reader->bad = TRUE;
		return 0;
	}
	memcpy(&number, reader->at, octets);
	reader->at += octets;
	return GUINT64_FROM_LE(number);
}

/* Owned; NULL for the empty text. */
static char *get_text(Reader *reader)
{
	gsize len = get_number(reader, 2);
	if (reader->bad || (gsize)(reader->end - reader->at) < len ||
		!g_utf8_validate((const char *)reader->at, (gssize)len, NULL)) {
		reader->bad = TRUE;
		return NULL;
	}
	char *text = len == 0 ? NULL : g_strndup((const char *)reader->at, len);
	reader->at += len;
	return text;
}

static void get_member(Reader *reader, Member member, IpcMessage *message)
{
	switch (member) {
	case M_ID:
		message->id = get_number(reader, 8);
		break;
	case M_ACCOUNT:
		message->account = get_text(reader);
		reader->bad |= message->account == NULL;
		break;
	case M_MAILBOX:
		message->mailbox = get_text(reader);
		break;
	case M_WATERMARK:
		message->watermark = (guint32)get_number(reader, 4);
		break;
	case M_GONE_SEQ:
		message->gone_seq = get_number(reader, 8);
		break;
	case M_STATE:
		message->state = (guint8)get_number(reader, 1);
		reader->bad |= message->state > INDEX_JOB_CANCELLED;
		break;
	case M_TOTAL:
		message->total = get_number(reader, 8);
		break;
	case M_DONE:
		message->done = get_number(reader, 8);
		break;
	case M_FAILED:
		message->failed = get_number(reader, 8);
		break;
	case M_REASON:
		message->reason = get_text(reader);
		break;
	case M_END:
		break;
	}
}

gssize ipc_parse(const guint8 *data, gsize len, IpcMessage *message_out, GError **error)
{
	Reader reader = { data, data + len, FALSE };
	guint64 length = get_number(&reader, LENGTH_OCTETS);
	if (reader.bad)
		return 0;
	if (length < 2 || length > LIMIT_IPC_MESSAGE) {
		g_set_error(error, IPC_ERROR, IPC_ERROR_INVALID, "a message of %" G_GUINT64_FORMAT " octets", length);
		return -1;
	}
	if ((gsize)(reader.end - reader.at) < length)
		return 0;
	reader.end = reader.at + length;
	guint64 version = get_number(&reader, 1);
	IpcMessage message = { .kind = (IpcKind)get_number(&reader, 1) };
	if (version != IPC_VERSION) {
		g_set_error(error, IPC_ERROR, IPC_ERROR_INVALID, "a message of version %u", (guint)version);
		return -1;
	}
	const Member *members = members_of(message.kind);
	if (members == NULL) {
		g_set_error(error, IPC_ERROR, IPC_ERROR_INVALID, "a message of unknown kind %u", (guint)message.kind);
		return -1;
	}
	for (gsize i = 0; i < MAX_MEMBERS && members[i] != M_END; i++)
		get_member(&reader, members[i], &message);
	if (reader.bad || reader.at != reader.end) {
		ipc_message_clear(&message);
		g_set_error(error, IPC_ERROR, IPC_ERROR_INVALID, "a malformed message of kind %u", (guint)message.kind);
		return -1;
	}
	*message_out = message;
	return (gssize)(LENGTH_OCTETS + length);
}
