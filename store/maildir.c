#include "store/maildir.h"

#include "base/limits.h"
#include "base/utf7.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "." in modified UTF-7, although "." need not be encoded: "." divides levels in a folder's name. */
#define ENCODED_DOT "&AC4-"

/* Every file system of ours has NAME_MAX 255. */
#define FOLDER_NAME_MAX 255

#define COPY_BYTES (64 * 1024)

void store_set_errno(GError **error, int saved_errno, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	StoreError kind =
		saved_errno == ENOSPC || saved_errno == EDQUOT                          ? STORE_ERROR_NO_SPACE :
		saved_errno == EMFILE || saved_errno == ENFILE || saved_errno == ENOMEM ? STORE_ERROR_RESOURCES :
											  STORE_ERROR_IO;
	g_set_error(error, STORE_ERROR, (gint)kind, "%s: %s", text, g_strerror(saved_errno));
}

/* -- Names of mailboxes ------------------------------------------------------------------------------------------- */

static gboolean bad_name(GError **error, const char *text)
{
	g_set_error_literal(error, STORE_ERROR, STORE_ERROR_BAD_NAME, text);
	return FALSE;
}

static gboolean check_name(const char *name, gsize len, GError **error)
{
	if (len == 0)
		return bad_name(error, "A mailbox name cannot be empty");
	if (len > LIMIT_MAILBOX_NAME)
		return bad_name(error, "The mailbox name is too long");
	if (!g_utf8_validate(name, (gssize)len, NULL))
		return bad_name(error, "The mailbox name is not valid UTF-8");
	guint levels = 1;
	for (const char *p = name; p < name + len; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
			return bad_name(error, "A mailbox name cannot have control characters");
		if (c == '/' && (p == name || p[1] == '/'))
			return bad_name(error, "A level of the mailbox name is empty");
		if (c == '/')
			levels++;
	}
	if (levels > LIMIT_MAILBOX_LEVELS)
		return bad_name(error, "The mailbox name has too many levels");
	return TRUE;
}

char *maildir_normal_name(const char *name, GError **error)
{
	gsize len = strlen(name);
	if (len > 1 && name[len - 1] == '/')
		len--;
	if (len > 0 && name[len - 1] == '/') {
		(void)bad_name(error, "A level of the mailbox name is empty");
		return NULL;
	}
	if (!check_name(name, len, error))
		return NULL;
	char *normal = g_strndup(name, len);
	/* RFC 9051 5.1: INBOX in any case. */
	if (g_ascii_strncasecmp(normal, "INBOX", 5) == 0 && (normal[5] == '\0' || normal[5] == '/'))
		memcpy(normal, "INBOX", 5);
	return normal;
}

char *maildir_folder_of_name(const char *name, GError **error)
{
	if (strcmp(name, "INBOX") == 0)
		return g_strdup("");
	g_auto(GStrv) levels = g_strsplit(name, "/", -1);
	g_autoptr(GString) folder = g_string_new(NULL);
	for (gsize i = 0; levels[i] != NULL; i++) {
		g_autoptr(GError) failure = NULL;
		g_autofree char *encoded = utf7_encode(levels[i], strlen(levels[i]), &failure);
		if (encoded == NULL) {
			(void)bad_name(error, "The mailbox name is not valid UTF-8");
			return NULL;
		}
		g_string_append_c(folder, '.');
		for (const char *p = encoded; *p != '\0'; p++) {
			if (*p == '.')
				g_string_append(folder, ENCODED_DOT);
			else
				g_string_append_c(folder, *p);
		}
	}
	if (folder->len > FOLDER_NAME_MAX) {
		(void)bad_name(error, "The mailbox name is too long for the file system");
		return NULL;
	}
	return g_string_free(g_steal_pointer(&folder), FALSE);
}

/* One level, with ENCODED_DOTs in it. NULL if it is no modified UTF-7. */
static char *decode_level(const char *level)
{
	g_auto(GStrv) pieces = g_strsplit(level, ENCODED_DOT, -1);
	g_autoptr(GString) decoded = g_string_new(NULL);
	for (gsize i = 0; pieces[i] != NULL; i++) {
		g_autofree char *piece = utf7_decode(pieces[i], strlen(pieces[i]), NULL);
		if (piece == NULL)
			return NULL;
		if (i > 0)
			g_string_append_c(decoded, '.');
		g_string_append(decoded, piece);
	}
	return g_string_free(g_steal_pointer(&decoded), FALSE);
}

char *maildir_name_of_folder(const char *folder)
{
	if (*folder == '\0')
		return g_strdup("INBOX");
	if (*folder != '.')
		return NULL;
	g_auto(GStrv) levels = g_strsplit(folder + 1, ".", -1);
	for (gsize i = 0; levels[i] != NULL; i++) {
		char *decoded = decode_level(levels[i]);
		if (decoded == NULL)
			decoded = g_strdup(levels[i]);
		g_free(levels[i]);
		levels[i] = decoded;
		if (*decoded == '\0' || strchr(decoded, '/') != NULL)
			return NULL;
	}
	g_autofree char *name = g_strjoinv("/", levels);
	char *normal = maildir_normal_name(name, NULL);
	/* Maildir/.INBOX is not the INBOX. */
	if (normal != NULL && strcmp(normal, "INBOX") == 0)
		g_clear_pointer(&normal, g_free);
	return normal;
}

/* -- Names of files ------------------------------------------------------------------------------------------------ */

/* The host's part of names: what the Maildir convention asks for, with "/" and ":" as octal escapes. */
static char *host_part(void)
{
	g_autofree char *host = g_strdup(g_get_host_name());
	g_autoptr(GString) part = g_string_new(NULL);
	for (const char *p = host; *p != '\0' && part->len < 64; p++) {
		if (*p == '/' || *p == ':' || *p == ',' || (guchar)*p <= ' ')
			g_string_append_printf(part, "\\%03o", (guint)(guchar)*p);
		else
			g_string_append_c(part, *p);
	}
	return g_string_free(g_steal_pointer(&part), FALSE);
}

char *maildir_unique_name(MaildirOrigin origin, guint64 file_size, guint64 size)
{
	static gint counter;
	g_autofree char *host = host_part();
	gint64 now_us = g_get_real_time();
	guint64 salt = 0;
	if (getrandom(&salt, sizeof(salt), 0) != (gssize)sizeof(salt))
		salt = ((guint64)g_random_int() << 32) | g_random_int();
	g_autoptr(GString) name = g_string_new(NULL);
	g_string_append_printf(name,
		"%" G_GINT64_FORMAT ".M%" G_GINT64_FORMAT "P%dQ%u%c%016" G_GINT64_MODIFIER "x.%s",
		now_us / G_USEC_PER_SEC, now_us % G_USEC_PER_SEC, (int)getpid(),
		(guint)g_atomic_int_add(&counter, 1), (char)origin, salt, host);
	if (file_size > 0)
		g_string_append_printf(name, ",S=%" G_GUINT64_FORMAT, file_size);
	if (size > 0)
		g_string_append_printf(name, ",W=%" G_GUINT64_FORMAT, size);
	return g_string_free(g_steal_pointer(&name), FALSE);
}

/* The number behind @mark at *@p, which goes on behind it. */
static gboolean take_number(const char **p, char mark, gint64 *number_out)
{
	char *end;
	if (mark != '\0' && *(*p)++ != mark)
		return FALSE;
	if (!g_ascii_isdigit(**p))
		return FALSE;
	*number_out = g_ascii_strtoll(*p, &end, 10);
	*p = end;
	return TRUE;
}

gboolean maildir_parse_unique_name(const char *name, MaildirNameParts *parts_out)
{
	MaildirNameParts parts;
	gint64 useconds, counter;
	const char *p = name;
	if (!take_number(&p, '\0', &parts.made_at) || *p++ != '.' || !take_number(&p, 'M', &useconds) ||
		!take_number(&p, 'P', &parts.pid) || !take_number(&p, 'Q', &counter) ||
		(*p != MAILDIR_ORIGINAL && *p != MAILDIR_COPY))
		return FALSE;
	parts.origin = (MaildirOrigin)*p++;
	for (guint i = 0; i < 16; i++)
		if (!g_ascii_isxdigit(*p++))
			return FALSE;
	g_autofree char *host = host_part();
	if (*p != '.' || !g_str_has_prefix(p + 1, host))
		return FALSE;
	p += 1 + strlen(host);
	if (*p != '\0' && *p != ',' && *p != ':')
		return FALSE;
	*parts_out = parts;
	return TRUE;
}

/* In the order of ASCII, as the convention wants them. */
static const struct {
	char letter;
	MessageFlags flag;
} flag_letters[] = {
	{ 'D', MESSAGE_DRAFT },
	{ 'F', MESSAGE_FLAGGED },
	{ 'R', MESSAGE_ANSWERED },
	{ 'S', MESSAGE_SEEN },
	{ 'T', MESSAGE_DELETED },
};

char *maildir_name_with_flags(const char *base, MessageFlags flags, const char *letters)
{
	g_autoptr(GString) name = g_string_new(base);
	g_string_append(name, ":2,");
	for (gsize i = 0; i < G_N_ELEMENTS(flag_letters); i++)
		if (flags & flag_letters[i].flag)
			g_string_append_c(name, flag_letters[i].letter);
	if (letters != NULL)
		g_string_append(name, letters);
	return g_string_free(g_steal_pointer(&name), FALSE);
}

gsize maildir_base_len(const char *file)
{
	const char *info = strstr(file, ":2,");
	return info != NULL ? (gsize)(info - file) : strlen(file);
}

MessageFlags maildir_flags_of_file(const char *file, guint32 *letters_out)
{
	MessageFlags flags = 0;
	guint32 letters = 0;
	gsize base = maildir_base_len(file);
	/* Dovecot may write ",S=..." behind the flags; they end at the comma. */
	for (const char *p = file[base] != '\0' ? file + base + 3 : ""; *p != '\0' && *p != ','; p++) {
		if (*p >= 'a' && *p <= 'z')
			letters |= 1u << (*p - 'a');
		for (gsize i = 0; i < G_N_ELEMENTS(flag_letters); i++)
			if (*p == flag_letters[i].letter)
				flags |= flag_letters[i].flag;
	}
	if (letters_out != NULL)
		*letters_out = letters;
	return flags;
}

/* -- Files --------------------------------------------------------------------------------------------------------- */

gboolean maildir_sync_file(int fd, const char *path, GError **error)
{
	if (fsync(fd) == 0)
		return TRUE;
	int saved = errno;
	store_set_errno(error, saved, "%s: cannot sync", path);
	return FALSE;
}

int maildir_open_directory(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int saved = errno;
	if (fd < 0)
		store_set_errno(error, saved, "%s: cannot open", path);
	return fd;
}

gboolean maildir_sync_directory(const char *path, GError **error)
{
	int fd = maildir_open_directory(path, error);
	if (fd < 0)
		return FALSE;
	gboolean ok = maildir_sync_file(fd, path, error);
	(void)close(fd);
	return ok;
}

gboolean maildir_is_directory(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

gint64 maildir_mtime_ns(const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return 0;
	return (gint64)status.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + status.st_mtim.tv_nsec;
}

static gboolean make_directory(const char *path, gboolean *made, GError **error)
{
	if (mkdir(path, 0700) == 0) {
		*made = TRUE;
		return TRUE;
	}
	int saved = errno;
	if (saved == EEXIST && maildir_is_directory(path))
		return TRUE;
	store_set_errno(error, saved, "%s: cannot make the folder", path);
	return FALSE;
}

gboolean maildir_make_folder(const char *maildir, const char *folder, GError **error)
{
	static const char *const parts[] = { "", "cur", "new", "tmp" };
	g_autofree char *base = *folder != '\0' ? g_build_filename(maildir, folder, NULL) : g_strdup(maildir);
	gboolean made = FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path = g_build_filename(base, parts[i], NULL);
		if (!make_directory(path, &made, error))
			return FALSE;
	}
	if (*folder != '\0') {
		/* Maildir++: tells a delivery agent that this is a folder, and that the quota is the parent's. */
		g_autofree char *mark = g_build_filename(base, "maildirfolder", NULL);
		int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			(void)close(fd);
	}
	if (!made)
		return TRUE;
	g_autofree char *parent = g_path_get_dirname(base);
	return maildir_sync_directory(base, error) && maildir_sync_directory(parent, error);
}

int maildir_rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS) /* a file system that knows no such flag */
		return -1;
	if (link(from, to) != 0)
		return -1;
	return unlink(from);
}

static gboolean copy_bytes(int source, int target)
{
	g_autofree guint8 *buffer = g_malloc(COPY_BYTES);
	for (;;) {
		gssize got = read(source, buffer, COPY_BYTES);
		if (got == 0)
			return fsync(target) == 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FALSE;
		for (gssize done = 0; done < got;) {
			gssize put = write(target, buffer + done, (gsize)(got - done));
			if (put < 0 && errno != EINTR)
				return FALSE;
			if (put > 0)
				done += put;
		}
	}
}

int maildir_link(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return 0;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	int source = open(from, O_RDONLY | O_CLOEXEC);
	if (source < 0)
		return -1;
	int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gboolean ok = target >= 0 && copy_bytes(source, target);
	int saved = errno;
	(void)close(source);
	if (target >= 0 && close(target) != 0 && ok) {
		saved = errno;
		ok = FALSE;
	}
	if (ok)
		return 0;
	if (target >= 0)
		(void)unlink(to);
	errno = saved;
	return -1;
}

gboolean maildir_read_directory(const char *path, gboolean dots, GPtrArray **names_out, GError **error)
{
	DIR *dir = opendir(path);
	if (dir == NULL) {
		int saved = errno;
		store_set_errno(error, saved, "%s: cannot read", path);
		return FALSE;
	}
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	errno = 0;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && (dots || *name != '.'))
			g_ptr_array_add(names, g_strdup(name));
	}
	int saved = errno;
	(void)closedir(dir);
	if (saved != 0) {
		store_set_errno(error, saved, "%s: cannot read", path);
		return FALSE;
	}
	*names_out = g_steal_pointer(&names);
	return TRUE;
}

gboolean maildir_remove_tree(const char *path, GError **error)
{
	struct stat status;
	if (lstat(path, &status) != 0)
		return TRUE;
	if (S_ISDIR(status.st_mode)) {
		g_autoptr(GPtrArray) names = NULL;
		if (!maildir_read_directory(path, TRUE, &names, error))
			return FALSE;
		for (guint i = 0; i < names->len; i++) {
			g_autofree char *inner = g_build_filename(path, names->pdata[i], NULL);
			if (!maildir_remove_tree(inner, error))
				return FALSE;
		}
	}
	if (remove(path) != 0 && errno != ENOENT) {
		int saved = errno;
		store_set_errno(error, saved, "%s: cannot remove", path);
		return FALSE;
	}
	return TRUE;
}
