/* SPDX-License-Identifier: Apache-2.0 */
/* The alerts of the on-call runbook: what raises each, how urgent it is, and what to type. */
#include "tests/unit/cli/sample_status.h"

#include "cli/alerts.h"

#define TEXT(s) ((char[]){s})

/* A migration that is well, with 1,000 requests to each side. */
struct fixture {
    struct sample_status sample;
    Switchyard__V1__Stats stats;
    Switchyard__V1__SystemStats legacy, new_;
    Switchyard__V1__Latency legacy_ms, new_ms;
    struct alert raised[ALERT_COUNT];
    unsigned count;
};

static void side(Switchyard__V1__SystemStats *s, Switchyard__V1__Latency *l)
{
    switchyard__v1__system_stats__init(s);
    switchyard__v1__latency__init(l);
    s->latency_ms = l;
    s->requests = 1000;
    s->error_rate = 0.1;
    l->mean = 10;
}

static void begin(struct fixture *f)
{
    sample_status(&f->sample);
    f->sample.s.last_rollback = NULL;
    f->sample.s.emergency = NULL;
    f->sample.breaker.open_nodes = 0;
    switchyard__v1__stats__init(&f->stats);
    side(&f->legacy, &f->legacy_ms);
    side(&f->new_, &f->new_ms);
    f->stats.legacy = &f->legacy;
    f->stats.new_ = &f->new_;
}

static void look(struct fixture *f, const char *now)
{
    wall_t at;

    assert_true(wall_parse(str_of(now), &at));
    f->count = alerts_raised(&f->sample.s, &f->stats, at, f->raised);
}

#define NOON "2026-11-21T12:00:00Z"

/* The only one that is raised. */
static const struct alert *only(struct fixture *f, enum alert_kind kind)
{
    look(f, NOON);
    assert_int_equal(f->count, 1);
    assert_int_equal(f->raised[0].kind, kind);
    return &f->raised[0];
}

static void expect(const struct alert *a, const char *severity, unsigned minutes, const char *text,
                   const char *advice)
{
    assert_string_equal(alert_severity(a), severity);
    assert_int_equal(dur_to_ms(a->respond_within), minutes * 60000);
    assert_string_equal(a->text, text);
    assert_string_equal(a->advice, advice);
}

static void names_are_those_of_the_runbook(void **state UNUSED)
{
    static const char *const names[ALERT_COUNT] = {
        "migration_circuit_breaker_open", "migration_rollback_executed",
        "migration_high_error_rate", "migration_performance_regression",
        "migration_canary_discrepancies"};

    for (unsigned k = 0; k < ALERT_COUNT; k++)
        assert_string_equal(alert_name((enum alert_kind)k), names[k]);
}

static void nothing_is_raised_while_all_is_well(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    look(&f, NOON);
    assert_int_equal(f.count, 0);
}

static void an_open_breaker_is_critical(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.sample.breaker.open_nodes = 2;
    expect(only(&f, ALERT_BREAKER_OPEN), "critical", 5,
           "the breaker of new is open on 2 nodes, which send all to legacy",
           "switchyard probe orders --system new --bypass-breaker");
}

static void errors_warn_then_are_critical_then_ask_for_a_rollback(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.new_.error_rate = 1.0;
    look(&f, NOON);
    assert_int_equal(f.count, 0);
    f.new_.error_rate = 10.0;
    expect(only(&f, ALERT_ERROR_RATE), "warning", 15,
           "10.00 % of 1000 requests to new failed in 5 min, 0.10 % of legacy's",
           "switchyard check-health orders");
    f.new_.error_rate = 15.0;
    expect(only(&f, ALERT_ERROR_RATE), "critical", 5,
           "15.00 % of 1000 requests to new failed in 5 min, 0.10 % of legacy's",
           "switchyard check-health orders");
    f.new_.error_rate = 15.1;
    expect(only(&f, ALERT_ERROR_RATE), "critical", 5,
           "15.10 % of 1000 requests to new failed in 5 min, 0.10 % of legacy's; roll back",
           "switchyard rollback orders --emergency --reason TEXT");
    f.new_.requests = 19;
    look(&f, NOON);
    assert_int_equal(f.count, 0);
}

static void a_rollback_is_told_for_an_hour_and_until_somebody_goes_on(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.sample.s.last_rollback = &f.sample.rollback; /* at 10:07:04 */
    look(&f, "2026-11-21T11:07:05Z");
    assert_int_equal(f.count, 0);
    look(&f, "2026-11-21T11:07:03Z");
    assert_int_equal(f.count, 1);
    expect(&f.raised[0], "critical", 2,
           "rolled_back from half to legacy, by anna at 2026-11-21T10:07:04.123Z: INC-1234",
           "switchyard history orders --rollbacks");
    f.sample.s.phase = TEXT("rolled_back");
    (void)only(&f, ALERT_ROLLBACK);
    f.sample.s.phase = TEXT("rollback_failed");
    assert_string_equal(only(&f, ALERT_ROLLBACK)->advice, "switchyard recover orders");
    f.sample.s.phase = TEXT("baking");
    f.sample.s.emergency = &f.sample.emergency;
    assert_string_equal(only(&f, ALERT_ROLLBACK)->text,
                        "an emergency order stands, by anna at 2026-11-21T10:07:04.082Z: INC-1234");
}

static void times_are_compared_when_both_sides_have_enough(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.new_ms.mean = 20.0;
    look(&f, NOON);
    assert_int_equal(f.count, 0);
    f.new_ms.mean = 20.1;
    expect(only(&f, ALERT_SLOW), "warning", 30,
           "new takes 20.1 ms in the mean of 5 min, legacy 10.0 ms",
           "switchyard stats orders --window 5m");
    f.legacy.requests = 99;
    look(&f, NOON);
    assert_int_equal(f.count, 0);
}

static void discrepancies_are_told_where_the_plan_judges_them(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.sample.gate_check.name = TEXT("criticalDiscrepancies");
    f.sample.gate_check.value = 0;
    look(&f, NOON);
    assert_int_equal(f.count, 0);
    f.sample.gate_check.value = 3;
    expect(only(&f, ALERT_DISCREPANCIES), "warning", 60, "12 of 20 requests on new",
           "switchyard pause orders --reason TEXT");
}

static void the_most_urgent_is_told_first(void **state UNUSED)
{
    struct fixture f;

    begin(&f);
    f.sample.breaker.open_nodes = 1;
    f.sample.s.emergency = &f.sample.emergency;
    f.new_.error_rate = 5;
    f.new_ms.mean = 100;
    f.sample.gate_check.name = TEXT("criticalDiscrepancies");
    look(&f, NOON);
    assert_int_equal(f.count, ALERT_COUNT);
    assert_int_equal(f.raised[0].kind, ALERT_ROLLBACK);
    assert_int_equal(f.raised[1].kind, ALERT_BREAKER_OPEN);
    assert_int_equal(f.raised[2].kind, ALERT_ERROR_RATE);
    assert_int_equal(f.raised[3].kind, ALERT_SLOW);
    assert_int_equal(f.raised[4].kind, ALERT_DISCREPANCIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_runbook),
        cmocka_unit_test(nothing_is_raised_while_all_is_well),
        cmocka_unit_test(an_open_breaker_is_critical),
        cmocka_unit_test(errors_warn_then_are_critical_then_ask_for_a_rollback),
        cmocka_unit_test(a_rollback_is_told_for_an_hour_and_until_somebody_goes_on),
        cmocka_unit_test(times_are_compared_when_both_sides_have_enough),
        cmocka_unit_test(discrepancies_are_told_where_the_plan_judges_them),
        cmocka_unit_test(the_most_urgent_is_told_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
