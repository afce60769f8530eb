#include "server/conn/connection-private.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "server/context.h"
#include "server/imap/capability.h"

#include <string.h>

/* A client that has closed its side: how long its last command may take before it counts as gone. */
#define EOF_GRACE_US (G_GINT64_CONSTANT(2) * G_USEC_PER_SEC)
/* How often it is looked meanwhile whether what it was sent has come back: then it is gone, and nobody waits for the command. */
#define EOF_LOOK_US (G_GINT64_CONSTANT(20) * 1000)
/* After our last word: how long the client may take to close. */
#define LINGER_US (G_GINT64_CONSTANT(2) * G_USEC_PER_SEC)
#define LINGER_AT_STOP_US (G_GINT64_CONSTANT(300) * 1000)

/* --- life --- */

static void clock_rings(evutil_socket_t fd, short what, void *data);

static void count_as(Connection *c, const char *state)
{
	MetricSeries *gauge = state != NULL ? metrics_series(METRIC_SESSIONS, state) : NULL;
	if (gauge == c->gauge)
		return;
	if (c->gauge != NULL)
		metric_series_change(c->gauge, -1);
	if (gauge != NULL)
		metric_series_change(gauge, 1);
	c->gauge = gauge;
}

static void update_gauge(Connection *c)
{
	static const char *const names[] = { "not_authenticated", "authenticated", "selected" };
	if (c->run_state == RUN_WAITING && c->run->idle)
		count_as(c, "idle");
	else if (c->session->state != SESSION_LOGOUT)
		count_as(c, names[c->session->state]);
}

static gboolean is_cancelled(gpointer data)
{
	Connection *c = data;
	return g_atomic_int_get(&c->cancelled) != 0 || server_context_is_stopping(hub_server(c->hub));
}

static gboolean client_closed(gpointer data)
{
	Connection *c = data;
	return g_atomic_int_get(&c->closed_by_client) != 0;
}

static void take_flushed(Connection *c)
{
	g_mutex_lock(&c->flush_lock);
	GString *flushed = g_steal_pointer(&c->flushed);
	g_mutex_unlock(&c->flush_lock);
	if (flushed == NULL)
		return;
	if (!c->dead)
		output_take(&c->output, flushed);
	g_string_free(flushed, TRUE);
}

static void write_flushed(gpointer data)
{
	Connection *c = data;
	take_flushed(c);
	connection_write(c);
}

/* On the worker. The job that it belongs to is out, so the connection is still there when the loop comes to
 * this. */
static void flush(GString *out, gpointer data)
{
	Connection *c = data;
	g_mutex_lock(&c->flush_lock);
	if (c->flushed == NULL)
		c->flushed = g_string_new(NULL);
	g_string_append_len(c->flushed, out->str, (gssize)out->len);
	g_mutex_unlock(&c->flush_lock);
	g_string_truncate(out, 0);
	loop_post(hub_loop(c->hub), write_flushed, c);
}

Connection *connection_new(
	Hub *hub, Transport *transport, const char *peer, gboolean local, gboolean implicit_tls)
{
	Connection *c = g_new0(Connection, 1);
	c->hub = hub;
	c->transport = transport;
	c->session = session_new(hub_server(hub), c);
	c->session->peer = g_strdup(peer);
	c->session->local = local;
	c->host = (CommandHost){ .cancelled = is_cancelled, .client_closed = client_closed, .flush = flush, .data = c };
	c->started_us = c->login_from_us = c->active_us = g_get_monotonic_time();
	g_mutex_init(&c->flush_lock);
	output_init(&c->output);
	connection_update_limits(c);
	connection_io_init(c);
	(void)evtimer_assign(&c->timer, loop_base(hub_loop(hub)), clock_rings, c);
	hub_enter(hub, c);
	update_gauge(c);
	log_info("session.start", LOG_STR("peer", peer), LOG_BOOL("tls", implicit_tls));
	g_autoptr(GError) error = NULL;
	if (!implicit_tls) {
		connection_greet(c);
	} else if (!transport_start_tls(transport, hub_server(hub)->tls, &error)) {
		log_error("tls.failed", LOG_STR("peer", peer), LOG_GERROR("error", error));
		connection_close(c, "tls");
		return c;
	}
	connection_write(c);
	return c;
}

/* On a worker: a mailbox or an account that is given up may have to write. */
static void free_session(gpointer data)
{
	session_free(data);
}

static void drop_line(Connection *c)
{
	if (c->line == NULL)
		return;
	explicit_bzero(c->line->str, c->line->len); /* AUTHENTICATE */
	g_string_free(g_steal_pointer(&c->line), TRUE);
}

static void free_connection(gpointer data)
{
	Connection *c = data;
	g_clear_pointer(&c->spooler, spooler_free);
	g_clear_pointer(&c->spooled, command_spooled_free);
	g_clear_pointer(&c->run, command_run_free);
	if (c->session->account != NULL && hub_pool(c->hub) != NULL)
		worker_pool_submit(hub_pool(c->hub), free_session, NULL, c->session);
	else
		session_free(c->session);
	framing_free(c->framing);
	connection_drop_input(c);
	output_clear(&c->output);
	drop_line(c);
	if (c->flushed != NULL)
		g_string_free(c->flushed, TRUE);
	g_mutex_clear(&c->flush_lock);
	g_free(c->user);
	hub_leave(c->hub, c);
	g_free(c);
}

static void unwatch(Connection *c)
{
	if (c->watched_account != NULL)
		hub_unwatch(c->hub, c, c->watched_account);
	g_clear_pointer(&c->watched_account, g_free);
}

void connection_close(Connection *c, const char *reason)
{
	if (!c->dead) {
		c->dead = TRUE;
		if (c->reason == NULL)
			c->reason = reason != NULL ? reason : "logout";
		g_atomic_int_set(&c->cancelled, 1);
		(void)event_del(&c->read_event);
		(void)event_del(&c->write_event);
		(void)event_del(&c->timer);
		unwatch(c);
		count_as(c, NULL);
		g_clear_pointer(&c->transport, transport_free);
		if (c->spooler != NULL)
			spooler_abandon(c->spooler);
		output_clear(&c->output);
		log_info("session.end", LOG_STR("user", c->user), LOG_STR("peer", c->session->peer),
			LOG_STR("reason", c->reason), LOG_UINT("commands", c->commands),
			LOG_UINT("bytes_in", c->bytes_in), LOG_UINT("bytes_out", c->bytes_out),
			LOG_MS("ms", g_get_monotonic_time() - c->started_us));
	}
	gboolean job_out = c->run_state == RUN_BUSY || (c->spooler != NULL && spooler_is_busy(c->spooler));
	if (job_out || c->freeing)
		return;
	/* Not here: callers up the stack still look at it. */
	c->freeing = TRUE;
	loop_post(hub_loop(c->hub), free_connection, c);
}

void connection_greet(Connection *c)
{
	ServerContext *server = hub_server(c->hub);
	g_autoptr(GString) out = g_string_new("* OK [");
	capability_write(c->session, out);
	g_string_append_printf(out, "] %s " PACKAGE_NAME " ready\r\n", server->hostname);
	output_take(&c->output, out);
}

void connection_bye(Connection *c, const char *code, const char *text, const char *reason)
{
	if (c->dead || c->closing)
		return;
	g_autofree char *line = code != NULL ? g_strdup_printf("* BYE [%s] %s\r\n", code, text)
					     : g_strdup_printf("* BYE %s\r\n", text);
	if (!transport_in_handshake(c->transport))
		connection_say(c, line);
	c->closing = TRUE;
	c->reason = reason;
	connection_drop_input(c);
	/* A command that waits for the client waits for nothing now. */
	if (c->run_state == RUN_WAITING || c->run_state == RUN_DELAYED || c->run_state == RUN_FULL) {
		c->run_state = RUN_NONE;
		g_clear_pointer(&c->run, command_run_free);
	}
}

void connection_stop(Connection *c)
{
	c->stopping = TRUE;
	if (c->run_state == RUN_BUSY || c->dead)
		return;
	if (transport_in_handshake(c->transport)) {
		connection_close(c, "server stops");
		return;
	}
	connection_bye(c, NULL, "The server stops", "server stops");
	connection_write(c);
}

/* --- commands --- */

/* What a command has changed about the session. */
static void session_changed(Connection *c)
{
	Session *session = c->session;
	if (c->user == NULL) {
		c->user = g_strdup(session->user);
	} else if (session->user == NULL) { /* UNAUTHENTICATE */
		g_clear_pointer(&c->user, g_free);
		c->login_from_us = g_get_monotonic_time();
		c->news = FALSE;
	}
	update_gauge(c);
	connection_update_limits(c);
	/* Without a selected mailbox there may be news of annotations. */
	gboolean selected = session->state == SESSION_SELECTED;
	if (!selected && (session->state != SESSION_AUTHENTICATED || (session->enabled & SESSION_ALL_METADATA) == 0)) {
		unwatch(c);
		return;
	}
	c->watched_mailbox = selected ? mailbox_id(session->mailbox) : 0;
	if (c->watched_account == NULL) {
		c->watched_account = g_strdup(account_name(session->account));
		hub_watch(c->hub, c, c->watched_account);
	}
}

void connection_check_errors(Connection *c)
{
	if (c->bad_commands >= LIMIT_BAD_COMMANDS)
		connection_bye(c, NULL, "Too many errors", "errors");
}

static void end_command(Connection *c)
{
	CommandRun *run = g_steal_pointer(&c->run);
	c->run_state = RUN_NONE;
	c->commands++;
	framing_set_line_mode(c->framing, FALSE);
	output_take(&c->output, run->cmd.out);
	c->bad_commands = run->outcome == OUTCOME_BAD ? c->bad_commands + 1 : 0;
	command_run_free(run);
	session_changed(c);
	if (c->session->state == SESSION_LOGOUT) {
		c->closing = TRUE;
		connection_drop_input(c);
	} else if (c->stopping) {
		connection_bye(c, NULL, "The server stops", "server stops");
	} else {
		connection_check_errors(c);
	}
}

/* A step is over; in the loop. */
static void step_over(Connection *c)
{
	take_flushed(c);
	switch (c->result) {
	case COMMAND_DONE:
		if (c->run->delay_ms == 0) {
			end_command(c);
			return;
		}
		c->run_state = RUN_DELAYED;
		c->delayed_until_us = g_get_monotonic_time() + (gint64)c->run->delay_ms * 1000;
		return;
	case COMMAND_AGAIN:
		c->run_state = RUN_FULL;
		output_take(&c->output, c->run->cmd.out);
		return;
	case COMMAND_WAIT:
		c->run_state = RUN_WAITING;
		output_take(&c->output, c->run->cmd.out);
		framing_set_line_mode(c->framing, TRUE);
		update_gauge(c);
		if (c->stopping)
			connection_bye(c, NULL, "The server stops", "server stops");
		else
			connection_tell_news(c); /* came while it looked */
		return;
	}
}

static void run_step(gpointer data)
{
	Connection *c = data;
	const char *line = c->line != NULL ? c->line->str : NULL;
	c->result = command_run_step(c->run, line, c->line != NULL ? c->line->len : 0);
}

static void step_done(gpointer data)
{
	Connection *c = data;
	drop_line(c);
	c->run_state = RUN_NONE; /* no job is out */
	if (c->dead) {
		connection_close(c, NULL);
		return;
	}
	step_over(c);
	connection_go_on(c);
}

void connection_step(Connection *c, GString *line)
{
	c->line = line;
	if (line == NULL)
		c->news = FALSE; /* it looks now */
	c->run_state = RUN_BUSY;
	worker_pool_submit(
		c->user != NULL ? hub_pool(c->hub) : hub_login_pool(c->hub), run_step, step_done, c);
}

void connection_begin_command(Connection *c, GString *data, GArray *spooled)
{
	c->run = command_run_new(c->session, data, spooled, &c->host);
	if (!command_run_in_loop(c->run)) {
		connection_step(c, NULL);
		return;
	}
	run_step(c);
	step_over(c);
}

void connection_start_tls(Connection *connection)
{
	connection->starttls = TRUE;
}

void connection_news(Connection *c, gint64 mailbox)
{
	if (c->dead || (mailbox != 0 && mailbox != c->watched_mailbox))
		return;
	c->news = TRUE;
	connection_tell_news(c);
}

void connection_tell_news(Connection *c)
{
	/* A client that does not read is told when it does: all at once. */
	if (c->news && c->run_state == RUN_WAITING && c->run->idle && !c->closing &&
		c->output.size < LIMIT_OUTPUT_BUFFER)
		connection_step(c, NULL);
}

/* --- the clock --- */

/* When to look again; 0: never. While a worker has the command only the client's end of file is of
 * interest. */
static gint64 next_deadline(const Connection *c)
{
	const Settings *settings = hub_server(c->hub)->settings;
	gint64 deadline = 0;
	if (c->lingering)
		return c->linger_at_us + (c->stopping ? LINGER_AT_STOP_US : LINGER_US);
	if (c->run_state == RUN_BUSY)
		return c->eof && g_atomic_int_get(&c->cancelled) == 0 ?
			MIN(c->eof_at_us + EOF_GRACE_US, c->looked_us + EOF_LOOK_US) :
			0;
	if (c->run_state == RUN_DELAYED)
		return c->delayed_until_us;
	if (c->run_state == RUN_WAITING && c->run->idle && c->output.size == 0)
		return MAX(c->spoke_us, c->active_us) +
			settings_ms(settings, SETTING_SERVER_IDLE_KEEPALIVE) * 1000;
	deadline = c->active_us + settings_ms(settings, SETTING_SERVER_IDLE_TIMEOUT) * 1000;
	if (c->user == NULL)
		deadline = MIN(
			deadline, c->login_from_us + settings_ms(settings, SETTING_SERVER_LOGIN_TIMEOUT) * 1000);
	return deadline;
}

void connection_update_timer(Connection *c)
{
	gint64 deadline = next_deadline(c);
	/* A timer that rings too early looks and is set again; so activity costs nothing. */
	if (deadline == 0 || (c->timer_at_us != 0 && c->timer_at_us <= deadline))
		return;
	gint64 wait = MAX(deadline - g_get_monotonic_time(), 1000);
	struct timeval tv = { .tv_sec = wait / G_USEC_PER_SEC, .tv_usec = wait % G_USEC_PER_SEC };
	c->timer_at_us = deadline;
	(void)event_add(&c->timer, &tv);
}

/* It has closed its side, and its command still runs. */
static void look_after_client(Connection *c)
{
	c->looked_us = g_get_monotonic_time();
	if (transport_is_broken(c->transport))
		connection_close(c, "connection lost");
	else if (c->looked_us >= c->eof_at_us + EOF_GRACE_US)
		g_atomic_int_set(&c->cancelled, 1);
}

static void time_is_up(Connection *c)
{
	if (c->lingering)
		connection_close(c, NULL);
	else if (c->run_state == RUN_BUSY)
		look_after_client(c);
	else if (c->run_state == RUN_DELAYED)
		end_command(c);
	else if (c->run_state == RUN_WAITING && c->run->idle && c->output.size == 0)
		connection_say(c, "* OK Still here\r\n");
	else if (c->output.size > 0 || c->closing || transport_in_handshake(c->transport))
		connection_close(c, "timeout"); /* it does not read */
	else
		connection_bye(c, NULL, c->user != NULL ? "Logged out for inactivity" : "Login took too long",
			"timeout");
}

static void clock_rings(evutil_socket_t fd, short what, void *data)
{
	(void)fd, (void)what;
	Connection *c = data;
	c->timer_at_us = 0;
	if (c->dead)
		return;
	gint64 deadline = next_deadline(c);
	if (deadline != 0 && deadline <= g_get_monotonic_time())
		time_is_up(c);
	if (!c->dead)
		connection_go_on(c);
}
