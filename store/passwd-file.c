#include "store/passwd-file.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/maildir.h"
#include "store/store.h"

G_DEFINE_QUARK(passwd-file-error-quark, passwd_file_error)

/* What crypt(3) is asked for. yescrypt with libcrypt's own default cost. */
#define HASH_PREFIX "$y$"

struct PasswdFile {
	char *path;         /* owned */
	GMutex lock;        /* over all below */
	GPtrArray *lines;   /* of char*, as in the file, without line ends */
	struct stat seen;   /* the file that @lines are of */
	gboolean loaded;
	char *decoy;        /* a hash that no password has: what an unknown user's password is tried on */
};

static gboolean fail_io(GError **error, const char *path, const char *what, int code)
{
	g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_IO, "%s: %s: %s", path, what, g_strerror(code));
	return FALSE;
}

/* -- lines ---------------------------------------------------------------------------------------------------- */

/* The user's name in a line, or NULL: a comment, an empty line, or no ":". The caller frees it. */
static char *line_name(const char *line)
{
	const char *colon = strchr(line, ':');
	return *line == '#' || colon == NULL || colon == line ? NULL : g_strndup(line, (gsize)(colon - line));
}

static char *line_hash(const char *line)
{
	const char *hash = strchr(line, ':') + 1;
	return g_strndup(hash, strcspn(hash, ":"));
}

/* The line of @user, -1 if there is none. */
static gint find(const PasswdFile *file, const char *user)
{
	for (guint i = 0; i < file->lines->len; i++) {
		g_autofree char *name = line_name(file->lines->pdata[i]);
		if (name != NULL && strcmp(name, user) == 0)
			return (gint)i;
	}
	return -1;
}

static gboolean same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads the file if it is another than the one read last. */
static gboolean refresh(PasswdFile *file, GError **error)
{
	struct stat now;
	if (stat(file->path, &now) != 0) {
		int code = errno;
		if (code != ENOENT)
			return fail_io(error, file->path, "cannot be read", code);
		g_ptr_array_set_size(file->lines, 0);
		file->loaded = FALSE;
		return TRUE;
	}
	if (file->loaded && same_file(&now, &file->seen))
		return TRUE;
	g_autofree char *text = NULL;
	g_autoptr(GError) failed = NULL;
	if (!g_file_get_contents(file->path, &text, NULL, &failed)) {
		g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_IO, "%s", failed->message);
		return FALSE;
	}
	g_ptr_array_set_size(file->lines, 0);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++)
		if (lines[i + 1] != NULL || *lines[i] != '\0')
			g_ptr_array_add(file->lines, g_strchomp(g_strdup(lines[i])));
	file->seen = now;
	file->loaded = TRUE;
	return TRUE;
}

/* -- hashes --------------------------------------------------------------------------------------------------- */

static gboolean password_ok(const char *password, GError **error)
{
	gsize len = strlen(password);
	if (len > 0 && len <= LIMIT_PASSWORD && strpbrk(password, "\r\n") == NULL)
		return TRUE;
	g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_PASSWORD,
	            "a password has 1 to %d bytes and no line ends", LIMIT_PASSWORD);
	return FALSE;
}

/* NULL if libcrypt does not take the password or the setting. */
static char *hash_of(const char *password, const char *setting)
{
	struct crypt_data *data = g_new0(struct crypt_data, 1);
	const char *hash = crypt_r(password, setting, data);
	char *copy = hash != NULL && *hash != '*' ? g_strdup(hash) : NULL;
	explicit_bzero(data, sizeof(*data));
	g_free(data);
	return copy;
}

static char *hash_new(const char *password, GError **error)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	char *hash = NULL;
	if (crypt_gensalt_rn(HASH_PREFIX, 0, NULL, 0, setting, sizeof(setting)) != NULL)
		hash = hash_of(password, setting);
	if (hash == NULL)
		g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_PASSWORD, "crypt(3) does not take the password");
	return hash;
}

static gboolean hash_matches(const char *password, const char *stored)
{
	g_autofree char *hash = hash_of(password, stored);
	gsize len = strlen(stored);
	return hash != NULL && len > 0 && strlen(hash) == len && CRYPTO_memcmp(hash, stored, len) == 0;
}

/* -- the file ------------------------------------------------------------------------------------------------- */

PasswdFile *passwd_file_open(const char *path, GError **error)
{
	g_autoptr(PasswdFile) file = g_new0(PasswdFile, 1);
	file->path = g_strdup(path);
	g_mutex_init(&file->lock);
	file->lines = g_ptr_array_new_with_free_func(g_free);
	file->decoy = hash_new("decoy", error);
	if (file->decoy == NULL || !refresh(file, error))
		return NULL;
	/* The last octet changed: no password has it. */
	char *last = file->decoy + strlen(file->decoy) - 1;
	*last = *last == '.' ? '/' : '.';
	return g_steal_pointer(&file);
}

void passwd_file_close(PasswdFile *file)
{
	if (file == NULL)
		return;
	g_mutex_clear(&file->lock);
	g_ptr_array_unref(file->lines);
	g_free(file->path);
	g_free(file->decoy);
	g_free(file);
}

gboolean passwd_file_check(PasswdFile *file, const char *user, const char *password, GError **error)
{
	g_autofree char *hash = NULL;
	g_mutex_lock(&file->lock);
	gboolean ok = refresh(file, error);
	gint i = ok ? find(file, user) : -1;
	if (i >= 0)
		hash = line_hash(file->lines->pdata[i]);
	g_mutex_unlock(&file->lock);
	if (!ok)
		return FALSE;
	if (strlen(password) > LIMIT_PASSWORD)
		return FALSE;
	/* A locked user ("!", "*", nothing) costs the same as an unknown one. */
	gboolean usable = hash != NULL && *hash != '\0' && *hash != '!' && *hash != '*';
	gboolean matches = hash_matches(password, usable ? hash : file->decoy);
	return usable && matches;
}

gboolean passwd_file_has(PasswdFile *file, const char *user, GError **error)
{
	g_mutex_lock(&file->lock);
	gboolean has = refresh(file, error) && find(file, user) >= 0;
	g_mutex_unlock(&file->lock);
	return has;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *passwd_file_list(PasswdFile *file, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_mutex_lock(&file->lock);
	gboolean ok = refresh(file, error);
	for (guint i = 0; ok && i < file->lines->len; i++) {
		char *name = line_name(file->lines->pdata[i]);
		if (name != NULL)
			g_ptr_array_add(names, name);
	}
	g_mutex_unlock(&file->lock);
	if (!ok)
		return NULL;
	g_ptr_array_sort(names, compare_names);
	return g_steal_pointer(&names);
}

static gboolean write_all(int fd, const char *data, gsize len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FALSE;
		data += n;
		len -= (gsize)n;
	}
	return TRUE;
}

static gboolean sync_folder(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autoptr(GError) failure = NULL;
	if (maildir_sync_directory(folder, &failure))
		return TRUE;
	g_set_error_literal(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_IO, failure->message);
	return FALSE;
}

/* Replaces the file by one with the present lines; its mode and owner stay (0600 for a new one). */
static gboolean replace(PasswdFile *file, GError **error)
{
	g_autofree char *fresh = g_strconcat(file->path, ".new", NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	for (guint i = 0; i < file->lines->len; i++)
		g_string_append_printf(text, "%s\n", (const char *)file->lines->pdata[i]);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_io(error, fresh, "cannot be written", errno);
	gboolean ok = write_all(fd, text->str, text->len);
	if (ok && file->loaded)
		ok = fchmod(fd, file->seen.st_mode & 07777) == 0 &&
		     (geteuid() != 0 || fchown(fd, file->seen.st_uid, file->seen.st_gid) == 0);
	ok = ok && fsync(fd) == 0;
	int code = ok ? 0 : errno;
	if (close(fd) != 0 && ok)
		code = errno;
	if (code == 0 && rename(fresh, file->path) != 0)
		code = errno;
	file->loaded = FALSE;
	if (code != 0) {
		(void)unlink(fresh);
		return fail_io(error, fresh, "cannot be written", code);
	}
	return sync_folder(file->path, error);
}

typedef gboolean (*Change)(PasswdFile *file, const char *user, const char *hash, GError **error);

/* Runs @change on the newest lines and writes them, with other processes kept out by a lock on PATH.lock. */
static gboolean change_file(PasswdFile *file, Change change, const char *user, const char *hash, GError **error)
{
	g_autofree char *lock_path = g_strconcat(file->path, ".lock", NULL);
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_io(error, lock_path, "cannot be opened", errno);
	gboolean ok;
	if (flock(fd, LOCK_EX) != 0) {
		ok = fail_io(error, lock_path, "cannot be locked", errno);
	} else {
		g_mutex_lock(&file->lock);
		ok = refresh(file, error) && change(file, user, hash, error) && replace(file, error);
		if (!ok)
			file->loaded = FALSE; /* the lines may be half changed: read them anew */
		g_mutex_unlock(&file->lock);
	}
	(void)close(fd);
	return ok;
}

static gboolean no_user(const char *user, GError **error)
{
	g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_NO_USER, "there is no user %s", user);
	return FALSE;
}

static gboolean change_add(PasswdFile *file, const char *user, const char *hash, GError **error)
{
	if (find(file, user) >= 0) {
		g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_EXISTS, "user %s exists", user);
		return FALSE;
	}
	g_ptr_array_add(file->lines, g_strconcat(user, ":", hash, NULL));
	return TRUE;
}

static gboolean change_set(PasswdFile *file, const char *user, const char *hash, GError **error)
{
	gint i = find(file, user);
	if (i < 0)
		return no_user(user, error);
	char *line = file->lines->pdata[i];
	const char *rest = strchr(strchr(line, ':') + 1, ':');
	file->lines->pdata[i] = g_strconcat(user, ":", hash, rest, NULL);
	g_free(line);
	return TRUE;
}

static gboolean change_delete(PasswdFile *file, const char *user, const char *hash, GError **error)
{
	(void)hash;
	gint i = find(file, user);
	if (i < 0)
		return no_user(user, error);
	g_ptr_array_remove_index(file->lines, (guint)i);
	return TRUE;
}

static gboolean change_with_password(PasswdFile *file, Change change, const char *user, const char *password, GError **error)
{
	if (!store_account_name_ok(user) || strchr(user, ':') != NULL || *user == '#') {
		g_set_error(error, PASSWD_FILE_ERROR, PASSWD_FILE_ERROR_BAD_NAME, "not a user name");
		return FALSE;
	}
	if (!password_ok(password, error))
		return FALSE;
	g_autofree char *hash = hash_new(password, error);
	return hash != NULL && change_file(file, change, user, hash, error);
}

gboolean passwd_file_add(PasswdFile *file, const char *user, const char *password, GError **error)
{
	return change_with_password(file, change_add, user, password, error);
}

gboolean passwd_file_set(PasswdFile *file, const char *user, const char *password, GError **error)
{
	return change_with_password(file, change_set, user, password, error);
}

gboolean passwd_file_delete(PasswdFile *file, const char *user, GError **error)
{
	return change_file(file, change_delete, user, NULL, error);
}
