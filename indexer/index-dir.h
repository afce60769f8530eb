/* An account's folder of index generations, as its one writing process sees it: lock, new generations, swapping, removing. Errors: FTINDEX_ERROR. */
#pragma once
#include "indexer/index-state.h"
G_BEGIN_DECLS

/* Makes the folder if need be and locks it against other indexers of this account; -1: LOCKED or another error. Closing the descriptor unlocks. */
int index_dir_lock(const char *index_dir, GError **error);
/* A number that no generation of this account had before, above @current (0: none), even if the folder was deleted in between (readers
 * remember numbers): the tenths of a second since the start of 2025. */
guint32 index_dir_new_generation(guint32 current);
/* Makes @generation the current one, in one step that is on disk when it returns. */
gboolean index_dir_swap(const char *index_dir, guint32 generation, GError **error);
/* Removes all generations but @keep and @keep_too (0: none). What cannot be removed is left for the next time. */
void index_dir_clean(const char *index_dir, guint32 keep, guint32 keep_too);
void index_dir_remove_generation(const char *index_dir, guint32 generation);
void index_dir_remove_tree(const char *path); /* the folder, as above */

/* A build beside the current generation, which may be gone on with after a crash, is known by a mark in its folder (a generation without, that is not
 * the current one, is of no use: it shares files with another). */
gboolean index_dir_mark_build(const char *index_dir, guint32 generation, GError **error);
/* The newest generation above @current with a mark; 0: there is none. */
guint32 index_dir_unfinished_build(const char *index_dir, guint32 current);

G_END_DECLS
