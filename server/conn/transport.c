#include "server/conn/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct Transport {
	int fd;
	gboolean handshaken;
	SSL *ssl;
	char *error;
};

Transport *transport_new(int fd)
{
	Transport *t = g_new0(Transport, 1);
	t->fd = fd;
	return t;
}

void transport_free(Transport *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	(void)close(t->fd);
	g_free(t->error);
	g_free(t);
}

int transport_fd(const Transport *t)
{
	return t->fd;
}

gboolean transport_start_tls(Transport *t, Tls *tls, GError **error)
{
	t->ssl = tls_accept(tls, t->fd, error);
	return t->ssl != NULL;
}

gboolean transport_is_tls(const Transport *t)
{
	return t->ssl != NULL;
}

gboolean transport_in_handshake(const Transport *t)
{
	return t->ssl != NULL && !t->handshaken;
}

static TransportResult fail(Transport *t, const char *why)
{
	g_free(t->error);
	t->error = g_strdup(why);
	return TRANSPORT_FAILED;
}

static TransportResult fail_errno(Transport *t, int error_number)
{
	return fail(t, g_strerror(error_number));
}

/* What a call of OpenSSL that returned @n <= 0 means. */
static TransportResult ssl_result(Transport *t, int n, int error_number)
{
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return TRANSPORT_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TRANSPORT_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TRANSPORT_END;
	case SSL_ERROR_SYSCALL:
		return error_number == 0 ? TRANSPORT_END : fail_errno(t, error_number);
	default: {
		const char *reason = ERR_reason_error_string(ERR_get_error());
		ERR_clear_error();
		return fail(t, reason != NULL ? reason : "TLS error");
	}
	}
}

TransportResult transport_handshake(Transport *t)
{
	ERR_clear_error();
	errno = 0;
	int n = SSL_do_handshake(t->ssl);
	int error_number = errno;
	if (n != 1)
		return ssl_result(t, n, error_number);
	t->handshaken = TRUE;
	return TRANSPORT_OK;
}

TransportResult transport_read(Transport *t, char *buffer, gsize size, gsize *n_out)
{
	if (t->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		int got = SSL_read_ex(t->ssl, buffer, size, n_out);
		int error_number = errno;
		return got == 1 ? TRANSPORT_OK : ssl_result(t, got, error_number);
	}
	for (;;) {
		gssize n = recv(t->fd, buffer, size, 0);
		if (n > 0) {
			*n_out = (gsize)n;
			return TRANSPORT_OK;
		}
		if (n == 0)
			return TRANSPORT_END;
		int error_number = errno;
		if (error_number == EAGAIN || error_number == EWOULDBLOCK)
			return TRANSPORT_WANTS_READ;
		if (error_number != EINTR)
			return fail_errno(t, error_number);
	}
}

TransportResult transport_write(Transport *t, const char *data, gsize len, gsize *n_out)
{
	if (t->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		int done = SSL_write_ex(t->ssl, data, len, n_out);
		int error_number = errno;
		return done == 1 ? TRANSPORT_OK : ssl_result(t, done, error_number);
	}
	for (;;) {
		gssize n = send(t->fd, data, len, MSG_NOSIGNAL);
		if (n >= 0) {
			*n_out = (gsize)n;
			return TRANSPORT_OK;
		}
		int error_number = errno;
		if (error_number == EAGAIN || error_number == EWOULDBLOCK)
			return TRANSPORT_WANTS_WRITE;
		if (error_number != EINTR)
			return fail_errno(t, error_number);
	}
}

gboolean transport_has_pending(const Transport *t)
{
	return t->ssl != NULL && SSL_has_pending(t->ssl) == 1;
}

void transport_end_output(Transport *t)
{
	if (t->ssl != NULL && t->handshaken && t->error == NULL) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
	}
	(void)shutdown(t->fd, SHUT_WR);
}

const char *transport_error(const Transport *t)
{
	return t->error != NULL ? t->error : "no error";
}

char *transport_tls_name(const Transport *t)
{
	if (t->ssl == NULL)
		return NULL;
	return g_strdup_printf("%s %s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
}

gboolean transport_is_broken(const Transport *transport)
{
	/* Not POLLRDHUP: that is the end of what the client sends. */
	struct pollfd fd = { .fd = transport->fd };
	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}
