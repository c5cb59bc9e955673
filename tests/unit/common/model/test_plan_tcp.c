/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that split connections: what goes with them, and what they refuse with its reason. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"

#define TEXT_LIMIT (16u << 10)
#define LEGACY     "{endpoints: [\"tcp://127.0.0.1:1\"]}"
#define NEW        "{endpoints: [\"tcp://127.0.0.1:2\"]}"
#define ROUTING    "{key: client-ip, tcp: {port: 5432}}"
#define STAGES     "[{name: all, weight: 50, bake: 1m, gate: {errorRate: 1%}}]"

/* Every part in a line of its own, from 6 on. */
static int parse(const char *legacy, const char *new_system, const char *routing, const char *rest,
                 const char *stages, struct plan **ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT);

    assert_true(buf_addf(&text,
                         "apiVersion: switchyard/v1\n"
                         "kind: Migration\n"
                         "metadata: {name: db}\n"
                         "spec:\n"
                         "  systems:\n"
                         "    legacy: %s\n"
                         "    new: %s\n"
                         "  routing: %s\n"
                         "  stages: %s\n"
                         "  %s\n",
                         legacy, new_system, routing, stages, rest));
    return plan_parse(buf_view(&text), "p", ret, err);
}

static struct plan *routed(const char *routing)
{
    struct plan *p = NULL;
    struct err err;

    assert_ok(parse(LEGACY, NEW, routing, "", STAGES, &p, &err), &err);
    return p;
}

static void a_port_takes_the_place_of_requests(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = routed(ROUTING);
    const struct route *r = &p->route;
    struct err err;

    assert_int_equal(r->tcp.port, 5432);
    assert_string_equal(r->tcp.address, "");
    assert_int_equal(r->tcp.idle_timeout_ms, 3600000);
    assert_int_equal(r->upstream[SYSTEM_NEW].endpoint[0].scheme, ENDPOINT_TCP);
    assert_int_equal(r->fallback.on, FALLBACK_CONNECT_ERROR);
    assert_int_equal(r->fallback.method_count, 0);
    assert_false(r->expose_system);
    assert_ok(route_check(r, &err), &err);
}

static void an_address_is_kept_in_one_form(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = routed("{key: random, tcp: {port: 1, address: \"0::0:1\", idleTimeout: 2s}}");

    assert_string_equal(p->route.tcp.address, "::1");
    assert_int_equal(p->route.tcp.idle_timeout_ms, 2000);
}

/* The message follows "p:LINE: spec." */
static const struct {
    const char *legacy, *new_system, *routing, *rest, *stages;
    const char *message;
} bad[] = {
    {.routing = "{key: client-ip}",
     .message = "6: spec.systems.legacy.endpoints: tcp:// needs spec.routing.tcp: the port whose "
                "connections are split"},
    {.new_system = "{endpoints: [\"http://a\"]}",
     .message = "7: spec.systems.new.endpoints: routing.tcp splits connections; write "
                "tcp://HOST:PORT, or take it out"},
    {.new_system = "{endpoints: [\"tcp://a\"]}",
     .message = "7: spec.systems.new.endpoints[0]: \"tcp://a\" is not an endpoint: write "
                "http://HOST:PORT, https://HOST:PORT or tcp://HOST:PORT with nothing after it, as "
                "in \"http://127.0.0.1:8000\""},
    {.new_system = "{endpoints: [\"tcp://a:1\", \"http://b\"]}",
     .message = "7: spec.systems.new.endpoints[1]: all endpoints of a system are spoken to alike, "
                "and [0] is written tcp://"},
    {.new_system = "{endpoints: [\"tcp://a:1\"], health: /up}",
     .message = "7: spec.systems.new.health: a tcp:// endpoint has no paths; write health: "
                "connect"},
    {.new_system = "{endpoints: [\"tcp://a:1\"], tls: {}}",
     .message = "7: spec.systems.new.tls: its endpoints are tcp://, and what passes to them is not "
                "looked at; take tls out"},
    {.new_system = "{endpoints: [\"tcp://a:1\"], protocol: h2}",
     .message = "7: spec.systems.new.protocol: is about requests, and routing.tcp splits "
                "connections unseen; take it out"},
    {.new_system = "{endpoints: [\"tcp://a:1\"], responseTimeout: 1s}",
     .message = "7: spec.systems.new.responseTimeout: there is no answer to wait for; "
                "routing.tcp.idleTimeout ends connections on which nothing moves"},
    {.new_system = "{endpoints: [\"tcp://a:1\"], metrics: /metrics}",
     .message = "7: spec.systems.new.metrics: is asked for by HTTP, and the system is tcp://; take "
                "it out"},
    {.routing = "{key: \"header:X-Id\", tcp: {port: 1}}",
     .message = "8: spec.routing.key: connections are told apart by client-ip or random: nothing "
                "else of them is known"},
    {.routing = "{key: random, hosts: [a], tcp: {port: 1}}",
     .message = "8: spec.routing.hosts: a connection names no host, its port decides; take it out"},
    {.routing = "{key: random, path: /a, tcp: {port: 1}}",
     .message = "8: spec.routing.path: a connection has no path, its port decides; take it out"},
    {.routing = "{key: random, fallbackKey: random, tcp: {port: 1}}",
     .message = "8: spec.routing.fallbackKey: every connection has its key; take it out"},
    {.routing = "{key: random, exposeSystem: false, tcp: {port: 1}}",
     .message = "8: spec.routing.exposeSystem: there is no answer that could carry it; take it "
                "out"},
    {.routing = "{key: random, tcp: {}}", .message = "8: spec.routing.tcp: \"port\" is missing"},
    {.routing = "{key: random, tcp: {port: 65536}}",
     .message = "8: spec.routing.tcp.port: 65536 is not a whole number from 1 to 65535"},
    {.routing = "{key: random, tcp: {port: 1, address: db}}",
     .message = "8: spec.routing.tcp.address: \"db\" is not an address, as \"10.0.0.1\" or "
                "\"::1\""},
    {.routing = "{key: random, tcp: {port: 1, idleTimeout: 1ms}}",
     .message = "8: spec.routing.tcp.idleTimeout: \"1ms\" is out of range; it must be from 1s to "
                "30d"},
    {.rest = "fallback: {on: [connect_error, timeout]}",
     .message = "10: spec.fallback.on: a connection fails by connect_error alone: once it stands, "
                "nobody knows what it carries"},
    {.rest = "fallback: {methods: [GET]}",
     .message = "10: spec.fallback.methods: is about requests, and routing.tcp splits connections "
                "unseen; take it out"},
    {.rest = "mirror: {maxPending: 1}",
     .message = "10: spec.mirror: is about requests, and routing.tcp splits connections unseen; "
                "take it out"},
    {.rest = "compare: {sample: 1}",
     .message = "10: spec.compare: is about requests, and routing.tcp splits connections unseen; "
                "take it out"},
    {.rest = "triggers: {checks: [{endpoints: /up, min: 1}]}",
     .message = "10: spec.triggers.checks: endpoints are asked by HTTP, and those of new are "
                "tcp://; check each with tcp: HOST:PORT"},
    {.stages = "[{name: all, weight: 10, mirror: 10}]",
     .message = "9: spec.stages[0].mirror: is about requests, and routing.tcp splits connections "
                "unseen; take it out"},
    {.stages = "[{name: all, weight: 10, ready: [{endpoints: /up, min: 1}]}]",
     .message = "9: spec.stages[0].ready: endpoints are asked by HTTP, and those of new are "
                "tcp://; check each with tcp: HOST:PORT"},
};

static void what_needs_requests_is_refused(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_deinitp) struct buf message = BUF_INIT(TEXT_LIMIT);
        struct plan *p = NULL;
        struct err err = {.msg = ""};
        int r = parse(bad[i].legacy ? bad[i].legacy : LEGACY,
                      bad[i].new_system ? bad[i].new_system : NEW,
                      bad[i].routing ? bad[i].routing : ROUTING, bad[i].rest ? bad[i].rest : "",
                      bad[i].stages ? bad[i].stages : STAGES, &p, &err);

        if (r == 0)
            plan_free(p);
        assert_true(buf_addf(&message, "p:%s", bad[i].message));
        if (strncmp(err.msg, buf_text(&message), message.len) != 0)
            assert_string_equal(err.msg, buf_text(&message));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void a_connect_check_is_for_connections(void **state UNUSED)
{
    struct plan *p = NULL;
    struct err err;

    assert_fails(parse("{endpoints: [\"http://a\"], health: connect}",
                       "{endpoints: [\"http://b\"]}", "{key: random}", "", STAGES, &p, &err),
                 ERR_INVALID);
    assert_string_equal(err.msg,
                        "p:6: spec.systems.legacy.health: connect is for tcp:// "
                        "endpoints; write a path like \"/healthz\"");
    assert_ok(parse(LEGACY, "{endpoints: [\"tcp://b:1\"], health: connect}", ROUTING, "", STAGES,
                    &p, &err),
              &err);
    assert_string_equal(p->route.upstream[SYSTEM_NEW].health_path, ROUTE_HEALTH_CONNECT);
    plan_free(p);
}

static void a_port_belongs_to_one_plan(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *a = routed(ROUTING);
    CLEANUP(plan_freep) struct plan *other = routed("{key: random, tcp: {port: 5433}}");
    CLEANUP(plan_freep)
    struct plan *at = routed("{key: random, tcp: {port: 5432, address: \"::1\"}}");
    CLEANUP(plan_freep)
    struct plan *elsewhere = routed("{key: random, tcp: {port: 5432, address: 10.0.0.1}}");
    CLEANUP(plan_freep)
    struct plan *everywhere = routed("{key: random, tcp: {port: 5432, address: 0.0.0.0}}");
    CLEANUP(plan_freep) struct plan *http = NULL;
    struct err err;

    assert_ok(parse("{endpoints: [\"http://a\"]}", "{endpoints: [\"http://b\"]}", "{key: random}",
                    "", STAGES, &http, &err),
              &err);
    assert_true(plan_overlaps(a, a));
    assert_true(plan_overlaps(a, at)); /* it may be where a node listens */
    assert_true(plan_overlaps(everywhere, elsewhere));
    assert_true(plan_overlaps(at, at));
    assert_false(plan_overlaps(at, elsewhere));
    assert_false(plan_overlaps(a, other));
    assert_false(plan_overlaps(a, http));
    assert_false(plan_overlaps(http, a));
}

static void it_is_told_in_sentences(void **state UNUSED)
{
    static const char told[] =
        "db moves connections from legacy to new in 1 stage.\n"
        "legacy is tcp://127.0.0.1:1: 1s for a connection.\n"
        "new is tcp://127.0.0.1:2: 1s for a connection.\n"
        "Each node asks each of its endpoints for a connection every 5s.\n"
        "It is about connections to port 5432 of each node at ::1, told apart by random.\n"
        "One on which nothing moves for 1h is closed.\n"
        "When new fails (no connection), legacy answers instead, for at most 20 % of the requests "
        "to new.\n";
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    struct plan *p = NULL;
    struct err err;

    assert_ok(parse(LEGACY, "{endpoints: [\"tcp://127.0.0.1:2\"], health: connect}",
                    "{key: random, tcp: {port: 5432, address: \"::1\"}}", "fallback: {budget: 20}",
                    STAGES, &p, &err),
              &err);
    assert_true(plan_explain(p, &b));
    plan_free(p);
    b.data[b.len < sizeof told - 1 ? b.len : sizeof told - 1] = '\0';
    assert_string_equal(b.data, told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_takes_the_place_of_requests),
        cmocka_unit_test(an_address_is_kept_in_one_form),
        cmocka_unit_test(what_needs_requests_is_refused),
        cmocka_unit_test(a_connect_check_is_for_connections),
        cmocka_unit_test(a_port_belongs_to_one_plan),
        cmocka_unit_test(it_is_told_in_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
