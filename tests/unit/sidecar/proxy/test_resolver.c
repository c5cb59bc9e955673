/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver by itself: its configuration, /etc/hosts, an end in the middle. */
#include "sidecar/proxy/resolver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/lib/dns.h"
#include "tests/lib/wait.h"

struct fixture {
    struct loop *loop;
    struct dns dns;
    struct resolver *resolver;
    char conf[64];
    unsigned answers;
    struct resolver_answer answer;
};

/* Each time with another time of change, however fast the test is. */
static void write_conf(struct fixture *f, const char *text, time_t changed)
{
    const struct timespec times[2] = {{.tv_sec = changed}, {.tv_sec = changed}};
    FILE *file = fopen(f->conf, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(utimensat(AT_FDCWD, f->conf, times, 0), 0);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err;
    int fd;

    *state = f;
    str_fmt(f->conf, sizeof f->conf, "/tmp/switchyard-resolver-XXXXXX");
    fd = mkstemp(f->conf);
    assert_true(fd >= 0);
    close(fd);
    write_conf(f, "search none.example\n", 1000);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    dns_start(&f->dns, f->loop);
    assert_ok(resolver_new(f->loop, f->conf, f->dns.text, &f->resolver, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    resolver_free(f->resolver);
    dns_stop(&f->dns);
    loop_free(f->loop);
    unlink(f->conf);
    test_free(f);
    return 0;
}

static void on_answer(void *ctx, const struct resolver_answer *answer)
{
    struct fixture *f = ctx;

    f->answer = *answer;
    f->answers++;
}

static enum resolver_outcome ask(struct fixture *f, const char *host)
{
    unsigned before = f->answers;

    resolver_ask(f->resolver, host, RESOLVER_V4, on_answer, f);
    WAIT_FOR(f->loop, f->answers > before);
    return f->answer.outcome;
}

/* The search list shows which configuration is in use. */
static void a_configuration_that_changes_is_read_again(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0] = (struct dns_zone){.name = "web", .domain = "none", .code = 3};
    f->dns.zone[1] =
        (struct dns_zone){.name = "web", .domain = "some", .first = 5, .count = 1, .ttl = 30};
    f->dns.zone[2] = (struct dns_zone){.name = "web", .code = 3};
    assert_int_equal(ask(f, "web"), RESOLVER_FAILED);
    assert_true(f->dns.zone[0].asked > 0);
    write_conf(f, "search some.example\n", 2000);
    assert_int_equal(ask(f, "web"), RESOLVER_FOUND);
    assert_int_equal(f->answer.ttl.ns, dur_s(30).ns);
    unlink(f->conf);
    assert_int_equal(ask(f, "web"), RESOLVER_FAILED);
}

/* They are answered for, all the same, so that they are asked again. */
static void questions_to_the_servers_before_fail(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0] = (struct dns_zone){.name = "slow", .silent = true};
    f->dns.zone[1] = (struct dns_zone){.name = "web", .first = 5, .count = 1, .ttl = 30};
    resolver_ask(f->resolver, "slow.example", RESOLVER_V4, on_answer, f);
    write_conf(f, "search some.example\n", 2000);
    resolver_ask(f->resolver, "web.example", RESOLVER_V4, on_answer, f);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.outcome, RESOLVER_FAILED);
    WAIT_FOR(f->loop, f->answers == 2);
    assert_int_equal(f->answer.outcome, RESOLVER_FOUND);
}

/* The first name of /etc/hosts, whatever machine this is. */
static bool find_host(char name[64])
{
    FILE *hosts = fopen("/etc/hosts", "re");
    char line[512];
    bool found = false;

    while (hosts && !found && fgets(line, sizeof line, hosts))
        found = sscanf(line, "%*[0-9.] %63s", name) == 1;
    if (hosts)
        fclose(hosts);
    return found;
}

static void what_stands_in_hosts_is_asked_of_nobody(void **state)
{
    struct fixture *f = *state;
    char name[64];

    if (!find_host(name))
        skip();
    resolver_ask(f->resolver, name, RESOLVER_V4, on_answer, f);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.outcome, RESOLVER_FOUND);
    resolver_ask(f->resolver, name, RESOLVER_V6, on_answer, f);
    assert_int_equal(f->answers, 2);
}

static void open_questions_end_without_a_call(void **state)
{
    struct fixture *f = *state;

    f->dns.zone[0] = (struct dns_zone){.name = "slow", .silent = true};
    resolver_ask(f->resolver, "slow.example", RESOLVER_V4, on_answer, f);
    resolver_free(f->resolver);
    f->resolver = NULL;
    assert_int_equal(f->answers, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_configuration_that_changes_is_read_again),
        TEST(questions_to_the_servers_before_fail),
        TEST(what_stands_in_hosts_is_asked_of_nobody),
        TEST(open_questions_end_without_a_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
