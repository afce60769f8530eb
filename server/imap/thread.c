#include "server/imap/thread.h"

#include <string.h>

#include "indexer/search-cancel.h"
#include "server/imap/radix.h"

/* Messages, or nodes, that are worked off before it is asked whether to stop. */
#define STOP_EVERY 4096

static gboolean span_equal(SortKeySpan a, SortKeySpan b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static guint span_hash(gconstpointer key)
{
	const SortKeySpan *span = key;
	guint hash = 2166136261u; /* FNV-1a */
	for (gsize i = 0; i < span->len; i++)
		hash = (hash ^ (guchar)span->data[i]) * 16777619u;
	return hash;
}

static gboolean span_key_equal(gconstpointer a, gconstpointer b)
{
	return span_equal(*(const SortKeySpan *)a, *(const SortKeySpan *)b);
}

static int compare_subjects(SortKeySpan a, SortKeySpan b)
{
	gsize len = MIN(a.len, b.len);
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Whether it is to end. Loops that cannot be left run on, without work, to their end. */
typedef struct {
	const SearchCancel *cancel;
	guint asked;
	gboolean stopped;
} Stop;

static gboolean stops_here(Stop *stop)
{
	if (!stop->stopped)
		stop->stopped = !search_cancel_check(stop->cancel, NULL);
	return stop->stopped;
}

static gboolean is_stopped(Stop *stop)
{
	return ++stop->asked % STOP_EVERY == 0 ? stops_here(stop) : stop->stopped;
}

/* By sent date, then by place in the mailbox: RFC 5256 2.2. */
static int compare_sent(const ThreadMessage *a, const ThreadMessage *b)
{
	if (a->sent_at != b->sent_at)
		return a->sent_at < b->sent_at ? -1 : 1;
	return (a > b) - (a < b);
}

/* -- ORDEREDSUBJECT ------------------------------------------------------------------------------------------- */

typedef struct {
	const ThreadMessage **first; /* of n messages */
	gsize n;
} SubjectThread;

static int compare_subject_then_sent(const void *a, const void *b, void *data)
{
	if (is_stopped(data))
		return 0;
	const ThreadMessage *x = *(const ThreadMessage *const *)a, *y = *(const ThreadMessage *const *)b;
	int order = compare_subjects(x->subject, y->subject);
	return order != 0 ? order : compare_sent(x, y);
}

static int compare_threads(const void *a, const void *b)
{
	return compare_sent(((const SubjectThread *)a)->first[0], ((const SubjectThread *)b)->first[0]);
}

gboolean thread_orderedsubject(const ThreadMessage *messages, gsize n, const SearchCancel *cancel, GString *out, GError **error)
{
	Stop stop = { .cancel = cancel };
	g_autofree const ThreadMessage **order = g_new(const ThreadMessage *, MAX(n, 1));
	for (gsize i = 0; i < n; i++)
		order[i] = &messages[i];
	qsort_r(order, n, sizeof(*order), compare_subject_then_sent, &stop);
	if (stop.stopped)
		return search_cancel_check(cancel, error);
	g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(SubjectThread));
	for (gsize i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && span_equal(order[i]->subject, order[end]->subject);)
			end++;
		SubjectThread thread = { order + i, end - i };
		g_array_append_val(threads, thread);
	}
	g_array_sort(threads, compare_threads);
	for (guint t = 0; t < threads->len; t++) {
		const SubjectThread *thread = &g_array_index(threads, SubjectThread, t);
		g_string_append_printf(out, "(%" G_GUINT32_FORMAT, thread->first[0]->number);
		if (thread->n > 1)
			g_string_append_c(out, ' ');
		for (gsize i = 1; i < thread->n; i++)
			g_string_append_printf(out, "%s%" G_GUINT32_FORMAT "%s", thread->n > 2 ? "(" : "", thread->first[i]->number,
			                       thread->n > 2 ? ")" : "");
		g_string_append_c(out, ')');
	}
	return TRUE;
}

/* -- REFERENCES: the tree ------------------------------------------------------------------------------------- */

typedef struct Node Node;
struct Node {
	const ThreadMessage *message; /* NULL: a dummy */
	SortKeySpan id;
	Node *parent;                 /* NULL: under the root, or not in the tree */
	Node *first, *last;           /* children */
	Node *previous, *next;        /* siblings */
};

/* The nodes by their ids: open addressing. A string is looked at only where 32 bits of its hash are equal. */
typedef struct {
	guint32 hash;
	guint32 node; /* its index + 1; 0: free */
} IdSlot;

/* All nodes are allocated at once, so that they can point to each other. */
typedef struct {
	Node *nodes;
	gsize n;
	IdSlot *slots; /* owned; a power of two of them, more than half of them free */
	gsize n_slots, n_ids;
	guint64 seed;  /* of the hashes: whoever sends mail must not know which ids collide */
} Tree;

static Node *node_new(Tree *tree)
{
	return &tree->nodes[tree->n++];
}

static void unlink_node(Node *node)
{
	Node *parent = node->parent;
	if (node->previous != NULL)
		node->previous->next = node->next;
	else if (parent != NULL)
		parent->first = node->next;
	if (node->next != NULL)
		node->next->previous = node->previous;
	else if (parent != NULL)
		parent->last = node->previous;
	node->parent = node->previous = node->next = NULL;
}

static void append_child(Node *parent, Node *node)
{
	node->parent = parent;
	node->previous = parent->last;
	node->next = NULL;
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

static gboolean is_ancestor(const Node *node, const Node *of)
{
	if (node->first == NULL)
		return FALSE;
	while (of != NULL && of != node)
		of = of->parent;
	return of == node;
}

/* Puts the children of @node where it stands among its siblings, and takes it out. */
static void replace_by_children(Node *node)
{
	Node *parent = node->parent;
	for (Node *child = node->first; child != NULL; child = child->next)
		child->parent = parent;
	node->first->previous = node->previous;
	node->last->next = node->next;
	if (node->previous != NULL)
		node->previous->next = node->first;
	else
		parent->first = node->first;
	if (node->next != NULL)
		node->next->previous = node->last;
	else
		parent->last = node->last;
	node->parent = node->first = node->last = node->previous = node->next = NULL;
}

/* Every node that is in the tree below @root, parents before children. */
static GPtrArray *preorder(const Node *root)
{
	GPtrArray *order = g_ptr_array_new();
	for (Node *node = root->first; node != NULL;) {
		g_ptr_array_add(order, node);
		if (node->first != NULL) {
			node = node->first;
			continue;
		}
		while (node != root && node->next == NULL)
			node = node->parent;
		node = node != root ? node->next : NULL;
	}
	return order;
}

/* -- REFERENCES: step 1, links -------------------------------------------------------------------------------- */

static guint64 mix(guint64 hash, guint64 word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
	return (guint64)product ^ (guint64)(product >> 64);
}

/* Eight octets at a time: ids are 30 to 70 long, and there are several for each message. */
static guint32 id_hash(const Tree *tree, SortKeySpan id)
{
	guint64 hash = mix(tree->seed, id.len), word = 0;
	gsize at = 0;
	for (; at + sizeof(word) <= id.len; at += sizeof(word)) {
		memcpy(&word, id.data + at, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	if (at < id.len)
		memcpy(&word, id.data + at, id.len - at);
	return (guint32)mix(hash, word);
}

static void grow_slots(Tree *tree)
{
	gsize n = tree->n_slots * 2;
	IdSlot *slots = g_new0(IdSlot, n);
	for (gsize i = 0; i < tree->n_slots; i++) {
		if (tree->slots[i].node == 0)
			continue;
		gsize at = tree->slots[i].hash & (n - 1);
		while (slots[at].node != 0)
			at = (at + 1) & (n - 1);
		slots[at] = tree->slots[i];
	}
	g_free(tree->slots);
	tree->slots = slots;
	tree->n_slots = n;
}

static Node *node_of_id(Tree *tree, SortKeySpan id)
{
	if (tree->n_ids >= tree->n_slots / 2)
		grow_slots(tree);
	guint32 hash = id_hash(tree, id);
	gsize at = hash & (tree->n_slots - 1);
	for (; tree->slots[at].node != 0; at = (at + 1) & (tree->n_slots - 1))
		if (tree->slots[at].hash == hash && span_equal(tree->nodes[tree->slots[at].node - 1].id, id))
			return &tree->nodes[tree->slots[at].node - 1];
	Node *node = node_new(tree);
	node->id = id;
	tree->slots[at] = (IdSlot){ hash, (guint32)tree->n };
	tree->n_ids++;
	return node;
}

/* A message without an id, or with one that an earlier message has, gets a node that nobody can refer to. */
static Node *node_of_message(Tree *tree, const ThreadMessage *message)
{
	Node *node = message->message_id.len > 0 ? node_of_id(tree, message->message_id) : node_new(tree);
	if (node->message != NULL)
		node = node_new(tree);
	node->message = message;
	return node;
}

static void link_message(Tree *tree, const ThreadMessage *message)
{
	Node *node = node_of_message(tree, message), *parent = NULL;
	const char *at = message->references.data, *end = at + message->references.len;
	while (at < end) {
		const char *space = memchr(at, ' ', (gsize)(end - at));
		const char *stop = space != NULL ? space : end;
		Node *reference = node_of_id(tree, (SortKeySpan){ at, (gsize)(stop - at) });
		if (parent != NULL && reference->parent == NULL && reference != parent && !is_ancestor(reference, parent))
			append_child(parent, reference);
		parent = reference;
		at = stop + 1;
	}
	if (node->parent != NULL)
		unlink_node(node);
	if (parent != NULL && parent != node && !is_ancestor(node, parent))
		append_child(parent, node);
}

static gsize count_references(const ThreadMessage *messages, gsize n)
{
	gsize count = 0;
	for (gsize i = 0; i < n; i++) {
		SortKeySpan references = messages[i].references;
		count += references.len > 0;
		for (gsize c = 0; c < references.len; c++)
			count += references.data[c] == ' ';
	}
	return count;
}

/* -- REFERENCES: steps 3 to 6 --------------------------------------------------------------------------------- */

/* Fewer children are sorted by qsort(). */
#define SORTED_BY_CALLS 48

static void prune(Node *root)
{
	g_autoptr(GPtrArray) order = preorder(root);
	for (guint i = order->len; i > 0; i--) {
		Node *node = order->pdata[i - 1];
		if (node->message != NULL)
			continue;
		if (node->first == NULL)
			unlink_node(node);
		else if (node->parent != root || node->first == node->last)
			replace_by_children(node);
	}
}

/* A dummy, which has children, goes by its first. */
static const ThreadMessage *message_of(const Node *node)
{
	return node->message != NULL ? node->message : node->first->message;
}

static int compare_nodes(const void *a, const void *b)
{
	return compare_sent(message_of(*(Node *const *)a), message_of(*(Node *const *)b));
}

static void sort_many(Node **children, gsize n)
{
	g_autofree RadixItem *items = g_new(RadixItem, n), *spare = g_new(RadixItem, n);
	for (gsize i = 0; i < n; i++)
		items[i] = (RadixItem){ (gsize)message_of(children[i]), i };
	radix_sort(items, spare, n); /* messages lie in the mailbox's order */
	for (gsize i = 0; i < n; i++)
		items[i].key = radix_key(message_of(children[items[i].value])->sent_at);
	radix_sort(items, spare, n);
	g_autofree Node **before = g_memdup2(children, n * sizeof(*children));
	for (gsize i = 0; i < n; i++)
		children[i] = before[items[i].value];
}

static void sort_children(Node *parent)
{
	if (parent->first == parent->last)
		return;
	g_autoptr(GPtrArray) children = g_ptr_array_new();
	for (Node *child = parent->first; child != NULL; child = child->next)
		g_ptr_array_add(children, child);
	if (children->len < SORTED_BY_CALLS)
		qsort(children->pdata, children->len, sizeof(gpointer), compare_nodes);
	else
		sort_many((Node **)children->pdata, children->len);
	parent->first = parent->last = NULL;
	for (guint i = 0; i < children->len; i++)
		append_child(parent, children->pdata[i]);
}

static void sort_roots(Node *root)
{
	for (Node *node = root->first; node != NULL; node = node->next)
		if (node->message == NULL)
			sort_children(node);
	sort_children(root);
}

static GHashTable *subject_table(const Node *root)
{
	GHashTable *table = g_hash_table_new(span_hash, span_key_equal);
	for (Node *node = root->first; node != NULL; node = node->next) {
		const ThreadMessage *message = message_of(node);
		if (message->subject.len == 0)
			continue;
		const Node *known = g_hash_table_lookup(table, &message->subject);
		if (known == NULL || (known->message != NULL &&
		                      (node->message == NULL || (known->message->reply && !node->message->reply))))
			g_hash_table_insert(table, (gpointer)(guintptr)&message->subject, node);
	}
	return table;
}

/* A new dummy with both as children. It stands at the end of the root, where gather_subjects() comes upon it later and, since it is in the
 * table, passes over it. */
static Node *join(Tree *tree, Node *known, Node *node)
{
	Node *dummy = node_new(tree);
	append_child(known->parent, dummy);
	unlink_node(known);
	unlink_node(node);
	append_child(dummy, known);
	append_child(dummy, node);
	return dummy;
}

static void merge(Tree *tree, GHashTable *table, Node *known, Node *node)
{
	if (known->message == NULL && node->message == NULL) {
		while (node->first != NULL) {
			Node *child = node->first;
			unlink_node(child);
			append_child(known, child);
		}
		unlink_node(node);
	} else if (known->message == NULL || (node->message->reply && !known->message->reply)) {
		unlink_node(node);
		append_child(known, node);
	} else {
		const ThreadMessage *message = node->message;
		Node *dummy = join(tree, known, node);
		g_hash_table_insert(table, (gpointer)(guintptr)&message->subject, dummy);
	}
}

/* @next is never @known: where @known comes behind @node it stays under the root, and is joined only with what comes behind it. */
static void gather_subjects(Tree *tree, Node *root)
{
	g_autoptr(GHashTable) table = subject_table(root);
	for (Node *node = root->first, *next; node != NULL; node = next) {
		next = node->next;
		SortKeySpan subject = message_of(node)->subject;
		if (subject.len == 0)
			continue;
		Node *known = g_hash_table_lookup(table, &subject);
		if (known != node)
			merge(tree, table, known, node);
	}
}

/* -- REFERENCES: the answer ----------------------------------------------------------------------------------- */

static void push_children(GPtrArray *stack, const Node *parent)
{
	for (Node *child = parent->last; child != NULL; child = child->previous)
		g_ptr_array_add(stack, child);
}

/* One list: "(" 1 2 3 and, where a message has several children, a list for each of these. */
static void write_list(GPtrArray *stack, const Node *node, GString *out)
{
	g_string_append_c(out, '(');
	if (node->message != NULL) {
		g_string_append_printf(out, "%" G_GUINT32_FORMAT, node->message->number);
		while (node->first != NULL && node->first == node->last) {
			node = node->first;
			g_string_append_printf(out, " %" G_GUINT32_FORMAT, node->message->number);
		}
		if (node->first != NULL)
			g_string_append_c(out, ' ');
	}
	g_ptr_array_add(stack, NULL); /* the ")" */
	push_children(stack, node);
}

static void write_threads(const Node *root, GString *out)
{
	g_autoptr(GPtrArray) stack = g_ptr_array_new();
	push_children(stack, root);
	while (stack->len > 0) {
		const Node *node = g_ptr_array_steal_index(stack, stack->len - 1);
		if (node == NULL)
			g_string_append_c(out, ')');
		else
			write_list(stack, node, out);
	}
}

/* Steps 1 to 6. */
static void build(Tree *tree, Node *root, const ThreadMessage *messages, gsize n, Stop *stop)
{
	for (gsize i = 0; i < n && !is_stopped(stop); i++)
		link_message(tree, &messages[i]);
	for (gsize i = 0; i < tree->n && !is_stopped(stop); i++)
		if (tree->nodes[i].parent == NULL)
			append_child(root, &tree->nodes[i]);
	if (stops_here(stop))
		return;
	prune(root);
	if (stops_here(stop))
		return;
	sort_roots(root);
	if (stops_here(stop))
		return;
	gather_subjects(tree, root);
	g_autoptr(GPtrArray) order = preorder(root);
	for (guint i = 0; i < order->len && !is_stopped(stop); i++)
		sort_children(order->pdata[i]);
	if (!stops_here(stop))
		sort_roots(root);
}

gboolean thread_references(const ThreadMessage *messages, gsize n, const SearchCancel *cancel, GString *out, GError **error)
{
	Stop stop = { .cancel = cancel };
	gsize n_slots = 64;
	while (n_slots < 2 * n)
		n_slots *= 2;
	/* Each message and each reference makes one node at most, and each merge one more. */
	Tree tree = {
		.nodes = g_new0(Node, 2 * n + count_references(messages, n) + 1),
		.slots = g_new0(IdSlot, n_slots),
		.n_slots = n_slots,
		.seed = (guint64)g_random_int() << 32 | g_random_int(),
	};
	Node root = { 0 };
	build(&tree, &root, messages, n, &stop);
	if (!stop.stopped)
		write_threads(&root, out);
	g_free(tree.slots);
	g_free(tree.nodes);
	return !stop.stopped || search_cancel_check(cancel, error);
}
