#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "web/web-private.h"

/* What RFC 6750 2.1 lets a token be made of; and the least that cannot be guessed over a fast loopback. */
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
#define TOKEN_MIN 16

static gboolean fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "[http] token_file: %s: %s", path, why);
	return FALSE;
}

static void wipe(gpointer data)
{
	char *text = data;
	explicit_bzero(text, strlen(text));
	g_free(text);
}

/* The whole file, NUL behind it. NULL and @error. */
static char *read_all(int fd, const char *path, GError **error)
{
	char *text = g_malloc0(LIMIT_SETTINGS_BYTES + 1);
	gsize len = 0;
	for (;;) {
		ssize_t n = read(fd, text + len, LIMIT_SETTINGS_BYTES + 1 - len);
		int code = errno;
		if (n < 0 && code == EINTR)
			continue;
		len += (gsize)MAX(n, 0);
		if (n == 0)
			break;
		if (n < 0 || len > LIMIT_SETTINGS_BYTES) {
			fail(error, path, n < 0 ? g_strerror(code) : "the file is too large");
			explicit_bzero(text, len);
			g_free(text);
			return NULL;
		}
	}
	text[len] = '\0';
	return text;
}

/* One token a line; comments and empty lines are left out. Cuts @text to pieces. */
static GPtrArray *parse_tokens(char *text, const char *path, GError **error)
{
	g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(wipe);
	guint number = 0;
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		g_strstrip(line);
		if (*line == '\0' || *line == '#')
			continue;
		const char *why = line[strspn(line, TOKEN_CHARACTERS)] != '\0'
			? "a token has letters, digits and -._~+/= only"
			: strlen(line) < TOKEN_MIN ? "a token needs 16 characters or more"
						   : NULL;
		if (why != NULL) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "[http] token_file: %s:%u: %s",
				path, number, why);
			return NULL;
		}
		g_ptr_array_add(tokens, g_strdup(line));
	}
	if (tokens->len > 0)
		return g_steal_pointer(&tokens);
	fail(error, path, "there is no token in it");
	return NULL;
}

static gboolean same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads @fd, which is @path, unless it is what was read last. */
static gboolean load(Web *web, int fd, const char *path, GError **error)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		return fail(error, path, g_strerror(errno));
	if ((info.st_mode & 07) != 0)
		return fail(error, path, "others may read or write it; chmod 600");
	if (web->tokens != NULL && same_file(&info, &web->tokens_seen))
		return TRUE;
	char *text = read_all(fd, path, error);
	if (text == NULL)
		return FALSE;
	gsize len = strlen(text);
	GPtrArray *tokens = parse_tokens(text, path, error);
	explicit_bzero(text, len);
	g_free(text);
	if (tokens == NULL)
		return FALSE;
	g_clear_pointer(&web->tokens, g_ptr_array_unref);
	web->tokens = tokens;
	web->tokens_seen = info;
	return TRUE;
}

gboolean web_tokens_load(Web *web, GError **error)
{
	if (web->token_path == NULL)
		return TRUE;
	int fd = open(web->token_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(error, web->token_path, g_strerror(errno));
	gboolean ok = load(web, fd, web->token_path, error);
	(void)close(fd);
	return ok;
}

/* A file that cannot be used any more allows nobody, since the change was meant for something; the log says
 * so, once. */
static gboolean reload(Web *web)
{
	g_autoptr(GError) error = NULL;
	gboolean ok = web_tokens_load(web, &error);
	if (!ok && g_strcmp0(error->message, web->tokens_complaint) != 0)
		log_error("http.tokens.failed", LOG_GERROR("error", error));
	g_clear_pointer(&web->tokens_complaint, g_free);
	if (!ok)
		web->tokens_complaint = g_strdup(error->message);
	return ok;
}

gboolean web_tokens_allow(Web *web, const char *header)
{
	if (header == NULL || g_ascii_strncasecmp(header, "Bearer ", 7) != 0)
		return FALSE;
	const char *token = header + 7;
	token += strspn(token, " ");
	g_mutex_lock(&web->lock);
	gboolean allowed = FALSE;
	if (reload(web) && web->tokens != NULL)
		for (guint i = 0; i < web->tokens->len; i++) {
			const char *known = web->tokens->pdata[i];
			allowed |= secret_equal(token, strlen(token), known, strlen(known));
		}
	g_mutex_unlock(&web->lock);
	return allowed;
}

void web_tokens_clear(Web *web)
{
	g_clear_pointer(&web->tokens, g_ptr_array_unref);
	g_clear_pointer(&web->tokens_complaint, g_free);
}
