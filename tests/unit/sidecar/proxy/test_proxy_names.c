/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy under a DNS server that can be told to fail and to be silent. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/proxy/proxy.h"
#include "tests/lib/dns.h"
#include "tests/lib/wait.h"

struct fixture {
    struct loop *loop;
    struct dns dns;
    struct proxy *proxy;
    int origin; /* a listening socket */
    uint16_t port;
    uint64_t serving;
    unsigned served, complaints;
    char why[512];
};

static void on_serving(void *ctx, const struct ruleset *set)
{
    struct fixture *f = ctx;

    f->serving = set->revision;
    f->served++;
}

static void on_lacking(void *ctx, const struct ruleset *set UNUSED, const struct err *why)
{
    struct fixture *f = ctx;

    f->complaints++;
    str_fmt(f->why, sizeof f->why, "%s", why->msg);
}

static void listen_somewhere(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    socklen_t n = sizeof a;

    f->origin = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->origin, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->origin, 8), 0);
    assert_int_equal(getsockname(f->origin, (struct sockaddr *)&a, &n), 0);
    f->port = ntohs(a.sin_port);
}

enum { SLOW, NEW };
static const char *const names[] = {[SLOW] = "slow", [NEW] = "new", "old", "quick"};

static int setup(void **state)
{
    struct proxy_config config = {.listen = "127.0.0.1:0", .threads = 2};
    const struct proxy_events events = {.on_serving = on_serving, .on_lacking = on_lacking};
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err = {0};

    *state = f;
    listen_somewhere(f);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    dns_start(&f->dns, f->loop);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        f->dns.zone[i] = (struct dns_zone){.name = names[i], .first = 1, .count = 1, .ttl = 300};
    config.resolver = f->dns.text;
    assert_ok(proxy_new(&config, f->loop, &events, f, &f->proxy, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    proxy_free(f->proxy);
    dns_stop(&f->dns);
    loop_free(f->loop);
    close(f->origin);
    test_free(f);
    return 0;
}

static void add_route(const struct fixture *f, struct ruleset *set, const char *migration,
                      const char *host)
{
    struct route r = {.key = {.source = KEY_RANDOM}};

    str_fmt(r.migration.s, sizeof r.migration.s, "%s", migration);
    str_fmt(r.path_prefix, sizeof r.path_prefix, "/%s", migration);
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        struct route_upstream *u = &r.upstream[s];

        str_fmt(u->endpoint[0].host, sizeof u->endpoint[0].host, "%s", host);
        u->endpoint[0].port = f->port;
        u->endpoint_count = 1;
        u->connect_timeout_ms = u->response_timeout_ms = 1000;
    }
    assert_int_equal(ruleset_add(set, &r, STR(""), NULL), 0);
}

/* Routes /a and /b, each to a host. */
static void publish(struct fixture *f, uint64_t revision, const char *a, const char *b)
{
    struct ruleset *set = ruleset_new("0", 1, revision);

    add_route(f, set, "a", a);
    add_route(f, set, "b", b);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    proxy_publish(f->proxy, set);
    if (revision == 1)
        proxy_open(f->proxy);
}

/* Does a request for this path reach the origin? Else it is answered with 502. */
static bool reaches(struct fixture *f, const char *path)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(proxy_port(f->proxy))};
    char text[128];
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), seen = -1;
    ssize_t n = -1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(client, (const struct sockaddr *)&a, sizeof a);
    str_fmt(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    WAIT_FOR(f->loop, send(client, text, strlen(text), MSG_NOSIGNAL) > 0);
    WAIT_FOR(f->loop, (seen = accept(f->origin, NULL, NULL)) >= 0 ||
                          (n = read(client, text, sizeof text)) > 0);
    if (n > 0)
        assert_memory_equal(text, "HTTP/1.1 502", 12);
    if (seen >= 0)
        close(seen);
    close(client);
    return seen >= 0;
}

/* A node that starts again, with names in its rule set. */
static void nobody_is_let_in_before_the_first_set_serves(void **state)
{
    struct fixture *f = *state;

    publish(f, 1, "quick.example", "old.example");
    assert_true(reaches(f, "/a"));
    WAIT_FOR(f->loop, f->serving == 1);
}

static void a_resolver_that_hangs_holds_up_no_other_route(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[SLOW].silent = true;
    publish(f, 1, "quick.example", "slow.example");
    WAIT_FOR(f->loop, f->serving == 1);
    assert_true(reaches(f, "/a"));
    assert_false(reaches(f, "/b"));
    f->dns.zone[SLOW].silent = false;
    WAIT_FOR(f->loop, f->served == 2); /* with the other name, too */
    assert_true(reaches(f, "/b"));
    assert_int_equal(f->complaints, 0);
}

static void a_name_that_does_not_resolve_is_tried_again_until_it_does(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[NEW].code = 3;
    publish(f, 1, "old.example", "new.example");
    WAIT_FOR(f->loop, f->serving == 1 && f->complaints == 1);
    assert_holds(f->why, "new.example");
    assert_true(reaches(f, "/a"));
    assert_false(reaches(f, "/b"));
    f->dns.zone[NEW].code = 0;
    WAIT_FOR(f->loop, f->served == 2);
    assert_true(reaches(f, "/b"));
    assert_int_equal(f->complaints, 1);
}

/* A mistyped name in a plan that is in use. */
static void a_route_that_works_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;

    publish(f, 1, "old.example", "old.example");
    WAIT_FOR(f->loop, f->serving == 1);
    f->dns.zone[NEW].code = 3;
    publish(f, 2, "old.example", "new.example");
    WAIT_FOR(f->loop, f->serving == 2 && f->complaints == 1);
    assert_true(reaches(f, "/b"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_let_in_before_the_first_set_serves),
        TEST(a_resolver_that_hangs_holds_up_no_other_route),
        TEST(a_name_that_does_not_resolve_is_tried_again_until_it_does),
        TEST(a_route_that_works_goes_on_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
