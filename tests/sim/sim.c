/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_ops.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_store_thread.h"

#define START INT64_C(1795255200000000000) /* 2026-11-21T10:00:00Z */

struct sim_event {
    struct heap_node node;
    sim_fn run;
    void *who;
    uint64_t arg;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void usual(struct sim_delay *d, dur_t value)
{
    if (d->max.ns == 0)
        *d = (struct sim_delay){value, value};
}

struct sim *sim_new(const struct sim_config *config)
{
    struct sim *s = xnew(struct sim);

    CHECK(config->nodes <= SIM_NODES_MAX && config->coordinators <= SIM_COORDS_MAX);
    s->config = *config;
    if (s->config.coordinators == 0)
        s->config.coordinators = 1;
    usual(&s->config.net, dur_ms(1));
    usual(&s->config.store, dur_ms(2));
    usual(&s->config.disk, dur_ms(5));
    usual(&s->config.lane, dur_ms(1));
    rng_seed(&s->rng, config->seed);
    heap_init(&s->events);
    buf_init(&s->trace, SIM_TRACE_MAX);
    s->world.latency_new_us = 5000;
    s->check = sim_check_new(s);
    s->net = sim_net_new(s);
    s->store = sim_store_new(s);
    s->requests = sim_requests_new();
    s->ops = sim_ops_new(s);
    for (unsigned i = 0; i < s->config.coordinators; i++)
        s->coord[i] = sim_coord_new(s, i);
    for (unsigned i = 0; i < config->nodes; i++)
        s->node[i] = sim_node_new(s, i);
    for (unsigned i = 0; i < s->config.coordinators; i++)
        sim_coord_start(s->coord[i]);
    for (unsigned i = 0; i < config->nodes; i++)
        sim_node_start(s->node[i]);
    return s;
}

struct sim *sim_free(struct sim *s)
{
    struct heap_node *n;

    if (!s)
        return NULL;
    for (unsigned i = 0; i < s->config.coordinators; i++)
        sim_coord_free(s->coord[i]);
    for (unsigned i = 0; i < s->config.nodes; i++)
        sim_node_free(s->node[i]);
    sim_ops_free(s->ops);
    sim_requests_free(s->requests);
    sim_store_free(s->store);
    sim_net_free(s->net);
    sim_check_free(s->check);
    while ((n = heap_min(&s->events))) {
        heap_remove(&s->events, n);
        free(container_of(n, struct sim_event, node));
    }
    heap_deinit(&s->events);
    buf_deinit(&s->trace);
    free(s);
    return NULL;
}

/* ---- time ------------------------------------------------------------------------------------ */

void sim_after(struct sim *s, dur_t d, sim_fn fn, void *who, uint64_t arg)
{
    struct sim_event *e = xnew(struct sim_event);

    e->run = fn;
    e->who = who;
    e->arg = arg;
    heap_insert(&s->events, &e->node, mono_add(s->now, d));
}

/* The next event, unless it is due after `end`. */
static bool step(struct sim *s, mono_t end)
{
    struct heap_node *n = heap_min(&s->events);
    struct sim_event *e;

    if (s->failure[0] || !n || mono_before(end, n->due))
        return false;
    e = container_of(n, struct sim_event, node);
    heap_remove(&s->events, n);
    s->now = n->due;
    e->run(s, e->who, e->arg);
    free(e);
    sim_check_step(s->check);
    return true;
}

void sim_run_for(struct sim *s, dur_t d)
{
    mono_t end = mono_add(s->now, d);

    while (step(s, end))
        ;
    if (!s->failure[0])
        s->now = end;
}

bool sim_run_until(struct sim *s, bool (*done)(struct sim *s), dur_t limit)
{
    mono_t end = mono_add(s->now, limit);

    while (!s->failure[0] && !done(s)) {
        if (!mono_before(s->now, end))
            return false;
        sim_run_for(s, dur_ms(100));
    }
    return !s->failure[0];
}

wall_t sim_wall(const struct sim *s)
{
    return (wall_t){START + s->now.ns};
}

/* ---- chance ---------------------------------------------------------------------------------- */

dur_t sim_delay(struct sim *s, struct sim_delay d)
{
    int64_t range = d.max.ns - d.min.ns;

    return range > 0 ? dur_ns(d.min.ns + (int64_t)rng_below(&s->rng, (uint64_t)range)) : d.min;
}

bool sim_chance(struct sim *s, unsigned n)
{
    return rng_below(&s->rng, n) == 0;
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
    return rng_below(&s->rng, n);
}

/* ---- trace ----------------------------------------------------------------------------------- */

void sim_say(struct sim *s, const char *who, const char *fmt, ...)
{
    va_list ap;

    CHECK(buf_addf(&s->trace, "[%6" PRId64 "] %s ", s->now.ns / 1000000, who));
    va_start(ap, fmt);
    CHECK(buf_vaddf(&s->trace, fmt, ap));
    va_end(ap);
    CHECK(buf_add(&s->trace, "\n", 1));
}

const char *sim_trace_news(struct sim *s)
{
    const char *news = buf_text(&s->trace) + s->trace_compared;

    s->trace_compared = s->trace.len;
    return news;
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(sizeof s->failure);
    va_list ap;

    if (s->failure[0])
        return;
    va_start(ap, fmt);
    if (!buf_vaddf(&text, fmt, ap))
        buf_clear(&text);
    va_end(ap);
    str_fmt(s->failure, sizeof s->failure, "%s", text.len ? buf_text(&text) : "a check failed");
    sim_say(s, "CHECK", "%s", s->failure);
}
