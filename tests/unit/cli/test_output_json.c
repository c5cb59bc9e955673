/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cli/golden.h"
#include "tests/unit/cli/sample_status.h"

#include "cli/change_tell.h"
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

    assert_true(json_print(j, true, &now) && buf_add(&now, "\n", 1));
    golden_compare(buf_text(&now), path);
}

static void assert_golden(const ProtobufCMessage *m, const char *path)
{
    CLEANUP(json_freep) struct json *j = cli_message_json(m);

    assert_golden_json(j, path);
}

static void the_names_of_status_are_a_promise(void **state UNUSED)
{
    struct sample_status m;

    sample_status(&m);
    assert_golden(&m.s.base, "tests/golden/status.json");
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
    all.leader_unknown = TEXT("the store cannot be reached");
    assert_golden(&all.base, "tests/golden/coordinators.json");
}

static void the_names_of_a_commands_answer_are_a_promise(void **state UNUSED)
{
    Switchyard__V1__CommandResult done = SWITCHYARD__V1__COMMAND_RESULT__INIT;
    Switchyard__V1__Change change = SWITCHYARD__V1__CHANGE__INIT, *changes[] = {&change};
    Switchyard__V1__ClusterChange cluster = SWITCHYARD__V1__CLUSTER_CHANGE__INIT,
                                  *clusters[] = {&cluster};
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
    cluster.cluster = TEXT("eu-1");
    cluster.nodes = 2;
    cluster.share_affected = 50;
    change.clusters = clusters;
    change.n_clusters = 1;
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
                        "\"shareNew\":0,\"mirror\":null,\"overBudget\":0}");
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

    assert_string_equal(print(&p.base, false, &b), "{\"full\":false,\"seen\":null}");
    p.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE;
    p.to_stage = 3;
    assert_string_equal(print(&p.base, false, &b), "{\"toStage\":3,\"full\":false,\"seen\":null}");
    p.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME;
    p.to_stage_name = TEXT("half");
    assert_string_equal(print(&p.base, false, &b),
                        "{\"toStageName\":\"half\",\"full\":false,\"seen\":null}");
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
    assert_string_equal(print(&a.base, false, &b),
                        "{\"document\":null,\"source\":\"\",\"environment\":\"\"}");
    r.hosts = hosts;
    r.n_hosts = 2;
    r.expose_system = true;
    assert_holds(print(&r.base, false, &b), "\"hosts\":[\"a\",\"b\"]");
    assert_holds(buf_text(&b), "\"exposeSystem\":true");
}

int main(int argc, char **argv)
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

    golden_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
