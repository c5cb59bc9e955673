/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/reach.h"

#include <math.h>

#include "common/base/check.h"
#include "coordinator/core/compile.h"

#define CLUSTER_LABEL "cluster"

/* What a migration means for nodes, without its route being copied for each. */
struct meaning {
    bool served; /* there is a plan */
    bool to_legacy;
    struct route route;
};

static void take_meaning(const struct durable *d, struct meaning *ret)
{
    *ret = (struct meaning){.served = d && d->plan, .to_legacy = d && d->order.active};
    if (ret->served)
        compile_route(d, &ret->route);
}

/* Its weight of new, and the stage that it is told. */
static uint32_t weight_at(const struct meaning *m, const struct name *node, const struct labels *l,
                          const char **ret_stage)
{
    uint32_t bp;

    *ret_stage = "";
    if (!m->served)
        return 0;
    bp = route_weight_at(&m->route, node, l, ret_stage);
    return m->to_legacy ? 0 : bp;
}

/* By name; the first of a name is added. */
static struct core_reach *cluster_of(struct core_change *change, const char *name, struct arena *a)
{
    struct core_reach **at = &change->clusters, *fresh;

    while (*at && strcmp((*at)->cluster, name) < 0)
        at = &(*at)->next;
    if (*at && strcmp((*at)->cluster, name) == 0)
        return *at;
    fresh = arena_new(a, struct core_reach);
    CHECK(fresh);
    *fresh = (struct core_reach){.next = *at};
    CHECK(str_copy(str_of(name), fresh->cluster, sizeof fresh->cluster));
    *at = fresh;
    return fresh;
}

/* Sums for now; see average(). */
static void add_node(struct core_change *change, const struct node *n, const struct meaning *before,
                     const struct meaning *after, struct arena *a)
{
    const struct labels *l = node_labels(n);
    const char *cluster = labels_get(l, CLUSTER_LABEL), *stage_before, *stage_after;
    struct core_reach *at = cluster_of(change, cluster ? cluster : "", a);
    double was = weight_at(before, node_name(n), l, &stage_before);
    double is = weight_at(after, node_name(n), l, &stage_after);

    at->all++;
    at->share += fabs(is - was) / 100.0;
    at->nodes += is > was || is < was || strcmp(stage_before, stage_after) != 0;
}

static void average(struct core_change *change, unsigned connected)
{
    double sum = 0;

    change->nodes = 0;
    for (struct core_reach *r = change->clusters; r; r = r->next) {
        change->nodes += r->nodes;
        sum += r->share;
        r->share /= r->all;
    }
    change->share_affected = sum / connected;
}

/* A change that is no matter of weight and stage, as of flags or endpoints, is for everybody. */
static void reach_all(struct core_change *change)
{
    for (struct core_reach *r = change->clusters; r; r = r->next) {
        r->nodes = r->all;
        change->nodes += r->all;
    }
}

void reach_tell(const struct core *c, const struct durable *before, const struct durable *after,
                struct arena *a, struct core_change *ret)
{
    static const struct name nobody = {""};
    static const struct labels none = {.count = 0};
    struct meaning was, is;
    const char *stage;

    take_meaning(before, &was);
    take_meaning(after, &is);
    ret->share_affected = fabs((double)weight_at(&is, &nobody, &none, &stage) -
                               (double)weight_at(&was, &nobody, &none, &stage)) /
                          100.0;
    if (c->nodes.connected == 0)
        return;
    for (const struct node *n = NULL; (n = nodes_next(&c->nodes, n));)
        if (node_connected(n))
            add_node(ret, n, &was, &is, a);
    average(ret, c->nodes.connected);
    if (ret->nodes == 0 && (!after || compile_differs(before, after)))
        reach_all(ret);
}
