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

/* Every flag of the facts, in the order of the bits that enumerate them. */
static const size_t flags[] = {
#define FLAG(name) offsetof(struct stage_facts, name)
    FLAG(on_stage),  FLAG(weightless), FLAG(has_next),  FLAG(next_asks),
    FLAG(by_hand),   FLAG(overridden), FLAG(emergency), FLAG(violating),
    FLAG(converged), FLAG(baked),      FLAG(gate_open), FLAG(late),
    FLAG(waking),    FLAG(raises),     FLAG(goes_down), FLAG(held_back),
#undef FLAG
};

/* Rows with guards, whose facts can make two of a pair hold; the rest needs no enumeration. */
static bool has_two_rows(const struct sm_machine *m, int state, int event)
{
    const struct sm_row *row = sm_next_row(m, state, event, NULL);

    return row && sm_next_row(m, state, event, row);
}

static void facts_of_bits(unsigned bits, struct stage_facts *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *(bool *)((char *)ret + flags[i]) = (bits >> i) & 1u;
}

static unsigned rows_that_hold(int state, int event, const struct stage_facts *facts)
{
    const struct sm_row *row = NULL;
    unsigned count = 0;

    while ((row = sm_next_row(&stage_machine, state, event, row)))
        count += !row->guard || row->guard(facts);
    return count;
}

static void test_no_two_rows_hold_for_any_facts(void **state UNUSED)
{
    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        struct stage_facts facts;

        facts_of_bits(bits, &facts);
        for (int s = 0; s < PHASE_COUNT; s++)
            for (int e = 0; e < STAGE_EVENT_COUNT; e++)
                if (has_two_rows(&stage_machine, s, e) && rows_that_hold(s, e, &facts) > 1)
                    fail_msg("%s on %s: two rows hold for facts %x",
                             sm_state_name(&stage_machine, s), sm_event_name(&stage_machine, e),
                             bits);
    }
}

/* Resume is decided by the phase that was paused, not by flags. */
static void test_resume_leads_to_one_phase(void **state UNUSED)
{
    for (int p = 0; p < PHASE_COUNT; p++) {
        const struct stage_facts facts = {.resume = (enum rollout_phase)p};
        unsigned expected = p == PHASE_CONVERGING || p == PHASE_BAKING || p == PHASE_READY;

        assert_int_equal(rows_that_hold(PHASE_PAUSED, STAGE_RESUME, &facts), expected);
    }
}

/* Nothing that raises the share of new happens under an emergency order, while a trigger is
 * violated, or while something holds it back. */
static void test_no_raise_in_an_emergency(void **state UNUSED)
{
    static const enum stage_event raising[] = {STAGE_START, STAGE_PROMOTE, STAGE_WEIGHT,
                                               STAGE_OVERRIDE, STAGE_REVIEW};

    for (unsigned bits = 0; bits < 1u << ARRAY_LEN(flags); bits++) {
        struct stage_facts facts;

        facts_of_bits(bits, &facts);
        facts.raises = true;
        facts.violating = !facts.emergency && !facts.held_back;
        for (int s = 0; s < PHASE_COUNT; s++)
            for (size_t e = 0; e < ARRAY_LEN(raising); e++) {
                const struct sm_row *row =
                    sm_find_row(&stage_machine, s, (int)raising[e], &facts, NULL);
                bool raises = row && (row->effects & (FX_ENTER | FX_WEIGH | FX_OVERRIDE));

                /* A review under an emergency order cannot be: its phases hold no stage then. */
                if (raises && !(raising[e] == STAGE_REVIEW && facts.emergency && !facts.held_back))
                    fail_msg("%s on %s raises for facts %x", sm_state_name(&stage_machine, s),
                             sm_event_name(&stage_machine, (int)raising[e]), bits);
            }
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
        "pending",      "converging",  "baking",          "ready",   "paused", "completed",
        "rolling_back", "rolled_back", "rollback_failed", "aborted", NULL,
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

#define WALK_STEPS 100000
#define WALK_NODES 3

#define WALK_FLAGS "  flags: {fast: false}\n"

#define PLAN_SHORT                                                                              \
    PLAN_HEAD("orders", "/orders")                                                              \
    PLAN_TRIGGERS                                                                               \
    WALK_FLAGS                                                                                  \
    "  stages:\n"                                                                               \
    "    - {name: shadow, weight: 0}\n"                                                         \
    "    - {name: canary, weight: 10, bake: 10s, gate: {errorRate: 1%, minRequests: 100, for: " \
    "10s}}\n"                                                                                   \
    "    - {name: quarter, weight: 25, bake: 5s, approval: manual}\n"

struct walk {
    struct rig *rig;
    struct rng rng;
    struct plan *plan[3];
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

    str_fmt(name, sizeof name, "n%u", 1 + chance(w, WALK_NODES));
    n.name = rig_name(name);
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

    cmd.quarantine = some;
    cmd.quarantine_count = chance(w, 3);
    /* What ends a rollout comes rarely, so that the walk gets far. */
    if ((cmd.kind == CMD_EMERGENCY || cmd.kind == CMD_ABORT) && chance(w, 6))
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
    if (cmd.kind == CMD_ROLLBACK && chance(w, 3))
        cmd.kind = CMD_PROMOTE;
    if (cmd.kind == CMD_PROMOTE && chance(w, 2))
        cmd.to_stage = 0;
    refused = rig_run(w->rig, cmd);
    if (refused != ERR_NONE && !w->rig->u.refused.msg[0])
        fail_msg("%s is refused without a word", core_command_name(cmd.kind));
    if (refused != ERR_NONE || cmd.dry_run)
        rig_same_rollout(&was, rig_status(w->rig, "orders").rollout);
    if (!core_next_migration(w->rig->core, ""))
        rig_does(w->rig, (struct core_command){.kind = CMD_APPLY, .plan = w->plan[0]});
}

static void random_step(struct walk *w)
{
    switch (chance(w, 10)) {
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

static void test_a_random_walk_keeps_every_invariant(void **state UNUSED)
{
    static const char *const texts[] = {
        PLAN_HEAD("orders", "/orders") PLAN_TRIGGERS WALK_FLAGS PLAN_STAGES,
        PLAN_HEAD("orders", "/orders") WALK_FLAGS PLAN_STAGES,
        PLAN_SHORT,
    };
    struct walk w = {.rig = rig_new()};
    struct err err;

    rng_seed(&w.rng, 20261121);
    w.rig->compare_every = 997;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(plan_parse(str_of(texts[i]), "plan.yaml", &w.plan[i], &err), 0);
    rig_does(w.rig, (struct core_command){.kind = CMD_APPLY, .plan = w.plan[0]});
    for (unsigned i = 0; i < WALK_STEPS; i++) {
        random_step(&w);
        note_moves(&w);
    }
    for (int p = 0; p < PHASE_COUNT; p++)
        for (int to = 0; to < PHASE_COUNT; to++)
            if (sm_allows(&stage_machine, p, to) && !(w.taken[p] & SM_TO(to)))
                fail_msg("the walk never went from %s to %s", sm_state_name(&stage_machine, p),
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
