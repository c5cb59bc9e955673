/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/fleet_breaker_watch.h"

#include <inttypes.h>

#include "coordinator/core/compile.h"
#include "coordinator/core/events_watch.h"
#include "coordinator/core/statistics.h"
#include "coordinator/core/words.h"

/* The chance to take a healthy fleet for a sick one, each time that it is looked at. */
#define DOUBT 0.001

/* ---- acknowledgements ------------------------------------------------------------------------ */

static void obeyed(struct core *c, struct migration *m, struct node *n,
                   const struct route_breaker *b)
{
    node_breaker_ordered(n, m->slot, b->order, b->order_number, c->clock);
    events_watch_breaker(c, m, n);
}

/* False: there is none, or nodes have no breaker that could obey. */
static bool find_order(const struct migration *m, struct route_breaker *ret)
{
    if (m->is.rollout.breaker.order == BREAKER_ORDER_NONE)
        return false;
    compile_breaker(&m->is, ret);
    return route_breaker_is_on(ret) && ret->mode != BREAKER_MODE_OFF;
}

void fleet_breaker_acked(struct core *c, const struct node_change *change)
{
    struct route_breaker b;

    STATE_FOREACH(c, m)
    {
        uint64_t rev = m->takeover.rev;
        bool was = change->was_connected && change->old_rev >= rev;

        if (!was && node_serves(change->node, rev) && find_order(m, &b))
            obeyed(c, m, change->node, &b);
    }
}

void fleet_breaker_found(struct core *c, struct migration *m)
{
    struct route_breaker b;

    if (!find_order(m, &b))
        return;
    for (struct node *n = NULL; (n = nodes_next(&c->nodes, n));)
        if (node_serves(n, m->takeover.rev))
            obeyed(c, m, n, &b);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool is_back(enum breaker_state state, const struct breaker_seen *seen)
{
    return state == BREAKER_CLOSED || (state == BREAKER_HALF_OPEN && seen->share_bp > 0);
}

static bool is_hurt(const struct migration *m, enum breaker_state state,
                    const struct breaker_seen *seen)
{
    uint64_t limit_bp = m->is.plan->fleet_breaker.error_rate_bp;

    return state == BREAKER_OPEN ||
           (seen->requests > 0 && seen->errors * WEIGHT_BP_MAX > limit_bp * seen->requests);
}

void fleet_breaker_count(const struct core *c, const struct migration *m,
                         struct fleet_breaker_tally *ret)
{
    *ret = (struct fleet_breaker_tally){.nodes = 0};
    for (const struct node *n = NULL; (n = nodes_next(&c->nodes, n));) {
        enum breaker_state state = node_breaker(n, m->slot);
        const struct breaker_seen *seen = node_breaker_seen(n, m->slot);
        bool told = node_reported_rev(n) >= m->takeover.rev;

        if (!node_connected(n) || state == BREAKER_DISABLED)
            continue;
        ret->nodes++;
        ret->open += told && state == BREAKER_OPEN;
        ret->back += told && is_back(state, seen);
        ret->hurt += told && is_hurt(m, state, seen);
    }
}

static bool is_quorum(const struct plan_fleet_breaker *p, unsigned some, unsigned all)
{
    return some > 0 && (uint64_t)some * WEIGHT_BP_MAX >= (uint64_t)p->quorum_bp * all;
}

static bool quorum_is_open(const struct plan_fleet_breaker *p, const struct fleet_breaker_tally *t,
                           char *why)
{
    if (p->quorum_bp == 0 || t->open < p->min_nodes || !is_quorum(p, t->open, t->nodes))
        return false;
    str_fmt(why, TEXT_SIZE, "%u of %u nodes have opened theirs", t->open, t->nodes);
    return true;
}

/* ---- the pooled rate ------------------------------------------------------------------------- */

/* What all nodes saw of new under the latest decision, in the breaker's window. */
static void pool(const struct core *c, const struct migration *m, uint64_t *ret_requests,
                 uint64_t *ret_errors)
{
    const struct samples *parts[] = {m->judged, m->beyond};
    struct route_breaker b;

    *ret_requests = *ret_errors = 0;
    compile_breaker(&m->is, &b);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        struct system_stats sum;

        samples_window(parts[i], SYSTEM_NEW, c->mono, dur_ms(b.window_ms), &sum);
        *ret_requests += sum.requests;
        *ret_errors += sum.errors;
    }
}

/* One sick node must not open all, however many requests it gets. */
static bool rate_is_proven(const struct core *c, const struct migration *m,
                           const struct fleet_breaker_tally *t, char *why)
{
    const struct plan_fleet_breaker *p = &m->is.plan->fleet_breaker;
    char limit[WORDS_RATIO_MAX];
    uint64_t requests, errors;

    if (p->error_rate_bp == 0 || t->hurt < p->min_nodes)
        return false;
    pool(c, m, &requests, &errors);
    if (requests < p->min_requests ||
        statistics_share_low(errors, requests, DOUBT) * WEIGHT_BP_MAX <= p->error_rate_bp)
        return false;
    str_fmt(why, TEXT_SIZE,
            "%" PRIu64 " of %" PRIu64 " requests to new failed on %u nodes, which is more than %s",
            errors, requests, t->hurt, words_weight(p->error_rate_bp, limit));
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

bool fleet_breaker_is_sick(const struct core *c, const struct migration *m, char *why)
{
    const struct plan_fleet_breaker *p = &m->is.plan->fleet_breaker;
    struct fleet_breaker_tally tally;

    if (!plan_has_fleet_breaker(p))
        return false;
    fleet_breaker_count(c, m, &tally);
    return quorum_is_open(p, &tally, why) || rate_is_proven(c, m, &tally, why);
}

bool fleet_breaker_is_well(const struct core *c, const struct migration *m)
{
    struct fleet_breaker_tally t;

    fleet_breaker_count(c, m, &t);
    return t.back > 0 && !is_quorum(&m->is.plan->fleet_breaker, t.nodes - t.back, t.nodes);
}
