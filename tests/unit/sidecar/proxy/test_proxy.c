/* SPDX-License-Identifier: Apache-2.0 */
/* The control side with real lanes on loopback: publishing, acknowledging, counting, draining. What
 * happens to requests is proved in tests/http. */
#include "sidecar/proxy/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/wait.h"

struct fixture {
    struct loop *loop;
    struct proxy *proxy;
    uint64_t serving; /* revision */
    unsigned served;  /* events */
    uint64_t lacking; /* revision */
    unsigned complaints;
    char why[512];
    unsigned reports;
    struct route_stats sums;
    unsigned clients;
    unsigned drained;
    unsigned cut;
    unsigned probed, answers;
};

static void on_serving(void *ctx, const struct ruleset *set)
{
    struct fixture *f = ctx;

    f->serving = set->revision;
    f->served++;
}

static void on_lacking(void *ctx, const struct ruleset *set, const struct err *why)
{
    struct fixture *f = ctx;

    f->complaints++;
    f->lacking = set->revision;
    str_fmt(f->why, sizeof f->why, "%s", why->msg);
}

static void on_stats(void *ctx, const struct route_stats *stats, size_t count, unsigned clients)
{
    struct fixture *f = ctx;

    f->reports++;
    f->clients = clients;
    for (size_t i = 0; i < count; i++) {
        f->sums.migration = stats[i].migration;
        f->sums.breaker = stats[i].breaker;
        for (int s = 0; s < SYSTEM_COUNT; s++)
            system_stats_merge(&f->sums.system[s], &stats[i].system[s]);
    }
}

static void on_drained(void *ctx, unsigned cut)
{
    struct fixture *f = ctx;

    f->drained++;
    f->cut = cut;
}

static int setup(void **state)
{
    const struct proxy_config config = {.listen = "127.0.0.1:0", .threads = 3};
    const struct proxy_events events = {.on_serving = on_serving,
                                        .on_lacking = on_lacking,
                                        .on_stats = on_stats,
                                        .on_drained = on_drained};
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err = {0};

    *state = f;
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(proxy_new(&config, f->loop, &events, f, &f->proxy, &err), &err);
    proxy_open(f->proxy);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    proxy_free(f->proxy);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

static struct ruleset *make_set(uint64_t revision, const char *host, uint64_t emergency)
{
    struct emergency order = {.epoch = emergency, .active = true};
    struct route r = {
        .migration = {"app"},
        .key = {.source = KEY_RANDOM},
        .breaker = {.errors = 1, .window_ms = 1000, .open_for_ms = 1000, .half_open_requests = 1},
    };
    struct ruleset *set = ruleset_new("0", 1, revision);
    struct err err = {0};

    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        struct route_upstream *u = &r.upstream[s];

        str_fmt(u->endpoint[0].host, sizeof u->endpoint[0].host, "%s", host);
        u->endpoint[0].port = 9; /* discard: nobody listens */
        u->endpoint_count = 1;
        u->connect_timeout_ms = u->response_timeout_ms = 1000;
    }
    assert_ok(ruleset_add(set, &r, STR(""), &err), &err);
    assert_ok(ruleset_finish(set, &err), &err);
    order.migration = r.migration;
    if (emergency > 0)
        ruleset_order(set, &order);
    return set;
}

static int dial(const struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(proxy_port(f->proxy))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(fd, (const struct sockaddr *)&a, sizeof a);
    return fd;
}

/* Send one request and turn the loop until `want` is in the answer. */
static void ask(struct fixture *f, const char *want)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[4096] = "";
    size_t n = 0;
    ssize_t got;
    int fd = dial(f);

    WAIT_FOR(f->loop, send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
    while (!strstr(answer, want)) {
        WAIT_FOR(f->loop, (got = read(fd, answer + n, sizeof answer - 1 - n)) >= 0);
        if (got == 0)
            fail_msg("closed after \"%s\"", answer);
        n += (size_t)got;
    }
    close(fd);
}

static void all_lanes_serve_before_it_is_said(void **state)
{
    struct fixture *f = *state;

    ask(f, "503 Service Unavailable");
    proxy_publish(f->proxy, make_set(7, "127.0.0.1", 0));
    assert_int_equal(f->served, 0); /* never from inside the call */
    WAIT_FOR(f->loop, f->serving == 7);
    for (int i = 0; i < 8; i++)
        ask(f, "no connection to the legacy system");
}

static void only_the_latest_of_many_sets_has_to_be_said(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 1; i <= 5000; i++)
        proxy_publish(f->proxy, make_set(i, "127.0.0.1", 0));
    WAIT_FOR(f->loop, f->serving == 5000);
    assert_in_range(f->served, 1, 5000);
}

static void an_unknown_name_is_told_and_what_can_be_served_is(void **state)
{
    struct fixture *f = *state;

    proxy_publish(f->proxy, make_set(1, "127.0.0.1", 0));
    WAIT_FOR(f->loop, f->serving == 1);
    proxy_publish(f->proxy, make_set(2, "no-such-host.invalid", 0));
    WAIT_FOR(f->loop, f->serving == 2 && f->lacking == 2);
    assert_holds(f->why, "no-such-host.invalid");
    ask(f, "no connection to the legacy system");
}

static void the_first_set_serves_what_resolves(void **state)
{
    struct fixture *f = *state;

    proxy_publish(f->proxy, make_set(1, "no-such-host.invalid", 0));
    WAIT_FOR(f->loop, f->serving == 1 && f->lacking == 1);
    ask(f, "no connection to the legacy system");
    proxy_publish(f->proxy, make_set(2, "no-other-host.invalid", 0));
    WAIT_FOR(f->loop, f->lacking == 2);
    assert_int_equal(f->complaints, 2);
}

static void an_emergency_order_waits_for_no_name(void **state)
{
    struct fixture *f = *state;

    proxy_publish(f->proxy, make_set(2, "no-such-host.invalid", 1));
    WAIT_FOR(f->loop, f->serving == 2);
    proxy_publish(f->proxy, make_set(3, "127.0.0.1", 1));
    WAIT_FOR(f->loop, f->serving == 3);
}

static void reports_come_each_second_with_every_migration(void **state)
{
    struct fixture *f = *state;
    const struct system_stats *legacy = &f->sums.system[SYSTEM_LEGACY];

    proxy_publish(f->proxy, make_set(1, "127.0.0.1", 0));
    WAIT_FOR(f->loop, f->serving == 1);
    for (int i = 0; i < 10; i++)
        ask(f, "502 Bad Gateway");
    WAIT_FOR(f->loop, f->reports >= 2);
    assert_string_equal(f->sums.migration.s, "app");
    assert_int_equal(f->sums.breaker, BREAKER_CLOSED);
    assert_int_equal(legacy->requests, 10);
    assert_int_equal(legacy->errors, 10);
    assert_int_equal(legacy->connect_errors, 10);
    assert_int_equal(legacy->latency.count, 0);
}

static void draining_ends_when_the_last_client_has_gone(void **state)
{
    struct fixture *f = *state;
    int fd;

    proxy_publish(f->proxy, make_set(1, "127.0.0.1", 0));
    ask(f, "502 Bad Gateway");
    fd = dial(f);
    WAIT_FOR(f->loop, f->clients == 1);
    proxy_drain(f->proxy, dur_s(20));
    WAIT_FOR(f->loop, f->drained == 1);
    assert_int_equal(f->cut, 0);
    close(fd);
}

static void on_probed(void *ctx, const struct probe_answer *answer, unsigned count,
                      const struct err *why)
{
    struct fixture *f = ctx;

    f->probed++;
    f->answers = count;
    if (why)
        str_fmt(f->why, sizeof f->why, "%s", why->msg);
    else
        str_fmt(f->why, sizeof f->why, "%s", answer[count - 1].error);
}

static int begin_probe(struct fixture *f, const char *migration, struct err *err)
{
    struct probe probe = {.path = "/"};

    str_fmt(probe.migration.s, sizeof probe.migration.s, "%s", migration);
    return proxy_probe(f->proxy, &probe, on_probed, f, err);
}

static void a_probe_is_answered_when_both_systems_were_asked(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    assert_fails(begin_probe(f, "app", &err), ERR_NOT_FOUND);
    proxy_publish(f->proxy, make_set(1, "127.0.0.1", 0));
    WAIT_FOR(f->loop, f->serving == 1);
    assert_fails(begin_probe(f, "other", &err), ERR_NOT_FOUND);
    assert_ok(begin_probe(f, "app", &err), &err);
    WAIT_FOR(f->loop, f->probed == 1);
    assert_int_equal(f->answers, 2);
    assert_string_equal(f->why, "no connection");
}

/* A listener that takes connections and says nothing. */
static int open_mute(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void a_probe_that_is_under_way_ends_with_the_proxy(void **state)
{
    struct fixture *f = *state;
    struct ruleset *set = make_set(1, "127.0.0.1", 0);
    struct err err = {0};
    uint16_t port;
    int mute = open_mute(&port);

    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        set->entry[0].route.upstream[s].endpoint[0].port = port;
    proxy_publish(f->proxy, set);
    WAIT_FOR(f->loop, f->serving == 1);
    assert_ok(begin_probe(f, "app", &err), &err);
    f->proxy = proxy_free(f->proxy);
    assert_int_equal(f->probed, 1);
    assert_int_equal(f->answers, 0);
    assert_string_equal(f->why, "the node stops");
    close(mute);
}

static void a_bad_listen_address_starts_nothing(void **state UNUSED)
{
    const struct proxy_config config = {.listen = "nowhere"};
    const struct proxy_events events = {0};
    struct proxy *p = NULL;
    struct loop *l;
    struct err err = {0};

    assert_ok(loop_new(clock_system, &l, &err), &err);
    assert_fails(proxy_new(&config, l, &events, NULL, &p, &err), ERR_INVALID);
    assert_null(p);
    loop_free(l);
}

static void a_port_in_use_is_said(void **state)
{
    struct fixture *f = *state;
    const struct proxy_events events = {0};
    struct proxy_config config = {.threads = 2};
    struct proxy *p = NULL;
    struct err err = {0};
    char listen[64];

    str_fmt(listen, sizeof listen, "127.0.0.1:%u", proxy_port(f->proxy));
    config.listen = listen;
    assert_true(proxy_new(&config, f->loop, &events, NULL, &p, &err) < 0);
    assert_holds(err.hint, "another program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_lanes_serve_before_it_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_latest_of_many_sets_has_to_be_said, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_unknown_name_is_told_and_what_can_be_served_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_first_set_serves_what_resolves, setup, teardown),
        cmocka_unit_test_setup_teardown(an_emergency_order_waits_for_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(reports_come_each_second_with_every_migration, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(draining_ends_when_the_last_client_has_gone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_probe_is_answered_when_both_systems_were_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_probe_that_is_under_way_ends_with_the_proxy, setup,
                                        teardown),
        cmocka_unit_test(a_bad_listen_address_starts_nothing),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_said, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
