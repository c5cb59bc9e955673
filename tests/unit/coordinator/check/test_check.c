/* SPDX-License-Identifier: Apache-2.0 */
/* Checks against servers that misbehave, and against this machine. */
#include "coordinator/check/check.h"

#include <dirent.h>
#include <stdio.h>

#include "coordinator/check/judge.h"
#include "tests/rude/rude_server.h"
#include "tests/unit/coordinator/check/rig.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static struct rig rig;

static struct plan_check http(const struct rude_server *s)
{
    return (struct plan_check){.kind = PLAN_CHECK_HTTP, .target = rude_url(s, "/health")};
}

/* ---- http ------------------------------------------------------------------------------------ */

static void http_is_judged_by_status_and_content(void **state UNUSED)
{
    CLEANUP(rude_stopp)
    struct rude_server *s = rude_start(RUDE_SAY, "HTTP/1.1 204 Fine\r\nConnection: close\r\n\r\n");
    struct plan_check c = http(s);

    rig_expect(&rig, c, CHECK_PASSED, "status 204");
    assert_true(rig.result[0].has_value);
    assert_int_equal(rig.result[0].value, 204);
    c.status = 200;
    rig_expect(&rig, c, CHECK_FAILED, "status 204; 200 is asked for");
    rude_become(s, RUDE_SAY, "HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
    c.status = 0;
    rig_expect(&rig, c, CHECK_FAILED, "status 302; a 2xx is asked for");
    c.contains = "\"ok\"";
    rude_become(s, RUDE_SAY, OK_HEAD "\r\n{\"state\":\"ok\"}");
    rig_expect(&rig, c, CHECK_PASSED, "status 200");
    rude_become(s, RUDE_SAY, OK_HEAD "\r\n{\"state\":\"bad\"}");
    rig_expect(&rig, c, CHECK_FAILED, "does not contain \"\"ok\"\"");
}

static void http_that_cannot_be_told_is_unknown(void **state UNUSED)
{
    static const struct {
        enum rude_manner manner;
        const char *text;
    } cases[] = {
        {RUDE_SILENT, NULL},          {RUDE_RESET, NULL},          {RUDE_SAY, "nonsense\r\n\r\n"},
        {RUDE_FLOOD, OK_HEAD "\r\n"}, {RUDE_DRIP, OK_HEAD "\r\n"}, {RUDE_DRIP, OK_HEAD "X: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(rude_stopp)
        struct rude_server *s = rude_start(cases[i].manner, cases[i].text);
        struct plan_check c = http(s);

        c.timeout = dur_ms(300);
        rig_expect(&rig, c, CHECK_UNKNOWN, "127.0.0.1");
        assert_true(rig.result[0].took_ms < 5000);
        assert_false(rig.result[0].has_value);
    }
}

/* As with tcp: who is down must be able to roll a migration back. */
static void http_where_nobody_listens_fails(void **state UNUSED)
{
    struct plan_check c = {.kind = PLAN_CHECK_HTTP, .timeout = dur_s(5)};
    char url[64];

    str_fmt(url, sizeof url, "http://127.0.0.1:%u/health", rude_no_port());
    c.target = url;
    rig_expect(&rig, c, CHECK_FAILED, "127.0.0.1");
}

/* ---- tcp, redis ------------------------------------------------------------------------------ */

static void tcp_connects(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_SILENT, NULL);
    struct plan_check c = {.kind = PLAN_CHECK_TCP};
    char target[64];

    c.target = target;
    str_fmt(target, sizeof target, "127.0.0.1:%u", rude_port(s));
    rig_expect(&rig, c, CHECK_PASSED, "takes connections");
    str_fmt(target, sizeof target, "localhost:%u", rude_port(s));
    rig_expect(&rig, c, CHECK_PASSED, "takes connections");
    str_fmt(target, sizeof target, "127.0.0.1:%u", rude_no_port());
    rig_expect(&rig, c, CHECK_FAILED, "the connection is refused");
    str_fmt(target, sizeof target, "nobody.invalid:80");
    c.timeout = dur_s(3);
    rig_expect(&rig, c, CHECK_UNKNOWN, "look up nobody.invalid");
    str_fmt(target, sizeof target, "[::1]");
    rig_expect(&rig, c, CHECK_UNKNOWN, "is not host:port");
}

static void redis_is_understood(void **state UNUSED)
{
    static const struct {
        const char *says;
        enum check_outcome want;
        const char *part;
    } cases[] = {
        {"+PONG\r\n", CHECK_PASSED, "PONG"},
        {"-NOAUTH Authentication required.\r\n", CHECK_UNKNOWN, "Authentication required."},
        {"-DENIED Redis is running in protected mode\r\n", CHECK_UNKNOWN, "protected mode"},
        {"-LOADING Redis is loading\r\n", CHECK_FAILED, "LOADING Redis is loading"},
        {"-ERR unknown command\r\n", CHECK_FAILED, "ERR unknown command"},
        {"HTTP/1.1 400 Bad Request\r\n", CHECK_UNKNOWN, "not answer as Redis does: HTTP/1.1 400"},
        {"", CHECK_UNKNOWN, "closes the connection"},
        {"\x1b[2J\r\n", CHECK_UNKNOWN, "?[2J"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_SAY, cases[i].says);
        struct plan_check c = {.kind = PLAN_CHECK_REDIS};
        char target[64], heard[4096];

        str_fmt(target, sizeof target, "127.0.0.1:%u", rude_port(s));
        c.target = target;
        rig_expect(&rig, c, cases[i].want, cases[i].part);
        assert_string_equal(rude_heard(s, heard), "PING\r\n");
    }
}

static void redis_has_limits(void **state UNUSED)
{
    static const enum rude_manner manners[] = {RUDE_SILENT, RUDE_FLOOD, RUDE_DRIP};

    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        CLEANUP(rude_stopp) struct rude_server *s = rude_start(manners[i], NULL);
        struct plan_check c = {.kind = PLAN_CHECK_REDIS, .timeout = dur_ms(200)};
        char target[64];

        str_fmt(target, sizeof target, "127.0.0.1:%u", rude_port(s));
        c.target = target;
        rig_expect(&rig, c, CHECK_UNKNOWN, "");
        assert_true(rig.result[0].took_ms < 5000);
    }
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

#define VECTOR(result)                                                                            \
    OK_HEAD "\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result \
            "]}}"
#define SAMPLE(value) "{\"metric\":{},\"value\":[1700000000.1,\"" value "\"]}"

static void prometheus_answers_are_judged(void **state UNUSED)
{
    static const struct {
        const char *says;
        enum check_outcome want;
        const char *part;
    } cases[] = {
        {VECTOR(SAMPLE("5")), CHECK_PASSED, "the query gives 5"},
        {VECTOR(SAMPLE("1e+01")), CHECK_PASSED, "the query gives 1e+01"},
        {VECTOR(SAMPLE("11")), CHECK_FAILED, "the query gives 11; at most 10 is asked for"},
        {VECTOR(SAMPLE("-0.5")), CHECK_FAILED, "the query gives -0.5; at least 1 is asked for"},
        {VECTOR(SAMPLE("NaN")), CHECK_UNKNOWN, "gives NaN, which is no number"},
        {VECTOR(SAMPLE("+Inf")), CHECK_UNKNOWN, "gives +Inf, which is no number"},
        {VECTOR(SAMPLE("-Inf")), CHECK_UNKNOWN, "gives -Inf, which is no number"},
        {VECTOR(SAMPLE("many")), CHECK_UNKNOWN, "no number"},
        {VECTOR(SAMPLE("1e999")), CHECK_UNKNOWN, "no number"},
        {VECTOR("{\"metric\":{},\"value\":[1]}"), CHECK_UNKNOWN, "no number"},
        {VECTOR("7"), CHECK_UNKNOWN, "no number"},
        {VECTOR(""), CHECK_UNKNOWN, "nothing matches"},
        {VECTOR(SAMPLE("5") "," SAMPLE("5")), CHECK_UNKNOWN, "gives 2 values"},
        {OK_HEAD "\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,"
                 "\"5\"]}}",
         CHECK_PASSED, "the query gives 5"},
        {OK_HEAD "\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
         CHECK_UNKNOWN, "no value but a \"matrix\""},
        {OK_HEAD "\r\n{\"status\":\"success\"}", CHECK_UNKNOWN, "no value"},
        {"HTTP/1.1 400 Bad\r\n\r\n{\"status\":\"error\",\"error\":\"parse error\"}", CHECK_UNKNOWN,
         "refuses the query: parse error"},
        {OK_HEAD "\r\n<html>login</html>", CHECK_UNKNOWN, "status 200, and no JSON"},
        {"HTTP/1.1 502 Bad\r\n\r\n", CHECK_UNKNOWN, "status 502, and no JSON"},
        {OK_HEAD "\r\n{}", CHECK_UNKNOWN, "not what Prometheus answers"},
        {OK_HEAD "\r\n[]", CHECK_UNKNOWN, "not what Prometheus answers"},
        {NULL, CHECK_UNKNOWN, "127.0.0.1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(rude_stopp) struct rude_server *s = rude_start(RUDE_SAY, cases[i].says);
        struct plan_check c = {.kind = PLAN_CHECK_PROMETHEUS,
                               .target = rude_url(s, "/prom/"),
                               .query = "a / b + c{d=\"e\"}",
                               .has_min = true,
                               .min = 1,
                               .has_max = true,
                               .max = 10};
        char heard[4096];

        rig_expect(&rig, c, cases[i].want, cases[i].part);
        assert_holds(rude_heard(s, heard),
                     "GET /prom/api/v1/query?query=a%20%2F%20b%20%2B%20c%7Bd%3D%22e%22%7D ");
    }
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static void endpoints_are_counted(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *good = rude_start(RUDE_SAY, OK_HEAD "\r\n");
    CLEANUP(rude_stopp) struct rude_server *silent = rude_start(RUDE_SILENT, NULL);
    struct route_upstream *u = &rig.plan.route.upstream[SYSTEM_NEW];
    struct plan_check c = {
        .kind = PLAN_CHECK_ENDPOINTS, .target = "/health", .timeout = dur_ms(400)};
    char heard[4096];

    u->endpoint_count = 2;
    for (unsigned i = 0; i < 2; i++)
        u->endpoint[i] = (struct endpoint){.host = "127.0.0.1", .port = (uint16_t)rude_port(good)};
    rig_expect(&rig, c, CHECK_PASSED, "2 of 2 endpoints answer /health");
    assert_holds(rude_heard(good, heard), "GET /health HTTP/1.1\r\n");
    u->endpoint[0].port = (uint16_t)rude_port(silent);
    rig_expect(&rig, c, CHECK_FAILED, "1 of 2 endpoints answer /health; not 127.0.0.1:");
    assert_holds(rig.result[0].text, "; at least 2 is asked for");
    c.has_min = true;
    c.min = 1;
    rig_expect(&rig, c, CHECK_PASSED, "1 of 2");
    assert_int_equal(rig.result[0].value, 1);
    rude_become(good, RUDE_SAY, "HTTP/1.1 500 No\r\n\r\n");
    rig_expect(&rig, c, CHECK_FAILED, "(status 500)");
}

/* ---- this machine, and what the loop knows --------------------------------------------------- */

static void disk_and_memory_are_measured(void **state UNUSED)
{
    struct plan_check c = {.kind = PLAN_CHECK_DISK, .target = "/", .has_min = true, .min = 1};

    rig_expect(&rig, c, CHECK_PASSED, " are left");
    c.min = 1e17;
    rig_expect(&rig, c, CHECK_FAILED, "at least ");
    c.target = "/nowhere/at/all";
    rig_expect(&rig, c, CHECK_UNKNOWN, "/nowhere/at/all: No such file");
    c = (struct plan_check){.kind = PLAN_CHECK_MEMORY, .has_min = true, .min = 1 << 20};
    rig_expect(&rig, c, CHECK_PASSED, " are available");
    assert_true(rig.result[0].value > 1 << 20);
    c.min = 1e17;
    rig_expect(&rig, c, CHECK_FAILED, " are available; at least ");
}

static void flags_and_nodes_come_from_the_loop(void **state UNUSED)
{
    struct plan_check c = {
        .kind = PLAN_CHECK_NODES, .target = "cluster=eu", .has_min = true, .min = 3};

    rig_expect(&rig, c, CHECK_PASSED, "3 connected nodes match cluster=eu");
    c.min = 4;
    rig_expect(&rig, c, CHECK_FAILED, "; at least 4 is asked for");
    c.target = "cluster=us";
    rig_expect(&rig, c, CHECK_FAILED, "0 connected nodes");

    rig.plan.flags = (struct flags){.count = 1, .flag = {{.name = "blue", .value = "true"}}};
    c = (struct plan_check){.kind = PLAN_CHECK_FLAGS, .argv = {"blue"}};
    rig_expect(&rig, c, CHECK_PASSED, "has these flags");
    c.argv[1] = "green";
    rig_expect(&rig, c, CHECK_FAILED, "no flag green");
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void all_are_told_in_order_however_long_they_take(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *silent = rude_start(RUDE_SILENT, NULL);
    CLEANUP(rude_stopp) struct rude_server *good = rude_start(RUDE_SAY, OK_HEAD "\r\n");
    struct plan_check c[6];
    unsigned before = rig.told;
    char text[TEXT_SIZE];

    for (unsigned i = 0; i < 6; i++) {
        c[i] = http(i % 2 ? good : silent);
        c[i].timeout = dur_ms(200);
        str_fmt(c[i].name.s, sizeof c[i].name.s, "http-%u", i);
    }
    rig_begin(&rig, c, 6);
    assert_int_equal(rig.told, before); /* not from inside */
    WAIT_FOR(rig.loop, rig.told > before);
    assert_int_equal(rig.count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(rig.result[i].name.s, c[i].name.s);
        assert_int_equal(rig.result[i].outcome, i % 2 ? CHECK_PASSED : CHECK_UNKNOWN);
    }
    assert_int_equal(check_verdict(rig.result, 6, text), CHECK_UNKNOWN);
    assert_holds(text, "http-0: http://127.0.0.1:");
}

static void a_run_that_is_stopped_tells_nothing(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *silent = rude_start(RUDE_SILENT, NULL);
    struct plan_check c[PLAN_CHECKS_MAX];
    mono_t begun = clock_system->mono(clock_system);
    unsigned before = rig.told;

    for (unsigned i = 0; i < PLAN_CHECKS_MAX; i++) {
        c[i] = http(silent);
        c[i].timeout = dur_s(60);
    }
    rig_begin(&rig, c, PLAN_CHECKS_MAX);
    WAIT_FOR(rig.loop, rude_connections(silent) > 0);
    check_stop(rig.run);
    flags_and_nodes_come_from_the_loop(NULL); /* others get their turn at once */
    assert_true(rig.told > before);
    assert_int_equal(rig.count, 1);
    assert_true(mono_sub(clock_system->mono(clock_system), begun).ns < dur_s(10).ns);
}

/* Of this process, by the name that a checker gives them. */
static unsigned check_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;
    struct dirent *e;

    assert_non_null(tasks);
    while ((e = readdir(tasks))) {
        char path[300], name[16] = "";
        FILE *f;

        str_fmt(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        f = fopen(path, "re");
        if (!f)
            continue;
        count += fscanf(f, "%15s", name) == 1 && strcmp(name, "check") == 0;
        fclose(f);
    }
    closedir(tasks);
    return count;
}

/* What nobody uses takes no memory. */
static void threads_are_started_when_they_are_needed(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *silent = rude_start(RUDE_SILENT, NULL);
    CLEANUP(rude_stopp) struct rude_server *good = rude_start(RUDE_SAY, OK_HEAD "\r\n");
    unsigned others = check_threads();
    struct plan_check c[5];
    struct rig lazy;

    rig_open(&lazy, 3, false);
    assert_int_equal(check_threads(), others);
    for (unsigned i = 0; i < 3; i++) {
        rig_expect(&lazy, http(good), CHECK_PASSED, "status 200");
        assert_int_equal(check_threads(), others + 1);
    }
    for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = http(silent);
        c[i].timeout = dur_ms(300);
    }
    rig_begin(&lazy, c, ARRAY_LEN(c));
    assert_int_equal(check_threads(), others + 3);
    WAIT_FOR(lazy.loop, lazy.told == 4);
    assert_int_equal(lazy.count, ARRAY_LEN(c));
    assert_int_equal(check_threads(), others + 3);
    rig_close(&lazy);
    assert_int_equal(check_threads(), others);
}

static void too_many_runs_are_refused(void **state UNUSED)
{
    CLEANUP(rude_stopp) struct rude_server *silent = rude_start(RUDE_SILENT, NULL);
    struct plan_check c = http(silent);
    struct rig full;
    struct err err;

    c.timeout = dur_s(60);
    rig_open(&full, 2, false);
    for (unsigned i = 0; i < CHECK_RUNS_MAX; i++)
        rig_begin(&full, &c, 1);
    assert_fails(check_begin(full.checker, &full.plan, &c, 1, rig_done, &full, &full.run, &err),
                 ERR_EXHAUSTED);
    rig_close(&full); /* ends them all, and tells nobody */
    assert_int_equal(full.told, 0);
}

static void the_verdict_names_failures_first(void **state UNUSED)
{
    struct check_result r[3] = {{.name = {"a"}}, {.name = {"b"}}, {.name = {"c"}}};
    char text[TEXT_SIZE];

    judge_passed(&r[0], "fine");
    assert_int_equal(check_verdict(r, 1, text), CHECK_PASSED);
    assert_string_equal(text, "");
    judge_unknown(&r[1], "who knows");
    assert_int_equal(check_verdict(r, 2, text), CHECK_UNKNOWN);
    assert_string_equal(text, "b: who knows");
    judge_failed(&r[2], "broken\n\x1b%s", "\xc3\xa4\xff");
    assert_int_equal(check_verdict(r, 3, text), CHECK_FAILED);
    assert_string_equal(text, "c: broken ?\xc3\xa4?; b: who knows");
}

static int open_rig(void **state UNUSED)
{
    rig_open(&rig, 4, false);
    return 0;
}

static int close_rig(void **state UNUSED)
{
    rig_close(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_is_judged_by_status_and_content),
        cmocka_unit_test(http_that_cannot_be_told_is_unknown),
        cmocka_unit_test(http_where_nobody_listens_fails),
        cmocka_unit_test(tcp_connects),
        cmocka_unit_test(redis_is_understood),
        cmocka_unit_test(redis_has_limits),
        cmocka_unit_test(prometheus_answers_are_judged),
        cmocka_unit_test(endpoints_are_counted),
        cmocka_unit_test(disk_and_memory_are_measured),
        cmocka_unit_test(flags_and_nodes_come_from_the_loop),
        cmocka_unit_test(all_are_told_in_order_however_long_they_take),
        cmocka_unit_test(a_run_that_is_stopped_tells_nothing),
        cmocka_unit_test(threads_are_started_when_they_are_needed),
        cmocka_unit_test(too_many_runs_are_refused),
        cmocka_unit_test(the_verdict_names_failures_first),
    };

    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
