/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/heap.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define FIRST_CAP 16

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
}

void heap_deinit(struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->nodes[i]->place = 0;
    free(h->nodes);
    heap_init(h);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->due.ns != b->due.ns ? mono_before(a->due, b->due) : a->order < b->order;
}

/* Places count from 1: the children of place p are 2p and 2p + 1. */
static struct heap_node *at(const struct heap *h, size_t place)
{
    return h->nodes[place - 1];
}

static void put(struct heap *h, size_t place, struct heap_node *node)
{
    h->nodes[place - 1] = node;
    node->place = place;
}

static void sift_up(struct heap *h, struct heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && before(node, at(h, place / 2))) {
        put(h, place, at(h, place / 2));
        place /= 2;
    }
    put(h, place, node);
}

static void sift_down(struct heap *h, struct heap_node *node)
{
    size_t place = node->place;

    while (2 * place <= h->count) {
        size_t child = 2 * place;
        if (child < h->count && before(at(h, child + 1), at(h, child)))
            child++;
        if (!before(at(h, child), node))
            break;
        put(h, place, at(h, child));
        place = child;
    }
    put(h, place, node);
}

void heap_insert(struct heap *h, struct heap_node *node, mono_t due)
{
    CHECK(!heap_contains(node));
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : FIRST_CAP;
        h->nodes = xrealloc(h->nodes, h->cap * sizeof h->nodes[0]);
    }
    node->due = due;
    node->order = h->inserted++;
    put(h, ++h->count, node);
    sift_up(h, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!heap_contains(node))
        return;

    size_t place = node->place;
    CHECK(place <= h->count && at(h, place) == node);
    struct heap_node *last = at(h, h->count--);
    node->place = 0;
    if (last == node)
        return;
    put(h, place, last);
    sift_up(h, last);
    sift_down(h, last);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}
