/* SPDX-License-Identifier: Apache-2.0 */
/* The way back through the stages, one at a time, and the way up again after a rollback. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define STAGES                                      \
    "  stages:\n"                                   \
    "    - {name: canary, weight: 10, bake: 5s}\n"  \
    "    - {name: quarter, weight: 25, bake: 5s}\n" \
    "    - {name: half, weight: 50, bake: 5s}\n"    \
    "    - {name: all, weight: 100, bake: 5s, approval: manual}\n"
#define PLAN_STEPS   PLAN_HEAD("orders", "/orders") PLAN_TRIGGERS STAGES
#define PLAN_RESUMES PLAN_HEAD("orders", "/orders") "  rollback: {resumeWithin: 2h}\n" STAGES
#define CMD(id, ...) ((struct core_command){.kind = CMD_##id, __VA_ARGS__})
#define GRADUAL      CMD(ABORT, .gradual = true, .step_every = dur_s(20))

static uint32_t weight(struct rig *r)
{
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    return route.weight_bp;
}

static const struct rollout *rollout(struct rig *r)
{
    return rig_status(r, "orders").rollout;
}

/* Every node serves, and the stage bakes for so long. */
static void bakes(struct rig *r, unsigned stage, unsigned seconds)
{
    rig_all_serve(r, 2);
    rig_expect(r, stage, PHASE_BAKING);
    if (seconds > 1)
        rig_wait(r, seconds - 1);
    rig_expect(r, stage, PHASE_BAKING);
    rig_wait(r, 1);
}

static struct rig *at_half(const char *plan)
{
    struct rig *r = rig_new();

    rig_apply_text(r, plan);
    rig_all_serve(r, 2);
    rig_does(r, CMD(START));
    bakes(r, 1, 5);
    bakes(r, 2, 5);
    rig_expect(r, 3, PHASE_CONVERGING);
    return r;
}

static struct rig *at_the_end(void)
{
    struct rig *r = at_half(PLAN_STEPS);

    bakes(r, 3, 5);
    rig_expect(r, 3, PHASE_READY);
    rig_does(r, CMD(PROMOTE));
    bakes(r, 4, 5);
    rig_expect(r, 4, PHASE_COMPLETED);
    return r;
}

static void expect(struct rig *r, unsigned stage, enum rollout_phase phase, uint32_t weight_bp)
{
    rig_expect(r, stage, phase);
    assert_int_equal(weight(r), weight_bp);
}

/* ---- down, step by step ---------------------------------------------------------------------- */

/* A step is taken by its deadline, whether every node serves the one before or not. */
static void test_it_passes_every_stage(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();

    rig_does(r, GRADUAL);
    expect(r, 3, PHASE_RETREATING, 5000);
    rig_wait(r, 19);
    expect(r, 3, PHASE_RETREATING, 5000);
    rig_wait(r, 1);
    expect(r, 2, PHASE_RETREATING, 2500);
    rig_all_serve(r, 2);
    rig_wait(r, 20);
    expect(r, 1, PHASE_RETREATING, 1000);
    rig_wait(r, 19);
    expect(r, 1, PHASE_RETREATING, 1000);
    rig_wait(r, 1);
    expect(r, 0, PHASE_ABORTED, 0);
    assert_false(wall_is_set(rollout(r)->step_at));
    rig_does(r, CMD(START));
    expect(r, 1, PHASE_CONVERGING, 1000);
    bakes(r, 1, 5);
}

static void test_nothing_else_moves_it(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();

    rig_does(r, GRADUAL);
    rig_refuses(r, GRADUAL, "is retreating already");
    rig_refuses(r, CMD(PROMOTE), "is retreating; abort it, then start it again");
    rig_refuses(r, CMD(PAUSE), "a retreat does not pause");
    rig_refuses(r, CMD(SET_WEIGHT, .weight_bp = 9000), "is retreating");
    rig_refuses(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW), "");
    rig_refuses(r, CMD(ABORT, .gradual = true, .step_every = dur_s(8 * 86400)),
                "a step of a retreat takes at most 7d");
    expect(r, 3, PHASE_RETREATING, 5000);
    rig_does(r, CMD(ABORT));
    expect(r, 0, PHASE_ABORTED, 0);
}

/* The next step was a deadline, and it stays where it was: late steps are taken one at a time. */
static void test_a_restart_in_the_middle(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();

    rig_does(r, GRADUAL);
    rig_wait(r, 12);
    rig_restart(r);
    rig_all_serve(r, 2);
    rig_wait(r, 7);
    expect(r, 3, PHASE_RETREATING, 5000);
    rig_wait(r, 1);
    expect(r, 2, PHASE_RETREATING, 2500);
    rig_sleep_ms(r, 600 * 1000);
    rig_restart(r);
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    expect(r, 1, PHASE_RETREATING, 1000);
    rig_wait(r, 19);
    expect(r, 1, PHASE_RETREATING, 1000);
    rig_wait(r, 1);
    expect(r, 0, PHASE_ABORTED, 0);
}

/* ---- from there at once ---------------------------------------------------------------------- */

static void test_an_emergency_on_the_way(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();
    struct emergency order;

    rig_does(r, GRADUAL);
    rig_wait(r, 20);
    expect(r, 2, PHASE_RETREATING, 2500);
    rig_does(r, CMD(EMERGENCY));
    expect(r, 0, PHASE_ROLLING_BACK, 0);
    assert_true(core_emergency(r->core, "orders", &order) && order.active);
    assert_int_equal(rollout(r)->last_rollback.from_stage, 2);
    assert_false(wall_is_set(rollout(r)->step_at));
    rig_all_serve(r, 2);
    rig_wait(r, 60);
    expect(r, 0, PHASE_ROLLED_BACK, 0);
    rig_refuses(r, CMD(START), "emergency");
}

static void test_a_trigger_on_the_way(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();

    rig_does(r, GRADUAL);
    rig_all_serve(r, 2);
    rig_wait(r, 3);
    for (int i = 0; i < 2; i++)
        rig_report(r, "n1", "orders", rig_stats(50, 0, 5), rig_stats(50, 40, 5));
    rig_tick(r);
    expect(r, 0, PHASE_ROLLING_BACK, 0);
    assert_string_equal(rollout(r)->last_rollback.operator_name, "switchyard");
}

static void test_a_rollback_to_a_stage_below(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_the_end();

    rig_does(r, GRADUAL);
    rig_refuses(r, CMD(ROLLBACK, .to_stage = 3), "");
    rig_does(r, CMD(ROLLBACK, .to_stage = 1));
    expect(r, 1, PHASE_ROLLING_BACK, 1000);
    rig_all_serve(r, 2);
    rig_wait(r, 120);
    expect(r, 1, PHASE_ROLLED_BACK, 1000);
}

/* ---- up again -------------------------------------------------------------------------------- */

static void falls(struct rig *r)
{
    rig_does(r, CMD(ROLLBACK));
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
}

/* What had baked is passed as soon as every node serves it; what had not bakes. */
static void test_soon_after_a_rollback(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_half(PLAN_RESUMES);

    falls(r);
    rig_sleep_ms(r, 7190 * 1000);
    rig_does(r, CMD(START));
    bakes(r, 1, 1);
    assert_non_null(strstr(rollout(r)->why, "has baked"));
    bakes(r, 2, 1);
    bakes(r, 3, 5);
    rig_expect(r, 3, PHASE_READY);
}

static void test_long_after_a_rollback(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_half(PLAN_RESUMES);

    falls(r);
    rig_sleep_ms(r, 7200 * 1000);
    rig_does(r, CMD(START));
    bakes(r, 1, 5);
    bakes(r, 2, 5);
}

static void test_as_the_plan_does_not_say_so(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_half(PLAN_STEPS);

    falls(r);
    rig_does(r, CMD(START));
    bakes(r, 1, 5);
}

/* A stage on the way runs out of the window. */
static void test_the_window_ends_on_the_way(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at_half(PLAN_RESUMES);

    falls(r);
    rig_sleep_ms(r, 7199 * 1000);
    rig_does(r, CMD(START));
    bakes(r, 1, 1);
    bakes(r, 2, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_passes_every_stage),
        cmocka_unit_test(test_nothing_else_moves_it),
        cmocka_unit_test(test_a_restart_in_the_middle),
        cmocka_unit_test(test_an_emergency_on_the_way),
        cmocka_unit_test(test_a_trigger_on_the_way),
        cmocka_unit_test(test_a_rollback_to_a_stage_below),
        cmocka_unit_test(test_soon_after_a_rollback),
        cmocka_unit_test(test_long_after_a_rollback),
        cmocka_unit_test(test_as_the_plan_does_not_say_so),
        cmocka_unit_test(test_the_window_ends_on_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
