#include "server/imap/search-update.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "server/imap/search-answer.h"
#include "server/imap/search-command.h"
#include "server/imap/sort.h"

/* What a program's answer for a message can change by, besides expunging. */
typedef enum {
	DEPENDS_FLAGS = 1 << 0,
	DEPENDS_TIME = 1 << 1,
	DEPENDS_LAST = 1 << 2, /* on which message is the last */
} Depends;

typedef struct {
	char *tag;
	char *intro; /* `* ESEARCH (TAG "a1") UID` */
	gboolean uid;
	SearchProgram *program; /* a reference */
	GArray *orders;         /* owned; NULL: the mailbox's order */
	GHashTable *pinned;     /* SearchContext.pinned; owned */
	Depends depends;
	GArray *uids; /* guint32: what the client has, in order; owned */
	gint64 now;   /* Unix seconds: the time they are of */
} SearchUpdate;

struct SearchUpdates {
	GPtrArray *list; /* of SearchUpdate, owned */
};

static void search_update_free(gpointer data)
{
	SearchUpdate *update = data;
	if (update == NULL)
		return;
	g_free(update->tag);
	g_free(update->intro);
	search_program_unref(update->program);
	g_clear_pointer(&update->orders, g_array_unref);
	g_clear_pointer(&update->pinned, g_hash_table_unref);
	g_clear_pointer(&update->uids, g_array_unref);
	g_free(update);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchUpdate, search_update_free)

SearchUpdates *search_updates_new(void)
{
	SearchUpdates *updates = g_new0(SearchUpdates, 1);
	updates->list = g_ptr_array_new_with_free_func(search_update_free);
	return updates;
}

void search_updates_free(SearchUpdates *updates)
{
	if (updates == NULL)
		return;
	g_ptr_array_unref(updates->list);
	g_free(updates);
}

static gboolean find(const SearchUpdates *updates, const char *tag, guint *i_out)
{
	for (guint i = 0; updates != NULL && i < updates->list->len; i++)
		if (strcmp(((const SearchUpdate *)updates->list->pdata[i])->tag, tag) == 0) {
			*i_out = i;
			return TRUE;
		}
	return FALSE;
}

gboolean search_updates_has(const SearchUpdates *updates, const char *tag)
{
	guint i;
	return find(updates, tag, &i);
}

gboolean search_updates_cancel(SearchUpdates *updates, const char *tag)
{
	guint i;
	if (!find(updates, tag, &i))
		return FALSE;
	g_ptr_array_remove_index(updates->list, i);
	return TRUE;
}

/* -- beginning ------------------------------------------------------------------------------------------------- */

/* What the tree depends on; and its message sequence numbers and $, as UIDs. */
static gboolean examine(SearchUpdate *update, const SearchContext *context, SearchKey *key, GError **error)
{
	switch (key->kind) {
	case SEARCH_KEY_FLAG:
	case SEARCH_KEY_KEYWORD:
	case SEARCH_KEY_MODSEQ:
		update->depends |= DEPENDS_FLAGS;
		return TRUE;
	case SEARCH_KEY_RECENT: /* never changes for a message (Session.recent) */
		return TRUE;
	case SEARCH_KEY_OLDER:
	case SEARCH_KEY_YOUNGER:
		update->depends |= DEPENDS_TIME;
		return TRUE;
	case SEARCH_KEY_SEQUENCE:
	case SEARCH_KEY_UID: {
		if (key->kind == SEARCH_KEY_UID && strcmp(key->set, "$") != 0) {
			if (strchr(key->set, '*') != NULL)
				update->depends |= DEPENDS_LAST;
			return TRUE;
		}
		UidSet *set = search_set_resolve(context, key, error);
		if (set == NULL)
			return FALSE;
		g_hash_table_insert(update->pinned, key, set);
		return TRUE;
	}
	default:
		for (guint i = 0; key->children != NULL && i < key->children->len; i++)
			if (!examine(update, context, key->children->pdata[i], error))
				return FALSE;
		return TRUE;
	}
}

/* RFC 5267 4.3.1: one at least, however large it is. */
static gboolean has_room(const SearchUpdates *updates, guint n)
{
	guint64 held = n;
	for (guint i = 0; i < updates->list->len; i++)
		held += ((const SearchUpdate *)updates->list->pdata[i])->uids->len;
	return updates->list->len == 0 ||
	       (updates->list->len < LIMIT_SEARCH_UPDATES && held <= LIMIT_SEARCH_UPDATE_RESULTS);
}

gboolean search_updates_add(SearchUpdates *updates, const SearchContext *context, const SearchResult *result)
{
	/* Scores depend on all that was found: a place by them does not stay (RFC 5267 4.3.1 lets a SORT be refused). */
	if (!has_room(updates, result->positions->len) ||
	    (result->orders != NULL && sort_orders_need_relevancy(result->orders)))
		return FALSE;
	g_autoptr(SearchUpdate) update = g_new0(SearchUpdate, 1);
	update->tag = g_strdup(result->tag);
	update->intro = g_strdup_printf("* ESEARCH (%s)%s", result->correlator, result->uid ? " UID" : "");
	update->uid = result->uid;
	update->program = search_program_ref(result->program);
	if (result->orders != NULL) {
		update->orders = g_array_new(FALSE, FALSE, sizeof(SortOrder));
		g_array_append_vals(update->orders, result->orders->data, result->orders->len);
	}
	update->pinned = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)uidset_free);
	update->now = context->now;
	if (!examine(update, context, update->program->key, NULL))
		return FALSE;
	guint n = result->positions->len;
	update->uids = g_array_sized_new(FALSE, FALSE, sizeof(guint32), n);
	for (guint i = 0; i < n; i++) {
		guint32 uid = snapshot_uid_at(context->view, g_array_index(result->positions, guint32, i));
		g_array_append_val(update->uids, uid);
	}
	g_ptr_array_add(updates->list, g_steal_pointer(&update));
	return TRUE;
}

/* -- telling --------------------------------------------------------------------------------------------------- */

/* One ESEARCH response; nothing is written before there is something to tell. */
typedef struct {
	const SearchUpdate *update;
	const Snapshot *view;
	GString *out;
	const char *open; /* the item that is open: "REMOVEFROM", "ADDTO"; NULL: none */
	gboolean begun;
	GArray *run;      /* guint32 positions in the view: those that stand at @place; owned */
	guint place;      /* context position */
} Telling;

static Telling telling_begin(const SearchUpdate *update, const Snapshot *view, GString *out)
{
	return (Telling){ .update = update, .view = view, .out = out, .run = g_array_new(FALSE, FALSE, sizeof(guint32)) };
}

static void telling_flush_run(Telling *telling)
{
	if (telling->run->len == 0)
		return;
	g_string_append_printf(telling->out, "%u", telling->place);
	search_answer_write_set(telling->view, telling->update->uid, telling->run, 0, telling->run->len, telling->out);
	g_array_set_size(telling->run, 0);
}

static void telling_close_item(Telling *telling)
{
	if (telling->open == NULL)
		return;
	telling_flush_run(telling);
	g_string_append_c(telling->out, ')');
	telling->open = NULL;
}

/* @position of the view comes or goes at @place; where it continues the last one it is told together with it. */
static void tell(Telling *telling, const char *item, guint place, guint32 position)
{
	if (telling->open != item) {
		telling_close_item(telling);
		g_string_append_printf(telling->out, "%s %s (", telling->begun ? "" : telling->update->intro, item);
		telling->begun = TRUE;
		telling->open = item;
	} else if (telling->run->len > 0 && telling->place != place) {
		telling_flush_run(telling);
		g_string_append_c(telling->out, ' ');
	}
	telling->place = place;
	g_array_append_val(telling->run, position);
}

static void telling_end(Telling *telling)
{
	telling_close_item(telling);
	if (telling->begun)
		g_string_append(telling->out, "\r\n");
	g_array_unref(telling->run);
}

static const char *const removed_item = "REMOVEFROM";
static const char *const added_item = "ADDTO";

static gboolean find_sorted(const GArray *numbers, guint32 number, guint *i_out)
{
	guint first = 0, end = numbers->len;
	while (first < end) {
		guint middle = first + (end - first) / 2;
		if (g_array_index(numbers, guint32, middle) < number)
			first = middle + 1;
		else
			end = middle;
	}
	*i_out = first;
	return first < numbers->len && g_array_index(numbers, guint32, first) == number;
}

/* Takes those of @judged out of the results that are not in @matching (ascending UIDs; NULL: none of them match), and marks in @listed, of the size of
 * @matching, those that are in the results. Neighbours that go are told together: each has the place of the first when those before it are gone. */
static void remove_results(SearchUpdate *update, const UidSet *judged, const GArray *matching, guint8 *listed, Telling *telling)
{
	GArray *uids = update->uids;
	guint n_ranges = uidset_n_ranges(judged), kept = 0;
	if (n_ranges == 0)
		return;
	guint32 lowest = uidset_range(judged, 0).first, highest = uidset_range(judged, n_ranges - 1).last;
	for (guint i = 0; i < uids->len; i++) {
		guint32 uid = g_array_index(uids, guint32, i), position;
		if (lowest <= uid && uid <= highest && uidset_contains(judged, uid)) {
			guint at;
			if (matching != NULL && find_sorted(matching, uid, &at)) {
				listed[at] = TRUE;
			} else {
				if (snapshot_find_uid(telling->view, uid, &position))
					tell(telling, removed_item, update->orders != NULL ? kept + 1 : 0, position);
				continue;
			}
		}
		g_array_index(uids, guint32, kept++) = uid;
	}
	g_array_set_size(uids, kept);
}

/* Puts @positions (of the view, in the order of the results) among them. */
static gboolean add_results(SearchUpdate *update, SearchContext *context, GArray *positions, Telling *telling, GError **error)
{
	if (positions->len == 0)
		return TRUE;
	g_autoptr(GArray) places = NULL;
	if (update->orders != NULL) {
		if (!sort_positions(context, update->orders, positions, error))
			return FALSE;
		places = sort_places(context, update->orders, update->uids, positions, error);
		if (places == NULL)
			return FALSE;
	}
	GArray *merged = g_array_sized_new(FALSE, FALSE, sizeof(guint32), update->uids->len + positions->len);
	guint taken = 0;
	for (guint i = 0; i < positions->len; i++) {
		guint32 position = g_array_index(positions, guint32, i), uid = snapshot_uid_at(context->view, position);
		guint place;
		if (places != NULL)
			place = g_array_index(places, guint32, i);
		else
			(void)find_sorted(update->uids, uid, &place);
		if (place > taken)
			g_array_append_vals(merged, &g_array_index(update->uids, guint32, taken), place - taken);
		taken = place;
		/* What comes behind the last one that was added is inserted together with it. */
		gboolean continues = i > 0 && telling->place + telling->run->len == merged->len + 1;
		guint told_at = update->orders == NULL ? 0 : continues ? telling->place : merged->len + 1;
		tell(telling, added_item, told_at, position);
		g_array_append_val(merged, uid);
	}
	if (update->uids->len > taken)
		g_array_append_vals(merged, &g_array_index(update->uids, guint32, taken), update->uids->len - taken);
	g_array_unref(update->uids);
	update->uids = merged;
	return TRUE;
}

void search_updates_expunged(SearchUpdates *updates, const Session *session, const UidSet *expunged, GString *out)
{
	for (guint i = 0; i < updates->list->len; i++) {
		SearchUpdate *update = updates->list->pdata[i];
		Telling telling = telling_begin(update, session->view, out);
		remove_results(update, expunged, NULL, NULL, &telling);
		telling_end(&telling);
	}
}

/* -- what has changed -------------------------------------------------------------------------------------------- */

static void add_uid(UidSet *set, const Snapshot *view, const SearchNews *news, guint32 uid)
{
	guint32 position;
	if ((news->expunged == NULL || !uidset_contains(news->expunged, uid)) && snapshot_find_uid(view, uid, &position))
		uidset_add(set, uid);
}

static void add_uids_from(UidSet *set, const Snapshot *view, const SearchNews *news, guint32 first, guint32 end)
{
	guint32 position;
	(void)snapshot_find_uid(view, first, &position);
	for (; position < snapshot_count(view); position++) {
		guint32 uid = snapshot_uid_at(view, position);
		if (uid >= end)
			return;
		if (news->expunged == NULL || !uidset_contains(news->expunged, uid))
			uidset_add(set, uid);
	}
}

/* Those for which OLDER or YOUNGER may have turned over between @before and @now (Unix seconds; a clock may be set back). */
static void add_by_time(UidSet *set, const Snapshot *view, const SearchNews *news, const SearchKey *key, gint64 before, gint64 now)
{
	for (guint i = 0; key->children != NULL && i < key->children->len; i++)
		add_by_time(set, view, news, key->children->pdata[i], before, now);
	if (key->kind != SEARCH_KEY_OLDER && key->kind != SEARCH_KEY_YOUNGER)
		return;
	gint64 from = MIN(before, now) - (gint64)key->number, to = MAX(before, now) - (gint64)key->number;
	for (guint c = 0; c < snapshot_n_chunks(view); c++) {
		const SnapshotChunk *chunk = snapshot_chunk(view, c, NULL);
		for (guint row = 0; row < chunk->n; row++)
			if (from <= chunk->internal_at[row] && chunk->internal_at[row] <= to)
				add_uid(set, view, news, chunk->uid[row]);
	}
}

/* The messages for which the program has to be asked. */
static UidSet *judged_of(const SearchUpdate *update, const Session *session, const SearchNews *news, gint64 now)
{
	const Snapshot *view = session->view;
	UidSet *set = uidset_new();
	guint32 max_uid = snapshot_max_uid(view);
	if ((update->depends & DEPENDS_FLAGS) != 0 && news->changed != NULL)
		for (guint i = 0; i < news->changed->len; i++)
			add_uid(set, view, news, g_array_index(news->changed, guint32, i));
	if (max_uid > news->old_max_uid)
		add_uids_from(set, view, news, news->old_max_uid + 1, G_MAXUINT32);
	if ((update->depends & DEPENDS_LAST) != 0 && max_uid != news->old_max_uid) {
		add_uid(set, view, news, news->old_max_uid);
		if (max_uid > 0)
			add_uid(set, view, news, max_uid);
	}
	if ((update->depends & DEPENDS_TIME) != 0 && now != update->now)
		add_by_time(set, view, news, update->program->key, update->now, now);
	return set;
}

/* The positions whose UIDs are not @listed. */
static GArray *newcomers_of(const GArray *positions, const guint8 *listed)
{
	GArray *newcomers = g_array_new(FALSE, FALSE, sizeof(guint32));
	for (guint i = 0; i < positions->len; i++)
		if (!listed[i])
			g_array_append_val(newcomers, g_array_index(positions, guint32, i));
	return newcomers;
}

static gboolean judge(SearchUpdate *update, Session *session, const UidSet *judged, gint64 now, GString *out, GError **error)
{
	SearchCost cost = { 0 };
	SearchContext context = search_context_selected(session, session_index(session), NULL, &cost);
	context.saved = NULL;
	context.pinned = update->pinned;
	context.now = now;
	g_autoptr(GArray) positions = search_run_among(&context, update->program->key, judged, error);
	if (positions == NULL)
		return FALSE;
	g_autoptr(GArray) matching = g_array_sized_new(FALSE, FALSE, sizeof(guint32), positions->len);
	for (guint i = 0; i < positions->len; i++) {
		guint32 uid = snapshot_uid_at(context.view, g_array_index(positions, guint32, i));
		g_array_append_val(matching, uid);
	}
	g_autofree guint8 *listed = g_new0(guint8, MAX(matching->len, 1));
	Telling telling = telling_begin(update, context.view, out);
	remove_results(update, judged, matching, listed, &telling);
	telling_close_item(&telling);
	g_autoptr(GArray) newcomers = newcomers_of(positions, listed);
	gboolean ok = add_results(update, &context, newcomers, &telling, error);
	telling_end(&telling);
	return ok;
}

void search_updates_changed(SearchUpdates *updates, Session *session, const SearchNews *news, GString *out)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	for (guint i = 0; i < updates->list->len;) {
		SearchUpdate *update = updates->list->pdata[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(UidSet) judged = judged_of(update, session, news, now);
		if (!uidset_is_empty(judged) && !judge(update, session, judged, now, out, &error)) {
			/* The client must not take for whole what is not: it is told, and may search again. */
			log_error("search.update.failed", LOG_STR("user", session->user), LOG_STR("box", session->mailbox_name),
			          LOG_GERROR("error", error));
			g_string_append_printf(out, "* NO [NOUPDATE \"%s\"] Internal error; search again\r\n", update->tag);
			g_ptr_array_remove_index(updates->list, i);
			continue;
		}
		update->now = now;
		i++;
	}
}
