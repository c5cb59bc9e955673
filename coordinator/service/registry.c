/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/registry.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/mem.h"

#define SWEEP_EACH_S 60

/* Nodes report each second. */
#define ALIVE_WITHIN_S 3

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

/* Does `n`, said by another coordinator than the one that has the node, replace what is known? */
static enum registry_news judge(const struct registry_node *known, const struct fleet_node *n,
                                mono_t now)
{
    bool same = strcmp(known->node.boot, n->boot) == 0;
    dur_t silent = mono_sub(now, known->heard);

    if (!n->connected || (same && n->dial <= known->node.dial))
        return REGISTRY_OLD;
    if (!same && known->node.connected && silent.ns < dur_s(ALIVE_WITHIN_S).ns)
        return REGISTRY_TWICE;
    return REGISTRY_TAKEN;
}

static void note_gone(struct registry_node *known, const struct fleet_node *n)
{
    known->node.connected = false;
    known->node.since = n->since;
    known->node.seen = n->seen;
    memcpy(known->node.why_gone, n->why_gone, sizeof(known->node.why_gone));
    known->now = (struct node_now){0};
}

enum registry_news registry_update(struct registry *r, const struct name *coordinator,
                                   const struct fleet_node *n, mono_t now)
{
    struct registry_node *known = &entry_of(r, &n->name, now)->known;
    bool moves = known->coordinator.s[0] && !name_eq(&known->coordinator, coordinator);
    enum registry_news news = moves ? judge(known, n, now) : REGISTRY_TAKEN;

    if (news != REGISTRY_TAKEN)
        return news;
    if (n->connected || !known->coordinator.s[0])
        known->node = *n;
    else
        note_gone(known, n);
    known->node.emergency = NULL;
    known->node.emergency_count = 0;
    known->coordinator = *coordinator;
    known->heard = now;
    return REGISTRY_TAKEN;
}

bool registry_report(struct registry *r, const struct name *coordinator,
                     const struct fleet_report *report, mono_t now)
{
    struct entry *e;

    HASH_FIND_STR(r->entries, report->node.s, e);
    if (!e || !e->known.node.connected || !name_eq(&e->known.coordinator, coordinator))
        return false;
    e->known.now = report->now;
    e->known.heard = now;
    return true;
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

unsigned registry_count_at(const struct registry *r, const struct name *coordinator)
{
    const struct entry *e;
    unsigned n = 0;

    for (e = r->entries; e; e = e->hh.next)
        n += e->known.node.connected && name_eq(&e->known.coordinator, coordinator);
    return n;
}

void registry_count_states(const struct registry *r, uint64_t target,
                           unsigned ret_count[NODE_STATE_COUNT])
{
    const struct entry *e;

    memset(ret_count, 0, NODE_STATE_COUNT * sizeof(ret_count[0]));
    for (e = r->entries; e; e = e->hh.next)
        ret_count[registry_state(&e->known, target)]++;
}
