/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_chaos.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/stage_fsm.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store.h"

#define MIGRATIONS 2
#define STAGES     5

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
    c.net = (struct sim_delay){dur_us(200), dur_ms(1 + (int64_t)rng_below(&r, 40))};
    c.store = (struct sim_delay){dur_us(300), dur_ms(1 + (int64_t)rng_below(&r, 20))};
    c.disk = (struct sim_delay){dur_us(500), dur_ms(1 + (int64_t)rng_below(&r, 60))};
    c.lane = (struct sim_delay){dur_us(100), dur_ms(1 + (int64_t)rng_below(&r, 8))};
    c.mail = (struct sim_delay){dur_us(0), dur_us(1 + (int64_t)rng_below(&r, 3000))};
    return c;
}

static void fault_partition(struct sim *s, unsigned node);

/* ---- operators ------------------------------------------------------------------------------- */

/* A stage line: names rise, weights rise, the rest by chance. */
static void add_stage(struct sim *s, struct buf *b, const char *name, unsigned weight)
{
    CHECK(buf_addf(b, "    - name: %s\n      weight: %u\n", name, weight));
    if (!sim_chance(s, 4))
        CHECK(buf_addf(b, "      bake: %ums\n", 200 + (unsigned)sim_below(s, 2500)));
    if (sim_chance(s, 3))
        CHECK(buf_addf(b, "      approval: manual\n"));
    if (weight > 0 && sim_chance(s, 3))
        CHECK(buf_addf(b,
                       "      gate:\n        errorRate: 5%%\n        minRequests: %u\n"
                       "        for: 2s\n",
                       1 + (unsigned)sim_below(s, 20)));
}

/* A plan of the first `count` stages; 0: of some. */
static void order_apply(struct sim *s, const char *migration, unsigned count)
{
    static const struct {
        const char *name;
        unsigned weight;
    } stages[STAGES] = {{"shadow", 0}, {"canary", 10}, {"half", 50}, {"all", 100}, {"more", 100}};
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 16);

    if (count == 0)
        count = 2 + (unsigned)sim_below(s, STAGES - 1);

    CHECK(buf_addf(&b,
                   "apiVersion: switchyard/v1\nkind: Migration\nmetadata:\n  name: %s\nspec:\n"
                   "  systems:\n"
                   "    legacy:\n      endpoints: [\"http://127.0.0.1:8001\"]\n"
                   "    new:\n      endpoints: [\"http://127.0.0.1:8002\"]\n"
                   "  routing:\n    key: client-ip\n    salt: %s\n    path: /%s\n",
                   migration, migration, migration));
    if (!sim_chance(s, 4))
        CHECK(buf_addf(&b,
                       "  triggers:\n    errorRate: 5%%\n    minRequests: 10\n"
                       "    window: 3s\n%s",
                       count > 1 && sim_chance(s, 3) ? "    rollbackTo: canary\n" : ""));
    CHECK(
        buf_addf(&b, "  rollback:\n    deadline: %us\n  stages:\n", 1 + (unsigned)sim_below(s, 4)));
    for (unsigned i = 0; i < count; i++)
        add_stage(s, &b, stages[i].name, stages[i].weight);
    sim_apply(s, buf_text(&b));
}

/* Which command a row of the stage table waits for; CMD_COUNT: none. */
static const enum core_command_kind command_of[STAGE_EVENT_COUNT] = {
    [STAGE_START] = CMD_START,           [STAGE_PROMOTE] = CMD_PROMOTE,
    [STAGE_PAUSE] = CMD_PAUSE,           [STAGE_RESUME] = CMD_RESUME,
    [STAGE_ABORT] = CMD_ABORT,           [STAGE_ROLLBACK] = CMD_ROLLBACK,
    [STAGE_EMERGENCY] = CMD_EMERGENCY,   [STAGE_WEIGHT] = CMD_SET_WEIGHT,
    [STAGE_OVERRIDE] = CMD_SET_OVERRIDE, [STAGE_TRIGGER] = CMD_SET_OVERRIDE,
    [STAGE_CONVERGED] = CMD_COUNT,       [STAGE_DEADLINE] = CMD_COUNT,
    [STAGE_REVIEW] = CMD_APPLY,          [STAGE_RECOVER] = CMD_RECOVER,
};

/* A row of the rollout's phase: what the operator wants to see taken. */
static enum core_command_kind choose_row(struct sim *s, enum rollout_phase phase)
{
    const struct sm_row *row;

    do
        row = &stage_machine.rows[sim_below(s, stage_machine.row_count)];
    while (row->state != (int)phase);
    if (row->event == STAGE_ABORT && !sim_chance(s, 3))
        return CMD_COUNT;
    return command_of[row->event];
}

/* Somebody who looks at the status first and mostly orders what makes sense. */
static enum core_command_kind choose(struct sim *s, const char *migration, unsigned *ret_stage)
{
    const struct core *core = sim_coord_core(s->coord[0]);
    struct view_status st;

    *ret_stage = 0;
    if (!core ||
        view_status(core, migration, sim_wall(s), sim_coord_mono(s->coord[0]), &st, NULL) < 0)
        return CMD_APPLY;
    *ret_stage = st.rollout->stage;
    if (sim_chance(s, 8))
        return (enum core_command_kind)sim_below(s, CMD_COUNT);
    if (st.emergency && st.emergency->active && sim_chance(s, 3))
        return CMD_CLEAR;
    return choose_row(s, st.rollout->phase);
}

static void order_something(struct sim *s)
{
    static const uint32_t weights[] = {0, 500, 1000, 2500, 5000, 10000};
    static const enum system systems[] = {SYSTEM_NONE, SYSTEM_NONE, SYSTEM_LEGACY, SYSTEM_NEW};
    const char *migration = migrations[sim_chance(s, 5)];
    unsigned stage;
    enum core_command_kind kind = choose(s, migration, &stage);
    struct core_command cmd = {
        .kind = kind,
        .migration = migration,
        .dry_run = sim_chance(s, 20),
        .all = kind == CMD_EMERGENCY && sim_chance(s, 3),
        .weight_bp = weights[sim_below(s, ARRAY_LEN(weights))],
        .system = systems[sim_below(s, ARRAY_LEN(systems))],
    };

    if (kind == CMD_ROLLBACK) /* mostly one stage down: then there is room for another */
        cmd.to_stage = stage > 0 && !sim_chance(s, 3) ? stage - 1 : (unsigned)sim_below(s, 3);
    if (kind == CMD_ROLLBACK && sim_chance(s, 3)) /* which then misses its deadline */
        fault_partition(s, (unsigned)sim_below(s, s->config.nodes));
    if (kind == CMD_PROMOTE && sim_chance(s, 4)) /* to a stage that the plan has gained */
        order_apply(s, migration, STAGES);
    if (kind == CMD_PROMOTE && sim_chance(s, 6))
        cmd.to_stage_name = sim_chance(s, 2) ? "all" : "half";
    if (kind == CMD_APPLY) /* at times the current stage becomes the last one */
        order_apply(s, migration, sim_chance(s, 3) ? stage : 0);
    else if (kind != CMD_COUNT)
        sim_order(s, &cmd);
}

static void operate(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_chaos *c = who;
    struct sim_delay pause = {dur_ms(1), c->order_each};

    if (c->over)
        return;
    order_something(s);
    sim_after(s, sim_delay(s, pause), operate, c, 0);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Each fault begins with `arg` NODE or nothing, and ends by itself a while later. */

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

static void heal_coord(struct sim *s, void *who UNUSED, uint64_t arg UNUSED)
{
    if (!sim_coord_is_running(s->coord[0]))
        sim_coord_start(s->coord[0]);
}

static void heal_store(struct sim *s, void *who UNUSED, uint64_t arg UNUSED)
{
    sim_store_fail(s->store, SIM_STORE_WORKS);
    sim_store_fail_once(s->store, SIM_STORE_WORKS);
    sim_store_slow(s->store, dur_ms(0));
}

static void heal_world(struct sim *s, void *who UNUSED, uint64_t arg UNUSED)
{
    s->world = (struct sim_world){.latency_new_us = 5000};
}

static dur_t a_while(struct sim *s, int64_t max_ms)
{
    return sim_delay(s, (struct sim_delay){dur_ms(50), dur_ms(max_ms)});
}

static void fault_partition(struct sim *s, unsigned node)
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

static void fault_coord(struct sim *s, unsigned node UNUSED)
{
    sim_coord_crash(s->coord[0]);
    sim_after(s, a_while(s, 4000), heal_coord, NULL, 0);
}

static void fault_coord_in_step(struct sim *s, unsigned node UNUSED)
{
    sim_coord_crash_at(s->coord[0],
                       (enum sim_crash)(SIM_CRASH_SENT + sim_below(s, SIM_CRASH_PUBLISHED)));
    sim_after(s, a_while(s, 5000), heal_coord, NULL, 0);
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

static void fault_release(struct sim *s, unsigned node UNUSED)
{
    s->world.errors_new = 0.02 + 0.5 * (double)sim_below(s, 100) / 100.0;
    sim_say(s, "world", "new fails %.0f %% of requests", 100.0 * s->world.errors_new);
    sim_after(s, a_while(s, 12000), heal_world, NULL, 0);
}

static void fault_silence(struct sim *s, unsigned node UNUSED)
{
    s->world.idle = true;
    sim_after(s, a_while(s, 8000), heal_world, NULL, 0);
}

static void (*const faults[])(struct sim *s, unsigned node) = {
    fault_partition, fault_partition, fault_break,      fault_node,       fault_deposed,
    fault_disk,      fault_slow_disk, fault_proxy,      fault_coord,      fault_coord_in_step,
    fault_store,     fault_store,     fault_store,      fault_store_long, fault_release,
    fault_release,   fault_silence,   fault_node_order,
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
    c->order_each = dur_ms(500 + (int64_t)sim_below(s, 3000));
    c->fault_each = dur_ms(500 + (int64_t)sim_below(s, 8000));
    for (unsigned i = 0; i < MIGRATIONS; i++)
        order_apply(s, migrations[i], 0);
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
    sim_coord_crash_at(s->coord[0], SIM_CRASH_NEVER);
    heal_store(s, NULL, 0);
    heal_coord(s, NULL, 0);
    heal_world(s, NULL, 0);
    for (unsigned i = 0; i < s->config.nodes; i++) {
        heal_partition(s, NULL, i);
        heal_disk(s, NULL, i);
        heal_proxy(s, NULL, i);
        heal_node(s, NULL, i);
    }
}

/* ---- rest ------------------------------------------------------------------------------------ */

/* Orders reach the coordinator, and what it says of them reaches everybody. */
static bool obeys(const struct sim *s, const struct sim_node *n)
{
    const struct ruleset *set = sim_node_lane(n, 0);
    struct emergency order;

    for (unsigned i = 0; set && i < set->count; i++) {
        const struct ruleset_entry *e = &set->entry[i];

        if (!core_emergency(sim_coord_core(s->coord[0]), e->route.migration.s, &order))
            order.active = false;
        if (e->emergency.active != order.active)
            return false;
    }
    return true;
}

static const char *node_unrest(const struct sim *s, const struct sim_node *n)
{
    const struct sim_heard *h = sim_coord_heard(s->coord[0], sim_node_index(n));

    if (!sim_node_is_running(n))
        return "a node does not run";
    if (!h->connected || h->boot != sim_node_boot(n))
        return "a node is not connected";
    if (sim_node_link(n) != LINK_CURRENT)
        return "a node does not serve the latest";
    if (sim_node_lane(n, 0) && sim_node_lane(n, 0)->revision != sim_node_disk_rev(n))
        return "a node's file is behind what it serves";
    if (!obeys(s, n))
        return "a node and the coordinator differ in an emergency order";
    return NULL;
}

static const char *rollout_unrest(const struct sim *s, const char *migration)
{
    struct view_status st;

    CHECK(view_status(sim_coord_core(s->coord[0]), migration, sim_wall(s),
                      sim_coord_mono(s->coord[0]), &st, NULL) == 0);
    if (st.convergence.lagging > 0 || st.convergence.serving != s->config.nodes)
        return "the fleet has not converged";
    if (st.rollout->phase == PHASE_CONVERGING || st.rollout->phase == PHASE_ROLLING_BACK ||
        st.rollout->phase == PHASE_ROLLBACK_FAILED)
        return phase_name(st.rollout->phase);
    return NULL;
}

const char *sim_unrest(struct sim *s)
{
    const struct core *core = sim_coord_core(s->coord[0]);
    const char *why = NULL;

    if (!sim_coord_is_settled(s->coord[0]))
        return "the coordinator has not settled";
    for (unsigned i = 0; i < s->config.nodes && !why; i++)
        why = node_unrest(s, s->node[i]);
    for (const char *m = ""; !why && (m = core_next_migration(core, m));)
        why = rollout_unrest(s, m);
    return why;
}

bool sim_is_calm(struct sim *s)
{
    return !sim_unrest(s);
}
