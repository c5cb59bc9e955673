/* SPDX-License-Identifier: Apache-2.0 */
/* The exact bytes of requests, and answers as etcd 3.4.23 writes them. */
#include "tests/lib/unit.h"

#include "common/base/mem.h"
#include "coordinator/store/etcd_json.h"
#include "coordinator/store/store_list.h"

static const struct etcd_space none = {.prefix = {"", 0}};
static const struct etcd_space team = {.prefix = {"/team", 5}};

/* ---- requests -------------------------------------------------------------------------------- */

static void range_names_keys_in_base64(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);
    CLEANUP(buf_deinitp) struct buf after = BUF_INIT(64);
    struct etcd_range r = {.key = STR("/switchyard/v1/a")};

    assert_true(etcd_json_range(&none, &r, &b));
    assert_string_equal(buf_text(&b), "{\"key\":\"L3N3aXRjaHlhcmQvdjEvYQ==\"}");

    buf_clear(&b);
    assert_true(buf_add_str(&after, STR("b")));
    r = (struct etcd_range){
        .key = STR("a"), .prefix = true, .after = &after, .rev = 7, .limit = 5, .keys_only = true};
    assert_true(etcd_json_range(&none, &r, &b));
    assert_string_equal(buf_text(&b),
                        "{\"key\":\"YgA=\",\"range_end\":\"Yg==\",\"revision\":\"7\","
                        "\"limit\":\"5\",\"keys_only\":true}");
}

static void transaction_has_compares_writes_and_reads(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);
    const struct etcd_range range = {.key = STR("r")};
    const struct store_op op[] = {
        {.kind = STORE_COMPARE, .key = STR("a"), .rev = 3},
        {.kind = STORE_COMPARE, .key = STR("b")},
        {.kind = STORE_PUT, .key = STR("a"), .value = STR("v")},
        {.kind = STORE_DELETE, .key = STR("b")},
    };
    const struct etcd_txn txn = {.op = op,
                                 .count = ARRAY_LEN(op),
                                 .on_success = &range,
                                 .on_success_count = 1,
                                 .on_failure = &range,
                                 .on_failure_count = 1,
                                 .lease = 9};

    assert_true(etcd_json_txn(&none, &txn, &b));
    assert_string_equal(
        buf_text(&b),
        "{\"compare\":["
        "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"YQ==\",\"mod_revision\":\"3\"},"
        "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"Yg==\",\"mod_revision\":\"0\"}],"
        "\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"dg==\",\"lease\":\"9\"}},"
        "{\"request_delete_range\":{\"key\":\"Yg==\"}},"
        "{\"request_range\":{\"key\":\"cg==\"}}],"
        "\"failure\":[{\"request_range\":{\"key\":\"cg==\"}}]}");
}

static void small_requests(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);

    assert_true(etcd_json_watch(&team, STR("a"), 12, &b));
    assert_string_equal(buf_text(&b),
                        "{\"create_request\":{\"key\":\"L3RlYW1h\",\"range_end\":"
                        "\"L3RlYW1i\",\"start_revision\":\"12\"}}");
    buf_clear(&b);
    assert_true(etcd_json_authenticate("a\"b", "p\\q", &b));
    assert_string_equal(buf_text(&b), "{\"name\":\"a\\\"b\",\"password\":\"p\\\\q\"}");
    buf_clear(&b);
    assert_true(etcd_json_lease_grant(600, &b));
    assert_string_equal(buf_text(&b), "{\"TTL\":\"600\"}");
    buf_clear(&b);
    assert_true(etcd_json_lease(7, &b));
    assert_string_equal(buf_text(&b), "{\"ID\":\"7\"}");
}

static void requests_past_the_maximum_are_told(void **state UNUSED)
{
    const struct store_op op = {.kind = STORE_PUT, .key = STR("a"), .value = STR("0123456789")};
    const struct etcd_txn txn = {.op = &op, .count = 1};
    const struct etcd_range range = {.key = STR("a"), .prefix = true, .limit = 3};

    for (size_t max = 1; max < 90; max++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(max);
        assert_false(etcd_json_txn(&none, &txn, &b));
    }
    for (size_t max = 1; max < 40; max++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(max);
        assert_false(etcd_json_range(&none, &range, &b));
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void range_answer_gives_our_keys(void **state UNUSED)
{
    /* /team/switchyard/v1/a = x, /somebody = y, /team/switchyard/v1/b = "" */
    static const char text[] =
        "{\"header\":{\"cluster_id\":\"1\",\"member_id\":\"2\",\"revision\":\"40\",\"raft_term\":"
        "\"2\"},\"kvs\":["
        "{\"key\":\"L3RlYW0vc3dpdGNoeWFyZC92MS9h\",\"create_revision\":\"7\",\"mod_revision\":"
        "\"9\",\"version\":\"1\",\"value\":\"eA==\"},"
        "{\"key\":\"L3NvbWVib2R5\",\"mod_revision\":\"8\",\"value\":\"eQ==\"},"
        "{\"key\":\"L3RlYW0vc3dpdGNoeWFyZC92MS9i\",\"mod_revision\":\"10\"}],"
        "\"more\":true,\"count\":\"5\",\"new_field\":{\"any\":[1]}}";
    CLEANUP(etcd_answer_deinit) struct etcd_answer a;
    struct err err;

    etcd_answer_init(&a);
    assert_ok(etcd_json_read(&team, STR(text), &a, &err), &err);
    assert_int_equal(a.rev, 40);
    assert_true(a.more);
    assert_string_equal(buf_text(&a.last), "/team/switchyard/v1/b");
    assert_int_equal(a.kvs.count, 2);
    assert_string_equal(a.kvs.item[0].key, "/switchyard/v1/a");
    assert_string_equal(a.kvs.item[0].value, "x");
    assert_int_equal(a.kvs.item[0].rev, 9);
    assert_string_equal(a.kvs.item[1].value, "");
}

static void txn_answer_gives_all_ranges(void **state UNUSED)
{
    static const char text[] =
        "{\"header\":{\"revision\":\"2\"},\"succeeded\":true,\"responses\":["
        "{\"response_put\":{\"header\":{\"revision\":\"2\"}}},"
        "{\"response_range\":{\"header\":{\"revision\":\"2\"},\"kvs\":[{\"key\":"
        "\"L3N3aXRjaHlhcmQvdjEvYQ==\",\"mod_revision\":\"2\",\"value\":\"YmFy\"}],\"count\":\"1\"}}"
        ","
        "{\"response_range\":{\"header\":{\"revision\":\"2\"}}},"
        "{\"response_delete_range\":{\"header\":{\"revision\":\"2\"},\"deleted\":\"1\"}}]}";
    CLEANUP(etcd_answer_deinit) struct etcd_answer a;
    struct err err;

    etcd_answer_init(&a);
    assert_ok(etcd_json_read(&none, STR(text), &a, &err), &err);
    assert_true(a.succeeded);
    assert_int_equal(a.kvs.count, 1);
    assert_string_equal(a.kvs.item[0].value, "bar");
}

static void lease_and_token_are_read(void **state UNUSED)
{
    CLEANUP(etcd_answer_deinit) struct etcd_answer a;
    struct err err;

    etcd_answer_init(&a);
    assert_ok(etcd_json_read(&none,
                             STR("{\"header\":{},\"ID\":\"2324035519603579915\",\"TTL\":\"600\","
                                 "\"token\":\"abc.9\"}"),
                             &a, &err),
              &err);
    assert_int_equal(a.lease, 2324035519603579915);
    assert_int_equal(a.ttl, 600);
    assert_string_equal(a.token, "abc.9");

    etcd_answer_deinit(&a);
    etcd_answer_init(&a);
    assert_ok(etcd_json_read(&none, STR("{\"result\":{\"header\":{},\"ID\":\"7\"}}"), &a, &err),
              &err);
    assert_true(a.lease == 7 && a.ttl == 0);
}

static void what_etcd_does_not_write_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "7",
        "null",
        "{\"header\":{\"revision\":\"4\"",
        "{\"header\":7}",
        "{\"header\":{\"revision\":\"-4\"}}",
        "{\"header\":{\"revision\":\"99999999999999999999\"}}",
        "{\"header\":{\"revision\":4}}",
        "{\"succeeded\":\"yes\"}",
        "{\"kvs\":{}}",
        "{\"kvs\":[7]}",
        "{\"kvs\":[{\"key\":\"YQ==\"}]}",
        "{\"kvs\":[{\"mod_revision\":\"1\"}]}",
        "{\"kvs\":[{\"key\":\"Y\",\"mod_revision\":\"1\"}]}",
        "{\"kvs\":[{\"key\":\"YQ==\",\"mod_revision\":\"1\",\"value\":\"!\"}]}",
        "{\"more\":true}",
        "{\"responses\":{}}",
        "{\"responses\":[7]}",
        "{\"responses\":[{\"response_range\":7}]}",
        "{\"responses\":[{\"response_range\":{\"kvs\":7}}]}",
        "{\"ID\":\"x\"}",
        "{\"token\":7}",
        "{\"token\":\"a\\r\\nb: c\"}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(etcd_answer_deinit) struct etcd_answer a;
        struct err err;

        etcd_answer_init(&a);
        if (etcd_json_read(&none, str_of(bad[i]), &a, &err) != -ERR_CORRUPT)
            fail_msg("%s was taken", bad[i]);
    }
}

static void refusals_have_a_code_and_a_reason(void **state UNUSED)
{
    struct etcd_refusal r;

    assert_true(etcd_json_read_refusal(
        STR("{\"error\":\"etcdserver: x\",\"message\":\"etcdserver: x\",\"code\":11}"), &r));
    assert_int_equal(r.code, 11);
    assert_string_equal(r.reason, "etcdserver: x");
    assert_true(etcd_json_read_refusal(STR("{\"error\":\"a\\nb\",\"code\":99}"), &r));
    assert_int_equal(r.code, 2);
    assert_string_equal(r.reason, "a b");
    assert_false(etcd_json_read_refusal(STR("{\"code\":1}"), &r));
    assert_false(etcd_json_read_refusal(STR("Not Found"), &r));
}

/* ---- the watch ------------------------------------------------------------------------------- */

static void watch_lines_of_every_kind(void **state UNUSED)
{
    static const char events[] =
        "{\"result\":{\"header\":{\"revision\":\"3\"},\"events\":["
        "{\"kv\":{\"key\":\"L3N3aXRjaHlhcmQvdjEvYg==\",\"mod_revision\":\"2\",\"value\":\"YmFy\"}},"
        "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L3N3aXRjaHlhcmQvdjEvYQ==\",\"mod_revision\":\"3\"}}"
        "]}}";
    struct etcd_watch_line l = {0};
    struct err err;

    assert_ok(etcd_json_read_watch(
                  &none, STR("{\"result\":{\"header\":{\"revision\":\"5\"},\"created\":true}}"), &l,
                  &err),
              &err);
    assert_true(l.created && l.rev == 5 && l.events.count == 0);

    l = (struct etcd_watch_line){0};
    assert_ok(etcd_json_read_watch(&none, STR(events), &l, &err), &err);
    assert_int_equal(l.events.count, 2);
    assert_string_equal(l.events.item[0].key, "/switchyard/v1/b");
    assert_string_equal(l.events.item[0].value, "bar");
    assert_null(l.events.item[1].value);
    assert_int_equal(l.events.item[1].rev, 3);
    etcd_watch_line_deinit(&l);

    l = (struct etcd_watch_line){0};
    assert_ok(
        etcd_json_read_watch(
            &none, STR("{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"4\"}}"),
            &l, &err),
        &err);
    assert_true(l.canceled && l.compacted == 4);

    l = (struct etcd_watch_line){0};
    assert_ok(
        etcd_json_read_watch(
            &none, STR("{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"gone\"}}"), &l,
            &err),
        &err);
    assert_int_equal(l.refusal.code, 14);
    assert_string_equal(l.refusal.reason, "gone");
}

static void bad_watch_lines_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "{",
        "{}",
        "{\"result\":7}",
        "{\"result\":{\"events\":7}}",
        "{\"result\":{\"events\":[7]}}",
        "{\"result\":{\"events\":[{\"type\":\"MOVE\",\"kv\":{}}]}}",
        "{\"result\":{\"events\":[{\"kv\":{\"key\":\"YQ==\"}}]}}",
        "{\"result\":{\"created\":1}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(etcd_watch_line_deinit) struct etcd_watch_line l = {0};

        if (etcd_json_read_watch(&none, str_of(bad[i]), &l, NULL) != -ERR_CORRUPT)
            fail_msg("%s was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_names_keys_in_base64),
        cmocka_unit_test(transaction_has_compares_writes_and_reads),
        cmocka_unit_test(small_requests),
        cmocka_unit_test(requests_past_the_maximum_are_told),
        cmocka_unit_test(range_answer_gives_our_keys),
        cmocka_unit_test(txn_answer_gives_all_ranges),
        cmocka_unit_test(lease_and_token_are_read),
        cmocka_unit_test(what_etcd_does_not_write_is_refused),
        cmocka_unit_test(refusals_have_a_code_and_a_reason),
        cmocka_unit_test(watch_lines_of_every_kind),
        cmocka_unit_test(bad_watch_lines_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
