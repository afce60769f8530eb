/* SASL (RFC 4422): the mechanisms are a table, each a function that takes the client's responses one by
 * one. The profile (base64, "*", SASL-IR) is IMAP's and lives in imap/cmd-authenticate.c. */
#pragma once
#include "server/auth/auth.h"
G_BEGIN_DECLS

typedef enum {
	SASL_CONTINUE, /* send exchange->challenge, wait for a response */
	SASL_OK,       /* exchange->user is logged in */
	SASL_FAILED,   /* wrong: delayed, counted */
	SASL_REFUSED,  /* right password, but may not act as the user asked for (RFC 4616: authzid) */
	SASL_BAD,      /* no response of this mechanism */
	SASL_ERROR,    /* the site's: exchange->error */
} SaslResult;

typedef struct SaslMechanism SaslMechanism;
typedef struct {
	const SaslMechanism *mechanism;
	Auth *auth;
	GString *challenge; /* octets, not base64 */
	char *user;         /* whom the client names; set on OK, and on FAILED where it is known */
	GError *error;
	gpointer state; /* the mechanism's */
} SaslExchange;

struct SaslMechanism {
	const char *name;   /* upper case */
	gboolean plaintext; /* the password can be read on the wire: not without TLS */
	/* @data: the client's response, decoded; NULL: none was sent with the command (RFC 4959). */
	SaslResult (*step)(SaslExchange *exchange, const guint8 *data, gsize len);
	void (*clear)(SaslExchange *exchange); /* frees state; may be NULL */
};

/* The mechanism called @name (upper case), or NULL. */
const SaslMechanism *sasl_find(const char *name);
/* All of them: an array that ends with one whose name is NULL. */
const SaslMechanism *sasl_mechanisms(void);

SaslExchange *sasl_exchange_new(const SaslMechanism *mechanism, Auth *auth);
void sasl_exchange_free(SaslExchange *exchange);
/* On a worker: it may take as long as checking a password does. */
SaslResult sasl_exchange_step(SaslExchange *exchange, const guint8 *data, gsize len);

/* The mechanisms' steps, for the table: auth/sasl-plain.c (RFC 4616). */
SaslResult sasl_plain_step(SaslExchange *exchange, const guint8 *data, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SaslExchange, sasl_exchange_free)
G_END_DECLS
