/* Replays a corpus through a fuzzer without libFuzzer: with any compiler, in `make check`, and under a debugger.
 *
 *     replay-NAME             every file of SOURCE/tests/data/fuzz/NAME (SOURCE from MAILSIFT_SOURCE), as TAP
 *     replay-NAME FILE...     these files, or all of a folder
 *
 * Each input is given to LLVMFuzzerTestOneInput() in a block of its exact size, so that a sanitizer sees a read past it.
 * An input that is refused ends the process; the line before names it. */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static void collect(const char *path, GPtrArray *files)
{
	if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
		g_ptr_array_add(files, g_strdup(path));
		return;
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
	if (dir == NULL) {
		printf("Bail out! %s\n", error->message);
		exit(EXIT_FAILURE);
	}
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		collect(inner, files);
	}
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* FALSE when the file cannot be read. */
static gboolean replay(const char *path)
{
	g_autofree char *text = NULL;
	gsize len = 0;
	if (!g_file_get_contents(path, &text, &len, NULL))
		return FALSE;
	/* g_file_get_contents() adds a NUL, which would hide a read of one byte too many. */
	g_autofree guint8 *data = g_memdup2(text, len);
	static const guint8 nothing[1] = { 0 };
	(void)LLVMFuzzerTestOneInput(data != NULL ? data : nothing, len);
	return TRUE;
}

/* SOURCE/tests/data/fuzz/NAME for a program called replay-NAME. */
static char *default_corpus(const char *program)
{
	g_autofree char *name = g_path_get_basename(program);
	const char *source = g_getenv("MAILSIFT_SOURCE");
	const char *fuzzer = g_str_has_prefix(name, "replay-") ? name + strlen("replay-") : name;
	return g_build_filename(source != NULL ? source : ".", "tests", "data", "fuzz", fuzzer, NULL);
}

int main(int argc, char **argv)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	if (LLVMFuzzerInitialize != NULL)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		collect(argv[i], files);
	if (argc < 2) {
		g_autofree char *corpus = default_corpus(argv[0]);
		if (!g_file_test(corpus, G_FILE_TEST_IS_DIR)) {
			printf("1..0 # SKIP no corpus in %s\n", corpus);
			return EXIT_SUCCESS;
		}
		collect(corpus, files);
	}
	g_ptr_array_sort(files, compare_paths);
	printf("1..%u\n", files->len);
	gboolean all = TRUE;
	for (guint i = 0; i < files->len; i++) {
		const char *path = files->pdata[i];
		g_autofree char *name = g_path_get_basename(path);
		printf("# %s\n", path);
		fflush(stdout);
		gboolean ok = replay(path);
		printf("%sok %u - %s\n", ok ? "" : "not ", i + 1, name);
		all = all && ok;
	}
	return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
