#include "server/imap/list-select.h"

#include <string.h>

/* What is known of a name, for RECURSIVEMATCH. */
typedef enum {
	LISTED = 1 << 0,       /* there is a MailboxInfo of it */
	BELOW = 1 << 1,        /* an inferior meets the selection options */
	HIDDEN_BELOW = 1 << 2, /* and one of those matches no pattern */
} NameFacts;

typedef struct {
	const ListOptions *options;
	GPtrArray *mailboxes; /* the caller's */
	GArray *entries;      /* of ListEntry */
	GHashTable *facts;    /* name (owned) to NameFacts; NULL without RECURSIVEMATCH */
} Selection;

static NameFacts facts_of(const Selection *s, const char *name)
{
	return s->facts == NULL ? 0 : GPOINTER_TO_UINT(g_hash_table_lookup(s->facts, name));
}

static void add_facts(Selection *s, const char *name, NameFacts facts)
{
	(void)g_hash_table_replace(s->facts, g_strdup(name), GUINT_TO_POINTER(facts_of(s, name) | facts));
}

static gboolean meets_options(const Selection *s, const MailboxInfo *info)
{
	ListSelect select = s->options->select;
	return ((select & LIST_SELECT_SUBSCRIBED) == 0 || (info->flags & MAILBOX_SUBSCRIBED) != 0) &&
		((select & LIST_SELECT_SPECIAL_USE) == 0 || info->special_use != NULL);
}

/* Superiors that have all of it already have handed it on to theirs. */
static void tell_superiors(Selection *s, const char *name, NameFacts facts)
{
	g_autofree char *superior = g_strdup(name);
	for (char *slash; (slash = strrchr(superior, '/')) != NULL;) {
		*slash = '\0';
		if ((facts_of(s, superior) & facts) == facts)
			return;
		add_facts(s, superior, facts);
	}
}

static void gather_facts(Selection *s)
{
	s->facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < s->mailboxes->len; i++) {
		const MailboxInfo *info = s->mailboxes->pdata[i];
		add_facts(s, info->name, LISTED);
		if (!meets_options(s, info))
			continue;
		gboolean matches = list_options_match(s->options, info->name, strlen(info->name));
		tell_superiors(s, info->name, matches ? BELOW : BELOW | HIDDEN_BELOW);
	}
}

/* RFC 5258 3.3: a name that does not meet the options itself is answered only for what would not be seen otherwise. */
static void consider(Selection *s, const MailboxInfo *info)
{
	NameFacts facts = facts_of(s, info->name);
	ListEntry entry = { info, meets_options(s, info), (facts & BELOW) != 0 };
	if ((entry.selected || (facts & HIDDEN_BELOW) != 0) &&
		list_options_match(s->options, info->name, strlen(info->name)))
		g_array_append_val(s->entries, entry);
}

/* Superiors of a name that is only subscribed need not be mailboxes, nor be subscribed. */
static void consider_missing_superiors(Selection *s, const char *name)
{
	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		g_autofree char *superior = g_strndup(name, (gsize)(slash - name));
		if ((facts_of(s, superior) & LISTED) != 0)
			continue;
		add_facts(s, superior, LISTED);
		MailboxInfo *info = g_new0(MailboxInfo, 1);
		info->name = g_steal_pointer(&superior);
		info->flags = MAILBOX_NONEXISTENT;
		g_ptr_array_add(s->mailboxes, info);
		consider(s, info);
	}
}

GArray *list_select(GPtrArray *mailboxes, const ListOptions *options)
{
	Selection s = { options, mailboxes, g_array_new(FALSE, FALSE, sizeof(ListEntry)), NULL };
	guint n = mailboxes->len; /* without those that are added */
	if ((options->select & LIST_SELECT_RECURSIVEMATCH) != 0)
		gather_facts(&s);
	for (guint i = 0; i < n; i++) {
		const MailboxInfo *info = mailboxes->pdata[i];
		if (s.facts != NULL && (info->flags & MAILBOX_NONEXISTENT) != 0)
			consider_missing_superiors(&s, info->name);
		consider(&s, info);
	}
	g_clear_pointer(&s.facts, g_hash_table_unref);
	return s.entries;
}
