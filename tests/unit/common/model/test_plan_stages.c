/* SPDX-License-Identifier: Apache-2.0 */
/* What a good plan says about its stages: checks, hooks, waves, flags, times, environments. */
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_rich.h"

static struct plan *parse_for(struct str text, const char *environment)
{
    struct plan *p = NULL;
    struct err err = {.msg = ""};

    if (plan_parse_for(text, "orders.yaml", environment, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

static void a_stage_says_what_it_risks_and_who_agrees(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");

    assert_int_equal(p->stage_count, 4);
    assert_int_equal(p->stage[0].risk, RISK_LOW);
    assert_int_equal(dur_to_ms(p->stage[0].bake), 30 * 60000);
    assert_int_equal(dur_to_ms(p->stage[1].bake), 2 * 3600000);
    assert_int_equal(dur_to_ms(p->stage[2].bake), 24 * 3600000);
    assert_true(p->stage[1].approval);
    assert_int_equal(p->stage[1].approvers, 2);
    assert_int_equal(p->stage[1].objective_count, 1);
    assert_string_equal(p->stage[1].objective[0], "p99 under 100 ms");
    assert_true(p->stage[1].backup);
    assert_false(p->stage[2].backup);
    assert_true(p->stage[3].enforce);
    assert_int_equal(dur_to_ms(p->stage[3].bake), 3600000);
}

static void waves_end_with_everybody(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");
    const struct plan_stage *s = &p->stage[1];

    assert_int_equal(p->stage[0].wave_count, 0);
    assert_int_equal(s->wave_count, 3);
    assert_string_equal(s->wave[0].select.text, "cluster=eu,zone=a");
    assert_int_equal(dur_to_ms(s->wave[0].bake), 600000);
    assert_false(s->wave[0].approval);
    assert_string_equal(s->wave[1].select.text, "cluster=eu");
    assert_int_equal(s->wave[1].bake.ns, s->bake.ns);
    assert_true(s->wave[1].approval);
    assert_true(selector_is_all(&s->wave[2].select));
    assert_int_equal(s->wave[2].bake.ns, s->bake.ns);
}

static void flags_build_up_along_the_stages(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");
    struct flags before, after;

    plan_flags(p, 1, &before);
    plan_flags(p, 4, &after);
    assert_int_equal(before.count, 3);
    assert_string_equal(flags_find(&before, "discovery")->value, "false");
    assert_string_equal(flags_find(&after, "discovery")->value, "true");
    assert_string_equal(flags_find(&after, "batch")->value, "10");
    assert_string_equal(flags_find(&after, "theme")->value, "\"plain\"");
}

static const struct plan_check *check_at(const struct plan *p, unsigned i)
{
    assert_in_range(i, 0, p->stage[1].ready_count - 1);
    return &p->stage[1].ready[i];
}

static void each_check_is_of_its_kind(void **state UNUSED)
{
    static const struct {
        const char *name;
        enum plan_check_kind kind;
        const char *target;
    } expected[] = {
        {"http-1", PLAN_CHECK_HTTP, "http://127.0.0.1:2/health"},
        {"database", PLAN_CHECK_TCP, "127.0.0.1:5432"},
        {"postgres-3", PLAN_CHECK_POSTGRES, "host=db dbname=app"},
        {"redis-4", PLAN_CHECK_REDIS, "127.0.0.1:6379"},
        {"command-5", PLAN_CHECK_COMMAND, NULL},
        {"disk-6", PLAN_CHECK_DISK, "/var/lib"},
        {"memory-7", PLAN_CHECK_MEMORY, "available"},
        {"flags-8", PLAN_CHECK_FLAGS, NULL},
        {"nodes-9", PLAN_CHECK_NODES, "cluster=eu"},
        {"endpoints-10", PLAN_CHECK_ENDPOINTS, "/health"},
    };
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");

    assert_int_equal(p->stage[1].ready_count, ARRAY_LEN(expected));
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++) {
        assert_string_equal(check_at(p, i)->name.s, expected[i].name);
        assert_int_equal(check_at(p, i)->kind, expected[i].kind);
        if (expected[i].target)
            assert_string_equal(check_at(p, i)->target, expected[i].target);
    }
}

static void checks_have_what_they_are_judged_by(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");

    assert_string_equal(check_at(p, 0)->contains, "ok");
    assert_int_equal(dur_to_ms(check_at(p, 0)->timeout), 2000);
    assert_int_equal(dur_to_ms(check_at(p, 1)->timeout), 10000);
    assert_string_equal(check_at(p, 2)->query, "SELECT 1");
    assert_false(check_at(p, 2)->has_min);
    assert_true(check_at(p, 2)->has_max && check_at(p, 2)->max == 5);
    assert_int_equal(dur_to_ms(check_at(p, 4)->timeout), 60000);
    assert_string_equal(check_at(p, 4)->argv[1], "smoke");
    assert_null(check_at(p, 4)->argv[2]);
    assert_true(check_at(p, 5)->has_min && check_at(p, 5)->min == 10.0 * (1 << 30));
    assert_true(check_at(p, 6)->min == 512.0 * (1 << 20));
    assert_string_equal(check_at(p, 7)->argv[0], "discovery");
    assert_true(check_at(p, 8)->min == 2);
}

static void hooks_surround_a_stage(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");
    const struct plan_stage *s = &p->stage[1];

    assert_int_equal(s->before_count, 2);
    assert_true(s->before[0].scale);
    assert_string_equal(s->before[0].name.s, "scale-1");
    assert_string_equal(s->before[0].argv[1], "4");
    assert_int_equal(dur_to_ms(s->before[0].timeout), 300000);
    assert_int_equal(s->before[0].capacity->kind, PLAN_CHECK_ENDPOINTS);
    assert_string_equal(s->before[0].capacity->name.s, "capacity");
    assert_false(s->before[1].scale);
    assert_string_equal(s->before[1].name.s, "warm-up");
    assert_null(s->before[1].capacity);
    assert_int_equal(s->after_count, 1);
    assert_int_equal(dur_to_ms(s->after[0].timeout), 60000);
}

static void gates_and_triggers_have_the_whole_set_of_limits(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");
    const struct plan_limits *gate = &p->stage[1].gate, *trigger = &p->triggers;

    assert_int_equal(gate->error_ratio_m, 2000);
    assert_int_equal(dur_to_ms(gate->p50), 20);
    assert_int_equal(gate->restarts_m, 500);
    assert_true(gate->has_discrepancies);
    assert_int_equal(gate->discrepancies, 0);
    assert_false(gate->has_sync_lag);
    assert_int_equal(gate->confidence_ppm, 990000);
    assert_int_equal(dur_to_ms(gate->window), 86400000);
    assert_int_equal(dur_to_ms(gate->every), 60000);
    assert_int_equal(gate->check_count, 1);
    assert_int_equal(gate->quiet_after.ns, 0);
    assert_true(trigger->has_sync_lag);
    assert_int_equal(dur_to_ms(trigger->sync_lag), 5000);
    assert_int_equal(trigger->confidence_ppm, PLAN_CONFIDENCE_PPM);
    assert_int_equal(dur_to_ms(trigger->quiet_after), 600000);
    assert_int_equal(trigger->quiet, QUIET_ROLLBACK);
    assert_int_equal(trigger->check_count, 1);
    assert_string_equal(trigger->check[0].query, "up");
    assert_int_equal(dur_to_ms(trigger->every), 30000);
}

static void freezes_drills_and_standby_arrive(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "");
    char from[WALL_TEXT_MAX];

    assert_int_equal(p->freeze_count, 2);
    assert_true(p->freeze[0].weekly);
    assert_int_equal(p->freeze[0].from_minute, 4 * 1440 + 16 * 60);
    assert_int_equal(p->freeze[0].until_minute, 8 * 60);
    assert_string_equal(p->freeze[0].reason, "weekend");
    assert_false(p->freeze[1].weekly);
    assert_string_equal(wall_text(p->freeze[1].from, from), "2026-12-20T00:00:00.000Z");
    assert_string_equal(p->freeze[1].reason, "");
    assert_int_equal(dur_to_ms(p->drill_max_age), INT64_C(7) * 86400000);
    assert_int_equal(dur_to_ms(p->drill_within), 500);
    assert_int_equal(dur_to_ms(p->standby), INT64_C(14) * 86400000);
    assert_int_equal(p->checklist_count, 1);
    assert_int_equal(dur_to_ms(p->resume_within), 7200000);
}

static void an_environment_is_laid_over_the_plan(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *base = parse_for(str_of(rich_plan), "");
    CLEANUP(plan_freep) struct plan *p = parse_for(str_of(rich_plan), "staging");
    CLEANUP(plan_freep) struct plan *stored = NULL;
    struct err err;

    assert_string_equal(base->environment, "");
    assert_string_equal(p->environment, "staging");
    assert_int_equal(p->freeze_count, 0);
    assert_int_equal(p->drill_within.ns, 0);
    assert_int_equal(p->drill_max_age.ns, base->drill_max_age.ns);
    assert_string_equal(flags_find(&p->flags, "batch")->value, "20");
    assert_int_equal(p->flags.count, 3);
    assert_int_equal(p->triggers.error_rate_ppm, 50000);
    assert_true(p->triggers.has_sync_lag);
    assert_int_equal(p->stage_count, 1);
    assert_null(json_get(json_get(p->document, "spec"), "environments"));
    assert_ok(plan_load(p->document, &stored, &err), &err);
    assert_string_equal(stored->environment, "staging");
}

static void what_is_borrowed_outlives_the_text(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = NULL, *stored = NULL;
    struct err err;
    char *text = xstrdup(rich_plan);

    p = parse_for(str_of(text), "");
    xfreep(&text);
    assert_ok(plan_load(p->document, &stored, &err), &err);
    p = plan_free(p);
    assert_string_equal(stored->stage[1].ready[0].target, "http://127.0.0.1:2/health");
    assert_string_equal(stored->checklist[0], "no reads on legacy for a day");
}

static void words_have_their_values(void **state UNUSED)
{
    assert_string_equal(plan_risk_name(RISK_NONE), "");
    assert_string_equal(plan_risk_name(RISK_CRITICAL), "critical");
    assert_int_equal(plan_risk_bake(RISK_NONE).ns, 0);
    assert_int_equal(dur_to_ms(plan_risk_bake(RISK_HIGH)), 4 * 3600000);
    assert_string_equal(plan_check_word(PLAN_CHECK_ENDPOINTS), "endpoints");
    assert_string_equal(check_outcome_name(CHECK_PASSED), "pass");
    assert_string_equal(check_outcome_name(CHECK_FAILED), "fail");
    assert_string_equal(check_outcome_name(CHECK_UNKNOWN), "hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_says_what_it_risks_and_who_agrees),
        cmocka_unit_test(waves_end_with_everybody),
        cmocka_unit_test(flags_build_up_along_the_stages),
        cmocka_unit_test(each_check_is_of_its_kind),
        cmocka_unit_test(checks_have_what_they_are_judged_by),
        cmocka_unit_test(hooks_surround_a_stage),
        cmocka_unit_test(gates_and_triggers_have_the_whole_set_of_limits),
        cmocka_unit_test(freezes_drills_and_standby_arrive),
        cmocka_unit_test(an_environment_is_laid_over_the_plan),
        cmocka_unit_test(what_is_borrowed_outlives_the_text),
        cmocka_unit_test(words_have_their_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
