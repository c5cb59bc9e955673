/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that forbids legacy: for everybody, until an operator sends keys there. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN_ENFORCED                  \
    PLAN_HEAD("orders", "/orders")     \
    "  stages:\n"                      \
    "    - {name: all, weight: 100}\n" \
    "    - {name: enforcement, weight: 100, enforce: true}\n"

static bool forbids_legacy(struct rig *r)
{
    struct route route;

    assert_true(core_compile(r->core, "orders", &route));
    return route.forbid_legacy;
}

static void what_is_sent_to_legacy_by_hand_is_served_there(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ENFORCED);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    assert_false(forbids_legacy(r));
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
    assert_true(forbids_legacy(r));

    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = 5000});
    assert_false(forbids_legacy(r));
    rig_does(r, (struct core_command){.kind = CMD_SET_WEIGHT, .weight_bp = WEIGHT_BP_MAX});
    assert_true(forbids_legacy(r));
    rig_does(r, (struct core_command){.kind = CMD_SET_OVERRIDE, .system = SYSTEM_LEGACY});
    assert_false(forbids_legacy(r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_to_legacy_by_hand_is_served_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
