/* The certificate and what all TLS connections share. TLS 1.2 or later (RFC 8996, RFC 8314), OpenSSL's own
 * choice of ciphers. Reloading makes a new SSL_CTX for the connections to come; those that are open keep
 * theirs. */
#pragma once
#include <gio/gio.h>
#include <openssl/ssl.h>
G_BEGIN_DECLS

typedef struct Tls Tls;

/* Reads a PEM certificate with its chain, and its key. NULL and @error (G_IO_ERROR) when a file cannot be
 * read, holds something else, or the key is not the certificate's. */
Tls *tls_new(const char *cert_path, const char *key_path, GError **error);
void tls_free(Tls *tls);

/* Reads the files anew, from any thread. On failure the old certificate stays. */
gboolean tls_reload(Tls *tls, GError **error);

/* A server-side SSL over @fd, which the caller closes. Owned: SSL_free(). */
SSL *tls_accept(Tls *tls, int fd, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tls, tls_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL, SSL_free)
G_END_DECLS
