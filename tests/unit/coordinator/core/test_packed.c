/* SPDX-License-Identifier: Apache-2.0 */
/* What is packed comes out again, added to what is there. */
#include "coordinator/core/packed.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void same(const struct system_stats *a, const struct system_stats *b)
{
    assert_memory_equal(a, b, sizeof *a);
}

static void round_trip(const struct system_stats *s)
{
    struct system_stats out = {.requests = 0}, twice = *s;
    struct packed *p = packed_new(s);

    packed_merge(p, &out);
    same(&out, s);
    packed_merge(p, &out);
    system_stats_merge(&twice, s);
    same(&out, &twice);
    free(p);
}

static void test_counters_come_out_as_they_went_in(void **state UNUSED)
{
    struct system_stats s = {.requests = 0};

    round_trip(&s);
    s = (struct system_stats){
        .requests = UINT32_MAX, .errors = 127, .fallbacks = 128, .timeouts = 1};
    s.latency.sum_us = UINT64_MAX / 4;
    s.latency.bucket[0] = 1;
    round_trip(&s);
    s.latency.bucket[HIST_BUCKETS - 1] = UINT32_MAX;
    round_trip(&s);
}

static void test_whatever_the_histogram(void **state UNUSED)
{
    struct rng rng;

    rng_seed(&rng, 3);
    for (int i = 0; i < 2000; i++) {
        struct system_stats s = {.requests = rng_below(&rng, 1000)};

        for (uint64_t n = rng_below(&rng, 300); n > 0; n--)
            s.latency.bucket[rng_below(&rng, HIST_BUCKETS)] =
                (uint32_t)(rng_u64(&rng) >> (32 + rng_below(&rng, 32)));
        round_trip(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_come_out_as_they_went_in),
        cmocka_unit_test(test_whatever_the_histogram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
