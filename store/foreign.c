#include "store/foreign.h"

#include "store/maildir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A million messages have 100 MB of uidlist. */
#define FILE_MAX_BYTES (512 * 1024 * 1024)

typedef struct {
	const char *p, *end;
} Lines;

/* The next line without its end; FALSE at the end. */
static gboolean next_line(Lines *lines, const char **line_out, gsize *len_out)
{
	if (lines->p == lines->end)
		return FALSE;
	const char *lf = memchr(lines->p, '\n', (gsize)(lines->end - lines->p));
	const char *stop = lf != NULL ? lf : lines->end;
	*line_out = lines->p;
	*len_out = (gsize)(stop - lines->p);
	if (*len_out > 0 && stop[-1] == '\r')
		(*len_out)--;
	lines->p = lf != NULL ? lf + 1 : lines->end;
	return TRUE;
}

/* A decimal number of 32 bits at the start of a line, which is cut off, with the spaces behind. */
static gboolean take_number(const char **line, gsize *len, guint32 *number_out)
{
	guint64 number = 0;
	gsize i = 0;
	for (; i < *len && g_ascii_isdigit((*line)[i]); i++) {
		number = number * 10 + (guint64)((*line)[i] - '0');
		if (number > G_MAXUINT32)
			return FALSE;
	}
	if (i == 0)
		return FALSE;
	while (i < *len && (*line)[i] == ' ')
		i++;
	*line += i;
	*len -= i;
	*number_out = (guint32)number;
	return TRUE;
}

static void read_header(ForeignUids *uids, const char *line, gsize len, guint32 version)
{
	guint32 uidvalidity = 0, uidnext = 0;
	if (version == 1) {
		if (!take_number(&line, &len, &uidvalidity) || !take_number(&line, &len, &uidnext))
			return;
	} else if (version == 3) {
		while (len > 0) {
			char key = *line++;
			len--;
			guint32 number;
			if ((key == 'V' || key == 'N') && take_number(&line, &len, &number)) {
				if (key == 'V')
					uidvalidity = number;
				else
					uidnext = number;
				continue;
			}
			while (len > 0 && *line != ' ') {
				line++;
				len--;
			}
			while (len > 0 && *line == ' ') {
				line++;
				len--;
			}
		}
	}
	if (uidvalidity > 0 && uidnext > 0) {
		uids->uidvalidity = uidvalidity;
		uids->uidnext = uidnext;
	}
}

ForeignUids *foreign_parse_uids(const char *data, gsize len)
{
	ForeignUids *uids = g_new0(ForeignUids, 1);
	uids->uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	Lines lines = { data, data + len };
	const char *line;
	gsize n;
	guint32 version, uid;
	if (!next_line(&lines, &line, &n) || !take_number(&line, &n, &version))
		return uids;
	read_header(uids, line, n, version);
	g_autoptr(GHashTable) taken = g_hash_table_new(g_direct_hash, g_direct_equal);
	while (uids->uidvalidity > 0 && next_line(&lines, &line, &n)) {
		if (!take_number(&line, &n, &uid) || uid == 0 || uid >= uids->uidnext ||
			g_hash_table_contains(taken, GUINT_TO_POINTER(uid)))
			continue;
		if (version == 3) { /* extensions: "W1394 S1355 :name" */
			const char *colon = n > 0 && *line == ':' ? line : memmem(line, n, " :", 2);
			if (colon == NULL)
				continue;
			gsize skip = (gsize)(colon - line) + (*colon == ':' ? 1 : 2);
			line += skip;
			n -= skip;
		}
		if (memchr(line, '\0', n) != NULL)
			continue;
		g_autofree char *name = g_strndup(line, n);
		gsize base = maildir_base_len(name);
		if (base == 0)
			continue;
		name[base] = '\0';
		(void)g_hash_table_add(taken, GUINT_TO_POINTER(uid));
		(void)g_hash_table_insert(uids->uids, g_steal_pointer(&name), GUINT_TO_POINTER(uid));
	}
	return uids;
}

void foreign_uids_free(ForeignUids *uids)
{
	if (uids == NULL)
		return;
	g_hash_table_unref(uids->uids);
	g_free(uids);
}

GPtrArray *foreign_parse_keywords(const char *data, gsize len)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_set_size(names, FOREIGN_KEYWORDS);
	Lines lines = { data, data + len };
	const char *line;
	gsize n;
	guint32 number;
	while (next_line(&lines, &line, &n)) {
		if (!take_number(&line, &n, &number) || number >= FOREIGN_KEYWORDS || n == 0 ||
			memchr(line, '\0', n) != NULL)
			continue;
		g_free(names->pdata[number]);
		names->pdata[number] = g_strndup(line, n);
	}
	return names;
}

GPtrArray *foreign_parse_subscriptions(const char *data, gsize len, ForeignKind kind)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	Lines lines = { data, data + len };
	const char *line;
	gsize n;
	gboolean tabs = kind == FOREIGN_DOVECOT && len >= 3 && memcmp(data, "V\t2", 3) == 0;
	for (gboolean first = TRUE; next_line(&lines, &line, &n); first = FALSE) {
		if (n == 0 || memchr(line, '\0', n) != NULL || (tabs && first))
			continue;
		g_autofree char *text = g_strndup(line, n);
		if (tabs)
			(void)g_strdelimit(text, "\t", '.');
		const char *rest = kind == FOREIGN_COURIER && g_str_has_prefix(text, "INBOX.")
			? text + strlen("INBOX.")
			: text;
		g_autofree char *folder =
			strcmp(rest, "INBOX") == 0 ? g_strdup("") : g_strconcat(".", rest, NULL);
		char *name = maildir_name_of_folder(folder);
		if (name != NULL)
			g_ptr_array_add(names, name);
	}
	return names;
}

char *foreign_read(const char *folder, const char *name, gsize *len_out)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	struct stat status;
	char *data = NULL;
	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX_BYTES ||
		!g_file_get_contents(path, &data, len_out, NULL))
		return NULL;
	return data;
}

ForeignUids *foreign_read_uids(const char *folder)
{
	static const char *const files[] = { "dovecot-uidlist", "courierimapuiddb" };
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		gsize len;
		g_autofree char *text = foreign_read(folder, files[i], &len);
		if (text == NULL)
			continue;
		ForeignUids *uids = foreign_parse_uids(text, len);
		if (uids->uidvalidity > 0)
			return uids;
		foreign_uids_free(uids);
	}
	return NULL;
}
