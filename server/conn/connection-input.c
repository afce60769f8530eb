#include "server/conn/connection-private.h"

#include "base/limits.h"
#include "server/context.h"

#include <string.h>

/* An APPEND literal up to this size stays in memory, so that small messages take no detour. */
#define APPEND_IN_MEMORY (32 * 1024)
/* ... unless the command has grown to this (MULTIAPPEND). */
#define COMMAND_IN_MEMORY (128 * 1024)

static gboolean logged_in(const Connection *c)
{
	return c->session->state == SESSION_AUTHENTICATED || c->session->state == SESSION_SELECTED;
}

/* Whether the literal is behind the first argument (the mailbox, which may be a literal, too) of @verb: " APPEND ". */
static gboolean is_within(const FramingLiteral *literal, const char *verb)
{
	gsize len = strlen(verb);
	const char *space = memchr(literal->data, ' ', literal->len);
	if (space == NULL)
		return FALSE;
	gsize left = literal->len - (gsize)(space - literal->data);
	return left > len && g_ascii_strncasecmp(space, verb, len) == 0;
}

static FramingChoice decide(const FramingLiteral *literal, gpointer data, const char **refusal_out)
{
	Connection *c = data;
	if (!logged_in(c))
		return FRAMING_KEEP; /* within the limits */
	if (literal->size > LIMIT_METADATA_VALUE && is_within(literal, " SETMETADATA ")) {
		*refusal_out = "NO [METADATA MAXSIZE " G_STRINGIFY(LIMIT_METADATA_VALUE) "] The value is too long"; /* RFC 5464 4.3 */
		return FRAMING_REFUSE;
	}
	if (!is_within(literal, " APPEND "))
		return FRAMING_KEEP;
	if (literal->size > hub_server(c->hub)->append_limit) {
		*refusal_out = "NO [TOOBIG] Message is larger than APPENDLIMIT";
		return FRAMING_REFUSE;
	}
	if (literal->size <= APPEND_IN_MEMORY && literal->kept + literal->size <= COMMAND_IN_MEMORY)
		return FRAMING_KEEP;
	/* Each is an open file until the command is done. */
	if (c->spooled != NULL && c->spooled->len >= LIMIT_APPEND_MESSAGES) {
		*refusal_out = "NO [LIMIT] Too many messages in one APPEND";
		return FRAMING_REFUSE;
	}
	return FRAMING_STREAM;
}

void connection_update_limits(Connection *c)
{
	FramingLimits limits = {
		.command_bytes = LIMIT_LINE_BEFORE_LOGIN,
		.literal_bytes = LIMIT_LINE_BEFORE_LOGIN,
		.literals = LIMIT_LITERALS,
		.strict = TRUE,
	};
	if (logged_in(c)) {
		limits.command_bytes =
			(gsize)settings_bytes(hub_server(c->hub)->settings, SETTING_LIMITS_COMMAND_LIMIT);
		limits.literal_bytes = MIN(limits.command_bytes, LIMIT_LITERAL_IN_MEMORY);
		limits.strict = FALSE;
	}
	if (c->framing == NULL)
		c->framing = framing_new(&limits, decide, c);
	else
		framing_set_limits(c->framing, &limits);
}

/* --- spooled literals --- */

static void spool_moved(gpointer data)
{
	Connection *c = data;
	if (c->dead) {
		if (!spooler_is_busy(c->spooler))
			connection_close(c, NULL); /* it was the job that its end waited for */
		return;
	}
	connection_go_on(c);
}

static void begin_spool(Connection *c)
{
	if (c->spooled == NULL)
		c->spooled = g_array_new(FALSE, TRUE, sizeof(SpooledLiteral));
	SpooledLiteral literal = {
		.offset = framing_offset(c->framing),
		.size = (gsize)framing_stream_size(c->framing),
	};
	g_array_append_val(c->spooled, literal);
	c->spooler = spooler_new(hub_pool(c->hub), c->session->account, spool_moved, c);
}

static void finish_spool(Connection *c)
{
	SpooledLiteral *literal = &g_array_index(c->spooled, SpooledLiteral, c->spooled->len - 1);
	literal->spool = spooler_take(c->spooler, &literal->error);
	g_clear_pointer(&c->spooler, spooler_free);
}

/* --- octets to commands --- */

static gboolean may_take(const Connection *c)
{
	if (c->dead || c->closing || c->starttls)
		return FALSE;
	if (c->run_state != RUN_NONE && c->run_state != RUN_WAITING)
		return FALSE;
	if (c->output.size >= LIMIT_OUTPUT_BUFFER)
		return FALSE; /* it sends and does not read */
	return c->spooler == NULL || !(spooler_is_full(c->spooler) || spooler_has_ended(c->spooler));
}

static void refused(Connection *c)
{
	const char *tag = NULL;
	const char *refusal = framing_refusal(c->framing, &tag);
	g_autofree char *line = g_strdup_printf("%s %s\r\n", tag, refusal);
	g_clear_pointer(&c->spooled, command_spooled_free);
	connection_say(c, line);
	if (g_str_has_prefix(refusal, "BAD ")) {
		c->bad_commands++;
		connection_check_errors(c);
	}
}

static void handle(Connection *c, FramingEvent event)
{
	switch (event) {
	case FRAMING_MORE:
		break;
	case FRAMING_COMMAND:
		connection_begin_command(c, framing_take(c->framing), g_steal_pointer(&c->spooled));
		break;
	case FRAMING_LINE:
		connection_step(c, framing_take(c->framing));
		break;
	case FRAMING_CONTINUE:
		connection_say(c, "+ OK\r\n");
		break;
	case FRAMING_STREAM_BEGIN:
		begin_spool(c);
		break;
	case FRAMING_OCTETS: {
		gsize len = 0;
		const char *octets = framing_octets(c->framing, &len);
		spooler_add(c->spooler, octets, len);
		break;
	}
	case FRAMING_STREAM_END:
		spooler_end(c->spooler, c->spooled->len > LIMIT_SPOOLS_OPEN);
		if (spooler_is_done(c->spooler))
			finish_spool(c);
		break;
	case FRAMING_REFUSED:
		refused(c);
		break;
	case FRAMING_BROKEN: {
		const char *tag = NULL;
		const char *refusal = framing_refusal(c->framing, &tag);
		const char *text = strchr(refusal, ' ');
		connection_bye(c, NULL, text != NULL ? text + 1 : refusal, "protocol");
		break;
	}
	}
}

/* Returns how many octets were used. */
static gsize take(Connection *c, const char *data, gsize len)
{
	gsize left = len;
	while (may_take(c) && (left > 0 || framing_pending(c->framing)))
		handle(c, framing_push(c->framing, &data, &left));
	return len - left;
}

void connection_take_input(Connection *c, const char *data, gsize len)
{
	gsize used = 0;
	if (c->input == NULL)
		used = take(c, data, len);
	/* What came with STARTTLS was not protected and is thrown away. */
	if (used < len && !c->dead && !c->closing && !c->starttls) {
		if (c->input == NULL)
			c->input = g_byte_array_new();
		g_byte_array_append(c->input, (const guint8 *)data + used, (guint)(len - used));
	}
}

void connection_drop_input(Connection *c)
{
	if (c->input == NULL)
		return;
	explicit_bzero(c->input->data, c->input->len); /* there may be a password in it */
	g_byte_array_unref(g_steal_pointer(&c->input));
}

static void go_on_once(Connection *c)
{
	if (c->spooler != NULL && spooler_is_done(c->spooler))
		finish_spool(c);
	if (c->input == NULL) {
		(void)take(c, "", 0);
		return;
	}
	/* Taken out meanwhile: STARTTLS throws it away while its octets are at hand. */
	GByteArray *input = g_steal_pointer(&c->input);
	gsize used = take(c, (const char *)input->data, input->len);
	if (used == input->len || c->dead || c->closing || c->starttls) {
		explicit_bzero(input->data, input->len);
		g_byte_array_unref(input);
	} else {
		g_byte_array_remove_range(input, 0, (guint)used);
		c->input = input;
	}
}

void connection_go_on(Connection *c)
{
	if (c->dead)
		return;
	do {
		go_on_once(c);
		connection_write(c);
	} while (c->input != NULL && may_take(c)); /* the output had been full, and is no more */
}
