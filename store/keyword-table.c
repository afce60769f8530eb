#include "store/snapshot-private.h"

#include <string.h>

/* Sets and names are shared between a table and its copies. */
typedef struct {
	gint refs;
	gsize n;
	const char *names[]; /* NULL-terminated; the names are those of every table that has the set */
} KeywordSet;

struct KeywordTable {
	gint refs;
	GPtrArray *names; /* of GRefString, and a NULL at the end */
	GPtrArray *sets;  /* of KeywordSet */
};

static KeywordSet *keyword_set_new(gsize n)
{
	KeywordSet *set = g_malloc0(sizeof(KeywordSet) + (n + 1) * sizeof(char *));
	set->refs = 1;
	return set;
}

static void keyword_set_unref(gpointer data)
{
	KeywordSet *set = data;
	if (g_atomic_int_dec_and_test(&set->refs))
		g_free(set);
}

static void name_release(gpointer name)
{
	if (name != NULL)
		g_ref_string_release(name);
}

static KeywordTable *table_new(void)
{
	KeywordTable *table = g_new(KeywordTable, 1);
	table->refs = 1;
	table->names = g_ptr_array_new_with_free_func(name_release);
	table->sets = g_ptr_array_new_with_free_func(keyword_set_unref);
	return table;
}

KeywordTable *keyword_table_new(void)
{
	KeywordTable *table = table_new();
	g_ptr_array_add(table->names, NULL);
	g_ptr_array_add(table->sets, keyword_set_new(0));
	return table;
}

KeywordTable *keyword_table_copy(const KeywordTable *from)
{
	KeywordTable *table = table_new();
	for (guint i = 0; i < from->names->len; i++) {
		char *name = from->names->pdata[i];
		g_ptr_array_add(table->names, name != NULL ? g_ref_string_acquire(name) : NULL);
	}
	for (guint i = 0; i < from->sets->len; i++) {
		KeywordSet *set = from->sets->pdata[i];
		g_atomic_int_inc(&set->refs);
		g_ptr_array_add(table->sets, set);
	}
	return table;
}

KeywordTable *keyword_table_ref(KeywordTable *table)
{
	g_atomic_int_inc(&table->refs);
	return table;
}

void keyword_table_unref(KeywordTable *table)
{
	if (table == NULL || !g_atomic_int_dec_and_test(&table->refs))
		return;
	g_ptr_array_unref(table->sets);
	g_ptr_array_unref(table->names);
	g_free(table);
}

guint32 keyword_table_n_keywords(const KeywordTable *table)
{
	return table->names->len - 1;
}

guint32 keyword_table_n_sets(const KeywordTable *table)
{
	return table->sets->len;
}

void keyword_table_add_keyword(KeywordTable *table, const char *name)
{
	table->names->pdata[table->names->len - 1] = g_ref_string_new(name);
	g_ptr_array_add(table->names, NULL);
}

void keyword_table_add_set(KeywordTable *table, const guint32 *numbers, gsize n)
{
	KeywordSet *set = keyword_set_new(n);
	for (gsize i = 0; i < n; i++)
		if (numbers[i] < keyword_table_n_keywords(table))
			set->names[set->n++] = table->names->pdata[numbers[i]];
	g_ptr_array_add(table->sets, set);
}

const char *const *snapshot_keywords(const Snapshot *snapshot, guint32 keyword_set, gsize *n_out)
{
	const KeywordTable *table = snapshot_keyword_table(snapshot);
	g_assert(keyword_set < table->sets->len);
	const KeywordSet *set = table->sets->pdata[keyword_set];
	if (n_out != NULL)
		*n_out = set->n;
	return set->names;
}

guint32 snapshot_n_keyword_sets(const Snapshot *snapshot)
{
	return keyword_table_n_sets(snapshot_keyword_table(snapshot));
}

const char *const *snapshot_all_keywords(const Snapshot *snapshot, gsize *n_out)
{
	const KeywordTable *table = snapshot_keyword_table(snapshot);
	if (n_out != NULL)
		*n_out = table->names->len - 1;
	return (const char *const *)table->names->pdata;
}
