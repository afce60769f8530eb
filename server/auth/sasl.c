#include "server/auth/sasl.h"

#include <string.h>

static const SaslMechanism mechanisms[] = {
	{ .name = "PLAIN", .plaintext = TRUE, .step = sasl_plain_step },
	{ .name = NULL },
};

const SaslMechanism *sasl_mechanisms(void)
{
	return mechanisms;
}

const SaslMechanism *sasl_find(const char *name)
{
	for (guint i = 0; mechanisms[i].name != NULL; i++) {
		if (strcmp(mechanisms[i].name, name) == 0)
			return &mechanisms[i];
	}
	return NULL;
}

SaslExchange *sasl_exchange_new(const SaslMechanism *mechanism, Auth *auth)
{
	SaslExchange *exchange = g_new0(SaslExchange, 1);
	exchange->mechanism = mechanism;
	exchange->auth = auth;
	exchange->challenge = g_string_new(NULL);
	return exchange;
}

void sasl_exchange_free(SaslExchange *exchange)
{
	if (exchange == NULL)
		return;
	if (exchange->mechanism->clear != NULL)
		exchange->mechanism->clear(exchange);
	g_string_free(exchange->challenge, TRUE);
	g_clear_error(&exchange->error);
	g_free(exchange->user);
	g_free(exchange);
}

SaslResult sasl_exchange_step(SaslExchange *exchange, const guint8 *data, gsize len)
{
	g_string_truncate(exchange->challenge, 0);
	return exchange->mechanism->step(exchange, data, len);
}
