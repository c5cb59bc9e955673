/* SPDX-License-Identifier: Apache-2.0 */
/* The stage machine's tables, read by a program: sound, unambiguous for every combination of facts,
 * stable in its names, documented, and walked at random for 100,000 steps with the real core around
 * it. */
#include "tests/fsm/machine_checks.h"

#include "common/base/rng.h"
#include "coordinator/core/stage_fsm.h"
#include "coordinator/core/state.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

static bool update_pages;

static void test_tables_are_sound(void **state UNUSED)
{
    machine_is_sound(&stage_machine);
}

/* Every flag of the facts; all pairs of rows together depend on fewer at a time. */
static const size_t flags[] = {
#define FLAG(name) offsetof(struct stage_facts, name)
    FLAG(on_stage),   FLAG(weightless), FLAG(has_next),   FLAG(next_asks), FLAG(more_waves),
    FLAG(wave_asks),  FLAG(by_hand),    FLAG(overridden), FLAG(emergency), FLAG(violating),
    FLAG(held_back),  FLAG(converged),  FLAG(baked),      FLAG(gate_open), FLAG(gate_fails),
    FLAG(tended),     FLAG(late),       FLAG(step_due),   FLAG(last_step), FLAG(waking),
    FLAG(may_retire), FLAG(raises),     FLAG(goes_down),  FLAG(prepares),  FLAG(prepared),
    FLAG(unprepared), FLAG(barred),     FLAG(entering),
#undef FLAG
};

#define PROBES 4000

static bool *flag_at(struct stage_facts *f, size_t i)
{
    return (bool *)((char *)f + flags[i]);
}

static void random_facts(struct rng *rng, struct stage_facts *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *flag_at(ret, i) = rng_below(rng, 2);
}

/* Which flags the guards of a pair ask for: those whose change alone changed an answer. */
static unsigned asked_for(int state, int event, size_t *ret)
{
    const struct sm_row *row = NULL;
    bool asked[ARRAY_LEN(flags)] = {false};
    unsigned count = 0;
    struct rng rng;

    rng_seed(&rng, 1);
    while ((row = sm_next_row(&stage_machine, state, event, row))) {
        for (unsigned probe = 0; row->guard && probe < PROBES; probe++) {
            struct stage_facts f;
            bool before;

            random_facts(&rng, &f);
            before = row->guard(&f);
            for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
                *flag_at(&f, i) = !*flag_at(&f, i);
                asked[i] = asked[i] || row->guard(&f) != before;
                *flag_at(&f, i) = !*flag_at(&f, i);
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (asked[i])
            ret[count++] = i;
    return count;
}

static void facts_of_bits(unsigned bits, const size_t *asked, unsigned count,
                          struct stage_facts *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < count; i++)
        *flag_at(ret, asked[i]) = (bits >> i) & 1u;
}

static unsigned rows_that_hold(int state, int event, const struct stage_facts *facts)
{
    const struct sm_row *row = NULL;
    unsigned count = 0;

    while ((row = sm_next_row(&stage_machine, state, event, row)))
        count += !row->guard || row->guard(facts);
    return count;
}

static void one_row_holds(int state, int event)
{
    size_t asked[ARRAY_LEN(flags)];
    unsigned count = asked_for(state, event, asked);

    for (unsigned bits = 0; bits < 1u << count; bits++) {
        struct stage_facts facts;

        facts_of_bits(bits, asked, count, &facts);
        if (rows_that_hold(state, event, &facts) > 1)
            fail_msg("%s on %s: two rows hold for facts %x", sm_state_name(&stage_machine, state),
                     sm_event_name(&stage_machine, event), bits);
    }
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (int s = 0; s < PHASE_COUNT; s++)
        for (int e = 0; e < STAGE_EVENT_COUNT; e++)
            one_row_holds(s, e);
}

/* Resume is decided by the phase that was paused, not by flags. */
static void test_resume_leads_to_one_phase(void **state UNUSED)
{
    for (int p = 0; p < PHASE_COUNT; p++) {
        const struct stage_facts facts = {.resume = (enum rollout_phase)p};
        unsigned expected =
            p == PHASE_CONVERGING || p == PHASE_BAKING || p == PHASE_READY || p == PHASE_PREPARING;

        assert_int_equal(rows_that_hold(PHASE_PAUSED, STAGE_RESUME, &facts), expected);
    }
}

/* Nothing that raises the share of new happens under an emergency order, while a trigger is
 * violated, or while something holds it back. */
static void test_no_raise_in_an_emergency(void **state UNUSED)
{
    static const enum stage_event raising[] = {STAGE_START,   STAGE_PROMOTE,  STAGE_FULL,
                                               STAGE_WEIGHT,  STAGE_OVERRIDE, STAGE_REVIEW,
                                               STAGE_PREPARED};
    struct rng rng;

    rng_seed(&rng, 2);
    for (unsigned probe = 0; probe < 200000; probe++) {
        struct stage_facts facts;
        int s = (int)rng_below(&rng, PHASE_COUNT);
        enum stage_event e = raising[rng_below(&rng, ARRAY_LEN(raising))];
        const struct sm_row *row;

        random_facts(&rng, &facts);
        facts.raises = true;
        facts.violating = facts.violating || (!facts.emergency && !facts.held_back);
        row = sm_find_row(&stage_machine, s, (int)e, &facts, NULL);
        if (row && (row->effects & (FX_ENTER | FX_WAVE | FX_WEIGH | FX_OVERRIDE)))
            fail_msg("%s on %s raises", sm_state_name(&stage_machine, s),
                     sm_event_name(&stage_machine, (int)e));
    }
}

/* Whatever is going on, an operator can send everything to legacy. */
static void test_an_emergency_is_never_refused(void **state UNUSED)
{
    for (int s = 0; s < PHASE_COUNT; s++) {
        const struct sm_row *row = sm_next_row(&stage_machine, s, STAGE_EMERGENCY, NULL);

        assert_non_null(row);
        assert_null(row->guard);
        assert_true(row->effects & FX_FALL);
        assert_true(row->to == PHASE_ROLLING_BACK ||
                    (row->to == SM_STAY && s == PHASE_ROLLING_BACK));
    }
}

static void test_names_are_the_released_ones(void **state UNUSED)
{
    static const char *const released[] = {
        "pending",        "converging",  "baking",          "ready",   "paused",    "completed",
        "rolling_back",   "rolled_back", "rollback_failed", "aborted", "preparing", "retreating",
        "decommissioned", NULL,
    };

    machine_keeps_names(&stage_machine, released);
    for (int p = 0; p < PHASE_COUNT; p++) {
        enum rollout_phase back;

        assert_true(phase_parse(str_of(phase_name((enum rollout_phase)p)), &back));
        assert_int_equal(back, p);
        assert_string_equal(sm_state_name(&stage_machine, p), phase_name((enum rollout_phase)p));
    }
}

static void test_the_page_in_docs_is_fresh(void **state UNUSED)
{
    machine_page_is_fresh(&stage_machine, update_pages);
}

/* ---- the walk -------------------------------------------------------------------------------- */

#define WALK_STEPS     100000
#define WALK_STEPS_MAX 500000 /* goes on until every move was made */
#define WALK_NODES     3

#define PLAN_SHORT                                                                              \
    PLAN_HEAD("orders", "/orders")                                                              \
    PLAN_TRIGGERS                                                                               \
    "  stages:\n"                                                                               \
    "    - {name: shadow, weight: 0}\n"                                                         \
    "    - {name: canary, weight: 10, bake: 10s, gate: {errorRate: 1%, minRequests: 100, for: " \
    "10s}}\n"                                                                                   \
    "    - {name: quarter, weight: 25, bake: 5s, approval: manual, ready: [{redis: "            \
    "\"127.0.0.1:1\"}]}\n"

struct walk {
    struct rig *rig;
    struct rng rng;
    struct plan *plan[5];
    uint64_t taken[PHASE_COUNT]; /* SM_TO() of every phase gone to */
};

static unsigned chance(struct walk *w, unsigned n)
{
    return (unsigned)rng_below(&w->rng, n);
}

static void random_node(struct walk *w)
{
    char name[NAME_SIZE];
    struct core_node n = {.connected = chance(w, 12) > 0};
    struct err err;

    str_fmt(name, sizeof name, "n%u", 1 + chance(w, WALK_NODES));
    n.name = rig_name(name);
    if (name[1] != '3')
        assert_ok(labels_add(&n.labels, STR("cluster"), name[1] == '1' ? STR("a") : STR("b"), &err),
                  &err);
    n.serving_rev = chance(w, 5) ? core_revision(w->rig->core) : chance(w, 50);
    n.newest_epoch_seen = chance(w, 200) ? 0 : chance(w, 1000);
    rig_step(w->rig, &(struct core_event){.kind = EV_NODE, .node = &n});
}

static void random_report(struct walk *w)
{
    char name[NAME_SIZE];
    bool bad = chance(w, 100) == 0;

    str_fmt(name, sizeof name, "n%u", 1 + chance(w, WALK_NODES));
    rig_report(w->rig, name, "orders", rig_stats(50, 0, 5), rig_stats(50, bad ? 25 : 0, 6));
}

/* One of so many commands is a retreat: the walk is seldom in some phases. */
static unsigned retreats(enum rollout_phase phase)
{
    if (phase == PHASE_BAKING || phase == PHASE_READY)
        return 30;
    return phase == PHASE_PREPARING ? 2 : 8;
}

static void random_command(struct walk *w)
{
    static const enum system systems[] = {SYSTEM_NONE, SYSTEM_NONE, SYSTEM_LEGACY, SYSTEM_NEW};
    const struct view_status before = rig_status(w->rig, "orders");
    const struct rollout was = *before.rollout;
    struct core_command cmd = {
        .kind = (enum core_command_kind)chance(w, CMD_COUNT),
        .dry_run = chance(w, 8) == 0,
        .plan = w->plan[chance(w, ARRAY_LEN(w->plan))],
        .to_stage = chance(w, 6),
        .weight_bp = chance(w, 12) * 1000,
        .system = systems[chance(w, ARRAY_LEN(systems))],
        .scope = chance(w, 2) ? "*" : "name=n1",
        .shadow = chance(w, 3) == 0,
        .flag = chance(w, 3) ? "fast" : "color",
        .flag_value = chance(w, 2) ? "true" : "",
    };
    static const char *const some[] = {"n1", "n2"};
    enum err_code refused;

    cmd.full = chance(w, 5) == 0;
    cmd.gradual = chance(w, 3) == 0;
    cmd.step_every = dur_s(chance(w, 20));
    cmd.quarantine = some;
    cmd.quarantine_count = chance(w, 3);
    /* What ends a rollout comes rarely, so that the walk gets far. */
    if ((cmd.kind == CMD_EMERGENCY || cmd.kind == CMD_ABORT) && chance(w, 4))
        cmd.kind = CMD_START;
    if (cmd.kind == CMD_RECOVER && chance(w, 3))
        return;
    if ((was.phase == PHASE_COMPLETED && chance(w, 3) == 0) ||
        (was.phase == PHASE_ROLLING_BACK && chance(w, 8) == 0))
        cmd.kind = CMD_ABORT;
    if (was.phase == PHASE_ROLLBACK_FAILED && chance(w, 3))
        cmd.kind = chance(w, 2) ? CMD_EMERGENCY : CMD_ABORT;
    /* A plan is seldom pending. */
    if (was.phase == PHASE_PENDING && chance(w, 6) == 0)
        cmd.kind = chance(w, 2) ? CMD_ABORT : CMD_EMERGENCY;
    if (was.phase == PHASE_READY && chance(w, 2))
        cmd.kind = chance(w, 3) ? CMD_PROMOTE : CMD_APPLY;
    if (was.phase == PHASE_COMPLETED && chance(w, 2))
        cmd.kind = chance(w, 2) ? CMD_PROMOTE : CMD_APPLY;
    if (was.phase == PHASE_READY && chance(w, 16) == 0)
        cmd.kind = was.stage > 2 ? CMD_ROLLBACK : CMD_ABORT;
    if (was.stage > 1 && chance(w, retreats(was.phase)) == 0) {
        cmd.kind = CMD_ABORT;
        cmd.gradual = true;
    }
    if (was.stage > 2 && cmd.kind == CMD_ROLLBACK)
        cmd.to_stage = was.stage - 1;
    if (cmd.kind == CMD_ROLLBACK && chance(w, 3))
        cmd.kind = CMD_PROMOTE;
    if (cmd.kind == CMD_PROMOTE && chance(w, 2))
        cmd.to_stage = 0;
    if (was.phase == PHASE_DECOMMISSIONED && chance(w, 3))
        cmd.kind = CMD_EMERGENCY;
    refused = rig_run(w->rig, cmd);
    if (refused != ERR_NONE && !w->rig->u.refused.msg[0])
        fail_msg("%s is refused without a word", core_command_name(cmd.kind));
    if (refused != ERR_NONE || cmd.dry_run)
        rig_same_rollout(&was, rig_status(w->rig, "orders").rollout);
    if (!core_next_migration(w->rig->core, ""))
        rig_does(w->rig, (struct core_command){.kind = CMD_APPLY, .plan = w->plan[0]});
}

/* A job ends well, or not; some never do. */
static void random_job(struct walk *w)
{
    struct rig *r = w->rig;

    if (r->job_count > 0)
        rig_tell(r, r->job[chance(w, r->job_count)].kind, chance(w, 4) > 0, "seen");
}

static void random_step(struct walk *w)
{
    switch (chance(w, 11)) {
    case 0:
    case 1:
    case 2:
        rig_sleep_ms(w->rig, chance(w, 4000));
        rig_tick(w->rig);
        break;
    case 3:
    case 4:
        random_node(w);
        break;
    case 5:
    case 6:
    case 7:
        random_report(w);
        break;
    case 8:
        random_command(w);
        break;
    case 9:
        random_job(w);
        break;
    default:
        w->rig->disk_full = chance(w, 40) == 0;
        if (chance(w, 200) == 0)
            rig_restart(w->rig);
    }
}

/* The rings of all migrations together are paths through the table. */
static void note_moves(struct walk *w)
{
    const struct migration *m = state_find(w->rig->core, "orders");
    const struct sm_step *last = m ? sm_history(&m->is.machine, 0) : NULL;

    if (last) {
        assert_true(sm_allows(&stage_machine, last->from, last->to));
        w->taken[last->from] |= SM_TO(last->to);
    }
}

/* A move that the table allows and the walk has not made; false: none. */
static bool untaken(const struct walk *w, int *ret_from, int *ret_to)
{
    for (int from = 0; from < PHASE_COUNT; from++) {
        for (int to = 0; to < PHASE_COUNT; to++) {
            if (!sm_allows(&stage_machine, from, to) || (w->taken[from] & SM_TO(to)))
                continue;
            *ret_from = from;
            *ret_to = to;
            return true;
        }
    }
    return false;
}

static void test_a_random_walk_keeps_every_invariant(void **state UNUSED)
{
    static const char *const texts[] = {PLAN_ORDERS, PLAN_PLAIN, PLAN_SHORT, PLAN_WAVES,
                                        PLAN_FIRST};
    struct walk w = {.rig = rig_new()};
    struct err err;
    int from, to;

    rng_seed(&w.rng, 20261121);
    w.rig->compare_every = 997;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(plan_parse(str_of(texts[i]), "plan.yaml", &w.plan[i], &err), 0);
    rig_does(w.rig, (struct core_command){.kind = CMD_APPLY, .plan = w.plan[0]});
    for (unsigned i = 0; i < WALK_STEPS || (i < WALK_STEPS_MAX && untaken(&w, &from, &to)); i++) {
        random_step(&w);
        note_moves(&w);
    }
    if (untaken(&w, &from, &to))
        fail_msg("the walk never went from %s to %s", sm_state_name(&stage_machine, from),
                 sm_state_name(&stage_machine, to));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        plan_free(w.plan[i]);
    rig_free(w.rig);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_no_two_rows_hold_for_any_facts),
        cmocka_unit_test(test_resume_leads_to_one_phase),
        cmocka_unit_test(test_no_raise_in_an_emergency),
        cmocka_unit_test(test_an_emergency_is_never_refused),
        cmocka_unit_test(test_names_are_the_released_ones),
        cmocka_unit_test(test_the_page_in_docs_is_fresh),
        cmocka_unit_test(test_a_random_walk_keeps_every_invariant),
    };

    update_pages = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
