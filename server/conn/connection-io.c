#include "server/conn/connection-private.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "server/context.h"

#include <string.h>

/* Reads within one event, so that one client that sends much does not keep the others waiting. */
#define READS_PER_EVENT 4

static gboolean wants_input(const Connection *c)
{
	if (c->dead || c->eof)
		return FALSE;
	if (c->lingering || transport_in_handshake(c->transport))
		return TRUE;
	if (c->closing || c->starttls)
		return FALSE;
	return c->input == NULL || c->input->len < CONNECTION_INPUT_BYTES;
}

void connection_update_reading(Connection *c)
{
	gboolean wanted = wants_input(c);
	if (c->dead || wanted == c->reading)
		return;
	c->reading = wanted;
	if (!wanted) {
		(void)event_del(&c->read_event);
		return;
	}
	(void)event_add(&c->read_event, NULL);
	/* No event comes for what TLS holds already. */
	if (transport_has_pending(c->transport))
		event_active(&c->read_event, EV_READ, 1);
}

static void set_writing(Connection *c, gboolean writing)
{
	if (c->dead || writing == c->writing)
		return;
	c->writing = writing;
	if (writing)
		(void)event_add(&c->write_event, NULL);
	else
		(void)event_del(&c->write_event);
}

/* --- TLS --- */

static void begin_tls(Connection *c)
{
	g_autoptr(GError) error = NULL;
	c->starttls = FALSE;
	connection_drop_input(c);
	if (!transport_start_tls(c->transport, hub_server(c->hub)->tls, &error)) {
		log_error("tls.failed", LOG_STR("peer", c->session->peer), LOG_GERROR("error", error));
		connection_close(c, "tls");
		return;
	}
	connection_update_reading(c);
}

static void handshake_done(Connection *c)
{
	g_autofree char *name = transport_tls_name(c->transport);
	log_debug("tls.ok", LOG_STR("peer", c->session->peer), LOG_STR("tls", name));
	gboolean greeted = c->session->tls || c->spoke_us != 0;
	c->session->tls = TRUE;
	/* RFC 3501 section 6.2.1: what the client said before is forgotten. */
	g_clear_pointer(&c->session->client_id, g_free);
	if (!greeted)
		connection_greet(c);
}

/* TRUE: the connection may be read from. */
static gboolean shake_hands(Connection *c)
{
	switch (transport_handshake(c->transport)) {
	case TRANSPORT_OK:
		handshake_done(c);
		return TRUE;
	case TRANSPORT_WANTS_READ:
		return FALSE;
	case TRANSPORT_WANTS_WRITE:
		set_writing(c, TRUE);
		return FALSE;
	case TRANSPORT_END:
		connection_close(c, "handshake");
		return FALSE;
	case TRANSPORT_FAILED:
		log_info("tls.refused", LOG_STR("peer", c->session->peer),
			LOG_STR("reason", transport_error(c->transport)));
		connection_close(c, "handshake");
		return FALSE;
	}
	return FALSE;
}

/* --- reading --- */

static void received(Connection *c, char *data, gsize len)
{
	c->bytes_in += len;
	metrics_add(METRIC_BYTES_READ, len);
	c->active_us = g_get_monotonic_time();
	if (!c->lingering)
		connection_take_input(c, data, len);
	/* There may be a password in it, and the buffer is everyone's. With UNAUTHENTICATE a LOGIN may come at any time. */
	if (c->user == NULL || settings_bool(hub_server(c->hub)->settings, SETTING_AUTH_UNAUTHENTICATE))
		explicit_bzero(data, len);
}

static void input_ended(Connection *c)
{
	c->eof = TRUE;
	c->eof_at_us = c->looked_us = g_get_monotonic_time();
	g_atomic_int_set(&c->closed_by_client, 1);
	if (c->lingering) {
		connection_close(c, NULL);
		return;
	}
	/* A client may close its side and still read (`printf ... | nc`): what it has sent is carried out,
	 * as far as that takes no longer than EOF_GRACE_US. readable() goes on to connection_write(), which
	 * closes when nothing is left. */
}

/* The client will send nothing more, and nothing of what it sent is left to do. */
static gboolean is_spent(const Connection *c)
{
	if (!c->eof || c->input != NULL)
		return FALSE;
	if (c->run_state == RUN_NONE)
		return c->spooler == NULL || !spooler_has_ended(c->spooler);
	return c->run_state == RUN_WAITING;
}

/* FALSE: nothing more is there for now. */
static gboolean read_once(Connection *c)
{
	gsize size = 0, n = 0;
	char *scratch = hub_scratch(c->hub, &size);
	switch (transport_read(c->transport, scratch, size, &n)) {
	case TRANSPORT_OK:
		received(c, scratch, n);
		return TRUE;
	case TRANSPORT_WANTS_READ:
		return FALSE;
	case TRANSPORT_WANTS_WRITE:
		set_writing(c, TRUE);
		return FALSE;
	case TRANSPORT_END:
		input_ended(c);
		return FALSE;
	case TRANSPORT_FAILED:
		connection_close(c, transport_is_tls(c->transport) ? "tls" : "connection lost");
		return FALSE;
	}
	return FALSE;
}

static void readable(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Connection *c = data;
	if (c->dead || (transport_in_handshake(c->transport) && !shake_hands(c)))
		return;
	gboolean more = TRUE;
	for (guint i = 0; i < READS_PER_EVENT && more && wants_input(c); i++)
		more = read_once(c);
	if (c->dead)
		return;
	/* Level-triggered, but for what TLS has taken out of the socket. */
	if (more && wants_input(c) && transport_has_pending(c->transport))
		event_active(&c->read_event, EV_READ, 1);
	connection_go_on(c);
}

/* --- writing --- */

void connection_say(Connection *c, const char *text)
{
	output_puts(&c->output, text);
}

static void end_output(Connection *c)
{
	if (c->lingering)
		return;
	transport_end_output(c->transport);
	if (c->eof) {
		connection_close(c, NULL);
		return;
	}
	c->lingering = TRUE;
	c->linger_at_us = g_get_monotonic_time();
}

/* All is written: what waited for that goes on. */
static void output_empty(Connection *c)
{
	set_writing(c, FALSE);
	if (c->run_state == RUN_FULL)
		connection_step(c, NULL);
	else if (c->starttls)
		begin_tls(c);
	else if (c->closing && c->run_state == RUN_NONE)
		end_output(c);
	else if (is_spent(c))
		connection_close(c, "client closed");
	else
		connection_tell_news(c);
}

/* One piece. FALSE: it cannot go on now. */
static gboolean write_once(Connection *c)
{
	gsize len = 0, n = 0;
	const char *data = output_peek(&c->output, &len);
	switch (transport_write(c->transport, data, len, &n)) {
	case TRANSPORT_OK:
		output_consume(&c->output, n);
		c->bytes_out += n;
		metrics_add(METRIC_BYTES_WRITTEN, n);
		c->active_us = c->spoke_us = g_get_monotonic_time();
		return TRUE;
	case TRANSPORT_WANTS_READ:
		return FALSE; /* readable() comes back here */
	case TRANSPORT_WANTS_WRITE:
		set_writing(c, TRUE);
		return FALSE;
	case TRANSPORT_END:
	case TRANSPORT_FAILED:
		connection_close(c, "connection lost");
		return FALSE;
	}
	return FALSE;
}

void connection_write(Connection *c)
{
	if (c->dead)
		return;
	if (!transport_in_handshake(c->transport)) {
		gboolean more = TRUE;
		while (more && c->output.size > 0 && !c->lingering)
			more = write_once(c);
		/* Half empty is soon enough for the worker, and early enough for the client. */
		if (!c->dead && c->output.size == 0)
			output_empty(c);
		else if (!c->dead && c->run_state == RUN_FULL && c->output.size < LIMIT_OUTPUT_BUFFER / 2)
			connection_step(c, NULL);
	}
	if (c->dead)
		return;
	connection_update_reading(c);
	connection_update_timer(c);
}

static void writable(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Connection *c = data;
	if (c->dead)
		return;
	set_writing(c, FALSE);
	if (transport_in_handshake(c->transport)) {
		(void)shake_hands(c);
		if (c->dead)
			return;
	}
	connection_go_on(c);
}

void connection_io_init(Connection *c)
{
	struct event_base *base = loop_base(hub_loop(c->hub));
	int fd = transport_fd(c->transport);
	(void)event_assign(&c->read_event, base, fd, EV_READ | EV_PERSIST, readable, c);
	(void)event_assign(&c->write_event, base, fd, EV_WRITE | EV_PERSIST, writable, c);
}
