/* SPDX-License-Identifier: Apache-2.0 */
/* The store in etcd behind a gateway that garbles: each fault is survived, or explained. */
#include "tests/store/store_fixture.h"

#include "common/base/mem.h"
#include "coordinator/store/store_etcd.h"
#include "tests/etcd/etcd_gateway.h"
#include "tests/etcd/etcd_server.h"

static struct etcd_cluster etcd;

struct fixture {
    char space[DIR_SIZE];
    struct etcd_gateway *gateway;
    struct store *store; /* through the gateway */
    struct store *other; /* straight */
    struct buf told;
};

static struct store_etcd_config config_of(const struct fixture *f, const char *endpoints)
{
    return (struct store_etcd_config){
        .endpoints = endpoints,
        .space = f->space,
        .timeout = dur_ms(2000),
        .reread = dur_s(300), /* only when it is asked for */
    };
}

static struct store *open_at(const struct fixture *f, const char *endpoints)
{
    struct store_etcd_config config = config_of(f, endpoints);
    struct store *s;
    struct err err;

    assert_ok(store_etcd_open(&config, &s, &err), &err);
    return s;
}

static int setup(void **state)
{
    static unsigned count;
    struct fixture *f = xnew(struct fixture);

    snprintf(f->space, sizeof f->space, "/faults-%u", count++);
    f->gateway = gateway_start(etcd.member[0].port);
    f->store = open_at(f, gateway_endpoint(f->gateway));
    f->other = open_at(f, etcd.endpoints);
    buf_init(&f->told, 1u << 16);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    store_free(f->other);
    gateway_stop(f->gateway);
    buf_deinit(&f->told);
    free(f);
    return 0;
}

static void assert_says(const struct err *err, const char *words)
{
    if (!strstr(err->msg, words) && !strstr(err->hint, words))
        fail_msg("neither \"%s\" nor \"%s\" says \"%s\"", err->msg, err->hint, words);
}

static int txn(struct store *s, struct store_txn t, struct err *err)
{
    return store_txn(s, &t, NULL, err);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void request_that_got_lost_is_in_doubt_and_not_written(void **state)
{
    struct fixture *f = *state;
    struct err err;

    gateway_arm(f->gateway, GATEWAY_DROP_REQUEST, "txn", 1);
    assert_int_equal(txn(f->store, TXN(PUT(K("a"), STR("1"))), &err), -ERR_UNKNOWN_OUTCOME);
    assert_says(&err, gateway_endpoint(f->gateway));
    assert_absent(f->store, K("a"));
    commit(f->store, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("2"))));
}

static void answer_that_got_lost_is_in_doubt_and_written(void **state)
{
    static const enum gateway_fault faults[] = {GATEWAY_DROP_ANSWER, GATEWAY_CUT_JSON,
                                                GATEWAY_CUT_BODY};
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        char key[64];

        snprintf(key, sizeof key, STORE_ROOT "key-%zu", i);
        gateway_arm(f->gateway, faults[i], "txn", 1);
        assert_int_equal(txn(f->store, TXN(PUT(str_of(key), STR("1"))), &err),
                         -ERR_UNKNOWN_OUTCOME);
        assert_value(f->store, str_of(key), STR("1"));
    }
}

/* curl would send it again over a fresh connection by itself, and the compare would then fail. */
static void lost_answer_is_never_repeated_in_silence(void **state)
{
    struct fixture *f = *state;
    unsigned before;
    struct err err;

    commit(f->store, TXN(PUT(K("a"), STR("1"))));
    before = gateway_requests(f->gateway);
    gateway_arm(f->gateway, GATEWAY_DROP_ANSWER, "txn", 1);
    assert_int_equal(txn(f->store, TXN(COMPARE(K("b"), 0), PUT(K("b"), STR("1"))), &err),
                     -ERR_UNKNOWN_OUTCOME);
    assert_int_equal(gateway_requests(f->gateway), before + 1);
}

/* The trap of timeouts: the transaction arrives after the read that missed it. */
static void transaction_that_is_late_is_fenced_off(void **state)
{
    struct fixture *f = *state;
    struct err err;

    gateway_arm(f->gateway, GATEWAY_HOLD, "txn", 1);
    assert_int_equal(txn(f->store, TXN(PUT(K("a"), STR("late"))), &err), -ERR_UNKNOWN_OUTCOME);
    assert_absent(f->store, K("a"));
    gateway_release(f->gateway);
    assert_absent(f->store, K("a"));
    assert_absent(f->other, K("a"));
    commit(f->store, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("new"))));
}

static void doubt_lasts_until_etcd_can_be_asked(void **state)
{
    struct fixture *f = *state;
    struct store_list l = {0};
    struct err err;

    gateway_arm(f->gateway, GATEWAY_DROP_ANSWER, "txn", 1);
    assert_int_equal(txn(f->store, TXN(PUT(K("a"), STR("1"))), &err), -ERR_UNKNOWN_OUTCOME);
    gateway_arm(f->gateway, GATEWAY_DROP_REQUEST, "", 1);
    assert_int_equal(store_list(f->store, STR(STORE_ROOT), &l, &err), -ERR_UNAVAILABLE);
    assert_says(&err, "settle");
    assert_ok(store_list(f->store, STR(STORE_ROOT), &l, &err), &err);
    assert_int_equal(l.count, 1);
    store_list_deinit(&l);
}

static void transaction_goes_to_another_endpoint_only_when_it_did_not_arrive(void **state)
{
    struct fixture *f = *state;
    char endpoints[600];
    struct store *s;
    struct err err;

    snprintf(endpoints, sizeof endpoints, "http://127.0.0.1:%u,%s", etcd_free_port(),
             gateway_endpoint(f->gateway));
    s = open_at(f, endpoints);
    commit(s, TXN(PUT(K("a"), STR("1"))));
    gateway_arm(f->gateway, GATEWAY_DROP_REQUEST, "txn", 1);
    assert_int_equal(txn(s, TXN(PUT(K("a"), STR("2"))), &err), -ERR_UNKNOWN_OUTCOME);
    store_free(s);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void reads_go_to_another_endpoint_whatever_happens(void **state)
{
    static const enum gateway_fault faults[] = {GATEWAY_DROP_REQUEST, GATEWAY_DROP_ANSWER,
                                                GATEWAY_CUT_JSON,     GATEWAY_CUT_BODY,
                                                GATEWAY_REFUSE,       GATEWAY_BABBLE};
    struct fixture *f = *state;
    char endpoints[600];

    commit(f->store, TXN(PUT(K("a"), STR("1"))));
    gateway_say(f->gateway, "<html>no</html>");
    snprintf(endpoints, sizeof endpoints, "%s,%s", gateway_endpoint(f->gateway), etcd.endpoints);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct store *s = open_at(f, endpoints);

        gateway_arm(f->gateway, faults[i], "", 1);
        assert_value(s, K("a"), STR("1"));
        assert_int_equal(gateway_armed(f->gateway), 0);
        store_free(s);
    }
}

static void bad_answers_are_explained(void **state)
{
    static const struct {
        enum gateway_fault fault;
        const char *text;
        enum err_code code;
        const char *words;
    } rows[] = {
        {GATEWAY_CUT_JSON, "", ERR_UNAVAILABLE, "cannot be read"},
        {GATEWAY_BABBLE, "<html>hello</html>", ERR_UNAVAILABLE, "/version"},
        {GATEWAY_BABBLE, "[]", ERR_UNAVAILABLE, "a list"},
        {GATEWAY_BABBLE, "{\"kvs\":7}", ERR_UNAVAILABLE, "kvs"},
        {GATEWAY_REFUSE, "{\"error\":\"etcdserver: mvcc: database space exceeded\",\"code\":8}",
         ERR_EXHAUSTED, "alarm disarm"},
        {GATEWAY_REFUSE, "{\"error\":\"etcdserver: permission denied\",\"code\":7}", ERR_DENIED,
         "grant-permission"},
        {GATEWAY_REFUSE, "{\"error\":\"etcdserver: user name is empty\",\"code\":3}", ERR_DENIED,
         "--etcd-user"},
        {GATEWAY_REFUSE, "{\"error\":\"etcdserver: request timed out\",\"code\":14}",
         ERR_UNAVAILABLE, "endpoint status"},
        {GATEWAY_REFUSE, "out of order", ERR_UNAVAILABLE, "503"},
    };
    struct fixture *f = *state;
    struct buf b = BUF_INIT(64);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;

        gateway_say(f->gateway, rows[i].text);
        gateway_arm(f->gateway, rows[i].fault, "range", 1);
        assert_int_equal(store_get(f->store, K("a"), &b, NULL, &err), -(int)rows[i].code);
        assert_says(&err, gateway_endpoint(f->gateway));
        assert_says(&err, STORE_ROOT "a");
        assert_says(&err, rows[i].words);
    }
}

static void member_that_goes_back_in_time_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct buf b = BUF_INIT(64);
    struct err err;

    for (int i = 0; i < 3; i++)
        commit(f->store, TXN(PUT(K("a"), STR("1"))));
    gateway_arm(f->gateway, GATEWAY_TIME_TRAVEL, "range", 1);
    assert_int_equal(store_get(f->store, K("a"), &b, NULL, &err), -ERR_UNAVAILABLE);
    assert_says(&err, "back in time");
    assert_value(f->store, K("a"), STR("1"));
}

/* ---- the watch ------------------------------------------------------------------------------- */

static void note(void *ctx, const struct store_list *changes)
{
    struct fixture *f = ctx;

    for (size_t i = 0; i < changes->count; i++)
        buf_addf(&f->told, "%s%s%s ", changes->item[i].key + strlen(STORE_ROOT),
                 changes->item[i].value ? "=" : "-",
                 changes->item[i].value ? changes->item[i].value : "");
}

static void watch(struct fixture *f)
{
    struct err err;

    assert_ok(store_watch(f->store, STR(STORE_ROOT), revision(f->store), note, f, &err), &err);
    commit(f->other, TXN(PUT(K("begin"), STR("1"))));
    while (f->told.len == 0)
        assert_ok(store_poll(f->store, dur_ms(20), &err), &err);
    buf_clear(&f->told);
}

/* Poll until `last` was told; nothing may come after it. */
static void assert_told(struct fixture *f, const char *want)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(10));
    struct err err;

    while (f->told.len < strlen(want) && mono_before(clock_system->mono(clock_system), end))
        assert_ok(store_poll(f->store, dur_ms(20), &err), &err);
    assert_string_equal(buf_text(&f->told), want);
}

static void put_three(struct fixture *f)
{
    commit(f->other, TXN(PUT(K("a"), STR("1"))));
    commit(f->other, TXN(PUT(K("b"), STR("2"))));
    commit(f->other, TXN(DELETE(K("a")), PUT(K("c"), STR("3"))));
}

static void changes_of_others_are_told(void **state)
{
    struct fixture *f = *state;

    watch(f);
    put_three(f);
    commit(f->store, TXN(PUT(K("own"), STR("4"))));
    assert_told(f, "a=1 b=2 a- c=3 own=4 ");
}

static void event_that_comes_twice_is_told_once(void **state)
{
    struct fixture *f = *state;

    watch(f);
    gateway_arm(f->gateway, GATEWAY_DUPLICATE, "watch", 3);
    put_three(f);
    commit(f->other, TXN(PUT(K("end"), STR("1"))));
    assert_told(f, "a=1 b=2 a- c=3 end=1 ");
}

static void event_that_comes_late_is_told_all_the_same(void **state)
{
    struct fixture *f = *state;

    watch(f);
    gateway_arm(f->gateway, GATEWAY_REORDER, "watch", 1);
    commit(f->other, TXN(PUT(K("first"), STR("1"))));
    commit(f->other, TXN(PUT(K("second"), STR("2"))));
    assert_told(f, "second=2 first=1 ");
}

static void stream_that_breaks_is_taken_up_again(void **state)
{
    struct fixture *f = *state;

    watch(f);
    gateway_arm(f->gateway, GATEWAY_CUT_LINE, "watch", 1);
    commit(f->other, TXN(PUT(K("a"), STR("1"))));
    assert_told(f, "a=1 ");
    gateway_end_streams(f->gateway);
    put_three(f);
    commit(f->other, TXN(PUT(K("end"), STR("1"))));
    for (int i = 0; i < 500 && !strstr(buf_text(&f->told), "end=1"); i++)
        assert_int_equal(store_poll(f->store, dur_ms(20), NULL), 0);
    assert_non_null(strstr(buf_text(&f->told), "a- "));
    assert_non_null(strstr(buf_text(&f->told), "c=3 "));
    assert_non_null(strstr(buf_text(&f->told), "end=1 "));
}

/* While nobody listens the start of the watch is compacted away: it reads instead. */
static void compaction_loses_nothing(void **state)
{
    struct fixture *f = *state;
    char rev[32];

    watch(f);
    commit(f->other, TXN(PUT(K("gone"), STR("1"))));
    assert_told(f, "gone=1 ");
    buf_clear(&f->told);
    gateway_arm(f->gateway, GATEWAY_DROP_REQUEST, "", 3);
    gateway_end_streams(f->gateway);
    commit(f->other, TXN(DELETE(K("gone"))));
    commit(f->other, TXN(PUT(K("a"), STR("1"))));
    snprintf(rev, sizeof rev, "%llu", (unsigned long long)revision(f->other));
    assert_int_equal(ETCDCTL(&etcd, "compact", rev), 0);
    assert_told(f, "a=1 gone- ");
}

static void event_that_never_comes_is_found_by_reading_again(void **state)
{
    struct fixture *f = *state;
    struct store_etcd_config config = config_of(f, gateway_endpoint(f->gateway));
    struct err err;

    config.reread = dur_ms(300);
    store_free(f->store);
    assert_ok(store_etcd_open(&config, &f->store, &err), &err);
    watch(f);
    gateway_arm(f->gateway, GATEWAY_LOSE, "watch", 1);
    commit(f->other, TXN(PUT(K("lost"), STR("1"))));
    assert_told(f, "lost=1 ");
}

/* ---- leases ---------------------------------------------------------------------------------- */

/* As etcd 3.4 does: a lease that is gone is said to be kept. The compare knows better. */
static void lie_about_a_lease_lets_nobody_write(void **state)
{
    struct fixture *f = *state;
    struct store_txn campaign = TXN(COMPARE(K("leader"), 0), PUT(K("leader"), STR("me")));
    store_rev term;
    struct err err;

    assert_ok(store_lease_grant(f->store, dur_s(60), &campaign.lease, &err), &err);
    term = commit(f->store, campaign);
    assert_ok(store_lease_revoke(f->other, campaign.lease, &err), &err);
    gateway_say(f->gateway, "{\"result\":{\"header\":{},\"ID\":\"1\",\"TTL\":\"60\"}}");
    gateway_arm(f->gateway, GATEWAY_BABBLE, "keepalive", 1);
    assert_int_equal(store_lease_keep(f->store, campaign.lease, &err), 0);
    assert_int_equal(txn(f->store, TXN(COMPARE(K("leader"), term), PUT(K("a"), STR("1"))), &err),
                     STORE_CONFLICT);
    assert_absent(f->other, K("a"));
    assert_int_equal(store_txn(f->store, &campaign, NULL, &err), -ERR_NOT_FOUND);
}

static void lease_that_nobody_keeps_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    struct store_txn campaign = TXN(COMPARE(K("leader"), 0), PUT(K("leader"), STR("me")));
    struct err err;

    watch(f);
    assert_ok(store_lease_grant(f->store, dur_s(1), &campaign.lease, &err), &err);
    commit(f->store, campaign);
    assert_told(f, "leader=me leader- ");
    assert_int_equal(store_lease_keep(f->store, campaign.lease, &err), STORE_NOT_FOUND);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void store_that_was_wiped_is_never_written_to(void **state)
{
    struct fixture *f = *state;
    struct store_list l = {0};
    char key[512];
    struct err err;

    commit(f->store, TXN(PUT(K("a"), STR("1"))));
    snprintf(key, sizeof key, "%s" STORE_META "incarnation", f->space);
    assert_int_equal(ETCDCTL(&etcd, "del", key), 0);
    assert_int_equal(txn(f->store, TXN(PUT(K("a"), STR("2"))), &err), -ERR_REFUSED);
    assert_says(&err, "meta/incarnation");
    assert_int_equal(store_list(f->store, STR(STORE_ROOT), &l, &err), -ERR_REFUSED);
    assert_says(&err, "meta/incarnation");
    assert_value(f->other, K("a"), STR("1"));
}

static void open_fails(const struct fixture *f, enum err_code code, const char *words)
{
    struct store_etcd_config config = config_of(f, etcd.endpoints);
    struct store *s;
    struct err err;

    assert_int_equal(store_etcd_open(&config, &s, &err), -(int)code);
    assert_says(&err, words);
}

static void store_of_a_newer_version_or_garbled_is_refused(void **state)
{
    struct fixture *f = *state;
    char key[512];

    snprintf(key, sizeof key, "%s" STORE_META "incarnation", f->space);
    assert_int_equal(ETCDCTL(&etcd, "put", key, "{\"schema\":2,\"incarnation\":\"x\"}"), 0);
    open_fails(f, ERR_UNSUPPORTED, "schema 2");
    assert_int_equal(ETCDCTL(&etcd, "put", key, "hello"), 0);
    open_fails(f, ERR_CORRUPT, key);
}

static void keys_of_others_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct store_list l = {0};
    char key[512];
    struct err err;

    snprintf(key, sizeof key, "%s" STORE_ROOT "line\nbreak", f->space);
    assert_int_equal(ETCDCTL(&etcd, "put", key, "x"), 0);
    assert_int_equal(ETCDCTL(&etcd, "put", "/somebody/else", "x"), 0);
    commit(f->store, TXN(PUT(K("a"), STR("1"))));
    assert_ok(store_list(f->store, STR(STORE_ROOT), &l, &err), &err);
    assert_int_equal(l.count, 1);
    store_list_deinit(&l);
}

static void renewed_store_has_another_incarnation(void **state)
{
    struct fixture *f = *state;
    struct store_etcd_config config = config_of(f, etcd.endpoints);
    struct err err;
    struct store *s;

    commit(f->store, TXN(PUT(K("a"), STR("1"))));
    assert_ok(store_etcd_renew(&config, &err), &err);
    assert_int_equal(txn(f->store, TXN(PUT(K("a"), STR("2"))), &err), -ERR_REFUSED);
    s = open_at(f, etcd.endpoints);
    assert_string_not_equal(s->incarnation, f->store->incarnation);
    assert_value(s, K("a"), STR("1"));
    store_free(s);
}

static void big_prefix_is_one_view_in_pages(void **state)
{
    struct fixture *f = *state;
    struct store_list l = {0};
    char *big = xcalloc(1, STORE_VALUE_MAX);
    char key[64];
    struct err err;

    for (unsigned n = 0; n < 1300; n += 100) {
        struct store_op op[100];
        char keys[100][64];

        for (unsigned i = 0; i < 100; i++) {
            snprintf(keys[i], sizeof keys[i], STORE_ROOT "many/%04u", n + i);
            op[i] = PUT(str_of(keys[i]), STR("1"));
        }
        commit(f->other, (struct store_txn){.op = op, .count = 100});
    }
    for (unsigned i = 0; i < 8; i++) { /* 11 MB in base64: pages shrink */
        snprintf(key, sizeof key, STORE_ROOT "big/%u", i);
        commit(f->other, TXN(PUT(str_of(key), ((struct str){big, STORE_VALUE_MAX}))));
    }
    assert_ok(store_list(f->store, STR(STORE_ROOT), &l, &err), &err);
    assert_int_equal(l.count, 1308);
    assert_string_equal(l.item[8].key, STORE_ROOT "many/0000");
    assert_string_equal(l.item[1307].key, STORE_ROOT "many/1299");
    assert_int_equal(l.rev, revision(f->store));
    store_list_deinit(&l);
    free(big);
}

static void configurations_that_cannot_work_are_refused(void **state)
{
    static const struct {
        struct store_etcd_config config;
        enum err_code code;
        const char *words;
    } rows[] = {
        {{.endpoints = ""}, ERR_INVALID, "http://HOST:2379"},
        {{.endpoints = "127.0.0.1:2379"}, ERR_INVALID, "127.0.0.1:2379"},
        {{.endpoints = "http://a:1,,http://b:1"}, ERR_INVALID, "no etcd endpoint"},
        {{.endpoints = "http://a:1", .space = "x"}, ERR_INVALID, "begins with /"},
        {{.endpoints = "http://a:1", .space = "/x/"}, ERR_INVALID, "end with one"},
        {{.endpoints = "http://a:1", .cert = "x"}, ERR_INVALID, "go together"},
        {{.endpoints = "http://a:1", .user = "x"}, ERR_INVALID, "go together"},
        {{.endpoints = "http://127.0.0.1:1"}, ERR_UNAVAILABLE, "endpoint status"},
        {{.endpoints = "https://127.0.0.1:1", .ca = "/nowhere"}, ERR_UNAVAILABLE, "127.0.0.1"},
    };
    struct store *s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;

        assert_int_equal(store_etcd_open(&rows[i].config, &s, &err), -(int)rows[i].code);
        assert_says(&err, rows[i].words);
    }
}

static int start_etcd(void **state UNUSED)
{
    etcd_start(&etcd, 1, "http", NULL);
    return 0;
}

static int stop_etcd(void **state UNUSED)
{
    etcd_stop(&etcd);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(request_that_got_lost_is_in_doubt_and_not_written),
        T(answer_that_got_lost_is_in_doubt_and_written),
        T(lost_answer_is_never_repeated_in_silence),
        T(transaction_that_is_late_is_fenced_off),
        T(doubt_lasts_until_etcd_can_be_asked),
        T(transaction_goes_to_another_endpoint_only_when_it_did_not_arrive),
        T(reads_go_to_another_endpoint_whatever_happens),
        T(bad_answers_are_explained),
        T(member_that_goes_back_in_time_is_not_believed),
        T(changes_of_others_are_told),
        T(event_that_comes_twice_is_told_once),
        T(event_that_comes_late_is_told_all_the_same),
        T(stream_that_breaks_is_taken_up_again),
        T(compaction_loses_nothing),
        T(event_that_never_comes_is_found_by_reading_again),
        T(lie_about_a_lease_lets_nobody_write),
        T(lease_that_nobody_keeps_ends_by_itself),
        T(store_that_was_wiped_is_never_written_to),
        T(store_of_a_newer_version_or_garbled_is_refused),
        T(keys_of_others_are_passed_over),
        T(renewed_store_has_another_incarnation),
        T(big_prefix_is_one_view_in_pages),
        cmocka_unit_test(configurations_that_cannot_work_are_refused),
    };

    if (!etcd_installed())
        return 0;
    return cmocka_run_group_tests_name("etcd faults", tests, start_etcd, stop_etcd);
}
