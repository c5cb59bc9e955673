/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of a back end that makes all changes itself: a bounded log of the last transactions, in
 * memory, and the one watcher. owner: the back end that embeds it. */
#pragma once

#include "coordinator/store/store.h"

#define STORE_CHANGES_MAX 256u /* transactions */
#define STORE_CHANGES_BYTES_MAX                                       \
    (4u << 20) /* of keys and values; always room for one transaction \
                */

struct store_changes {
    /* private */
    struct store_list ring[STORE_CHANGES_MAX]; /* owned; `rev` is the transaction's */
    size_t first;
    size_t count;
    size_t bytes;
    store_rev known_after; /* every change above this revision is in the log */
    store_rev last;        /* revision of the store */
    char prefix[STORE_KEY_MAX + 1];
    store_watch_fn fn; /* NULL: nobody watches */
    void *ctx;
};

/* `rev`: the store's revision now; nothing before it is known. */
void store_changes_init(struct store_changes *c, store_rev rev);
void store_changes_deinit(struct store_changes *c);

/* Keep the changes of one committed transaction (their memory moves) and tell the watcher. */
void store_changes_add(struct store_changes *c, struct store_list *changes);

/* store_watch(), as its contract says. */
int store_changes_watch(struct store_changes *c, struct str prefix, store_rev from,
                        store_watch_fn fn, void *ctx) MUST_CHECK;
