/* How fast messages become searchable text: the corpus as it is (MAILSIFT_SHARED, or ../shared beside the
 * source), and input that was made to be slow. The aim is 10,000 messages of 10 kB in a CPU second, and
 * linear time for anything. */

#include "store/message-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_seconds(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_folder(const char *corpus, const char *folder)
{
	g_autofree char *path = g_build_filename(corpus, folder, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	gsize size = 0, text_size = 0;
	enum { ROUNDS = 5 };
	for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		char *data;
		gsize len;
		if (!g_file_get_contents(file, &data, &len, NULL))
			continue;
		g_ptr_array_add(messages, g_bytes_new_take(data, len));
		size += len;
	}
	if (messages->len == 0) {
		printf("%-24s not there\n", folder);
		return;
	}
	double start = cpu_seconds();
	for (int round = 0; round < ROUNDS; round++) {
		for (guint i = 0; i < messages->len; i++) {
			gsize len;
			const guint8 *data = g_bytes_get_data(messages->pdata[i], &len);
			g_autoptr(MessageText) text = message_text_new(data, len);
			for (guint j = 0; j < MESSAGE_TEXT_N_SECTIONS; j++)
				text_size += text->section[j]->len;
		}
	}
	double seconds = (cpu_seconds() - start) / ROUNDS;
	printf("%-24s %6u messages of %6.1f kB, text %3.0f %%: %8.0f messages/s, %6.0f MB/s\n", folder,
		messages->len, (double)size / messages->len / 1e3,
		100.0 * (double)text_size / ROUNDS / (double)size, messages->len / seconds,
		(double)size / seconds / 1e6);
}

static void run_hostile(const char *name, const char *start, const char *repeated, gsize size)
{
	g_autoptr(GString) message = g_string_sized_new(size + 100);
	g_string_append(message, start);
	while (message->len < size)
		g_string_append(message, repeated);
	double before = cpu_seconds();
	g_autoptr(MessageText) text = message_text_new((const guint8 *)message->str, message->len);
	g_assert_nonnull(text);
	printf("%-40s %6.1f ns/octet\n", name, (cpu_seconds() - before) * 1e9 / (double)message->len);
}

int main(int argc, char **argv)
{
	static const char *const folders[] = { "ordinary", "torture", "intl", "attachments" };
	static const struct {
		const char *name, *start, *repeated;
	} hostile[] = {
		{ "<", "Content-Type: text/html\n\n", "<" },
		{ "<a", "Content-Type: text/html\n\n", "<a " },
		{ "<p>", "Content-Type: text/html\n\n", "<p>" },
		{ "&", "Content-Type: text/html\n\n", "&" },
		{ "&amp", "Content-Type: text/html\n\n", "&ampx" },
		{ "<!--", "Content-Type: text/html\n\n", "<!--" },
		{ "<script>", "Content-Type: text/html\n\n", "<script></scrip" },
		{ "attributes", "Content-Type: text/html\n\n<a ", "alt=x " },
		{ "header lines", "", "a:\n" },
		{ "encoded words", "Subject: ", "=?utf-8?q?=C3?=\n " },
		{ "=?", "Subject: ", "=?" },
		{ "parameters", "Content-Type: a/b", ";a*=b" },
		{ "multiparts in multiparts", "", "Content-Type: multipart/mixed; boundary=b\n\n--b\n" },
		{ "parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n" },
		{ "lines like delimiters",
			"Content-Type: multipart/mixed; boundary=bbbbbbbb\n\n--bbbbbbbb\n\n", "--bbbbbbb\n" },
		{ "messages in messages", "", "Content-Type: message/rfc822\n\n" },
		{ "base64 of nothing", "Content-Transfer-Encoding: base64\n\n", "\n=" },
		{ "quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\n", "=" },
		{ "not in the charset", "Content-Type: text/plain; charset=euc-jp\n\n", "\xff" },
		{ "iso-2022-jp", "Content-Type: text/plain; charset=iso-2022-jp\n\n", "\x1b$B\x1b(B" },
		{ "U+FDFA", "\n", "\xef\xb7\xba" },
	};
	gsize size = (argc > 1 ? (gsize)strtoul(argv[1], NULL, 10) : 8) << 20;
	const char *shared = g_getenv("MAILSIFT_SHARED"), *source = g_getenv("MAILSIFT_SOURCE");
	g_autofree char *beside = g_build_filename(source != NULL ? source : ".", "..", "shared", NULL);
	g_autofree char *corpus = g_build_filename(shared != NULL ? shared : beside, "corpus", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(folders); i++)
		run_folder(corpus, folders[i]);
	printf("\n%zu MiB of\n", size >> 20);
	for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++)
		run_hostile(hostile[i].name, hostile[i].start, hostile[i].repeated, size);
	/* Each in a charset of its own, as far as there are any. */
	g_autoptr(GString) names = g_string_new(NULL);
	for (guint i = 0; i < 100000; i++)
		g_string_append_printf(names, "=?x-%u?q?a?= ", i);
	run_hostile("unknown charsets", "Subject: ", names->str, names->len);
	return 0;
}
