/* SPDX-License-Identifier: Apache-2.0 */
/* Names under a DNS server that answers as it is told, and often badly. */
#include "sidecar/proxy/names.h"

#include "common/base/mem.h"
#include "tests/lib/dns.h"
#include "tests/lib/wait.h"

struct fixture {
    struct loop *loop;
    struct dns dns;
    struct names *names;
    struct ruleset *set;
    unsigned news, complete;
    char unresolved[ENDPOINT_SIZE], why[TEXT_SIZE];
};

static void on_names(void *ctx, const struct names_news *news)
{
    struct fixture *f = ctx;

    assert_ptr_equal(news->set, f->set);
    f->news++;
    if (!news->complete)
        return;
    f->complete++;
    str_fmt(f->unresolved, sizeof f->unresolved, "%s", news->unresolved ? news->unresolved : "");
    str_fmt(f->why, sizeof f->why, "%s", news->why ? news->why : "");
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err;

    *state = f;
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    dns_start(&f->dns, f->loop);
    f->dns.zone[0] = (struct dns_zone){.name = "one", .first = 1, .count = 1, .ttl = 300};
    f->dns.zone[1] = (struct dns_zone){.name = "two", .first = 2, .count = 1, .ttl = 300};
    assert_ok(names_new(f->loop, f->dns.text, on_names, f, &f->names, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    names_free(f->names);
    ruleset_unref(f->set);
    dns_stop(&f->dns);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

static void keep(struct fixture *f, const char *legacy, const char *new)
{
    struct route r = {.migration = {"app"}, .key = {.source = KEY_RANDOM}};
    const char *host[SYSTEM_COUNT] = {[SYSTEM_LEGACY] = legacy, [SYSTEM_NEW] = new};
    struct err err;

    ruleset_unref(f->set);
    f->set = ruleset_new("store", 1, 1);
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        r.upstream[s].endpoint_count = 1;
        r.upstream[s].endpoint[0].port = 80;
        assert_true(str_copy(str_of(host[s]), r.upstream[s].endpoint[0].host, ENDPOINT_SIZE));
    }
    assert_ok(ruleset_add(f->set, &r, STR("rule"), &err), &err);
    assert_ok(ruleset_finish(f->set, &err), &err);
    names_look_up(f->names, f->set);
}

/* What is not resolved of a set with these two hosts; "": nothing. */
static const char *unresolved_of(struct fixture *f, const char *legacy, const char *new)
{
    unsigned before = f->complete;

    keep(f, legacy, new);
    WAIT_FOR(f->loop, f->complete > before);
    return f->unresolved;
}

static unsigned get(const struct fixture *f, const char *host, struct address *ret)
{
    struct endpoint e = {.port = 80};

    assert_true(str_copy(str_of(host), e.host, sizeof e.host));
    return names_get(f->names, &e, ret);
}

static const char *first_of(const struct fixture *f, const char *host)
{
    static char text[ADDRESS_TEXT_SIZE];
    struct address a[NAMES_ADDRESSES_MAX];

    if (get(f, host, a) == 0)
        return "";
    assert_int_equal(address_port(&a[0]), 80);
    address_text(&a[0], text);
    return text;
}

static void names_have_addresses_of_both_families(void **state)
{
    struct fixture *f = *state;
    struct address a[NAMES_ADDRESSES_MAX];

    f->dns.zone[0].count6 = 2;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
    assert_true(names_has_all(f->names, f->set));
    assert_int_equal(get(f, "one.example", a), 3);
    assert_int_equal(a[0].u.any.sa_family, AF_INET);
    assert_int_equal(a[2].u.any.sa_family, AF_INET6);
    assert_string_equal(first_of(f, "two.example"), "127.0.1.2");
    assert_string_equal(first_of(f, "10.0.0.7"), "10.0.0.7");
    assert_string_equal(first_of(f, "localhost"), "127.0.0.1");
}

static void a_known_name_outlives_its_server(void **state)
{
    static const struct dns_zone faults[] = {
        {.name = "one", .code = 2}, {.name = "one", .code = 3}, {.name = "one", .count = 0}};

    for (unsigned i = 0; i < ARRAY_LEN(faults); i++) {
        struct fixture *f = *state;
        unsigned asked;

        f->dns.zone[0] = (struct dns_zone){.name = "one", .first = 1, .count = 1, .ttl = 0};
        assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
        f->dns.zone[0] = faults[i];
        asked = f->dns.zone[0].asked;
        WAIT_FOR(f->loop, f->dns.zone[0].asked > asked);
        loop_turn(f->loop, dur_ms(20));
        assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
        assert_string_equal(first_of(f, "one.example"), "127.0.1.1");
        teardown(state);
        setup(state);
    }
}

/* The known name fails first; that it has addresses says nothing about the other. */
static void a_name_that_fails_is_told_and_asked_again(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[1].code = 2;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "two.example");
    assert_true(f->why[0]);
    assert_false(names_has_all(f->names, f->set));
    f->dns.zone[1].code = 0;
    WAIT_FOR(f->loop, f->complete == 2);
    assert_string_equal(f->unresolved, "");
    assert_string_equal(first_of(f, "two.example"), "127.0.1.2");
}

static void a_name_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[1].code = 3;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "two.example");
    f->dns.zone[1] = (struct dns_zone){.name = "two", .count = 0};
    teardown(state);
    setup(state);
    f = *state;
    f->dns.zone[1].count = 0;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "two.example");
}

static void a_server_that_is_silent_about_one_name_holds_up_no_other(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0].silent = true;
    f->dns.zone[1].silent6 = true;
    keep(f, "one.example", "two.example");
    WAIT_FOR(f->loop, f->news > 0);
    assert_int_equal(f->complete, 0);
    assert_string_equal(first_of(f, "two.example"), "127.0.1.2");
    assert_string_equal(first_of(f, "one.example"), "");
}

static void an_answer_that_was_cut_is_asked_for_over_tcp(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0].cut = true;
    assert_string_equal(unresolved_of(f, "one.example", "one.example"), "");
    assert_string_equal(first_of(f, "one.example"), "127.0.1.1");
}

/* Nor is silence: both end when the server was asked three times. */
static void an_answer_that_ends_too_early_is_no_answer(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0].silent = true;
    f->dns.zone[1].garbage = true;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "one.example");
    assert_true(f->why[0]);
    assert_string_equal(first_of(f, "two.example"), "");
}

static void addresses_that_change_are_told_at_the_end_of_their_time(void **state)
{
    struct fixture *f = *state;
    uint64_t version;

    f->dns.zone[0].ttl = 0; /* taken as 1 s */
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
    version = names_version(f->names);
    f->dns.zone[0].first = 77;
    WAIT_FOR(f->loop, f->complete == 2);
    assert_true(names_version(f->names) > version);
    assert_string_equal(first_of(f, "one.example"), "127.0.1.77");
}

static void addresses_that_only_turn_round_are_no_news(void **state)
{
    struct fixture *f = *state;
    unsigned asked, news;

    f->dns.zone[0] = (struct dns_zone){.name = "one", .first = 1, .count = 12, .ttl = 0};
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
    asked = f->dns.zone[0].asked;
    news = f->news;
    WAIT_FOR(f->loop, f->dns.zone[0].asked >= asked + 2);
    loop_turn(f->loop, dur_ms(20));
    assert_int_equal(f->news, news);
}

/* They fit into no datagram of 512 bytes, so that the server cuts them. */
static void of_a_hundred_addresses_the_same_sixteen_are_kept(void **state)
{
    struct address first[NAMES_ADDRESSES_MAX], then[NAMES_ADDRESSES_MAX];
    struct fixture *f = *state;
    unsigned asked, news;

    f->dns.zone[0] =
        (struct dns_zone){.name = "one", .first = 1, .count = DNS_ADDRESSES, .ttl = 0, .cut = true};
    assert_string_equal(unresolved_of(f, "one.example", "one.example"), "");
    assert_int_equal(get(f, "one.example", first), NAMES_ADDRESSES_MAX);
    asked = f->dns.zone[0].asked;
    news = f->news;
    WAIT_FOR(f->loop, f->dns.zone[0].asked >= asked + 4);
    loop_turn(f->loop, dur_ms(20));
    assert_int_equal(get(f, "one.example", then), NAMES_ADDRESSES_MAX);
    for (unsigned i = 0; i < NAMES_ADDRESSES_MAX; i++)
        assert_true(address_eq(&first[i], &then[i]));
    assert_int_equal(f->news, news);
}

static void names_that_no_set_uses_are_asked_for_no_more(void **state)
{
    struct fixture *f = *state;
    unsigned asked;

    f->dns.zone[0].ttl = f->dns.zone[1].ttl = 0;
    assert_string_equal(unresolved_of(f, "one.example", "one.example"), "");
    assert_string_equal(unresolved_of(f, "two.example", "two.example"), "");
    asked = f->dns.zone[0].asked;
    f->dns.zone[1].asked = 0;
    WAIT_FOR(f->loop, f->dns.zone[1].asked >= 2);
    assert_int_equal(f->dns.zone[0].asked, asked);
}

static void an_address_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct names *n;
    struct err err;

    assert_int_equal(names_new(f->loop, "nobody", on_names, f, &n, &err), -ERR_INVALID);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_have_addresses_of_both_families),
        TEST(a_known_name_outlives_its_server),
        TEST(a_name_that_fails_is_told_and_asked_again),
        TEST(a_name_that_is_not_there_is_told),
        TEST(a_server_that_is_silent_about_one_name_holds_up_no_other),
        TEST(an_answer_that_was_cut_is_asked_for_over_tcp),
        TEST(an_answer_that_ends_too_early_is_no_answer),
        TEST(addresses_that_change_are_told_at_the_end_of_their_time),
        TEST(addresses_that_only_turn_round_are_no_news),
        TEST(of_a_hundred_addresses_the_same_sixteen_are_kept),
        TEST(names_that_no_set_uses_are_asked_for_no_more),
        TEST(an_address_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
