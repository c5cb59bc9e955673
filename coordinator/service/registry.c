/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/registry.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/mem.h"

#define SWEEP_EACH_S 60

struct entry {
    struct registry_node known;
    UT_hash_handle hh; /* by name */
};

struct registry {
    struct entry *entries;
    bool unsorted; /* a name was added since the table was in order */
    mono_t swept;  /* when nodes that are long gone were dropped last */
};

const char *node_state_name(enum node_state s)
{
    static const char *const names[NODE_STATE_COUNT] = {
        [NODE_SERVING] = "serving",
        [NODE_LAGGING] = "lagging",
        [NODE_STALE] = "stale",
        [NODE_GONE] = "gone",
    };

    return names[s];
}

struct registry *registry_new(void)
{
    return xnew(struct registry);
}

static void drop(struct registry *r, struct entry *e)
{
    HASH_DEL(r->entries, e);
    free(e);
}

void registry_free(struct registry *r)
{
    struct entry *e, *next;

    if (!r)
        return;
    HASH_ITER (hh, r->entries, e, next)
        drop(r, e);
    free(r);
}

/* ---- what the fleet says --------------------------------------------------------------------- */

/* Before a name is added. With the fleet's own limit on connected nodes this bounds the table. */
static void make_room(struct registry *r, mono_t now)
{
    bool full = HASH_COUNT(r->entries) >= FLEET_NODES_MAX;
    struct entry *e, *next;

    if (!full && mono_sub(now, r->swept).ns < dur_s(SWEEP_EACH_S).ns)
        return;
    r->swept = now;
    HASH_ITER (hh, r->entries, e, next) {
        dur_t gone_for = mono_sub(now, e->known.node.since);

        if (!e->known.node.connected && (full || gone_for.ns > dur_s(REGISTRY_GONE_KEPT_S).ns))
            drop(r, e);
    }
}

static struct entry *entry_of(struct registry *r, const struct name *name, mono_t now)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, name->s, e);
    if (e)
        return e;
    make_room(r, now);
    e = xnew(struct entry);
    e->known.node.name = *name;
    HASH_ADD_STR(r->entries, known.node.name.s, e);
    r->unsorted = true;
    return e;
}

void registry_update(struct registry *r, const struct fleet_node *n, mono_t now)
{
    struct entry *e = entry_of(r, &n->name, now);

    e->known.node = *n;
    e->known.node.emergency = NULL;
    e->known.node.emergency_count = 0;
    if (!n->connected)
        e->known.client_connections = 0;
}

void registry_report(struct registry *r, const struct fleet_report *report)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, report->node.s, e);
    if (e)
        e->known.client_connections = report->client_connections;
}

/* ---- what operators ask ---------------------------------------------------------------------- */

unsigned registry_count(const struct registry *r)
{
    return HASH_COUNT(r->entries);
}

const struct registry_node *registry_find(const struct registry *r, const char *name)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, name, e);
    return e ? &e->known : NULL;
}

static int by_name(const struct entry *a, const struct entry *b)
{
    return strcmp(a->known.node.name.s, b->known.node.name.s);
}

const struct registry_node *registry_next(struct registry *r, const struct registry_node *previous)
{
    const struct entry *e;

    if (r->unsorted)
        HASH_SORT(r->entries, by_name);
    r->unsorted = false;
    if (previous)
        e = ((const struct entry *)(const void *)previous)->hh.next;
    else
        e = r->entries;
    return e ? &e->known : NULL;
}

enum node_state registry_state(const struct registry_node *n, uint64_t target)
{
    if (!n->node.connected)
        return NODE_GONE;
    if (n->node.serving_rev > 0 && !n->node.same_incarnation)
        return NODE_STALE;
    if (n->node.serving_rev >= target)
        return NODE_SERVING;
    return n->node.serving_rev > 0 ? NODE_LAGGING : NODE_STALE;
}

void registry_count_states(const struct registry *r, uint64_t target,
                           unsigned ret_count[NODE_STATE_COUNT])
{
    const struct entry *e;

    memset(ret_count, 0, NODE_STATE_COUNT * sizeof(ret_count[0]));
    for (e = r->entries; e; e = e->hh.next)
        ret_count[registry_state(&e->known, target)]++;
}
