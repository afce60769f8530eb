/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "indexer/ipc.h"

#include <string.h>

#include "base/limits.h"
#include "indexer/supervisor.h"

static char joe[] = "joe", jose[] = "jo\xc3\xa9", inbox[] = "INBOX/a b", why[] = "why";
static const IpcMessage samples[] = {
	{ .kind = IPC_WAKE, .account = jose },
	{ .kind = IPC_JOB, .id = G_MAXUINT64, .account = joe, .mailbox = inbox },
	{ .kind = IPC_JOB, .id = 1, .account = joe },
	{ .kind = IPC_CANCEL, .id = 77 },
	{ .kind = IPC_STOP },
	{ .kind = IPC_HELLO },
	{ .kind = IPC_COMMITTED, .account = joe, .watermark = G_MAXUINT32, .gone_seq = 1u << 31 },
	{ .kind = IPC_PROGRESS, .id = 3, .state = INDEX_JOB_FAILED, .total = 10, .done = 9, .failed = 1, .reason = why },
	{ .kind = IPC_PROGRESS, .id = 3, .state = INDEX_JOB_RUNNING },
};

static void assert_equal(const IpcMessage *a, const IpcMessage *b)
{
	g_assert_cmpint(a->kind, ==, b->kind);
	g_assert_cmpuint(a->id, ==, b->id);
	g_assert_cmpstr(a->account, ==, b->account);
	g_assert_cmpstr(a->mailbox, ==, b->mailbox);
	g_assert_cmpstr(a->reason, ==, b->reason);
	g_assert_cmpuint(a->watermark, ==, b->watermark);
	g_assert_cmpuint(a->gone_seq, ==, b->gone_seq);
	g_assert_cmpuint(a->state, ==, b->state);
	g_assert_cmpuint(a->total, ==, b->total);
	g_assert_cmpuint(a->done, ==, b->done);
	g_assert_cmpuint(a->failed, ==, b->failed);
}

static void what_is_written_is_read(void)
{
	g_autoptr(GByteArray) wire = g_byte_array_new();
	for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
		g_assert_true(ipc_write(wire, &samples[i]));
	gsize at = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(samples); i++) {
		g_auto(IpcMessage) message = { 0 };
		gssize used = ipc_parse(wire->data + at, wire->len - at, &message, NULL);
		g_assert_cmpint(used, >, 0);
		assert_equal(&message, &samples[i]);
		at += (gsize)used;
	}
	g_assert_cmpuint(at, ==, wire->len);
}

static void part_of_a_message_waits_for_the_rest(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(samples); i++) {
		g_autoptr(GByteArray) wire = g_byte_array_new();
		g_assert_true(ipc_write(wire, &samples[i]));
		for (gsize len = 0; len < wire->len; len++) {
			IpcMessage message;
			GError *error = NULL;
			g_assert_cmpint(ipc_parse(wire->data, len, &message, &error), ==, 0);
			g_assert_no_error(error);
		}
	}
}

static void what_is_no_message_is_refused(void)
{
	static const struct {
		const char *name;
		guint8 octets[16];
		gsize len;
	} cases[] = {
		{ "no room for version and kind", { 1, 0, 0, 0, 1 }, 5 },
		{ "longer than the limit", { 0, 0, 0, 1, 1, IPC_STOP }, 6 },
		{ "another version", { 2, 0, 0, 0, 2, IPC_STOP }, 6 },
		{ "unknown kind", { 2, 0, 0, 0, 1, 99 }, 6 },
		{ "kind 0", { 2, 0, 0, 0, 1, 0 }, 6 },
		{ "surplus octets", { 3, 0, 0, 0, 1, IPC_STOP, 0 }, 7 },
		{ "cut number", { 3, 0, 0, 0, 1, IPC_CANCEL, 1 }, 7 },
		{ "no account", { 4, 0, 0, 0, 1, IPC_WAKE, 0, 0 }, 8 },
		{ "text longer than the message", { 5, 0, 0, 0, 1, IPC_WAKE, 9, 0, 'a' }, 9 },
		{ "NUL in a text", { 5, 0, 0, 0, 1, IPC_WAKE, 1, 0, 0 }, 9 },
		{ "no UTF-8", { 5, 0, 0, 0, 1, IPC_WAKE, 1, 0, 0xff }, 9 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		IpcMessage message;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].name);
		g_assert_cmpint(ipc_parse(cases[i].octets, cases[i].len, &message, &error), ==, -1);
		g_assert_error(error, IPC_ERROR, IPC_ERROR_INVALID);
	}
	g_autoptr(GByteArray) wire = g_byte_array_new();
	g_assert_true(ipc_write(wire, &samples[7]));
	wire->data[4 + 2 + 8] = INDEX_JOB_CANCELLED + 1;
	IpcMessage message;
	g_assert_cmpint(ipc_parse(wire->data, wire->len, &message, NULL), ==, -1);
}

static void long_reasons_are_cut_and_long_names_refused(void)
{
	g_autofree char *text = g_strnfill(100000, 'x');
	g_autoptr(GByteArray) wire = g_byte_array_new();
	IpcMessage progress = { .kind = IPC_PROGRESS, .reason = text };
	g_assert_true(ipc_write(wire, &progress));
	g_assert_cmpuint(wire->len, <, LIMIT_IPC_MESSAGE);
	g_auto(IpcMessage) read = { 0 };
	g_assert_cmpint(ipc_parse(wire->data, wire->len, &read, NULL), ==, wire->len);
	IpcMessage wake = { .kind = IPC_WAKE, .account = text };
	g_assert_false(ipc_write(wire, &wake));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ipc/what_is_written_is_read", what_is_written_is_read);
	g_test_add_func("/ipc/part_of_a_message_waits_for_the_rest", part_of_a_message_waits_for_the_rest);
	g_test_add_func("/ipc/what_is_no_message_is_refused", what_is_no_message_is_refused);
	g_test_add_func("/ipc/long_reasons_are_cut_and_long_names_refused", long_reasons_are_cut_and_long_names_refused);
	return g_test_run();
}
