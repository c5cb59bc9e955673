/* SPDX-License-Identifier: Apache-2.0 */
/* A stage reaches cluster by cluster, and what those measured decides that it has reached. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define STAGES(weight, gate)                                                                \
    "  stages:\n"                                                                           \
    "    - {name: canary, weight: 10}\n"                                                    \
    "    - name: next\n"                                                                    \
    "      weight: " weight                                                                 \
    "\n"                                                                                    \
    "      waves: [{select: \"cluster=a\", bake: 5s}, {select: \"cluster=b\", bake: 5s}]\n" \
    "      gate: {" gate                                                                    \
    ", minRequests: 100, for: 5s}\n"                                                        \
    "    - {name: all, weight: 100, approval: manual}\n"

#define HEAD         PLAN_HEAD("orders", "/orders")
#define PLAN_HALF    HEAD STAGES("50", "errorRate: 1%")
#define PLAN_WATCHED HEAD PLAN_TRIGGERS STAGES("50", "errorRate: 1%")
#define PLAN_WHOLE   HEAD STAGES("100", "errorRatio: 2")

static void all_serve(struct rig *r)
{
    rig_node_of(r, "n1", "cluster=a", core_revision(r->core));
    rig_node_of(r, "n2", "cluster=b", core_revision(r->core));
}

static void reports(struct rig *r, const char *node, uint64_t legacy, uint64_t requests,
                    uint64_t errors)
{
    rig_report(r, node, "orders", rig_stats(legacy, 0, 5), rig_stats(requests, errors, 6));
}

static void expect_wave(struct rig *r, unsigned wave, enum rollout_phase phase)
{
    rig_expect(r, 2, phase);
    assert_int_equal(rig_status(r, "orders").rollout->wave, wave);
}

/* Cluster a serves the stage, cluster b what was before. */
static struct rig *in_the_first_wave(const char *plan)
{
    struct rig *r = rig_new();

    rig_apply_text(r, plan);
    all_serve(r);
    rig_does(r, (struct core_command){.kind = CMD_START});
    all_serve(r);
    rig_tick(r);
    all_serve(r);
    expect_wave(r, 1, PHASE_BAKING);
    return r;
}

/* Of a node that nothing has been reported of since the decision, the first report may still be of
 * the time before. */
static void settle(struct rig *r)
{
    reports(r, "n1", 0, 0, 0);
    reports(r, "n2", 0, 0, 0);
    rig_wait(r, 1);
}

static void each_wave_goes_by_what_its_own_nodes_measured(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = in_the_first_wave(PLAN_HALF);

    settle(r);
    for (unsigned i = 0; i < 8; i++) {
        reports(r, "n2", 900, 100, 0);
        rig_wait(r, 1);
    }
    expect_wave(r, 1, PHASE_BAKING);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
    assert_float_equal(rig_status(r, "orders").gate.check[0].value, 0, 0);

    reports(r, "n1", 100, 100, 0);
    rig_tick(r);
    expect_wave(r, 2, PHASE_CONVERGING);
    all_serve(r);
    expect_wave(r, 2, PHASE_BAKING);
    settle(r);
    rig_wait(r, 5);
    reports(r, "n1", 50, 50, 0);
    reports(r, "n2", 50, 50, 0);
    rig_tick(r);
    expect_wave(r, 3, PHASE_CONVERGING); /* those in no cluster */
}

static void a_small_wave_is_not_hidden_by_the_rest(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = in_the_first_wave(PLAN_WATCHED);

    settle(r);
    reports(r, "n2", 9000, 1000, 0);
    reports(r, "n1", 20, 20, 20);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

static void who_waits_for_the_wave_is_watched_too(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = in_the_first_wave(PLAN_WATCHED);

    settle(r);
    reports(r, "n1", 1000, 1000, 0);
    reports(r, "n2", 9000, 100, 100);
    rig_wait(r, 1);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_holds(rig_status(r, "orders").rollout->why, "nodes that the stage has not reached");
}

/* A cluster that sends everything to new is compared with those that still ask legacy. */
static void legacy_is_everybodys(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = in_the_first_wave(PLAN_WHOLE);

    settle(r);
    rig_wait(r, 5);
    reports(r, "n1", 0, 1000, 1);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
    rig_report(r, "n2", "orders", rig_stats(1000, 1, 5), rig_stats(0, 0, 5));
    rig_tick(r);
    expect_wave(r, 2, PHASE_CONVERGING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wave_goes_by_what_its_own_nodes_measured),
        cmocka_unit_test(a_small_wave_is_not_hidden_by_the_rest),
        cmocka_unit_test(who_waits_for_the_wave_is_watched_too),
        cmocka_unit_test(legacy_is_everybodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
