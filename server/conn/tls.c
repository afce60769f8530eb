#include "server/conn/tls.h"

#include <openssl/err.h>

struct Tls {
	char *cert_path;
	char *key_path;
	GMutex lock;
	SSL_CTX *context; /* under lock */
};

/* What OpenSSL has to say, all of its queue in one line. */
static void set_openssl_error(GError **error, const char *what, const char *path)
{
	g_autoptr(GString) text = g_string_new(NULL);
	for (unsigned long code; (code = ERR_get_error()) != 0;) {
		if (ERR_SYSTEM_ERROR(code)) {
			/* It has no text for errno, and nothing to add to it. */
			g_string_assign(text, g_strerror(ERR_GET_REASON(code)));
			ERR_clear_error();
			break;
		}
		const char *reason = ERR_reason_error_string(code);
		g_string_append_printf(
			text, "%s%s", text->len > 0 ? "; " : "", reason != NULL ? reason : "unknown error");
	}
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s %s: %s", what, path,
		text->len > 0 ? text->str : "unknown error");
}

/* There is nobody who could type it. */
static int no_passphrase(char *buf, int size, int rwflag, void *data)
{
	(void)buf, (void)size, (void)rwflag, (void)data;
	return 0;
}

static SSL_CTX *load(const Tls *tls, GError **error)
{
	ERR_clear_error();
	g_autoptr(SSL_CTX) context = SSL_CTX_new(TLS_server_method());
	if (context == NULL) {
		set_openssl_error(error, "TLS", "context");
		return NULL;
	}
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context, tls->cert_path) != 1) {
		set_openssl_error(error, "certificate", tls->cert_path);
		return NULL;
	}
	if (SSL_CTX_use_PrivateKey_file(context, tls->key_path, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1) {
		set_openssl_error(error, "key", tls->key_path);
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
			SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Buffers of idle connections are given back: 34 KB each. */
	SSL_CTX_set_mode(context,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Sessions are resumed by tickets alone: no memory for clients that are gone. */
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return g_steal_pointer(&context);
}

Tls *tls_new(const char *cert_path, const char *key_path, GError **error)
{
	g_autoptr(Tls) tls = g_new0(Tls, 1);
	g_mutex_init(&tls->lock);
	tls->cert_path = g_strdup(cert_path);
	tls->key_path = g_strdup(key_path);
	tls->context = load(tls, error);
	return tls->context != NULL ? g_steal_pointer(&tls) : NULL;
}

void tls_free(Tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	g_mutex_clear(&tls->lock);
	g_free(tls->cert_path);
	g_free(tls->key_path);
	g_free(tls);
}

gboolean tls_reload(Tls *tls, GError **error)
{
	SSL_CTX *fresh = load(tls, error);
	if (fresh == NULL)
		return FALSE;
	g_mutex_lock(&tls->lock);
	SSL_CTX *old = tls->context;
	tls->context = fresh;
	g_mutex_unlock(&tls->lock);
	SSL_CTX_free(old); /* counted: open connections hold it */
	return TRUE;
}

SSL *tls_accept(Tls *tls, int fd, GError **error)
{
	ERR_clear_error();
	g_mutex_lock(&tls->lock);
	g_autoptr(SSL) ssl = SSL_new(tls->context);
	g_mutex_unlock(&tls->lock);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		set_openssl_error(error, "TLS", "connection");
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return g_steal_pointer(&ssl);
}
