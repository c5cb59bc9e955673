/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes report of each migration: their breakers, what is under way. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/nodes_state.h"

uint64_t node_reported_rev(const struct node *n)
{
    return n->reported_rev;
}

void node_reported(struct node *n)
{
    n->reported_rev = n->serving_rev;
}

void node_set_breaker(struct node *n, int slot, enum breaker_state s)
{
    CHECK(slot >= 0 && slot < CORE_MIGRATIONS_MAX);
    n->breaker[slot] = (uint8_t)s;
}

enum breaker_state node_breaker(const struct node *n, int slot)
{
    return (enum breaker_state)n->breaker[slot];
}

static struct sight *find_sight(const struct node *n, int slot)
{
    for (unsigned i = 0; i < n->sights; i++)
        if (n->sight[i].slot == slot)
            return &n->sight[i];
    return NULL;
}

/* Most nodes have few breakers, and many nodes have none: room is taken for those that there are.
 */
void node_set_breaker_seen(struct node *n, int slot, const struct breaker_seen *seen)
{
    struct sight *s = find_sight(n, slot);

    if (!s) {
        n->sight = xrealloc(n->sight, (n->sights + 1) * sizeof *n->sight);
        s = &n->sight[n->sights++];
    }
    *s = (struct sight){.slot = slot, .seen = *seen};
}

static void forget_sight(struct node *n, int slot)
{
    struct sight *s = find_sight(n, slot);

    if (s)
        *s = n->sight[--n->sights];
}

const struct breaker_seen *node_breaker_seen(const struct node *n, int slot)
{
    static const struct breaker_seen nothing;
    const struct sight *s = find_sight(n, slot);

    return s ? &s->seen : &nothing;
}

/* One of which nothing is known yet, and that does not have to stay as it was ordered, may have
 * moved on long ago. */
static enum breaker_state ordered_state(enum breaker_state now, enum breaker_order order)
{
    switch (order) {
    case BREAKER_ORDER_OPEN:
        return BREAKER_OPEN;
    case BREAKER_ORDER_CLOSE:
        return BREAKER_CLOSED;
    case BREAKER_ORDER_RESET:
        return now == BREAKER_DISABLED ? now : BREAKER_CLOSED;
    case BREAKER_ORDER_PROBE:
        return now == BREAKER_OPEN ? BREAKER_HALF_OPEN : now;
    case BREAKER_ORDER_NONE:
    case BREAKER_ORDER_COUNT:
        break;
    }
    return now;
}

void node_breaker_ordered(struct node *n, int slot, enum breaker_order order, uint64_t number,
                          wall_t now)
{
    struct breaker_seen seen = *node_breaker_seen(n, slot);
    enum breaker_state was = node_breaker(n, slot), is = ordered_state(was, order);

    if (number <= seen.order_number)
        return;
    seen.order_number = number;
    seen.held = order == BREAKER_ORDER_OPEN || order == BREAKER_ORDER_CLOSE;
    if (is == BREAKER_OPEN)
        seen.cause = BREAKER_CAUSE_ORDER;
    if (is != was) {
        seen.since = now;
        seen.share_bp = is == BREAKER_CLOSED ? WEIGHT_BP_MAX : 0;
    }
    if (order == BREAKER_ORDER_RESET)
        seen.requests = seen.errors = seen.slow = 0;
    node_set_breaker(n, slot, is);
    node_set_breaker_seen(n, slot, &seen);
}

static bool is_told_open(const struct node *n, int slot)
{
    return n->told_open[slot / 8] & (1u << slot % 8);
}

static void tell_open(struct node *n, int slot, bool open)
{
    uint8_t bit = (uint8_t)(1u << slot % 8);

    n->told_open[slot / 8] =
        (uint8_t)(open ? n->told_open[slot / 8] | bit : n->told_open[slot / 8] & ~bit);
}

bool node_breaker_is_news(const struct node *n, int slot)
{
    return n->breaker[slot] != BREAKER_HALF_OPEN &&
           (n->breaker[slot] == BREAKER_OPEN) != is_told_open(n, slot);
}

unsigned nodes_breaker_news(const struct nodes *n, int slot, bool open, const char **ret_first)
{
    struct node *node, *next;
    unsigned count = 0;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != CONNECTED || !node_breaker_is_news(node, slot) ||
            (node->breaker[slot] == BREAKER_OPEN) != open)
            continue;
        if (count++ == 0)
            *ret_first = node->name.s;
    }
    return count;
}

void nodes_breaker_told(struct nodes *n, int slot)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node_breaker_is_news(node, slot))
            tell_open(node, slot, node->breaker[slot] == BREAKER_OPEN);
    }
}

void node_set_underway(struct node *n, int slot, const struct underway *w)
{
    CHECK(slot >= 0 && slot < CORE_MIGRATIONS_MAX);
    if (!n->underway && underway_is_nothing(w))
        return;
    if (!n->underway)
        n->underway = xcalloc(CORE_MIGRATIONS_MAX, sizeof *n->underway);
    n->underway[slot] = *w;
}

struct underway nodes_underway(const struct nodes *n, int slot)
{
    struct underway sum = {.tunnels = {0}};
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->underway && node->presence == CONNECTED)
            underway_add(&sum, &node->underway[slot]);
    }
    return sum;
}

void nodes_forget_slot(struct nodes *n, int slot)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        node_set_breaker(node, slot, BREAKER_DISABLED);
        forget_sight(node, slot);
        tell_open(node, slot, false);
        node_set_underway(node, slot, &(const struct underway){.tunnels = {0}});
    }
}
