/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_orders.h"

#include "coordinator/core/stage_fsm.h"
#include "tests/sim/sim_chaos.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_plans.h"

#define PICK(s, list) ((list)[sim_below((s), ARRAY_LEN(list))])

/* What one decides upon. */
struct choice {
    struct sim *sim;
    const char *migration;
    unsigned stage; /* that the migration is at */
    struct core_command command;
};

/* ---- which command --------------------------------------------------------------------------- */

/* What a row of the stage table waits for; CMD_COUNT: nothing that an operator could order. */
static const struct core_command command_of[STAGE_EVENT_COUNT] = {
    [STAGE_START] = {.kind = CMD_START},
    [STAGE_PROMOTE] = {.kind = CMD_PROMOTE},
    [STAGE_FULL] = {.kind = CMD_PROMOTE, .full = true},
    [STAGE_PAUSE] = {.kind = CMD_PAUSE},
    [STAGE_RESUME] = {.kind = CMD_RESUME},
    [STAGE_ABORT] = {.kind = CMD_ABORT},
    [STAGE_RETREAT] = {.kind = CMD_ABORT, .gradual = true},
    [STAGE_ROLLBACK] = {.kind = CMD_ROLLBACK},
    [STAGE_EMERGENCY] = {.kind = CMD_EMERGENCY},
    [STAGE_WEIGHT] = {.kind = CMD_SET_WEIGHT},
    [STAGE_OVERRIDE] = {.kind = CMD_SET_OVERRIDE},
    [STAGE_DECOMMISSION] = {.kind = CMD_DECOMMISSION},
    [STAGE_RECOVER] = {.kind = CMD_RECOVER},
    [STAGE_TRIGGER] = {.kind = CMD_SET_OVERRIDE},
    [STAGE_PREPARED] = {.kind = CMD_COUNT},
    [STAGE_UNPREPARED] = {.kind = CMD_COUNT},
    [STAGE_CONVERGED] = {.kind = CMD_COUNT},
    [STAGE_DEADLINE] = {.kind = CMD_COUNT},
    [STAGE_REVIEW] = {.kind = CMD_APPLY},
};

/* What cuts a rollout short, and leaves little for others to see. What is prepared is seldom seen
 * at all. */
static bool is_an_end(int event)
{
    return event == STAGE_ABORT || event == STAGE_RETREAT || event == STAGE_EMERGENCY;
}

/* A row of the rollout's phase: what the operator wants to see taken. */
static struct core_command choose_row(struct sim *s, enum rollout_phase phase)
{
    const struct sm_row *row;

    do
        row = &stage_machine.rows[sim_below(s, stage_machine.row_count)];
    while (row->state != (int)phase);
    if (is_an_end(row->event) && phase != PHASE_PREPARING && !sim_chance(s, 3))
        return (struct core_command){.kind = CMD_COUNT};
    return command_of[row->event];
}

/* The next wave needs an operator; under an override, also one that would go by itself. */
static bool awaits_wave(const struct view_status *st)
{
    const struct rollout *r = st->rollout;

    return st->more_waves &&
           (r->phase == PHASE_READY || (r->phase == PHASE_BAKING && r->override != SYSTEM_NONE));
}

static bool misses_approvals(const struct view_status *st)
{
    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++)
        if (st->holdback[i].verdict == VERDICT_HOLD &&
            strcmp(st->holdback[i].name, "approvals") == 0)
            return true;
    return false;
}

/* What moves no stage. */
static enum core_command_kind choose_beside(struct sim *s)
{
    static const enum core_command_kind kinds[] = {
        CMD_DRILL,         CMD_DRILL,         CMD_SET_FLAG,     CMD_APPROVE,    CMD_BREAKER_OPEN,
        CMD_BREAKER_CLOSE, CMD_BREAKER_RESET, CMD_BREAKER_TUNE, CMD_SET_MIRROR,
    };

    return PICK(s, kinds);
}

static bool tries_new(const struct rollout *r)
{
    return r->breaker.state == FLEET_BREAKER_OPEN || r->breaker.state == FLEET_BREAKER_HALF_OPEN;
}

/* The fleet's breaker has opened by itself: wait for what comes of it, or decide. */
static enum core_command_kind choose_breaker(struct choice *q)
{
    static const enum core_command_kind kinds[] = {CMD_BREAKER_OPEN,  CMD_BREAKER_CLOSE,
                                                   CMD_BREAKER_RESET, CMD_BREAKER_TUNE,
                                                   CMD_SET_OVERRIDE,  CMD_COUNT};

    if (sim_chance(q->sim, 2)) /* which is then not repaired yet */
        sim_chaos_fail_new(q->sim);
    return PICK(q->sim, kinds);
}

/* They look at the status first, and mostly order what makes sense. */
static struct core_command choose(struct choice *q)
{
    struct sim *s = q->sim;
    const struct core *core = sim_coord_core(s->coord[0]);
    struct view_status st;

    if (!core ||
        view_status(core, q->migration, sim_wall(s), sim_coord_mono(s->coord[0]), &st, NULL) < 0)
        return (struct core_command){.kind = CMD_APPLY};
    q->stage = st.rollout->stage;
    if (sim_chance(s, 8))
        return (struct core_command){.kind = (enum core_command_kind)sim_below(s, CMD_COUNT)};
    if (st.emergency && st.emergency->active && sim_chance(s, 3))
        return (struct core_command){.kind = CMD_CLEAR};
    if (misses_approvals(&st) && sim_chance(s, 2))
        return (struct core_command){.kind = CMD_APPROVE};
    if (awaits_wave(&st) && sim_chance(s, 2))
        return (struct core_command){.kind = CMD_PROMOTE};
    if (tries_new(st.rollout) && !sim_chance(s, 4))
        return (struct core_command){.kind = choose_breaker(q)};
    if (sim_chance(s, 6))
        return (struct core_command){.kind = choose_beside(s)};
    return choose_row(s, st.rollout->phase);
}

/* ---- with what ------------------------------------------------------------------------------- */

static void fill_promote(struct choice *q)
{
    struct sim *s = q->sim;

    if (sim_chance(s, 4)) /* to a stage that the plan has gained */
        sim_orders_apply(s, q->migration, SIM_PLAN_STAGES);
    if (!q->command.full && sim_chance(s, 6))
        q->command.to_stage_name = sim_chance(s, 2) ? "all" : "half";
    else if (!q->command.full && sim_chance(s, 8))
        q->command.to_stage = q->stage + 1 + (unsigned)sim_below(s, 2);
}

static void fill_abort(struct choice *q)
{
    struct sim *s = q->sim;

    if (!q->command.gradual)
        return;
    q->command.step_every = dur_ms(100 + (int64_t)sim_below(s, 6000));
    if (sim_chance(s, 2)) /* which then is too slow */
        sim_chaos_fail_new(s);
}

/* Mostly one stage down: then there is room for another. */
static void fill_rollback(struct choice *q)
{
    struct sim *s = q->sim;

    q->command.to_stage =
        q->stage > 0 && !sim_chance(s, 3) ? q->stage - 1 : (unsigned)sim_below(s, 3);
    if (sim_chance(s, 3)) /* which then misses its deadline */
        sim_chaos_cut_off(s, (unsigned)sim_below(s, s->config.nodes));
}

static void fill_emergency(struct choice *q)
{
    q->command.all = sim_chance(q->sim, 3);
}

static void fill_weight(struct choice *q)
{
    static const uint32_t weights[] = {0, 500, 1000, 2500, 5000, 10000};

    q->command.weight_bp = PICK(q->sim, weights);
}

static void fill_override(struct choice *q)
{
    static const enum system systems[] = {SYSTEM_NONE, SYSTEM_NONE, SYSTEM_LEGACY, SYSTEM_NEW};

    q->command.system = PICK(q->sim, systems);
}

static void fill_recover(struct choice *q)
{
    q->command.quarantine_laggards = sim_chance(q->sim, 4);
}

static void fill_approve(struct choice *q)
{
    if (sim_chance(q->sim, 4))
        q->command.to_stage = 1 + (unsigned)sim_below(q->sim, SIM_PLAN_STAGES);
}

static void fill_drill(struct choice *q)
{
    static const char *const scopes[] = {"*", "*", "name=n1", "name=n2", "cluster=eu", "zone"};
    struct sim *s = q->sim;

    q->command.scope = PICK(s, scopes);
    q->command.shadow = sim_chance(s, 3);
    if (sim_chance(s, 2))
        q->command.within_ms = 1 + (uint32_t)sim_below(s, 3000);
    if (sim_chance(s, 4)) /* which then is too late */
        sim_chaos_cut_off(s, (unsigned)sim_below(s, s->config.nodes));
}

static void fill_decommission(struct choice *q)
{
    q->command.checklist_done = !sim_chance(q->sim, 4);
}

static void fill_flag(struct choice *q)
{
    static const char *const values[] = {"", "7", "12.5", "true"};

    q->command.flag = sim_chance(q->sim, 8) ? "width" : "depth";
    q->command.flag_value = PICK(q->sim, values);
    q->command.all = sim_chance(q->sim, 8);
}

static void fill_mirror(struct choice *q)
{
    static const uint32_t shares[] = {0, 0, 1000, 10000};

    q->command.mirror_bp = PICK(q->sim, shares);
    q->command.by_plan = sim_chance(q->sim, 4);
}

/* One setting, or the plan's again. */
static void fill_tune(struct choice *q)
{
    static const struct core_setting settings[] = {
        {"errors", "3"},    {"errors", "1000"}, {"errorRate", "20%"},      {"openFor", "1s"},
        {"window", "10s"},  {"reRamp", "2s"},   {"halfOpenRequests", "1"}, {"slow", "20ms"},
        {"slowRate", "0%"}, {"mode", "watch"},  {"mode", "off"},           {"mode", "enforce"},
    };

    q->command.by_plan = sim_chance(q->sim, 4);
    q->command.setting = &PICK(q->sim, settings);
    q->command.settings = q->command.by_plan && sim_chance(q->sim, 2) ? 0 : 1;
}

static void (*const fill[CMD_COUNT])(struct choice *q) = {
    [CMD_PROMOTE] = fill_promote,   [CMD_ABORT] = fill_abort,
    [CMD_ROLLBACK] = fill_rollback, [CMD_EMERGENCY] = fill_emergency,
    [CMD_SET_WEIGHT] = fill_weight, [CMD_SET_OVERRIDE] = fill_override,
    [CMD_RECOVER] = fill_recover,   [CMD_APPROVE] = fill_approve,
    [CMD_DRILL] = fill_drill,       [CMD_DECOMMISSION] = fill_decommission,
    [CMD_SET_FLAG] = fill_flag,     [CMD_SET_MIRROR] = fill_mirror,
    [CMD_BREAKER_TUNE] = fill_tune,
};

/* ---- orders ---------------------------------------------------------------------------------- */

void sim_orders_apply(struct sim *s, const char *migration, unsigned count)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 16);

    sim_plans_write(s, migration, count, &b);
    sim_apply(s, buf_text(&b));
}

void sim_orders_give(struct sim *s, const char *migration)
{
    struct choice q = {.sim = s, .migration = migration};

    q.command = choose(&q);
    if (q.command.kind == CMD_COUNT)
        return;
    q.command.migration = migration;
    q.command.dry_run = sim_chance(s, 20);
    if (fill[q.command.kind])
        fill[q.command.kind](&q);
    if (q.command.kind == CMD_APPLY) /* at times the current stage becomes the last one */
        sim_orders_apply(s, migration, sim_chance(s, 3) ? q.stage : 0);
    else
        sim_order(s, &q.command);
}
