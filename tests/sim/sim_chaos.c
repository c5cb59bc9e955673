/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_chaos.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_orders.h"
#include "tests/sim/sim_store.h"

#define MIGRATIONS 2

struct sim_chaos {
    struct sim *sim;
    bool over;
    dur_t order_each; /* at most */
    dur_t fault_each;
};

static const char *const migrations[MIGRATIONS] = {"shop", "pay"};

struct sim_config sim_chaos_config(uint64_t seed)
{
    struct rng r;
    struct sim_config c = {.seed = seed};

    rng_seed(&r, seed ^ UINT64_C(0xc0a05));
    c.nodes = 1 + (unsigned)rng_below(&r, 4);
    c.coordinators = 1 + (unsigned)rng_below(&r, SIM_COORDS_MAX);
    c.no_leases = c.coordinators == 1 && rng_below(&r, 3) == 0;
    c.lease_ttl = rng_below(&r, 2) ? dur_s(2 + (int64_t)rng_below(&r, 4)) : dur_s(0);
    c.net = (struct sim_delay){dur_us(200), dur_ms(1 + (int64_t)rng_below(&r, 40))};
    c.store = (struct sim_delay){dur_us(300), dur_ms(1 + (int64_t)rng_below(&r, 20))};
    c.disk = (struct sim_delay){dur_us(500), dur_ms(1 + (int64_t)rng_below(&r, 60))};
    c.lane = (struct sim_delay){dur_us(100), dur_ms(1 + (int64_t)rng_below(&r, 8))};
    c.mail = (struct sim_delay){dur_us(0), dur_us(1 + (int64_t)rng_below(&r, 3000))};
    c.rich = rng_below(&r, 2) == 0;
    return c;
}

/* ---- operators ------------------------------------------------------------------------------- */

static void operate(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_chaos *c = who;
    struct sim_delay pause = {dur_ms(1), c->order_each};

    if (c->over)
        return;
    sim_orders_give(s, migrations[sim_chance(s, 5)]);
    sim_after(s, sim_delay(s, pause), operate, c, 0);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Each fault ends by itself a while later; `arg` is a node, a coordinator or a pair of hosts. */

static uint64_t pair(unsigned a, unsigned b)
{
    return (uint64_t)a * SIM_HOSTS + b;
}

static const char *host_name(struct sim *s, unsigned host)
{
    if (host == SIM_HOST_STORE)
        return "the store";
    return host < SIM_NODES_MAX ? sim_node_name(s->node[host])->s
                                : sim_coord_name(s->coord[host - SIM_NODES_MAX])->s;
}

static void heal_cut(struct sim *s, void *who UNUSED, uint64_t hosts)
{
    unsigned a = (unsigned)(hosts / SIM_HOSTS), b = (unsigned)(hosts % SIM_HOSTS);

    if (sim_net_is_cut(s->net, a, b))
        sim_say(s, "net", "%s and %s reach each other again", host_name(s, a), host_name(s, b));
    sim_net_cut(s->net, a, b, false);
}

static void heal_partition(struct sim *s, void *who UNUSED, uint64_t node)
{
    if (sim_net_is_cut(s->net, (unsigned)node, sim_host_coord(0)))
        sim_say(s, "net", "n%u is reached again", (unsigned)node + 1);
    sim_net_partition(s->net, (unsigned)node, false);
}

static void heal_node(struct sim *s, void *who UNUSED, uint64_t node)
{
    if (!sim_node_is_running(s->node[node]))
        sim_node_start(s->node[node]);
}

static void heal_disk(struct sim *s, void *who UNUSED, uint64_t node)
{
    sim_node_disk(s->node[node], SIM_DISK_WORKS, dur_ms(0));
}

static void heal_proxy(struct sim *s, void *who UNUSED, uint64_t node)
{
    sim_node_proxy(s->node[node], false, dur_ms(0));
}

static void heal_coord(struct sim *s, void *who UNUSED, uint64_t coord)
{
    if (!sim_coord_is_running(s->coord[coord]))
        sim_coord_start(s->coord[coord]);
}

static void heal_pause(struct sim *s, void *who UNUSED, uint64_t coord)
{
    sim_coord_pause(s->coord[coord], false);
}

static void heal_store(struct sim *s, void *who UNUSED, uint64_t arg UNUSED)
{
    sim_store_fail(s->store, SIM_STORE_WORKS);
    sim_store_fail_once(s->store, SIM_STORE_WORKS);
    sim_store_slow(s->store, dur_ms(0));
    sim_store_lie(s->store, false);
    s->watch_faults = 0;
}

static void heal_world(struct sim *s, void *who UNUSED, uint64_t arg UNUSED)
{
    s->world = (struct sim_world){.latency_new_us = 5000};
}

static dur_t a_while(struct sim *s, int64_t max_ms)
{
    return sim_delay(s, (struct sim_delay){dur_ms(50), dur_ms(max_ms)});
}

void sim_chaos_cut_off(struct sim *s, unsigned node)
{
    sim_say(s, "net", "n%u is cut off", node + 1);
    sim_net_partition(s->net, node, true);
    sim_after(s, a_while(s, sim_chance(s, 4) ? 45000 : 6000), heal_partition, NULL, node);
}

static void fault_break(struct sim *s, unsigned node)
{
    sim_net_break(s->net, node);
}

static void fault_node(struct sim *s, unsigned node)
{
    sim_node_crash(s->node[node]);
    sim_after(s, a_while(s, 6000), heal_node, NULL, node);
}

static void fault_deposed(struct sim *s, unsigned node)
{
    sim_node_replay(s->node[node]);
}

/* Not a fault, but what people do about one. */
static void fault_node_order(struct sim *s, unsigned node)
{
    if (sim_chance(s, 3)) /* it holds everything up until it is cleared */
        sim_node_order(s->node[node], sim_chance(s, 2) ? "the file emergency" : "signal");
}

static void fault_disk(struct sim *s, unsigned node)
{
    sim_node_disk(s->node[node], SIM_DISK_FULL, dur_ms(0));
    sim_after(s, a_while(s, 8000), heal_disk, NULL, node);
}

static void fault_slow_disk(struct sim *s, unsigned node)
{
    sim_node_disk(s->node[node], SIM_DISK_WORKS, a_while(s, 3000));
    sim_after(s, a_while(s, 8000), heal_disk, NULL, node);
}

static void fault_proxy(struct sim *s, unsigned node)
{
    sim_node_proxy(s->node[node], sim_chance(s, 2), a_while(s, 1500));
    sim_after(s, a_while(s, 8000), heal_proxy, NULL, node);
}

static unsigned some_coord(struct sim *s)
{
    return (unsigned)sim_below(s, s->config.coordinators);
}

static void fault_coord(struct sim *s, unsigned node UNUSED)
{
    unsigned coord = some_coord(s);

    sim_coord_crash(s->coord[coord]);
    sim_after(s, a_while(s, 4000), heal_coord, NULL, coord);
}

static void fault_coord_in_step(struct sim *s, unsigned node UNUSED)
{
    unsigned coord = some_coord(s);

    sim_coord_crash_at(s->coord[coord],
                       (enum sim_crash)(SIM_CRASH_SENT + sim_below(s, SIM_CRASH_PUBLISHED)));
    sim_after(s, a_while(s, 5000), heal_coord, NULL, coord);
}

static void fault_restart(struct sim *s, unsigned node UNUSED)
{
    unsigned coord = some_coord(s);

    if (sim_chance(s, 3))
        sim_coord_crash_at(s->coord[coord], SIM_LEAVE_CAMPAIGN);
    else
        sim_coord_leave(s->coord[coord]);
}

static void fault_pause(struct sim *s, unsigned node UNUSED)
{
    unsigned coord = some_coord(s);

    sim_coord_pause(s->coord[coord], true);
    sim_after(s, a_while(s, sim_chance(s, 2) ? 12000 : 1000), heal_pause, NULL, coord);
}

static void fault_jump(struct sim *s, unsigned node UNUSED)
{
    unsigned coord = some_coord(s);
    dur_t by = dur_ms((int64_t)sim_below(s, 8000) - 4000);

    sim_say(s, "chaos", "sets the clock of %s by %lld ms", sim_coord_name(s->coord[coord])->s,
            (long long)dur_to_ms(by));
    sim_coord_jump(s->coord[coord], by);
}

static void cut(struct sim *s, unsigned a, unsigned b, int64_t max_ms)
{
    sim_say(s, "net", "%s and %s do not reach each other", host_name(s, a), host_name(s, b));
    sim_net_cut(s->net, a, b, true);
    sim_after(s, a_while(s, max_ms), heal_cut, NULL, pair(a, b));
}

static void fault_cut_store(struct sim *s, unsigned node UNUSED)
{
    cut(s, sim_host_coord(some_coord(s)), SIM_HOST_STORE, 12000);
}

/* All at once: the store is gone for everybody. */
static void fault_no_store(struct sim *s, unsigned node UNUSED)
{
    for (unsigned i = 0; i < s->config.coordinators; i++)
        cut(s, sim_host_coord(i), SIM_HOST_STORE, 8000);
}

static void fault_cut_peers(struct sim *s, unsigned node UNUSED)
{
    unsigned a = some_coord(s), b = some_coord(s);

    if (a != b)
        cut(s, sim_host_coord(a), sim_host_coord(b), 15000);
}

static void fault_cut_node(struct sim *s, unsigned node)
{
    cut(s, node, sim_host_coord(some_coord(s)), 15000);
}

static void fault_break_coord(struct sim *s, unsigned node UNUSED)
{
    sim_net_break(s->net, sim_host_coord(some_coord(s)));
}

/* Who leads may hear of it late, and of the one that comes after it first. */
static void depose(struct sim *s)
{
    s->watch_faults = 2;
    sim_store_depose(s->store);
    sim_after(s, a_while(s, 4000), heal_store, NULL, 0);
}

static void fault_leases(struct sim *s, unsigned node UNUSED)
{
    unsigned what = (unsigned)sim_below(s, 4);

    sim_say(s, "chaos", "%s",
            what == 0   ? "ends every lease"
            : what == 1 ? "gives every lease more time"
            : what == 2 ? "deletes the leader key"
                        : "lets the store lie about leases");
    if (what == 0)
        sim_store_end_leases(s->store);
    else if (what == 1)
        sim_store_stretch_leases(s->store);
    else if (what == 2)
        depose(s);
    else
        sim_store_lie(s->store, true);
    if (what == 3)
        sim_after(s, a_while(s, 5000), heal_store, NULL, 0);
}

static void fault_watch(struct sim *s, unsigned node UNUSED)
{
    if (sim_chance(s, 3))
        sim_store_compact(s->store);
    s->watch_faults = 2 + (unsigned)sim_below(s, 10);
    sim_after(s, a_while(s, 8000), heal_store, NULL, 0);
}

static void fault_store(struct sim *s, unsigned node UNUSED)
{
    sim_store_fail_once(s->store, (enum sim_store_fault)(1 + sim_below(s, SIM_STORE_CONFLICTS)));
}

static void fault_store_long(struct sim *s, unsigned node UNUSED)
{
    if (sim_chance(s, 2))
        sim_store_slow(s->store, a_while(s, 1500));
    else
        sim_store_fail(s->store, (enum sim_store_fault)(1 + sim_below(s, SIM_STORE_LOSES_TXN)));
    sim_after(s, a_while(s, 5000), heal_store, NULL, 0);
}

void sim_chaos_fail_new(struct sim *s)
{
    s->world.errors_new = 0.02 + 0.5 * (double)sim_below(s, 100) / 100.0;
    sim_say(s, "world", "new fails %.0f %% of requests", 100.0 * s->world.errors_new);
    sim_after(s, a_while(s, 12000), heal_world, NULL, 0);
}

static void fault_release(struct sim *s, unsigned node UNUSED)
{
    sim_chaos_fail_new(s);
}

static void fault_slow_new(struct sim *s, unsigned node UNUSED)
{
    s->world.latency_new_us = 30000;
    sim_say(s, "world", "new is slow");
    sim_after(s, a_while(s, 12000), heal_world, NULL, 0);
}

/* It has to find out alone, and alone that new is well again. */
static void fault_alone(struct sim *s, unsigned node)
{
    s->world.sick_node = node + 1;
    sim_say(s, "world", "new fails every request of n%u", node + 1);
    sim_after(s, a_while(s, 8000), heal_world, NULL, 0);
    sim_chaos_cut_off(s, node);
}

static void fault_silence(struct sim *s, unsigned node UNUSED)
{
    s->world.idle = true;
    sim_after(s, a_while(s, 8000), heal_world, NULL, 0);
}

static void (*const faults[])(struct sim *s, unsigned node) = {
    sim_chaos_cut_off, sim_chaos_cut_off, fault_break,      fault_node,       fault_deposed,
    fault_disk,        fault_slow_disk,   fault_proxy,      fault_coord,      fault_coord_in_step,
    fault_store,       fault_store,       fault_store,      fault_store_long, fault_release,
    fault_release,     fault_silence,     fault_node_order, fault_pause,      fault_pause,
    fault_jump,        fault_cut_store,   fault_cut_store,  fault_no_store,   fault_cut_peers,
    fault_cut_node,    fault_break_coord, fault_leases,     fault_restart,    fault_watch,
    fault_slow_new,    fault_alone,
};

static void disturb(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_chaos *c = who;
    struct sim_delay pause = {dur_ms(1), c->fault_each};

    if (c->over)
        return;
    faults[sim_below(s, ARRAY_LEN(faults))](s, (unsigned)sim_below(s, s->config.nodes));
    sim_after(s, sim_delay(s, pause), disturb, c, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct sim_chaos *sim_chaos_new(struct sim *s)
{
    struct sim_chaos *c = xnew(struct sim_chaos);

    c->sim = s;
    s->jobs = SIM_FATE_CHANCE;
    c->order_each = dur_ms(500 + (int64_t)sim_below(s, 3000));
    c->fault_each = dur_ms(500 + (int64_t)sim_below(s, 8000));
    for (unsigned i = 0; i < MIGRATIONS; i++)
        sim_orders_apply(s, migrations[i], 0);
    operate(s, c, 0);
    sim_after(s, c->fault_each, disturb, c, 0);
    return c;
}

struct sim_chaos *sim_chaos_free(struct sim_chaos *c)
{
    free(c);
    return NULL;
}

void sim_chaos_end(struct sim_chaos *c)
{
    struct sim *s = c->sim;

    sim_say(s, "chaos", "ends");
    c->over = true;
    s->jobs = SIM_FATE_PASSES;
    heal_store(s, NULL, 0);
    for (unsigned i = 0; i < s->config.coordinators; i++) {
        sim_coord_crash_at(s->coord[i], SIM_CRASH_NEVER);
        heal_pause(s, NULL, i);
        heal_coord(s, NULL, i);
        for (unsigned host = 0; host < SIM_HOSTS; host++)
            sim_net_cut(s->net, sim_host_coord(i), host, false);
    }
    heal_world(s, NULL, 0);
    for (unsigned i = 0; i < s->config.nodes; i++) {
        heal_disk(s, NULL, i);
        heal_proxy(s, NULL, i);
        heal_node(s, NULL, i);
    }
}

/* ---- rest ------------------------------------------------------------------------------------ */

/* Orders reach the coordinators, and what they say of them reaches everybody. */
static bool obeys(const struct sim_coord *c, const struct sim_node *n)
{
    const struct ruleset *set = sim_node_lane(n, 0);
    struct emergency order;

    for (unsigned i = 0; set && i < set->count; i++) {
        const struct ruleset_entry *e = &set->entry[i];

        if (!core_emergency(sim_coord_core(c), e->route.migration.s, &order))
            order.active = false;
        if (e->emergency.active != order.active)
            return false;
    }
    return true;
}

static const char *node_unrest(const struct sim_node *n)
{
    if (!sim_node_is_running(n))
        return "a node does not run";
    if (sim_node_link(n) != LINK_CURRENT)
        return "a node does not serve the latest";
    if (sim_node_lane(n, 0) && sim_node_lane(n, 0)->revision != sim_node_disk_rev(n))
        return "a node's file is behind what it serves";
    return NULL;
}

static const char *pair_unrest(const struct sim_coord *c, const struct sim_node *n)
{
    const struct sim_heard *h = sim_coord_heard(c, sim_node_index(n));

    if (!h->connected || h->boot != sim_node_boot(n))
        return "a node is not connected, as far as is known";
    return obeys(c, n) ? NULL : "a node and a coordinator differ in an emergency order";
}

/* What is prepared may wait for the gate of the stage before, as long as that gate holds. */
static bool is_on_its_way(const struct view_status *st)
{
    enum rollout_phase phase = st->rollout->phase;

    if (phase == PHASE_PREPARING)
        return st->gate.verdict != VERDICT_HOLD;
    return phase == PHASE_CONVERGING || phase == PHASE_ROLLING_BACK ||
           phase == PHASE_ROLLBACK_FAILED;
}

static const char *rollout_unrest(const struct sim *s, const struct sim_coord *c,
                                  const char *migration)
{
    struct view_status st;

    CHECK(view_status(sim_coord_core(c), migration, sim_coord_wall(c), sim_coord_mono(c), &st,
                      NULL) == 0);
    if (st.convergence.lagging > 0 || st.convergence.serving != s->config.nodes)
        return "the fleet has not converged";
    return is_on_its_way(&st) ? phase_name(st.rollout->phase) : NULL;
}

static const char *coord_unrest(const struct sim *s, const struct sim_coord *c)
{
    const struct core *core = sim_coord_core(c);
    const char *why = NULL;
    struct driver_health h;

    if (!sim_coord_is_settled(c))
        return "a coordinator has not settled";
    sim_coord_health(c, &h);
    if (h.unstored > 0)
        return "an emergency order is not stored";
    for (unsigned i = 0; i < s->config.nodes && !why; i++)
        why = pair_unrest(c, s->node[i]);
    for (const char *m = ""; !why && (m = core_next_migration(core, m));)
        why = rollout_unrest(s, c, m);
    return why;
}

bool sim_is_up(struct sim *s)
{
    for (unsigned i = 0; i < s->config.coordinators; i++)
        if (!sim_coord_accepts(s->coord[i]))
            return false;
    return true;
}

const char *sim_leader_unrest(struct sim *s)
{
    const struct sim_coord *leader = NULL;
    struct driver_health h;

    for (unsigned i = 0; i < s->config.coordinators; i++) {
        if (!sim_coord_accepts(s->coord[i]))
            return "a coordinator is not up";
        sim_coord_health(s->coord[i], &h);
        if (h.leadership.here && leader)
            return "two coordinators lead";
        if (h.leadership.here)
            leader = s->coord[i];
    }
    if (!leader)
        return "nobody leads";
    for (unsigned i = 0; i < s->config.coordinators; i++) {
        sim_coord_health(s->coord[i], &h);
        if (!name_eq(&h.leadership.leader.id, sim_coord_name(leader)))
            return "not everybody knows who leads";
    }
    return NULL;
}

bool sim_is_led(struct sim *s)
{
    return !sim_leader_unrest(s);
}

const char *sim_unrest(struct sim *s)
{
    const char *why = sim_leader_unrest(s);

    for (unsigned i = 0; i < s->config.nodes && !why; i++)
        why = node_unrest(s->node[i]);
    for (unsigned i = 0; i < s->config.nodes && !why; i++)
        if (sim_node_lane(s->node[i], 0)->revision != sim_node_lane(s->node[0], 0)->revision)
            why = "two nodes serve different revisions";
    for (unsigned i = 0; i < s->config.coordinators && !why; i++)
        why = coord_unrest(s, s->coord[i]);
    return why;
}

bool sim_is_calm(struct sim *s)
{
    return !sim_unrest(s);
}
