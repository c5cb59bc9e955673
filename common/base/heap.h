/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heap of things that are due, earliest first; things due at the same instant come out in
 * the order they went in. Intrusive: a node is embedded in what is due and knows its place, so
 * removing one is O(log n). owner: whoever embeds the heap. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/clock.h"

struct heap_node {
    mono_t due;
    uint64_t order; /* of insertion */
    size_t place;   /* 1-based index in its heap; 0: in none */
};

struct heap {
    struct heap_node **nodes; /* owned array of borrowed nodes */
    size_t count;
    size_t cap;
    uint64_t inserted;
};

void heap_init(struct heap *h);
/* The nodes left inside are taken out, not freed. */
void heap_deinit(struct heap *h);

/* `node` must be in no heap. */
void heap_insert(struct heap *h, struct heap_node *node, mono_t due);
/* Nothing happens when `node` is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The earliest, which stays inside; NULL when empty. */
struct heap_node *heap_min(const struct heap *h);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}
