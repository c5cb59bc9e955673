/* SPDX-License-Identifier: Apache-2.0 */
/* Each promise is looked at: break it behind the core's back, and it is named. */
#include "coordinator/core/invariants.h"

#include "coordinator/core/staging.h"
#include "coordinator/core/state.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

static void break_phase(struct migration *m)
{
    m->is.machine.state = PHASE_PAUSED;
}

static void break_stage(struct migration *m)
{
    m->is.rollout.stage = 0;
}

static void break_range(struct migration *m)
{
    m->is.rollout.weight_bp = 10001;
}

static void break_weight(struct migration *m)
{
    m->is.rollout.weight_bp = 777;
}

static void break_order(struct migration *m)
{
    m->is.order = (struct emergency){.epoch = 1, .active = true};
}

static void break_count(struct migration *m)
{
    m->takeover.serving++;
}

static void break_storage(struct migration *m)
{
    m->rollout_rev = 0;
}

static void break_revision(struct migration *m)
{
    m->takeover.rev = 1000;
    m->takeover.serving = 0;
}

static void break_history(struct migration *m)
{
    m->is.rollout.history_seq++;
}

static void test_every_broken_promise_is_named(void **state UNUSED)
{
    static const struct {
        void (*tamper)(struct migration *m);
        const char *words;
    } cases[] = {
        {break_phase, "machine and rollout differ in phase"},
        {break_stage, "no stage is entered"},
        {break_range, "a weight above 100 percent"},
        {break_weight, "a weight that is neither the stage's nor set by hand"},
        {break_order, "an emergency order is active"},
        {break_count, "the count of serving nodes is wrong"},
        {break_storage, "in use and not stored"},
        {break_revision, "a decision newer than the newest"},
        {break_history, "the newest history entry is not the rollout's"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(rig_freep) struct rig *r = rig_new();
        struct err err;

        rig_apply_text(r, PLAN_ORDERS);
        rig_all_serve(r, 2);
        rig_does(r, (struct core_command){.kind = CMD_START});
        assert_ok(invariants_check(r->core, &err), &err);
        cases[i].tamper(state_find(r->core, "orders"));
        assert_fails(invariants_check(r->core, &err), ERR_INTERNAL);
        assert_holds(err.msg, "migration orders: ");
        assert_holds(err.msg, cases[i].words);
    }
}

static void test_a_forgotten_step_is_named(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct err err;

    rig_apply_text(r, PLAN_ORDERS);
    staging_begin(r->core, state_find(r->core, "orders"));
    assert_fails(invariants_check(r->core, &err), ERR_INTERNAL);
    assert_holds(err.msg, "neither committed nor abandoned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_broken_promise_is_named),
        cmocka_unit_test(test_a_forgotten_step_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
