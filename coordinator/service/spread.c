/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/spread.h"

#include <stdlib.h>

#include "common/base/check.h"

#define CLUSTER_LABEL "cluster"

/* One node as the counts see it. */
struct sight {
    const struct registry_node *node;
    const char *cluster, *stage;
    uint32_t weight_bp;
    bool serves;
};

static struct sight look(const struct registry_node *n, const struct view_status *s,
                         const struct route *route)
{
    const char *cluster = labels_get(&n->node.labels, CLUSTER_LABEL);
    struct sight ret = {.node = n, .cluster = cluster ? cluster : ""};

    ret.weight_bp = route_weight_at(route, &n->node.name, &n->node.labels, &ret.stage);
    if (s->emergency && s->emergency->active)
        ret.weight_bp = 0;
    ret.serves = registry_state(n, s->rollout->decision_rev) == NODE_SERVING;
    return ret;
}

/* ---- clusters -------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct spread_cluster *)a)->cluster,
                  ((const struct spread_cluster *)b)->cluster);
}

/* Few clusters have many nodes: the latest is mostly the one. */
static struct spread_cluster *cluster_of(struct spread *s, const char *name)
{
    struct spread_cluster *fresh;

    for (unsigned i = s->clusters; i-- > 0;)
        if (strcmp(s->cluster[i].cluster, name) == 0)
            return &s->cluster[i];
    fresh = &s->cluster[s->clusters++];
    *fresh = (struct spread_cluster){.nodes = 0};
    CHECK(str_copy(str_of(name), fresh->cluster, sizeof fresh->cluster));
    return fresh;
}

static void count_cluster(struct spread *s, const struct sight *n)
{
    struct spread_cluster *c = cluster_of(s, n->cluster);

    if (c->nodes == 0 || n->weight_bp > c->weight_most_bp) {
        str_fmt(c->stage, sizeof c->stage, "%s", n->stage);
        c->weight_most_bp = n->weight_bp;
    }
    c->nodes++;
    c->serving += n->serves;
    c->weight_sum_bp += n->weight_bp;
}

/* ---- waves ----------------------------------------------------------------------------------- */

static void count_wave(struct spread *s, const struct plan_stage *stage, const struct sight *n)
{
    for (unsigned i = 0; i < stage->wave_count; i++) {
        if (!selector_matches(&stage->wave[i].select, &n->node->node.name, &n->node->node.labels))
            continue;
        s->wave[i].nodes++;
        s->wave[i].serving += n->serves;
        return;
    }
}

void spread_count(struct registry *r, const struct view_status *s, const struct route *route,
                  struct arena *a, struct spread *ret)
{
    const struct plan_stage *stage =
        s->rollout->stage > 0 ? &s->plan->stage[s->rollout->stage - 1] : NULL;

    *ret = (struct spread){.clusters = 0};
    ret->cluster = arena_alloc(a, (registry_count(r) + 1) * sizeof(*ret->cluster));
    CHECK(ret->cluster);
    for (const struct registry_node *n = NULL; (n = registry_next(r, n));) {
        struct sight sight;

        if (!n->node.connected)
            continue;
        sight = look(n, s, route);
        count_cluster(ret, &sight);
        if (stage)
            count_wave(ret, stage, &sight);
    }
    qsort(ret->cluster, ret->clusters, sizeof(*ret->cluster), by_name);
}
