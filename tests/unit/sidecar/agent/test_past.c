/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/past.h"

#include "common/base/mem.h"
#include "tests/lib/unit.h"

#define SECOND dur_s(1)

static const struct position first = {"aaaa", 1, 5}, second = {"aaaa", 1, 6},
                             other = {"bbbb", 1, 2};

static int setup(void **state)
{
    *state = past_new(8u << 20);
    return 0;
}

static int teardown(void **state)
{
    past_free(*state);
    return 0;
}

static mono_t at(int64_t s)
{
    return (mono_t){dur_s(s).ns};
}

static struct route_stats count_of(const char *migration, uint64_t requests)
{
    struct route_stats s = {.breaker = BREAKER_CLOSED};

    assert_true(str_copy(str_of(migration), s.migration.s, NAME_SIZE));
    s.system[SYSTEM_NEW].requests = requests;
    for (uint64_t i = 0; i < requests; i++)
        hist_add(&s.system[SYSTEM_NEW].latency, 100 * i);
    return s;
}

static void add(struct past *p, int64_t second_now, const struct position *served,
                uint64_t requests)
{
    struct route_stats s = count_of("app", requests);

    past_add(p, at(second_now), SECOND, served, &s, 1);
}

/* Items from `c` on, at most `max`. */
static unsigned read_all(struct past *p, struct past_cursor *c, mono_t oldest,
                         struct past_item *item, unsigned max)
{
    unsigned n = 0;

    while (n < max && past_read(p, c, oldest, &item[n]))
        n++;
    return n;
}

static void seconds_become_buckets_of_ten(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[8];

    for (int64_t s = 1; s <= 25; s++)
        add(p, s, &first, 2);
    assert_int_equal(read_all(p, &c, at(0), item, 8), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(item[i].end.ns, at(i < 2 ? 10 * (i + 1) : 25).ns);
        assert_int_equal(item[i].interval.ns, dur_s(i < 2 ? 10 : 5).ns);
        assert_int_equal(item[i].revision, 5);
        assert_true(item[i].first && item[i].has_stats);
        assert_int_equal(item[i].stats.system[SYSTEM_NEW].requests, i < 2 ? 20 : 10);
    }
}

static void counters_come_back_as_they_were(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[2];
    struct route_stats s = count_of("app", 3);

    s.breaker = BREAKER_OPEN;
    for (int i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        struct system_stats *x = &s.system[i];

        *x = (struct system_stats){.requests = UINT64_MAX,
                                   .errors = 1u << 20,
                                   .fallbacks = 127,
                                   .timeouts = 128,
                                   .connect_errors = (uint64_t)i,
                                   .overloads = 300,
                                   .tunnels = 9,
                                   .bytes_in = UINT64_MAX,
                                   .bytes_out = UINT64_MAX};
        x->latency.count = 1u << 31;
        x->latency.sum_us = UINT64_MAX - 1;
        x->latency.bucket[0] = 1;
        x->latency.bucket[HIST_BUCKETS - 2] = UINT32_MAX;
        x->latency.bucket[HIST_BUCKETS - 1] = 7;
    }
    s.compare = (struct compare_stats){UINT64_MAX, 1, 2, 3, 4, 5, 6, 7};
    s.mirror = (struct mirror_stats){/* its longest form */
#define X(name) .name = UINT64_MAX,
                                     MIRROR_COUNTS(X)
#undef X
                                         .latency = s.system[SYSTEM_NEW].latency};
    past_add(p, at(1), SECOND, &first, &s, 1);
    assert_int_equal(read_all(p, &c, at(0), item, 2), 1);
    assert_memory_equal(&item[0].stats.compare, &s.compare, sizeof s.compare);
    assert_memory_equal(&item[0].stats.mirror, &s.mirror, sizeof s.mirror);
    assert_memory_equal(&item[0].stats.system, &s.system, sizeof s.system);
    assert_string_equal(item[0].stats.migration.s, "app");
    assert_int_equal(item[0].stats.breaker, BREAKER_OPEN);
}

static void a_bucket_ends_with_its_revision(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[8];

    add(p, 1, &first, 1);
    add(p, 2, &second, 1);
    add(p, 3, &second, 1);
    assert_int_equal(read_all(p, &c, at(0), item, 8), 2);
    assert_int_equal(item[0].revision, 5);
    assert_int_equal(item[0].interval.ns, SECOND.ns);
    assert_int_equal(item[1].revision, 6);
    assert_int_equal(item[1].interval.ns, dur_s(2).ns);
}

static void another_stores_history_leaves_no_revisions(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[8];

    for (int64_t s = 1; s <= 11; s++)
        add(p, s, &first, 1);
    add(p, 12, &other, 1);
    assert_int_equal(read_all(p, &c, at(0), item, 8), 3);
    assert_int_equal(item[0].revision, 0);
    assert_int_equal(item[1].revision, 0);
    assert_int_equal(item[2].revision, 2);
}

static void without_requests_there_is_a_bucket_and_no_counters(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[2];

    add(p, 1, &first, 0);
    assert_int_equal(read_all(p, &c, at(0), item, 2), 1);
    assert_true(item[0].first);
    assert_false(item[0].has_stats);
}

/* What is added while a reader waits for room is read by it, too. */
static void a_reader_goes_on_where_it_was(void **state)
{
    struct past *p = *state;
    struct past_cursor c = {0};
    static struct past_item item[16];
    struct route_stats both[] = {count_of("app", 1), count_of("shop", 2)};

    past_add(p, at(1), SECOND, &first, both, 2);
    assert_int_equal(read_all(p, &c, at(0), item, 1), 1);
    assert_string_equal(item[0].stats.migration.s, "app");
    past_add(p, at(2), SECOND, &first, both, 2);
    assert_int_equal(read_all(p, &c, at(0), item, 16), 3);
    assert_false(item[0].first);
    assert_string_equal(item[0].stats.migration.s, "shop");
    assert_true(item[1].first);
    assert_int_equal(item[1].end.ns, at(2).ns);
    past_add(p, at(3), SECOND, &first, both, 2);
    assert_int_equal(read_all(p, &c, at(0), item, 16), 2);
    assert_int_equal(read_all(p, &c, at(0), item, 16), 0);
}

static void only_the_last_hour_is_kept_and_less_can_be_asked_for(void **state)
{
    struct past *p = *state;
    struct past_cursor all = {0}, some = {0};
    static struct past_item item[400];
    unsigned n;

    for (int64_t s = 1; s <= 5000; s++)
        add(p, s, &first, 1);
    n = read_all(p, &some, at(4901), item, 400);
    assert_int_equal(n, 10);
    assert_int_equal(item[0].end.ns, at(4910).ns);
    n = read_all(p, &all, at(0), item, 400);
    assert_int_equal(n, 361);
    assert_int_equal(item[0].end.ns, at(1400).ns);
}

static void memory_is_bounded_and_the_oldest_go_first(void **state UNUSED)
{
    CLEANUP(past_freep) struct past *p = past_new(64u << 10);
    struct route_stats *stats = xcalloc(RULESET_ROUTES_MAX, sizeof *stats);
    struct past_cursor c = {0};
    struct past_item item;
    int64_t s;

    for (unsigned i = 0; i < RULESET_ROUTES_MAX; i++) {
        char name[NAME_SIZE];

        str_fmt(name, sizeof name, "migration-%u", i);
        stats[i] = count_of(name, 10);
    }
    for (s = 1; s <= 600; s++) {
        past_add(p, at(s), SECOND, &first, stats, RULESET_ROUTES_MAX);
        assert_true(past_bytes(p) <= 64u << 10);
    }
    assert_true(past_read(p, &c, at(0), &item));
    assert_true(item.end.ns > at(500).ns);
    /* A reader that was overtaken goes on with what is there. */
    c = (struct past_cursor){.bucket = 1, .offset = 99};
    assert_true(past_read(p, &c, at(0), &item));
    assert_true(item.first);
    xfreep(&stats);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(seconds_become_buckets_of_ten),
        TEST(counters_come_back_as_they_were),
        TEST(a_bucket_ends_with_its_revision),
        TEST(another_stores_history_leaves_no_revisions),
        TEST(without_requests_there_is_a_bucket_and_no_counters),
        TEST(a_reader_goes_on_where_it_was),
        TEST(only_the_last_hour_is_kept_and_less_can_be_asked_for),
        TEST(memory_is_bounded_and_the_oldest_go_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
