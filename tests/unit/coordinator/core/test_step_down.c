/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs belong to who leads: they end with it, and the next one does not know how they went. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN_TENDED                                                                            \
    PLAN_HEAD("orders", "/orders")                                                             \
    "  stages:\n"                                                                              \
    "    - {name: canary, weight: 10, bake: 5s, after: [{command: [notify], timeout: 30s}]}\n" \
    "    - {name: all, weight: 100, approvers: 1}\n"

static void who_steps_down_has_no_jobs_and_forgets_what_they_found(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    uint64_t first;

    rig_apply_text(r, PLAN_WAVES);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_expect(r, 0, PHASE_PREPARING);
    assert_non_null(rig_find_job(r, JOB_READY));
    first = rig_find_job(r, JOB_READY)->id;

    /* Back before anything was asked for: what runs is not its own any more. */
    assert_true(core_awaits_job(r->core, first));
    core_lead(r->core, false);
    core_lead(r->core, true);
    assert_false(core_awaits_job(r->core, first));
    rig_tick(r);
    assert_int_equal(r->job_count, 1);
    assert_int_not_equal(rig_find_job(r, JOB_READY)->id, first);
    rig_tell(r, JOB_READY, true, "");
    rig_expect(r, 1, PHASE_CONVERGING);
}

static void a_new_leader_goes_on_from_a_stage_that_was_tended(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_TENDED);
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 6);
    rig_expect(r, 1, PHASE_BAKING);
    rig_tell(r, JOB_AFTER, true, "");
    rig_tick(r);
    rig_expect(r, 1, PHASE_READY);

    rig_restart(r);
    rig_all_serve(r, 2);
    rig_wait(r, 30);
    rig_expect(r, 1, PHASE_READY);
    assert_null(rig_find_job(r, JOB_AFTER));
    rig_does(r, (struct core_command){.kind = CMD_APPROVE, .to_stage_name = "all"});
    rig_tick(r);
    rig_expect(r, 2, PHASE_CONVERGING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_steps_down_has_no_jobs_and_forgets_what_they_found),
        cmocka_unit_test(a_new_leader_goes_on_from_a_stage_that_was_tended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
