/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clock is set an hour forward or back while a rollout waits for something: what was
 * ten seconds away still is, for the coordinator that runs and for the one that follows it. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define DAY 86400

static dur_t forward = {3600 * INT64_C(1000000000)};
static dur_t backward = {-3600 * INT64_C(1000000000)};

static struct rig *begin(const char *plan)
{
    struct rig *r = rig_new();

    rig_apply_text(r, plan);
    rig_all_serve(r, 2);
    return r;
}

static void good_reports(struct rig *r)
{
    for (int i = 0; i < 2; i++)
        rig_report(r, "n1", "orders", rig_stats(900, 0, 5), rig_stats(100, 0, 6));
}

/* A report makes the core look at everything before a tick can move the deadlines. */
static void jump(struct rig *r, dur_t by)
{
    r->now = wall_add(r->now, by);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 0), rig_stats(0, 0, 0));
}

static const struct rollout *rollout(struct rig *r)
{
    return rig_status(r, "orders").rollout;
}

/* The clock jumps two seconds before the rollout goes on, and it goes on in two seconds. */
static void goes_on_in_time(struct rig *r, dur_t by, unsigned stage, enum rollout_phase phase)
{
    const struct rollout was = *rollout(r);

    jump(r, by);
    rig_expect(r, was.stage, was.phase);
    rig_wait(r, 1);
    rig_expect(r, was.stage, was.phase);
    rig_wait(r, 1);
    rig_expect(r, stage, phase);
}

/* ---- stages ---------------------------------------------------------------------------------- */

#define PLAN_PATIENT                                  \
    PLAN_HEAD("orders", "/orders")                    \
    "  rollback: {deadline: 30s, resumeWithin: 2h}\n" \
    "  standby: {for: 7d}\n"                          \
    "  stages:\n"                                     \
    "    - {name: canary, weight: 10, bake: 10s}\n"   \
    "    - {name: all, weight: 100, bake: 10s}\n"

static struct rig *baking(const char *plan)
{
    struct rig *r = begin(plan);

    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_expect(r, 1, PHASE_BAKING);
    return r;
}

static void test_a_bake(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_wait(r, 8);
    goes_on_in_time(r, *by, 2, PHASE_CONVERGING);
}

static void test_a_bake_of_a_wave(void **state)
{
    static const char plan[] = PLAN_HEAD(
        "orders", "/orders") "  stages:\n"
                             "    - name: all\n      weight: 100\n"
                             "      waves: [{select: \"name=n1\", bake: 10s}, {select: \"*\"}]\n";
    CLEANUP(rig_freep) struct rig *r = baking(plan);
    const dur_t *by = *state;

    rig_wait(r, 8);
    assert_int_equal(rollout(r)->wave, 1);
    goes_on_in_time(r, *by, 1, PHASE_CONVERGING);
    assert_int_equal(rollout(r)->wave, 2);
}

static void test_a_bake_that_is_paused(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_wait(r, 8);
    rig_does(r, (struct core_command){.kind = CMD_PAUSE});
    jump(r, *by);
    rig_wait(r, 5);
    rig_expect(r, 1, PHASE_PAUSED);
    rig_does(r, (struct core_command){.kind = CMD_RESUME});
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
}

/* Between the jump and the next tick, too. */
static void test_a_bake_that_begins_at_the_jump(void **state)
{
    CLEANUP(rig_freep) struct rig *r = begin(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_does(r, (struct core_command){.kind = CMD_START});
    jump(r, *by);
    rig_all_serve(r, 2);
    rig_expect(r, 1, PHASE_BAKING);
    assert_int_equal(rollout(r)->since.ns, r->now.ns - by->ns);
    rig_wait(r, 1);
    assert_int_equal(wall_sub(r->now, rollout(r)->since).ns, dur_s(1).ns);
    rig_wait(r, 8);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_checks_and_hooks_run_on(void **state)
{
    CLEANUP(rig_freep) struct rig *r = begin(PLAN_WAVES);
    const dur_t *by = *state;
    uint64_t id;

    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_expect(r, 0, PHASE_PREPARING);
    id = rig_find_job(r, JOB_READY)->id;
    jump(r, *by);
    rig_wait(r, 2);
    assert_int_equal(rig_find_job(r, JOB_READY)->id, id);
    rig_tell(r, JOB_READY, true, "");
    rig_expect(r, 1, PHASE_CONVERGING);
}

/* A freeze is the calendar's: when the clock is set, the day is another one. */
static void test_a_freeze(void **state UNUSED)
{
    static const char plan[] = PLAN_HEAD("orders", "/orders") "  freeze:\n"
                                                              "    - {from: 2026-11-21T00:00:00Z, "
                                                              "until: 2026-11-21T10:30:00Z}\n"
                                                              "  stages:\n"
                                                              "    - {name: all, weight: 100}\n";
    static const struct core_command start = {.kind = CMD_START};
    CLEANUP(rig_freep) struct rig *r = begin(plan);

    rig_refuses(r, start, "frozen until 2026-11-21T10:30Z");
    jump(r, forward);
    rig_tick(r);
    rig_does(r, start);
    jump(r, backward);
    rig_tick(r);
    assert_non_null(rig_status(r, "orders").freeze);
}

/* ---- gates ----------------------------------------------------------------------------------- */

#define PLAN_QUIET                                                                            \
    PLAN_HEAD("orders", "/orders")                                                            \
    "  stages:\n"                                                                             \
    "    - name: canary\n      weight: 10\n"                                                  \
    "      gate: {errorRate: 1%, minRequests: 20, for: 5s, noTraffic: {after: 30s, do: warn}" \
    "}\n"                                                                                     \
    "    - {name: all, weight: 100}\n"

static void test_a_stage_without_traffic(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_QUIET);
    const dur_t *by = *state;

    rig_wait(r, 28);
    goes_on_in_time(r, *by, 2, PHASE_CONVERGING);
}

/* Who starts after the jump reads how long the gate was watched from what is stored. */
static void test_a_gate_watched_before_a_restart(void **state)
{
    static const char plan[] = PLAN_HEAD(
        "orders", "/orders") "  stages:\n"
                             "    - name: canary\n      weight: 10\n"
                             "      gate: {errorRate: 1%, minRequests: 20, for: 60s}\n"
                             "    - {name: all, weight: 100}\n";
    CLEANUP(rig_freep) struct rig *r = baking(plan);
    const dur_t *by = *state;

    rig_wait(r, 28);
    jump(r, *by);
    rig_wait(r, 2);
    rig_restart(r);
    rig_all_serve(r, 2);
    good_reports(r);
    rig_wait(r, 29);
    rig_expect(r, 1, PHASE_BAKING);
    good_reports(r);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
}

/* ---- the way back ---------------------------------------------------------------------------- */

static void test_a_step_of_a_retreat(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_wait(r, 10);
    rig_expect(r, 2, PHASE_CONVERGING);
    rig_does(r, (struct core_command){.kind = CMD_ABORT, .gradual = true, .step_every = dur_s(20)});
    rig_expect(r, 1, PHASE_RETREATING);
    rig_wait(r, 18);
    goes_on_in_time(r, *by, 0, PHASE_ABORTED);
}

static void test_a_rollback_that_lags(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK});
    rig_node(r, "n1", core_revision(r->core));
    rig_wait(r, 28);
    goes_on_in_time(r, *by, 0, PHASE_ROLLBACK_FAILED);
}

/* Only the wall clocks span both processes, and what they say of the order moves with them. */
static void test_a_rollback_is_measured_across_a_restart(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK});
    rig_wait(r, 2);
    jump(r, *by);
    rig_wait(r, 2);
    rig_restart(r);
    rig_wait(r, 6);
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rollout(r)->last_rollback.measured_ms, 10000, 1e-6);
}

static void promote_again(struct rig *r)
{
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
}

static struct rig *proven(void)
{
    struct rig *r = baking(PLAN_PATIENT);

    rig_wait(r, 10);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK});
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    return r;
}

static void test_what_has_baked_before_still_has(void **state)
{
    CLEANUP(rig_freep) struct rig *r = proven();
    const dur_t *by = *state;

    rig_sleep_ms(r, 7198 * 1000);
    jump(r, *by);
    rig_tick(r);
    promote_again(r);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_what_baked_too_long_ago_bakes_again(void **state)
{
    CLEANUP(rig_freep) struct rig *r = proven();
    const dur_t *by = *state;

    rig_sleep_ms(r, 7201 * 1000);
    jump(r, *by);
    rig_tick(r);
    promote_again(r);
    rig_wait(r, 8);
    goes_on_in_time(r, *by, 2, PHASE_CONVERGING);
}

/* ---- drills ---------------------------------------------------------------------------------- */

#define PLAN_DRILLED                                       \
    PLAN_HEAD("orders", "/orders")                         \
    "  drill: {maxAge: 30d, within: 500ms}\n"              \
    "  rollback: {deadline: 10s}\n"                        \
    "  stages:\n"                                          \
    "    - {name: canary, weight: 10, approval: manual}\n" \
    "    - {name: all, weight: 100, approval: manual}\n"

static const struct core_command drill = {.kind = CMD_DRILL, .scope = "name=n1"};
static const struct core_command promote = {.kind = CMD_PROMOTE};

static struct rig *drilling(void)
{
    struct rig *r = baking(PLAN_DRILLED);

    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    rig_does(r, drill);
    return r;
}

static void test_a_drill_that_lags(void **state)
{
    CLEANUP(rig_freep) struct rig *r = drilling();
    const dur_t *by = *state;

    rig_wait(r, 8);
    jump(r, *by);
    rig_wait(r, 1);
    assert_int_equal(rollout(r)->drill_state, DRILL_REHEARSING);
    rig_wait(r, 1);
    assert_int_equal(rollout(r)->drill_state, DRILL_RESTORING);
    assert_non_null(strstr(rollout(r)->drill.why, "n1"));
}

/* Ordered between the jump and the next tick, measured by another process. */
static void test_a_drill_is_measured_across_a_restart(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_DRILLED);
    const dur_t *by = *state;

    rig_wait(r, 1);
    jump(r, *by);
    rig_does(r, (struct core_command){.kind = CMD_DRILL, .scope = "name=n1", .within_ms = 60000});
    rig_wait(r, 1);
    rig_restart(r);
    rig_wait(r, 6);
    rig_all_serve(r, 2);
    assert_int_equal(rollout(r)->drill_state, DRILL_RESTORING);
    assert_float_equal(rollout(r)->drill.measured_ms, 7000, 1e-6);
}

static void pass_drill(struct rig *r)
{
    rig_all_serve(r, 2);
    rig_all_serve(r, 2);
    assert_int_equal(rollout(r)->drill_state, DRILL_IDLE);
    assert_true(rollout(r)->drill.passed);
}

static void test_a_drill_is_as_old_as_it_is(void **state)
{
    CLEANUP(rig_freep) struct rig *r = drilling();
    const dur_t *by = *state;

    pass_drill(r);
    rig_sleep_ms(r, (30 * DAY - 1) * 1000LL);
    jump(r, *by);
    rig_run(r, (struct core_command){.kind = CMD_PROMOTE, .dry_run = true});
    assert_int_equal(r->u.refused.code, ERR_NONE);
    rig_tick(r);
    rig_run(r, (struct core_command){.kind = CMD_PROMOTE, .dry_run = true});
    assert_int_equal(r->u.refused.code, ERR_NONE);
    rig_wait(r, 2);
    jump(r, *by);
    rig_refuses(r, promote, "the latest drill was 30d 1s ago");
    rig_tick(r);
    rig_refuses(r, promote, "the latest drill was 30d 1s ago");
}

/* ---- legacy ---------------------------------------------------------------------------------- */

static void test_standby(void **state)
{
    static const struct core_command decommission = {.kind = CMD_DECOMMISSION};
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_wait(r, 10);
    rig_all_serve(r, 2);
    rig_wait(r, 10);
    rig_expect(r, 2, PHASE_COMPLETED);
    rig_sleep_ms(r, (7 * DAY - 2) * 1000LL);
    jump(r, *by);
    rig_refuses(r, decommission, "2s more");
    rig_wait(r, 1);
    rig_refuses(r, decommission, "1s more");
    rig_wait(r, 1);
    rig_does(r, decommission);
}

/* ---- the jump itself ------------------------------------------------------------------------- */

static unsigned warnings(const struct rig *r)
{
    unsigned count = 0;

    for (const struct core_tell *t = r->u.tell; t; t = t->next)
        count += t->event == LOG_CLOCK;
    return count;
}

/* As long as nothing can be stored, nothing has moved, and nothing is told. */
static void test_a_store_that_refuses(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;

    rig_wait(r, 4);
    r->disk_full = true;
    jump(r, *by);
    rig_wait(r, 4);
    assert_int_equal(warnings(r), 0);
    r->disk_full = false;
    rig_tick(r);
    assert_int_equal(warnings(r), 1);
    rig_wait(r, 1);
    assert_int_equal(warnings(r), 0);
    rig_expect(r, 1, PHASE_BAKING);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_a_jump_there_and_back(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const dur_t *by = *state;
    wall_t until = rollout(r)->bake_until;

    jump(r, *by);
    jump(r, dur_ns(-by->ns));
    rig_tick(r);
    assert_int_equal(warnings(r), 0);
    assert_int_equal(rollout(r)->bake_until.ns, until.ns);
}

/* What happened is told with the time that it was. */
static void test_the_record_stays(void **state)
{
    CLEANUP(rig_freep) struct rig *r = baking(PLAN_PATIENT);
    const struct history_entry *entry[2];
    const dur_t *by = *state;
    wall_t then;

    assert_int_equal(view_history(r->core, "orders", entry, 2), 2);
    then = entry[0]->time;
    jump(r, *by);
    rig_tick(r);
    assert_int_equal(view_history(r->core, "orders", entry, 2), 2);
    assert_int_equal(entry[0]->time.ns, then.ns);
}

/* clang-format off */
#define BOTH_WAYS(test)                                   \
    {#test ", forward", test, NULL, NULL, &forward},      \
    {#test ", backward", test, NULL, NULL, &backward}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(test_a_bake),
        BOTH_WAYS(test_a_bake_of_a_wave),
        BOTH_WAYS(test_a_bake_that_is_paused),
        BOTH_WAYS(test_a_bake_that_begins_at_the_jump),
        BOTH_WAYS(test_checks_and_hooks_run_on),
        cmocka_unit_test(test_a_freeze),
        BOTH_WAYS(test_a_stage_without_traffic),
        BOTH_WAYS(test_a_gate_watched_before_a_restart),
        BOTH_WAYS(test_a_step_of_a_retreat),
        BOTH_WAYS(test_a_rollback_that_lags),
        BOTH_WAYS(test_a_rollback_is_measured_across_a_restart),
        BOTH_WAYS(test_what_has_baked_before_still_has),
        BOTH_WAYS(test_what_baked_too_long_ago_bakes_again),
        BOTH_WAYS(test_a_drill_that_lags),
        BOTH_WAYS(test_a_drill_is_measured_across_a_restart),
        BOTH_WAYS(test_a_drill_is_as_old_as_it_is),
        BOTH_WAYS(test_standby),
        BOTH_WAYS(test_a_store_that_refuses),
        BOTH_WAYS(test_a_jump_there_and_back),
        BOTH_WAYS(test_the_record_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
