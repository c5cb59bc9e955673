/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a plan can be wrong is refused with its place and what to write instead. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_fixture.h"

/* In full_plan, the first `from` becomes `to`; the message follows "orders.yaml:". */
static const struct {
    const char *from;
    const char *to;
    const char *message;
} bad_plans[] = {
    {"apiVersion: switchyard/v1\n", "", "1: \"apiVersion\" is missing"},
    {"switchyard/v1", "switchyard/v2",
     "1: apiVersion: expected switchyard/v1, not \"switchyard/v2\""},
    {"apiVersion", "apiversion", "1: apiversion: unknown field; did you mean \"apiVersion\"?"},
    {"kind: Migration", "kind: Deployment", "2: kind: expected Migration, not \"Deployment\""},
    {"kind: Migration", "kind: [Migration]", "2: kind: expected Migration, not a list"},
    {"kind: Migration", "kind: Migration\nstatus: {}",
     "3: status: unknown field; known here: apiVersion, kind, metadata, spec"},
    {"name: orders", "name: Orders",
     "4: metadata.name: \"Orders\" is not a migration name: use 1 to 63 of a-z, 0-9 and '-', a "
     "letter or digit first and last"},
    {"name: orders", "name: -orders",
     "4: metadata.name: \"-orders\" is not a migration name: use 1 to 63 of a-z, 0-9 and '-', a "
     "letter or digit first and last"},
    {"name: orders", "name: oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo",
     "4: metadata.name: \"oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\" is "
     "not a migration name: use 1 to 63 of a-z, 0-9 and '-', a letter or digit first and last"},
    {"  name: orders\n", "", "3: metadata: \"name\" is missing"},
    {"name: orders", "name: 7", "4: metadata.name: expected a migration name, not 7"},
    {"labels: {team: checkout}", "labels: {team: 7}",
     "5: metadata.labels.team: expected text in quotes, not 7"},
    {"labels: {team: checkout}", "labels: [team]",
     "5: metadata.labels: expected a mapping, not a list"},
    {"labels: {team: checkout}", "labels: {\"te am\": x}",
     "5: metadata.labels.te am: label \"te am\": key and value are up to 63 of a-z, A-Z, 0-9, '-', "
     "'.', '_' and '/'; the key is not empty"},
    {"labels: {team: checkout}", "annotations: {a: b}",
     "5: metadata.annotations: unknown field; known here: name, labels"},
    {"systems:\n", "system:\n", "7: spec.system: unknown field; did you mean \"systems\"?"},
    {"    new:\n      endpoints: [\"http://127.0.0.1:8001\"]\n      responseTimeout: 15s\n", "",
     "7: spec.systems: \"new\" is missing"},
    {"    new:\n", "    next:\n", "11: spec.systems.next: unknown field; did you mean \"new\"?"},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: []",
     "12: spec.systems.new.endpoints: the list of endpoints is empty; at least 1 is needed"},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: http://127.0.0.1:8001",
     "12: spec.systems.new.endpoints: expected a list of endpoints, not \"http://127.0.0.1:8001\""},
    {"connectTimeout: 1s", "health: healthz",
     "10: spec.systems.legacy.health: \"healthz\" is not a path, as in \"/healthz\": start with "
     "'/', "
     "use no space, and stay under 256 bytes"},
    {"connectTimeout: 1s", "health: \"/a b\"",
     "10: spec.systems.legacy.health: \"/a b\" is not a path, as in \"/healthz\": start with '/', "
     "use no space, and stay under 256 bytes"},
    {"connectTimeout: 1s", "healthInterval: 10ms",
     "10: spec.systems.legacy.healthInterval: \"10ms\" is out of range; it must be from 100ms to "
     "1h"},
    {"connectTimeout: 1s", "maxConnections: 0",
     "10: spec.systems.legacy.maxConnections: 0 is not a whole number from 1 to 1000000000"},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: [127.0.0.1:8001]",
     "12: spec.systems.new.endpoints[0]: \"127.0.0.1:8001\" is not an endpoint: write "
     "http://HOST:PORT, https://HOST:PORT or tcp://HOST:PORT with nothing after it, as in "
     "\"http://127.0.0.1:8000\""},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: [\"http://10.0.0.1:70000\"]",
     "12: spec.systems.new.endpoints[0]: \"http://10.0.0.1:70000\" is not an endpoint: write "
     "http://HOST:PORT, https://HOST:PORT or tcp://HOST:PORT with nothing after it, as in "
     "\"http://127.0.0.1:8000\""},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: [\"http://10.0.0.1:80/api\"]",
     "12: spec.systems.new.endpoints[0]: \"http://10.0.0.1:80/api\" is not an endpoint: write "
     "http://HOST:PORT, https://HOST:PORT or tcp://HOST:PORT with nothing after it, as in "
     "\"http://127.0.0.1:8000\""},
    {"endpoints: [\"http://127.0.0.1:8001\"]",
     "endpoints: [\"http://a:1\", \"http://b:1\", \"http://A:1/\"]",
     "12: spec.systems.new.endpoints[2]: the same endpoint as [0]"},
    {"endpoints: [\"http://127.0.0.1:8001\"]",
     "endpoints: [\"http://h0:1\", \"http://h1:1\", \"http://h2:1\", \"http://h3:1\", "
     "\"http://h4:1\", \"http://h5:1\", \"http://h6:1\", \"http://h7:1\", \"http://h8:1\"]",
     "12: spec.systems.new.endpoints: 9 endpoints; at most 8 are allowed"},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: [\"http://127.0.0.1:8000\"]",
     "12: spec.systems.new.endpoints[0]: legacy has the same endpoint; the two systems must "
     "differ"},
    {"endpoints: [\"http://127.0.0.1:8001\"]", "endpoints: [7]",
     "12: spec.systems.new.endpoints[0]: expected an endpoint like \"http://127.0.0.1:8000\", not "
     "7"},
    {"connectTimeout: 1s", "connectTimeout: 1",
     "10: spec.systems.legacy.connectTimeout: 1 is not a duration; write a number with its unit, "
     "as in 250ms, 1.5s, 10m, 2h or 7d"},
    {"connectTimeout: 1s", "connectTimeout: 1 second",
     "10: spec.systems.legacy.connectTimeout: \"1 second\" is not a duration; write a number with "
     "its unit, as in 250ms, 1.5s, 10m, 2h or 7d"},
    {"connectTimeout: 1s", "connectTimeout: 0s",
     "10: spec.systems.legacy.connectTimeout: \"0s\" is out of range; it must be from 1ms to 1m"},
    {"connectTimeout: 1s", "connectTimeout: 2m",
     "10: spec.systems.legacy.connectTimeout: \"2m\" is out of range; it must be from 1ms to 1m"},
    {"connectTimeout: 1s", "connectTimeout: [1s]",
     "10: spec.systems.legacy.connectTimeout: expected a number with its unit, as in 250ms, 1.5s, "
     "10m, 2h or 7d, not a list"},
    {"connectTimeout: 1s", "connectTimeout:",
     "10: spec.systems.legacy.connectTimeout: expected a number with its unit, as in 250ms, 1.5s, "
     "10m, 2h or 7d, not nothing"},
    {"connectTimeout: 1s", "conectTimeout: 1s",
     "10: spec.systems.legacy.conectTimeout: unknown field; did you mean \"connectTimeout\"?"},
    {"    key: \"header:X-User-Id\"\n", "", "14: spec.routing: \"key\" is missing"},
    {"key: \"header:X-User-Id\"", "key: \"header:\"",
     "15: spec.routing.key: \"header:\" is not a key: use header:NAME, cookie:NAME, path:N "
     "(segment 1 to 64), client-ip or random, as in \"header:X-User-Id\""},
    {"key: \"header:X-User-Id\"", "key: \"header:X User\"",
     "15: spec.routing.key: \"header:X User\" is not a key: use header:NAME, cookie:NAME, path:N "
     "(segment 1 to 64), client-ip or random, as in \"header:X-User-Id\""},
    {"key: \"header:X-User-Id\"", "key: user-id",
     "15: spec.routing.key: \"user-id\" is not a key: use header:NAME, cookie:NAME, path:N "
     "(segment 1 to 64), client-ip or random, as in \"header:X-User-Id\""},
    {"key: \"header:X-User-Id\"", "key: path:0",
     "15: spec.routing.key: \"path:0\" is not a key: use header:NAME, cookie:NAME, path:N (segment "
     "1 to 64), client-ip or random, as in \"header:X-User-Id\""},
    {"key: \"header:X-User-Id\"", "key: {header: X-User-Id}",
     "15: spec.routing.key: expected a key like \"header:X-User-Id\", not a mapping"},
    {"fallbackKey: client-ip", "fallbackkey: client-ip",
     "16: spec.routing.fallbackkey: unknown field; did you mean \"fallbackKey\"?"},
    {"salt: pepper", "salt: \"\"", "17: spec.routing.salt: a salt has 1 to 63 bytes"},
    {"hosts: [shop.example.com]", "hosts: [\"shop.example.com:80\"]",
     "18: spec.routing.hosts[0]: \"shop.example.com:80\" is not a host name without port, like "
     "\"shop.example.com\" or \"*.example.com\""},
    {"hosts: [shop.example.com]", "hosts: [shop.example.com, Shop.Example.com]",
     "18: spec.routing.hosts[1]: the same host as [0]"},
    {"path: /api", "path: api",
     "19: spec.routing.path: \"api\" is not a path prefix: start with '/', use no space, '?' or "
     "'#', and stay under 256 bytes"},
    {"path: /api", "path: /api?x=1",
     "19: spec.routing.path: \"/api?x=1\" is not a path prefix: start with '/', use no space, '?' "
     "or '#', and stay under 256 bytes"},
    {"exposeSystem: true", "exposeSystem: yes",
     "20: spec.routing.exposeSystem: expected true or false, not \"yes\""},
    {"on: [connect_error, timeout, 5xx]", "on: [conect_error]",
     "22: spec.fallback.on[0]: expected one of connect_error, timeout, 5xx, not \"conect_error\"; "
     "did you mean \"connect_error\"?"},
    {"on: [connect_error, timeout, 5xx]", "on: 5xx",
     "22: spec.fallback.on: expected a list of conditions, not \"5xx\""},
    {"on: [connect_error, timeout, 5xx]", "on: [5xx, 5xx]",
     "22: spec.fallback.on[1]: \"5xx\" is given twice"},
    {"methods: [GET, HEAD]", "methods: [GET, POST]",
     "23: spec.fallback.methods[1]: expected one of GET, HEAD, OPTIONS, TRACE, not \"POST\""},
    {"methods: [GET, HEAD]", "methods: []",
     "23: spec.fallback.methods: the list of methods is empty; at least 1 is needed"},
    {"methods: [GET, HEAD]", "methods: [GET, GET]",
     "23: spec.fallback.methods[1]: \"GET\" is given twice"},
    {"maxBody: 64KiB", "maxBody: 64K",
     "24: spec.fallback.maxBody: \"64K\" is not a size; write a number of bytes or with a unit, as "
     "in 512, 64KiB or 1MiB"},
    {"maxBody: 64KiB", "maxBody: 2MiB",
     "24: spec.fallback.maxBody: \"2MiB\" is too much; at most 1MiB is allowed"},
    {"errors: 5", "errors: 0",
     "25: spec.breaker: nothing opens this breaker: give errors, errorRate or slow with slowRate, "
     "or mode: off"},
    {"errors: 5", "errors: 2.5",
     "26: spec.breaker.errors: 2.5 is not a whole number from 0 to 1000000000"},
    {"errors: 5", "errors: \"5\"", "26: spec.breaker.errors: expected a whole number, not \"5\""},
    {"halfOpenRequests: 10", "slowRate: 10%",
     "29: spec.breaker.slowRate: needs slow, the time from which answers are slow"},
    {"halfOpenRequests: 10", "mode: asleep",
     "29: spec.breaker.mode: expected one of enforce, watch, off, not \"asleep\""},
    {"halfOpenRequests: 10", "reRamp: 2d",
     "29: spec.breaker.reRamp: \"2d\" is out of range; it must be from 0s to 1d"},
    {"    errorRate: 1%\n    p99", "    errorRate: 1\n    p99",
     "31: spec.triggers.errorRate: 1 is not a ratio from 0% to 100%; write a percentage with its "
     "sign, as in 0.1% or 5%"},
    {"    errorRate: 1%\n    p99", "    errorRate: 101%\n    p99",
     "31: spec.triggers.errorRate: \"101%\" is not a ratio from 0% to 100%; write a percentage "
     "with its sign, as in 0.1% or 5%"},
    {"    errorRate: 1%\n    p99", "    errorRate: 0%\n    p99",
     "31: spec.triggers.errorRate: \"0%\" is out of range; the strictest limit is 0.0001%"},
    {"p99: 500ms", "p99: 500",
     "32: spec.triggers.p99: 500 is not a duration; write a number with its unit, as in 250ms, "
     "1.5s, 10m, 2h or 7d"},
    {"latencyRatio: 2.0", "latencyRatio: 1.0",
     "33: spec.triggers.latencyRatio: 1 is not a ratio to legacy; write a number over 1, at most "
     "1000, as in 2.0"},
    {"latencyRatio: 2.0", "latencyRatio: twice",
     "33: spec.triggers.latencyRatio: \"twice\" is not a ratio to legacy; write a number over 1, "
     "at "
     "most 1000, as in 2.0"},
    {"minRequests: 50", "restartsPerMinute: 0",
     "34: spec.triggers.restartsPerMinute: 0 is not a number from 0.001 to 10000"},
    {"    errorRate: 1%\n    p99: 500ms\n    latencyRatio: 2.0\n", "",
     "30: spec.triggers: needs at least one limit: errorRate, errorRatio, p50, p99, latencyRatio, "
     "restartsPerMinute, criticalDiscrepancies, syncLag or checks"},
    {"rollbackTo: shadow", "rollbackTo: canary-10",
     "36: spec.triggers.rollbackTo: no stage is named \"canary-10\""},
    {"rollbackTo: shadow", "rollbackTo: 4",
     "36: spec.triggers.rollbackTo: 4 is not a stage's number; 0 is legacy, 3 is \"all\""},
    {"rollbackTo: shadow", "rollbackTo: true",
     "36: spec.triggers.rollbackTo: expected a stage's name or number, not true or false"},
    {"deadline: 45s", "deadline: soon",
     "38: spec.rollback.deadline: \"soon\" is not a duration; write a number with its unit, as in "
     "250ms, 1.5s, 10m, 2h or 7d"},
    {"  rollback:\n    deadline: 45s\n", "  tenants: {}\n",
     "37: spec.tenants: this version of Switchyard does not enforce it; take it out"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {ignore: [a.b]}\n",
     "37: spec.compare.ignore[0]: \"a.b\": a path begins with '$', as in "
     "\"$.items[*].price\" or \"$..id\""},
    {"  rollback:\n    deadline: 45s\n", "  compare: {ignore: [$.a, $.a]}\n",
     "37: spec.compare.ignore[1]: \"$.a\" is given twice"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {critical: [7]}\n",
     "37: spec.compare.critical[0]: expected a text, not 7"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {unordered: [status]}\n",
     "37: spec.compare.unordered[0]: \"status\": a path begins with '$', as in "
     "\"$.items[*].price\" or \"$..id\""},
    {"  rollback:\n    deadline: 45s\n", "  compare: {headers: [\"a b\"]}\n",
     "37: spec.compare.headers[0]: \"a b\": that is no name of a field"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {tolerance: {$.a: 0}}\n",
     "37: spec.compare.tolerance.$.a: \"$.a\": a tolerance is a number above 0"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {tolerance: {$.a: near}}\n",
     "37: spec.compare.tolerance.$.a: \"$.a\": a tolerance is a number above 0"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {tolerance: [$.a]}\n",
     "37: spec.compare.tolerance: expected a mapping, not a list"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {maxBody: 2MiB}\n",
     "37: spec.compare.maxBody: \"2MiB\" is too much; at most 1MiB is allowed"},
    {"  rollback:\n    deadline: 45s\n", "  compare: {maxBody: 0}\n",
     "37: spec.compare.maxBody: has to be over 0: bodies are compared, too"},
    {"weight: 10\n", "wieght: 10\n",
     "44: spec.stages[1].wieght: unknown field; did you mean \"weight\"?"},
    {"weight: 10\n", "weight: 10\n      mirror: 101\n",
     "45: spec.stages[1].mirror: 101 is not a weight; write a percentage from 0 to 100, as in 25 "
     "or "
     "12.5%"},
    {"weight: 10\n", "weight: 60\n      mirror: 10\n",
     "45: spec.stages[1].mirror: nothing is copied above weight 50, and the stage has 60; take it "
     "out, or raise spec.mirror.offAbove"},
    {"weight: 10\n", "weight: 100\n      mirror: 10\n",
     "45: spec.stages[1].mirror: copies are of legacy's requests, and at weight 100 it gets none"},
    {"weight: 10\n", "weight: 101\n",
     "44: spec.stages[1].weight: 101 is not a weight; write a percentage from 0 to 100, as in 25 "
     "or 12.5%"},
    {"weight: 10\n", "weight: -1\n",
     "44: spec.stages[1].weight: -1 is not a weight; write a percentage from 0 to 100, as in 25 or "
     "12.5%"},
    {"weight: 10\n", "weight: ten\n",
     "44: spec.stages[1].weight: \"ten\" is not a weight; write a percentage from 0 to 100, as in "
     "25 or 12.5%"},
    {"weight: 100\n", "weight: 5\n",
     "52: spec.stages[2].weight: stages out of order: \"all\" (line 52) has weight 5 after "
     "\"canary\" (line 44) with 10; weights never fall along the stages"},
    {"name: all", "name: shadow",
     "51: spec.stages[2].name: duplicate name \"shadow\", first used in line 40"},
    {"name: all", "name: legacy",
     "51: spec.stages[2].name: \"legacy\" is the name of stage 0, before the first; choose "
     "another"},
    {"name: all", "name: All!",
     "51: spec.stages[2].name: \"All!\" is not a stage name: use 1 to 63 of a-z, 0-9 and '-', a "
     "letter or digit first and last"},
    {"approval: manual", "approval: mannual",
     "45: spec.stages[1].approval: expected one of manual, none, not \"mannual\"; did you mean "
     "\"manual\"?"},
    {"approval: manual", "approval: true",
     "45: spec.stages[1].approval: expected one of manual, none, not true or false"},
    {"        errorRate: 0.1%\n        p99: 100ms\n", "",
     "46: spec.stages[1].gate: needs at least one limit: errorRate, errorRatio, p50, p99, "
     "latencyRatio, "
     "restartsPerMinute, criticalDiscrepancies, syncLag or checks"},
    {"for: 30m", "forr: 30m", "50: spec.stages[1].gate.forr: unknown field; did you mean \"for\"?"},
    {"bake: 10m", "risk: lo",
     "42: spec.stages[0].risk: expected one of low, medium, high, critical, not \"lo\"; did you "
     "mean \"low\"?"},
    {"bake: 10m", "colour: red",
     "42: spec.stages[0].colour: unknown field; known here: name, weight, mirror, risk, bake, "
     "approval, "
     "approvers, gate, flags, waves, ready, before, after, backup, enforce, objectives"},
    {"spec:\n", "spec:\n  owner: me\n",
     "7: spec.owner: unknown field; known here: systems, routing, fallback, breaker, mirror, "
     "compare, "
     "flags, "
     "triggers, rollback, freeze, drill, standby, environment, environments, stages"},
    {"kind: Migration", "kind: Migration\nversion: 1",
     "3: version: unknown field; known here: apiVersion, kind, metadata, spec"},
    {"bake: 10m",
     "\"a\\tbxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxx\": 1",
     "42: spec.stages[0].a?bxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: "
     "unknown field; known here: name, weight, mirror, risk, bake, approval, "
     "approvers, gate, flags, waves, ready, before, after, backup, enforce, objectives"},
    {"bake: 10m", "bake: 1y",
     "42: spec.stages[0].bake: \"1y\" is not a duration; write a number with its unit, as in "
     "250ms, 1.5s, 10m, 2h or 7d"},
    {"bake: 10m", "bake: 10m\n      name: again", "43: the key name stands twice"},
    {"bake: 10m", "bake: &a 10m", "42: the anchor &a is not supported; write the value out"},
    {"bake: 10m", "bake: *a", "42: the alias *a is not supported; write the value out"},
};

static void refuse(struct str text, const char *message)
{
    struct plan *p = NULL;
    struct err err;

    assert_int_equal(plan_parse(text, "orders.yaml", &p, &err), -ERR_INVALID);
    assert_null(p);
    assert_string_equal(err.msg, message);
}

static void each_bad_plan_is_refused_with_place_and_remedy(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_plans); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16), message = BUF_INIT(1 << 10);
        const char *at = strstr(full_plan, bad_plans[i].from);

        assert_non_null(at);
        assert_true(buf_addf(&text, "%.*s%s%s", (int)(at - full_plan), full_plan, bad_plans[i].to,
                             at + strlen(bad_plans[i].from)));
        assert_true(buf_addf(&message, "orders.yaml:%s", bad_plans[i].message));
        refuse(buf_view(&text), buf_text(&message));
        buf_deinit(&message);
    }
}

static void the_first_of_several_problems_is_told_and_the_rest_counted(void **state UNUSED)
{
    refuse(STR("apiVersion: switchyard/v1\n"
               "kind: Migration\n"
               "metadata: {name: Orders}\n"
               "spec: {routing: {}, stages: [], systems: 7, breaker: {error: 1}}\n"),
           "orders.yaml:3: metadata.name: \"Orders\" is not a migration name: use 1 to 63 of a-z, "
           "0-9 and '-', a letter or digit first and last (and 4 more problems)");
}

static void texts_that_are_no_mapping_are_refused(void **state UNUSED)
{
    refuse(STR("hello"), "orders.yaml:1: expected a mapping, not \"hello\"");
    refuse(STR("[]"), "orders.yaml:1: expected a mapping, not a list");
    refuse(STR(""), "orders.yaml: expected a mapping, not nothing");
}

static void invalid_utf8_is_refused_with_line_and_offset(void **state UNUSED)
{
    refuse(STR("kind: x\nfoo: \xff\n"), "orders.yaml:2: invalid UTF-8 at byte 13 (0xff)");
    refuse(STR("\xc0\xaf"), "orders.yaml:1: invalid UTF-8 at byte 0 (0xc0)");
    refuse(STR("\n\n\xed\xa0\x80"), "orders.yaml:3: invalid UTF-8 at byte 2 (0xed)");
}

static void ten_megabytes_are_refused_by_size(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(11 << 20);
    char *p = buf_reserve(&text, 10000000);

    assert_non_null(p);
    memset(p, 'x', 10000000);
    text.len = 10000000;
    refuse(buf_view(&text),
           "orders.yaml: 10000000 bytes are too many; a plan has at most 1024 KiB");
}

static void alias_bombs_and_deep_nesting_are_refused(void **state UNUSED)
{
    char deep[2000];

    refuse(STR("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
           "orders.yaml:1: the anchor &a is not supported; write the value out");
    memset(deep, '[', sizeof deep);
    refuse((struct str){deep, sizeof deep}, "orders.yaml:1: nested deeper than 32 levels");
}

static void more_stages_than_fit_are_refused(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16);
    const char *stages = strstr(full_plan, "    - name: shadow");

    assert_true(buf_add(&text, full_plan, (size_t)(stages - full_plan)));
    for (int i = 0; i <= PLAN_STAGES_MAX; i++)
        assert_true(buf_addf(&text, "    - {name: s%d, weight: 1}\n", i));
    refuse(buf_view(&text), "orders.yaml:39: spec.stages: 33 stages; at most 32 are allowed");
}

static void a_stored_plan_is_refused_without_lines(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *document = NULL;
    struct plan *p = NULL;
    struct err err;

    assert_int_equal(json_parse(STR("{\"apiVersion\": \"switchyard/v1\", \"kind\": \"Migration\", "
                                    "\"metadata\": {\"name\": \"a\"}, \"spec\": 1}"),
                                &document, &err),
                     0);
    assert_int_equal(plan_load(document, &p, &err), -ERR_INVALID);
    assert_string_equal(err.msg, "stored plan: spec: expected a mapping, not 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_plan_is_refused_with_place_and_remedy),
        cmocka_unit_test(the_first_of_several_problems_is_told_and_the_rest_counted),
        cmocka_unit_test(texts_that_are_no_mapping_are_refused),
        cmocka_unit_test(invalid_utf8_is_refused_with_line_and_offset),
        cmocka_unit_test(ten_megabytes_are_refused_by_size),
        cmocka_unit_test(alias_bombs_and_deep_nesting_are_refused),
        cmocka_unit_test(more_stages_than_fit_are_refused),
        cmocka_unit_test(a_stored_plan_is_refused_without_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
