/* SPDX-License-Identifier: Apache-2.0 */
/* Mixes that cannot work, and values of the newer fields that are none, are refused with their
 * place and what to write instead. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_rich.h"

static void refuse(struct str text, const char *environment, const char *message)
{
    struct plan *p = NULL;
    struct err err = {.msg = ""};

    if (plan_parse_for(text, "p", environment, &p, &err) == 0)
        plan_free(p);
    assert_string_equal(err.msg, message);
    assert_int_equal(err.code, ERR_INVALID);
}

/* What a stage may not be; the message follows "p:10: spec.stages[0]". Stage 0 stands in line 10 as
 * a flow mapping; stages may follow. */
static const struct {
    const char *stage;
    const char *message;
} stages[] = {
    {"risk: extreme", ".risk: expected one of low, medium, high, critical, not \"extreme\""},
    {"approvers: 9", ".approvers: 9 is not a whole number from 1 to 8"},
    {"approval: none, approvers: 2",
     ".approval: none, and 2 approvers: nobody has to agree, and somebody has to; take one of the "
     "two out"},
    {"backup: maybe", ".backup: expected true or false, not \"maybe\""},
    {"enforce: true",
     ".enforce: legacy is forbidden to all, and 90 % of the keys are on it; enforce needs weight "
     "100"},
    {"objectives: []", ".objectives: the list of objectives is empty; at least 1 is needed"},
    {"objectives: [\"a\\nb\"]", ".objectives[0]: a text here is one line of 1 to 255 bytes"},
    {"objectives: [7]", ".objectives[0]: expected a text, not 7"},
    /* flags */
    {"flags: {discovry: true}", ".flags.discovry: unknown flag; did you mean \"discovery\"?"},
    {"flags: {colour: true}",
     ".flags.colour: unknown flag; declare it in spec.flags, with its default"},
    {"flags: {discovery: 1}",
     ".flags.discovery: 1 is a number, and the flag's default false is true or false"},
    {"flags: {discovery: [1]}",
     ".flags.discovery: flag \"discovery\" is a list: a flag's value is true or false, a number or "
     "a string"},
    {"flags: [discovery]", ".flags: expected a mapping of flags to values, not a list"},
    /* waves */
    {"waves: []", ".waves: the list of waves is empty; at least 1 is needed"},
    {"waves: [{bake: 1m}]", ".waves[0]: \"select\" is missing"},
    {"waves: [{select: eu}]",
     ".waves[0].select: selector \"eu\": label \"eu\" has no value: write key=value, as in "
     "\"cluster=eu-1,zone=a\""},
    {"waves: [{select: a=1}, {select: a=1}]", ".waves[1]: the same nodes as wave [0]"},
    {"waves: [{select: a=1}, {select: \"b=2,a=1\"}]",
     ".waves[1]: it reaches nobody: every node of a=1,b=2 is in wave [0], a=1, already"},
    {"waves: [{select: \"*\"}, {select: a=1}]",
     ".waves[1]: it reaches nobody: every node of a=1 is in wave [0], *, already"},
    {"waves: [{select: a=1}, {select: \"*\", bake: 1m}]",
     ".waves[1].bake: the last wave bakes as the stage; write it as the stage's bake"},
    {"waves: [{select: a=1, mirror: 1}]",
     ".waves[0].mirror: unknown field; known here: select, bake, approval"},
    /* checks */
    {"ready: []", ".ready: the list of checks is empty; at least 1 is needed"},
    {"ready: [7]",
     ".ready[0]: expected a check like {http: \"http://127.0.0.1:8001/health\"}, not 7"},
    {"ready: [{name: x}]",
     ".ready[0]: does not say what to check; one of http, tcp, postgres, redis, prometheus, "
     "command, disk, memory, flags, nodes, endpoints is needed"},
    {"ready: [{htp: \"http://a\"}]", ".ready[0].htp: unknown field; did you mean \"http\"?"},
    {"ready: [{http: \"http://a\", tcp: \"a:1\"}]",
     ".ready[0]: a check is of one kind, not both http and tcp; make it two"},
    {"ready: [{http: a}]",
     ".ready[0].http: \"a\" is not a URL: write it as in \"http://127.0.0.1:8001/health\""},
    {"ready: [{http: \"ftp://a\"}]",
     ".ready[0].http: \"ftp://a\" is not a URL: write it as in \"http://127.0.0.1:8001/health\""},
    {"ready: [{http: \"http://\"}]",
     ".ready[0].http: \"http://\" is not a URL: write it as in \"http://127.0.0.1:8001/health\""},
    {"ready: [{http: \"http://me:secret@a/\"}]",
     ".ready[0].http: a plan is shown and stored, so it holds no user or password; take what "
     "stands before the @ out"},
    {"ready: [{http: \"http://a\", min: 1}]",
     ".ready[0].min: \"min\" means nothing to a http check; take it out"},
    {"ready: [{http: \"http://a\", status: 99}]",
     ".ready[0].status: 99 is not a whole number from 100 to 599"},
    {"ready: [{tcp: \"a\"}]", ".ready[0].tcp: \"a\" is not host:port, as in \"127.0.0.1:6379\""},
    {"ready: [{redis: \"a:0\"}]",
     ".ready[0].redis: \"a:0\" is not host:port, as in \"127.0.0.1:6379\""},
    {"ready: [{redis: \"[::1]\"}]",
     ".ready[0].redis: \"[::1]\" is not host:port, as in \"127.0.0.1:6379\""},
    {"ready: [{postgres: \"host=a password=secret\"}]",
     ".ready[0].postgres: a plan is shown and stored, so it holds no password; put it in the "
     "coordinator's ~/.pgpass"},
    {"ready: [{postgres: \"postgres://me:secret@a/db\"}]",
     ".ready[0].postgres: a plan is shown and stored, so it holds no password; put it in the "
     "coordinator's ~/.pgpass"},
    {"ready: [{postgres: \"postgres://a/db?password=secret\"}]",
     ".ready[0].postgres: a plan is shown and stored, so it holds no password; put it in the "
     "coordinator's ~/.pgpass"},
    {"ready: [{postgres: \"host=a\", max: 1}]",
     ".ready[0]: \"min\" and \"max\" judge the value of a \"query\", and there is none"},
    {"ready: [{postgres: \"host=a\", query: \" \"}]",
     ".ready[0].query: it is empty; take it out, or say what is meant"},
    {"ready: [{prometheus: \"http://a\", min: 1}]",
     ".ready[0]: a prometheus check needs \"query\""},
    {"ready: [{prometheus: \"http://a\", query: up}]",
     ".ready[0]: a prometheus check needs \"min\" or \"max\", or its value would not be judged"},
    {"ready: [{prometheus: \"http://a\", query: up, min: 2, max: 1}]",
     ".ready[0]: \"min\" is over \"max\", so it could never pass"},
    {"ready: [{prometheus: \"http://a\", query: up, min: 10GiB}]",
     ".ready[0].min: expected a number, not \"10GiB\""},
    {"ready: [{command: []}]",
     ".ready[0].command: the list of words is empty; at least 1 is needed"},
    {"ready: [{command: make}]", ".ready[0].command: expected a list of words, not \"make\""},
    {"ready: [{command: [\"\"]}]",
     ".ready[0].command[0]: the first word is the program; it may not be empty"},
    {"ready: [{disk: /, min: much}]",
     ".ready[0].min: \"much\" is not a size; write it as in 512MiB or 10GiB"},
    {"ready: [{disk: /}]", ".ready[0]: a disk check needs \"min\""},
    {"ready: [{disk: tmp, min: 1}]",
     ".ready[0].disk: \"tmp\" is not a path from the root, as \"/var/lib/switchyard\""},
    {"ready: [{memory: free, min: 1}]", ".ready[0].memory: expected available, not \"free\""},
    {"ready: [{nodes: \"*\"}]", ".ready[0]: a nodes check needs \"min\""},
    {"ready: [{endpoints: health, min: 1}]",
     ".ready[0].endpoints: \"health\" is not a path, as in \"/health\""},
    {"ready: [{tcp: \"a:1\", timeout: 1ms}]",
     ".ready[0].timeout: \"1ms\" is out of range; it must be from 100ms to 1h"},
    {"ready: [{tcp: \"a:1\", name: x}, {tcp: \"b:1\", name: x}]",
     ".ready[1]: the name \"x\" stands twice, the first time in [0]"},
    {"ready: [{tcp: \"a:1\", name: X}]",
     ".ready[0].name: \"X\" is not a check name: use 1 to 63 of a-z, 0-9 and '-', a letter or "
     "digit first and last"},
    /* hooks */
    {"before: [{timeout: 1s}]", ".before[0]: does not say what to run; command or scale is needed"},
    {"before: [{command: [a], scale: [b]}]",
     ".before[0]: a hook is a command or a scale, not both; make it two"},
    {"before: [{command: [a], capacity: {tcp: \"a:1\"}}]",
     ".before[0].capacity: \"capacity\" goes with \"scale\"; write scale instead of command"},
    {"before: [{scale: [a], capacity: {disk: /}}]",
     ".before[0].capacity: a disk check needs \"min\""},
    {"after: [{command: [a], name: x}, {command: [b], name: x}]",
     ".after[1]: the name \"x\" stands twice, the first time in [0]"},
    {"after: [{http: \"http://a\"}]",
     ".after[0].http: unknown field; known here: name, command, scale, capacity, timeout"},
    /* gates */
    {"gate: {errorRate: 1%, for: 25h}",
     ".gate.for: \"25h\" is out of range; it must be from 1s to 1d"},
    {"gate: {errorRate: 1%, confidence: 100%}",
     ".gate.confidence: \"100%\" is not a confidence from 50% to 99.9999%; write a percentage with "
     "its sign, as in 0.1% or 5%"},
    {"gate: {errorRate: 1%, noTraffic: {do: hold}}", ".gate.noTraffic: \"after\" is missing"},
    {"gate: {errorRate: 1%, noTraffic: {after: 1m, do: panic}}",
     ".gate.noTraffic.do: expected one of hold, warn, rollback, not \"panic\""},
    {"gate: {p50: 2s, p99: 1s}",
     ".gate.p50: the limit of p50 is over that of p99 and would never say anything; lower it or "
     "take "
     "it out"},
    {"gate: {errorRatio: 0.5}",
     ".gate.errorRatio: 0.5 is not a ratio to legacy; write a number over 1, at most 1000, as in "
     "2.0"},
    {"gate: {restartsPerMinute: often}",
     ".gate.restartsPerMinute: expected a number, not \"often\""},
    {"gate: {checks: [{tcp: a}]}",
     ".gate.checks[0].tcp: \"a\" is not host:port, as in \"127.0.0.1:6379\""},
};

static void a_stage_that_cannot_be_is_refused(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 12), message = BUF_INIT(1 << 10);

        assert_true(buf_addf(&text,
                             RICH_HEAD "  flags: {discovery: false}\n"
                                       "  stages: [{name: one, weight: 10, %s}]\n",
                             stages[i].stage));
        assert_true(buf_addf(&message, "p:10: spec.stages[0]%s", stages[i].message));
        refuse(buf_view(&text), "", buf_text(&message));
        buf_deinit(&text);
        buf_deinit(&message);
    }
}

/* Stages together; in line 9 and on. */
static const struct {
    const char *stages;
    const char *message;
} sequences[] = {
    {"    - {name: a, weight: 100, enforce: true}\n    - {name: b, weight: 100}\n",
     "p:11: spec.stages[1]: \"a\" before it forbids legacy, and this stage would allow it again; "
     "only the last stages may enforce"},
    {"    - {name: a, weight: 100}\n"
     "    - {name: b, weight: 100, enforce: true, waves: [{select: a=1}]}\n",
     "p:11: spec.stages[1].waves: enforce holds for every node at once; put the waves into the "
     "stage before (and 1 more problem)"},
    {"    - {name: a, weight: 10}\n    - {name: b, weight: 10, waves: [{select: a=1}]}\n",
     "p:11: spec.stages[1].waves: the weight is that of \"a\" before it and no flag is switched, "
     "so "
     "the waves would change nothing; take them out"},
    {"    - {name: a, weight: 0, waves: [{select: a=1}]}\n",
     "p:10: spec.stages[0].waves: the weight is that of \"legacy\" before it and no flag is "
     "switched, so the waves would change nothing; take them out"},
};

static void stages_that_do_not_go_together_are_refused(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 12);

        assert_true(buf_addf(&text, RICH_HEAD "  stages:\n%s", sequences[i].stages));
        refuse(buf_view(&text), "", sequences[i].message);
        buf_deinit(&text);
    }
}

/* What follows in `spec`, in line 9. */
static const struct {
    const char *spec;
    const char *message;
} specs[] = {
    {"flags: {9lives: true}",
     "flags.9lives: \"9lives\" is not a flag's name: a letter, then letters, digits, '_', '-' and "
     "'.', 63 at most"},
    {"freeze: []", "freeze: the list of freezes is empty; at least 1 is needed"},
    {"freeze: [{from: Fri, until: \"Mon 08:00\"}]",
     "freeze[0].from: \"Fri\" is not a time; write \"Fri 16:00\" every week or "
     "\"2026-12-20T00:00:00Z\" once, both in UTC"},
    {"freeze: [{from: \"Fri 24:00\", until: \"Mon 08:00\"}]",
     "freeze[0].from: \"Fri 24:00\" is not a time; write \"Fri 16:00\" every week or "
     "\"2026-12-20T00:00:00Z\" once, both in UTC"},
    {"freeze: [{from: \"Fri 16:00\", until: 2026-12-20T00:00:00Z}]",
     "freeze[0]: one end is a day of the week and the other a date; write \"Fri 16:00\" every week "
     "or \"2026-12-20T00:00:00Z\" once, both in UTC"},
    {"freeze: [{from: 2026-12-21T00:00:00Z, until: 2026-12-20T00:00:00Z}]",
     "freeze[0]: it is over before it begins; exchange from and until"},
    {"freeze: [{from: \"Fri 16:00\", until: \"fri 16:00\"}]",
     "freeze[0]: from and until are the same moment, so it never holds"},
    {"freeze: [{from: 2026-02-30T00:00:00Z, until: 2026-12-20T00:00:00Z}]",
     "freeze[0].from: \"2026-02-30T00:00:00Z\" is not a time; write \"Fri 16:00\" every week or "
     "\"2026-12-20T00:00:00Z\" once, both in UTC"},
    {"drill: {within: 1s}", "drill: \"maxAge\" is missing"},
    {"standby: forever",
     "standby: \"forever\" is not a duration; write a number with its unit, as in 250ms, 1.5s, "
     "10m, "
     "2h or 7d"},
    {"standby: {checklist: [a]}", "standby: \"for\" is missing"},
    {"rollback: {resumeWithin: 31d}",
     "rollback.resumeWithin: \"31d\" is out of range; it must be from 1s to 30d"},
    {"mirror: 10", "mirror: expected a mapping, not 10"},
    {"mirror: {methods: []}", "mirror.methods: the list of methods is empty; at least 1 is needed"},
    {"mirror: {methods: [GET, XYZZY]}",
     "mirror.methods[1]: expected one of GET, HEAD, OPTIONS, TRACE, POST, PATCH, PUT, DELETE, not "
     "\"XYZZY\""},
    {"mirror: {methods: [GET, GET]}", "mirror.methods[1]: \"GET\" is given twice"},
    {"mirror: {maxPending: 0}", "mirror.maxPending: 0 is not a whole number from 1 to 65536"},
    {"mirror: {timeout: 0s}", "mirror.timeout: \"0s\" is out of range; it must be from 1ms to 1h"},
    {"mirror: {maxBody: 2MiB}", "mirror.maxBody: \"2MiB\" is too much; at most 1MiB is allowed"},
    {"mirror: {share: 10}",
     "mirror.share: unknown field; known here: methods, maxBody, timeout, maxPending, "
     "maxBytesPerSecond, offAbove"},
    {"compare: 10", "compare: expected a mapping, not 10"},
    {"tenants: {}", "tenants: this version of Switchyard does not enforce it; take it out"},
    {"triggers: {window: 1m, checks: []}",
     "triggers.checks: the list of checks is empty; at least 1 is needed"},
    {"environments: [prod]", "environments: expected a mapping of names to overlays, not a list"},
    {"environments: {Prod: {}}",
     "environments.Prod: \"Prod\" is not a name of an environment: use 1 to 63 of a-z, 0-9 and "
     "'-', a "
     "letter or digit first and last"},
    {"environments: {required: {}}",
     "environments.required: \"required\" is no name; choose another"},
    {"environments: {prod: {bake: 1m}}",
     "environments.prod.bake: unknown field; known here: systems, routing, fallback, breaker, "
     "mirror, compare, flags, triggers, rollback, freeze, drill, standby, environment, "
     "environments, "
     "stages"},
    {"environments: {prod: {triggers: {errorRate: 2}}}",
     "environments.prod.triggers.errorRate: 2 is not a ratio from 0% to 100%; write a percentage "
     "with its sign, as in 0.1% or 5%"},
    {"environments: {prod: {stages: [{name: all}]}}",
     "environments.prod.stages[0]: \"weight\" is missing"},
    {"environments: {prod: {environments: {}}}",
     "environments.prod.environments: an overlay has no environments of its own; take it out"},
    {"environments: {prod: 7}", "environments.prod: expected a mapping, not 7"},
    {"environments: {a: , b: , c: , d: , e: , f: , g: , h: , i: , j: , k: , l: , m: , n: , o: , p: "
     ", q: }",
     "environments: 17 environments; at most 16 are allowed"},
    {"environment: Prod",
     "environment: \"Prod\" is not a name of an environment: use 1 to 63 of a-z, 0-9 and '-', a "
     "letter "
     "or digit first and last"},
};

static void what_is_not_of_a_stage_is_checked_as_well(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 12), message = BUF_INIT(1 << 10);

        assert_true(buf_addf(&text, RICH_HEAD "  %s\n  stages: [{name: all, weight: 100}]\n",
                             specs[i].spec));
        assert_true(buf_addf(&message, "p:9: spec.%s", specs[i].message));
        refuse(buf_view(&text), "", buf_text(&message));
        buf_deinit(&text);
        buf_deinit(&message);
    }
}

static void environments_are_told_by_name(void **state UNUSED)
{
    const char *required = RICH_HEAD
        "  environment: required\n"
        "  environments: {staging: , broken: 7, prod: {triggers: null,\n"
        "    stages: [{name: all, weight: 101}]}}\n"
        "  stages: [{name: all, weight: 100}]\n";
    struct plan *p = NULL;
    struct err err;

    refuse(
        str_of(required), "",
        "p:9: spec.environment: the plan has to be told its environment; add --env NAME with one "
        "of staging, broken, prod");
    refuse(str_of(required), "produktion",
           "p:10: spec.environments: no environment is named \"produktion\"; there are staging, "
           "broken, prod");
    refuse(str_of(required), "prod",
           "p:11: spec.stages[0].weight: 101 is not a weight; write a percentage from 0 to 100, as "
           "in 25 or 12.5%");
    refuse(str_of(required), "broken", "p:10: spec.environments: expected a mapping, not 7");
    assert_ok(plan_parse_for(str_of(required), "p", "staging", &p, &err), &err);
    plan_free(p);
    refuse(STR(RICH_HEAD "  stages: [{name: all, weight: 100}]\n"), "prod",
           "p: spec.environments: environment \"prod\" is asked for, and the plan has none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_that_cannot_be_is_refused),
        cmocka_unit_test(stages_that_do_not_go_together_are_refused),
        cmocka_unit_test(what_is_not_of_a_stage_is_checked_as_well),
        cmocka_unit_test(environments_are_told_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
