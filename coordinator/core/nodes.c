/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/nodes_state.h"

#include "common/base/mem.h"

static void free_node(struct node *node)
{
    xfreep(&node->underway);
    xfreep(&node->sight);
    xfreep(&node);
}

void nodes_deinit(struct nodes *n)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        HASH_DEL(n->by_name, node);
        free_node(node);
    }
    *n = (struct nodes){.by_name = NULL};
}

struct node *nodes_find(const struct nodes *n, const char *name)
{
    struct node *found;

    HASH_FIND_STR(n->by_name, name, found);
    return found;
}

/* Room for a new node at the cost of one that is gone. */
static bool forget_a_gone_node(struct nodes *n)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != GONE)
            continue;
        nodes_set_past(n, node, PAST_KNOWN);
        HASH_DEL(n->by_name, node);
        free_node(node);
        n->known--;
        return true;
    }
    return false;
}

static struct node *add(struct nodes *n, const struct name *name)
{
    struct node *node;

    if (n->known >= CORE_NODES_MAX && !forget_a_gone_node(n))
        return NULL;
    node = xnew(struct node);
    node->name = *name;
    node->presence = GONE;
    HASH_ADD_STR(n->by_name, name.s, node);
    n->known++;
    return node;
}

static void set_presence(struct nodes *n, struct node *node, enum presence to)
{
    if (node->presence == to)
        return;
    n->connected -= node->presence == CONNECTED;
    n->left -= node->presence == LEFT;
    n->connected += to == CONNECTED;
    n->left += to == LEFT;
    node->presence = to;
}

/* A node that comes back may have lost what it served, and its counters begin anew. */
static void joined(struct node *node)
{
    node->reported_rev = 0;
    memset(node->breaker, BREAKER_DISABLED, sizeof node->breaker);
    node->sights = 0;
    xfreep(&node->underway);
}

static void take_ack(struct node *node, uint64_t rev, mono_t now)
{
    struct ack *newest = &node->ack[ACKS_KEPT - 1];

    node->serving_rev = rev;
    if (rev == newest->rev)
        return;
    if (rev < newest->rev)
        memset(node->ack, 0, sizeof node->ack);
    else
        memmove(&node->ack[0], &node->ack[1], sizeof node->ack - sizeof node->ack[0]);
    *newest = (struct ack){.rev = rev, .at = now};
}

static bool same_labels(const struct labels *a, const struct labels *b)
{
    return a->used == b->used && memcmp(a->text, b->text, a->used) == 0;
}

bool nodes_update(struct nodes *n, const struct core_node *seen, mono_t now,
                  struct node_change *ret)
{
    struct node *node = nodes_find(n, seen->name.s);
    bool first = !node;

    if (!node && !seen->connected) {
        *ret = (struct node_change){.node = NULL};
        return true;
    }
    if (!node)
        node = add(n, &seen->name);
    if (!node)
        return false;

    *ret = (struct node_change){
        .node = node,
        .first = first,
        .was_counted = node->presence != GONE,
        .relabelled = seen->connected && !same_labels(&node->labels, &seen->labels),
        .was_connected = node->presence == CONNECTED,
        .is_connected = seen->connected,
        .old_rev = node->serving_rev};
    if (seen->connected && !ret->was_connected)
        joined(node);
    if (seen->connected) {
        set_presence(n, node, CONNECTED);
        node->labels = seen->labels;
        take_ack(node, seen->serving_rev, now);
    } else if (ret->was_connected) {
        set_presence(n, node, LEFT);
        node->left_at = now;
    }
    ret->is_counted = node->presence != GONE;
    ret->new_rev = node->serving_rev;
    (void)nodes_saw_epoch(n, seen->newest_epoch_seen);
    return true;
}

bool nodes_saw_epoch(struct nodes *n, uint64_t epoch)
{
    if (epoch > NODES_EPOCH_MAX)
        return false;
    if (epoch > n->newest_epoch)
        n->newest_epoch = epoch;
    return true;
}

unsigned nodes_expire(struct nodes *n, dur_t grace, mono_t now)
{
    unsigned expired = 0;
    struct node *node, *next;

    if (n->left == 0)
        return 0;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != LEFT || mono_sub(now, node->left_at).ns < grace.ns)
            continue;
        set_presence(n, node, GONE);
        expired++;
    }
    return expired;
}

const struct name *node_name(const struct node *n)
{
    return &n->name;
}

const struct labels *node_labels(const struct node *n)
{
    return &n->labels;
}

bool node_connected(const struct node *n)
{
    return n->presence == CONNECTED;
}

struct node *nodes_next(const struct nodes *all, const struct node *n)
{
    return n ? n->hh.next : all->by_name;
}

const char *nodes_nearest(const struct nodes *n, const char *name)
{
    CLEANUP(xfreep) const char **names = xcalloc(n->known + 1, sizeof *names);
    unsigned count = 0;
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next)
        names[count++] = node->name.s;
    return str_nearest(str_of(name), names);
}
