#include "store/account-lock.h"

#include "tests/unit/store/fixture.h"

/* Two processes, each with some threads. */
typedef struct {
	char *root;
	AccountLock *a, *b;
	gint inside_shared, inside_exclusive; /* atomic: threads that hold it */
	gint stop;
	gint rounds_shared, rounds_exclusive;
} Place;

static void setup(Place *place, gconstpointer data)
{
	(void)data;
	g_autoptr(GError) error = NULL;
	place->root = make_root();
	g_autofree char *path = g_build_filename(place->root, "lock", NULL);
	place->a = account_lock_open(path, &error);
	place->b = account_lock_open(path, &error);
	g_assert_no_error(error);
}

static void teardown(Place *place, gconstpointer data)
{
	(void)data;
	account_lock_close(place->a);
	account_lock_close(place->b);
	g_assert_true(maildir_remove_tree(place->root, NULL));
	g_free(place->root);
}

typedef struct {
	Place *place;
	AccountLock *lock;
} User;

static gpointer use_shared(gpointer data)
{
	const User *user = data;
	Place *place = user->place;
	while (!g_atomic_int_get(&place->stop)) {
		g_assert_true(account_lock_shared(user->lock, NULL));
		g_atomic_int_inc(&place->inside_shared);
		g_assert_cmpint(g_atomic_int_get(&place->inside_exclusive), ==, 0);
		g_usleep(200);
		g_atomic_int_add(&place->inside_shared, -1);
		account_lock_shared_end(user->lock);
		g_atomic_int_inc(&place->rounds_shared);
	}
	return NULL;
}

static gpointer use_exclusive(gpointer data)
{
	const User *user = data;
	Place *place = user->place;
	for (guint i = 0; i < 20; i++) {
		g_assert_true(account_lock_exclusive(user->lock, NULL));
		g_assert_cmpint(g_atomic_int_add(&place->inside_exclusive, 1), ==, 0);
		g_assert_cmpint(g_atomic_int_get(&place->inside_shared), ==, 0);
		g_usleep(200);
		g_atomic_int_add(&place->inside_exclusive, -1);
		account_lock_exclusive_end(user->lock);
		g_atomic_int_inc(&place->rounds_exclusive);
	}
	return NULL;
}

/* While threads of both processes share it without a break, each that wants it exclusively comes to its turn. */
static void nobody_starves(Place *place, gconstpointer data)
{
	(void)data;
	User a = { place, place->a }, b = { place, place->b };
	GThread *sharing[6], *excluding[2];
	for (guint i = 0; i < 6; i++)
		sharing[i] = g_thread_new("shared", use_shared, i % 2 ? &a : &b);
	excluding[0] = g_thread_new("exclusive", use_exclusive, &a);
	excluding[1] = g_thread_new("exclusive", use_exclusive, &b);
	(void)g_thread_join(excluding[0]);
	(void)g_thread_join(excluding[1]);
	g_atomic_int_set(&place->stop, 1);
	for (guint i = 0; i < 6; i++)
		(void)g_thread_join(sharing[i]);
	g_assert_cmpint(place->rounds_exclusive, ==, 40);
	g_assert_cmpint(place->rounds_shared, >, 0);
}

static void an_opener_is_alive_until_it_closes(Place *place, gconstpointer data)
{
	(void)data;
	g_assert_false(account_lock_opener_alive(place->a, 7));
	g_assert_true(account_lock_opener(place->b, 7, NULL));
	g_assert_true(account_lock_opener_alive(place->a, 7));
	g_assert_false(account_lock_opener_alive(place->a, 8));
	g_clear_pointer(&place->b, account_lock_close);
	g_assert_false(account_lock_opener_alive(place->a, 7));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/account-lock/nobody_starves", Place, NULL, setup, nobody_starves, teardown);
	g_test_add("/account-lock/an_opener_is_alive_until_it_closes", Place, NULL, setup,
		an_opener_is_alive_until_it_closes, teardown);
	return g_test_run();
}
