/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered lists of keys, for back ends: the answer to a read, the changes of a transaction, and the
 * whole of the store in memory. */
#pragma once

#include "coordinator/store/store.h"

/* The item of `key`, or NULL. */
struct store_kv *store_list_find(const struct store_list *l, struct str key);
/* The first item whose key is not below `key`; l->count when there is none. */
size_t store_list_lower(const struct store_list *l, struct str key);
/* Insert in order, or replace. The texts are copied; `value` NULL tells of a deletion. Constant
 * time when the key comes last. */
void store_list_put(struct store_list *l, struct str key, const struct str *value, store_rev rev);
/* Add at the end, whatever the order: for events as they come, not for lists that are searched. */
void store_list_append(struct store_list *l, struct str key, const struct str *value,
                       store_rev rev);
/* False when there is no such key. */
bool store_list_remove(struct store_list *l, struct str key);

/* Remove every key that starts with `prefix`, in a list of any order. */
void store_list_drop(struct store_list *l, struct str prefix);

static inline void store_list_deinitp(struct store_list *l)
{
    store_list_deinit(l);
}
