/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that was measured is in the message, and a full arena is told. */
#include "common/wire/report_wire.h"

#include "common/base/mem.h"
#include "tests/lib/unit.h"

static void counters_go_up_as_they_were_counted(void **state UNUSED)
{
    struct route_stats *stats = xcalloc(2, sizeof *stats);
    struct system_stats *s = &stats[0].system[SYSTEM_NEW];
    const Switchyard__V1__SystemReport *up;
    Switchyard__V1__RouteReport **r;
    struct arena arena;
    uint64_t sum = 0;

    stats[0].migration = (struct name){"app"};
    stats[1].migration = (struct name){"idle"};
    stats[0].breaker = BREAKER_OPEN;
    stats[0].breaker_seen = (struct breaker_seen){.requests = 90,
                                                  .errors = 7,
                                                  .slow = 6,
                                                  .since = {5000000},
                                                  .cause = BREAKER_CAUSE_PROBE,
                                                  .held = true,
                                                  .order_number = 8,
                                                  .opened = 2};
    stats[0].over_budget = 4;
    stats[0].compare = (struct compare_stats){9, 4, 3, 2, 5, 1, 6, 70};
    stats[0].discrepancy_count = 2;
    stats[0].discrepancy[1] =
        (struct discrepancy){.at = {7000000}, .critical = true, "GET /a", "$.total", "1", "2"};
    for (unsigned i = 0; i < MIRROR_COUNTERS; i++)
        ((uint64_t *)&stats[0].mirror)[i] = 11 + i;
    stats[0].underway = (struct underway){.tunnels = {[SYSTEM_LEGACY] = 6, [SYSTEM_NEW] = 7},
                                          .lasting = {[SYSTEM_LEGACY] = 8, [SYSTEM_NEW] = 9}};
    *s = (struct system_stats){.requests = 5,
                               .errors = 4,
                               .fallbacks = 3,
                               .timeouts = 2,
                               .connect_errors = 1,
                               .overloads = 6,
                               .tunnels = 7,
                               .bytes_in = 1ull << 40,
                               .bytes_out = 8};
    hist_add(&s->latency, 100);
    hist_add(&s->latency, 100);
    hist_add(&s->latency, 250000);
    arena_init(&arena, 1u << 20);
    r = report_wire_routes(&arena, stats, 2);
    assert_non_null(r);
    assert_string_equal(r[0]->migration, "app");
    assert_string_equal(r[0]->breaker, "open");
    assert_int_equal(r[0]->breaker_seen->requests, 90);
    assert_int_equal(r[0]->breaker_seen->errors, 7);
    assert_int_equal(r[0]->breaker_seen->slow, 6);
    assert_int_equal(r[0]->breaker_seen->since_unix_ms, 5);
    assert_string_equal(r[0]->breaker_seen->cause, "probe");
    assert_true(r[0]->breaker_seen->held);
    assert_false(r[0]->breaker_seen->watching);
    assert_int_equal(r[0]->breaker_seen->order_number, 8);
    assert_int_equal(r[0]->breaker_seen->opened, 2);
    assert_int_equal(r[0]->over_budget, 4);
    assert_int_equal(r[0]->mirror->sent, 11);
#define X(name) assert_int_equal(r[0]->mirror->name, stats[0].mirror.name);
    MIRROR_COUNTS(X)
#undef X
    assert_null(r[1]->mirror);
    assert_int_equal(r[0]->legacy_tunnels, 6);
    assert_int_equal(r[0]->new_tunnels, 7);
    assert_int_equal(r[0]->legacy_lasting, 8);
    assert_int_equal(r[0]->new_lasting, 9);
    assert_null(r[1]->breaker_seen);
    assert_int_equal(r[0]->compare->compared, 9);
    assert_int_equal(r[0]->compare->equal, 4);
    assert_int_equal(r[0]->compare->cosmetic, 3);
    assert_int_equal(r[0]->compare->critical, 2);
    assert_int_equal(r[0]->compare->noise_compared, 5);
    assert_int_equal(r[0]->compare->noise_differed, 1);
    assert_int_equal(r[0]->compare->skipped, 6);
    assert_int_equal(r[0]->compare->overhead_us, 70);
    assert_int_equal(r[0]->n_discrepancies, 2);
    assert_int_equal(r[0]->discrepancies[1]->at_unix_ms, 7);
    assert_true(r[0]->discrepancies[1]->critical);
    assert_string_equal(r[0]->discrepancies[1]->request, "GET /a");
    assert_string_equal(r[0]->discrepancies[1]->where, "$.total");
    assert_string_equal(r[0]->discrepancies[1]->legacy, "1");
    assert_string_equal(r[0]->discrepancies[1]->new_, "2");
    assert_null(r[1]->compare);
    assert_int_equal(r[1]->n_discrepancies, 0);
    assert_null(r[0]->legacy); /* not asked */
    assert_null(r[1]->new_);
    up = r[0]->new_;
    assert_int_equal(up->requests, 5);
    assert_int_equal(up->errors, 4);
    assert_int_equal(up->fallbacks, 3);
    assert_int_equal(up->timeouts, 2);
    assert_int_equal(up->connect_errors, 1);
    assert_int_equal(up->overloads, 6);
    assert_int_equal(up->tunnels, 7);
    assert_int_equal(up->bytes_in, 1ull << 40);
    assert_int_equal(up->bytes_out, 8);
    assert_int_equal(up->latency->total, 3);
    assert_int_equal(up->latency->sum_us, 250200);
    assert_int_equal(up->latency->n_index, 2);
    assert_int_equal(up->latency->n_count, 2);
    for (size_t i = 0; i < up->latency->n_index; i++)
        sum += up->latency->count[i];
    assert_int_equal(sum, 3);
    assert_true(up->latency->index[0] < up->latency->index[1]);
    arena_deinit(&arena);
    xfreep(&stats);
}

static void a_full_arena_is_told(void **state UNUSED)
{
    struct route_stats *stats = xnew(struct route_stats);
    struct arena arena;
    size_t max = 0;
    bool fits = false;

    stats->breaker = BREAKER_OPEN;
    stats->compare.compared = stats->mirror.sent = 1;
    stats->discrepancy_count = 1;
    for (; !fits && max < (1u << 20); max += 8) {
        arena_init(&arena, max);
        fits = report_wire_route(&arena, stats);
        arena_deinit(&arena);
    }
    assert_true(fits);
    assert_in_range(max, 512, 8192);
    xfreep(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_go_up_as_they_were_counted),
        cmocka_unit_test(a_full_arena_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
