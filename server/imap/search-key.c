#include "server/imap/search-key.h"

#include <string.h>

#include "base/fold.h"
#include "base/limits.h"

void search_key_free(SearchKey *key)
{
	if (key == NULL)
		return;
	if (key->children != NULL)
		g_ptr_array_unref(key->children);
	g_free(key->set);
	g_free(key->keyword);
	g_free(key->field);
	g_free(key->needle);
	fuzzy_needle_free(key->fuzzy_needle);
	g_free(key);
}

SearchProgram *search_program_ref(SearchProgram *program)
{
	g_atomic_int_inc(&program->refs);
	return program;
}

void search_program_unref(SearchProgram *program)
{
	if (program == NULL || !g_atomic_int_dec_and_test(&program->refs))
		return;
	search_key_free(program->key);
	partial_clear(&program->partial);
	g_free(program);
}

static SearchKey *key_new(SearchKeyKind kind)
{
	SearchKey *key = g_new0(SearchKey, 1);
	key->kind = kind;
	if (kind == SEARCH_KEY_AND || kind == SEARCH_KEY_OR || kind == SEARCH_KEY_NOT)
		key->children = g_ptr_array_new_with_free_func((GDestroyNotify)search_key_free);
	return key;
}

/* Takes @child. An AND in an AND, or an OR in an OR, gives its children to the outer one; not one below a FUZZY, which might have none that says so. */
static void key_add(SearchKey *parent, SearchKey *child)
{
	if (child->kind != parent->kind || parent->kind == SEARCH_KEY_NOT || child->fuzzy) {
		g_ptr_array_add(parent->children, child);
		return;
	}
	g_ptr_array_extend_and_steal(parent->children, g_steal_pointer(&child->children));
	search_key_free(child);
}

/* The only child instead of an AND or OR of one. */
static SearchKey *key_simplify(SearchKey *key)
{
	if ((key->kind != SEARCH_KEY_AND && key->kind != SEARCH_KEY_OR) || key->children->len != 1)
		return key;
	SearchKey *only = g_ptr_array_steal_index(key->children, 0);
	search_key_free(key);
	return only;
}

static SearchKey *key_not(SearchKey *child)
{
	if (child->kind == SEARCH_KEY_NOT) {
		SearchKey *inner = g_ptr_array_steal_index(child->children, 0);
		search_key_free(child);
		return inner;
	}
	SearchKey *key = key_new(SEARCH_KEY_NOT);
	g_ptr_array_add(key->children, child);
	return key;
}

/* RFC 6203 section 3: what is in it is matched loosely: text keys, and all others exactly (section 5). */
static SearchKey *key_fuzzy(SearchKey *key)
{
	if (key->fuzzy)
		return key;
	key->fuzzy = TRUE;
	if (key->kind == SEARCH_KEY_TEXT)
		key->fuzzy_needle = fuzzy_needle_new(key->needle, key->needle_len);
	for (guint i = 0; key->children != NULL && i < key->children->len; i++)
		(void)key_fuzzy(key->children->pdata[i]);
	return key;
}

gboolean search_key_has_fuzzy(const SearchKey *key)
{
	gboolean has = key->fuzzy;
	for (guint i = 0; !has && key->children != NULL && i < key->children->len; i++)
		has = search_key_has_fuzzy(key->children->pdata[i]);
	return has;
}

static SearchKey *key_flag(MessageFlags flag, gboolean set)
{
	SearchKey *key = key_new(SEARCH_KEY_FLAG);
	key->flag = flag;
	return set ? key : key_not(key);
}

/* -- strings ------------------------------------------------------------------------------------------------ */

/* CHARSET_OTHER: not to be searched for, only to be read. */
typedef enum { CHARSET_NONE, CHARSET_ASCII, CHARSET_UTF8, CHARSET_OTHER } SearchCharset;

/* The folded form of a search string. Without CHARSET, 8-bit octets are UTF-8 (mutt sends them so); RFC 3501 is silent on octets that
 * the charset does not allow: they are the client's mistake, and a guess would be a wrong answer. */
static char *fold_needle(const char *text, SearchCharset charset, gsize *len_out, GError **error)
{
	gsize len = charset != CHARSET_OTHER ? strlen(text) : 0;
	gboolean ascii = TRUE;
	for (gsize i = 0; i < len && ascii; i++)
		ascii = (guchar)text[i] < 0x80;
	if (!ascii && charset == CHARSET_ASCII) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX,
		            "search string has 8-bit octets, but CHARSET is US-ASCII");
		return NULL;
	}
	if (!ascii && !g_utf8_validate(text, (gssize)len, NULL)) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "search string is not valid UTF-8");
		return NULL;
	}
	return fold_string(text, len, len_out);
}

static gboolean parse_needle(ImapParser *p, SearchCharset charset, char **needle_out, gsize *len_out, GError **error)
{
	if (!imap_parse_sp(p, error))
		return FALSE;
	g_autofree char *text = imap_parse_astring(p, error);
	if (text == NULL)
		return FALSE;
	char *needle = fold_needle(text, charset, len_out, error);
	if (needle == NULL)
		return FALSE;
	*needle_out = needle;
	return TRUE;
}

static SearchKey *parse_text(ImapParser *p, SearchCharset charset, TextScope scope, const char *field, GError **error)
{
	g_autoptr(SearchKey) key = key_new(SEARCH_KEY_TEXT);
	key->scope = scope;
	if (field != NULL)
		key->field = fold_string(field, strlen(field), &key->field_len);
	if (!parse_needle(p, charset, &key->needle, &key->needle_len, error))
		return NULL;
	return g_steal_pointer(&key);
}

static SearchKey *parse_header(ImapParser *p, SearchCharset charset, GError **error)
{
	if (!imap_parse_sp(p, error))
		return NULL;
	g_autofree char *name = imap_parse_astring(p, error);
	if (name == NULL)
		return NULL;
	/* RFC 5322 3.6.8: a field name is printable US-ASCII without ":"; no other can exist. */
	for (const char *c = name; *c != '\0'; c++)
		if (*c < 33 || *c > 126 || *c == ':') {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "HEADER: not a field name");
			return NULL;
		}
	if (*name == '\0') {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "HEADER: the field name is empty");
		return NULL;
	}
	return parse_text(p, charset, TEXT_SCOPE_HEADER, name, error);
}

/* -- the keys ----------------------------------------------------------------------------------------------- */

typedef enum { DAY_BEFORE, DAY_ON, DAY_SINCE } DayTest;

static SearchKey *parse_day(ImapParser *p, SearchKeyKind kind, DayTest test, GError **error)
{
	gint32 day;
	if (!imap_parse_sp(p, error) || !imap_parse_date(p, &day, error))
		return NULL;
	SearchKey *key = key_new(kind);
	key->first_day = test == DAY_BEFORE ? G_MININT32 : day;
	key->last_day = test == DAY_BEFORE ? day - 1 : test == DAY_ON ? day : G_MAXINT32;
	return key;
}

static SearchKey *parse_size(ImapParser *p, SearchKeyKind kind, GError **error)
{
	g_autoptr(SearchKey) key = key_new(kind);
	if (!imap_parse_sp(p, error) || !imap_parse_number64(p, &key->number, error))
		return NULL;
	return g_steal_pointer(&key);
}

static SearchKey *parse_keyword(ImapParser *p, gboolean set, GError **error)
{
	g_autoptr(SearchKey) key = key_new(SEARCH_KEY_KEYWORD);
	if (!imap_parse_sp(p, error))
		return NULL;
	key->keyword = imap_parse_atom(p, error);
	if (key->keyword == NULL)
		return NULL;
	return set ? g_steal_pointer(&key) : key_not(g_steal_pointer(&key));
}

static SearchKey *parse_set(ImapParser *p, SearchKeyKind kind, GError **error)
{
	g_autoptr(SearchKey) key = key_new(kind);
	key->set = imap_parse_sequence_set(p, error);
	if (key->set == NULL)
		return NULL;
	return g_steal_pointer(&key);
}

/* RFC 5032 section 3: seconds, 1 and more. */
static SearchKey *parse_seconds(ImapParser *p, SearchKeyKind kind, GError **error)
{
	guint32 seconds;
	if (!imap_parse_sp(p, error) || !imap_parse_nz_number(p, &seconds, error))
		return NULL;
	SearchKey *key = key_new(kind);
	key->number = seconds;
	return key;
}

/* RFC 7162 section 7: entry-flag-name. Modseqs are those of messages, so that the flag and whose it is are read and ignored (3.1.5). */
static gboolean parse_modseq_entry(ImapParser *p, GError **error)
{
	static const char prefix[] = "/flags/", *const types[] = { "priv", "shared", "all", NULL };
	g_autofree char *name = imap_parse_string(p, error);
	if (name == NULL)
		return FALSE;
	const char *flag = g_ascii_strncasecmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : "";
	if (*flag == '\0' || strcmp(flag, "\\") == 0) {
		g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "MODSEQ: expected an entry like \"/flags/\\\\Seen\"");
		return FALSE;
	}
	if (!imap_parse_sp(p, error))
		return FALSE;
	g_autofree char *type = imap_parse_atom(p, error);
	g_autofree char *lower = type != NULL ? g_ascii_strdown(type, -1) : NULL;
	if (lower == NULL)
		return FALSE;
	if (!g_strv_contains(types, lower)) {
		g_set_error_literal(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "MODSEQ: expected priv, shared or all after the entry");
		return FALSE;
	}
	return imap_parse_sp(p, error);
}

/* "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer */
static SearchKey *parse_modseq(ImapParser *p, GError **error)
{
	g_autoptr(SearchKey) key = key_new(SEARCH_KEY_MODSEQ);
	if (!imap_parse_sp(p, error) || (imap_peek(p, '"') && !parse_modseq_entry(p, error)) ||
	    !imap_parse_modseq(p, TRUE, &key->number, error))
		return NULL;
	return g_steal_pointer(&key);
}

static SearchKey *key_new_none(void)
{
	return key_not(key_new(SEARCH_KEY_AND));
}

/* RFC 8474 section 6. Messages have no THREADID here, so that none matches (section 5.2). */
static SearchKey *parse_objectid(ImapParser *p, gboolean email, GError **error)
{
	if (!imap_parse_sp(p, error))
		return NULL;
	g_autofree char *id = imap_parse_astring(p, error);
	if (id == NULL)
		return NULL;
	if (!email)
		return key_new_none();
	SearchKey *key = key_new(SEARCH_KEY_EMAILID);
	key->keyword = g_steal_pointer(&id);
	return key;
}

static SearchKey *key_new_and(SearchKey *a, SearchKey *b)
{
	SearchKey *key = key_new(SEARCH_KEY_AND);
	key_add(key, a);
	key_add(key, b);
	return key;
}

static SearchKey *parse_flag_key(const char *name)
{
	/* RFC 3501 6.4.4; the UN... forms are NOT of these. */
	static const struct { const char *name; MessageFlags flag; gboolean set; } table[] = {
		{ "ANSWERED", MESSAGE_ANSWERED, TRUE }, { "UNANSWERED", MESSAGE_ANSWERED, FALSE },
		{ "DELETED", MESSAGE_DELETED, TRUE },   { "UNDELETED", MESSAGE_DELETED, FALSE },
		{ "DRAFT", MESSAGE_DRAFT, TRUE },       { "UNDRAFT", MESSAGE_DRAFT, FALSE },
		{ "FLAGGED", MESSAGE_FLAGGED, TRUE },   { "UNFLAGGED", MESSAGE_FLAGGED, FALSE },
		{ "SEEN", MESSAGE_SEEN, TRUE },         { "UNSEEN", MESSAGE_SEEN, FALSE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_ascii_strcasecmp(name, table[i].name) == 0)
			return key_flag(table[i].flag, table[i].set);
	if (g_ascii_strcasecmp(name, "ALL") == 0)
		return key_new(SEARCH_KEY_AND);
	if (g_ascii_strcasecmp(name, "SAVEDATESUPPORTED") == 0) /* every mailbox keeps save dates */
		return key_new(SEARCH_KEY_AND);
	if (g_ascii_strcasecmp(name, "RECENT") == 0)
		return key_new(SEARCH_KEY_RECENT);
	if (g_ascii_strcasecmp(name, "OLD") == 0)
		return key_not(key_new(SEARCH_KEY_RECENT));
	if (g_ascii_strcasecmp(name, "NEW") == 0)
		return key_new_and(key_new(SEARCH_KEY_RECENT), key_flag(MESSAGE_SEEN, FALSE));
	return NULL;
}

static SearchKey *parse_date_key(ImapParser *p, const char *name, gboolean *known_out, GError **error)
{
	static const struct { const char *name; SearchKeyKind kind; DayTest test; } table[] = {
		{ "BEFORE", SEARCH_KEY_INTERNAL_DATE, DAY_BEFORE }, { "ON", SEARCH_KEY_INTERNAL_DATE, DAY_ON },
		{ "SINCE", SEARCH_KEY_INTERNAL_DATE, DAY_SINCE },   { "SENTBEFORE", SEARCH_KEY_SENT_DATE, DAY_BEFORE },
		{ "SENTON", SEARCH_KEY_SENT_DATE, DAY_ON },         { "SENTSINCE", SEARCH_KEY_SENT_DATE, DAY_SINCE },
		{ "SAVEDBEFORE", SEARCH_KEY_SAVED_DATE, DAY_BEFORE }, { "SAVEDON", SEARCH_KEY_SAVED_DATE, DAY_ON },
		{ "SAVEDSINCE", SEARCH_KEY_SAVED_DATE, DAY_SINCE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_ascii_strcasecmp(name, table[i].name) == 0) {
			*known_out = TRUE;
			return parse_day(p, table[i].kind, table[i].test, error);
		}
	*known_out = FALSE;
	return NULL;
}

/* A key that is neither NOT, OR nor a list: it has no keys inside. */
static SearchKey *parse_simple(ImapParser *p, const char *name, SearchCharset charset, GError **error)
{
	SearchKey *key = parse_flag_key(name);
	if (key != NULL)
		return key;
	gboolean known;
	key = parse_date_key(p, name, &known, error);
	if (known)
		return key;
	/* The address and subject keys are those of the field's value as a whole: DESIGN.md, "Text", rule 1. */
	static const char *const fields[] = { "From", "To", "Cc", "Bcc", "Subject" };
	for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
		if (g_ascii_strcasecmp(name, fields[i]) == 0)
			return parse_text(p, charset, TEXT_SCOPE_HEADER, fields[i], error);
	if (g_ascii_strcasecmp(name, "HEADER") == 0)
		return parse_header(p, charset, error);
	if (g_ascii_strcasecmp(name, "BODY") == 0)
		return parse_text(p, charset, TEXT_SCOPE_BODY, NULL, error);
	if (g_ascii_strcasecmp(name, "TEXT") == 0)
		return parse_text(p, charset, TEXT_SCOPE_TEXT, NULL, error);
	if (g_ascii_strcasecmp(name, "LARGER") == 0)
		return parse_size(p, SEARCH_KEY_LARGER, error);
	if (g_ascii_strcasecmp(name, "SMALLER") == 0)
		return parse_size(p, SEARCH_KEY_SMALLER, error);
	if (g_ascii_strcasecmp(name, "OLDER") == 0)
		return parse_seconds(p, SEARCH_KEY_OLDER, error);
	if (g_ascii_strcasecmp(name, "YOUNGER") == 0)
		return parse_seconds(p, SEARCH_KEY_YOUNGER, error);
	if (g_ascii_strcasecmp(name, "EMAILID") == 0 || g_ascii_strcasecmp(name, "THREADID") == 0)
		return parse_objectid(p, g_ascii_toupper(*name) == 'E', error);
	if (g_ascii_strcasecmp(name, "MODSEQ") == 0)
		return parse_modseq(p, error);
	if (g_ascii_strcasecmp(name, "KEYWORD") == 0)
		return parse_keyword(p, TRUE, error);
	if (g_ascii_strcasecmp(name, "UNKEYWORD") == 0)
		return parse_keyword(p, FALSE, error);
	if (g_ascii_strcasecmp(name, "UID") == 0)
		return imap_parse_sp(p, error) ? parse_set(p, SEARCH_KEY_UID, error) : NULL;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown search key %.40s", name);
	return NULL;
}

/* -- the tree ----------------------------------------------------------------------------------------------- */

/* What is open while keys are read: a list (the outermost one, or in parentheses), OR that waits for its two keys, NOT and FUZZY for their one. A stack
 * of ours instead of recursion: OR chains of thousands are fine, and only what evaluation recurses over is limited. */
typedef enum { OPEN_TOP, OPEN_FILTER, OPEN_LIST, OPEN_OR, OPEN_NOT, OPEN_FUZZY } OpenKind;
typedef struct {
	OpenKind kind;
	SearchKey *key; /* AND for lists, OR for OR, NULL for NOT and FUZZY; owned */
} Open;

/* What a program and the filters in it share. */
typedef struct {
	const SearchFilters *filters; /* NULL: there are none */
	GPtrArray *active;            /* borrowed names of the filters that are being read, the innermost last */
	guint keys;
	gsize octets; /* of filters */
	gboolean filtered; /* FILTER was there */
} Reading;

static void open_clear(gpointer data)
{
	search_key_free(((Open *)data)->key);
}

static void open_push(GArray *stack, OpenKind kind)
{
	Open open = { kind, NULL };
	if (kind != OPEN_NOT && kind != OPEN_FUZZY)
		open.key = key_new(kind == OPEN_OR ? SEARCH_KEY_OR : SEARCH_KEY_AND);
	g_array_append_val(stack, open);
}

static SearchKey *open_pop(GArray *stack)
{
	SearchKey *key = g_steal_pointer(&g_array_index(stack, Open, stack->len - 1).key);
	g_array_set_size(stack, stack->len - 1);
	return key;
}

/* Puts a finished key into what is open, and closes the NOT and OR that it finishes. */
static void place_key(GArray *stack, SearchKey *key)
{
	for (;;) {
		Open *top = &g_array_index(stack, Open, stack->len - 1);
		if (top->kind == OPEN_NOT || top->kind == OPEN_FUZZY) {
			key = top->kind == OPEN_NOT ? key_not(key) : key_fuzzy(key);
			(void)open_pop(stack);
			continue;
		}
		if (top->kind == OPEN_FILTER) { /* key by key, as it was written */
			g_ptr_array_add(top->key->children, key);
			return;
		}
		/* The first key of an OR may be an OR of many: its children are then ours already. */
		gboolean second = top->kind == OPEN_OR && top->key->children->len > 0;
		key_add(top->key, key);
		if (!second)
			return;
		key = open_pop(stack);
	}
}

/* Puts a finished key into what is open, and closes what that and a ")" finish; *done_out is set when that was the whole. Otherwise
 * another key follows, and its SP is read. FALSE and @error if there is none. */
static gboolean close_key(ImapParser *p, GArray *stack, SearchKey *key, SearchKey **done_out, GError **error)
{
	for (;;) {
		place_key(stack, key);
		OpenKind kind = g_array_index(stack, Open, stack->len - 1).kind;
		if (kind == OPEN_LIST && imap_skip(p, ')')) {
			key = key_simplify(open_pop(stack));
			continue;
		}
		if ((kind == OPEN_TOP || kind == OPEN_FILTER) && imap_at_end(p)) {
			*done_out = open_pop(stack);
			return TRUE;
		}
		return imap_parse_sp(p, error);
	}
}

/* Whether evaluation would recurse deeper than @limit. */
static gboolean key_is_deeper(const SearchKey *key, guint limit)
{
	if (key->children == NULL)
		return FALSE;
	if (limit == 0)
		return TRUE;
	for (guint i = 0; i < key->children->len; i++)
		if (key_is_deeper(key->children->pdata[i], limit - 1))
			return TRUE;
	return FALSE;
}

/* What the key of this name opens; OPEN_TOP: nothing. */
static OpenKind open_kind(const char *name)
{
	static const struct { const char *name; OpenKind kind; } table[] = {
		{ "NOT", OPEN_NOT }, { "OR", OPEN_OR }, { "FUZZY", OPEN_FUZZY }
	};
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_ascii_strcasecmp(name, table[i].name) == 0)
			return table[i].kind;
	return OPEN_TOP;
}

static SearchKey *parse_filter(ImapParser *p, SearchCharset charset, Reading *reading, GError **error);

/* Keys up to the end, as the children of an AND; with OPEN_FILTER one for each key that is written there. */
static SearchKey *read_keys(ImapParser *p, SearchCharset charset, OpenKind bottom, Reading *reading, GError **error)
{
	g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(Open));
	g_array_set_clear_func(stack, open_clear);
	open_push(stack, bottom);
	SearchKey *done = NULL;
	while (done == NULL) {
		if (reading->keys++ >= LIMIT_SEARCH_KEYS) {
			g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT,
			            "more than %d search keys", LIMIT_SEARCH_KEYS);
			return NULL;
		}
		if (imap_skip(p, '(')) {
			open_push(stack, OPEN_LIST);
			continue;
		}
		SearchKey *key;
		/* "$" alone is the saved result (RFC 5182); a key name may not begin with it. */
		if (p->pos < p->len && strchr("0123456789*$", p->data[p->pos]) != NULL) {
			key = parse_set(p, SEARCH_KEY_SEQUENCE, error);
		} else {
			g_autofree char *name = imap_parse_atom(p, error);
			if (name == NULL)
				return NULL;
			OpenKind opens = open_kind(name);
			if (opens != OPEN_TOP) {
				open_push(stack, opens);
				if (!imap_parse_sp(p, error))
					return NULL;
				continue;
			}
			if (g_ascii_strcasecmp(name, "FILTER") == 0) {
				g_autoptr(SearchKey) keys = parse_filter(p, charset, reading, error);
				if (keys == NULL)
					return NULL;
				while (keys->children->len > 1)
					place_key(stack, g_ptr_array_steal_index(keys->children, 0));
				key = g_ptr_array_steal_index(keys->children, 0);
			} else {
				key = parse_simple(p, name, charset, error);
			}
		}
		if (key == NULL)
			return NULL;
		if (!close_key(p, stack, key, &done, error))
			return NULL;
	}
	return done;
}

static gboolean undefined_filter(GError **error, const char *name, const char *what)
{
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_FILTER, "%s %s", name, what);
	return FALSE;
}

/* What the filter has: keys as the children of an AND, one or more. */
static SearchKey *read_filter(const char *name, GBytes *text, Reading *reading, GError **error)
{
	ImapParser p = { 0 };
	g_autoptr(GError) reason = NULL;
	p.data = g_bytes_get_data(text, &p.len);
	reading->octets += p.len;
	if (reading->octets > LIMIT_FILTER_OCTETS) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "the filters have more than %d octets", LIMIT_FILTER_OCTETS);
		return NULL;
	}
	g_ptr_array_add(reading->active, (gpointer)(guintptr)name);
	SearchKey *keys = read_keys(&p, CHARSET_UTF8, OPEN_FILTER, reading, &reason);
	g_ptr_array_set_size(reading->active, (gint)reading->active->len - 1);
	if (keys != NULL)
		return keys;
	if (g_error_matches(reason, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX))
		(void)undefined_filter(error, name, reason->message); /* RFC 5466 3.1: "should fail the SEARCH" */
	else
		g_propagate_error(error, g_steal_pointer(&reason));
	return NULL;
}

static gboolean is_active(const Reading *reading, const char *name)
{
	for (guint i = 0; i < reading->active->len; i++)
		if (g_ascii_strcasecmp(reading->active->pdata[i], name) == 0)
			return TRUE;
	return FALSE;
}

/* "FILTER" SP filter-name, from the SP on. */
static SearchKey *parse_filter(ImapParser *p, SearchCharset charset, Reading *reading, GError **error)
{
	g_autofree char *name = imap_parse_sp(p, error) ? imap_parse_atom(p, error) : NULL;
	if (name == NULL)
		return NULL;
	if (strchr(name, '/') != NULL || strlen(name) > LIMIT_FILTER_NAME) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "FILTER: not a filter's name");
		return NULL;
	}
	reading->filtered = TRUE;
	if (charset == CHARSET_OTHER) {
		SearchKey *any = key_new(SEARCH_KEY_AND);
		g_ptr_array_add(any->children, key_new(SEARCH_KEY_AND));
		return any;
	}
	/* RFC 5466 3.1: a loop, or too many passes: as if it were not there. */
	gboolean loop = is_active(reading, name);
	if (loop || reading->active->len >= LIMIT_FILTER_PASSES) {
		(void)undefined_filter(error, name, loop ? "is a filter that leads to itself" : "is too deep in filters");
		return NULL;
	}
	g_autoptr(GError) failure = NULL;
	g_autoptr(GBytes) text = reading->filters != NULL ? reading->filters->find(name, reading->filters->data, &failure) : NULL;
	if (failure != NULL)
		g_propagate_error(error, g_steal_pointer(&failure));
	else if (text == NULL)
		(void)undefined_filter(error, name, "is no filter");
	return text != NULL ? read_filter(name, text, reading, error) : NULL;
}

static SearchKey *parse_keys(ImapParser *p, SearchCharset charset, gboolean *filtered_out, GError **error)
{
	g_autoptr(GPtrArray) active = g_ptr_array_new();
	Reading reading = { .filters = p->filters, .active = active };
	g_autoptr(SearchKey) done = read_keys(p, charset, OPEN_TOP, &reading, error);
	if (filtered_out != NULL)
		*filtered_out = reading.filtered;
	if (done == NULL)
		return NULL;
	done = key_simplify(g_steal_pointer(&done));
	if (key_is_deeper(done, LIMIT_NESTING)) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_LIMIT, "search keys nest deeper than %d", LIMIT_NESTING);
		return NULL;
	}
	return g_steal_pointer(&done);
}

SearchKey *search_keys_parse(ImapParser *p, GError **error)
{
	return parse_keys(p, CHARSET_UTF8, NULL, error);
}

static gboolean key_has(const SearchKey *key, SearchKeyKind kind)
{
	/* $ is none of numbers: it is kept as UIDs. */
	if (key->kind == kind && (kind != SEARCH_KEY_SEQUENCE || *key->set != '$'))
		return TRUE;
	for (guint i = 0; key->children != NULL && i < key->children->len; i++)
		if (key_has(key->children->pdata[i], kind))
			return TRUE;
	return FALSE;
}

/* -- the program -------------------------------------------------------------------------------------------- */

static gboolean parse_return_option(ImapParser *p, SearchProgram *program, GError **error)
{
	static const struct { const char *name; SearchReturn bit; } table[] = {
		{ "MIN", SEARCH_RETURN_MIN },     { "MAX", SEARCH_RETURN_MAX },   { "ALL", SEARCH_RETURN_ALL },
		{ "COUNT", SEARCH_RETURN_COUNT }, { "SAVE", SEARCH_RETURN_SAVE }, { "PARTIAL", SEARCH_RETURN_PARTIAL },
		{ "UPDATE", SEARCH_RETURN_UPDATE }, { "CONTEXT", SEARCH_RETURN_CONTEXT }, { "RELEVANCY", SEARCH_RETURN_RELEVANCY },
	};
	g_autofree char *name = imap_parse_atom(p, error);
	if (name == NULL)
		return FALSE;
	SearchReturn bit = 0;
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_ascii_strcasecmp(name, table[i].name) == 0)
			bit = table[i].bit;
	if (bit == 0) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "unknown return option %.40s", name);
		return FALSE;
	}
	/* RFC 9394 3.1: one PARTIAL, and not with ALL. */
	SearchReturn with = program->returns | bit;
	if ((bit == SEARCH_RETURN_PARTIAL && (program->returns & bit) != 0) ||
	    ((with & SEARCH_RETURN_PARTIAL) != 0 && (with & SEARCH_RETURN_ALL) != 0)) {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "PARTIAL stands once, and without ALL");
		return FALSE;
	}
	program->returns = with;
	return bit != SEARCH_RETURN_PARTIAL || (imap_parse_sp(p, error) && partial_parse(p, &program->partial, error));
}

/* RFC 4731 3.1, RFC 9051 6.4.4: "RETURN (" [option *(SP option)] ")", RETURN () is RETURN (ALL); unknown options are BAD. */
static gboolean parse_return(ImapParser *p, SearchProgram *program, GError **error)
{
	program->extended = TRUE;
	program->returns = 0;
	if (!imap_parse_sp(p, error) || !imap_parse_char(p, '(', error))
		return FALSE;
	while (!imap_skip(p, ')')) {
		if (program->returns != 0 && !imap_parse_sp(p, error))
			return FALSE;
		if (!parse_return_option(p, program, error))
			return FALSE;
	}
	if (program->returns == 0)
		program->returns = SEARCH_RETURN_ALL;
	return TRUE;
}

gboolean search_program_is_silent(const SearchProgram *program)
{
	const SearchReturn no_results = SEARCH_RETURN_SAVE | SEARCH_RETURN_UPDATE | SEARCH_RETURN_CONTEXT;
	return (program->returns & SEARCH_RETURN_SAVE) != 0 && (program->returns & ~no_results) == 0;
}

static gboolean parse_charset(ImapParser *p, SearchCharset *charset_out, GError **error)
{
	g_autofree char *name = imap_parse_astring(p, error); /* erratum 261: atom or quoted */
	if (name == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(name, "UTF-8") == 0) {
		*charset_out = CHARSET_UTF8;
	} else if (g_ascii_strcasecmp(name, "US-ASCII") == 0 || g_ascii_strcasecmp(name, "ASCII") == 0) {
		*charset_out = CHARSET_ASCII;
	} else {
		g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_CHARSET, "unsupported charset");
		return FALSE;
	}
	return TRUE;
}

/* TRUE and past it when the next atom is @word (any case). */
static gboolean skip_word(ImapParser *p, const char *word)
{
	gsize len = strlen(word);
	if (p->len - p->pos < len || g_ascii_strncasecmp(p->data + p->pos, word, len) != 0)
		return FALSE;
	if (p->len - p->pos > len && p->data[p->pos + len] != ' ')
		return FALSE;
	p->pos += len;
	return TRUE;
}

SearchProgram *search_program_new(void)
{
	SearchProgram *program = g_new0(SearchProgram, 1);
	program->refs = 1;
	program->returns = SEARCH_RETURN_ALL;
	return program;
}

gboolean search_return_parse_optional(ImapParser *p, SearchProgram *program, GError **error)
{
	return !skip_word(p, "RETURN") || (parse_return(p, program, error) && imap_parse_sp(p, error));
}

static gboolean parse_program_keys(ImapParser *p, SearchProgram *program, SearchCharset charset, GError **error)
{
	program->key = parse_keys(p, charset, NULL, error);
	if (program->key == NULL)
		return FALSE;
	program->modseq = key_has(program->key, SEARCH_KEY_MODSEQ);
	program->numbers = key_has(program->key, SEARCH_KEY_SEQUENCE);
	if ((program->returns & SEARCH_RETURN_RELEVANCY) == 0 || search_key_has_fuzzy(program->key))
		return TRUE;
	g_set_error(error, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_SYNTAX, "RELEVANCY needs a FUZZY search key"); /* RFC 6203 section 4 */
	return FALSE;
}

/* Whether FILTER is among the keys behind a charset that we do not know: RFC 5466 3.1 has another answer for that. */
static gboolean has_filter(ImapParser *p)
{
	gboolean filtered = FALSE;
	if (imap_parse_sp(p, NULL))
		search_key_free(parse_keys(p, CHARSET_OTHER, &filtered, NULL));
	return filtered;
}

gboolean search_charset_and_keys_parse(ImapParser *p, SearchProgram *program, GError **error)
{
	SearchCharset charset = CHARSET_NONE;
	g_autoptr(GError) refused = NULL;
	if (parse_charset(p, &charset, &refused))
		return imap_parse_sp(p, error) && parse_program_keys(p, program, charset, error);
	if (g_error_matches(refused, IMAP_PARSE_ERROR, IMAP_PARSE_ERROR_CHARSET) && has_filter(p))
		refused->code = IMAP_PARSE_ERROR_FILTER_CHARSET;
	g_propagate_error(error, g_steal_pointer(&refused));
	return FALSE;
}

gboolean search_keys_parse_with_charset(ImapParser *p, SearchProgram *program, GError **error)
{
	if (skip_word(p, "CHARSET"))
		return imap_parse_sp(p, error) && search_charset_and_keys_parse(p, program, error);
	return parse_program_keys(p, program, CHARSET_NONE, error);
}

gboolean search_program_parse(ImapParser *p, SearchProgram *program, GError **error)
{
	return imap_parse_sp(p, error) && search_return_parse_optional(p, program, error) &&
	       search_keys_parse_with_charset(p, program, error);
}
