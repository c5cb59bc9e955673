/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/past_answer.h"

#include "common/base/mem.h"
#include "sidecar/control/past_part.h"
#include "tests/lib/unit.h"

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct past *past;
    struct past_answer *answer;
    unsigned room; /* messages that the stream takes */
    unsigned parts, last_parts;
    size_t buckets, stats, largest;
    uint64_t requests;
    uint32_t first_age_ms, last_age_ms;
    char id[NAME_SIZE];
};

static void count_bucket(struct fixture *f, const Switchyard__V1__PastBucket *b)
{
    if (f->buckets++ == 0)
        f->first_age_ms = b->age_ms;
    f->last_age_ms = b->age_ms;
    f->stats += b->n_routes;
    for (size_t i = 0; i < b->n_routes; i++)
        f->requests += b->routes[i]->new_->requests;
}

static bool take(void *ctx, const Switchyard__V1__Past *part)
{
    struct fixture *f = ctx;
    size_t size = switchyard__v1__past__get_packed_size(part);
    size_t stats = f->stats;

    if (f->room == 0)
        return false;
    f->room--;
    f->parts++;
    f->last_parts += !part->more;
    f->largest = size > f->largest ? size : f->largest;
    assert_true(size <= PAST_PART_BYTES_MAX);
    assert_true(part->n_buckets <= PAST_PART_BUCKETS_MAX);
    for (size_t i = 0; i < part->n_buckets; i++)
        count_bucket(f, part->buckets[i]);
    assert_true(f->stats - stats <= PAST_PART_STATS_MAX);
    (void)str_fmt(f->id, sizeof f->id, "%s", part->id);
    return true;
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    clock_fake_init(&f->clock, (wall_t){1});
    assert_ok(loop_new(&f->clock.clock, &f->loop, &err), &err);
    f->past = past_new(8u << 20);
    f->answer = past_answer_new(f->loop, f->past, take, f);
    f->room = 1000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    past_answer_free(f->answer);
    past_free(f->past);
    loop_free(f->loop);
    xfreep(&f);
    return 0;
}

static void pass(struct fixture *f, dur_t d)
{
    clock_fake_advance(&f->clock, d);
    loop_turn(f->loop, dur_ms(0));
}

#define REQUESTS 40ul

/* `seconds` with `routes` that each had so many requests a second, no two of them equally fast. */
static void serve(struct fixture *f, unsigned seconds, unsigned routes)
{
    static const struct position p = {"aaaa", 1, 5};
    struct route_stats *stats = xcalloc(routes + 1, sizeof *stats);

    for (unsigned i = 0; i < routes; i++) {
        struct system_stats *s = &stats[i].system[SYSTEM_NEW];

        str_fmt(stats[i].migration.s, NAME_SIZE, "migration-%u", i);
        s->requests = REQUESTS;
        for (uint64_t n = 0; n < REQUESTS; n++)
            hist_add(&s->latency, 100 * n * n * n);
    }
    while (seconds-- > 0) {
        pass(f, dur_s(1));
        past_add(f->past, loop_now(f->loop), dur_s(1), &p, stats, routes);
    }
    xfreep(&stats);
}

static void want(struct fixture *f, const char *id)
{
    past_answer_want(f->answer, id, dur_s(3600));
    past_answer_work(f->answer);
}

static void a_node_without_a_past_says_so(void **state)
{
    struct fixture *f = *state;

    want(f, "c2-1");
    assert_int_equal(f->last_parts, 1);
    assert_int_equal(f->buckets, 0);
    assert_string_equal(f->id, "c2-1");
}

static void the_past_goes_out_once_and_whole(void **state)
{
    struct fixture *f = *state;

    serve(f, 3500, 3);
    want(f, "a");
    assert_int_equal(f->last_parts, 1);
    assert_int_equal(f->buckets, 350);
    assert_int_equal(f->requests, 3500 * 3 * REQUESTS);
    assert_int_equal(f->last_age_ms, 0);
    assert_int_equal(f->first_age_ms, 3490 * 1000);
    past_answer_work(f->answer);
    assert_int_equal(f->last_parts, 1);
}

static void a_shorter_window_is_answered_with_less(void **state)
{
    struct fixture *f = *state;

    serve(f, 600, 1);
    past_answer_want(f->answer, "a", dur_s(60));
    past_answer_work(f->answer);
    assert_int_equal(f->requests, 70 * REQUESTS); /* a bucket is in or out by its end */
}

static void a_large_past_goes_in_parts(void **state)
{
    struct fixture *f = *state;

    serve(f, 3600, 100);
    want(f, "a");
    assert_true(f->parts > 10);
    assert_int_equal(f->last_parts, 1);
    assert_int_equal(f->requests, 3600 * 100 * REQUESTS);
    assert_true(f->largest > PAST_PART_BYTES_MAX / 2);
}

/* Reports go on between the parts; what they say is in the last part. */
static void a_full_stream_is_waited_for_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;

    serve(f, 1000, 100);
    f->room = 2;
    want(f, "a");
    assert_int_equal(f->parts, 2);
    serve(f, 5, 100);
    f->room = 1000;
    past_answer_work(f->answer);
    assert_int_equal(f->last_parts, 1);
    assert_int_equal(f->requests, 1005 * 100 * REQUESTS);
}

static void an_ended_stream_is_owed_nothing(void **state)
{
    struct fixture *f = *state;

    serve(f, 10, 1);
    f->room = 0;
    want(f, "a");
    past_answer_forget(f->answer);
    f->room = 1000;
    past_answer_work(f->answer);
    assert_int_equal(f->parts, 0);
    want(f, "b");
    assert_string_equal(f->id, "b");
}

static void asking_often_does_not_help(void **state)
{
    struct fixture *f = *state;

    serve(f, 100, 1);
    for (unsigned i = 0; i < 100; i++)
        want(f, "a");
    assert_int_equal(f->last_parts, 8);
    pass(f, dur_s(2));
    past_answer_work(f->answer); /* those that waited; the rest was turned away */
    assert_int_equal(f->last_parts, 16);
    pass(f, dur_s(2));
    past_answer_work(f->answer);
    assert_int_equal(f->last_parts, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_without_a_past_says_so),
        TEST(the_past_goes_out_once_and_whole),
        TEST(a_shorter_window_is_answered_with_less),
        TEST(a_large_past_goes_in_parts),
        TEST(a_full_stream_is_waited_for_and_nothing_is_lost),
        TEST(an_ended_stream_is_owed_nothing),
        TEST(asking_often_does_not_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
