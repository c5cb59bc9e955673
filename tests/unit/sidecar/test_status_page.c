/* SPDX-License-Identifier: Apache-2.0 */
/* Field names are a promise: each is checked as text. */
#include "sidecar/status_page.h"

#include "common/base/json.h"
#include "tests/lib/unit.h"

static struct ruleset *set_of_app(void)
{
    struct ruleset *set = ruleset_new("cafe", 7, 42);
    struct route route = {.migration = {"app"},
                          .salt = "app",
                          .weight_bp = 1250,
                          .override = SYSTEM_LEGACY,
                          .stage = "canary"};

    assert_int_equal(flags_set_text(&route.flags, "color", "\"blue\"", NULL), 0);
    assert_int_equal(flags_set_text(&route.flags, "batch", "12.5", NULL), 0);
    assert_int_equal(ruleset_add(set, &route, STR("app"), NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    return set;
}

/* A node that serves revision 42 since 2026-01-02T03:04:05.678Z. */
static struct agent *serving(bool with_order)
{
    struct agent *a = agent_new(&(struct name){"n1"}, &(struct labels){.count = 0});
    CLEANUP(ruleset_unrefp) struct ruleset *set = set_of_app();
    static struct epochs epochs;
    struct emergency order = {{"app"}, 9, true, "payments \"fail\"", "ann", {1767323045000000000},
                              ""};

    epochs.count = 0;
    if (with_order)
        assert_int_equal(epochs_take(&epochs, &order), EPOCH_NEWER);
    epochs_stamp(&epochs, set);
    agent_restore(a, set, &epochs);
    ruleset_unref(agent_publishable(a));
    agent_serving(a, set, (wall_t){1767323045678000000});
    return a;
}

static void page_is(struct agent *a, const char *disk, const char *want)
{
    CLEANUP(json_freep) struct json *j = status_page("n1", "c1:7400", disk, a);
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    assert_true(json_print(j, false, &text));
    assert_string_equal(buf_text(&text), want);
    agent_free(a);
}

static void an_empty_node_says_so(void **state UNUSED)
{
    page_is(agent_new(&(struct name){"n1"}, &(struct labels){.count = 0}), "",
            "{\"node\":\"n1\",\"state\":\"empty\",\"revision\":0,\"term\":0,\"servingSince\":\"\","
            "\"coordinator\":\"c1:7400\",\"disk\":null,\"routes\":[]}");
}

static void what_is_served_stands_there(void **state UNUSED)
{
    page_is(serving(false), "",
            "{\"node\":\"n1\",\"state\":\"stale\",\"revision\":42,\"term\":7,"
            "\"servingSince\":\"2026-01-02T03:04:05.678Z\",\"coordinator\":\"c1:7400\","
            "\"disk\":null,\"routes\":[{\"migration\":\"app\",\"stage\":\"canary\","
            "\"weight\":12.5,\"override\":\"legacy\",\"legacyForbidden\":false,"
            "\"flags\":{\"batch\":12.5,\"color\":\"blue\"},\"emergency\":null}]}");
}

static void an_order_and_a_bad_disk_stand_there(void **state UNUSED)
{
    page_is(serving(true), "the rule set is not kept: no space left",
            "{\"node\":\"n1\",\"state\":\"stale\",\"revision\":42,\"term\":7,"
            "\"servingSince\":\"2026-01-02T03:04:05.678Z\",\"coordinator\":\"c1:7400\","
            "\"disk\":\"the rule set is not kept: no space left\",\"routes\":["
            "{\"migration\":\"app\",\"stage\":\"canary\",\"weight\":12.5,\"override\":\"legacy\","
            "\"legacyForbidden\":false,\"flags\":{\"batch\":12.5,\"color\":\"blue\"},"
            "\"emergency\":{\"epoch\":9,\"reason\":\"payments \\\"fail\\\"\",\"operator\":\"ann\","
            "\"time\":\"2026-01-02T03:04:05.000Z\"}}]}");
}

static void flags_are(struct agent *a, const char *want)
{
    CLEANUP(json_freep) struct json *j = flags_page("n1", a);
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    assert_true(json_print(j, false, &text));
    assert_string_equal(buf_text(&text), want);
}

static void flags_stand_by_migration(void **state UNUSED)
{
    CLEANUP(agent_freep) struct agent *a = serving(true);

    flags_are(a,
              "{\"node\":\"n1\",\"revision\":42,\"stale\":true,\"migrations\":{\"app\":{"
              "\"stage\":\"canary\",\"emergency\":true,\"flags\":{\"batch\":12.5,"
              "\"color\":\"blue\"}}}}");
    agent_connected(a, true);
    flags_are(a,
              "{\"node\":\"n1\",\"revision\":42,\"stale\":false,\"migrations\":{\"app\":{"
              "\"stage\":\"canary\",\"emergency\":true,\"flags\":{\"batch\":12.5,"
              "\"color\":\"blue\"}}}}");
}

static void an_empty_node_has_no_flags(void **state UNUSED)
{
    CLEANUP(agent_freep)
    struct agent *a = agent_new(&(struct name){"n1"}, &(struct labels){.count = 0});

    flags_are(a, "{\"node\":\"n1\",\"revision\":0,\"stale\":true,\"migrations\":{}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_node_says_so),
        cmocka_unit_test(what_is_served_stands_there),
        cmocka_unit_test(an_order_and_a_bad_disk_stand_there),
        cmocka_unit_test(flags_stand_by_migration),
        cmocka_unit_test(an_empty_node_has_no_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
