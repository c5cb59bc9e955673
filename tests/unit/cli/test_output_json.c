/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "cli/change_tell.h"
#include "common/base/atomic_file.h"
#include "fleet.pb-c.h"

#define TEXT_LIMIT (64u << 10)
/* The generated structs take char *. */
#define TEXT(s) ((char[]){s})

static const char *print(const ProtobufCMessage *m, bool pretty, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = cli_message_json(m);

    buf_clear(b);
    assert_true(json_print(j, pretty, b));
    return buf_text(b);
}

static void assert_golden_json(const struct json *j, const char *path)
{
    CLEANUP(buf_deinitp) struct buf now = BUF_INIT(TEXT_LIMIT);
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(TEXT_LIMIT);
    struct err err;

    assert_true(json_print(j, true, &now) && buf_add(&now, "\n", 1));
    assert_ok(file_read(path, &golden, &err), &err);
    assert_string_equal(buf_text(&now), buf_text(&golden));
}

static void assert_golden(const ProtobufCMessage *m, const char *path)
{
    CLEANUP(json_freep) struct json *j = cli_message_json(m);

    assert_golden_json(j, path);
}

/* Every field of a Status and of what is in it, each with a value of its own. */
static void the_names_of_status_are_a_promise(void **state UNUSED)
{
    Switchyard__V1__Status s = SWITCHYARD__V1__STATUS__INIT;
    Switchyard__V1__BreakerStatus breaker = SWITCHYARD__V1__BREAKER_STATUS__INIT;
    Switchyard__V1__Convergence convergence = SWITCHYARD__V1__CONVERGENCE__INIT;
    Switchyard__V1__RollbackRecord rollback = SWITCHYARD__V1__ROLLBACK_RECORD__INIT;
    Switchyard__V1__EmergencyStatus emergency = SWITCHYARD__V1__EMERGENCY_STATUS__INIT;
    Switchyard__V1__GateStatus gate = SWITCHYARD__V1__GATE_STATUS__INIT;
    Switchyard__V1__Check check = SWITCHYARD__V1__CHECK__INIT, *checks[] = {&check};
    Switchyard__V1__StageStatus stage = SWITCHYARD__V1__STAGE_STATUS__INIT, *stages[] = {&stage};
    char *laggards[] = {TEXT("eu-1-node-7")}, *violations[] = {TEXT("errorRate 4.2 % > 1 %")};
    char *quarantined[] = {TEXT("eu-1-node-3")};

    breaker.state = TEXT("half_open");
    breaker.open_nodes = 1;
    convergence.nodes = 3;
    convergence.serving = 2;
    convergence.lagging = 1;
    convergence.laggards = laggards;
    convergence.n_laggards = 1;
    rollback.reason = TEXT("INC-1234");
    rollback.operator_ = TEXT("anna");
    rollback.time = TEXT("2026-11-21T10:07:04.123Z");
    rollback.measured_ms = 41.25;
    rollback.emergency = true;
    rollback.violations = violations;
    rollback.n_violations = 1;
    rollback.state = TEXT("rolled_back");
    rollback.from_stage = TEXT("half");
    rollback.to_stage = TEXT("legacy");
    rollback.detect_ms = 1500;
    rollback.p50_ms = 12.5;
    rollback.p99_ms = 40.75;
    rollback.last_node = TEXT("eu-1-node-9");
    rollback.deadline = TEXT("2026-11-21T10:07:34.123Z");
    emergency.active = true;
    emergency.epoch = 9007199254740993; /* past 2^53: a string, to stay exact */
    emergency.reason = TEXT("INC-1234");
    emergency.operator_ = TEXT("anna");
    emergency.time = TEXT("2026-11-21T10:07:04.082Z");
    gate.verdict = TEXT("hold");
    gate.checks = checks;
    gate.n_checks = 1;
    gate.bake_until = TEXT("2026-11-21T12:00:00.000Z");
    check.name = TEXT("errorRate");
    check.verdict = TEXT("pass");
    check.value = 0.02;
    check.limit = 0.1;
    check.unit = TEXT("%");
    check.text = TEXT("error rate 0.02 %, at most 0.1 %");
    stage.name = TEXT("canary-10");
    stage.weight = 10;
    stage.state = TEXT("next");
    s.migration = TEXT("orders");
    s.stage = TEXT("legacy");
    s.stage_index = 0;
    s.stages = 1;
    s.phase = TEXT("rolled_back");
    s.weight = 12.5;
    s.override = TEXT("none");
    s.breaker = &breaker;
    s.convergence = &convergence;
    s.last_rollback = &rollback;
    s.suggested_next_weight = 10;
    s.suggested_command = TEXT("switchyard rollback orders --clear --reason TEXT");
    s.why = TEXT("every node serves what was rolled back to");
    s.since = TEXT("2026-11-21T10:07:04.123Z");
    s.revision = 812;
    s.emergency = &emergency;
    s.gate = &gate;
    s.plan = stages;
    s.n_plan = 1;
    s.rollbacks_today = 2;
    s.term = 4;
    s.quarantined = quarantined;
    s.n_quarantined = 1;

    assert_golden(&s.base, "tests/golden/status.json");
}

static void the_names_of_coordinators_are_a_promise(void **state UNUSED)
{
    Switchyard__V1__Coordinators all = SWITCHYARD__V1__COORDINATORS__INIT;
    Switchyard__V1__CoordinatorSummary one = SWITCHYARD__V1__COORDINATOR_SUMMARY__INIT,
                                       *list[] = {&one};

    one.name = TEXT("eu-1");
    one.address = TEXT("10.0.0.1:7400");
    one.role = TEXT("leader");
    one.since = TEXT("2026-11-21T10:07:04.123Z");
    one.version = TEXT("0.1.0");
    one.nodes = 34;
    one.reachable = true;
    one.answering = true;
    all.coordinators = list;
    all.n_coordinators = 1;
    all.leader = one.name;
    all.term = 812;
    assert_golden(&all.base, "tests/golden/coordinators.json");
}

static void the_names_of_a_commands_answer_are_a_promise(void **state UNUSED)
{
    Switchyard__V1__CommandResult done = SWITCHYARD__V1__COMMAND_RESULT__INIT;
    Switchyard__V1__Change change = SWITCHYARD__V1__CHANGE__INIT, *changes[] = {&change};
    Switchyard__V1__AwaitResult await = SWITCHYARD__V1__AWAIT_RESULT__INIT;
    Switchyard__V1__Convergence nodes = SWITCHYARD__V1__CONVERGENCE__INIT;
    CLEANUP(json_freep) struct json *j = NULL;
    char *laggards[] = {TEXT("eu-1-node-7")};

    change.migration = TEXT("orders");
    change.summary = TEXT("orders goes to legacy now, by emergency order 3");
    change.from = TEXT("half (50 %), ready");
    change.to = TEXT("legacy, rolling_back");
    change.nodes = 3;
    change.share_affected = 50;
    done.revision = 812;
    done.changes = changes;
    done.n_changes = 1;
    done.unstored_epoch = 3;
    nodes.nodes = 3;
    nodes.serving = 2;
    nodes.lagging = 1;
    nodes.laggards = laggards;
    nodes.n_laggards = 1;
    await.convergence = &nodes;
    await.measured_ms = -1;
    await.p50_ms = 12.5;
    await.p99_ms = 40.75;
    await.last_node = TEXT("eu-1-node-9");
    j = change_json(&done, &await);
    assert_golden_json(j, "tests/golden/command.json");
}

static void defaults_are_shown_and_absent_messages_are_null(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    Switchyard__V1__Stats s = SWITCHYARD__V1__STATS__INIT;
    Switchyard__V1__Plans none = SWITCHYARD__V1__PLANS__INIT;

    assert_string_equal(print(&s.base, false, &b),
                        "{\"migration\":\"\",\"legacy\":null,\"new\":null,\"windowS\":0,"
                        "\"shareNew\":0}");
    assert_string_equal(print(&none.base, false, &b), "{\"plans\":[]}");
}

static void numbers_keep_their_value(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    Switchyard__V1__EmergencyOrder o = SWITCHYARD__V1__EMERGENCY_ORDER__INIT;
    Switchyard__V1__Latency l = SWITCHYARD__V1__LATENCY__INIT;
    Switchyard__V1__Histogram h = SWITCHYARD__V1__HISTOGRAM__INIT;
    uint32_t index[] = {0, 4294967295u}, count[] = {7};

    o.epoch = UINT64_MAX;
    o.ordered_at = INT64_MIN;
    assert_holds(print(&o.base, false, &b), "\"epoch\":\"18446744073709551615\"");
    assert_holds(buf_text(&b), "\"orderedAt\":\"-9223372036854775808\"");
    o.ordered_at = -5;
    assert_holds(print(&o.base, false, &b), "\"orderedAt\":-5");
    l.mean = 0.1;
    l.p50 = 1e300;
    assert_holds(print(&l.base, false, &b), "\"mean\":0.1,");
    h.index = index;
    h.n_index = 2;
    h.count = count;
    h.n_count = 1;
    assert_holds(print(&h.base, false, &b), "\"index\":[0,4294967295],\"count\":[7]");
}

static void enums_print_as_words(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    Switchyard__V1__SetOverride o = SWITCHYARD__V1__SET_OVERRIDE__INIT;
    Switchyard__V1__Key k = SWITCHYARD__V1__KEY__INIT;

    o.system = SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY;
    assert_string_equal(print(&o.base, false, &b), "{\"system\":\"legacy\"}");
    o.system = (Switchyard__V1__System)77;
    assert_string_equal(print(&o.base, false, &b), "{\"system\":77}");
    k.source = SWITCHYARD__V1__KEY__SOURCE__SOURCE_PATH_SEGMENT;
    assert_holds(print(&k.base, false, &b), "\"source\":\"path_segment\"");
}

static void of_a_oneof_the_chosen_member_is_shown(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    Switchyard__V1__Promote p = SWITCHYARD__V1__PROMOTE__INIT;

    assert_string_equal(print(&p.base, false, &b), "{}");
    p.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE;
    p.to_stage = 3;
    assert_string_equal(print(&p.base, false, &b), "{\"toStage\":3}");
    p.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME;
    p.to_stage_name = TEXT("half");
    assert_string_equal(print(&p.base, false, &b), "{\"toStageName\":\"half\"}");
}

static void texts_are_escaped_and_bytes_left_out(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);
    Switchyard__V1__Label l = SWITCHYARD__V1__LABEL__INIT;
    Switchyard__V1__Apply a = SWITCHYARD__V1__APPLY__INIT;
    char *hosts[] = {TEXT("a"), TEXT("b")};
    Switchyard__V1__Route r = SWITCHYARD__V1__ROUTE__INIT;

    l.key = TEXT("\"\n");
    l.value = TEXT("\xc3\xa4");
    assert_string_equal(print(&l.base, false, &b), "{\"key\":\"\\\"\\n\",\"value\":\"\xc3\xa4\"}");
    assert_string_equal(print(&a.base, false, &b), "{\"document\":null,\"source\":\"\"}");
    r.hosts = hosts;
    r.n_hosts = 2;
    r.expose_system = true;
    assert_holds(print(&r.base, false, &b), "\"hosts\":[\"a\",\"b\"]");
    assert_holds(buf_text(&b), "\"exposeSystem\":true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_status_are_a_promise),
        cmocka_unit_test(the_names_of_coordinators_are_a_promise),
        cmocka_unit_test(the_names_of_a_commands_answer_are_a_promise),
        cmocka_unit_test(defaults_are_shown_and_absent_messages_are_null),
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(enums_print_as_words),
        cmocka_unit_test(of_a_oneof_the_chosen_member_is_shown),
        cmocka_unit_test(texts_are_escaped_and_bytes_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
