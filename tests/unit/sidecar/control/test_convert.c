/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/convert_compare.h"
#include "tests/unit/sidecar/control/wire_fixture.h"

static int to_route(struct wire_route *w, struct route *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1u << 20);

    *err = (struct err){0};
    wire_pack(&w->m.base, &b);
    return convert_route(buf_view(&b), ret, err);
}

static void every_field_of_a_route_arrives(void **state UNUSED)
{
    struct wire_route w;
    struct route r;
    struct err err;

    wire_route_init(&w, "app");
    assert_ok(to_route(&w, &r, &err), &err);
    assert_string_equal(r.migration.s, "app");
    assert_int_equal(r.host_count, 2);
    assert_string_equal(r.host[0], "shop.example");
    assert_string_equal(r.host[1], "*.shop.example");
    assert_string_equal(r.path_prefix, "/api");
    assert_int_equal(r.key.source, KEY_HEADER);
    assert_string_equal(r.key.name, "X-User-Id");
    assert_int_equal(r.fallback_key.source, KEY_PATH_SEGMENT);
    assert_int_equal(r.fallback_key.segment, 2);
    assert_string_equal(r.salt, "salty");
    assert_int_equal(r.weight_bp, 2500);
    assert_int_equal(r.override, SYSTEM_NEW);
    assert_int_equal(r.fallback.on, FALLBACK_CONNECT_ERROR | FALLBACK_5XX);
    assert_int_equal(r.fallback.method_count, 1);
    assert_string_equal(r.fallback.method[0], "GET");
    assert_int_equal(r.fallback.max_body, 65536);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].endpoint_count, 1);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].endpoint[0].port, 8000);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].connect_timeout_ms, 500);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].response_timeout_ms, 9000);
    assert_string_equal(r.upstream[SYSTEM_LEGACY].health_path, "/healthz?deep=1");
    assert_int_equal(r.upstream[SYSTEM_LEGACY].health_interval_ms, 2000);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].max_connections, 64);
    assert_string_equal(r.upstream[SYSTEM_NEW].health_path, "");
    assert_int_equal(r.upstream[SYSTEM_NEW].endpoint_count, 2);
    assert_string_equal(r.upstream[SYSTEM_NEW].endpoint[1].host, "new.example");
    assert_int_equal(r.upstream[SYSTEM_NEW].connect_timeout_ms, 600);
    assert_int_equal(r.breaker.errors, 5);
    assert_int_equal(r.breaker.window_ms, 300000);
    assert_int_equal(r.breaker.open_for_ms, 600000);
    assert_int_equal(r.breaker.half_open_requests, 10);
    assert_int_equal(r.breaker.error_rate_bp, 100);
    assert_int_equal(r.breaker.slow_ms, 2000);
    assert_int_equal(r.breaker.slow_rate_bp, 200);
    assert_int_equal(r.breaker.min_requests, 30);
    assert_int_equal(r.breaker.re_ramp_ms, 60000);
    assert_int_equal(r.breaker.mode, BREAKER_MODE_WATCH);
    assert_int_equal(r.breaker.order, BREAKER_ORDER_PROBE);
    assert_int_equal(r.breaker.order_number, 17);
    assert_int_equal(r.fallback.budget_bp, 2000);
    assert_true(r.expose_system);
    assert_string_equal(r.stage, "quarter");
}

static void what_is_spoken_to_a_system_arrives(void **state UNUSED)
{
    Switchyard__V1__UpstreamTls tls = SWITCHYARD__V1__UPSTREAM_TLS__INIT;
    struct wire_route w;
    struct route r;
    struct err err;

    wire_route_init(&w, "app");
    assert_ok(to_route(&w, &r, &err), &err);
    assert_false(r.upstream[SYSTEM_LEGACY].tls.on);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].protocol, UPSTREAM_HTTP1);
    w.legacy_endpoint[0] = rpc_lend("https://127.0.0.1");
    assert_ok(to_route(&w, &r, &err), &err);
    assert_true(r.upstream[SYSTEM_LEGACY].tls.on);
    assert_true(r.upstream[SYSTEM_LEGACY].tls.verify);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].endpoint[0].port, 443);
    assert_false(r.upstream[SYSTEM_NEW].tls.on);
    tls.server_name = rpc_lend("old.example");
    tls.ca_file = rpc_lend("/ca.pem");
    tls.cert_file = rpc_lend("/cert.pem");
    tls.key_file = rpc_lend("/key.pem");
    tls.any_certificate = true;
    w.legacy.tls = &tls;
    w.legacy.protocol = SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_H2;
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.upstream[SYSTEM_LEGACY].protocol, UPSTREAM_H2);
    assert_string_equal(r.upstream[SYSTEM_LEGACY].tls.name, "old.example");
    assert_string_equal(r.upstream[SYSTEM_LEGACY].tls.ca_file, "/ca.pem");
    assert_string_equal(r.upstream[SYSTEM_LEGACY].tls.cert_file, "/cert.pem");
    assert_string_equal(r.upstream[SYSTEM_LEGACY].tls.key_file, "/key.pem");
    assert_false(r.upstream[SYSTEM_LEGACY].tls.verify);
}

static void connections_arrive(void **state UNUSED)
{
    Switchyard__V1__Tcp tcp = SWITCHYARD__V1__TCP__INIT;
    struct wire_route w;
    struct route r;
    struct err err;

    wire_route_init(&w, "app");
    tcp.port = 5432;
    tcp.address = rpc_lend("10.0.0.1");
    tcp.idle_timeout_ms = 60000;
    w.m.tcp = &tcp;
    assert_fails(to_route(&w, &r, &err), ERR_INVALID);
    w.m.n_hosts = 0;
    w.m.path_prefix = rpc_lend("");
    w.key.source = SWITCHYARD__V1__KEY__SOURCE__SOURCE_CLIENT_ADDRESS;
    w.fallback.on_5xx = false;
    w.legacy_endpoint[0] = rpc_lend("tcp://127.0.0.1:8000");
    w.new_endpoint[0] = rpc_lend("tcp://10.0.0.1:8001");
    w.new_endpoint[1] = rpc_lend("tcp://new.example:81");
    w.legacy.health_path = rpc_lend("connect");
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.tcp.port, 5432);
    assert_string_equal(r.tcp.address, "10.0.0.1");
    assert_int_equal(r.tcp.idle_timeout_ms, 60000);
    assert_string_equal(r.upstream[SYSTEM_LEGACY].health_path, "connect");
    w.m.tcp = NULL;
    assert_fails(to_route(&w, &r, &err), ERR_INVALID);
}

static void what_nodes_are_ahead_with_arrives(void **state UNUSED)
{
    struct wire_route w;
    struct route r;
    struct err err;

    wire_route_init(&w, "app");
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.flags.count, 2);
    assert_string_equal(flags_find(&r.flags, "batch")->value, "12.5");
    assert_string_equal(flags_find(&r.flags, "checkout.v2")->value, "false");
    assert_int_equal(r.ahead.selector_count, 2);
    assert_string_equal(r.ahead.selector[0].text, "cluster=eu-1,zone=a");
    assert_string_equal(r.ahead.selector[1].text, "name=n7");
    assert_int_equal(r.ahead.weight_bp, 5000);
    assert_string_equal(r.ahead.stage, "half");
    assert_string_equal(flags_find(&r.ahead.flags, "checkout.v2")->value, "true");
    assert_string_equal(r.drill.text, "zone=b");
    assert_true(r.forbid_legacy);
}

static void a_mirror_arrives(void **state UNUSED)
{
    Switchyard__V1__Mirror mirror = SWITCHYARD__V1__MIRROR__INIT;
    char *methods[ROUTE_METHODS_MAX + 1];
    struct wire_route w;
    struct route r;
    struct err err;

    for (unsigned i = 0; i < ARRAY_LEN(methods); i++)
        methods[i] = rpc_lend("POST");
    wire_route_init(&w, "app");
    mirror.share_bp = 100;
    mirror.off_above_bp = 200;
    mirror.timeout_ms = 300;
    mirror.max_body_bytes = 400;
    mirror.max_pending = 500;
    mirror.max_bytes_per_s = 600;
    mirror.methods = methods;
    mirror.n_methods = 1;
    mirror.by_hand = true;
    w.m.mirror = &mirror;
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.mirror.share_bp, 100);
    assert_int_equal(r.mirror.off_above_bp, 200);
    assert_int_equal(r.mirror.timeout_ms, 300);
    assert_int_equal(r.mirror.max_body, 400);
    assert_int_equal(r.mirror.max_pending, 500);
    assert_int_equal(r.mirror.max_bytes_per_s, 600);
    assert_true(r.mirror.by_hand);
    assert_int_equal(r.mirror.method_count, 1);
    assert_string_equal(r.mirror.method[0], "POST");
    mirror.n_methods = ARRAY_LEN(methods);
    assert_fails(to_route(&w, &r, &err), ERR_INVALID);
    mirror.n_methods = 1;
    mirror.timeout_ms = 0;
    assert_fails(to_route(&w, &r, &err), ERR_INVALID);
}

static void what_is_compared_arrives_but_for_what_cannot_be_read(void **state UNUSED)
{
    Switchyard__V1__Compare m = SWITCHYARD__V1__COMPARE__INIT;
    Switchyard__V1__CompareRule rule[4], *list[4];
    struct route_compare c = {0};

    for (unsigned i = 0; i < ARRAY_LEN(rule); i++) {
        switchyard__v1__compare_rule__init(&rule[i]);
        rule[i].kind = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_UNORDERED;
        rule[i].path = rpc_lend("$.items");
        list[i] = &rule[i];
    }
    rule[0].kind = (Switchyard__V1__CompareRule__Kind)77;
    rule[1].path = rpc_lend("items");
    rule[3].kind = SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_TOLERANCE;
    rule[3].tolerance = 0.5;
    m.sample_bp = 1, m.noise_bp = 2, m.off_above_bp = 3, m.max_body_bytes = 4;
    m.rules = list;
    m.n_rules = ARRAY_LEN(list);
    convert_take_compare(&m, &c);
    assert_int_equal(c.sample_bp, 1);
    assert_int_equal(c.noise_bp, 2);
    assert_int_equal(c.off_above_bp, 3);
    assert_int_equal(c.max_body, 4);
    assert_int_equal(c.rule_count, 2);
    assert_int_equal(c.rule[0].kind, COMPARE_UNORDERED);
    assert_string_equal(c.rule[0].path, "$.items");
    assert_int_equal(c.rule[1].kind, COMPARE_TOLERANCE);
    assert_true(c.rule[1].tolerance == 0.5);
}

static void every_value_of_the_enums_arrives(void **state UNUSED)
{
    static const enum key_source sources[] = {KEY_RANDOM, KEY_HEADER, KEY_COOKIE, KEY_PATH_SEGMENT,
                                              KEY_CLIENT_ADDRESS};
    static const enum system systems[] = {SYSTEM_NONE, SYSTEM_LEGACY, SYSTEM_NEW};
    struct wire_route w;
    struct route r;
    struct err err;

    wire_route_init(&w, "app");
    w.key.segment = 1;
    for (unsigned i = 0; i < ARRAY_LEN(sources); i++) {
        w.key.source = (Switchyard__V1__Key__Source)(i + 1);
        assert_ok(to_route(&w, &r, &err), &err);
        assert_int_equal(r.key.source, sources[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(systems); i++) {
        w.m.override = (Switchyard__V1__System)i;
        assert_ok(to_route(&w, &r, &err), &err);
        assert_int_equal(r.override, systems[i]);
    }
    w.breaker.mode = (Switchyard__V1__Breaker__Mode)9;
    w.breaker.order = (Switchyard__V1__Breaker__Order)9;
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.breaker.mode, BREAKER_MODE_OFF);
    assert_int_equal(r.breaker.order_number, 0);
    w.m.breaker = NULL;
    w.m.fallback = NULL;
    w.m.fallback_key = NULL;
    assert_ok(to_route(&w, &r, &err), &err);
    assert_int_equal(r.breaker.errors, 0);
    assert_int_equal(r.fallback.on, 0);
    assert_int_equal(r.fallback_key.source, KEY_NONE);
}

/* One spoiled field each, and the word the refusal holds. */
static char long_text[5000];

static void spoil_migration(struct wire_route *w)
{
    w->m.migration = rpc_lend("Not A Name");
}
static void spoil_prefix(struct wire_route *w)
{
    w->m.path_prefix = long_text;
}
static void spoil_salt(struct wire_route *w)
{
    w->m.salt = long_text;
}
static void spoil_stage(struct wire_route *w)
{
    w->m.stage = long_text;
}
static void spoil_host(struct wire_route *w)
{
    w->host[1] = long_text;
}
static void spoil_key_name(struct wire_route *w)
{
    w->key.name = long_text;
}
static void spoil_method(struct wire_route *w)
{
    w->method[0] = long_text;
}
static void spoil_endpoint(struct wire_route *w)
{
    w->new_endpoint[0] = rpc_lend("ftp://x");
}
static void spoil_weight(struct wire_route *w)
{
    w->m.weight_bp = 10001;
}
static void spoil_new(struct wire_route *w)
{
    w->m.new_ = NULL;
}
static void spoil_legacy(struct wire_route *w)
{
    w->m.legacy = NULL;
}
static void spoil_source(struct wire_route *w)
{
    w->key.source = (Switchyard__V1__Key__Source)99;
}
static void spoil_source_unset(struct wire_route *w)
{
    w->key.source = SWITCHYARD__V1__KEY__SOURCE__SOURCE_UNSPECIFIED;
}
static void spoil_override(struct wire_route *w)
{
    w->m.override = (Switchyard__V1__System)7;
}
static void spoil_timeout(struct wire_route *w)
{
    w->legacy.connect_timeout_ms = 0;
}
static void spoil_protocol(struct wire_route *w)
{
    w->new_.protocol = (Switchyard__V1__Upstream__Protocol)7;
}
static void spoil_schemes(struct wire_route *w)
{
    w->new_endpoint[1] = rpc_lend("https://new.example");
}
static void spoil_host_count(struct wire_route *w)
{
    for (unsigned i = 0; i < 9; i++)
        w->host[i] = rpc_lend("h.example");
    w->m.n_hosts = 9;
}
static void spoil_method_count(struct wire_route *w)
{
    for (unsigned i = 0; i < 9; i++)
        w->method[i] = rpc_lend("GET");
    w->fallback.n_methods = 9;
}
static void spoil_endpoint_count(struct wire_route *w)
{
    for (unsigned i = 0; i < 9; i++)
        w->legacy_endpoint[i] = rpc_lend("http://h:1");
    w->legacy.n_endpoints = 9;
}
static void spoil_flag_name(struct wire_route *w)
{
    w->flag[0].name = rpc_lend("9lives");
}
static void spoil_flag_value(struct wire_route *w)
{
    w->ahead_flag.value = rpc_lend("{}");
}
static void spoil_flag_count(struct wire_route *w)
{
    static char name[FLAGS_MAX + 1][8];

    for (unsigned i = 0; i <= FLAGS_MAX; i++) {
        (void)str_fmt(name[i], sizeof name[i], "f%u", i);
        wire_flag_init(&w->flag[i], name[i], "1");
    }
    w->m.n_flags = FLAGS_MAX + 1;
}
static void spoil_selector(struct wire_route *w)
{
    w->selector[1] = rpc_lend("");
}
static void spoil_selector_count(struct wire_route *w)
{
    for (unsigned i = 0; i <= ROUTE_SELECTORS_MAX; i++)
        w->selector[i] = rpc_lend("*");
    w->ahead.n_selectors = ROUTE_SELECTORS_MAX + 1;
}
static void spoil_ahead_weight(struct wire_route *w)
{
    w->ahead.weight_bp = 10001;
}
static void spoil_ahead_stage(struct wire_route *w)
{
    w->ahead.stage = long_text;
}
static void spoil_drill(struct wire_route *w)
{
    w->m.drill = rpc_lend("zone");
}

static void what_is_outside_its_limits_is_refused_by_name(void **state UNUSED)
{
    static const struct {
        void (*spoil)(struct wire_route *w);
        const char *why;
    } cases[] = {
        {spoil_migration, "migration"},
        {spoil_prefix, "path prefix"},
        {spoil_salt, "salt"},
        {spoil_stage, "stage"},
        {spoil_host, "host"},
        {spoil_key_name, "key name"},
        {spoil_method, "method"},
        {spoil_endpoint, "new"},
        {spoil_weight, "weight"},
        {spoil_new, "new is missing"},
        {spoil_legacy, "legacy is missing"},
        {spoil_source, "key source 99"},
        {spoil_source_unset, "key source 0"},
        {spoil_override, "override 7"},
        {spoil_timeout, "timeout"},
        {spoil_protocol, "new: protocol 7 is not known to this version"},
        {spoil_schemes, "a system has endpoints with and without TLS"},
        {spoil_host_count, "hosts: 9"},
        {spoil_method_count, "methods: 9"},
        {spoil_endpoint_count, "endpoints: 9"},
        {spoil_flag_name, "flag's name"},
        {spoil_flag_value, "nodes ahead: flag \"checkout.v2\" is a mapping"},
        {spoil_flag_count, "one more than the 32"},
        {spoil_selector, "nodes ahead: a selector is empty"},
        {spoil_selector_count, "selectors: 17"},
        {spoil_ahead_weight, "weight of nodes ahead"},
        {spoil_ahead_stage, "nodes ahead: stage"},
        {spoil_drill, "\"zone\" has no value"},
    };

    memset(long_text, 'a', sizeof long_text - 1);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct wire_route w;
        struct route r;
        struct err err;

        wire_route_init(&w, "app");
        cases[i].spoil(&w);
        if (to_route(&w, &r, &err) >= 0)
            fail_msg("case %u is taken: %s", i, cases[i].why);
        assert_holds(err.msg, cases[i].why);
    }
}

static void bytes_that_are_no_route_are_refused(void **state UNUSED)
{
    struct route r;
    struct err err = {0};

    assert_fails(convert_route(STR("\xff\xff\xff"), &r, &err), ERR_INVALID);
    assert_fails(convert_route(STR(""), &r, &err), ERR_INVALID); /* a route without a name */
}

/* ---- updates --------------------------------------------------------------------------------- */

static void an_update_arrives_whole(void **state UNUSED)
{
    struct wire_update w;
    struct update_box box;
    char *removes[] = {rpc_lend("gone")};

    wire_update_init(&w, 812);
    w.m.full = false;
    w.m.base_revision = 811;
    w.m.removes = removes;
    w.m.n_removes = 1;
    w.m.emergencies = w.orders;
    w.m.n_emergencies = 1;
    update_box_init(&w.m, &box);
    assert_null(box.update.flaw);
    assert_string_equal(box.update.to.incarnation, "cafe");
    assert_int_equal(box.update.to.term, 2);
    assert_int_equal(box.update.to.revision, 812);
    assert_false(box.update.full);
    assert_int_equal(box.update.base_revision, 811);
    assert_int_equal(box.update.upsert_count, 1);
    assert_true(str_eq(box.update.upsert[0].rule, buf_view(&w.rule)));
    assert_int_equal(box.update.upsert[0].route.weight_bp, 2500);
    assert_int_equal(box.update.remove_count, 1);
    assert_string_equal(box.update.remove[0].s, "gone");
    assert_int_equal(box.update.emergency_count, 1);
    assert_int_equal(box.update.emergency[0].epoch, 3);
    assert_true(box.update.emergency[0].active);
    assert_string_equal(box.update.emergency[0].reason, "INC-1");
    assert_string_equal(box.update.emergency[0].operator_name, "anna");
    assert_int_equal(box.update.emergency[0].ordered_at.ns, 123);
    assert_true(sha256_eq(&box.update.checksum, &w.sum));
    update_box_deinit(&box);
    wire_update_deinit(&w);
}

/* The update has this flaw and no routes, and its order all the same. */
static void flawed(struct wire_update *w, const char *why)
{
    struct update_box box;

    w->m.emergencies = w->orders;
    w->m.n_emergencies = 1;
    update_box_init(&w->m, &box);
    assert_non_null(box.update.flaw);
    assert_holds(box.update.flaw, why);
    assert_int_equal(box.update.upsert_count, 0);
    assert_int_equal(box.update.emergency_count, 1);
    assert_int_equal(box.update.to.revision, 1);
    update_box_deinit(&box);
}

static void orders_come_through_whatever_is_wrong_with_the_routes(void **state UNUSED)
{
    char *bad_name[] = {rpc_lend("NO")};
    Switchyard__V1__RouteUpdate **many = xcalloc(RULESET_ROUTES_MAX + 1, sizeof *many);
    struct wire_update w;

    memset(long_text, 'a', sizeof long_text - 1);
    wire_update_init(&w, 1);
    w.upsert.rule.len = 3;
    flawed(&w, "route app");
    w.upsert.rule.len = w.rule.len;
    w.upsert.migration = rpc_lend("other");
    flawed(&w, "a rule for app came as other");
    w.upsert.migration = rpc_lend("app");
    w.m.checksum.len = 31;
    flawed(&w, "31 bytes");
    w.m.checksum.len = SHA256_SIZE;
    w.m.removes = bad_name;
    w.m.n_removes = 1;
    flawed(&w, "removed migration");
    w.m.n_removes = 0;
    w.m.incarnation = long_text;
    flawed(&w, "incarnation is too long");
    w.m.incarnation = rpc_lend("cafe");
    for (unsigned i = 0; i <= RULESET_ROUTES_MAX; i++)
        many[i] = &w.upsert;
    w.m.upserts = many;
    w.m.n_upserts = RULESET_ROUTES_MAX + 1;
    flawed(&w, "more than 256 routes");
    xfreep(&many);
    wire_update_deinit(&w);
}

static void orders_that_cannot_be_read_are_left_out_and_told(void **state UNUSED)
{
    Switchyard__V1__EmergencyOrder nameless = SWITCHYARD__V1__EMERGENCY_ORDER__INIT, epochless;
    Switchyard__V1__EmergencyOrder *orders[3];
    struct wire_update w;
    struct update_box box;

    memset(long_text, 'a', sizeof long_text - 1);
    wire_update_init(&w, 1);
    epochless = w.order;
    epochless.epoch = 0;
    orders[0] = &nameless;
    orders[1] = &epochless;
    orders[2] = &w.order;
    w.order.reason = w.order.operator_ = long_text; /* cut, not refused */
    w.m.emergencies = orders;
    w.m.n_emergencies = 3;
    update_box_init(&w.m, &box);
    assert_holds(box.update.flaw, "has no epoch");
    assert_int_equal(box.update.emergency_count, 1);
    assert_int_equal(box.update.emergency[0].epoch, 3);
    assert_int_equal(strlen(box.update.emergency[0].reason), TEXT_SIZE - 1);
    update_box_deinit(&box);
    wire_update_deinit(&w);
}

/* ---- upwards --------------------------------------------------------------------------------- */

static void orders_go_up_as_they_came(void **state UNUSED)
{
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct emergency order = {{"app"}, 9, false, "fixed", "bert", {77}, ""};
    Switchyard__V1__EmergencyOrder **up;

    assert_int_equal(epochs_take(epochs, &order), EPOCH_NEWER);
    up = convert_orders(epochs, true);
    assert_string_equal(up[0]->migration, "app");
    assert_int_equal(up[0]->epoch, 9);
    assert_false(up[0]->active);
    assert_string_equal(up[0]->reason, "fixed");
    assert_string_equal(up[0]->operator_, "bert");
    assert_int_equal(up[0]->ordered_at, 77);
    convert_orders_free(up, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_route_arrives),
        cmocka_unit_test(what_is_spoken_to_a_system_arrives),
        cmocka_unit_test(connections_arrive),
        cmocka_unit_test(what_nodes_are_ahead_with_arrives),
        cmocka_unit_test(a_mirror_arrives),
        cmocka_unit_test(what_is_compared_arrives_but_for_what_cannot_be_read),
        cmocka_unit_test(every_value_of_the_enums_arrives),
        cmocka_unit_test(what_is_outside_its_limits_is_refused_by_name),
        cmocka_unit_test(bytes_that_are_no_route_are_refused),
        cmocka_unit_test(an_update_arrives_whole),
        cmocka_unit_test(orders_come_through_whatever_is_wrong_with_the_routes),
        cmocka_unit_test(orders_that_cannot_be_read_are_left_out_and_told),
        cmocka_unit_test(orders_go_up_as_they_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
