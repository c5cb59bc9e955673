/* SPDX-License-Identifier: Apache-2.0 */
/* Days of reports: stored every ten minutes at most and when they are over, by the leader, as no
 * decision; they survive restarts, other leaders and clocks, and the oldest go. */
#include "coordinator/core/days.h"

#include "common/base/atomic_file.h"
#include "coordinator/core/record.h"
#include "coordinator/core/record_days.h"
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define TODAY  INT64_C(20778) /* 2026-11-21 */
#define DAY_NS INT64_C(86400000000000)

/* To new, beside nine to legacy, of which three were copied. */
static const struct route_stats *one_request(void)
{
    static struct route_stats stats;

    stats.system[SYSTEM_NEW] = rig_stats(1, 0, 5);
    stats.system[SYSTEM_LEGACY] = rig_stats(9, 1, 5);
    stats.mirror = (struct mirror_stats){.sent = 2, .answered_2xx = 1, .failed = 1, .dropped = 1};
    return &stats;
}

static struct day_total one_total(void)
{
    const struct route_stats *stats = one_request();
    struct day_total total = {.mirror = stats->mirror};

    memcpy(total.system, stats->system, sizeof total.system);
    return total;
}

static uint64_t requests(const struct core *c, int64_t day)
{
    struct view_day d[DAYS_KEPT + 1];
    unsigned n = view_days(c, "orders", 0, d, ARRAY_LEN(d));

    for (unsigned i = 0; i < n; i++)
        if (d[i].day == day)
            return d[i].total.system[SYSTEM_NEW].requests;
    return 0;
}

static unsigned days_known(const struct core *c)
{
    struct view_day d[DAYS_KEPT + 1];

    return view_days(c, "orders", 0, d, ARRAY_LEN(d));
}

static void reported(struct rig *r, unsigned count)
{
    rig_report(r, "n1", "orders", rig_stats(90, 0, 5), rig_stats(count, 0, 6));
}

static struct rig *started(void)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  stages: [{name: all, weight: 100}]\n");
    rig_all_serve(r, 1);
    return r;
}

/* ---- the list -------------------------------------------------------------------------------- */

static void test_days_have_names(void **state UNUSED)
{
    static const char *const bad[] = {"",           "2026-11-2", "2026-13-01", "2026-11-21T",
                                      "1970-01-01", "yesterday!"};
    char text[DAY_TEXT_MAX];
    int64_t day;

    assert_string_equal(day_text(TODAY, text), "2026-11-21");
    assert_true(day_parse(STR("2026-11-21"), &day));
    assert_int_equal(day, TODAY);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(day_parse(str_of(bad[i]), &day));
}

static void test_a_day_is_due_after_ten_minutes_and_at_its_end(void **state UNUSED)
{
    struct days d = {.count = 0};
    wall_t now = {TODAY * DAY_NS};
    mono_t mono = {5};

    assert_null(days_due(&d, now, mono));
    days_add(&d, now, mono, one_request());
    days_add(&d, now, mono_add(mono, dur_s(400)), one_request());
    assert_null(days_due(&d, now, mono_add(mono, dur_s(599))));
    assert_int_equal(days_due(&d, now, mono_add(mono, dur_s(600)))->day, TODAY);
    assert_int_equal(days_due(&d, wall_add(now, dur_s(86400)), mono)->day, TODAY);
    days_deinit(&d);
}

static void test_what_is_stored_takes_the_place_of_what_came_before(void **state UNUSED)
{
    struct days d = {.count = 0};
    wall_t now = {TODAY * DAY_NS + 1000};
    struct day stored = {.day = TODAY, .rev = 7, .until = now};
    struct day_total sum;
    mono_t mono = {5};

    stored.stored.system[SYSTEM_NEW].requests = 100;
    days_add(&d, now, mono, one_request());
    days_put(&d, &stored);
    days_add(&d, now, mono, one_request());
    day_sum(days_find(&d, TODAY), &sum);
    assert_int_equal(sum.system[SYSTEM_NEW].requests, 101);
    /* Of the past, what came after it was stored. */
    days_add_past(&d, (wall_t){now.ns - 1}, mono, one_request());
    days_add_past(&d, (wall_t){now.ns + 1}, mono, one_request());
    day_sum(days_find(&d, TODAY), &sum);
    assert_int_equal(sum.system[SYSTEM_NEW].requests, 102);
    assert_int_equal(sum.system[SYSTEM_LEGACY].errors, 2);
    assert_int_equal(sum.mirror.sent, 4);
    assert_int_equal(sum.mirror.dropped, 2);
    days_deinit(&d);
}

static void test_days_stand_in_order_and_are_bounded(void **state UNUSED)
{
    struct days d = {.count = 0}, copy = {.count = 0};

    for (int64_t i = 0; i < 2 * DAYS_MAX; i++)
        days_add(&d, (wall_t){(TODAY + (i * 37) % (2 * DAYS_MAX)) * DAY_NS}, (mono_t){1},
                 one_request());
    assert_int_equal(d.count, DAYS_MAX);
    for (unsigned i = 1; i < d.count; i++)
        assert_true(d.day[i - 1].day < d.day[i].day);
    days_copy(&d, &copy);
    days_remove(&copy, copy.day[3].day);
    assert_int_equal(copy.count, DAYS_MAX - 1);
    assert_int_equal(copy.day[3].day, d.day[4].day);
    days_remove(&copy, 1);
    assert_int_equal(copy.count, DAYS_MAX - 1);
    days_deinit(&d);
    days_deinit(&copy);
}

static void test_copies_alone_make_a_day(void **state UNUSED)
{
    struct days d = {.count = 0};
    struct route_stats stats = {.mirror.sent = 0};
    struct day_total sum;

    days_add(&d, (wall_t){TODAY * DAY_NS}, (mono_t){5}, &stats);
    assert_null(days_find(&d, TODAY));
    stats.mirror.dropped = 3;
    days_add(&d, (wall_t){TODAY * DAY_NS}, (mono_t){5}, &stats);
    day_sum(days_find(&d, TODAY), &sum);
    assert_int_equal(sum.mirror.dropped, 3);
    days_deinit(&d);
}

/* ---- records --------------------------------------------------------------------------------- */

static void test_a_day_looks_like_this(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_MAX), golden = BUF_INIT(RECORD_MAX);
    CLEANUP(buf_deinitp) struct buf again = BUF_INIT(RECORD_MAX), pretty = BUF_INIT(RECORD_MAX);
    CLEANUP(json_freep) struct json *j = NULL;
    struct day d = {.day = TODAY}, back;
    struct err err;
    wall_t now;

    assert_true(wall_parse(STR("2026-11-21T10:10:00.000Z"), &now));
    d.stored = one_total();
    d.since = one_total();
    assert_true(record_write_day(&d, now, &b));
    assert_ok(file_read("tests/golden/records/day.json", &golden, &err), &err);
    assert_ok(json_parse(buf_view(&b), &j, &err), &err);
    assert_true(json_print(j, true, &pretty) && buf_addf(&pretty, "\n"));
    assert_string_equal(buf_text(&pretty), buf_text(&golden));
    assert_ok(record_read_day(buf_view(&golden), &back, &err), &err);
    assert_int_equal(back.until.ns, now.ns);
    assert_true(record_write_day(&back, now, &again));
    assert_string_equal(buf_text(&again), buf_text(&b));
}

static void test_what_is_no_day_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "{\"version\":1}",
        "{\"version\":1,\"until\":\"now\",\"legacy\":{},\"new\":{}}",
        "{\"version\":1,\"until\":\"2026-11-21T10:10:00Z\",\"legacy\":{}}",
        "{\"version\":1,\"until\":\"2026-11-21T10:10:00Z\",\"legacy\":{},\"new\":{\"latency\":"
        "{\"buckets\":[[200,1]]}}}",
        "{\"version\":1,\"until\":\"2026-11-21T10:10:00Z\",\"legacy\":{},\"new\":{\"latency\":"
        "{\"buckets\":[[1,2,3]]}}}",
    };

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct day d;
        struct err err;

        assert_int_equal(record_read_day(str_of(bad[i]), &d, &err), -ERR_CORRUPT);
    }
}

/* ---- the core -------------------------------------------------------------------------------- */

static void test_a_day_is_stored_every_ten_minutes_and_is_no_decision(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();
    uint64_t revision = core_revision(r->core);
    unsigned published = r->published;

    reported(r, 10);
    assert_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
    rig_wait(r, 599);
    assert_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
    reported(r, 5);
    rig_wait(r, 1);
    assert_non_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
    assert_int_equal(core_revision(r->core), revision);
    assert_int_equal(r->published, published);
    assert_int_equal(requests(r->core, TODAY), 15);
    assert_int_equal(requests(r->follower, TODAY), 15);
    reported(r, 1);
    rig_wait(r, 600);
    assert_int_equal(requests(r->core, TODAY), 16);
    assert_int_equal(requests(r->follower, TODAY), 16);
}

static void test_a_restart_goes_on_from_what_is_stored(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();

    reported(r, 10);
    rig_wait(r, 600);
    reported(r, 7);
    rig_restart(r);
    assert_int_equal(requests(r->core, TODAY), 10);
    rig_all_serve(r, 1);
    reported(r, 3);
    assert_int_equal(requests(r->core, TODAY), 13);
    rig_wait(r, 600);
    rig_restart(r);
    assert_int_equal(requests(r->core, TODAY), 13);
}

static void test_a_store_that_fails_loses_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();

    reported(r, 10);
    r->disk_full = true;
    rig_wait(r, 700);
    assert_int_equal(requests(r->core, TODAY), 10);
    r->disk_full = false;
    rig_wait(r, 1);
    rig_restart(r);
    assert_int_equal(requests(r->core, TODAY), 10);
}

static void test_a_day_ends_and_a_month_is_kept(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();

    r->compare_every = 20;
    for (int64_t day = TODAY; day < TODAY + 40; day++) {
        r->now.ns = day * DAY_NS + 1000000000;
        reported(r, 4);
        rig_wait(r, 2);
        assert_int_equal(requests(r->core, day), 4);
        if (day > TODAY)
            assert_int_equal(requests(r->core, day - 1), 4);
    }
    rig_wait(r, 600);
    assert_int_equal(days_known(r->core), DAYS_KEPT);
    assert_int_equal(days_known(r->follower), DAYS_KEPT);
    assert_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-29"));
    assert_non_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-30"));
    rig_restart(r);
    assert_int_equal(days_known(r->core), DAYS_KEPT);
}

static void test_days_go_with_their_plan(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();

    reported(r, 10);
    rig_wait(r, 600);
    rig_does(r, (struct core_command){.kind = CMD_DELETE});
    assert_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
    assert_int_equal(days_known(r->core), 0);
    assert_int_equal(days_known(r->follower), 0);
}

static void test_only_the_leader_stores(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = started();

    reported(r, 10);
    core_lead(r->core, false);
    rig_wait(r, 700);
    assert_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
    core_lead(r->core, true);
    rig_wait(r, 1);
    assert_non_null(rig_find(r, "/switchyard/v1/days/orders/2026-11-21"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_have_names),
        cmocka_unit_test(test_a_day_is_due_after_ten_minutes_and_at_its_end),
        cmocka_unit_test(test_what_is_stored_takes_the_place_of_what_came_before),
        cmocka_unit_test(test_copies_alone_make_a_day),
        cmocka_unit_test(test_days_stand_in_order_and_are_bounded),
        cmocka_unit_test(test_a_day_looks_like_this),
        cmocka_unit_test(test_what_is_no_day_is_refused),
        cmocka_unit_test(test_a_day_is_stored_every_ten_minutes_and_is_no_decision),
        cmocka_unit_test(test_a_restart_goes_on_from_what_is_stored),
        cmocka_unit_test(test_a_store_that_fails_loses_nothing),
        cmocka_unit_test(test_a_day_ends_and_a_month_is_kept),
        cmocka_unit_test(test_days_go_with_their_plan),
        cmocka_unit_test(test_only_the_leader_stores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
