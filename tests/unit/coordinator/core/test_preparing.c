/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that are prepared: work that is lost, told late or by who does not lead any more, plans
 * that change meanwhile, and operators who promote at once. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define CHECKED "    - {name: canary, weight: 10, ready: [{tcp: \"127.0.0.1:5432\", name: db}]}\n"
#define HOOKED                                                     \
    "    - name: half\n      weight: 50\n      approval: manual\n" \
    "      ready: [{tcp: \"127.0.0.1:5432\", name: db}]\n"         \
    "      before: [{command: [warm], name: warm-up, timeout: 30s}]\n"
#define REST         "    - {name: all, weight: 100, approval: manual}\n"
#define STAGES       "  stages:\n" CHECKED HOOKED REST
#define PLAN         PLAN_HEAD("orders", "/orders") STAGES
#define CMD(id, ...) ((struct core_command){.kind = CMD_##id, __VA_ARGS__})

/* Canary has baked, and half is being prepared: its checks run. */
static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN);
    rig_all_serve(r, 2);
    rig_does(r, CMD(START));
    rig_expect(r, 0, PHASE_PREPARING);
    rig_tell(r, JOB_READY, true, "");
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
    rig_does(r, CMD(PROMOTE));
    rig_expect(r, 1, PHASE_PREPARING);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static const struct rollout *rollout(struct rig *r)
{
    return rig_status(r, "orders").rollout;
}

static uint64_t job_id(struct rig *r, enum core_job_kind kind)
{
    const struct core_job *j = rig_find_job(r, kind);

    if (!j)
        fail_msg("no job of kind %d runs", (int)kind);
    return j->id;
}

/* A result with the id of a job that was begun some time ago. */
static void tell_late(struct rig *r, uint64_t id, bool ok)
{
    struct check_result result = {.outcome = ok ? CHECK_PASSED : CHECK_FAILED};
    struct core_job_done done = {.id = id, .ok = ok, .result = &result, .count = 1, .text = ""};

    for (unsigned i = 0; i < r->job_count; i++)
        if (r->job[i].id == id)
            r->job[i] = r->job[--r->job_count];
    rig_step(r, &(struct core_event){.kind = EV_JOB, .job = &done});
}

static void enters_half(struct rig *r)
{
    rig_tell(r, JOB_READY, true, "");
    rig_expect(r, 1, PHASE_PREPARING);
    rig_tell(r, JOB_BEFORE, true, "");
    rig_expect(r, 2, PHASE_CONVERGING);
}

/* ---- work that is lost ----------------------------------------------------------------------- */

/* Ten seconds of its own and a minute of patience. */
static void test_work_that_nobody_tells_of_fails(void **state)
{
    struct rig *r = *state;

    rig_wait(r, 70);
    rig_expect(r, 1, PHASE_PREPARING);
    rig_wait(r, 2);
    rig_expect(r, 1, PHASE_READY);
    assert_string_equal(rollout(r)->why,
                        "the stage is not entered: nothing was heard of it for 1m 11s");
    assert_null(rig_find_job(r, JOB_READY));
    rig_wait(r, 600);
    rig_expect(r, 1, PHASE_READY);
    rig_does(r, CMD(PROMOTE));
    enters_half(r);
}

static void test_what_is_told_after_that_counts_for_nothing(void **state)
{
    struct rig *r = *state;
    uint64_t lost = job_id(r, JOB_READY);

    rig_wait(r, 72);
    rig_expect(r, 1, PHASE_READY);
    tell_late(r, lost, true);
    rig_tick(r);
    rig_expect(r, 1, PHASE_READY);
    rig_does(r, CMD(PROMOTE));
    tell_late(r, lost, true);
    rig_expect(r, 1, PHASE_PREPARING);
    assert_null(rig_find_job(r, JOB_BEFORE));
    enters_half(r);
}

/* The next leader begins with the checks, whatever the one that died had done. */
static void test_the_next_leader_begins_anew(void **state)
{
    struct rig *r = *state;

    rig_tell(r, JOB_READY, true, "");
    (void)job_id(r, JOB_BEFORE);
    rig_restart(r);
    rig_all_serve(r, 2);
    rig_tick(r);
    rig_expect(r, 1, PHASE_PREPARING);
    assert_null(rig_find_job(r, JOB_BEFORE));
    rig_wait(r, 5);
    enters_half(r);
}

/* It led, it did not, and it leads again: what it found before is no news, good or bad. */
static void test_results_of_an_earlier_lead_are_forgotten(void **state)
{
    struct rig *r = *state;
    uint64_t old_check = job_id(r, JOB_READY), old_hook;

    rig_tell(r, JOB_READY, true, "");
    old_hook = job_id(r, JOB_BEFORE);
    core_lead(r->core, false);
    tell_late(r, old_hook, false);
    rig_expect(r, 1, PHASE_PREPARING);
    rig_tick(r);
    assert_int_equal(r->job_count, 0);
    core_lead(r->core, true);
    rig_tick(r);
    assert_true(job_id(r, JOB_READY) > old_check);
    tell_late(r, old_hook, false);
    tell_late(r, old_check, false);
    rig_expect(r, 1, PHASE_PREPARING);
    enters_half(r);
}

/* While it does not lead it enters nothing, even with everything told in time. */
static void test_who_does_not_lead_enters_nothing(void **state)
{
    struct rig *r = *state;
    uint64_t id;

    rig_tell(r, JOB_READY, true, "");
    id = job_id(r, JOB_BEFORE);
    core_lead(r->core, false);
    tell_late(r, id, true);
    rig_wait(r, 100);
    rig_expect(r, 1, PHASE_PREPARING);
    assert_int_equal(rollout(r)->entering_stage, 2);
}

/* The operator paused and resumed: the stage is prepared anew, by other jobs. */
static void test_a_resume_prepares_anew(void **state)
{
    struct rig *r = *state;
    uint64_t id;

    rig_tell(r, JOB_READY, true, "");
    id = job_id(r, JOB_BEFORE);
    rig_does(r, CMD(PAUSE));
    assert_int_equal(r->job_count, 0);
    rig_sleep_ms(r, 1000);
    rig_does(r, CMD(RESUME));
    tell_late(r, id, true);
    rig_expect(r, 1, PHASE_PREPARING);
    enters_half(r);
}

/* ---- plans that change ----------------------------------------------------------------------- */

static void test_what_lies_ahead_may_change(void **state)
{
    struct rig *r = *state;
    uint64_t id = job_id(r, JOB_READY);

    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  stages:\n" CHECKED HOOKED
                                                     "    - {name: most, weight: 80}\n" REST);
    rig_expect(r, 1, PHASE_PREPARING);
    assert_int_equal(rig_status(r, "orders").plan->stage_count, 4);
    /* The checks may be others now, so they are made anew. */
    assert_true(job_id(r, JOB_READY) > id);
    tell_late(r, id, false);
    rig_expect(r, 1, PHASE_PREPARING);
    enters_half(r);
}

static void test_the_stage_that_is_prepared_may_change(void **state)
{
    struct rig *r = *state;

    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  stages:\n" CHECKED
                                                     "    - {name: half, weight: 40}\n" REST);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_CONVERGING);
    assert_int_equal(rollout(r)->weight_bp, 4000);
    assert_int_equal(r->job_count, 0);
}

static void refuses_plan(struct rig *r, const char *text, const char *words)
{
    const uint64_t rev = r->rev;
    struct plan *plan = NULL;
    struct err err;

    assert_ok(plan_parse(str_of(text), "plan.yaml", &plan, &err), &err);
    rig_refuses(r, CMD(APPLY, .plan = plan), words);
    plan_free(plan);
    assert_int_equal(r->rev, rev);
    rig_expect(r, 1, PHASE_PREPARING);
    (void)job_id(r, JOB_READY);
}

static void test_other_changes_are_refused_with_the_reason(void **state)
{
    struct rig *r = *state;

    refuses_plan(r, PLAN_HEAD("orders", "/orders") "  stages:\n" CHECKED REST,
                 "stage 2, half, is being prepared, and would be another one / switchyard status "
                 "orders --watch");
    refuses_plan(r, PLAN_HEAD("orders", "/orders") "  stages:\n" CHECKED,
                 "stage 2, half, is being prepared");
    refuses_plan(r,
                 PLAN_HEAD("orders", "/orders") "  stages:\n    - {name: canary, weight: "
                                                "20}\n" HOOKED REST,
                 "switchyard abort orders` first");
    refuses_plan(r, PLAN_HEAD("orders", "/orders\", salt: \"x") STAGES, "would move people");
    enters_half(r);
}

/* ---- at once --------------------------------------------------------------------------------- */

static void test_who_promotes_second_is_told_so(void **state)
{
    struct rig *r = *state;
    uint64_t id = job_id(r, JOB_READY);

    rig_refuses(r, CMD(PROMOTE), "is being prepared for its next stage already");
    rig_refuses(r, CMD(PROMOTE, .to_stage = 3), "is being prepared for its next stage already");
    rig_refuses(r, CMD(START), "is started already");
    assert_int_equal(job_id(r, JOB_READY), id);
    assert_int_equal(rollout(r)->entering_stage, 2);
    enters_half(r);
    rig_refuses(r, CMD(PROMOTE), "nodes do not serve half");
    rig_expect(r, 2, PHASE_CONVERGING);
}

/* The store decides between two coordinators: the one that comes second has changed nothing. */
static void test_two_coordinators_promote_at_once(void **state)
{
    struct rig *r = *state;
    uint64_t rev;

    enters_half(r);
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 2, PHASE_READY);
    rig_find(r, "/switchyard/v1/rollouts/orders")->rev++; /* the other one was faster */
    rev = r->rev;
    assert_int_equal(rig_run(r, CMD(PROMOTE)), ERR_CONFLICT);
    assert_int_equal(r->rev, rev);
    rig_expect(r, 2, PHASE_READY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_work_that_nobody_tells_of_fails),
        TEST(test_what_is_told_after_that_counts_for_nothing),
        TEST(test_the_next_leader_begins_anew),
        TEST(test_results_of_an_earlier_lead_are_forgotten),
        TEST(test_who_does_not_lead_enters_nothing),
        TEST(test_a_resume_prepares_anew),
        TEST(test_what_lies_ahead_may_change),
        TEST(test_the_stage_that_is_prepared_may_change),
        TEST(test_other_changes_are_refused_with_the_reason),
        TEST(test_who_promotes_second_is_told_so),
        TEST(test_two_coordinators_promote_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
