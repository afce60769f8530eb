#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "web/web-private.h"

static gboolean fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", path, why);
	return FALSE;
}

/* One token a line; comments and empty lines are left out. */
static GPtrArray *read_tokens(int fd, const char *path, GError **error)
{
	g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *text = g_malloc(LIMIT_SETTINGS_BYTES + 1);
	ssize_t n = read(fd, text, LIMIT_SETTINGS_BYTES);
	if (n < 0) {
		fail(error, path, g_strerror(errno));
		return NULL;
	}
	text[n] = '\0';
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_strstrip(lines[i]);
		if (*lines[i] != '\0' && *lines[i] != '#')
			g_ptr_array_add(tokens, g_strdup(lines[i]));
	}
	return g_steal_pointer(&tokens);
}

gboolean web_tokens_load(Web *web, GError **error)
{
	if (web->token_path == NULL)
		return TRUE;
	int fd = open(web->token_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(error, web->token_path, g_strerror(errno));
	struct stat info;
	gboolean ok;
	if (fstat(fd, &info) != 0) {
		ok = fail(error, web->token_path, g_strerror(errno));
	} else if ((info.st_mode & 07) != 0) {
		ok = fail(error, web->token_path, "others may read or write it; chmod 600");
	} else {
		gint64 mtime = (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
		ok = TRUE;
		if (web->tokens == NULL || mtime != web->tokens_mtime) {
			GPtrArray *tokens = read_tokens(fd, web->token_path, error);
			ok = tokens != NULL;
			if (ok) {
				g_clear_pointer(&web->tokens, g_ptr_array_unref);
				web->tokens = tokens;
				web->tokens_mtime = mtime;
			}
		}
	}
	(void)close(fd);
	return ok;
}

gboolean web_tokens_allow(Web *web, const char *header)
{
	if (header == NULL || g_ascii_strncasecmp(header, "Bearer ", 7) != 0)
		return FALSE;
	const char *token = header + 7;
	token += strspn(token, " ");
	g_mutex_lock(&web->lock);
	/* A file that cannot be read any more allows nobody: the change was meant for something. */
	gboolean allowed = FALSE;
	if (web_tokens_load(web, NULL) && web->tokens != NULL)
		for (guint i = 0; i < web->tokens->len; i++) {
			const char *known = web->tokens->pdata[i];
			allowed |= secret_equal(token, strlen(token), known, strlen(known));
		}
	g_mutex_unlock(&web->lock);
	return allowed;
}
