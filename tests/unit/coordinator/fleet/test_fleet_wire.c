/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as bytes: every field is in them, and the largest fits what nodes take. */
#include "coordinator/fleet/fleet_wire.h"

#include "common/base/mem.h"
#include "common/rpc/rpc.h"
#include "sidecar/agent/agent_state.h"
#include "tests/lib/unit.h"

static Switchyard__V1__Route *encoded(struct route *r, struct buf *b)
{
    Switchyard__V1__Route *m;

    fleet_wire_route(r, b);
    m = switchyard__v1__route__unpack(NULL, b->len, (const uint8_t *)b->data);
    assert_non_null(m);
    return m;
}

static void what_nodes_are_ahead_with_is_encoded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}, .weight_bp = 1000, .forbid_legacy = true};
    Switchyard__V1__Route *m;

    assert_int_equal(flags_set_text(&r.flags, "color", "\"grey\"", NULL), 0);
    assert_int_equal(flags_set_text(&r.ahead.flags, "color", "\"blue\"", NULL), 0);
    assert_int_equal(selector_parse(STR("zone=a"), &r.ahead.selector[0], NULL), 0);
    assert_int_equal(selector_parse(STR("name=n1"), &r.drill, NULL), 0);
    r.ahead.selector_count = 1;
    r.ahead.weight_bp = 2500;
    (void)str_fmt(r.ahead.stage, sizeof r.ahead.stage, "quarter");
    m = encoded(&r, &b);
    assert_int_equal(m->n_flags, 1);
    assert_string_equal(m->flags[0]->name, "color");
    assert_string_equal(m->flags[0]->value, "\"grey\"");
    assert_int_equal(m->ahead->n_selectors, 1);
    assert_string_equal(m->ahead->selectors[0], "zone=a");
    assert_int_equal(m->ahead->weight_bp, 2500);
    assert_string_equal(m->ahead->stage, "quarter");
    assert_int_equal(m->ahead->n_flags, 1);
    assert_string_equal(m->ahead->flags[0]->value, "\"blue\"");
    assert_string_equal(m->drill, "name=n1");
    assert_true(m->forbid_legacy);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void nobody_ahead_takes_no_bytes(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}, .ahead = {.weight_bp = 1, .stage = "x"}};
    Switchyard__V1__Route *m = encoded(&r, &b);

    assert_null(m->ahead);
    assert_int_equal(m->n_flags, 0);
    assert_string_equal(m->drill, "");
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void a_mirror_is_encoded_where_something_is_copied(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {
        .migration = {"app"},
        .mirror = {0, 5000, 4000, 65536, 256, 1u << 20, {"GET", "HEAD"}, 2, false},
        .ahead = {.selector_count = 1},
    };
    Switchyard__V1__Route *m = encoded(&r, &b);

    assert_null(m->mirror);
    switchyard__v1__route__free_unpacked(m, NULL);
    buf_clear(&b);
    r.ahead.mirror_bp = 700;
    m = encoded(&r, &b);
    assert_int_equal(m->ahead->mirror_bp, 700);
    assert_int_equal(m->mirror->share_bp, 0);
    assert_int_equal(m->mirror->off_above_bp, 5000);
    assert_int_equal(m->mirror->timeout_ms, 4000);
    assert_int_equal(m->mirror->max_body_bytes, 65536);
    assert_int_equal(m->mirror->max_pending, 256);
    assert_int_equal(m->mirror->max_bytes_per_s, 1u << 20);
    assert_int_equal(m->mirror->n_methods, 2);
    assert_string_equal(m->mirror->methods[1], "HEAD");
    assert_false(m->mirror->by_hand);
    switchyard__v1__route__free_unpacked(m, NULL);
    buf_clear(&b);
    r.ahead.mirror_bp = 0;
    r.mirror.by_hand = true; /* none, and that by hand: nodes can say so */
    m = encoded(&r, &b);
    assert_true(m->mirror->by_hand);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void what_is_spoken_to_a_system_is_encoded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}};
    struct route_upstream *u = &r.upstream[SYSTEM_NEW];
    Switchyard__V1__Route *m;

    *u = (struct route_upstream){
        .endpoint = {{"::1", 8443, ENDPOINT_HTTPS}},
        .endpoint_count = 1,
        .protocol = UPSTREAM_H2,
        .tls = {true, true, "new.example", "/ca.pem", "/cert.pem", "/key.pem"},
    };
    m = encoded(&r, &b);
    assert_string_equal(m->new_->endpoints[0], "https://[::1]:8443");
    assert_int_equal(m->new_->protocol, SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_H2);
    assert_string_equal(m->new_->tls->server_name, "new.example");
    assert_string_equal(m->new_->tls->ca_file, "/ca.pem");
    assert_string_equal(m->new_->tls->cert_file, "/cert.pem");
    assert_string_equal(m->new_->tls->key_file, "/key.pem");
    assert_false(m->new_->tls->any_certificate);
    assert_null(m->legacy->tls);
    switchyard__v1__route__free_unpacked(m, NULL);
    buf_clear(&b);
    u->tls.verify = false;
    m = encoded(&r, &b);
    assert_true(m->new_->tls->any_certificate);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void connections_are_encoded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}};
    Switchyard__V1__Route *m = encoded(&r, &b);

    assert_null(m->tcp);
    switchyard__v1__route__free_unpacked(m, NULL);
    buf_clear(&b);
    r.tcp = (struct route_tcp){5432, "10.0.0.1", 60000};
    m = encoded(&r, &b);
    assert_int_equal(m->tcp->port, 5432);
    assert_string_equal(m->tcp->address, "10.0.0.1");
    assert_int_equal(m->tcp->idle_timeout_ms, 60000);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void fill(char *text, size_t size)
{
    memset(text, 'x', size - 1);
}

static void fill_flags(struct flags *f)
{
    for (f->count = 0; f->count < FLAGS_MAX; f->count++) {
        fill(f->flag[f->count].name, NAME_SIZE);
        fill(f->flag[f->count].value, FLAG_VALUE);
    }
}

static void fill_upstream(struct route_upstream *u)
{
    for (u->endpoint_count = 0; u->endpoint_count < ROUTE_ENDPOINTS_MAX; u->endpoint_count++) {
        fill(u->endpoint[u->endpoint_count].host, ENDPOINT_SIZE);
        u->endpoint[u->endpoint_count].port = UINT16_MAX;
        u->endpoint[u->endpoint_count].scheme = ENDPOINT_HTTPS;
    }
    u->connect_timeout_ms = u->response_timeout_ms = UINT32_MAX;
    u->health_interval_ms = u->max_connections = UINT32_MAX;
    fill(u->health_path, sizeof u->health_path);
    u->tls.on = true;
    fill(u->tls.name, sizeof u->tls.name);
    fill(u->tls.ca_file, sizeof u->tls.ca_file);
    fill(u->tls.cert_file, sizeof u->tls.cert_file);
    fill(u->tls.key_file, sizeof u->tls.key_file);
}

static void fill_ahead(struct route_ahead *a)
{
    for (a->selector_count = 0; a->selector_count < ROUTE_SELECTORS_MAX; a->selector_count++)
        fill(a->selector[a->selector_count].text, SELECTOR_SIZE);
    a->weight_bp = UINT32_MAX;
    fill(a->stage, sizeof a->stage);
    fill_flags(&a->flags);
}

static void fill_mirror(struct route_mirror *m)
{
    *m = (struct route_mirror){.share_bp = WEIGHT_BP_MAX,
                               .off_above_bp = WEIGHT_BP_MAX,
                               .timeout_ms = UINT32_MAX,
                               .max_body = UINT32_MAX,
                               .max_pending = UINT32_MAX,
                               .max_bytes_per_s = UINT64_MAX,
                               .method_count = ROUTE_METHODS_MAX};
    for (unsigned i = 0; i < ROUTE_METHODS_MAX; i++)
        fill(m->method[i], sizeof m->method[0]);
}

static void fill_compare(struct route_compare *c)
{
    *c =
        (struct route_compare){WEIGHT_BP_MAX, WEIGHT_BP_MAX, WEIGHT_BP_MAX, .max_body = UINT32_MAX};
    for (; c->rule_count < COMPARE_RULES_MAX; c->rule_count++) {
        c->rule[c->rule_count].kind = COMPARE_TOLERANCE;
        c->rule[c->rule_count].tolerance = 0.01;
        fill(c->rule[c->rule_count].path, COMPARE_PATH_SIZE);
    }
}

static void what_is_compared_is_encoded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    static struct route r;
    Switchyard__V1__Route *m;

    r.compare = (struct route_compare){
        .sample_bp = 1000,
        .noise_bp = 500,
        .off_above_bp = 9000,
        .max_body = 65536,
        .rule = {{COMPARE_HEADER, "ETag", 0}, {COMPARE_TOLERANCE, "$.price", 0.25}},
        .rule_count = 2};
    fleet_wire_route(&r, &b);
    m = switchyard__v1__route__unpack(NULL, b.len, (const uint8_t *)b.data);
    assert_non_null(m);
    assert_int_equal(m->compare->sample_bp, 1000);
    assert_int_equal(m->compare->noise_bp, 500);
    assert_int_equal(m->compare->off_above_bp, 9000);
    assert_int_equal(m->compare->max_body_bytes, 65536);
    assert_int_equal(m->compare->n_rules, 2);
    assert_int_equal(m->compare->rules[0]->kind, SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_HEADER);
    assert_string_equal(m->compare->rules[0]->path, "ETag");
    assert_int_equal(m->compare->rules[1]->kind,
                     SWITCHYARD__V1__COMPARE_RULE__KIND__KIND_TOLERANCE);
    assert_true(m->compare->rules[1]->tolerance == 0.25);
    switchyard__v1__route__free_unpacked(m, NULL);
    b.len = 0;
    r.compare.sample_bp = 0;
    fleet_wire_route(&r, &b);
    m = switchyard__v1__route__unpack(NULL, b.len, (const uint8_t *)b.data);
    assert_null(m->compare);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void what_was_compared_is_taken_and_made_harmless(void **state UNUSED)
{
    Switchyard__V1__CompareReport c = SWITCHYARD__V1__COMPARE_REPORT__INIT;
    Switchyard__V1__Discrepancy d = SWITCHYARD__V1__DISCREPANCY__INIT;
    Switchyard__V1__Discrepancy *list[DISCREPANCIES_MAX + 1];
    Switchyard__V1__RouteReport m = SWITCHYARD__V1__ROUTE_REPORT__INIT;
    struct route_stats *s = xnew(struct route_stats);
    struct err err;

    c.compared = 9, c.equal = 4, c.cosmetic = 3, c.critical = 2;
    c.noise_compared = 5, c.noise_differed = 1, c.skipped = 6, c.overhead_us = 70;
    d.at_unix_ms = 5;
    d.critical = true;
    d.request = rpc_lend("GET /a");
    d.where = rpc_lend("$.total");
    d.legacy = rpc_lend("1\x1b[2J");
    d.new_ = rpc_lend("2");
    for (unsigned i = 0; i < ARRAY_LEN(list); i++)
        list[i] = &d;
    m.migration = rpc_lend("app");
    m.breaker = rpc_lend("closed");
    m.compare = &c;
    m.discrepancies = list;
    m.n_discrepancies = ARRAY_LEN(list);
    assert_ok(fleet_wire_stats(&m, s, &err), &err);
    assert_memory_equal(&s->compare, (&(struct compare_stats){9, 4, 3, 2, 5, 1, 6, 70}),
                        sizeof s->compare);
    assert_int_equal(s->discrepancy_count, DISCREPANCIES_MAX);
    assert_int_equal(s->discrepancy[0].at.ns, 5000000);
    assert_true(s->discrepancy[0].critical);
    assert_string_equal(s->discrepancy[0].request, "GET /a");
    assert_string_equal(s->discrepancy[0].where, "$.total");
    assert_string_equal(s->discrepancy[0].legacy, "1?[2J");
    assert_string_equal(s->discrepancy[0].new_value, "2");
    xfreep(&s);
}

static void a_route_at_all_its_limits_is_taken_by_nodes(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    static struct route r;

    fill(r.migration.s, NAME_SIZE);
    for (r.host_count = 0; r.host_count < ROUTE_HOSTS_MAX; r.host_count++)
        fill(r.host[r.host_count], sizeof r.host[0]);
    fill(r.path_prefix, PATH_SIZE);
    r.key.source = r.fallback_key.source = KEY_HEADER;
    fill(r.key.name, NAME_SIZE);
    fill(r.fallback_key.name, NAME_SIZE);
    fill(r.salt, NAME_SIZE);
    r.weight_bp = WEIGHT_BP_MAX;
    for (unsigned i = 0; i < ROUTE_METHODS_MAX; i++)
        fill(r.fallback.method[i], sizeof r.fallback.method[0]);
    r.fallback.method_count = ROUTE_METHODS_MAX;
    r.fallback.max_body = UINT32_MAX;
    fill_upstream(&r.upstream[SYSTEM_LEGACY]);
    fill_upstream(&r.upstream[SYSTEM_NEW]);
    r.breaker = (struct route_breaker){.errors = UINT32_MAX,
                                       .window_ms = UINT32_MAX,
                                       .open_for_ms = UINT32_MAX,
                                       .half_open_requests = UINT32_MAX,
                                       .error_rate_bp = WEIGHT_BP_MAX,
                                       .slow_ms = UINT32_MAX,
                                       .slow_rate_bp = WEIGHT_BP_MAX,
                                       .min_requests = UINT32_MAX,
                                       .re_ramp_ms = UINT32_MAX,
                                       .mode = BREAKER_MODE_OFF,
                                       .order = BREAKER_ORDER_RESET,
                                       .order_number = UINT64_MAX};
    fill_compare(&r.compare);
    fill_mirror(&r.mirror);
    fill(r.stage, NAME_SIZE);
    fill_flags(&r.flags);
    fill_ahead(&r.ahead);
    fill(r.drill.text, SELECTOR_SIZE);
    fleet_wire_route(&r, &b);
    assert_in_range(b.len, AGENT_RULE_MAX / 2, AGENT_RULE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nodes_are_ahead_with_is_encoded),
        cmocka_unit_test(nobody_ahead_takes_no_bytes),
        cmocka_unit_test(a_mirror_is_encoded_where_something_is_copied),
        cmocka_unit_test(what_is_spoken_to_a_system_is_encoded),
        cmocka_unit_test(connections_are_encoded),
        cmocka_unit_test(what_is_compared_is_encoded),
        cmocka_unit_test(what_was_compared_is_taken_and_made_harmless),
        cmocka_unit_test(a_route_at_all_its_limits_is_taken_by_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
