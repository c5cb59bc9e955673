/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/event_queue.h"

#include "tests/lib/unit.h"

static void tell_job(struct event_queue *q, uint64_t id, const char *text)
{
    struct check_result result = {.outcome = CHECK_FAILED};
    char copied[TEXT_SIZE];

    str_fmt(copied, sizeof copied, "%s", text);
    str_fmt(result.text, sizeof result.text, "%s", text);
    event_queue_job(
        q, &(struct core_job_done){.id = id, .result = &result, .count = 1, .text = copied});
    memset(copied, '?', sizeof copied);
    memset(&result, 0, sizeof result);
}

static void tell_measure(struct event_queue *q, const char *migration, enum core_measure_kind kind,
                         double value)
{
    char copied[NAME_SIZE];

    str_fmt(copied, sizeof copied, "%s", migration);
    event_queue_measure(q, &(struct core_measure){copied, kind, value});
    copied[0] = '?';
}

static struct core_event take(struct event_queue *q)
{
    struct core_event ev;

    assert_true(event_queue_take(q, &ev));
    return ev;
}

static void assert_job(const struct core_event *ev, uint64_t id, const char *text)
{
    assert_int_equal(ev->kind, EV_JOB);
    assert_int_equal(ev->job->id, id);
    assert_string_equal(ev->job->text, text);
    assert_string_equal(ev->job->result[0].text, text);
}

static void what_is_told_is_copied_and_comes_before_the_tick(void **state UNUSED)
{
    static const struct core_command pause = {.kind = CMD_PAUSE};
    struct event_queue q = {.tick = false};
    struct core_event ev;
    struct err err;

    event_queue_tick(&q);
    tell_measure(&q, "orders", MEASURE_SYNC_LAG, 2.5);
    tell_job(&q, 7, "no");
    assert_ok(event_queue_command(&q, &pause, &err), &err);
    assert_false(event_queue_is_empty(&q));
    assert_int_equal(take(&q).kind, EV_COMMAND);
    ev = take(&q);
    assert_job(&ev, 7, "no");
    ev = take(&q);
    assert_int_equal(ev.kind, EV_MEASURE);
    assert_string_equal(ev.measure->migration, "orders");
    assert_int_equal(ev.measure->kind, MEASURE_SYNC_LAG);
    assert_float_equal(ev.measure->value, 2.5, 0.0);
    assert_int_equal(take(&q).kind, EV_TICK);
    assert_true(event_queue_is_empty(&q));
    event_queue_deinit(&q);
}

static void what_is_told_again_replaces_what_was_told(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_event ev;

    tell_job(&q, 1, "first");
    tell_job(&q, 2, "other");
    tell_job(&q, 1, "second");
    tell_measure(&q, "orders", MEASURE_RESTARTS, 1.0);
    tell_measure(&q, "carts", MEASURE_RESTARTS, 2.0);
    tell_measure(&q, "orders", MEASURE_RESTARTS, 3.0);
    ev = take(&q);
    assert_job(&ev, 2, "other");
    ev = take(&q);
    assert_job(&ev, 1, "second");
    assert_string_equal(take(&q).measure->migration, "carts");
    assert_float_equal(take(&q).measure->value, 3.0, 0.0);
    assert_true(event_queue_is_empty(&q));
    event_queue_deinit(&q);
}

static void the_oldest_go_past_the_limit(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    char name[NAME_SIZE];

    for (unsigned i = 1; i <= OUTSIDE_JOBS + 1; i++) {
        str_fmt(name, sizeof name, "m%u", i);
        tell_job(&q, i, "text");
        tell_measure(&q, name, MEASURE_DISCREPANCIES, i);
    }
    assert_int_equal(take(&q).job->id, 2);
    for (unsigned i = 2; i <= OUTSIDE_JOBS; i++)
        assert_int_equal(take(&q).kind, EV_JOB);
    assert_string_equal(take(&q).measure->migration, "m2");
    event_queue_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_copied_and_comes_before_the_tick),
        cmocka_unit_test(what_is_told_again_replaces_what_was_told),
        cmocka_unit_test(the_oldest_go_past_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
