/* SASL PLAIN, RFC 4616: message = [authzid] NUL authcid NUL passwd. */
#include "server/auth/sasl.h"

#include "base/limits.h"

#include <string.h>

SaslResult sasl_plain_step(SaslExchange *exchange, const guint8 *data, gsize len)
{
	if (data == NULL)
		return SASL_CONTINUE; /* an empty challenge; RFC 4616 section 2 */
	if (len > 2 * LIMIT_USER_NAME + LIMIT_PASSWORD + 2)
		return SASL_BAD;
	const guint8 *end = data + len;
	const guint8 *authcid = memchr(data, '\0', len);
	if (authcid == NULL)
		return SASL_BAD;
	authcid++;
	const guint8 *password = memchr(authcid, '\0', (gsize)(end - authcid));
	if (password == NULL)
		return SASL_BAD;
	password++;
	gsize authzid_len = (gsize)(authcid - 1 - data), authcid_len = (gsize)(password - 1 - authcid);
	gsize password_len = (gsize)(end - password);
	if (memchr(password, '\0', password_len) != NULL || authcid_len == 0 ||
		authcid_len > LIMIT_USER_NAME || password_len > LIMIT_PASSWORD ||
		!g_utf8_validate((const char *)authcid, (gssize)authcid_len, NULL))
		return SASL_BAD;

	exchange->user = g_strndup((const char *)authcid, authcid_len);
	char *copy = g_strndup((const char *)password, password_len);
	AuthResult result = auth_check_password(exchange->auth, exchange->user, copy, &exchange->error);
	explicit_bzero(copy, password_len);
	g_free(copy);
	if (result == AUTH_ERROR)
		return SASL_ERROR;
	if (result != AUTH_OK)
		return SASL_FAILED;
	/* Nobody may act for another user. */
	if (authzid_len > 0 && (authzid_len != authcid_len || memcmp(data, authcid, authzid_len) != 0))
		return SASL_REFUSED;
	return SASL_OK;
}
